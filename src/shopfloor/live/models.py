"""What a show is made of: plain values, the states a show can be in, and this module's refusals.  No I/O here."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from shopfloor.kernel.errors import Conflict, Invalid, NotFound
from shopfloor.kernel.records import dataclass


class ShowStatus(StrEnum):
    PLANNED = "planned"
    LIVE = "live"
    ENDED = "ended"


# Rows come from the database with plain strings where these classes have an enum: `__post_init__` makes them whole.

# A show begins once and ends once.
NEXT: Final[Mapping[ShowStatus, frozenset[ShowStatus]]] = {
    ShowStatus.PLANNED: frozenset({ShowStatus.LIVE}),
    ShowStatus.LIVE: frozenset({ShowStatus.ENDED}),
    ShowStatus.ENDED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Show:
    id: int
    shop_id: int
    title: str
    titles: dict[str, str]
    status: ShowStatus
    channel_id: int | None
    host_id: int | None
    pool_id: int | None
    limit_per_show: int | None
    starts_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    viewers_peak: int
    notice: dict[str, Any] | None
    pay_after_minutes: int | None = None
    """At the end: so many minutes after it what was bought in it is paid.  None: as buyers go."""
    unpaid_units: int | None = None
    """What is kept unpaid for one buyer."""
    keep_until: datetime | None = None
    """For how long that is kept while the show goes on: twelve hours from its start."""
    pinned: dict[str, Any] | None = None
    """The line of chat that stands above the others."""
    slow_seconds: int = 0
    """How many seconds one shopper waits between two lines of chat; 0: as ever."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", ShowStatus(self.status))

    @property
    def kept_until(self) -> datetime | None:
        """Until when what is paid at the end is kept, as far as that is known; None where buyers pay as they go."""
        if self.pay_after_minutes is None or self.ended_at is None or self.keep_until is None:
            return self.keep_until
        after = self.ended_at + timedelta(minutes=self.pay_after_minutes)
        return self.keep_until if self.keep_until <= self.ended_at else after

    def refuse_ended(self) -> None:
        """Raises WrongStatus once the show is over: it stays as it was."""
        if self.status == ShowStatus.ENDED:
            raise WrongStatus("The show is over.", status=str(self.status))


class UnknownShow(NotFound):
    """There is no such show in this shop."""

    code = "live.unknown_show"


class WrongStatus(Conflict):
    """The show is not in a state that allows this."""

    code = "live.wrong_status"


class BadShow(Invalid):
    """The show is invalid: see the facts."""

    code = "live.bad_show"


def check_move(show: Show, to: ShowStatus) -> None:
    """Raises WrongStatus unless the show may go to `to` from where it is."""
    if to not in NEXT[show.status]:
        raise WrongStatus(f"The show is {show.status} already.", status=str(show.status), wanted=str(to))

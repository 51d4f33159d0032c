"""What a job is, and how far it is."""

from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Generic, TypeVar

from shopfloor.kernel.errors import Conflict, Unavailable
from shopfloor.kernel.records import dataclass

Asked = TypeVar("Asked")
Found = TypeVar("Found")

QUEUE: Final = "heavy"


@dataclass(frozen=True, slots=True)
class Job(Generic[Asked]):
    """Work with a name.  `asked` is the frozen dataclass of what is asked for.

    What breaks is tried again after `pause` seconds, then three times as long, `attempts` times in all.
    """

    name: str
    asked: type[Asked]
    attempts: int = 4
    pause: float = 5.0
    queue: str = QUEUE

    def pause_after(self, attempt: int) -> float:
        """Seconds until it is tried again; the first attempt is 0."""
        return self.pause * 3.0**attempt


class Phase(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class State:
    """How far a job is.  `share` of it is done (0..1), `step` is the code of what it does just now, with `facts`.

    `error` is why it was refused or failed: code, message, facts.  `as_of` belongs to the newest result, which stays
    while a newer one is made.
    """

    name: str
    key: str
    shop_id: int | None
    phase: Phase
    asked: int
    answered: int
    asked_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    attempt: int
    share: float
    step: str
    facts: dict[str, Any]
    error: dict[str, Any] | None
    as_of: datetime | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "phase", Phase(self.phase))

    @property
    def is_under_way(self) -> bool:
        return self.phase in {Phase.WAITING, Phase.RUNNING}


@dataclass(frozen=True, slots=True)
class Result(Generic[Found]):
    as_of: datetime
    value: Found


@dataclass(frozen=True, slots=True)
class Ticket:
    """What was asked for: a result that began after it answers it."""

    name: str
    key: str
    number: int


@dataclass(frozen=True, slots=True)
class Dead:
    """A job that failed as often as it may."""

    name: str
    key: str
    shop_id: int | None
    attempt: int
    ended_at: datetime | None
    error: dict[str, Any] = field(default_factory=dict[str, Any])


class NotYet(Exception):
    """What a job needs isn't there yet: it is tried again, which is no fault and has no traceback in the log."""


class Superseded(Exception):
    """Another worker runs this job now: what this one found is not kept."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is, for other programs.  `error` is why it was refused or failed; `as_of` is of the newest result."""

    phase: Phase
    share: float
    asked_at: datetime
    ended_at: datetime | None
    as_of: datetime | None
    error: dict[str, Any] | None


class NotAsked(Conflict):
    """Nobody has asked for this yet."""

    code = "jobs.not_asked"


class NotReadyYet(Unavailable):
    """This takes longer than a request may. It goes on; ask again in a while."""

    code = "jobs.not_ready"

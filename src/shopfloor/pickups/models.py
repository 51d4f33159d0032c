"""A parcel that waits in a store, and this module's refusals.  No I/O here."""

import secrets
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from shopfloor.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.text import narrow

MOST_TRIES: Final = 5
REMIND_BEFORE: Final = timedelta(days=1)
"""So long before the last moment the buyer is reminded, where it waits longer than that."""

# Without what looks alike on paper or sounds alike on the phone.
_LETTERS: Final = "ACDEFGHJKLMNPQRTUVWXY34679"
_LENGTH: Final = 6


class State(StrEnum):
    """`withdrawn`: it was not ready after all, or its order was cancelled."""

    READY = "ready"
    HANDED_OVER = "handed_over"
    RELEASED = "released"
    WITHDRAWN = "withdrawn"


class Proof(StrEnum):
    """Why it was given to whoever came: the code, or name and order number with a reason; or nobody said."""

    CODE = "code"
    NAME = "name"
    NONE = "none"


class UnknownPickup(NotFound):
    """There is no such order to be collected here."""

    code = "pickups.unknown"


class WrongCode(Forbidden):
    """That isn't the code of this order; nothing was handed over."""

    code = "pickups.wrong_code"


class TooManyTries(Forbidden):
    """Too many wrong codes were tried for this order: hand it over by name and order number."""

    code = "pickups.too_many_tries"


class NotWaiting(Conflict):
    """This order isn't waiting any longer: it was handed over, released or cancelled."""

    code = "pickups.not_waiting"


class ProofNeeded(Invalid):
    """Enter the code, or say whose name and order number you checked and why there is no code."""

    code = "pickups.proof_needed"


@dataclass(frozen=True, slots=True)
class Pickup:
    """`code`: what the buyer shows.  `keep_until`: after that it is not kept; `overdue_at`: since when people are asked."""

    parcel_id: UUID
    shop_id: int
    order_id: UUID
    location_id: int
    code: str
    state: State
    ready_at: datetime
    keep_until: datetime
    reminded_at: datetime | None
    overdue_at: datetime | None
    tries: int
    ended_at: datetime | None
    ended_by: str
    proof: Proof | None
    note: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", State(self.state))
        object.__setattr__(self, "proof", None if self.proof is None else Proof(self.proof))


def new_code() -> str:
    """Six letters and digits, of 300 million."""
    return "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))


def read_code(typed: str) -> str:
    """A code as it was typed or scanned: the link in the square has it at its end."""
    last = narrow(typed).strip().rstrip("/").rpartition("/")[2].rpartition("=")[2]
    return "".join(each for each in last.upper() if each.isalnum())[:40]

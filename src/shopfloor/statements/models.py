"""What a statement is, what a log is, and how both refuse.  No I/O here."""

from datetime import UTC, datetime
from typing import Any, Final

from shopfloor.kernel import canonical
from shopfloor.kernel.errors import Conflict, Invalid, NotFound
from shopfloor.kernel.records import dataclass

STATEMENT: Final = "shopfloor.statement/1"
KEY: Final = "shopfloor.key/1"
FILE: Final = "shopfloor.statement-file/1"
# Before what is signed, so that a signature for one thing never fits another.
SIGNED: Final = {STATEMENT: b"shopfloor statement\n", KEY: b"shopfloor key\n"}


class UnknownStatement(NotFound):
    """There is no such statement."""

    code = "statements.unknown"


class NoLog(NotFound):
    """This shop has drawn up no statement yet."""

    code = "statements.no_log"


class NotInLog(Invalid):
    """These numbers are outside of the log, or in the wrong order."""

    code = "statements.not_in_log"


class NotEnded(Conflict):
    """A statement is drawn up when the show has ended."""

    code = "statements.not_ended"


@dataclass(frozen=True, slots=True)
class Log:
    """The log of a shop.  `origin` is what it is called outside; it never changes."""

    shop_id: int
    origin: str
    size: int


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key of a shop; `secret` is sealed."""

    number: int
    public_key: bytes
    secret: bytes
    created_at: datetime
    retired_at: datetime | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A statement without its figures: which show, which version, where in the log, and whether anybody else saw it.

    `cosigned` names the witnesses; `checkpoint` is the size of the smallest signed checkpoint that has it.
    """

    number: int
    show_id: int
    version: int
    position: int
    state: str
    made_at: datetime
    access: str
    checkpoint: int | None
    cosigned: list[str]

    @property
    def is_witnessed(self) -> bool:
        return bool(self.cosigned)


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint as it was signed, and who else signed it: lines, and the keys that made them."""

    size: int
    root: bytes
    note: str
    signed_at: datetime
    lines: list[str]
    witnesses: list[str]

    @property
    def text(self) -> str:
        """The note with the lines of its witnesses."""
        return self.note + "".join(self.lines)


@dataclass(frozen=True, slots=True)
class Integrity:
    """What was judged of a show's orders and viewers, by the policy of that name.

    Each of `gross`, `general_invalid`, `sophisticated_invalid` and `net` maps a figure's id to its value.
    """

    policy: str
    gross: dict[str, int]
    general_invalid: dict[str, int]
    sophisticated_invalid: dict[str, int]
    net: dict[str, int]


def instant(moment: datetime) -> str:
    """As it stands in what is signed: UTC, to the microsecond where there are any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def same_content(statement: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two statements say the same of their show, whenever they were made."""
    return canonical.encode(_content(statement)) == canonical.encode(_content(other))


def _content(statement: dict[str, Any]) -> dict[str, Any]:
    return {name: statement.get(name) for name in ("show", "state", "currency", "figures", "tables", "checks", "policy", "integrity")}  # fmt: skip

"""What the log of a shop tells the rest of the product, and the shop's own programs."""

from typing import ClassVar

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class StatementMade:
    """A statement was drawn up, signed and logged.  `version` 2 and later replace the one before."""

    name: ClassVar[str] = "statements.statement_made"

    shop_id: int
    show_id: int
    number: int
    version: int
    position: int


@dataclass(frozen=True, slots=True)
class CheckpointSigned:
    """The log grew.  `note` is the signed checkpoint (C2SP tlog-checkpoint): keep it, and nobody can show you another past."""

    name: ClassVar[str] = "statements.checkpoint_signed"

    shop_id: int
    origin: str
    size: int
    note: str


@dataclass(frozen=True, slots=True)
class KeyRotated:
    """The shop signs with another key from now on.  `is_vouched`: the key before signed that."""

    name: ClassVar[str] = "statements.key_rotated"

    shop_id: int
    key: str
    is_vouched: bool

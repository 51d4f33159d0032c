"""What access keys tell the rest of the product."""

from typing import ClassVar

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class KeyIssued:
    """The key itself is not in here: only its holder knows it."""

    name: ClassVar[str] = "accounts.key_issued"

    shop_id: int
    key_id: int
    purpose: str
    subject: str


@dataclass(frozen=True, slots=True)
class KeyRevoked:
    name: ClassVar[str] = "accounts.key_revoked"

    shop_id: int
    key_id: int

"""The ways to pay online that a shop offers its buyers."""

from collections.abc import Mapping
from datetime import timedelta

from shopfloor import payment_accounts
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.payment_providers import (
    Kind,
)
from shopfloor.payments import guard


@dataclass(frozen=True, slots=True)
class Way:
    """A way to pay online that a buyer can choose."""

    connection_id: int | None
    provider: str
    method: str
    label: str
    is_test: bool
    authorise: timedelta | None = None
    """So long money may be reserved before it is taken; None where the shop takes it at once."""

    @property
    def name(self) -> str:
        """As it stands in a form."""
        return self.method if self.connection_id is None else f"pay-{self.connection_id}"


async def ways(tx: Tx, *, shop_id: int, kinds: Mapping[str, Kind], currency: str) -> list[Way]:
    """What buyers of a shop may pay `currency` with online, in the order in which the accounts were connected; nothing
    while online payment is paused.
    """
    if await guard.paused_until(tx, shop_id=shop_id) is not None:
        return []
    return [
        Way(
            row.id,
            row.provider,
            kinds[row.provider].method,
            row.label,
            row.mode == "test",
            kinds[row.provider].authorise if row.captures_later else None,
        )
        for row in await payment_accounts.connections_of(tx, shop_id=shop_id)
        if row.is_on and row.provider in kinds and kinds[row.provider].takes(currency)
    ]

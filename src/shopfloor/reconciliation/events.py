"""What is told of money that somebody has to look at."""

from datetime import datetime
from typing import ClassVar

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class DifferenceOpened:
    """Money fits no order: as the kind of difference says, or `statement` for what the provider's books say."""

    name: ClassVar[str] = "payments.difference_opened"

    shop_id: int
    kind: str
    count: int


@dataclass(frozen=True, slots=True)
class ProviderSilent:
    """Money came through this account, and no message about it for an hour."""

    name: ClassVar[str] = "payments.provider_silent"

    shop_id: int
    connection_id: int
    provider: str
    since: datetime

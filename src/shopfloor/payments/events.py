"""What payments tell the rest of the product: money that needs somebody."""

from datetime import datetime
from typing import ClassVar

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class PaymentsPaused:
    """Far more cards were declined than people mistype: online payment stops until then."""

    name: ClassVar[str] = "payments.paused"

    shop_id: int
    declines: int
    until: datetime

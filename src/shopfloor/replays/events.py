"""What replays tell the rest of the product."""

from typing import ClassVar

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class ReplayHidden:
    """A replay is kept from everybody but the shop, or shown again.  The recording stays either way."""

    name: ClassVar[str] = "replays.hidden"

    shop_id: int
    show_id: int
    channel_id: int | None
    hidden: bool
    by: int | None

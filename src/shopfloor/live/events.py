"""What shows tell the rest of the product.  `at` is the clock of the video: milliseconds since 1970."""

from typing import ClassVar

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class ShowPlanned:
    name: ClassVar[str] = "live.show_planned"

    shop_id: int
    show_id: int
    title: str


@dataclass(frozen=True, slots=True)
class ShowChanged:
    """Title, time, host, camera or the order of the run of show."""

    name: ClassVar[str] = "live.show_changed"

    shop_id: int
    show_id: int

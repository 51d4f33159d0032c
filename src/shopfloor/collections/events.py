"""Facts about collections."""

from typing import ClassVar

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class CollectionChanged:
    """Made, changed, filled otherwise, or deleted."""

    name: ClassVar[str] = "collections.changed"

    shop_id: int
    collection_id: int

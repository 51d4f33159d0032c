"""Products that a merchant puts together: in an order of their own, on a page of their own.

Promise: an address that was given out leads there as long as the collection is there, whatever it is called by then.
"""

from shopfloor.collections.events import CollectionChanged
from shopfloor.collections.service import (
    Way,
    add,
    among,
    beside,
    change,
    create,
    delete,
    move,
    move_product,
    of_shop,
    one,
    places,
    remove,
)

__all__ = [
    "CollectionChanged",
    "Way",
    "add",
    "among",
    "beside",
    "change",
    "create",
    "delete",
    "move",
    "move_product",
    "of_shop",
    "one",
    "places",
    "remove",
]

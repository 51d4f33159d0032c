"""The books of stock: locations and pools, lots and levels, and what people and suppliers do to them.

Promise: a level is changed only with its lock, and every change is in the journal, whose sum is the level; only facts
from the physical world (a count, a short delivery, a sale at a till) may raise `shortfall`, and they are never refused.
"""

from shopfloor.inventory.events import LotDelayed, StockChanged, UnitsArrived, VariantLeft
from shopfloor.inventory.imports import count_imported
from shopfloor.inventory.journal import books, close_months, make_months
from shopfloor.inventory.ledger import LedgerSession, allocate, flow_back_from_closed, tell
from shopfloor.inventory.models import (
    WAYS,
    BadQuantity,
    CountStale,
    Level,
    Location,
    LocationKind,
    LotKind,
    NotEnough,
    Pool,
    PoolClosed,
    PoolKind,
    SignContradicts,
    UnknownStock,
    WrongState,
    check_sign,
)
from shopfloor.inventory.places import (
    add_location,
    close_pool,
    close_show_pool,
    give_back_aside,
    locations,
    open_pool,
    open_show_pool,
    open_till_pool,
    pool,
    pools,
    set_aside_beyond,
)
from shopfloor.inventory.queries import left
from shopfloor.inventory.service import (
    adjust,
    announce_lot,
    count,
    levels,
    lot_arrived,
    movements,
    put_back,
    receive,
    shortages,
    transfer,
)
from shopfloor.inventory.shelves import Shelf
from shopfloor.inventory.till_sales import TillPool, sold

__all__ = [
    "WAYS",
    "BadQuantity",
    "CountStale",
    "LedgerSession",
    "Level",
    "Location",
    "LocationKind",
    "LotDelayed",
    "LotKind",
    "NotEnough",
    "Pool",
    "PoolClosed",
    "PoolKind",
    "Shelf",
    "SignContradicts",
    "StockChanged",
    "TillPool",
    "UnitsArrived",
    "UnknownStock",
    "VariantLeft",
    "WrongState",
    "add_location",
    "adjust",
    "allocate",
    "announce_lot",
    "books",
    "check_sign",
    "close_months",
    "close_pool",
    "close_show_pool",
    "count",
    "count_imported",
    "flow_back_from_closed",
    "give_back_aside",
    "left",
    "levels",
    "locations",
    "lot_arrived",
    "make_months",
    "movements",
    "open_pool",
    "open_show_pool",
    "open_till_pool",
    "pool",
    "pools",
    "put_back",
    "receive",
    "set_aside_beyond",
    "shortages",
    "sold",
    "tell",
    "transfer",
]

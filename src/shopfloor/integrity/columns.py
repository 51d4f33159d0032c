"""What detectors read: the orders and the audience of one show, column by column.

References are whole numbers that say whether two are the same and nothing else; -1 is unknown.  Times of orders are
seconds since the show began; how long something took is in seconds after the order was placed, NaN where it did not
happen.
"""

from dataclasses import fields, replace
from typing import Any, Final

import numpy as np

from shopfloor.kernel.records import dataclass

UNKNOWN: Final = -1
REFERENCES: Final = ("account", "device", "network", "address", "payer", "phone", "mail")


@dataclass(frozen=True, slots=True)
class Orders:
    """One row an order; `line_order` and `line_product` are one row for each product in an order.

    `paid`, `undone`, `handed`: after so many seconds; undone is cancelled, or refunded whole, and not on the merchant's own account.
    handed is when the buyer has the goods.  `staff`: in the browser, or with the contact, of a member of the shop.
    `watched`: seconds of the show the buyer's browser had been credited with.  `ended` is the length of the show and
    `as_of` the moment of looking; both since its start.
    """

    placed: Any
    paid: Any
    undone: Any
    amount: Any
    units: Any
    account: Any
    device: Any
    network: Any
    address: Any
    payer: Any
    phone: Any
    mail: Any
    staff: Any
    handed: Any
    watched: Any
    line_order: Any
    line_product: Any
    ended: float
    as_of: float

    def __len__(self) -> int:
        return len(self.placed)

    def known_at(self, as_of: float) -> "Orders":
        """As it looked at this moment, later orders left out."""
        kept = np.flatnonzero(self.placed <= as_of)
        place = np.full(len(self), -1)
        place[kept] = np.arange(len(kept))
        lines = np.flatnonzero(place[self.line_order] >= 0)
        columns = {
            each.name: getattr(self, each.name)[kept]
            for each in fields(self)
            if each.name not in {"line_order", "line_product", "ended", "as_of"}
        }
        for name in ("paid", "undone", "handed"):
            columns[name] = np.where(columns["placed"] + columns[name] <= as_of, columns[name], np.nan)
        return replace(
            self,
            **columns,
            line_order=place[self.line_order[lines]],
            line_product=self.line_product[lines],
            as_of=as_of,
        )


@dataclass(frozen=True, slots=True)
class Audience:
    """One row a viewer: when they came, when they were seen last, seconds of playback claimed, and seconds of video the
    server sent them (NaN where it does not know).  One row an act: who, when, and how many (likes come in heaps).
    """

    came: Any
    seen: Any
    claimed: Any
    served: Any
    act_viewer: Any
    act_at: Any
    act_count: Any
    ended: float

    def __len__(self) -> int:
        return len(self.came)

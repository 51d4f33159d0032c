"""Rows of holds, as statements make them."""

from datetime import date, datetime
from typing import Final, LiteralString
from uuid import UUID

from shopfloor.inventory import LotKind
from shopfloor.stock.batch import Row
from shopfloor.stock.models import HoldState

LOTS = {kind.value: kind for kind in LotKind}
STATES = {state.value: state for state in HoldState}


# Holds as `hold_row` takes them, column by column; a statement goes on from here.
SELECT_HOLDS: Final[LiteralString] = """
        SELECT h.id, h.part, h.shop_id, h.pool_id, h.buyer, h.offer_id, h.show_id, h.level_id, h.variant_id,
               h.quantity, h.returned, h.unit_price, h.limited, h.ready_on, h.lot_kind::text, h.state::text,
               h.granted_at, h.expires_at, h.bundle_id
          FROM stock.hold AS h
"""


def hold_row(
    hold_id: UUID,
    part: int,
    shop_id: int,
    pool_id: int,
    buyer: UUID,
    offer_id: int | None,
    show_id: int | None,
    level_id: int,
    variant_id: int,
    quantity: int,
    returned: int,
    unit_price: int,
    limited: bool,
    ready_on: date | None,
    lot_kind: str,
    state: str,
    granted_at: datetime,
    expires_at: datetime,
    bundle_id: int | None,
) -> Row:
    return Row(
        hold_id, part, shop_id, pool_id, buyer, offer_id, show_id, level_id, variant_id, quantity, returned,
        unit_price, limited, ready_on, LOTS[lot_kind], STATES[state], granted_at, expires_at,
        bundle_id,
    )  # fmt: skip

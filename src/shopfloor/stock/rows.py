"""How statements of the ledger are sent and their rows made: prepared, both ways binary."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Final, LiteralString, TypeVar
from uuid import UUID

from psycopg import AsyncCursor
from psycopg.rows import args_row

from shopfloor.kernel.database import Tx
from shopfloor.stock.batch import Row
from shopfloor.stock.models import HoldState, LotKind

T = TypeVar("T")


LOTS = {kind.value: kind for kind in LotKind}


STATES = {state.value: state for state in HoldState}


@asynccontextmanager
async def together(tx: Tx) -> AsyncGenerator[None, None]:
    """Statements inside travel together.  Where the caller has a pipeline open already, they travel with his:
    a pipeline inside a pipeline would wait at both of its ends.
    """
    if tx.connection.pgconn.pipeline_status:
        yield
    else:
        async with tx.connection.pipeline():
            yield


async def ask(
    tx: Tx, make: Callable[..., T], sql: LiteralString, values: dict[str, object]
) -> AsyncCursor[T]:
    """Send a prepared statement whose rows will be made by `make`; both ways binary."""
    cursor = tx.connection.cursor(binary=True, row_factory=args_row(make))
    await cursor.execute(sql, values, prepare=True)
    return cursor


async def every(tx: Tx, make: Callable[..., T], sql: LiteralString, **values: object) -> list[T]:
    return await (await ask(tx, make, sql, values)).fetchall()


async def first(tx: Tx, make: Callable[..., T], sql: LiteralString, **values: object) -> T | None:
    return await (await ask(tx, make, sql, values)).fetchone()


async def one(tx: Tx, make: Callable[..., T], sql: LiteralString, **values: object) -> T:
    row = await first(tx, make, sql, **values)
    if row is None:
        raise LookupError("no row where there must be one")
    return row


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


def nothing(*_: object) -> None:
    """For statements without rows."""

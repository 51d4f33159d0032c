"""SQL of locations and pools.  One function, one statement."""

from collections.abc import Sequence

from shopfloor.inventory.models import Location, LocationKind, Pool, PoolKind
from shopfloor.kernel.database import Tx
from shopfloor.kernel.prepared import every, first, one


def _location(location_id: int, shop_id: int, name: str, kind: str) -> Location:
    return Location(location_id, shop_id, name, LocationKind(kind))


async def insert_location(tx: Tx, *, shop_id: int, name: str, kind: LocationKind) -> Location:
    return await one(
        tx,
        _location,
        """
        INSERT INTO stock.location (shop_id, name, kind)
        VALUES (%(shop_id)s, %(name)s, %(kind)s::text::stock.location_kind)
        ON CONFLICT (shop_id, name) DO UPDATE SET kind = excluded.kind
        RETURNING id, shop_id, name, kind::text
        """,
        shop_id=shop_id,
        name=name,
        kind=kind.value,
    )


async def locations(tx: Tx, *, shop_id: int) -> list[Location]:
    return await every(
        tx,
        _location,
        "SELECT id, shop_id, name, kind::text FROM stock.location WHERE shop_id = %(shop_id)s ORDER BY id",
        shop_id=shop_id,
    )


def _pool(
    pool_id: int,
    shop_id: int,
    name: str,
    kind: str,
    show_id: int | None,
    location_id: int | None,
    borrows_future: bool,
    is_open: bool,
    purpose: str | None,
) -> Pool:
    return Pool(
        pool_id, shop_id, name, PoolKind(kind), show_id, location_id, borrows_future, is_open, purpose
    )


async def insert_open_pool(tx: Tx, *, shop_id: int) -> None:
    await tx.run(
        """
        INSERT INTO stock.pool (shop_id, name, kind) VALUES (%(shop_id)s, 'open', 'open')
        ON CONFLICT (shop_id) WHERE kind = 'open' DO NOTHING
        """,
        shop_id=shop_id,
    )


async def open_pool(tx: Tx, *, shop_id: int) -> Pool | None:
    return await first(
        tx,
        _pool,
        """
        SELECT id, shop_id, name, kind::text, show_id, location_id, lender_id IS NOT NULL, is_open, purpose
          FROM stock.pool WHERE shop_id = %(shop_id)s AND kind = 'open'
        """,
        shop_id=shop_id,
    )


async def purpose_pool(tx: Tx, *, shop_id: int, purpose: str) -> Pool:
    """The pool of units that are not for sale for this reason, made when missing."""
    known = await first(
        tx,
        _pool,
        """
        SELECT id, shop_id, name, kind::text, show_id, location_id, lender_id IS NOT NULL, is_open, purpose
          FROM stock.pool WHERE shop_id = %(shop_id)s AND purpose = %(purpose)s
        """,
        shop_id=shop_id,
        purpose=purpose,
    )
    if known is not None:
        return known
    return await one(
        tx,
        _pool,
        """
        INSERT INTO stock.pool (shop_id, name, kind, purpose) VALUES (%(shop_id)s, %(purpose)s, 'channel', %(purpose)s)
        ON CONFLICT (shop_id, purpose) WHERE purpose IS NOT NULL DO UPDATE SET purpose = excluded.purpose
        RETURNING id, shop_id, name, kind::text, show_id, location_id, lender_id IS NOT NULL, is_open, purpose
        """,
        shop_id=shop_id,
        purpose=purpose,
    )


async def insert_pool(
    tx: Tx,
    *,
    shop_id: int,
    name: str,
    kind: PoolKind,
    show_id: int | None,
    location_id: int | None,
    lender_id: int | None,
) -> Pool:
    return await one(
        tx,
        _pool,
        """
        INSERT INTO stock.pool (shop_id, name, kind, show_id, location_id, lender_id)
        VALUES (%(shop_id)s, %(name)s, %(kind)s::text::stock.pool_kind, %(show_id)s, %(location_id)s, %(lender_id)s)
        RETURNING id, shop_id, name, kind::text, show_id, location_id, lender_id IS NOT NULL, is_open, purpose
        """,
        shop_id=shop_id,
        name=name,
        kind=kind.value,
        show_id=show_id,
        location_id=location_id,
        lender_id=lender_id,
    )


async def safety_pool(tx: Tx, *, shop_id: int) -> list[int]:
    """The pool of what is kept from online; none where nothing ever was."""
    cursor = await tx.connection.execute(
        "SELECT id FROM stock.pool WHERE shop_id = %(shop_id)s AND purpose = 'safety'", {"shop_id": shop_id}
    )
    return [row[0] for row in await cursor.fetchall()]


async def lock_pool_of_show(tx: Tx, *, shop_id: int, show_id: int) -> Pool | None:
    return await first(
        tx,
        _pool,
        """
        SELECT id, shop_id, name, kind::text, show_id, location_id, lender_id IS NOT NULL, is_open, purpose
          FROM stock.pool WHERE shop_id = %(shop_id)s AND show_id = %(show_id)s AND kind = 'show' FOR NO KEY UPDATE
        """,
        shop_id=shop_id,
        show_id=show_id,
    )


async def lock_pool(tx: Tx, *, shop_id: int, pool_id: int) -> Pool | None:
    return await first(
        tx,
        _pool,
        """
        SELECT id, shop_id, name, kind::text, show_id, location_id, lender_id IS NOT NULL, is_open, purpose
          FROM stock.pool WHERE shop_id = %(shop_id)s AND id = %(pool_id)s FOR NO KEY UPDATE
        """,
        shop_id=shop_id,
        pool_id=pool_id,
    )


async def share_pool(tx: Tx, *, shop_id: int, pool_id: int) -> Pool | None:
    """The pool, kept from being closed until we are done."""
    return await first(
        tx,
        _pool,
        """
        SELECT id, shop_id, name, kind::text, show_id, location_id, lender_id IS NOT NULL, is_open, purpose
          FROM stock.pool WHERE shop_id = %(shop_id)s AND id = %(pool_id)s FOR SHARE
        """,
        shop_id=shop_id,
        pool_id=pool_id,
    )


async def set_pool_open(tx: Tx, *, pool_id: int, is_open: bool) -> None:
    await tx.run(
        "UPDATE stock.pool SET is_open = %(is_open)s WHERE id = %(pool_id)s", pool_id=pool_id, is_open=is_open
    )


async def pools(tx: Tx, *, shop_id: int) -> list[Pool]:
    return await every(
        tx,
        _pool,
        """
        SELECT id, shop_id, name, kind::text, show_id, location_id, lender_id IS NOT NULL, is_open, purpose
          FROM stock.pool WHERE shop_id = %(shop_id)s ORDER BY id
        """,
        shop_id=shop_id,
    )


async def closed_pools(tx: Tx, *, pool_ids: Sequence[int]) -> list[int]:
    return await every(
        tx,
        lambda pool_id: pool_id,
        "SELECT id FROM stock.pool WHERE id = ANY(%(pool_ids)s::bigint[]) AND NOT is_open",
        pool_ids=list(pool_ids),
    )

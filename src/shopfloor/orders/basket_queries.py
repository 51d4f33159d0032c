"""SQL of purchases that are checked out together.  One function, one statement."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from shopfloor.kernel.database import Tx
from shopfloor.orders.checkout_queries import CheckoutRow


async def lock_with_roots(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, CheckoutRow]:
    """These, and those with which they are checked out, locked in the one order in which several are."""
    found = await tx.every(
        CheckoutRow,
        """
        SELECT id, shop_id, buyer, held, policy, offer_id, show_id, pool_id, host_id, host_name, show_ms, currency,
               items, bundles, page, renewals, joined_to
          FROM orders.checkout
         WHERE id = ANY(%(ids)s::uuid[])
            OR id IN (SELECT joined_to FROM orders.checkout WHERE id = ANY(%(ids)s::uuid[]))
         ORDER BY id FOR UPDATE
        """,
        ids=list(ids),
    )
    return {row.id: row for row in found}


async def ordered(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The orders of these purchases; one whose payment was declined is none."""
    cursor = await tx.connection.execute(
        """
        SELECT checkout_id, id FROM orders.orders
         WHERE checkout_id = ANY(%(ids)s::uuid[]) AND cancel_why IS DISTINCT FROM 'declined'
        """,
        {"ids": list(ids)},
    )
    return dict(await cursor.fetchall())


async def give(tx: Tx, *, ids: Sequence[UUID], buyer: UUID) -> None:
    """Locked purchases are of another browser of the same person from now on."""
    await tx.run(
        "UPDATE orders.checkout SET buyer = %(buyer)s WHERE id = ANY(%(ids)s::uuid[])",
        ids=list(ids),
        buyer=buyer,
    )


async def join(
    tx: Tx,
    *,
    into: UUID,
    ids: Sequence[UUID],
    items: Sequence[Mapping[str, Any]],
    bundles: Sequence[Mapping[str, Any]],
    page: Mapping[str, Any],
) -> None:
    """`into` has the items of all; the others, and what was joined to them, lead to it."""
    await tx.run(
        """
        WITH others AS (
            UPDATE orders.checkout SET joined_to = %(into)s
             WHERE id = ANY(%(ids)s::uuid[]) OR joined_to = ANY(%(ids)s::uuid[])
        )
        UPDATE orders.checkout SET items = %(items)s, bundles = %(bundles)s, page = %(page)s WHERE id = %(into)s
        """,
        into=into,
        ids=list(ids),
        items=Jsonb(list(items)),
        bundles=Jsonb(list(bundles)),
        page=Jsonb(dict(page)),
    )


async def known(tx: Tx, *, ids: Sequence[UUID]) -> set[UUID]:
    """Those of these purchases whose pages have been looked at."""
    cursor = await tx.connection.execute(
        "SELECT id FROM orders.checkout WHERE id = ANY(%(ids)s::uuid[])", {"ids": list(ids)}
    )
    return {row[0] for row in await cursor.fetchall()}

"""Collections: products that a merchant puts together, in an order of their own, on a page of their own."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from psycopg.types.json import Jsonb

from shopfloor.accounts import Actor
from shopfloor.catalog import UnknownProduct
from shopfloor.collections.events import CollectionChanged
from shopfloor.kernel import outbox, paging
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Invalid, NotFound
from shopfloor.kernel.paging import MOST_COUNTED
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.text import handle_from, line

MOST_COLLECTIONS: Final = 200
MOST_PRODUCTS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Collection:
    """`is_shown`: on the shop's front page; its own page is there in any case.  `products` are those on sale."""

    id: int
    handle: str
    title: str
    titles: dict[str, str]
    is_shown: bool
    position: int
    products: int = 0
    picture_sha: str | None = None
    """Of its first product that has one."""


class UnknownCollection(NotFound):
    """There is no such collection."""

    code = "collections.unknown"


class TooManyCollections(Invalid):
    """A shop has at most 200 collections, a collection at most 1,000 products."""

    code = "collections.too_many"


# Reading

_COLUMNS: Final = """c.id, c.handle, c.title, c.titles, c.is_shown, c.position,
               (SELECT count(*) FROM collections.member m JOIN catalog.v_shown p ON p.id = m.product_id
                 WHERE m.collection_id = c.id AND p.status = 'active') AS products,
               (SELECT p.picture_sha FROM collections.member m JOIN catalog.v_shown p ON p.id = m.product_id
                 WHERE m.collection_id = c.id AND p.status = 'active'
                 ORDER BY p.picture_sha IS NULL, m.position, m.product_id LIMIT 1) AS picture_sha"""


async def of_shop(tx: Tx, *, shop_id: int, shown: bool = False) -> list[Collection]:
    """All of them in their order, at most 200; with `shown` those of the front page that have something on sale."""
    found = await tx.every(
        Collection,
        """
        SELECT {columns} FROM collections.collection c
         WHERE c.shop_id = %(shop_id)s AND (c.is_shown OR NOT %(shown)s) ORDER BY c.position, c.id
        """.replace("{columns}", _COLUMNS),
        shop_id=shop_id,
        shown=shown,
    )
    return [each for each in found if each.products or not shown]


async def one(
    tx: Tx, *, shop_id: int, collection_id: int | None = None, handle: str | None = None
) -> Collection:
    """By its id or its handle.  Raises UnknownCollection."""
    found = await tx.first(
        Collection,
        """
        SELECT {columns} FROM collections.collection c
         WHERE c.shop_id = %(shop_id)s AND (c.id = %(id)s::bigint OR c.handle = %(handle)s::text)
        """.replace("{columns}", _COLUMNS),
        shop_id=shop_id,
        id=collection_id,
        handle=handle,
    )
    if found is None:
        raise UnknownCollection
    return found


async def _count(
    tx: Tx, *, shop_id: int, collection_id: int, on_sale: bool = False, before: int | None = None
) -> paging.Counted:
    return paging.capped(
        await tx.value(
            """
            SELECT count(*) FROM (
                SELECT FROM collections.member m JOIN catalog.v_shown p ON p.id = m.product_id
                 WHERE m.shop_id = %(shop_id)s AND m.collection_id = %(collection_id)s
                   AND (p.status = 'active' OR NOT %(on_sale)s)
                   AND (%(before)s::bigint IS NULL OR m.position < %(before)s)
                 LIMIT %(most)s + 1) AS counted
            """,
            shop_id=shop_id,
            collection_id=collection_id,
            on_sale=on_sale,
            before=before,
            most=MOST_COUNTED,
        )
    )


@dataclass(frozen=True, slots=True)
class Place:
    """A product of a collection, and where it stands there, from 1."""

    product_id: int
    position: int


@paging.counted_by(_count)
async def places(
    tx: Tx,
    *,
    shop_id: int,
    collection_id: int,
    on_sale: bool = False,
    after: int | None = None,
    before: int | None = None,
    limit: int,
) -> list[Place]:
    """Its products by id, in its order; `after` and `before` are positions.  With `on_sale` only what can be bought."""
    return await tx.every(
        Place,
        """
        SELECT m.product_id, m.position
          FROM collections.member m JOIN catalog.v_shown p ON p.id = m.product_id
         WHERE m.shop_id = %(shop_id)s AND m.collection_id = %(collection_id)s
           AND (p.status = 'active' OR NOT %(on_sale)s)
           AND (%(after)s::bigint IS NULL OR m.position > %(after)s)
           AND (%(before)s::bigint IS NULL OR m.position < %(before)s)
         ORDER BY CASE WHEN %(before)s::bigint IS NULL THEN m.position END, m.position DESC LIMIT %(limit)s
        """,
        shop_id=shop_id,
        collection_id=collection_id,
        on_sale=on_sale,
        after=after,
        before=before,
        limit=limit,
    )


async def among(tx: Tx, *, collection_id: int, product_ids: Sequence[int]) -> list[int]:
    """Those of `product_ids` that are in the collection."""
    cursor = await tx.connection.execute(
        """
        SELECT product_id FROM collections.member
         WHERE collection_id = %(collection_id)s AND product_id = ANY(%(ids)s::bigint[]) ORDER BY product_id
        """,
        {"collection_id": collection_id, "ids": list(product_ids)},
    )
    return [row[0] for row in await cursor.fetchall()]


async def beside(tx: Tx, *, shop_id: int, product_id: int, limit: int) -> list[int]:
    """Other products on sale of the collections that this one is in, those nearest to it first."""
    cursor = await tx.connection.execute(
        """
        SELECT other.product_id
          FROM collections.member own
          JOIN collections.member other ON other.collection_id = own.collection_id
          JOIN catalog.v_shown p ON p.id = other.product_id
         WHERE own.product_id = %(product_id)s AND own.shop_id = %(shop_id)s
           AND other.product_id <> own.product_id AND p.status = 'active'
         GROUP BY other.product_id
         ORDER BY min(abs(other.position - own.position)), other.product_id LIMIT %(limit)s
        """,
        {"shop_id": shop_id, "product_id": product_id, "limit": limit},
    )
    return [row[0] for row in await cursor.fetchall()]


# Changing


async def create(tx: Tx, *, actor: Actor, title: str, titles: Mapping[str, str]) -> Collection:
    """At the end of the list.  Raises UnusableText, AccountNamed, TooManyCollections."""
    shop_id = actor.shop_id
    title, checked = _named(actor, title, titles)
    await _lock(tx, shop_id)
    known = await of_shop(tx, shop_id=shop_id)
    if len(known) >= MOST_COLLECTIONS:
        raise TooManyCollections(most=MOST_COLLECTIONS)
    handle = handle_from(title)
    if any(each.handle == handle for each in known):
        handle = f"{handle}-{secrets.token_hex(3)}"
    collection_id = await tx.value(
        """
        INSERT INTO collections.collection (shop_id, handle, title, titles, position)
        VALUES (%(shop_id)s, %(handle)s, %(title)s, %(titles)s, %(position)s) RETURNING id
        """,
        shop_id=shop_id,
        handle=handle,
        title=title,
        titles=Jsonb(checked),
        position=max((each.position for each in known), default=0) + 1,
    )
    return await _told(tx, shop_id, collection_id)


async def change(
    tx: Tx, *, actor: Actor, collection_id: int, title: str, titles: Mapping[str, str], is_shown: bool
) -> Collection:
    """Its address stays: links that were given out lead there.

    Raises UnknownCollection, UnusableText, AccountNamed.
    """
    title, checked = _named(actor, title, titles)
    changed = await tx.run(
        """
        UPDATE collections.collection SET title = %(title)s, titles = %(titles)s, is_shown = %(is_shown)s
         WHERE shop_id = %(shop_id)s AND id = %(id)s
        """,
        shop_id=actor.shop_id,
        id=collection_id,
        title=title,
        titles=Jsonb(checked),
        is_shown=is_shown,
    )
    if not changed:
        raise UnknownCollection
    return await _told(tx, actor.shop_id, collection_id)


async def delete(tx: Tx, *, shop_id: int, collection_id: int) -> None:
    """Its products stay.  Raises UnknownCollection."""
    if not await tx.run(
        "DELETE FROM collections.collection WHERE shop_id = %(shop_id)s AND id = %(id)s",
        shop_id=shop_id,
        id=collection_id,
    ):
        raise UnknownCollection
    await outbox.record(tx, CollectionChanged(shop_id, collection_id))


Way = Literal["first", "up", "down"]


async def move(tx: Tx, *, shop_id: int, collection_id: int, way: Way) -> None:
    """One place up or down in the shop's list, or to its top; what is there already stays.  Raises UnknownCollection."""
    await _lock(tx, shop_id)
    order = [each.id for each in await of_shop(tx, shop_id=shop_id)]
    if collection_id not in order:
        raise UnknownCollection
    await tx.run(
        """
        UPDATE collections.collection c SET position = wanted.position
          FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY AS wanted (id, position)
         WHERE c.shop_id = %(shop_id)s AND c.id = wanted.id AND c.position <> wanted.position
        """,
        shop_id=shop_id,
        ids=moved(order, collection_id, way),
    )
    await outbox.record(tx, CollectionChanged(shop_id, collection_id))


def moved(order: Sequence[int], item: int, way: Way) -> list[int]:
    """The same with one of them elsewhere.  Pure."""
    rest = [each for each in order if each != item]
    at = order.index(item)
    to = 0 if way == "first" else max(0, at - 1) if way == "up" else at + 1
    return [*rest[:to], item, *rest[to:]]


async def add(tx: Tx, *, shop_id: int, collection_id: int, product_ids: Sequence[int]) -> Collection:
    """At its end, in the order given; what is in it stays where it is.

    Raises UnknownCollection, UnknownProduct, TooManyCollections.
    """
    order = await _locked_order(tx, shop_id, collection_id)
    return await _arrange(tx, shop_id, collection_id, list(dict.fromkeys([*order, *product_ids])))


async def remove(tx: Tx, *, shop_id: int, collection_id: int, product_id: int) -> Collection:
    """Raises UnknownCollection, or UnknownProduct for one that is not in it."""
    order = await _locked_order(tx, shop_id, collection_id)
    if product_id not in order:
        raise UnknownProduct
    return await _arrange(tx, shop_id, collection_id, [each for each in order if each != product_id])


async def move_product(tx: Tx, *, shop_id: int, collection_id: int, product_id: int, way: Way) -> Collection:
    """Raises UnknownCollection, or UnknownProduct for one that is not in it."""
    order = await _locked_order(tx, shop_id, collection_id)
    if product_id not in order:
        raise UnknownProduct
    return await _arrange(tx, shop_id, collection_id, moved(order, product_id, way))


def _named(actor: Actor, title: str, titles: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Empty translations are dropped: the title in the shop's language stands for them."""
    title = line(title, field="title", longest=255, shortest=1)
    cleaned = {locale: line(text, field="titles", longest=255) for locale, text in titles.items()}
    actor.check_told(title, *cleaned.values())
    return title, {locale: text for locale, text in cleaned.items() if text}


async def _lock(tx: Tx, shop_id: int) -> None:
    """Lists of collections change one after the other, the first one too."""
    await tx.value(
        "SELECT pg_advisory_xact_lock(hashtextextended('collections', %(shop_id)s))", shop_id=shop_id
    )


async def _locked_order(tx: Tx, shop_id: int, collection_id: int) -> list[int]:
    if not await tx.value(
        "SELECT true FROM collections.collection WHERE shop_id = %(shop_id)s AND id = %(id)s FOR UPDATE",
        shop_id=shop_id,
        id=collection_id,
    ):
        raise UnknownCollection
    return [
        each.product_id
        for each in await places(tx, shop_id=shop_id, collection_id=collection_id, limit=MOST_PRODUCTS)
    ]


async def _arrange(tx: Tx, shop_id: int, collection_id: int, order: Sequence[int]) -> Collection:
    if len(order) > MOST_PRODUCTS:
        raise TooManyCollections(most=MOST_PRODUCTS)
    await tx.run(
        """
        DELETE FROM collections.member
         WHERE collection_id = %(id)s AND shop_id = %(shop_id)s AND product_id <> ALL(%(ids)s::bigint[])
        """,
        id=collection_id,
        shop_id=shop_id,
        ids=list(order),
    )
    kept = await tx.run(
        """
        INSERT INTO collections.member (collection_id, shop_id, product_id, position)
        SELECT %(id)s, p.shop_id, p.id, wanted.position
          FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY AS wanted (id, position)
          JOIN catalog.v_shown p ON p.id = wanted.id AND p.shop_id = %(shop_id)s
        ON CONFLICT (collection_id, product_id) DO UPDATE SET position = excluded.position
        """,
        id=collection_id,
        shop_id=shop_id,
        ids=list(order),
    )
    if kept != len(order):
        raise UnknownProduct
    return await _told(tx, shop_id, collection_id)


async def _told(tx: Tx, shop_id: int, collection_id: int) -> Collection:
    await outbox.record(tx, CollectionChanged(shop_id, collection_id))
    return await one(tx, shop_id=shop_id, collection_id=collection_id)

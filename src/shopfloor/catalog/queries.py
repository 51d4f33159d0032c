"""SQL of the catalogue.  One function, one statement."""

from collections.abc import Sequence
from typing import Final

from psycopg.types.json import Jsonb

from shopfloor.catalog.models import Product, Variant
from shopfloor.kernel.database import Tx
from shopfloor.kernel.paging import MOST_COUNTED
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class VariantRow:
    """What a change to a variant needs to know about it."""

    id: int
    product_id: int
    currency: str
    price_minor: int


@dataclass(frozen=True, slots=True)
class Markup:
    """Descriptions as they were given."""

    id: int
    description: str
    descriptions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Id:
    id: int


# Products


async def insert_product_once(
    tx: Tx,
    *,
    shop_id: int,
    handle: str,
    title: str,
    titles: dict[str, str],
    description: str,
    descriptions: dict[str, str],
    plain: str,
    plains: dict[str, str],
    kind: str,
    status: str,
    vendor: str,
    product_type: str,
    tags: Sequence[str],
    option_names: Sequence[str],
    option_texts: dict[str, dict[str, str]],
) -> int | None:
    """None when another product of the shop has this handle."""
    return await tx.value(
        """
        INSERT INTO catalog.product (shop_id, handle, title, titles, description, descriptions, plain, plains,
                                     kind, status, vendor, product_type, tags, option_names, option_texts)
        VALUES (%(shop_id)s, %(handle)s, %(title)s, %(titles)s, %(description)s, %(descriptions)s, %(plain)s,
                %(plains)s, %(kind)s, %(status)s, %(vendor)s, %(product_type)s, %(tags)s::text[], %(option_names)s::text[],
                %(option_texts)s)
        ON CONFLICT (shop_id, handle) DO NOTHING
        RETURNING id
        """,
        shop_id=shop_id,
        handle=handle,
        title=title,
        titles=Jsonb(titles),
        description=description,
        descriptions=Jsonb(descriptions),
        plain=plain,
        plains=Jsonb(plains),
        kind=kind,
        status=status,
        vendor=vendor,
        product_type=product_type,
        tags=list(tags),
        option_names=list(option_names),
        option_texts=Jsonb(option_texts),
    )


async def update_product(
    tx: Tx,
    *,
    product_id: int,
    title: str | None,
    titles: dict[str, str] | None,
    description: str | None,
    descriptions: dict[str, str] | None,
    plain: str | None,
    plains: dict[str, str] | None,
    kind: str | None,
    status: str | None,
    vendor: str | None,
    product_type: str | None,
    tags: Sequence[str] | None,
    option_names: Sequence[str] | None,
    option_texts: dict[str, dict[str, str]] | None,
) -> None:
    """None leaves a column as it is."""
    await tx.run(
        """
        UPDATE catalog.product
           SET title = coalesce(%(title)s::text, title),
               titles = coalesce(%(titles)s::jsonb, titles),
               description = coalesce(%(description)s::text, description),
               descriptions = coalesce(%(descriptions)s::jsonb, descriptions),
               plain = coalesce(%(plain)s::text, plain),
               plains = coalesce(%(plains)s::jsonb, plains),
               kind = coalesce(%(kind)s::text, kind),
               status = coalesce(%(status)s::text, status),
               vendor = coalesce(%(vendor)s::text, vendor),
               product_type = coalesce(%(product_type)s::text, product_type),
               tags = coalesce(%(tags)s::text[], tags),
               option_names = coalesce(%(option_names)s::text[], option_names),
               option_texts = coalesce(%(option_texts)s::jsonb, option_texts),
               updated_at = now()
         WHERE id = %(product_id)s
        """,
        product_id=product_id,
        title=title,
        titles=None if titles is None else Jsonb(titles),
        description=description,
        descriptions=None if descriptions is None else Jsonb(descriptions),
        plain=plain,
        plains=None if plains is None else Jsonb(plains),
        kind=kind,
        status=status,
        vendor=vendor,
        product_type=product_type,
        tags=None if tags is None else list(tags),
        option_names=None if option_names is None else list(option_names),
        option_texts=None if option_texts is None else Jsonb(option_texts),
    )


async def lock_product(tx: Tx, *, shop_id: int, product_id: int) -> bool:
    """False when the shop has no such product.  Changes to one product happen one after the other."""
    return bool(
        await tx.value(
            """
            SELECT true FROM catalog.product WHERE shop_id = %(shop_id)s AND id = %(product_id)s
               FOR NO KEY UPDATE
            """,
            shop_id=shop_id,
            product_id=product_id,
        )
    )


async def lock_products(tx: Tx, *, shop_id: int, product_ids: Sequence[int]) -> None:
    """`lock_product` for many, in order of id."""
    await tx.run(
        """
        SELECT FROM catalog.product WHERE shop_id = %(shop_id)s AND id = ANY(%(ids)s::bigint[])
         ORDER BY id FOR NO KEY UPDATE
        """,
        shop_id=shop_id,
        ids=list(product_ids),
    )


async def product_id_by_handle(tx: Tx, *, shop_id: int, handle: str) -> int | None:
    return await tx.value(
        "SELECT id FROM catalog.product WHERE shop_id = %(shop_id)s AND handle = %(handle)s",
        shop_id=shop_id,
        handle=handle,
    )


async def products_by_ids(tx: Tx, *, shop_id: int, ids: Sequence[int]) -> list[Product]:
    return await tx.every(
        Product,
        """
        SELECT p.id, p.shop_id, p.handle, p.title, p.titles, p.description, p.descriptions, p.kind, p.status,
               p.vendor, p.product_type, p.tags, p.option_names, p.created_at, p.updated_at,
               (SELECT sha256 FROM catalog.picture WHERE product_id = p.id ORDER BY position, id LIMIT 1)
                   AS picture_sha,
               p.plain AS kept_plain, p.plains AS kept_plains, p.option_texts,
               coalesce(p.tax_class, 'standard') AS tax_class
          FROM catalog.product p
         WHERE p.shop_id = %(shop_id)s AND p.id = ANY(%(ids)s::bigint[]) ORDER BY p.id
        """,
        shop_id=shop_id,
        ids=list(ids),
    )


# What a list of products is narrowed down to; where nothing is looked for, no text is put together.
_LISTED: Final = """p.shop_id = %(shop_id)s
           AND (%(before)s::bigint IS NULL OR p.id < %(before)s)
           AND (%(status)s::text IS NULL OR p.status = %(status)s::text)
           AND (cardinality(%(patterns)s::text[]) = 0
             OR normalize(concat_ws(E'\n', p.title, p.handle, p.vendor, p.product_type, array_to_string(p.tags, E'\n'),
                   (SELECT string_agg(value, E'\n') FROM jsonb_each_text(p.titles)),
                   (SELECT string_agg(sku, E'\n') FROM catalog.variant WHERE product_id = p.id)
               ), NFKC) ILIKE ALL (%(patterns)s::text[]))"""


async def count_products(
    tx: Tx, *, shop_id: int, patterns: Sequence[str], status: str | None, before: int | None
) -> int:
    """At most one more than is counted (`kernel.paging`)."""
    return await tx.value(
        "SELECT count(*) FROM (SELECT FROM catalog.product p WHERE {listed} LIMIT %(most)s + 1) AS counted".replace(
            "{listed}", _LISTED
        ),
        shop_id=shop_id,
        patterns=list(patterns),
        status=status,
        before=before,
        most=MOST_COUNTED,
    )


async def products(
    tx: Tx,
    *,
    shop_id: int,
    patterns: Sequence[str],
    status: str | None,
    after: int | None,
    before: int | None,
    limit: int | None,
) -> list[Product]:
    """In order of id, for `kernel.paging`; every pattern must be found in title, translations, handle, vendor, type, tags or a SKU."""
    return await tx.every(
        Product,
        """
        SELECT p.id, p.shop_id, p.handle, p.title, p.titles, p.description, p.descriptions, p.kind, p.status,
               p.vendor, p.product_type, p.tags, p.option_names, p.created_at, p.updated_at,
               (SELECT sha256 FROM catalog.picture WHERE product_id = p.id ORDER BY position, id LIMIT 1)
                   AS picture_sha,
               p.plain AS kept_plain, p.plains AS kept_plains, p.option_texts,
               coalesce(p.tax_class, 'standard') AS tax_class
          FROM catalog.product p
         WHERE {listed}
           AND (%(after)s::bigint IS NULL OR p.id > %(after)s)
         ORDER BY CASE WHEN %(before)s::bigint IS NULL THEN p.id END, p.id DESC LIMIT %(limit)s::bigint
        """.replace("{listed}", _LISTED),
        shop_id=shop_id,
        patterns=list(patterns),
        status=status,
        after=after,
        before=before,
        limit=limit,
    )


async def without_plain_text(tx: Tx, *, limit: int) -> list[Markup]:
    """Products whose plain text is still to be made, locked; those that others see to are left to them."""
    return await tx.every(
        Markup,
        """
        SELECT id, description, descriptions FROM catalog.product
         WHERE plain IS NULL OR plains IS NULL
         ORDER BY id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
        """,
        limit=limit,
    )


async def set_plain_text(tx: Tx, *, product_id: int, plain: str, plains: dict[str, str]) -> None:
    await tx.run(
        "UPDATE catalog.product SET plain = %(plain)s, plains = %(plains)s WHERE id = %(product_id)s",
        product_id=product_id,
        plain=plain,
        plains=Jsonb(plains),
    )


# Variants


async def insert_variant_once(
    tx: Tx,
    *,
    shop_id: int,
    product_id: int,
    sku: str,
    barcode: str,
    options: Sequence[str],
    currency: str,
    grams: int,
    compare_at_minor: int | None,
) -> int | None:
    """None when the product has a variant with these options."""
    return await tx.value(
        """
        INSERT INTO catalog.variant (shop_id, product_id, sku, barcode, options, currency, grams, compare_at_minor,
                                     position)
        SELECT %(shop_id)s, %(product_id)s, %(sku)s, %(barcode)s, %(options)s::text[], %(currency)s, %(grams)s,
               %(compare_at_minor)s, coalesce(max(position), 0) + 1
          FROM catalog.variant WHERE product_id = %(product_id)s
        ON CONFLICT (product_id, options) DO NOTHING
        RETURNING id
        """,
        shop_id=shop_id,
        product_id=product_id,
        sku=sku,
        barcode=barcode,
        options=list(options),
        currency=currency,
        grams=grams,
        compare_at_minor=compare_at_minor,
    )


async def update_variant(
    tx: Tx,
    *,
    shop_id: int,
    variant_id: int,
    sku: str | None,
    barcode: str | None,
    grams: int | None,
    compare_at_minor: int | None,
) -> bool:
    """`compare_at_minor` of 0 takes the list price away."""
    return (
        await tx.run(
            """
        UPDATE catalog.variant
           SET sku = coalesce(%(sku)s::text, sku), barcode = coalesce(%(barcode)s::text, barcode),
               grams = coalesce(%(grams)s::int, grams),
               compare_at_minor = nullif(coalesce(%(compare_at_minor)s::bigint, compare_at_minor), 0)
         WHERE shop_id = %(shop_id)s AND id = %(variant_id)s
        """,
            shop_id=shop_id,
            variant_id=variant_id,
            sku=sku,
            barcode=barcode,
            grams=grams,
            compare_at_minor=compare_at_minor,
        )
        == 1
    )


async def set_archived(tx: Tx, *, variant_id: int, archived: bool) -> None:
    await tx.run(
        "UPDATE catalog.variant SET archived_at = CASE WHEN %(archived)s THEN now() END WHERE id = %(variant_id)s",
        variant_id=variant_id,
        archived=archived,
    )


async def count_variants(tx: Tx, *, product_id: int) -> int:
    return await tx.value(
        "SELECT count(*) FROM catalog.variant WHERE product_id = %(product_id)s", product_id=product_id
    )


async def variants(tx: Tx, *, shop_id: int, ids: Sequence[int]) -> list[Variant]:
    return await tx.every(
        Variant,
        """
        SELECT v.id, v.product_id, v.shop_id, v.sku, own.barcode, v.options, v.price_minor, v.currency, own.grams,
               v.position, own.compare_at_minor, own.archived_at
          FROM catalog.v_variant v JOIN catalog.variant own ON own.id = v.id
         WHERE v.shop_id = %(shop_id)s AND v.id = ANY(%(ids)s::bigint[]) ORDER BY v.id
        """,
        shop_id=shop_id,
        ids=list(ids),
    )


async def variants_of(tx: Tx, *, shop_id: int, product_ids: Sequence[int]) -> list[Variant]:
    return await tx.every(
        Variant,
        """
        SELECT v.id, v.product_id, v.shop_id, v.sku, own.barcode, v.options, v.price_minor, v.currency, own.grams,
               v.position, own.compare_at_minor, own.archived_at
          FROM catalog.v_variant v JOIN catalog.variant own ON own.id = v.id
         WHERE v.shop_id = %(shop_id)s AND v.product_id = ANY(%(product_ids)s::bigint[])
         ORDER BY v.product_id, v.position
        """,
        shop_id=shop_id,
        product_ids=list(product_ids),
    )


# Bundles


async def lock_variants(tx: Tx, *, shop_id: int, ids: Sequence[int]) -> int:
    """How many of them the shop has.  What they consist of, and are part of, changes one after the other."""
    return len(
        await tx.every(
            Id,
            """
            SELECT id FROM catalog.variant WHERE shop_id = %(shop_id)s AND id = ANY(%(ids)s::bigint[])
             ORDER BY id FOR NO KEY UPDATE
            """,
            shop_id=shop_id,
            ids=list(ids),
        )
    )


# Prices


async def lock_variant(tx: Tx, *, shop_id: int, variant_id: int) -> bool:
    """False when the shop has no such variant.  Prices of one variant are set one after the other."""
    return bool(
        await tx.value(
            "SELECT true FROM catalog.variant WHERE shop_id = %(shop_id)s AND id = %(id)s FOR NO KEY UPDATE",
            shop_id=shop_id,
            id=variant_id,
        )
    )


async def variant_in_force(tx: Tx, *, variant_id: int) -> VariantRow:
    return await tx.one(
        VariantRow,
        "SELECT id, product_id, currency, price_minor FROM catalog.v_variant WHERE id = %(id)s",
        id=variant_id,
    )

"""Products and variants are made and changed, prices set, pictures added."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from shopfloor import accounts
from shopfloor.catalog import (
    gallery,
    picture_queries,
    price_queries,
    queries,
    references,
    searching,
    tax_classes,
)
from shopfloor.catalog.events import PriceChanged, ProductChanged
from shopfloor.catalog.models import (
    LONGEST_DESCRIPTION,
    MAX_TAGS,
    MAX_VARIANTS,
    MOST_PICTURES,
    BadOptions,
    HandleTaken,
    Kind,
    LastVariant,
    NewVariant,
    OptionsTaken,
    Picture,
    Product,
    Status,
    TooManyPictures,
    TooManyTags,
    TooManyVariants,
    UnknownPicture,
    UnknownProduct,
    UnknownVariant,
    Variant,
    checked_compare_at,
    checked_grams,
    checked_handle,
    checked_minor,
    checked_option_names,
    checked_option_texts,
    checked_options,
    checked_translations,
)
from shopfloor.catalog.plain import plain_text, plain_texts
from shopfloor.kernel import outbox, paging
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.text import handle_from, line, patterns_of, prose
from shopfloor.picture_files import ProcessedPicture

MOST_AT_ONCE: Final = 500
# Characters of markup that are read in well under a millisecond.
SHORT: Final = 4_000


# Products


async def create_product(
    tx: Tx,
    *,
    shop_id: int,
    title: str,
    handle: str | None = None,
    titles: Mapping[str, str] | None = None,
    description: str = "",
    descriptions: Mapping[str, str] | None = None,
    kind: Kind = Kind.PIECE,
    status: Status = Status.DRAFT,
    vendor: str = "",
    product_type: str = "",
    tags: Sequence[str] = (),
    option_names: Sequence[str] = (),
    option_texts: Mapping[str, Mapping[str, str]] | None = None,
    variants: Sequence[NewVariant] = (),
) -> Product:
    """A new product, with its first variants: a draft, unless it is said to be on sale at once.

    Without `handle` one is made from the title.

    Raises HandleTaken, BadHandle, BadOptions, OptionsTaken, TooManyVariants, a refusal of the prices, or
    UnusableText.
    """
    title = line(title, field="title", longest=255, shortest=1)
    description = prose(description, field="description", longest=LONGEST_DESCRIPTION)
    described = checked_translations(descriptions or {}, field="descriptions", longest=LONGEST_DESCRIPTION)
    plain, plains = await _plain(description, described)
    product_id = None
    for wanted in _handles(title) if handle is None else [checked_handle(handle)]:
        product_id = await queries.insert_product_once(
            tx,
            shop_id=shop_id,
            handle=wanted,
            title=title,
            titles=checked_translations(titles or {}, field="titles", longest=255),
            description=description,
            descriptions=described,
            plain=plain,
            plains=plains,
            kind=Kind(kind),
            status=Status(status),
            vendor=line(vendor, field="vendor", longest=255),
            product_type=line(product_type, field="type", longest=255),
            tags=_checked_tags(tags),
            option_names=checked_option_names(option_names),
            option_texts=checked_option_texts(option_texts or {}),
        )
        if product_id is not None:
            break
    if product_id is None:
        raise HandleTaken(handle=handle)
    if variants:
        await add_variants(tx, shop_id=shop_id, product_id=product_id, variants=variants)
    return await tell_changed(tx, shop_id, product_id, "created")


async def _plain(description: str, descriptions: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The plain text of these descriptions; of long ones in a thread, beside those who are served meanwhile."""
    if len(description) + sum(map(len, descriptions.values())) < SHORT:
        return plain_text(description), plain_texts(descriptions)
    return await asyncio.to_thread(lambda: (plain_text(description), plain_texts(descriptions)))


async def make_plain(db: Database) -> int:
    """Make the plain text that is missing: of products written by a release that knew nothing of it."""
    filled = 0
    while True:
        async with db.transaction() as tx:
            rows = await queries.without_plain_text(tx, limit=100)
            for row in rows:
                plain, plains = await _plain(row.description, row.descriptions)
                await queries.set_plain_text(tx, product_id=row.id, plain=plain, plains=plains)
        filled += len(rows)
        if len(rows) < 100:
            return filled


def _handles(title: str) -> list[str]:
    wanted = handle_from(title)
    return [wanted, *(f"{wanted}-{n}" for n in range(2, 10)), f"{wanted}-{secrets.token_hex(6)}"]


def _checked_tags(tags: Sequence[str]) -> list[str]:
    cleaned = dict.fromkeys(line(tag, field="tags", longest=255) for tag in tags)
    cleaned.pop("", None)
    if len(cleaned) > MAX_TAGS:
        raise TooManyTags(most=MAX_TAGS)
    return list(cleaned)


async def tell_changed(tx: Tx, shop_id: int, product_id: int, change: str) -> Product:
    """The product as it is now, and the fact that says so."""
    await searching.refresh(tx, product_id=product_id)
    found = await product(tx, shop_id=shop_id, product_id=product_id)
    await outbox.record(
        tx,
        ProductChanged(
            shop_id=shop_id,
            product_id=product_id,
            change=change,
            handle=found.handle,
            title=found.title,
            kind=found.kind,
            status=found.status,
        ),
    )
    return found


async def update_product(
    tx: Tx,
    *,
    shop_id: int,
    product_id: int,
    title: str | None = None,
    titles: Mapping[str, str] | None = None,
    description: str | None = None,
    descriptions: Mapping[str, str] | None = None,
    kind: Kind | None = None,
    status: Status | None = None,
    vendor: str | None = None,
    product_type: str | None = None,
    tags: Sequence[str] | None = None,
    option_names: Sequence[str] | None = None,
    option_texts: Mapping[str, Mapping[str, str]] | None = None,
    tax_class: str | None = None,
    pictures: Sequence[tuple[int, str, Sequence[str]]] | None = None,
) -> Product:
    """Change what is given.  Options of a product that has variants can be renamed, not added or removed.

    `pictures`: (id, alt, option values of the variants it shows) in their order.
    Raises also pricing.UnknownRule (no such tax class), UnknownPicture.
    """
    before = await _locked_product(tx, shop_id, product_id)
    if pictures is not None:
        known = await variants(tx, shop_id=shop_id, product_ids=[product_id])
        await gallery.arrange(tx, shop_id=shop_id, product_id=product_id, wanted=pictures, known=known)
    if tax_class is not None:
        await tax_classes.set_class(tx, shop_id=shop_id, product_id=product_id, tax_class=tax_class)
    if option_names is not None:
        option_names = checked_option_names(option_names)
        if len(option_names) != len(before.option_names) and await queries.count_variants(
            tx, product_id=product_id
        ):
            raise BadOptions("The product has variants: its options can only be renamed.")
    if description is not None:
        description = prose(description, field="description", longest=LONGEST_DESCRIPTION)
    described = None
    if descriptions is not None:
        described = checked_translations(descriptions, field="descriptions", longest=LONGEST_DESCRIPTION)
    plain, plains = await _plain(description or "", described or {})
    await queries.update_product(
        tx,
        product_id=product_id,
        title=None if title is None else line(title, field="title", longest=255, shortest=1),
        titles=None if titles is None else checked_translations(titles, field="titles", longest=255),
        description=description,
        descriptions=described,
        plain=None if description is None else plain,
        plains=None if described is None else plains,
        kind=None if kind is None else Kind(kind),
        status=None if status is None else Status(status),
        vendor=None if vendor is None else line(vendor, field="vendor", longest=255),
        product_type=None if product_type is None else line(product_type, field="type", longest=255),
        tags=None if tags is None else _checked_tags(tags),
        option_names=option_names,
        option_texts=None if option_texts is None else checked_option_texts(option_texts),
    )
    return await tell_changed(tx, shop_id, product_id, "updated")


async def _locked_product(tx: Tx, shop_id: int, product_id: int) -> Product:
    if not await queries.lock_product(tx, shop_id=shop_id, product_id=product_id):
        raise UnknownProduct
    return await product(tx, shop_id=shop_id, product_id=product_id)


async def product(tx: Tx, *, shop_id: int, product_id: int) -> Product:
    """Raises UnknownProduct."""
    found = await queries.products_by_ids(tx, shop_id=shop_id, ids=[product_id])
    if not found:
        raise UnknownProduct
    return _typed(found[0])


async def products_by_id(
    tx: Tx, *, shop_id: int, ids: Sequence[int], lock: bool = False
) -> dict[int, Product]:
    """Those of `ids` that the shop has.  `lock`: nobody else changes them until the end of the transaction."""
    if lock:
        await queries.lock_products(tx, shop_id=shop_id, product_ids=ids)
    return {each.id: _typed(each) for each in await queries.products_by_ids(tx, shop_id=shop_id, ids=ids)}


async def _count_products(
    tx: Tx,
    *,
    shop_id: int,
    search: str = "",
    find: str | None = None,
    status: Status | None = None,
    before: int | None = None,
) -> paging.Counted:
    if find is not None:
        return await searching.count(tx, shop_id=shop_id, search=find, before=before)
    return paging.capped(
        await queries.count_products(
            tx, shop_id=shop_id, patterns=patterns_of(search), status=status, before=before
        )
    )


@paging.counted_by(_count_products)
async def products(
    tx: Tx,
    *,
    shop_id: int,
    search: str = "",
    find: str | None = None,
    status: Status | None = None,
    after: int | None = None,
    before: int | None = None,
    limit: int | None = 100,
) -> list[Product]:
    """In the order they were made, a page of them (`kernel.paging`) or, with a `limit` of None, all; `search` looks for each of its words in
    title, translations, handle, vendor, type, tags and SKUs.

    `find` is a search by shoppers (`searching`): of what is on sale, whatever else is asked for.
    """
    if find is not None:
        most = MOST_AT_ONCE if limit is None else max(1, min(limit, MOST_AT_ONCE))
        return await searching.found(tx, shop_id=shop_id, search=find, after=after, before=before, limit=most)
    found = await queries.products(
        tx,
        shop_id=shop_id,
        patterns=patterns_of(search),
        status=status,
        after=after,
        before=before,
        limit=None if limit is None else max(1, min(limit, MOST_AT_ONCE)),
    )
    return [_typed(each) for each in found]


def _typed(found: Product) -> Product:
    return replace(found, kind=Kind(found.kind), status=Status(found.status))


# Variants


async def add_variant(tx: Tx, *, shop_id: int, product_id: int, variant: NewVariant) -> Variant:
    """Raises UnknownProduct, BadOptions, OptionsTaken, TooManyVariants, or a refusal of the price."""
    (variant_id,) = await add_variants(tx, shop_id=shop_id, product_id=product_id, variants=[variant])
    return (await variants(tx, shop_id=shop_id, ids=[variant_id]))[0]


async def add_variants(tx: Tx, *, shop_id: int, product_id: int, variants: Sequence[NewVariant]) -> list[int]:
    """As `add_variant`, for several at once; the ids in the order given."""
    owner = await _locked_product(tx, shop_id, product_id)
    if await queries.count_variants(tx, product_id=product_id) + len(variants) > MAX_VARIANTS:
        raise TooManyVariants(most=MAX_VARIANTS)
    currency = (await accounts.shop(tx, shop_id)).currency
    variant_ids = [await _insert_variant(tx, owner, currency, variant) for variant in variants]
    await searching.forget(tx, product_id=product_id)
    await searching.refresh(tx, product_id=product_id)
    return variant_ids


async def _insert_variant(tx: Tx, owner: Product, currency: str, variant: NewVariant) -> int:
    options = checked_options(variant.options, owner.option_names)
    minor = checked_minor(variant.price_minor)
    variant_id = await queries.insert_variant_once(
        tx,
        shop_id=owner.shop_id,
        product_id=owner.id,
        sku=line(variant.sku, field="sku", longest=100),
        barcode=line(variant.barcode, field="barcode", longest=100),
        options=options,
        currency=currency,
        grams=checked_grams(variant.grams),
        compare_at_minor=checked_compare_at(variant.compare_at_minor),
    )
    if variant_id is None:
        raise OptionsTaken(options=options)
    valid_from = await price_queries.insert_price(tx, variant_id=variant_id, minor=minor, at=None, reason="")
    assert valid_from is not None, "now has not passed"
    await outbox.record(
        tx, PriceChanged(owner.shop_id, owner.id, variant_id, minor, None, currency, valid_from, "")
    )
    return variant_id


async def update_variant(
    tx: Tx,
    *,
    shop_id: int,
    variant_id: int,
    sku: str | None = None,
    barcode: str | None = None,
    grams: int | None = None,
    compare_at_minor: int | None = None,
    list_price_set_by: str | None = None,
    list_price_evidence: str = "",
    archived: bool | None = None,
) -> Variant:
    """Change what is given; a list price of 0 takes it away.  Options stay: another combination is another variant.

    `archived` takes the variant off sale while the rest of its product stays, or puts it back; its orders, prices and
    stock stay on record, and what is in a checkout can still be bought.

    `list_price_set_by` says who stands for the list price, with evidence: only then it is shown (`references`).
    Raises UnknownVariant, BadWeight, UnusableText, ListPriceUnsourced, LastVariant, or a refusal of the price.
    """
    if archived is not None:
        await _set_archived(tx, shop_id, variant_id, archived=archived)
    if not await queries.update_variant(
        tx,
        shop_id=shop_id,
        variant_id=variant_id,
        sku=None if sku is None else line(sku, field="sku", longest=100),
        barcode=None if barcode is None else line(barcode, field="barcode", longest=100),
        grams=None if grams is None else checked_grams(grams),
        compare_at_minor=None if compare_at_minor is None else checked_minor(compare_at_minor),
    ):
        raise UnknownVariant
    [variant] = await variants(tx, shop_id=shop_id, ids=[variant_id])
    if list_price_set_by is not None:
        await references.say_source(
            tx, shop_id=shop_id, variant=variant, source=list_price_set_by, evidence=list_price_evidence
        )
    return variant


async def _set_archived(tx: Tx, shop_id: int, variant_id: int, *, archived: bool) -> None:
    for found in await variants(tx, shop_id=shop_id, ids=[variant_id]):
        # Two at once would each leave the other as the last.
        await queries.lock_product(tx, shop_id=shop_id, product_id=found.product_id)
        known = {
            each.id: each for each in await variants(tx, shop_id=shop_id, product_ids=[found.product_id])
        }
        if known[variant_id].is_archived is archived:
            return
        if archived and all(each.is_archived for each in known.values() if each.id != variant_id):
            raise LastVariant(product_id=found.product_id, variant_id=variant_id)
        await queries.set_archived(tx, variant_id=variant_id, archived=archived)
        await tell_changed(tx, shop_id, found.product_id, "updated")


async def variants(
    tx: Tx,
    *,
    shop_id: int,
    ids: Sequence[int] = (),
    product_ids: Sequence[int] | None = None,
    lock: bool = False,
) -> list[Variant]:
    """Those of `ids` that the shop has, in order of id, with the price in force.  `lock`: nobody else changes them or
    their price until the end of the transaction.

    With `product_ids` all variants of these products instead, product by product in their position.
    """
    if product_ids is not None:
        return await queries.variants_of(tx, shop_id=shop_id, product_ids=product_ids)
    if lock:
        await queries.lock_variants(tx, shop_id=shop_id, ids=ids)
    return await queries.variants(tx, shop_id=shop_id, ids=ids)


# Bundles


# Prices


# Pictures


async def add_picture(
    tx: Tx,
    *,
    shop_id: int,
    product_id: int,
    picture: ProcessedPicture,
    alt: str = "",
    position: int | None = None,
) -> Picture:
    """Show a picture, whose files are stored already, with a product; last unless it is there or has a `position`.

    Raises UnknownProduct or TooManyPictures.
    """
    owner = await _locked_product(tx, shop_id, product_id)
    there = {each.sha256 for each in await pictures(tx, shop_id=shop_id, product_ids=[product_id])}
    if len(there) >= MOST_PICTURES and picture.sha256 not in there:
        raise TooManyPictures(most=MOST_PICTURES)
    await picture_queries.insert_picture_once(
        tx,
        shop_id=shop_id,
        product_id=product_id,
        sha256=picture.sha256,
        width=picture.width,
        height=picture.height,
        alt=line(alt, field="alt", longest=500),
        position=position,
    )
    await tell_changed(tx, shop_id, owner.id, "updated")
    return next(
        each
        for each in await pictures(tx, shop_id=shop_id, product_ids=[product_id])
        if each.sha256 == picture.sha256
    )


async def pictures(tx: Tx, *, shop_id: int, product_ids: Sequence[int]) -> list[Picture]:
    """The pictures of these products, product by product in their position."""
    return await picture_queries.pictures(tx, shop_id=shop_id, product_ids=product_ids)


async def remove_picture(tx: Tx, *, shop_id: int, product_id: int, picture_id: int) -> None:
    """The product is shown without it; the files stay for pages of orders that name them."""
    if not await picture_queries.delete_picture(
        tx, shop_id=shop_id, product_id=product_id, picture_id=picture_id
    ):
        raise UnknownPicture
    await tell_changed(tx, shop_id, product_id, "updated")

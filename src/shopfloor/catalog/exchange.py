"""The catalogue from a Shopify product CSV and back."""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, ClassVar, Final

from shopfloor import accounts
from shopfloor.accounts import Actor
from shopfloor.catalog import import_queries, price_history, queries, service
from shopfloor.catalog.archive import Archive
from shopfloor.catalog.dialect import charset_of
from shopfloor.catalog.models import (
    BadOptions,
    Kind,
    NewVariant,
    Picture,
    Product,
    Status,
    Variant,
    format_price,
)
from shopfloor.catalog.numbers import Evidence, Numbers, NumbersRead
from shopfloor.catalog.sheet import (
    Broken,
    PictureDraft,
    ProductDraft,
    Remark,
    Sheet,
    SheetIncomplete,
    VariantDraft,
    barcode_of,
    drafts,
    twelve_digits,
    written,
)
from shopfloor.kernel import amounts
from shopfloor.kernel.amounts import DecimalSign
from shopfloor.kernel.charsets import Charset
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.records import dataclass
from shopfloor.picture_files import picture_path

# A file of nothing but faults must not fill the answer.
MOST_REMARKS: Final = 1_000
# Rows that are looked at before others have their turn.
_AT_ONCE: Final = 200

_OUR_PICTURE: Final = re.compile(r"/pictures/([0-9a-f]{64})/[0-9]+\.webp$")


@dataclass(frozen=True, slots=True)
class UnitsOnHand:
    """What the file says is on hand of a variant that was taken."""

    row: int
    variant_id: int
    units: int


@dataclass(frozen=True, slots=True)
class Report:
    """What an import did.

    `rows` counts the rows below the header that were read; `created` and `updated` count products.  `errors`
    are products that were not taken; `notes` are things left out of products that were; of each, the first
    thousand.  `ignored_columns` are headers that mean nothing to us.  `on_hand` is for the caller to book: stock
    stands above the catalogue.
    """

    MOST_REMARKS: ClassVar[int] = MOST_REMARKS

    rows: int
    created: int
    updated: int
    refused: int
    errors: list[Remark]
    notes: list[Remark]
    ignored_columns: list[str]
    on_hand: list[UnitsOnHand]
    pictures: int
    """How many pictures will be fetched now."""
    numbers: NumbersRead
    charset: Charset
    """The encoding by which the file was read."""

    @property
    def units(self) -> dict[int, int]:
        """What is on hand, by variant; where the file says it twice, the last row holds."""
        return {each.variant_id: each.units for each in self.on_hand}


class _FaultInRow(Exception):
    """Undoes a product half taken, and says which row it was."""

    def __init__(self, row: int, column: str, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.remark = Remark(row, column, refusal.code, refusal.message, refusal.facts)


async def import_shopify_csv(
    tx: Tx,
    *,
    shop_id: int,
    stream: IO[bytes],
    actor: Actor | None = None,
    archive: Archive | None = None,
    stock_is_taken: bool = False,
    is_trial: bool = False,
    new_status: Status = Status.DRAFT,
    decimal_sign: DecimalSign | None = None,
) -> Report:
    """Take every product of the file that has no fault, whole; products known by their handle are updated.

    `actor`: whose file it is; products that name an account are told where the role may not (`Actor.check_described`).
    `stock_is_taken`: the caller books `Report.on_hand`; otherwise a note says that stock was left out.  Columns that
    the file does not have leave what is there; variants that it does not name stay.  Pictures come from the
    `archive` where it has them, else from their address: `fetch_pictures` sees to both after the COMMIT, and a second
    import asks for none again.  `is_trial`: the caller will roll back, and nothing is laid aside.
    `new_status`: that of new products for which the file names none.  `decimal_sign`: by which all numbers are read;
    without it, by the one that the file proves (`catalog.numbers`).  `stream` is read several times.

    Raises SheetUnreadable when there is no usable header and SheetTooLarge beyond 50 MB or 200,000 rows; then
    nothing is taken at all (the caller's transaction rolls back).
    """
    currency = (await accounts.shop(tx, shop_id)).currency
    # Not on the loop: all of the file is decoded, perhaps twice.
    charset = await asyncio.to_thread(charset_of, stream)
    evidence, barcodes = await first_look(stream, charset, currency)
    numbers = Numbers(currency, evidence, decimal_sign)
    sheet = Sheet(stream, charset)
    created = updated = refused = pictures = 0
    errors: list[Remark] = []
    notes: list[Remark] = []
    on_hand: list[UnitsOnHand] = []
    if sheet.has_stock and not stock_is_taken:
        message = "Stock was not taken: choose the location it is at."
        notes.append(Remark(1, "variant inventory qty", "catalog.stock_not_taken", message))
    if (upc := twelve_digits(barcodes)) is not None:
        notes.append(upc)
    for draft in drafts(sheet, numbers):
        if isinstance(draft, Broken):
            refused += 1
            errors += draft.faults[: MOST_REMARKS - len(errors)]
            continue
        try:
            _check_described(actor, draft)
            async with tx.connection.transaction():
                is_new, counted = await _take(tx, shop_id, draft, new_status)
                pictures += await _note_pictures(tx, shop_id, draft, archive, is_trial=is_trial)
        except _FaultInRow as fault:
            refused += 1
            errors += [fault.remark][: MOST_REMARKS - len(errors)]
            continue
        created += is_new
        updated += not is_new
        on_hand += counted
        notes += draft.notes[: MOST_REMARKS - len(notes)]
        # Parsing does not wait for anything by itself: let others have their turn.
        await asyncio.sleep(0)
    return Report(
        sheet.rows_read,
        created,
        updated,
        refused,
        errors,
        notes,
        sheet.ignored_columns,
        on_hand,
        pictures,
        numbers.read,
        charset,
    )


async def first_look(
    stream: IO[bytes], charset: Charset, currency: str
) -> tuple[Evidence, list[tuple[int, str]]]:
    """What only the whole file tells: its decimal sign, and its barcodes by row.  The stream stands where it stood."""
    start = stream.tell()
    sheet = Sheet(stream, charset)
    evidence = Evidence(currency, separator=sheet.separator)
    barcodes: list[tuple[int, str]] = []
    for turn, (row, _, record) in enumerate(sheet.records()):
        if not isinstance(record, Remark):
            evidence.look_at(row, record)
            if barcode := barcode_of(record):
                barcodes.append((row, barcode))
        if turn % _AT_ONCE == 0:
            await asyncio.sleep(0)
    stream.seek(start)
    return evidence, barcodes


def _check_described(actor: Actor | None, draft: ProductDraft) -> None:
    """Raises _FaultInRow."""
    if actor is None:
        return
    texts = {
        "title": [draft.title or "", *(draft.titles or {}).values()],
        "body (html)": [draft.description or "", *(draft.descriptions or {}).values()],
    }
    for column, words in texts.items():
        try:
            actor.check_described(*words)
        except Refusal as refusal:
            raise _FaultInRow(draft.row, column, refusal) from refusal


def _far(row: int) -> Remark:
    return Remark(
        row, "variant price", "catalog.csv_price_leap", "The price moves by more than three times. Check it."
    )


async def _take(
    tx: Tx, shop_id: int, draft: ProductDraft, new_status: Status
) -> tuple[bool, list[UnitsOnHand]]:
    """Make or change one product; True when it is new, and what is on hand of it.  Raises _FaultInRow."""
    product_id = await queries.product_id_by_handle(tx, shop_id=shop_id, handle=draft.handle)
    try:
        if product_id is None:
            product_id = await _create(tx, shop_id, draft, new_status)
            is_new = True
        else:
            await _update(tx, shop_id, product_id, draft)
            is_new = False
    except Refusal as refusal:
        raise _FaultInRow(draft.row, "handle", refusal) from refusal
    known = {
        tuple(each.options): each
        for each in await service.variants(tx, shop_id=shop_id, product_ids=[product_id])
    }
    new: list[NewVariant] = []
    for variant in draft.variants:
        before = known.get(tuple(variant.options))
        try:
            if before is None:
                new.append(variant.as_new())
            else:
                if variant.price_minor is not None and amounts.is_leap(
                    before.price_minor, variant.price_minor
                ):
                    draft.notes.append(_far(variant.row))
                await _change_variant(tx, shop_id, before, variant)
        except Refusal as refusal:
            raise _FaultInRow(variant.row, "variant price", refusal) from refusal
    if new:
        try:
            await service.add_variants(tx, shop_id=shop_id, product_id=product_id, variants=new)
        except Refusal as refusal:
            raise _FaultInRow(draft.row, "handle", refusal) from refusal
    return is_new, await _on_hand(tx, shop_id, product_id, draft.variants)


async def _on_hand(
    tx: Tx, shop_id: int, product_id: int, drafts: Sequence[VariantDraft]
) -> list[UnitsOnHand]:
    if all(each.units is None for each in drafts):
        return []
    ids = {
        tuple(each.options): each.id
        for each in await service.variants(tx, shop_id=shop_id, product_ids=[product_id])
    }
    return [
        UnitsOnHand(each.row, ids[tuple(each.options)], each.units)
        for each in drafts
        if each.units is not None
    ]


async def _create(tx: Tx, shop_id: int, draft: ProductDraft, new_status: Status) -> int:
    if draft.title is None:
        raise SheetIncomplete("A new product needs a title.")
    product = await service.create_product(
        tx,
        shop_id=shop_id,
        handle=draft.handle,
        title=draft.title,
        titles=draft.titles,
        description=draft.description or "",
        descriptions=draft.descriptions,
        kind=draft.kind or (Kind.SIZED if draft.option_names else Kind.PIECE),
        status=draft.status or new_status,
        vendor=draft.vendor or "",
        product_type=draft.product_type or "",
        tags=draft.tags or (),
        option_names=draft.option_names,
        option_texts=_merged({}, draft),
    )
    return product.id


async def _update(tx: Tx, shop_id: int, product_id: int, draft: ProductDraft) -> None:
    before = await service.product(tx, shop_id=shop_id, product_id=product_id)
    if len(draft.option_names) != len(before.option_names):
        raise BadOptions("The product has other options here; they can only be renamed.")
    await service.update_product(
        tx,
        shop_id=shop_id,
        product_id=product_id,
        title=draft.title,
        titles=draft.titles,
        description=draft.description,
        descriptions=draft.descriptions,
        kind=draft.kind,
        status=draft.status,
        vendor=draft.vendor,
        product_type=draft.product_type,
        tags=draft.tags,
        option_names=draft.option_names,
        option_texts=_merged(before.option_texts, draft),
    )


def _merged(before: Mapping[str, Mapping[str, str]], draft: ProductDraft) -> dict[str, dict[str, str]] | None:
    """What options are called elsewhere, with what the file says of it; what it does not name stays."""
    if draft.option_texts is None:
        return None
    merged = {locale: dict(words) for locale, words in before.items()}
    for locale, words in draft.option_texts.items():
        known = {**merged.get(locale, {}), **words}
        merged[locale] = {word: text for word, text in known.items() if text}
    return {locale: words for locale, words in merged.items() if words}


async def _change_variant(tx: Tx, shop_id: int, before: Variant, draft: VariantDraft) -> None:
    wanted = (draft.sku, draft.barcode, draft.grams, draft.compare_at_minor)
    present = (before.sku, before.barcode, before.grams, before.compare_at_minor or 0)
    if any(new not in {None, old} for new, old in zip(wanted, present, strict=True)):
        await service.update_variant(
            tx,
            shop_id=shop_id,
            variant_id=before.id,
            sku=draft.sku,
            barcode=draft.barcode,
            grams=draft.grams,
            compare_at_minor=draft.compare_at_minor,
        )
    if draft.price_minor is not None and draft.price_minor != before.price_minor:
        await price_history.set_price(
            tx,
            shop_id=shop_id,
            variant_id=before.id,
            amount=draft.price_minor,
            reason="import",
            # Nobody is there to be asked: the note says so.
            confirmed=True,
        )


async def _note_pictures(
    tx: Tx, shop_id: int, draft: ProductDraft, archive: Archive | None, *, is_trial: bool
) -> int:
    """Note where pictures are to be had, and how many will be fetched; our own, in a file that we wrote, are here."""
    if not draft.pictures:
        return 0
    product_id = await queries.product_id_by_handle(tx, shop_id=shop_id, handle=draft.handle)
    assert product_id is not None, "it was taken a moment ago"
    ours = {each.sha256 for each in await service.pictures(tx, shop_id=shop_id, product_ids=[product_id])}
    wanted = 0
    for picture in draft.pictures:
        found = _OUR_PICTURE.search(picture.url)
        if found is not None and found[1] in ours:
            continue
        in_archive = archive is not None and archive.holds(picture.url)
        if not in_archive and "://" not in picture.url:
            draft.notes.append(_not_found(picture))
            continue
        try:
            upload = await archive.stage(picture.url) if archive and in_archive and not is_trial else None
        except Refusal as refusal:
            draft.notes.append(Remark(picture.row, "image src", refusal.code, refusal.message))
            continue
        wanted += await import_queries.put_picture_source(
            tx,
            product_id=product_id,
            url=picture.url,
            position=picture.position,
            alt=picture.alt,
            upload=upload,
        )
    return wanted


def _not_found(picture: PictureDraft) -> Remark:
    return Remark(
        picture.row,
        "image src",
        "catalog.picture_not_in_zip",
        "The image isn't in a ZIP file sent with the CSV.",
    )


# Export


_FIXED: Final = (
    "Handle", "Title", "Body (HTML)", "Vendor", "Type", "Tags", "Published", "Option1 Name", "Option1 Value",
    "Option2 Name", "Option2 Value", "Option3 Name", "Option3 Value", "Variant SKU", "Variant Grams",
    "Variant Price", "Variant Compare At Price", "Variant Barcode", "Image Src", "Image Position", "Image Alt Text", "Status", "Kind",
)  # fmt: skip


_OPTIONS: Final = tuple(f"Option{n} {part}" for n in (1, 2, 3) for part in ("Name", "Value"))


async def export_shopify_csv(tx: Tx, *, shop_id: int, base_url: str | None = None) -> str:
    """All products of the shop, as text, in columns that Shopify reads and `import_shopify_csv` reads back.

    With `base_url` the pictures kept here are named by their public address.  Cells that a spreadsheet would
    take for a formula are led by an apostrophe, which the import takes off.
    """
    products = await _all(tx, shop_id)
    ids = [each.id for each in products]
    locales = sorted({locale for each in products for locale in each.titles | each.descriptions})
    sources: dict[int, list[tuple[str, str]]] = {}
    if base_url is not None:
        for picture in await service.pictures(tx, shop_id=shop_id, product_ids=ids):
            sources.setdefault(picture.product_id, []).append((_address(base_url, picture), picture.alt))
    for source in await import_queries.picture_sources(tx, shop_id=shop_id):
        sources.setdefault(source.product_id, []).append((source.url, source.alt))
    variants: dict[int, list[Variant]] = {}
    for variant in await service.variants(tx, shop_id=shop_id, product_ids=ids):
        # The format knows products that are archived, no variants.
        if not variant.is_archived:
            variants.setdefault(variant.product_id, []).append(variant)
    spoken = sorted({locale for each in products for locale in each.option_texts})
    header = [
        *_FIXED,
        *(f"{text} [{locale}]" for locale in locales for text in ("Title", "Body (HTML)")),
        *(f"{column} [{locale}]" for locale in spoken for column in _OPTIONS),
    ]
    rows = (
        row
        for product in products
        for row in _rows(product, variants.get(product.id, []), sources.get(product.id, []), locales, spoken)
    )
    return written([header, *rows])


async def _all(tx: Tx, shop_id: int) -> list[Product]:
    return await service.products(tx, shop_id=shop_id, limit=None)


def _address(base_url: str, picture: Picture) -> str:
    return base_url.rstrip("/") + picture_path(picture.sha256, picture.sizes[-1])


def _rows(
    product: Product,
    variants: list[Variant],
    pictures: list[tuple[str, str]],
    locales: list[str],
    spoken: list[str],
) -> Iterator[list[str]]:
    for turn in range(max(len(variants), len(pictures), 1)):
        row: dict[str, str] = dict.fromkeys(_FIXED, "")
        row["Handle"] = product.handle
        translations = [""] * (2 * len(locales))
        if turn == 0:
            row |= {
                "Title": product.title,
                "Body (HTML)": product.description,
                "Vendor": product.vendor,
                "Type": product.product_type,
                "Tags": ", ".join(product.tags),
                "Published": "TRUE" if product.status is Status.ACTIVE else "FALSE",
                "Status": product.status,
                "Kind": product.kind,
            }
            row |= {f"Option{n} Name": name for n, name in enumerate(product.option_names or ["Title"], 1)}
            translations = [
                text
                for locale in locales
                for text in (product.titles.get(locale, ""), product.descriptions.get(locale, ""))
            ]
        if turn < len(variants):
            row |= _variant_cells(variants[turn])
        if turn < len(pictures):
            row |= {
                "Image Src": pictures[turn][0],
                "Image Position": str(turn + 1),
                "Image Alt Text": pictures[turn][1],
            }
        yield [
            *row.values(),
            *translations,
            *(
                product.option_texts.get(locale, {}).get(row[column], "")
                for locale in spoken
                for column in _OPTIONS
            ),
        ]


def _variant_cells(variant: Variant) -> dict[str, str]:
    return {f"Option{n} Value": value for n, value in enumerate(variant.options or ["Default Title"], 1)} | {
        "Variant SKU": variant.sku,
        "Variant Grams": str(variant.grams),
        "Variant Price": format_price(variant.price),
        "Variant Compare At Price": "" if variant.list_price is None else format_price(variant.list_price),
        "Variant Barcode": variant.barcode,
    }

"""One product with its variants, prices, pictures and bundles."""

import json
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from functools import partial
from typing import Annotated, Final

from fastapi import File, Form, UploadFile
from starlette.datastructures import FormData
from starlette.responses import Response

from shopfloor import catalog, inventory, picture_files, policies, pricing, returns, stock
from shopfloor.accounts import Permission
from shopfloor.kernel.amounts import written
from shopfloor.kernel.border import Id
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.kernel.text import cleaned, narrow
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.console.form_values import check_variants, id_of
from shopfloor.web.console.languages import other_language
from shopfloor.web.console.offers import variant_label
from shopfloor.web.console.product_bundles import ROWS, bundle_forms, variant_meant
from shopfloor.web.console.taxes import about
from shopfloor.web.forms import Tick
from shopfloor.web.languages import N_
from shopfloor.web.refusals import message_of
from shopfloor.web.returning import reason_words
from shopfloor.web.templating import flash

router = Router(prefix="/console/{shop}/products", include_in_schema=False)

Viewer = Annotated[Desk, at_page("products")]
Editor = Annotated[Desk, at(Permission.CATALOG_EDIT)]
Text = Annotated[str, Form()]

OPTIONS: Final = range(1, catalog.Product.MOST_OPTIONS + 1)
# Bytes of an upload that are taken at once.
_PART: Final = 256 * 1024
# What a refusal calls a thing, and the field of the form in which it was typed.
_FIELDS: Final = {
    "title": "title",
    "description": "description",
    "descriptions": "other_description",
    "titles": "other_title",
    "option name": "option1",
    "option": "values1",
    "sku": "sku",
    "vendor": "vendor",
}
_FIELD_OF_CODE: Final = {
    "catalog.bad_options": "option1",
    "catalog.not_a_picture": "picture",
    "catalog.options_taken": "values1",
    "catalog.picture_too_large": "picture",
    "catalog.too_many_pictures": "picture",
    "catalog.too_many_tags": "tags",
    "catalog.too_many_variants": "values1",
    "amount.ambiguous": "price",
    "amount.decimals": "price",
    "amount.negative": "price",
    "amount.too_large": "price",
    "amount.unreadable": "price",
}


async def set_apart(tx: Tx, shop_id: int, variant_ids: Sequence[int]) -> dict[int, int]:
    """By variant, the free units on the shelf that the open shop cannot sell just now."""
    open_pool = await inventory.open_pool(tx, shop_id=shop_id)
    units: dict[int, int] = {}
    for level in await inventory.levels(tx, shop_id=shop_id, variant_ids=variant_ids):
        if level.pool_id != open_pool.id and level.kind == inventory.LotKind.ON_HAND and level.free:
            units[level.variant_id] = units.get(level.variant_id, 0) + level.free
    return units


def _refused_fields(desk: Desk, refusal: Refusal, form: Sequence[str]) -> dict[str, str]:
    """What was refused, beside the field where it was typed; at the top of the form when it has none."""
    named = str(refusal.facts.get("field", ""))
    field = _FIELDS.get(named) or _FIELD_OF_CODE.get(refusal.code, "")
    return {field if field in form else "": message_of(refusal, desk.language)}


# One more product


@router.get("/new")
async def new(desk: Editor) -> Response:
    return _new_form(desk, {"kind": "sized", "option1": desk.say(N_("Size")), "status": "draft"}, {})


def _new_form(
    desk: Desk, values: Mapping[str, str], errors: Mapping[str, str], status: int = 200
) -> Response:
    return desk.page(
        "product_new.html",
        active="products",
        values=values,
        errors=errors,
        other=other_language(desk),
        options=OPTIONS,
        status=status,
    )


@router.post("/new")
async def create(desk: Editor) -> Response:
    """The product with a variant for each combination of the options."""
    values = _typed(await desk.request.form())
    try:
        names = [values.get(f"option{n}", "").strip() for n in OPTIONS]
        choices = [split_values(values.get(f"values{n}", "")) for n in OPTIONS]
        used = [(name, chosen) for name, chosen in zip(names, choices, strict=True) if name and chosen]
        minor = desk.minor(values.get("price", ""))
        _check_described(desk, values)
        async with desk.work() as tx:
            product = await catalog.create_product(
                tx,
                shop_id=desk.shop.id,
                title=values.get("title", ""),
                titles={other_language(desk): values.get("other_title", "")},
                description=values.get("description", ""),
                descriptions={other_language(desk): values.get("other_description", "")},
                kind=_kind(values.get("kind")),
                status=status_of(values.get("status")),
                vendor=values.get("vendor", ""),
                option_names=[name for name, _ in used],
                variants=catalog.NewVariant.of_each(
                    [chosen for _, chosen in used], minor, values.get("sku", "")
                ),
            )
    except Refusal as refusal:
        errors = _refused_fields(desk, refusal, [*values, "option1", "values1"])
        return _new_form(desk, values, errors, refusal.status)
    said = N_("Draft created. Add images and stock, then publish it.")
    if product.status is catalog.Status.ACTIVE:
        said = N_("Product created and published. Next: images and stock.")
    return desk.back(f"/products/{product.id}", desk.say(said))


def _check_described(desk: Desk, typed: Mapping[str, str]) -> None:
    """Raises AccountNamed, with the field that names an account."""
    for field in ("title", "other_title", "description", "other_description"):
        with about(field):
            desk.actor.check_described(typed.get(field, ""))


# In 38,5 the comma stands before half a size.
_SEPARATORS: Final = re.compile(r"(?<![0-9]{2}),|,(?!5(?![0-9]))|[，、;；|\n]|\s/\s")
# What people write as a size: S, XL, 3XL, XXS, 42, 38.5.
_SIZE: Final = r"(?:\d?X{0,4}[SML]|\d{1,3}(?:[.,]\d{1,3})?)"
_SIZES: Final = re.compile(_SIZE, re.IGNORECASE)
# One size that spans two: S/M, 36/38, 92-98.
_SPAN: Final = re.compile(f"{_SIZE}(?:[/–-]{_SIZE})?", re.IGNORECASE)
# What a row of sizes has between them without a comma: S M L, S/M/L, S-M-L.
_BETWEEN: Final = re.compile(r"[\s/·・+–—-]+")


def split_values(text: str) -> list[str]:
    """Typed as "S, M，L": each value once, in the order typed.

    Sizes need no more than a space between them, or a stroke where there are three: S/M is one size.
    """
    values = [" ".join(value.split()) for value in _SEPARATORS.split(narrow(text))]
    if len(values) == 1:
        words = values[0].split(" ")
        parts = [each for each in _BETWEEN.split(values[0]) if each]
        if all(_SPAN.fullmatch(word) for word in words):
            values = words
        elif len(parts) > 2 and all(_SIZES.fullmatch(part) for part in parts):
            values = parts
    return list(dict.fromkeys(filter(None, values)))


def _kind(text: str | None) -> catalog.Kind:
    return catalog.Kind(text) if text in set(catalog.Kind) else catalog.Kind.PIECE


def status_of(text: str | None) -> catalog.Status:
    """That of a new product: a draft, where nothing else was chosen."""
    return catalog.Status.ACTIVE if text == catalog.Status.ACTIVE else catalog.Status.DRAFT


def _typed(form: FormData) -> dict[str, str]:
    return {name: value for name, value in form.items() if isinstance(value, str)}


async def upload_parts(file: UploadFile | None) -> AsyncGenerator[bytes]:
    """What was chosen in a form; nothing where nothing was."""
    while file is not None and (part := await file.read(_PART)):
        yield part


# One product


@router.get("/{product_id}")
async def one(desk: Viewer, product_id: Id) -> Response:
    return await _page(desk, product_id)


async def _page(
    desk: Desk,
    product_id: int,
    *,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    """The page; `typed` over what is kept, where a form came back."""
    async with desk.work() as tx:
        product = await catalog.product(tx, shop_id=desk.shop.id, product_id=product_id)
        variants = await catalog.variants(tx, shop_id=desk.shop.id, product_ids=[product_id])
        ids = [variant.id for variant in variants]
        pictures = await catalog.pictures(tx, shop_id=desk.shop.id, product_ids=[product_id])
        lefts = await stock.available(tx, shop_id=desk.shop.id, variant_ids=ids)
        apart = await set_apart(tx, desk.shop.id, ids)
        references = await catalog.reference_prices(tx, shop_id=desk.shop.id, variants=variants)
        histories = {
            variant.id: await catalog.prices(tx, shop_id=desk.shop.id, variant_id=variant.id)
            for variant in variants
        }
        bundles, goods, cut = await bundle_forms(tx, desk, variants)
        classes = await pricing.service.tax_classes(tx, shop_id=desk.shop.id)
        no_return = await policies.return_rules.exceptions(tx, shop_id=desk.shop.id, product_ids=[product_id])
        came_back = await returns.reasons.of_product(tx, shop_id=desk.shop.id, product_id=product_id)
    other = other_language(desk)
    known = product.option_texts.get(other, {})
    words = _option_values(variants)
    values = {
        "title": product.title,
        "other_title": product.titles.get(other, ""),
        "description": product.description,
        "other_description": product.descriptions.get(other, ""),
        "kind": str(product.kind),
        "vendor": product.vendor,
        "tags": ", ".join(product.tags),
        **{f"option{n}": name for n, name in enumerate(product.option_names, 1)},
        **{f"other_option{n}": known.get(name, "") for n, name in enumerate(product.option_names, 1)},
        **{f"{VALUE}{value}": known.get(value, "") for value in words},
    }
    return desk.page(
        "product.html",
        classes=classes,
        tax_class=product.tax_class,
        no_return=no_return.get(product_id),
        came_back=_by_variant(came_back, variants, desk),
        active="products",
        product=product,
        variants=variants,
        pictures=pictures,
        shows=_shows(variants),
        shown_by={each.id: _listed(each.shows) for each in pictures},
        lefts=lefts,
        apart=apart,
        references=references,
        sourced=next((each for each in references.values() if each.source), None),
        histories=histories,
        bundles=bundles,
        goods=goods,
        goods_cut=cut,
        rows=ROWS,
        option_values=[(f"{VALUE}{value}", value) for value in words],
        values={**values, **(typed or {})},
        errors=errors or {},
        other=other,
        status=status,
    )


def _listed(values: Sequence[str]) -> str:
    """Option values as a form names them."""
    return json.dumps(list(values), ensure_ascii=False)


def _shows(variants: Sequence[catalog.Variant]) -> list[tuple[str, str]]:
    """What a picture may be of: all variants with a value, or one variant; each with its words."""
    on_sale = [each for each in variants if not each.is_archived]
    values = [(_listed([value]), value) for value in _option_values(on_sale)]
    single = [(_listed(each.options), " · ".join(each.options)) for each in on_sale if len(each.options) > 1]
    return values + single


def _by_variant(
    came_back: Sequence[returns.reasons.CameBack], variants: Sequence[catalog.Variant], desk: Desk
) -> list[tuple[catalog.Variant, int, list[tuple[str, int]]]]:
    """Variants of which units came back: how many, and how many for which reason."""
    found: list[tuple[catalog.Variant, int, list[tuple[str, int]]]] = []
    for variant in variants:
        of_variant = [each for each in came_back if each.variant_id == variant.id]
        if of_variant:
            why = [(reason_words(each.reason, desk.language), each.units) for each in of_variant]
            found.append((variant, sum(each.units for each in of_variant), why))
    return found


@router.post("/{product_id}")
async def save(desk: Editor, product_id: Id) -> Response:
    """Words, kind and the names of the options."""
    typed = _typed(await desk.request.form())
    other = other_language(desk)
    try:
        _check_described(desk, typed)
        async with desk.work() as tx:
            before = await catalog.product(tx, shop_id=desk.shop.id, product_id=product_id)
            names = [typed.get(f"option{n}", name) for n, name in enumerate(before.option_names, 1)]
            await catalog.update_product(
                tx,
                shop_id=desk.shop.id,
                product_id=product_id,
                title=typed.get("title", before.title),
                titles={**before.titles, other: typed.get("other_title", "")},
                description=typed.get("description", before.description),
                descriptions={**before.descriptions, other: typed.get("other_description", "")},
                kind=_kind(typed.get("kind", before.kind)),
                vendor=typed.get("vendor", before.vendor),
                tags=split_values(typed.get("tags", "")),
                option_names=names,
                option_texts={**before.option_texts, other: _option_texts(typed, names)},
            )
    except Refusal as refusal:
        errors = _refused_fields(desk, refusal, list(typed))
        return await _page(desk, product_id, typed=typed, errors=errors, status=refusal.status)
    return desk.back(f"/products/{product_id}", desk.say(N_("Saved.")))


# A field for the translation of a value is called by the value.
VALUE: Final = "other_value:"


def _option_texts(typed: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """What options are called in the other language: their names by turn, their values by what they are."""
    values = {name.removeprefix(VALUE): text for name, text in typed.items() if name.startswith(VALUE)}
    return values | {
        name: typed[f"other_option{n}"] for n, name in enumerate(names, 1) if f"other_option{n}" in typed
    }


def _option_values(variants: Sequence[catalog.Variant]) -> list[str]:
    """Each once, option by option."""
    most = max((len(variant.options) for variant in variants), default=0)
    found = (variant.options[n] for n in range(most) for variant in variants if n < len(variant.options))
    return [value for value in dict.fromkeys(found) if value != "Default Title"]


@router.post("/{product_id}/status")
async def set_status(desk: Editor, product_id: Id, status: Annotated[catalog.Status, Form()]) -> Response:
    said = {
        catalog.Status.ACTIVE: N_("Product published."),
        catalog.Status.DRAFT: N_("Moved to drafts: only you can see it."),
        catalog.Status.ARCHIVED: N_("Product archived. Its orders and prices stay on record."),
    }
    with desk.back_if_refused(f"/products/{product_id}"):
        async with desk.work() as tx:
            await catalog.update_product(tx, shop_id=desk.shop.id, product_id=product_id, status=status)
    return desk.back(f"/products/{product_id}", desk.say(said[status]))


# What keeps a product or variant from being deleted, by `catalog.InUse.facts["uses"]`.
_USES: Final = {
    "bundle": N_("it's part of a bundle"),
    "forecast": N_("a forecast counts it"),
    "held": N_("it was in a checkout"),
    "other": N_("something else refers to it"),
    "plan": N_("a purchase plan includes it"),
    "discount": N_("a discount names it"),
    "purchase_order": N_("it was ordered from a supplier"),
    "quote": N_("a supplier quoted it"),
    "show": N_("it's in a show"),
    "sold": N_("it was ordered"),
    "stock": N_("it has stock, or had"),
    "waitlist": N_("somebody is or was on its waitlist"),
}


def _not_deleted(desk: Desk, refusal: Refusal, *, whole: bool) -> str:
    """Why it stays, and what can be done instead."""
    uses = refusal.facts.get("uses")
    if not isinstance(uses, list):
        return message_of(refusal, desk.language)
    why = [desk.say(_USES[str(use)]) for use in uses]
    words = (
        N_(
            "This product can't be deleted: %(reasons)s. Archive it instead; it then disappears from the shop."
        )
        if whole
        else N_(
            "Nothing was deleted: %(reasons)s. Archive such a variant instead; it then disappears from the shop."
        )
    )
    return desk.say(words, reasons=desk.say(N_("; ")).join(why))


@router.post("/{product_id}/delete")
async def delete(desk: Editor, product_id: Id) -> Response:
    try:
        async with desk.work() as tx:
            await catalog.delete_product(
                tx,
                shop_id=desk.shop.id,
                product_id=product_id,
                named_by=services_of(desk.request).named_by,
            )
    except Refusal as refusal:
        response = desk.back(f"/products/{product_id}")
        flash(response, "bad", _not_deleted(desk, refusal, whole=True))
        return response
    return desk.back("/products", desk.say(N_("Product deleted.")))


@router.post("/{product_id}/variants/delete")
async def delete_variants(desk: Editor, product_id: Id) -> Response:
    """Those that were chosen: all of them, or none."""
    back = f"/products/{product_id}#variants"
    try:
        chosen = [id_of(str(value)) for value in (await desk.request.form()).getlist("variant_id")]
        async with desk.work() as tx:
            await catalog.delete_variants(
                tx,
                shop_id=desk.shop.id,
                product_id=product_id,
                variant_ids=chosen,
                named_by=services_of(desk.request).named_by,
            )
    except Refusal as refusal:
        response = desk.back(back)
        flash(response, "bad", _not_deleted(desk, refusal, whole=False))
        return response
    if not chosen:
        return desk.back(back, desk.say(N_("Select variants first.")))
    return desk.back(back, desk.say(N_("Deleted.")))


@router.post("/{product_id}/variants/archive")
async def archive_variants(desk: Editor, product_id: Id, archived: Tick = True) -> Response:
    """Off sale, or back on sale: all of those that were chosen, or none."""
    back = f"/products/{product_id}#variants"
    chosen = [id_of(str(value)) for value in (await desk.request.form()).getlist("variant_id")]
    with desk.back_if_refused(back):
        async with desk.work() as tx:
            await catalog.product(tx, shop_id=desk.shop.id, product_id=product_id)
            own = await catalog.variants(tx, shop_id=desk.shop.id, product_ids=[product_id])
            if not {variant.id for variant in own}.issuperset(chosen):
                raise catalog.UnknownVariant
            for each in sorted(set(chosen)):
                await catalog.update_variant(tx, shop_id=desk.shop.id, variant_id=each, archived=archived)
            lefts = await stock.available(tx, shop_id=desk.shop.id, variant_ids=chosen)
    if not chosen:
        return desk.back(back, desk.say(N_("Select variants first.")))
    if not archived:
        return desk.back(back, desk.say(N_("On sale again.")))
    units = sum(left.now for left in lefts.values())
    said = desk.say(N_("Archived: shoppers no longer see it. Orders and prices stay on record."))
    if units:
        said += " " + desk.say(
            N_("Its units stay in stock: %(units)s. Correct the stock if they are gone."), units=units
        )
    return desk.back(back, said)


@router.post("/{product_id}/variants")
async def save_variants(desk: Editor, product_id: Id) -> Response:
    """Prices and SKUs of the whole table; all of it, or nothing when a field is wrong."""
    typed = _typed(await desk.request.form())
    errors: dict[str, str] = {}
    async with desk.work() as tx:
        await catalog.product(tx, shop_id=desk.shop.id, product_id=product_id)
        variants = await catalog.variants(tx, shop_id=desk.shop.id, product_ids=[product_id])
    try:
        check_variants(typed, "price", "sku", known={variant.id for variant in variants})
    except catalog.UnknownVariant:
        errors = {
            "variants": desk.say(
                N_("A variant was deleted in the meantime. Check the others, and save again.")
            )
        }
        return await _page(desk, product_id, typed=typed, errors=errors, status=catalog.UnknownVariant.status)
    prices: dict[int, int] = {}
    list_prices: dict[int, int | None] = {}
    for variant in variants:
        field = f"compare-{variant.id}"
        text = typed.get(field)
        try:
            # An emptied field takes the list price away.
            list_prices[variant.id] = text if text is None else desk.minor(text) if text.strip() else 0
        except Refusal as refusal:
            errors[field] = message_of(refusal, desk.language)
        field = f"price-{variant.id}"
        try:
            prices[variant.id] = desk.minor(
                typed.get(field, written(variant.price.minor, variant.price.currency))
            )
        except Refusal as refusal:
            errors[field] = message_of(refusal, desk.language)
    if errors:
        return await _page(desk, product_id, typed=typed, errors=errors, status=422)
    leaps = desk.leaps()
    try:
        async with desk.work() as tx:
            for variant in variants:
                sku = typed.get(f"sku-{variant.id}", variant.sku)
                listed = list_prices[variant.id] or (
                    variant.compare_at_minor if list_prices[variant.id] is None else 0
                )
                says = bool(typed.get("set_by", "").strip()) and bool(listed)
                if sku.strip() != variant.sku or list_prices[variant.id] is not None or says:
                    await catalog.update_variant(
                        tx,
                        shop_id=desk.shop.id,
                        variant_id=variant.id,
                        sku=sku,
                        compare_at_minor=list_prices[variant.id],
                        list_price_set_by=typed["set_by"] if says else None,
                        list_price_evidence=typed.get("evidence", ""),
                    )
                await leaps.set(
                    variant.id,
                    variant_label(desk, variant),
                    partial(
                        catalog.set_price,
                        tx,
                        shop_id=desk.shop.id,
                        variant_id=variant.id,
                        amount=prices[variant.id],
                        reason=typed.get("reason", ""),
                    ),
                )
            desk.ask(leaps)
    except Refusal as refusal:
        field = "evidence" if refusal.facts.get("field") == "list_price_evidence" else "variants"
        errors = {field: message_of(refusal, desk.language)}
        return await _page(desk, product_id, typed=typed, errors=errors, status=refusal.status)
    return desk.back(f"/products/{product_id}#variants", desk.say(N_("Prices and SKUs are saved.")))


@router.post("/{product_id}/variants/new")
async def add_variant(desk: Editor, product_id: Id) -> Response:
    typed = _typed(await desk.request.form())
    try:
        minor = desk.minor(typed.get("new_price", ""))
        async with desk.work() as tx:
            product = await catalog.product(tx, shop_id=desk.shop.id, product_id=product_id)
            options = [typed.get(f"new_option{n}", "") for n, _ in enumerate(product.option_names, 1)]
            await catalog.add_variant(
                tx,
                shop_id=desk.shop.id,
                product_id=product_id,
                variant=catalog.NewVariant(minor, options, typed.get("new_sku", "")),
            )
    except Refusal as refusal:
        field = "new_price" if refusal.code.startswith("form.") else "new_option1"
        errors = {field: message_of(refusal, desk.language)}
        return await _page(desk, product_id, typed=typed, errors=errors, status=refusal.status)
    return desk.back(f"/products/{product_id}#variants", desk.say(N_("Variant added.")))


@router.post("/{product_id}/parts")
async def save_parts(desk: Editor, product_id: Id, variant_id: Annotated[Id, Form()]) -> Response:
    """What one of a variant consists of; a row without a name is no part, no rows at all no bundle."""
    typed = _typed(await desk.request.form())
    rows = [(n, typed.get(f"part-{variant_id}-{n}", "").strip()) for n in ROWS]
    errors: dict[str, str] = {}
    parts: list[catalog.NewPart] = []
    async with desk.work() as tx:
        for n, text in rows:
            if not text:
                continue
            field, units = f"part-{variant_id}-{n}", f"units-{variant_id}-{n}"
            part_id = await variant_meant(tx, desk.shop.id, text)
            if part_id is None:
                errors[field] = desk.say(N_("No product matches. Choose from the list or enter a SKU."))
                continue
            try:
                parts.append(catalog.NewPart(part_id, desk.quantity(typed.get(units, "1"))))
            except Refusal as refusal:
                errors[units] = message_of(refusal, desk.language)
    try:
        if not errors:
            async with desk.work() as tx:
                [variant] = await catalog.variants(tx, shop_id=desk.shop.id, ids=[variant_id]) or [None]
                if variant is None or variant.product_id != product_id:
                    raise catalog.UnknownVariant
                await catalog.set_parts(tx, shop_id=desk.shop.id, variant_id=variant_id, parts=parts)
    except Refusal as refusal:
        errors = {f"parts-{variant_id}": message_of(refusal, desk.language)}
    if errors:
        return await _page(desk, product_id, typed=typed, errors=errors, status=422)
    said = N_("Saved. Each sale uses these units.") if parts else N_("It's sold individually again.")
    return desk.back(f"/products/{product_id}#bundles", desk.say(said))


# How many pictures one form may bring.
MOST_AT_ONCE: Final = 20


@router.post("/{product_id}/pictures")
async def add_pictures(
    desk: Editor, product_id: Id, picture: Annotated[list[UploadFile] | None, File()] = None, alt: Text = ""
) -> Response:
    """Pictures in the order chosen, decoded and encoded again by us: those that can be used are added, and each that
    can't is named beside the field with what is wrong with it.
    """
    # A form without a file says so like one with a file that is no picture.
    chosen: list[UploadFile | None] = [each for each in picture or () if each.filename or each.size] or [None]
    wrong: list[str] = []
    added = known_already = 0
    if len(chosen) > MOST_AT_ONCE:
        wrong.append(desk.say(N_("Choose at most %(n)s images at a time."), n=MOST_AT_ONCE))
        chosen = []
    try:
        async with desk.work() as tx:
            await catalog.product(tx, shop_id=desk.shop.id, product_id=product_id)
            there = await catalog.pictures(tx, shop_id=desk.shop.id, product_ids=[product_id])
        known = {each.sha256 for each in there}
        described = alt if len(chosen) == 1 else ""
        for each in chosen:
            try:
                received = await picture_files.receive_picture(
                    upload_parts(each), services_of(desk.request).given.pictures_dir
                )
                # One that is there keeps its description unless there is a new one.
                if received.sha256 not in known or described:
                    async with desk.work() as tx:
                        await catalog.add_picture(
                            tx, shop_id=desk.shop.id, product_id=product_id, picture=received, alt=described
                        )
            except Refusal as refusal:
                if _FIELD_OF_CODE.get(refusal.code) != "picture":
                    raise
                why = message_of(refusal, desk.language)
                name = "" if each is None else cleaned(each.filename or "", one_line=True)
                wrong.append(f"{name}: {why}" if len(chosen) > 1 else why)
                continue
            if received.sha256 in known:
                known_already += 1
            else:
                added += 1
            known.add(received.sha256)
    except Refusal as refusal:
        errors = {_FIELD_OF_CODE.get(refusal.code, "alt"): message_of(refusal, desk.language)}
        return await _page(desk, product_id, typed={"alt": alt}, errors=errors, status=refusal.status)
    words = desk.language.words
    said: list[str] = []
    if added:
        said.append(words.ngettext("%(num)s image added.", "%(num)s images added.", added) % {"num": added})
    if known_already:
        said.append(
            words.ngettext(
                "%(num)s image was there already.", "%(num)s images were there already.", known_already
            )
            % {"num": known_already}
        )
    if wrong:
        errors = {"picture": " ".join([*said, *wrong])}
        return await _page(desk, product_id, typed={"alt": alt}, errors=errors, status=422)
    return desk.back(f"/products/{product_id}#pictures", " ".join(said))


@router.post("/{product_id}/pictures/{picture_id}/remove")
async def remove_picture(desk: Editor, product_id: Id, picture_id: Id) -> Response:
    with desk.back_if_refused(f"/products/{product_id}#pictures"):
        async with desk.work() as tx:
            await catalog.remove_picture(
                tx, shop_id=desk.shop.id, product_id=product_id, picture_id=picture_id
            )
    return desk.back(f"/products/{product_id}#pictures", desk.say(N_("Image removed.")))

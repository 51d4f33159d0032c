"""Products as one grid: titles, states, prices, SKUs and barcodes of many, typed and saved at once, and undone.

A cell is written only where it is not what the page showed, and only where it is still that: of two people who change one
cell, the second is shown what the first wrote.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from operator import attrgetter
from typing import Annotated, Final
from urllib.parse import parse_qsl

from fastapi import Form, Query
from starlette.responses import Response

from shopfloor import catalog, stock
from shopfloor.kernel import paging
from shopfloor.kernel.amounts import read_minor, written
from shopfloor.kernel.border import Id
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.routes import Router
from shopfloor.kernel.text import line
from shopfloor.web.console.desk import Desk
from shopfloor.web.console.form_values import choice_of, id_of
from shopfloor.web.console.grid import UNREADABLE, CannotUndo, Cell, cells, undo_of
from shopfloor.web.console.offers import variant_label
from shopfloor.web.console.product_list import as_listed
from shopfloor.web.console.products import Editor, Viewer
from shopfloor.web.languages import N_
from shopfloor.web.questions import Leaps
from shopfloor.web.refusals import message_of
from shopfloor.web.templating import flash

router = Router(prefix="/console/{shop}/products/grid", include_in_schema=False)

Text = Annotated[str, Form(max_length=2_000)]

PAGE: Final = 50
# A page has fewer products where these have more variants than this: a form has an end.
MOST_ROWS: Final = 400
OF_PRODUCT: Final = ("title", "status")
OF_VARIANT: Final = ("price", "compare", "sku", "barcode")


@dataclass(frozen=True, slots=True)
class Row:
    """A product with what is sold of it, and what buyers can still have of each variant."""

    product: catalog.Product
    variants: Sequence[catalog.Variant]
    lefts: Mapping[int, stock.Availability]


@dataclass(frozen=True, slots=True)
class Change:
    """A cell as it was and as it is to be, in the words of `_shown`."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class _Findings:
    """What is wrong, by cell, and what stands now in cells that somebody else has changed."""

    errors: dict[str, str]
    now: dict[str, str] = field(default_factory=dict[str, str])


class _Refused(Exception):
    """Carries what is wrong out of the transaction, so that nothing of it stays."""

    def __init__(self, findings: _Findings) -> None:
        super().__init__("cells were refused")
        self.findings = findings


@router.get("")
async def grid(
    desk: Viewer,
    search: Annotated[str, Query(max_length=200)] = "",
    status: catalog.Status | None = None,
    after: Id | None = None,
    before: Id | None = None,
) -> Response:
    return await _page(desk, _Part(search, status, after, before))


@dataclass(frozen=True, slots=True)
class _Part:
    """Which part of the list the grid shows."""

    search: str = ""
    status: catalog.Status | None = None
    after: int | None = None
    before: int | None = None

    @classmethod
    def of(cls, query: str) -> "_Part":
        """As a form sends it back."""
        given = dict(parse_qsl(query))
        status = given.get("status", "")
        return cls(
            given.get("search", ""),
            catalog.Status(status) if status in set(catalog.Status) else None,
            id_of(given.get("after", "")) or None,
            id_of(given.get("before", "")) or None,
        )


async def _page(
    desk: Desk,
    part: _Part,
    *,
    listed: str | None = None,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    """`typed` over what is kept, where the grid came back."""
    undo, kept = await undo_of(desk)
    async with desk.db.transaction() as tx:
        page = await paging.numbered(
            catalog.products,
            tx,
            shop_id=desk.shop.id,
            search=part.search,
            status=part.status,
            after=part.after,
            before=part.before,
            limit=PAGE,
            key=attrgetter("id"),
        )
        rows = await _rows(tx, desk.shop.id, page.items)
        here = {f"{word}-{row.product.id}" for row in rows for word in OF_PRODUCT} | {
            f"{word}-{each.id}" for row in rows for each in row.variants for word in OF_VARIANT
        }
        marked = {name: why for name, why in (errors or {}).items() if name in here}
        strays = {name: why for name, why in (errors or {}).items() if name not in here}
        if strays:
            marked[""] = await _on_top(desk, tx, strays)
    if len(rows) < len(page.items):
        page = replace(page, items=page.items[: len(rows)], next=rows[-1].product.id)
    return desk.page(
        "product_grid.html",
        active="products",
        rows=rows,
        page=page,
        search=part.search,
        status_now=part.status,
        listed=as_listed(desk.request.url.query if listed is None else listed).removeprefix("?"),
        shown=shown,
        typed=typed or {},
        errors=marked,
        undo=undo,
        undo_cells=len(json.loads(kept or "[]")),
        status=status,
    )


async def _rows(tx: Tx, shop_id: int, products: Sequence[catalog.Product]) -> list[Row]:
    """As many products as fit on a page, one at least; no archived variants."""
    found = [
        each
        for each in await catalog.variants(tx, shop_id=shop_id, product_ids=[each.id for each in products])
        if not each.is_archived
    ]
    rows: list[Row] = []
    taken = 0
    for product in products:
        own = [each for each in found if each.product_id == product.id]
        taken += len(own)
        if rows and taken > MOST_ROWS:
            break
        rows.append(Row(product, own, {}))
    ids = [each.id for row in rows for each in row.variants]
    lefts = await stock.available(tx, shop_id=shop_id, variant_ids=ids) if ids else {}
    return [replace(row, lefts=lefts) for row in rows]


async def _on_top(desk: Desk, tx: Tx, strays: Mapping[str, str]) -> str:
    """What is wrong in cells that this page does not show, with the name of what they are of."""
    products, variants = await _of_cells(tx, desk, strays)
    of = await catalog.products_by_id(
        tx, shop_id=desk.shop.id, ids=sorted({each.product_id for each in variants.values()})
    )
    reasons: list[str] = []
    for name, why in strays.items():
        word, _, number = name.partition("-")
        product = products.get(id_of(number)) if word in OF_PRODUCT else None
        variant = variants.get(id_of(number)) if word in OF_VARIANT else None
        if variant is not None:
            reasons.append(f"{of[variant.product_id].title} · {variant_label(desk, variant)}: {why}")
        elif product is not None:
            reasons.append(f"{product.title}: {why}")
        else:
            reasons.append(why)
    return " ".join(dict.fromkeys(reasons))


async def _of_cells(
    tx: Tx, desk: Desk, names: Sequence[str] | Mapping[str, str]
) -> tuple[dict[int, catalog.Product], dict[int, catalog.Variant]]:
    """The products and variants that these cells are of, locked."""
    split = [name.partition("-") for name in names]
    ids = [
        sorted({id_of(number) for word, _, number in split if word in words})
        for words in (OF_PRODUCT, OF_VARIANT)
    ]
    # Products before variants, each in order of id: two who save at once wait for each other.
    products = await catalog.products_by_id(tx, shop_id=desk.shop.id, ids=ids[0], lock=True)
    variants = await catalog.variants(tx, shop_id=desk.shop.id, ids=ids[1], lock=True)
    return products, {each.id: each for each in variants}


@router.post("")
async def save(desk: Editor, listed: Text = "") -> Response:
    """All that was changed, or nothing where a field is wrong; what is wrong stands in its cell."""
    typed = dict(desk.sent.fields)
    errors: dict[str, str] = {}
    changes: list[Change] = []
    taken: set[tuple[str, int]] = set()
    for cell in cells(desk.sent.fields, [*OF_PRODUCT, *OF_VARIANT], _was):
        word, _, number = cell.name.partition("-")
        if cell.was is None or (word, id_of(number)) in taken:
            errors[cell.name] = desk.say(UNREADABLE)
            typed.pop(cell.name, None)
            typed.pop(_was(cell.name), None)
            continue
        taken.add((word, id_of(number)))
        if cell.text == cell.was:
            continue
        try:
            after = _meant(desk, word, cell)
        except Refusal as refusal:
            errors[cell.name] = message_of(refusal, desk.language)
            continue
        if after != cell.was:
            changes.append(Change(cell.name, cell.was, after))
    try:
        async with desk.work() as tx:
            changes = await _apply(tx, desk, changes, _Findings(errors))
    except _Refused as refused:
        return await _page(
            desk,
            _Part.of(listed),
            listed=listed,
            typed=typed | {_was(name): text for name, text in refused.findings.now.items()},
            errors=refused.findings.errors,
            status=409 if refused.findings.now else 422,
        )
    path = f"/products/grid{as_listed(listed)}"
    if not changes:
        return desk.back(path, desk.say(N_("Nothing was changed.")))
    undo = json.dumps([(each.name, each.before, each.after) for each in changes])
    return await desk.reveal(path, {"undo": undo})


@router.post("/undo")
async def undo(desk: Editor, change: Text = "", listed: Text = "") -> Response:
    """What this save did, the other way round, once.  Refused as a whole where a cell was changed since."""
    path = f"/products/grid{as_listed(listed)}"
    try:
        with desk.back_if_refused(path):
            async with desk.work() as tx:
                kept = await desk.take(tx, change)
                if "undo" not in kept:
                    raise CannotUndo
                turned = [Change(name, after, before) for name, before, after in json.loads(kept["undo"])]
                await _apply(tx, desk, turned, _Findings({}), confirmed=True)
    except _Refused:
        response = desk.back(path)
        flash(response, "bad", desk.say(N_("Some of it was changed since then. Nothing was undone.")))
        return response
    return desk.back(path, desk.say(N_("Undone: the products are as they were before.")))


def _was(name: str) -> str:
    return f"was-{name}"


def _meant(desk: Desk, word: str, cell: Cell) -> str:
    """What was typed, as the grid writes it.  Raises a refusal of the text, the choice or the amount."""
    if word == "title":
        title = line(cell.text, field="title", longest=255, shortest=1)
        desk.actor.check_described(title)
        return title
    if word == "status":
        return choice_of(catalog.Status, cell.text, field="status").value
    if word in {"sku", "barcode"}:
        return line(cell.text, field=word, longest=100)
    if word == "compare" and not cell.text.strip():
        return ""
    minor = desk.minor(cell.text)
    return "" if word == "compare" and not minor else written(minor, desk.shop.currency)


def shown(word: str, of: catalog.Product | catalog.Variant) -> str:
    """What the grid shows in this cell."""
    if isinstance(of, catalog.Product):
        return of.title if word == "title" else of.status.value
    if word == "price":
        return written(of.price_minor, of.currency)
    if word == "compare":
        return "" if of.compare_at_minor is None else written(of.compare_at_minor, of.currency)
    return of.sku if word == "sku" else of.barcode


async def _apply(
    tx: Tx, desk: Desk, changes: Sequence[Change], findings: "_Findings", *, confirmed: bool = False
) -> list[Change]:
    """What was changed by it: nothing where somebody did the same meanwhile.

    Raises _Refused with all that is wrong, and Question where a price moves too far unless it is `confirmed`.
    """
    products, variants = await _of_cells(tx, desk, [each.name for each in changes])
    leaps = desk.leaps()
    done: list[Change] = []
    for each in sorted(changes, key=attrgetter("name")):
        word, _, number = each.name.partition("-")
        of = products.get(id_of(number)) if word in OF_PRODUCT else variants.get(id_of(number))
        if of is None:
            findings.errors[each.name] = desk.say(N_("It was deleted in the meantime."))
            continue
        kept = shown(word, of)
        if kept == each.after:
            continue
        if kept != each.before:
            findings.now[each.name] = kept
            findings.errors[each.name] = desk.say(
                N_("Somebody changed it to “%(now)s” in the meantime. Save again to replace that."),
                now=kept or "–",
            )
            continue
        try:
            await _write(tx, desk, word, of, each.after, leaps, confirmed=confirmed)
        except Refusal as refusal:
            findings.errors[each.name] = message_of(refusal, desk.language)
        else:
            done.append(each)
    if findings.errors:
        raise _Refused(findings)
    desk.ask(leaps)
    return done


async def _write(
    tx: Tx,
    desk: Desk,
    word: str,
    of: catalog.Product | catalog.Variant,
    text: str,
    leaps: Leaps,
    *,
    confirmed: bool,
) -> None:
    shop_id = desk.shop.id
    if isinstance(of, catalog.Product):
        await catalog.update_product(
            tx,
            shop_id=shop_id,
            product_id=of.id,
            title=text if word == "title" else None,
            status=catalog.Status(text) if word == "status" else None,
        )
    elif word == "price":
        act = partial(
            catalog.set_price,
            tx,
            shop_id=shop_id,
            variant_id=of.id,
            amount=read_minor(text, of.currency),
        )
        if confirmed:
            await act(confirmed=True)
        else:
            await leaps.set(of.id, variant_label(desk, of), act)
    else:
        minor = read_minor(text, of.currency) if word == "compare" and text else 0
        await catalog.update_variant(
            tx,
            shop_id=shop_id,
            variant_id=of.id,
            sku=text if word == "sku" else None,
            barcode=text if word == "barcode" else None,
            compare_at_minor=minor if word == "compare" else None,
        )

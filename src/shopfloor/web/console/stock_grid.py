"""Stock as one grid: what is on the shelf of each variant at each place, typed and saved at once.

What is saved is the difference between what was shown and what was typed: units that were sold meanwhile stay sold.
What was saved is kept here for whoever saved it, so that an undo names the save and never says itself what to change.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import Form, Query
from starlette.responses import Response

from shopfloor import catalog, inventory, stock_control
from shopfloor.kernel import paging
from shopfloor.kernel.border import Id
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Conflict, Refusal
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import MAX_QUANTITY, whole_number
from shopfloor.web.console.desk import Desk
from shopfloor.web.console.form_values import id_of, one_of
from shopfloor.web.console.grid import UNREADABLE, CannotUndo, cells, undo_of
from shopfloor.web.console.stock import Editor, Viewer
from shopfloor.web.languages import N_
from shopfloor.web.refusals import message_of

router = Router(prefix="/console/{shop}/stock/grid", include_in_schema=False)

Text = Annotated[str, Form(max_length=200)]

PAGE: Final = 25
# With more places than these, one is shown at a time.
MOST_COLUMNS: Final = 4
# The reasons for more and for fewer units, by what happened.
WHY: Final[Mapping[str, tuple[str, str]]] = {
    "counted": ("found", "lost"),
    "received": ("received", "received"),
    "damaged": ("damaged", "damaged"),
}


class ShelfTooFull(Conflict):
    """A location holds at most 1,000,000 units of a variant: nothing was changed."""

    code = "form.shelf_too_full"


@dataclass(frozen=True, slots=True)
class Row:
    """A variant with its units by place; `title` where it is the first of its product."""

    variant: catalog.Variant
    product: catalog.Product
    is_first: bool
    units: Mapping[int, int]
    promised: Mapping[int, int]
    safety: Mapping[int, int]
    """Units that are to be kept from online."""
    kept: Mapping[int, int]
    """Units that are."""


@dataclass(frozen=True, slots=True)
class Change:
    """So many units more (or fewer) of a variant at a place; of what is `kept` from online: so many instead of `was`."""

    variant_id: int
    location_id: int
    by: int
    was: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """The part of the grid that is shown: what is looked for, at which place, after or before which product."""

    search: str = ""
    place: int | None = None
    after: int | None = None
    before: int | None = None

    @property
    def listed(self) -> str:
        """As the form sends it back."""
        return f"{self.search}|{self.place or ''}|{self.after or ''}|{self.before or ''}"

    @property
    def query(self) -> str:
        """As the address has it."""
        given = {"search": self.search, "place": self.place, "after": self.after, "before": self.before}
        kept = urlencode({name: value for name, value in given.items() if value})
        return f"?{kept}" if kept else ""


@router.get("")
async def grid(
    desk: Viewer,
    search: Annotated[str, Query(max_length=200)] = "",
    place: Id | None = None,
    after: Id | None = None,
    before: Id | None = None,
) -> Response:
    return await _page(desk, Part(search, place, after, before))


async def _page(
    desk: Desk,
    part: Part,
    *,
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
            after=part.after,
            before=part.before,
            limit=PAGE,
            key=attrgetter("id"),
        )
        locations = await inventory.locations(tx, shop_id=desk.shop.id)
        shown = locations
        if len(locations) > MOST_COLUMNS:
            shown = [each for each in locations if each.id == part.place] or locations[:1]
        rows = await _rows(tx, desk.shop.id, page.items)
        here = {
            f"{word}-{row.variant.id}-{each.id}"
            for row in rows
            for each in shown
            for word in ("units", "safety")
        }
        marked = {name: why for name, why in (errors or {}).items() if name in here}
        strays = {name: why for name, why in (errors or {}).items() if name not in here}
        if strays:
            marked[""] = await _on_top(desk, tx, strays)
    return desk.page(
        "stock_grid.html",
        active="stock",
        rows=rows,
        page=page,
        locations=locations,
        shown=shown,
        search=part.search,
        listed=part.listed,
        typed=typed or {},
        errors=marked,
        undo=undo,
        undo_cells=len(_read(kept or "[]")),
        status=status,
    )


async def _on_top(desk: Desk, tx: Tx, strays: Mapping[str, str]) -> str:
    """What is wrong in cells that this page does not show, with the name of what they are of."""
    ids = {name: id_of(name.split("-")[1]) for name in strays if name.count("-") > 1}
    variants = {
        each.id: each
        for each in await catalog.variants(tx, shop_id=desk.shop.id, ids=sorted(set(ids.values())))
    }
    products = await catalog.products_by_id(
        tx, shop_id=desk.shop.id, ids=[each.product_id for each in variants.values()]
    )
    reasons: list[str] = []
    for name, why in strays.items():
        variant = variants.get(ids.get(name, 0))
        if variant is None:
            reasons.append(why)
            continue
        options = [each for each in variant.options if each != "Default Title"]
        title = " · ".join([products[variant.product_id].title, *options])
        if variant.is_archived:
            reasons.append(desk.say(N_("%(variant)s was archived. Nothing was saved."), variant=title))
        else:
            reasons.append(f"{title}: {why}")
    return " ".join(dict.fromkeys(reasons))


async def _rows(tx: Tx, shop_id: int, products: Sequence[catalog.Product]) -> list[Row]:
    """Of what has a stock of its own: no bundles, and nothing that is archived."""
    kinds = await catalog.variants(tx, shop_id=shop_id, product_ids=[each.id for each in products])
    bundles = await catalog.bundles(tx, shop_id=shop_id, variant_ids=[each.id for each in kinds])
    counted = [each for each in kinds if not each.is_archived and each.id not in bundles]
    units: dict[int, dict[int, int]] = {}
    promised: dict[int, dict[int, int]] = {}
    kept: dict[int, dict[int, int]] = {}
    if counted:
        open_pool = await inventory.open_pool(tx, shop_id=shop_id)
        set_apart = {
            each.id for each in await inventory.pools(tx, shop_id=shop_id) if each.purpose == "safety"
        }
        for level in await inventory.levels(tx, shop_id=shop_id, variant_ids=[each.id for each in counted]):
            if level.pool_id == open_pool.id and level.kind == inventory.LotKind.ON_HAND:
                here = units.setdefault(level.variant_id, {})
                here[level.location_id] = here.get(level.location_id, 0) + level.quantity
                owed = promised.setdefault(level.variant_id, {})
                owed[level.location_id] = owed.get(level.location_id, 0) + level.held + level.allocated
            elif level.pool_id in set_apart:
                kept.setdefault(level.variant_id, {})[level.location_id] = level.quantity
    safety: dict[int, dict[int, int]] = {}
    found = await stock_control.safety.targets(tx, shop_id=shop_id, variant_ids=[each.id for each in counted])
    for (location_id, variant_id), wanted in found.items():
        safety.setdefault(variant_id, {})[location_id] = wanted
    known = {each.id: each for each in products}
    rows: list[Row] = []
    for variant in counted:
        is_first = not rows or rows[-1].product.id != variant.product_id
        rows.append(
            Row(
                variant,
                known[variant.product_id],
                is_first,
                units.get(variant.id, {}),
                promised.get(variant.id, {}),
                safety.get(variant.id, {}),
                kept.get(variant.id, {}),
            )
        )
    return rows


def _was(name: str) -> str:
    return f"was-{name.removeprefix('units-')}"


def _name(change: Change) -> str:
    word = "units" if change.was is None else "safety"
    return f"{word}-{change.variant_id}-{change.location_id}"


@router.post("")
async def save(desk: Editor, why: Text = "counted", listed: Text = "") -> Response:
    """All that was changed, or nothing where a field is wrong; what is wrong stands in its cell."""
    part = _listed(listed)
    typed = dict(desk.sent.fields)
    errors: dict[str, str] = {}
    changes: list[Change] = []
    more, fewer = one_of(WHY, why, field="why")
    taken: set[tuple[str, int, int]] = set()
    for cell in cells(desk.sent.fields, ["units", "safety"], _was):
        name = cell.name
        word, _, cell_of = name.partition("-")
        variant, _, location = cell_of.partition("-")
        place = (word, id_of(variant), id_of(location))
        was = None if cell.was is None else whole_number(cell.was)
        if was is None or place in taken:
            errors[name] = desk.say(UNREADABLE)
            typed.pop(name, None)
            typed.pop(_was(name), None)
            continue
        taken.add(place)
        try:
            by = desk.quantity(cell.text, least=0, most=MAX_QUANTITY) - was
            if by and word == "units":
                inventory.check_sign(by, more if by > 0 else fewer)
            if by:
                changes.append(Change(place[1], place[2], by, None if word == "units" else was))
        except Refusal as refusal:
            errors[name] = message_of(refusal, desk.language)
    if errors:
        return await _page(desk, part, typed=typed, errors=errors, status=422)
    try:
        async with desk.work() as tx:
            await _apply(tx, desk.shop.id, changes, more, fewer)
    except Refusal as refusal:
        named = _cell(refusal, changes)
        return await _page(
            desk,
            part,
            typed=typed,
            errors={named: message_of(refusal, desk.language)},
            status=refusal.status,
        )
    if not changes:
        return desk.back(f"/stock/grid{part.query}", desk.say(N_("Nothing was changed.")))
    undo = json.dumps([(each.variant_id, each.location_id, each.by, each.was) for each in changes])
    return await desk.reveal(f"/stock/grid{part.query}", {"undo": undo})


@router.post("/undo")
async def undo(desk: Editor, change: Text = "", listed: Text = "") -> Response:
    """What this save did, the other way round, once.  Refused as a whole where units are gone by now."""
    path = f"/stock/grid{_listed(listed).query}"
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            kept = await desk.take(tx, change)
            if "undo" not in kept:
                raise CannotUndo
            turned = [
                replace(each, by=-each.by, was=None if each.was is None else each.was + each.by)
                for each in _read(kept["undo"])
            ]
            await _apply(tx, desk.shop.id, turned, "found", "lost")
    return desk.back(path, desk.say(N_("Undone: stock is as it was before.")))


async def _apply(tx: Tx, shop_id: int, changes: Sequence[Change], more: str, fewer: str) -> None:
    """In one order whoever saves, so that two who save at once wait for each other."""
    ids = sorted({each.variant_id for each in changes})
    known = {each.id for each in await catalog.variants(tx, shop_id=shop_id, ids=ids) if not each.is_archived}
    bundles = await catalog.bundles(tx, shop_id=shop_id, variant_ids=ids)
    for each in sorted(changes, key=lambda each: (each.was is not None, each.variant_id, each.location_id)):
        if each.variant_id not in known or each.variant_id in bundles:
            raise catalog.UnknownVariant(variant_id=each.variant_id)
        if each.was is not None:
            await stock_control.safety.keep(
                tx,
                shop_id=shop_id,
                location_id=each.location_id,
                variant_id=each.variant_id,
                units=each.was + each.by,
            )
            continue
        if each.by > 0 and more == "received":
            level = await inventory.receive(
                tx,
                shop_id=shop_id,
                location_id=each.location_id,
                variant_id=each.variant_id,
                quantity=each.by,
                reason=more,
            )
        else:
            level = await inventory.adjust(
                tx,
                shop_id=shop_id,
                location_id=each.location_id,
                variant_id=each.variant_id,
                by=each.by,
                reason=more if each.by > 0 else fewer,
            )
        if each.by > 0 and level.quantity > MAX_QUANTITY:
            raise ShelfTooFull(variant_id=each.variant_id, most=MAX_QUANTITY)


def _cell(refusal: Refusal, changes: Sequence[Change]) -> str:
    """The first cell of the variant that was refused; none where the refusal names none."""
    named = refusal.facts.get("variant_id")
    return next((_name(each) for each in changes if each.variant_id == named), "")


def _read(text: str) -> list[Change]:
    """Changes as `save` kept them."""
    return [Change(*each) for each in json.loads(text)]


def _listed(text: str) -> Part:
    """Which part of the grid was shown, as in "tea|3||"."""
    search, place, after, before, *_ = [*text.rsplit("|", 3), "", "", ""]
    return Part(search, id_of(place) or None, id_of(after) or None, id_of(before) or None)

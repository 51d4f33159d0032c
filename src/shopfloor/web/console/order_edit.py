"""Editing an order before it is sent: what is to be different, what it comes to, and saving it."""

from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Form
from starlette.responses import Response

from shopfloor import catalog, order_edits, orders, payment_providers, stock
from shopfloor.accounts import Permission
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import Money, new_id
from shopfloor.order_edits import Added, Change, LineChange, Target
from shopfloor.web.console.desk import Desk, at
from shopfloor.web.console.form_values import id_of
from shopfloor.web.languages import N_
from shopfloor.web.paying import connections_of
from shopfloor.web.refusals import message_of
from shopfloor.web.regions import countries

router = Router(prefix="/console/{shop}/orders", include_in_schema=False)

Manager = Annotated[Desk, at(Permission.ORDERS_MANAGE)]
Text = Annotated[str, Form(max_length=500)]
# What is too long is refused with the form as it was typed.
Reason = Annotated[str, Form()]
FOUND: Final = 8
ADDRESS: Final = ("street", "city", "postcode", "region", "country")


@router.get("/{order_id}/edit")
async def edit(desk: Manager, order_id: UUID) -> Response:
    async with desk.db.transaction() as tx:
        view = await orders.order(tx, shop_id=desk.shop.id, order_id=order_id)
    values: dict[str, str] = {"tell": "yes", "edit_id": str(new_id())}
    values |= {f"units-{line.id}": str(line.wanted_quantity) for line in view.lines}
    values |= {name: str((view.order.address or {}).get(name) or "") for name in ADDRESS}
    return await _page(desk, view, values, Change())


@router.post("/{order_id}/edit")
async def send(
    desk: Manager,
    order_id: UUID,
    do: Text = "",
    edit_id: Annotated[UUID | None, Form()] = None,
    reason: Reason = "",
    version: Text = "",
) -> Response:
    """`do`: look what it comes to, find a product, add one of its variants, or save."""
    values = {name: str(value) for name, value in (await desk.request.form()).items()}
    if do.startswith("add-"):
        values.setdefault(f"more-{id_of(do.removeprefix('add-'))}", "1")
    async with desk.db.transaction() as tx:
        view = await orders.order(tx, shop_id=desk.shop.id, order_id=order_id)
    change = Change()
    try:
        change = _change(desk, view, values)
        if do == "save":
            target = Target(edit_id or new_id(), order_id, change, reason, "tell" in values, version or None)
            await order_edits.save(
                desk.db,
                _providers(desk),
                shop_id=desk.shop.id,
                target=target,
                actor=f"person:{desk.actor.person_id}",
            )
            return desk.back(f"/orders/{order_id}", desk.say(N_("Order changed.")))
    except Refusal as refusal:
        return await _page(desk, view, values, change, refusal)
    return await _page(desk, view, values, change, find=do == "find")


@router.post("/{order_id}/waive")
async def waive(
    desk: Manager, order_id: UUID, reason: Reason = "", edit_id: Annotated[UUID | None, Form()] = None
) -> Response:
    """What is due after an edit is forgiven."""
    path = f"/orders/{order_id}"
    with desk.back_if_refused(path):
        await order_edits.waive(
            desk.db,
            _providers(desk),
            shop_id=desk.shop.id,
            order_id=order_id,
            edit_id=edit_id or new_id(),
            reason=reason,
            actor=f"person:{desk.actor.person_id}",
        )
    return desk.back(path, desk.say(N_("The difference is waived.")))


def _providers(desk: Desk) -> payment_providers.Providers | payment_providers.Source:
    known = connections_of(desk.request)
    return payment_providers.MANUAL_ONLY if known is None else known.of


def _change(desk: Desk, view: orders.OrderView, values: Mapping[str, str]) -> Change:
    """What is different from the order.  Raises what reading amounts and quantities raises."""
    lines: list[LineChange] = []
    for line in view.lines:
        typed = values.get(f"units-{line.id}")
        units = line.wanted_quantity if typed is None else desk.quantity(typed, least=0)
        other = id_of(values.get(f"variant-{line.id}", "")) or line.variant_id
        price = values.get(f"price-{line.id}", "").strip()
        # The same form again says the same, also when it was carried out.
        if typed is not None:
            swapped = other != line.variant_id
            lines.append(
                LineChange(
                    line.id,
                    units,
                    other if swapped else None,
                    desk.minor(price) if swapped and price else None,
                )
            )
    added: list[Added] = []
    for name, typed in values.items():
        if name.startswith("more-") and (units := desk.quantity(typed, least=0)):
            variant_id = id_of(name.removeprefix("more-"))
            price = values.get(f"at-{variant_id}", "").strip()
            added.append(Added(variant_id, units, desk.minor(price) if price else None))
    way = values.get("way", "")
    address = {name: values.get(name, "") for name in ADDRESS}
    known = {name: str((view.order.address or {}).get(name) or "") for name in ADDRESS}
    changed = any(address.values()) and address != known
    return Change(tuple(lines), tuple(added), address if changed else None, way, "waive" in values)


async def _page(
    desk: Desk,
    view: orders.OrderView,
    values: Mapping[str, str],
    change: Change,
    refusal: Refusal | None = None,
    *,
    find: bool = False,
) -> Response:
    look: Any = None
    async with desk.db.transaction() as tx:
        shop_id, order_id = desk.shop.id, view.order.id
        try:
            look = await orders.editing.look(tx, shop_id=shop_id, order_id=order_id, change=change)
        except Refusal as problem:
            refusal = refusal or problem
        own_variants = await catalog.variants(
            tx, shop_id=shop_id, product_ids=sorted({line.product_id for line in view.lines})
        )
        found: list[Any] = []
        more_found = False
        if find and values.get("find", "").strip():
            products = await catalog.products(
                tx, shop_id=shop_id, search=values["find"], status=catalog.Status.ACTIVE, limit=FOUND + 1
            )
            more_found = len(products) > FOUND
            found = [
                (product, each)
                for product in products[:FOUND]
                for each in await catalog.variants(tx, shop_id=shop_id, product_ids=[product.id])
                if not each.is_archived and each.currency == view.order.currency
            ]
        bundles = await catalog.bundles(
            tx, shop_id=shop_id, variant_ids=sorted({each.id for _, each in found})
        )
        more = [id_of(name.removeprefix("more-")) for name in values if name.startswith("more-")]
        added = await catalog.variants(tx, shop_id=shop_id, ids=more) if more else []
        titles = await catalog.products_by_id(
            tx, shop_id=shop_id, ids=sorted({each.product_id for each in added})
        )
        left = await stock.available(
            tx,
            shop_id=shop_id,
            variant_ids=[each.id for each in [*own_variants, *added, *(variant for _, variant in found)]],
        )
    return desk.page(
        "order_edit.html",
        active="orders",
        # Who only opens the page asked for nothing yet.
        status=200 if refusal is None or desk.request.method == "GET" else refusal.status,
        view=view,
        order=view.order,
        told=look,
        values=values,
        variants={
            line.id: [
                (each.id, " · ".join(each.options) or each.sku)
                for each in own_variants
                if each.product_id == line.product_id and (not each.is_archived or each.id == line.variant_id)
            ]
            for line in view.lines
        },
        found=[(product, each) for product, each in found if each.id not in bundles],
        has_bundles=any(each.id in bundles for _, each in found),
        more_found=FOUND if more_found else 0,
        cash_of=lambda minor: Money(minor, view.order.currency),
        added=[
            (desk.language.localised(product.titles, product.title), each)
            for each in added
            if (product := titles.get(each.product_id)) is not None
        ],
        short=[]
        if look is None
        else [
            (each, " · ".join([line.title, *line.options]))
            for each in look.short
            for line in look.lines
            if line.variant_id == each.variant_id and line.quantity > line.was
        ],
        left={variant_id: free.now for variant_id, free in left.items()},
        countries=[("", "—"), *countries(desk.language)],
        trouble=None if refusal is None else message_of(refusal, desk.language),
    )

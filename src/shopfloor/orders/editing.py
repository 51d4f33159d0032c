"""A placed order is changed before it is sent: what it would come to, and the change itself.

Lines that stay keep their price; what comes has today's, or one that is named.  Discounts, shipping and tax are
reckoned again by the price function, with the discounts that the order has and the rates of its day.  Units come from
the ledger and go back to it, money that is too much goes back to where it came from, and what is missing is due.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from typing import Any, Final, Protocol
from uuid import UUID, uuid5

import msgspec

from shopfloor import (
    catalog,
    fulfilment,
    inventory,
    payment_authorisations,
    payment_providers,
    payment_refunds,
    payments,
    policies,
    promotions,
    purchases,
    stock,
)
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import MAX_MINOR, MAX_QUANTITY, new_id, now, split_minor
from shopfloor.orders import (
    checkout_queries,
    discounts,
    draft_queries,
    edit_queries,
    money_queries,
    packing,
    paying,
    queries,
    quoting,
    refunds,
    together,
)
from shopfloor.orders.checkout_form import JOIN, Address, Form, tidy
from shopfloor.orders.drafts import line_rows
from shopfloor.orders.events import EditedLine, OrderEdited
from shopfloor.orders.lifecycle import lock, number_of, settle
from shopfloor.orders.models import Delivery, Item, Order, OrderLine
from shopfloor.orders.refusals import (
    EditBeingPacked,
    EditBundle,
    EditDelivery,
    EditEmpties,
    EditLimit,
    EditLine,
    EditNothing,
    EditOneParcel,
    EditRefunded,
    EditSoldOut,
    EditStale,
    EditVariant,
    FormRefused,
    OrderClosed,
    OrderNotFound,
)
from shopfloor.orders.statuses import allot, due

MOST_LINES: Final = 100
REFUSALS: Final = (
    OrderNotFound, OrderClosed, EditStale, EditNothing, EditEmpties, EditLine, EditBundle, EditVariant, EditSoldOut, EditLimit,
    EditBeingPacked, EditDelivery, EditOneParcel, EditRefunded, FormRefused, promotions.DiscountGone,
    purchases.BadPurchase, payments.PaymentBusy,
)  # fmt: skip
_SECONDS: Final = 120


class LineChange(Protocol):
    """Of a line: so many units that are not given up (None: as many as now), of another variant of the same product."""

    @property
    def line_id(self) -> int: ...
    @property
    def quantity(self) -> int | None: ...
    @property
    def variant_id(self) -> int | None: ...
    @property
    def unit_price_minor(self) -> int | None: ...


class Added(Protocol):
    """Units of a variant; without a price at today's."""

    @property
    def variant_id(self) -> int: ...
    @property
    def quantity(self) -> int: ...
    @property
    def unit_price_minor(self) -> int | None: ...


class Change(Protocol):
    """Lines that are not named stay as they are.  `shipping_method`: one of the ways told, '' for the way it has."""

    @property
    def lines(self) -> Sequence[LineChange]: ...
    @property
    def added(self) -> Sequence[Added]: ...
    @property
    def address(self) -> Mapping[str, str] | None: ...
    @property
    def shipping_method(self) -> str: ...
    @property
    def waive(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class WayTold:
    id: str
    name: str
    delivery: Delivery
    shipping_minor: int
    total_minor: int


@dataclass(frozen=True, slots=True)
class LineTold:
    """A line as it would be; `line_id` None for one that comes.  `was`: the units it has now, `left` those that have left."""

    line_id: int | None
    variant_id: int
    product_id: int
    title: str
    sku: str
    options: list[str]
    was: int
    quantity: int
    left: int
    in_bundle: bool
    unit_price_minor: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Short:
    """Of a variant so many more units would come, and `left` are on the shelf."""

    variant_id: int
    wanted: int
    left: int


@dataclass(frozen=True, slots=True)
class Told:
    """What an edit comes to.  `paid_minor` is what pays for the order, `version` the order that was looked at."""

    order: Order
    version: str
    lines: list[LineTold]
    ways: list[WayTold]
    way: str
    calculation: dict[str, Any]
    before_minor: int
    after_minor: int
    goods_minor: int
    shipping_minor: int
    tax_minor: int
    waived_minor: int
    paid_minor: int
    refund_minor: int
    due_minor: int
    refund_id: UUID | None
    changes: list[dict[str, Any]]
    is_granted: bool = False
    """Nobody has to agree to what goes back."""
    short: Sequence[Short] = ()
    """What could not be reserved, as things stand when it is looked at."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A line as it will be: of one that is there, or of none."""

    line: OrderLine | None
    item: Item


@dataclass(frozen=True, slots=True)
class _Plan:
    found: Order
    lines: list[OrderLine]
    rows: list[_Row]
    removed: list[OrderLine]
    way: quoting.Way
    told: Told
    first: list[int]
    address: dict[str, Any] | None
    bundles: list[Any]
    delivery_changes: bool


def version_of(found: Order, lines: Sequence[OrderLine]) -> str:
    """Another one after everything that decides what an edit comes to."""
    told = [
        str(found.id), found.edits, found.status, found.total_minor, found.charged_minor, found.refund_granted_minor,
        found.disputed_minor, found.delivery, found.address,
        [(line.id, line.quantity, line.cancelled_quantity, line.shipped_quantity) for line in lines],
    ]  # fmt: skip
    return hashlib.sha256(msgspec.json.encode(told, order="deterministic")).hexdigest()[:24]


async def look(tx: Tx, *, shop_id: int, order_id: UUID, change: Change) -> Told:
    """What the order would come to, and whether its units could be had; nothing is changed or locked.  Raises what `save`
    raises, save for units and money.
    """
    found = await queries.order(tx, order_id=order_id)
    if found is None or found.shop_id != shop_id or found.placed_at is None:
        raise OrderNotFound(order_id=str(order_id))
    plan = await _plan(tx, found, await queries.lines(tx, order_id=order_id), change)
    return replace(plan.told, short=await _short(tx, plan) if found.secured else [])


async def _short(tx: Tx, plan: _Plan) -> list[Short]:
    _, takes = _moved(plan)
    short: list[Short] = []
    for request in await _requests(tx, plan, takes):
        free = await stock.available(
            tx,
            shop_id=request.shop_id,
            variant_ids=[line.variant_id for line in request.lines],
            pool_id=request.pool_id,
        )
        for line in request.lines:
            left = free[line.variant_id].by(request.latest_ready)
            if left < line.quantity:
                short.append(Short(line.variant_id, line.quantity, left))
    return short


async def save(
    db: Database,
    providers: payment_providers.Providers | payment_providers.Source,
    *,
    shop_id: int,
    order_id: UUID,
    edit_id: UUID,
    change: Change,
    seen: str | None,
    reason: str,
    tell: bool,
    actor: str,
    first: Callable[[Tx], Awaitable[bool]],
    last: Callable[[Tx, Told], Awaitable[None]],
) -> Told | None:
    """What could still be paid of the old amount is closed at its provider; then the order is changed in one transaction.

    `first`: what is done in it before anything changes, under the lock of the order, False where it was saved before;
    `last`: what is done when all has changed.  Money that is to go back is sent at once, or by the worker.  Raises what
    `edit` raises.
    """
    if not await paying.close_all(db, providers, shop_id=shop_id, order_id=order_id):
        raise payments.PaymentBusy
    async with db.transaction() as tx:
        found, lines = await lock(tx, shop_id=shop_id, order_id=order_id)
        if not await first(tx):
            return None
        done = await _edit(
            tx, found, lines, edit_id=edit_id, change=change, seen=seen, reason=reason, tell=tell, actor=actor
        )
        await last(tx, done)
    if done.refund_id is not None and done.is_granted:
        await refunds.send_refund(
            db, shop_id=shop_id, order_id=order_id, refund_id=done.refund_id, actor=actor, providers=providers
        )
    return done


async def _edit(
    tx: Tx,
    found: Order,
    lines: list[OrderLine],
    *,
    edit_id: UUID,
    change: Change,
    seen: str | None,
    reason: str,
    tell: bool,
    actor: str,
) -> Told:
    """Change a locked order.  `seen`: the version that was looked at.

    Raises OrderClosed, EditStale, EditNothing, EditEmpties, EditLine, EditBundle, EditVariant, EditSoldOut, EditLimit,
    EditBeingPacked, EditDelivery, EditOneParcel, EditRefunded, FormRefused for the address, promotions.DiscountGone,
    purchases.BadPurchase, payments.PaymentBusy while somebody pays.
    """
    number_of(found)
    if seen is not None and seen != version_of(found, lines):
        raise EditStale(order_id=str(found.id))
    plan = await _plan(tx, found, lines, change)
    if not plan.told.changes and not plan.told.refund_minor:
        raise EditNothing(order_id=str(found.id))
    parcels = any(each["kind"] != "waived" for each in plan.told.changes)
    if parcels:
        await _check_parcels(tx, found)
    reserved = await payment_authorisations.live(tx, subject_id=found.id) if found.authorised_minor else []
    if any(each.is_payable for each in await payments.payments_for(tx, subject_id=found.id)) or any(
        each.wanted for each in reserved
    ):
        raise payments.PaymentBusy
    freed = await _move_units(tx, plan) if found.secured else []
    await _write(tx, plan)
    refund_id = await _give_back(tx, plan, edit_id=edit_id, reason=reason, actor=actor)
    if parcels:
        await fulfilment.cancel_order(tx, shop_id=found.shop_id, order_id=found.id, actor=actor)
    settled = await settle(tx, order_id=found.id)
    await packing.plan(tx, settled)
    await _tell(tx, plan, settled, edit_id=edit_id, tell=tell)
    await purchases.hand_over(tx, freed)
    granted = refund_id is not None and bool(
        await payment_refunds.granted_parts(tx, subject_id=found.id, refund_id=refund_id)
    )
    return replace(plan.told, order=settled, refund_id=refund_id, is_granted=granted)


# ── what it would come to ─────────────────────────────────────────────────────────────────────────────────


async def _plan(tx: Tx, found: Order, lines: list[OrderLine], change: Change) -> _Plan:
    if found.status not in packing.OPEN:
        raise OrderClosed(order_id=str(found.id), status=found.status)
    paid = found.charged_minor + await edit_queries.declined_minor(tx, order_id=found.id)
    rows, removed = await _rows(tx, found, lines, change)
    if not any(row.item.quantity - (row.line.cancelled_quantity if row.line else 0) for row in rows):
        raise EditEmpties(order_id=str(found.id))
    if len(rows) > MOST_LINES:
        raise EditLine(most=MOST_LINES)
    address = await _address(tx, found, change)
    bundles = await queries.bundles(tx, order_id=found.id)
    quoted = await _quote(tx, found, [row.item for row in rows], bundles, address, paid, waive=change.waive)
    way = _chosen(found, quoted, change)
    if change.address is not None and way.delivery is Delivery.SHIP and way.id != JOIN:
        quoting.check_country(quoted, _address_of(address))
    delivery_changes = address != found.address or way.delivery is not found.delivery
    if delivery_changes or (change.shipping_method and change.shipping_method != _method(found)):
        await _check_delivery(tx, found, way, address)
    rows = [replace(row, item=item) for row, item in zip(rows, way.items, strict=True)]
    first = _firsts(found, rows)
    total, told_waived = way.totals.total.minor, _waived(way)
    refund = max(0, paid - total)
    if refund and total < found.refund_granted_minor + found.disputed_minor:
        raise EditRefunded(
            given_back_minor=found.refund_granted_minor + found.disputed_minor, left_minor=total
        )
    lines_told = [_told(row) for row in rows] + [_gone(line) for line in removed]
    changes = _changes(found, lines_told, way, address, told_waived)
    if removed and found.refund_granted_minor:
        await _check_shares(tx, found, lines, removed)
    told = Told(
        order=found,
        version=version_of(found, lines),
        lines=lines_told,
        ways=[
            WayTold(each.id, each.name, each.delivery, each.totals.shipping.minor, each.totals.total.minor)
            for each in quoted.ways
        ],
        way=way.id,
        calculation=way.calculation,
        before_minor=found.total_minor,
        after_minor=total,
        goods_minor=way.totals.goods.minor,
        shipping_minor=way.totals.shipping.minor,
        tax_minor=way.breakdown.totals.tax,
        waived_minor=told_waived,
        paid_minor=paid,
        refund_minor=refund,
        due_minor=max(0, total - paid - found.authorised_minor),
        refund_id=None,
        changes=changes,
    )
    return _Plan(found, lines, rows, removed, way, told, first, address, bundles, delivery_changes)


async def _rows(
    tx: Tx, found: Order, lines: Sequence[OrderLine], change: Change
) -> tuple[list[_Row], list[OrderLine]]:
    """Lines that stay, in their order, then those that come; and those that go."""
    wanted = {each.line_id: each for each in change.lines}
    if len(wanted) != len(change.lines) or not wanted.keys() <= {line.id for line in lines}:
        raise EditLine(line_ids=sorted(wanted.keys() - {line.id for line in lines}))
    ids = {each.variant_id for each in [*change.lines, *change.added] if each.variant_id is not None}
    known = await _variants(tx, found, ids | {line.variant_id for line in lines})
    kept: list[_Row] = []
    come: list[_Row] = []
    removed: list[OrderLine] = []
    for line in lines:
        each = wanted.get(line.id)
        units = line.wanted_quantity if each is None or each.quantity is None else each.quantity
        other = None if each is None or each.variant_id in {None, line.variant_id} else each.variant_id
        if each is not None and (units != line.wanted_quantity or other is not None):
            _check_line(line, units, other)
        if each is not None and each.unit_price_minor is not None and other is None:
            # Lines that stay keep their price.
            raise EditLine(line_id=line.id, field="unit_price_minor")
        stay = line.shipped_quantity if other is not None else units
        if stay + line.cancelled_quantity:
            kept.append(_Row(line, _item(line, stay + line.cancelled_quantity)))
        else:
            removed.append(line)
        if other is not None and units > stay:
            price = None if each is None else each.unit_price_minor
            come.append(_Row(None, _instead(found, line, units - stay, other, price, known)))
    come += [_Row(None, _new(found, each, known)) for each in change.added]
    await _no_bundles(tx, found, [row.item.variant_id for row in come])
    return [*kept, *come], removed


def _check_line(line: OrderLine, units: int, other: int | None) -> None:
    if line.bundle_id is not None:
        raise EditBundle(line_id=line.id, bundle_id=line.bundle_id)
    if not line.shipped_quantity <= units <= MAX_QUANTITY:
        raise EditLine(line_id=line.id, why="has_left", shipped=line.shipped_quantity)
    if other is not None and units <= line.shipped_quantity:
        raise EditLine(line_id=line.id, why="has_left", shipped=line.shipped_quantity)


async def _variants(tx: Tx, found: Order, ids: set[int]) -> dict[int, checkout_queries.VariantRow]:
    return {
        row.id: row for row in await checkout_queries.variants(tx, shop_id=found.shop_id, ids=sorted(ids))
    }


def _item(line: OrderLine, quantity: int) -> Item:
    return Item(
        variant_id=line.variant_id,
        product_id=line.product_id,
        offer_id=line.offer_id,
        title=line.title,
        sku=line.sku,
        options=line.options,
        picture_sha=line.picture_sha,
        quantity=quantity,
        unit_price_minor=line.unit_price_minor,
        amount_minor=0,
        ready_on=line.ready_on,
        bundle_id=line.bundle_id,
    )


def _for_sale(
    found: Order, variant_id: int, known: Mapping[int, checkout_queries.VariantRow]
) -> checkout_queries.VariantRow:
    row = known.get(variant_id)
    if row is None or row.status != catalog.Status.ACTIVE:
        raise EditVariant(variant_id=variant_id, why="not_on_sale")
    if row.currency != found.currency:
        raise EditVariant(variant_id=variant_id, why="currency", currency=row.currency)
    return row


def _instead(
    found: Order,
    line: OrderLine,
    quantity: int,
    variant_id: int,
    price: int | None,
    known: Mapping[int, checkout_queries.VariantRow],
) -> Item:
    """Another variant costs what this one did, and the difference of their prices today."""
    row = _for_sale(found, variant_id, known)
    if row.product_id != line.product_id:
        raise EditVariant(variant_id=variant_id, why="other_product")
    old = known.get(line.variant_id)
    more = 0 if old is None or old.currency != row.currency else row.price_minor - old.price_minor
    usual = max(0, line.unit_price_minor + more)
    return replace(
        _item(line, quantity),
        variant_id=variant_id,
        sku=row.sku,
        options=row.options,
        picture_sha=row.picture_sha,
        unit_price_minor=usual if price is None else _price(price),
        ready_on=None,
    )


def _new(found: Order, added: Added, known: Mapping[int, checkout_queries.VariantRow]) -> Item:
    row = _for_sale(found, added.variant_id, known)
    if not 1 <= added.quantity <= MAX_QUANTITY:
        raise EditLine(variant_id=added.variant_id, quantity=added.quantity)
    price = added.unit_price_minor
    return Item(
        variant_id=row.id,
        product_id=row.product_id,
        offer_id=None,
        title=row.title,
        sku=row.sku,
        options=row.options,
        picture_sha=row.picture_sha,
        quantity=added.quantity,
        unit_price_minor=row.price_minor if price is None else _price(price),
        amount_minor=0,
    )


def _price(minor: int) -> int:
    if not 0 <= minor <= MAX_MINOR:
        raise EditLine(field="unit_price_minor")
    return minor


async def _no_bundles(tx: Tx, found: Order, variant_ids: Sequence[int]) -> None:
    if not variant_ids:
        return
    for variant_id in await catalog.bundles(tx, shop_id=found.shop_id, variant_ids=list(variant_ids)):
        raise EditBundle(variant_id=variant_id, field="added")


async def _address(tx: Tx, found: Order, change: Change) -> dict[str, Any] | None:
    if change.address is None:
        return found.address
    fields = {name: str(change.address.get(name) or "") for name in Address.__dataclass_fields__}
    clean = tidy(
        Form(
            name=found.contact_name or "-",
            phone=found.contact_phone,
            email=found.contact_email or "nobody@example.org",
            delivery=Delivery.SHIP,
            address=Address(**fields),
        )
    ).address
    assert clean is not None, "it is shipped"
    fresh = asdict(clean)
    before = {name: str((found.address or {}).get(name) or "") for name in fresh}
    return found.address if found.address is not None and before == fresh else fresh


def _method(found: Order) -> str:
    """The way of delivery it has, as the price function calls it."""
    if found.calculation is None:
        return str(found.delivery)
    return str(found.calculation["shipping"]["method"])


def _address_of(kept: Mapping[str, Any] | None) -> Address | None:
    if kept is None:
        return None
    return Address(**{name: str(kept.get(name) or "") for name in Address.__dataclass_fields__})


async def _quote(
    tx: Tx,
    found: Order,
    items: Sequence[Item],
    bundles: Sequence[Any],
    address: dict[str, Any] | None,
    paid_minor: int,
    *,
    waive: bool,
) -> quoting.Quote:
    told = found.calculation
    assert found.placed_at is not None, "it has a number"
    kept = max(found.total_minor, paid_minor) if waive and found.paid_at is None else paid_minor
    return await quoting.quote(
        tx,
        shop_id=found.shop_id,
        currency=found.currency,
        items=items,
        bundles=bundles,
        terms=await policies.shop_terms(tx, shop_id=found.shop_id),
        asked=discounts.Asked(found.buyer, found.show_id),
        address=_address_of(address),
        again=quoting.Again(
            at=found.placed_at,
            included=True if told is None else bool(told["included"]),
            discounts=await promotions.of_order(tx, shop_id=found.shop_id, order_id=found.id),
            in_other_parcel=_method(found) == JOIN,
            paid_minor=kept,
            waived_minor=found.waived_minor,
            waive=waive,
        ),
    )


def _chosen(found: Order, quoted: quoting.Quote, change: Change) -> quoting.Way:
    wanted = change.shipping_method or _method(found)
    for way in quoted.ways:
        if wanted in {way.id, way.field}:
            return way
    same = [way for way in quoted.ways if way.delivery is found.delivery]
    if not change.shipping_method and found.calculation is None and same:
        return same[0]
    raise EditDelivery(method=wanted, offered=[way.id for way in quoted.ways])


async def _check_delivery(tx: Tx, found: Order, way: quoting.Way, address: dict[str, Any] | None) -> None:
    if await together.companions(tx, shop_id=found.shop_id, order_id=found.id):
        raise EditOneParcel(order_id=str(found.id))
    if any(line.shipped_quantity for line in await queries.lines(tx, order_id=found.id)):
        raise EditDelivery(why="has_left")
    if way.delivery is Delivery.SHIP and (address is None or found.method == "cash"):
        # Cash is paid at the counter.
        raise EditDelivery(method=way.id, why="address" if address is None else "cash")


def _waived(way: quoting.Way) -> int:
    """What is forgiven of the total, with the tax."""
    return int(way.calculation["waived"]["total"]) if "waived" in way.calculation else 0


def _firsts(found: Order, rows: Sequence[_Row]) -> list[int]:
    """What is asked at once for each: all of it, or the part of it that the deposit was."""
    paid = found.charged_minor >= found.total_minor
    firsts: list[int] = []
    for row in rows:
        line, amount = row.line, row.item.amount_minor
        if line is None or paid or line.first_minor >= line.amount_minor:
            firsts.append(amount)
        else:
            firsts.append(split_minor(amount, [line.first_minor, line.amount_minor - line.first_minor])[0])
    return firsts


def _told(row: _Row) -> LineTold:
    line, item = row.line, row.item
    given_up = 0 if line is None else line.cancelled_quantity
    return LineTold(
        line_id=None if line is None else line.id,
        variant_id=item.variant_id,
        product_id=item.product_id,
        title=item.title,
        sku=item.sku,
        options=item.options,
        was=0 if line is None else line.wanted_quantity,
        quantity=item.quantity - given_up,
        left=0 if line is None else line.shipped_quantity,
        in_bundle=item.bundle_id is not None,
        unit_price_minor=item.unit_price_minor,
        amount_minor=item.amount_minor,
    )


def _gone(line: OrderLine) -> LineTold:
    return LineTold(
        line_id=line.id,
        variant_id=line.variant_id,
        product_id=line.product_id,
        title=line.title,
        sku=line.sku,
        options=line.options,
        was=line.wanted_quantity,
        quantity=0,
        left=0,
        in_bundle=False,
        unit_price_minor=line.unit_price_minor,
        amount_minor=0,
    )


def _changes(
    found: Order,
    lines: Sequence[LineTold],
    way: quoting.Way,
    address: dict[str, Any] | None,
    waived: int,
) -> list[dict[str, Any]]:
    """In words that are kept: what is different, without anything of the buyer."""
    told: list[dict[str, Any]] = []
    for line in lines:
        if line.was == line.quantity:
            continue
        kind = "added" if line.was == 0 else "removed" if line.quantity == 0 else "quantity"
        told.append(
            {
                "kind": kind,
                "variant_id": line.variant_id,
                "title": line.title,
                "options": list(line.options),
                "was": line.was,
                "now": line.quantity,
                "unit_price_minor": line.unit_price_minor,
            }
        )
    if address != found.address:
        told.append({"kind": "address"})
    if way.id != _method(found) or way.delivery is not found.delivery:
        told.append({"kind": "shipping", "was": found.shipping_name, "now": way.name, "method": way.id})
    if waived != found.waived_minor:
        told.append({"kind": "waived", "was": found.waived_minor, "now": waived})
    return told


async def _check_shares(
    tx: Tx, found: Order, lines: Sequence[OrderLine], removed: Sequence[OrderLine]
) -> None:
    """A refund of certain lines keeps these."""
    gone = {line.id for line in removed}
    for parts in (await money_queries.refund_shares(tx, order_id=found.id)).values():
        for line, part in zip(lines, parts[:-1], strict=True):
            if part and line.id in gone:
                raise EditRefunded(line_id=line.id, given_back_minor=part)


# ── the change itself ─────────────────────────────────────────────────────────────────────────────────────


async def _check_parcels(tx: Tx, found: Order) -> None:
    """What somebody has in his hands is put back first.  Raises EditBeingPacked."""
    for parcel in await fulfilment.of_order(tx, shop_id=found.shop_id, order_id=found.id):
        begun = parcel.state is not fulfilment.State.TO_PICK or any(line.picked for line in parcel.lines)
        if parcel.state in fulfilment.HERE and begun:
            raise EditBeingPacked(parcel=parcel.number, parcel_id=str(parcel.id), state=parcel.state)


async def _move_units(tx: Tx, plan: _Plan) -> list[stock.Freed]:
    """What is taken away goes back, what is added is reserved, under one lock.  Raises EditSoldOut, EditLimit."""
    gives, takes = _moved(plan)
    requests = await _requests(tx, plan, takes)
    freed: list[stock.Freed] = []
    hold_id = plan.found.hold_id
    if gives:
        freed = await stock.release(tx, [hold_id], "edited", units=gives, wanted=requests)
    if not requests:
        return freed
    for answer in await stock.reserve(tx, requests):
        if isinstance(answer, stock.Refused):
            why = EditLimit if answer.code == stock.Code.LIMIT else EditSoldOut
            raise why(reason=answer.code, **_plain(answer.facts))
    await stock.confirm(tx, [each.id for each in requests], into=hold_id)
    return freed


def _moved(plan: _Plan) -> tuple[dict[int, int], dict[int, int]]:
    """Units that go back, and units that come, by variant."""
    change: dict[int, int] = {}
    for line in plan.told.lines:
        change[line.variant_id] = change.get(line.variant_id, 0) + line.quantity - line.was
    return (
        {variant_id: -units for variant_id, units in change.items() if units < 0},
        {variant_id: units for variant_id, units in change.items() if units > 0},
    )


def _plain(facts: Mapping[str, object]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name not in {"reason", "code", "message"}}


async def _requests(tx: Tx, plan: _Plan, takes: Mapping[int, int]) -> list[stock.Request]:
    """Within the limits of their offers where these are still open, else of the shop; from the shelf."""
    found = plan.found
    if not takes:
        return []
    pools = {pool.id: pool for pool in await inventory.pools(tx, shop_id=found.shop_id)}
    own = pools.get(found.pool_id)
    open_pool = (await inventory.open_pool(tx, shop_id=found.shop_id)).id
    default = await purchases.most_per_buyer(tx, shop_id=found.shop_id)
    groups: dict[int | None, list[tuple[int, int, int]]] = {}
    for variant_id, units in sorted(takes.items()):
        more = next(
            row.item
            for row, line in zip(plan.rows, plan.told.lines, strict=False)
            if row.item.variant_id == variant_id and line.quantity > line.was
        )
        offer_id = more.offer_id if own is not None and own.is_open else None
        groups.setdefault(offer_id, []).append((variant_id, units, more.unit_price_minor))
    requests: list[stock.Request] = []
    for offer_id, wanted in sorted(groups.items(), key=lambda each: each[0] or 0):
        offered = await purchases.offer_lines(tx, offer_id=offer_id) if offer_id is not None else []
        terms = offered[0] if offered else None
        requests.append(
            stock.Request(
                id=new_id(),
                shop_id=found.shop_id,
                pool_id=open_pool if terms is None else found.pool_id,
                buyer=found.buyer,
                lines=tuple(stock.Line(variant_id, units) for variant_id, units, _ in wanted),
                hold_seconds=_SECONDS,
                latest_ready=date.min,
                offer_id=None if terms is None else offer_id,
                limit_per_buyer=None if terms is None else terms.limit_per_buyer,
                show_id=None if terms is None else found.show_id,
                limit_per_show=None if terms is None else terms.limit_per_show,
                unit_prices=tuple(price for _, _, price in wanted),
                default_limit=default
                if terms is None or (terms.limit_per_buyer is None and terms.limit_per_show is None)
                else None,
            )
        )
    return requests


async def _write(tx: Tx, plan: _Plan) -> None:
    found, way = plan.found, plan.way
    await edit_queries.drop_declined(tx, order_id=found.id)
    shares = await money_queries.refund_shares(tx, order_id=found.id)
    if plan.removed:
        await edit_queries.remove_lines(tx, line_ids=[line.id for line in plan.removed], at=now())
    for row, first in zip(plan.rows, plan.first, strict=True):
        if row.line is not None:
            await edit_queries.change_line(tx, line_id=row.line.id, item=row.item, first_minor=first)
    position = await edit_queries.last_position(tx, order_id=found.id)
    come = [row.item for row in plan.rows if row.line is None]
    fresh = line_rows(found.id, come)
    await draft_queries.insert_lines(
        tx, [dict(row) | {"position": position + place} for place, row in enumerate(fresh, start=1)]
    )
    await edit_queries.change_bundles(
        tx, order_id=found.id, bundles=quoting.whole(plan.bundles, [row.item for row in plan.rows])
    )
    await edit_queries.drop_tax_lines(tx, order_id=found.id)
    await draft_queries.insert_tax_lines(tx, {found.id: way.breakdown.taxes})
    await edit_queries.change_order(
        tx,
        order_id=found.id,
        delivery=way.delivery,
        address=plan.address if way.delivery is Delivery.SHIP else None,
        goods_minor=way.totals.goods.minor,
        shipping_minor=way.totals.shipping.minor,
        first_minor=sum(plan.first) + way.totals.shipping.minor,
        tax_minor=way.breakdown.totals.tax,
        waived_minor=plan.told.waived_minor,
        shipping_name=way.name,
        calculation=way.calculation,
        return_terms=_return_terms(found, plan),
        # Who has paid before does not lose the order over a difference.
        payment_due_at=None if plan.told.paid_minor or found.authorised_minor else found.payment_due_at,
    )
    await edit_queries.keep_sold(tx, order_id=found.id)
    await promotions.take_instead(tx, shop_id=found.shop_id, order_id=found.id, taken=way.taken)
    await _keep_shares(tx, plan, shares)


def _return_terms(found: Order, plan: _Plan) -> dict[str, Any] | None:
    """As promised, under the law of where it goes now."""
    country = str((plan.address or {}).get("country") or "").upper()
    if found.return_terms is None or not country or plan.way.delivery is not Delivery.SHIP:
        return found.return_terms
    return {**found.return_terms, "country": country}


async def _keep_shares(tx: Tx, plan: _Plan, shares: Mapping[UUID, Sequence[int]]) -> None:
    """Refunds of certain lines are of these lines still.  Raises EditRefunded where a line costs less by now."""
    found = plan.found
    lines = await queries.lines(tx, order_id=found.id)
    for refund_id, parts in shares.items():
        of_line = {line.id: part for line, part in zip(plan.lines, parts[:-1], strict=True)}
        await edit_queries.set_refund_share(
            tx,
            order_id=found.id,
            refund_id=refund_id,
            parts=[*(of_line.get(line.id, 0) for line in lines), parts[-1]],
        )
    if not found.refund_granted_minor:
        return
    fresh = await queries.order(tx, order_id=found.id)
    assert fresh is not None, "it is locked"
    try:
        before = await refunds.granted_before(tx, fresh, lines)
    except ValueError:
        raise EditRefunded(given_back_minor=found.refund_granted_minor) from None
    gone = [
        sum(parts) for parts in zip(*([*each.lines, each.shipping_minor] for each in before), strict=True)
    ]
    costs = [*(line.amount_minor for line in lines), fresh.shipping_minor]
    if any(back > cost for back, cost in zip(gone, costs, strict=True)):
        raise EditRefunded(given_back_minor=found.refund_granted_minor)


async def _give_back(tx: Tx, plan: _Plan, *, edit_id: UUID, reason: str, actor: str) -> UUID | None:
    """What was paid and pays for nothing any more, to where it came from; a second person is asked where one has to be."""
    if not plan.told.refund_minor:
        return None
    refund_id = uuid5(edit_id, "refund")
    await edit_queries.insert_refund(
        tx, order_id=plan.found.id, refund_id=refund_id, amount_minor=plan.told.refund_minor
    )
    await refunds.grant(tx, plan.found, plan.told.refund_minor, refund_id=refund_id, note=reason, actor=actor)
    return refund_id


async def _tell(tx: Tx, plan: _Plan, settled: Order, *, edit_id: UUID, tell: bool) -> None:
    found = plan.found
    owed = due(settled)
    after = await queries.lines(tx, order_id=found.id)
    paid_before, _ = allot(
        min(found.charged_minor, found.total_minor), plan.lines, shipping_minor=found.shipping_minor
    )
    paid_after, _ = allot(
        min(settled.charged_minor, settled.total_minor), after, shipping_minor=settled.shipping_minor
    )
    changed: dict[int, EditedLine] = {}
    for sign, lines, paid in ((-1, plan.lines, paid_before), (1, after, paid_after)):
        for line, share in zip(lines, paid, strict=True):
            known = changed.get(line.id)
            changed[line.id] = EditedLine(
                line.id,
                line.variant_id,
                line.product_id,
                line.offer_id,
                sign * line.wanted_quantity + (known.quantity if known else 0),
                line.unit_price_minor,
                sign * line.amount_minor + (known.amount_minor if known else 0),
                sign * share + (known.paid_minor if known else 0),
            )
    await outbox.record(
        tx,
        OrderEdited(
            shop_id=found.shop_id,
            order_id=found.id,
            number=number_of(found),
            edit_id=edit_id,
            buyer=found.buyer,
            show_id=found.show_id,
            currency=found.currency,
            before_minor=found.total_minor,
            after_minor=settled.total_minor,
            shipping_change_minor=settled.shipping_minor - found.shipping_minor,
            refund_minor=plan.told.refund_minor,
            due_minor=0 if owed is None else owed.amount.minor,
            paid_in_full=settled.charged_minor >= settled.total_minor,
            delivery_changed=plan.delivery_changes,
            tell=tell,
            lines=[
                each for each in changed.values() if each.quantity or each.amount_minor or each.paid_minor
            ],
        ),
    )

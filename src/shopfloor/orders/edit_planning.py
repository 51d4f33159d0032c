"""What a change to a placed order comes to: its lines, its address, its price and its way to the buyer.

Lines that stay keep their price; what comes has today's, or one that is named.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from shopfloor import (
    catalog,
    policies,
    promotions,
    stores,
)
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import MAX_MINOR, MAX_QUANTITY, now, split_minor
from shopfloor.orders import (
    checkout_queries,
    discounts,
    edit_queries,
    money_queries,
    packing,
    queries,
    quoting,
    together,
)
from shopfloor.orders.checkout_form import JOIN, Address, Form, tidy
from shopfloor.orders.edit_models import (
    MOST_LINES,
    Added,
    Change,
    EditedLineQuote,
    EditedWay,
    EditQuote,
    Plan,
    Row,
    version_of,
)
from shopfloor.orders.models import Delivery, Item, Order, OrderLine
from shopfloor.orders.refusals import (
    EditBundle,
    EditDelivery,
    EditEmpties,
    EditLine,
    EditOneParcel,
    EditRefunded,
    EditVariant,
    OrderClosed,
)


async def plan_edit(tx: Tx, found: Order, lines: list[OrderLine], change: Change) -> Plan:
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
    total, waived = way.totals.total.minor, _waived(way)
    refund = max(0, paid - total)
    if refund and total < found.refund_granted_minor + found.disputed_minor:
        raise EditRefunded(
            given_back_minor=found.refund_granted_minor + found.disputed_minor, left_minor=total
        )
    edited = [_quoted(row) for row in rows] + [_gone(line) for line in removed]
    changes = _changes(found, edited, way, address, waived)
    if removed and found.refund_granted_minor:
        await _check_shares(tx, found, lines, removed)
    quote = EditQuote(
        order=found,
        version=version_of(found, lines),
        lines=edited,
        ways=[
            EditedWay(each.id, each.name, each.delivery, each.totals.shipping.minor, each.totals.total.minor)
            for each in quoted.ways
        ],
        way=way.id,
        calculation=way.calculation,
        before_minor=found.total_minor,
        after_minor=total,
        goods_minor=way.totals.goods.minor,
        shipping_minor=way.totals.shipping.minor,
        tax_minor=way.breakdown.totals.tax,
        waived_minor=waived,
        paid_minor=paid,
        refund_minor=refund,
        due_minor=max(0, total - paid - found.authorised_minor),
        refund_id=None,
        changes=changes,
    )
    return Plan(found, lines, rows, removed, way, quote, first, address, bundles, delivery_changes)


async def _rows(
    tx: Tx, found: Order, lines: Sequence[OrderLine], change: Change
) -> tuple[list[Row], list[OrderLine]]:
    """Lines that stay, in their order, then those that come; and those that go."""
    wanted = {each.line_id: each for each in change.lines}
    if len(wanted) != len(change.lines) or not wanted.keys() <= {line.id for line in lines}:
        raise EditLine(line_ids=sorted(wanted.keys() - {line.id for line in lines}))
    ids = {each.variant_id for each in [*change.lines, *change.added] if each.variant_id is not None}
    known = await _variants(tx, found, ids | {line.variant_id for line in lines})
    kept: list[Row] = []
    come: list[Row] = []
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
            kept.append(Row(line, _item(line, stay + line.cancelled_quantity)))
        else:
            removed.append(line)
        if other is not None and units > stay:
            price = None if each is None else each.unit_price_minor
            come.append(Row(None, _instead(found, line, units - stay, other, price, known)))
    come += [Row(None, _new(found, each, known)) for each in change.added]
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
    calculation = found.calculation
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
            included=True if calculation is None else bool(calculation["included"]),
            discounts=await promotions.of_order(tx, shop_id=found.shop_id, order_id=found.id),
            in_other_parcel=_method(found) == JOIN,
            paid_minor=kept,
            waived_minor=found.waived_minor,
            waive=waive,
        ),
        places=await _places(tx, found),
    )


async def _places(tx: Tx, found: Order) -> list[stores.Offered]:
    """The store where it is collected stays one, whatever that store offers by now."""
    if found.collect_at is None:
        return []
    store = await stores.find(tx, shop_id=found.shop_id, location_id=found.collect_at)
    return [] if store is None else [stores.Offered(store, now())]


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


def _firsts(found: Order, rows: Sequence[Row]) -> list[int]:
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


def _quoted(row: Row) -> EditedLineQuote:
    line, item = row.line, row.item
    given_up = 0 if line is None else line.cancelled_quantity
    return EditedLineQuote(
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


def _gone(line: OrderLine) -> EditedLineQuote:
    return EditedLineQuote(
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
    lines: Sequence[EditedLineQuote],
    way: quoting.Way,
    address: dict[str, Any] | None,
    waived: int,
) -> list[dict[str, Any]]:
    """In words that are kept: what is different, without anything of the buyer."""
    changes: list[dict[str, Any]] = []
    for line in lines:
        if line.was == line.quantity:
            continue
        kind = "added" if line.was == 0 else "removed" if line.quantity == 0 else "quantity"
        changes.append(
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
        changes.append({"kind": "address"})
    if way.id != _method(found) or way.delivery is not found.delivery:
        changes.append({"kind": "shipping", "was": found.shipping_name, "now": way.name, "method": way.id})
    if waived != found.waived_minor:
        changes.append({"kind": "waived", "was": found.waived_minor, "now": waived})
    return changes


async def _check_shares(
    tx: Tx, found: Order, lines: Sequence[OrderLine], removed: Sequence[OrderLine]
) -> None:
    """A refund of certain lines keeps these."""
    gone = {line.id for line in removed}
    for parts in (await money_queries.refund_shares(tx, order_id=found.id)).values():
        for line, part in zip(lines, parts[:-1], strict=True):
            if part and line.id in gone:
                raise EditRefunded(line_id=line.id, given_back_minor=part)

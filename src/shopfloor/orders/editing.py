"""A placed order is changed before it is sent, in one transaction; `edit_planning` says what it comes to.

Lines that stay keep their price; what comes has today's, or one that is named.  Discounts, shipping and tax are
reckoned again by the price function, with the discounts that the order has and the rates of its day.  Units come from
the ledger and go back to it, money that is too much goes back to where it came from, and what is missing is due.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final
from uuid import UUID, uuid5

from shopfloor import (
    fulfilment,
    inventory,
    payment_authorisations,
    payment_providers,
    payment_refunds,
    payments,
    promotions,
    purchases,
    stock,
)
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.values import new_id, now
from shopfloor.orders import (
    draft_queries,
    edit_queries,
    money_queries,
    packing,
    paying,
    queries,
    quoting,
    refunds,
)
from shopfloor.orders.drafts import line_rows
from shopfloor.orders.edit_models import Change, EditQuote, Plan, Short, version_of
from shopfloor.orders.edit_planning import plan_edit
from shopfloor.orders.events import EditedLine, OrderEdited
from shopfloor.orders.lifecycle import lock, number_of, settle
from shopfloor.orders.models import Delivery, Order, OrderLine
from shopfloor.orders.refusals import (
    EditBeingPacked,
    EditLimit,
    EditNothing,
    EditRefunded,
    EditSoldOut,
    EditStale,
    OrderNotFound,
)
from shopfloor.orders.statuses import allot, due

_SECONDS: Final = 120


async def look(tx: Tx, *, shop_id: int, order_id: UUID, change: Change) -> EditQuote:
    """What the order would come to, and whether its units could be had; nothing is changed or locked.  Raises what `save`
    raises, save for units and money.
    """
    found = await queries.order(tx, order_id=order_id)
    if found is None or found.shop_id != shop_id or found.placed_at is None:
        raise OrderNotFound(order_id=str(order_id))
    plan = await plan_edit(tx, found, await queries.lines(tx, order_id=order_id), change)
    return replace(plan.quote, short=await _short(tx, plan) if found.secured else [])


async def _short(tx: Tx, plan: Plan) -> list[Short]:
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
    last: Callable[[Tx, EditQuote], Awaitable[None]],
) -> EditQuote | None:
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
) -> EditQuote:
    """Change a locked order.  `seen`: the version that was looked at.

    Raises OrderClosed, EditStale, EditNothing, EditEmpties, EditLine, EditBundle, EditVariant, EditSoldOut, EditLimit,
    EditBeingPacked, EditDelivery, EditOneParcel, EditRefunded, FormRefused for the address, promotions.DiscountGone,
    purchases.BadPurchase, payments.PaymentBusy while somebody pays.
    """
    number_of(found)
    if seen is not None and seen != version_of(found, lines):
        raise EditStale(order_id=str(found.id))
    plan = await plan_edit(tx, found, lines, change)
    if not plan.quote.changes and not plan.quote.refund_minor:
        raise EditNothing(order_id=str(found.id))
    parcels = any(each["kind"] != "waived" for each in plan.quote.changes)
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
    return replace(plan.quote, order=settled, refund_id=refund_id, is_granted=granted)


async def _check_parcels(tx: Tx, found: Order) -> None:
    """What somebody has in his hands is put back first.  Raises EditBeingPacked."""
    for parcel in await fulfilment.of_order(tx, shop_id=found.shop_id, order_id=found.id):
        begun = parcel.state is not fulfilment.State.TO_PICK or any(line.picked for line in parcel.lines)
        if parcel.state in fulfilment.HERE and begun:
            raise EditBeingPacked(parcel=parcel.number, parcel_id=str(parcel.id), state=parcel.state)


async def _move_units(tx: Tx, plan: Plan) -> list[stock.Freed]:
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


def _moved(plan: Plan) -> tuple[dict[int, int], dict[int, int]]:
    """Units that go back, and units that come, by variant."""
    change: dict[int, int] = {}
    for line in plan.quote.lines:
        change[line.variant_id] = change.get(line.variant_id, 0) + line.quantity - line.was
    return (
        {variant_id: -units for variant_id, units in change.items() if units < 0},
        {variant_id: units for variant_id, units in change.items() if units > 0},
    )


def _plain(facts: Mapping[str, object]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name not in {"reason", "code", "message"}}


async def _requests(tx: Tx, plan: Plan, takes: Mapping[int, int]) -> list[stock.Request]:
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
            for row, line in zip(plan.rows, plan.quote.lines, strict=False)
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


async def _write(tx: Tx, plan: Plan) -> None:
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
        location_id=None if way.store is None else way.store.store.location_id,
        address=plan.address if way.delivery is Delivery.SHIP else None,
        goods_minor=way.totals.goods.minor,
        shipping_minor=way.totals.shipping.minor,
        first_minor=sum(plan.first) + way.totals.shipping.minor,
        tax_minor=way.breakdown.totals.tax,
        waived_minor=plan.quote.waived_minor,
        shipping_name=way.name,
        calculation=way.calculation,
        return_terms=_return_terms(found, plan),
        # Who has paid before does not lose the order over a difference.
        payment_due_at=None if plan.quote.paid_minor or found.authorised_minor else found.payment_due_at,
    )
    await edit_queries.keep_sold(tx, order_id=found.id)
    await promotions.take_instead(tx, shop_id=found.shop_id, order_id=found.id, taken=way.taken)
    await _keep_shares(tx, plan, shares)


def _return_terms(found: Order, plan: Plan) -> dict[str, Any] | None:
    """As promised, under the law of where it goes now."""
    country = str((plan.address or {}).get("country") or "").upper()
    if found.return_terms is None or not country or plan.way.delivery is not Delivery.SHIP:
        return found.return_terms
    return {**found.return_terms, "country": country}


async def _keep_shares(tx: Tx, plan: Plan, shares: Mapping[UUID, Sequence[int]]) -> None:
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


async def _give_back(tx: Tx, plan: Plan, *, edit_id: UUID, reason: str, actor: str) -> UUID | None:
    """What was paid and no longer pays for anything goes back to where it came from; a second person is asked where one has to be."""
    if not plan.quote.refund_minor:
        return None
    refund_id = uuid5(edit_id, "refund")
    await edit_queries.insert_refund(
        tx, order_id=plan.found.id, refund_id=refund_id, amount_minor=plan.quote.refund_minor
    )
    await refunds.grant(
        tx, plan.found, plan.quote.refund_minor, refund_id=refund_id, note=reason, actor=actor
    )
    return refund_id


async def _tell(tx: Tx, plan: Plan, settled: Order, *, edit_id: UUID, tell: bool) -> None:
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
            refund_minor=plan.quote.refund_minor,
            due_minor=0 if owed is None else owed.amount.minor,
            paid_in_full=settled.charged_minor >= settled.total_minor,
            delivery_changed=plan.delivery_changes,
            tell=tell,
            lines=[
                each for each in changed.values() if each.quantity or each.amount_minor or each.paid_minor
            ],
        ),
    )

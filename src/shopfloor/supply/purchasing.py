"""Purchase orders: from an accepted plan to goods on the shelf."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from shopfloor import access_keys, inventory
from shopfloor.accounts import Actor
from shopfloor.kernel import outbox, paging
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import MAX_QUANTITY, new_id, now
from shopfloor.supply import plan_queries, purchase_order_queries
from shopfloor.supply.events import (
    OrderedLine,
    PlanAccepted,
    PromisedLine,
    PurchaseOrderConfirmed,
    PurchaseOrderReceived,
    PurchaseOrderSent,
    ReceivedLine,
)
from shopfloor.supply.inventory_position import on_its_way
from shopfloor.supply.models import (
    ANSWERABLE,
    BadQuantity,
    NothingToOrder,
    OrderState,
    Plan,
    PlanLine,
    PlanStale,
    Promise,
    PurchaseLine,
    PurchaseOrder,
    Sent,
    Supplier,
    UnknownLine,
    UnknownPurchaseOrder,
    WrongState,
    check_promises,
    state_after,
)
from shopfloor.supply.plans import plan_by_id
from shopfloor.supply.suppliers import KEY_PURPOSE, supplier

# Something is still to be answered or to come.
OPEN_STATES: Final = (OrderState.DRAFT, OrderState.SENT, OrderState.CONFIRMED, OrderState.PARTIALLY)
# How many answered orders one page of a supplier's desk shows.
DESK_PAGE: Final = 20


async def accept(tx: Tx, *, actor: Actor, plan_id: int) -> list[Sent]:
    """Turn a plan into one purchase order per supplier and send them: each comes with the supplier's key.

    Only the newest plan of its show, once.  Raises UnknownPlan, PlanStale, NothingToOrder.
    """
    plan = await plan_by_id(tx, shop_id=actor.shop_id, plan_id=plan_id)
    await plan_queries.lock_show(tx, show_id=plan.show_id)
    if not await plan_queries.accept_plan(tx, shop_id=actor.shop_id, plan_id=plan_id):
        raise PlanStale(plan_id=plan_id)
    if not plan.lines:
        raise NothingToOrder(plan_id=plan_id)
    setups = {each.quote_id: each for each in await plan_queries.setups(tx, plan_id=plan_id)}
    there = await on_its_way(
        tx, shop_id=actor.shop_id, variant_ids=sorted({each.variant_id for each in plan.lines})
    )
    owed = {variant_id: each.owed for variant_id, each in there.items()}
    by_supplier: dict[int, list[PlanLine]] = defaultdict(list)
    for each in plan.lines:
        by_supplier[each.supplier_id].append(each)
    sent = [
        await _send_new(tx, plan, supplier_id, lines, setups, owed)
        for supplier_id, lines in sorted(by_supplier.items())
    ]
    await outbox.record(
        tx,
        PlanAccepted(
            shop_id=plan.shop_id,
            show_id=plan.show_id,
            plan_id=plan.id,
            person_id=actor.person_id,
            order_ids=[each.order.id for each in sent],
        ),
    )
    return sent


async def _send_new(
    tx: Tx,
    plan: Plan,
    supplier_id: int,
    lines: Sequence[PlanLine],
    setups: Mapping[int, plan_queries.Setup],
    owed: dict[int, int],
) -> Sent:
    """One supplier's order.  `owed` loses what this order takes over for buyers of makeable units."""
    order_id, at = new_id(), now()
    setup = sum(setups[quote_id].setup_minor for quote_id in {each.quote_id for each in lines})
    await purchase_order_queries.insert_order(
        tx,
        order_id=order_id,
        shop_id=plan.shop_id,
        supplier_id=supplier_id,
        plan_id=plan.id,
        show_id=plan.show_id,
        location_id=plan.location_id,
        currency=plan.currency,
        setup_minor=setup,
        cost_minor=setup + sum(each.unit_minor * each.quantity for each in lines),
        created_at=at,
    )
    rows: list[dict[str, object]] = []
    for position, each in enumerate(lines):
        taken = min(each.quantity, owed[each.variant_id])
        owed[each.variant_id] -= taken
        rows.append(
            {
                "order_id": order_id,
                "position": position,
                "product_id": each.product_id,
                "variant_id": each.variant_id,
                "quantity": each.quantity,
                "unit_minor": each.unit_minor,
                "capacity_use": setups[each.quote_id].capacity_use,
                "owed": taken,
                "expected_on": each.expected_on,
            }
        )
    await purchase_order_queries.insert_order_lines(tx, rows)
    await purchase_order_queries.send_order(tx, order_id=order_id, at=at)
    order = await purchase_order(tx, shop_id=plan.shop_id, purchase_order_id=order_id)
    key = await access_keys.issue_key(
        tx, shop_id=plan.shop_id, purpose=KEY_PURPOSE, subject_id=supplier_id, lasts=timedelta(days=365)
    )
    await outbox.record(
        tx,
        PurchaseOrderSent(
            shop_id=order.shop_id,
            show_id=order.show_id,
            purchase_order_id=order.id,
            supplier_id=supplier_id,
            number=order.number,
            cost_minor=order.cost_minor,
            currency=order.currency,
            lines=[OrderedLine(each.variant_id, each.quantity, each.unit_minor) for each in order.lines],
        ),
    )
    return Sent(order, key)


async def _count_purchase_orders(
    tx: Tx,
    *,
    shop_id: int,
    supplier_id: int | None = None,
    states: Sequence[OrderState] | None = None,
    before: UUID | None = None,
) -> paging.Counted:
    return paging.capped(
        await purchase_order_queries.count_orders(
            tx, shop_id=shop_id, supplier_id=supplier_id, states=states, before=before
        )
    )


@paging.counted_by(_count_purchase_orders)
async def purchase_orders(
    tx: Tx,
    *,
    shop_id: int,
    supplier_id: int | None = None,
    plan_id: int | None = None,
    states: Sequence[OrderState] | None = None,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: int | None = None,
) -> list[PurchaseOrder]:
    """Newest first: all of them, or a page of at most `limit` (`kernel.paging`)."""
    heads = await purchase_order_queries.orders(
        tx,
        shop_id=shop_id,
        supplier_id=supplier_id,
        plan_id=plan_id,
        states=states,
        after=after,
        before=before,
        limit=limit,
    )
    lines = await purchase_order_queries.order_lines(tx, order_ids=[head.id for head in heads])
    return [purchase_order_queries.purchase_order(head, lines) for head in heads]


async def purchase_order(tx: Tx, *, shop_id: int, purchase_order_id: UUID) -> PurchaseOrder:
    """Raises UnknownPurchaseOrder."""
    heads = await purchase_order_queries.orders(tx, shop_id=shop_id, order_id=purchase_order_id)
    if not heads:
        raise UnknownPurchaseOrder(purchase_order_id=str(purchase_order_id))
    return purchase_order_queries.purchase_order(
        heads[0], await purchase_order_queries.order_lines(tx, order_ids=[purchase_order_id])
    )


@dataclass(frozen=True, slots=True)
class Desk:
    """What a supplier sees behind the key: who they are and what was ordered from them, newest first.

    `page` is that of the orders that have an answer.
    """

    supplier: Supplier
    orders: tuple[PurchaseOrder, ...]
    page: paging.Page[purchase_order_queries.OrderHead]


async def desk(
    tx: Tx,
    *,
    key: str,
    after: UUID | None = None,
    before: UUID | None = None,
    purchase_order_id: UUID | None = None,
) -> Desk:
    """Every order that waits for an answer, then a page of those that have one; `purchase_order_id` is there in
    any case, where it is the supplier's.  Raises accounts.UnknownKey.
    """
    known = await access_keys.read_key(tx, token=key, purpose=KEY_PURPOSE)
    found = await supplier(tx, shop_id=known.shop_id, supplier_id=known.subject_id)
    of_supplier = partial(
        purchase_order_queries.orders, tx, shop_id=known.shop_id, supplier_id=found.id, sent_only=True
    )
    waiting = await of_supplier(states=[OrderState.SENT])
    answered = await paging.numbered(
        _of_supplier,
        tx,
        shop_id=known.shop_id,
        supplier_id=found.id,
        states=[state for state in OrderState if state not in {OrderState.DRAFT, OrderState.SENT}],
        after=after,
        before=before,
        limit=DESK_PAGE,
        key=_head_id,
    )
    heads = [*waiting, *answered.items]
    if purchase_order_id is not None and all(head.id != purchase_order_id for head in heads):
        heads += await of_supplier(order_id=purchase_order_id)
    lines = await purchase_order_queries.order_lines(tx, order_ids=[head.id for head in heads])
    orders = tuple(purchase_order_queries.purchase_order(head, lines) for head in heads)
    return Desk(found, orders, answered)


_of_supplier: Final = paging.Listing(purchase_order_queries.orders, _count_purchase_orders)


def _head_id(head: purchase_order_queries.OrderHead) -> UUID:
    return head.id


async def open_order_counts(tx: Tx, *, shop_id: int) -> dict[int, int]:
    """By supplier, how many purchase orders wait for an answer or for goods."""
    return await purchase_order_queries.order_counts(tx, shop_id=shop_id, states=OPEN_STATES)


async def purchase_order_for_key(tx: Tx, *, key: str, purchase_order_id: UUID) -> PurchaseOrder:
    """One order of the supplier who holds the key.  Raises UnknownPurchaseOrder, UnknownKey."""
    for order in (await desk(tx, key=key, purchase_order_id=purchase_order_id)).orders:
        if order.id == purchase_order_id:
            return order
    raise UnknownPurchaseOrder(purchase_order_id=str(purchase_order_id))


async def confirm(
    tx: Tx, *, key: str, purchase_order_id: UUID, lines: Sequence[Promise], today: date | None = None
) -> PurchaseOrder:
    """The supplier's answer: how many of which variant, ready when; zero declines a line.

    Each confirmed quantity becomes a lot that is sold against at once.  The same answer again changes nothing;
    another one moves the lots (a later day, fewer units), also after the first.  Lines that are not named stay
    as they are.  Raises UnknownKey, UnknownPurchaseOrder, WrongState, and what `check_promises` raises.
    """
    known = await access_keys.read_key(tx, token=key, purpose=KEY_PURPOSE)
    head = await purchase_order_queries.lock_order(tx, shop_id=known.shop_id, order_id=purchase_order_id)
    if head is None or head.supplier_id != known.subject_id or head.sent_at is None:
        raise UnknownPurchaseOrder(purchase_order_id=str(purchase_order_id))
    order = purchase_order_queries.purchase_order(
        head, await purchase_order_queries.order_lines(tx, order_ids=[purchase_order_id])
    )
    check_promises(order, lines, today=today or now().date())
    changed = _changed(order, lines)
    if not changed:
        return order
    if order.state not in ANSWERABLE or any(each.received for each in changed):
        raise WrongState("Goods have come already.", state=order.state)

    await purchase_order_queries.answer_lines(
        tx,
        [
            {
                "order_id": order.id,
                "variant_id": each.variant_id,
                "confirmed": each.confirmed,
                "ready_on": each.ready_on,
            }
            for each in changed
        ],
    )
    for each in sorted(changed, key=lambda each: each.variant_id):
        await _announce(tx, order, each)
    after = {each.variant_id: each for each in (*order.lines, *changed)}
    await purchase_order_queries.set_order_state(
        tx, order_id=order.id, state=state_after(list(after.values())), answered_at=now(), received_at=None
    )
    answered = await purchase_order(tx, shop_id=order.shop_id, purchase_order_id=order.id)
    await outbox.record(
        tx,
        PurchaseOrderConfirmed(
            shop_id=order.shop_id,
            show_id=order.show_id,
            purchase_order_id=order.id,
            supplier_id=order.supplier_id,
            number=order.number,
            state=answered.state,
            lines=[PromisedLine(each.variant_id, each.confirmed or 0, each.ready_on) for each in changed],
        ),
    )
    return answered


def _changed(order: PurchaseOrder, promises: Sequence[Promise]) -> list[PurchaseLine]:
    """The lines of `order` that `promises` change, as they will be."""
    lines = {each.variant_id: each for each in order.lines}
    wanted = [
        replace(
            lines[promise.variant_id],
            confirmed=promise.quantity,
            ready_on=promise.ready_on if promise.quantity else None,
        )
        for promise in promises
    ]
    return [each for each in wanted if each != lines[each.variant_id]]


async def _announce(tx: Tx, order: PurchaseOrder, promised: PurchaseLine) -> None:
    """What is confirmed beyond what buyers of makeable units own already becomes a lot, or changes it."""
    before = next(each for each in order.lines if each.variant_id == promised.variant_id)
    quantity = max(0, (promised.confirmed or 0) - promised.owed)
    ready_on = promised.ready_on or before.ready_on
    if ready_on is None or (quantity == 0 and not before.confirmed):
        return
    await inventory.announce_lot(
        tx,
        shop_id=order.shop_id,
        variant_id=promised.variant_id,
        location_id=order.location_id,
        quantity=quantity,
        ready_on=ready_on,
        kind=inventory.LotKind.INCOMING,
        source=_source(order),
    )


def _source(order: PurchaseOrder) -> str:
    return f"po:{order.id}"


async def receive(
    tx: Tx,
    *,
    actor: Actor,
    purchase_order_id: UUID,
    quantities: Mapping[int, int],
    damaged: Mapping[int, int] | None = None,
) -> PurchaseOrder:
    """Goods came: `quantities` says per variant how many in all so far, so that saying it twice changes nothing.

    The first delivery of a line turns its lot into units on hand; if it is smaller than what was promised to
    buyers, stock raises a shortage.  More than ordered is taken in: it is there.  The order is done when every
    line that was confirmed has come.  `damaged`: of the units that came now, so many can't be sold: they are there and set
    aside.  Raises UnknownPurchaseOrder, WrongState, UnknownLine, BadQuantity, inventory.NotEnough when buyers own them.
    """
    head = await purchase_order_queries.lock_order(tx, shop_id=actor.shop_id, order_id=purchase_order_id)
    if head is None:
        raise UnknownPurchaseOrder(purchase_order_id=str(purchase_order_id))
    if head.sent_at is None:
        raise WrongState(state=head.state)
    order = purchase_order_queries.purchase_order(
        head, await purchase_order_queries.order_lines(tx, order_ids=[purchase_order_id])
    )
    lines = {each.variant_id: each for each in order.lines}
    for variant_id, total in quantities.items():
        if variant_id not in lines:
            raise UnknownLine(variant_id=variant_id)
        if not lines[variant_id].received <= total <= MAX_QUANTITY:
            raise BadQuantity(
                "What came cannot become less; correct the stock instead.", variant_id=variant_id
            )
    came = {
        variant_id: total
        for variant_id, total in sorted(quantities.items())
        if total > lines[variant_id].received
    }
    if not came:
        return order
    for variant_id, total in came.items():
        await _take_in(tx, order, lines[variant_id], total - lines[variant_id].received)
    broken = {variant_id: units for variant_id, units in (damaged or {}).items() if units}
    for variant_id, units in broken.items():
        if not 0 < units <= came.get(variant_id, 0) - lines[variant_id].received:
            raise BadQuantity("No more units are damaged than came.", variant_id=variant_id, damaged=units)
    await inventory.Shelf(order.shop_id, order.location_id).move(
        tx,
        broken,
        to=inventory.Shelf(order.shop_id, order.location_id, "damaged"),
        reason=f"{order.number}: damaged",
    )
    await purchase_order_queries.receive_lines(
        tx,
        [
            {"order_id": order.id, "variant_id": variant_id, "received": total}
            for variant_id, total in came.items()
        ],
    )
    complete = all(
        came.get(each.variant_id, each.received)
        >= (each.quantity if each.confirmed is None else each.confirmed)
        for each in order.lines
    )
    if complete:
        await purchase_order_queries.set_order_state(
            tx, order_id=order.id, state=OrderState.RECEIVED, answered_at=None, received_at=now()
        )
    await outbox.record(
        tx,
        PurchaseOrderReceived(
            shop_id=order.shop_id,
            purchase_order_id=order.id,
            supplier_id=order.supplier_id,
            number=order.number,
            complete=complete,
            lines=[
                ReceivedLine(variant_id, total - lines[variant_id].received, total)
                for variant_id, total in came.items()
            ],
        ),
    )
    return await purchase_order(tx, shop_id=order.shop_id, purchase_order_id=order.id)


async def _take_in(tx: Tx, order: PurchaseOrder, before: PurchaseLine, units: int) -> None:
    """Units of one line onto the shelf: first for buyers who bought them as makeable, then the line's lot."""
    if before.owed and not before.received:
        units -= await _settle_makeable(tx, order, before.variant_id, min(before.owed, units))
    has_lot = before.confirmed is not None and before.confirmed > before.owed
    if has_lot and not before.received:
        await inventory.lot_arrived(
            tx,
            shop_id=order.shop_id,
            variant_id=before.variant_id,
            location_id=order.location_id,
            source=_source(order),
            quantity=units,
        )
    elif units:
        await inventory.receive(
            tx,
            shop_id=order.shop_id,
            location_id=order.location_id,
            variant_id=before.variant_id,
            quantity=units,
            reason=order.number,
        )


async def _settle_makeable(tx: Tx, order: PurchaseOrder, variant_id: int, units: int) -> int:
    """Let makeable lots that are sold arrive with just what they owe, soonest first; say how many that took.

    A lot is only closed when all it owes is there.
    """
    taken = 0
    levels = await inventory.levels(tx, shop_id=order.shop_id, variant_ids=[variant_id])
    owing: dict[str, tuple[date, int]] = {}
    for level in levels:
        if (
            level.kind is inventory.LotKind.MAKEABLE
            and level.location_id == order.location_id
            and level.ready_on is not None
        ):
            _, promised = owing.get(level.source, (level.ready_on, 0))
            owing[level.source] = (level.ready_on, promised + level.held + level.allocated)
    for source, (_, promised) in sorted(owing.items(), key=lambda each: each[1]):
        if 0 < promised <= units - taken:
            await inventory.lot_arrived(
                tx,
                shop_id=order.shop_id,
                variant_id=variant_id,
                location_id=order.location_id,
                source=source,
                quantity=promised,
            )
            taken += promised
    return taken

"""SQL of supply.  One function, one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from shopfloor.kernel.database import Tx
from shopfloor.supply.models import (
    OrderState,
    Plan,
    PlanLine,
    PlanState,
    PurchaseLine,
    PurchaseOrder,
    Quote,
    QuoteTerms,
    Supplier,
    Tier,
)
from shopfloor.supply.solver.problem import Problem

# Suppliers and quotes


async def insert_supplier_once(
    tx: Tx, *, shop_id: int, name: str, email: str, locale: str, capacity_per_week: int | None
) -> Supplier | None:
    """None when the name is taken."""
    return await tx.first(
        Supplier,
        """
        INSERT INTO supply.supplier (shop_id, name, email, locale, capacity_per_week)
        VALUES (%(shop_id)s, %(name)s, %(email)s, %(locale)s, %(capacity)s)
        ON CONFLICT (shop_id, name) DO NOTHING
        RETURNING id, shop_id, name, email, locale, capacity_per_week, active
        """,
        shop_id=shop_id,
        name=name,
        email=email,
        locale=locale,
        capacity=capacity_per_week,
    )


async def update_supplier(
    tx: Tx,
    *,
    shop_id: int,
    supplier_id: int,
    name: str,
    email: str,
    locale: str,
    capacity_per_week: int | None,
    active: bool,
) -> Supplier | None:
    return await tx.first(
        Supplier,
        """
        UPDATE supply.supplier
           SET name = %(name)s, email = %(email)s, locale = %(locale)s, capacity_per_week = %(capacity)s,
               active = %(active)s
         WHERE id = %(supplier_id)s AND shop_id = %(shop_id)s
        RETURNING id, shop_id, name, email, locale, capacity_per_week, active
        """,
        shop_id=shop_id,
        supplier_id=supplier_id,
        name=name,
        email=email,
        locale=locale,
        capacity=capacity_per_week,
        active=active,
    )


async def name_is_taken(tx: Tx, *, shop_id: int, name: str, except_id: int) -> bool:
    return await tx.value(
        """
        SELECT EXISTS (SELECT 1 FROM supply.supplier
                        WHERE shop_id = %(shop_id)s AND name = %(name)s AND id <> %(except_id)s)
        """,
        shop_id=shop_id,
        name=name,
        except_id=except_id,
    )


async def suppliers(tx: Tx, *, shop_id: int) -> list[Supplier]:
    return await tx.every(
        Supplier,
        """
        SELECT id, shop_id, name, email, locale, capacity_per_week, active
          FROM supply.supplier WHERE shop_id = %(shop_id)s ORDER BY name, id
        """,
        shop_id=shop_id,
    )


async def supplier(tx: Tx, *, shop_id: int, supplier_id: int) -> Supplier | None:
    return await tx.first(
        Supplier,
        """
        SELECT id, shop_id, name, email, locale, capacity_per_week, active
          FROM supply.supplier WHERE id = %(supplier_id)s AND shop_id = %(shop_id)s
        """,
        shop_id=shop_id,
        supplier_id=supplier_id,
    )


@dataclass(frozen=True, slots=True)
class _QuoteRow:
    id: int
    shop_id: int
    supplier_id: int
    product_id: int
    currency: str
    minimums: list[int]
    prices: list[int]
    lead_days: int
    late_days: int
    lot: int
    colour_minimum: int
    colour_option: str
    capacity_use: int
    setup_minor: int
    valid_from: date | None
    valid_until: date | None


def _quote(row: _QuoteRow) -> Quote:
    return Quote(
        id=row.id,
        shop_id=row.shop_id,
        supplier_id=row.supplier_id,
        product_id=row.product_id,
        terms=QuoteTerms(
            currency=row.currency,
            tiers=tuple(Tier(*tier) for tier in zip(row.minimums, row.prices, strict=True)),
            lead_days=row.lead_days,
            late_days=row.late_days,
            lot=row.lot,
            colour_minimum=row.colour_minimum,
            colour_option=row.colour_option,
            capacity_use=row.capacity_use,
            setup_minor=row.setup_minor,
            valid_from=row.valid_from,
            valid_until=row.valid_until,
        ),
    )


async def insert_quote(
    tx: Tx, *, shop_id: int, supplier_id: int, product_id: int, terms: QuoteTerms
) -> Quote:
    row = await tx.one(
        _QuoteRow,
        """
        INSERT INTO supply.quote (shop_id, supplier_id, product_id, currency, minimums, prices, lead_days, late_days,
                                  lot, colour_minimum, colour_option, capacity_use, setup_minor, valid_from,
                                  valid_until)
        VALUES (%(shop_id)s, %(supplier_id)s, %(product_id)s, %(currency)s, %(minimums)s, %(prices)s, %(lead_days)s,
                %(late_days)s, %(lot)s, %(colour_minimum)s, %(colour_option)s, %(capacity_use)s, %(setup_minor)s,
                %(valid_from)s, %(valid_until)s)
        RETURNING id, shop_id, supplier_id, product_id, currency, minimums, prices, lead_days, late_days, lot,
                  colour_minimum, colour_option, capacity_use, setup_minor, valid_from, valid_until
        """,
        shop_id=shop_id,
        supplier_id=supplier_id,
        product_id=product_id,
        currency=terms.currency,
        minimums=[tier.minimum for tier in terms.tiers],
        prices=[tier.unit_minor for tier in terms.tiers],
        lead_days=terms.lead_days,
        late_days=terms.late_days,
        lot=terms.lot,
        colour_minimum=terms.colour_minimum,
        colour_option=terms.colour_option,
        capacity_use=terms.capacity_use,
        setup_minor=terms.setup_minor,
        valid_from=terms.valid_from,
        valid_until=terms.valid_until,
    )
    return _quote(row)


async def withdraw_quote(tx: Tx, *, shop_id: int, quote_id: int, supplier_id: int | None) -> int:
    return await tx.run(
        """
        UPDATE supply.quote SET withdrawn_at = now()
         WHERE id = %(quote_id)s AND shop_id = %(shop_id)s AND withdrawn_at IS NULL
           AND supplier_id = coalesce(%(supplier_id)s::bigint, supplier_id)
        """,
        supplier_id=supplier_id,
        shop_id=shop_id,
        quote_id=quote_id,
    )


async def quotes(
    tx: Tx,
    *,
    shop_id: int,
    supplier_id: int | None = None,
    product_ids: Sequence[int] | None = None,
    quote_id: int | None = None,
) -> list[Quote]:
    """Those in force (not withdrawn), of one supplier, of some products, or one of them."""
    rows = await tx.every(
        _QuoteRow,
        """
        SELECT id, shop_id, supplier_id, product_id, currency, minimums, prices, lead_days, late_days, lot,
               colour_minimum, colour_option, capacity_use, setup_minor, valid_from, valid_until
          FROM supply.quote
         WHERE shop_id = %(shop_id)s AND withdrawn_at IS NULL
           AND (%(supplier_id)s::bigint IS NULL OR supplier_id = %(supplier_id)s)
           AND (%(quote_id)s::bigint IS NULL OR id = %(quote_id)s)
           AND (%(product_ids)s::bigint[] IS NULL OR product_id = ANY (%(product_ids)s::bigint[]))
         ORDER BY product_id, id
        """,
        shop_id=shop_id,
        supplier_id=supplier_id,
        quote_id=quote_id,
        product_ids=None if product_ids is None else list(product_ids),
    )
    return [_quote(row) for row in rows]


# What is on its way


@dataclass(frozen=True, slots=True)
class Underway:
    """Units of open orders that no lot stands for yet, and units in them that makeable sales already own."""

    variant_id: int
    unanswered: int
    owed: int


async def underway(tx: Tx, *, shop_id: int, variant_ids: Sequence[int]) -> list[Underway]:
    return await tx.every(
        Underway,
        """
        SELECT l.variant_id,
               coalesce(sum(l.quantity - l.owed) FILTER (WHERE l.confirmed IS NULL), 0)::int AS unanswered,
               coalesce(sum(least(l.owed, coalesce(l.confirmed, l.quantity))), 0)::int AS owed
          FROM supply.purchase_order AS o JOIN supply.purchase_line AS l ON l.order_id = o.id
         WHERE o.shop_id = %(shop_id)s AND o.state IN ('sent', 'partially', 'confirmed') AND l.received = 0
           AND l.variant_id = ANY (%(variant_ids)s::bigint[])
         GROUP BY l.variant_id ORDER BY l.variant_id
        """,
        shop_id=shop_id,
        variant_ids=list(variant_ids),
    )


@dataclass(frozen=True, slots=True)
class Workload:
    supplier_id: int
    work: int


async def workloads(tx: Tx, *, shop_id: int) -> list[Workload]:
    """What each supplier still has to make for open orders, in units of capacity."""
    return await tx.every(
        Workload,
        """
        SELECT o.supplier_id,
               sum(l.capacity_use::bigint * greatest(0, coalesce(l.confirmed, l.quantity) - l.received))::bigint AS work
          FROM supply.purchase_order AS o JOIN supply.purchase_line AS l ON l.order_id = o.id
         WHERE o.shop_id = %(shop_id)s AND o.state IN ('sent', 'partially', 'confirmed')
         GROUP BY o.supplier_id ORDER BY o.supplier_id
        """,
        shop_id=shop_id,
    )


# Plans


@dataclass(frozen=True, slots=True)
class PlanHead:
    id: int
    shop_id: int
    show_id: int
    version: int
    state: str
    as_of: datetime
    forecast_id: int
    location_id: int
    needed_by: date
    currency: str
    scale: int
    cost_scaled: int
    bound_scaled: int
    purchase_minor: int
    lost_scaled: int
    left_scaled: int
    revenue_scaled: int
    digest: str
    solver: str
    seconds: float
    remarks: Any


async def lock_show(tx: Tx, *, show_id: int) -> None:
    """Plans of one show are stored and accepted one after another."""
    await tx.value(
        "SELECT pg_advisory_xact_lock(hashtextextended('supply.show', %(show_id)s))", show_id=show_id
    )


async def last_accepted(tx: Tx, *, shop_id: int, show_id: int) -> int | None:
    return await tx.value(
        """
        SELECT max(id) FROM supply.plan
         WHERE shop_id = %(shop_id)s AND show_id = %(show_id)s AND state = 'accepted'
        """,
        shop_id=shop_id,
        show_id=show_id,
    )


async def replace_proposed(tx: Tx, *, shop_id: int, show_id: int) -> None:
    await tx.run(
        """
        UPDATE supply.plan SET state = 'replaced'
         WHERE shop_id = %(shop_id)s AND show_id = %(show_id)s AND state = 'proposed'
        """,
        shop_id=shop_id,
        show_id=show_id,
    )


async def insert_plan(tx: Tx, *, plan: Plan, problem: Problem) -> PlanHead:
    return await tx.one(
        PlanHead,
        """
        INSERT INTO supply.plan (shop_id, show_id, version, state, as_of, forecast_id, location_id, needed_by, currency,
                                 scale, cost_scaled, bound_scaled, purchase_minor, lost_scaled, left_scaled,
                                 revenue_scaled, digest, problem, solver, seconds, remarks)
        SELECT %(shop_id)s, %(show_id)s, coalesce(max(version), 0) + 1, 'proposed', %(as_of)s, %(forecast_id)s,
               %(location_id)s, %(needed_by)s, %(currency)s, %(scale)s, %(cost_scaled)s, %(bound_scaled)s,
               %(purchase_minor)s, %(lost_scaled)s, %(left_scaled)s, %(revenue_scaled)s, %(digest)s, %(problem)s,
               %(solver)s, %(seconds)s, %(remarks)s
          FROM supply.plan WHERE show_id = %(show_id)s
        RETURNING id, shop_id, show_id, version, state, as_of, forecast_id, location_id, needed_by, currency, scale,
                  cost_scaled, bound_scaled, purchase_minor, lost_scaled, left_scaled, revenue_scaled, digest, solver,
                  seconds, remarks
        """,
        shop_id=plan.shop_id,
        show_id=plan.show_id,
        as_of=plan.as_of,
        forecast_id=plan.forecast_id,
        location_id=plan.location_id,
        needed_by=plan.needed_by,
        currency=plan.currency,
        scale=plan.scale,
        cost_scaled=plan.cost_scaled,
        bound_scaled=plan.bound_scaled,
        purchase_minor=plan.purchase_minor,
        lost_scaled=plan.lost_scaled,
        left_scaled=plan.left_scaled,
        revenue_scaled=plan.revenue_scaled,
        digest=plan.digest,
        problem=Jsonb(problem, dumps=msgspec.json.encode),
        solver=plan.solver,
        seconds=plan.seconds,
        remarks=Jsonb(dict(plan.remarks)),
    )


async def insert_plan_lines(
    tx: Tx, *, plan_id: int, lines: Sequence[PlanLine], setups: Mapping[int, int]
) -> None:
    """`setups`: what each quote costs once per order."""
    await tx.many(
        """
        INSERT INTO supply.plan_line (plan_id, quote_id, supplier_id, product_id, variant_id, quantity, unit_minor,
                                      setup_minor, expected_on, available, hard, mean, low, high, identifiable)
        VALUES (%(plan_id)s, %(quote_id)s, %(supplier_id)s, %(product_id)s, %(variant_id)s, %(quantity)s,
                %(unit_minor)s, %(setup_minor)s, %(expected_on)s, %(available)s, %(hard)s, %(mean)s, %(low)s, %(high)s,
                %(identifiable)s)
        """,
        [
            {
                "plan_id": plan_id,
                "setup_minor": setups[line.quote_id],
                **{each.name: getattr(line, each.name) for each in fields(line)},
            }
            for line in lines
        ],
    )


async def latest_plan(tx: Tx, *, shop_id: int, show_id: int) -> PlanHead | None:
    return await tx.first(
        PlanHead,
        """
        SELECT id, shop_id, show_id, version, state, as_of, forecast_id, location_id, needed_by, currency, scale,
               cost_scaled, bound_scaled, purchase_minor, lost_scaled, left_scaled, revenue_scaled, digest, solver,
               seconds, remarks
          FROM supply.plan WHERE shop_id = %(shop_id)s AND show_id = %(show_id)s ORDER BY version DESC LIMIT 1
        """,
        shop_id=shop_id,
        show_id=show_id,
    )


async def plan(tx: Tx, *, shop_id: int, plan_id: int) -> PlanHead | None:
    return await tx.first(
        PlanHead,
        """
        SELECT id, shop_id, show_id, version, state, as_of, forecast_id, location_id, needed_by, currency, scale,
               cost_scaled, bound_scaled, purchase_minor, lost_scaled, left_scaled, revenue_scaled, digest, solver,
               seconds, remarks
          FROM supply.plan WHERE shop_id = %(shop_id)s AND id = %(plan_id)s
        """,
        shop_id=shop_id,
        plan_id=plan_id,
    )


async def plan_lines(tx: Tx, *, plan_id: int) -> list[PlanLine]:
    return await tx.every(
        PlanLine,
        """
        SELECT quote_id, supplier_id, product_id, variant_id, quantity, unit_minor, expected_on, available, hard, mean,
               low, high, identifiable
          FROM supply.plan_line WHERE plan_id = %(plan_id)s ORDER BY supplier_id, product_id, variant_id, quote_id
        """,
        plan_id=plan_id,
    )


@dataclass(frozen=True, slots=True)
class StoredProblem:
    problem: Any
    digest: str


async def problem(tx: Tx, *, shop_id: int, plan_id: int) -> StoredProblem | None:
    return await tx.first(
        StoredProblem,
        "SELECT problem, digest FROM supply.plan WHERE shop_id = %(shop_id)s AND id = %(plan_id)s",
        shop_id=shop_id,
        plan_id=plan_id,
    )


async def accept_plan(tx: Tx, *, shop_id: int, plan_id: int) -> int:
    """Proposed → accepted; 0 when it was not proposed."""
    return await tx.run(
        """
        UPDATE supply.plan SET state = 'accepted'
         WHERE id = %(plan_id)s AND shop_id = %(shop_id)s AND state = 'proposed'
        """,
        shop_id=shop_id,
        plan_id=plan_id,
    )


@dataclass(frozen=True, slots=True)
class Setup:
    """What one quote of a plan adds to an order once, and how much capacity its units take."""

    quote_id: int
    setup_minor: int
    capacity_use: int


async def setups(tx: Tx, *, plan_id: int) -> list[Setup]:
    return await tx.every(
        Setup,
        """
        SELECT DISTINCT l.quote_id, l.setup_minor, q.capacity_use
          FROM supply.plan_line AS l JOIN supply.quote AS q ON q.id = l.quote_id
         WHERE l.plan_id = %(plan_id)s ORDER BY l.quote_id
        """,
        plan_id=plan_id,
    )


# Purchase orders


@dataclass(frozen=True, slots=True)
class OrderHead:
    id: UUID
    serial: int
    shop_id: int
    supplier_id: int
    plan_id: int | None
    show_id: int | None
    location_id: int
    state: str
    currency: str
    setup_minor: int
    cost_minor: int
    created_at: datetime
    sent_at: datetime | None
    answered_at: datetime | None
    received_at: datetime | None


@dataclass(frozen=True, slots=True)
class OrderLine:
    order_id: UUID
    product_id: int
    variant_id: int
    quantity: int
    unit_minor: int
    owed: int
    expected_on: date
    confirmed: int | None
    ready_on: date | None
    received: int


def purchase_order(head: OrderHead, lines: Sequence[OrderLine]) -> PurchaseOrder:
    return PurchaseOrder(
        id=head.id,
        shop_id=head.shop_id,
        supplier_id=head.supplier_id,
        plan_id=head.plan_id,
        show_id=head.show_id,
        location_id=head.location_id,
        number=f"PO-{head.serial:06d}",
        state=OrderState(head.state),
        currency=head.currency,
        setup_minor=head.setup_minor,
        cost_minor=head.cost_minor,
        created_at=head.created_at,
        sent_at=head.sent_at,
        answered_at=head.answered_at,
        received_at=head.received_at,
        lines=tuple(
            PurchaseLine(
                line.product_id, line.variant_id, line.quantity, line.unit_minor, line.owed, line.expected_on,
                line.confirmed, line.ready_on, line.received,
            )
            for line in lines
            if line.order_id == head.id
        ),
    )  # fmt: skip


def stored_plan(head: PlanHead, lines: Sequence[PlanLine]) -> Plan:
    values: dict[str, Any] = {each.name: getattr(head, each.name) for each in fields(head)}
    values["state"] = PlanState(head.state)
    return Plan(**values, lines=tuple(lines))


async def insert_order(
    tx: Tx,
    *,
    order_id: UUID,
    shop_id: int,
    supplier_id: int,
    plan_id: int,
    show_id: int,
    location_id: int,
    currency: str,
    setup_minor: int,
    cost_minor: int,
    created_at: datetime,
) -> None:
    await tx.run(
        """
        INSERT INTO supply.purchase_order (id, shop_id, supplier_id, plan_id, show_id, location_id, state, currency,
                                           setup_minor, cost_minor, created_at)
        VALUES (%(order_id)s, %(shop_id)s, %(supplier_id)s, %(plan_id)s, %(show_id)s, %(location_id)s, 'draft',
                %(currency)s, %(setup_minor)s, %(cost_minor)s, %(created_at)s)
        """,
        order_id=order_id,
        shop_id=shop_id,
        supplier_id=supplier_id,
        plan_id=plan_id,
        show_id=show_id,
        location_id=location_id,
        currency=currency,
        setup_minor=setup_minor,
        cost_minor=cost_minor,
        created_at=created_at,
    )


async def insert_order_lines(tx: Tx, rows: Sequence[Mapping[str, object]]) -> None:
    await tx.many(
        """
        INSERT INTO supply.purchase_line (order_id, position, product_id, variant_id, quantity, unit_minor, capacity_use,
                                          owed, expected_on)
        VALUES (%(order_id)s, %(position)s, %(product_id)s, %(variant_id)s, %(quantity)s, %(unit_minor)s,
                %(capacity_use)s, %(owed)s, %(expected_on)s)
        """,
        rows,
    )


async def send_order(tx: Tx, *, order_id: UUID, at: datetime) -> None:
    await tx.run(
        """
        UPDATE supply.purchase_order SET state = 'sent', sent_at = %(at)s
         WHERE id = %(order_id)s AND state = 'draft'
        """,
        order_id=order_id,
        at=at,
    )


async def lock_order(tx: Tx, *, shop_id: int, order_id: UUID) -> OrderHead | None:
    return await tx.first(
        OrderHead,
        """
        SELECT id, serial, shop_id, supplier_id, plan_id, show_id, location_id, state, currency, setup_minor,
               cost_minor, created_at, sent_at, answered_at, received_at
          FROM supply.purchase_order WHERE id = %(order_id)s AND shop_id = %(shop_id)s FOR UPDATE
        """,
        shop_id=shop_id,
        order_id=order_id,
    )


async def orders(
    tx: Tx,
    *,
    shop_id: int,
    order_id: UUID | None = None,
    supplier_id: int | None = None,
    plan_id: int | None = None,
    states: Sequence[str] | None = None,
    sent_only: bool = False,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: int | None = None,
) -> list[OrderHead]:
    """Newest first: all of them, or a page of at most `limit` (`kernel.paging`)."""
    return await tx.every(
        OrderHead,
        """
        SELECT id, serial, shop_id, supplier_id, plan_id, show_id, location_id, state, currency, setup_minor,
               cost_minor, created_at, sent_at, answered_at, received_at
          FROM supply.purchase_order
         WHERE shop_id = %(shop_id)s
           AND (%(order_id)s::uuid IS NULL OR id = %(order_id)s)
           AND (%(supplier_id)s::bigint IS NULL OR supplier_id = %(supplier_id)s)
           AND (%(plan_id)s::bigint IS NULL OR plan_id = %(plan_id)s)
           AND (NOT %(sent_only)s::boolean OR sent_at IS NOT NULL)
           AND (%(states)s::text[] IS NULL OR state = ANY (%(states)s::text[]))
           AND (%(after)s::uuid IS NULL OR (created_at, serial) <
                (SELECT created_at, serial FROM supply.purchase_order WHERE id = %(after)s))
           AND (%(before)s::uuid IS NULL OR (created_at, serial) >
                (SELECT created_at, serial FROM supply.purchase_order WHERE id = %(before)s))
         ORDER BY CASE WHEN %(before)s::uuid IS NULL THEN created_at END DESC,
                  CASE WHEN %(before)s::uuid IS NULL THEN serial END DESC, created_at, serial
         LIMIT %(limit)s::bigint
        """,
        shop_id=shop_id,
        order_id=order_id,
        supplier_id=supplier_id,
        plan_id=plan_id,
        sent_only=sent_only,
        states=None if states is None else list(states),
        after=after,
        before=before,
        limit=limit,
    )


async def order_counts(tx: Tx, *, shop_id: int, states: Sequence[str]) -> dict[int, int]:
    """By supplier, how many purchase orders are in one of `states`."""
    cursor = await tx.connection.execute(
        """
        SELECT supplier_id, count(*) FROM supply.purchase_order
         WHERE shop_id = %(shop_id)s AND state = ANY (%(states)s::text[]) GROUP BY supplier_id
        """,
        {"shop_id": shop_id, "states": list(states)},
    )
    return dict(await cursor.fetchall())


async def order_lines(tx: Tx, *, order_ids: Sequence[UUID]) -> list[OrderLine]:
    return await tx.every(
        OrderLine,
        """
        SELECT order_id, product_id, variant_id, quantity, unit_minor, owed, expected_on, confirmed, ready_on, received
          FROM supply.purchase_line WHERE order_id = ANY (%(order_ids)s::uuid[]) ORDER BY order_id, position
        """,
        order_ids=list(order_ids),
    )


async def answer_lines(tx: Tx, rows: Sequence[Mapping[str, object]]) -> None:
    await tx.many(
        """
        UPDATE supply.purchase_line SET confirmed = %(confirmed)s, ready_on = %(ready_on)s
         WHERE order_id = %(order_id)s AND variant_id = %(variant_id)s
        """,
        rows,
    )


async def receive_lines(tx: Tx, rows: Sequence[Mapping[str, object]]) -> None:
    await tx.many(
        """
        UPDATE supply.purchase_line SET received = %(received)s
         WHERE order_id = %(order_id)s AND variant_id = %(variant_id)s
        """,
        rows,
    )


async def set_order_state(
    tx: Tx, *, order_id: UUID, state: str, answered_at: datetime | None, received_at: datetime | None
) -> None:
    await tx.run(
        """
        UPDATE supply.purchase_order
           SET state = %(state)s, answered_at = coalesce(%(answered_at)s, answered_at),
               received_at = coalesce(%(received_at)s, received_at)
         WHERE id = %(order_id)s
        """,
        order_id=order_id,
        state=state,
        answered_at=answered_at,
        received_at=received_at,
    )

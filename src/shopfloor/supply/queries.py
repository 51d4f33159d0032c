"""SQL of supply.  One function, one statement."""

from collections.abc import Sequence
from datetime import date

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.supply.models import (
    Quote,
    QuoteTerms,
    Supplier,
    Tier,
)

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

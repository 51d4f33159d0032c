"""What a day brought in, beside the same weekday a week before: the figures of the report, from the books."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.orders.conftest import PRICE, Market
from tests.orders.test_orders_money import cancel, pay, refund

from shopfloor import orders, policies
from shopfloor.kernel.values import now
from shopfloor.order_lists import takings

ZONE = "Asia/Shanghai"


async def day(market: Market, at: datetime | None = None) -> takings.Day:
    async with market.db.transaction() as tx:
        return await takings.day(tx, shop_id=market.shop_id, zone=ZONE, at=at or now())


async def moved(market: Market, order: orders.Order, placed: datetime, paid: datetime | None = None) -> None:
    async with market.db.transaction() as tx:
        await tx.run(
            "UPDATE orders.orders SET placed_at = %(placed)s, paid_at = %(paid)s WHERE id = %(id)s",
            placed=placed, paid=paid, id=order.id,
        )  # fmt: skip


async def told(market: Market) -> tuple[int, int, int]:
    """(placed, paid, net) as a report adds facts up: lines only, of orders paid in full, less what was given back."""
    placed = paid = net = 0
    full: set[object] = set()
    charged: dict[object, int] = {}
    lost: dict[object, int] = {}
    for name in ("placed", "paid", "refunded", "cancelled"):
        for fact in await market.facts(f"orders.order_{name}"):
            lines: list[dict[str, int]] = fact["lines"]  # pyright: ignore[reportAssignmentType]
            goods = sum(line["amount_minor"] for line in lines)
            if name == "placed":
                placed += goods
            elif name == "paid":
                charged[fact["order_id"]] = charged.get(fact["order_id"], 0) + goods
                if fact["paid_in_full"]:
                    full.add(fact["order_id"])
            elif name == "refunded":
                lost[fact["order_id"]] = lost.get(fact["order_id"], 0) + goods
            else:
                lost[fact["order_id"]] = max(lost.get(fact["order_id"], 0), goods)
    for order_id in full:
        paid += charged[order_id]
        net += charged[order_id] - min(charged[order_id], lost.get(order_id, 0))
    return placed, paid, net


async def test_a_day_is_what_its_facts_say(market: Market) -> None:
    nothing = await day(market)
    unpaid, _ = await market.order()
    whole, _ = await market.paid(quantity=2)
    partly, _ = await market.paid(quantity=3)
    gone, _ = await market.paid()
    fallen, _ = await market.paid()
    await refund(market, partly, 1_000)
    await refund(market, partly, PRICE)
    await refund(market, gone, PRICE)
    await cancel(market, fallen)

    found = await day(market)

    assert (nothing.today.placed_orders, nothing.today.paid_minor, nothing.today.net_minor) == (0, 0, 0)
    assert unpaid.total_minor == PRICE
    assert whole.charged_minor == 2 * PRICE
    assert (found.today.placed_orders, found.today.paid_orders) == (5, 4)
    assert (found.today.placed_minor, found.today.paid_minor) == (8 * PRICE, 7 * PRICE)
    assert found.today.net_minor == 2 * PRICE + 3 * PRICE - 1_000 - PRICE
    assert (found.today.placed_minor, found.today.paid_minor, found.today.net_minor) == await told(market)
    # Not there a week ago, and not in another shop.
    assert (found.before.placed_minor, found.before_so_far.paid_minor) == (0, 0)


async def test_shipping_is_in_no_figure_and_a_part_of_a_refund_is_of_it(market: Market) -> None:
    async with market.db.transaction() as tx:
        terms = policies.ShopTerms(shipping_minor=1_200)
        await policies.set_shop_terms(tx, shop_id=market.shop_id, terms=terms)
    order, _ = await market.order()
    assert (order.total_minor, order.shipping_minor) == (PRICE + 1_200, 1_200)
    await pay(market, order, order.total_minor)
    await refund(market, order, 4_700)

    found = (await day(market)).today

    assert (found.placed_minor, found.paid_minor) == (PRICE, PRICE)
    # 4,700 of 14,100 is a third of everything: 4,300 of the goods.
    assert found.net_minor == PRICE - 4_300
    assert (found.placed_minor, found.paid_minor, found.net_minor) == await told(market)


async def test_the_same_weekday_is_compared_until_the_same_time_by_the_clock_of_the_shop(
    market: Market,
) -> None:
    at = datetime(2026, 6, 10, 3, 30, tzinfo=UTC)  # 11:30 in Shanghai, a Wednesday
    today = [(0, 10), (9, 5), (11, 29)]
    before = [(0, 1), (11, 29), (11, 31), (23, 59)]
    for days, times in ((0, today), (7, before)):
        for hour, minute in times:
            order, _ = await market.paid()
            when = datetime(2026, 6, 10, hour, minute, tzinfo=ZoneInfo(ZONE)) - timedelta(days=days)
            await moved(market, order, when, when)
    # Yesterday, and a minute from now.
    for when in (datetime(2026, 6, 9, 15, 59, tzinfo=UTC), at + timedelta(minutes=1)):
        order, _ = await market.paid()
        await moved(market, order, when, when)

    found = await day(market, at)

    assert (found.hour, str(found.compared)) == (11, "2026-06-03")
    assert [found.today.paid_orders, found.before_so_far.paid_orders, found.before.paid_orders] == [3, 2, 4]
    assert found.today.hours[:12] == (*[PRICE] * 9, PRICE * 2, PRICE * 2, PRICE * 3)
    assert (found.before.hours[0], found.before.hours[10], found.before.hours[11], found.before.hours[23]) == (
        PRICE, PRICE, PRICE * 3, PRICE * 4,
    )  # fmt: skip


async def test_what_was_ordered_long_ago_counts_where_it_was_paid(market: Market) -> None:
    order, _ = await market.paid(quantity=2)
    await moved(market, order, now() - timedelta(days=40), now())

    found = (await day(market)).today

    assert (found.placed_orders, found.placed_minor, found.paid_minor) == (0, 0, 2 * PRICE)


async def test_units_are_counted_by_variant_without_what_was_cancelled(market: Market) -> None:
    await market.order(quantity=2)
    await market.order(quantity=3)
    old, _ = await market.order()
    gone, _ = await market.order()
    await moved(market, old, now() - timedelta(days=8))
    await cancel(market, gone)

    async with market.db.transaction() as tx:
        found = await takings.sold_since(tx, shop_id=market.shop_id, since=now() - timedelta(days=7))

    assert found == {market.variants[0]: 5}

"""Discounts in an order: who gets which, what it comes to, what is counted, and what comes back."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.orders.conftest import PRICE, MakeMarket, Market

from shopfloor import orders, policies, pricing, promotions
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.values import Money
from shopfloor.orders import Party
from shopfloor.orders.quoting import Quote
from shopfloor.pricing import DiscountKind, DiscountLevel
from shopfloor.pricing.records import TaxRate, TaxSettings
from shopfloor.promotions import Discount, Method, State
from shopfloor.promotions.refusals import NotThere

PERCENT, AMOUNT, FREE = DiscountKind.PERCENTAGE, DiscountKind.AMOUNT, DiscountKind.FREE_SHIPPING


async def save(market: Market, method: Method, kind: DiscountKind, code: str = "", **rules: Any) -> Discount:
    title = rules.pop("title", code or "Discount")
    async with market.db.transaction() as tx:
        return await promotions.service.save(
            tx,
            shop_id=market.shop_id,
            wanted=Discount(id=0, title=title, method=method, kind=kind, currency="", **rules),
            code=code,
        )


async def coded(market: Market, code: str, kind: DiscountKind = AMOUNT, **rules: Any) -> Discount:
    if kind is AMOUNT:
        rules.setdefault("amount_minor", 1_000)
    return await save(market, Method.CODE, kind, code, **rules)


async def kept(market: Market, discount: Discount) -> Discount:
    async with market.db.transaction() as tx:
        return await promotions.service.discount(tx, shop_id=market.shop_id, discount_id=discount.id)


async def quoted(
    market: Market, hold: UUID, buyer: UUID, *codes: str, email: str = "", phone: str = ""
) -> Quote:
    async with market.db.transaction() as tx:
        begun = await orders.begin_checkout(
            tx, shop_id=market.shop_id, hold_id=hold, shopper=buyer, codes=codes, email=email, phone=phone
        )
        return begun.quote


async def told(
    market: Market, *codes: str, quantity: int = 1
) -> tuple[int, list[tuple[int, str | None, int]]]:
    """The total with these codes, and what became of each: amount, why, missing."""
    hold, buyer = await market.hold(quantity=quantity)
    way = (await quoted(market, hold, buyer, *codes)).ways[0]
    return way.totals.total.minor, [(each.amount_minor, each.why, each.missing) for each in way.codes]


async def used(market: Market, discount: Discount) -> tuple[int, int]:
    now = await kept(market, discount)
    return now.uses, now.spent_minor


async def sound(market: Market) -> None:
    async with market.db.transaction() as tx:
        checks = [*await orders.audit(tx), *await promotions.audit(tx)]
    assert [check for check in checks if check.offending] == []


async def refused(
    market: Market, hold: UUID, buyer: UUID, **changes: object
) -> tuple[str, dict[str, object]]:
    """How it is refused; and nothing was ordered or counted."""
    async with market.db.transaction() as tx:
        before = await _counted(tx)
    with pytest.raises(Refusal) as refusal:
        await market.complete(hold, buyer, **changes)
    async with market.db.transaction() as tx:
        assert await _counted(tx) == before
    return refusal.value.code, refusal.value.facts


async def _counted(tx: Any) -> Any:
    return await tx.value(
        """
        SELECT (SELECT count(*) FROM orders.orders) || ' ' || (SELECT count(*) FROM promotions.use)
               || ' ' || (SELECT coalesce(sum(uses), 0) FROM promotions.allowance)
        """
    )


async def nobody() -> Sequence[UUID]:
    return []


async def cancelled(market: Market, order: orders.Order) -> None:
    async with market.db.transaction() as tx:
        await orders.cancel(
            tx, shop_id=market.shop_id, order_id=order.id, by=Party.MERCHANT, actor="person:1"
        )


async def test_a_code_lowers_the_order_and_is_counted(market: Market) -> None:
    discount = await coded(market, "SUMMER10", PERCENT, percent="10")
    hold, buyer = await market.hold(quantity=3)

    order = await market.complete(hold, buyer, codes=("summer10",), expected_total_minor=34_830)

    assert (order.total_minor, order.goods_minor) == (34_830, 34_830)
    assert order.calculation is not None
    assert order.calculation["discounts"] == [
        {
            "id": f"{discount.id:019}", "discount_id": discount.id, "title": "SUMMER10", "code": "SUMMER10",
            "amount": 3_870,
        }
    ]  # fmt: skip
    async with market.db.transaction() as tx:
        [line] = (await orders.order(tx, shop_id=market.shop_id, order_id=order.id)).lines
    assert (line.amount_minor, line.discount_minor) == (34_830, 3_870)
    assert await used(market, discount) == (1, 3_870)
    # The same form again finds the same order and uses nothing.
    again = await market.complete(hold, buyer, codes=("summer10",), expected_total_minor=34_830)
    assert (again.id, await used(market, discount)) == (order.id, (1, 3_870))
    await sound(market)


@pytest.mark.parametrize(
    "typed", ["Summer-10", "summer-10", "ＳＵＭＭＥＲ－１０", " SUMMER-10 ", "\u200bsummer-10"]
)
async def test_capitals_width_and_what_nobody_sees_make_no_other_code(market: Market, typed: str) -> None:
    await coded(market, "Summer-10")

    assert await told(market, *promotions.apart(typed)) == (PRICE - 1_000, [(1_000, None, 0)])


@pytest.mark.parametrize(
    ("rules", "why", "missing"),
    [
        ({"minimum_minor": PRICE + 1}, "below_minimum", 1),
        ({"minimum_quantity": 3}, "too_few", 2),
        ({"starts_at": datetime(2199, 1, 1, tzinfo=UTC)}, "not_started", 0),
        ({"ends_at": datetime(2001, 1, 1, tzinfo=UTC)}, "ended", 0),
        ({"paused": True}, "ended", 0),
        ({"budget_minor": 999}, "used_up", 0),
    ],
)
async def test_a_code_that_gives_nothing_says_why_and_is_not_ordered_with(
    market: Market, rules: dict[str, Any], why: str, missing: int
) -> None:
    await coded(market, "NOTNOW", **rules)

    assert await told(market, "notnow") == (PRICE, [(0, why, missing)])
    hold, buyer = await market.hold()
    assert await refused(market, hold, buyer, codes=("notnow",)) == (
        "orders.form",
        {"fields": {"code": f"code_{why}"}, "code": "notnow"},
    )


async def test_the_longest_code_and_a_percentage_with_zeros_ahead_are_kept(market: Market) -> None:
    # Folded it is twice as long.
    discount = await coded(market, "ß" * 40, PERCENT, percent="000007.50")
    assert (discount.percent, discount.code) == ("7.50", "ß" * 40)
    assert (await told(market, "SS" * 40))[0] == PRICE - 968


@pytest.mark.parametrize(
    ("typed", "kept"), [("7,5", "7.5"), ("１９", "19"), (" 15 % ", "15"), ("７，５％", "7.5")]
)
async def test_a_percentage_is_read_the_same_from_forms_and_programs(
    market: Market, typed: str, kept: str
) -> None:
    assert (await coded(market, "TYPED", PERCENT, percent=typed)).percent == kept


async def test_codes_that_nobody_made_and_those_of_another_shop_are_unknown(make_market: MakeMarket) -> None:
    mine, other = await make_market(), await make_market()
    await coded(other, "THEIRS")

    assert await told(mine, "THEIRS", "nothing-such") == (PRICE, [(0, "unknown", 0), (0, "unknown", 0)])


async def test_products_and_shows_that_a_discount_is_about(make_market: MakeMarket) -> None:
    market, other = await make_market(), await make_market()
    await coded(market, "COAT", product_ids=[market.product_id])
    await coded(market, "TONIGHT", show_id=market.show_id)
    with pytest.raises(NotThere, match="not_there"):
        await coded(market, "FOREIGN", product_ids=[other.product_id])
    with pytest.raises(NotThere, match="not_there"):
        await coded(market, "FOREIGN", show_id=other.show_id)

    assert await told(market, "COAT") == (PRICE - 1_000, [(1_000, None, 0)])
    assert await told(market, "TONIGHT") == (PRICE - 1_000, [(1_000, None, 0)])
    async with market.db.transaction() as tx:
        found = await promotions.candidates(
            tx, shop_id=market.shop_id, currency="CNY", buyer=uuid4(), show_id=None, codes=["TONIGHT"],
            at=datetime.now(UTC), earlier=nobody,
        )  # fmt: skip
    assert (found.offered, found.refused) == ([], {"tonight": "other_show"})


async def test_the_better_of_two_applies_unless_both_combine(market: Market) -> None:
    await save(
        market, Method.AUTOMATIC, AMOUNT, title="From 200", steps=[{"from_amount": 20_000, "amount": 3_000}]
    )
    one = await coded(market, "LESS", amount_minor=2_000)
    assert await told(market, "LESS", quantity=2) == (2 * PRICE - 3_000, [(0, "other_is_better", 0)])
    # A worse code is no reason not to order, and is not used.
    hold, buyer = await market.hold(quantity=2)
    order = await market.complete(hold, buyer, codes=("LESS",))
    assert (order.total_minor, await used(market, one)) == (2 * PRICE - 3_000, (0, 0))

    await coded(market, "MORE", amount_minor=4_000, combines=True)
    assert await told(market, "MORE", quantity=2) == (2 * PRICE - 4_000, [(4_000, None, 0)])
    await coded(market, "BESIDE", amount_minor=500, combines=True)
    assert await told(market, "MORE", "BESIDE", quantity=2) == (
        2 * PRICE - 4_500,
        [(4_000, None, 0), (500, None, 0)],
    )
    await sound(market)


@pytest.mark.parametrize(
    ("rules", "quantity", "off"),
    [
        (
            {"steps": [{"from_amount": 10_000, "amount": 1_000}, {"from_amount": 30_000, "amount": 5_000}]},
            1,
            1_000,
        ),
        (
            {"steps": [{"from_amount": 10_000, "amount": 1_000}, {"from_amount": 30_000, "amount": 5_000}]},
            3,
            5_000,
        ),
        ({"every_minor": 10_000, "amount_minor": 700}, 3, 2_100),
        ({"every_minor": 10_000, "amount_minor": 700, "cap_minor": 1_500}, 3, 1_500),
        ({"amount_minor": 300, "level": DiscountLevel.LINES}, 3, 900),
    ],
)
async def test_an_amount_off_from_a_sum_for_each_sum_and_for_each_unit(
    market: Market, rules: dict[str, Any], quantity: int, off: int
) -> None:
    discount = await save(market, Method.AUTOMATIC, AMOUNT, **rules)
    hold, buyer = await market.hold(quantity=quantity)

    order = await market.complete(hold, buyer)

    assert order.total_minor == quantity * PRICE - off
    assert await used(market, discount) == (1, off)
    await sound(market)


async def test_free_shipping_by_code(market: Market) -> None:
    async with market.db.transaction() as tx:
        await policies.set_shop_terms(
            tx, shop_id=market.shop_id, terms=replace(policies.ShopTerms(), shipping_minor=800)
        )
    discount = await coded(market, "POSTFREE", FREE)

    assert await told(market, "POSTFREE") == (PRICE, [(800, None, 0)])
    hold, buyer = await market.hold()
    order = await market.complete(hold, buyer, codes=("POSTFREE",))
    assert (order.total_minor, order.shipping_minor, await used(market, discount)) == (PRICE, 0, (1, 800))
    await sound(market)


async def test_the_last_use_goes_once_and_comes_back_with_a_cancelled_order(market: Market) -> None:
    discount = await coded(market, "ONCE", most_uses=1)
    hold, buyer = await market.hold()
    order = await market.complete(hold, buyer, codes=("ONCE",))
    assert (await kept(market, discount)).state(datetime.now(UTC)) is State.USED_UP
    assert await told(market, "ONCE") == (PRICE, [(0, "used_up", 0)])

    for _ in range(2):
        await cancelled(market, order)
        assert await used(market, discount) == (0, 0)
    assert await told(market, "ONCE") == (PRICE - 1_000, [(1_000, None, 0)])
    await sound(market)


async def test_an_order_that_lapses_gives_back_and_its_late_money_takes_again_or_is_owed(
    market: Market,
) -> None:
    discount = await coded(market, "ONCE", most_uses=1)
    hold, buyer = await market.hold()
    order = await market.complete(hold, buyer, codes=("ONCE",))

    async def lapse() -> None:
        async with market.db.transaction() as tx:
            await tx.run("UPDATE orders.orders SET payment_due_at = now() - interval '1 minute'")
        await orders.sweep(market.db)

    async def pay(minor: int, key: str) -> orders.Order:
        async with market.db.transaction() as tx:
            return await orders.mark_paid(
                tx,
                shop_id=market.shop_id,
                order_id=order.id,
                amount=Money(minor, "CNY"),
                actor="test",
                key=key,
            )

    await lapse()
    assert await used(market, discount) == (0, 0)
    # Somebody else has the last use by the time the money comes: it is owed back, and nothing is sold.
    other_hold, other = await market.hold()
    await market.complete(
        other_hold, other, codes=("ONCE",), email="o@example.com", phone="+86 139 0000 0001"
    )
    late = await pay(PRICE - 1_000, "late")
    assert (late.status, late.refund_owed_minor) == ("cancelled", PRICE - 1_000)
    assert await used(market, discount) == (1, 1_000)
    await sound(market)


async def test_late_money_brings_back_the_order_with_its_discount(market: Market) -> None:
    discount = await coded(market, "ONCE", most_uses=1)
    hold, buyer = await market.hold()
    order = await market.complete(hold, buyer, codes=("ONCE",))
    async with market.db.transaction() as tx:
        await tx.run("UPDATE orders.orders SET payment_due_at = now() - interval '1 minute'")
    await orders.sweep(market.db)
    assert await used(market, discount) == (0, 0)

    async with market.db.transaction() as tx:
        paid = await orders.mark_paid(
            tx, shop_id=market.shop_id, order_id=order.id, amount=Money(PRICE - 1_000, "CNY"), actor="test"
        )

    assert (paid.status, await used(market, discount)) == ("paid", (1, 1_000))
    await sound(market)


@pytest.mark.parametrize(
    ("contact", "free"),
    [
        ({"email": "MEI+shop@example.com", "phone": ""}, False),
        ({"email": "", "phone": "0139 1234 5678"}, False),
        ({"email": "other@example.com", "phone": "+86 139 0000 0001"}, True),
    ],
)
async def test_who_has_used_it_is_known_by_browser_mail_and_phone(
    market: Market, contact: dict[str, str], free: bool
) -> None:
    await coded(market, "MINE", per_buyer=1)
    hold, buyer = await market.hold()
    await market.complete(hold, buyer, codes=("MINE",), email="mei@example.com", phone="+86 139 1234 5678")

    again, _ = await market.hold(buyer=buyer)
    assert (await quoted(market, again, buyer, "MINE")).ways[0].codes[0].why == "already_used"
    elsewhere, stranger = await market.hold()
    assert (await quoted(market, elsewhere, stranger, "MINE")).ways[0].codes[0].why is None
    if free:
        order = await market.complete(elsewhere, stranger, codes=("MINE",), **contact)
        assert order.total_minor == PRICE - 1_000
    else:
        assert await refused(market, elsewhere, stranger, codes=("MINE",), **contact) == (
            "orders.form",
            {"fields": {"code": "code_already_used"}, "code": "MINE"},
        )
    await sound(market)


async def test_a_first_order_is_somebodys_first(market: Market) -> None:
    await coded(market, "HELLO", first_order=True)
    hold, buyer = await market.hold()
    order = await market.complete(hold, buyer, codes=("HELLO",))
    assert order.total_minor == PRICE - 1_000
    again, _ = await market.hold(buyer=buyer)
    assert (await quoted(market, again, buyer, "HELLO")).ways[0].codes[0].why == "not_first"
    # An order that was cancelled was none.
    await cancelled(market, order)
    assert (await quoted(market, again, buyer, "HELLO")).ways[0].codes[0].why is None


async def test_a_budget_is_never_passed_and_nobody_gets_the_rest_of_it(market: Market) -> None:
    discount = await save(market, Method.AUTOMATIC, PERCENT, percent="10", budget_minor=2_000)
    first_hold, first = await market.hold()
    assert (await market.complete(first_hold, first)).total_minor == PRICE - 1_290

    hold, buyer = await market.hold()
    way = (await quoted(market, hold, buyer)).ways[0]
    assert way.totals.total.minor == PRICE
    assert (await market.complete(hold, buyer)).total_minor == PRICE
    assert await used(market, discount) == (1, 1_290)
    await sound(market)


async def test_a_discount_that_ends_while_the_page_is_open_is_asked_about(market: Market) -> None:
    discount = await save(market, Method.AUTOMATIC, PERCENT, percent="10")
    hold, buyer = await market.hold()
    seen = (await quoted(market, hold, buyer)).ways[0].totals.total.minor
    async with market.db.transaction() as tx:
        await promotions.service.pause(tx, shop_id=market.shop_id, discount_id=discount.id, paused=True)

    assert await refused(market, hold, buyer, expected_total_minor=seen) == (
        "orders.total_changed",
        {"expected_minor": PRICE - 1_290, "total_minor": PRICE, "currency": "CNY"},
    )
    assert (await market.complete(hold, buyer, expected_total_minor=PRICE)).total_minor == PRICE


async def test_refunds_give_back_exactly_what_was_paid(market: Market) -> None:
    async with market.db.transaction() as tx:
        await pricing.service.set_taxes(
            tx, shop_id=market.shop_id, wanted=TaxSettings(origin_country="CN", included=False)
        )
        await pricing.service.save_tax_rate(
            tx, shop_id=market.shop_id, rate=TaxRate(0, "CN", "13", name="VAT")
        )
    await coded(market, "THIRD", PERCENT, percent="33.33")
    hold, buyer = await market.hold(lines={market.variants[0]: 2, market.variants[1]: 1})
    order = await market.complete(hold, buyer, codes=("THIRD",))
    # 387.00 less 33.33 % (128.99) and 13 % of each line: 172.01 and 86.00, with 22.36 and 11.18.
    assert order.total_minor == 25_801 + 3_354
    async with market.db.transaction() as tx:
        await orders.mark_paid(
            tx, shop_id=market.shop_id, order_id=order.id, amount=order.total, actor="person:1"
        )
    left = order.total_minor
    for part in (1, 9_999, 12_345):
        async with market.db.transaction() as tx:
            await orders.refund(
                tx, shop_id=market.shop_id, order_id=order.id, amount=Money(part, "CNY"), refund_id=uuid4(),
                note="", actor="person:1",
            )  # fmt: skip
        left -= part
    async with market.db.transaction() as tx:
        last = await orders.refund(
            tx, shop_id=market.shop_id, order_id=order.id, amount=Money(left, "CNY"), refund_id=uuid4(), note="",
            actor="person:1",
        )  # fmt: skip
    assert last.refundable_minor == 0
    async with market.db.transaction() as tx:
        lines = (await orders.order(tx, shop_id=market.shop_id, order_id=order.id)).lines
    back: dict[int, int] = {}
    for fact in await market.facts("orders.order_refunded"):
        for line in _lines(fact):
            back[line["line_id"]] = back.get(line["line_id"], 0) + line["amount_minor"]
    assert back == {line.id: line.amount_minor for line in lines}
    await sound(market)


def _lines(fact: dict[str, object]) -> Sequence[dict[str, Any]]:
    found = fact["lines"]
    assert isinstance(found, list)
    return found


async def test_codes_are_made_each_for_one_order(market: Market) -> None:
    discount = await coded(market, "BULK")
    async with market.db.transaction() as tx:
        made = await promotions.service.make_codes(
            tx, shop_id=market.shop_id, discount_id=discount.id, count=200, prefix="VIP-"
        )
    assert (len(set(made)), {len(each) for each in made}) == (200, {14})
    assert all(each.startswith("VIP-") for each in made)

    hold, buyer = await market.hold()
    order = await market.complete(hold, buyer, codes=(made[0].lower(),))
    assert order.total_minor == PRICE - 1_000
    assert await told(market, made[0]) == (PRICE, [(0, "used_up", 0)])
    # Two codes of one discount are one discount.
    assert await told(market, made[1], made[2]) == (PRICE - 1_000, [(1_000, None, 0), (0, "already_used", 0)])
    await cancelled(market, order)
    assert await told(market, made[0]) == (PRICE - 1_000, [(1_000, None, 0)])
    await sound(market)


@pytest.mark.parametrize(
    ("method", "kind", "rules", "code", "field"),
    [
        (Method.CODE, AMOUNT, {"amount_minor": 1}, "promotions.incomplete", "code"),
        (Method.AUTOMATIC, AMOUNT, {}, "promotions.incomplete", "amount"),
        (Method.AUTOMATIC, PERCENT, {}, "promotions.incomplete", "percent"),
        (Method.AUTOMATIC, PERCENT, {"percent": "0.00"}, "promotions.incomplete", "percent"),
        (Method.AUTOMATIC, PERCENT, {"percent": "100.01"}, "pricing.too_large", "percent"),
        (Method.AUTOMATIC, PERCENT, {"percent": "ten"}, "pricing.rate", "percent"),
        (Method.COUPON, PERCENT, {"percent": "5"}, "promotions.incomplete", "slug"),
        (Method.COUPON, PERCENT, {"percent": "5", "slug": "a b"}, "promotions.incomplete", "slug"),
        (Method.AUTOMATIC, PERCENT, {"percent": "5", "most_uses": 0}, "promotions.incomplete", "most_uses"),
        (
            Method.AUTOMATIC, AMOUNT, {"steps": [{"from_amount": 9, "amount": 2}, {"from_amount": 9, "amount": 3}]},
            "promotions.incomplete", "steps",
        ),
        (
            Method.AUTOMATIC, PERCENT,
            {
                "percent": "5", "starts_at": datetime(2026, 1, 2, tzinfo=UTC),
                "ends_at": datetime(2026, 1, 2, tzinfo=UTC),
            },
            "promotions.incomplete", "ends_at",
        ),
    ],
)  # fmt: skip
async def test_a_discount_that_cannot_be_is_not_kept(
    market: Market, method: Method, kind: DiscountKind, rules: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises(Refusal) as refusal:
        await save(market, method, kind, title="Wrong", **rules)

    assert (refusal.value.code, refusal.value.facts["field"]) == (code, field)
    async with market.db.transaction() as tx:
        assert await promotions.service.discounts(tx, shop_id=market.shop_id) == []


async def test_what_was_used_stays_and_limits_do_not_fall_below_it(market: Market) -> None:
    discount = await coded(market, "KEEP", most_uses=5)
    other = await coded(market, "OTHER")
    for _ in range(2):
        hold, buyer = await market.hold()
        await market.complete(hold, buyer, codes=("KEEP",), email=f"{uuid4().hex}@example.com", phone="")
    async with market.db.transaction() as tx:
        with pytest.raises(Refusal) as below:
            await promotions.service.save(tx, shop_id=market.shop_id, wanted=replace(discount, most_uses=1))
    assert below.value.code == "promotions.below_usage"
    for wanted, given, code in ((other, "keep", "promotions.code_taken"), (other, "x", "promotions.code")):
        with pytest.raises(Refusal) as taken:
            async with market.db.transaction() as tx:
                await promotions.service.save(tx, shop_id=market.shop_id, wanted=wanted, code=given)
        assert taken.value.code == code
    with pytest.raises(Refusal) as in_use:
        async with market.db.transaction() as tx:
            await promotions.service.remove(tx, shop_id=market.shop_id, discount_id=discount.id)
    assert in_use.value.code == "promotions.in_use"
    assert (await kept(market, discount)).most_uses == 5
    async with market.db.transaction() as tx:
        await promotions.service.remove(tx, shop_id=market.shop_id, discount_id=other.id)
        left = await promotions.service.discounts(tx, shop_id=market.shop_id)
    assert [each.id for each in left] == [discount.id]
    await sound(market)


async def test_a_coupon_is_claimed_once_used_once_and_back_with_the_order(market: Market) -> None:
    coupon = await save(
        market, Method.COUPON, AMOUNT, title="Ten off", amount_minor=1_000, slug="ten-off", most_claims=2
    )
    mine, second, late = uuid4(), uuid4(), uuid4()

    async def claim(*buyers: UUID) -> list[str | None]:
        async with market.db.transaction() as tx:
            found = await promotions.claim(tx, shop_id=market.shop_id, discount_id=coupon.id, buyers=buyers)
        return [None if (refused := found[each]) is None else refused.code for each in buyers]

    assert await claim(mine, mine) == [None, None]
    assert await claim(second, late, mine) == [None, "promotions.all_claimed", None]
    hold, _ = await market.hold(buyer=mine)
    order = await market.complete(hold, mine)
    assert order.total_minor == PRICE - 1_000
    again, _ = await market.hold(buyer=mine)
    assert (await quoted(market, again, mine)).ways[0].totals.total.minor == PRICE
    hold, _ = await market.hold(buyer=late)
    assert (await quoted(market, hold, late)).ways[0].totals.total.minor == PRICE
    await sound(market)

    await cancelled(market, order)
    assert (await quoted(market, again, mine)).ways[0].totals.total.minor == PRICE - 1_000
    async with market.db.transaction() as tx:
        await promotions.service.pause(tx, shop_id=market.shop_id, discount_id=coupon.id, paused=True)
    assert await claim(uuid4()) == ["promotions.not_claimable"]
    assert [fact["buyers"] for fact in await market.facts("promotions.coupons_claimed")] == [
        [str(mine)],
        [str(second)],
    ]
    await sound(market)


async def test_lists_are_searched_by_title_and_code_and_filtered_by_state(market: Market) -> None:
    first = await coded(market, "WINTER", title="Coats of winter 100%")
    await coded(market, "SPRING", title="Spring", ends_at=datetime.now(UTC) - timedelta(days=1))

    async def found(**wanted: Any) -> list[str]:
        async with market.db.transaction() as tx:
            rows = await promotions.service.discounts(tx, shop_id=market.shop_id, **wanted)
        return [row.title for row in rows]

    assert await found() == ["Spring", "Coats of winter 100%"]
    assert await found(search="coats") == ["Coats of winter 100%"]
    assert await found(search="0%") == ["Coats of winter 100%"]
    assert await found(search="ｗｉｎ") == ["Coats of winter 100%"]
    assert await found(search="%") == ["Coats of winter 100%"]
    assert await found(state=State.ENDED) == ["Spring"]
    assert await found(state=State.ACTIVE) == ["Coats of winter 100%"]
    assert await found(after=first.id + 1) == ["Coats of winter 100%"]
    assert await found(before=first.id) == ["Spring"]


def test_who_tries_codes_that_do_not_exist_waits() -> None:
    guard = promotions.CodeGuard()
    for _ in range(10):
        guard.check(shopper=1, network=5, now=100.0)
        guard.missed(shopper=1, network=5, now=100.0)
    with pytest.raises(promotions.TooManyTries) as refusal:
        guard.check(shopper=1, network=5, now=100.0)
    assert refusal.value.facts == {"wait_seconds": 31}
    guard.check(shopper=2, network=5, now=100.0)
    guard.check(shopper=1, network=5, now=131.0)
    # A new cookie each time: then the network waits.
    for number in range(200):
        guard.check(shopper=1_000 + number, network=5, now=131.0)
        guard.missed(shopper=1_000 + number, network=5, now=131.0)
    with pytest.raises(promotions.TooManyTries):
        guard.check(shopper=9, network=5, now=131.0)

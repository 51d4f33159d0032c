"""The cart of a shop: in the browser, with what changed and what is gone, and nothing reserved before the checkout."""

import re

import pytest
from tests.web.conftest import Stage
from tests.web.test_web_checkout import FORM
from tests.web.test_web_shop import inputs

from shopfloor import catalog, purchases, stock
from shopfloor.kernel.values import MAX_MINOR
from shopfloor.web import cart
from shopfloor.web.cart import Wish

CART = "/s/harbour/cart"


async def add(stage: Stage, variant: int = 0, quantity: int = 1, price: int = 12_900) -> None:
    answer = await stage.client.post(
        CART,
        data={"variant_id": stage.variants[variant].id, "quantity": quantity, "price_minor": price},
    )
    assert (answer.status_code, answer.headers["location"]) == (303, CART)


async def page(stage: Stage) -> str:
    return (await stage.client.get(CART)).text


def sold(html: str) -> list[tuple[str, str, str]]:
    """What the form at the door would buy: variant, quantity, price."""
    form = html[html.index('action="/buy"') :]
    fields = [field for field in inputs(form) if field["type"] == "hidden"]
    several = [
        [field["value"] for field in fields if field["name"] == name]
        for name in ("variant_id", "quantity", "price_minor")
    ]
    return list(zip(*several, strict=True))


async def test_what_is_added_stays_in_the_browser_and_holds_nothing(stage: Stage) -> None:
    await add(stage)
    await add(stage, quantity=2)
    await add(stage, 1)

    html = await page(stage)

    m, length = str(stage.variants[0].id), str(stage.variants[1].id)
    assert sold(html) == [(m, "3", "12900"), (length, "1", "12900")]
    assert "CN¥516.00" in html
    assert re.search(rf'name="shown" value="{length}=\d{{4}}-\d\d-\d\d"', html)
    async with stage.db.transaction() as tx:
        left = await stock.available(tx, shop_id=stage.shop.id, variant_ids=[stage.variants[0].id])
    assert left[stage.variants[0].id].now == 3


async def test_quantities_are_set_and_lines_taken_out(stage: Stage) -> None:
    await add(stage, quantity=3)
    await add(stage, 1)
    variant = stage.variants[0].id

    await stage.client.post(CART, data={"variant_id": variant, "quantity": 2, "put": "1"})
    two = sold(await page(stage))
    await stage.client.post(CART, data={"variant_id": variant, "quantity": 0, "put": "1"})
    one = sold(await page(stage))
    await stage.client.post(CART, data={"variant_id": stage.variants[1].id, "quantity": 0, "put": "1"})
    empty = await page(stage)

    assert [line[1] for line in two] == ["2", "1"]
    assert [line[0] for line in one] == [str(stage.variants[1].id)]
    assert "Your basket is empty" in empty
    assert cart.COOKIE not in stage.client.cookies


async def test_another_price_fewer_units_and_what_is_gone_are_said(stage: Stage) -> None:
    await add(stage, quantity=5, price=9_900)
    await add(stage, 2)

    html = await page(stage)

    assert "The price has changed; it was CN¥99." in html
    assert "Only 3 left of the 5 you wanted." in html
    assert sold(html) == [(str(stage.variants[0].id), "3", "12900")]
    assert html.count("Join the waitlist") == 1
    assert "CN¥387.00" in html


async def test_what_is_no_longer_sold_is_not_in_it(stage: Stage) -> None:
    await add(stage)
    async with stage.db.transaction() as tx:
        await tx.run(
            "UPDATE catalog.product SET status = %(status)s WHERE id = %(id)s",
            status=catalog.Status.DRAFT.value,
            id=stage.shirt.id,
        )

    html = await page(stage)
    assert "Your basket is empty" in html
    assert "One product in your basket is no longer sold, so it was taken out." in html
    assert "no longer sold" not in await page(stage)


async def test_what_was_ordered_leaves_the_cart(stage: Stage) -> None:
    await add(stage)
    await add(stage, 1)
    hold = await stage.hold()
    total = dict(
        re.findall(
            r'name="(total_\w+)" value="(\d+)"', (await stage.client.get(f"/s/harbour/checkout/{hold}")).text
        )
    )

    placed = await stage.client.post(f"/s/harbour/checkout/{hold}", data=FORM | total)

    assert placed.status_code == 303
    assert [line[0] for line in sold(await page(stage))] == [str(stage.variants[1].id)]


async def test_what_this_shop_does_not_sell_is_not_put_into_its_cart(stage: Stage) -> None:
    answer = await stage.client.post(CART, data={"variant_id": 99_999, "quantity": 1, "price_minor": 1})

    assert answer.status_code == 404
    assert cart.COOKIE not in stage.client.cookies


async def test_an_unlucky_checkout_leads_back_and_says_why(stage: Stage) -> None:
    await add(stage)

    html = (await stage.client.get(f"{CART}?refused=stock.sold_out&variant={stage.variants[0].id}")).text

    assert 'role="alert"' in html
    assert "Join the waitlist" in html


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("7-2-100", [Wish(7, 2, 100)]),
        ("7-2-100_9-1-0", [Wish(7, 2, 100), Wish(9, 1, 0)]),
        ("7-2-100_7-3-100", [Wish(7, 2, 100)]),
        ("7-0-100", []),
        ("7-2", []),
        ("7--2-100", []),
        ("x-2-100_٣-1-1_8-1-5", [Wish(8, 1, 5)]),
        ("9999999999999999-1-1", []),
        ("7-1000000-1", []),
        ("<b>-1-1", []),
    ],
)
def test_a_cookie_that_anybody_can_write_is_read_with_care(text: str, found: list[Wish]) -> None:
    assert cart.wishes_in(text) == found
    assert cart.wishes_in(cart.written(found)) == found


def test_a_cart_is_as_long_as_one_checkout() -> None:
    assert (
        len(cart.wishes_in("_".join(f"{each}-1-1" for each in range(1, 160))))
        == cart.MOST_LINES
        == stock.MAX_LINES
    )


async def test_a_full_basket_takes_nothing_more_and_loses_nothing(stage: Stage) -> None:
    """A shopper fills it with a hundred things; the next one is refused, and the first is still there."""
    async with stage.db.transaction() as tx:
        cursor = await tx.connection.execute(
            """
            INSERT INTO catalog.variant (shop_id, product_id, currency, position, options)
            SELECT shop_id, product_id, currency, 100 + n, ARRAY['more', n::text] FROM catalog.variant,
                   generate_series(1, 101) n WHERE id = %s RETURNING id
            """,
            [stage.variants[0].id],
        )
        ids = [row[0] for row in await cursor.fetchall()]
        await tx.run(
            "INSERT INTO catalog.price (variant_id, minor, valid_from) SELECT unnest(%(ids)s::bigint[]), 12900, now()",
            ids=ids,
        )
    for variant_id in ids[:100]:
        answer = await stage.client.post(CART, data={"variant_id": variant_id, "price_minor": 12_900})
        assert answer.status_code == 303
    kept = cart.wishes_in(stage.client.cookies[cart.COOKIE])

    refused = await stage.client.post(CART, data={"variant_id": ids[100], "price_minor": 12_900})
    one_more = await stage.client.post(CART, data={"variant_id": ids[0], "price_minor": 12_900})

    assert [each.variant_id for each in kept] == ids[:100]
    assert (refused.status_code, refused.headers["location"]) == (303, CART)
    assert "Your%20basket%20is%20full" in refused.headers["set-cookie"]
    assert one_more.status_code == 303
    assert cart.wishes_in(stage.client.cookies[cart.COOKIE]) == [Wish(ids[0], 2, 12_900), *kept[1:]]


def test_a_browser_keeps_what_the_basket_says_it_keeps() -> None:
    longest = Wish(10**15 - 1, purchases.MAX_PER_LINE, MAX_MINOR)
    many = [Wish(longest.variant_id - n, longest.quantity, longest.price_minor) for n in range(102)]
    most = max(n for n in range(102) if cart.fits(many[:n]))

    assert (most, len(f"cart={cart.written(many[:most])}") < 4_000) == (100, True)
    assert cart.wishes_in(cart.written(many[:most])) == many[:most]

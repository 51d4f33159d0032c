"""Discounts on pages: set in the console, entered and claimed without JavaScript, charged as seen."""

import re
from uuid import UUID

import pytest
from tests.web.conftest import Stage
from tests.web.test_web_pricing import FORM, marked, seen, sign_in

from shopfloor import orders, promotions
from shopfloor.pricing import DiscountKind
from shopfloor.promotions import Discount, Method

DESK = "/console/harbour/discounts"
NEW = {
    "title": "Ten off",
    "method": "code",
    "code": "TEN",
    "kind": "amount",
    "level": "order",
    "amount": "10",
}


async def discounts(stage: Stage) -> list[Discount]:
    async with stage.db.transaction() as tx:
        return await promotions.service.discounts(tx, shop_id=stage.shop.id)


async def placed(stage: Stage) -> list[int]:
    async with stage.db.transaction() as tx:
        cursor = await tx.connection.execute(
            "SELECT total_minor FROM orders.orders WHERE number IS NOT NULL ORDER BY number"
        )
        return [row[0] for row in await cursor.fetchall()]


def notes(page: str) -> list[str]:
    """What is said of the codes that were given."""
    found = re.findall(r'<p>(<span class="code">.*?)</p></div>', page, re.DOTALL)
    return [re.sub(r"<[^>]+>", "", each) for each in found]


async def test_a_merchant_makes_a_code_and_a_buyer_uses_it(stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        await tx.run("UPDATE accounts.shop SET timezone = 'Asia/Shanghai'")
    await sign_in(stage)
    assert "No discounts yet" in (await stage.client.get(DESK)).text
    assert (await stage.client.get(f"{DESK}/new")).status_code == 200
    made = await stage.client.post(DESK, data=NEW | {"most_uses": "2", "starts_at": "2026-01-01T00:00"})
    assert made.status_code == 303
    [discount] = await discounts(stage)
    assert (discount.code, discount.amount_minor, discount.most_uses) == ("TEN", 1_000, 2)
    # The form has the shop's own time, Shanghai.
    assert discount.starts_at is not None
    assert discount.starts_at.isoformat() == "2025-12-31T16:00:00+00:00"

    hold = await stage.hold()
    address = f"/s/harbour/checkout/{hold}"
    looked = await stage.client.post(
        address, data=FORM | {"code": "ｔｅｎ", "delivery": "pick_up", "look": "1"}
    )
    assert looked.status_code == 200
    assert notes(looked.text) == ["ten · Ten off: -CN¥10.00"]
    assert seen(looked.text) == {"total_ship": "13100", "total_pick_up": "11900"}
    assert await placed(stage) == []

    sent = await stage.client.post(
        address, data=FORM | seen(looked.text) | {"code": "ｔｅｎ", "delivery": "pick_up"}
    )
    assert sent.status_code == 303
    assert await placed(stage) == [11_900]
    receipt = (await stage.client.get(sent.headers["location"])).text
    assert re.search(
        r'Ten off <span class="soft small">TEN</span></span><span class="right">-CN¥10.00', receipt
    )

    order_id = sent.headers["location"].rpartition("/")[2]
    desk = (await stage.client.get(f"/console/harbour/orders/{order_id}")).text
    assert f'href="{DESK}/{discount.id}">Ten off' in desk
    detail = (await stage.client.get(f"{DESK}/{discount.id}")).text
    assert f"/console/harbour/orders/{order_id}" in detail
    assert "<dd>1<small>of 2</small></dd>" in detail
    listed = (await stage.client.get(DESK, params={"search": "te"})).text
    assert "1 / 2" in listed


async def test_a_code_that_gives_nothing_is_said_beside_its_field_and_orders_nothing(stage: Stage) -> None:
    await sign_in(stage)
    await stage.client.post(DESK, data=NEW | {"minimum": "500"})
    hold = await stage.hold()
    address = f"/s/harbour/checkout/{hold}"

    looked = await stage.client.post(
        address, data=FORM | {"code": "TEN wrong", "delivery": "pick_up", "look": "1"}
    )
    assert notes(looked.text) == [
        "TEN · CN¥371.00 more to use this code.",
        "wrong · This code doesn&#39;t exist. Check the spelling, or leave the field empty.",
    ]
    for code, words in (("TEN", "below the minimum"), ("wrong", "This code doesn&#39;t exist")):
        sent = await stage.client.post(
            address, data=FORM | seen(looked.text) | {"code": code, "delivery": "pick_up"}
        )
        assert (sent.status_code, marked(sent.text)) == (422, ["code"])
        assert words in sent.text
        assert f'value="{code}"' in sent.text
    assert await placed(stage) == []
    sent = await stage.client.post(
        address, data=FORM | seen(looked.text) | {"code": " ", "delivery": "pick_up"}
    )
    assert (sent.status_code, await placed(stage)) == (303, [12_900])


async def test_a_discount_that_ended_meanwhile_is_asked_about(stage: Stage) -> None:
    await sign_in(stage)
    await stage.client.post(DESK, data=NEW | {"method": "automatic", "code": ""})
    hold = await stage.hold()
    address = f"/s/harbour/checkout/{hold}"
    page = (await stage.client.get(address)).text
    assert seen(page)["total_pick_up"] == "11900"
    [discount] = await discounts(stage)
    paused = await stage.client.post(f"{DESK}/{discount.id}/pause", data={"paused": "yes"})
    assert paused.status_code == 303

    sent = await stage.client.post(address, data=FORM | seen(page) | {"delivery": "pick_up"})
    assert sent.status_code == 409
    assert "A price, a discount or the shipping changed" in sent.text
    assert (seen(sent.text)["total_pick_up"], await placed(stage)) == ("12900", [])


async def test_guessing_codes_ends_soon(stage: Stage) -> None:
    hold = await stage.hold()
    address = f"/s/harbour/checkout/{hold}"
    for number in range(10):
        tried = await stage.client.post(address, data=FORM | {"code": f"GUESS{number}", "look": "1"})
        assert tried.status_code == 200
    refused = await stage.client.post(address, data=FORM | {"code": "GUESS11", "delivery": "pick_up"})
    assert (refused.status_code, marked(refused.text)) == (429, ["code"])
    assert "Too many codes" in refused.text
    # Without a code everything goes on.
    sent = await stage.client.post(address, data=FORM | {"delivery": "pick_up"})
    assert (sent.status_code, await placed(stage)) == (303, [12_900])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": ""}, "title"),
        ({"code": ""}, "code"),
        ({"code": "a b"}, "code"),
        ({"amount": ""}, "amount"),
        ({"amount": "ten"}, "amount"),
        ({"kind": "percentage", "percent": "101"}, "percent"),
        ({"kind": "percentage", "percent": "x"}, "percent"),
        ({"kind": "gift"}, "kind"),
        ({"method": "coupon", "slug": "no good"}, "slug"),
        ({"steps": "99"}, "steps"),
        ({"steps": "99 10\n99 20"}, "steps"),
        ({"ends_at": "soon"}, "ends_at"),
        ({"starts_at": "2026-01-02T00:00", "ends_at": "2026-01-01T00:00"}, "ends_at"),
        ({"most_uses": "0"}, "most_uses"),
        ({"per_buyer": "-1"}, "per_buyer"),
        ({"budget": "much"}, "budget"),
        ({"minimum": "-5"}, "minimum"),
    ],
)
async def test_what_is_refused_of_a_discount_is_said_beside_its_field(
    stage: Stage, change: dict[str, str], field: str
) -> None:
    await sign_in(stage)
    answer = await stage.client.post(DESK, data=NEW | change)
    assert answer.status_code == 422
    assert re.findall(r'class="error" id="e-(\w+)"', answer.text) == [field]
    assert await discounts(stage) == []


async def test_codes_in_bulk_come_out_as_a_table(stage: Stage) -> None:
    await sign_in(stage)
    await stage.client.post(DESK, data=NEW)
    [discount] = await discounts(stage)
    codes = f"{DESK}/{discount.id}/codes"

    bad = await stage.client.post(codes, data={"codes": "ten"})
    assert (bad.status_code, marked(bad.text)) == (409, ["codes"])
    none = await stage.client.post(codes, data={"count": "0"})
    assert (none.status_code, marked(none.text)) == (422, ["count"])
    assert (await stage.client.post(codes, data={"count": "25", "prefix": "VIP-"})).status_code == 303
    assert (
        await stage.client.post(codes, data={"codes": "=cmd\n双十一", "code_uses": "3"})
    ).status_code == 303

    table = await stage.client.get(f"{DESK}/{discount.id}/codes.csv")
    rows = table.text.lstrip("\ufeff").splitlines()
    assert (table.headers["content-type"], rows[0], len(rows)) == (
        "text/csv; charset=utf-8",
        "code,uses,most_uses",
        1 + 28,
    )
    assert "'=cmd,0,3" in rows
    assert "双十一,0,3" in rows
    assert "TEN,0," in rows
    assert sum(row.startswith("VIP-") and row.endswith(",0,1") for row in rows) == 25


async def test_what_was_not_used_is_deleted(stage: Stage) -> None:
    await sign_in(stage)
    await stage.client.post(DESK, data=NEW)
    [discount] = await discounts(stage)
    assert f"{DESK}/{discount.id}/remove" in (await stage.client.get(f"{DESK}/{discount.id}")).text
    await stage.client.post(f"{DESK}/{discount.id}/remove")
    assert await discounts(stage) == []


async def test_a_coupon_is_claimed_on_its_page_and_applied_at_checkout(stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        await promotions.service.save(
            tx,
            shop_id=stage.shop.id,
            wanted=Discount(
                id=0, title="Night coupon", method=Method.COUPON, kind=DiscountKind.AMOUNT, currency="",
                amount_minor=2_000, minimum_minor=5_000, slug="night", most_claims=1,
            ),
        )  # fmt: skip
    page = "/s/harbour/coupons/night"
    shown = (await stage.client.get(page)).text
    for words in ("Night coupon", "CN¥20 off", "From CN¥50", "Claim the coupon", "1 coupon left"):
        assert words in shown
    for _ in range(2):
        claimed = await stage.client.post(page)
        assert (claimed.status_code, claimed.headers["location"]) == (303, page)
    assert "applied at checkout automatically" in (await stage.client.get(page)).text

    hold = await stage.hold()
    begun = (await stage.client.get(f"/s/harbour/checkout/{hold}")).text
    assert seen(begun)["total_pick_up"] == "10900"
    sent = await stage.client.post(
        f"/s/harbour/checkout/{hold}", data=FORM | seen(begun) | {"delivery": "pick_up"}
    )
    assert (sent.status_code, await placed(stage)) == (303, [10_900])
    assert "You have used this coupon." in (await stage.client.get(page)).text

    stage.client.cookies.delete("shopper")
    await stage.client.get(page)
    late = await stage.client.post(page)
    assert late.status_code == 303
    assert "All of these coupons have been claimed." in (await stage.client.get(page)).text
    assert (await stage.client.get("/s/harbour/coupons/other")).status_code == 404
    async with stage.db.transaction() as tx:
        checks = [*await orders.audit(tx), *await promotions.audit(tx)]
    assert [check for check in checks if check.offending] == []
    assert isinstance(stage.shopper, UUID)

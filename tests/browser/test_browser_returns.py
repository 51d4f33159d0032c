"""A parcel comes back: withdrawn from on a phone without scripts, received and paid back at the desk."""

import os
import re
import uuid
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect
from tests.app.running import PATIENCE, Owner, Running
from tests.browser.conftest import STEP, MakeStall, People, Stall

pytestmark = pytest.mark.browser
expect.set_options(timeout=STEP)
SHOTS = os.environ.get("SHOPFLOOR_SHOTS")


def shot(page: Page, name: str) -> None:
    """For those who want to look at it."""
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


def placed(shop: Running, owner: Owner, stall: Stall) -> tuple[str, str]:
    """An order of two that is sent to Germany: its page, as its buyer's mail names it, and its id."""
    with httpx.Client(
        base_url=shop.address, timeout=PATIENCE, trust_env=False, headers={"origin": shop.address}
    ) as http:
        http.get(stall.path).raise_for_status()
        wish = {
            "id": str(uuid.uuid4()), "offer_id": stall.offer_id,
            "variant_id": stall.variant("M"), "quantity": 2, "price_minor": 9_900,
        }  # fmt: skip
        held = http.post("/buy", json=wish).json()
        assert held["outcome"] == "held", held
        shown = dict(re.findall(r'name="(total_\w+)" value="(\d+)"', http.get(held["url"]).text))
        form = {
            "name": "Mei Lin", "phone": "+49 30 1234567", "email": "mei@corner.example", "delivery": "ship",
            "street": "Torstraße 1", "city": "Berlin", "postcode": "10119", "country": "DE", "method": "transfer",
        }  # fmt: skip
        answer = http.post(held["url"].split("?")[0], data=form | shown)
        assert answer.status_code == 303, answer.text[:300]
        page = http.get(answer.headers["location"]).text
    found = re.search(rf'(/s/{owner.slug}/orders/([0-9a-f-]+)\?key=[\w-]+)"', page)
    assert found is not None
    return found[1], found[2]


def arrived(shop: Running, owner: Owner, stall: Stall) -> str:
    """It was paid and has arrived: its page."""
    page, order_id = placed(shop, owner, stall)
    due = owner.shop("GET", f"/orders/{order_id}")["due"]["amount"]
    owner.shop(
        "POST", f"/orders/{order_id}/paid", json={"amount_minor": due["minor"], "currency": due["currency"]}
    )
    owner.shop("POST", f"/orders/{order_id}/ship", json={})
    owner.shop("POST", f"/orders/{order_id}/deliver")
    return page


def test_from_the_button_to_the_refund(
    people: People, shop: Running, owner: Owner, make_stall: MakeStall
) -> None:
    stall = make_stall({"M": 3, "L": 1})
    path = arrived(shop, owner, stall)
    phone = people.phone(script=False).new_page()
    phone.goto(path)
    shot(phone, "order")
    phone.get_by_role("link", name="Withdraw from contract here").tap()
    phone.get_by_label(re.compile("^How many of")).select_option("1")
    phone.get_by_label("Reason").select_option("too_small")
    phone.get_by_label("Message to the seller").fill("Tight at the shoulders.")
    shot(phone, "return-1")
    phone.get_by_role("button", name="Continue").tap()
    expect(phone.get_by_text("I withdraw from the contract")).to_be_visible()
    shot(phone, "return-2")
    phone.get_by_role("button", name="Confirm withdrawal").tap()
    expect(phone.get_by_text("We received your withdrawal.")).to_be_visible()
    expect(phone.get_by_text("Refund due by")).to_be_visible()
    number = phone.locator("#returns .card strong").inner_text()
    shot(phone, "order-after")

    context = people.desk()
    context.add_cookies([{"name": "session", "value": owner.cookie("session"), "url": shop.address}])
    desk = context.new_page()
    desk.goto(f"/console/{owner.slug}/returns?state=approved")
    shot(desk, "desk-list")
    desk.get_by_role("link", name=number).click()
    shot(desk, "desk-return")
    desk.get_by_role("button", name="Record").click()
    expect(desk.get_by_text("Recorded. Sellable items are back in stock.")).to_be_visible()
    shot(desk, "desk-received")
    desk.get_by_role("button", name=re.compile("^Refund .*99.00")).click()
    expect(desk.get_by_text("Refund approved.")).to_be_visible()
    shot(desk, "desk-refunded")
    desk.goto(f"/console/{owner.slug}/return-rules")
    shot(desk, "desk-rules")

    phone.reload()
    expect(phone.get_by_text(re.compile("99.00 back"))).to_be_visible()
    owner.shop("POST", f"/shows/{stall.show_id}/end")

    chinese = people.phone(locale="zh-CN").new_page()
    chinese.goto(path)
    chinese.get_by_role("link", name="在此撤回合同").tap()
    shot(chinese, "return-zh")

    # The other one is exchanged for the larger size, of which one is there.
    phone.get_by_role("link", name="Withdraw from contract here").tap()
    phone.get_by_label(re.compile("^How many of")).select_option("1")
    phone.get_by_label(re.compile("^What you would like")).select_option(label="Exchange for L")
    shot(phone, "exchange-1")
    phone.get_by_role("button", name="Continue").tap()
    expect(phone.get_by_text("Instead: L")).to_be_visible()
    shot(phone, "exchange-2")
    phone.get_by_role("button", name="Confirm withdrawal").tap()
    expect(phone.get_by_text(re.compile("Exchange for L, reserved until"))).to_be_visible()
    number = phone.locator("#returns .card strong").last.inner_text()
    desk.goto(f"/console/{owner.slug}/returns?state=approved")
    desk.get_by_role("link", name=number).click()
    desk.get_by_role("button", name="Record").click()
    shot(desk, "desk-exchange")
    desk.get_by_role("button", name="Send the exchange").click()
    # With the last unit the way there is paid back, too.
    expect(desk.get_by_text("Refund approved.")).to_be_visible()
    shot(desk, "desk-exchanged")
    desk.get_by_role("link", name=re.compile("^Order #")).click()
    expect(desk.get_by_role("heading", name=re.compile("#"))).to_be_visible()
    shot(desk, "desk-new-order")
    phone.reload()
    expect(phone.get_by_text(re.compile("Exchanged for L: order #"))).to_be_visible()
    shot(phone, "order-exchanged")
    chinese.goto(path)
    expect(chinese.get_by_text(re.compile("已换成 L"))).to_be_visible()
    # Nothing is left that could come back.
    expect(chinese.get_by_role("link", name="在此撤回合同")).to_have_count(0)
    shot(chinese, "order-zh")

"""The evening after a show at the desk: money, shelf, box, carrier, a buyer who asks, and what buyers then read."""

import re
import uuid

import httpx
import pytest
from playwright.sync_api import Page, expect
from tests.app.running import PATIENCE, Owner, Running
from tests.browser.conftest import STEP, MakeStall, People, Stall
from tests.waiting import until

pytestmark = pytest.mark.browser
expect.set_options(timeout=STEP)


def ordered(shop: Running, owner: Owner, stall: Stall, name: str) -> tuple[str, str]:
    """An order by bank transfer: its page, as its buyer's mail names it, and its number."""
    with httpx.Client(
        base_url=shop.address, timeout=PATIENCE, trust_env=False, headers={"origin": shop.address}
    ) as http:
        http.get(stall.path).raise_for_status()
        wish = {
            "id": str(uuid.uuid4()), "offer_id": stall.offer_id,
            "variant_id": stall.variant("M"), "quantity": 1, "price_minor": 9_900,
        }  # fmt: skip
        held = http.post("/buy", json=wish).json()
        assert held["outcome"] == "held", held
        shown = dict(re.findall(r'name="(total_\w+)" value="(\d+)"', http.get(held["url"]).text))
        form = {
            "name": name, "email": f"{uuid.uuid4().hex}@corner.example", "delivery": "ship", "street": "8 Quay Street",
            "city": "Xiamen", "method": "transfer",
        }  # fmt: skip
        answer = http.post(held["url"].split("?")[0], data=form | shown)
        assert answer.status_code == 303, answer.text[:300]
        page = http.get(answer.headers["location"]).text
    found = re.search(rf'(/s/{owner.slug}/orders/([0-9a-f-]+)\?key=[\w-]+)"', page)
    assert found is not None
    return found[1], str(owner.shop("GET", f"/orders/{found[2]}")["order"]["number"])


def tick_all(desk: Page) -> None:
    desk.get_by_label("All on this page").check(force=True)


def test_the_evening_after_a_show(people: People, shop: Running, owner: Owner, make_stall: MakeStall) -> None:
    stall = make_stall({"M": 5})
    buyers = [ordered(shop, owner, stall, name) for name in ("Mei Lin", "Jo Tan")]
    numbers = [number for _, number in buyers]
    owner.shop("POST", f"/shows/{stall.show_id}/end")
    context = people.desk()
    context.add_cookies([{"name": "session", "value": owner.cookie("session"), "url": shop.address}])
    desk = context.new_page()
    console = f"/console/{owner.slug}"

    # The transfers have come: one button for all orders of the show.
    desk.goto(f"{console}/orders?show={stall.show_id}")
    tick_all(desk)
    desk.get_by_role("button", name="Mark as paid").click()
    expect(desk.get_by_text("2 marked as paid.")).to_be_visible()

    # From the shelf into boxes.  Parcels are planned by what is told of the payment.
    until(
        "parcels are there", lambda: len(owner.shop("GET", f"/parcels?show_id={stall.show_id}")) == 2 or None
    )
    desk.goto(f"{console}/fulfilment?show={stall.show_id}")
    expect(desk.get_by_role("link", name=re.compile(rf"^({'|'.join(numbers)})-P1$"))).to_have_count(2)
    tick_all(desk)
    desk.get_by_role("button", name="Mark as picked").click()
    expect(desk.get_by_text("2 picked.")).to_be_visible()
    desk.goto(f"{console}/fulfilment?state=picked&show={stall.show_id}")
    tick_all(desk)
    desk.get_by_role("button", name="Mark as packed").click()
    expect(desk.get_by_text("2 packed.")).to_be_visible()

    # One buyer writes: the note and the money are where the question is answered.
    desk.goto(f"{console}/orders?search={numbers[1]}")
    desk.get_by_role("link", name=f"#{numbers[1]}", exact=True).click()
    desk.locator("summary", has_text=re.compile("^Refund$")).click()
    desk.get_by_label("Amount", exact=True).fill("10.00")
    desk.get_by_role("button", name="Approve refund").click()
    expect(desk.get_by_text("Refund approved. Send the money, then record it here.")).to_be_visible()

    # Both leave with the carrier.
    desk.goto(f"{console}/fulfilment?state=packed&show={stall.show_id}")
    tick_all(desk)
    desk.get_by_label("Carrier", exact=True).fill("SF Express")
    desk.get_by_role("button", name="Mark as shipped").click()
    expect(desk.get_by_text("2 shipped or handed over.")).to_be_visible()
    desk.goto(f"{console}/fulfilment?state=shipped&show={stall.show_id}")
    expect(desk.get_by_role("link", name=re.compile(rf"^({'|'.join(numbers)})-P1$"))).to_have_count(2)

    # What their buyers read, and what the shop has sold of the evening.
    phone = people.phone().new_page()
    phone.goto(buyers[0][0])
    expect(phone.get_by_role("main")).to_contain_text("SF Express")
    found = {str(each["number"]): each for each in owner.shop("GET", f"/orders?show_id={stall.show_id}")}
    assert {number: found[number]["status"] for number in numbers} == dict.fromkeys(numbers, "shipped")
    assert [found[number]["refund_owed_minor"] for number in numbers] == [0, 1_000]

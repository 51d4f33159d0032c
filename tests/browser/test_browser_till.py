"""A shift at a till: sold with a network and without, the page killed between, sent once, and the drawer is the Z."""

import contextlib
import os
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from playwright.sync_api import Error as Broken
from tests.app.running import Owner
from tests.browser.conftest import STEP, People

pytestmark = pytest.mark.browser
expect.set_options(timeout=STEP)
SHOTS = os.environ.get("SHOPFLOOR_SHOTS")
PIN = "2580"


def shot(page: Page, name: str) -> None:
    """For those who want to look at it."""
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png")


def opened(owner: Owner) -> tuple[dict[str, Any], str]:
    """A product, and the code with which a till of the store is paired."""
    product = owner.product("Oolong", {"Tin": 10, "Bag": 5}, titles={"zh_CN": "乌龙茶"})
    register = owner.shop(
        "POST", "/tills/registers", json={"location_id": owner.warehouse(), "code": "A", "name": "Counter"}
    )
    owner.call(
        "POST", f"/console/{owner.slug}/tills/people",
        data={"name": "Li Jing", "pin": PIN, "is_manager": "yes", "rights": ["sell", "return", "cash", "close"]},
    )  # fmt: skip
    return product, owner.shop("POST", f"/tills/registers/{register['id']}/codes")["code"]


def sign_in(page: Page) -> None:
    page.get_by_label("PIN").fill(PIN)
    page.get_by_role("button", name="Sign in").click()


def scan(page: Page, code: str) -> None:
    """As a scanner types: faster than anybody, into whatever has the focus."""
    page.evaluate(
        """code => { for (const key of [...code, "Enter"])
             (document.activeElement ?? document).dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true })) }""",
        code,
    )


def pay(page: Page, *, cash: str | None = None, slip: str | None = None) -> str:
    """The number on the receipt."""
    page.get_by_role("button", name="Take payment").click()
    if slip is not None:
        page.get_by_role("button", name="Card terminal").click()
        page.get_by_label("Slip number", exact=True).fill(slip)
    elif cash is not None:
        page.get_by_label("Cash given").fill(cash)
    page.get_by_role("button", name="Complete the sale").click()
    expect(page.locator("[data-done]")).to_be_visible()
    number = page.get_by_text(re.compile(r"^[A-Z]+\d+-\d{6}$")).first.inner_text()
    page.get_by_role("button", name="Next sale").click()
    return number


def unsent(page: Page, number: int) -> None:
    expect(page.locator(".till-status")).to_have_attribute("data-unsent", str(number))


def killed(page: Page) -> None:
    """As by a power cut: nothing of the page gets a word in."""
    with contextlib.suppress(Broken):
        page.goto("chrome://crash")
    page.close()


def test_a_shift_without_a_network(people: People, owner: Owner) -> None:
    product, code = opened(owner)
    tin, bag = product["variants"]
    # Requests without a network fail, and a browser says so.
    people.troubles.expected = True
    context = people.desk()
    page = context.new_page()
    page.goto(f"/till/{owner.slug}#pair={code}")
    page.get_by_role("button", name="Pair").click()
    page.get_by_label("PIN").fill("1111")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Wrong PIN.")).to_be_visible()
    sign_in(page)
    page.get_by_label("Float").fill("200")
    page.get_by_role("button", name="Open shift").click()

    page.get_by_label("Search by name").fill("oolong")
    page.locator(f"[data-product='{product['id']}']").click()
    page.get_by_role("button", name=re.compile("^Tin")).click()
    page.get_by_label("Search by name").fill("2")
    scan(page, bag["sku"])
    expect(page.locator(".basket-line")).to_have_count(2)
    # What was typed before the scan is still there, and nothing of the code.
    expect(page.get_by_label("Search by name")).to_have_value("2")
    page.get_by_label("Search by name").fill("")
    first = pay(page)
    unsent(page, 0)
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")

    context.set_offline(True)
    scan(page, tin["sku"])
    second = pay(page, cash="150")
    unsent(page, 1)
    scan(page, bag["sku"])
    expect(page.locator(".basket-line")).to_have_count(1)
    shot(page, "till-offline")
    killed(page)

    page = again(context, owner.slug)
    sign_in(page)
    expect(page.locator(".till-status")).to_have_attribute("data-online", "false")
    unsent(page, 1)
    expect(page.locator(".basket-line")).to_have_count(1)
    third = pay(page, slip="004711")
    assert [int(each.split("-")[1]) for each in (first, second, third)] == [1, 2, 3]

    page.keyboard.press("F8")
    page.get_by_label(re.compile("^Receipt, its QR")).fill("A0-999999")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_text("finding it needs the network")).to_be_visible()
    page.get_by_label(re.compile("^Receipt, its QR")).fill("1")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("button", name="More").first.click()
    # Nobody has allowed cash to go back without a network.
    expect(page.get_by_text("More needs the network")).to_be_visible()
    page.keyboard.press("Escape")
    unsent(page, 2)

    context.set_offline(False)
    unsent(page, 0)
    page.keyboard.press("F8")
    page.get_by_role("button", name=re.compile(first)).click()
    page.get_by_role("button", name="More").first.click()
    page.get_by_role("button", name=re.compile("^Give back")).click()
    expect(page.get_by_text("−¥129.00").first).to_be_visible()
    page.get_by_role("button", name="Close").last.click()

    page.keyboard.press("F9")
    page.get_by_role("button", name="Close shift").click()
    # The float, 258 and 129 in cash, less 129 that came back: one too few.
    for piece, count in (("¥100.00", 4), ("¥50.00", 1), ("¥5.00", 1), ("¥1.00", 2)):
        page.get_by_label(f"How many of {piece}", exact=True).fill(str(count))
    page.get_by_role("button", name="Close shift", exact=True).click()
    page.get_by_role("button", name="Counted: close the shift for good").click()
    expect(page.get_by_text("Z report").first).to_be_visible()
    # The server has all of the shift, the device keeps little of it: the report stands.
    unsent(page, 0)
    expect(page.locator(".paper-pair", has_text="Expected in the drawer")).to_contain_text("¥458.00")
    expect(page.locator(".paper-pair", has_text="Difference")).to_contain_text("-¥1.00")
    shot(page, "till-z")

    told = owner.shop("GET", "/tills/sales")
    assert sorted((each["number"], each["kind"], each["total_minor"]) for each in told) == [
        (1, "sale", 25_800), (2, "sale", 12_900), (3, "sale", 12_900), (4, "return", 12_900),
    ]  # fmt: skip
    (shift,) = owner.shop("GET", "/tills/shifts")
    assert shift["counted_minor"] == 45_700
    assert shift["z"]["drawer"] == 45_800
    assert owner.shop("GET", "/tills/devices")[0]["last_number"] == 4


def again(context: BrowserContext, slug: str) -> Page:
    """The page as it is opened after that: from the device."""
    page = context.new_page()
    page.goto(f"/till/{slug}/sell")
    return page

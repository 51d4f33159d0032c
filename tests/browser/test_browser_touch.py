"""On a phone everything that is pressed is large enough, and the console shows where one is."""

import pytest
from tests.app.running import Owner, Running
from tests.browser.conftest import MakeStall, People
from tests.browser.test_browser_returns import placed

pytestmark = pytest.mark.browser

# Links within a sentence, and titles whose tile is pressed as a whole, are as large as what they stand in.
SMALL = """(elements) => elements
    .filter((one) => {
        const box = one.getBoundingClientRect(), style = getComputedStyle(one);
        const seen = box.width > 0 && box.height > 0 && style.visibility !== "hidden" && style.clipPath === "none";
        return seen && style.opacity !== "0" && !one.closest(".for-readers, .good-tile")
            && !(one.tagName === "A" && style.display === "inline" && one.closest("p"));
    })
    .map((one) => {
        const box = (one.closest("label") ?? one).getBoundingClientRect();
        const main = one.matches("button, select, textarea, summary, input, .button");
        return { what: `${one.tagName} ${one.className} ${one.innerText || one.name || ""}`.slice(0, 60),
                 height: Math.round(box.height), least: main ? 44 : 24 };
    })
    .filter((one) => one.height < one.least)
    .map((one) => `${one.what}: ${one.height}`)"""
PRESSED = "a, button, input:not([type=hidden]), select, textarea, summary"


def test_what_is_pressed_is_large_enough(
    people: People, shop: Running, owner: Owner, make_stall: MakeStall
) -> None:
    stall = make_stall({"M": 3, "L": 1})
    link, order_id = placed(shop, owner, stall)
    console = f"/console/{owner.slug}"
    phone = people.phone()
    phone.add_cookies([{"name": "session", "value": owner.cookie("session"), "url": people.shop.address}])
    page = phone.new_page()
    small: dict[str, list[str]] = {}
    for path in (
        f"/s/{owner.slug}", f"/s/{owner.slug}/p/{stall.product['id']}", stall.path, f"/s/{owner.slug}/cart", console, f"{console}/shows",
        f"{console}/shows/{stall.show_id}", f"{console}/orders", f"{console}/products",
        f"{console}/products/{stall.product['id']}", f"{console}/products/new", f"{console}/stock",
        f"{console}/stock/{stall.variant('M')}", f"{console}/suppliers", f"{console}/media", f"{console}/terms",
        f"{console}/members", "/account", "/forgot", f"{console}/fulfilment", f"{console}/fulfilment/carriers",
        f"{console}/discounts", f"{console}/discounts/new", f"{console}/messages", f"{console}/messages/settings",
        f"{console}/messages/wording", f"{console}/messages/words", f"{console}/messages/sms", f"{console}/messages/sms/words", f"{console}/webhooks", f"{console}/payments",
        f"{console}/payments/account", f"{console}/payments/disputes", f"{console}/invoices", f"{console}/shipping", f"{console}/taxes",
        f"{console}/customers", f"/s/{owner.slug}/orders", f"/s/{owner.slug}/account/sign-in",
        f"{console}/returns", f"{console}/return-rules", f"{console}/fapiao",
        f"{console}/orders/{order_id}", f"{console}/orders/{order_id}/edit", link,
    ):  # fmt: skip
        page.goto(path)
        found = page.locator(PRESSED).evaluate_all(SMALL)
        if found:
            small[path] = found
        if path.startswith(f"{console}/") and page.locator(".side [aria-current]").count():
            place = page.locator(".side [aria-current]").bounding_box()
            assert place is not None
            assert place["x"] >= 0, path
            assert place["x"] + place["width"] <= 390, path
    assert small == {}

    page.goto(f"/s/{owner.slug}")
    banner = page.locator(".live-hero .row").first
    places = banner.locator(":scope > *").evaluate_all(
        "every => every.map(one => one.getBoundingClientRect().top)"
    )
    # The sign of a show on air, and who watches, stand on one line.
    assert max(places) - min(places) < 12
    page.goto(stall.path)
    badge = page.locator(".chat ol").evaluate(
        """list => { list.innerHTML = "<li class='buyer'><b>Ann<i>bought</i></b></li>";
                     const badge = list.querySelector("i");
                     return [getComputedStyle(badge).textShadow, getComputedStyle(badge.parentElement).textShadow]; }"""
    )
    # The shadow of a name over the picture smears no badge.
    assert badge[0] == "none"


def test_the_stock_of_a_phone_shows_its_numbers(people: People, owner: Owner, make_stall: MakeStall) -> None:
    stall = make_stall({"M": 3})
    phone = people.phone()
    phone.add_cookies([{"name": "session", "value": owner.cookie("session"), "url": people.shop.address}])
    page = phone.new_page()
    page.goto(f"/console/{owner.slug}/stock?search={stall.title.replace(' ', '+')}")
    cells = page.locator("td[data-label='Available']")
    assert cells.count() >= 1
    for cell in cells.all():
        box = cell.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390

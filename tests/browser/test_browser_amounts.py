"""A field says what it understands while one types, in the console, in the studio and on a supplier's page."""

import psycopg
import pytest
from playwright.sync_api import Locator, Page, expect
from tests.app.running import Owner, Running
from tests.app.test_app_shop_borders import supplies
from tests.browser.conftest import STEP, MakeStall, People
from tests.browser.test_browser_console import sign_in

pytestmark = pytest.mark.browser
expect.set_options(timeout=STEP)


def echo_of(page: Page, field: Locator) -> Locator:
    """What stands right under a field."""
    return field.locator("xpath=following-sibling::*[1][@data-echo]")


def test_what_is_understood_is_shown_while_one_types(people: People, owner: Owner) -> None:
    page = sign_in(people.desk(), f"/console/{owner.slug}/products/new")
    price = page.locator("[name=price]")
    for text, shown in [
        ("129,00", "CN¥129.00"), ("1.290,00", "CN¥1,290.00"), ("1.290", "Two readings: 1.29 or 1290?"),
        ("１２９", "CN¥129.00"), ("1e3", ""),
    ]:  # fmt: skip
        price.fill(text)
        expect(echo_of(page, price)).to_have_text(shown)
    expect(echo_of(page, price)).to_have_attribute("aria-live", "polite")

    page.goto(f"/console/{owner.slug}/shows#new")
    limit = page.locator("[name=limit_per_show]")
    for text, shown in [
        ("12", "12 units"),
        ("1", "1 unit"),
        ("1,5", ""),
        ("2.000", "Two readings: 2 or 2000?"),
    ]:
        limit.fill(text)
        if shown:
            expect(echo_of(page, limit)).to_have_text(shown)
        else:
            expect(echo_of(page, limit)).to_have_text("")

    page.goto(f"/console/{owner.slug}/terms")
    hours = page.locator("[name=pay_within_hours]")
    hours.fill("72")
    expect(echo_of(page, hours)).to_have_text("72")


def test_the_studio_shows_it_too(people: People, owner: Owner, make_stall: MakeStall) -> None:
    stall = make_stall({"M": 3})
    page = sign_in(people.desk(), f"/console/{owner.slug}/shows/{stall.show_id}/studio")
    price = page.locator(f"[name=price-{stall.variant('M')}]")
    price.fill("89,50")
    expect(echo_of(page, price)).to_have_text("CN¥89.50")


def test_a_supplier_sees_it_too_and_a_comma_is_not_lost(
    people: People, owner: Owner, shop: Running, make_stall: MakeStall
) -> None:
    stall = make_stall({"M": 3})
    supplier = owner.shop("POST", "/suppliers", json={"name": "Kiln"})["id"]
    place = owner.shop("GET", "/stock/locations")[0]["id"]
    with psycopg.connect(shop.database_url, autocommit=True) as database:
        row = database.execute("SELECT id FROM accounts.shop WHERE slug = %s", [owner.slug]).fetchone()
        assert row is not None
        ids = {
            "supplier_id": supplier, "product_id": stall.product["id"], "variant_id": stall.variant("M"),
            "location_id": place, "show_id": stall.show_id,
        }  # fmt: skip
        supplies(database, row[0], ids, quantity=2_000)
    key = owner.shop("POST", f"/suppliers/{supplier}/key")["key"]
    page = people.phone(locale="de-DE").new_page()
    page.goto(f"/supplier/{key}")
    page.get_by_text("Other quantities or dates").click()
    units = page.locator(f"[name=q-{stall.variant('M')}]")
    for text, shown in [("2.000", "Two readings: 2 or 2000?"), ("1.500", "1,500 units"), ("1,5", "")]:
        units.fill("")
        units.press_sequentially(text)
        assert units.input_value() == text
        expect(echo_of(page, units)).to_have_text(shown)
    # The browser itself complains of an answer that is no success.
    people.troubles.expected = True
    # Half a unit is no quantity, and no fifteen either.
    page.get_by_role("button", name="Send answer").click()
    expect(page.locator(".error")).to_be_visible()
    assert units.input_value() == "1,5"
    assert owner.shop("GET", "/purchase-orders")[0]["state"] == "sent"


def test_a_rate_is_no_money(people: People, owner: Owner) -> None:
    page = sign_in(people.desk(), f"/console/{owner.slug}/taxes/rate")
    percent = page.locator("[name=percent]")
    percent.fill("19")
    expect(page.locator("output", has_text="19.00")).to_have_count(0)
    page.goto(f"/console/{owner.slug}/shipping/zone")
    position = page.locator("[name=position]")
    position.fill("2")
    expect(echo_of(page, position)).to_have_text("2")

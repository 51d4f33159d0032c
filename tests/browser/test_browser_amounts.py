"""A field says what it understands while one types, in the console, in the studio and on a supplier's page."""

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.app.running import Owner
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

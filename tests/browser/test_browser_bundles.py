"""A set on a phone: what it contains, how many are left as its parts go, one price to the receipt; and made at a desk."""

import re
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.app.running import Owner
from tests.browser.conftest import STEP, People, Stall, enter
from tests.browser.test_browser_buying import fill_in, order_number

pytestmark = pytest.mark.browser
expect.set_options(timeout=STEP)


@dataclass(frozen=True)
class TeaStall:
    """A show that sells a tea set of one pot and two cups, and the cups by themselves."""

    sets: Stall
    cups: Stall
    tea_set: dict[str, Any]


@pytest.fixture(scope="module")
def tea(owner: Owner) -> TeaStall:
    pot = owner.product("Clay pot", {"Brown": 5}, titles={"zh_CN": "陶壶"}, price="60.00")
    cup = owner.product("Cup", {"White": 8}, titles={"zh_CN": "茶杯"}, price="15.00")
    tea_set = owner.product("Tea set", {"Classic": 0}, titles={"zh_CN": "茶具套装"}, price="99.00")
    part = {"Clay pot": (pot, 1), "Cup": (cup, 2)}
    made = owner.shop(
        "PUT", f"/products/variants/{tea_set['variants'][0]['id']}/parts",
        json={"parts": [
            {"variant_id": each["variants"][0]["id"], "quantity": units} for each, units in part.values()
        ]},
    )  # fmt: skip
    assert [each["quantity"] for each in made["parts"]] == [1, 2]
    show = owner.show("Tea time", titles={"zh_CN": "喝茶"})
    stalls: list[Stall] = []
    for product, quota, price in ((tea_set, 3, 8_900), (cup, 2, 1_400)):
        offer = owner.shop(
            "POST", f"/shows/{show}/offers",
            json={
                "product_id": product["id"], "policy": "timer", "hold_seconds": 600, "limit_per_buyer": 6, "minutes": 5,
                "lines": [{"variant_id": product["variants"][0]["id"], "price_minor": price, "quota": quota}],
            },
        )["id"]  # fmt: skip
        stalls.append(Stall(show, offer, product, f"/s/{owner.slug}/live/{show}", product["title"]))
    owner.shop("POST", f"/shows/{show}/start")
    owner.feature(show, stalls[0].offer_id)
    return TeaStall(stalls[0], stalls[1], tea_set)


def ticket(page: Page) -> Locator:
    """The offer shown now, whatever the page's language calls it."""
    return page.locator(".ticket")


def buy(page: Page, opener: Locator, title: str, quantity: int) -> None:
    opener.tap()
    sheet = page.get_by_role("dialog", name=title)
    for _ in range(quantity - 1):
        sheet.get_by_role("button", name="One more").tap()
    sheet.get_by_role("button", name=re.compile("^Buy for")).tap()
    expect(page.get_by_role("dialog", name="Reserved for you")).to_be_visible()


def test_a_set_goes_as_its_parts_go(people: People, tea: TeaStall) -> None:
    ann, bo = people.phone(), people.phone(locale="zh-CN")
    page, other = enter(ann, tea.sets), enter(bo, tea.sets)
    expect(ticket(page)).to_contain_text("3 left")

    ticket(page).get_by_role("button", name="Buy").tap()
    sheet = page.get_by_role("dialog", name="Tea set")
    expect(sheet).to_contain_text("Includes")
    expect(sheet.get_by_role("listitem")).to_have_text(["1 × Clay pot Brown", "2 × Cup White"])
    expect(sheet).to_contain_text("max. 2 per customer (3 pieces each)")
    sheet.get_by_role("button", name=re.compile("^Buy for .*89")).tap()
    expect(page.get_by_role("dialog", name="Reserved for you")).to_be_visible()
    expect(ticket(other)).to_contain_text("剩 2 件")

    # Somebody takes cups by themselves: eight were set apart, two went into the set, five go now.
    third = enter(people.phone(), tea.cups)
    third.get_by_role("button", name=re.compile("^All offers")).tap()
    buy(third, third.get_by_role("dialog").get_by_role("button", name=re.compile("Cup")).last, "Cup", 5)
    expect(ticket(other)).to_contain_text("已售罄")

    page.get_by_role("dialog", name="Reserved for you").get_by_role("link", name="Check out").tap()
    goods = page.get_by_role("complementary", name="Items")
    expect(goods).to_contain_text("Tea set")
    expect(goods.get_by_role("listitem").filter(has_text="×")).to_have_count(3)
    expect(goods).to_contain_text("CN¥89.00")
    fill_in(page)
    page.get_by_role("button", name=re.compile("^Order for")).locator("visible=true").tap()
    order_number(page)
    expect(page.get_by_role("region", name="Items")).to_contain_text("2 × Cup White")


def test_a_set_is_made_at_a_desk(people: People, owner: Owner, tea: TeaStall) -> None:
    desk = people.desk()
    desk.add_cookies([{"name": "session", "value": owner.cookie("session"), "url": people.shop.address}])
    page = desk.new_page()
    page.goto(f"/console/{owner.slug}/products/{tea.tea_set['id']}")
    form = page.get_by_role("region", name="Bundles")
    expect(form).to_contain_text("consists of 1 × Clay pot · Brown, 2 × Cup · White")
    form.get_by_label("Units").nth(1).fill("3")
    form.get_by_role("button", name="Save contents").click()
    expect(page.get_by_role("region", name="Bundles")).to_contain_text("3 × Cup · White")
    page.get_by_label("Part 3").fill("no such thing")
    page.get_by_role("button", name="Save contents").click()
    people.troubles.expected = True
    expect(page.get_by_role("region", name="Bundles")).to_contain_text("No product matches")

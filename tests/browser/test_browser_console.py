"""At a desk: sign in, run a show from the studio, read its report."""

import csv
import io
import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from tests.app.running import PASSWORD, Owner
from tests.browser.conftest import STEP, MakeStall, People, enter, video_reaches

from shopfloor.demo.merchant import EMAIL

pytestmark = pytest.mark.browser
expect.set_options(timeout=STEP)


def sign_in(desk: BrowserContext, path: str) -> Page:
    """Open a page of the console as nobody; the sign-in leads on to it."""
    page = desk.new_page()
    page.goto(path)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    return page


def test_a_wrong_password_is_told_and_the_right_one_opens(people: People, owner: Owner) -> None:
    people.troubles.expected = True  # the refused form is a 401, which the console repeats
    page = people.desk().new_page()
    page.goto("/sign-in")
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Email")).to_have_value(EMAIL)

    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(f"/console(/{owner.slug})?$"))
    page.goto(f"/console/{owner.slug}")
    places = page.get_by_role("navigation", name="Console").get_by_role("link")
    expect(places.first).to_be_visible()
    assert {name.strip() for name in places.all_inner_texts()} >= {
        "Overview", "Shows", "Orders", "Products", "Stock", "Suppliers", "Cameras", "Members",
    }  # fmt: skip
    for address in [str(place.get_attribute("href")) for place in places.all()]:
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 200, address
        expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    answer = page.goto(f"/console/{owner.slug}")
    assert answer is not None
    assert "/sign-in" in page.url


def test_the_studio_shows_the_picture_and_what_it_features_is_on_every_phone(
    people: People, owner: Owner, channel: int, make_stall: MakeStall
) -> None:
    stall = make_stall({"M": 3}, channel_id=channel)
    bowl = owner.product("Tea bowl", {"One": 5})
    owner.offer(stall.show_id, bowl, {"One": 5}, price_minor=4_500)
    phone = enter(people.phone(), stall)
    desk = people.desk()
    studio = sign_in(desk, f"/console/{owner.slug}/shows/{stall.show_id}/studio")

    expect(studio.get_by_role("heading", name="Evening show")).to_be_visible()
    video_reaches(studio, 1)
    expect(studio.get_by_role("region", name="Featured now")).to_contain_text(stall.title)

    studio.get_by_role("button", name=re.compile("^Feature ?: Tea bowl$")).click()

    card = phone.get_by_role("region", name="Featured now")
    expect(card.get_by_role("heading")).to_have_text("Tea bowl")
    expect(studio.get_by_role("region", name="Featured now").get_by_role("heading")).to_have_text("Tea bowl")

    # A new price from the studio, a question from the phone, an answer from the studio.
    price = studio.get_by_label("Price of One")
    price.fill("39")
    studio.get_by_role("button", name="Change the prices").click()
    expect(card.locator(".price")).to_have_text(re.compile(r"39$"))
    phone.get_by_label("Say something").fill("Is it dishwasher safe?")
    phone.get_by_role("button", name="Send").tap()
    expect(studio.get_by_role("log", name="Chat")).to_contain_text("Is it dishwasher safe?")
    studio.get_by_label(re.compile("^Answer as")).fill("Yes, every day.")
    studio.get_by_role("button", name="Send").click()
    expect(phone.get_by_role("log", name="Chat").get_by_text("Yes, every day.")).to_be_visible()

    studio.get_by_text("End the show", exact=True).click()
    studio.get_by_role("button", name="Yes, end the show").click()
    expect(phone.get_by_text("This show has ended")).to_be_visible()
    expect(studio.get_by_role("link", name="Report")).to_be_visible()


def test_the_report_draws_the_show(people: People, owner: Owner, make_stall: MakeStall) -> None:
    stall = make_stall({"M": 1})
    buyer = enter(people.phone(), stall)
    buyer.get_by_role("region", name="Featured now").get_by_role("button", name="Buy").tap()
    buyer.get_by_role("button", name=re.compile("^Buy for")).tap()
    buyer.get_by_role("dialog", name="Reserved for you").get_by_role("link", name="Check out").tap()
    buyer.get_by_label("Name", exact=True).fill("Mei Lin")
    buyer.get_by_label("Phone").fill("13800138000")
    buyer.get_by_role("radio", name="Store pickup").check()
    buyer.get_by_role("button", name=re.compile("^Order for")).tap()
    expect(buyer.get_by_role("heading", level=1)).to_have_text("Thank you for your order")
    late = enter(people.phone(), stall)
    late.get_by_role("region", name="Featured now").get_by_role("button", name="Join the waitlist").tap()
    late.get_by_role("dialog").get_by_role("button", name="Join the waitlist").tap()
    expect(late.get_by_role("dialog", name="On the waitlist")).to_be_visible()
    owner.shop("POST", f"/shows/{stall.show_id}/end")

    path = f"/console/{owner.slug}/shows/{stall.show_id}/report"
    page = sign_in(people.desk(), path)
    products = page.locator("section:has(> #products)")
    for _ in range(60):
        if products.get_by_role("row").filter(has_text=stall.title).count() and "99" in products.inner_text():
            break
        page.wait_for_timeout(500)
        page.reload()

    row = products.get_by_role("row").filter(has_text=stall.title)
    expect(row).to_contain_text("99")
    chart = page.get_by_role("img", name="Minute by minute")
    expect(chart).to_be_visible()
    box = chart.bounding_box()
    assert box is not None
    assert box["width"] > 500
    assert chart.locator("rect.viewers").count() >= 1
    assert chart.locator("rect.shown").count() >= 1
    expect(chart.locator("text.lane")).to_have_text([stall.title])
    placed = [float(str(bar.get_attribute("height"))) for bar in chart.locator("rect.placed").all()]
    assert max(placed) > 0
    expect(page.get_by_role("list").filter(has_text="on the waitlist")).to_contain_text(stall.title)
    page.get_by_text("View as table").click()
    expect(page.get_by_role("region", name="Minute by minute").get_by_role("table")).to_be_visible()

    reply = page.request.get(f"{path}.csv")
    assert reply.status == 200
    assert len(list(csv.reader(io.StringIO(reply.text())))) > 5
    assert page.request.get(f"{path}.json").json()["show_id"] == stall.show_id

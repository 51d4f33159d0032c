"""A tap whose answer is lost or late, a purchase of one's own in the way, a place in line that moves."""

import json
import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, Route, WebSocketRoute, expect
from tests.app.running import Owner
from tests.browser.conftest import STEP, MakeStall, People, Stall, enter
from tests.waiting import until


def tap_buy(page: Page, stall: Stall) -> None:
    page.get_by_role("region", name="Featured now").get_by_role("button", name="Buy").tap()
    page.get_by_role("dialog", name=stall.title).get_by_role("button", name=re.compile("^Buy for")).tap()


def held(owner: Owner, stall: Stall) -> int:
    levels = owner.shop("GET", "/stock/levels", params={"variant_id": stall.variant("M")})
    return sum(level["held"] for level in levels)


def deaf(page: Page, drop: Callable[[dict[str, Any]], bool]) -> list[str]:
    """Lose what the room says of purchases where `drop` says so; returns the ids asked for, as they go out."""
    asked: list[str] = []

    def between(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def out(message: str | bytes) -> None:
            told = json.loads(message)
            if told["t"] == "buy":
                asked.append(told["id"])
            server.send(message)

        def back(message: str | bytes) -> None:
            if not (isinstance(message, str) and '"answer"' in message and drop(json.loads(message))):
                socket.send(message)

        socket.on_message(out)
        server.on_message(back)

    page.route_web_socket(re.compile("/socket$"), between)
    return asked


def test_an_answer_lost_on_the_stream_comes_through_the_other_door(
    people: People, owner: Owner, make_stall: MakeStall
) -> None:
    stall = make_stall({"M": 3})
    context = people.phone()
    page = context.new_page()
    asked = deaf(page, lambda _: True)
    posted: list[str] = []
    page.on(
        "request",
        lambda it: posted.append(json.loads(it.post_data or "")["id"]) if "/buy" in it.url else None,
    )
    page.goto(stall.path)
    page.wait_for_selector(".room[data-connection='open']")

    tap_buy(page, stall)
    expect(page.get_by_role("dialog", name="Reserved for you")).to_be_visible()

    assert posted == asked
    assert len(asked) == 1
    assert held(owner, stall) == 1


def test_a_page_loaded_anew_before_it_heard_gets_its_purchase(
    people: People, owner: Owner, make_stall: MakeStall
) -> None:
    stall = make_stall({"M": 3})
    people.troubles.expected = True
    page = people.phone().new_page()
    lost = {"now": True}
    asked = deaf(page, lambda _: lost["now"])

    def away(route: Route) -> None:
        route.abort() if lost["now"] else route.continue_()

    page.route(re.compile("/buy"), away)
    page.goto(stall.path)
    page.wait_for_selector(".room[data-connection='open']")
    tap_buy(page, stall)
    until("the shop has it", lambda: held(owner, stall) == 1 or None)
    lost["now"] = False
    page.reload()

    expect(page.get_by_role("dialog", name="Reserved for you")).to_be_visible()
    assert set(asked) <= {asked[0]}
    assert held(owner, stall) == 1


def test_a_shop_that_is_full_for_a_moment_is_asked_again_with_the_same_id(
    people: People, owner: Owner, make_stall: MakeStall
) -> None:
    stall = make_stall({"M": 3})
    people.troubles.expected = True
    page = people.phone().new_page()
    deaf(page, lambda _: True)
    ids: list[str] = []

    def full(route: Route) -> None:
        ids.append(json.loads(route.request.post_data or "")["id"])
        if len(ids) <= 3:
            route.fulfill(
                status=429, content_type="application/json",
                body=json.dumps({"outcome": "refused", "code": "orders.too_fast", "message": "", "facts": {}}),
            )  # fmt: skip
        else:
            route.continue_()

    page.route(re.compile("/buy"), full)
    page.goto(stall.path)
    page.wait_for_selector(".room[data-connection='open']")
    tap_buy(page, stall)
    sheet = page.get_by_role("dialog", name=stall.title)
    expect(sheet.get_by_role("status")).to_contain_text("Still trying.")
    expect(sheet.get_by_role("alert")).to_contain_text("Too fast", timeout=STEP)
    sheet.get_by_role("button", name=re.compile("^Buy for")).tap()

    expect(page.get_by_role("dialog", name="Reserved for you")).to_be_visible()
    assert len(ids) == 4
    assert len(set(ids)) == 1
    assert held(owner, stall) == 1


def test_the_last_unit_of_ones_own_is_found_again_on_a_new_page(
    people: People, make_stall: MakeStall
) -> None:
    stall = make_stall({"M": 1}, limit=None)
    context = people.phone()
    page = enter(context, stall)
    tap_buy(page, stall)
    expect(page.get_by_role("dialog", name="Reserved for you")).to_be_visible()
    page.close()

    page = enter(context, stall)
    expect(page.locator(".hold-chip")).to_contain_text("Check out")
    page.get_by_role("region", name="Featured now").get_by_role("button", name="Join the waitlist").tap()
    sheet = page.get_by_role("dialog", name=stall.title)
    expect(sheet).to_contain_text("already have the last units reserved")
    sheet.get_by_role("link", name="Check out").tap()
    expect(page.get_by_role("heading", name="Checkout")).to_be_visible()


def test_the_last_unit_of_ones_own_is_found_again_without_a_script(
    people: People, make_stall: MakeStall
) -> None:
    stall = make_stall({"M": 1}, limit=None)
    context = people.phone(script=False)
    first, second = context.new_page(), context.new_page()
    for page in (first, second):
        page.goto(stall.path)
    for page in (first, second):
        page.locator(f"#offer-{stall.offer_id}").get_by_role("button", name=re.compile("^Buy for")).click()

    expect(first.get_by_role("heading", name="Checkout")).to_be_visible()
    expect(second.get_by_role("alert")).to_contain_text("already have the last units reserved")
    second.get_by_role("alert").get_by_role("link", name="Check out").click()
    expect(second.get_by_role("heading", name="Checkout")).to_be_visible()


def test_who_waits_in_the_room_is_told_when_units_come_in(
    people: People, owner: Owner, make_stall: MakeStall
) -> None:
    stall = make_stall({"M": 1})
    tap_buy(enter(people.phone(), stall), stall)
    pages: list[Page] = []
    for position in (1, 2):
        page = enter(people.phone(), stall)
        page.get_by_role("region", name="Featured now").get_by_role("button", name="Join the waitlist").tap()
        page.get_by_role("dialog", name=stall.title).get_by_role("button", name="Join the waitlist").tap()
        expect(page.get_by_role("dialog", name="On the waitlist")).to_contain_text(
            f"no. {position} on the waitlist"
        )
        pages.append(page)
    places = pages[1].context.new_page()
    places.goto(f"/s/{owner.slug}/waitlist")
    expect(places.get_by_role("listitem")).to_contain_text("No. 2 on the waitlist")

    [location] = owner.shop("GET", "/stock/locations")[:1]
    owner.shop(
        "POST", "/stock/receipts",
        json={"location_id": location["id"], "variant_id": stall.variant("M"), "quantity": 1},
    )  # fmt: skip

    expect(pages[0].get_by_role("dialog", name="Reserved for you")).to_be_visible()
    expect(pages[1].get_by_role("dialog", name="On the waitlist")).to_contain_text("no. 1 on the waitlist")
    expect(places.get_by_role("listitem")).to_contain_text("No. 1 on the waitlist")
    pages[0].get_by_role("dialog", name="Reserved for you").get_by_role("link", name="Check out").tap()
    expect(pages[0].get_by_role("heading", name="Checkout")).to_be_visible()

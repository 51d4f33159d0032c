"""From the card to the receipt on a phone, with scripts and without; and into the line where it is sold out."""

import re
from collections.abc import Iterator

import httpx
import psycopg
import pytest
from playwright.sync_api import Page, expect
from tests.app.running import PATIENCE, Owner, Running
from tests.browser.conftest import STEP, MakeStall, People, Stall, enter
from tests.waiting import until

pytestmark = pytest.mark.browser
expect.set_options(timeout=STEP)
FORM = {"content-type": "application/x-www-form-urlencoded"}


def hold_in_the_room(page: Page, title: str) -> None:
    """Tap through the card and its sheet until the units are kept."""
    page.get_by_role("region", name="Featured now").get_by_role("button", name="Buy").tap()
    page.get_by_role("dialog", name=title).get_by_role("button", name=re.compile("^Buy for .*99$")).tap()


def fill_in(page: Page) -> None:
    page.get_by_label("Name", exact=True).fill("Mei Lin")
    page.get_by_label("Phone").fill("+86 138 0013 8000")
    page.get_by_label("Street and number").fill("8 Quay Street")
    page.get_by_label("City").fill("Xiamen")


def order_number(page: Page) -> str:
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you for your order")
    number = page.locator("main header .code").inner_text()
    assert re.fullmatch(r"#\d+", number)
    return number


def expect_left(owner: Owner, stall: Stall, units: int) -> None:
    """The room says so once it has heard of what was committed."""

    def left() -> int:
        state = owner.call("GET", f"/room/{stall.show_id}/state")
        lines = state.get("state", state)["offers"][str(stall.offer_id)]["lines"]
        return sum(line["left"] for line in lines.values())

    until(f"{units} left", lambda: left() == units)


def orders_of(owner: Owner, stall: Stall) -> list[str]:
    orders = owner.shop("GET", "/orders")
    return [str(order["number"]) for order in orders if order.get("show_id") == stall.show_id]


def test_buy_check_out_receipt(people: People, owner: Owner, make_stall: MakeStall) -> None:
    stall = make_stall({"M": 3})
    phone = people.phone()
    page = enter(phone, stall)

    hold_in_the_room(page, stall.title)
    held = page.get_by_role("dialog", name="Reserved for you")
    timer = held.get_by_role("timer")
    expect(timer).to_contain_text(re.compile(r"(9|10):\d\d"))
    shown = timer.inner_text()
    expect(timer).not_to_have_text(shown)
    expect(held).to_contain_text(re.compile(rf"{stall.title} · M · 1 × · .*99"))
    held.get_by_role("link", name="Check out").tap()

    expect(page.get_by_role("heading", name="Checkout")).to_be_visible()
    expect(page.get_by_role("timer")).to_contain_text(
        re.compile(r"Reserved for you until \d\d:\d\d:\d\d CST")
    )
    expect(page.get_by_role("timer").locator(".clock")).to_have_text(re.compile(r"^(9|10):\d\d$"))
    checkout = page.url
    fill_in(page)
    with page.expect_request(lambda request: request.method == "POST" and request.url == checkout) as sent:
        page.get_by_role("button", name=re.compile(r"^Order for .*111\.00")).tap()
    form = sent.value.post_data
    assert form is not None

    number = order_number(page)
    expect(page.get_by_text("Harbour Bank 6217 0000")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text=stall.title)).to_contain_text("1 × ")
    receipt = page.url
    # The script takes the mark off that hides the button where a page cannot copy.
    expect(page.locator("button[data-copies]")).to_have_count(1)
    expect(page.locator("button[data-copies][hidden]")).to_have_count(0)

    # What was ordered waits for no checkout in the room.
    with page.expect_response(re.compile(r"/waitlist\?.*holds=")):
        page.goto(stall.path)
    expect(page.locator(".hold-chip")).to_have_count(0)

    again = page.request.post(checkout, data=form, headers=FORM)
    assert (again.status, again.url) == (200, receipt)
    other = page.request.post(checkout, data=form.replace("Mei", "May"), headers=FORM)
    assert (other.status, other.url) == (422, checkout)
    page.goto(checkout)
    assert page.url == receipt
    assert order_number(page) == number
    assert orders_of(owner, stall) == [number.removeprefix("#")]
    expect_left(owner, stall, 2)


def test_what_is_bought_in_a_show_is_one_basket(people: People, owner: Owner, make_stall: MakeStall) -> None:
    stall = make_stall({"M": 3, "L": 3})
    page = enter(people.phone(), stall)

    for size in ("M", "L"):
        page.get_by_role("region", name="Featured now").get_by_role("button", name="Buy").tap()
        sheet = page.get_by_role("dialog", name=stall.title)
        sheet.get_by_role("radio", name=re.compile(rf"^{size}\b")).check(force=True)
        sheet.get_by_role("button", name=re.compile("^Buy for .*99$")).tap()
        held = page.get_by_role("dialog", name="Reserved for you")
        expect(held).to_contain_text(f"{stall.title} · {size}")
        if size == "M":
            held.get_by_role("button", name="Keep watching").tap()
    expect(held.get_by_role("listitem")).to_contain_text(re.compile(r" · M.*1 × .*99.*\d:\d\d"))
    held.get_by_role("button", name="Keep watching").tap()

    basket = page.get_by_role("region", name="Your basket")
    expect(basket.get_by_role("listitem")).to_have_count(2)
    expect(basket.get_by_role("listitem").first).to_contain_text(re.compile(r" · L.*1 × .*99.*\d:\d\d"))
    basket.get_by_role("link", name=re.compile(r"^Check out 2 for .*198$")).tap()

    expect(page.get_by_role("timer")).to_contain_text("The first of your items is reserved until")
    expect(page.locator(".basket-line")).to_have_count(2)
    fill_in(page)
    page.get_by_role("button", name=re.compile(r"^Order for .*210\.00")).tap()

    number = order_number(page)
    assert orders_of(owner, stall) == [number.removeprefix("#")]
    expect_left(owner, stall, 4)


@pytest.fixture
def paid_at_the_end(shop: Running, owner: Owner) -> Iterator[None]:
    """Shows that start now are paid at the end by whom the shop knows, and there is a way to pay online."""
    terms = owner.shop("GET", "/orders/policy")
    desk = f"/console/{owner.slug}/payments"
    with httpx.Client(
        base_url=shop.address, timeout=PATIENCE, trust_env=False, headers={"origin": shop.address},
        cookies={"session": owner.cookie("session")},
    ) as http:  # fmt: skip
        assert http.post(f"{desk}/account", data={"provider": "test", "mode": "test"}).status_code == 303
        found = re.search(rf"{desk}/account/\d+/switch", http.get(desk).text)
        assert found is not None
        assert http.post(found[0], data={"on": "yes"}).status_code == 303
        owner.shop("PUT", "/orders/policy", json=terms | {"pay_after_minutes": 30})
        yield
        owner.shop("PUT", "/orders/policy", json=terms)
        assert http.post(found[0], data={"on": "no"}).status_code == 303


def test_a_basket_over_a_whole_show(
    people: People, shop: Running, owner: Owner, paid_at_the_end: None, make_stall: MakeStall
) -> None:
    """Two taps are one order with one shipping price: the card is declined, the buyer comes back and pays again.  What
    the shop then keeps until after the show is paid on another device, by the link in the message.
    """
    stall = make_stall({"M": 6})
    page = enter(people.phone(), stall)
    for _ in range(2):
        hold_in_the_room(page, stall.title)
        page.get_by_role("dialog", name="Reserved for you").get_by_role("button", name="Keep watching").tap()
    basket = page.get_by_role("region", name="Your basket")
    basket.get_by_role("link", name=re.compile(r"^Check out 2 for .*198$")).tap()
    fill_in(page)
    page.get_by_label("Email", exact=True).fill("mei@corner.example")
    page.get_by_role("radio", name=re.compile("^Test payment")).check(force=True)
    page.get_by_role("button", name=re.compile(r"^Order for .*210\.00")).tap()

    page.get_by_role("button", name="Card is declined").tap()
    expect(page.get_by_role("alert")).to_have_text("Your card was declined.")
    page.get_by_role("link", name="Back without paying").tap()
    expect(page.get_by_role("heading", level=1)).to_have_text("The payment was declined")
    expect(page.get_by_role("main")).to_contain_text("Nothing was charged.")
    page.get_by_role("button", name=re.compile(r"^Pay .*210\.00 now")).tap()
    page.get_by_role("button", name="Pay", exact=True).tap()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your order")
    number = page.locator("main header .code").inner_text()
    [paid] = owner.shop("GET", f"/orders?search={number.removeprefix('#')}&show_id={stall.show_id}")
    assert (paid["payment_status"], paid["total_minor"]) == ("paid", 21_000)

    page.goto(stall.path)
    hold_in_the_room(page, stall.title)
    expect(page.get_by_role("dialog", name="Reserved for you")).to_contain_text(
        "Reserved until 30 min after the show"
    )
    owner.shop("POST", f"/shows/{stall.show_id}/end")
    with psycopg.connect(shop.database_url, autocommit=True) as database:
        # As the message has it.
        key = until(
            "the message is written",
            lambda: next(
                iter(
                    database.execute("SELECT key FROM customers.basket WHERE show_id = %s", [stall.show_id])
                ),
                None,
            ),
        )[0]
    other = people.desk().new_page()
    other.goto(f"/s/{owner.slug}/cart?basket={key}")
    expect(other.locator("#reserved")).to_contain_text("1 item is reserved for you")
    other.locator("#reserved").get_by_role("link", name=re.compile("^Check out")).click()
    # In the parcel of the first, so there is nothing to ship for again.
    expect(other.get_by_label(f"With order {number}, in one parcel")).to_be_checked()
    other.get_by_label("Name", exact=True).fill("Mei Lin")
    other.get_by_label("Phone").fill("+86 138 0013 8000")
    other.get_by_role("button", name=re.compile(r"^Order for .*99\.00")).click()
    other.get_by_role("button", name="Pay", exact=True).click()
    expect(other.get_by_role("heading", level=1)).to_have_text("Your order")
    second = other.locator("main header .code").inner_text()
    assert orders_of(owner, stall) == [second.removeprefix("#"), number.removeprefix("#")]


def test_what_is_bought_later_in_a_show_leaves_in_the_same_parcel(
    people: People, owner: Owner, make_stall: MakeStall
) -> None:
    stall = make_stall({"M": 3})
    page = enter(people.phone(), stall)
    hold_in_the_room(page, stall.title)
    page.get_by_role("dialog", name="Reserved for you").get_by_role("link", name="Check out").tap()
    fill_in(page)
    page.get_by_role("button", name=re.compile(r"^Order for .*111\.00")).tap()
    first = order_number(page)

    page.goto(stall.path)
    hold_in_the_room(page, stall.title)
    page.get_by_role("dialog", name="Reserved for you").get_by_role("link", name="Check out").tap()

    expect(page.get_by_label(f"With order {first}, in one parcel")).to_be_checked()
    expect(page.get_by_label("Street and number")).to_be_hidden()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Mei Lin")
    page.get_by_role("button", name=re.compile(r"^Order for .*99\.00")).tap()
    second = order_number(page)
    expect(page.get_by_text("Ships in one parcel with")).to_contain_text(f"order {first}")
    expect(page.get_by_role("main")).to_contain_text("8 Quay Street")
    assert orders_of(owner, stall) == [second.removeprefix("#"), first.removeprefix("#")]


def test_the_cart_of_the_shop_is_checked_out_with_what_is_reserved(
    people: People, owner: Owner, make_stall: MakeStall
) -> None:
    stall = make_stall({"M": 3})
    cup = owner.product("Tea cup", {"White": 2, "Blue": 2}, price="20.00", option_names=("Colour",))
    page = people.phone(script=False).new_page()
    page.goto(f"/s/{owner.slug}/p/{cup['id']}")
    page.get_by_role("radio", name=re.compile("^Blue")).check(force=True)
    page.get_by_role("button", name="Add to basket").click()
    expect(page.get_by_role("listitem")).to_contain_text("Blue")
    expect(page.get_by_role("button", name=re.compile(r"^Check out for .*20\.00"))).to_be_visible()
    page.goto(stall.path)
    page.locator(f"#offer-{stall.offer_id}").get_by_role("button", name=re.compile("^Buy for")).click()
    expect(page.get_by_role("heading", name="Checkout")).to_be_visible()

    page.goto(f"/s/{owner.slug}/cart")
    expect(page.locator("#reserved")).to_contain_text("1 item is reserved for you")
    page.get_by_role("button", name=re.compile(r"^Check out for .*20\.00")).click()

    expect(page.locator(".basket-line")).to_have_count(2)
    fill_in(page)
    page.get_by_role("button", name=re.compile(r"^Order for .*131\.00")).click()
    number = order_number(page)
    assert orders_of(owner, stall) == [number.removeprefix("#")]
    page.goto(f"/s/{owner.slug}/cart")
    expect(page.get_by_role("heading", name="Your basket is empty")).to_be_visible()


def test_two_taps_on_order_make_one_order(people: People, owner: Owner, make_stall: MakeStall) -> None:
    stall = make_stall({"M": 3})
    page = enter(people.phone(), stall)
    hold_in_the_room(page, stall.title)
    page.get_by_role("dialog", name="Reserved for you").get_by_role("link", name="Check out").tap()
    fill_in(page)

    page.get_by_role("button", name=re.compile("^Order for")).dblclick()

    number = order_number(page)
    assert orders_of(owner, stall) == [number.removeprefix("#")]


def test_a_faulty_checkout_comes_back_with_words_beside_the_field(
    people: People, make_stall: MakeStall
) -> None:
    stall = make_stall({"M": 3})
    page = enter(people.phone(), stall)
    people.troubles.expected = True  # a form that came back is status 422, which the console repeats
    hold_in_the_room(page, stall.title)
    page.get_by_role("dialog", name="Reserved for you").get_by_role("link", name="Check out").tap()

    page.get_by_label("Name", exact=True).fill("Mei Lin")
    page.get_by_role("button", name=re.compile("^Order for")).tap()

    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Mei Lin")
    phone = page.get_by_label("Phone")
    expect(phone).to_have_attribute("aria-invalid", "true")
    expect(phone).to_have_accessible_description(re.compile("phone number or an email address"))
    expect(phone).to_be_focused()
    fill_in(page)
    page.get_by_role("button", name=re.compile("^Order for")).tap()
    order_number(page)


def test_buy_check_out_receipt_without_a_script(people: People, owner: Owner, make_stall: MakeStall) -> None:
    stall = make_stall({"M": 3, "L": 2})
    page = people.phone(script=False).new_page()
    page.goto(stall.path)

    page.get_by_role("link", name="Buy").click()
    offer = page.locator(f"#offer-{stall.offer_id}")
    # Nothing is chosen for the buyer: the button says what is missing, and sends nothing.
    expect(offer.get_by_role("radio", checked=True)).to_have_count(0)
    offer.get_by_role("button", name="Choose a size").click()
    assert page.url.split("#")[0].endswith(stall.path)
    offer.get_by_role("radio", name=re.compile("^L")).check(force=True)
    offer.get_by_label("Quantity").fill("2")
    offer.get_by_role("button", name=re.compile("^Buy for .*99 each")).click()

    expect(page.get_by_role("heading", name="Checkout")).to_be_visible()
    expect(page.get_by_role("timer")).to_contain_text(re.compile(r"Reserved for you until .*\d:\d\d"))
    checkout = page.url
    fill_in(page)
    page.get_by_role("button", name=re.compile(r"^Order for .*210\.00")).click()

    number = order_number(page)
    receipt = page.url
    expect(page.get_by_role("listitem").filter(has_text=stall.title)).to_contain_text("2 × ")
    page.goto(checkout)
    assert page.url == receipt
    assert order_number(page) == number
    assert orders_of(owner, stall) == [number.removeprefix("#")]
    expect_left(owner, stall, 3)


def test_the_same_form_twice_is_one_hold(people: People, owner: Owner, make_stall: MakeStall) -> None:
    stall = make_stall({"M": 3})
    page = people.phone(script=False).new_page()
    page.goto(stall.path)
    page.locator(f"#offer-{stall.offer_id}").get_by_role("button", name=re.compile("^Buy for")).click()
    expect(page.get_by_role("heading", name="Checkout")).to_be_visible()
    first = page.url
    page.go_back()
    page.wait_for_url(f"**{stall.path}*")

    page.locator(f"#offer-{stall.offer_id}").get_by_role("button", name=re.compile("^Buy for")).click()

    expect(page.get_by_role("heading", name="Checkout")).to_be_visible()
    # A browser that kept the page sends the same id and gets the same hold; one that asked for it anew bought again.
    expect_left(owner, stall, 2 if page.url == first else 1)


def test_a_receipt_is_for_its_buyer_and_for_who_has_its_link(people: People, make_stall: MakeStall) -> None:
    stall = make_stall({"M": 3})
    page = enter(people.phone(), stall)
    hold_in_the_room(page, stall.title)
    page.get_by_role("dialog", name="Reserved for you").get_by_role("link", name="Check out").tap()
    fill_in(page)
    page.get_by_role("button", name=re.compile("^Order for")).tap()
    number = order_number(page)
    link = page.get_by_role("link", name=re.compile(r"\?key=")).get_attribute("href")
    assert link is not None

    stranger = people.phone().new_page()
    people.troubles.expected = True  # a stranger's look at it is a 404
    answer = stranger.goto(page.url)
    assert answer is not None
    assert answer.status == 404
    stranger.goto(link)
    assert order_number(stranger) == number


def test_sold_out_leads_into_the_line(people: People, make_stall: MakeStall) -> None:
    stall = make_stall({"M": 1})
    first = enter(people.phone(), stall)
    hold_in_the_room(first, stall.title)
    expect(first.get_by_role("dialog", name="Reserved for you")).to_be_visible()

    for position in (1, 2):
        page = enter(people.phone(), stall)
        page.get_by_role("region", name="Featured now").get_by_role("button", name="Join the waitlist").tap()
        page.get_by_role("dialog", name=stall.title).get_by_role("button", name="Join the waitlist").tap()
        waiting = page.get_by_role("dialog", name="On the waitlist")
        expect(waiting).to_contain_text(f"no. {position} on the waitlist.")
        waiting.get_by_role("link", name="See my place").tap()
        expect(page.get_by_role("heading", name="My waitlist")).to_be_visible()
        expect(page.get_by_role("listitem").filter(has_text=stall.title)).to_contain_text(
            f"No. {position} on the waitlist"
        )


def test_sold_out_leads_into_the_line_without_a_script(people: People, make_stall: MakeStall) -> None:
    stall = make_stall({"M": 1})
    late = people.phone(script=False).new_page()
    late.goto(stall.path)
    early = people.phone(script=False).new_page()
    early.goto(stall.path)
    button = re.compile("^Buy for")
    early.locator(f"#offer-{stall.offer_id}").get_by_role("button", name=button).click()
    expect(early.get_by_role("heading", name="Checkout")).to_be_visible()

    late.locator(f"#offer-{stall.offer_id}").get_by_role("button", name=button).click()
    expect(late.get_by_role("alert")).to_be_visible()
    late.get_by_role("alert").get_by_role("button", name="Join the waitlist").click()

    place = late.get_by_role("listitem").filter(has_text=stall.title)
    expect(place).to_contain_text("No. 1 on the waitlist")
    # Who comes later sees it on the page itself, and stands behind.
    third = people.phone(script=False).new_page()
    third.goto(stall.path)
    third.locator(f"#offer-{stall.offer_id}").get_by_role("button", name="Join the waitlist").click()
    expect(third.get_by_role("listitem").filter(has_text=stall.title)).to_contain_text(
        "No. 2 on the waitlist"
    )
    place.get_by_role("button", name="Leave the waitlist").click()
    expect(late.get_by_role("heading", name="You're not on a waitlist")).to_be_visible()


def test_cancelled_units_are_kept_for_the_first_in_line(people: People, make_stall: MakeStall) -> None:
    stall = make_stall({"M": 1})
    buyer = people.phone(script=False).new_page()
    buyer.goto(stall.path)
    buyer.locator(f"#offer-{stall.offer_id}").get_by_role("button", name=re.compile("^Buy for")).click()
    fill_in(buyer)
    buyer.get_by_role("button", name=re.compile("^Order for")).click()
    order_number(buyer)
    waiting = people.phone(script=False).new_page()
    waiting.goto(stall.path)
    waiting.locator(f"#offer-{stall.offer_id}").get_by_role("button", name="Join the waitlist").click()
    expect(waiting.get_by_role("listitem")).to_contain_text("No. 1 on the waitlist")

    buyer.get_by_text("Cancel this order").click()
    buyer.get_by_role("button", name=re.compile("^Yes, cancel")).click()
    expect(buyer.get_by_role("heading", name="This order is cancelled")).to_be_visible()

    offered = waiting.get_by_role("link", name="Check out")
    for _ in range(40):
        waiting.reload()
        if offered.count():
            break
        waiting.wait_for_timeout(500)
    offered.click()
    expect(waiting.get_by_role("heading", name="Checkout")).to_be_visible()

"""A shopper's own pages: orders of a browser, signing in with a mailed code, the account; and who tries to get in."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from tests.services import give
from tests.web.conftest import Stage
from tests.web.test_web_checkout import FORM

from shopfloor import accounts, auth, customers, erasure, notices, orders, shoppers, wiring
from shopfloor.collector import Collector
from shopfloor.customers import signing_in
from shopfloor.kernel import secrets
from shopfloor.kernel.keyring import Keyring
from shopfloor.kernel.outbox import Delivered
from shopfloor.kernel.services import services_in
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.values import Money, new_id
from shopfloor.letters import composing
from shopfloor.notices import Kind

MAIL = "mei@example.com"
SIGN_IN = "/s/harbour/account/sign-in"
CODE = "/s/harbour/account/code"


@pytest.fixture
def box(stage: Stage, tmp_path: Path) -> secrets.Box:
    settings = Settings(data_dir=tmp_path)
    give(stage.app, settings=settings)
    return secrets.box(settings)


@dataclass(frozen=True, slots=True)
class Browser:
    """Another browser in front of the same shop."""

    client: httpx.AsyncClient
    shopper: UUID


def browser(stage: Stage) -> Browser:
    shopper = uuid4()
    cookie = shoppers.issue_shopper(services_in(stage.app).part(Keyring), shopper)
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(stage.app, raise_app_exceptions=False),
        base_url="http://shop.test",
        cookies={"shopper": cookie},
        headers={"accept": "text/html", "accept-language": "en"},
    )
    return Browser(client, shopper)


async def placed(stage: Stage, email: str = MAIL, **other: str) -> UUID:
    """An order of this browser, of which everybody has heard."""
    hold = await stage.hold()
    total = {"total_ship": "14100", "total_pick_up": "12900"}
    form = FORM | total | {"email": email} | other
    answer = await stage.client.post(f"/s/harbour/checkout/{hold}", data=form)
    assert answer.status_code == 303, answer.text
    order_id = UUID(answer.headers["location"].split("/orders/")[1].split("?")[0])
    await heard(stage)
    return order_id


async def heard(stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        rows = await (
            await tx.connection.execute(
                "SELECT shop_id, (body->>'order_id')::uuid FROM kernel.outbox WHERE name = 'orders.order_placed'"
            )
        ).fetchall()
        for shop_id, order_id in rows:
            await customers.note_order(tx, shop_id=shop_id, order_id=order_id)


async def code_in_mail(stage: Stage, box: secrets.Box, email: str = MAIL) -> str:
    """What the newest message to this address says."""
    async with stage.db.transaction() as tx:
        row = await (
            await tx.connection.execute(
                "SELECT id, sealed FROM notifications.notice WHERE kind = 'sign_in_code' AND recipient = %s"
                " ORDER BY created_at DESC, id DESC LIMIT 1",
                (email,),
            )
        ).fetchone()
        assert row is not None
        notice = await notices.notice(tx, shop_id=1, notice_id=row[0])
        told = await composing.compose(
            tx, [notice], origin="http://shop.test", sealed={row[0]: row[1]}, box=box
        )
    letter = told[row[0]].letter
    code = letter.facts[0].value
    assert re.fullmatch("[0-9]{6}", code)
    assert letter.link == f"http://shop.test{CODE}/{code}"
    assert code not in letter.subject
    return code


async def sign_in(
    stage: Stage, box: secrets.Box, client: httpx.AsyncClient | None = None, email: str = MAIL
) -> None:
    client = client or stage.client
    assert (await client.post(SIGN_IN, data={"email": email})).status_code == 303
    answer = await client.post(CODE, data={"code": await code_in_mail(stage, box, email)})
    assert answer.status_code == 303, answer.text


async def sessions_of(stage: Stage, email: str) -> object:
    async with stage.db.transaction() as tx:
        return await tx.value(
            "SELECT count(*) FROM customers.session s JOIN customers.customer c ON c.id = s.customer_id"
            " WHERE c.email = %(email)s",
            email=email,
        )


async def value(stage: Stage, sql: str) -> object:
    async with stage.db.transaction() as tx:
        return await tx.value(sql)  # pyright: ignore[reportArgumentType]


async def test_a_guest_finds_the_orders_of_this_browser_from_every_page(stage: Stage) -> None:
    for page in ("/s/harbour", f"/s/harbour/p/{stage.shirt.id}", f"/s/harbour/live/{stage.show.id}"):
        assert 'href="/s/harbour/orders"' in (await stage.client.get(page)).text, page
    assert "No orders yet" in (await stage.client.get("/s/harbour/orders")).text

    mine = await placed(stage)

    page = await stage.client.get("/s/harbour/orders")
    assert f'href="/s/harbour/orders/{mine}"' in page.text
    assert page.headers["cache-control"] == "private, no-store"
    other = browser(stage)
    assert str(mine) not in (await other.client.get("/s/harbour/orders")).text
    assert "我的订单" in (await stage.client.get("/s/harbour/orders", headers={"accept-language": "zh"})).text


async def test_a_checkout_is_filled_in_with_the_last_address_until_it_is_forgotten(stage: Stage) -> None:
    await placed(stage, street="Old Pier 9")
    hold = await stage.hold()
    at = f"/s/harbour/checkout/{hold}"

    filled = (await stage.client.get(at)).text
    assert 'value="Old Pier 9"' in filled
    assert f'value="{MAIL}"' in filled
    assert "Filled in from your last order" in filled
    # The first button of the form is what Enter presses: it must not be the one that forgets.
    form = filled.split("data-once novalidate>")[1].split("</form>")[0]
    assert 'form="forget"' in re.findall("<button[^>]*>", form)[0]

    other = browser(stage)
    assert (await other.client.get(at)).status_code == 404

    assert (await stage.client.post(f"{at}/forget")).status_code == 303
    empty = (await stage.client.get(at)).text
    # An open order that more can join still says where it goes.
    assert 'value="Old Pier 9"' not in empty
    assert MAIL not in empty
    async with stage.db.transaction() as tx:
        assert (await tx.value("SELECT address->>'street' FROM orders.orders")) == "Old Pier 9"


async def test_forget_me_makes_the_browser_a_stranger(stage: Stage, box: secrets.Box) -> None:
    mine = await placed(stage)
    await sign_in(stage, box)

    answer = await stage.client.post("/s/harbour/orders/forget")

    assert answer.status_code == 303
    page = (await stage.client.get("/s/harbour/orders")).text
    assert str(mine) not in page
    assert MAIL not in page
    assert (await stage.client.get(f"/s/harbour/orders/{mine}")).status_code == 404
    assert (await stage.client.get("/s/harbour/account")).headers["location"] == SIGN_IN
    assert await value(stage, "SELECT count(*) FROM orders.orders") == 1


async def test_an_order_of_a_guest_is_in_the_account_once_the_address_is_proved(
    stage: Stage, box: secrets.Box
) -> None:
    mine = await placed(stage, email="Mei@Example.com")
    elsewhere = browser(stage)
    assert str(mine) not in (await elsewhere.client.get("/s/harbour/orders")).text

    await sign_in(stage, box, elsewhere.client)

    page = (await elsewhere.client.get("/s/harbour/orders")).text
    link = re.search(rf'href="(/s/harbour/orders/{mine}\?key=[^"]+)"', page)
    assert link is not None
    assert (await elsewhere.client.get(link[1])).status_code == 200
    account = (await elsewhere.client.get("/s/harbour/account")).text
    assert MAIL in account
    assert str(mine) in account


async def test_an_address_that_nobody_proved_opens_nothing(stage: Stage, box: secrets.Box) -> None:
    """Somebody else's order is not had by ordering, asking for a code, or signing in with another address."""
    theirs = await placed(stage, email="li@example.com")
    thief = browser(stage)
    await thief.client.post(SIGN_IN, data={"email": "li@example.com"})
    assert (await thief.client.get("/s/harbour/account")).headers["location"] == SIGN_IN
    assert str(theirs) not in (await thief.client.get("/s/harbour/orders")).text

    await sign_in(stage, box, thief.client, "thief@example.com")

    assert str(theirs) not in (await thief.client.get("/s/harbour/orders")).text
    data = (await thief.client.get("/s/harbour/account/data.json")).json()
    assert (data["orders"], data["customer"]["email"]) == ([], "thief@example.com")
    assert "li@example.com" not in json.dumps(data)


async def test_what_is_ordered_while_signed_in_is_in_the_account_whatever_its_contact(
    stage: Stage, box: secrets.Box
) -> None:
    await sign_in(stage, box)
    mine = await placed(stage, email="gift@example.com")
    assert await value(stage, "SELECT why FROM customers.order_of") == "signed_in"
    await stage.client.post("/s/harbour/account/sign-out")
    guest = await placed(stage, email="guest@example.com")

    elsewhere = browser(stage)
    await sign_in(stage, box, elsewhere.client)

    page = (await elsewhere.client.get("/s/harbour/orders")).text
    assert (str(mine) in page, str(guest) in page) == (True, False)


async def test_answers_are_the_same_whoever_has_the_address(stage: Stage, box: secrets.Box) -> None:
    await placed(stage)
    await sign_in(stage, box)
    answers: list[tuple[int, str, str]] = []
    for email in (MAIL, "nobody@example.com"):
        asking = browser(stage)
        answer = await asking.client.post(SIGN_IN, data={"email": email})
        page = (await asking.client.get(CODE)).text.replace(email, "")
        answers.append((answer.status_code, answer.headers["location"], page))
    assert answers[0] == answers[1]


async def test_a_code_is_good_once_and_guessing_ends_it(stage: Stage, box: secrets.Box) -> None:
    await stage.client.post(SIGN_IN, data={"email": MAIL})
    code = await code_in_mail(stage, box)
    wrong = f"{(int(code) + 1) % 1_000_000:06}"

    for _ in range(4):
        answer = await stage.client.post(CODE, data={"code": wrong})
        assert answer.status_code == 422
        assert "code we sent last" in answer.text
    assert (await stage.client.post(CODE, data={"code": wrong})).status_code == 409
    assert (await stage.client.post(CODE, data={"code": code})).status_code == 409, "the right one, too late"
    assert await value(stage, "SELECT count(*) FROM customers.session") == 0
    assert await value(stage, "SELECT count(*) FROM customers.customer") == 0

    await stage.client.post(SIGN_IN, data={"email": MAIL})
    code = await code_in_mail(stage, box)
    # As it may be typed: full-width digits, with a blank.
    typed = "".join(chr(ord("０") + int(digit)) for digit in code)
    device = stage.client.cookies.get("code")
    assert (await stage.client.post(CODE, data={"code": f" {typed[:3]} {typed[3:]}"})).status_code == 303
    stage.client.cookies.set("code", str(device), path="/s/harbour/account")
    assert (await stage.client.post(CODE, data={"code": code})).status_code == 409, "used"
    assert await value(stage, "SELECT count(*) FROM customers.session") == 1


async def test_a_code_is_over_after_a_quarter_of_an_hour(stage: Stage, box: secrets.Box) -> None:
    await stage.client.post(SIGN_IN, data={"email": MAIL})
    code = await code_in_mail(stage, box)
    async with stage.db.transaction() as tx:
        await tx.run("UPDATE customers.code SET expires_at = now()")
    assert (await stage.client.post(CODE, data={"code": code})).status_code == 409
    assert await value(stage, "SELECT count(*) FROM customers.session") == 0


async def test_a_code_and_its_link_work_only_where_they_were_asked_for(
    stage: Stage, box: secrets.Box
) -> None:
    await stage.client.post(SIGN_IN, data={"email": MAIL})
    code = await code_in_mail(stage, box)
    phone = browser(stage)

    opened = await phone.client.get(f"{CODE}/{code}")
    assert opened.status_code == 200
    assert "Enter this code where you asked for it" in opened.text
    assert "customer" not in phone.client.cookies
    assert (await phone.client.post(CODE, data={"code": code})).status_code == 409
    # A code of somebody's own opens nobody else's account.
    await phone.client.post(SIGN_IN, data={"email": "thief@example.com"})
    assert (await phone.client.post(CODE, data={"code": code})).status_code in {422, 303}
    assert await sessions_of(stage, MAIL) == 0

    here = await stage.client.get(f"{CODE}/{code}")
    assert f'value="{code}"' in here.text
    assert await sessions_of(stage, MAIL) == 0, "opening is not signing in"
    assert (await stage.client.post(CODE, data={"code": code})).status_code == 303
    for link in ("/12345", "/1234567", "/abcdef"):
        assert (await stage.client.get(CODE + link)).status_code in {404, 422}


async def test_nothing_at_rest_signs_anybody_in(stage: Stage, box: secrets.Box) -> None:
    await stage.client.post(SIGN_IN, data={"email": MAIL})
    code = await code_in_mail(stage, box)
    row = str(await value(stage, "SELECT code::text FROM customers.code"))
    device = str(stage.client.cookies.get("code"))
    assert code not in row.replace("\\x", "")[36:]
    assert device not in row
    await stage.client.post(CODE, data={"code": code})
    session = str(stage.client.cookies.get("customer"))
    assert session not in str(await value(stage, "SELECT session::text FROM customers.session"))


async def test_codes_are_limited_to_an_address_a_network_and_a_day(stage: Stage, box: secrets.Box) -> None:
    shop = stage.shop

    async def ask(email: str, network: int | None = 7) -> str:
        async with stage.db.transaction() as tx:
            try:
                await signing_in.ask_code(tx, shop=shop, contact=email, network=network, locale="en", box=box)
            except customers.TooManyCodes as refusal:
                return f"again in {refusal.facts['again_in']}"
        return "sent"

    assert [await ask(MAIL, network) for network in (1, 2, 3, 4)] == ["sent"] * 3 + ["again in 900"]
    assert [await ask(f"a{n}@example.com") for n in range(11)] == ["sent"] * 10 + ["again in 900"]
    assert await value(stage, "SELECT count(*) FROM notifications.notice") == 13

    async with stage.db.transaction() as tx:
        await tx.run("UPDATE customers.code SET asked_at = now() - interval '20 minutes'")
        await tx.run(
            "INSERT INTO customers.code (id, shop_id, email, device, secret, expires_at, asked_at)"
            " SELECT gen_random_uuid(), 1, 'mei@example.com', sha256(n::text::bytea), sha256('x'), now(),"
            " now() - interval '1 hour' FROM generate_series(1, 7) AS n"
        )
    assert await ask(MAIL) == "again in 86400", "ten in a day"
    async with stage.db.transaction() as tx:
        await tx.run("UPDATE customers.code SET asked_at = now() - interval '25 hours'")
    assert await ask(MAIL) == "sent"


async def test_a_page_says_why_no_code_is_sent(stage: Stage, box: secrets.Box) -> None:
    wrong = await stage.client.post(SIGN_IN, data={"email": "nonsense"})
    assert (wrong.status_code, 'id="e-email"' in wrong.text) == (422, True)
    for _ in range(3):
        await stage.client.post(SIGN_IN, data={"email": MAIL})
    refused = await stage.client.post(SIGN_IN, data={"email": MAIL})
    assert (refused.status_code, "Too many codes" in refused.text) == (429, True)
    assert "code" in stage.client.cookies


async def test_an_account_belongs_to_one_shop(stage: Stage, box: secrets.Box) -> None:
    async with stage.db.transaction() as tx:
        owner = await tx.value("SELECT id FROM accounts.person WHERE email = 'owner@example.com'")
        other = await accounts.create_shop(tx, name="Second", slug="second", currency="CNY", owner_id=owner)
    await sign_in(stage, box)
    cookie = str(stage.client.cookies.get("customer"))

    stranger = browser(stage)
    stranger.client.cookies.set("customer", cookie, path="/s/second")
    assert (await stranger.client.get("/s/second/account")).headers["location"].endswith("/sign-in")
    assert (await stranger.client.get("/s/second/account/data.json")).status_code == 401

    async with stage.db.transaction() as tx:
        there = await signing_in.sign_in(tx, shop_id=other.id, contact=MAIL, shopper=uuid4())
    async with stage.db.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM customers.customer WHERE email = 'mei@example.com'") == 2
        mine = await tx.value("SELECT id FROM customers.customer WHERE shop_id = 1")
    assert there.customer.id != mine
    # A code that was asked for in one shop opens nothing in the other.
    await stranger.client.post(SIGN_IN, data={"email": MAIL})
    code = await code_in_mail(stage, box)
    stranger.client.cookies.set("code", str(stranger.client.cookies.get("code")), path="/s/second/account")
    assert (await stranger.client.post("/s/second/account/code", data={"code": code})).status_code == 409


async def test_signing_out_everywhere_ends_all_sessions(stage: Stage, box: secrets.Box) -> None:
    await sign_in(stage, box)
    elsewhere = browser(stage)
    await sign_in(stage, box, elsewhere.client)
    assert (await stage.client.get("/s/harbour/account")).text.count("Last used") == 2

    await stage.client.post("/s/harbour/account/sign-out")
    assert (await stage.client.get("/s/harbour/account")).status_code == 303
    assert (await elsewhere.client.get("/s/harbour/account")).status_code == 200

    await sign_in(stage, box)
    await stage.client.post("/s/harbour/account/sign-out", data={"everywhere": "yes"})
    assert (await elsewhere.client.get("/s/harbour/account")).status_code == 303
    assert await value(stage, "SELECT count(*) FROM customers.session") == 0


ADDRESS = {"name": "Mei Lin", "phone": "138", "street": "Pier 1", "city": "Xiamen"}


async def test_addresses_are_kept_chosen_and_filled_in(stage: Stage, box: secrets.Box) -> None:
    await sign_in(stage, box)
    at = "/s/harbour/account/addresses"
    refused = await stage.client.post(at, data=ADDRESS | {"street": " ", "city": "x" * 201})
    assert refused.status_code == 422
    assert refused.text.count('aria-invalid="true"') == 2
    assert await value(stage, "SELECT count(*) FROM customers.address") == 0

    await stage.client.post(at, data=ADDRESS)
    await stage.client.post(at, data=ADDRESS | {"street": "Pier 2"})
    first, second = [
        UUID(found)
        for found in re.findall(
            rf'href="{at}/([0-9a-f-]{{36}})"', (await stage.client.get("/s/harbour/account")).text
        )
    ]
    hold = await stage.hold()
    assert 'value="Pier 1"' in (await stage.client.get(f"/s/harbour/checkout/{hold}")).text
    chosen = (await stage.client.get(f"/s/harbour/checkout/{hold}?to={second}")).text
    assert 'value="Pier 2"' in chosen
    assert "Signed in as mei@example.com." in chosen

    await stage.client.post(f"{at}/{second}/default")
    assert 'value="Pier 2"' in (await stage.client.get(f"/s/harbour/checkout/{hold}")).text
    await stage.client.post(f"{at}/{second}", data=ADDRESS | {"street": "Pier 3"})
    assert 'value="Pier 3"' in (await stage.client.get(f"{at}/{second}")).text
    await stage.client.post(f"{at}/{second}/remove")
    assert await value(stage, "SELECT street || is_default FROM customers.address") == "Pier 1true"

    other = browser(stage)
    await sign_in(stage, box, other.client, "thief@example.com")
    for method, path in (("GET", ""), ("POST", ""), ("POST", "/default"), ("POST", "/remove")):
        answer = await other.client.request(
            method, f"{at}/{first}{path}", data=ADDRESS if method == "POST" else None
        )
        assert answer.status_code == 404, path
    assert (await other.client.get(f"/s/harbour/checkout/{hold}?to={first}")).status_code == 404
    assert await value(stage, "SELECT street FROM customers.address") == "Pier 1"

    async with stage.db.transaction() as tx:
        await tx.run(
            "INSERT INTO customers.address SELECT gen_random_uuid(), shop_id, customer_id, name, phone, street, city,"
            " region, postcode, country, false FROM customers.address, generate_series(1, 19)"
        )
    full = await stage.client.post(at, data=ADDRESS)
    assert (full.status_code, "20 addresses" in full.text) == (409, True)


async def test_a_yes_and_a_no_are_kept_with_time_source_and_words(stage: Stage, box: secrets.Box) -> None:
    await sign_in(stage, box)
    at = "/s/harbour/account/news"
    await stage.client.post(at, data={"news": "yes"})
    page = (await stage.client.get("/s/harbour/account")).text
    assert re.search(r'name="news" value="yes" checked', page)
    await stage.client.post(at, data={}, headers={"accept-language": "zh"})
    page = (await stage.client.get("/s/harbour/account")).text
    assert not re.search(r'name="news" value="yes" checked', page)

    async with stage.db.transaction() as tx:
        [customer] = await customers.customers(tx, shop_id=1)
        said = await customers.consents(tx, shop_id=1, customer_id=customer.id)
    assert [(each.granted, each.source.value, each.wording) for each in said] == [
        (False, "account", "有新直播和优惠时，请给我发邮件。"),
        (True, "account", "Email me about new shows and offers."),
    ]
    # Who unsubscribes by the link in a message has said no, too; who says yes again gets mail again.
    await stage.client.post(at, data={"news": "yes"})
    async with stage.db.transaction() as tx:
        made = await notices.tell(
            tx, notices.NewNotice(1, new_id(), Kind.SHOW_STARTS, MAIL, "en", facts={"show_id": 1})
        )
    await stage.client.post(f"/s/harbour/unsubscribe/{made}")
    assert "You have unsubscribed since." in (await stage.client.get("/s/harbour/account")).text
    await stage.client.post(at, data={"news": "yes"})
    assert "You have unsubscribed since." not in (await stage.client.get("/s/harbour/account")).text


async def test_reminders_are_seen_and_taken_back_by_their_owner_only(stage: Stage, box: secrets.Box) -> None:
    await sign_in(stage, box)
    for email in (MAIL, "li@example.com"):
        await stage.client.post(f"/s/harbour/live/{stage.show.id}/remind", data={"email": email})
    page = (await stage.client.get("/s/harbour/account")).text
    mine = re.findall(r"/account/reminders/([0-9a-f-]{36})/remove", page)
    assert len(mine) == 1
    theirs = await value(stage, "SELECT id FROM notifications.reminder WHERE email = 'li@example.com'")

    await stage.client.post(f"/s/harbour/account/reminders/{theirs}/remove")
    await stage.client.post(f"/s/harbour/account/reminders/{mine[0]}/remove")

    assert await value(stage, "SELECT string_agg(email, ',') FROM notifications.reminder") == "li@example.com"


async def test_all_that_is_kept_can_be_downloaded(stage: Stage, box: secrets.Box) -> None:
    mine = await placed(stage)
    await sign_in(stage, box)
    await stage.client.post("/s/harbour/account/addresses", data=ADDRESS)
    await stage.client.post("/s/harbour/account/news", data={"news": "yes"})
    await stage.client.post(f"/s/harbour/live/{stage.show.id}/remind", data={"email": MAIL})

    answer = await stage.client.get("/s/harbour/account/data.json")

    assert answer.headers["content-disposition"] == 'attachment; filename="harbour-my-data.json"'
    kept = answer.json()
    assert set(kept) == {
        "customer", "orders", "addresses", "consents", "sessions", "notes_of_the_shop", "messages", "reminders",
        "unsubscribed", "unsubscribed_from_sms", "chat", "bids", "giveaways", "browsers",
    }  # fmt: skip
    assert [each["order"]["id"] for each in kept["orders"]] == [str(mine)]
    assert kept["orders"][0]["in_account_because"] == "contact"
    assert "key" not in kept["orders"][0]["order"]
    assert [each["street"] for each in kept["addresses"]] == ["Pier 1"]
    assert [each["kind"] for each in kept["messages"]] == ["sign_in_code"]
    assert [each["title"] for each in kept["reminders"]] == ["Autumn"]
    assert (await browser(stage).client.get("/s/harbour/account/data.json")).status_code == 401


async def test_erasing_says_what_stays_and_takes_the_rest(stage: Stage, box: secrets.Box) -> None:
    over, still, theirs = (
        await placed(stage),
        await placed(stage),
        await placed(stage, email="li@example.com"),
    )
    foreign = browser(stage)
    async with stage.db.transaction() as tx:
        await orders.cancel(tx, shop_id=1, order_id=over, by=orders.Party.MERCHANT, actor="person:1")
        # Somebody else with the same telephone number, in another browser.
        await tx.run(
            "UPDATE orders.orders SET buyer = %(other)s WHERE id = %(id)s", other=foreign.shopper, id=theirs
        )
    await sign_in(stage, box)
    await stage.client.post("/s/harbour/account/addresses", data=ADDRESS)
    page = (await stage.client.get("/s/harbour/account/erase")).text
    assert "Invoices and receipts stay as they are" in page

    wrong = await stage.client.post("/s/harbour/account/erase", data={"email": "li@example.com"})
    assert (wrong.status_code, 'id="e-email"' in wrong.text) == (422, True)
    assert await value(stage, "SELECT count(*) FROM customers.session") == 1

    done = await stage.client.post("/s/harbour/account/erase", data={"email": MAIL.upper()})

    assert done.status_code == 200
    number = await value(stage, f"SELECT number FROM orders.orders WHERE id = '{still}'")
    assert f"Order {number} isn" in done.text
    rows = dict(await _pairs(stage, "SELECT id, contact_email FROM orders.orders"))
    assert rows == {over: "", still: MAIL, theirs: "li@example.com"}
    assert await value(stage, "SELECT count(*) FROM customers.address") == 0
    assert await value(stage, "SELECT string_agg(email, ',') FROM customers.customer") == "li@example.com"
    assert await value(stage, f"SELECT count(*) FROM notifications.notice WHERE recipient = '{MAIL}'") == 0
    assert (await stage.client.get("/s/harbour/account")).status_code == 303
    # Later, when the rest is over, and everybody has heard of it.
    async with stage.db.transaction() as tx:
        await orders.cancel(tx, shop_id=1, order_id=still, by=orders.Party.MERCHANT, actor="person:1")
        await erasure.finish(tx)
    assert dict(await _pairs(stage, "SELECT id, contact_email FROM orders.orders"))[still] == ""


async def _pairs(stage: Stage, sql: str) -> list[tuple[UUID, str]]:
    async with stage.db.transaction() as tx:
        return await (await tx.connection.execute(sql)).fetchall()  # pyright: ignore[reportArgumentType, reportCallIssue]


async def test_who_is_erased_by_the_shop_has_no_account_any_more(
    stage: Stage, box: secrets.Box, tmp_path: Path
) -> None:
    mine = await placed(stage)
    await sign_in(stage, box)
    async with stage.db.transaction() as tx:
        owner = await tx.value("SELECT id FROM accounts.person WHERE email = 'owner@example.com'")
        actor = accounts.Actor(owner, 1, accounts.Role.OWNER, accounts.PERMISSIONS[accounts.Role.OWNER])
        await erasure.erase(tx, actor=actor, subject=erasure.Subject(order_id=mine))
        fact = await (
            await tx.connection.execute(
                "SELECT position, fact_id, shop_id, name, body, recorded_at FROM kernel.outbox"
                " WHERE name = 'orders.buyer_erased'"
            )
        ).fetchone()
        assert fact is not None
        consumer = next(
            each for each in wiring.consumers(Collector(tmp_path / "lake", "t")) if each.name == "erasures"
        )
        await consumer.handle(tx, [Delivered(*fact)])
    assert await value(stage, "SELECT count(*) FROM customers.customer") == 0
    assert (await stage.client.get("/s/harbour/account")).status_code == 303


PASTED = "张三 13800001111 山东省青岛市市南区香港中路10号 266071"


async def test_a_pasted_address_fills_in_the_checkout_and_orders_nothing(stage: Stage) -> None:
    hold = await stage.hold()
    at = f"/s/harbour/checkout/{hold}"
    assert 'name="pasted"' in (await stage.client.get(at)).text
    filled = await stage.client.post(
        at, data={"pasted": PASTED, "fill": "1", "email": MAIL, "delivery": "ship"}
    )
    assert filled.status_code == 200
    for typed in ("张三", "13800001111", "山东省", "青岛市", "市南区香港中路10号", "266071", MAIL):
        assert f'value="{typed}"' in filled.text, typed
    assert await value(stage, "SELECT count(*) FROM orders.orders") == 0


async def test_a_pasted_address_fills_in_the_address_book(stage: Stage, box: secrets.Box) -> None:
    await sign_in(stage, box)
    filled = await stage.client.post(
        "/s/harbour/account/addresses", data={"pasted": PASTED, "fill": "1", "country": "China"}
    )
    assert filled.status_code == 200
    for typed in ("张三", "13800001111", "市南区香港中路10号", "China"):
        assert f'value="{typed}"' in filled.text, typed
    assert await value(stage, "SELECT count(*) FROM customers.address") == 0


async def test_an_area_is_chosen_step_by_step_without_a_script(stage: Stage, box: secrets.Box) -> None:
    hold = await stage.hold()
    at = f"/s/harbour/checkout/{hold}"
    form = {"name": "张三", "delivery": "ship", "street": "科技园南路18号", "pick": "1"}
    first = (await stage.client.get(at)).text
    assert 'name="area_region"' in first
    assert 'name="area_city"' not in first
    second = (await stage.client.post(at, data=form | {"area_region": "广东省"})).text
    assert "<option>深圳市</option>" in second
    assert 'name="area_district"' not in second
    third = (await stage.client.post(at, data=form | {"area_region": "广东省", "area_city": "深圳市"})).text
    assert "<option>南山区</option>" in third
    whole = {"area_region": "广东省", "area_city": "深圳市", "area_district": "南山区"}
    last = (await stage.client.post(at, data=form | whole)).text
    for typed in ("张三", "广东省", "深圳市", "南山区科技园南路18号"):
        assert f'value="{typed}"' in last, typed
    assert await value(stage, "SELECT count(*) FROM orders.orders") == 0

    await sign_in(stage, box)
    book = await stage.client.post("/s/harbour/account/addresses", data=form | whole)
    assert 'value="南山区科技园南路18号"' in book.text
    assert await value(stage, "SELECT count(*) FROM customers.address") == 0


# What the shop sees


async def member(stage: Stage, role: accounts.Role) -> None:
    """Somebody of this role is signed in to the console."""
    async with stage.db.transaction() as tx:
        owner = await tx.value("SELECT id FROM accounts.person WHERE email = 'owner@example.com'")
        person = owner
        if role is not accounts.Role.OWNER:
            person = await tx.value(
                "INSERT INTO accounts.person (email, name, password_hash) VALUES (%(email)s, 'Ro', '') RETURNING id",
                email=f"{role}@example.com",
            )
            await tx.run(
                "INSERT INTO accounts.member (shop_id, person_id, role) VALUES (1, %(person)s, %(role)s)",
                person=person,
                role=role,
            )
        stage.client.cookies.set("session", await auth.open_session(tx, person_id=person))


async def test_the_shop_finds_customers_by_name_mail_and_the_end_of_a_phone(
    stage: Stage, box: secrets.Box
) -> None:
    await placed(stage, name="林月", email="", phone="+86 138-0000-4321")
    await placed(stage, name="Mei Lin", email=MAIL, phone="139 0000 1111")
    await member(stage, accounts.Role.OWNER)
    for search, found in (
        ("", {"林月", "Mei Lin"}),
        ("4321", {"林月"}),
        ("0000-4321", {"林月"}),
        ("林月", {"林月"}),
        ("月", {"林月"}),
        ("mei", {"Mei Lin"}),
        ("MEI@EXAMPLE", {"Mei Lin"}),
        ("1111", {"Mei Lin"}),
        ("100%", set[str]()),
        ("nobody", set[str]()),
    ):
        page = (await stage.client.get("/console/harbour/customers", params={"search": search})).text
        assert {name for name in ("林月", "Mei Lin") if f">{name}</a>" in page} == found, search
        rows = (await stage.client.get("/v1/harbour/customers", params={"search": search})).json()
        assert {row["name"] for row in rows} == found, search


async def test_the_page_of_a_customer_shows_what_was_spent_net_of_refunds(
    stage: Stage, box: secrets.Box
) -> None:
    first, _ = await placed(stage), await placed(stage)
    async with stage.db.transaction() as tx:
        await orders.mark_paid(
            tx, shop_id=1, order_id=first, amount=Money(14_100, "CNY"), actor="person:1", note="", key=None
        )
    async with stage.db.transaction() as tx:
        refund = new_id()
        await orders.refund(
            tx,
            shop_id=1,
            order_id=first,
            amount=Money(4_000, "CNY"),
            refund_id=refund,
            note="",
            actor="person:1",
        )
        await orders.mark_refunded(tx, shop_id=1, order_id=first, refund_id=refund, actor="person:1")
        [listed] = await customers.customers(tx, shop_id=1)
    assert (listed.orders, listed.spent_minor) == (2, 10_100)
    await member(stage, accounts.Role.OWNER)

    page = (await stage.client.get(f"/console/harbour/customers/{listed.id}")).text
    assert all(said in page for said in ("CN¥141.00", "CN¥40.00", "CN¥101.00", "Never asked"))
    order = (await stage.client.get(f"/console/harbour/orders/{first}")).text
    assert f'href="/console/harbour/customers/{listed.id}"' in order
    told = (await stage.client.get(f"/v1/harbour/customers/{listed.id}")).json()
    assert [(row["currency"], row["orders"], row["net_minor"]) for row in told["spent"]] == [
        ("CNY", 2, 10_100)
    ]
    assert "key" not in told["orders"][0]
    assert (await stage.client.get(f"/console/harbour/customers/{new_id()}")).status_code == 404
    missing = await stage.client.get(f"/v1/harbour/customers/{new_id()}")
    assert (missing.status_code, missing.json()["code"]) == (404, "customers.unknown")


async def test_roles_see_note_and_erase_as_they_may(stage: Stage, box: secrets.Box) -> None:
    await placed(stage)
    customer = await value(stage, "SELECT id FROM customers.customer")
    page = f"/console/harbour/customers/{customer}"
    R = accounts.Role  # noqa: N806 -- the roles, briefly
    for role, sees, notes, erases in (
        (R.ANALYST, False, False, False),
        (R.SHOP_ASSISTANT, True, False, False),
        (R.MERCHANDISER, True, True, False),
        (R.OWNER, True, True, True),
    ):
        await member(stage, role)
        shown = await stage.client.get(page)
        assert (shown.status_code == 200) == sees, role
        assert (f'action="{page}/notes"' in shown.text, f'action="{page}/erase"' in shown.text) == (
            notes,
            erases,
        )
        assert ((await stage.client.get(f"/v1/harbour/customers/{customer}")).status_code == 200) == sees
        before = await value(stage, "SELECT count(*) FROM customers.note")
        answer = await stage.client.post(f"{page}/notes", data={"note": "Likes linen <b>"})
        assert (answer.status_code == 303) == notes, role
        assert await value(stage, "SELECT count(*) FROM customers.note") == int(str(before)) + notes
        if not erases:
            assert (await stage.client.post(f"{page}/erase")).status_code == 403
            assert (await stage.client.delete(f"/v1/harbour/customers/{customer}")).status_code == 403
    assert "Likes linen &lt;b&gt;" in (await stage.client.get(page)).text
    await stage.client.post(f"{page}/notes", data={"note": " "})
    assert await value(stage, "SELECT count(*) FROM customers.note") == 2

    erased = await stage.client.delete(f"/v1/harbour/customers/{customer}")
    assert (erased.status_code, erased.json()["waiting"]) == (200, [1001])
    assert await value(stage, "SELECT count(*) FROM customers.customer") == 0
    assert await value(stage, "SELECT contact_email FROM orders.orders") == MAIL

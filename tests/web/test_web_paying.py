"""From the checkout to a provider's page and back, by plain pages, and what the merchant sees of it."""

import html
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from uuid import UUID

import httpx
import pypdfium2
import pytest
from tests.services import give
from tests.web.conftest import Stage

from shopfloor import orders, payment_accounts, reconciliation
from shopfloor.kernel import secrets
from shopfloor.kernel.public_address import PublicAddress
from shopfloor.payment_accounts.connections import Connections, switch
from shopfloor.payment_providers.kinds import KINDS, sandbox_kind
from shopfloor.payment_providers.sandbox import Sandbox

FORM = {
    "name": "Lin Yue",
    "phone": "+86 138 0000 1111",
    "delivery": "ship",
    "street": "Pier 3",
    "city": "Ningbo",
}


@dataclass(frozen=True)
class Till:
    """A shop whose buyers pay with test payments."""

    stage: Stage
    sandbox: Sandbox
    connections: Connections
    account_id: int

    @property
    def client(self) -> httpx.AsyncClient:
        return self.stage.client

    @property
    def way(self) -> str:
        return f"pay-{self.account_id}"

    async def ordered(self) -> str:
        """The address of an order whose buyer is on the way to pay."""
        hold = await self.stage.hold()
        answer = await self.client.post(f"/s/harbour/checkout/{hold}", data=FORM | {"method": self.way})
        assert answer.status_code == 303
        assert answer.headers["location"].endswith("/pay")
        return answer.headers["location"].removesuffix("/pay")

    async def session(self, place: str) -> str:
        """The provider's page to which the hand-over leads."""
        page = (await self.client.get(f"{place}/pay")).text
        [name] = set(re.findall(r"http://shop\.test/test-payments/pay/(cs_test_\w+)", page))
        return name

    async def order(self, place: str) -> orders.Order:
        async with self.stage.db.transaction() as tx:
            found = await orders.order(
                tx, shop_id=self.stage.shop.id, order_id=UUID(place.rpartition("/")[2])
            )
        return found.order

    async def background(self) -> None:
        await orders.paying.work(self.stage.db, self.connections.of)


@pytest.fixture
async def till(stage: Stage, tmp_path: Path) -> AsyncIterator[Till]:
    sandbox = Sandbox(tmp_path / "books.db", address=lambda: "http://shop.test/test-payments")
    box = secrets.Box((b"k" * 32,))
    known = Connections(
        stage.db,
        lambda: box,
        {**KINDS, "test": sandbox_kind(sandbox)},
        public=lambda: PublicAddress("http", "shop.test"),
    )
    give(stage.app, known, public=PublicAddress("http", "shop.test"))
    async with stage.db.transaction() as tx:
        account_id = await known.save(
            tx, shop_id=stage.shop.id, provider="test", mode="test", values={}, label=""
        )
        await switch(tx, shop_id=stage.shop.id, connection_id=account_id, on=True)
    yield Till(stage, sandbox, known, account_id)
    await known.close()
    async with stage.db.transaction() as tx:
        checks = [*await orders.audit(tx), *await reconciliation.audit(tx)]
    assert [check.name for check in checks if not check.passed] == []


async def test_a_buyer_chooses_pays_and_comes_back_to_a_paid_order(till: Till) -> None:
    hold = await till.stage.hold()
    checkout = (await till.client.get(f"/s/harbour/checkout/{hold}")).text
    assert f'value="{till.way}" required checked' in checkout
    assert "Bank transfer" in checkout

    answer = await till.client.post(f"/s/harbour/checkout/{hold}", data=FORM | {"method": till.way})
    place = answer.headers["location"].removesuffix("/pay")
    again = await till.client.post(f"/s/harbour/checkout/{hold}", data=FORM | {"method": till.way})
    handed = await till.client.get(f"{place}/pay")
    assert again.headers["location"] == answer.headers["location"]
    assert handed.status_code == 200
    assert 'http-equiv="refresh" content="0;url=http://shop.test/test-payments/pay/cs_test_' in handed.text
    assert "form-action 'self';" in handed.headers.get("content-security-policy", "form-action 'self';")
    assert handed.headers["referrer-policy"] == "strict-origin"
    assert (await till.order(place)).status is orders.Status.PLACED

    till.sandbox.decide(await till.session(place), "pay")
    back = await till.client.get(f"{place}/payment")
    receipt = (await till.client.get(place)).text

    assert (back.status_code, back.headers["location"]) == (303, place)
    assert (await till.order(place)).status is orders.Status.PAID
    assert "Payment received. Thank you." in receipt
    assert "Pay CN¥141.00 now" not in receipt


async def test_who_comes_back_without_paying_may_pay_again_and_is_told_no_lie(till: Till) -> None:
    place = await till.ordered()

    page = (await till.client.get(f"{place}/payment")).text
    assert "Not paid yet" in page
    assert f'name="way" value="{till.way}"' in page

    till.sandbox.decide(await till.session(place), "decline")
    declined = (await till.client.get(f"{place}/payment")).text
    assert "The payment was declined" in declined
    assert (await till.order(place)).charged_minor == 0

    again = await till.client.post(f"{place}/pay", data={"way": till.way})
    assert again.headers["location"] == f"{place}/pay"
    till.sandbox.decide(await till.session(place), "pay")
    await till.client.get(f"{place}/payment")
    assert (await till.order(place)).status is orders.Status.PAID


async def test_a_bank_that_refuses_later_leaves_the_order_to_be_paid_in_a_new_attempt(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await till.ordered()
    first = await till.session(place)
    till.sandbox.decide(first, "later_fail")
    waiting = (await till.client.get(f"{place}/payment")).text
    assert "Your payment is being confirmed" in waiting
    assert 'http-equiv="refresh"' in waiting
    later = till.sandbox.clock() + 60
    monkeypatch.setattr(till.sandbox, "clock", lambda: later)

    refused = (await till.client.get(f"{place}/payment")).text
    assert "The payment was declined" in refused
    await till.client.post(f"{place}/pay", data={"way": till.way})
    second = await till.session(place)
    till.sandbox.decide(second, "pay")
    await till.client.get(f"{place}/payment")

    assert first != second
    assert (await till.order(place)).status is orders.Status.PAID


async def test_another_device_pays_with_the_link_and_a_stranger_sees_nothing(till: Till) -> None:
    place = await till.ordered()
    key = (await till.order(place)).key
    transport = httpx.ASGITransport(till.stage.app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://shop.test", headers={"accept": "text/html"}
    ) as phone:
        for page in (place, f"{place}/pay", f"{place}/payment"):
            assert (await phone.get(page)).status_code == 404
        assert (await phone.post(f"{place}/pay", data={"way": till.way})).status_code == 404
        handed = await phone.get(f"{place}/pay?key={key}")
        assert handed.status_code == 200
        till.sandbox.decide(await till.session(place), "pay")
        back = await phone.get(f"{place}/payment?key={key}")
    assert back.headers["location"] == f"{place}?key={key}"
    assert (await till.order(place)).status is orders.Status.PAID


async def sent(
    till: Till, monkeypatch: pytest.MonkeyPatch, name: str, kind: str, *, times: int = 1
) -> list[int]:
    """The provider's own messages, delivered to our address; what we answered."""
    answers: list[int] = []
    real = httpx.AsyncClient

    class Line(real):
        async def post(self, url: Any, **kwargs: Any) -> httpx.Response:
            async with real(transport=httpx.ASGITransport(till.stage.app)) as line:
                answer = await line.post(url, **kwargs)
            answers.append(answer.status_code)
            return answer

    monkeypatch.setattr("shopfloor.payment_providers.sandbox.httpx.AsyncClient", Line)
    await till.sandbox.tell(name, 0, kind, times=times)
    monkeypatch.undo()
    return answers


async def test_a_notification_pays_without_the_buyer_and_twice_is_once(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await till.ordered()
    await till.connections.check(shop_id=till.stage.shop.id, connection_id=till.account_id)
    name = await till.session(place)
    till.sandbox.decide(name, "gone")

    answers = await sent(till, monkeypatch, name, "checkout.session.completed", times=2)
    before = await till.order(place)
    await till.background()
    await till.background()

    assert answers == [200, 200]
    assert before.status is orders.Status.PLACED
    assert (await till.order(place)).status is orders.Status.PAID
    async with till.stage.db.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM payments.inbox") == 1
        assert await tx.value("SELECT count(*) FROM payments.event WHERE kind = 'charged'") == 1
        assert await tx.value("SELECT said FROM payments.inbox WHERE done_at IS NOT NULL") == "captured"
        # Again from the raw message: nothing changes.
        letter_id = await tx.value("SELECT id FROM payments.inbox")
        assert await payment_accounts.inbox.replay(tx, shop_id=till.stage.shop.id, letter_id=letter_id) == 1
    await till.background()
    async with till.stage.db.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM payments.event WHERE kind = 'charged'") == 1
        assert await reconciliation.differences.differences(tx, shop_id=till.stage.shop.id) == []


async def test_a_forged_notification_is_refused_and_kept_nowhere(till: Till) -> None:
    async with till.stage.db.transaction() as tx:
        number = till.account_id
    address = f"/payments/test/{number}/notify"
    headers = {"stripe-signature": "t=1,v1=00", "accept": "application/json"}

    assert (await till.client.post(address, content=b"{}", headers=headers)).status_code == 422
    assert (await till.client.post(f"/payments/stripe/{number}/notify", content=b"{}")).status_code == 404
    assert (await till.client.post("/payments/test/999/notify", content=b"{}")).status_code == 404
    async with till.stage.db.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM payments.inbox") == 0


async def test_what_was_paid_in_silence_is_asked_for(till: Till) -> None:
    place = await till.ordered()
    till.sandbox.decide(await till.session(place), "silent")
    await till.background()
    assert (await till.order(place)).status is orders.Status.PLACED

    async with till.stage.db.transaction() as tx:
        await tx.run("UPDATE payments.payment SET look_at = now() WHERE look_at IS NOT NULL")
    await till.background()

    assert (await till.order(place)).status is orders.Status.PAID


async def overdue(till: Till) -> None:
    async with till.stage.db.transaction() as tx:
        await tx.run("UPDATE orders.orders SET payment_due_at = now() - interval '1 minute'")


async def test_units_are_let_go_only_when_nobody_can_pay_any_more(till: Till) -> None:
    place = await till.ordered()
    name = await till.session(place)
    await overdue(till)

    await orders.sweep(till.stage.db)
    assert (await till.order(place)).status is orders.Status.PLACED, "nobody could close it"
    await orders.sweep(till.stage.db, providers=till.connections.of)

    assert (await till.order(place)).status is orders.Status.CANCELLED
    assert till.sandbox.decide(name, "pay") == [], "it is closed at the provider"


async def test_money_that_came_just_before_the_close_is_the_orders(till: Till) -> None:
    place = await till.ordered()
    till.sandbox.decide(await till.session(place), "silent")
    await overdue(till)

    await orders.sweep(till.stage.db, providers=till.connections.of)

    found = await till.order(place)
    assert (found.status, found.cancelled_at) == (orders.Status.PAID, None)


async def owner(till: Till) -> None:
    answer = await till.client.post(
        "/sign-in", data={"email": "owner@example.com", "password": "a long enough one"}
    )
    assert answer.status_code == 303


async def test_a_refund_goes_back_to_where_the_money_came_from_once(till: Till) -> None:
    await owner(till)
    place = await till.ordered()
    till.sandbox.decide(await till.session(place), "pay")
    await till.client.get(f"{place}/payment")
    number = place.rpartition("/")[2]
    page = (await till.client.get(f"/console/harbour/orders/{number}")).text
    [key] = re.findall(r'name="key" value="([0-9a-f-]{36})"', page)

    for _ in range(2):
        answer = await till.client.post(
            f"/console/harbour/orders/{number}/refund", data={"amount": "41.00", "key": key}
        )
        assert answer.status_code == 303

    found = await till.order(place)
    assert (found.refund_granted_minor, found.refunded_minor) == (4_100, 4_100)
    with till.sandbox.store.open() as store:
        [(refunded,)] = store.rows.execute(
            "SELECT sum(json_extract(body, '$.amount')) FROM object WHERE kind = 'refund'"
        ).fetchall()
    assert refunded == 4_100


async def test_money_for_a_cancelled_order_goes_back_by_itself(till: Till) -> None:
    place = await till.ordered()
    name = await till.session(place)
    await till.client.post(f"{place}/cancel")
    till.sandbox.decide(name, "silent")
    async with till.stage.db.transaction() as tx:
        await tx.run("UPDATE payments.payment SET look_at = now()")

    await till.background()
    await till.background()

    found = await till.order(place)
    assert (found.status, found.charged_minor, found.refunded_minor) == (
        orders.Status.CANCELLED,
        14_100,
        14_100,
    )


async def test_an_order_that_was_paid_twice_is_a_difference_that_the_merchant_sends_back(till: Till) -> None:
    await owner(till)
    place = await till.ordered()
    name = await till.session(place)
    async with till.stage.db.transaction() as tx:
        found = await till.order(place)
        await orders.mark_paid(
            tx, shop_id=till.stage.shop.id, order_id=found.id, amount=found.total, actor="person:1"
        )
    till.sandbox.decide(name, "silent")
    async with till.stage.db.transaction() as tx:
        await tx.run("UPDATE payments.payment SET look_at = now() WHERE provider = 'test'")
        await tx.run("UPDATE payments.payment SET state = 'action_required' WHERE provider = 'test'")
    await till.background()

    desk = (await till.client.get("/console/harbour/payments")).text
    assert "Paid twice" in desk
    [address] = set(re.findall(r'action="(/console/harbour/payments/differences/[0-9a-f-]+/back)"', desk))
    first = await till.client.post(address)
    again = await till.client.post(address)

    assert (first.status_code, again.status_code) == (303, 303)
    after = (await till.client.get("/console/harbour/payments")).text
    assert "Paid twice" not in after
    with till.sandbox.store.open() as store:
        [(number, amount)] = store.rows.execute(
            "SELECT count(*), sum(json_extract(body, '$.amount')) FROM object WHERE kind = 'refund'"
        ).fetchall()
    assert (number, amount) == (1, 14_100)
    assert (await till.order(place)).refunded_minor == 0


async def test_accounts_are_connected_checked_and_never_show_their_secrets(till: Till) -> None:
    await owner(till)
    page = (await till.client.get("/console/harbour/payments/account?provider=stripe")).text
    assert "Secret key" in page

    wrong = await till.client.post(
        "/console/harbour/payments/account",
        data={"provider": "stripe", "mode": "live", "secret_key": "sk_test_secret1", "webhook_secret": ""},
    )
    assert wrong.status_code == 422
    assert "sk_test_secret1" not in wrong.text
    async with till.stage.db.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM payments.connection WHERE provider = 'stripe'") == 0


async def test_secrets_are_sealed_and_without_their_key_the_account_has_to_be_entered_again(
    till: Till,
) -> None:
    values = {"secret_key": "sk_test_very_secret", "webhook_secret": "whsec_very_secret"}
    shop_id = till.stage.shop.id
    async with till.stage.db.transaction() as tx:
        account_id = await till.connections.save(
            tx, shop_id=shop_id, provider="stripe", mode="test", values=values
        )
        row = str(
            await tx.value(
                "SELECT to_jsonb(c)::text || encode(sealed, 'escape') FROM payments.connection c WHERE id = %(id)s",
                id=account_id,
            )
        )
    assert "very_secret" not in row
    assert f"stripe/{account_id}" in await till.connections.of(shop_id)

    def with_keys(*keys: bytes) -> Connections:
        return Connections(
            till.stage.db,
            lambda: secrets.Box(keys),
            KINDS,
            public=lambda: PublicAddress("http", "shop.test"),
        )

    restored = with_keys(b"x" * 32)
    assert list(await restored.of(shop_id)) == ["manual"]
    checked = await restored.check(shop_id=shop_id, connection_id=account_id)
    assert (checked.ok, checked.said) == (False, "secrets_lost")
    rotating = with_keys(b"n" * 32, b"k" * 32)
    assert await rotating.seal_anew() == 2
    assert f"stripe/{account_id}" in await with_keys(b"n" * 32).of(shop_id)
    async with till.stage.db.transaction() as tx:
        await rotating.save(
            tx, shop_id=shop_id, provider="stripe", mode="test", values={}, connection_id=account_id
        )
    assert f"stripe/{account_id}" in await rotating.of(shop_id), "an empty secret stays as it was"


async def test_a_list_that_is_longer_than_a_page_is_turned(till: Till) -> None:
    await owner(till)
    async with till.stage.db.transaction() as tx:
        await tx.run(
            """
            INSERT INTO payments.inbox (id, shop_id, connection_id, key, method, path, headers, body, received_at, tries, said)
            SELECT gen_random_uuid(), %(shop)s, %(account)s, n::text, 'POST', '/', '{}', '', now(), 2, 'unread ' || n || '.'
              FROM generate_series(1, 101) n
            """,
            shop=till.stage.shop.id,
            account=till.account_id,
        )
    place = "/console/harbour/payments"
    seen: list[str] = []
    pages = 0
    while place and pages < 4:
        page = html.unescape((await till.client.get(place)).text)
        seen += re.findall(r"unread (\d+)\.", page)
        further = re.search(r'href="([^"]*messages_after=[^"]*)"', page)
        place, pages = urljoin(place, further[1]) if further else "", pages + 1

    assert (pages, sorted(map(int, seen))) == (3, list(range(1, 102)))


async def test_a_dispute_is_heard_shown_with_its_evidence_answered_and_won(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    await owner(till)
    assert (await till.connections.check(shop_id=till.stage.shop.id, connection_id=till.account_id)).ok
    place = await till.ordered()
    name = await till.session(place)
    till.sandbox.decide(name, "disputed")
    await till.client.get(f"{place}/payment")
    assert await sent(till, monkeypatch, name, "charge.dispute.created") == [200]
    await till.background()

    number = place.rpartition("/")[2]
    desk = (await till.client.get("/console/harbour/payments")).text
    [path] = set(re.findall(r"/console/harbour/payments/disputes/[0-9a-f-]{36}", desk))
    page = (await till.client.get(path)).text
    file = await till.client.get(f"{path}/evidence.html")
    printed = await till.client.get(f"{path}/evidence.pdf")
    order = (await till.client.get(f"/console/harbour/orders/{number}")).text
    today = (await till.client.get("/console/harbour")).text

    assert (await till.order(place)).disputed_minor == 14_100
    for shown in (page, file.text):
        assert "The cardholder says it wasn" in shown
        assert "Lin Yue" in shown
        assert "Pier 3" in shown
        assert "Linen" in shown, "the page as the buyer saw it"
        assert "alert(1)" not in shown
        assert "No parcel has been made." in shown
    assert printed.headers["content-type"] == "application/pdf"
    paper = "".join(leaf.get_textpage().get_text_range() for leaf in pypdfium2.PdfDocument(printed.content))
    for words in (
        "The cardholder says it wasn",
        "Lin Yue",
        "Pier 3",
        "Linen",
        "141.00",
        "No parcel has been made.",
    ):
        assert words in paper
    assert "alert(1)" not in paper
    assert "Answer by" in page
    assert file.headers["content-disposition"].startswith('attachment; filename="dispute-harbour-')
    assert path in order
    assert f'action="/console/harbour/orders/{number}/refund"' not in order, "the bank has the money"
    assert path in today
    assert path in (await till.client.get("/console/harbour/payments/disputes")).text

    answered = await till.client.post(f"{path}/answer", data={"kind": "evidence_sent", "note": "by mail"})
    assert answered.status_code == 303
    noted = (await till.client.get(path)).text
    assert "Evidence sent" in noted
    assert "by mail" in noted
    with till.sandbox.store.open() as store:
        account = store.account_of(name)
        [dispute] = store.every("dispute", account)
        dispute |= {
            "status": "under_review",
            "evidence": {"uncategorized_text": "winning_evidence"},
            "_decides_at": 0,
        }
        store.put(account, dispute)
    assert await sent(till, monkeypatch, name, "charge.dispute.closed") == [200]
    await till.background()

    assert (await till.order(place)).disputed_minor == 0
    won = (await till.client.get(path)).text
    assert "Returned by the bank" in won
    assert f'action="{path}/answer"' not in won
    assert (
        f'action="/console/harbour/orders/{number}/refund"'
        in (await till.client.get(f"/console/harbour/orders/{number}")).text
    )


async def test_a_card_is_reserved_when_an_order_is_placed_and_charged_when_it_ships(till: Till) -> None:
    """The merchant chooses it for an account; buyer and merchant read at each step what has happened to the money."""
    await owner(till)
    console = "/console/harbour"
    at_once = (await till.client.get(f"{console}/payments")).text
    chosen = await till.client.post(
        f"{console}/payments/account/{till.account_id}/capture", data={"later": "yes"}
    )
    assert ("Charged when the order is placed" in at_once, chosen.status_code) == (True, 303)
    assert "Charged when the order ships" in (await till.client.get(f"{console}/payments")).text
    hold = await till.stage.hold()
    checkout = (await till.client.get(f"/s/harbour/checkout/{hold}")).text
    assert "The amount is reserved now and charged when your order ships." in checkout
    place = await till.ordered()
    till.sandbox.decide(await till.session(place), "silent")

    back = await till.client.get(f"{place}/payment")

    assert (back.status_code, back.headers["location"]) == (303, place)
    page = (await till.client.get(place)).text
    assert "Thank you. You are charged when your order ships." in page
    assert "is reserved. You are charged when your order ships." in page
    assert "Bank transfer" not in page
    found = await till.order(place)
    assert (found.payment_status, found.charged_minor, found.authorised_minor) == (
        "authorised",
        0,
        found.total_minor,
    )
    order_page = (await till.client.get(f"{console}/orders/{found.id}")).text
    assert "Charge now" in order_page
    assert "Issue the invoice" not in order_page
    listed = (await till.client.get(f"{console}/orders?payment=authorised")).text
    assert f"#{found.number}" in listed
    desk = (await till.client.get(f"{console}/payments")).text
    assert "Authorised, not charged yet" in desk

    shipped = await till.client.post(f"{console}/orders/{found.id}/ship", data={"tracking": "SF1"})
    assert shipped.status_code == 303
    assert (await till.order(place)).charged_minor == 0
    await till.background()

    paid = await till.order(place)
    assert (paid.status, paid.charged_minor, paid.authorised_minor) == ("shipped", paid.total_minor, 0)
    assert "Authorised, not charged yet" not in (await till.client.get(f"{console}/payments")).text
    late = await till.client.post(f"{console}/orders/{found.id}/capture")
    assert late.headers["location"].endswith(str(found.id))
    assert "Nothing is reserved for this order" in (await till.client.get(late.headers["location"])).text
    again = await till.client.post(f"{console}/payments/authorisations/{UUID(int=1)}/again")
    assert again.status_code == 303


async def test_a_buyer_whose_card_is_declined_pays_by_transfer_instead(till: Till) -> None:
    place = await till.ordered()
    till.sandbox.decide(await till.session(place), "decline")
    declined = (await till.client.get(f"{place}/payment")).text
    assert 'name="way" value="transfer"' in declined
    assert 'value="cash"' not in declined, "it is sent"

    changed = await till.client.post(f"{place}/pay", data={"way": "transfer"})
    page = (await till.client.get(place)).text

    assert (changed.status_code, changed.headers["location"]) == (303, place)
    assert "Bank 4711" in page
    assert 'name="way" value="transfer"' not in page
    found = await till.order(place)
    assert (found.provider, found.method, found.status) == ("manual", "transfer", orders.Status.PLACED)
    refused = await till.client.post(f"{place}/pay", data={"way": "cash"})
    assert refused.status_code == 303
    assert (await till.order(place)).method == "transfer"


async def test_a_refund_above_the_limit_waits_for_somebody_else(till: Till) -> None:
    await owner(till)
    saved = await till.client.post("/console/harbour/payments/refund-limit", data={"limit": "10.00"})
    assert saved.status_code == 303
    assert 'value="10.00"' in (await till.client.get("/console/harbour/payments")).text
    async with till.stage.db.transaction() as tx:
        person = await tx.value(
            "INSERT INTO accounts.person (email, name, password_hash) VALUES ('ben@example.com', 'Ben', '') RETURNING id"
        )
        await tx.run(
            "INSERT INTO accounts.member (shop_id, person_id, role) VALUES (%(shop)s, %(person)s, 'merchandiser')",
            shop=till.stage.shop.id,
            person=person,
        )
    place = await till.ordered()
    till.sandbox.decide(await till.session(place), "pay")
    await till.client.get(f"{place}/payment")
    number = place.rpartition("/")[2]

    await till.client.post(f"/console/harbour/orders/{number}/refund", data={"amount": "41.00"})

    page = (await till.client.get(f"/console/harbour/orders/{number}")).text
    assert "needs a second person" in page
    [path] = set(re.findall(rf"/console/harbour/orders/{number}/refund-requests/[0-9a-f-]+", page))
    assert f'action="{path}/confirm"' not in page, "not the one who asked"
    await till.client.post(f"{path}/confirm")
    assert (await till.order(place)).refund_granted_minor == 0
    await till.client.post(f"{path}/decline")
    assert "needs a second person" not in (await till.client.get(f"/console/harbour/orders/{number}")).text
    assert (await till.order(place)).refund_granted_minor == 0


async def test_while_online_payment_is_paused_buyers_transfer_and_the_merchant_may_end_it(till: Till) -> None:
    await owner(till)
    place = await till.ordered()
    async with till.stage.db.transaction() as tx:
        await tx.run(
            """
            INSERT INTO payments.pause (shop_id, until, declines)
            VALUES (%(shop)s, now() + interval '10 minutes', 40)
            """,
            shop=till.stage.shop.id,
        )
    hold = await till.stage.hold()
    checkout = (await till.client.get(f"/s/harbour/checkout/{hold}")).text
    assert f'value="{till.way}"' not in checkout
    assert 'value="transfer"' in checkout
    assert 'name="way" value="transfer"' in (await till.client.get(place)).text
    assert "Online payment is paused until" in (await till.client.get("/console/harbour")).text

    await till.client.post("/console/harbour/payments/resume")

    assert f'value="{till.way}"' in (await till.client.get(f"/s/harbour/checkout/{hold}")).text
    assert "Online payment is paused" not in (await till.client.get("/console/harbour/payments")).text

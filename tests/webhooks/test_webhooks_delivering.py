"""Webhooks: signed so that other people's library says yes, retried, and never a way into our own network."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from ipaddress import ip_network
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from tests.notifications.conftest import BOX
from tests.orders.conftest import Market

import shopfloor
from shopfloor import notices, webhooks, wiring
from shopfloor.collector import Collector
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Database
from shopfloor.kernel.errors import NotFound
from shopfloor.notices import Kind
from shopfloor.webhooks.delivering import Deliverer
from shopfloor.webhooks.queries import Delivery

LOCAL = (ip_network("127.0.0.0/8"),)


@dataclass
class Receiver:
    """A program of the merchant.  `answer` says the status of the n-th request."""

    answer: Callable[[int], int] = lambda _: 204
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list[tuple[dict[str, str], bytes]])
    url: str = ""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            made.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status = made.answer(len(made.got))
            self.send_response(status)
            if status == 302:
                self.send_header("location", "http://127.0.0.1:1/")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}/hook?a=1"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


async def connect(market: Market, url: str, *events: str) -> webhooks.Made:
    async with market.db.transaction() as tx:
        return await webhooks.add_endpoint(
            tx, box=BOX, shop_id=market.shop_id, url=url, events=events, private=LOCAL
        )


async def hear(market: Market, lake: Collector) -> None:
    [consumer] = [each for each in wiring.consumers(lake) if each.name == "webhooks"]
    await outbox.drain(market.db, [consumer])


async def log(market: Market, made: webhooks.Made) -> list[Delivery]:
    async with market.db.transaction() as tx:
        page = await webhooks.deliveries(tx, shop_id=market.shop_id, endpoint_id=made.id)
    return page.items[::-1]


async def make_due(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.run(
            "UPDATE webhooks.delivery SET due_at = now() - interval '1 second' WHERE state = 'queued'"
        )


@pytest.fixture
def lake(tmp_path: object) -> Collector:
    return Collector(tmp_path, "test")  # pyright: ignore[reportArgumentType]


async def test_another_library_verifies_what_arrives(
    market: Market, receiver: Receiver, lake: Collector
) -> None:
    made = await connect(market, receiver.url, "orders.order_placed", "nonsense")
    placed, _ = await market.order(note="备注 \u2028 <&>")
    await hear(market, lake)
    deliverer = Deliverer(market.db, BOX, allowed=LOCAL)

    await deliverer.run_once()

    [(headers, body)] = receiver.got
    told = Webhook(made.secret).verify(body, headers)
    assert told["type"] == "orders.order_placed"
    assert (told["data"]["order_id"], told["data"]["number"]) == (str(placed.id), placed.number)
    with pytest.raises(WebhookVerificationError):
        Webhook(made.secret).verify(body.replace(b'"number":', b'"number" :'), headers)
    [delivered] = await log(market, made)
    assert (delivered.state, delivered.status, delivered.attempts) == ("delivered", 204, 1)
    assert json.loads(delivered.body) == json.loads(body)
    await deliverer.close()


async def test_a_rolled_secret_signs_beside_the_new_one_for_a_day(
    market: Market, receiver: Receiver, lake: Collector
) -> None:
    made = await connect(market, receiver.url, "orders.order_placed")
    async with market.db.transaction() as tx:
        rolled = await webhooks.roll_secret(tx, box=BOX, shop_id=market.shop_id, endpoint_id=made.id)
        shown = await webhooks.endpoint(tx, shop_id=market.shop_id, endpoint_id=made.id)
    assert rolled.id == made.id
    assert rolled.secret != made.secret
    assert shown.previous_until is not None
    deliverer = Deliverer(market.db, BOX, allowed=LOCAL)
    await market.order()
    await hear(market, lake)
    await deliverer.run_once()

    [(headers, body)] = receiver.got
    for secret in (made.secret, rolled.secret):
        assert Webhook(secret).verify(body, headers)["type"] == "orders.order_placed"

    async with market.db.transaction() as tx:
        await tx.run("UPDATE webhooks.endpoint SET previous_until = now() - interval '1 second'")
    await market.order()
    await hear(market, lake)
    await deliverer.run_once()

    _, (headers, body) = receiver.got
    Webhook(rolled.secret).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(made.secret).verify(body, headers)
    await deliverer.close()


async def test_a_secret_that_cannot_be_read_is_rolled_and_what_it_stopped_goes_on(
    market: Market, receiver: Receiver, lake: Collector
) -> None:
    made = await connect(market, receiver.url, "orders.order_placed")
    async with market.db.transaction() as tx:
        await tx.run("UPDATE webhooks.endpoint SET secret = 'sealed with a key that is gone'")
    await market.order()
    await hear(market, lake)
    deliverer = Deliverer(market.db, BOX, allowed=LOCAL)
    await deliverer.run_once()
    assert receiver.got == []

    async with market.db.transaction() as tx:
        rolled = await webhooks.roll_secret(tx, box=BOX, shop_id=market.shop_id, endpoint_id=made.id)
        shown = await webhooks.endpoint(tx, shop_id=market.shop_id, endpoint_id=made.id)
        [failed] = await log(market, made)
        await webhooks.deliver_again(tx, shop_id=market.shop_id, endpoint_id=made.id, delivery_id=failed.id)
    await deliverer.run_once()

    assert (shown.disabled_why, shown.previous_until) == ("", None)
    [(headers, body)] = receiver.got
    assert Webhook(rolled.secret).verify(body, headers)["type"] == "orders.order_placed"
    await deliverer.close()


async def test_another_shop_rolls_nothing(market: Market, receiver: Receiver) -> None:
    made = await connect(market, receiver.url, "orders.order_placed")

    with pytest.raises(NotFound) as refused:
        async with market.db.transaction() as tx:
            await webhooks.roll_secret(tx, box=BOX, shop_id=market.shop_id + 1, endpoint_id=made.id)
    assert refused.value.code == "webhooks.unknown_endpoint"


async def test_it_is_tried_again_under_the_same_id_with_a_time_of_its_own(
    market: Market, receiver: Receiver, lake: Collector
) -> None:
    receiver.answer = lambda number: 500 if number < 3 else 200
    made = await connect(market, receiver.url, "orders.order_placed")
    await market.order()
    for _ in range(2):
        # A lost cursor makes no second event.
        async with market.db.transaction() as tx:
            await tx.run("UPDATE kernel.consumer SET position = 0 WHERE name = 'webhooks'")
        await hear(market, lake)
    deliverer = Deliverer(market.db, BOX, allowed=LOCAL)

    await deliverer.run_once()
    [waiting] = await log(market, made)
    assert (waiting.state, waiting.status, waiting.attempts) == ("queued", 500, 1)
    assert await deliverer.run_once() == 0, "not before its time"
    for _ in range(4):
        await make_due(market.db)
        await deliverer.run_once()

    assert len(receiver.got) == 3
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    for headers, body in receiver.got:
        Webhook(made.secret).verify(body, headers)
    async with market.db.transaction() as tx:
        [kept] = await webhooks.endpoints(tx, shop_id=market.shop_id)
        assert kept.failing_since is None
        [done] = (await webhooks.deliveries(tx, shop_id=market.shop_id, endpoint_id=made.id)).items
        await webhooks.deliver_again(tx, shop_id=market.shop_id, endpoint_id=made.id, delivery_id=done.id)
    await deliverer.run_once()
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    assert len(receiver.got) == 4
    await deliverer.close()


async def test_days_of_failure_turn_it_off_and_the_owners_are_told_once(
    market: Market, receiver: Receiver, lake: Collector
) -> None:
    receiver.answer = lambda _: 503
    made = await connect(market, receiver.url, "orders.order_placed")
    async with market.db.transaction() as tx:
        await tx.run(
            """
            WITH owner AS (INSERT INTO accounts.person (email, name, password_hash)
                           VALUES ('owner@example.com', 'Mo', 'x') RETURNING id)
            INSERT INTO accounts.member (shop_id, person_id, role) SELECT %(shop)s, id, 'owner' FROM owner
            """,
            shop=market.shop_id,
        )
    await market.order()
    await market.order()
    await hear(market, lake)
    deliverer = Deliverer(market.db, BOX, allowed=LOCAL)
    await deliverer.run_once()
    async with market.db.transaction() as tx:
        await tx.run("UPDATE webhooks.endpoint SET failing_since = now() - interval '5 days 1 hour'")
    await make_due(market.db)

    await deliverer.run_once()

    async with market.db.transaction() as tx:
        [off] = await webhooks.endpoints(tx, shop_id=market.shop_id)
        page = await notices.page_of(tx, shop_id=market.shop_id)
    assert off.disabled_why == "failing"
    [told] = [each for each in page.items if each.kind is Kind.WEBHOOK_STOPPED]
    assert (told.recipient, told.facts["days"]) == ("owner@example.com", 5)
    await make_due(market.db)
    assert await deliverer.run_once() == 0, "nothing goes to one that is off"
    async with market.db.transaction() as tx:
        await webhooks.switch(tx, shop_id=market.shop_id, endpoint_id=made.id, on=True)
    receiver.answer = lambda _: 200
    await deliverer.run_once()
    assert {each.state for each in await log(market, made)} == {"delivered"}
    await deliverer.close()


async def test_gone_is_gone_and_a_redirect_leads_nowhere(
    market: Market, receiver: Receiver, lake: Collector
) -> None:
    receiver.answer = lambda number: 302 if number == 1 else 410
    made = await connect(market, receiver.url, "orders.order_placed")
    await market.order()
    await hear(market, lake)
    deliverer = Deliverer(market.db, BOX, allowed=LOCAL)

    await deliverer.run_once()
    [moved] = await log(market, made)
    assert (moved.state, moved.status) == ("queued", 302)
    await make_due(market.db)
    await deliverer.run_once()

    [gone] = await log(market, made)
    assert (gone.state, gone.status) == ("failed", 410)
    async with market.db.transaction() as tx:
        [off] = await webhooks.endpoints(tx, shop_id=market.shop_id)
    assert off.disabled_why == "gone"
    await deliverer.close()


async def test_an_address_of_our_own_network_is_not_connected_to(
    market: Market, receiver: Receiver, lake: Collector
) -> None:
    made = await connect(market, receiver.url, "orders.order_placed")
    await market.order()
    await hear(market, lake)
    deliverer = Deliverer(market.db, BOX)

    await deliverer.run_once()

    assert receiver.got == []
    [refused] = await log(market, made)
    assert (refused.state, refused.status) == ("queued", None)
    assert "public web server" in refused.reply
    await deliverer.close()


async def test_one_that_does_not_answer_keeps_back_no_other(
    market: Market, receiver: Receiver, lake: Collector
) -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    slow = await connect(market, f"http://127.0.0.1:{silent.getsockname()[1]}/", "orders.order_placed")
    quick = await connect(market, receiver.url, "orders.order_placed")
    await market.order()
    await hear(market, lake)
    deliverer = Deliverer(market.db, BOX, allowed=LOCAL, seconds=1.0)

    await deliverer.run_once()

    [first], [second] = await log(market, slow), await log(market, quick)
    assert (first.state, first.reply) == ("queued", "The server was too slow.")
    assert second.state == "delivered"
    silent.close()
    await deliverer.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://erp.example.com/hook", "https://user:secret@erp.example.com/", "ftp://erp.example.com/", "https://",
        "https://erp.example.com/#x", "javascript:alert(1)", "https://例子.example.com/", "",
        "https://exa mple.com/", "https://example.com:99999/", "https://example.com:0/", "https://example.com:port/",
        "https://[::1/", "https://:443/", "https://example.com/a\tb", "https://-.example.com/", "https://a%00b.example/",
    ],
)  # fmt: skip
async def test_what_is_no_address_of_a_program_is_refused(market: Market, url: str) -> None:
    async with market.db.transaction() as tx:
        with pytest.raises(webhooks.NotAnEndpoint):
            await webhooks.add_endpoint(
                tx, box=BOX, shop_id=market.shop_id, url=url, events=["orders.order_placed"]
            )
        assert await webhooks.endpoints(tx, shop_id=market.shop_id) == []


@pytest.mark.parametrize(
    "url",
    [
        "https://erp.example.com:8443/hook?shop=1",
        "HTTPS://ERP.example.com/",
        "https://[2001:db8::1]/hook",
        "https://10.0.0.7/x",
    ],
)
async def test_what_is_an_address_is_kept_as_it_was_typed(market: Market, url: str) -> None:
    async with market.db.transaction() as tx:
        await webhooks.add_endpoint(
            tx, box=BOX, shop_id=market.shop_id, url=url, events=["orders.order_placed"]
        )
        assert [each.url for each in await webhooks.endpoints(tx, shop_id=market.shop_id)] == [url]


async def test_every_event_that_is_offered_is_one_that_happens() -> None:
    """A name that no fact has would never be sent."""
    facts = {
        kind.name
        for path in Path(shopfloor.__file__).parent.glob("*/events.py")
        for kind in vars(import_module(f"shopfloor.{path.parent.name}.events")).values()
        if isinstance(kind, type) and isinstance(getattr(kind, "name", None), str)
    }

    assert sorted(set(webhooks.EVENTS) - facts) == []

"""A browser that allows it is told, once, what happens to its shopper's orders, turn and shows."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from tests.notifications.conftest import BOX
from tests.orders.conftest import MakeMarket, Market

from shopfloor import live, push, run_of_show, wiring
from shopfloor.collector import Collector
from shopfloor.kernel import outbox, secrets
from shopfloor.kernel.errors import NotFound
from shopfloor.kernel.values import new_id
from shopfloor.orders import shipping
from shopfloor.push import encryption
from shopfloor.push.models import MOST_SUBSCRIPTIONS, WAITS
from shopfloor.push.sending import Pusher

LOCAL = (ip_network("127.0.0.0/8"),)
CONTACT = "mailto:shop@shop.example"


@dataclass
class Service:
    """A push service.  `answer` says the status of the n-th request."""

    answer: Callable[[int], int] = lambda _: 201
    got: list[tuple[str, dict[str, str], bytes]] = field(
        default_factory=list[tuple[str, dict[str, str], bytes]]
    )
    url: str = ""


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            made.got.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(made.answer(len(made.got)))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class Browser:
    """Its half of the keys: what it reads of a message."""

    endpoint: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    auth: bytes = b"0123456789abcdef"

    @property
    def subscription(self) -> push.Subscription:
        return push.Subscription(self.endpoint, encryption.point(self.key.public_key()), self.auth)

    def read(self, body: bytes) -> dict[str, Any]:
        """RFC 8188 and 8291 from the receiver's side."""
        salt, record, length = body[:16], int.from_bytes(body[16:20]), body[20]
        theirs, sealed = body[21 : 21 + length], body[21 + length :]
        assert len(sealed) <= record
        shared = self.key.exchange(
            ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs)
        )

        def derive(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
            return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(secret)

        own = self.subscription.public
        secret = derive(shared, self.auth, b"WebPush: info\0" + own + theirs, 32)
        plain = AESGCM(derive(secret, salt, b"Content-Encoding: aes128gcm\0", 16)).decrypt(
            derive(secret, salt, b"Content-Encoding: nonce\0", 12), sealed, None
        )
        assert plain.endswith(b"\x02")
        return json.loads(plain[:-1])


async def allow(
    market: Market, browser: Browser, shopper: UUID, *, locale: str = "en", show_id: int | None = None
) -> None:
    async with market.db.transaction() as tx:
        await push.subscribe(
            tx,
            browser.subscription,
            shop_id=market.shop_id,
            shopper=shopper,
            locale=locale,
            show_id=show_id,
        )


async def hear(market: Market, lake: Path) -> None:
    [consumer] = [each for each in wiring.consumers(Collector(lake, "test")) if each.name == "push"]
    await outbox.drain(market.db, [consumer])


@dataclass(frozen=True)
class State:
    state: str
    status: int | None
    attempts: int


@dataclass(frozen=True)
class Kept:
    shopper: UUID
    endpoint: str


async def states(market: Market) -> list[tuple[str, int | None, int]]:
    async with market.db.transaction() as tx:
        rows = await tx.every(State, "SELECT state, status, attempts FROM push.message ORDER BY id")
    return [(row.state, row.status, row.attempts) for row in rows]


async def make_due(market: Market) -> None:
    async with market.db.transaction() as tx:
        await tx.run("UPDATE push.message SET due_at = now() - interval '1 second' WHERE state = 'queued'")


async def test_its_browser_is_told_that_an_order_has_left(
    market: Market, service: Service, tmp_path: Path
) -> None:
    order, shopper = await market.paid()
    browser, other = Browser(f"{service.url}/one"), Browser(f"{service.url}/other")
    await allow(market, browser, shopper, locale="zh-CN")
    await allow(market, other, uuid4())
    async with market.db.transaction() as tx:
        await shipping.ship(tx, shop_id=market.shop_id, order_id=order.id, actor="person:1")
    pusher = Pusher(market.db, BOX, CONTACT, allowed=LOCAL)

    await hear(market, tmp_path)
    assert await pusher.run_once() == 1
    assert await pusher.run_once() == 0

    [(path, headers, body)] = service.got
    assert path == "/one"
    told = browser.read(body)
    assert told["title"] == f"订单 #{order.number} 已发货"
    assert told["path"].endswith(f"/orders/{order.id}")
    assert (headers["content-encoding"], headers["urgency"]) == ("aes128gcm", "normal")
    assert 0 < int(headers["ttl"]) <= 2 * 86_400
    async with market.db.transaction() as tx:
        key = await push.public_key(tx, box=BOX)
    assert headers["authorization"].endswith(f", k={key}")
    assert await states(market) == [("sent", 201, 1)]
    await pusher.close()


async def test_a_fact_that_is_delivered_twice_is_told_once(
    market: Market, service: Service, tmp_path: Path
) -> None:
    order, shopper = await market.paid()
    await allow(market, Browser(f"{service.url}/one"), shopper)
    async with market.db.transaction() as tx:
        await shipping.ship(tx, shop_id=market.shop_id, order_id=order.id, actor="person:1")
    await hear(market, tmp_path)
    async with market.db.transaction() as tx:
        await tx.run("UPDATE kernel.consumer SET position = 0 WHERE name = 'push'")
    await hear(market, tmp_path)

    assert await states(market) == [("queued", None, 0)]


async def test_a_browser_that_is_gone_is_forgotten_and_trouble_is_tried_again(
    market: Market, service: Service, tmp_path: Path
) -> None:
    service.answer = lambda number: {1: 503, 2: 429, 3: 410}[number]
    order, shopper = await market.paid()
    await allow(market, Browser(f"{service.url}/one"), shopper)
    async with market.db.transaction() as tx:
        await shipping.ship(tx, shop_id=market.shop_id, order_id=order.id, actor="person:1")
    await hear(market, tmp_path)
    pusher = Pusher(market.db, BOX, CONTACT, allowed=LOCAL)
    seen: list[list[tuple[str, int | None, int]]] = []
    for _ in range(3):
        await make_due(market)
        await pusher.run_once()
        seen.append(await states(market))

    assert seen == [[("queued", 503, 1)], [("queued", 429, 2)], []]
    async with market.db.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM push.subscription") == 0
    await pusher.close()


async def test_it_is_given_up_in_the_end_and_when_it_is_of_no_use(
    market: Market, service: Service, tmp_path: Path
) -> None:
    service.answer = lambda _: 500
    order, shopper = await market.paid()
    await allow(market, Browser(f"{service.url}/one"), shopper)
    async with market.db.transaction() as tx:
        await shipping.ship(tx, shop_id=market.shop_id, order_id=order.id, actor="person:1")
    await hear(market, tmp_path)
    pusher = Pusher(market.db, BOX, CONTACT, allowed=LOCAL)
    for _ in range(len(WAITS) + 1):
        await make_due(market)
        await pusher.run_once()
    assert await states(market) == [("failed", 500, len(WAITS) + 1)]

    async with market.db.transaction() as tx:
        await tx.run(
            """
            UPDATE push.message SET state = 'queued', ended_at = NULL, attempts = 0, due_at = now(),
                   expires_at = now() - interval '1 second'
            """
        )
    asked = len(service.got)
    await pusher.run_once()
    assert len(service.got) == asked
    assert await states(market) == [("failed", None, 1)]
    await pusher.close()


async def test_a_show_is_told_when_it_starts_and_only_to_who_asked(
    market: Market, service: Service, tmp_path: Path
) -> None:
    async with market.db.transaction() as tx:
        show = await live.plan_show(tx, shop_id=market.shop_id, title="Evening")
    asked, silent = Browser(f"{service.url}/asked"), Browser(f"{service.url}/silent")
    await allow(market, asked, uuid4(), show_id=show.id)
    await allow(market, silent, uuid4())
    async with market.db.transaction() as tx:
        await outbox.record(
            tx, run_of_show.ShowStarted(market.shop_id, show.id, market.pool_id, None, None, 0)
        )
    await hear(market, tmp_path)
    pusher = Pusher(market.db, BOX, CONTACT, allowed=LOCAL)
    await pusher.run_once()

    [(path, headers, body)] = service.got
    told = asked.read(body)
    assert (path, told["body"], headers["urgency"]) == ("/asked", "Evening", "high")
    assert told["path"].endswith(f"/live/{show.id}")
    await pusher.close()


async def test_another_shops_show_cannot_be_asked_for(make_market: MakeMarket, service: Service) -> None:
    one, other = await make_market(), await make_market()
    async with other.db.transaction() as tx:
        show = await live.plan_show(tx, shop_id=other.shop_id, title="Theirs")

    with pytest.raises(NotFound):
        await allow(one, Browser(f"{service.url}/one"), uuid4(), show_id=show.id)
    async with one.db.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM push.subscription") == 0


async def test_a_browser_belongs_to_whoever_uses_it_now_and_few_are_kept(
    market: Market, service: Service
) -> None:
    first, second = uuid4(), uuid4()
    shared = Browser(f"{service.url}/shared")
    await allow(market, shared, first)
    await allow(market, shared, second)
    for number in range(MOST_SUBSCRIPTIONS + 2):
        await allow(market, Browser(f"{service.url}/{number}"), second)

    async with market.db.transaction() as tx:
        rows = await tx.every(Kept, "SELECT shopper, endpoint FROM push.subscription ORDER BY seen_at")
    assert [row.shopper for row in rows] == [second] * MOST_SUBSCRIPTIONS
    assert shared.endpoint not in {row.endpoint for row in rows}


async def test_who_takes_it_back_or_is_erased_is_forgotten(market: Market, service: Service) -> None:
    one, other = uuid4(), uuid4()
    browser, third = Browser(f"{service.url}/one"), Browser(f"{service.url}/third")
    await allow(market, browser, one)
    await allow(market, third, other)

    async with market.db.transaction() as tx:
        assert not await push.unsubscribe(
            tx, shop_id=market.shop_id, shopper=other, endpoint=browser.endpoint
        )
        assert await push.unsubscribe(tx, shop_id=market.shop_id, shopper=one, endpoint=browser.endpoint)
        await push.forget_shoppers(tx, shop_id=market.shop_id, shoppers=[other, new_id()])
        assert await tx.value("SELECT count(*) FROM push.subscription") == 0


async def test_a_key_that_is_lost_is_made_anew_and_its_browsers_go(market: Market, service: Service) -> None:
    await allow(market, Browser(f"{service.url}/one"), uuid4())
    async with market.db.transaction() as tx:
        before = await push.public_key(tx, box=BOX)
        assert await push.public_key(tx, box=BOX) == before
        assert await tx.value("SELECT count(*) FROM push.subscription") == 1

    async with market.db.transaction() as tx:
        after = await push.public_key(tx, box=secrets.Box((b"another key of thirty-two bytes!",)))
        assert await tx.value("SELECT count(*) FROM push.subscription") == 0
    assert after != before

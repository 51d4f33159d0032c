"""POST /buy and the socket's frame: one answer behind both, and a clear one for nonsense."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID, uuid4

import pytest
from tests.orders.conftest import PRICE, MakeMarket, Market, form
from tests.waiting import PATIENCE

from shopfloor import catalog, inventory, orders, purchases, rooms, run_of_show, stock
from shopfloor.kernel.database import DatabaseAway
from shopfloor.kernel.keyring import Keyring
from shopfloor.kernel.network import Networks
from shopfloor.kernel.values import new_id
from shopfloor.orders.refusals import ContactLimit
from shopfloor.purchases import OfferTermsCache, PurchaseEndpoint, PurchaseGateway, WaitlistHook, loader
from shopfloor.purchases.endpoint import MAX_BODY
from shopfloor.shoppers import issue_shopper, read_shopper
from shopfloor.stock import Intake

KEYRING = Keyring(current=1, keys={1: b"k" * 32})


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)


@dataclass
class Shop:
    """The doors of one process in front of a market."""

    market: Market
    door: PurchaseGateway
    terms: OfferTermsCache
    endpoint: PurchaseEndpoint
    shopper: UUID = field(default_factory=uuid4)
    address: str = "10.0.0.9"

    def wish(self, **changes: object) -> dict[str, object]:
        return {
            "id": str(new_id()),
            "offer_id": self.market.offer_id,
            "variant_id": self.market.variants[0],
            "quantity": 1,
            "price_minor": PRICE,
        } | changes

    async def post(
        self,
        body: bytes,
        *,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
        cookie: bool = True,
        method: str = "POST",
        query: str = "",
    ) -> Response:
        given = {"host": "shop.example", "content-type": content_type}
        if cookie:
            given["cookie"] = f"shopper={issue_shopper(KEYRING, self.shopper)}"
        given |= headers or {}
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
            "client": (self.address, 1),
            "query_string": query.encode(),
        }
        await self.endpoint(scope, receive, send)
        named = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Response(sent[0]["status"], named, sent[1]["body"])

    async def buy(self, **changes: object) -> Response:
        return await self.post(json.dumps(self.wish(**changes)).encode())

    async def form(self, fields: dict[str, object]) -> Response:
        body = urlencode(fields, doseq=True).encode()
        return await self.post(body, content_type="application/x-www-form-urlencoded")

    async def frame(self, **changes: object) -> dict[str, Any]:
        """Through the socket's door."""
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        wish = rooms.Buy(**({**self.wish(), "id": new_id()} | changes))  # pyright: ignore[reportArgumentType]
        self.door.buy(
            wish,
            show_id=self.market.show_id,
            shopper=self.shopper,
            answer=future.set_result,
            address=self.address,
        )
        return json.loads(await future)


@pytest.fixture
async def open_doors(make_market: MakeMarket, dsn: str) -> AsyncIterator[Any]:
    running: list[tuple[Intake, PurchaseGateway]] = []

    async def make(*args: Any, **terms_of_offer: Any) -> Shop:
        market = await make_market(*args, **terms_of_offer)
        terms = OfferTermsCache(loader(market.db))
        queue = WaitlistHook(terms)
        intake = Intake(dsn, on_refused=queue.join)
        await intake.open()
        door = PurchaseGateway(db=market.db, intake=intake, terms=terms)
        running.append((intake, door))
        return Shop(market, door, terms, PurchaseEndpoint(door, KEYRING))

    yield make
    for intake, door in running:
        await door.close()
        await intake.close()


@pytest.fixture
async def shop(open_doors: Any) -> Shop:
    return await open_doors(3)


async def test_json_in_json_out(shop: Shop) -> None:
    wish_id = str(uuid4())

    answer = await shop.buy(id=wish_id, quantity=2)

    assert answer.status == 200
    told = answer.json
    assert (told["t"], told["id"], told["outcome"]) == ("answer", wish_id, "held")
    assert told["hold"]["parts"] == [
        {"variant_id": shop.market.variants[0], "quantity": 2, "ready_on": None, "lot_kind": "on_hand"}
    ]
    assert told["url"] == f"/s/garden-1/checkout/{wish_id}"
    assert await shop.market.left() == 1


async def test_the_same_id_gets_the_same_hold_through_either_door(shop: Shop) -> None:
    wish_id = uuid4()

    first = (await shop.buy(id=str(wish_id))).json
    again = (await shop.buy(id=str(wish_id))).json
    through_the_socket = await shop.frame(id=wish_id)

    assert first["hold"] == again["hold"] == through_the_socket["hold"]
    assert await shop.market.left() == 2


async def test_twenty_taps_are_one_hold(shop: Shop) -> None:
    wish_id = str(uuid4())

    answers = await asyncio.gather(*(shop.buy(id=wish_id) for _ in range(20)))

    assert {answer.json["outcome"] for answer in answers} == {"held"}
    assert await shop.market.left() == 2


async def test_an_id_with_other_content_is_refused(shop: Shop) -> None:
    wish_id = str(uuid4())
    await shop.buy(id=wish_id)

    answer = await shop.buy(id=wish_id, quantity=2)

    assert (answer.status, answer.json["code"]) == (422, "stock.mismatch")
    assert await shop.market.left() == 2


async def test_sold_out_is_said_with_what_is_left(shop: Shop) -> None:
    answer = await shop.buy(quantity=4)

    assert (answer.status, answer.json["outcome"], answer.json["code"]) == (409, "refused", "stock.sold_out")
    assert await shop.market.left() == 3


async def test_a_form_goes_to_the_checkout(shop: Shop) -> None:
    wish = shop.wish()

    answer = await shop.form(wish)

    assert answer.status == 303
    assert answer.headers["location"] == f"/s/garden-1/checkout/{wish['id']}"
    async with shop.market.db.transaction() as tx:
        seen = await orders.begin_checkout(
            tx, shop_id=shop.market.shop_id, hold_id=UUID(str(wish["id"])), shopper=shop.shopper
        )
    assert seen.items[0].title == "Linen coat"


async def test_a_refused_form_goes_back_to_the_room_and_says_why(shop: Shop) -> None:
    answer = await shop.form(shop.wish(quantity=9))

    assert answer.status == 303
    place = urlsplit(answer.headers["location"])
    assert place.path == f"/s/garden-1/live/{shop.market.show_id}"
    assert parse_qs(place.query)["refused"] == ["stock.sold_out"]


@pytest.mark.parametrize(("typed", "units"), [(" 2 ", 2), ("２", 2), ("+2", 2)])
async def test_a_quantity_in_a_form_is_read_as_people_type_it(shop: Shop, typed: str, units: int) -> None:
    wish = shop.wish(quantity=typed)

    answer = await shop.form(wish)

    assert answer.headers["location"] == f"/s/garden-1/checkout/{wish['id']}"
    assert await shop.market.left() == 3 - units


@pytest.mark.parametrize("typed", ["1,5", "1.5", "two", "", "0", "-1", "1e3", "1000", "1,000", "9" * 60])
async def test_a_quantity_that_is_none_leads_back_to_its_page_and_says_so(shop: Shop, typed: str) -> None:
    answer = await shop.form(shop.wish(quantity=typed))

    place = urlsplit(answer.headers["location"])
    assert (answer.status, place.path) == (303, f"/s/garden-1/live/{shop.market.show_id}")
    told = parse_qs(place.query)
    assert (told["refused"], told["least"], told["most"]) == (["quantity.unreadable"], ["1"], ["999"])
    assert await shop.market.left() == 3


async def test_an_archived_variant_is_not_sold_in_the_show_nor_on_its_page(shop: Shop) -> None:
    gone, stays = shop.market.variants
    async with shop.market.db.transaction() as tx:
        await catalog.update_variant(tx, shop_id=shop.market.shop_id, variant_id=gone, archived=True)
    before = await shop.market.left()

    in_show = await shop.buy()
    on_page = await shop.buy(offer_id=None)

    assert (in_show.status, in_show.json["code"]) == (404, "orders.offer_unknown")
    assert (on_page.status, on_page.json["code"]) == (409, "orders.offer_closed")
    assert await shop.market.left() == before
    assert (await shop.buy(variant_id=stays)).json["outcome"] == "held"


async def test_a_cart_is_all_or_nothing(shop: Shop) -> None:
    m, big = shop.market.variants
    lines = [
        {"variant_id": m, "quantity": 2, "price_minor": PRICE},
        {"variant_id": big, "quantity": 4, "price_minor": PRICE},
    ]
    refused = await shop.buy(variant_id=None, price_minor=None, lines=lines)
    assert (refused.status, refused.json["code"]) == (409, "stock.sold_out")
    assert await shop.market.left(0) == 3

    fields = shop.wish(variant_id=[m, big], quantity=[2, 1], price_minor=[PRICE, PRICE])
    held = await shop.form(fields)

    assert held.headers["location"].startswith("/s/garden-1/checkout/")
    assert (await shop.market.left(0), await shop.market.left(1)) == (1, 2)


async def test_a_basket_of_as_many_lines_as_it_can_have_is_held(shop: Shop) -> None:
    """Through either door: with fields as large as they get beside these, and days for all of them."""
    market = shop.market
    async with market.db.transaction() as tx:
        cursor = await tx.connection.execute(
            """
            WITH made AS (
              INSERT INTO catalog.variant (shop_id, product_id, sku, options, currency, position)
              SELECT shop_id, product_id, 'MORE-' || n, ARRAY['more ' || n], currency, 100 + n
                FROM catalog.variant, generate_series(1, 100) n WHERE id = %s RETURNING id),
            priced AS (
              INSERT INTO catalog.price (variant_id, minor, valid_from)
              SELECT id, %s, now() - interval '1 day' FROM made)
            SELECT id FROM made ORDER BY id
            """,
            [market.variants[0], PRICE],
        )
        variants = [row[0] for row in await cursor.fetchall()]
        for variant_id in variants:
            await inventory.receive(
                tx, shop_id=market.shop_id, location_id=market.location_id, variant_id=variant_id, quantity=2
            )
    shown = " ".join(f"{10**15 + n}=2031-01-31" for n in range(stock.MAX_LINES))
    wish = shop.wish(
        offer_id="", shown=shown, variant_id=variants, quantity=[1] * 100, price_minor=[PRICE] * 100
    )
    assert len(variants) == stock.MAX_LINES

    held = await shop.form(wish)
    lines = [{"variant_id": each, "quantity": 1, "price_minor": PRICE} for each in variants]
    told = await shop.buy(offer_id=None, variant_id=None, price_minor=None, lines=lines)

    assert held.headers["location"].startswith("/s/garden-1/checkout/")
    assert (told.status, told.json["outcome"]) == (200, "held")
    async with market.db.transaction() as tx:
        left = await stock.available(tx, shop_id=market.shop_id, variant_ids=variants)
    assert {each.now for each in left.values()} == {0}
    # A browser can say it all with the largest numbers that a basket has.
    largest = {
        "id": wish["id"],
        "shown": shown,
        "variant_id": [10**15] * 100,
        "quantity": [999] * 100,
        "price_minor": [10**12] * 100,
    }
    assert len(urlencode(largest, doseq=True)) < MAX_BODY


async def test_a_price_that_is_no_longer_true_is_refused_with_the_new_one(shop: Shop) -> None:
    await shop.buy()
    async with shop.market.db.transaction() as tx:
        await tx.run("UPDATE live.offer_line SET price_minor = 9900")
    shop.terms.forget(shop.market.offer_id)

    answer = await shop.buy()

    assert (answer.status, answer.json["code"]) == (409, "orders.price_changed")
    assert answer.json["facts"]["price_minor"] == 9900
    assert (await shop.buy(price_minor=9900)).json["outcome"] == "held"


async def test_a_show_that_is_over_sells_nothing(shop: Shop) -> None:
    async with shop.market.db.transaction() as tx:
        await run_of_show.end_show(tx, shop_id=shop.market.shop_id, show_id=shop.market.show_id)
    shop.terms.forget_show(shop.market.show_id)

    answer = await shop.buy()

    assert (answer.status, answer.json["code"]) == (409, "orders.offer_closed")


async def test_the_product_page_sells_without_an_offer(shop: Shop) -> None:
    async with shop.market.db.transaction() as tx:
        await inventory.receive(
            tx,
            shop_id=shop.market.shop_id,
            location_id=shop.market.location_id,
            variant_id=shop.market.variants[0],
            quantity=1,
        )

    held = await shop.buy(offer_id=None)
    gone = await shop.form(shop.wish(offer_id=""))

    assert held.json["outcome"] == "held"
    assert urlsplit(gone.headers["location"]).path == f"/s/garden-1/p/{shop.market.product_id}"
    assert await shop.market.left() == 3


NONSENSE = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe",
    b'{"id": "no uuid", "offer_id": 1, "variant_id": 1, "price_minor": 1}',
    b"[" * 5000,
]


@pytest.mark.parametrize("body", NONSENSE)
async def test_nonsense_is_refused_and_nothing_happens(shop: Shop, body: bytes) -> None:
    answer = await shop.post(body)

    assert (answer.status, answer.json["code"]) == (422, "orders.bad_purchase")
    assert await shop.market.left() == 3


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ('"quantity": 1', '"quantity": 1, "quantity": 2', "json.repeated_name"),
        ('"quantity": 1', '"quantity": 1, "quantit\\u0079": 2', "json.repeated_name"),
        ('"quantity": 1', '"quantity": NaN', "orders.bad_purchase"),
        ('"quantity": 1', '"quantity": 1e999', "orders.bad_purchase"),
        ('"quantity": 1', '"quantity": "1"', "orders.bad_purchase"),
        ('"quantity": 1', '"quantity": true', "orders.bad_purchase"),
        ('"quantity": 1', '"quantity": ' + "9" * 4_000, "orders.bad_purchase"),
        ('"id": "', '"id": "\\u0000', "orders.bad_purchase"),
        ('"id": "', '"id": "\\ud800', "orders.bad_purchase"),
        ('"quantity": 1', '"quantity": 1, "more": ' + "[" * 3_000 + "]" * 3_000, "orders.bad_purchase"),
        ('"quantity": 1', '"quantity": 1, "latest_ready": 0', "orders.bad_purchase"),
    ],
    ids=str,
)
async def test_json_that_says_two_things_or_nothing(shop: Shop, before: str, after: str, code: str) -> None:
    plain = json.dumps(shop.wish())
    assert before in plain

    answer = await shop.post(plain.replace(before, after, 1).encode())

    assert (answer.status, answer.json["code"]) == (422, code)
    assert await shop.market.left() == 3
    assert (await shop.post(plain.encode())).json["outcome"] == "held"


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": 0},
        {"quantity": -1},
        {"quantity": 10**12},
        {"quantity": 1.5},
        {"quantity": "two"},
        {"price_minor": -1},
        {"price_minor": 10**15},
        {"price_minor": None},
        {"variant_id": 2**70},
        {"quantitty": 2},
        {"lines": [{"variant_id": 1, "quantity": 1, "price_minor": 1, "note": ""}], "variant_id": None},
        {"variant_id": None},
        {"offer_id": -3},
        {
            "lines": [{"variant_id": 1, "quantity": 1, "price_minor": 1}] * (stock.MAX_LINES + 1),
            "variant_id": None,
        },
    ],
)
async def test_numbers_that_make_no_sense(shop: Shop, changes: dict[str, object]) -> None:
    answer = await shop.buy(**changes)

    assert (answer.status, answer.json["code"]) == (422, "orders.bad_purchase")
    assert await shop.market.left() == 3


async def test_what_is_not_there_is_not_found(shop: Shop) -> None:
    unknown = await shop.buy(offer_id=999_999)
    elsewhere = await shop.buy(variant_id=999_999)

    assert (unknown.status, unknown.json["code"]) == (404, "orders.offer_unknown")
    assert (elsewhere.status, elsewhere.json["code"]) == (404, "orders.offer_unknown")


async def test_a_flood_in_the_body_is_cut(shop: Shop) -> None:
    answer = await shop.post(b" " * 17_000)

    assert (answer.status, answer.json["code"]) == (413, "orders.too_large")


async def test_other_methods_types_and_sites(shop: Shop) -> None:
    body = json.dumps(shop.wish()).encode()

    assert (await shop.post(b"", method="GET")).status == 405
    assert (await shop.post(b"x", content_type="text/plain")).status == 422
    foreign = await shop.post(body, headers={"origin": "https://evil.example"})
    assert foreign.status == 403
    assert (await shop.post(body, headers={"origin": "http://shop.example"})).status == 200


@pytest.mark.parametrize("forged", [False, True])
async def test_nothing_is_held_before_the_cookie_came_back(shop: Shop, forged: bool) -> None:
    wish = shop.wish()
    said = {"cookie": f"shopper=1.{shop.shopper.hex}.{'0' * 64}"} if forged else {}

    first = await shop.post(json.dumps(wish).encode(), headers=said, cookie=False)

    assert (first.status, first.json["outcome"], first.json["code"]) == (
        307,
        "refused",
        "orders.cookie_needed",
    )
    assert first.headers["location"] == "/buy?cookie=asked"
    assert await shop.market.left() == 3
    cookie = first.headers["set-cookie"].split(";")[0]
    assert read_shopper(KEYRING, cookie.removeprefix("shopper=")) not in {None, shop.shopper}
    # What a browser does next, with the cookie it was given.
    again = await shop.post(
        json.dumps(wish).encode(), headers={"cookie": cookie}, cookie=False, query="cookie=asked"
    )
    assert (again.status, again.json["outcome"]) == (200, "held")
    assert await shop.market.left() == 2


async def test_a_browser_without_cookies_hears_that_they_are_needed(shop: Shop) -> None:
    body = urlencode(shop.wish()).encode()
    kind = "application/x-www-form-urlencoded"

    asked = await shop.post(body, content_type=kind, cookie=False, query="room=7")
    refused = await shop.post(body, content_type=kind, cookie=False, query="room=7&cookie=asked")
    script = await shop.post(json.dumps(shop.wish()).encode(), cookie=False, query="cookie=asked")

    assert (asked.status, asked.headers["location"]) == (307, "/buy?room=7&cookie=asked")
    place = urlsplit(refused.headers["location"])
    assert (refused.status, place.path) == (303, f"/s/garden-1/live/{shop.market.show_id}")
    assert parse_qs(place.query)["refused"] == ["orders.cookie_needed"]
    assert (script.status, script.json["code"]) == (422, "orders.cookie_needed")
    assert await shop.market.left() == 3
    async with shop.market.db.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM stock.hold") == 0


async def test_who_asks_too_fast_is_told(shop: Shop) -> None:
    wish = json.dumps(shop.wish()).encode()

    answers = await asyncio.gather(*(shop.post(wish) for _ in range(200)))

    assert answers[0].status == 200
    late = answers[-1]
    assert (late.status, late.json["code"], late.headers["retry-after"]) == (429, "orders.too_fast", "1")


async def test_limits_per_buyer_hold_under_races(open_doors: Any) -> None:
    shop: Shop = await open_doors(10, limit_per_buyer=2)

    answers = await asyncio.gather(*(shop.buy() for _ in range(6)))

    allocated = sum(answer.json["outcome"] == "held" for answer in answers)
    assert await shop.market.left() >= 8
    assert allocated >= 2


async def test_a_queue_gives_a_position_instead_of_no(open_doors: Any) -> None:
    shop: Shop = await open_doors(1, policy="queue")
    assert (await shop.buy()).json["outcome"] == "held"
    positions = []
    for _ in range(3):
        shop.shopper = uuid4()
        answer = await shop.buy()
        positions.append((answer.status, answer.json["outcome"], answer.json["facts"]["position"]))
    again = await shop.buy()

    assert positions == [(202, "queued", 1), (202, "queued", 2), (202, "queued", 3)]
    assert again.json["facts"]["position"] == 3


async def test_first_paid_holds_nothing_and_opens_a_checkout(open_doors: Any) -> None:
    shop: Shop = await open_doors(1, policy="first_paid")
    wish_id = str(uuid4())

    answer = await shop.buy(id=wish_id)
    again = await shop.buy(id=wish_id)
    other = await shop.buy(id=wish_id, quantity=2)
    too_many = await shop.buy(quantity=2)

    assert answer.json == again.json == {
        "t": "answer",
        "id": wish_id,
        "outcome": "open",
        "url": f"/s/garden-1/checkout/{wish_id}",
    }  # fmt: skip
    assert other.json["code"] in {"stock.mismatch", "stock.sold_out"}
    assert too_many.json["code"] == "stock.sold_out"
    assert await shop.market.left() == 1
    order = await orders.complete(
        shop.market.db,
        shop_id=shop.market.shop_id,
        hold_id=UUID(wish_id),
        shopper=shop.shopper,
        form=form(),
    )
    assert order.fulfilment_status == "unsecured"


async def test_an_expired_hold_asked_again_says_so(shop: Shop) -> None:
    wish_id = uuid4()
    await shop.buy(id=str(wish_id))
    await shop.market.make_overdue(wish_id)
    await shop.market.expire()

    answer = (await shop.buy(id=str(wish_id))).json

    assert (answer["outcome"], answer["code"]) == ("refused", "orders.hold_expired")
    assert answer["facts"]["state"] == "expired"
    assert answer["url"] == f"/s/garden-1/checkout/{wish_id}"


async def test_who_asks_before_the_terms_are_known_is_served_in_the_order_of_asking(open_doors: Any) -> None:
    """The offer opens and all ask at once, and some while what was asked for is on its way already."""
    shop = await open_doors(3)
    loads: list[int] = []
    load = shop.terms.load

    async def counted(key: int) -> purchases.OfferTerms | None:
        loads.append(key)
        return await load(key)

    shop.terms.load = counted
    frames = [asyncio.create_task(shop.frame()) for _ in range(3)]
    await asyncio.sleep(0)
    posts = [asyncio.create_task(shop.buy()) for _ in range(3)]
    told = [answer["outcome"] for answer in await asyncio.gather(*frames)]
    refused = [answer.json["code"] for answer in await asyncio.gather(*posts)]

    assert told == ["held", "held", "held"]
    assert refused == ["stock.sold_out"] * 3
    assert loads == [shop.market.offer_id]


async def test_terms_that_cannot_be_loaded_are_said_to_all_who_ask(shop: Shop) -> None:
    async def load(key: int) -> purchases.OfferTerms | None:
        raise DatabaseAway if key == shop.market.offer_id else RuntimeError

    shop.terms.load = load
    away = await asyncio.gather(shop.buy(), shop.buy())
    broken = await shop.buy(offer_id=shop.market.offer_id + 1)

    assert [(answer.status, answer.json["code"]) for answer in away] == [(503, "database.away")] * 2
    assert (broken.status, broken.json["code"]) == (503, "intake.unknown")
    assert await shop.market.left() == 3


async def test_an_early_wish_that_breaks_is_answered_and_so_are_those_behind_it(shop: Shop) -> None:
    load = shop.terms.load
    broken, sound = shop.market.variants

    async def damaged(key: int) -> purchases.OfferTerms | None:
        terms = await load(key)
        assert terms is not None
        terms.bundles[broken] = object()  # pyright: ignore[reportArgumentType] -- no terms of ours look like this
        return terms

    shop.terms.load = damaged
    first, second = await asyncio.wait_for(asyncio.gather(shop.buy(), shop.buy(variant_id=sound)), PATIENCE)

    assert (first.status, first.json["code"]) == (503, "intake.unknown")
    assert second.json["outcome"] == "held"


async def test_terms_in_use_are_renewed_before_they_are_stale() -> None:
    now, loads = [0.0], [0]

    async def load(key: int) -> purchases.OfferTerms:
        loads[0] += 1
        return purchases.OfferTerms(
            key=key, shop_id=1, shop="s", product_id=1, offer_id=key, show_id=1, pool_id=1,
            policy=stock.HoldPolicy.TIMER, hold_seconds=60, limit_per_buyer=None, limit_per_show=None,
            currency="CNY", is_open=True, prices={9: loads[0]},
        )  # fmt: skip

    cache = OfferTermsCache(load, fresh_for=5.0, clock=lambda: now[0])
    assert cache.get(7) is None
    await cache.fetch(7)
    prices: list[int | None] = []
    for second in range(13):
        now[0] = float(second)
        terms = cache.get(7)
        prices.append(None if terms is None else terms.prices[9])
        # What is loaded meanwhile waits for nothing: it needs a few turns of the loop.
        for _ in range(20):
            await asyncio.sleep(0)
    assert prices == [1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]
    now[0] = 40.0
    assert cache.get(7) is None


async def test_a_load_that_was_overtaken_is_done_again() -> None:
    started, go_on = asyncio.Event(), asyncio.Event()
    prices = iter([100, 200])

    async def load(key: int) -> purchases.OfferTerms:
        price = next(prices)
        if price == 100:
            started.set()
            await go_on.wait()
        return purchases.OfferTerms(
            key=key, shop_id=1, shop="s", product_id=1, offer_id=key, show_id=1, pool_id=1,
            policy=stock.HoldPolicy.TIMER, hold_seconds=60, limit_per_buyer=None, limit_per_show=None,
            currency="CNY", is_open=True, prices={9: price},
        )  # fmt: skip

    cache = OfferTermsCache(load)
    asking = asyncio.create_task(cache.fetch(7))
    await started.wait()
    cache.forget(7)
    go_on.set()
    terms = await asking

    assert terms is not None
    assert terms.prices == {9: 200}


SOON = date(2031, 3, 5)
LATER = date(2031, 3, 9)


async def test_a_form_agrees_to_the_days_it_showed_and_to_no_later_ones(open_doors: Any) -> None:
    shop = await open_doors(1, later={SOON: 1, LATER: 1})
    m, big = shop.market.variants

    def place(answer: Response) -> dict[str, list[str]]:
        return parse_qs(urlsplit(answer.headers["location"]).query)

    first = await shop.form(shop.wish(shown=""))
    assert "/checkout/" in first.headers["location"]
    too_late = place(await shop.form(shop.wish(shown=f"{big}={LATER}")))
    assert (too_late["refused"], too_late["ready_on"]) == (["stock.too_late"], [SOON.isoformat()])
    assert await shop.market.left() == 2
    second = await shop.form(shop.wish(shown=f"{m}={SOON}"))
    assert "/checkout/" in second.headers["location"]
    assert place(await shop.form(shop.wish(shown=f"{m}={SOON}")))["ready_on"] == [LATER.isoformat()]
    assert await shop.market.left() == 1


async def test_a_page_that_showed_the_shelf_gets_the_shelf_or_hears_the_day(open_doors: Any) -> None:
    shop = await open_doors(1, later={SOON: 1})

    held = await shop.buy(latest_ready="0001-01-01")
    refused = await shop.frame(latest_ready=date.min)

    assert held.json["outcome"] == "held"
    assert (refused["code"], refused["facts"]["ready_on"]) == ("stock.too_late", SOON.isoformat())
    assert await shop.market.left() == 1


async def test_whoever_pays_first_is_not_sold_a_later_day_unseen(open_doors: Any) -> None:
    shop = await open_doors(1, later={LATER: 2}, policy="first_paid")

    refused = await shop.buy(quantity=2, latest_ready=SOON.isoformat())
    opened = await shop.buy(quantity=2, latest_ready=LATER.isoformat())
    gone = await shop.buy(quantity=4, latest_ready=LATER.isoformat())

    assert (refused.status, refused.json["code"]) == (409, "stock.too_late")
    assert refused.json["facts"]["ready_on"] == LATER.isoformat()
    assert opened.json["outcome"] == "open"
    assert gone.json["code"] == "stock.sold_out"


async def test_a_form_that_was_held_is_remembered_by_the_browser(shop: Shop) -> None:
    wish = shop.wish()
    held = await shop.form(wish)
    refused = await shop.form(shop.wish(quantity=9))

    assert held.headers["set-cookie"] == f"held={wish['id']}; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax"
    assert "set-cookie" not in refused.headers


async def test_a_form_of_too_many_fields_is_refused(shop: Shop) -> None:
    answer = await shop.form({f"field-{number}": number for number in range(311)})

    assert answer.status == 422
    assert b"orders.bad_purchase" in answer.body
    assert await shop.market.left() == 3


async def paid_first(shop: Shop, wish_id: UUID) -> orders.Order:
    placed = await orders.complete(
        shop.market.db, shop_id=shop.market.shop_id, hold_id=wish_id, shopper=shop.shopper, form=form()
    )
    async with shop.market.db.transaction() as tx:
        return await orders.mark_paid(
            tx, shop_id=shop.market.shop_id, order_id=placed.id, amount=placed.total, actor="person:1"
        )


async def test_whoever_pays_first_pays_within_the_limit(open_doors: Any) -> None:
    shop = await open_doors(5, policy="first_paid", limit_per_buyer=2)
    wishes = [uuid4() for _ in range(3)]
    opened = [await shop.buy(id=str(wish)) for wish in wishes]
    assert [answer.json["outcome"] for answer in opened] == ["open", "open", "open"]

    orders_paid = [await paid_first(shop, wish) for wish in wishes]
    one_more = await shop.buy()

    assert [order.status for order in orders_paid] == ["paid", "paid", "cancelled"]
    assert orders_paid[2].refund_owed_minor == PRICE
    assert (one_more.json["code"], one_more.json["facts"]["limit"]) == ("stock.limit", 2)
    assert await shop.market.left() == 3
    await shop.market.assert_sound()


async def flood(shop: Shop, number: int) -> list[tuple[UUID, dict[str, Any]]]:
    """As many cookies from one address at one moment: shoppers and what they heard."""
    shoppers = [uuid4() for _ in range(number)]

    async def one(shopper: UUID) -> dict[str, Any]:
        each = Shop(shop.market, shop.door, shop.terms, shop.endpoint, shopper)
        return (await each.buy()).json

    return list(zip(shoppers, await asyncio.gather(*map(one, shoppers)), strict=True))


async def test_many_cookies_of_one_address_hold_a_tenth_and_whoever_pays_is_served(open_doors: Any) -> None:
    shop: Shop = await open_doors(100)
    shop.door.networks = Networks(b"salt")

    heard = await flood(shop, 150)

    assert Counter(answer["outcome"] for _, answer in heard) == {"held": 10, "open": 140}
    assert await shop.market.left() == 90
    shopper, answer = next(each for each in heard if each[1]["outcome"] == "open")
    assert answer["code"] == "stock.network_limit"
    assert answer["facts"]["helps"] == ["pay", "wait"]
    placed = await shop.market.complete(UUID(answer["id"]), shopper)
    assert (placed.status, placed.fulfilment_status) == ("placed", "unsecured")
    assert await shop.market.left() == 90
    async with shop.market.db.transaction() as tx:
        paid = await orders.mark_paid(
            tx, shop_id=shop.market.shop_id, order_id=placed.id, amount=placed.total, actor="person:1"
        )
    assert paid.secured
    assert await shop.market.left() == 89
    await shop.market.assert_sound()


async def test_the_end_of_a_sale_is_not_written_down_tap_by_tap(open_doors: Any) -> None:
    """Those who have never paid hold all they may, and more come from everywhere than can be offered to pay."""
    shop: Shop = await open_doors(100)
    shop.door.networks = Networks(b"salt")
    doors = [
        Shop(
            shop.market, shop.door, shop.terms, shop.endpoint, uuid4(), address=f"198.51.{n // 200}.{n % 200}"
        )
        for n in range(800)
    ]
    begun = time.monotonic()

    answers = await asyncio.gather(*(each.buy() for each in doors))
    heard = Counter(answer.json["outcome"] for answer in answers)

    assert heard["held"] == 90
    assert heard["refused"] == 800 - 90 - heard["open"] > 0
    assert 300 <= heard["open"] <= 300 + 100 * (time.monotonic() - begun)
    assert await shop.market.left() == 10


def time_to_pay(order: orders.Order) -> timedelta:
    assert order.payment_due_at is not None
    assert order.placed_at is not None
    return order.payment_due_at - order.placed_at


async def test_an_order_among_many_of_one_address_is_due_in_ten_minutes(open_doors: Any) -> None:
    shop: Shop = await open_doors(100)
    shop.door.networks = Networks(b"salt")
    heard = await flood(shop, 4)

    placed = [await shop.market.complete(UUID(answer["id"]), shopper) for shopper, answer in heard[:3]]

    assert all(order.secured for order in placed)
    minutes = [time_to_pay(order) / timedelta(minutes=1) for order in placed]
    assert minutes == [10, 10, 10]


async def test_an_order_of_one_household_has_the_shops_time_and_a_large_one_an_hour(open_doors: Any) -> None:
    shop: Shop = await open_doors(40)
    shop.door.networks = Networks(b"salt")
    small, large = [
        Shop(shop.market, shop.door, shop.terms, shop.endpoint, uuid4(), address=address)
        for address in ("198.51.100.1", "198.51.100.2")
    ]
    placed: list[orders.Order] = []
    for each, quantity in ((small, 4), (large, 5)):
        answer = (await each.buy(quantity=quantity)).json
        assert answer["outcome"] == "held"
        placed.append(
            await shop.market.complete(
                UUID(answer["id"]), each.shopper, email=f"{quantity}@example.com", phone=""
            )
        )

    hours = [time_to_pay(order) / timedelta(hours=1) for order in placed]
    assert hours == [48, 1]


async def test_both_doors_count_the_same_network(open_doors: Any) -> None:
    shop: Shop = await open_doors(40)
    shop.door.networks = Networks(b"salt")
    heard: list[str] = []
    for _ in range(3):
        each = Shop(shop.market, shop.door, shop.terms, shop.endpoint, uuid4())
        heard += [(await each.buy()).json["outcome"]]
        each = Shop(shop.market, shop.door, shop.terms, shop.endpoint, uuid4())
        heard += [(await each.frame())["outcome"]]

    assert heard == ["held"] * 4 + ["open"] * 2


async def test_one_tap_cannot_hold_all_where_the_offer_has_no_limit(open_doors: Any) -> None:
    shop: Shop = await open_doors(200)

    answer = await shop.buy(quantity=200)

    assert (answer.status, answer.json["code"]) == (409, "stock.limit")
    assert answer.json["facts"] == {
        "offer_id": shop.market.offer_id, "limit": 10, "already": 0, "wanted": 200
    }  # fmt: skip
    assert await shop.market.left() == 200
    async with shop.market.db.transaction() as tx:
        await purchases.set_most_per_buyer(tx, shop_id=shop.market.shop_id, units=200)
    shop.terms.forget_all()
    assert (await shop.buy(quantity=200)).json["outcome"] == "held"


async def test_a_contact_cannot_order_without_end_and_not_pay(open_doors: Any) -> None:
    shop: Shop = await open_doors(100)
    first, second = uuid4(), uuid4()
    held = [
        (await Shop(shop.market, shop.door, shop.terms, shop.endpoint, shopper).buy(quantity=6)).json
        for shopper in (first, second)
    ]
    placed = await shop.market.complete(UUID(held[0]["id"]), first, email="Li.Na+1@Example.com", phone="")

    with pytest.raises(ContactLimit) as refused:
        await shop.market.complete(UUID(held[1]["id"]), second, email="li.na+2@example.com", phone="")

    assert refused.value.code == "orders.contact_limit"
    assert refused.value.facts == {
        "variant_id": shop.market.variants[0], "limit": 10, "already": 6, "wanted": 6, "helps": ["pay", "wait"]
    }  # fmt: skip
    async with shop.market.db.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM orders.orders") == 1
        await orders.mark_paid(
            tx, shop_id=shop.market.shop_id, order_id=placed.id, amount=placed.total, actor="person:1"
        )
    again = await shop.market.complete(UUID(held[1]["id"]), second, email="li.na+2@example.com", phone="")
    assert again.status == "placed"


def test_an_address_from_a_header_counts_from_a_trusted_proxy_only(shop: Shop) -> None:
    said = [(b"x-forwarded-for", b"198.51.100.1, 203.0.113.7")]

    assert shop.endpoint.address_of("127.0.0.1", said) == "203.0.113.7"
    assert shop.endpoint.address_of("192.0.2.1", said) == "192.0.2.1"
    assert shop.endpoint.address_of("127.0.0.1", []) == "127.0.0.1"

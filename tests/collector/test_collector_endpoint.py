"""POST /e."""

import asyncio
import errno
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import httpx
import pytest

from shopfloor import collector
from shopfloor.collector.models import MAX_BODY
from shopfloor.collector.quotas import Quotas

Make = Callable[..., Awaitable[collector.Collector]]


VIEWER = UUID(int=5)
BATCH = [
    {"id": "a", "type": "view_item", "data": {"shop_id": 1, "product_id": 5}},
    {"id": "b", "type": "orders.order_paid"},
    {"id": "a", "type": "view_item"},
]


def client(one: collector.Collector) -> httpx.AsyncClient:
    app: Any = collector.Endpoint(one, viewer=lambda _: VIEWER)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop")


def ids(directory: Path) -> list[str]:
    return sorted(collector.lake.open(directory).table(names=["id"])["id"].to_pylist())


@pytest.mark.parametrize(
    "media",
    [
        "application/json",
        "application/cloudevents-batch+json",
        "text/plain;charset=UTF-8",
        "Application/JSON; x=y",
    ],
)
async def test_a_batch_is_answered_event_by_event(make: Make, directory: Path, media: str) -> None:
    async with client(await make()) as http:
        answer = await http.post("/e", content=json.dumps(BATCH), headers={"content-type": media})

    assert answer.status_code == 200
    assert answer.json() == {"results": {"a": "dup", "b": "bad:server_only"}}
    assert ids(directory) == ["a"]


async def test_one_event_and_an_empty_batch_will_do(make: Make, directory: Path) -> None:
    async with client(await make()) as http:
        answers = [await http.post("/e", content=json.dumps(body)) for body in (BATCH[0], [])]

    assert [answer.json() for answer in answers] == [{"results": {"a": "ok"}}, {"results": {}}]
    assert collector.lake.open(directory).table()["viewer"].to_pylist() == [str(VIEWER)]


async def test_a_beacon_of_64_kib_fits_and_a_megabyte_is_the_limit(make: Make, directory: Path) -> None:
    events = [{"id": str(n), "type": "page_view", "data": {"pad": "x" * 900}} for n in range(70)]
    big = [{"id": "big", "type": "page_view", "data": {"pad": "x" * MAX_BODY}}]
    async with client(await make()) as http:
        taken = await http.post("/e", content=json.dumps(events))
        refused = await http.post("/e", content=json.dumps(big))

        async def unannounced() -> AsyncIterator[bytes]:
            for _ in range(20):
                yield b" " * (64 << 10)

        streamed = await http.post("/e", content=unannounced())

    assert set(taken.json()["results"].values()) == {"ok"}
    assert (refused.status_code, refused.json()["code"]) == (413, "collector.too_large")
    assert (streamed.status_code, streamed.json()["code"]) == (413, "collector.too_large")
    assert len(ids(directory)) == 70


@pytest.mark.parametrize(
    ("method", "content", "media", "status", "code"),
    [
        ("GET", b"", "", 405, "method_not_allowed"),
        ("POST", b"nonsense", "application/json", 400, "collector.malformed"),
        ("POST", b"", "application/json", 400, "collector.malformed"),
        ("POST", b"<a/>", "application/xml", 415, "collector.unsupported_media"),
        ("POST", b"a=1", "application/x-www-form-urlencoded", 415, "collector.unsupported_media"),
    ],
)
async def test_refusals(
    make: Make, directory: Path, method: str, content: bytes, media: str, status: int, code: str
) -> None:
    async with client(await make()) as http:
        answer = await http.request(method, "/e", content=content, headers={"content-type": media})

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert ids(directory) == []


async def test_a_page_of_another_site_cannot_speak_in_a_shoppers_name(make: Make, directory: Path) -> None:
    app: Any = collector.Endpoint(await make(), viewer=lambda _: VIEWER, origins=["https://merchant.example"])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as http:

        async def sent(event: str, **headers: str) -> httpx.Response:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await http.post("/e", content=json.dumps([{**BATCH[0], "id": event}]), headers=named)

        foreign = await sent("foreign", origin="https://evil.example")
        framed = await sent("framed", sec_fetch_site="cross-site")
        ours = [
            await sent("program"),
            await sent("page", origin="http://shop", sec_fetch_site="same-origin"),
            await sent("other", origin="https://merchant.example", sec_fetch_site="cross-site"),
        ]

    for refused in (foreign, framed):
        assert (refused.status_code, refused.json()["code"]) == (403, "accounts.cross_site")
    assert [answer.status_code for answer in ours] == [200] * 3
    assert ids(directory) == ["other", "page", "program"]


async def test_another_site_of_the_merchant_may_send_and_read_the_answer(make: Make, directory: Path) -> None:
    app: Any = collector.Endpoint(await make(), viewer=lambda _: VIEWER, partners=["https://blog.example"])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as http:
        there = {"origin": "https://blog.example", "sec-fetch-site": "cross-site"}
        asked = await http.options("/e", headers={**there, "access-control-request-method": "POST"})
        taken = await http.post(
            "/e", content=json.dumps([{**BATCH[0], "data": {"site": "x"}}]), headers=there
        )
        broken = await http.post("/e", content=b"nonsense", headers=there)
        refused = [
            await http.options("/e", headers={"origin": "https://evil.example"}),
            await http.post("/e", content=b"[]", headers={"origin": "https://evil.example"}),
            await http.post("/e", content=b"[]", headers={"origin": "null", "sec-fetch-site": "cross-site"}),
        ]

    assert (asked.status_code, asked.content) == (204, b"")
    assert asked.headers["access-control-allow-headers"] == "content-type"
    for answer in (asked, taken, broken):
        assert answer.headers["access-control-allow-origin"] == "https://blog.example"
        assert answer.headers["access-control-expose-headers"] == "retry-after"
        assert answer.headers["vary"] == "origin"
        assert "access-control-allow-credentials" not in answer.headers
    assert (taken.json(), broken.status_code) == ({"results": {"a": "ok"}}, 400)
    assert [answer.status_code for answer in refused] == [405, 403, 403]
    assert not any(name.startswith("access-control") for answer in refused for name in answer.headers)
    rows = collector.lake.open(directory).table(names=["id", "viewer", "extra"]).to_pylist()
    assert rows == [{"id": "a", "viewer": None, "extra": '{"site":"https://blog.example"}'}]


async def test_not_durable_is_a_503_with_retry_after(make: Make, directory: Path) -> None:
    failing = True

    def sync(handle: int) -> None:
        if failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        os.fdatasync(handle)

    async with client(await make(sync=sync)) as http:
        refused = await http.post("/e", content=json.dumps(BATCH[:1]))
        failing = False
        taken = await http.post("/e", content=json.dumps(BATCH[:1]))

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    assert refused.json() == {
        "code": "collector.not_durable",
        "message": "The events could not be made durable; nothing is promised, send them again with the same ids.",
        "facts": {"cause": "No space left on device"},
    }
    assert taken.json() == {"results": {"a": "ok"}}
    assert ids(directory) == ["a"]


async def test_what_was_malformed_is_kept_for_a_look(make: Make, directory: Path) -> None:
    one = await make()
    async with client(one) as http:
        await http.post("/e", content=b"nonsense")
    (sealed,) = await one.seal()

    assert (sealed.received, sealed.accepted, sealed.bad) == (1, 0, 1)


# How much one may report


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def from_address(
    one: collector.Collector, clock: Clock, address: str, viewer: UUID | None
) -> httpx.AsyncClient:
    app: Any = collector.Endpoint(one, viewer=lambda _: viewer, quotas=quotas_of(one), clock=clock)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(address, 1)), base_url="http://shop")


_QUOTAS: WeakKeyDictionary[collector.Collector, Quotas] = WeakKeyDictionary()


def quotas_of(one: collector.Collector) -> Quotas:
    """One for all who report to the same collector in a test."""
    return _QUOTAS.setdefault(one, Quotas())


async def test_a_shopper_reports_sixty_times_at_once_and_then_twice_a_second(
    make: Make, directory: Path
) -> None:
    one, clock = await make(), Clock()
    async with from_address(one, clock, "203.0.113.7", VIEWER) as http:
        taken = [
            await http.post("/e", content=json.dumps([{"id": str(n), "type": "page_view"}]))
            for n in range(60)
        ]
        refused = await http.post("/e", content=json.dumps([{"id": "60", "type": "page_view"}]))
        clock.now += 0.499
        still = await http.post("/e", content=json.dumps([{"id": "60", "type": "page_view"}]))
        clock.now += 0.001
        again = await http.post("/e", content=json.dumps([{"id": "60", "type": "page_view"}]))

    assert {answer.status_code for answer in taken} == {200}
    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (
        429,
        "collector.too_fast",
        "1",
    )
    assert (still.status_code, again.status_code) == (429, 200)
    assert again.json() == {"results": {"60": "ok"}}
    assert len(ids(directory)) == 61
    assert one.counters.refused == 2


async def test_bytes_are_paid_for_before_they_are_read(make: Make, directory: Path) -> None:
    one, clock = await make(), Clock()
    body = b"[" + b" " * (MAX_BODY - 2) + b"]"
    read: list[int] = []

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(4):
            read.append(1)
            yield b" " * (MAX_BODY // 4)

    async with from_address(one, clock, "203.0.113.7", VIEWER) as http:
        full = [await http.post("/e", content=body) for _ in range(2)]
        small = await http.post("/e", content=b"[]")
        announced = await http.post("/e", content=b"{" * 100)
        unannounced = await http.post("/e", content=pieces())
        clock.now += 32
        after = await http.post("/e", content=body)

    assert [answer.status_code for answer in full] == [200, 200]
    assert [answer.status_code for answer in (small, announced, unannounced)] == [429, 429, 429]
    assert len(read) == 1, "no more was read than showed that it is too much"
    assert after.status_code == 200
    # What was refused was never looked at: the nonsense among it is not in the lake either.
    assert (one.counters.bad, one.counters.refused) == (0, 3)
    assert ids(directory) == []


async def test_a_body_of_a_megabyte_costs_a_shopper_half_a_minute(make: Make) -> None:
    one, clock = await make(), Clock()
    body = b"[" + b" " * (MAX_BODY - 2) + b"]"
    async with from_address(one, clock, "203.0.113.7", VIEWER) as http:
        for _ in range(2):
            await http.post("/e", content=body)
        refused = await http.post("/e", content=body)
        clock.now += 31.99
        still = await http.post("/e", content=body)
        clock.now += 0.01
        again = await http.post("/e", content=body)

    assert (refused.status_code, refused.headers["retry-after"]) == (429, "32")
    assert (still.status_code, again.status_code) == (429, 200)


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("203.0.113.7", "203.0.113.7", True),
        ("203.0.113.7", "203.0.113.8", False),
        ("2001:db8:7:1::1", "2001:db8:7:ffff::2", True),
        ("2001:db8:7:1::1", "2001:db8:8:1::1", False),
    ],
)
async def test_visitors_without_a_cookie_share_what_their_address_has(
    make: Make, first: str, second: str, shared: bool
) -> None:
    one, clock = await make(), Clock()
    async with from_address(one, clock, first, None) as a, from_address(one, clock, second, None) as b:
        taken = {(await a.post("/e", content=b"[]")).status_code for _ in range(400)}
        refused = (await a.post("/e", content=b"[]")).status_code
        other = (await b.post("/e", content=b"[]")).status_code
    async with from_address(one, clock, first, VIEWER) as known:
        with_cookie = (await known.post("/e", content=b"[]")).status_code

    assert (taken, refused) == ({200}, 429)
    assert other == (429 if shared else 200)
    assert with_cookie == 200, "who has a cookie has an allowance of its own"


def test_a_campus_behind_one_address_is_not_cut_and_a_flood_is() -> None:
    """2,000 rooms open within ten seconds and report every two seconds, 3 KB each, for ten minutes; beside them one
    shopper, and a script without a cookie, send as fast as they can.
    """
    quotas, address = Quotas(), "203.0.113.7"
    viewers = [UUID(int=n) for n in range(1, 2_001)]
    flood, taken_of_flood, cut = UUID(int=99_999), 0, 0
    for tick in range(6_000):
        now = tick / 10
        for viewer in viewers[tick % 20 :: 20]:
            if now < 10 and viewer.int > 200 * (now + 0.1):
                continue
            cut += quotas.request(address, viewer, now) > 0 or quotas.body(address, viewer, 3_000, now) > 0
        for sender in (flood, None):
            for _ in range(20):
                if not quotas.request(address, sender, now) and not quotas.body(
                    address, sender, MAX_BODY, now
                ):
                    taken_of_flood += MAX_BODY
    assert cut == 0
    # At most what both may send at once, and 160 KiB a second after that; not the 2 GB a minute they tried.
    assert 0 < taken_of_flood <= 6 * MAX_BODY + 600 * (160 << 10)


def test_many_shoppers_of_one_address_have_one_bound() -> None:
    """Fresh cookies do not help: an address has 10,000 requests at once, then 1,500 a second, and 4 MiB a second."""
    quotas, address = Quotas(), "203.0.113.7"
    at_once = sum(not quotas.request(address, UUID(int=n), 0.0) for n in range(1, 12_001))
    in_the_next_second = sum(not quotas.request(address, UUID(int=n), 1.0) for n in range(20_001, 24_001))
    bodies = sum(not quotas.body(address, UUID(int=n), MAX_BODY, 0.0) for n in range(30_001, 30_101))
    bodies_later = sum(not quotas.body(address, UUID(int=n), MAX_BODY, 10.0) for n in range(40_001, 40_101))

    assert (at_once, in_the_next_second) == (10_000, 1_500)
    assert (bodies, bodies_later) == (64, 40)


async def test_what_was_refused_is_left_in_the_lake(make: Make, directory: Path) -> None:
    one, clock = await make(seal_every=0.05), Clock()
    async with from_address(one, clock, "203.0.113.7", VIEWER) as http:
        statuses = [(await http.post("/e", content=b"[]")).status_code for _ in range(63)]
    assert statuses.count(429) == 3

    def said() -> list[int]:
        table = collector.lake.open(directory).table(names=["type", "quantity"]).to_pylist()
        return [row["quantity"] for row in table if row["type"] == "collector.refused"]

    async with asyncio.timeout(30):
        while not said():
            await asyncio.sleep(0.05)
    assert sum(said()) == 3

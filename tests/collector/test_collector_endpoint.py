"""POST /e."""

import errno
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from shopfloor import collector
from shopfloor.collector.models import MAX_BODY

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

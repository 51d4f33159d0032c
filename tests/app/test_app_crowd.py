"""Two thousand viewers behind one carrier's address, each with a socket of its own; and somebody who opens as many
connections as they can, beside them.
"""

import asyncio
import base64
import contextlib
import json
import resource
import secrets
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from tests.app.running import PATIENCE, Owner, Running, place
from tests.conftest import NewDatabase

VIEWERS = 2_000
# A proxy of the machine itself says whose connection it is.
CARRIER = "203.0.113.7"
FLOOD = "198.51.100.66"
# Room for 6,744 connections: above 4,720 the address with most gives up its newest.
FILES = 7_000
TOTAL = FILES - 256
SHARED_ABOVE = int(TOTAL * 0.7)
FLOODED = 3_600

HELLO = json.dumps({"t": "hello"}).encode()


@dataclass(frozen=True, slots=True)
class Room:
    node: Running
    owner: Owner
    show_id: int
    offer_id: int


@pytest.fixture(scope="module")
def room(new_database: NewDatabase) -> Iterator[Room]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = VIEWERS + FLOODED + 500
    if hard != resource.RLIM_INFINITY and hard < needed:
        pytest.fail(f"this test opens {needed} sockets; the limit here is {hard} (ulimit -Hn)")
    if soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    with (
        place() as data_dir,
        new_database() as database,
        Running(data_dir, database=database, files=FILES) as node,
    ):
        owner = Owner(node, "corner")
        owner.claim(node.claim)
        product = owner.product("Bowl", {"S": 3})
        show = owner.show("Evening")
        offer = owner.offer(show, product, {"S": 3})
        owner.shop("POST", f"/shows/{show}/start")
        yield Room(node, owner, show, offer)
        owner.close()


class Viewer:
    """A page with a socket, seen from the network: it reads all the time, and answers pings as browsers do."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._heard: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._listening: asyncio.Task[None] | None = None

    async def greet(self, show: int, shopper: str, address: str) -> None:
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        self._writer.write(
            f"GET /room/{show}/socket HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nCookie: shopper={shopper}\r\n"
            f"X-Forwarded-For: {address}\r\n\r\n".encode()
        )
        status = await self._reader.readline()
        assert b" 101 " in status, status
        await self._reader.readuntil(b"\r\n\r\n")
        self._send(0x81, HELLO)
        self._listening = asyncio.create_task(self._listen())

    def _send(self, first: int, payload: bytes) -> None:
        # Masked with zeros: a mask all the same.
        self._writer.write(bytes((first, 0x80 | len(payload))) + bytes(4) + payload)

    async def _listen(self) -> None:
        try:
            while True:
                first, length = await self._reader.readexactly(2)
                if length >= 126:
                    length = int.from_bytes(await self._reader.readexactly(2 if length == 126 else 8))
                payload = await self._reader.readexactly(length)
                if first == 0x81:
                    self._heard.put_nowait(json.loads(payload))
                elif first == 0x89:
                    self._send(0x8A, payload)
        except (asyncio.IncompleteReadError, ConnectionError):
            self._heard.put_nowait(None)

    async def hear(self, kind: str) -> dict[str, Any]:
        while True:
            message = await self._heard.get()
            assert message is not None, "the connection was cut"
            if message["t"] == kind:
                return message

    def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
        self._writer.close()


async def connected(room: Room) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    at = urlsplit(room.node.address)
    return await asyncio.open_connection(at.hostname, at.port)


async def cookies(room: Room, count: int) -> list[str]:
    """Shoppers of the shop: whoever asks to buy is given a cookie, also for what is not there."""
    at_once = asyncio.Semaphore(50)

    async def one(number: int) -> str:
        wish = {"id": str(uuid4()), "offer_id": 999_999, "variant_id": 1, "quantity": 1, "price_minor": 1}
        body = json.dumps(wish).encode()
        async with at_once:
            reader, writer = await connected(room)
            address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
            writer.write(
                f"POST /buy HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nX-Forwarded-For: {address}\r\n"
                f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            answer = (await reader.read()).decode()
            writer.close()
        return answer.split("shopper=", 1)[1].split(";", 1)[0]

    return list(await asyncio.gather(*(one(number) for number in range(1, count + 1))))


@asynccontextmanager
async def watching(room: Room, shoppers: Sequence[str], address: str) -> AsyncGenerator[list[Viewer]]:
    at_once = asyncio.Semaphore(100)
    viewers: list[Viewer] = []

    async def one(shopper: str) -> None:
        async with at_once:
            viewer = Viewer(*await connected(room))
            viewers.append(viewer)
            await viewer.greet(room.show_id, shopper, address)
            snapshot = await viewer.hear("snapshot")
        assert snapshot["state"]["show"]["id"] == room.show_id

    try:
        async with asyncio.TaskGroup() as group:
            for shopper in shoppers:
                group.create_task(one(shopper))
        yield viewers
    finally:
        for viewer in viewers:
            viewer.close()


async def all_hear_of(room: Room, viewers: Sequence[Viewer], offer_id: int | None) -> None:
    """The host features something, and every page is told."""
    featured = asyncio.to_thread(room.owner.feature, room.show_id, offer_id)
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        group.create_task(featured)
        for viewer in viewers:
            group.create_task(_hears(viewer, offer_id))


async def _hears(viewer: Viewer, offer_id: int | None) -> None:
    while True:
        patch = (await viewer.hear("tick")).get("patch") or {}
        if "featured" in patch and (patch["featured"] or {}).get("offer_id") == offer_id:
            return


async def turned_away(room: Room) -> dict[str, float]:
    reader, writer = await connected(room)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
    text = (await reader.read()).decode()
    writer.close()
    name = 'shopfloor_connections_turned_away_total{what="'
    return {
        line[len(name) :].split('"', 1)[0]: float(line.rsplit(" ", 1)[1])
        for line in text.splitlines()
        if line.startswith(name)
    }


async def test_two_thousand_behind_one_address_are_all_served(room: Room) -> None:
    shoppers = await cookies(room, VIEWERS)
    before = await turned_away(room)
    async with asyncio.timeout(2 * PATIENCE), watching(room, shoppers, CARRIER) as viewers:
        assert len(viewers) == VIEWERS
        await all_hear_of(room, viewers, room.offer_id)

        assert await turned_away(room) == before
        await asyncio.to_thread(room.owner.feature, room.show_id, None)


async def test_who_opens_all_they_can_takes_nobody_elses_place(room: Room) -> None:
    shoppers = await cookies(room, VIEWERS + 5)
    async with asyncio.timeout(3 * PATIENCE), watching(room, shoppers[:VIEWERS], CARRIER) as viewers:
        before = await turned_away(room)
        flood: list[asyncio.StreamWriter] = []

        async def one() -> None:
            # A request, so that the proxy's word is heard; the connection is kept after it.
            with contextlib.suppress(ConnectionError):
                reader, writer = await connected(room)
                flood.append(writer)
                writer.write(
                    f"GET /healthz HTTP/1.1\r\nHost: shop\r\nX-Forwarded-For: {FLOOD}\r\n\r\n".encode()
                )
                await reader.read(100)

        for _ in range(FLOODED // 100):
            await asyncio.gather(*(one() for _ in range(100)))
        try:
            after = await turned_away(room)
            turned = sum(after.values()) - sum(before.values())
            # All the flood has is what two thousand viewers leave of 70 %.
            assert turned >= VIEWERS + FLOODED - SHARED_ABOVE - 50
            async with watching(room, shoppers[VIEWERS:], "192.0.2.9") as newcomers:
                await all_hear_of(room, [*viewers, *newcomers], room.offer_id)
        finally:
            for writer in flood:
                writer.close()

"""The room stream through a real uvicorn, with clients that are browsers in all that matters."""

import asyncio
import contextlib
import json
import socket
import struct
import sys
import time
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
import uvicorn
from tests.waiting import PATIENCE, soon
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from shopfloor.kernel.database import Database
from shopfloor.kernel.errors import Conflict
from shopfloor.live.models import Show, ShowStatus
from shopfloor.rooms import (
    AdmissionLimits,
    Beat,
    Buy,
    ChatLine,
    Gateway,
    RoomHandlers,
    Rooms,
    Said,
    make_protocol,
    room_endpoint,
    wire,
)
from shopfloor.rooms import gateway as gateway_file
from shopfloor.rooms import websocket as websocket_file
from shopfloor.rooms.presence import BeatKind
from shopfloor.rooms.room import Counted, Featured, Room, VariantLeft, merged
from shopfloor.rooms.rooms import OpenRoom
from shopfloor.rooms.state import RoomState
from shopfloor.stock import Availability


def show_of(number: int) -> Show:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Show(number, 1, "T", {}, ShowStatus.LIVE, None, None, 5, None, None, at, None, 0, None)


def state() -> dict[str, Any]:
    line = {
        "id": 9, "sku": "V9", "options": ["M"], "price_minor": 5, "currency": "CNY", "left": 12, "ready_on": None, "later": [], "waiting": 0,
    }  # fmt: skip
    offer = {
        "id": 3, "product_id": 1, "title": "Coat", "titles": {}, "picture": None, "kind": "goods", "option_names": ["Size"],
        "policy": "timer", "limit": None, "hold_seconds": 300, "deposit_percent": None, "lines": {"9": line},
    }  # fmt: skip
    return {
        "show": {
            "id": 7,
            "shop": "a",
            "title": "T",
            "titles": {},
            "status": "live",
            "started_at": None,
            "channel_id": None,
            "playback": None,
        },
        "featured": None,
        "order": [3],
        "offers": {"3": offer},
        "viewers": 0,
        "likes": 0,
        "orders": 0,
        "notice": None,
    }


class NoDatabase(Rooms):
    """Rooms that are open already, without a database behind them."""

    def __init__(self) -> None:
        super().__init__(Database("host=/nowhere"))
        self.shared: list[tuple[dict[int, int], dict[int, int]]] = []

    def put(self, show_id: int) -> OpenRoom:
        self._open[show_id] = OpenRoom(
            Room(f"e{show_id}", msgspec.convert(state(), RoomState)), show_of(show_id), self._wake
        )
        return self._open[show_id]

    async def share(self, *, viewers: Any, likes: Any) -> None:
        self.shared.append((dict(viewers), dict(likes)))

    async def leave(self) -> None:
        self.shared.append(({}, {}))


@dataclass
class House:
    gateway: Gateway
    rooms: NoDatabase
    port: int
    opened: OpenRoom
    beats: list[Beat] = field(default_factory=list)
    posted: list[int] = field(default_factory=list)

    @asynccontextmanager
    async def visit(
        self,
        shopper: UUID | None = None,
        *,
        show: int = 7,
        hello: dict[str, Any] | None = None,
        **options: Any,
    ) -> AsyncGenerator[ClientConnection]:
        headers = {"Cookie": f"shopper={(shopper or uuid4()).hex}", **options.pop("headers", {})}
        async with connect(
            f"ws://127.0.0.1:{self.port}/room/{show}/socket", additional_headers=headers, **options
        ) as client:
            if hello is not None:
                await client.send(json.dumps(hello))
            yield client


def read_cookie(value: str) -> UUID | None:
    try:
        return UUID(value)
    except ValueError:
        return None


class Broke(Conflict):
    code = "test.no"


def buy_door(
    buy: Buy, /, *, show_id: int, shopper: UUID, answer: Callable[[bytes], None], address: str
) -> Awaitable[bytes] | None:
    if buy.quantity == 99:
        raise Broke("Not today.", wanted=99)
    if buy.quantity == 98:
        raise RuntimeError("a bug")
    body = wire.encode(
        {"t": "answer", "id": str(buy.id), "outcome": "held", "show": show_id, "by": str(shopper)}
    )
    if buy.quantity == 2:
        ASKED_LATER.add(str(buy.id))
        return later(body)
    asyncio.get_running_loop().call_soon(answer, body)
    return None


ASKED_LATER: set[str] = set()
"""Ids of purchases that are answered a while after they were asked."""


async def later(body: bytes) -> bytes:
    await asyncio.sleep(0.2)
    return body


async def chat_door(said: Said) -> ChatLine | None:
    if said.text == "spam":
        return None
    if said.text == "no":
        raise Broke("No.")
    return ChatLine(str(uuid4()), said.name or "Guest", said.text, said.role, 1)


async def staff_door(token: str, shop_id: int) -> str | None:
    return "host" if (token, shop_id) == ("boss", 1) else None


@asynccontextmanager
async def running(
    limits: AdmissionLimits | None = None, doors: RoomHandlers | None = None
) -> AsyncGenerator[House]:
    beats: list[Beat] = []
    posted: list[int] = []
    rooms = NoDatabase()
    gateway = Gateway(
        rooms,
        read_shopper=read_cookie,
        handlers=doors
        or RoomHandlers(
            buy=buy_door, chat=chat_door, beat=beats.extend, staff=staff_door, posted=posted.append
        ),
        limits=limits or AdmissionLimits(),
    )
    config = uvicorn.Config(
        room_endpoint(gateway),
        port=0, ws=make_protocol(gateway), lifespan="off", log_level="warning", timeout_graceful_shutdown=3,
    )  # fmt: skip
    server = uvicorn.Server(config)
    server.capture_signals = no_signals  # pyright: ignore[reportAttributeAccessIssue]
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    work = asyncio.create_task(gateway.run())
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield House(gateway, rooms, port, rooms.put(7), beats, posted)
    finally:
        await gateway.drain(patience=2)
        server.should_exit = True
        await serving
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


@contextmanager
def no_signals() -> Generator[None]:
    yield


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with running() as made:
        yield made


async def receive(client: ClientConnection, kind: str | None = None) -> dict[str, Any]:
    while True:
        message = json.loads(await asyncio.wait_for(client.recv(), PATIENCE))
        if kind is None or message["t"] == kind:
            return message


async def collect_codes(client: ClientConnection, codes: set[str | None]) -> None:
    while True:
        codes.add((await receive(client)).get("code"))


HELLO = {"t": "hello"}


async def test_hello_gives_the_snapshot_and_changes_come_as_ticks(house: House) -> None:
    async with house.visit(hello=HELLO) as client:
        snapshot = await receive(client)
        house.opened.apply(VariantLeft(9, Availability(11)))
        tick = await receive(client)

    assert snapshot["t"] == "snapshot"
    assert (snapshot["epoch"], snapshot["seq"], snapshot["chat"]) == ("e7", 0, [])
    assert snapshot["state"] == state()
    assert (tick["t"], tick["seq"], tick["patch"]) == (
        "tick",
        1,
        {"offers": {"3": {"lines": {"9": {"left": 11}}}}},
    )


async def test_plain_and_compressed_clients_and_small_windows_get_the_same(house: House) -> None:
    from_small = ClientOffer()
    async with (
        house.visit(hello=HELLO, compression=None) as plain,
        house.visit(hello=HELLO, compression="deflate") as deflated,
        house.visit(hello=HELLO, compression=None, extensions=[from_small.factory()]) as small,
    ):
        clients = (plain, deflated, small)
        snapshots = [await receive(client) for client in clients]
        for turn in range(3):
            house.opened.room.say(ChatLine(f"l{turn}", "Ann", "好" * 300, "viewer", turn))
            ticks = [await receive(client, "tick") for client in clients]
            assert ticks[0] == ticks[1] == ticks[2]

    assert snapshots[0]["state"] == snapshots[1]["state"] == snapshots[2]["state"]


class ClientOffer:
    """A client that can only inflate with a window of 512 bytes."""

    def factory(self) -> Any:
        from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

        return ClientPerMessageDeflateFactory(server_max_window_bits=9, client_max_window_bits=True)


async def test_resume_gives_the_missed_ticks_and_no_snapshot(house: House) -> None:
    async with house.visit(hello=HELLO) as client:
        first = await receive(client)
        known = first["state"]
        house.opened.apply(Counted(viewers=3))
        tick = await receive(client)
        known = merged(known, tick["patch"])
        seq = tick["seq"]
    async with house.visit(hello=HELLO) as other:
        await receive(other)
        for viewers in (4, 5):
            house.opened.apply(Counted(viewers=viewers))
            await receive(other, "tick")
    async with house.visit(hello={"t": "hello", "epoch": "e7", "seq": seq}) as client:
        missed = [await receive(client), await receive(client)]

    assert [(message["t"], message["seq"], message["patch"]) for message in missed] == [
        ("tick", seq + 1, {"viewers": 4}),
        ("tick", seq + 2, {"viewers": 5}),
    ]
    for message in missed:
        known = merged(known, message["patch"])
    assert known["viewers"] == 5


async def test_resume_in_another_life_gives_a_snapshot(house: House) -> None:
    async with house.visit(hello={"t": "hello", "epoch": "old", "seq": 3}) as client:
        assert (await receive(client))["t"] == "snapshot"


async def test_what_is_urgent_does_not_wait_for_the_next_tick(house: House) -> None:
    async with house.visit(hello=HELLO) as client:
        await receive(client)
        loop = asyncio.get_running_loop()
        started = loop.time()
        for turn in range(10):
            house.opened.apply(Featured(3, turn))
            await receive(client, "tick")
        assert loop.time() - started < 10 * gateway_file.TICK


async def test_buying_is_answered_on_the_same_socket(house: House) -> None:
    shopper = uuid4()
    async with house.visit(shopper, hello=HELLO) as client:
        ids = [str(uuid4()) for _ in range(5)]
        for each in ids:
            await client.send(
                json.dumps(
                    {"t": "buy", "id": each, "offer_id": 3, "variant_id": 9, "quantity": 1, "price_minor": 5}
                )
            )
        answers = [await receive(client, "answer") for _ in ids]

    assert [answer["id"] for answer in answers] == ids
    assert {answer["by"] for answer in answers} == {str(shopper)}


async def test_an_async_door_a_refusal_and_a_bug_are_all_answered(house: House) -> None:
    async with house.visit(hello=HELLO) as client:
        await receive(client)
        seen: list[dict[str, Any]] = []
        for quantity in (2, 99, 98):
            buy_id = str(uuid4())
            await client.send(
                json.dumps(
                    {
                        "t": "buy",
                        "id": buy_id,
                        "offer_id": 3,
                        "variant_id": 9,
                        "quantity": quantity,
                        "price_minor": 5,
                    }
                )
            )
            seen.append(await receive(client))
            assert seen[-1].get("id") == buy_id or seen[-1].get("ref") == buy_id

    assert [message["t"] for message in seen] == ["answer", "error", "error"]
    assert (seen[1]["code"], seen[1]["message"], seen[1]["facts"]) == (
        "test.no",
        "Not today.",
        {"wanted": 99},
    )
    assert seen[2]["code"] == "bug"


async def test_chat_is_acknowledged_held_or_refused(house: House) -> None:
    async with house.visit(hello=HELLO) as client:
        for ref, text in (("a", "hello"), ("b", "spam"), ("c", "no")):
            await client.send(json.dumps({"t": "chat", "ref": ref, "text": text}))
        await receive(client, "snapshot")
        answers = {answer["ref"]: answer for answer in [await receive(client) for _ in range(3)]}

    assert answers["a"]["t"] == "ack"
    assert answers["a"]["line"]["text"] == "hello"
    assert answers["b"] == {"t": "ack", "ref": "b", "held": True}
    assert (answers["c"]["t"], answers["c"]["code"]) == ("error", "test.no")


async def test_chat_is_limited_per_shopper_over_all_sockets_but_not_for_the_host() -> None:
    # Nobody may say a fourth thing because the first three took a while.
    async with running(AdmissionLimits(chat_every=60.0)) as house:
        await _said_too_much(house)


async def _said_too_much(house: House) -> None:
    shopper = uuid4()
    async with house.visit(shopper, hello=HELLO) as one, house.visit(shopper, hello=HELLO) as two:
        for client in (one, two):
            for number in range(2):
                await client.send(json.dumps({"t": "chat", "ref": f"{number}", "text": "hello"}))
        codes: list[str] = []
        for client in (one, two):
            await receive(client, "snapshot")
            codes += [message.get("code", "ok") for message in [await receive(client), await receive(client)]]
    assert sorted(codes) == ["chat.too_fast", "ok", "ok", "ok"]

    headers = {"Cookie": f"shopper={uuid4().hex}; session=boss"}
    async with house.visit(hello=HELLO, headers=headers) as host:
        await receive(host, "snapshot")
        assert (await receive(host, "role"))["role"] == "host"
        for number in range(6):
            await host.send(json.dumps({"t": "chat", "ref": f"{number}", "text": "hello"}))
        acks = [await receive(host) for _ in range(6)]
    assert [ack["line"]["role"] for ack in acks] == ["host"] * 6


async def test_likes_are_counted_and_shown(house: House) -> None:
    async with house.visit(hello=HELLO) as client:
        await receive(client)
        await client.send(json.dumps({"t": "like", "n": 3}))
        await client.send(json.dumps({"t": "like", "n": 1000}))
        await client.send(json.dumps({"t": "like", "n": -5}))
        tick = await receive(client, "tick")
        assert tick["likes"] == 23
        await house.gateway.share()
        assert house.rooms.shared[-1][1] == {7: 23}
        await house.gateway.share()
        assert house.rooms.shared[-1][1] == {7: 0}


async def test_beats_make_viewers_and_leaving_is_told(house: House) -> None:
    shopper = uuid4()
    async with house.visit(shopper, hello=HELLO) as client:
        await receive(client)
        await client.send(json.dumps({"t": "beat", "playing": True, "position": 1.0}))
        await asyncio.sleep(0.3)
        await client.send(json.dumps({"t": "beat", "playing": True, "position": 1.25}))
        audience = (await house.gateway.channel(7)).audience
        await soon("the beat is heard", lambda: audience.count(time.time()) == 1)
        await house.gateway.share()
        assert house.rooms.shared[-1][0] == {7: 1}
    await soon("the leaving is told", lambda: any(beat.kind == "live.leave" for beat in house.beats))

    assert [str(beat.kind) for beat in house.beats] == ["live.enter", "live.heartbeat", "live.leave"]
    assert {beat.shopper for beat in house.beats} == {shopper}
    assert house.beats[1].seconds == 0.25


BUYING = "0b5e7a3e-6a1c-4c0b-9a55-0d5a3f6d9a01"
BUY = f'{{"t":"buy","id":"{BUYING}","offer_id":%s,"variant_id":9,"price_minor":5,"quantity":%s}}'


@pytest.mark.parametrize(
    ("message", "code", "ref"),
    [
        ("nonsense", "room.bad_message", ""),
        ('{"t":"dance","ref":"x"}', "room.bad_message", "x"),
        ('{"t":"chat","ref":"y"}', "room.bad_message", "y"),
        (
            '{"t":"buy","id":"zzz","offer_id":3,"variant_id":9,"quantity":1,"price_minor":5}',
            "room.bad_message",
            "zzz",
        ),
        ("[" * 5000, "room.bad_message", ""),
        ('{"t":"chat","ref":"r","text":"a","text":"b"}', "json.repeated_name", "r"),
        ('{"t":"chat","ref":"r","text":"a","t\\u0065xt":"b"}', "json.repeated_name", "r"),
        ('{"t":"chat","ref":"r","text":"\\ud800"}', "room.bad_message", ""),
        ('{"t":"chat","ref":"r","text":7}', "room.bad_message", "r"),
        ('{"t":"beat","playing":true,"position":NaN}', "room.bad_message", ""),
        ('{"t":"beat","playing":true,"position":1e999}', "room.bad_message", ""),
        ('{"t":"like","n":9223372036854775808}', "room.bad_message", ""),
        (BUY % ("9223372036854775808", "1"), "room.bad_message", BUYING),
        (BUY % ("-1", "1"), "room.bad_message", BUYING),
        (BUY % ("3", '"1"'), "room.bad_message", BUYING),
        (BUY % ("3", "1" + "0" * 400), "room.bad_message", BUYING),
        (BUY % ("3", '1,"quantity":2'), "json.repeated_name", BUYING),
        (BUY % ("3", "NaN"), "room.bad_message", ""),
        ('{"t":"chat","text":"a","more":' + "[" * 5000 + "]" * 5000 + "}", "room.bad_message", ""),
        ('{"t":"hello"}', "room.hello_twice", ""),
        (b"\x00\x01", "room.bad_message", ""),
    ],
    ids=str,
)
async def test_what_makes_no_sense_is_answered_and_the_socket_goes_on(
    house: House, message: str | bytes, code: str, ref: str
) -> None:
    async with house.visit(hello=HELLO) as client:
        await receive(client)
        await client.send(message)
        error = await receive(client)
        assert (error["t"], error["code"], error["ref"]) == ("error", code, ref)
        house.opened.apply(Counted(viewers=3))
        assert (await receive(client))["t"] == "tick"


async def test_nothing_before_hello(house: House) -> None:
    async with house.visit() as client:
        buy_id = str(uuid4())
        await client.send(
            json.dumps(
                {"t": "buy", "id": buy_id, "offer_id": 3, "variant_id": 9, "quantity": 1, "price_minor": 5}
            )
        )
        await client.send(json.dumps({"t": "chat", "ref": "c", "text": "hi"}))
        errors = [await receive(client), await receive(client)]

    assert [(error["code"], error["ref"]) for error in errors] == [
        ("room.hello_first", buy_id),
        ("room.hello_first", "c"),
    ]


async def test_who_says_no_hello_is_shown_out(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_file, "HELLO_WITHIN", 0.1)
    async with house.visit() as client:
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(client.recv(), PATIENCE)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


@pytest.mark.parametrize(
    ("headers", "path", "status", "code"),
    [
        ({"Cookie": "shopper=forged"}, "/room/7/socket", 401, "room.no_session"),
        ({"Cookie": ""}, "/room/7/socket", 401, "room.no_session"),
        ({"Origin": "https://evil.example"}, "/room/7/socket", 403, "room.foreign_origin"),
        ({}, "/room/seven/socket", 404, "room.no_such_address"),
        ({}, "/", 404, "room.no_such_address"),
    ],
)
async def test_who_is_not_let_in(
    house: House, headers: dict[str, str], path: str, status: int, code: str
) -> None:
    headers = {"Cookie": f"shopper={uuid4().hex}", **headers}
    with pytest.raises(InvalidStatus) as refused:
        async with connect(
            f"ws://127.0.0.1:{house.port}{path}",
            additional_headers=headers,
            origin=None,
            open_timeout=PATIENCE,
        ):
            pass

    assert refused.value.response.status_code == status
    assert json.loads(refused.value.response.body)["code"] == code
    assert not house.gateway.sockets


async def test_our_own_pages_are_let_in(house: House) -> None:
    async with house.visit(hello=HELLO, headers={"Origin": f"http://127.0.0.1:{house.port}"}) as client:
        assert (await receive(client))["t"] == "snapshot"


async def test_sockets_of_one_shopper_and_of_one_address_are_capped(house: House) -> None:
    shopper = uuid4()
    opened = [house.visit(shopper, hello=HELLO) for _ in range(4)]
    for each in opened:
        await each.__aenter__()
    with pytest.raises(InvalidStatus) as refused:
        async with house.visit(shopper):
            pass
    for each in opened:
        await each.__aexit__(None, None, None)
    async with house.visit(shopper, hello=HELLO) as again:
        assert (await receive(again))["t"] == "snapshot"

    assert refused.value.response.status_code == 429


async def test_sockets_behind_one_forwarded_address_are_capped() -> None:
    async with running(AdmissionLimits(sockets_per_address=2)) as house:
        far = {"X-Forwarded-For": "1.2.3.4, 203.0.113.9"}
        near = [
            house.visit(hello=HELLO, headers={**far, "Cookie": f"shopper={uuid4().hex}"}) for _ in range(2)
        ]
        for each in near:
            await each.__aenter__()
        with pytest.raises(InvalidStatus) as refused:
            async with house.visit(headers={**far, "Cookie": f"shopper={uuid4().hex}"}):
                pass
        for each in near:
            await each.__aexit__(None, None, None)

    assert refused.value.response.status_code == 429


async def test_too_large_a_message_ends_the_socket_also_when_it_is_large_only_inflated(house: House) -> None:
    for compression in (None, "deflate"):
        async with house.visit(hello=HELLO, compression=compression) as client:
            await receive(client)
            with contextlib.suppress(ConnectionClosed):
                await client.send(json.dumps({"t": "chat", "text": "a" * 200_000}))
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(client.recv(), PATIENCE)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009


async def test_fragments_are_put_together_and_pings_are_answered(house: House) -> None:
    async with house.visit(hello=HELLO, compression=None) as client:
        await receive(client)

        async def pieces() -> AsyncIterator[str]:
            for piece in ('{"t":"chat","re', 'f":"p","text":', '"hi"}'):
                yield piece

        await client.send(pieces())
        assert (await receive(client, "ack"))["ref"] == "p"
        await asyncio.wait_for(await client.ping(), PATIENCE)


async def test_frames_cut_anywhere_by_the_network_are_the_same_frames(house: House) -> None:
    loop = asyncio.get_running_loop()
    raw = socket.create_connection(("127.0.0.1", house.port))
    raw.setblocking(False)
    await loop.sock_sendall(raw, handshake(house.port))
    await read_until(raw, b"\r\n\r\n")
    frames = b"".join(
        masked(json.dumps(each).encode()) for each in (HELLO, {"t": "chat", "ref": "z" * 300, "text": "hi"})
    )
    for byte in frames:
        await loop.sock_sendall(raw, bytes([byte]))
        await asyncio.sleep(0)
    got = await read_until(raw, b'"t":"ack"')
    raw.close()

    assert b"z" * 64 in got


async def test_an_unmasked_frame_fails_the_connection(house: House) -> None:
    loop = asyncio.get_running_loop()
    raw = socket.create_connection(("127.0.0.1", house.port))
    raw.setblocking(False)
    await loop.sock_sendall(raw, handshake(house.port))
    await read_until(raw, b"\r\n\r\n")
    await loop.sock_sendall(raw, wire.frame(b'{"t":"hello"}'))
    got = await read_until(raw, b"")
    raw.close()

    assert got[:1] == b"\x88"
    assert struct.unpack("!H", got[2:4])[0] == 1002


async def test_who_never_reads_is_bounded_and_cut_and_others_do_not_notice(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_file, "STALLED", 1.0)
    loop = asyncio.get_running_loop()
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", house.port))
    raw.setblocking(False)
    await loop.sock_sendall(raw, handshake(house.port))
    await read_until(raw, b"\r\n\r\n")
    await loop.sock_sendall(raw, masked(b'{"t":"hello"}'))
    async with house.visit(hello=HELLO) as client:
        await receive(client, "snapshot")
        channel = house.gateway.channels[7]
        most = 0
        for turn in range(60):
            for number in range(20):
                house.opened.room.say(ChatLine(f"{turn}-{number}", "Ann", "x" * 1000, "host", 1))
            tick = await receive(client, "tick")
            assert len(tick["chat"]) == 20
            most = max([most, *(each.transport.get_write_buffer_size() for each in house.gateway.sockets)])
            if len(house.gateway.sockets) == 1:
                break
        assert len(house.gateway.sockets) == 1
        assert not channel.slow
        assert most < 2 * websocket_file.SLOW_ABOVE
    raw.close()


async def test_who_was_slow_gets_a_snapshot_once_caught_up(house: House) -> None:
    loop = asyncio.get_running_loop()
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", house.port))
    raw.setblocking(False)
    await loop.sock_sendall(raw, handshake(house.port))
    await read_until(raw, b"\r\n\r\n")
    await loop.sock_sendall(raw, masked(b'{"t":"hello"}'))
    await soon("it is in the room", lambda: 7 in house.gateway.channels and house.gateway.channels[7].size)
    channel = house.gateway.channels[7]
    turn = 0
    while not channel.slow:
        turn += 1
        for number in range(20):
            house.opened.room.say(ChatLine(f"{turn}-{number}", "Ann", "x" * 1000, "host", 1))
        await asyncio.sleep(0.11)
        assert turn < 100
    house.opened.apply(Counted(viewers=77))
    got = await read_until(raw, b'"viewers":77')
    raw.close()

    assert got.count(b'"t":"snapshot"') == 2


async def test_shutting_down_answers_who_waits_then_says_when_to_come_back() -> None:
    async with running() as house, house.visit(hello=HELLO) as client:
        await receive(client)
        buy_id = str(uuid4())
        await client.send(
            json.dumps(
                {"t": "buy", "id": buy_id, "offer_id": 3, "variant_id": 9, "quantity": 2, "price_minor": 5}
            )
        )
        await soon("it is asked", lambda: buy_id in ASKED_LATER)
        draining = asyncio.create_task(house.gateway.drain(retry_after_ms=12_000))
        assert (await receive(client, "answer"))["id"] == buy_id
        assert await receive(client) == {"t": "bye", "retry_after_ms": 12_000}
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        await draining
        with pytest.raises(InvalidStatus):
            async with house.visit():
                pass

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012


async def test_a_silent_peer_is_pinged_and_then_cut(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket_file, "PING_AFTER", 0.2)
    monkeypatch.setattr(websocket_file, "DEAD_AFTER", 2.5)
    loop = asyncio.get_running_loop()
    raw = socket.create_connection(("127.0.0.1", house.port))
    raw.setblocking(False)
    await loop.sock_sendall(raw, handshake(house.port))
    await read_until(raw, b"\r\n\r\n")
    await loop.sock_sendall(raw, masked(b'{"t":"hello"}'))
    async with house.visit(hello=HELLO) as client:
        got = await read_until(raw, b"")
        house.opened.apply(Counted(viewers=3))
        assert (await receive(client, "tick"))["patch"] == {"viewers": 3}
    raw.close()

    assert b"\x89\x00" in got


async def test_too_many_messages_are_told_and_far_too_many_are_cut(house: House) -> None:
    async with house.visit(hello=HELLO) as client:
        await receive(client)
        with contextlib.suppress(ConnectionClosed):
            for _ in range(5000):
                await client.send('{"t":"like"}')
        codes: set[str | None] = set()
        with pytest.raises(ConnectionClosed) as closed:
            await collect_codes(client, codes)
        assert "room.too_fast" in codes <= {None, "room.too_fast"}

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


async def test_rooms_are_apart(house: House) -> None:
    other = house.rooms.put(8)
    async with house.visit(hello=HELLO) as here, house.visit(show=8, hello=HELLO) as there:
        await receive(here)
        await receive(there)
        other.apply(Counted(viewers=4))
        house.opened.apply(Counted(viewers=9))
        assert (await receive(here))["patch"] == {"viewers": 9}
        assert (await receive(there))["patch"] == {"viewers": 4}


async def test_the_state_and_chat_without_a_socket(house: House) -> None:
    shopper = uuid4()
    cookies = {"shopper": shopper.hex}
    async with httpx.AsyncClient(
        timeout=PATIENCE, base_url=f"http://127.0.0.1:{house.port}", cookies=cookies
    ) as http:
        snapshot = (await http.get("/room/7/state")).json()
        form = await http.post(
            "/room/7/chat", data={"text": "hello"}, headers={"Referer": "http://x/s/a/live/7?y=1"}
        )
        # The page the form leads back to has the line.
        assert [line.text for line in house.opened.room.lines()] == ["hello"]
        assert house.posted == [1]
        as_json = await http.post("/room/7/chat", json={"text": "hello", "name": "Ann"})
        held = await http.post("/room/7/chat", json={"text": "spam"})
        too_fast = await http.post("/room/7/chat", json={"text": "hello"})
        empty = await http.post("/room/7/chat", json={})
        foreign = await http.post(
            "/room/7/chat", data={"text": "x"}, headers={"Origin": "https://evil.example"}
        )
        wrong = await http.get("/room/7/chat")
        head = await http.head("/room/7/events")
        nowhere = await http.get("/room/7/nothing")
        http.cookies.clear()
        nobody = await http.post("/room/7/chat", json={"text": "hello"})

    assert snapshot["state"] == state()
    assert (form.status_code, form.headers["location"]) == (303, "/s/a/live/7?y=1")
    assert (as_json.status_code, as_json.json()["line"]["name"]) == (201, "Ann")
    assert (held.status_code, held.json()) == (202, {"held": True})
    assert (too_fast.status_code, too_fast.json()["code"]) == (429, "chat.too_fast")
    assert (empty.status_code, empty.json()["code"]) == (422, "room.bad_message")
    assert (foreign.status_code, foreign.json()["code"]) == (403, "room.foreign_origin")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert wrong.json()["code"] == "method_not_allowed"
    assert (head.status_code, head.headers["content-type"], head.content) == (200, "text/event-stream", b"")
    assert nowhere.status_code == 404
    assert (nobody.status_code, nobody.json()["code"]) == (401, "room.no_session")


async def test_who_watches_without_a_socket_is_counted_like_who_has_one(house: House) -> None:
    posting, socketed = uuid4(), uuid4()
    cookies = {"shopper": posting.hex}
    async with (
        httpx.AsyncClient(
            timeout=PATIENCE, base_url=f"http://127.0.0.1:{house.port}", cookies=cookies
        ) as http,
        house.visit(socketed, hello=HELLO) as client,
    ):
        begun = asyncio.get_running_loop().time()
        first = await http.post("/room/7/beat", json={"playing": True, "position": 3.0})
        await client.send(json.dumps({"t": "beat", "playing": True, "position": 3.0}))
        audience = (await house.gateway.channel(7)).audience
        assert audience.count(time.time()) == 0, "where a player starts says nothing"
        paused = await http.post("/room/7/beat", json={"playing": False, "position": 9.0})
        assert audience.count(time.time()) == 0, "a paused player is none"
        second = await http.post("/room/7/beat", json={"playing": True, "position": 99.0})
        await client.send(json.dumps({"t": "beat", "playing": True, "position": 99.0}))
        async with asyncio.timeout(PATIENCE):
            while audience.count(time.time()) < 2:
                await asyncio.sleep(0.01)
        took = asyncio.get_running_loop().time() - begun
        async with asyncio.timeout(PATIENCE):
            while len(house.beats) < 4:
                await asyncio.sleep(0.05)

    assert [each.status_code for each in (first, paused, second)] == [204, 204, 204]
    assert first.content == b""
    assert {beat.shopper for beat in house.beats[:4]} == {posting, socketed}
    assert [beat.kind for beat in house.beats if beat.shopper == posting][:2] == [
        BeatKind.ENTER,
        BeatKind.HEARTBEAT,
    ]
    assert all(beat.seconds <= took for beat in house.beats), "no more than the clock"


async def test_likes_without_a_socket_are_counted_and_shown_and_limited() -> None:
    async with running(AdmissionLimits(posts_every=60.0, post_burst=3)) as house:
        cookies = {"shopper": uuid4().hex}
        async with (
            httpx.AsyncClient(
                timeout=PATIENCE, base_url=f"http://127.0.0.1:{house.port}", cookies=cookies
            ) as http,
            house.visit(hello=HELLO) as client,
        ):
            await receive(client)
            liked = await http.post("/room/7/like", json={"n": 3})
            assert (await receive(client, "tick"))["likes"] == 3
            many = await http.post("/room/7/like", json={"n": 1000})
            assert (await receive(client, "tick"))["likes"] == 20
            none = await http.post("/room/7/like", json={"n": -5})
            too_fast = await http.post("/room/7/like", json={})
            beat = await http.post("/room/7/beat", json={"playing": True, "position": 1})
            http.cookies.set("shopper", uuid4().hex)
            other = await http.post("/room/7/like", json={})
            assert (await receive(client, "tick"))["likes"] == 1
            foreign = await http.post("/room/7/like", json={}, headers={"Origin": "https://evil.example"})
            http.cookies.clear()
            nobody = await http.post("/room/7/like", json={})

    assert [each.status_code for each in (liked, many, none, other)] == [204] * 4
    for refused in (too_fast, beat):
        assert (refused.status_code, refused.json()["code"]) == (429, "room.too_fast")
        assert 0 < refused.json()["facts"]["wait_ms"] <= 60_001
    assert (foreign.status_code, foreign.json()["code"]) == (403, "room.foreign_origin")
    assert (nobody.status_code, nobody.json()["code"]) == (401, "room.no_session")


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("like", b'{"n":9223372036854775808}'),
        ("like", b'{"n":"3"}'),
        ("like", b'{"n":1,"n":2}'),
        ("like", b"[]"),
        ("like", b'{"count":3}'),
        ("beat", b'{"playing":true,"position":3,"at":1}'),
        ("like", b""),
        ("like", b'{"n":' + b"1" * 20_000 + b"}"),
        ("beat", b"{}"),
        ("beat", b'{"playing":1,"position":3}'),
        ("beat", b'{"playing":true,"position":NaN}'),
        ("beat", b'{"playing":true,"position":"3"}'),
    ],
)
async def test_what_makes_no_sense_is_refused_and_counts_nobody(house: House, what: str, body: bytes) -> None:
    async with httpx.AsyncClient(
        timeout=PATIENCE, base_url=f"http://127.0.0.1:{house.port}", cookies={"shopper": uuid4().hex}
    ) as http:
        refused = await http.post(f"/room/7/{what}", content=body)

    assert (refused.status_code, refused.json()["code"].partition(".")[0]) in {
        (422, "room"),
        (422, "json"),
        (413, "request"),
    }
    channel = await house.gateway.channel(7)
    assert (channel.likes, channel.audience.everybody_leaves(time.time())) == (0, [])


async def test_a_limit_outlasts_the_sweep_of_every_second() -> None:
    async with (
        running(AdmissionLimits(chat_every=60.0, chat_burst=1)) as house,
        httpx.AsyncClient(
            timeout=PATIENCE, base_url=f"http://127.0.0.1:{house.port}", cookies={"shopper": uuid4().hex}
        ) as http,
    ):
        said = await http.post("/room/7/chat", json={"text": "hello"})
        swept = house.gateway.now
        async with asyncio.timeout(PATIENCE):
            while house.gateway.now < swept + 2.5:
                await asyncio.sleep(0.05)
        again = await http.post("/room/7/chat", json={"text": "hello"})

    assert (said.status_code, again.status_code) == (201, 429)


async def test_events_are_a_snapshot_and_ticks_and_go_on_where_a_page_was(house: House) -> None:
    async with httpx.AsyncClient(timeout=PATIENCE, base_url=f"http://127.0.0.1:{house.port}") as http:
        async with http.stream("GET", "/room/7/events") as response:
            lines = response.aiter_lines()
            last_id = (await anext(lines)).removeprefix("id: ")
            first = json.loads((await anext(lines)).removeprefix("data: "))
            await anext(lines)
            house.opened.apply(Counted(viewers=6))
            assert (await anext(lines)).startswith("id: ")
            second = json.loads((await anext(lines)).removeprefix("data: "))
        async with http.stream("GET", "/room/7/events", headers={"last-event-id": last_id}) as again:
            lines = again.aiter_lines()
            assert (await anext(lines)).startswith("id: ")
            missed = json.loads((await anext(lines)).removeprefix("data: "))
        async with http.stream("GET", "/room/7/events", headers={"last-event-id": "other.1"}) as anew:
            lines = anew.aiter_lines()
            await anext(lines)
            whole = json.loads((await anext(lines)).removeprefix("data: "))

    assert response.headers["x-accel-buffering"] == "no"
    assert (first["t"], second["t"], second["patch"]) == ("snapshot", "tick", {"viewers": 6})
    assert missed == second
    assert whole["t"] == "snapshot"


def test_a_compressed_frame_decodes_alone_and_twice() -> None:
    payload = json.dumps({"t": "tick", "chat": ["你好"] * 50}).encode()
    data = wire.deflated_frame(payload)
    assert data[0] == 0xC1
    start = 2 if data[1] < 126 else 4
    for _ in range(2):
        assert zlib.decompressobj(-15).decompress(data[start:] + b"\x00\x00\xff\xff") == payload


def test_frame_headers_of_all_three_lengths() -> None:
    for length, header in (
        (5, b"\x81\x05"),
        (126, b"\x81\x7e\x00\x7e"),
        (70_000, b"\x81\x7f" + (70_000).to_bytes(8)),
    ):
        assert wire.frame(b"a" * length) == header + b"a" * length


def handshake(port: int) -> bytes:
    return (
        f"GET /room/7/socket HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        f"Cookie: shopper={uuid4().hex}\r\n\r\n"
    ).encode()


def masked(payload: bytes) -> bytes:
    mask = b"\x01\x02\x03\x04"
    body = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    size = len(payload)
    head = bytes((0x81, 0x80 | size)) if size < 126 else b"\x81\xfe" + size.to_bytes(2)
    return head + mask + body


async def read_until(raw: socket.socket, mark: bytes) -> bytes:
    """Read until `mark` came, or the end where there is none."""
    loop = asyncio.get_running_loop()
    got = b""
    while not mark or mark not in got:
        try:
            data = await asyncio.wait_for(loop.sock_recv(raw, 65_536), PATIENCE)
        except ConnectionError:
            break
        if not data:
            break
        got += data
    return got


async def test_the_client_in_the_documents_gets_snapshot_and_ticks(house: House, tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs/room-protocol.md").read_text()
    program = tmp_path / "client.py"
    program.write_text(text.split("```python\n")[1].split("```")[0])
    client = await asyncio.create_subprocess_exec(
        sys.executable, str(program), f"ws://127.0.0.1:{house.port}/room/7/socket", uuid4().hex,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert client.stdout is not None
    try:
        snapshot = json.loads(await asyncio.wait_for(client.stdout.readline(), PATIENCE))
        house.opened.apply(VariantLeft(9, Availability(11)))
        tick = json.loads(await asyncio.wait_for(client.stdout.readline(), PATIENCE))
    finally:
        client.kill()
        await client.wait()

    assert (snapshot["t"], snapshot["epoch"], snapshot["seq"], snapshot["state"]) == (
        "snapshot",
        "e7",
        0,
        state(),
    )
    assert (tick["t"], tick["seq"]) == ("tick", 1)
    assert merged(snapshot["state"], tick["patch"])["offers"]["3"]["lines"]["9"]["left"] == 11
    for kind in (wire.Hello, wire.Say, wire.Likes, wire.Playing, wire.Buy):
        tag, members = kind.__struct_config__.tag, kind.__struct_fields__
        row = next(line for line in text.splitlines() if line.startswith(f"| `{tag}` |"))
        assert all(f"`{member}`" in row for member in members), (tag, members)

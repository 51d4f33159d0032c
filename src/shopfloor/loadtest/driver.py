"""The shoppers of a load test: they watch, talk, buy, tap twice, and say what they were answered."""

import asyncio
import contextlib
import itertools
import json
import random
import ssl
import time
from collections import Counter
from collections.abc import Coroutine
from dataclasses import field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import new_id
from shopfloor.loadtest.report import Latency, Options, Report

SAMPLE: Final = 50
# One shopper may buy so often in a second; a buyer here is several of them, one after the other.
SHOPPERS_EACH: Final = 10
MOST_SHOPPERS: Final = 2_000
# Refusals that say nothing about the purchase, or that it is over by now.
PASSING: Final = frozenset(
    {
        "orders.hold_expired",
        "orders.too_fast",
        "room.too_fast",
        "intake.full",
        "intake.unknown",
        "database.away",
    }
)
BEAT: Final = 5.0
LINES: Final = ("hello", "这个好看", "is there an L?", "有没有蓝色", "how long is delivery", "多少钱")


@dataclass(slots=True)
class _Tally:
    answers: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    waits: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    problems: Counter[str] = field(default_factory=Counter[str])
    held: dict[str, tuple[str, dict[str, Any], Any]] = field(
        default_factory=dict[str, tuple[str, dict[str, Any], Any]]
    )
    began: float = 0.0
    frames: int = 0
    chat_sent: int = 0
    tapped_twice: int = 0
    sold_out_after: float | None = None
    granted: Counter[int] = field(default_factory=Counter[int])

    def answer(self, door: str, reply: dict[str, Any], waited: float) -> None:
        outcome = reply.get("code") or reply.get("outcome") or "no answer"
        self.answers[door, outcome] += 1
        kind = "held" if reply.get("outcome") in {"held", "open"} else "refused"
        self.waits.setdefault(f"{door} {kind}", []).append(waited)
        if outcome == "stock.sold_out" and self.sold_out_after is None:
            self.sold_out_after = round(time.monotonic() - self.began, 2)
        for part in (reply.get("hold") or {}).get("parts", ()):
            self.granted[part["variant_id"]] += part["quantity"]

    def again(self, first: dict[str, Any], second: dict[str, Any]) -> None:
        """The answer to a second tap: what was held is held, once."""
        self.tapped_twice += 1
        if first.get("hold") is None:
            # Refusals are decided afresh: what came free in between may be granted now.
            for part in (second.get("hold") or {}).get("parts", ()):
                self.granted[part["variant_id"]] += part["quantity"]
        elif second.get("hold") != first["hold"] and second.get("code") not in PASSING:
            self.problems["two answers to one purchase"] += 1


class NotLive(Exception):
    """There is nothing to buy in this show just now."""


class NotThere(Exception):
    """Nobody answers, or not as a room does."""


@dataclass(frozen=True, slots=True)
class _Sale:
    """What the show sells.  `units` is what the room said is left of a variant; None: it cannot be told, because
    buyers under a limit give holds up for others, or holds run out before the end.
    """

    goods: list[dict[str, Any]]
    units: dict[int, int | None]

    def wish(self, draw: random.Random, carts: float) -> dict[str, Any]:
        """One variant, or now and then a cart of up to three of the same offer.  Without an id."""
        first = draw.choice(self.goods)
        if draw.random() >= carts:
            return first
        beside = [each for each in self.goods if each["offer_id"] == first["offer_id"]]
        lines = draw.sample(beside, min(len(beside), draw.choice((2, 3))))
        if len(lines) < 2:
            return first
        names = ("variant_id", "quantity", "price_minor")
        return {
            "offer_id": first["offer_id"],
            "lines": [{name: each[name] for name in names} for each in lines],
        }


async def run(base_url: str, options: Options) -> Report:
    """Drive the installation at `base_url`.  Raises NotLive, NotThere."""
    try:
        goods = await _goods(base_url, options)
        cookies = await _cookies(base_url, options)
    except httpx.TimeoutException as problem:
        raise NotThere(f"{base_url} does not answer in time.") from problem
    except httpx.HTTPError as problem:
        raise NotThere(f"Nobody answers at {base_url}.") from problem
    draw = random.Random(options.seed)
    pace = _Pace(options.buys_per_second)
    jar = itertools.cycle(cookies)
    tally = _Tally(began=time.monotonic())
    end = tally.began + options.seconds
    chats = options.chat_per_second / max(1, options.watchers)
    shared = (goods, end, tally, draw, pace)
    parts: list[Coroutine[Any, Any, None]] = [
        *(
            _watch(base_url, options, next(jar), chats, end, tally, random.Random(draw.random()))
            for _ in range(options.watchers)
        ),
        *(
            _buy_http(base_url, options, [next(jar) for _ in range(SHOPPERS_EACH)], *shared)
            for _ in range(options.buyers)
        ),
        *(_buy_socket(base_url, options, next(jar), *shared) for _ in range(options.socket_buyers)),
    ]
    await asyncio.gather(*parts)
    seconds = time.monotonic() - tally.began
    asked_again = await _ask_again(base_url, options, tally)
    _count(goods, tally)
    return _report(options, goods, tally, seconds=seconds, asked_again=asked_again)


def _count(sale: _Sale, tally: _Tally) -> None:
    """No more was granted than was on sale."""
    for variant_id, units in sale.units.items():
        if units is not None and tally.granted[variant_id] > units:
            tally.problems["units granted beyond what was on sale"] += tally.granted[variant_id] - units


def _report(options: Options, sale: _Sale, tally: _Tally, *, seconds: float, asked_again: int) -> Report:
    answers: dict[str, dict[str, int]] = {}
    for (door, outcome), count in sorted(tally.answers.items()):
        answers.setdefault(door, {})[outcome] = count
    return Report(
        options=options,
        seconds=round(seconds, 2),
        answers=answers,
        per_second={
            door: round(sum(by_outcome.values()) / seconds, 1) for door, by_outcome in answers.items()
        },
        latency={kind: _latency(tally.waits[kind]) for kind in sorted(tally.waits)},
        frames=tally.frames,
        chat_sent=tally.chat_sent,
        asked_again=asked_again,
        tapped_twice=tally.tapped_twice,
        on_sale=sum(units or 0 for units in sale.units.values()),
        granted=tally.granted.total(),
        sold_out_after=tally.sold_out_after,
        problems=dict(tally.problems),
    )


def _latency(waits: list[float]) -> Latency:
    ordered = sorted(waits)

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 1)

    return Latency(len(ordered), at(0.5), at(0.95), at(0.99), round(ordered[-1] * 1000, 1))


class _Pace:
    """Spreads purchases over time; 0 spreads nothing."""

    def __init__(self, per_second: float) -> None:
        self._every = 1 / per_second if per_second else 0.0
        self._next = time.monotonic()

    async def turn(self) -> None:
        if self._every:
            self._next = max(self._next + self._every, time.monotonic() - 1)
            await asyncio.sleep(max(0.0, self._next - time.monotonic()))


# ── what is there ─────────────────────────────────────────────────────────────────────────────────────────


async def _goods(base_url: str, options: Options) -> _Sale:
    """Everything the show offers, as wishes without an id, and how much of it there is."""
    async with httpx.AsyncClient(base_url=base_url, timeout=10) as client:
        response = await client.get(f"/room/{options.show_id}/state")
    if response.status_code == HTTPStatus.NOT_FOUND:
        raise NotThere(f"There is no show {options.show_id} at {base_url}.")
    try:
        state = response.raise_for_status().json()["state"]
    except (httpx.HTTPStatusError, ValueError, KeyError, TypeError) as problem:
        raise NotThere(f"{base_url} does not answer as a room does ({response.status_code}).") from problem
    goods = [
        {
            "offer_id": int(offer_id),
            "variant_id": int(variant_id),
            "quantity": options.quantity,
            "price_minor": line["price_minor"],
        }
        for offer_id, offer in state["offers"].items()
        for variant_id, line in offer["lines"].items()
    ]
    if state["show"]["status"] == "ended":
        raise NotLive(f"Show {options.show_id} is over. Take one that is on.")
    if state["show"]["status"] != "live":
        raise NotLive(f"Show {options.show_id} is not on yet. Start it in the console, then run this again.")
    if not goods:
        raise NotLive(f"Show {options.show_id} offers nothing. Add an offer in the console.")
    units = {
        int(variant_id): None
        if offer.get("limit") or offer["hold_seconds"] <= options.seconds
        else line["left"] + sum(units for _, units in line.get("later") or ())
        for offer in state["offers"].values()
        for variant_id, line in offer["lines"].items()
    }
    return _Sale(goods, units)


async def _cookies(base_url: str, options: Options) -> list[str]:
    """A shopper for everybody, from the pages that give one."""
    wanted = min(
        MOST_SHOPPERS, max(1, options.watchers, options.buyers * SHOPPERS_EACH + options.socket_buyers)
    )
    gate = asyncio.Semaphore(20)

    async def one() -> str:
        async with gate, httpx.AsyncClient(base_url=base_url, timeout=30, follow_redirects=True) as client:
            response = await client.get("/")
            if "shopper" not in client.cookies:
                raise NotThere(f"{base_url} gives no shopper a cookie ({response.status_code}).")
            return client.cookies["shopper"]

    return list(await asyncio.gather(*(one() for _ in range(wanted))))


# ── shoppers ──────────────────────────────────────────────────────────────────────────────────────────────


def _socket(base_url: str, options: Options, cookie: str) -> connect:
    address = base_url.replace("http", "ws", 1).rstrip("/")
    return connect(
        f"{address}/room/{options.show_id}/socket",
        additional_headers={"Cookie": f"shopper={cookie}"},
        open_timeout=20,
        max_size=2**22,
    )


async def _watch(
    base_url: str,
    options: Options,
    cookie: str,
    chats_per_second: float,
    end: float,
    tally: _Tally,
    draw: random.Random,
) -> None:
    try:
        async with _socket(base_url, options, cookie) as socket:
            await socket.send('{"t":"hello"}')
            talking = asyncio.create_task(_talk(socket, chats_per_second, end, tally, draw))
            try:
                async with asyncio.timeout(max(0.0, end - time.monotonic())):
                    async for _ in socket:
                        tally.frames += 1
            except TimeoutError:
                pass
            finally:
                talking.cancel()
                await asyncio.gather(talking, return_exceptions=True)
    except (WebSocketException, OSError, TimeoutError) as problem:
        tally.problems[f"watcher: {_broke(problem)}"] += 1


async def _talk(
    socket: ClientConnection, chats_per_second: float, end: float, tally: _Tally, draw: random.Random
) -> None:
    began = time.monotonic()
    next_chat = began + draw.expovariate(chats_per_second) if chats_per_second else float("inf")
    next_beat = began + draw.random() * BEAT
    while time.monotonic() < end:
        await asyncio.sleep(max(0.0, min(next_chat, next_beat, end) - time.monotonic()))
        now = time.monotonic()
        if now >= next_beat:
            await socket.send(json.dumps({"t": "beat", "playing": True, "position": round(now - began, 1)}))
            next_beat = now + BEAT
        if now >= next_chat:
            await socket.send(json.dumps({"t": "chat", "ref": uuid4().hex[:8], "text": draw.choice(LINES)}))
            tally.chat_sent += 1
            next_chat = now + draw.expovariate(chats_per_second)


async def _buy_http(
    base_url: str,
    options: Options,
    cookies: list[str],
    goods: _Sale,
    end: float,
    tally: _Tally,
    draw: random.Random,
    pace: _Pace,
) -> None:
    try:
        wire = await _Post.open(base_url, options.show_id)
    except OSError as problem:
        tally.problems[f"http buyer: {_broke(problem)}"] += 1
        return
    with contextlib.closing(wire):
        for cookie in itertools.cycle(cookies):
            await pace.turn()
            if time.monotonic() >= end:
                return
            wish_id = str(new_id())
            wish: dict[str, Any] = {"id": wish_id, **goods.wish(draw, options.carts)}
            asked = time.monotonic()
            try:
                async with asyncio.timeout(30):
                    reply = await wire.buy(wish, cookie)
                    tally.answer("http", reply, time.monotonic() - asked)
                    if draw.random() < options.taps_twice:
                        tally.again(reply, await wire.buy(wish, cookie))
            except (OSError, EOFError, ValueError, TimeoutError) as problem:
                tally.problems[f"http buyer: {_broke(problem)}"] += 1
                return
            if reply.get("outcome") == "held" and "lines" not in wish and len(tally.held) < SAMPLE:
                tally.held[wish_id] = (cookie, wish, reply["hold"])


async def _buy_socket(
    base_url: str,
    options: Options,
    cookie: str,
    goods: _Sale,
    end: float,
    tally: _Tally,
    draw: random.Random,
    pace: _Pace,
) -> None:
    try:
        async with _socket(base_url, options, cookie) as socket:
            await socket.send('{"t":"hello"}')
            while time.monotonic() < end:
                await pace.turn()
                if time.monotonic() >= end:
                    return
                wish_id = str(new_id())
                twice = draw.random() < options.taps_twice
                frame = json.dumps({"t": "buy", "id": wish_id, **goods.wish(draw, 0.0)})
                asked = time.monotonic()
                await socket.send(frame)
                if twice:
                    await socket.send(frame)
                reply = await _answer(socket, wish_id, tally)
                tally.answer("socket", reply, time.monotonic() - asked)
                if twice:
                    tally.again(reply, await _answer(socket, wish_id, tally))
                if reply.get("code") == "room.too_fast":
                    await asyncio.sleep(0.2)
    except (WebSocketException, OSError, TimeoutError) as problem:
        tally.problems[f"socket buyer: {_broke(problem)}"] += 1


def _broke(problem: Exception) -> str:
    """How a connection ended, in a word or two."""
    if isinstance(problem, InvalidStatus):
        return f"refused with {problem.response.status_code}"
    return type(problem).__name__


async def _answer(socket: ClientConnection, wish_id: str, tally: _Tally) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            message = json.loads(await socket.recv())
            tally.frames += 1
            if message.get("t") in {"answer", "error"} and wish_id in {message.get("id"), message.get("ref")}:
                return message


class _Post:
    """POST /buy on one kept connection; much lighter than a general client, so that it measures the shop."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> None:
        self._reader = reader
        self._writer = writer
        self._head = head

    @classmethod
    async def open(cls, base_url: str, show_id: int) -> "_Post":
        parts = urlsplit(base_url)
        secure = parts.scheme == "https"
        host = parts.hostname or "127.0.0.1"
        reader, writer = await asyncio.open_connection(
            host, parts.port or (443 if secure else 80), ssl=ssl.create_default_context() if secure else None
        )
        head = (
            f"POST {parts.path.rstrip('/')}/buy?room={show_id} HTTP/1.1\r\nhost: {parts.netloc}\r\n"
            "content-type: application/json\r\ncookie: shopper="
        )
        return cls(reader, writer, head)

    async def buy(self, wish: dict[str, Any], cookie: str) -> dict[str, Any]:
        body = json.dumps(wish).encode()
        self._writer.write(f"{self._head}{cookie}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        headers = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(headers.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        return json.loads(await self._reader.readexactly(length))

    def close(self) -> None:
        self._writer.close()


async def _ask_again(base_url: str, options: Options, tally: _Tally) -> int:
    """The same ids through the other door must get the same holds."""
    for wish_id, (cookie, wish, hold) in tally.held.items():
        async with _socket(base_url, options, cookie) as socket:
            await socket.send('{"t":"hello"}')
            await socket.send(json.dumps({"t": "buy", **wish}))
            reply = await _answer(socket, wish_id, _Tally())
        # A hold that ran out meanwhile, or gave way to a later purchase of the same shopper, says so.
        if reply.get("hold") != hold and reply.get("code") not in PASSING:
            tally.problems["other answers through the other door"] += 1
    return len(tally.held)

"""`shopfloor loadtest`: how much an installation bears, driven through what its shoppers use.

Watchers sit on the room socket and beat; some of them chat; buyers buy from the offers of the running show,
over HTTP and over the socket.  The mix is stated in the report.  It is not a simulation without traces: holds
are made and run out by themselves, chat lines stay.  Run it against a shop and a show made for the purpose.

At the end the answers are checked: a sample of purchases is asked again with the same ids, through the other
door, and must get the same holds.
"""

import asyncio
import contextlib
import itertools
import json
import random
import ssl
import sys
import time
from collections import Counter
from collections.abc import Coroutine
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import click
import httpx
from rich.console import Console
from rich.table import Table
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from shopfloor import audit
from shopfloor.kernel.database import Database
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.startup import prepared_database

SAMPLE: Final = 50
BEAT: Final = 5.0
LINES: Final = ("hello", "这个好看", "is there an L?", "有没有蓝色", "how long is delivery", "多少钱")


@dataclass(frozen=True, slots=True)
class Options:
    """The mix.  `buys_per_second` 0: every buyer asks again as soon as it is answered."""

    show_id: int
    seconds: float = 10.0
    watchers: int = 100
    chat_per_second: float = 2.0
    buyers: int = 20
    socket_buyers: int = 20
    buys_per_second: float = 0.0
    quantity: int = 1
    seed: int = 7


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds."""

    count: int
    p50: float
    p95: float
    p99: float
    largest: float


@dataclass(frozen=True, slots=True)
class Report:
    """What came back.  `answers` by door and outcome; `problems` are connections lost and answers that differ."""

    options: Options
    seconds: float
    answers: dict[str, dict[str, int]]
    per_second: dict[str, float]
    latency: dict[str, Latency]
    frames: int
    chat_sent: int
    asked_again: int
    problems: dict[str, int]

    @property
    def passed(self) -> bool:
        return not self.problems


@dataclass(slots=True)
class _Tally:
    answers: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    waits: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    problems: Counter[str] = field(default_factory=Counter[str])
    held: dict[str, tuple[str, dict[str, Any], Any]] = field(
        default_factory=dict[str, tuple[str, dict[str, Any], Any]]
    )
    frames: int = 0
    chat_sent: int = 0

    def answer(self, door: str, told: dict[str, Any], waited: float) -> None:
        outcome = told.get("code") or told.get("outcome") or "no answer"
        self.answers[door, outcome] += 1
        self.waits.setdefault(door, []).append(waited)


class NotLive(Exception):
    """There is nothing to buy in this show just now."""


async def run(base_url: str, options: Options) -> Report:
    """Drive the installation at `base_url`.  Raises NotLive, httpx.HTTPError when it cannot be reached."""
    goods = await _goods(base_url, options)
    cookies = await _cookies(base_url, options)
    tally = _Tally()
    end = time.monotonic() + options.seconds
    draw = random.Random(options.seed)
    pace = _Pace(options.buys_per_second)
    jar = itertools.cycle(cookies)
    chats = options.chat_per_second / max(1, options.watchers)
    shared = (goods, end, tally, draw, pace)
    parts: list[Coroutine[Any, Any, None]] = [
        *(
            _watch(base_url, options, next(jar), chats, end, tally, random.Random(draw.random()))
            for _ in range(options.watchers)
        ),
        *(_buy_http(base_url, options, next(jar), *shared) for _ in range(options.buyers)),
        *(_buy_socket(base_url, options, next(jar), *shared) for _ in range(options.socket_buyers)),
    ]
    started = time.monotonic()
    await asyncio.gather(*parts)
    seconds = time.monotonic() - started
    asked_again = await _ask_again(base_url, options, tally)
    return _report(options, tally, seconds=seconds, asked_again=asked_again)


def _report(options: Options, tally: _Tally, *, seconds: float, asked_again: int) -> Report:
    answers: dict[str, dict[str, int]] = {}
    for (door, outcome), count in sorted(tally.answers.items()):
        answers.setdefault(door, {})[outcome] = count
    return Report(
        options=options,
        seconds=round(seconds, 2),
        answers=answers,
        per_second={door: round(sum(told.values()) / seconds, 1) for door, told in answers.items()},
        latency={door: _latency(waits) for door, waits in tally.waits.items()},
        frames=tally.frames,
        chat_sent=tally.chat_sent,
        asked_again=asked_again,
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


async def _goods(base_url: str, options: Options) -> list[dict[str, int]]:
    """Everything the show offers, as wishes without an id."""
    async with httpx.AsyncClient(base_url=base_url, timeout=10) as client:
        response = await client.get(f"/room/{options.show_id}/state")
        response.raise_for_status()
        state = response.json()["state"]
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
    if state["show"]["status"] != "live" or not goods:
        raise NotLive(
            f"Show {options.show_id} is {state['show']['status']}, with {len(goods)} things on offer."
        )
    return goods


async def _cookies(base_url: str, options: Options) -> list[str]:
    """A shopper for everybody, from the pages that give one."""
    wanted = max(1, options.watchers, options.buyers + options.socket_buyers)
    gate = asyncio.Semaphore(20)

    async def one() -> str:
        async with gate, httpx.AsyncClient(base_url=base_url, timeout=30, follow_redirects=True) as client:
            response = await client.get("/")
            response.raise_for_status()
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
        tally.problems[f"watcher: {type(problem).__name__}"] += 1


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
    cookie: str,
    goods: list[dict[str, int]],
    end: float,
    tally: _Tally,
    draw: random.Random,
    pace: _Pace,
) -> None:
    try:
        wire = await _Post.open(base_url, cookie)
    except OSError as problem:
        tally.problems[f"http buyer: {type(problem).__name__}"] += 1
        return
    with contextlib.closing(wire):
        while time.monotonic() < end:
            await pace.turn()
            wish_id = str(uuid4())
            wish: dict[str, Any] = {"id": wish_id, **draw.choice(goods)}
            asked = time.monotonic()
            try:
                told = await wire.buy(wish)
            except (OSError, EOFError, ValueError) as problem:
                tally.problems[f"http buyer: {type(problem).__name__}"] += 1
                return
            tally.answer("http", told, time.monotonic() - asked)
            if told.get("outcome") == "held" and len(tally.held) < SAMPLE:
                tally.held[wish_id] = (cookie, wish, told["hold"])


async def _buy_socket(
    base_url: str,
    options: Options,
    cookie: str,
    goods: list[dict[str, int]],
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
                wish_id = str(uuid4())
                asked = time.monotonic()
                await socket.send(json.dumps({"t": "buy", "id": wish_id, **draw.choice(goods)}))
                told = await _answer(socket, wish_id, tally)
                tally.answer("socket", told, time.monotonic() - asked)
                if told.get("code") == "room.too_fast":
                    await asyncio.sleep(0.2)
    except (WebSocketException, OSError, TimeoutError) as problem:
        tally.problems[f"socket buyer: {type(problem).__name__}"] += 1


async def _answer(socket: ClientConnection, wish_id: str, tally: _Tally) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            told = json.loads(await socket.recv())
            tally.frames += 1
            if told.get("t") in {"answer", "error"} and wish_id in {told.get("id"), told.get("ref")}:
                return told


class _Post:
    """POST /buy on one kept connection; much lighter than a general client, so that it measures the shop."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> None:
        self._reader = reader
        self._writer = writer
        self._head = head

    @classmethod
    async def open(cls, base_url: str, cookie: str) -> "_Post":
        parts = urlsplit(base_url)
        secure = parts.scheme == "https"
        host = parts.hostname or "127.0.0.1"
        reader, writer = await asyncio.open_connection(
            host, parts.port or (443 if secure else 80), ssl=ssl.create_default_context() if secure else None
        )
        head = (
            f"POST /buy HTTP/1.1\r\nhost: {parts.netloc}\r\ncookie: shopper={cookie}\r\n"
            "content-type: application/json\r\ncontent-length: "
        )
        return cls(reader, writer, head)

    async def buy(self, wish: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps(wish).encode()
        self._writer.write(f"{self._head}{len(body)}\r\n\r\n".encode() + body)
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
            told = await _answer(socket, wish_id, _Tally())
        # A hold that ran out meanwhile, or gave way to a later purchase of the same shopper, says so.
        if told.get("hold") != hold and told.get("code") != "orders.hold_expired":
            tally.problems["answers differ"] += 1
    return len(tally.held)


# ── the command ───────────────────────────────────────────────────────────────────────────────────────────


def show(report: Report, console: Console) -> None:
    """Tables for people."""
    table = Table(title=f"{report.seconds:g} s, {report.options.watchers} watchers")
    for name in ("door", "answers", "per second", "p50 ms", "p95 ms", "p99 ms", "outcomes"):
        table.add_column(name, justify="left" if name in {"door", "outcomes"} else "right")
    for door, told in report.answers.items():
        latency = report.latency[door]
        outcomes = ", ".join(f"{outcome} {count:,}" for outcome, count in told.items())
        table.add_row(
            door, f"{sum(told.values()):,}", f"{report.per_second[door]:,.0f}", f"{latency.p50:g}", f"{latency.p95:g}",
            f"{latency.p99:g}", outcomes,
        )  # fmt: skip
    console.print(table)
    console.print(
        f"{report.frames:,} frames received, {report.chat_sent:,} chat lines sent, "
        f"{report.asked_again} purchases asked again."
    )
    for problem, count in report.problems.items():
        console.print(f"[red]{count} × {problem}[/red]")


@click.command("loadtest")
@click.argument("base_url")
@click.argument("show_id", type=int)
@click.option("--seconds", default=10.0, show_default=True, help="How long.")
@click.option("--watchers", default=100, show_default=True, help="People on the room socket.")
@click.option("--chat", default=2.0, show_default=True, help="Chat lines per second, over all watchers.")
@click.option("--buyers", default=20, show_default=True, help="Buyers over HTTP, each on a connection.")
@click.option("--socket-buyers", default=20, show_default=True, help="Buyers over the room socket.")
@click.option(
    "--rate", default=0.0, show_default=True, help="Purchases per second in all; 0: as fast as it goes."
)
@click.option("--seed", default=7, show_default=True, help="The same seed draws the same wishes.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
@click.option(
    "--audit", "with_audit", is_flag=True, help="Audit the installation of these settings at the end."
)
@click.pass_obj
def command(
    settings: Settings,
    *,
    base_url: str,
    show_id: int,
    seconds: float,
    watchers: int,
    chat: float,
    buyers: int,
    socket_buyers: int,
    rate: float,
    seed: int,
    as_json: bool,
    with_audit: bool,
) -> None:
    """Drive the show SHOW_ID of the shop at BASE_URL with a stated mix, and say what it bore.

    Makes real holds and chat lines.  Exit status 1 when connections broke, answers differ or the audit fails.
    """
    options = Options(
        show_id=show_id,
        seconds=seconds,
        watchers=watchers,
        chat_per_second=chat,
        buyers=buyers,
        socket_buyers=socket_buyers,
        buys_per_second=rate,
        seed=seed,
    )
    try:
        report = asyncio.run(run(base_url, options))
    except (NotLive, httpx.HTTPError) as problem:
        raise click.ClickException(str(problem) or type(problem).__name__) from problem
    findings = _audit(settings) if with_audit else []
    passed = report.passed and all(finding.passed for finding in findings)
    if as_json:
        told = asdict(report) | {"passed": passed, "audit": [finding.as_dict() for finding in findings]}
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        show(report, Console())
        if findings:
            audit.show(findings)
    sys.exit(0 if passed else 1)


def _audit(settings: Settings) -> list[audit.Finding]:
    async def check(dsn: str) -> list[audit.Finding]:
        db = Database(dsn, settings.database_pool)
        await db.open()
        try:
            return await audit.run(db, settings)
        finally:
            await db.close()

    with prepared_database(settings, migrated=False) as dsn:
        return asyncio.run(check(dsn))

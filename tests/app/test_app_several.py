"""Several web processes and a worker on one database and one data directory."""

import asyncio
import json
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import Any

import httpx
import pytest
from tests.app.running import Owner, Running, place, variant_of
from tests.conftest import NewDatabase
from tests.media import checker, film
from tests.waiting import PATIENCE, until
from websockets.sync.client import ClientConnection, connect

PRICE = 9_900


class Several:
    """Two `shopfloor web` and one `shopfloor worker`; the first started records."""

    def __init__(self, stack: ExitStack, database: str) -> None:
        data_dir = stack.enter_context(place())
        self.one = stack.enter_context(Running(data_dir, database=database, command="web"))
        self.two = stack.enter_context(Running(data_dir, database=database, command="web"))
        worker = subprocess.Popen([sys.executable, "-m", "shopfloor", "worker"], env=self.one.environment)
        stack.callback(worker.wait, 60)
        stack.callback(worker.terminate)
        self.owner = Owner(self.one, "corner")
        stack.callback(self.owner.close)
        self.owner.claim(self.one.claim)
        self.product = self.owner.product("Linen shirt", {"M": 20})
        channel = self.owner.shop("POST", "/channels", json={"name": "Studio"})
        self.channel, self.key = channel["id"], channel["key"]
        self.show = self.owner.show("Evening", channel_id=self.channel)
        self.offer = self.owner.offer(self.show, self.product, {"M": 20})
        self.owner.shop("POST", f"/shows/{self.show}/start")

    def wish(self, **fields: Any) -> dict[str, Any]:
        return {
            "id": str(uuid.uuid4()), "offer_id": self.offer, "variant_id": variant_of(self.product, "M"),
            "quantity": 1, "price_minor": PRICE, **fields,
        }  # fmt: skip


@pytest.fixture(scope="module")
def several(new_database: NewDatabase) -> Iterator[Several]:
    with new_database() as database, ExitStack() as stack:
        yield Several(stack, database)


class Page:
    """A page of the room: its socket, and the state it shows."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.state: dict[str, Any] = {}
        self.answers: dict[str, dict[str, Any]] = {}
        # Who wrote each line of chat.
        self.writers: dict[str, str] = {}

    def say(self, **frame: Any) -> None:
        self.socket.send(json.dumps(frame))

    def read(self, seconds: float = 0.1) -> None:
        try:
            frame = json.loads(self.socket.recv(timeout=seconds))
        except TimeoutError:
            return
        if frame["t"] == "answer":
            self.answers[frame["id"]] = frame
        elif frame["t"] == "snapshot":
            self.state = frame["state"]
            self.writers = {line["text"]: line["name"] for line in frame["chat"]}
        elif frame["t"] == "tick":
            merge(self.state, frame.get("patch", {}))
            self.writers |= {line["text"]: line["name"] for line in frame.get("chat", [])}

    def until(self, what: str, true: Callable[["Page"], bool]) -> None:
        def look() -> bool:
            self.read()
            return true(self)

        until(f"{what}; shown is {self.state}", look)

    def left(self, several: Several) -> int:
        offer = self.state["offers"][str(several.offer)]
        return offer["lines"][str(variant_of(several.product, "M"))]["left"]


def merge(state: dict[str, Any], change: dict[str, Any]) -> None:
    """JSON merge patch (RFC 7386)."""
    for name, value in change.items():
        if value is None:
            state.pop(name, None)
        elif isinstance(value, dict) and isinstance(state.get(name), dict):
            merge(state[name], value)  # pyright: ignore[reportUnknownArgumentType]
        else:
            state[name] = value


@contextmanager
def page(several: Several, shop: Running, shopper: str) -> Generator[Page]:
    url = f"{shop.address.replace('http', 'ws', 1)}/room/{several.show}/socket"
    with connect(
        url, additional_headers={"cookie": f"shopper={shopper}"}, proxy=None, open_timeout=PATIENCE
    ) as socket:
        opened = Page(socket)
        opened.say(t="hello")
        opened.until("the snapshot", lambda each: bool(each.state))
        yield opened


def shopper(shop: Running, several: Several) -> str:
    """A new shopper's cookie, as the room's page gives it."""
    answer = httpx.get(f"{shop.address}/s/corner/live/{several.show}", trust_env=False, timeout=PATIENCE)
    return answer.cookies["shopper"]


def buy(shop: Running, wish: dict[str, Any], cookie: str) -> dict[str, Any]:
    answer = httpx.post(
        f"{shop.address}/buy",
        json=wish,
        headers={"cookie": f"shopper={cookie}"},
        trust_env=False,
        timeout=PATIENCE,
    )
    return answer.json()


def test_a_purchase_at_one_is_seen_at_both(several: Several) -> None:
    cookie = shopper(several.one, several)
    with (
        page(several, several.one, cookie) as here,
        page(several, several.two, shopper(several.two, several)) as there,
    ):
        before = here.left(several)
        assert there.left(several) == before
        wish = several.wish()
        there.say(t="buy", **several.wish(quantity=2))
        assert buy(several.one, wish, cookie)["outcome"] == "held"
        for each in (here, there):
            each.until("three are sold", lambda shown: shown.left(several) == before - 3)
        there.until("the buyer is told", lambda shown: bool(shown.answers))
        assert [answer["outcome"] for answer in there.answers.values()] == ["held"]


def test_whoever_is_erased_has_no_name_in_any_room_from_then_on(several: Several) -> None:
    cookie = shopper(several.one, several)
    with (
        page(several, several.one, cookie) as here,
        page(several, several.two, shopper(several.two, several)) as there,
    ):
        here.say(t="chat", ref="1", text="Is it lined?", name="Mei Wang")
        there.say(t="chat", ref="2", text="How warm is it?", name="Ola")
        both = {"Is it lined?": "Mei Wang", "How warm is it?": "Ola"}
        for each in (here, there):
            each.until("both lines are shown", lambda shown: shown.writers == both)
        several.owner.shop("POST", "/orders/erasures", json={"shopper": cookie.split(".")[1][:32]})
        without = both | {"Is it lined?": ""}
        for each in (here, there):
            each.until("the name is gone", lambda shown: shown.writers == without)
        for process in (several.one, several.two):
            with page(several, process, shopper(process, several)) as late:
                assert late.writers == without
            text = httpx.get(
                f"{process.address}/s/corner/live/{several.show}", trust_env=False, timeout=60
            ).text
            assert "Is it lined?" in text
            assert "Mei Wang" not in text


def test_the_same_purchase_asked_at_both_is_one(several: Several) -> None:
    cookie, wish = shopper(several.one, several), several.wish()
    first, second = buy(several.one, wish, cookie), buy(several.two, wish, cookie)
    assert first["outcome"] == "held"
    assert second == first


def test_counters_and_cameras_are_the_same_on_both(several: Several) -> None:
    watch = {"t": "beat", "playing": True}
    with (
        page(several, several.one, shopper(several.one, several)) as here,
        page(several, several.two, shopper(several.two, several)) as there,
    ):
        position = 0.0
        end = time.monotonic() + PATIENCE
        while (here.state.get("viewers"), there.state.get("viewers")) != (2, 2):
            assert time.monotonic() < end, (here.state.get("viewers"), there.state.get("viewers"))
            position += 1.0
            for each in (here, there):
                each.say(**watch, position=position)
                each.read(0.5)
    assert several.one.publish_to == several.two.publish_to


async def test_the_camera_is_seen_through_both(several: Several) -> None:
    port = int(several.two.publish_to.rsplit(":", 1)[1].split("/")[0])
    playlist = f"/media/{several.channel}/live.m3u8"
    async with film.encoder(port, key=several.key) as camera:
        for tag in film.stream(seconds=4):
            camera.send_tag(tag)
        for shop in (several.one, several.two):
            until(
                "the video can be played",
                lambda shop=shop: (
                    httpx.get(f"{shop.address}{playlist}", trust_env=False, timeout=PATIENCE).status_code
                    == 200
                ),
            )
        owner = Owner(several.two, "corner")
        owner.wait(owner.merchant.sign_in("a kiln full of bowls"))
        until(
            "the studio shows the camera",
            lambda: owner.shop("GET", f"/channels/{several.channel}/status")["live"],
        )
        owner.close()


async def test_what_is_not_in_a_show_is_for_staff_through_both(several: Several) -> None:
    """A rehearsal, a show of four seconds, and a camera left on."""
    owner = several.owner
    channel = await asyncio.to_thread(owner.shop, "POST", "/channels", json={"name": "Second camera"})
    show = await asyncio.to_thread(owner.show, "Matinee", channel_id=channel["id"])
    product = await asyncio.to_thread(owner.product, "Belt", {"M": 3})
    await asyncio.to_thread(owner.offer, show, product, {"M": 3})
    port = int(several.two.publish_to.rsplit(":", 1)[1].split("/")[0])
    session = {"cookie": f"session={owner.cookie('session')}"}
    live, preview = (f"/media/{channel['id']}/{name}.m3u8" for name in ("live", "preview"))
    shops = (several.one, several.two)
    async with (
        httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http,
        film.encoder(port, key=channel["key"]) as camera,
    ):

        async def sends() -> None:
            """At the pace it plays."""
            begun = time.monotonic()
            for tag in film.stream(seconds=60):
                await asyncio.sleep(max(begun + tag.timestamp / 1000 - time.monotonic(), 0))
                camera.send_tag(tag)

        async def status(shop: Running, path: str, **headers: str) -> int:
            return (await http.get(f"{shop.address}{path}", headers=headers)).status_code

        async def soon(what: str, shop: Running, path: str, wanted: int, **headers: str) -> None:
            end = time.monotonic() + PATIENCE
            while await status(shop, path, **headers) != wanted:
                assert time.monotonic() < end, what
                await asyncio.sleep(0.1)

        sending = asyncio.create_task(sends())
        rehearsed = ""
        for shop in shops:
            await soon("staff see the rehearsal", shop, preview, 200, **session)
            for path in (live, preview):
                assert await status(shop, path) == 404
            text = (await http.get(f"{shop.address}{preview}", headers=session)).text
            rehearsed = checker.parse(text).closed[0].name or ""
            assert await status(shop, f"/media/{channel['id']}/{rehearsed}") == 404
            assert await status(shop, f"/media/{channel['id']}/{rehearsed}", **session) == 200

        began = time.monotonic()
        started = await asyncio.to_thread(owner.shop, "POST", f"/shows/{show}/start")
        for shop in shops:
            await soon("everybody sees the show", shop, live, 200)
            playlist = checker.parse((await http.get(f"{shop.address}{live}")).text)
            assert playlist.segments[0].pdt is not None
            assert playlist.segments[0].pdt >= datetime.fromisoformat(started["started_at"])
            assert await status(shop, f"/media/{channel['id']}/{rehearsed}") == 404
        await asyncio.sleep(max(began + 4 - time.monotonic(), 0))
        await asyncio.to_thread(owner.shop, "POST", f"/shows/{show}/end")
        lasted = time.monotonic() - began
        for shop in shops:
            end = time.monotonic() + PATIENCE
            while "#EXT-X-ENDLIST" not in (await http.get(f"{shop.address}{live}")).text:
                assert time.monotonic() < end
                await asyncio.sleep(0.05)
        page = (await http.get(f"{several.one.address}/s/corner/live/{show}")).text
        replay = f"/media/{channel['id']}/shows/{show}/replay.m3u8"
        assert replay in page
        for shop in shops:
            end = time.monotonic() + PATIENCE
            while not (kept := checker.parse((await http.get(f"{shop.address}{replay}")).text)).ended:
                assert time.monotonic() < end
                await asyncio.sleep(0.1)
            assert 1.0 < sum(segment.duration for segment in kept.segments) < lasted + 1.0
            await soon("staff see it go on", shop, preview, 200, **session)
            file = httpx.URL(f"{shop.address}{replay}").join(kept.segments[0].name or "")
            assert (await http.get(file)).status_code == 404, "it holds the rehearsal, too"
            first, length = kept.segments[0].byterange or (0, 0)
            piece = await http.get(file, headers={"range": f"bytes={first}-{first + length - 1}"})
            assert (piece.status_code, len(piece.content)) == (206, length)
        sending.cancel()


def test_when_the_one_that_records_is_killed_the_other_goes_on(several: Several) -> None:
    """Last in this file: one of the two is gone after it."""
    cookie = shopper(several.one, several)
    wish, later = several.wish(), several.wish()
    first = buy(several.one, wish, cookie)
    several.one.process.send_signal(signal.SIGKILL)
    several.one.process.wait(PATIENCE)
    assert buy(several.two, wish, cookie) == first
    assert buy(several.two, later, cookie)["outcome"] == "held"
    owner = Owner(several.two, "corner")
    owner.wait(owner.merchant.sign_in("a kiln full of bowls"))
    until(
        "the other takes the camera port",
        lambda: (
            not owner.shop("POST", "/channels", json={"name": "Second"})["publish_to"].endswith(":0/live")
        ),
    )
    owner.close()
    audit = several.two.command("audit")
    assert audit.returncode == 0, audit.stdout + audit.stderr

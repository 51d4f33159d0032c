"""The stream of a show on other platforms: our own RTMP server and ffmpeg's take their part."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from tests.media import film
from tests.media.test_media_camera import Someone, heard, introduce, message
from tests.media.test_media_rtmp import Seen, serving
from tests.media.test_media_show import Studio, studio
from tests.waiting import soon
from websockets.asyncio.client import connect

from shopfloor import media
from shopfloor.kernel import outbound, secrets
from shopfloor.kernel.database import Database
from shopfloor.kernel.errors import Refusal
from shopfloor.media import destination_queries, destinations, flv, restream
from shopfloor.media.access import Airtime
from shopfloor.media.camera import CameraSocket, Kind
from shopfloor.media.chunks import AUDIO, VIDEO
from shopfloor.media.models import Destination, DestinationState
from shopfloor.media.restream import Sender
from shopfloor.media.restreams import PORTS
from shopfloor.media.rtmp_client import Publication, target_of

BOX = secrets.Box((b"k" * 32,))
HOME = (ip_network("127.0.0.0/8"),)
PARAMETERS = {VIDEO: b"\x17\x00\x00\x00\x00avcC", AUDIO: b"\xaf\x00asc"}
KEY = b"\x17\x01\x00\x00\x00key"
NEXT = b"\x27\x01\x00\x00\x00next"
SOUND = b"\xaf\x01sound"


@dataclass
class Told:
    """What a sender says of its destination."""

    states: list[tuple[str, str, int]] = field(default_factory=list)

    def __call__(self, _: Destination, state: DestinationState, why: str, dropped: int) -> None:
        self.states.append((str(state), why, dropped))


def destination(number: int = 1, *, url: str = "rtmp://127.0.0.1/live", key: str = "right") -> Destination:
    sealed = BOX.seal(key, about="media.destination 1")
    return Destination(
        id=number, shop_id=1, channel_id=1, name="Elsewhere", url=url, sealed_key=sealed, code="elsewhere",
        is_on=True, version=1, state=DestinationState.IDLE, why="", dropped=0, state_at=datetime.now(UTC),
    )  # fmt: skip


@asynccontextmanager
async def sending(
    port: int, told: Told, *, key: str = "right", most: int = restream.MOST_BYTES
) -> AsyncGenerator[Sender]:
    async def connect(to: Destination) -> Publication:
        return await Publication.open(target_of(to.url), key, ["127.0.0.1"])

    sender = Sender(destination(url=f"rtmp://127.0.0.1:{port}/live"), PARAMETERS, connect, told, most=most)
    try:
        yield sender
    finally:
        await sender.stop()


async def connected(sender: Sender, told: Told, sinks: list[Seen], *, at: int = 1_000) -> Seen:
    """Send key frames until one has arrived: those of before the connection are nobody's."""

    def arrived() -> bool:
        sender.put(VIDEO, at, KEY)
        return bool(sinks) and ("video", 0, KEY) in sinks[-1].messages

    await soon("a key frame has come", arrived)
    assert told.states[-1] == ("live", "", 0)
    return sinks[-1]


async def test_parameters_come_first_and_the_clock_begins_with_the_first_key_frame() -> None:
    told = Told()
    async with serving() as (_, port, sinks), sending(port, told) as sender:
        sender.put(VIDEO, 900, NEXT)
        sender.put(AUDIO, 990, SOUND)
        seen = await connected(sender, told, sinks, at=1_000)
        sender.put(AUDIO, 990, SOUND)
        sender.put(VIDEO, 1_040, NEXT)
        await soon("both have come", lambda: seen.messages[-1] == ("video", 40, NEXT))

        assert seen.messages[:3] == [
            ("video", 0, PARAMETERS[VIDEO]),
            ("audio", 0, PARAMETERS[AUDIO]),
            ("video", 0, KEY),
        ]
        assert seen.messages[-2] == ("audio", 0, SOUND)
    assert [state for state, _, _ in told.states] == ["connecting", "live", "idle"]


async def test_a_camera_that_comes_back_goes_on_where_it_was() -> None:
    told = Told()
    async with serving() as (_, port, sinks), sending(port, told) as sender:
        seen = await connected(sender, told, sinks, at=60_000)
        sender.put(VIDEO, 61_000, NEXT)
        await soon("it has come", lambda: seen.messages[-1] == ("video", 1_000, NEXT))
        sender.begin_again()
        sender.put(VIDEO, 10, NEXT)
        sender.put(VIDEO, 20, KEY)
        sender.put(VIDEO, 60, NEXT)
        await soon("it has come", lambda: seen.messages[-1] == ("video", 1_080, NEXT))

        assert seen.messages[-2] == ("video", 1_040, KEY)
        # A clock that jumps by itself, also over the end of its 32 bits.
        sender.put(VIDEO, 4_000_000_000, NEXT)
        await soon("it has come", lambda: seen.messages[-1] == ("video", 1_120, NEXT))


async def test_one_that_refuses_says_so_and_is_asked_again_while_another_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(restream, "FIRST_PAUSE", 0.01)
    wrong, right = Told(), Told()
    async with (
        serving() as (_, port, sinks),
        sending(port, wrong, key="wrong") as refused,
        sending(port, right) as taken,
    ):
        seen = await connected(taken, right, sinks)

        def both() -> bool:
            refused.put(VIDEO, 0, KEY)
            return sum(state == "connecting" for state, _, _ in wrong.states) >= 2

        await soon("it was tried twice", both)
        taken.put(VIDEO, 1_040, NEXT)
        await soon("the other has all", lambda: seen.messages[-1] == ("video", 40, NEXT))
    assert ("waiting", "refused", 0) in wrong.states
    assert {why for _, why, _ in right.states} == {""}


async def test_one_that_reads_nothing_costs_a_bounded_queue_and_nobody_else() -> None:
    """Beside it a destination that reads has every frame."""
    block = KEY + bytes(200_000)

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1 + 1536)
        writer.write(b"\x03" + bytes(2 * 1536))
        await reader.readexactly(1536)
        camera = film.Encoder(reader, writer)
        for number, answer in ((1.0, "_result"), (4.0, "_result")):
            while (await camera.answer())[:2] not in (["connect", number], ["createStream", number]):
                pass
            writer.write(
                film.cut(
                    film.Message(film.COMMAND, 0, 0, film.amf.encode(answer, number, None, 1)),
                    csid=3,
                    chunk_size=128,
                )
            )
        info = {"level": "status", "code": "NetStream.Publish.Start"}
        writer.write(
            film.cut(
                film.Message(film.COMMAND, 1, 0, film.amf.encode("onStatus", 0, None, info)),
                csid=3,
                chunk_size=128,
            )
        )
        await asyncio.Event().wait()

    full, right = Told(), Told()
    slow = await asyncio.start_server(deaf, "127.0.0.1", 0, limit=4_096)
    port = slow.sockets[0].getsockname()[1]
    async with (
        serving() as (_, other, sinks),
        sending(port, full, most=1_000_000) as stuck,
        sending(other, right) as taken,
    ):
        seen = await connected(taken, right, sinks)

        def overflown() -> bool:
            stuck.put(VIDEO, 0, block)
            return stuck.dropped > 0

        await soon("its queue is full", overflown)
        taken.put(VIDEO, 1_040, NEXT)
        await soon("the other has all", lambda: seen.messages[-1] == ("video", 40, NEXT))
    slow.close()


def test_frames_of_a_browser_are_the_tags_of_an_encoder(tmp_path: Path) -> None:
    """What ffmpeg wrote, taken apart and put together again."""
    for tag in film.tags(film.make(tmp_path / "film.flv", seconds=1)):
        body = tag.payload[5:] if tag.type == VIDEO else tag.payload[2:]
        is_first = flv.is_parameters(tag.type, tag.payload)
        if tag.type == VIDEO:
            made = flv.picture_parameters(body) if is_first else flv.picture(body, key=tag.payload[0] == 0x17)
            assert flv.is_key_frame(tag.type, tag.payload) == (tag.payload[:2] == b"\x17\x01")
        else:
            made = flv.sound_parameters(body) if is_first else flv.sound(body)
        if len(tag.payload) > 5:
            assert made == tag.payload


@pytest.mark.parametrize("source", ["an encoder", "a browser"])
async def test_a_show_goes_to_a_server_of_others(
    database: Database, tmp_path: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ffmpeg takes the part of the platform: what it wrote begins with a key frame and holds picture and sound."""
    monkeypatch.setattr(restream, "FIRST_PAUSE", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    written = tmp_path / "elsewhere.flv"
    platform = await asyncio.create_subprocess_exec(
        film.FFMPEG, "-v", "error", "-y", "-listen", "1", "-i", f"rtmp://127.0.0.1:{port}/live2/s3cret", "-c", "copy", str(written),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    on_air: list[Airtime] = []

    async def airtimes(_: int) -> list[Airtime]:
        return on_air

    tags = film.tags(film.make(tmp_path / "film.flv", seconds=1))
    parameters = [tag for tag in tags if flv.is_parameters(tag.type, tag.payload)]
    picture = next(tag for tag in tags if flv.is_key_frame(tag.type, tag.payload))
    sound = next(tag for tag in tags if tag.type == AUDIO and not flv.is_parameters(AUDIO, tag.payload))
    try:
        async with studio(
            database, tmp_path / "media", airtimes=airtimes, staff=Someone(), box=BOX, allowed=HOME
        ) as at:
            async with database.transaction() as tx:
                made = await destinations.add(
                    tx, shop_id=1, channel_id=at.channel, name="Elsewhere", url=f"rtmp://127.0.0.1:{port}/live2",
                    key="s3cret", box=BOX,
                )  # fmt: skip
            async with (encoder if source == "an encoder" else page)(at) as send:
                for tag in parameters:
                    await send(tag, 0)

                async def play(turn: int) -> None:
                    for tag in (picture, sound):
                        await send(tag, turn * 100)

                await play(0)
                assert await state_of(database, made) == "idle", "nothing goes out before the show"
                on_air.append(Airtime(7, 1, datetime.fromtimestamp(1, UTC), None))
                await at.server.shows_changed(at.channel)
                turn = 0

                async def is_live() -> bool:
                    nonlocal turn
                    turn += 1
                    await play(turn)
                    return await state_of(database, made) == "live"

                await soon("it goes out", is_live, every=0.1)
                await play(turn + 1)
                on_air[0] = Airtime(7, 1, on_air[0].start, datetime.now(UTC))
                await at.server.shows_changed(at.channel)
                assert await platform.wait() == 0, "it was said goodbye to"

                async def is_idle() -> bool:
                    return await state_of(database, made) == "idle"

                await soon("it rests", is_idle)
    finally:
        if platform.returncode is None:
            platform.kill()
    again = film.tags(written)
    assert again[0].payload[:2] == b"\x17\x00"
    first = next(tag for tag in again if tag.type == VIDEO and tag.payload[1] == 1)
    assert (first.payload[0], first.timestamp) == (0x17, 0)
    assert first.payload in {tag.payload for tag in tags}
    assert {tag.type for tag in again} == {AUDIO, VIDEO}


Send = Callable[[film.Tag, int], Awaitable[None]]


@asynccontextmanager
async def encoder(at: Studio) -> AsyncGenerator[Send]:
    async with film.encoder(at.port, key=at.key) as camera:

        async def send(tag: film.Tag, moment: int) -> None:
            camera.send_tag(film.Tag(tag.type, moment, tag.payload))
            await camera.writer.drain()

        yield send


@asynccontextmanager
async def page(at: Studio) -> AsyncGenerator[Send]:
    """A browser that films: bare frames over a WebSocket."""
    listener = await asyncio.get_running_loop().create_server(
        lambda: CameraSocket(at.server, set()), "127.0.0.1", 0
    )
    port = listener.sockets[0].getsockname()[1]
    async with connect(
        f"ws://127.0.0.1:{port}/media/{at.channel}/camera",
        origin=f"http://127.0.0.1:{port}",  # pyright: ignore[reportArgumentType]
        additional_headers={"cookie": "session=host"},
        compression=None,
        proxy=None,
    ) as camera:
        await introduce(camera)
        await heard(camera, "ready")

        async def send(tag: film.Tag, moment: int) -> None:
            is_first = flv.is_parameters(tag.type, tag.payload)
            if tag.type == VIDEO:
                kind, body = Kind.PICTURE_PARAMETERS if is_first else Kind.KEY_FRAME, tag.payload[5:]
            else:
                kind, body = Kind.AAC_PARAMETERS if is_first else Kind.SOUND, tag.payload[2:]
            await camera.send(message(kind, moment, body))

        yield send
    listener.close()


async def state_of(database: Database, made: Destination) -> str:
    async with database.transaction() as tx:
        [found] = await destinations.destinations(tx, shop_id=1)
    assert found.id == made.id
    return str(found.state)


async def test_a_key_is_sealed_and_every_word_is_checked(database: Database) -> None:
    async with database.transaction() as tx:
        channel, _ = await media.create_channel(tx, shop_id=1, name="Studio")
        other, _ = await media.create_channel(tx, shop_id=2, name="Theirs")
        where: dict[str, Any] = {"shop_id": 1, "channel_id": channel.id, "box": BOX}
        made = await destinations.add(
            tx, name="抖音", url=" rtmps://push.example/live/ ", key=" s3cret?x=1 ", **where
        )
        again = await destinations.add(
            tx, name="抖音", url="rtmp://push.example:1936/a?b=c", key="k", **where
        )
        assert (made.url, again.url) == ("rtmps://push.example/live", "rtmp://push.example:1936/a?b=c")
        assert (made.code, again.code) == ("live", "live-2")
        assert b"s3cret" not in made.sealed_key
        assert BOX.open(made.sealed_key, about=made.about) == "s3cret?x=1"
        for refused, change in [
            ("media.bad_destination", {"url": "https://push.example/live"}),
            ("media.bad_destination", {"url": "rtmp://push.example"}),
            ("media.bad_destination", {"url": "rtmp://me:you@push.example/live"}),
            ("media.bad_destination", {"url": "rtmp://push.example:99999/live"}),
            ("media.bad_destination", {"url": "rtmp://[::1/live"}),
            ("media.bad_destination", {"url": "rtmp://push.example:0/live"}),
            ("media.bad_destination", {"url": "rtmp://push.example/a b"}),
            ("media.bad_destination", {"url": "rtmp://push.example/" + "a" * 500}),
            ("media.bad_destination_key", {"key": " "}),
            ("media.bad_destination_key", {"key": "a\nb"}),
            ("media.bad_destination_key", {"key": "a" * 501}),
            ("media.bad_destination_name", {"name": "\u200b"}),
            ("media.bad_destination_name", {"name": "a" * 61}),
            ("media.channel_unknown", {"channel_id": other.id}),
        ]:
            given: dict[str, Any] = {
                "name": "B",
                "url": "rtmp://push.example/live",
                "key": "k",
                **where,
                **change,
            }
            with pytest.raises(Refusal) as refusal:
                await destinations.add(tx, **given)
            assert refusal.value.code == refused, change
        for change in (
            destinations.set_key(tx, shop_id=2, destination_id=made.id, key="k", box=BOX),
            destinations.switch(tx, shop_id=2, destination_id=made.id, is_on=False),
            destinations.remove(tx, shop_id=2, destination_id=made.id),
        ):
            with pytest.raises(media.DestinationUnknown):
                await change
        await destinations.set_key(tx, shop_id=1, destination_id=made.id, key="other", box=BOX)
        await destinations.switch(tx, shop_id=1, destination_id=again.id, is_on=False)
        [used] = await destination_queries.in_use(tx, channel_ids=[channel.id])
        assert (used.id, used.version, BOX.open(used.sealed_key, about=used.about)) == (made.id, 2, "other")
        for n in range(destinations.MOST - 2):
            await destinations.add(tx, name=f"No. {n}", url="rtmp://push.example/live", key="k", **where)
        with pytest.raises(destinations.TooManyDestinations):
            await destinations.add(tx, name="One more", url="rtmp://push.example/live", key="k", **where)
        await destinations.remove(tx, shop_id=1, destination_id=made.id)
        assert made.id not in {each.id for each in await destinations.destinations(tx, shop_id=1)}


@pytest.mark.parametrize(
    ("address", "port", "passes"),
    [
        ("93.184.216.34", 1935, True), ("93.184.216.34", 443, True), ("93.184.216.34", 5432, False),
        ("10.0.0.5", 1935, False), ("169.254.169.254", 80, False), ("::1", 1935, False), ("127.0.0.1", 5432, True),
    ],
)  # fmt: skip
async def test_no_destination_leads_into_the_network_of_the_shop(
    address: str, port: int, passes: bool
) -> None:
    async def resolve(_: str, __: int) -> list[outbound.Address]:
        return [ip_address(address)]

    asked = outbound.permitted("push.example", port, ports=PORTS, allowed=HOME, resolve=resolve)
    if passes:
        assert await asked == [address]
    else:
        with pytest.raises(outbound.AddressRefused):
            await asked


async def test_of_those_who_add_at_once_no_more_than_eight_are_taken(database: Database) -> None:
    async with database.transaction() as tx:
        channel, _ = await media.create_channel(tx, shop_id=1, name="Studio")

    async def add(number: int) -> bool:
        try:
            async with database.transaction() as tx:
                await destinations.add(
                    tx, shop_id=1, channel_id=channel.id, name=f"No. {number}", url="rtmp://push.example/live", key="k", box=BOX,
                )  # fmt: skip
        except destinations.TooManyDestinations:
            return False
        return True

    taken = await asyncio.gather(*(add(number) for number in range(12)))

    assert sum(taken) == destinations.MOST

"""A browser as a camera: who is let in, what is made of what it sends, and what it cannot break."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.media import checker, film
from tests.media.test_media_show import Everybody, Studio, studio, written
from tests.waiting import PATIENCE, soon
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from shopfloor import media
from shopfloor.kernel.database import Database, DatabaseAway
from shopfloor.media.camera import CameraSocket, Hello, Kind, MediaMessage, read_hello, read_media
from shopfloor.media.codecs import opus_config, opus_samples
from shopfloor.media.models import BadMedia, BadStream
from shopfloor.media.packager import Event, Packager, PartReady, RunOpened, SegmentClosed
from shopfloor.media.rtmp import StreamLimits

# A packet of 20 ms, as Opus' table of contents states it: 48 kHz, one frame.
SOUND = bytes([0xFC]) + b"s" * 20


class Someone(Everybody):
    """Whoever shows a session; `allowed` may be taken back, `away` is a database that does not answer."""

    def __init__(self) -> None:
        self.allowed = True
        self.away = False

    def cookie(self, scope: Any) -> bytes:
        return dict(scope["headers"]).get(b"cookie", b"")

    async def films(self, cookie: bytes, channel_id: int) -> bool:
        if self.away:
            raise DatabaseAway
        return self.allowed and cookie == b"session=host"


class Place:
    """A shop with a channel, and where its cameras connect."""

    def __init__(self, studio: Studio, staff: Someone, port: int) -> None:
        self.studio = studio
        self.staff = staff
        self.port = port

    @property
    def status(self) -> media.Status:
        return self.studio.server.status(self.studio.channel)

    def connect(
        self, *, channel: int | None = None, origin: str | None = None, cookie: str = "session=host"
    ) -> connect:
        number = self.studio.channel if channel is None else channel
        return connect(
            f"ws://127.0.0.1:{self.port}/media/{number}/camera",
            origin=origin or f"http://127.0.0.1:{self.port}",  # pyright: ignore[reportArgumentType]
            additional_headers={"cookie": cookie},
            compression=None,
            proxy=None,
        )


@asynccontextmanager
async def place(database: Database, directory: Path, **limits: float) -> AsyncGenerator[Place]:
    staff = Someone()
    drained = StreamLimits(drain_seconds=0.05, **limits)  # pyright: ignore[reportArgumentType]
    async with studio(database, directory, staff=staff, limits=drained) as made:
        listener = await asyncio.get_running_loop().create_server(
            lambda: CameraSocket(made.server, set()), "127.0.0.1", 0
        )
        yield Place(made, staff, listener.sockets[0].getsockname()[1])
        listener.close()


def message(kind: Kind, at: int, data: bytes) -> bytes:
    return bytes([kind]) + (at % (1 << 32)).to_bytes(4) + data


def unit(*, key: bool) -> bytes:
    return film.frame(key=key)[5:]


def stream(seconds: float, *, start: int = 0, sound: bool = True) -> list[bytes]:
    """What a page sends: a key frame each second, Opus in frames of 20 ms."""
    sent = [message(Kind.PICTURE_PARAMETERS, start, film.parameters())]
    if sound:
        sent.append(message(Kind.OPUS_PARAMETERS, start, b"\x02"))
    sounds = 0
    for i in range(round(seconds * 30)):
        at = start + i * 1000 // 30
        while sound and start + sounds * 20 <= at:
            sent.append(message(Kind.SOUND, start + sounds * 20, SOUND))
            sounds += 1
        sent.append(message(Kind.KEY_FRAME if i % 30 == 0 else Kind.FRAME, at, unit(key=i % 30 == 0)))
    return sent


async def heard(camera: ClientConnection, wanted: str) -> dict[str, Any]:
    """The next message of this kind."""
    while True:
        said = json.loads(await asyncio.wait_for(camera.recv(), PATIENCE))
        if said["t"] == wanted:
            return said


async def introduce(camera: ClientConnection, name: str = "a-page-1", *, take_over: bool = False) -> None:
    await camera.send(json.dumps({"id": name, "take_over": take_over}))


async def film_on(camera: ClientConnection, seconds: float = 3, *, start: int = 0) -> None:
    await introduce(camera)
    await heard(camera, "ready")
    for each in stream(seconds, start=start):
        await camera.send(each)


async def code_of(camera: ClientConnection) -> int:
    """With which code we were shown out."""
    with suppress(ConnectionClosed):
        # What was said before is read: a queue that is full would keep the goodbye out.
        while True:
            await asyncio.wait_for(camera.recv(), PATIENCE)
    assert camera.close_code is not None
    return camera.close_code


async def test_a_page_is_on_air_recorded_and_told_so(database: Database, tmp_path: Path) -> None:
    async with place(database, tmp_path) as here:
        async with here.connect() as camera:
            await film_on(camera)
            ack = await heard(camera, "ack")
            await soon("the run is on air", lambda: here.status.live)
            assert here.status.codecs == "avc1.42C01E,opus"
            text = (await here.studio.http.get(f"/media/{here.studio.channel}/live.m3u8")).text
            init = await here.studio.get(text.partition('#EXT-X-MAP:URI="')[2].partition('"')[0])
            assert init.count(b"dOps") == 1
            await camera.send("end")
            assert await code_of(camera) == 1000
        assert 0 < ack["at"] < 3_000
        await soon("the run is written down", lambda: _ended(database, here))
        ((run, segments, gaps),) = await written(database, here.studio.channel)
        assert (run.end_cause, run.codecs, gaps) == ("finished", "avc1.42C01E,opus", [])
        # Whole milliseconds: 2,966 to the last frame, which lasts as long as the one before.
        assert sum(each.duration for each in segments) == (2_966 + 33) * 90


async def _ended(database: Database, here: Place) -> bool:
    found = await written(database, here.studio.channel)
    return bool(found) and found[-1][0].end_cause is not None


async def test_only_our_page_and_only_who_runs_shows(database: Database, tmp_path: Path) -> None:
    async with place(database, tmp_path) as here:
        with pytest.raises(InvalidStatus) as refused:
            await here.connect(origin="https://evil.example")
        assert refused.value.response.status_code == 403
        for cookie, channel in (("", here.studio.channel), ("session=host", 9_999)):
            async with here.connect(cookie=cookie, channel=channel) as camera:
                await introduce(camera)
                assert (await heard(camera, "refused"))["code"] == "media.may_not_film"
                assert await code_of(camera) == 4403
        assert here.studio.server.status(here.studio.channel).live is False


async def test_another_camera_is_replaced_only_on_purpose(database: Database, tmp_path: Path) -> None:
    async with place(database, tmp_path) as here, here.connect() as first:
        await film_on(first)
        async with here.connect() as second:
            await introduce(second, "another-page")
            assert (await heard(second, "refused"))["code"] == "media.channel_busy"
        async with here.connect() as third:
            await introduce(third, "another-page", take_over=True)
            await heard(third, "ready")
            assert (await heard(first, "ended"))["cause"] == "replaced"
            assert await code_of(first) == 4410


async def test_a_page_takes_its_own_place_again_at_once(database: Database, tmp_path: Path) -> None:
    """Its line broke, and we have not heard of it yet: the same playlist goes on with a new run."""
    async with place(database, tmp_path) as here, here.connect() as first:
        await film_on(first)
        await soon("the run is on air", lambda: here.status.live)
        run = here.status.run_id
        async with here.connect() as again:
            await film_on(again, start=5_000)
            await soon("the next run is on air", lambda: here.status.live and here.status.run_id != run)
            text = (await here.studio.http.get(f"/media/{here.studio.channel}/live.m3u8")).text
            assert text.count("#EXT-X-DISCONTINUITY\n") == 1
            assert "#EXT-X-ENDLIST" not in text


async def test_an_encoder_keeps_its_channel_from_a_page(database: Database, tmp_path: Path) -> None:
    async with place(database, tmp_path) as here, film.encoder(here.studio.port, key=here.studio.key) as obs:
        obs.send_tag(next(iter(film.stream(seconds=1))))
        async with here.connect() as camera:
            await introduce(camera)
            assert (await heard(camera, "refused"))["code"] == "media.channel_busy"


async def test_permission_that_is_taken_back_ends_the_picture(database: Database, tmp_path: Path) -> None:
    async with place(database, tmp_path, recheck_seconds=0.05) as here, here.connect() as camera:
        await film_on(camera)
        here.staff.away = True
        await soon("the run is on air", lambda: here.status.live)
        here.staff.away, here.staff.allowed = False, False
        assert (await heard(camera, "ended"))["cause"] == "revoked"


async def test_a_page_that_says_nothing_is_let_go(database: Database, tmp_path: Path) -> None:
    async with place(database, tmp_path, step_seconds=0.05) as here, here.connect() as camera:
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(camera.recv(), PATIENCE)


async def test_a_page_at_another_process_films_through_it(database: Database, tmp_path: Path) -> None:
    """One process records; the bytes of a camera that reaches another go on to it, and its answers back."""
    loop = asyncio.get_running_loop()
    async with database.transaction() as tx:
        channel, _ = await media.create_channel(tx, shop_id=1, name="Studio")
    servers = [media.MediaServer(database, tmp_path, "127.0.0.1", 0, staff=Someone()) for _ in range(2)]
    doors = [
        await loop.create_server(lambda server=server: CameraSocket(server, set()), "127.0.0.1", 0)
        for server in servers
    ]
    ports = [door.sockets[0].getsockname()[1] for door in doors]
    try:
        for server, port in zip(servers, ports, strict=True):
            await server.join(f"http://127.0.0.1:{port}")
        assert [server.records for server in servers] == [True, False]
        address = f"127.0.0.1:{ports[1]}"
        async with connect(
            f"ws://{address}/media/{channel.id}/camera",
            origin=f"http://{address}",  # pyright: ignore[reportArgumentType]
            additional_headers={"cookie": "session=host"},
            proxy=None,
        ) as camera:
            await film_on(camera)
            await heard(camera, "ack")
            assert servers[0].live(channel.id)
        await soon("it has left", lambda: not servers[0].live(channel.id))
    finally:
        for server in reversed(servers):
            await server.close()
        for door in doors:
            door.close()


HELLO = json.dumps({"id": "a-page-1"})


@pytest.mark.parametrize(
    "sent",
    [
        [b"\x01\0\0\0\0" + film.parameters()],
        ["hello"],
        ['{"id": "short"}'],
        ['{"id": "a-page-1", "more": 1}'],
        ["[" * 5_000],
        [HELLO, b"\x07\0\0\0\0x"],
        [HELLO, b"\x02"],
        [HELLO, "stop"],
        [HELLO, b"\x01\0\0\0\0nonsense"],
        [HELLO, b"\x05\0\0\0\0\x09"],
        [HELLO, b"\x04\0\0\0\0\xff\xff"],
    ],
    ids=lambda sent: str(sent[-1][:12]),
)
async def test_nonsense_ends_its_own_connection_and_no_other(
    database: Database, tmp_path: Path, sent: list[str | bytes]
) -> None:
    async with place(database, tmp_path) as here, film.encoder(here.studio.port) as neighbour:
        async with here.connect() as camera:
            for each in sent:
                await camera.send(each)
                if each == HELLO:
                    await heard(camera, "ready")
            assert await code_of(camera) in {4400, 4403}
        assert (await neighbour.connect())[0] == "_result"
        # The channel is free for the next one.
        async with here.connect() as camera:
            await introduce(camera)
            await heard(camera, "ready")


async def test_what_is_no_websocket_is_closed(database: Database, tmp_path: Path) -> None:
    async with place(database, tmp_path, step_seconds=0.05) as here:
        for sent in (b"\x16\x03\x01" * 40, b"GET /media/1/camera HTTP/1.1\r\n\r\n", b"A" * 70_000):
            reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
            writer.write(sent)
            await asyncio.wait_for(reader.read(), PATIENCE)
            writer.close()


async def test_a_clock_that_runs_ahead_is_not_followed(database: Database, tmp_path: Path) -> None:
    async with place(database, tmp_path) as here, here.connect() as camera:
        await introduce(camera)
        await heard(camera, "ready")
        with suppress(ConnectionClosed):
            for each in stream(20, sound=False):
                await camera.send(each)
        assert await code_of(camera) == 4400


@given(st.binary(max_size=64))
def test_any_bytes_are_a_message_or_refused(payload: bytes) -> None:
    try:
        found = read_media(payload)
    except BadStream:
        assert len(payload) < 6 or not 1 <= payload[0] <= 6
    else:
        assert message(found.kind, found.timestamp, found.data) == payload


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_text_is_a_hello_or_refused(payload: bytes) -> None:
    try:
        found = read_hello(payload)
    except BadStream:
        return
    assert isinstance(found, Hello)


def test_a_media_message_is_read() -> None:
    assert read_media(b"\x02\x00\x01\x86\xa0unit") == MediaMessage(Kind.KEY_FRAME, 100_000, b"unit")


@pytest.mark.parametrize(
    ("packet", "samples"),
    [
        (b"", 0),
        (b"\xfc", 960),  # CELT, fullband, 20 ms, one frame
        (b"\xfd", 1_920),
        (b"\xe0", 120),
        (b"\x08", 960),  # SILK, 20 ms
        (b"\x18", 2_880),
        (b"\x60", 480),  # hybrid, 10 ms
        (b"\xff", 0),
        (b"\xff\x03", 2_880),
    ],
)
def test_the_length_of_opus_packets(packet: bytes, samples: int) -> None:
    assert opus_samples(packet) == samples


def test_opus_of_six_channels_is_refused() -> None:
    with pytest.raises(BadMedia):
        opus_config(6)


def test_opus_is_carried_with_its_parameters_in_the_init_section() -> None:
    packager = Packager()
    events: list[Event] = []
    for payload in stream(2.5):
        read = read_media(payload)
        if read.kind is Kind.PICTURE_PARAMETERS:
            continue
        events += feed(packager, read)
    opened = next(event for event in events if isinstance(event, RunOpened))
    assert (opened.codecs, opened.audio_rate) == ("avc1.42C01E,opus", 48_000)
    entry = opened.init[opened.init.index(b"Opus") :]
    # Channels, bits, rate as 16.16; then dOps: version, channels, samples to skip, rate, gain, family.
    assert entry[20:24] == b"\x00\x02\x00\x10"
    assert entry[28:32] == b"\xbb\x80\x00\x00"
    assert entry[32:51] == b"\x00\x00\x00\x13dOps\x00\x02\x01\x38\x00\x00\xbb\x80\x00\x00\x00"
    segment = next(event for event in events if isinstance(event, SegmentClosed))
    assert segment.audio_end % 960 == 0
    for part in events:
        if isinstance(part, PartReady):
            list(checker.boxes(part.data))


def test_a_packet_of_another_length_is_left_out() -> None:
    packager = Packager()
    packager.sound_parameters(opus_config(2))
    assert packager.sound(0, b"\xfd" + SOUND[1:], 0) == []
    assert packager.dropped == 1


def feed(packager: Packager, read: MediaMessage) -> list[Event]:
    if packager.fps == 0.0 and read.kind is Kind.OPUS_PARAMETERS:
        packager.video(0, film.video_parameters(), 0)
        return packager.sound_parameters(opus_config(read.data[0]))
    if read.kind is Kind.SOUND:
        return packager.sound(read.timestamp, read.data, read.timestamp)
    return packager.picture(read.timestamp, read.data, read.timestamp, key=read.kind is Kind.KEY_FRAME)

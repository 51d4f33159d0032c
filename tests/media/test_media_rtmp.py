"""The RTMP server against good, clumsy and hostile clients."""

import asyncio
import random
import socket
import struct
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop
from tests.media.film import Tag, encoder, frame
from tests.waiting import PATIENCE, soon

from shopfloor.media import amf
from shopfloor.media.chunks import (
    ACKNOWLEDGEMENT,
    AGGREGATE,
    COMMAND,
    SET_CHUNK_SIZE,
    USER_CONTROL,
    VIDEO,
    Message,
    cut,
)
from shopfloor.media.models import CodecRefused, EndCause, KeyRefused
from shopfloor.media.rtmp import Publisher, RtmpServer, StreamLimits


@dataclass
class Seen:
    """A sink that remembers."""

    messages: list[tuple[str, int, bytes]] = field(default_factory=list)
    cause: EndCause | None = None
    ahead: float = 0.0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def video(self, timestamp: int, payload: bytes) -> None:
        if payload[0] & 0x80:
            raise CodecRefused("The encoder sends HEVC.")
        self.messages.append(("video", timestamp, payload))

    def audio(self, timestamp: int, payload: bytes) -> None:
        self.messages.append(("audio", timestamp, payload))

    def ended(self, cause: EndCause) -> None:
        assert self.cause is None, "told once"
        self.cause = cause
        self.over.set()

    def lead(self) -> float:
        return self.ahead


@asynccontextmanager
async def serving(limits: StreamLimits | None = None) -> AsyncGenerator[tuple[RtmpServer, int, list[Seen]]]:
    sinks: list[Seen] = []

    async def admit(key: str, publisher: Publisher) -> Seen:
        await asyncio.sleep(0)
        if key != "right":
            raise KeyRefused
        sinks.append(Seen())
        return sinks[-1]

    server = RtmpServer(admit, limits=limits or StreamLimits(drain_seconds=0.1))
    port = await server.start("127.0.0.1", 0)
    try:
        yield server, port, sinks
    finally:
        await server.close()


async def until(condition: Callable[[], object], seconds: float = 5) -> None:
    await soon("what the next line needs", condition, patience=seconds)


async def still_works(port: int) -> None:
    async with encoder(port, key="right"):
        pass


async def test_a_publisher_is_let_in_and_its_media_arrives() -> None:
    async with serving() as (_, port, sinks), encoder(port, key="right") as camera:
        camera.send_tag(Tag(9, 5, b"\x17\x01abcdef"))
        camera.send_tag(Tag(8, 7, b"\xaf\x01xyz"))
        camera.send(Message(COMMAND, 0, 0, amf.encode("deleteStream", 4, None, 1)))
        await camera.gone()

    assert sinks[0].messages == [("video", 5, b"\x17\x01abcdef"), ("audio", 7, b"\xaf\x01xyz")]
    assert sinks[0].cause is EndCause.FINISHED


@pytest.mark.parametrize("key", ["wrong", "", "right2", "?right", "/"])
async def test_a_wrong_key_is_told_and_shown_out(key: str) -> None:
    async with serving() as (_, port, sinks), encoder(port) as camera:
        await camera.connect()
        await camera.create()
        assert await camera.publish(key) == "NetStream.Publish.BadName"
        camera.send_tag(Tag(9, 0, b"\x17\x01abcdef"))
        await camera.gone()

        assert sinks == []
        await still_works(port)


@pytest.mark.parametrize(
    ("app", "key"), [("live", "right?token=1"), ("live/", "right"), ("live", "right/"), ("live?a=b", "right")]
)
async def test_queries_and_slashes_do_not_matter(app: str, key: str) -> None:
    async with serving() as (_, port, sinks), encoder(port, app=app, key=key):
        assert len(sinks) == 1


async def test_a_wrong_application_is_told() -> None:
    async with serving() as (_, port, sinks), encoder(port) as camera:
        name, _, _, info = await camera.connect("other")
        assert isinstance(info, dict)
        assert (name, info["code"]) == ("_error", "NetConnection.Connect.InvalidApp")
        await camera.gone()
        assert sinks == []


async def test_publish_before_connect_is_closed() -> None:
    async with serving() as (_, port, sinks), encoder(port) as camera:
        with pytest.raises((EOFError, ConnectionError)):
            await camera.publish("right")
        assert sinks == []


async def test_media_before_publish_is_closed() -> None:
    async with serving() as (_, port, sinks), encoder(port) as camera:
        await camera.connect()
        await camera.create()
        camera.send_tag(Tag(9, 0, b"\x17\x01abcdef"))
        with pytest.raises((EOFError, ConnectionError)):
            await camera.publish("right")
        assert sinks == []


async def test_the_chunk_size_is_announced_before_any_long_reply() -> None:
    async with serving() as (_, port, _), encoder(port) as camera:
        camera.send(Message(COMMAND, 0, 0, amf.encode("connect", 1, {"app": "live"})))
        data = await asyncio.wait_for(camera.reader.read(65_536), PATIENCE)
        announced = data.index(
            cut(Message(SET_CHUNK_SIZE, 0, 0, (65_536).to_bytes(4)), csid=2, chunk_size=128)
        )

        assert announced < data.index(b"_result")


async def test_a_refused_format_is_told() -> None:
    async with serving() as (_, port, sinks), encoder(port, key="right") as camera:
        camera.send_tag(Tag(9, 0, b"\x90hvc1"))
        answer = await camera.answer()
        assert isinstance(answer[3], dict)
        assert answer[3]["code"] == "NetStream.Publish.Rejected"
        assert answer[3]["description"] == "The encoder sends HEVC."
        assert sinks[0].cause is EndCause.LOST
        await camera.gone()


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        b"\x00",
        b"\x06" + bytes(1536),
        b"SSH-2.0-OpenSSH_9.2\r\n",
    ],
    ids=["HTTP", "TLS", "zero", "RTMPE", "SSH"],
)
async def test_what_is_not_rtmp_is_closed_without_a_word(data: bytes) -> None:
    async with serving() as (server, port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        try:
            said = await asyncio.wait_for(reader.read(), PATIENCE)
        except ConnectionError:
            said = b""
        writer.close()

        assert said == b""
        await until(lambda: server.connections == 0)
        await still_works(port)


async def test_a_slow_handshake_is_cut() -> None:
    async with serving(StreamLimits(step_seconds=0.2)) as (server, port, _):
        for sent in (b"", b"\x03" + bytes(100), b"\x03" + bytes(1536) + bytes(10)):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            await until(lambda: server.connections == 1)
            await until(lambda: server.connections == 0)
            writer.close()


async def test_who_connects_and_never_publishes_is_cut() -> None:
    async with (
        serving(StreamLimits(publish_seconds=0.2, step_seconds=0.2)) as (server, port, _),
        encoder(port) as camera,
    ):
        await camera.connect()
        answer = await camera.answer()
        assert isinstance(answer[3], dict)
        assert answer[3]["code"] == "NetStream.Publish.Failed"
        await until(lambda: server.connections == 0)


async def test_too_much_before_publishing_is_cut() -> None:
    async with serving() as (server, port, _), encoder(port) as camera:
        await camera.connect()
        for _ in range(1_000):
            camera.send(Message(USER_CONTROL, 0, 0, b"\0\x03" + bytes(90)))
        await until(lambda: server.connections == 0)


async def test_silence_ends_a_stream() -> None:
    async with (
        serving(StreamLimits(idle_seconds=0.2, step_seconds=0.2)) as (_, port, sinks),
        encoder(port, key="right"),
    ):
        await asyncio.wait_for(sinks[0].over.wait(), PATIENCE)

        assert sinks[0].cause is EndCause.LOST


@pytest.mark.parametrize("strangers", [4, 40])
async def test_silent_strangers_never_keep_a_camera_out(strangers: int) -> None:
    """They may be as many as they like: forty fit, and the others make room for each other."""
    async with (
        serving(StreamLimits(strangers=strangers)) as (server, port, sinks),
        encoder(port, key="right") as first,
    ):
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(60)]
        await until(lambda: server.connections == strangers + 1)
        async with encoder(port, key="right"):
            first.send_tag(Tag(9, 0, b"\x17\x01abcdef"))
            await until(lambda: len(sinks) == 2 and sinks[0].messages)
            assert [sink.cause for sink in sinks] == [None, None]
        for _, writer in silent:
            writer.close()


async def test_publishers_are_bounded_and_the_next_is_told() -> None:
    async with serving(StreamLimits(publishers=1, drain_seconds=0.1)) as (server, port, _):
        async with encoder(port, key="right"), encoder(port) as second:
            await second.connect()
            await second.create()
            assert await second.publish("right") == "NetStream.Publish.Failed"
            await second.gone()
        await until(lambda: server.connections == 0)
        await still_works(port)


async def test_the_count_of_the_process_is_asked_and_may_take_one_back() -> None:
    gone: list[str] = []
    closers: list[Callable[[], None]] = []

    class Two:
        def enter(self, address: str, give_up: Callable[[], None]) -> Callable[[], None] | None:
            if len(closers) == 2:
                return None
            closers.append(give_up)
            return lambda: gone.append(address)

    async def admit(key: str, publisher: Publisher) -> Seen:
        return Seen()

    server = RtmpServer(admit, counter=Two())
    port = await server.start("127.0.0.1", 0)
    try:
        async with encoder(port, key="any"), encoder(port, key="any") as second:
            with pytest.raises((EOFError, ConnectionError)):
                async with encoder(port):
                    pass
            closers[1]()
            await second.gone()
            await until(lambda: gone == ["127.0.0.1"])
            assert server.connections == 1
    finally:
        await server.close()


async def test_play_is_refused_in_words() -> None:
    async with serving() as (server, port, _), encoder(port) as player:
        await player.connect()
        await player.create()
        answer = await player.ask(amf.encode("play", 4, None, "right", -2000), stream=1)
        assert answer[0] == "onStatus"
        assert isinstance(answer[3], dict)
        assert (answer[3]["level"], answer[3]["code"]) == ("error", "NetStream.Play.Failed")
        assert "HLS" in str(answer[3]["description"])
        await player.gone()
        await until(lambda: server.connections == 0)


async def test_who_shakes_hands_and_does_not_connect_is_cut() -> None:
    async with (
        serving(StreamLimits(step_seconds=0.2, publish_seconds=60)) as (server, port, _),
        encoder(port),
    ):
        await until(lambda: server.connections == 1)
        await until(lambda: server.connections == 0)


async def test_a_reset_with_data_pending_loses_nothing_that_arrived() -> None:
    async with serving() as (_, port, sinks):
        async with encoder(port, key="right") as camera:
            for i in range(50):
                camera.send_tag(Tag(9, i, frame(key=True, size=2_000)))
            await camera.writer.drain()
            await until(lambda: len(sinks[0].messages) == 50)
            raw = camera.writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            camera.writer.transport.abort()
        await asyncio.wait_for(sinks[0].over.wait(), PATIENCE)

    assert sinks[0].cause is EndCause.LOST
    assert len(sinks[0].messages) == 50


async def test_a_hang_up_in_the_middle_of_a_chunk_is_an_end() -> None:
    async with serving() as (_, port, sinks):
        async with encoder(port, key="right") as camera:
            camera.writer.write(cut(Message(VIDEO, 1, 0, bytes(5_000)), csid=4, chunk_size=128)[:700])
        await asyncio.wait_for(sinks[0].over.wait(), PATIENCE)

    assert sinks[0].messages == []


async def test_garbage_in_a_stream_ends_that_stream_only() -> None:
    async with serving() as (_, port, sinks), encoder(port, key="right") as good:
        async with encoder(port, key="right") as bad:
            bad.writer.write(b"\x04\0\0\0\xff\xff\xff\x09\x01\0\0\0")
            await asyncio.wait_for(sinks[1].over.wait(), PATIENCE)
        good.send_tag(Tag(9, 1, b"\x17\x01abcdef"))
        await until(lambda: sinks[0].messages == [("video", 1, b"\x17\x01abcdef")])


async def test_acknowledgements_count_bytes() -> None:
    async with serving() as (_, port, _), encoder(port, key="right") as camera:
        for i in range(30):
            camera.send(Message(VIDEO, 1, i, b"\x27\x01" + bytes(50_000)))
        async with asyncio.timeout(PATIENCE):
            while True:
                found = [m for m in camera.incoming.messages() if m.type == ACKNOWLEDGEMENT]
                if found:
                    break
                camera.incoming.feed(await camera.reader.read(65_536))

        assert 1_250_000 <= int.from_bytes(found[0].payload) < 1_600_000


async def test_a_ping_is_answered() -> None:
    async with serving() as (_, port, _), encoder(port, key="right") as camera:
        camera.send(Message(USER_CONTROL, 0, 0, b"\x00\x06\x00\x00\x12\x34"))
        async with asyncio.timeout(PATIENCE):
            while not (found := [m for m in camera.incoming.messages() if m.type == USER_CONTROL]):
                camera.incoming.feed(await camera.reader.read(65_536))

        assert found[0].payload == b"\x00\x07\x00\x00\x12\x34"


async def test_aggregates_are_split() -> None:
    def sub(kind: int, at: int, payload: bytes) -> bytes:
        return bytes([kind]) + len(payload).to_bytes(3) + at.to_bytes(3) + bytes(4) + payload + bytes(4)

    async with serving() as (_, port, sinks), encoder(port, key="right") as camera:
        camera.send(Message(AGGREGATE, 1, 500, sub(9, 100, b"\x27\x01v") + sub(8, 120, b"\xaf\x01a")))
        await until(lambda: len(sinks[0].messages) == 2)

        assert sinks[0].messages == [("video", 500, b"\x27\x01v"), ("audio", 520, b"\xaf\x01a")]


async def test_a_file_sent_too_fast_is_slowed_down() -> None:
    async with serving(StreamLimits(lead=1.0)) as (_, port, sinks), encoder(port, key="right") as camera:
        sinks[0].ahead = 1.4
        camera.send_tag(Tag(9, 0, b"\x27\x01abc"))
        await until(lambda: len(sinks[0].messages) == 1)
        camera.send_tag(Tag(9, 1, b"\x27\x01abc"))
        await asyncio.sleep(0.1)
        assert len(sinks[0].messages) == 1
        sinks[0].ahead = 0.0
        await until(lambda: len(sinks[0].messages) == 2)


async def test_a_taken_port_is_stepped_around_when_asked() -> None:
    async with serving() as (_, port, _):

        async def nobody(key: str, publisher: Publisher) -> Seen:
            raise KeyRefused

        other = RtmpServer(nobody)
        with pytest.raises(OSError, match="in use"):
            await other.start("127.0.0.1", port)
        taken = await other.start("127.0.0.1", port, step_around=20)
        assert port < taken <= port + 20
        await other.close()


async def test_random_bytes_at_every_stage_harm_nobody() -> None:
    dice = random.Random(8)
    async with serving() as (server, port, sinks), encoder(port, key="right") as good:
        for round_ in range(60):
            stage = round_ % 3
            async with encoder(port, key="right" if stage == 2 else None) as bad:
                if stage == 1:
                    await bad.connect()
                bad.writer.write(dice.randbytes(dice.randrange(1, 4_000)))
                with suppress(ConnectionError):
                    await bad.writer.drain()
        await until(lambda: server.connections == 1)
        good.send_tag(Tag(9, 1, b"\x17\x01abcdef"))
        await until(lambda: len(sinks[0].messages) == 1)
        assert all(sink.cause is not None for sink in sinks[1:])


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_both_event_loops_serve(run: Callable[[Coroutine[Any, Any, None]], None]) -> None:
    async def show() -> None:
        async with serving() as (server, port, sinks):
            async with encoder(port, key="right") as camera:
                sinks[0].ahead = 10.5
                camera.send_tag(Tag(9, 5, b"\x17\x01abcdef"))
                await until(lambda: len(sinks[0].messages) == 1)
                sinks[0].ahead = 0.0
                camera.send_tag(Tag(9, 6, b"\x17\x01abcdef"))
                await until(lambda: len(sinks[0].messages) == 2)
                camera.send(Message(COMMAND, 0, 0, amf.encode("deleteStream", 4, None, 1)))
                await camera.gone()
            async with encoder(port) as camera:
                await camera.connect()
                assert await camera.publish("wrong") == "NetStream.Publish.BadName"
                await camera.gone()
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            await until(lambda: server.connections == 0)
            writer.close()
            assert sinks[0].cause is EndCause.FINISHED

    run(show())

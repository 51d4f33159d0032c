"""Several processes on one recordings directory: one records, the others serve what it records."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from tests.media import checker, film
from tests.media.test_media_show import Everybody, always, play
from tests.waiting import PATIENCE, soon

from shopfloor import media
from shopfloor.kernel.database import Database
from shopfloor.media import relay
from shopfloor.media.rtmp import StreamLimits


@dataclass
class Process:
    server: media.MediaServer
    address: str
    http: httpx.AsyncClient
    asked: list[str]


@asynccontextmanager
async def process(database: Database, directory: Path) -> AsyncGenerator[Process]:
    """A media server behind a real HTTP server, as a web process has it."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = media.MediaServer(
        database,
        directory,
        "127.0.0.1",
        0,
        limits=StreamLimits(drain_seconds=0.05),
        airtimes=always,
        staff=Everybody(),
    )
    asked: list[str] = []

    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope["path"])
        await server.origin({**scope, "root_path": "/media"}, receive, send)

    web = uvicorn.Server(uvicorn.Config(mounted, lifespan="off", log_config=None, server_header=False))
    task = asyncio.create_task(web.serve(sockets=[listener]))
    await server.join(address)
    async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=PATIENCE) as http:
        try:
            yield Process(server, address, http, asked)
        finally:
            await server.close()
            web.should_exit = True
            await task


async def a_camera(database: Database) -> tuple[int, str]:
    async with database.transaction() as tx:
        channel, key = await media.create_channel(tx, shop_id=1, name="Studio")
    return channel.id, key


async def test_who_does_not_record_serves_what_is_recorded(database: Database, tmp_path: Path) -> None:
    channel, key = await a_camera(database)
    async with process(database, tmp_path) as one, process(database, tmp_path) as other:
        assert (one.server.records, other.server.records) == (True, False)
        assert other.server.camera_port == one.server.camera_port > 0
        async with film.encoder(one.server.camera_port, key=key) as camera:
            for tag in film.stream(seconds=3):
                camera.send_tag(tag)
            await soon("the run is on air", lambda: one.server.live(channel))
            here = await one.http.get(f"/media/{channel}/live.m3u8")
            there = await other.http.get(f"/media/{channel}/live.m3u8")
            assert there.status_code == 200
            assert there.text == here.text
            kept = (
                "content-type",
                "cache-control",
                "content-encoding",
                "vary",
                "etag",
            )
            assert {name: there.headers.get(name) for name in kept} == {
                name: here.headers.get(name) for name in kept
            }
            found = checker.parse(there.text)
            names = [part.name for segment in found.segments for part in segment.parts][-2:]
            assert names
            for name in names:
                mine, theirs = [
                    (await each.http.get(f"/media/{channel}/{name}")).content for each in (one, other)
                ]
                assert mine == theirs != b""

            # What thirty viewers wait for is asked once.
            one.asked.clear()
            other.asked.clear()
            msn = found.segments[-1].msn + 1
            blocked = f"/media/{channel}/live.m3u8?_HLS_msn={msn}"
            waiting = [asyncio.create_task(other.http.get(blocked)) for _ in range(30)]
            await soon("all have asked", lambda: one.asked and len(other.asked) == 30)
            waiting[0].cancel()
            for tag in film.stream(seconds=8):
                if tag.timestamp > 3000:
                    camera.send_tag(tag)
            answers = await asyncio.gather(*waiting[1:])
            assert {answer.status_code for answer in answers} == {200}
            assert len({answer.text for answer in answers}) == 1
            assert one.asked == [f"/media/{channel}/live.m3u8"]

            await soon("the studio sees it there too", lambda: other.server.status(channel).live)
            assert other.server.status(channel).width == one.server.status(channel).width == 320


async def ended_runs(database: Database, channel: int, count: int) -> list[media.Run]:
    """The runs of a channel, once `count` of them have their end: it is written behind the video."""
    async with asyncio.timeout(30):
        while True:
            async with database.transaction() as tx:
                runs = await media.runs(tx, shop_id=1, channel_id=channel)
            if len([run for run in runs if run.end_cause is not None]) == count:
                return runs
            await asyncio.sleep(0.05)


async def test_the_next_one_takes_over_and_the_camera_finds_it(database: Database, tmp_path: Path) -> None:
    channel, key = await a_camera(database)
    async with process(database, tmp_path) as first, process(database, tmp_path) as second:
        async with film.encoder(first.server.camera_port, key=key) as camera:
            await play(camera, 2)
        await first.server.close()
        await soon("the second records", lambda: second.server.records)
        async with film.encoder(second.server.camera_port, key=key) as camera:
            await play(camera, 2)
        runs = await ended_runs(database, channel, 2)
        assert [run.end_cause for run in runs] == ["finished", "finished"]
        for run in runs:
            answer = await second.http.get(f"/media/{channel}/runs/{run.id}.mp4")
            assert answer.status_code == 200


async def test_an_old_record_is_no_record(tmp_path: Path) -> None:
    """Nor is one that was cut short."""
    relay.publish_record(tmp_path, relay.LeaderRecord("http://127.0.0.1:1", 1935, 1.0, {}))
    assert relay.LeaderWatch(tmp_path).record() is None
    assert relay.LeaderWatch(tmp_path / "nowhere").record() is None
    (tmp_path / ".recorder.json").write_bytes(b'{"address":')
    assert relay.LeaderWatch(tmp_path).record() is None


async def test_a_recorder_that_cannot_be_reached_is_503(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        monkeypatch.setattr(relay, "STALE", 1e12)
        relay.publish_record(tmp_path, relay.LeaderRecord(address, 1935, 0.0, {}))
        client = relay.RelayClient(relay.LeaderWatch(tmp_path), lambda _: b"")
        said: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            said.append(message)

        scope = {"path": "/media/1/live.m3u8", "headers": [], "query_string": b""}
        assert await client(scope, send)
        await client.close()
    assert said[0]["status"] == 503
    assert (b"retry-after", b"1") in said[0]["headers"]

"""The whole way: a publisher, the database, the disk, and players that reload."""

import asyncio
import gzip
import hashlib
import resource
import shutil
import signal
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tests.media import checker, film
from tests.waiting import PATIENCE, soon

from shopfloor import media
from shopfloor.kernel.database import Database
from shopfloor.media.access import Airtime, Staff
from shopfloor.media.chunks import COMMAND, Message
from shopfloor.media.playlist import from_ms, in_ms
from shopfloor.media.recorder import Note, RunFile
from shopfloor.media.rtmp import StreamLimits


@dataclass
class Studio:
    """A media server on air, a channel of shop 1 with its key, and a player's HTTP client."""

    server: media.MediaServer
    port: int
    channel: int
    key: str
    http: httpx.AsyncClient
    heard: list[tuple[str, int, UUID, datetime]]

    async def playlist(self, query: str = "") -> checker.HlsPlaylist:
        answer = await self.http.get(f"/media/{self.channel}/live.m3u8{query}")
        assert answer.status_code == 200, answer.status_code
        return checker.parse(answer.text)

    async def get(self, name: str) -> bytes:
        answer = await self.http.get(f"/media/{self.channel}/{name}")
        assert answer.status_code == 200, (name, answer.status_code)
        return answer.content


async def always(channel_id: int) -> list[Airtime]:
    """One show that has every channel on air."""
    del channel_id
    return [Airtime(7, 1, datetime.fromtimestamp(1, UTC), None)]


class Everybody(Staff):
    def cookie(self, scope: Any) -> bytes:
        return b"session=any"

    async def opens(self, cookie: bytes, channel_id: int) -> bool:
        return cookie == b"session=any" and channel_id < 99

    async def films(self, cookie: bytes, channel_id: int) -> bool:
        return await self.opens(cookie, channel_id)


@asynccontextmanager
async def studio(database: Database, directory: Path, **options: Any) -> AsyncGenerator[Studio]:
    async with database.transaction() as tx:
        channel, key = await media.create_channel(tx, shop_id=1, name="Studio")
    heard: list[tuple[str, int, UUID, datetime]] = []

    async def started(channel_id: int, run_id: UUID, anchor: datetime) -> None:
        heard.append(("started", channel_id, run_id, anchor))

    async def ended(channel_id: int, run_id: UUID, at: datetime) -> None:
        heard.append(("ended", channel_id, run_id, at))

    options.setdefault("limits", StreamLimits(drain_seconds=0.05))
    options.setdefault("airtimes", always)
    options.setdefault("staff", Everybody())
    server = media.MediaServer(
        database, directory, "127.0.0.1", 0, on_started=started, on_ended=ended, **options
    )
    port = await server.start()

    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        await server.origin({**scope, "root_path": "/media"}, receive, send)

    transport = httpx.ASGITransport(mounted)  # pyright: ignore[reportArgumentType]
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as http:
        try:
            yield Studio(server, port, channel.id, key, http, heard)
        finally:
            await server.close()


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    await soon("what the next line needs", condition, patience=seconds)


async def written(
    database: Database, channel: int
) -> list[tuple[media.Run, list[media.Segment], list[media.Gap]]]:
    async with database.transaction() as tx:
        return [
            (
                run,
                await media.segments(tx, shop_id=1, run_id=run.id),
                await media.gaps(tx, shop_id=1, run_id=run.id),
            )
            for run in await media.runs(tx, shop_id=1, channel_id=channel)
        ]


async def facts(database: Database) -> list[tuple[str, dict[str, Any]]]:
    async with database.transaction() as tx:
        cursor = await tx.connection.execute("SELECT name, body FROM kernel.outbox ORDER BY id")
        return [(row[0], row[1]) for row in await cursor.fetchall()]


async def passed(database: Database, directory: Path) -> dict[str, bool]:
    return {check.name: check.passed for check in await media.audit(database, directory)}


ALL_PASSED = {
    "every recorded segment matches its hash": True,
    "every recording is an unbroken chain": True,
    "every second is recorded or named as a gap": True,
}


async def play(camera: film.Encoder, seconds: float, **options: Any) -> None:
    """Publish a made-up stream as fast as it goes, and end it properly."""
    for tag in film.stream(seconds=seconds, **options):
        camera.send_tag(tag)
    camera.send(Message(COMMAND, 0, 0, film.amf.encode("deleteStream", 4, None, 1)))
    await camera.gone()


@pytest.fixture(scope="session")
def four_seconds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film.make(tmp_path_factory.mktemp("film") / "four.flv")


async def test_ffmpeg_publishes_and_a_player_follows_every_hint(
    database: Database, tmp_path: Path, four_seconds: Path
) -> None:
    async with studio(database, tmp_path) as at:
        process = await film.publish(four_seconds, at.port, at.key)
        await until(lambda: at.server.live(at.channel))
        clock = at.server.clock(at.channel)
        status = at.server.status(at.channel)
        assert clock is not None
        assert (status.live, status.codecs, status.width, status.height) == (
            True,
            "avc1.42C00D,mp4a.40.2",
            320,
            180,
        )
        assert (status.fps, status.gop_seconds, status.warnings, status.refused) == (30.0, 1.0, (), None)
        assert status.bitrate > 100_000

        playlist = await at.playlist()
        assert playlist.target == 2
        init = await at.get(playlist.segments[0].init)
        seen = {part.name: await at.get(part.name) for segment in playlist.segments for part in segment.parts}
        while playlist.hint is not None:
            answer = await at.http.get(f"/media/{at.channel}/{playlist.hint}")
            if answer.status_code == 404:
                break
            seen[playlist.hint] = answer.content
            last = playlist.segments[-1]
            wanted = (last.msn + 1, 0) if last.name else (last.msn, len(last.parts))
            playlist = await at.playlist("?_HLS_msn={}&_HLS_part={}".format(*wanted))
        assert await process.wait() == 0
        await until(lambda: not at.server.live(at.channel))

        playlist = await at.playlist()
        assert len(playlist.segments) == 4
        assert {part.name for segment in playlist.segments for part in segment.parts} == set(seen)
        for segment in playlist.closed:
            assert await at.get(segment.name or "") == b"".join(seen[part.name] for part in segment.parts)
        tracks = [
            track for segment in playlist.segments for part in segment.parts
            for piece in checker.fragments(seen[part.name]) for track in piece
        ]  # fmt: skip
        video = [track for track in tracks if track.track == 1]
        assert sum(len(track.data) for track in video) == 120
        assert [track.dts for track in video][1:] == [track.end for track in video][:-1]
        served = init + b"".join([await at.get(segment.name or "") for segment in playlist.closed])

    [(run, segments, gaps)] = await written(database, at.channel)
    assert (tmp_path / run.file).read_bytes() == served
    assert (run.end_cause, len(segments), gaps) == ("finished", 4, [])
    assert (
        run.anchor <= datetime.fromtimestamp(clock / 1000, run.anchor.tzinfo) <= (run.ended_at or run.anchor)
    )
    assert await passed(database, tmp_path) == ALL_PASSED
    assert [(kind, channel, run_id) for kind, channel, run_id, _ in at.heard] == [
        ("started", at.channel, run.id),
        ("ended", at.channel, run.id),
    ]
    assert [(name, body["run_id"], body["shop_id"]) for name, body in await facts(database)] == [
        ("media.started", str(run.id), 1),
        ("media.ended", str(run.id), 1),
    ]
    decoded = await asyncio.create_subprocess_exec(
        film.FFMPEG, "-v", "error", "-i", str(tmp_path / run.file), "-map", "0:v", "-f", "framecrc", "-",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    frames, complaints = await decoded.communicate()
    assert complaints == b""
    assert sum(line.startswith(b"0,") for line in frames.splitlines()) == 120


async def test_ffmpeg_with_a_wrong_key_is_turned_away(
    database: Database, tmp_path: Path, four_seconds: Path
) -> None:
    async with studio(database, tmp_path) as at:
        for key in (f"{at.channel}-wrong", "99-" + at.key.partition("-")[2], "nonsense"):
            process = await film.publish(four_seconds, at.port, key)
            assert await process.wait() != 0
        assert (await at.http.get(f"/media/{at.channel}/live.m3u8")).status_code == 404

    assert await written(database, at.channel) == []
    assert await facts(database) == []
    assert list(tmp_path.glob("*/*")) == []


async def test_a_show_that_starts_above_the_24_bit_clock(
    database: Database, tmp_path: Path, four_seconds: Path
) -> None:
    async with studio(database, tmp_path) as at:
        process = await asyncio.create_subprocess_exec(
            film.FFMPEG, "-v", "error", "-readrate", "4", "-readrate_initial_burst", "0", "-i", str(four_seconds), "-c", "copy",
            "-output_ts_offset", "16800", "-f", "flv", f"rtmp://127.0.0.1:{at.port}/live/{at.key}",
            stdin=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert await process.wait() == 0

    [(run, segments, _)] = await written(database, at.channel)
    assert [segment.dts for segment in segments] == [0, 90_000, 180_000, 270_000]
    assert run.end_cause == "finished"


async def test_b_frames_of_a_real_encoder(database: Database, tmp_path: Path) -> None:
    path = film.make(
        tmp_path / "b.flv", seconds=3, fps="25", gop=25, video=("-c:v", "libx264", "-preset", "veryfast", "-bf", "2"),
        audio=("-c:a", "aac", "-ar", "44100", "-ac", "1"),
    )  # fmt: skip
    async with studio(database, tmp_path / "recordings") as at:
        process = await film.publish(path, at.port, at.key)
        assert await process.wait() == 0
        playlist = await at.playlist()
        init = await at.get(playlist.segments[0].init)

    [(run, segments, _)] = await written(database, at.channel)
    assert sum(segment.duration for segment in segments) == 3 * 90_000
    data = (tmp_path / "recordings" / run.file).read_bytes()[len(init) :]
    tracks = [track for piece in checker.fragments(data) for track in piece]
    assert max(value for track in tracks if track.track == 1 for value in track.cts) > 0
    assert sum(len(track.data) for track in tracks if track.track == 1) == 75
    audio = [track for track in tracks if track.track == 2]
    assert [track.dts for track in audio][1:] == [track.end for track in audio][:-1]


async def test_a_second_publisher_is_refused_until_the_first_falls_silent(
    database: Database, tmp_path: Path
) -> None:
    async with (
        studio(database, tmp_path, limits=StreamLimits(takeover_seconds=2.0, drain_seconds=0.05)) as at,
        film.encoder(at.port, key=at.key) as first,
    ):
        for tag in film.stream(seconds=3):
            first.send_tag(tag)
        await until(lambda: at.server.live(at.channel))
        async with film.encoder(at.port) as second:
            await second.connect()
            await second.create()
            assert await second.publish(at.key) == "NetStream.Publish.BadName"
        await asyncio.sleep(2.1)
        async with film.encoder(at.port, key=at.key) as third:
            await first.gone()
            await play(third, 2)

    runs = await written(database, at.channel)
    assert [run.end_cause for run, _, _ in runs] == ["replaced", "finished"]
    assert await passed(database, tmp_path) == ALL_PASSED


async def test_a_reconnect_goes_on_in_the_same_playlist(database: Database, tmp_path: Path) -> None:
    async with studio(database, tmp_path) as at:
        async with film.encoder(at.port, key=at.key) as camera:
            await play(camera, 3)
        before = await at.playlist()
        assert not before.ended
        assert before.hint is None
        last = before.segments[-1].msn
        waiting = asyncio.create_task(at.playlist(f"?_HLS_msn={last + 1}&_HLS_part=0"))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        async with film.encoder(at.port, key=at.key) as camera:
            camera.send_tag(film.Tag(9, 0, film.video_parameters(film.parameters(640, 352))))
            for tag in list(film.stream(seconds=3))[1:]:
                camera.send_tag(tag)
            woken = await waiting
            assert woken.segments[-1].msn >= last + 1
            await until(lambda: len(at.heard) == 3)

        after = await at.playlist()
        assert after.target == before.target
        assert [segment.msn for segment in after.segments] == list(range(before.segments[0].msn, last + 4))
        assert [segment.discontinuity for segment in after.segments] == [False] * 3 + [True, False, False]
        assert len({segment.init for segment in after.segments}) == 2
        for segment in after.segments:
            await at.get(segment.init)
            await at.get(segment.parts[0].name)

    assert [kind for kind, *_ in at.heard] == ["started", "ended", "started", "ended"]


async def test_the_time_between_two_runs_is_a_gap(database: Database, tmp_path: Path) -> None:
    async with studio(database, tmp_path) as at:
        async with film.encoder(at.port, key=at.key) as camera:
            await play(camera, 0.5)
        await asyncio.sleep(1)
        async with film.encoder(at.port, key=at.key) as camera:
            await play(camera, 0.5)

    (first, _, _), (second, _, gaps) = await written(database, at.channel)
    assert first.ended_at is not None
    assert [(gap.cause, gap.started_at) for gap in gaps] == [("run", first.ended_at)]
    assert gaps[0].milliseconds == in_ms(second.anchor) - in_ms(first.ended_at)


async def test_a_wall_clock_that_steps_back_does_not_turn_the_video_back(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with studio(database, tmp_path) as at:
        async with film.encoder(at.port, key=at.key) as camera:
            await play(camera, 2)
        real = time.time_ns
        monkeypatch.setattr("time.time_ns", lambda: real() - 3_600 * 10**9)
        async with film.encoder(at.port, key=at.key) as camera:
            await play(camera, 2)
        playlist = await at.playlist()

    (first, _, _), (second, _, _) = await written(database, at.channel)
    assert second.anchor == first.ended_at
    assert len(playlist.segments) == 4
    assert await passed(database, tmp_path) == ALL_PASSED


async def test_before_the_show_and_after_it_the_picture_is_for_staff(
    database: Database, tmp_path: Path
) -> None:
    """Rehearsal, show and what the camera sends after it, in one broadcast of one camera."""
    shows: list[Airtime] = []

    async def airtimes(channel_id: int) -> list[Airtime]:
        del channel_id
        return list(shows)

    class Signed(Staff):
        def cookie(self, scope: Any) -> bytes:
            return dict(scope["headers"]).get(b"cookie", b"")

        async def opens(self, cookie: bytes, channel_id: int) -> bool:
            return cookie == b"session=staff"

    staff = {"cookie": "session=staff"}
    async with (
        studio(database, tmp_path, airtimes=airtimes, staff=Signed(), limits=StreamLimits(lead=60)) as at,
        film.encoder(at.port, key=at.key) as camera,
    ):
        tags = list(film.stream(seconds=16))
        preview = f"/media/{at.channel}/preview.m3u8"

        def send(since: int, until: int) -> None:
            for tag in tags:
                if since <= tag.timestamp < until and (since == 0 or tag.payload[1] == 1):
                    camera.send_tag(tag)

        async def served(ms: int) -> None:
            await until(lambda: (at.server.clock(at.channel) or 0) >= anchor + ms)

        send(0, 4_000)
        await until(lambda: at.server.live(at.channel))
        playlist = checker.parse((await at.http.get(preview, headers=staff)).text)
        rehearsal = [playlist.segments[0].init, *(p.name for s in playlist.segments for p in s.parts)]
        rehearsal += [segment.name or "" for segment in playlist.closed]
        assert playlist.segments[0].pdt is not None
        anchor = in_ms(playlist.segments[0].pdt)
        for cookie in ({}, {"cookie": "session=stranger"}):
            for name in ("live.m3u8", "preview.m3u8", *rehearsal):
                answer = await at.http.get(f"/media/{at.channel}/{name}", headers=cookie)
                assert (answer.status_code, answer.content) == (404, b""), name
        for name in ("live.m3u8", *rehearsal):
            answer = await at.http.get(f"/media/{at.channel}/{name}", headers=staff)
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == "private, no-store"

        # The show begins between two key frames, at 4.5 s of the camera's time, and ends at 8.5 s.
        shows.append(Airtime(7, 1, from_ms(anchor + 4_500), None))
        await at.server.shows_changed(at.channel)
        first = asyncio.create_task(at.playlist())
        await until(lambda: at.server.feeds[at.channel].waiting == 1)
        send(4_000, 6_500)
        shown = await first
        assert [in_ms(each.pdt) - anchor for each in shown.segments if each.pdt] in ([5_000], [5_000, 6_000])
        send(6_500, 8_500)
        await served(8_400)
        shown = await at.playlist()
        assert [in_ms(each.pdt) - anchor for each in shown.segments if each.pdt] == [
            5_000,
            6_000,
            7_000,
            8_000,
        ]
        names = [shown.segments[0].init, *(p.name for s in shown.segments for p in s.parts)]
        for name in names:
            assert await at.get(name)
        for name in rehearsal[1:]:
            assert (await at.http.get(f"/media/{at.channel}/{name}")).status_code == 404
        assert (await at.http.get(preview)).status_code == 404
        last = shown.segments[-1].msn
        waiting = asyncio.create_task(at.playlist(f"?_HLS_msn={last + 1}"))
        await until(lambda: at.server.feeds[at.channel].waiting == 1)

        shows[0] = Airtime(7, 1, from_ms(anchor + 4_500), from_ms(anchor + 8_500))
        await at.server.shows_changed(at.channel)
        final = await waiting
        assert final.ended
        assert final.hint is None
        assert [segment.msn for segment in final.closed] == [segment.msn for segment in shown.segments]

        # The camera is left on.
        send(8_500, 16_000)
        await served(15_000)
        assert (await at.playlist()).closed == final.closed, "it stays as it was"
        after = checker.parse((await at.http.get(preview, headers=staff)).text)
        later = [segment for segment in after.closed if segment.pdt and in_ms(segment.pdt) >= anchor + 8_500]
        assert later
        for segment in later:
            for name in (segment.name, *(part.name for part in segment.parts)):
                assert (await at.http.get(f"/media/{at.channel}/{name}")).status_code == 404
        for segment in final.closed:
            assert await at.get(segment.name or "")
        await until(lambda: at.server.rows.waiting == 0)

        replay = await at.http.get(f"/media/{at.channel}/shows/7/replay.m3u8")
        kept = checker.parse(replay.text)
        assert kept.ended
        assert [segment.pdt for segment in kept.segments] == [segment.pdt for segment in final.closed]
        assert abs(sum(segment.duration for segment in kept.segments) - 3.5) < 0.1
        assert (await at.http.get(f"/media/{at.channel}/shows/8/replay.m3u8")).status_code == 404
        of_show, of_after = [run for run, _, _ in await written(database, at.channel)]
        for run in (of_show, of_after):
            assert (await at.http.get(f"/media/{at.channel}/runs/{run.id}/replay.m3u8")).status_code == 404
            url = f"/media/{at.channel}/runs/{run.id}.mp4"
            assert (await at.http.get(url)).status_code == 404, "for there is more in it"
            assert (await at.http.get(url, headers=staff)).status_code == 200
        base = httpx.URL(f"http://shop/media/{at.channel}/shows/7/replay.m3u8")
        for segment, shown_live in zip(kept.segments, final.closed, strict=True):
            assert segment.byterange is not None
            first, length = segment.byterange
            ranged = {"range": f"bytes={first}-{first + length - 1}"}
            piece = await at.http.get(base.join(segment.name or ""), headers=ranged)
            assert piece.content == await at.get(shown_live.name or "")
        before = {"range": f"bytes={of_show.init_length}-{of_show.init_length + 99}"}
        assert (
            await at.http.get(f"/media/{at.channel}/runs/{of_show.id}.mp4", headers=before)
        ).status_code == 404
        assert (
            await at.http.get(f"/media/{at.channel}/runs/{of_after.id}.mp4", headers=before)
        ).status_code == 404

        # Hidden, it is for staff alone, at once, and after the show is shown again for everybody.
        assert kept.segments[0].byterange is not None
        first, _ = kept.segments[0].byterange
        # A player that reads ahead gets what is for everybody, up to its end.
        ahead = {"range": f"bytes={first}-"}
        part = await at.http.get(base.join(kept.segments[0].name or ""), headers=ahead)
        shown_bytes = sum(each.byterange[1] for each in kept.segments if each.byterange)
        assert (part.status_code, len(part.content)) == (206, shown_bytes)
        ranged = {"range": f"bytes={first}-{first + 9}"}
        for hidden in (True, False):
            shows[0] = Airtime(7, 1, from_ms(anchor + 4_500), from_ms(anchor + 8_500), hidden=hidden)
            await at.server.shows_changed(at.channel)
            told = 404 if hidden else 200
            assert (await at.http.get(base)).status_code == told
            assert (await at.http.get(base, headers=staff)).status_code == 200
            file = base.join(kept.segments[0].name or "")
            assert (await at.http.get(file, headers=ranged)).status_code == (404 if hidden else 206)
            live = await at.http.get(f"/media/{at.channel}/live.m3u8")
            assert (live.status_code, at.server.feeds[at.channel].over) == (404, None)


async def test_what_was_on_air_goes_some_time_after_the_show(database: Database, tmp_path: Path) -> None:
    shows = [Airtime(7, 1, datetime.fromtimestamp(1, UTC), None)]

    async def airtimes(channel_id: int) -> list[Airtime]:
        return list(shows) if channel_id else []

    async with (
        studio(database, tmp_path, airtimes=airtimes, staff=Staff(), linger=0.3) as at,
        film.encoder(at.port, key=at.key) as camera,
    ):
        for tag in film.stream(seconds=3):
            camera.send_tag(tag)
        await until(lambda: at.server.live(at.channel))
        name = (await at.playlist()).closed[0].name
        shows[0] = Airtime(7, 1, datetime.fromtimestamp(1, UTC), datetime.now(UTC) + timedelta(seconds=9))
        await at.server.shows_changed(at.channel)
        assert (await at.playlist()).ended
        for path in ("live.m3u8", name):
            async with asyncio.timeout(PATIENCE):
                while (await at.http.get(f"/media/{at.channel}/{path}")).status_code != 404:
                    await asyncio.sleep(0.02)
        await until(lambda: at.server.rows.waiting == 0)
        assert (await at.http.get(f"/media/{at.channel}/shows/7/replay.m3u8")).status_code == 200


async def test_a_playlist_ends_when_nobody_comes_back(database: Database, tmp_path: Path) -> None:
    async with studio(database, tmp_path, linger=0.2) as at:
        async with film.encoder(at.port, key=at.key) as camera:
            await play(camera, 2)
        await asyncio.sleep(0.4)

        assert (await at.playlist("?_HLS_msn=99999999999")).ended


async def test_blocking_ends_after_three_target_durations(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with studio(database, tmp_path) as at:
        async with film.encoder(at.port, key=at.key) as camera:
            for tag in film.stream(seconds=3):
                camera.send_tag(tag)
            await until(lambda: at.server.live(at.channel))
            last = (await at.playlist()).segments[-1].msn
            real = asyncio.wait_for
            waited: list[float] = []

            async def quickly(future: Any, seconds: float) -> Any:
                waited.append(seconds)
                return await real(future, 0.05)

            monkeypatch.setattr("shopfloor.media.origin.asyncio.wait_for", quickly)
            answer = await at.http.get(f"/media/{at.channel}/live.m3u8?_HLS_msn={last + 1}")
            assert (answer.status_code, answer.headers["retry-after"], waited) == (503, "1", [6])
            hint = (await at.playlist()).hint
            assert (await at.http.get(f"/media/{at.channel}/{hint}")).status_code == 404
        await until(lambda: not at.server.live(at.channel))
        # Between two runs a player must not give up: it gets what there is.
        assert (await at.playlist(f"?_HLS_msn={last + 1}&_HLS_part=0")).hint is None


async def test_what_the_origin_says_in_its_headers(database: Database, tmp_path: Path) -> None:
    async with studio(database, tmp_path) as at, film.encoder(at.port, key=at.key) as camera:
        for tag in film.stream(seconds=3):
            camera.send_tag(tag)
        await until(lambda: at.server.live(at.channel))
        url = f"/media/{at.channel}/live.m3u8"
        bare = await at.http.get(url)
        last = checker.parse(bare.text).segments[-1]
        directed = await at.http.get(f"{url}?_HLS_msn={last.msn}&_HLS_part=0")
        assert bare.headers["cache-control"] == "public, max-age=0, must-revalidate"
        assert directed.headers["cache-control"] == "public, max-age=4"
        assert bare.headers["content-type"] == "application/vnd.apple.mpegurl"
        assert not any(name.startswith("access-control") for name in bare.headers), "same origin only"
        assert bare.headers["content-encoding"] == "gzip"
        assert bare.headers["vary"] == "accept-encoding"
        plain = await at.http.get(url, headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.text == bare.text
        part = await at.http.get(f"/media/{at.channel}/{last.parts[0].name}")
        assert part.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert (await at.http.get(f"{url}?_HLS_part=1")).status_code == 400
        missing = await at.http.get(f"/media/{at.channel}/nothing.m4s")
        assert (missing.status_code, missing.headers["cache-control"]) == (404, "no-store")
        head = await at.http.head(url)
        assert (head.status_code, head.content) == (200, b"")
        assert int(head.headers["content-length"]) == len(gzip.compress(plain.content, 5, mtime=0))
        again = await at.http.get(
            f"/media/{at.channel}/{last.parts[0].name}", headers={"if-none-match": part.headers["etag"]}
        )
        assert (again.status_code, again.content) == (304, b"")
        for method in ("OPTIONS", "POST", "PUT"):
            assert (await at.http.request(method, url)).status_code == 405
        for other in (
            "/media/",
            "/media/99/live.m3u8",
            "/media/x/live.m3u8",
            "/media/1/runs/x.mp4",
            "/media/1/a/b/c",
        ):
            assert (await at.http.get(other)).status_code == 404


async def test_replay_equals_what_was_served_and_keeps_the_moments(
    database: Database, tmp_path: Path
) -> None:
    async with studio(database, tmp_path) as at:
        async with film.encoder(at.port, key=at.key) as camera:
            for tag in film.stream(seconds=4):
                camera.send_tag(tag)
            await until(lambda: at.server.live(at.channel))
            clock = at.server.clock(at.channel)
            assert clock is not None
            at.server.moment(at.channel, "m-1", 'A-"17"', clock - 500)
            at.server.moment(at.channel, "m-1", 'A-"17"', clock - 500, clock)
            with pytest.raises(media.MomentReused):
                at.server.moment(at.channel, "m-1", "B-2", clock - 500, clock)
            live = await at.playlist()
            assert [found["X-SKU"] for found in live.ranges] == ["A-17"]
            await until(lambda: at.server.rows.waiting == 0)
            [(run, _, _)] = await written(database, at.channel)
            going = await at.http.get(f"/media/{at.channel}/runs/{run.id}/replay.m3u8")
            assert checker.parse(going.text).header["PLAYLIST-TYPE"] == "EVENT"
            camera.send(Message(COMMAND, 0, 0, film.amf.encode("deleteStream", 4, None, 1)))
            await camera.gone()
        await until(lambda: not at.server.live(at.channel))
        playlist = await at.playlist()
        await asyncio.sleep(0.3)
        await until(lambda: at.server.rows.waiting == 0)
        base = httpx.URL(f"http://shop/media/{at.channel}/runs/{run.id}/replay.m3u8")
        vod = checker.parse((await at.http.get(base)).text)
        assert (vod.header["PLAYLIST-TYPE"], vod.ended) == ("VOD", True)
        assert vod.ranges == live.ranges
        for shown, kept in zip(playlist.closed, vod.segments, strict=True):
            assert kept.byterange is not None
            at_, length = kept.byterange
            piece = await at.http.get(
                base.join(kept.name or ""), headers={"range": f"bytes={at_}-{at_ + length - 1}"}
            )
            assert piece.status_code == 206
            assert piece.headers["content-range"].startswith(f"bytes {at_}-{at_ + length - 1}/")
            assert piece.content == await at.get(shown.name or "")
            assert kept.pdt == shown.pdt
        of_show = await at.http.get(f"/media/{at.channel}/shows/7/replay.m3u8")
        assert checker.parse(of_show.text).segments[0].name == f"../../runs/{run.id}.mp4"
        assert not checker.parse(of_show.text).ended, "the show goes on"
        file = base.join(f"../{run.id}.mp4")
        size = (tmp_path / run.file).stat().st_size
        for asked, status, length in [
            ("bytes=0-0", 206, 1), ("bytes=-10", 206, 10), (f"bytes={size - 5}-", 206, 5),
            (f"bytes=0-{size * 2}", 206, size), (f"bytes={size}-", 416, 0), ("bytes=-0", 416, 0),
            ("bytes=5-2", 200, size), ("bytes=-", 200, size), ("lines=0-1", 200, size), ("bytes=x", 200, size),
            ("bytes=0-5,3-9", 200, size), (f"bytes=4-7,{size}-", 206, 4),
        ]:  # fmt: skip
            answer = await at.http.get(file, headers={"range": asked})
            assert (answer.status_code, len(answer.content)) == (status, length), asked
            if status == 416:
                assert answer.headers["content-range"] == f"bytes */{size}"
        whole = await at.http.get(file)
        assert len(whole.content) == size
        head = await at.http.head(file, headers={"range": "bytes=0-3"})
        assert (head.status_code, int(head.headers["content-length"])) == (200, size)
        two = await at.http.get(file, headers={"range": "bytes=0-1, -3"})
        assert two.status_code == 206
        assert int(two.headers["content-length"]) == len(two.content)
        boundary = two.headers["content-type"].partition("boundary=")[2]
        _, one_part, other_part, end = two.content.split(f"\r\n--{boundary}".encode())
        for part_, (start, stop) in ((one_part, (0, 2)), (other_part, (size - 3, size))):
            header, body = part_.split(b"\r\n\r\n", 1)
            assert f"Content-Range: bytes {start}-{stop - 1}/{size}".encode() in header
            assert body == whole.content[start:stop]
        assert end == b"--\r\n"
        etag = whole.headers["etag"]
        for validator, status in [
            (etag, 206),
            ('"another"', 200),
            (f"W/{etag}", 200),
            ("Mon, 01 Jan 2024 00:00:00 GMT", 200),
        ]:
            answer = await at.http.get(file, headers={"range": "bytes=0-3", "if-range": validator})
            assert (answer.status_code, len(answer.content)) == (status, 4 if status == 206 else size)
        for validator in (etag, "*", f'"x", W/{etag}'):
            again = await at.http.get(file, headers={"if-none-match": validator, "range": "bytes=0-3"})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
        for other in (
            f"/media/99/runs/{run.id}/replay.m3u8",
            f"/media/{at.channel}/runs/{UUID(int=5)}/replay.m3u8",
        ):
            assert (await at.http.get(other)).status_code == 404


async def test_the_database_goes_away_and_returns(database: Database, tmp_path: Path, dsn: str) -> None:
    name = conninfo_to_dict(dsn)["dbname"]
    other = make_conninfo(dsn, dbname="postgres")

    def allow(yes: bool) -> None:
        with psycopg.connect(other, autocommit=True) as connection:
            connection.execute(
                sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format(
                    sql.Identifier(str(name)), sql.Literal(yes)
                )
            )
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )

    async with studio(database, tmp_path) as at:
        async with film.encoder(at.port, key=at.key) as camera:
            tags = list(film.stream(seconds=6))
            for tag in tags[: len(tags) // 2]:
                camera.send_tag(tag)
            await until(lambda: at.server.live(at.channel))
            await until(lambda: at.server.rows.waiting == 0)
            await asyncio.to_thread(allow, False)
            try:
                for tag in tags[len(tags) // 2 :]:
                    camera.send_tag(tag)
                await until(lambda: at.server.rows.waiting >= 2)
                assert at.server.live(at.channel)
                camera.send(Message(COMMAND, 0, 0, film.amf.encode("deleteStream", 4, None, 1)))
                await camera.gone()
                # The key is known from before: the camera may come back meanwhile.
                async with film.encoder(at.port, key=at.key) as again:
                    await play(again, 2)
            finally:
                await asyncio.to_thread(allow, True)
        await until(lambda: at.server.rows.waiting == 0, 30)

    runs = await written(database, at.channel)
    assert [(run.end_cause, len(segments)) for run, segments, _ in runs] == [("finished", 6), ("finished", 2)]
    assert [fact for fact, _ in await facts(database)] == ["media.started", "media.ended"] * 2
    assert await passed(database, tmp_path) == ALL_PASSED


async def test_a_full_disk_stops_the_recording_not_the_show(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage._replace(free=1_000_000))
    async with studio(database, tmp_path) as at, film.encoder(at.port, key=at.key) as camera:
        tags = list(film.stream(seconds=8))
        for tag in tags[: len(tags) // 2]:
            camera.send_tag(tag)
        await until(lambda: "recording_stopped" in at.server.status(at.channel).warnings)
        assert at.server.live(at.channel)
        assert len((await at.playlist()).segments) >= 3
        monkeypatch.undo()
        for tag in tags[len(tags) // 2 :]:
            camera.send_tag(tag)
        await until(lambda: "recording_stopped" not in at.server.status(at.channel).warnings)
        camera.send(Message(COMMAND, 0, 0, film.amf.encode("deleteStream", 4, None, 1)))
        await camera.gone()

    [(run, segments, gaps)] = await written(database, at.channel)
    assert [gap.cause for gap in gaps] == ["disk"]
    assert gaps[0].started_at == run.anchor
    assert gaps[0].milliseconds + sum(segment.duration for segment in segments) // 90 == 8_001
    assert await passed(database, tmp_path) == ALL_PASSED
    async with database.transaction() as tx:
        covered = await media.coverage(tx, shop_id=1, channel_id=at.channel)
    assert (covered.total_ms, covered.recorded_ms + covered.missing_ms) == (8_001, 8_001)


@pytest.mark.parametrize("rows", ["some", "none", "no run"])
async def test_a_crash_leaves_nothing_that_a_start_does_not_complete(
    database: Database, tmp_path: Path, rows: str
) -> None:
    """The process dies in the middle of a segment: what is whole in the file gets its rows, the rest goes."""
    async with studio(database, tmp_path / "before") as at, film.encoder(at.port, key=at.key) as camera:
        await play(camera, 4)
    [(run, segments, _)] = await written(database, at.channel)
    shutil.copytree(tmp_path / "before", tmp_path / "after")
    path = tmp_path / "after" / run.file
    whole = path.read_bytes()
    path.write_bytes(whole + whole[segments[-1].position :][:-7])
    async with database.transaction() as tx:
        await tx.run(
            "DELETE FROM media.segment WHERE msn > %(last)s", last=segments[1].msn if rows == "some" else 0
        )
        await tx.run("UPDATE media.run SET ended_at = NULL, end_cause = NULL, chain = %(chain)s",
                     chain=segments[1].chain if rows == "some" else run.init_sha256)  # fmt: skip
        if rows == "no run":
            await tx.run("DELETE FROM media.run")
        await tx.run("DELETE FROM kernel.outbox")

    server = media.MediaServer(database, tmp_path / "after", "127.0.0.1", 0)
    await server.start()
    await server.close()

    [(after, again, _)] = await written(database, at.channel)
    # The copied tail is a whole fragment short: the file ends with the last one that is complete.
    assert again[:3] == segments[:3]
    assert after.end_cause == "crashed"
    assert path.stat().st_size == again[-1].position + again[-1].length
    assert path.read_bytes() == (whole + whole[segments[-1].position :])[: path.stat().st_size]
    assert (after.anchor, after.codecs, after.init_sha256) == (run.anchor, run.codecs, run.init_sha256)
    assert [name for name, _ in await facts(database)][-1] == "media.ended"
    checks = {check.name: check.passed for check in await media.audit(database, tmp_path / "after")}
    assert checks["every recorded segment matches its hash"]
    assert checks["every recording is an unbroken chain"]


async def test_the_audit_finds_one_flipped_byte(database: Database, tmp_path: Path) -> None:
    async with studio(database, tmp_path) as at, film.encoder(at.port, key=at.key) as camera:
        await play(camera, 4)
    [(run, segments, _)] = await written(database, at.channel)
    path = tmp_path / run.file
    good = path.read_bytes()

    async def offending() -> dict[str, tuple[str, ...]]:
        return {
            check.name: check.offending for check in await media.audit(database, tmp_path) if not check.passed
        }

    assert await offending() == {}
    at_ = segments[2].position + 100
    path.write_bytes(good[:at_] + bytes([good[at_] ^ 1]) + good[at_ + 1 :])
    assert await offending() == {"every recorded segment matches its hash": (f"{run.id}/{segments[2].msn}",)}
    path.write_bytes(bytes([good[0] ^ 1]) + good[1:])
    assert await offending() == {"every recorded segment matches its hash": (f"{run.id}/init",)}
    path.unlink()
    assert len((await offending())["every recorded segment matches its hash"]) == 4
    path.write_bytes(good)
    async with database.transaction() as tx:
        await tx.run(
            "UPDATE media.segment SET pdt = pdt + interval '1 s' WHERE msn = %(msn)s", msn=segments[1].msn
        )
    assert await offending() == {"every recording is an unbroken chain": (f"{run.id}/{segments[1].msn}",)}
    async with database.transaction() as tx:
        await tx.run("DELETE FROM media.segment WHERE msn = %(msn)s", msn=segments[1].msn)
    assert set(await offending()) == {
        "every recording is an unbroken chain",
        "every second is recorded or named as a gap",
    }


async def test_a_changed_key_ends_the_stream(database: Database, tmp_path: Path) -> None:
    async with studio(database, tmp_path, limits=StreamLimits(recheck_seconds=0.1, drain_seconds=0.05)) as at:
        async with film.encoder(at.port, key=at.key) as camera:
            for tag in film.stream(seconds=2):
                camera.send_tag(tag)
            await until(lambda: at.server.live(at.channel))
            async with database.transaction() as tx:
                _, key = await media.rotate_key(tx, shop_id=1, channel_id=at.channel)
            await camera.gone()
        async with film.encoder(at.port) as old:
            await old.connect()
            assert await old.publish(at.key) == "NetStream.Publish.BadName"
        async with film.encoder(at.port, key=key):
            pass

    [(run, _, _)] = await written(database, at.channel)
    assert run.end_cause == "revoked"


async def test_a_refused_format_is_shown_to_the_studio(database: Database, tmp_path: Path) -> None:
    async with studio(database, tmp_path) as at:
        async with film.encoder(at.port, key=at.key) as camera:
            camera.send_tag(film.Tag(9, 0, b"\x90hvc1" + bytes(20)))
            answer = await camera.answer()
            assert isinstance(answer[3], dict)
            assert answer[3]["code"] == "NetStream.Publish.Rejected"
            await camera.gone()
        refused = at.server.status(at.channel).refused
        assert refused is not None
        assert "HEVC" in refused
        assert "H.264" in refused


async def test_a_second_server_on_the_same_recordings_is_refused(database: Database, tmp_path: Path) -> None:
    async with studio(database, tmp_path) as at:
        other = media.MediaServer(database, tmp_path, "127.0.0.1", 0)
        with pytest.raises(media.RecordingsInUse) as refusal:
            await other.start()
        assert refusal.value.code == "media.recordings_in_use"
        async with film.encoder(at.port, key=at.key) as camera:
            await play(camera, 1)


async def test_a_listener_that_fails_does_not_end_the_video(database: Database, tmp_path: Path) -> None:
    async def broken(channel_id: int, run_id: UUID, at: datetime) -> None:
        raise RuntimeError(channel_id)

    async with database.transaction() as tx:
        _, key = await media.create_channel(tx, shop_id=1, name="Studio")
    server = media.MediaServer(database, tmp_path, "127.0.0.1", 0, on_started=broken, on_ended=broken)
    port = await server.start()
    for _ in range(2):
        async with film.encoder(port, key=key) as camera:
            await play(camera, 1)
    await server.close()

    assert [fact for fact, _ in await facts(database)] == ["media.started", "media.ended"] * 2


async def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """The disk fills up in the middle of a segment."""
    note = Note(
        run_id=UUID(int=1), channel_id=1, shop_id=1, anchor_ms=0, codecs="", width=0, height=0, target_duration=2,
        init_length=4, init_sha256="", audio_rate=0, first_msn=1,
    )  # fmt: skip
    file = RunFile(tmp_path / "1" / "run.mp4", spare=0)
    file.begin(b"init", note)
    file.append((b"one", b"two"))
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            file.append((bytes(50), bytes(100)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert (tmp_path / "1" / "run.mp4").read_bytes() == b"initonetwo"
    written = file.append((b"three",))
    file.close()

    assert (written.position, written.length) == (10, 5)
    assert written.sha256 == hashlib.sha256(b"three").digest()
    assert (tmp_path / "1" / "run.mp4").read_bytes() == b"initonetwothree"

"""What a live room costs, and how long a part takes from the camera to the player.

Workload: 720p30, H.264 2.5 Mb/s with AAC and a key frame a second, encoded once and published by ffmpeg at the
pace it plays; the product (RTMP server, packager, recorder with real fdatasync, Low-Latency HLS origin under
uvicorn and uvloop) in a process of its own, with a real database.  CPU is that process's, 100 % = one core.
Baseline, in the same minute: ffmpeg repackaging the same film to fragmented MP4, copied, at the same pace.

* rooms: CPU with 1 and 4 rooms on air, and recording.
* delay: from sending the frame that completes a part until a player that follows the hints has all of it.
  The limit is the loopback itself; the length of the part comes before it.
* viewers: 50 players following playlist and parts of one room; requests a second, CPU, delay then.

Last line: JSON.    python bench/media.py
"""

import asyncio
import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import uvicorn

from shopfloor import media
from shopfloor.kernel.database import Database
from shopfloor.kernel.migrations import migrate
from shopfloor.kernel.postgres import EmbeddedPostgres
from shopfloor.media import amf
from shopfloor.media.chunks import AUDIO, COMMAND, SET_CHUNK_SIZE, VIDEO, Message, cut

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
SECONDS = 8
ROUNDS = 3
VIEWERS = 50
TICK = os.sysconf("SC_CLK_TCK")


def cpu(pid: int) -> float:
    """Seconds of CPU a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def rss_mb(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return round(int(found[1]) / 1024, 1) if found else 0.0


def film(path: Path) -> Path:
    subprocess.run(
        [
            FFMPEG, "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30",
            "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", "10",
            "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-b:v", "2500k", "-maxrate", "2500k",
            "-bufsize", "1250k", "-g", "30", "-keyint_min", "30", "-sc_threshold", "0", "-pix_fmt", "yuv420p",
            "-c:a", "aac", "-b:a", "128k", "-ac", "2", "-f", "flv", str(path),
        ],
        check=True,
    )  # fmt: skip
    return path


async def serve(dsn: str, directory: Path, rooms: int) -> None:
    """The process that is measured."""
    db = Database(dsn)
    await db.open()
    async with db.transaction() as tx:
        keys = [(await media.create_channel(tx, shop_id=1, name=f"room {i}"))[1] for i in range(rooms)]

    async def on_air(_: int) -> list[media.Airtime]:
        return [media.Airtime(1, 1, datetime.fromtimestamp(1, UTC), None)]

    server = media.MediaServer(db, directory, "127.0.0.1", 0, airtimes=on_air)
    port = await server.start()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await server.origin({**scope, "root_path": "/media"}, receive, send)

    web = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off", access_log=False))
    task = asyncio.create_task(web.serve())
    while not web.started:
        await asyncio.sleep(0.01)
    http = web.servers[0].sockets[0].getsockname()[1]
    print(json.dumps({"rtmp": port, "http": http, "keys": keys}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    web.should_exit = True
    await task
    await server.close()
    await db.close()


def publisher(path: Path, url: str, seconds: float) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            FFMPEG, "-v", "error", "-readrate", "1", "-readrate_initial_burst", "0", "-stream_loop", "-1",
            "-i", str(path), "-t", str(seconds), "-c", "copy", "-f", "flv", url,
        ],
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


async def rooms_cost(path: Path, pid: int, place: dict[str, Any], rooms: int) -> float:
    """Percent of a core for so many rooms, once they are on air."""
    shows = [
        publisher(path, f"rtmp://127.0.0.1:{place['rtmp']}/live/{key}", SECONDS + 4)
        for key in place["keys"][:rooms]
    ]
    await asyncio.sleep(2.5)
    before, started = cpu(pid), time.perf_counter()
    await asyncio.sleep(SECONDS)
    cost = (cpu(pid) - before) / (time.perf_counter() - started) * 100
    for show in shows:
        show.wait()
    return cost


def repackaging_cost(path: Path, directory: Path) -> float:
    """Percent of a core that ffmpeg takes for the same."""
    started = time.perf_counter()
    child = subprocess.Popen(
        [
            FFMPEG, "-v", "error", "-y", "-readrate", "1", "-readrate_initial_burst", "0", "-stream_loop", "-1",
            "-i", str(path), "-t", str(SECONDS + 2.5), "-c", "copy", "-f", "mp4",
            "-movflags", "frag_keyframe+empty_moov+default_base_moof", "-frag_duration", "266000",
            str(directory / "baseline.mp4"),
        ],
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    time.sleep(2.5)
    before, started = cpu(child.pid), time.perf_counter()
    time.sleep(SECONDS - 1)
    cost = (cpu(child.pid) - before) / (time.perf_counter() - started) * 100
    child.wait()
    return cost


def tags(path: Path) -> list[tuple[int, int, bytes]]:
    data, at = path.read_bytes(), 13
    found: list[tuple[int, int, bytes]] = []
    while at + 11 <= len(data):
        size = int.from_bytes(data[at + 1 : at + 4])
        if data[at] in {AUDIO, VIDEO}:
            found.append((data[at], int.from_bytes(data[at + 4 : at + 7]), data[at + 11 : at + 11 + size]))
        at += 11 + size + 4
    return found


class Camera:
    """A publisher that notes when it sent each frame."""

    def __init__(self, path: Path) -> None:
        self.tags = tags(path)
        self.sent: dict[int, float] = {}

    async def run(self, port: int, key: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x03" + bytes(1536))
        writer.write((await reader.readexactly(1537))[1:])
        drain = asyncio.create_task(reader.read(-1))
        writer.write(
            cut(Message(COMMAND, 0, 0, amf.encode("connect", 1, {"app": "live"})), csid=3, chunk_size=128)
        )
        writer.write(cut(Message(COMMAND, 0, 0, amf.encode("createStream", 2, None)), csid=3, chunk_size=128))
        writer.write(
            cut(Message(COMMAND, 1, 0, amf.encode("publish", 3, None, key, "live")), csid=3, chunk_size=128)
        )
        await asyncio.sleep(0.3)
        writer.write(cut(Message(SET_CHUNK_SIZE, 0, 0, (65_536).to_bytes(4)), csid=2, chunk_size=128))
        start = time.perf_counter()
        for kind, timestamp, payload in self.tags:
            await asyncio.sleep(start + timestamp / 1000 - time.perf_counter())
            writer.write(cut(Message(kind, 1, timestamp, payload), csid=4, chunk_size=65_536))
            if kind == VIDEO and payload[1] == 1:
                self.sent[timestamp] = time.perf_counter()
        writer.write(
            cut(Message(COMMAND, 0, 0, amf.encode("deleteStream", 4, None, 1)), csid=3, chunk_size=65_536)
        )
        with contextlib.suppress(ConnectionError):
            await drain
        writer.close()


class Player:
    """Keeps one connection, follows the hints and the blocking reloads, and notes when it had each part."""

    def __init__(self) -> None:
        self.requests = 0
        self.parts: list[tuple[float, bytes]] = []

    async def run(self, port: int, channel: int, seconds: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        url, until = f"/media/{channel}/live.m3u8", time.perf_counter() + seconds
        query = ""
        asked: set[str] = set()
        while time.perf_counter() < until:
            status, body = await self.get(reader, writer, url + query)
            if status != 200:
                await asyncio.sleep(0.05)
                query = ""
                continue
            text = body.decode()
            hint = re.search(r'PRELOAD-HINT:TYPE=PART,URI="([^"]+)"', text)
            if hint is None or hint[1] in asked:
                break
            asked.add(hint[1])
            status, body = await self.get(reader, writer, f"/media/{channel}/{hint[1]}")
            if status == 200:
                self.parts.append((time.perf_counter(), body))
            found = re.search(r"-(\d+)\.(\d+)\.m4s", hint[1])
            assert found is not None
            query = f"?_HLS_msn={found[1]}&_HLS_part={found[2]}"
        writer.close()

    async def get(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, url: str
    ) -> tuple[int, bytes]:
        writer.write(f"GET {url} HTTP/1.1\r\nHost: shop\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        body = await reader.readexactly(int(length[1])) if length else b""
        self.requests += 1
        return int(head[9:12]), body


def completing(part: bytes, sent: dict[int, float], first: int) -> float | None:
    """When the frame after the last one of this part was sent: it tells how long the last one is."""
    at = part.index(b"tfdt") + 8
    dts = int.from_bytes(part[at : at + 8])
    table = part.index(b"trun") + 8
    count = int.from_bytes(part[table : table + 4])
    ends = dts + sum(int.from_bytes(part[table + 8 + 16 * i : table + 12 + 16 * i]) for i in range(count))
    return sent.get(first + round(ends / 90))


async def delays(
    path: Path, place: dict[str, Any], viewers: int, pid: int
) -> tuple[list[float], float, float]:
    """Delays in ms, requests a second, percent of a core."""
    camera, players = Camera(path), [Player() for _ in range(viewers)]
    show = asyncio.create_task(camera.run(place["rtmp"], place["keys"][-1]))
    await asyncio.sleep(2.5)
    before, started = cpu(pid), time.perf_counter()
    await asyncio.gather(*(player.run(place["http"], len(place["keys"]), 6) for player in players))
    took = time.perf_counter() - started
    cost = (cpu(pid) - before) / took * 100
    await show
    first = min(camera.sent)
    found = [
        (had - done) * 1000
        for player in players
        for had, part in player.parts
        if (done := completing(part, camera.sent, first)) is not None
    ]
    return found, sum(player.requests for player in players) / took, cost


def p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


async def main() -> None:
    place_dir = Path(tempfile.mkdtemp(prefix="shopfloor-bench-"))
    place_dir.chmod(0o711)
    path = film(place_dir / "film.flv")
    with EmbeddedPostgres(place_dir / "database") as database:
        migrate(database.dsn)
        child = subprocess.Popen(  # noqa: ASYNC220 -- nothing else runs in this loop yet
            [sys.executable, __file__, "serve", database.dsn, str(place_dir / "recordings"), "5"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert child.stdout is not None
        assert child.stdin is not None
        place = json.loads(
            await asyncio.to_thread(lambda: next(line for line in child.stdout or () if line.startswith("{")))
        )
        one: list[float] = []
        base: list[float] = []
        for _ in range(ROUNDS):
            one.append(await rooms_cost(path, child.pid, place, 1))
            base.append(await asyncio.to_thread(repackaging_cost, path, place_dir))
        four = await rooms_cost(path, child.pid, place, 4)
        alone, _, _ = await delays(path, place, 1, child.pid)
        crowd, rate, crowd_cost = await delays(path, place, VIEWERS, child.pid)
        memory = rss_mb(child.pid)
        child.stdin.close()
        child.wait()
    shutil.rmtree(place_dir, ignore_errors=True)
    result = {
        "cpu_percent_per_room": round(statistics.median(one), 2),
        "cpu_percent_four_rooms": round(four, 2),
        "cpu_percent_ffmpeg_copy": round(statistics.median(base), 2),
        "ratio_to_ffmpeg_copy": round(statistics.median(one) / max(statistics.median(base), 0.01), 2),
        "part_delay_ms_median": round(statistics.median(alone), 2),
        "part_delay_ms_p95": round(p95(alone), 2),
        "parts_followed": len(alone),
        "viewers": VIEWERS,
        "requests_per_second": round(rate),
        "cpu_percent_with_viewers": round(crowd_cost, 1),
        "part_delay_ms_median_with_viewers": round(statistics.median(crowd), 2),
        "part_delay_ms_p95_with_viewers": round(p95(crowd), 2),
        "rss_mb": memory,
    }
    print("720p30 2.5 Mb/s, a key frame a second, parts of 0.27 s, recorded with fdatasync")
    print(
        f"one room            {result['cpu_percent_per_room']:6.2f} % of a core (rounds: {[round(x, 2) for x in one]})"
    )
    print(f"four rooms          {result['cpu_percent_four_rooms']:6.2f} %")
    print(f"ffmpeg, copied      {result['cpu_percent_ffmpeg_copy']:6.2f} %  (writes a file, serves nobody)")
    print(
        f"part delay, 1 viewer    median {result['part_delay_ms_median']} ms, 95 % {result['part_delay_ms_p95']} ms, {len(alone)} parts"
    )
    print(
        f"{VIEWERS} viewers          {rate:.0f} requests/s, {crowd_cost:.1f} % of a core, median {result['part_delay_ms_median_with_viewers']} ms, 95 % {result['part_delay_ms_p95_with_viewers']} ms"
    )
    print(f"memory              {memory} MB")
    print(json.dumps(result))


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        try:
            import uvloop
        except ImportError:
            asyncio.run(serve(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])))
        else:
            uvloop.run(serve(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])))
    else:
        asyncio.run(main())

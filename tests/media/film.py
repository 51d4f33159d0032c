"""A camera for the tests: films made once by ffmpeg, published by ffmpeg or message by message."""

import asyncio
import struct
import subprocess
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
from tests.waiting import PATIENCE

from shopfloor.media import amf
from shopfloor.media.chunks import AUDIO, COMMAND, VIDEO, ChunkReader, Message, cut

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


@dataclass(frozen=True, slots=True)
class Tag:
    """A message of an FLV file."""

    type: int
    timestamp: int
    payload: bytes


def make(
    path: Path,
    *,
    seconds: float = 4,
    size: str = "320x180",
    fps: str = "30",
    gop: int = 30,
    video: Sequence[str] = ("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency"),
    audio: Sequence[str] | None = ("-c:a", "aac", "-b:a", "64k", "-ar", "48000", "-ac", "2"),
    picture: bool = True,
) -> Path:
    """Encode a test picture with a tone."""
    inputs: list[str] = []
    outputs: list[str] = []
    if picture:
        inputs += ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={fps}"]
        outputs += [
            *video,
            "-pix_fmt",
            "yuv420p",
            "-g",
            str(gop),
            "-keyint_min",
            str(gop),
            "-sc_threshold",
            "0",
        ]
    if audio is not None:
        inputs += ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]
        outputs += [*audio]
    subprocess.run(
        [FFMPEG, "-v", "error", "-y", *inputs, "-t", str(seconds), *outputs, "-f", "flv", str(path)],
        check=True,
        capture_output=True,
    )
    return path


def tags(path: Path) -> list[Tag]:
    """The audio and video messages of an FLV file."""
    data = path.read_bytes()
    found: list[Tag] = []
    at = 13
    while at + 11 <= len(data):
        size = int.from_bytes(data[at + 1 : at + 4])
        timestamp = int.from_bytes(data[at + 4 : at + 7]) | data[at + 7] << 24
        if data[at] in {AUDIO, VIDEO}:
            found.append(Tag(data[at], timestamp, data[at + 11 : at + 11 + size]))
        at += 11 + size + 4
    return found


async def publish(
    path: Path, port: int, key: str, *, app: str = "live", paced: bool = True
) -> asyncio.subprocess.Process:
    """Publish with ffmpeg at the pace it plays, unless told otherwise."""
    pace = ["-readrate", "1", "-readrate_initial_burst", "0"] if paced else []
    return await asyncio.create_subprocess_exec(
        FFMPEG, "-v", "error", *pace, "-i", str(path), "-c", "copy", "-f", "flv",
        f"rtmp://127.0.0.1:{port}/{app}/{key}",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


class Encoder:
    """A publisher under the test's control, one message at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.incoming = ChunkReader()

    async def connect(self, app: str = "live") -> list[amf.Value]:
        command = amf.encode(
            "connect", 1, {"app": app, "type": "nonprivate", "tcUrl": f"rtmp://127.0.0.1/{app}"}
        )
        return await self.ask(command)

    async def create(self) -> None:
        assert (await self.ask(amf.encode("createStream", 2, None)))[0] == "_result"

    async def publish(self, key: str) -> str:
        """The code of the answer."""
        answer = await self.ask(amf.encode("publish", 3, None, key, "live"), stream=1)
        assert answer[0] == "onStatus"
        info = answer[3]
        assert isinstance(info, dict)
        return str(info["code"])

    async def ask(self, command: bytes, stream: int = 0) -> list[amf.Value]:
        self.send(Message(COMMAND, stream, 0, command))
        return await self.answer()

    async def answer(self) -> list[amf.Value]:
        """The next command from the server.  Raises EOFError when it hangs up instead."""
        while True:
            for message in self.incoming.messages():
                if message.type == COMMAND:
                    return amf.decode(message.payload)
            data = await asyncio.wait_for(self.reader.read(65_536), PATIENCE)
            if not data:
                raise EOFError
            self.incoming.feed(data)

    def send(self, message: Message, *, csid: int = 4, chunk_size: int = 128) -> None:
        self.writer.write(cut(message, csid=csid, chunk_size=chunk_size))

    def send_tag(self, tag: Tag, *, shift: int = 0) -> None:
        self.send(Message(tag.type, 1, (tag.timestamp + shift) % (1 << 32), tag.payload))

    async def gone(self) -> None:
        """Wait until the server has hung up."""
        while await asyncio.wait_for(self.reader.read(65_536), PATIENCE):
            pass


@asynccontextmanager
async def encoder(port: int, *, app: str = "live", key: str | None = None) -> AsyncGenerator[Encoder]:
    """A connection that has shaken hands; with a key, one that publishes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"\x03" + bytes(1536))
        await reader.readexactly(1 + 1536)
        writer.write(await reader.readexactly(1536))
        camera = Encoder(reader, writer)
        if key is not None:
            assert (await camera.connect(app))[0] == "_result"
            await camera.create()
            assert await camera.publish(key) == "NetStream.Publish.Start"
        yield camera
    finally:
        writer.close()


def ue(value: int) -> str:
    binary = f"{value + 1:b}"
    return "0" * (len(binary) - 1) + binary


def se(value: int) -> str:
    return ue(2 * value - 1 if value > 0 else -2 * value)


def nal(bits: str, header: int) -> bytes:
    """A NAL unit from a string of bits, with its stop bit and its escapes."""
    bits += "1"
    bits += "0" * (-len(bits) % 8)
    raw = int(bits, 2).to_bytes(len(bits) // 8)
    out = bytearray([header])
    zeros = 0
    for byte in raw:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)


def parameters(width: int = 320, height: int = 176) -> bytes:
    """An avcC of baseline profile."""
    bits = (
        f"{66:08b}{0xC0:08b}{30:08b}" + ue(0) + ue(0) + ue(2) + ue(1) + "0"
        + ue(width // 16 - 1) + ue(height // 16 - 1) + "1" + "1" + "0" + "0"
    )  # fmt: skip
    sps = nal(bits, 0x67)
    return b"\x01" + sps[1:4] + b"\xff\xe1" + struct.pack(">H", len(sps)) + sps + b"\x01\x00\x02\x68\xce"


AAC_48K_STEREO = bytes([0x11, 0x90])


def video_parameters(record: bytes | None = None) -> bytes:
    return b"\x17\x00\x00\x00\x00" + (parameters() if record is None else record)


def audio_parameters(record: bytes = AAC_48K_STEREO) -> bytes:
    return b"\xaf\x00" + record


def frame(*, key: bool, cts: int = 0, size: int = 20) -> bytes:
    unit = bytes([0x65 if key else 0x41]) + b"x" * (size - 1)
    return bytes([0x17 if key else 0x27, 1]) + (cts & 0xFFFFFF).to_bytes(3) + len(unit).to_bytes(4) + unit


def sound(size: int = 10) -> bytes:
    return b"\xaf\x01" + b"s" * size


def stream(
    *,
    seconds: float,
    fps: float = 30,
    gop: int = 30,
    start: int = 0,
    with_audio: bool = True,
    rate: int = 48_000,
) -> Iterator[Tag]:
    """A made-up stream: parameters, then frames in the order an encoder sends them, times in whole ms."""
    yield Tag(VIDEO, start, video_parameters())
    if with_audio:
        yield Tag(AUDIO, start, audio_parameters())
    sounds = 0
    for i in range(round(seconds * fps)):
        at = start + round(i * 1000 / fps)
        while with_audio and start + sounds * 1024 * 1000 / rate <= at:
            yield Tag(AUDIO, (start + sounds * 1024 * 1000 // rate) % (1 << 32), sound())
            sounds += 1
        yield Tag(VIDEO, at % (1 << 32), frame(key=i % gop == 0))

"""RTMP chunks: messages cut into interleaved pieces.  Bytes in, messages out; no I/O.

basic header  fmt:2 csid:6    csid 0 → 64+b (1 more byte) · csid 1 → 64+b0+256·b1 (2 more)
fmt 0  ts:24  len:24  type:8  stream:32 little-endian
fmt 1  delta:24  len:24  type:8
fmt 2  delta:24
fmt 3  nothing: the rest of an unfinished message, else a new one that applies the previous delta again
ts or delta = FFFFFF → 4 bytes, big-endian, after the header
"""

from collections.abc import Iterator
from typing import Final

from shopfloor.kernel.records import dataclass
from shopfloor.media.models import BadStream

MAX_MESSAGE: Final = 8 << 20
MAX_CHUNK: Final = 1 << 20
MAX_STREAMS: Final = 64
# Half-received messages of all chunk streams together.
MAX_PENDING: Final = 16 << 20

SET_CHUNK_SIZE, ABORT, ACKNOWLEDGEMENT, USER_CONTROL, WINDOW_SIZE, PEER_BANDWIDTH = 1, 2, 3, 4, 5, 6
AUDIO, VIDEO, DATA, COMMAND_AMF3, COMMAND, AGGREGATE = 8, 9, 18, 17, 20, 22

_EXTENDED: Final = 0xFFFFFF
_WRAP: Final = 1 << 32
_HEADER_SIZE: Final = (11, 7, 3, 0)


@dataclass(frozen=True, slots=True)
class Message:
    """`timestamp` in milliseconds, modulo 2³²."""

    type: int
    stream: int
    timestamp: int
    payload: bytes


class _ChunkStream:
    __slots__ = ("extended", "field", "length", "partial", "stream", "timestamp", "type")

    def __init__(self) -> None:
        self.timestamp = 0
        self.field = 0
        self.extended = False
        self.length = 0
        self.type = 0
        self.stream = 0
        self.partial: bytearray | None = None


class ChunkReader:
    """Obeys Set Chunk Size and Abort by itself; everything else comes out as a message.

    Raises BadStream on what no publisher sends: lengths and chunk sizes out of bounds, too many chunk
    streams, a continuation of nothing.
    """

    def __init__(self) -> None:
        self.chunk_size = 128
        self._buffer = bytearray()
        self._streams: dict[int, _ChunkStream] = {}
        self._pending = 0

    @property
    def waiting(self) -> int:
        """Bytes held that are not yet a message."""
        return len(self._buffer) + self._pending

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        self._buffer += data

    def messages(self) -> Iterator[Message]:
        """What is complete.  A caller may stop in between and go on later."""
        at = 0
        try:
            while (step := self._chunk(at)) is not None:
                at, message = step
                if message is not None:
                    # The buffer is left consistent whenever control is handed out.
                    del self._buffer[:at]
                    at = 0
                    yield message
        finally:
            del self._buffer[:at]

    def _chunk(self, at: int) -> tuple[int, Message | None] | None:
        """One chunk at `at`: where the next begins, and the message that it completed.  None: not all here."""
        buffer, have = self._buffer, len(self._buffer)
        if have <= at:
            return None
        fmt, csid = buffer[at] >> 6, buffer[at] & 63
        at += 1
        if csid < 2:
            extra = csid + 1
            if have < at + extra:
                return None
            csid = 64 + int.from_bytes(buffer[at : at + extra], "little")
            at += extra
        size = _HEADER_SIZE[fmt]
        if have < at + size:
            return None
        known = self._streams.get(csid)
        stream = known or _ChunkStream()
        if known is None and fmt > 1:
            # With fmt 1 some publishers do open a chunk stream; its delta then counts from zero.
            raise BadStream("A chunk continues a stream that never began.")
        continued = stream.partial is not None
        if continued and fmt != 3:
            raise BadStream("A message was left unfinished.")
        header = buffer[at : at + size]
        at += size

        field, extended = stream.field, stream.extended
        length, kind, message_stream = stream.length, stream.type, stream.stream
        if fmt < 3:
            field = int.from_bytes(header[:3])
            extended = field == _EXTENDED
        if fmt < 2:
            length, kind = int.from_bytes(header[3:6]), header[6]
            if length > MAX_MESSAGE:
                raise BadStream("A message is too long.", length=length)
        if fmt == 0:
            message_stream = int.from_bytes(header[7:11], "little")
        if extended:
            if fmt < 3:
                if have < at + 4:
                    return None
                field = int.from_bytes(buffer[at : at + 4])
                at += 4
            else:
                # ffmpeg repeats the four bytes on every fmt 3 chunk, OBS does not: they are the repetition
                # only if they equal the field as it was sent.
                expected = field.to_bytes(4)
                seen = bytes(buffer[at : at + 4])
                if seen == expected:
                    at += 4
                elif len(seen) < 4 and expected.startswith(seen):
                    return None

        partial = stream.partial
        missing = length - (len(partial) if partial is not None else 0)
        take = min(missing, self.chunk_size)
        if have < at + take:
            return None

        if known is None:
            if len(self._streams) >= MAX_STREAMS:
                raise BadStream("Too many chunk streams.")
            self._streams[csid] = stream
        stream.field, stream.extended = field, extended
        stream.length, stream.type, stream.stream = length, kind, message_stream
        if not continued:
            stream.timestamp = field if fmt == 0 else (stream.timestamp + field) % _WRAP
        piece = buffer[at : at + take]
        at += take
        if take < missing:
            if partial is None:
                partial = stream.partial = bytearray()
            partial += piece
            self._pending += take
            if self._pending > MAX_PENDING:
                raise BadStream("Too many messages are unfinished at once.")
            return at, None
        if partial is not None:
            self._pending -= len(partial)
            partial += piece
            piece = partial
            stream.partial = None
        message = Message(kind, message_stream, stream.timestamp, bytes(piece))
        return at, None if self._obeyed(message) else message

    def _obeyed(self, message: Message) -> bool:
        if message.type == SET_CHUNK_SIZE:
            if len(message.payload) < 4:
                raise BadStream("A chunk size is missing.")
            # The top bit must be zero; what is out of bounds is clamped.
            size = int.from_bytes(message.payload[:4]) & 0x7FFF_FFFF
            self.chunk_size = min(max(size, 1), MAX_CHUNK)
            return True
        if message.type == ABORT:
            stream = self._streams.get(int.from_bytes(message.payload[:4]))
            if stream is not None and stream.partial is not None:
                self._pending -= len(stream.partial)
                stream.partial = None
            return True
        return False


def cut(message: Message, *, csid: int, chunk_size: int) -> bytes:
    """`message` as chunks: fmt 0, then fmt 3 with the extended timestamp repeated, as the specification says."""
    long = message.timestamp >= _EXTENDED
    extension = message.timestamp.to_bytes(4) if long else b""
    header = (
        bytes([csid])
        + min(message.timestamp, _EXTENDED).to_bytes(3)
        + len(message.payload).to_bytes(3)
        + bytes([message.type])
        + message.stream.to_bytes(4, "little")
        + extension
    )
    again = bytes([0xC0 | csid]) + extension
    pieces = [message.payload[i : i + chunk_size] for i in range(0, len(message.payload), chunk_size)]
    return header + again.join(pieces)

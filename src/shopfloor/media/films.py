"""A film of its own out of recorded segments: one plain MP4 that opens everywhere and begins to play before it is whole.

The samples are those that were served, untouched; the index in front of them is new.  Equal segments give equal bytes.
(ISO/IEC 14496-12: 8.5.2 to 8.7.5 the tables, 8.6.6 the edit list.)
"""

import itertools
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from fractions import Fraction
from pathlib import Path
from typing import IO, BinaryIO, Final

from shopfloor.kernel.records import dataclass
from shopfloor.media.boxes import MATRIX, VIDEO_TRACK, box, full_box
from shopfloor.media.models import BadMedia, Run, Segment
from shopfloor.media.playlist import in_ms

_MOVIE_SCALE: Final = 1000
_NOT_SYNC: Final = 0x0001_0000
_COPY: Final = 1 << 20
# duration, size, flags, composition offset
_SAMPLE: Final = struct.Struct(">IIIi")


@dataclass(frozen=True, slots=True)
class Piece:
    """Segments of one recorded run that follow one another without a hole; `init_length` bytes of `path` are its init."""

    path: Path
    init_length: int
    segments: Sequence[Segment]


@dataclass(slots=True)
class _Chunk:
    """Samples of one track that lie together in a source file."""

    piece: int
    position: int
    length: int
    samples: int
    entry: int


@dataclass(slots=True)
class _Track:
    kind: bytes
    scale: int
    width: int = 0
    height: int = 0
    entries: list[bytes] = field(default_factory=list[bytes])
    durations: list[int] = field(default_factory=list[int])
    sizes: list[int] = field(default_factory=list[int])
    offsets: list[int] = field(default_factory=list[int])
    keys: list[int] = field(default_factory=list[int])
    chunks: list[_Chunk] = field(default_factory=list[_Chunk])
    first: int | None = None
    end: int = 0

    def at(self, time: int) -> None:
        """The next sample begins here: the one before is shown until then."""
        if self.first is None:
            self.first = self.end = time
        elif time != self.end:
            self.durations[-1] = max(0, self.durations[-1] + time - self.end)
            self.end = max(self.end, time)


@dataclass(frozen=True, slots=True)
class Film:
    """What `write` made: bytes of the file, and milliseconds."""

    size: int
    milliseconds: int


def pieces_of(path: Path, init_length: int, segments: Sequence[Segment]) -> Iterator[Piece]:
    """The segments of a run, apart where something between them was not recorded."""
    due: int | None = None
    together: list[Segment] = []
    for segment in segments:
        if together and segment.dts != due:
            yield Piece(path, init_length, together)
            together = []
        together.append(segment)
        due = segment.dts + segment.duration
    if together:
        yield Piece(path, init_length, together)


def within(
    recorded: Sequence[tuple[Run, Sequence[Segment]]], begin: int, end: int
) -> list[tuple[Run, list[Segment]]]:
    """The segments that hold anything from `begin` to `end` (ms on the clock of the video)."""
    found: list[tuple[Run, list[Segment]]] = []
    for run, segments in recorded:
        kept = [
            each
            for each in segments
            if in_ms(each.pdt) < end and in_ms(each.pdt) + each.duration // 90 > begin
        ]
        if kept:
            found.append((run, kept))
    return found


def clip_name(channel_id: int, show_id: int, moment_id: int) -> str:
    """Where the clip of a moment is in the directory of recordings."""
    return f"{channel_id}/clips/{show_id}-{moment_id}.mp4"


def write(pieces: Sequence[Piece], out: IO[bytes]) -> Film:
    """Write the film of these pieces, one after the other.  Raises BadMedia, OSError."""
    tracks: dict[int, _Track] = {}
    order: list[_Chunk] = []
    start = Fraction(0)
    for number, piece in enumerate(pieces):
        with piece.path.open("rb") as file:
            start = _read(number, piece, file, tracks, order, start)
    if not order:
        raise BadMedia("There is nothing recorded to make a film of.")
    milliseconds = round(start * 1000)
    head = box(b"ftyp", b"isom", (0x200).to_bytes(4), b"isomiso2avc1mp41")
    payload = sum(chunk.length for chunk in order)
    media_head = struct.pack(">I4sQ", 1, b"mdat", 16 + payload)
    # The offsets are eight bytes each: the index is equally long whatever they are.
    blank = _index(tracks, dict.fromkeys(map(id, order), 0), milliseconds)
    position = len(head) + len(blank) + len(media_head)
    places: dict[int, int] = {}
    for chunk in order:
        places[id(chunk)] = position
        position += chunk.length
    out.write(head + _index(tracks, places, milliseconds) + media_head)
    for number, chunks in itertools.groupby(order, key=lambda chunk: chunk.piece):
        with pieces[number].path.open("rb") as file:
            for chunk in chunks:
                _copy(file, out, chunk.position, chunk.length)
    return Film(position, milliseconds)


def _copy(file: BinaryIO, out: IO[bytes], position: int, length: int) -> None:
    file.seek(position)
    while length:
        data = file.read(min(_COPY, length))
        if not data:
            raise BadMedia("A recording is shorter than its rows say.")
        out.write(data)
        length -= len(data)


# Reading


def _boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """The boxes of a stretch: kind, where the content begins, where it ends."""
    end = len(data) if end is None else end
    while start + 8 <= end:
        size = int.from_bytes(data[start : start + 4])
        if size < 8 or start + size > end:
            raise BadMedia("A recording holds a box that is too long.")
        yield data[start + 4 : start + 8], start + 8, start + size
        start += size


def _inside(data: bytes, start: int, end: int, *path: bytes) -> tuple[int, int]:
    for wanted in path:
        found = next(((a, b) for kind, a, b in _boxes(data, start, end) if kind == wanted), None)
        if found is None:
            raise BadMedia("A recording lacks a box.", box=wanted.decode("latin-1"))
        start, end = found
    return start, end


def _describe(init: bytes, tracks: dict[int, _Track]) -> dict[int, int]:
    """Learn the tracks of an init section; by track, which of its descriptions holds."""
    begin, close = _inside(init, 0, len(init), b"moov")
    entry_of: dict[int, int] = {}
    for kind, start, end in _boxes(init, begin, close):
        if kind != b"trak":
            continue
        tkhd, tkhd_end = _inside(init, start, end, b"tkhd")
        number = int.from_bytes(init[tkhd + 12 : tkhd + 16])
        mdhd, _ = _inside(init, start, end, b"mdia", b"mdhd")
        hdlr, _ = _inside(init, start, end, b"mdia", b"hdlr")
        stsd, stsd_end = _inside(init, start, end, b"mdia", b"minf", b"stbl", b"stsd")
        scale = int.from_bytes(init[mdhd + 12 : mdhd + 16])
        track = tracks.get(number)
        if track is None:
            width, height = struct.unpack(">II", init[tkhd_end - 8 : tkhd_end])
            track = _Track(init[hdlr + 8 : hdlr + 12], scale, width >> 16, height >> 16)
            tracks[number] = track
        entry = init[stsd + 8 : stsd_end]
        if track.scale != scale:
            # One track has one clock: what follows at another rate is left out.
            continue
        if entry not in track.entries:
            track.entries.append(entry)
        entry_of[number] = track.entries.index(entry) + 1
    return entry_of


def _read(
    number: int, piece: Piece, file: BinaryIO, tracks: dict[int, _Track], order: list[_Chunk], start: Fraction
) -> Fraction:
    """Take in a piece that begins at `start` seconds; where it ends."""
    entry_of = _describe(file.read(piece.init_length), tracks)
    fragments: list[tuple[int, int, int, list[tuple[int, int, int, int]]]] = []
    for segment in piece.segments:
        file.seek(segment.position)
        data = file.read(segment.length)
        if len(data) < segment.length:
            raise BadMedia("A recording is shorter than its rows say.")
        fragments += _fragments(data, segment.position)
    origin = min(
        (Fraction(base, tracks[track].scale) for track, base, _, _ in fragments if track in entry_of),
        default=Fraction(0),
    )
    end = start
    for track_id, base, position, samples in fragments:
        entry = entry_of.get(track_id)
        if entry is None:
            continue
        track = tracks[track_id]
        track.at(round((start + Fraction(base, track.scale) - origin) * track.scale))
        for duration, size, flags, offset in samples:
            if not flags & _NOT_SYNC:
                track.keys.append(len(track.sizes) + 1)
            track.durations.append(duration)
            track.sizes.append(size)
            track.offsets.append(offset)
            track.end += duration
        chunk = _Chunk(number, position, sum(sample[1] for sample in samples), len(samples), entry)
        track.chunks.append(chunk)
        order.append(chunk)
        end = max(end, Fraction(track.end, track.scale))
    return end


def _fragments(data: bytes, at: int) -> Iterator[tuple[int, int, int, list[tuple[int, int, int, int]]]]:
    """The runs of samples of a segment: track, decode time, where the first byte lies in the file, the samples."""
    for kind, start, end in _boxes(data):
        if kind != b"moof":
            continue
        moof = start - 8
        for inner, traf, traf_end in _boxes(data, start, end):
            if inner != b"traf":
                continue
            tfhd, _ = _inside(data, traf, traf_end, b"tfhd")
            tfdt, _ = _inside(data, traf, traf_end, b"tfdt")
            trun, trun_end = _inside(data, traf, traf_end, b"trun")
            count, offset = struct.unpack(">II", data[trun + 4 : trun + 12])
            if data[trun + 1 : trun + 4] != b"\x00\x0f\x01" or trun_end - trun != 12 + _SAMPLE.size * count:
                raise BadMedia("A recording holds a table of another shape.")
            samples = list(_SAMPLE.iter_unpack(data[trun + 12 : trun_end]))
            track = int.from_bytes(data[tfhd + 4 : tfhd + 8])
            yield track, int.from_bytes(data[tfdt + 4 : tfdt + 12]), at + moof + offset, samples


# The index


def _index(tracks: dict[int, _Track], places: dict[int, int], milliseconds: int) -> bytes:
    header = full_box(
        b"mvhd", 0, 0,
        struct.pack(">4I", 0, 0, _MOVIE_SCALE, milliseconds), struct.pack(">IH", 0x10000, 0x100), bytes(10), MATRIX,
        bytes(24), struct.pack(">I", max(tracks) + 1),
    )  # fmt: skip
    bodies = [_trak(number, tracks[number], places) for number in sorted(tracks) if tracks[number].sizes]
    return box(b"moov", header, *bodies)


def _trak(number: int, track: _Track, places: dict[int, int]) -> bytes:
    first = track.first or 0
    length = sum(track.durations)
    shown = round(Fraction(length * _MOVIE_SCALE, track.scale))
    # Where frames are reordered, the first is shown later than it is decoded.
    held = max(0, track.offsets[0])
    delay = round(Fraction((first + held) * _MOVIE_SCALE, track.scale))
    video = number == VIDEO_TRACK
    tkhd = full_box(
        b"tkhd", 0, 3,
        struct.pack(">5I", 0, 0, number, 0, delay + shown), bytes(8),
        struct.pack(">4H", 0, 0, 0 if video else 0x100, 0), MATRIX,
        struct.pack(">II", track.width << 16, track.height << 16),
    )  # fmt: skip
    edits = [struct.pack(">IiI", shown, held, 0x10000)]
    if delay:
        edits.insert(0, struct.pack(">IiI", delay, -1, 0x10000))
    edts = box(b"edts", full_box(b"elst", 0, 0, len(edits).to_bytes(4), *edits))
    media_header = full_box(b"vmhd", 0, 1, bytes(8)) if video else full_box(b"smhd", 0, 0, bytes(4))
    dinf = box(b"dinf", full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1)))
    mdia = box(
        b"mdia",
        full_box(b"mdhd", 1, 0, struct.pack(">QQIQHH", 0, 0, track.scale, length, 0x55C4, 0)),
        full_box(b"hdlr", 0, 0, bytes(4), track.kind, bytes(12), b"Shopfloor\0"),
        box(b"minf", media_header, dinf, _stbl(track, places, video=video)),
    )
    return box(b"trak", tkhd, edts, mdia)


def _stbl(track: _Track, places: dict[int, int], *, video: bool) -> bytes:
    tables = [
        full_box(b"stsd", 0, 0, len(track.entries).to_bytes(4), *track.entries),
        _table(b"stts", 0, ">II", _runs(track.durations)),
    ]
    if any(track.offsets):
        tables.append(_table(b"ctts", 1, ">Ii", _runs(track.offsets)))
    if video:
        tables.append(_table(b"stss", 0, ">I", [(key,) for key in track.keys]))
    per_chunk: list[tuple[int, int, int]] = []
    for i, chunk in enumerate(track.chunks, 1):
        if not per_chunk or per_chunk[-1][1:] != (chunk.samples, chunk.entry):
            per_chunk.append((i, chunk.samples, chunk.entry))
    tables += [
        _table(b"stsc", 0, ">III", per_chunk),
        full_box(b"stsz", 0, 0, struct.pack(f">II{len(track.sizes)}I", 0, len(track.sizes), *track.sizes)),
        _table(b"co64", 0, ">Q", [(places[id(chunk)],) for chunk in track.chunks]),
    ]
    return box(b"stbl", *tables)


def _runs(values: Iterable[int]) -> list[tuple[int, int]]:
    return [(sum(1 for _ in group), value) for value, group in itertools.groupby(values)]


def _table(kind: bytes, version: int, shape: str, rows: Sequence[tuple[int, ...]]) -> bytes:
    packed = struct.Struct(shape)
    return full_box(kind, version, 0, len(rows).to_bytes(4), b"".join(packed.pack(*row) for row in rows))

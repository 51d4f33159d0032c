"""A small, independent reader of what the origin serves: ISO boxes and HLS playlists, held to their rules."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

_NESTED = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"mvex", b"moof", b"traf", b"dinf"}


def boxes(data: bytes, path: str = "") -> Iterator[tuple[str, bytes]]:
    """Every box with its path and content; raises AssertionError where sizes do not add up."""
    at = 0
    while at < len(data):
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        assert 8 <= size <= len(data) - at, f"box {kind!r} at {at} does not fit"
        name = f"{path}/{kind.decode('latin-1')}"
        yield name, data[at + 8 : at + size]
        if kind in _NESTED:
            yield from boxes(data[at + 8 : at + size], name)
        at += size


@dataclass(slots=True)
class Track:
    """The samples of one track in one fragment."""

    track: int
    dts: int
    durations: list[int]
    keys: list[bool]
    cts: list[int]
    data: list[bytes]

    @property
    def end(self) -> int:
        return self.dts + sum(self.durations)


def fragments(data: bytes) -> list[list[Track]]:
    """The tracks of each moof/mdat pair; sample data is cut out by the offsets in the boxes."""
    found: list[list[Track]] = []
    at = 0
    while at < len(data):
        start = at
        size = int.from_bytes(data[at : at + 4])
        assert data[at + 4 : at + 8] == b"moof"
        moof = data[at : at + size]
        at += size
        mdat_size = int.from_bytes(data[at : at + 4])
        assert data[at + 4 : at + 8] == b"mdat"
        mdat = range(at + 8, at + mdat_size)
        at += mdat_size
        tracks: list[Track] = []
        covered = 0
        for path, content in boxes(moof):
            if path == "/moof/traf/tfhd":
                assert content[:4] == b"\0\x02\0\0"
                tracks.append(Track(int.from_bytes(content[4:8]), 0, [], [], [], []))
            elif path == "/moof/traf/tfdt":
                assert content[0] == 1
                tracks[-1].dts = int.from_bytes(content[4:12])
            elif path == "/moof/traf/trun":
                assert content[:4] == b"\x01\x00\x0f\x01"
                count, offset = int.from_bytes(content[4:8]), start + int.from_bytes(content[8:12])
                for i in range(count):
                    row = content[12 + 16 * i : 28 + 16 * i]
                    length = int.from_bytes(row[4:8])
                    assert offset in mdat
                    assert offset + length <= mdat.stop
                    tracks[-1].durations.append(int.from_bytes(row[:4]))
                    tracks[-1].keys.append(row[8:12] == b"\x02\0\0\0")
                    tracks[-1].cts.append(int.from_bytes(row[12:16], signed=True))
                    tracks[-1].data.append(data[offset : offset + length])
                    offset += length
                    covered += length
        assert covered == len(mdat), "every byte of mdat belongs to one sample"
        found.append(tracks)
    return found


@dataclass(slots=True)
class HlsPart:
    name: str
    duration: float
    independent: bool


@dataclass(slots=True)
class HlsSegment:
    msn: int
    name: str | None = None
    duration: float = 0.0
    pdt: datetime | None = None
    init: str = ""
    discontinuity: bool = False
    byterange: tuple[int, int] | None = None
    parts: list[HlsPart] = field(default_factory=list[HlsPart])


@dataclass(slots=True)
class HlsPlaylist:
    header: dict[str, str] = field(default_factory=dict[str, str])
    segments: list[HlsSegment] = field(default_factory=list[HlsSegment])
    ranges: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    hint: str | None = None
    ended: bool = False

    @property
    def target(self) -> int:
        return int(self.header["TARGETDURATION"])

    @property
    def part_target(self) -> float:
        return float(attributes(self.header["PART-INF"])["PART-TARGET"])

    @property
    def closed(self) -> list[HlsSegment]:
        return [segment for segment in self.segments if segment.name]


def attributes(text: str) -> dict[str, str]:
    return {name: value.strip('"') for name, value in re.findall(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)', text)}


def parse(text: str) -> HlsPlaylist:
    """Read a playlist and hold it to what must be so in every one."""
    lines = text.splitlines()
    assert lines[0] == "#EXTM3U"
    playlist = HlsPlaylist()
    open_segment: HlsSegment | None = None
    init, msn = "", 0

    def current() -> HlsSegment:
        nonlocal open_segment
        if open_segment is None:
            open_segment = HlsSegment(msn, init=init)
        return open_segment

    for line in lines[1:]:
        tag, _, value = line.removeprefix("#EXT-X-").partition(":")
        if line.startswith("#EXTINF:"):
            current().duration = float(line.removeprefix("#EXTINF:").rstrip(","))
        elif not line.startswith("#"):
            segment = current()
            segment.name = line
            playlist.segments.append(segment)
            open_segment, msn = None, segment.msn + 1
        elif tag == "MEDIA-SEQUENCE":
            msn = int(value)
            playlist.header[tag] = value
        elif tag == "DISCONTINUITY":
            assert not current().parts, "DISCONTINUITY stands before the first part"
            current().discontinuity = True
        elif tag == "MAP":
            assert open_segment is None or not open_segment.parts, "MAP stands before the first part"
            init = attributes(value)["URI"]
            current().init = init
        elif tag == "PROGRAM-DATE-TIME":
            assert not current().parts, "PROGRAM-DATE-TIME stands before the first part"
            current().pdt = datetime.fromisoformat(value)
        elif tag == "PART":
            found = attributes(value)
            current().parts.append(
                HlsPart(found["URI"], float(found["DURATION"]), found.get("INDEPENDENT") == "YES")
            )
        elif tag == "BYTERANGE":
            length, _, start = value.partition("@")
            current().byterange = int(start), int(length)
        elif tag == "DATERANGE":
            playlist.ranges.append(attributes(value))
        elif tag == "PRELOAD-HINT":
            assert playlist.hint is None
            playlist.hint = attributes(value)["URI"]
        elif tag == "ENDLIST":
            playlist.ended = True
        else:
            playlist.header[tag] = value
    if open_segment is not None and open_segment.parts:
        playlist.segments.append(open_segment)
    check(playlist)
    return playlist


def check(playlist: HlsPlaylist) -> None:
    """The MUSTs of the specification that can be seen in one playlist."""
    for segment in playlist.segments:
        assert segment.init
        assert segment.pdt is not None
        if segment.name:
            assert round(segment.duration) <= playlist.target
            if segment.parts:
                assert abs(sum(part.duration for part in segment.parts) - segment.duration) < 0.001
    if "PART-INF" in playlist.header:
        control = attributes(playlist.header["SERVER-CONTROL"])
        assert control["CAN-BLOCK-RELOAD"] == "YES"
        assert float(control["PART-HOLD-BACK"]) >= 2 * playlist.part_target
        for segment in playlist.segments:
            last = len(segment.parts) - 1 if segment.name else len(segment.parts)
            for i, part in enumerate(segment.parts):
                assert part.duration <= playlist.part_target + 1e-5
                if i < last and not part.independent:
                    assert part.duration >= 0.85 * playlist.part_target
    names = [segment.name for segment in playlist.closed]
    if all(segment.byterange is None for segment in playlist.segments):
        assert len(set(names)) == len(names)
    for before, after in zip(playlist.segments, playlist.segments[1:], strict=False):
        assert after.msn == before.msn + 1
        assert before.pdt is not None
        assert after.pdt is not None
        step = (after.pdt - before.pdt).total_seconds()
        if after.discontinuity:
            assert step >= before.duration - 0.002
        else:
            assert after.init == before.init
            assert abs(step - before.duration) < 0.002

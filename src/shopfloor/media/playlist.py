"""Low-Latency HLS playlists: the sliding window of a live channel, the rules of reloading it, and replays.

Pure: no clock, no sockets.  Rules marked MUST are those of draft-pantos-hls-rfc8216bis.
"""

import gzip
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from datetime import UTC, datetime
from enum import Enum
from typing import Final

from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import whole_number
from shopfloor.media.boxes import VIDEO_SCALE
from shopfloor.media.models import Moment, MomentReused, Run, Segment
from shopfloor.media.packager import Cadence

# In target durations: how much is listed, in parts, and kept for those who still ask.
LISTED, LISTED_PARTS, KEPT = 4, 3, 4
MOMENTS: Final = 200


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    data: bytes
    duration: int
    independent: bool


@dataclass(slots=True)
class Piece:
    """A segment of the window.  `pdt` in ms UTC; `duration` stays 0 while it is open."""

    msn: int
    name: str
    pdt: int
    init_name: str
    discontinuity: bool
    parts: list[Part] = field(default_factory=list[Part])
    duration: int = 0

    @property
    def closed(self) -> bool:
        return self.duration > 0

    @property
    def so_far(self) -> int:
        return sum(part.duration for part in self.parts)


class Answer(Enum):
    """What a reload gets: the playlist now, the playlist once (msn, part) exists, or a 400."""

    NOW = 1
    WAIT = 2
    BAD = 3


@dataclass(frozen=True, slots=True)
class Reload:
    """`part` None waits for the whole segment `msn`."""

    answer: Answer
    msn: int = 0
    part: int | None = None


@dataclass(frozen=True, slots=True)
class Rendered:
    plain: bytes
    packed: bytes


class Window:
    """What a channel's live playlist shows.  It outlives runs: sequence numbers and names go on.

    `first_msn` must be above every number this channel has used before, for caches keep old names.
    """

    def __init__(self, *, first_msn: int) -> None:
        self.cadence: Cadence | None = None
        self.ended = False
        self.on_air = False
        self.next_msn = first_msn
        self.end_pdt = 0
        self._pieces: deque[Piece] = deque()
        self._retired: deque[Piece] = deque()
        self._inits: dict[str, bytes] = {}
        self._parts: dict[str, bytes] = {}
        self._open: Piece | None = None
        self._discontinuities = 0
        self._moments: dict[str, Moment] = {}
        self._rendered: dict[int, Rendered] = {}
        self._tag = ""
        self._anchor = 0
        self._init_name = ""

    # ── what comes in ─────────────────────────────────────────────────────────────────────────────────

    def open_run(self, *, tag: str, anchor: int, init_name: str, init: bytes, cadence: Cadence) -> None:
        """A run begins at `anchor` (ms UTC); `tag` makes its names unlike those of any other."""
        if self.cadence is None:
            self.cadence = cadence
        assert self.cadence == cadence, "a playlist never changes what it declared"
        self._inits[init_name] = init
        self._init_name, self._tag, self._anchor = init_name, tag, anchor
        self.ended, self.on_air = False, True
        self._open = None
        self._rendered.clear()

    def add_part(self, data: bytes, *, dts: int, duration: int, independent: bool) -> str:
        """The next part of the open segment, which it opens where none is; returns the part's name."""
        piece = self._open
        if piece is None:
            msn = self.next_msn
            self.next_msn += 1
            last = self._pieces[-1] if self._pieces else None
            new_run = last is not None and not last.name.startswith(f"{self._tag}-")
            piece = self._open = Piece(
                msn,
                f"{self._tag}-{msn}.m4s",
                self._anchor + dts // 90,
                self._init_name,
                discontinuity=new_run,
            )
            self._pieces.append(piece)
        name = self._part_name(piece.msn, len(piece.parts))
        piece.parts.append(Part(name, data, duration, independent))
        self._parts[name] = data
        self.end_pdt = self._anchor + (dts + duration) // 90
        self._rendered.clear()
        return name

    def close_segment(self) -> Piece:
        piece = self._open
        assert piece is not None, "a segment is closed after its first part"
        piece.duration = piece.so_far
        self._open = None
        self._slide()
        self._rendered.clear()
        return piece

    def close_run(self) -> None:
        self.on_air = False
        self._open = None
        self._rendered.clear()

    def end(self) -> None:
        """The broadcast is over: players stop reloading."""
        self.ended = True
        self.on_air = False
        self._rendered.clear()

    def moment(self, moment: Moment) -> None:
        """List a product moment.  Raises MomentReused when its id stands for something else."""
        known = self._moments.get(moment.id)
        if known is not None and (
            (known.sku, known.start) != (moment.sku, moment.start) or known.end not in {None, moment.end}
        ):
            raise MomentReused(id=moment.id)
        self._moments[moment.id] = moment
        while len(self._moments) > MOMENTS:
            del self._moments[next(iter(self._moments))]
        self._rendered.clear()

    def moments_open(self) -> list[Moment]:
        """Those that have no end yet."""
        return [moment for moment in self._moments.values() if moment.end is None]

    # ── what goes out ─────────────────────────────────────────────────────────────────────────────────

    @property
    def published(self) -> bool:
        """Whether there is anything to play."""
        return self.published_since(0)

    def published_since(self, since: int) -> bool:
        """Players treat parts without a finished segment as a fatal error: before one there is nothing."""
        return any(piece.closed and piece.pdt >= since for piece in self._pieces)

    def shows(self, name: str, since: int) -> bool:
        """Whether a part or segment is of the time from `since` (ms UTC) on; init sections are of no time."""
        number = name.partition("-")[2].partition(".")[0]
        if not number.isdigit():
            return True
        for pieces in (self._pieces, self._retired):
            for piece in pieces:
                if piece.msn == int(number):
                    return piece.pdt >= since
        return int(number) >= self.next_msn

    def files(self, since: int) -> dict[str, bytes]:
        """Everything that is listed from `since` on, by name."""
        found: dict[str, bytes] = {}
        for piece in self._pieces:
            if piece.pdt >= since:
                found[piece.init_name] = self._inits[piece.init_name]
                found[piece.name] = b"".join(part.data for part in piece.parts)
                found.update({part.name: part.data for part in piece.parts})
        return found

    @property
    def open_msn(self) -> int:
        """The number of the segment that is open, or will be next."""
        return self.next_msn if self._open is None else self._open.msn

    @property
    def hint(self) -> str | None:
        """The name of the part that comes next, while a run is on."""
        if not self.on_air:
            return None
        if self._open is None:
            return self._part_name(self.next_msn, 0)
        return self._part_name(self._open.msn, len(self._open.parts))

    def find(self, name: str) -> tuple[bytes, ...] | None:
        """The bytes of an init, a part or a whole segment, in pieces."""
        if (data := self._parts.get(name) or self._inits.get(name)) is not None:
            return (data,)
        for pieces in (self._pieces, self._retired):
            for piece in pieces:
                if piece.name == name:
                    return tuple(part.data for part in piece.parts) if piece.closed else None
        return None

    def has(self, msn: int, part: int | None) -> bool:
        """Whether segment `msn` is complete (`part` None), or that part exists, or anything later."""
        last = self._pieces[-1] if self._pieces else None
        if last is None or last.msn < msn:
            return False
        if last.msn > msn or last.closed:
            return last.msn > msn or part is None or part < len(last.parts)
        return part is not None and part < len(last.parts)

    def reload(self, msn: str | None, part: str | None, *, since: int = 0) -> Reload:
        """What the delivery directives ask for; see the table in the documentation of the format."""
        if self.ended or (msn is None and part is None):
            return Reload(Answer.NOW)
        if msn is None or whole_number(msn) is None or (part is not None and whole_number(part) is None):
            return Reload(Answer.BAD)
        assert self.cadence is not None, "only a published playlist is reloaded"
        wanted, index = int(msn), None if part is None else int(part)
        newest = self._pieces[-1]
        complete = newest.msn if newest.closed else newest.msn - 1
        if wanted < next(piece.msn for piece in self._pieces if piece.pdt >= since):
            return Reload(Answer.NOW)
        if wanted > complete + 2:
            return Reload(Answer.BAD)
        if index is not None:
            ahead = (
                -(-3 * VIDEO_SCALE // self.cadence.part_target)
                if self.cadence.part_target < VIDEO_SCALE
                else 3
            )
            known = self._parts_of(wanted)
            if index > known - 1 + ahead:
                return Reload(Answer.BAD)
            if wanted <= complete and index >= known:
                wanted, index = wanted + 1, 0
        if self.has(wanted, index):
            return Reload(Answer.NOW)
        return Reload(Answer.WAIT, wanted, index)

    def render(self, *, since: int = 0) -> Rendered:
        """The current playlist from `since` (ms UTC) on, plain and gzipped; made once however many ask."""
        rendered = self._rendered.get(since)
        if rendered is None:
            rendered = self._rendered[since] = packed(self._lines(since))
        return rendered

    def final(self, *, since: int) -> Rendered:
        """The playlist from `since` on, as it is when nothing more comes."""
        hint = "#EXT-X-PRELOAD-HINT"
        lines = [line for line in self._lines(since) if not line.startswith(hint)]
        return packed([*lines, *([] if lines[-1] == "#EXT-X-ENDLIST" else ["#EXT-X-ENDLIST"])])

    # ── inside ────────────────────────────────────────────────────────────────────────────────────────

    def _part_name(self, msn: int, index: int) -> str:
        return f"{self._tag}-{msn}.{index}.m4s"

    def _parts_of(self, msn: int) -> int:
        return next((len(piece.parts) for piece in self._pieces if piece.msn == msn), 0)

    def _slide(self) -> None:
        assert self.cadence is not None
        keep = LISTED * self.cadence.target_duration * VIDEO_SCALE
        total = sum(piece.duration for piece in self._pieces)
        while total - self._pieces[0].duration >= keep:
            gone = self._pieces.popleft()
            total -= gone.duration
            self._discontinuities += gone.discontinuity
            self._retired.append(gone)
        kept = sum(piece.duration for piece in self._retired)
        while self._retired and kept - self._retired[0].duration >= keep // LISTED * KEPT:
            gone = self._retired.popleft()
            kept -= gone.duration
            for part in gone.parts:
                del self._parts[part.name]
            used = {piece.init_name for pieces in (self._retired, self._pieces) for piece in pieces}
            for name in self._inits.keys() - used - {self._init_name}:
                del self._inits[name]

    def _lines(self, since: int) -> Iterator[str]:
        cadence = self.cadence
        assert cadence is not None
        listed = [piece for piece in self._pieces if piece.pdt >= since]
        skipped = len(self._pieces) - len(listed)
        before = sum(piece.discontinuity for piece in tuple(self._pieces)[:skipped])
        target, part_target = cadence.target_duration, cadence.part_target / VIDEO_SCALE
        yield "#EXTM3U"
        yield "#EXT-X-VERSION:9"
        yield f"#EXT-X-TARGETDURATION:{target}"
        yield f"#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={3 * part_target:.5f}"
        yield f"#EXT-X-PART-INF:PART-TARGET={part_target:.5f}"
        yield f"#EXT-X-MEDIA-SEQUENCE:{listed[0].msn if listed else self.next_msn}"
        yield f"#EXT-X-DISCONTINUITY-SEQUENCE:{self._discontinuities + before}"
        detailed = self._first_with_parts(LISTED_PARTS * target * VIDEO_SCALE)
        init_name = None
        for i, piece in enumerate(listed, skipped):
            if piece.discontinuity:
                yield "#EXT-X-DISCONTINUITY"
            if piece.init_name != init_name or piece.discontinuity:
                init_name = piece.init_name
                yield f'#EXT-X-MAP:URI="{init_name}"'
            yield f"#EXT-X-PROGRAM-DATE-TIME:{stamp(piece.pdt)}"
            if i >= detailed:
                for part in piece.parts:
                    independent = ",INDEPENDENT=YES" if part.independent else ""
                    yield f'#EXT-X-PART:DURATION={seconds(part.duration)},URI="{part.name}"{independent}'
            if piece.closed:
                yield f"#EXTINF:{seconds(piece.duration)},"
                yield piece.name
        yield from self._moment_lines(listed[0].pdt if listed else 0)
        if self.ended:
            yield "#EXT-X-ENDLIST"
        elif (hint := self.hint) is not None:
            yield f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="{hint}"'

    def _first_with_parts(self, span: int) -> int:
        for i in range(len(self._pieces) - 1, -1, -1):
            span -= self._pieces[i].duration or self._pieces[i].so_far
            if span <= 0:
                return i
        return 0

    def _moment_lines(self, start: int) -> Iterator[str]:
        for moment in tuple(self._moments.values()):
            if moment.end is not None and in_ms(moment.end) <= start:
                # It maps to nothing that is listed; that it was here stays known, for ids are never reused.
                continue
            yield moment_line(moment)


def replay(
    recordings: Sequence[tuple[Run, Sequence[Segment]]],
    moments: Sequence[Moment],
    *,
    uri: str = "{run}.mp4",
    over: bool | None = None,
) -> str:
    """A playlist over these segments of runs, in order: EVENT while the last is live, VOD after.

    `uri` says where the file of a run is, with {run} in place of its id.
    """
    listed = [(run, segments) for run, segments in recordings if segments]
    if over is None:
        over = not recordings or recordings[-1][0].ended_at is not None
    longest = max((segment.duration for _, segments in listed for segment in segments), default=VIDEO_SCALE)
    declared = [run.target_duration for run, _ in listed]
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{max([-(-longest // VIDEO_SCALE), *declared])}",
        f"#EXT-X-PLAYLIST-TYPE:{'VOD' if over else 'EVENT'}",
        "#EXT-X-MEDIA-SEQUENCE:0",
    ]
    for i, (run, segments) in enumerate(listed):
        if i:
            lines.append("#EXT-X-DISCONTINUITY")
        file = uri.format(run=run.id)
        lines.append(f'#EXT-X-MAP:URI="{file}",BYTERANGE="{run.init_length}@0"')
        due = segments[0].dts
        for segment in segments:
            # What is missing in the file is no time of the replay.
            if segment.dts != due:
                lines.append("#EXT-X-DISCONTINUITY")
            due = segment.dts + segment.duration
            lines += [
                f"#EXT-X-PROGRAM-DATE-TIME:{stamp(in_ms(segment.pdt))}",
                f"#EXTINF:{seconds(segment.duration)},",
                f"#EXT-X-BYTERANGE:{segment.length}@{segment.position}",
                file,
            ]
    first = min((in_ms(segments[0].pdt) for _, segments in listed), default=0)
    last = max((in_ms(s[-1].pdt) + s[-1].duration // 90 for _, s in listed), default=0)
    lines += [
        moment_line(moment)
        for moment in moments
        if in_ms(moment.start) < last and (moment.end is None or in_ms(moment.end) > first)
    ]
    if over:
        lines.append("#EXT-X-ENDLIST")
    return "\n".join((*lines, ""))


def packed(lines: Iterable[str]) -> Rendered:
    plain = "\n".join((*lines, "")).encode()
    return Rendered(plain, gzip.compress(plain, 5, mtime=0))


def moment_line(moment: Moment) -> str:
    end = f',END-DATE="{stamp(in_ms(moment.end))}"' if moment.end is not None else ""
    return (
        f'#EXT-X-DATERANGE:ID="{quoted(moment.id)}",CLASS="shop.product",'
        f'START-DATE="{stamp(in_ms(moment.start))}"{end},X-SKU="{quoted(moment.sku)}"'
    )


def quoted(text: str) -> str:
    """What a merchant typed, fit to stand between the quotes of an attribute."""
    return "".join(c for c in text if c != '"' and c.isprintable())[:200]


def in_ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def from_ms(ms: int) -> datetime:
    return datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)


def stamp(ms: int) -> str:
    return from_ms(ms).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def seconds(ticks: int) -> str:
    return f"{ticks / VIDEO_SCALE:.5f}"

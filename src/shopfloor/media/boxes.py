"""ISO base media boxes: an init section for the tracks, and fragments of samples.  Pure bytes."""

import struct
from collections.abc import Sequence
from typing import Final

from shopfloor.kernel.records import dataclass
from shopfloor.media.codecs import OPUS, AudioConfig, VideoConfig

VIDEO_SCALE: Final = 90_000
VIDEO_TRACK, AUDIO_TRACK = 1, 2
KEY_FRAME: Final = 0x0200_0000
OTHER_FRAME: Final = 0x0101_0000
MATRIX: Final = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


@dataclass(frozen=True, slots=True)
class Sample:
    """One frame.  `dts`, `duration` and `cts` in the timescale of its track; `cts` may be negative."""

    data: bytes
    dts: int
    duration: int
    cts: int = 0
    key: bool = True


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box with this content."""
    size = 8 + sum(map(len, parts))
    return b"".join((size.to_bytes(4), kind, *parts))


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """A box that says its version and flags before its content."""
    return box(kind, bytes([version]), flags.to_bytes(3), *parts)


def init(video: VideoConfig | None, audio: AudioConfig | None) -> bytes:
    """The header that goes before all fragments of a run.  Equal parameters give equal bytes."""
    tracks = b""
    extends = b""
    if video is not None:
        tracks += _track(
            VIDEO_TRACK,
            VIDEO_SCALE,
            b"vide",
            full_box(b"vmhd", 0, 1, bytes(8)),
            _avc1(video),
            video.width,
            video.height,
        )
        extends += _trex(VIDEO_TRACK)
    if audio is not None:
        tracks += _track(
            AUDIO_TRACK, audio.rate, b"soun", full_box(b"smhd", 0, 0, bytes(4)), _sound(audio), 0, 0
        )
        extends += _trex(AUDIO_TRACK)
    header = full_box(
        b"mvhd", 0, 0,
        struct.pack(">4I", 0, 0, 1000, 0), struct.pack(">IH", 0x10000, 0x100), bytes(10), MATRIX,
        bytes(24), struct.pack(">I", 3),
    )  # fmt: skip
    return box(b"ftyp", b"iso6", bytes(4), b"iso6mp41") + box(b"moov", header, tracks, box(b"mvex", extends))


def _trex(track: int) -> bytes:
    return full_box(b"trex", 0, 0, struct.pack(">5I", track, 1, 0, 0, 0))


def _track(track: int, scale: int, kind: bytes, media: bytes, entry: bytes, width: int, height: int) -> bytes:
    volume = 0x100 if kind == b"soun" else 0
    tkhd = full_box(
        b"tkhd", 0, 3,
        struct.pack(">5I", 0, 0, track, 0, 0), bytes(8), struct.pack(">4H", 0, 0, volume, 0), MATRIX,
        struct.pack(">II", width << 16, height << 16),
    )  # fmt: skip
    stbl = box(
        b"stbl",
        full_box(b"stsd", 0, 0, struct.pack(">I", 1), entry),
        full_box(b"stts", 0, 0, bytes(4)),
        full_box(b"stsc", 0, 0, bytes(4)),
        full_box(b"stsz", 0, 0, bytes(8)),
        full_box(b"stco", 0, 0, bytes(4)),
    )
    dinf = box(b"dinf", full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1)))
    mdia = box(
        b"mdia",
        full_box(b"mdhd", 0, 0, struct.pack(">4IHH", 0, 0, scale, 0, 0x55C4, 0)),
        full_box(b"hdlr", 0, 0, bytes(4), kind, bytes(12), b"Shopfloor\0"),
        box(b"minf", media, dinf, stbl),
    )
    return box(b"trak", tkhd, mdia)


def _avc1(video: VideoConfig) -> bytes:
    return box(
        b"avc1",
        struct.pack(">6xH16xHH", 1, video.width, video.height),
        struct.pack(">IIIH32xHh", 0x480000, 0x480000, 0, 1, 24, -1),
        box(b"avcC", video.record),
    )


def _sound(audio: AudioConfig) -> bytes:
    if audio.codec != OPUS:
        return _sound_entry(b"mp4a", audio, _esds(audio))
    return _sound_entry(b"Opus", audio, box(b"dOps", audio.record))


def _sound_entry(kind: bytes, audio: AudioConfig, decoder: bytes) -> bytes:
    head = struct.pack(">6xH8xHHIHH", 1, audio.channels, 16, 0, audio.rate & 0xFFFF, 0)
    return box(kind, head, decoder)


def _esds(audio: AudioConfig) -> bytes:
    specific = b"\x05" + _length(len(audio.record)) + audio.record
    decoder = bytes([0x40, 0x15]) + bytes(11)
    decoder = b"\x04" + _length(len(decoder) + len(specific)) + decoder + specific
    link = b"\x06\x01\x02"
    stream = b"\0\0\0"
    descriptor = b"\x03" + _length(len(stream) + len(decoder) + len(link)) + stream + decoder + link
    return full_box(b"esds", 0, 0, descriptor)


def _length(size: int) -> bytes:
    """Descriptor sizes count seven bits to the byte; here always as few bytes as do."""
    out = [size & 0x7F]
    while size := size >> 7:
        out.append(size & 0x7F | 0x80)
    return bytes(reversed(out))


def fragment(sequence: int, video: Sequence[Sample], audio: Sequence[Sample]) -> bytes:
    """One moof with its mdat.  A track without samples is left out; at least one must have some."""
    tracks = [(t, s) for t, s in ((VIDEO_TRACK, video), (AUDIO_TRACK, audio)) if s]
    # mfhd, and per track: traf, tfhd, tfdt version 1, trun with four fields to the sample.
    moof_size = 8 + 16 + sum(8 + 16 + 20 + 20 + 16 * len(samples) for _, samples in tracks)
    offset = moof_size + 8
    trafs: list[bytes] = []
    for track, samples in tracks:
        table = b"".join(
            struct.pack(
                ">IIIi",
                sample.duration,
                len(sample.data),
                KEY_FRAME if sample.key else OTHER_FRAME,
                sample.cts,
            )
            for sample in samples
        )
        trafs.append(
            box(
                b"traf",
                full_box(b"tfhd", 0, 0x020000, track.to_bytes(4)),
                full_box(b"tfdt", 1, 0, samples[0].dts.to_bytes(8)),
                full_box(b"trun", 1, 0xF01, len(samples).to_bytes(4), offset.to_bytes(4), table),
            )
        )
        offset += sum(len(sample.data) for sample in samples)
    moof = box(b"moof", full_box(b"mfhd", 0, 0, sequence.to_bytes(4)), *trafs)
    return moof + box(b"mdat", *(sample.data for _, samples in tracks for sample in samples))

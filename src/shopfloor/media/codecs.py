"""What the parameters of H.264, AAC and Opus say: picture size, profile, sample rate.  Pure.

Only what containers and playlists need is read; what a decoder needs goes through untouched.
"""

import struct
from typing import Final

from shopfloor.kernel.records import dataclass
from shopfloor.media.models import BadMedia

OPUS: Final = "opus"
OPUS_RATE: Final = 48_000
# 20 ms, what browsers make unless told otherwise.
OPUS_FRAME: Final = 960
RATES: Final = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_CHANNELS: Final = (0, 1, 2, 3, 4, 5, 6, 8)
# Profiles whose sequence parameter set carries chroma format, bit depths and scaling lists.
_HIGH_PROFILES: Final = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
# Baseline, Main, High.
_PLAYED: Final = frozenset({66, 77, 100})


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data)
        self._left = len(data) * 8

    def read(self, count: int) -> int:
        if count > self._left:
            raise BadMedia("Codec parameters end too early.")
        self._left -= count
        return self._value >> self._left & ((1 << count) - 1)

    def ue(self) -> int:
        """Exp-Golomb, unsigned."""
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > 32:
                raise BadMedia("Codec parameters hold an impossible number.")
        return (1 << zeros) - 1 + self.read(zeros)

    def se(self) -> int:
        """Exp-Golomb, signed."""
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)


@dataclass(frozen=True, slots=True)
class VideoConfig:
    """`record` is the avcC box's content, verbatim; `playable` says whether browsers are known to show it."""

    record: bytes
    codec: str
    width: int
    height: int
    nal_length: int
    playable: bool = True


@dataclass(frozen=True, slots=True)
class AudioConfig:
    """`record` is what the container states of the decoder: of AAC the AudioSpecificConfig, verbatim, of Opus the
    content of the dOps box; `rate` counts the samples a frame has `frame` of.
    """

    record: bytes
    codec: str
    rate: int
    channels: int
    frame: int


def video_config(record: bytes) -> VideoConfig:
    """Read an AVCDecoderConfigurationRecord.  Raises BadMedia when it is none."""
    if len(record) < 7 or record[0] != 1:
        raise BadMedia("The video parameters are not those of H.264.")
    count, at = record[5] & 31, 6
    if not count:
        raise BadMedia("The video parameters hold no sequence parameter set.")
    size = int.from_bytes(record[at : at + 2])
    sps = record[at + 2 : at + 2 + size]
    if len(sps) < size or size < 4:
        raise BadMedia("The video parameters end too early.")
    picture = read_picture(sps)
    return VideoConfig(
        record,
        f"avc1.{record[1:4].hex().upper()}",
        picture.width,
        picture.height,
        (record[4] & 3) + 1,
        playable=picture.playable,
    )


@dataclass(frozen=True, slots=True)
class Picture:
    """What a sequence parameter set says: the size after cropping, and whether browsers play such pictures.

    They play Baseline, Main and High, 4:2:0 with 8 bits.
    """

    width: int
    height: int
    playable: bool


def read_picture(sps: bytes) -> Picture:
    """`sps` with its NAL header."""
    bits = _Bits(_unescaped(sps[1:]))
    profile = bits.read(8)
    bits.read(16)
    bits.ue()
    chroma, eight_bits, sampling = 1, True, 1
    if profile in _HIGH_PROFILES:
        chroma = sampling = bits.ue()
        if chroma == 3 and bits.read(1):
            chroma = 0  # separate planes: each is cropped like monochrome
        eight_bits = (bits.ue(), bits.ue()) == (0, 0)
        bits.read(1)
        if bits.read(1):
            for i in range(12 if profile == 244 and chroma == 3 else 8):
                if bits.read(1):
                    _skip_scaling_list(bits, 16 if i < 6 else 64)
    bits.ue()
    order = bits.ue()
    if order == 0:
        bits.ue()
    elif order == 1:
        bits.read(1)
        bits.se()
        bits.se()
        for _ in range(min(bits.ue(), 256)):
            bits.se()
    bits.ue()
    bits.read(1)
    columns, rows = bits.ue() + 1, bits.ue() + 1
    progressive = bits.read(1)
    if not progressive:
        bits.read(1)
    bits.read(1)
    width, height = columns * 16, rows * 16 * (2 - progressive)
    if bits.read(1):
        left, right, top, bottom = (bits.ue() for _ in range(4))
        across = 2 if chroma in {1, 2} else 1
        down = (2 if chroma == 1 else 1) * (2 - progressive)
        width -= (left + right) * across
        height -= (top + bottom) * down
    if not (0 < width <= 16_384 and 0 < height <= 16_384):
        raise BadMedia("The video parameters state an impossible picture size.")
    return Picture(width, height, profile in _PLAYED and sampling == 1 and eight_bits)


def _unescaped(data: bytes) -> bytes:
    """Without the emulation prevention bytes: 00 00 03 stands for 00 00."""
    out = bytearray()
    zeros = 0
    for byte in data:
        if zeros >= 2 and byte == 3:
            zeros = 0
            continue
        zeros = zeros + 1 if byte == 0 else 0
        out.append(byte)
    return bytes(out)


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def audio_config(record: bytes) -> AudioConfig:
    """Read an AudioSpecificConfig.  Raises BadMedia when it is none."""
    bits = _Bits(record)
    kind = _object_type(bits)
    rate = _rate(bits)
    channels = bits.read(4)
    core = kind
    if kind in {5, 29}:
        # HE-AAC says the doubled rate next; frames are counted at the rate of the core.
        _rate(bits)
        core = _object_type(bits)
    short = bits.read(1) if core in {1, 2, 3, 4, 6, 7, 17, 19, 20, 21, 22, 23} else 0
    if not 0 < rate <= 192_000 or channels >= len(_CHANNELS):
        raise BadMedia("The audio parameters state an impossible format.")
    return AudioConfig(record, f"mp4a.40.{kind}", rate, _CHANNELS[channels] or 2, 960 if short else 1024)


def _object_type(bits: _Bits) -> int:
    kind = bits.read(5)
    return 32 + bits.read(6) if kind == 31 else kind


def _rate(bits: _Bits) -> int:
    index = bits.read(4)
    if index == 15:
        return bits.read(24)
    if index >= len(RATES):
        raise BadMedia("The audio parameters state an unknown sample rate.")
    return RATES[index]


def opus_config(channels: int) -> AudioConfig:
    """Opus of one or two channels, in frames of 20 ms.  Raises BadMedia for other numbers of channels.

    The dOps box as in "Encapsulation of Opus in ISO Base Media File Format", 4.3.2.
    """
    if channels not in {1, 2}:
        raise BadMedia("The audio parameters state an impossible format.")
    # Version, channels, samples to skip at the start, rate of the input, gain, channel mapping family.
    record = struct.pack(">BBHIhB", 0, channels, 312, OPUS_RATE, 0, 0)
    return AudioConfig(record, OPUS, OPUS_RATE, channels, OPUS_FRAME)


def opus_samples(packet: bytes) -> int:
    """How many samples at 48 kHz a packet holds (RFC 6716, 3.1); 0 where it is none."""
    if not packet:
        return 0
    configuration, code = packet[0] >> 3, packet[0] & 3
    if configuration < 12:
        frame = (480, 960, 1920, 2880)[configuration & 3]
    elif configuration < 16:
        frame = (480, 960)[configuration & 1]
    else:
        frame = (120, 240, 480, 960)[configuration & 3]
    if code == 3:
        return frame * (packet[1] & 63) if len(packet) > 1 else 0
    return frame * (1 if code == 0 else 2)

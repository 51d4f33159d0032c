import pytest
from tests.media.film import nal, parameters, se, ue

from shopfloor.media.codecs import audio_config, read_picture, video_config
from shopfloor.media.models import BadMedia


def high(
    *,
    chroma: int = 1,
    crop: tuple[int, int, int, int] | None = None,
    interlaced: bool = False,
    lists: bool = False,
) -> bytes:
    """A High profile sequence parameter set of 120 × 68 macroblocks (34 map units when interlaced)."""
    bits = (
        f"{100:08b}{0:08b}{40:08b}" + ue(0) + ue(chroma) + ("0" if chroma == 3 else "") + ue(0) + ue(0) + "0"
    )
    if lists:
        flat = "".join(se(0) for _ in range(16))
        big = "".join(se(1) for _ in range(64))
        stopped = se(-8)  # the next scale is zero: the rest of the list is not there
        bits += "1" + "1" + flat + "1" + stopped + "0000" + "1" + big + "0"
    else:
        bits += "0"
    bits += ue(0) + ue(0) + ue(4) + ue(4) + "0" + ue(119) + ue(33 if interlaced else 67)
    bits += "01" if interlaced else "1"
    bits += "1"
    bits += "0" if crop is None else "1" + "".join(ue(value) for value in crop)
    return nal(bits + "0", 0x67)


@pytest.mark.parametrize(
    ("sps", "size"),
    [
        (high(), (1920, 1088)),
        (high(crop=(0, 0, 0, 4)), (1920, 1080)),
        (high(crop=(0, 0, 0, 2), interlaced=True), (1920, 1080)),
        (high(crop=(1, 2, 3, 4)), (1920 - 6, 1088 - 14)),
        (high(crop=(0, 0, 0, 8), chroma=3), (1920, 1080)),
        (high(crop=(0, 0, 0, 8), chroma=2), (1920, 1080)),
        (high(crop=(0, 0, 0, 4), lists=True), (1920, 1080)),
    ],
    ids=["plain", "cropped", "interlaced", "cropped on all sides", "4:4:4", "4:2:2", "scaling lists"],
)
def test_the_picture_size_is_read_from_the_parameters(sps: bytes, size: tuple[int, int]) -> None:
    picture = read_picture(sps)
    assert (picture.width, picture.height) == size


@pytest.mark.parametrize(
    ("profile", "chroma", "bits", "playable"),
    [
        (66, None, None, True), (77, None, None, True), (100, 1, 8, True), (88, None, None, False),
        (100, 0, 8, False), (110, 1, 10, False), (110, 1, 8, False), (122, 2, 8, False), (122, 2, 10, False),
        (244, 3, 8, False), (44, 3, 8, False),
    ],
)  # fmt: skip
def test_what_browsers_do_not_show_is_known(
    profile: int, chroma: int | None, bits: int | None, playable: bool
) -> None:
    read = f"{profile:08b}{0:08b}{40:08b}" + ue(0)
    if chroma is not None and bits is not None:
        read += ue(chroma) + ("0" if chroma == 3 else "") + 2 * ue(bits - 8) + "00"
    read += ue(0) + ue(0) + ue(4) + ue(4) + "0" + ue(119) + ue(67) + "1" + "1" + "0" + "0"

    assert read_picture(nal(read, 0x67)).playable is playable


def test_the_record_goes_through_untouched() -> None:
    record = parameters(640, 352)
    config = video_config(record)

    assert (config.record, config.codec, config.width, config.height, config.nal_length) == (
        record,
        "avc1.42C01E",
        640,
        352,
        4,
    )


@pytest.mark.parametrize(
    ("record", "codec", "rate", "channels", "samples"),
    [
        (bytes([0x11, 0x90]), "mp4a.40.2", 48_000, 2, 1024),
        (bytes([0x12, 0x08]), "mp4a.40.2", 44_100, 1, 1024),
        (bytes([0x11, 0x94]), "mp4a.40.2", 48_000, 2, 960),
        (bytes.fromhex("2b118800"), "mp4a.40.5", 24_000, 2, 1024),
        (bytes.fromhex("1780 5dc0 10".replace(" ", "")), "mp4a.40.2", 48_000, 2, 1024),
    ],
    ids=[
        "48 kHz stereo",
        "44.1 kHz mono",
        "frames of 960",
        "HE-AAC counts at its core rate",
        "explicit rate",
    ],
)
def test_audio_parameters(record: bytes, codec: str, rate: int, channels: int, samples: int) -> None:
    config = audio_config(record)

    assert (config.codec, config.rate, config.channels, config.frame) == (codec, rate, channels, samples)


@pytest.mark.parametrize(
    "record",
    [b"", b"\x01\x42", parameters()[:9], b"\x00" + parameters()[1:], b"\x01\x42\x00\x1e\xff\xe0\x00"],
)
def test_broken_video_parameters_are_refused(record: bytes) -> None:
    with pytest.raises(BadMedia):
        video_config(record)


@pytest.mark.parametrize("record", [b"", b"\x11", b"\x17\x00\x00\x00\x00", b"\x16\xff"])
def test_broken_audio_parameters_are_refused(record: bytes) -> None:
    with pytest.raises(BadMedia):
        audio_config(record)

"""Pictures from whoever sends them."""

import hashlib
import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from shopfloor import picture_files
from shopfloor.picture_files import MAX_PICTURE_BYTES, PICTURE_SIZES, process_picture, store_picture


def encoded(picture: Image.Image, kind: str = "PNG", **more: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **more)
    return out.getvalue()


def decoded(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def test_a_photograph_is_kept_in_four_sizes() -> None:
    data = encoded(Image.new("RGB", (3000, 1500), (200, 30, 30)), "JPEG")

    found = process_picture(data)

    assert (found.sha256, found.width, found.height) == (hashlib.sha256(data).hexdigest(), 2048, 1024)
    assert {size: decoded(file).size for size, file in found.files.items()} == {
        2048: (2048, 1024), 960: (960, 480), 480: (480, 240), 160: (160, 80),
    }  # fmt: skip
    assert {decoded(file).format for file in found.files.values()} == {"WEBP"}


def test_a_small_picture_is_not_enlarged() -> None:
    found = process_picture(encoded(Image.new("L", (20, 300), 7)))

    assert {size: decoded(file).size for size, file in found.files.items()} == {
        2048: (20, 300), 960: (20, 300), 480: (20, 300), 160: (11, 160),
    }  # fmt: skip


def test_a_picture_is_turned_upright_and_says_nothing_about_where_it_was_taken() -> None:
    picture = Image.new("RGB", (80, 40), (255, 0, 0))
    picture.paste((0, 0, 255), (0, 0, 40, 40))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees, clockwise
    exif[0x010F] = "MakerOfThisCamera"
    exif.get_ifd(0x8825)[1] = "N"
    data = encoded(picture, "JPEG", exif=exif, comment=b"secret comment", quality=95)
    assert b"MakerOfThisCamera" in data

    found = process_picture(data)

    for file in found.files.values():
        upright = decoded(file).convert("RGB")
        assert upright.size == (40, 80)
        top, bottom = upright.getpixel((20, 5)), upright.getpixel((20, 75))
        assert isinstance(top, tuple)
        assert isinstance(bottom, tuple)
        assert top == pytest.approx((0, 0, 255), abs=40)  # pyright: ignore[reportUnknownMemberType]
        assert bottom == pytest.approx((255, 0, 0), abs=40)  # pyright: ignore[reportUnknownMemberType]
        assert not dict(decoded(file).getexif())
        assert not {"exif", "icc_profile", "xmp", "comment"} & decoded(file).info.keys()
        for word in (b"MakerOfThisCamera", b"secret", b"EXIF", b"ICCP", b"XMP "):
            assert word not in file


def test_text_and_profile_of_a_png_are_gone_and_its_transparency_stays() -> None:
    about = PngImagePlugin.PngInfo()
    about.add_text("Author", "secret author")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = encoded(Image.new("RGBA", (50, 50), (0, 255, 0, 0)), pnginfo=about, icc_profile=profile)

    file = process_picture(data).files[960]

    assert decoded(file).mode == "RGBA"
    assert decoded(file).getpixel((10, 10))[3] == 0  # pyright: ignore[reportIndexIssue, reportOptionalSubscript]
    assert b"secret" not in file
    assert b"ICCP" not in file


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode_of_png_is_read(mode: str) -> None:
    assert process_picture(encoded(Image.new(mode, (30, 30)))).width == 30


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
def test_every_format_is_read(kind: str) -> None:
    assert process_picture(encoded(Image.new("RGB", (31, 32)), kind)).height == 32


def test_cmyk_is_read_and_a_broken_profile_is_no_reason_to_refuse() -> None:
    assert process_picture(encoded(Image.new("CMYK", (30, 30)), "JPEG")).width == 30
    assert (
        process_picture(encoded(Image.new("RGB", (30, 30)), "JPEG", icc_profile=b"nonsense" * 20)).width == 30
    )


def test_of_an_animation_the_first_frame_is_kept() -> None:
    frames = [Image.new("RGB", (30, 30), colour) for colour in ("red", "blue", "green")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])

    file = decoded(process_picture(data).files[160])

    assert getattr(file, "n_frames", 1) == 1
    assert file.convert("RGB").getpixel((5, 5)) == pytest.approx((255, 0, 0), abs=12)  # pyright: ignore[reportUnknownMemberType]


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is huge."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("width", "height"), [(60_000, 60_000), (8_000, 8_000), (100_000, 1), (1, 16_001), (2**31 - 1, 2**31 - 1)]
)
def test_a_bomb_is_refused_before_it_is_decoded(width: int, height: int) -> None:
    with pytest.raises(picture_files.PictureTooLarge):
        process_picture(bomb(width, height))


def test_too_many_bytes_are_refused() -> None:
    with pytest.raises(picture_files.PictureTooLarge) as refused:
        process_picture(b"\xff\xd8" + b"\0" * MAX_PICTURE_BYTES)
    assert refused.value.facts == {"bytes": MAX_PICTURE_BYTES + 2, "largest": MAX_PICTURE_BYTES}


PHOTO = encoded(Image.effect_noise((200, 200), 90), "JPEG")


@pytest.mark.parametrize(
    "data",
    [
        b"", b"x", b"\0" * 5000, b"GIF89a", b"\x89PNG\r\n\x1a\n", b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<html><script>alert(1)</script>", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"PK\x03\x04zip",
        PHOTO[:200], PHOTO[: len(PHOTO) // 2], bomb(100, 100), encoded(Image.new("RGB", (9, 9)), "TIFF"),
        encoded(Image.new("RGB", (9, 9)), "BMP"), encoded(Image.new("RGB", (32, 32)), "ICO"),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(picture_files.NotAPicture):
        process_picture(data)


def test_hostile_bytes_are_refused_and_never_a_crash() -> None:
    for position in range(0, len(PHOTO), 97):
        broken = bytearray(PHOTO)
        broken[position] ^= 0xFF
        try:
            assert process_picture(bytes(broken)).files.keys() == set(PICTURE_SIZES)
        except (picture_files.NotAPicture, picture_files.PictureTooLarge):
            continue


def test_files_are_stored_once_under_their_hash(tmp_path: Path) -> None:
    directory = tmp_path / "pictures"
    found = process_picture(PHOTO)

    store_picture(directory, found)
    written = {file: file.stat().st_mtime_ns for file in directory.rglob("*.webp")}
    store_picture(directory, found)

    assert {file.relative_to(directory).as_posix() for file in written} == {
        f"{found.sha256}/{size}.webp" for size in PICTURE_SIZES
    }
    assert {file: file.stat().st_mtime_ns for file in directory.rglob("*")} | written == {
        file: file.stat().st_mtime_ns for file in directory.rglob("*")
    }
    assert [entry.name for entry in directory.iterdir()] == [found.sha256]
    assert (directory / found.sha256 / "160.webp").read_bytes() == found.files[160]

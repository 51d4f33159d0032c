"""Pictures: decoded, turned upright, stripped of everything but pixels, encoded as WebP in fixed sizes.

`process_picture` is CPU work without I/O; `processed` runs it in a thread, two at a time.  Files are named by
the SHA-256 of what was uploaded, so a picture that is sent twice is stored once and never changes.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from shopfloor.kernel import late
from shopfloor.kernel.errors import Invalid
from shopfloor.kernel.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PIL import Image, ImageCms, ImageOps
else:
    Image = late.module("PIL.Image")
    ImageCms = late.module("PIL.ImageCms")
    ImageOps = late.module("PIL.ImageOps")

# Pictures are kept fitted into squares of these sides, never enlarged; the last stands for the original.
PICTURE_SIZES: Final = (160, 480, 960, 2048)
MAX_PICTURE_BYTES: Final = 15 * 1024 * 1024
MAX_PIXELS: Final = 50_000_000
MAX_SIDE: Final = 16_000
# What phones, cameras and shops make.  Others (PostScript, TIFF, ICO…) have decoders that few people need.
FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")

_THREADS: Final = ThreadPoolExecutor(2, thread_name_prefix="picture")


class PictureTooLarge(Invalid):
    """The picture is too large: 15 MB and 50 megapixels at most."""

    code = "catalog.picture_too_large"


class NotAPicture(Invalid):
    """The file is not a picture that can be read (JPEG, PNG, WebP, GIF or AVIF)."""

    code = "catalog.not_a_picture"


@dataclass(frozen=True, slots=True)
class ProcessedPicture:
    """WebP files by size; width and height are those of the largest."""

    sha256: str
    width: int
    height: int
    files: Mapping[int, bytes]


async def processed(data: bytes) -> ProcessedPicture:
    """`process_picture` off the event loop.  Call it before the transaction."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, process_picture, data)


def process_picture(data: bytes) -> ProcessedPicture:
    """Decode what was uploaded and encode it anew.  Of an animation, the first frame.

    Raises NotAPicture or PictureTooLarge.
    """
    if len(data) > MAX_PICTURE_BYTES:
        raise PictureTooLarge(bytes=len(data), largest=MAX_PICTURE_BYTES)
    try:
        picture = _decoded(data)
    except PictureTooLarge:
        raise
    except Image.DecompressionBombError:
        raise PictureTooLarge(largest_pixels=MAX_PIXELS) from None
    except Exception as problem:
        # Whatever a decoder trips over in hostile bytes means the same to whoever sent them.
        raise NotAPicture from problem
    width, height = picture.size
    files: dict[int, bytes] = {}
    for size in sorted(PICTURE_SIZES, reverse=True):
        picture.thumbnail((size, size), Image.Resampling.LANCZOS)
        files[size] = _webp(picture)
    return ProcessedPicture(hashlib.sha256(data).hexdigest(), width, height, files)


def _decoded(data: bytes) -> Image.Image:
    """Upright, in sRGB, no larger than the largest size.  Nothing is decoded before its size is known."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as source:
        width, height = source.size
        if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
            raise PictureTooLarge(
                width=width, height=height, largest_pixels=MAX_PIXELS, largest_side=MAX_SIDE
            )
        largest = PICTURE_SIZES[-1]
        # JPEG can be decoded at a half, a quarter or an eighth, which saves most of the memory.
        source.draft("RGB", (largest, largest))
        source.load()
        profile = source.info.get("icc_profile")
        has_alpha = source.mode in {"RGBA", "LA", "PA"} or "transparency" in source.info
        picture = ImageOps.exif_transpose(source)
        if picture.mode not in {"RGB", "RGBA", "CMYK"}:
            picture = picture.convert("RGBA" if has_alpha else "RGB")
        picture.thumbnail((largest, largest), Image.Resampling.LANCZOS)
        picture = _in_srgb(picture, profile)
        picture.info.clear()
        return picture


def _in_srgb(picture: Image.Image, profile: Any) -> Image.Image:
    """Colours as they were meant, since the profile does not go along."""
    wanted = "RGBA" if picture.mode == "RGBA" else "RGB"
    if isinstance(profile, bytes) and profile:
        try:
            converted = ImageCms.profileToProfile(
                picture, ImageCms.ImageCmsProfile(io.BytesIO(profile)), _srgb(), outputMode=wanted
            )
        except (ImageCms.PyCMSError, OSError, ValueError):
            # A profile that is broken or for other channels is no reason to refuse the picture.
            pass
        else:
            return cast("Image.Image", converted)
    return picture if picture.mode == wanted else picture.convert(wanted)


@cache
def _srgb() -> Any:
    return ImageCms.createProfile("sRGB")


def _webp(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=82, method=4)
    return out.getvalue()


def picture_path(sha256: str, size: int) -> str:
    """Where the picture is served; `size` is one of PICTURE_SIZES."""
    return f"/pictures/{sha256}/{size}.webp"


def store_picture(directory: Path, picture: ProcessedPicture) -> None:
    """Write the files of a picture, whole or not at all, and flushed; nothing happens when they are there.

    Call it (in a thread) before the transaction that records the picture: a file that no row names does no
    harm, a row without its file would.
    """
    target = directory / picture.sha256
    if target.exists():
        return
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="incoming-", dir=directory) as work:
        work_dir = Path(work) / picture.sha256
        work_dir.mkdir(mode=0o755)
        for size, data in picture.files.items():
            with (work_dir / f"{size}.webp").open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        try:
            work_dir.rename(target)
        except OSError:
            # Somebody else stored the same picture at the same moment.
            if not target.exists():
                raise
    _sync_directory(directory)


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

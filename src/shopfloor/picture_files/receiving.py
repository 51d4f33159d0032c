"""Pictures that are uploaded, within bounds, whoever sends them."""

import asyncio
import tempfile
from collections.abc import AsyncIterable
from pathlib import Path

from shopfloor.kernel.streams import receive
from shopfloor.picture_files.processing import (
    MAX_PICTURE_BYTES,
    PictureTooLarge,
    ProcessedPicture,
    processed,
    store_picture,
)


async def receive_picture(parts: AsyncIterable[bytes], pictures_dir: Path) -> ProcessedPicture:
    """A picture, decoded and encoded by us, its files stored: for a transaction after it.

    Raises PictureTooLarge, without reading the rest, and NotAPicture.
    """
    with tempfile.SpooledTemporaryFile(MAX_PICTURE_BYTES + 1) as file:
        await receive(parts, file, most=MAX_PICTURE_BYTES, refusal=PictureTooLarge(largest=MAX_PICTURE_BYTES))
        picture = await processed(file.read())
    await asyncio.to_thread(store_picture, pictures_dir, picture)
    return picture

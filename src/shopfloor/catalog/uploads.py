"""Product files that are uploaded, within bounds, whoever sends them."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Final

from shopfloor.catalog.archive import MAX_ZIP_BYTES, Archive, ArchiveTooLarge, ArchiveUnreadable, is_archive
from shopfloor.catalog.dialect import MAX_CSV_BYTES, SheetTooLarge, SheetUnreadable
from shopfloor.catalog.imports import staging_dir
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.streams import receive

MAX_IMPORT_BYTES: Final = MAX_CSV_BYTES + MAX_ZIP_BYTES
_IN_MEMORY: Final = 1024 * 1024

IMPORT_REFUSALS: Final = (SheetUnreadable, SheetTooLarge, ArchiveUnreadable, ArchiveTooLarge)


@dataclass(frozen=True, slots=True)
class ProductFile:
    """For `import_shopify_csv`: the CSV, and the ZIP with its pictures where there is one."""

    stream: IO[bytes]
    archive: Archive | None


@asynccontextmanager
async def opened_import(
    file: IO[bytes] | AsyncIterable[bytes] | None, images: IO[bytes] | None, pictures_dir: Path
) -> AsyncGenerator[ProductFile]:
    """A CSV, with `images` as the ZIP beside it; or a ZIP with both, which may be the body of a request.

    Raises SheetUnreadable where there is no file or no CSV in the ZIP, SheetTooLarge, ArchiveUnreadable or
    ArchiveTooLarge.
    """
    if isinstance(file, AsyncIterable):
        async with _received(file) as whole, opened_import(whole, images, pictures_dir) as found:
            yield found
        return
    if file is None or not (size := await asyncio.to_thread(_size, file)):
        raise SheetUnreadable("The file is empty, or none was sent.", why="empty")
    is_zip = await asyncio.to_thread(is_archive, file)
    if is_zip and size > MAX_ZIP_BYTES:
        raise ArchiveTooLarge(largest=MAX_ZIP_BYTES)
    if not is_zip and size > MAX_CSV_BYTES:
        raise SheetTooLarge(largest=MAX_CSV_BYTES)
    staging = staging_dir(pictures_dir)
    if is_zip:
        archive = await asyncio.to_thread(Archive, file, staging)
        with await asyncio.to_thread(archive.sheet) as sheet:
            yield ProductFile(sheet, archive)
    elif images is None or not await asyncio.to_thread(_size, images):
        yield ProductFile(file, None)
    else:
        yield ProductFile(file, await asyncio.to_thread(Archive, images, staging))


@asynccontextmanager
async def _received(parts: AsyncIterable[bytes]) -> AsyncGenerator[IO[bytes]]:
    """The body of a request as a file, up to the largest import.  Raises ArchiveTooLarge, without reading the rest."""
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        await receive(parts, file, most=MAX_ZIP_BYTES, refusal=ArchiveTooLarge(largest=MAX_ZIP_BYTES))
        yield file


def _size(file: IO[bytes]) -> int:
    """Of the whole file, which stands at its start afterwards."""
    size = file.seek(0, 2)
    file.seek(0)
    return size

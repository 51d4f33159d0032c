"""The ZIP with the pictures of a product file, and perhaps with the file itself."""

import asyncio
import hashlib
import os
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO, Final
from urllib.parse import unquote, urlsplit

from shopfloor.catalog.dialect import MAX_CSV_BYTES, SheetTooLarge, SheetUnreadable
from shopfloor.kernel.errors import Invalid
from shopfloor.picture_files import MAX_PICTURE_BYTES, PictureTooLarge

MAX_ZIP_BYTES: Final = 200 * 1024 * 1024
MAX_FILES: Final = 5_000
# The list of 5,000 files with long names; without a bound, a list of millions would be read at once.
_MAX_LIST: Final = 4 * 1024 * 1024
_SIGNATURE: Final = b"PK\x03\x04"
_END: Final = b"PK\x05\x06"
_LONGEST_END: Final = 22 + 65_535
_PART: Final = 256 * 1024


class ArchiveUnreadable(Invalid):
    """The ZIP file is damaged, encrypted, or has more than 5,000 files."""

    code = "catalog.zip_unreadable"


class ArchiveTooLarge(Invalid):
    """The ZIP file is too large: 200 MB at most."""

    code = "catalog.zip_too_large"


def is_archive(stream: IO[bytes]) -> bool:
    """Whether the file is a ZIP; the stream stands at its start afterwards."""
    stream.seek(0)
    head = stream.read(len(_SIGNATURE))
    stream.seek(0)
    return head == _SIGNATURE


class Archive:
    """Files by name.  A name without its folder is enough where only one file has it; case does not matter."""

    def __init__(self, stream: IO[bytes], staging: Path | None) -> None:
        """`staging`: where pictures are laid for whoever decodes them; None only asks what is there.

        Raises ArchiveTooLarge or ArchiveUnreadable.
        """
        size = stream.seek(0, os.SEEK_END)
        if size > MAX_ZIP_BYTES:
            raise ArchiveTooLarge(largest=MAX_ZIP_BYTES)
        _check_list(stream, size)
        try:
            self._zip = zipfile.ZipFile(stream)
        except (zipfile.BadZipFile, OSError, ValueError, UnicodeDecodeError) as problem:
            raise ArchiveUnreadable from problem
        entries = [each for each in self._zip.infolist() if not each.is_dir() and _is_content(each.filename)]
        if len(entries) > MAX_FILES:
            raise ArchiveUnreadable
        self._staging = staging
        self._by_path = {each.filename.casefold(): each for each in entries}
        names: dict[str, list[zipfile.ZipInfo]] = {}
        for each in entries:
            names.setdefault(PurePosixPath(each.filename).name.casefold(), []).append(each)
        self._by_name = {name: found[0] for name, found in names.items() if len(found) == 1}

    def sheet(self) -> IO[bytes]:
        """The one CSV in it, to be closed.  Raises SheetUnreadable, SheetTooLarge or ArchiveUnreadable."""
        found = [each for path, each in self._by_path.items() if path.endswith((".csv", ".tsv", ".txt"))]
        if len(found) != 1:
            raise SheetUnreadable("The ZIP file holds no CSV, or more than one.", why="zip", found=len(found))
        file = tempfile.SpooledTemporaryFile(1024 * 1024)  # noqa: SIM115 -- the caller closes it
        try:
            for part in self._parts(found[0], MAX_CSV_BYTES, SheetTooLarge(largest=MAX_CSV_BYTES)):
                file.write(part)
        except BaseException:
            file.close()
            raise
        file.seek(0)
        return file

    def holds(self, source: str) -> bool:
        """Whether the picture is here that a cell names by path, by name, or by an address that ends in it."""
        return self._found(source) is not None

    def _found(self, source: str) -> zipfile.ZipInfo | None:
        if "://" in source:
            source = PurePosixPath(unquote(urlsplit(source).path)).name
        path = source.replace("\\", "/").lstrip("./").casefold()
        return self._by_path.get(path) or self._by_name.get(PurePosixPath(path).name)

    async def stage(self, source: str) -> str:
        """Lay the picture of `source` into the staging directory; its SHA-256, which is its name there.

        Raises PictureTooLarge or ArchiveUnreadable.
        """
        return await asyncio.to_thread(self._stage, source)

    def _stage(self, source: str) -> str:
        entry = self._found(source)
        assert entry is not None, source
        assert self._staging is not None, "only asked what is there"
        data = b"".join(self._parts(entry, MAX_PICTURE_BYTES, PictureTooLarge(largest=MAX_PICTURE_BYTES)))
        sha = hashlib.sha256(data).hexdigest()
        self._staging.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._staging, prefix="incoming-", delete=False) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(self._staging / sha)
        return sha

    def _parts(self, entry: zipfile.ZipInfo, most: int, refusal: Invalid) -> list[bytes]:
        """What a file really unpacks to, whatever the list says of its size; raises `refusal` beyond `most`."""
        parts: list[bytes] = []
        size = 0
        try:
            with self._zip.open(entry) as file:
                while part := file.read(_PART):
                    size += len(part)
                    if size > most:
                        raise refusal
                    parts.append(part)
        except Invalid:
            raise
        except Exception as problem:
            # Damage shows as many kinds of error: bad data, unknown methods, encryption (RuntimeError).
            raise ArchiveUnreadable from problem
        return parts


def _check_list(stream: IO[bytes], size: int) -> None:
    """Refuse a list of files that is too long before it is read.  APPNOTE.TXT 4.3.16: its size is at 12."""
    stream.seek(max(0, size - _LONGEST_END))
    tail = stream.read()
    at = tail.rfind(_END)
    stream.seek(0)
    if at < 0 or len(tail) - at < 22 or int.from_bytes(tail[at + 12 : at + 16], "little") > _MAX_LIST:
        raise ArchiveUnreadable


def _is_content(name: str) -> bool:
    """Not what systems put beside files: __MACOSX, .DS_Store, Thumbs.db."""
    parts = PurePosixPath(name).parts
    return bool(parts) and "__MACOSX" not in parts and not any(part.startswith(".") for part in parts)

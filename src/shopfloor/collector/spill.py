"""Rows too many for memory, on the disk in parts; rows of one key are in one part, in the order they came."""

import os
import struct
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self
from uuid import UUID

_PARTS: Final = 256
_LENGTH: Final = struct.Struct("<I")
_ID: Final = 16
_READ: Final = 4_096


class Spill:
    """Add rows under keys, then take them part by part; a 256th of all rows is in memory at a time.

    The files have no name, so nothing is left of them when the process ends, however it ends.
    """

    def __init__(self, near: Path) -> None:
        """`near` is a directory on the disk that has the room."""
        self._files = [_unnamed(near) for _ in range(_PARTS)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()

    def add(self, key: bytes, row: bytes) -> None:
        self._files[zlib.crc32(key) % _PARTS].write(_LENGTH.pack(len(row)) + row)

    def parts(self) -> Iterator[list[bytes]]:
        for file in self._files:
            file.seek(0)
            data = file.read()
            rows: list[bytes] = []
            at = 0
            while at < len(data):
                (length,) = _LENGTH.unpack_from(data, at)
                at += _LENGTH.size
                rows.append(data[at : at + length])
                at += length
            yield rows


class FactIds:
    """The ids of facts, kept on the disk; to be read again and again, however many they are."""

    def __init__(self, near: Path) -> None:
        self._file = _unnamed(near)
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._count

    def add(self, ids: Iterable[UUID]) -> None:
        data = b"".join(each.bytes for each in ids)
        self._file.seek(0, os.SEEK_END)
        self._file.write(data)
        self._count += len(data) // _ID

    def __iter__(self) -> Iterator[UUID]:
        at = 0
        while True:
            self._file.seek(at)
            data = self._file.read(_ID * _READ)
            if not data:
                return
            at += len(data)
            for start in range(0, len(data), _ID):
                yield UUID(bytes=data[start : start + _ID])


def _unnamed(near: Path) -> IO[bytes]:
    return tempfile.TemporaryFile(dir=near if os.access(near, os.W_OK) else None)

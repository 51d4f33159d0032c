"""Where objects are kept: whole or not at all, by name.

Six verbs are enough for everything that is stored as objects, and each of them is there in a directory and in an
object store such as S3: `get`, `put`, `publish` (put if there is none yet), `names`, `size`, `delete`.  Nothing is
appended to, renamed or locked by its users, so what is right on a directory is right on S3.

    lake = storage.of(data_dir / "lake")
    lake.publish("manifest/commits/000000000007.json", line)    # AlreadyThere: another was faster
"""

import fcntl
import os
import re
import time
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import IO, Final, Protocol

from shopfloor.kernel.records import dataclass

_NAME: Final = re.compile(r"(?!.*(?:^|/)\.)[^/\0]+(?:/[^/\0]+)*")
_TEMPORARY: Final = ".tmp"
_ABANDONED: Final = 24 * 3600.0
_numbers: Final = count()


class Missing(FileNotFoundError):
    """There is no object of that name."""


class AlreadyThere(FileExistsError):
    """An object of that name was published before; it is left as it was."""


class Storage(Protocol):
    """Objects by name.  What a verb did is durable when it returns; OSError when that cannot be said."""

    def get(self, name: str, start: int = 0, length: int = -1) -> bytes:
        """An object, or `length` bytes of it from `start` on.  Raises Missing."""
        ...

    def put(self, name: str, data: bytes) -> None:
        """Keep `data` under `name`; whoever reads sees all of the old or all of the new."""
        ...

    def publish(self, name: str, data: bytes) -> None:
        """Keep `data` under `name` if there is none yet.  Of several at once one succeeds; the others get AlreadyThere."""
        ...

    def names(self, prefix: str) -> list[str]:
        """The names that begin with `prefix` (a folder, or a folder and the beginning of a name), in order."""
        ...

    def size(self, name: str) -> int | None:
        """How many bytes an object has; None when there is none."""
        ...

    def delete(self, name: str) -> None:
        """Take an object away; nothing happens when there is none."""
        ...

    def settle(self, folder: str) -> None:
        """Make durable what somebody else published in `folder`, and perhaps died before making it so."""
        ...

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        """A block that one process of this machine at a time is in.  It saves work that would be done twice;
        what must not happen twice rests on `publish`.
        """
        ...

    def location(self, name: str) -> str:
        """Where an engine (Arrow, DuckDB, Spark) finds the object by itself."""
        ...

    def sweep(self) -> int:
        """Take away what writers that died long ago left half written; how many it were."""
        ...


@dataclass(frozen=True, slots=True)
class Directory:
    """Objects as the files of a directory.  An object that a crash left half written has a name nobody reads."""

    root: Path

    def get(self, name: str, start: int = 0, length: int = -1) -> bytes:
        try:
            with self._path(name).open("rb") as file:
                file.seek(start)
                return file.read(length)
        except FileNotFoundError as problem:
            raise Missing(name) from problem

    def put(self, name: str, data: bytes) -> None:
        path = self._path(name)
        temporary = self._written(path, data)
        try:
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        sync_directory(path.parent)

    def publish(self, name: str, data: bytes) -> None:
        path = self._path(name)
        temporary = self._written(path, data)
        try:
            with self.exclusive("publish.lock"):
                if path.exists():
                    raise AlreadyThere(name)
                temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        sync_directory(path.parent)

    def names(self, prefix: str) -> list[str]:
        folder, _, beginning = prefix.rpartition("/")
        top = self._path(folder) if folder else self.root
        found: list[str] = []
        for path, folders, files in os.walk(top):
            if path == str(top):
                folders[:] = [each for each in folders if each.startswith(beginning)]
                files = [each for each in files if each.startswith(beginning)]  # noqa: PLW2901
            relative = Path(path).relative_to(self.root).as_posix()
            start = "" if relative == "." else f"{relative}/"
            found.extend(start + each for each in files if not each.endswith(_TEMPORARY))
        return sorted(found)

    def size(self, name: str) -> int | None:
        try:
            return self._path(name).stat().st_size
        except FileNotFoundError:
            return None

    def delete(self, name: str) -> None:
        self._path(name).unlink(missing_ok=True)

    def settle(self, folder: str) -> None:
        with suppress(FileNotFoundError):
            sync_directory(self._path(folder.rstrip("/")))

    @contextmanager
    def exclusive(self, name: str) -> Generator[None]:
        make_directory(self.root)
        with self._path(name).open("ab") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def location(self, name: str) -> str:
        return str(self._path(name))

    def sweep(self) -> int:
        """Take away what writers that died left half written a day ago or longer.  How many it were."""
        swept = 0
        for home, _, files in os.walk(self.root):
            for path in (Path(home, each) for each in files if each.endswith(_TEMPORARY)):
                with suppress(FileNotFoundError):
                    if path.stat().st_mtime < time.time() - _ABANDONED:
                        path.unlink()
                        swept += 1
        return swept

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError(f"not the name of an object: {name!r}")
        return self.root / name

    def _written(self, path: Path, data: bytes) -> Path:
        """`data` in a file of its own beside `path`, durable but for its name."""
        make_directory(path.parent)
        temporary = _temporary(path)
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            # A full disk is not made fuller by what could not be finished.
            temporary.unlink(missing_ok=True)
            raise
        return temporary


@contextmanager
def written(path: Path) -> Generator[IO[bytes]]:
    """A file that is too large for `put`: what the block writes is under `path`, whole and durable, when it is left;
    where the block fails, `path` is what it was.
    """
    make_directory(path.parent)
    temporary = _temporary(path)
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_directory(path.parent)


def _temporary(path: Path) -> Path:
    return path.with_name(f"{path.name}.{os.getpid()}-{next(_numbers)}{_TEMPORARY}")


def of(place: Path | Storage) -> Storage:
    """The storage at a place: a directory."""
    return Directory(place) if isinstance(place, Path) else place


def sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_directory(path: Path) -> None:
    """Make `path` and its parents, each name durable."""
    missing: list[Path] = []
    while not path.exists():
        missing.append(path)
        path = path.parent
    for child in reversed(missing):
        child.mkdir(exist_ok=True)
        sync_directory(child.parent)

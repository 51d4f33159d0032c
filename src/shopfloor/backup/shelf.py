"""How a backup lies on the disk.

    <place>/shopfloor-20261129T225000Z/
        manifest.json     what it is: release, migrations, rows of every table, files with their times
        SHA256SUMS        of every file but itself, as `sha256sum --check` reads it
        database.dump     as pg_restore reads it
        keys.sealed       signing keys and certificates, opened by the passphrase; perhaps not there
        lake/ recordings/ pictures/ archive/

While it is made it has another name, and it gets its own when all of it is on the disk.  Files that never change are
hard links to those of the backup before.
"""

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

import msgspec

from shopfloor.kernel import storage
from shopfloor.kernel.postgres import CannotRun

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
SUMS: Final = "SHA256SUMS"
DATABASE: Final = "database.dump"
KEYS: Final = "keys.sealed"
UNFINISHED: Final = ".unfinished"
_NAME: Final = re.compile(r"shopfloor-\d{8}T\d{6}Z(-\d+)?")
PIECE: Final = 1 << 20

Progress = Callable[[str, int, int], None]
"""What is being done, how much of it, and of how much in all (0: nobody knows)."""


def quietly(_what: str, _done: int, _whole: int) -> None:
    """No progress is shown."""


class BackupFailed(CannotRun):
    """No backup was made; the message says why and what to do."""


class Busy(BackupFailed):
    """Another one is being made in the same place."""


class BackupDamaged(CannotRun):
    """This backup is not what was written."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        shown = "".join(f"\n  {each}" for each in problems[:20])
        more = f"\n  and {len(problems) - 20} more" if len(problems) > 20 else ""
        super().__init__(
            f"{path} is damaged. Take another backup, or fetch the file from a copy of this one.{shown}{more}"
        )
        self.problems = problems


class Kept(msgspec.Struct, frozen=True):
    """A file of a backup.  `mtime_ns` is that of the file it was made from: the same and of the same size, it is
    still the same file.
    """

    bytes: int
    sha256: str
    mtime_ns: int = 0


class Key(msgspec.Struct, frozen=True):
    """A signing key without its value."""

    version: int
    created_at: datetime
    retired_at: datetime | None


class Manifest(msgspec.Struct, frozen=True):
    format: int
    release: str
    taken_at: datetime
    """The moment all of it is of."""
    migrations: list[str]
    server: int
    """The version of PostgreSQL it comes from."""
    rows: dict[str, int]
    keys: list[Key]
    has_keys: bool
    sealed_for: str
    """The name under which it was made, to which the seal is bound."""
    files: dict[str, Kept]


class Backup(msgspec.Struct, frozen=True):
    path: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.manifest.files.values())


def opened(path: Path) -> Backup:
    """The backup at `path`, or the newest of those in it.  Its files are not looked at.

    Raises BackupDamaged, or CannotRun where there is none or it is of a later format.
    """
    if not (path / MANIFEST).is_file():
        if path.is_dir() and path.name.endswith(UNFINISHED):
            raise CannotRun(f"{path} was never finished; it cannot be restored.")
        inside = finished(path)
        if not inside:
            if path.is_dir() and (path / SUMS).is_file():
                raise BackupDamaged(path, [f"{MANIFEST} is missing"])
            raise CannotRun(f"There is no backup in {path}.")
        path = inside[-1]
    if path.name.endswith(UNFINISHED):
        raise CannotRun(f"{path} was never finished; it cannot be restored.")
    try:
        raw = (path / MANIFEST).read_bytes()
        if msgspec.json.decode(raw, type=_Form).format > FORMAT:
            raise CannotRun(
                f"{path} was made by a later release of Shopfloor. Restore it with that release or a newer one."
            )
        return Backup(path, msgspec.json.decode(raw, type=Manifest))
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError) as problem:
        raise BackupDamaged(path, [f"{MANIFEST} cannot be read: {problem}"]) from problem


class _Form(msgspec.Struct):
    format: int


def finished(place: Path) -> list[Path]:
    """The backups in a directory, oldest first; none where it is not there."""
    try:
        return [path for path in named(place) if (path / MANIFEST).is_file()]
    except (FileNotFoundError, NotADirectoryError):
        return []


def named(place: Path) -> list[Path]:
    """The directories that have the name of a backup, oldest first, damaged or not.  Raises OSError."""
    inside = sorted(place.iterdir(), key=lambda path: path.name)
    return [path for path in inside if _NAME.fullmatch(path.name) and path.is_dir()]


def newest(place: Path) -> Backup | None:
    """The newest that can be read."""
    for path in reversed(finished(place)):
        try:
            return opened(path)
        except CannotRun:
            continue
    return None


@contextmanager
def alone(place: Path) -> Generator[None]:
    """One at a time in a directory.  What another left half done is taken away.  Raises Busy, BackupFailed."""
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (place / ".lock").open("ab")
    except OSError as problem:
        raise BackupFailed(f"Shopfloor cannot write to {place}: {problem.strerror}.") from problem
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            raise Busy(f"Another backup is being made in {place}.") from problem
        for left in place.iterdir():
            if left.name.endswith(UNFINISHED) and _NAME.fullmatch(left.name.removesuffix(UNFINISHED)):
                shutil.rmtree(left, ignore_errors=True)
        yield


@contextmanager
def shelved(place: Path, at: datetime) -> Generator[tuple[Path, Path]]:
    """(where to write, what it is called afterwards).  Gone when the block fails; named when it is left."""
    name = f"shopfloor-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    target = place / name
    number = 1
    while target.exists():
        number += 1
        target = place / f"{name}-{number}"
    begun = target.with_name(target.name + UNFINISHED)
    begun.mkdir(mode=0o700)
    try:
        yield begun, target
        for directory, _, _ in os.walk(begun):
            storage.sync_directory(Path(directory))
        begun.replace(target)
        storage.sync_directory(place)
    except BaseException:
        shutil.rmtree(begun, ignore_errors=True)
        raise


def forget_all_but(place: Path, count: int) -> list[str]:
    """Take the oldest away.  Each loses its name first, so that none that is half deleted looks whole."""
    gone: list[str] = []
    for path in finished(place)[:-count] if count > 0 else []:
        unnamed = path.with_name(path.name + UNFINISHED)
        path.replace(unnamed)
        shutil.rmtree(unnamed, ignore_errors=True)
        gone.append(path.name)
    return gone


def copied(source: Path, target: Path, progress: Callable[[int], None]) -> Kept:
    """Copy a file as long as it is now, durably; it may grow meanwhile."""
    with source.open("rb") as file:
        found = os.fstat(file.fileno())
        kept = written(target, _pieces(file, found.st_size), progress)
    return Kept(kept.bytes, kept.sha256, found.st_mtime_ns)


def _pieces(file: IO[bytes], left: int) -> Iterator[bytes]:
    while left > 0 and (piece := file.read(min(left, PIECE))):
        left -= len(piece)
        yield piece


def written(target: Path, pieces: Iterable[bytes], progress: Callable[[int], None]) -> Kept:
    """A new file, durably; `progress` hears of each piece before it is written, and may refuse it."""
    digest = hashlib.sha256()
    size = 0
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with target.open("xb") as file:
        for piece in pieces:
            progress(len(piece))
            file.write(piece)
            digest.update(piece)
            size += len(piece)
        file.flush()
        os.fsync(file.fileno())
    return Kept(size, digest.hexdigest())


def linked(source: Path, target: Path, size: int) -> bool:
    """Give a file of that size a second name; False where it is another one, or the file system knows no such thing."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        if source.stat().st_size != size:
            return False
        target.hardlink_to(source)
    except OSError:
        return False
    return True


def sums(files: Mapping[str, Kept], manifest: bytes) -> bytes:
    lines = [(name, file.sha256) for name, file in files.items()]
    lines.append((MANIFEST, hashlib.sha256(manifest).hexdigest()))
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(lines)).encode()


def verify(backup: Backup, progress: Progress = quietly) -> list[str]:
    """What of a backup is not as it was written: reads every byte of it."""
    path, files = backup.path, backup.manifest.files
    try:
        listed = _listed((path / SUMS).read_bytes())
    except (OSError, ValueError) as problem:
        return [f"{SUMS} cannot be read: {problem}"]
    raw = (path / MANIFEST).read_bytes()
    wrong: list[str] = []
    if listed.pop(MANIFEST, None) != hashlib.sha256(raw).hexdigest():
        wrong.append(f"{MANIFEST} is not the file that was written")
    if listed != {name: file.sha256 for name, file in files.items()}:
        wrong.append(f"{SUMS} does not list the files of {MANIFEST}")
    done, whole = 0, backup.bytes
    for name, file in sorted(files.items()):
        progress("checking", done, whole)
        done += file.bytes
        try:
            if (path / name).stat().st_size != file.bytes:
                wrong.append(f"{name} has another size")
            elif hash_of(path / name) != file.sha256:
                wrong.append(f"{name} is not the file that was written")
        except FileNotFoundError:
            wrong.append(f"{name} is missing")
        except OSError as problem:
            wrong.append(f"{name} cannot be read: {problem.strerror}")
    progress("checking", whole, whole)
    unknown = set(_inside(path)) - set(files) - {MANIFEST, SUMS}
    return wrong + [f"{name} does not belong to it" for name in sorted(unknown)]


def _listed(raw: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in raw.decode("utf-8", "surrogateescape").splitlines():
        digest, separator, name = line.partition("  ")
        if len(digest) != 64 or not separator or not name:
            raise ValueError("a line is none")
        found[name] = digest
    return found


def _inside(path: Path) -> Iterator[str]:
    for directory, _, names in os.walk(path):
        for name in names:
            yield (Path(directory) / name).relative_to(path).as_posix()


def hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def kept_files(directory: Path) -> list[Path]:
    """The files of a directory that somebody named: nothing half written, nothing hidden, no locks."""
    found: list[Path] = []
    for home, folders, names in os.walk(directory):
        folders[:] = sorted(each for each in folders if not each.startswith((".", "incoming-")))
        found += [
            Path(home, name)
            for name in sorted(names)
            if not name.startswith(".") and not name.endswith((".tmp", ".new"))
        ]
    return found

"""Stored objects go through `kernel.storage`; what else locks, renames or syncs files is named here with its reason."""

import ast
from pathlib import Path

import shopfloor

SOURCE = Path(shopfloor.__file__).parent
STORAGE = "kernel/storage.py"
# Files that are no objects: they grow while they are written, or belong to one machine by their nature.
EXCEPTIONS = {
    "collector/log.py": "the write-ahead log: appended to and synced on the disk of the process that writes it",
    "collector/service.py": "hands the log its way of syncing",
    "kernel/postgres.py": "who has started the embedded database of this machine",
    "media/leadership.py": "which process of this machine records",
    "media/relay.py": "the notice of the process that records, for its neighbours",
    "media/recorder.py": "recordings: files that grow while the camera sends; to become objects when they are finished",
    "picture_files/processing.py": "a picture is a directory of sizes, to become an object for each size",
    "catalog/archive.py": "an uploaded archive, read with seeks and thrown away after the import",
    "kernel/secrets.py": "the key of what is sealed, which belongs beside no object",
    "backup/shelf.py": "a backup: a directory of files on a disk of its own, with hard links to the one before",
    "collector/exporting.py": "a copy for somebody else: a directory of files, whole or not there",
    "demo/pictures.py": "the demo's pictures, made once on this machine",
}
VERBS = {"flock", "lockf", "fsync", "fdatasync", "hardlink_to"}


def touched(file: Path) -> list[str]:
    """The calls that only a file system has: `flock`, `fsync`, and `rename` or `replace` of one path by another."""
    found: list[str] = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Attribute) and node.attr in VERBS:
            found.append(f"{node.lineno} {node.attr}")
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in {"replace", "rename"}
            and len(node.args) == 1
            and not node.keywords
            # The state of a live room is no file.
            and not (isinstance(node.func.value, ast.Attribute) and node.func.value.attr == "room")
        ):
            found.append(f"{node.lineno} {node.func.attr}")
    return found


def test_only_the_storage_locks_renames_and_syncs() -> None:
    users = {
        str(file.relative_to(SOURCE))
        for file in SOURCE.rglob("*.py")
        if touched(file) and str(file.relative_to(SOURCE)) != STORAGE
    }

    assert users == set(EXCEPTIONS)


def test_the_storage_itself_is_seen() -> None:
    assert {each.split()[1] for each in touched(SOURCE / STORAGE)} >= {"flock", "fsync", "replace"}

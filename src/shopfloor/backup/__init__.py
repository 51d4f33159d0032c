"""A backup of a whole installation while it sells, and the way back.

Promise: a directory that carries a backup's name is whole; its database, lake, recordings and pictures are of one
moment; a restore checks every byte first and goes into an empty place only.
"""

from shopfloor.backup.restoring import RestoreFailed, restore
from shopfloor.backup.sealed import WrongPassphrase
from shopfloor.backup.shelf import Backup, BackupDamaged, BackupFailed, Busy, finished, named, opened, verify
from shopfloor.backup.taking import Taken, take

__all__ = [
    "Backup",
    "BackupDamaged",
    "BackupFailed",
    "Busy",
    "RestoreFailed",
    "Taken",
    "WrongPassphrase",
    "finished",
    "named",
    "opened",
    "restore",
    "take",
    "verify",
]

"""Secrets of a shop at rest: passwords and keys of its accounts elsewhere, which have to be used again and so cannot be
hashed.

    box = secrets.box(settings)
    sealed = box.seal("hunter2", about=f"notifications.smtp_password {shop_id}")     # bytes, for a bytea column
    box.open(sealed, about=f"notifications.smtp_password {shop_id}")                 # "hunter2"

AES-256-GCM with one key: the first of `SHOPFLOOR_SECRETS_KEY`, or that of the file `secrets/key` in the data directory,
made when the first secret is sealed (mode 0600).  `about` names the column and the row: what was sealed for one row does
not open in another, so nobody who can write the database gets a secret used in a place of theirs.  What is sealed names
its key, so a key is changed by setting the new one before the old one, and sealing anew by and by.  The key is never in
the database, its dumps, a log or a page; a backup holds its file only where a passphrase seals it.

Raises CannotOpen for what another key sealed, such as after a restore without the passphrase: say in the page that the
secret has to be entered again.
"""

import base64
import binascii
import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from shopfloor.kernel import late
from shopfloor.kernel.errors import Conflict
from shopfloor.kernel.records import dataclass

if TYPE_CHECKING:
    from cryptography import exceptions
    from cryptography.hazmat.primitives.ciphers import aead

    from shopfloor.kernel import postgres, storage
else:
    # The settings ask this file what a key is, and a question to the command line opens no database.
    postgres = late.module("shopfloor.kernel.postgres")
    storage = late.module("shopfloor.kernel.storage")
    # Seven hundredths of a second and ten megabytes that a process which seals nothing does without.
    aead = late.module("cryptography.hazmat.primitives.ciphers.aead")
    exceptions = late.module("cryptography.exceptions")

_VERSION: Final = b"\x01"
_NAME: Final = 4
_NONCE: Final = 12
_KEY: Final = 32


class CannotOpen(Conflict):
    """This secret was sealed with a key that is not here: enter it again."""

    code = "secrets.cannot_open"


class WhereKeysAre(Protocol):
    """The settings."""

    @property
    def secrets_key(self) -> str: ...

    @property
    def secrets_dir(self) -> Path: ...


def key_of(text: str) -> bytes:
    """A key as it is written: 32 bytes in Base64, of either alphabet.  Raises ValueError with a sentence."""
    written = text.strip().replace("-", "+").replace("_", "/")
    try:
        key = base64.b64decode(written + "=" * (-len(written) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY:
        raise ValueError("A key is 32 random bytes in Base64, as `openssl rand -base64 32` prints them.")
    return key


def keys_of(text: str) -> tuple[bytes, ...]:
    """Keys separated by commas, the one that seals first.  Raises ValueError with a sentence."""
    return tuple(key_of(part) for part in text.split(",") if part.strip())


@dataclass(frozen=True, slots=True, repr=False)
class Box:
    """`keys` open; the first of them seals."""

    keys: tuple[bytes, ...]

    def seal(self, secret: str, *, about: str) -> bytes:
        key, nonce = self.keys[0], os.urandom(_NONCE)
        return (
            _VERSION
            + _name(key)
            + nonce
            + aead.AESGCM(key).encrypt(nonce, secret.encode(), _bound(_VERSION, about))
        )

    def open(self, sealed: bytes, *, about: str) -> str:
        """Raises CannotOpen."""
        raw = bytes(sealed)
        start = len(_VERSION) + _NAME
        for key in self.keys:
            if raw.startswith(_VERSION + _name(key)):
                with suppress(exceptions.InvalidTag, ValueError):
                    return (
                        aead.AESGCM(key)
                        .decrypt(raw[start : start + _NONCE], raw[start + _NONCE :], _bound(_VERSION, about))
                        .decode()
                    )
        raise CannotOpen

    def is_current(self, sealed: bytes) -> bool:
        """Whether the key that seals now sealed it."""
        return bytes(sealed).startswith(_VERSION + _name(self.keys[0]))


def box(settings: WhereKeysAre) -> Box:
    """Raises CannotRun where the file is there and cannot be read, or holds no key."""
    given = keys_of(settings.secrets_key)
    kept = _kept(settings.secrets_dir / "key", make=not given)
    return Box((*given, *(key for key in kept if key not in given)))


def _kept(path: Path, *, make: bool) -> tuple[bytes, ...]:
    """The key in the file; what the settings name comes first, and what was sealed before still opens."""
    try:
        if make and not path.exists():
            _make(path)
        return keys_of(path.read_text().replace("\n", ","))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as problem:
        raise postgres.CannotRun(f"The key in {path} cannot be used: {problem}") from problem


def _make(path: Path) -> None:
    """Whole and synced under its name, by whoever is first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{os.getpid()}-{os.urandom(4).hex()}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(os.urandom(_KEY)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            # Fails where another process was faster: its key is the one.
            path.hardlink_to(fresh)
    finally:
        fresh.unlink(missing_ok=True)
    storage.sync_directory(path.parent)


def _name(key: bytes) -> bytes:
    return hashlib.sha256(b"shopfloor key " + key).digest()[:_NAME]


def _bound(version: bytes, about: str) -> bytes:
    return version + about.encode()

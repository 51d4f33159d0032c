"""What seals the secrets of payment accounts: one key outside of the database.

It stands in `SHOPFLOOR_SECRETS_KEY`, or in a file of the data directory that is made when the first secret is kept.
Several keys, one after the other: the first seals, all of them open, so a key is changed by putting a new one first.
"""

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shopfloor.kernel import late
from shopfloor.payments.models import SecretsLost

if TYPE_CHECKING:
    from cryptography import exceptions
    from cryptography.hazmat.primitives.ciphers import aead
else:
    exceptions = late.module("cryptography.exceptions")
    aead = late.module("cryptography.hazmat.primitives.ciphers.aead")

FILE: Final = "secrets.key"
_KEY_BYTES: Final = 32
_MARK: Final = 8
_NONCE: Final = 12


def new_key() -> str:
    return base64.b64encode(os.urandom(_KEY_BYTES)).decode()


def read_keys(text: str) -> list[bytes]:
    """Raises ValueError with a sentence for the operator."""
    keys: list[bytes] = []
    for part in text.replace(",", " ").split():
        try:
            key = base64.b64decode(part, validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != _KEY_BYTES:
            raise ValueError(
                "A secrets key is 32 random bytes in Base64, as `openssl rand -base64 32` makes them."
            )
        keys.append(key)
    return keys


class Vault:
    """`given`: the setting; without it the file in `directory`."""

    def __init__(self, directory: Path, given: str = "") -> None:
        self._file = directory / FILE
        self._given = given

    def _keys(self, *, make: bool) -> list[bytes]:
        if self._given:
            return read_keys(self._given)
        if not self._file.exists() and make:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                handle = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(handle, "w") as file:
                    file.write(new_key() + "\n")
        return read_keys(self._file.read_text()) if self._file.exists() else []

    def seal(self, secrets: Mapping[str, str], *, about: str) -> bytes:
        """`about` says whose they are: they open for nobody else."""
        key = self._keys(make=True)[0]
        nonce = os.urandom(_NONCE)
        data = json.dumps(dict(secrets), sort_keys=True).encode()
        return _mark(key) + nonce + aead.AESGCM(key).encrypt(nonce, data, about.encode())

    def open(self, sealed: bytes, *, about: str) -> dict[str, str]:
        """Raises SecretsLost."""
        for key in self._keys(make=False):
            if _mark(key) == sealed[:_MARK]:
                nonce, data = sealed[_MARK : _MARK + _NONCE], sealed[_MARK + _NONCE :]
                with suppress(exceptions.InvalidTag):
                    opened: dict[str, str] = json.loads(aead.AESGCM(key).decrypt(nonce, data, about.encode()))
                    return opened
        raise SecretsLost

    def is_current(self, sealed: bytes) -> bool:
        """Whether the first key sealed it."""
        keys = self._keys(make=False)
        return bool(keys) and _mark(keys[0]) == sealed[:_MARK]


def _mark(key: bytes) -> bytes:
    """By which a key is found among several; says nothing of it."""
    return hashlib.sha256(b"shopfloor secrets " + key).digest()[:_MARK]

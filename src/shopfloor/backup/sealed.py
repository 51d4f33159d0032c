"""What only the passphrase opens: scrypt makes a key of it, AES-256-GCM seals with the key."""

import base64
import hashlib
import os
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shopfloor.kernel.postgres import CannotRun

# 64 MB and a tenth of a second for each guess.
_COST: Final = 1 << 16
_BLOCK: Final = 8
_MEMORY: Final = 256 << 20
# What a file may ask of this machine before it is opened.
_MOST_COST: Final = 1 << 20


class WrongPassphrase(CannotRun):
    """It is not the passphrase that this backup was made with, or what it seals was changed."""


class Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As it stands in a file; bytes are Base64."""

    kdf: str
    cost: int
    block: int
    salt: bytes
    cipher: str
    nonce: bytes
    data: bytes


def seal(data: bytes, passphrase: str, *, about: bytes) -> bytes:
    """`about` is not secret; it opens only together with the same."""
    salt, nonce = os.urandom(16), os.urandom(12)
    key = _key(passphrase, salt, _COST, _BLOCK)
    return msgspec.json.encode(
        Sealed("scrypt", _COST, _BLOCK, salt, "AES-256-GCM", nonce, AESGCM(key).encrypt(nonce, data, about))
    )


def unseal(text: bytes, passphrase: str, *, about: bytes) -> bytes:
    """Raises WrongPassphrase."""
    try:
        sealed = msgspec.json.decode(text, type=Sealed)
        if (
            (sealed.kdf, sealed.cipher) != ("scrypt", "AES-256-GCM")
            or not 1 < sealed.cost <= _MOST_COST
            or sealed.block != _BLOCK
        ):
            raise WrongPassphrase("The sealed keys of this backup are of a kind this release does not know.")
        key = _key(passphrase, sealed.salt, sealed.cost, sealed.block)
        return AESGCM(key).decrypt(sealed.nonce, sealed.data, about)
    except (InvalidTag, ValueError, msgspec.MsgspecError) as problem:
        raise WrongPassphrase("This is not the passphrase that the backup was made with.") from problem


def _key(passphrase: str, salt: bytes, cost: int, block: int) -> bytes:
    return hashlib.scrypt(
        passphrase.encode(), salt=salt, n=cost, r=block, p=1, dklen=32, maxmem=_MEMORY * max(cost // _COST, 1)
    )


def as_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def as_bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)

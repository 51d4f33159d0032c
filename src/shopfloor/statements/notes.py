"""Signed notes and checkpoints (C2SP signed-note, tlog-checkpoint, tlog-cosignature), and keys as these write them.

    shopfloor/dawn/6f0c…                 where the log is from, its *origin*; the name of the key too
    42                                   how many leaves
    qZS…=                                the root

    — shopfloor/dawn/6f0c… <4 bytes that name the key ‖ signature, Base64>

A witness signs the same body below a line that says when; its signature carries the time.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from shopfloor.kernel import late
from shopfloor.kernel.records import dataclass

if TYPE_CHECKING:
    from cryptography import exceptions
    from cryptography.hazmat.primitives.asymmetric import ed25519
else:
    ed25519 = late.module("cryptography.hazmat.primitives.asymmetric.ed25519")
    exceptions = late.module("cryptography.exceptions")

LOG: Final = 0x01
WITNESS: Final = 0x04
_DASH: Final = "— "
_NAME: Final = re.compile(r"[^\s+]{1,200}")
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,17}")
MOST_BYTES: Final = 16_000


class BadNote(ValueError):
    """This is no signed note, or none of what it should be."""


class BadSignature(ValueError):
    """The signature does not fit the key."""


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def unb64(text: str, length: int | None = None) -> bytes:
    """What is written so, where nothing else is written the same.  Raises BadNote."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadNote("This is no Base64.") from None
    if b64(data) != text or (length is not None and len(data) != length):
        raise BadNote("This is no Base64 of that length.")
    return data


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Of a log, or of a witness.  As text: `name+id+Base64`, the form that C2SP calls a vkey."""

    name: str
    algorithm: int
    raw: bytes

    @property
    def id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.algorithm]) + self.raw).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64(bytes([self.algorithm]) + self.raw)}"

    @classmethod
    def read(cls, text: str) -> "PublicKey":
        """What `str` wrote.  Raises BadNote."""
        name, _, rest = text.partition("+")
        named, _, encoded = rest.partition("+")
        raw = unb64(encoded, 33)
        if _NAME.fullmatch(name) is None or raw[0] not in (LOG, WITNESS):
            raise BadNote("This is no key.")
        key = cls(name, raw[0], raw[1:])
        if named != key.id.hex():
            raise BadNote("The key and its id do not fit.")
        return key

    def verify(self, signature: bytes, message: bytes) -> None:
        """Raises BadSignature."""
        try:
            ed25519.Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except (exceptions.InvalidSignature, ValueError):
            raise BadSignature("The signature does not fit the key.") from None


@dataclass(frozen=True, slots=True, repr=False)
class Signer:
    """A private key of 32 bytes, and the name it signs under."""

    name: str
    algorithm: int
    seed: bytes

    @property
    def public(self) -> PublicKey:
        return PublicKey(self.name, self.algorithm, public_of(self.seed))

    def sign(self, message: bytes) -> bytes:
        return ed25519.Ed25519PrivateKey.from_private_bytes(self.seed).sign(message)

    def line(self, signature: bytes) -> str:
        return f"{_DASH}{self.name} {b64(self.public.id + signature)}\n"


def public_of(seed: bytes) -> bytes:
    return ed25519.Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


@dataclass(frozen=True, slots=True)
class Signature:
    name: str
    key_id: bytes
    value: bytes

    @property
    def line(self) -> str:
        return f"{_DASH}{self.name} {b64(self.key_id + self.value)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """`body` ends in a newline; the signatures are below it."""

    body: str
    signatures: tuple[Signature, ...]

    @property
    def text(self) -> str:
        return self.body + "\n" + "".join(each.line for each in self.signatures)

    def by(self, key: PublicKey) -> Signature | None:
        """The signature that says it is of this key."""
        return next(
            (each for each in self.signatures if each.name == key.name and each.key_id == key.id), None
        )


def read_note(text: str) -> Note:
    """Raises BadNote."""
    body, mark, below = text.rpartition("\n\n")
    if not mark or not body or not below.endswith("\n") or len(text.encode()) > MOST_BYTES:
        raise BadNote("This is no signed note.")
    note = Note(body + "\n", tuple(read_signatures(below)))
    if not note.signatures or note.text != text:
        raise BadNote("This is no signed note.")
    return note


def read_signatures(text: str) -> Iterable[Signature]:
    """Lines of signatures.  Raises BadNote."""
    for line in text.removesuffix("\n").split("\n"):
        name, _, encoded = line.removeprefix(_DASH).partition(" ")
        if not line.startswith(_DASH) or _NAME.fullmatch(name) is None:
            raise BadNote("This is no line of a signature.")
        data = unb64(encoded)
        if len(data) < 5:
            raise BadNote("This is no line of a signature.")
        yield Signature(name, data[:4], data[4:])


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How large a log is, and its root."""

    origin: str
    size: int
    root: bytes

    @property
    def body(self) -> str:
        return f"{self.origin}\n{self.size}\n{b64(self.root)}\n"

    def signed(self, signers: Iterable[Signer]) -> str:
        body = self.body
        return body + "\n" + "".join(each.line(each.sign(body.encode())) for each in signers)


def read_checkpoint(note: Note) -> Checkpoint:
    """Lines after the third are extensions, which say nothing of the tree.  Raises BadNote."""
    lines = note.body.split("\n")
    if len(lines) < 4 or _NAME.fullmatch(lines[0]) is None or _SIZE.fullmatch(lines[1]) is None:
        raise BadNote("This is no checkpoint.")
    return Checkpoint(lines[0], int(lines[1]), unb64(lines[2], 32))


def check_log_signature(note: Note, key: PublicKey) -> None:
    """Raises BadSignature where this key of a log did not sign."""
    found = note.by(key)
    if found is None or key.algorithm != LOG:
        raise BadSignature("This key did not sign the checkpoint.")
    key.verify(found.value, note.body.encode())


def cosigned(time: int, body: str) -> bytes:
    """What a witness signs: that it saw this checkpoint at `time` (seconds since 1970), and nothing that contradicts it."""
    return f"cosignature/v1\ntime {time}\n{body}".encode()


def cosign(signer: Signer, body: str, *, time: int) -> str:
    """The line of a witness."""
    return signer.line(time.to_bytes(8, "big") + signer.sign(cosigned(time, body)))


def check_cosignature(signature: Signature, body: str, key: PublicKey) -> int:
    """When this witness says it saw the checkpoint.  Raises BadSignature."""
    fits = signature.name == key.name and signature.key_id == key.id and key.algorithm == WITNESS
    if not fits or len(signature.value) != 72:
        raise BadSignature("This is no cosignature of the witness.")
    time = int.from_bytes(signature.value[:8], "big")
    key.verify(signature.value[8:], cosigned(time, body))
    return time

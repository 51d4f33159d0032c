"""Time-based codes (RFC 6238 with its defaults: SHA-1, six digits, half a minute) and recovery codes.  No I/O here.

The secret must be readable to check a code, so it is not hashed but sealed with the node's key: whoever finds a copy of
that table alone reads none.
"""

import base64
import hashlib
import hmac
import secrets
import unicodedata
from typing import Final
from urllib.parse import quote, urlencode

from shopfloor.kernel.keyring import Keyring

DIGITS: Final = 6
STEP_SECONDS: Final = 30
# Clocks of phones are off by seconds; a code is good for the half minute before and after as well.
DRIFT: Final = 1
SECRET_BYTES: Final = 20
RECOVERY_CODES: Final = 10
_ALPHABET: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_RECOVERY_LETTERS: Final = 12
_NONCE: Final = 16
_TAG: Final = 32


def new_secret() -> bytes:
    return secrets.token_bytes(SECRET_BYTES)


def text_of(secret: bytes) -> str:
    """As apps want it typed: Base32 without padding."""
    return base64.b32encode(secret).decode().rstrip("=")


def uri_of(secret: bytes, *, account: str, issuer: str) -> str:
    """What a QR code says to an app."""
    plain = issuer.replace(":", " ").strip()
    label = quote(f"{plain}:{account}", safe="@")
    query = urlencode({"secret": text_of(secret), "issuer": plain}, quote_via=quote)
    return f"otpauth://totp/{label}?{query}"


def code_at(secret: bytes, step: int, *, digits: int = DIGITS) -> str:
    """RFC 4226, section 5.3."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    at = digest[-1] & 0xF
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**digits).zfill(digits)


def step_at(seconds: float) -> int:
    return int(seconds // STEP_SECONDS)


def matching_step(secret: bytes, code: str, *, seconds: float) -> int | None:
    """The step this code is of, near the time given."""
    now = step_at(seconds)
    found = None
    for step in range(max(0, now - DRIFT), now + DRIFT + 1):
        # No early end: how long it takes says nothing about the code.
        if hmac.compare_digest(code_at(secret, step), code):
            found = step
    return found


def typed(code: str) -> str:
    """A code as people type it: full-width digits, spaces and hyphens are welcome."""
    plain = unicodedata.normalize("NFKC", code).upper()
    return "".join(letter for letter in plain if letter.isascii() and letter.isalnum())


def is_time_code(code: str) -> bool:
    return len(code) == DIGITS and code.isdigit()


def new_recovery_codes() -> list[str]:
    """Sixty random bits each, in groups of four."""
    codes = [
        "".join(secrets.choice(_ALPHABET) for _ in range(_RECOVERY_LETTERS)) for _ in range(RECOVERY_CODES)
    ]
    return ["-".join(code[at : at + 4] for at in range(0, _RECOVERY_LETTERS, 4)) for code in codes]


def recovery_hash(person_id: int, code: str) -> bytes:
    return hashlib.sha256(f"recovery\n{person_id}\n{typed(code)}".encode()).digest()


def sealed(keyring: Keyring, person_id: int, secret: bytes) -> tuple[int, bytes]:
    """The version of the key, and the secret as it is stored."""
    key = keyring.keys[keyring.current]
    nonce = secrets.token_bytes(_NONCE)
    body = nonce + _with_stream(key, nonce, secret)
    return keyring.current, body + _tag(key, person_id, body)


def opened(keyring: Keyring, person_id: int, version: int, stored: bytes) -> bytes | None:
    """None when the key is gone, or what is stored is not what was stored for this person."""
    key = keyring.keys.get(version)
    body, tag = stored[:-_TAG], stored[-_TAG:]
    if key is None or not hmac.compare_digest(tag, _tag(key, person_id, body)):
        return None
    return _with_stream(key, body[:_NONCE], body[_NONCE:])


def _with_stream(key: bytes, nonce: bytes, text: bytes) -> bytes:
    stream = hashlib.shake_256(b"second factor\n" + key + nonce).digest(len(text))
    return bytes(a ^ b for a, b in zip(text, stream, strict=True))


def _tag(key: bytes, person_id: int, body: bytes) -> bytes:
    return hmac.digest(key, b"second factor\n%d\n" % person_id + body, "sha256")

"""Who a shopper is before anybody knows a name: a UUID in a signed cookie.

Read on every purchase, so it costs one HMAC and no database.  The value is `version.uuid.mac`, all of it
compared as text, so that there is one spelling only of every cookie that we issued.
"""

import hmac
import re
from collections.abc import Iterable
from typing import Final
from uuid import UUID, uuid4

from shopfloor.kernel.keyring import Keyring

COOKIE: Final = "shopper"
_LENGTH: Final = 1 + 32 + 1 + 64
_IN_HEADER: Final = re.compile(rb"(?:^|[;\s])shopper=\"?([0-9a-f.]{1,120})")


def issue_shopper(keyring: Keyring, shopper_id: UUID | None = None) -> str:
    """A cookie value for `shopper_id`, or for a new shopper."""
    text = (shopper_id or uuid4()).hex
    return f"{keyring.current}.{text}.{_mac(keyring.keys[keyring.current], text)}"


def read_shopper(keyring: Keyring, cookie: str | None) -> UUID | None:
    """The shopper that a cookie of ours names; None for everything else."""
    if not cookie:
        return None
    version, _, rest = cookie.partition(".")
    if len(rest) != _LENGTH - 1 or not rest.isascii() or not version.isdecimal() or len(version) > 9:
        return None
    key = keyring.keys.get(int(version))
    text = rest[:32]
    if key is None or rest[32] != "." or not hmac.compare_digest(rest[33:], _mac(key, text)):
        return None
    return UUID(text)


def shopper_of(keyring: Keyring, headers: Iterable[tuple[bytes, bytes]]) -> UUID | None:
    """The shopper of a raw ASGI request."""
    for name, value in headers:
        if name == b"cookie":
            found = _IN_HEADER.search(value)
            if found is not None:
                return read_shopper(keyring, found[1].decode("ascii"))
    return None


def cookie_header(cookie: str, *, secure: bool, framed: bool = False) -> tuple[bytes, bytes]:
    """The `set-cookie` header that gives a shopper the cookie for a year.

    `framed`: in a frame of another site.  That cookie is partitioned (CHIPS): it is sent from frames in that one site and
    from nowhere else, so that it follows nobody around; browsers take it over HTTPS and from the machine itself.
    """
    safe = (
        "; SameSite=None; Secure; Partitioned"
        if framed
        else "; SameSite=Lax" + ("; Secure" if secure else "")
    )
    text = f"{COOKIE}={cookie}; Path=/; Max-Age=31536000; HttpOnly{safe}"
    return b"set-cookie", text.encode("ascii")


def _mac(key: bytes, text: str) -> str:
    return hmac.digest(key, b"shopper:" + text.encode("ascii"), "sha256").hex()

"""A browser that signed in before: a random name in a signed cookie, good for one e-mail address.

Tries from such a browser are counted by themselves, so that strangers who guess cannot lock its owner out.
"""

import hmac
import re
import secrets
from typing import Final

from shopfloor.kernel.keyring import Keyring

COOKIE: Final = "device"
_COOKIE: Final = re.compile(r"([1-9][0-9]{0,8})\.([0-9a-f]{32})\.([0-9a-f]{64})")


def issue_device(keyring: Keyring, *, email: str, device: str | None = None) -> str:
    """A cookie value for a browser that has signed in as `email`; `device` is the name it has already."""
    name = device or secrets.token_hex(16)
    return f"{keyring.current}.{name}.{_mac(keyring.keys[keyring.current], name, email)}"


def read_device(keyring: Keyring, cookie: str | None, *, email: str) -> str | None:
    """The name of the browser, when it signed in with this address before."""
    found = _COOKIE.fullmatch(cookie or "")
    key = keyring.keys.get(int(found[1])) if found else None
    if found is None or key is None or not hmac.compare_digest(found[3], _mac(key, found[2], email)):
        return None
    return found[2]


def _mac(key: bytes, name: str, email: str) -> str:
    text = f"device:{name}:{email.strip().lower()}"
    return hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256").hex()

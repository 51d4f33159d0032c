"""Passes: a page in a frame proves to the shop's own page that both are one person's.

Browsers keep the cookies of a frame apart, so the shop knows the one person as two shoppers.  A pass names the shopper of
the frame, for one shop and a few minutes, in the form `version.shop.expires.uuid.mac`.  It lets another browser pay for
what that shopper has reserved; it shows nothing of theirs, and nothing of that other browser's to them.
"""

import hmac
import re
from typing import Final
from uuid import UUID

from shopfloor.kernel.keyring import Keyring

LASTS: Final = 15 * 60
_FORM: Final = re.compile(r"([0-9]{1,9})\.(([0-9]{1,19})\.([0-9]{1,12})\.([0-9a-f]{32}))\.([0-9a-f]{64})")


def issue_pass(keyring: Keyring, shopper: UUID, *, shop_id: int, now: float) -> str:
    """`now` in seconds since 1970; good for a quarter of an hour from then on."""
    text = f"{shop_id}.{int(now) + LASTS}.{shopper.hex}"
    return f"{keyring.current}.{text}.{_mac(keyring.keys[keyring.current], text)}"


def read_pass(keyring: Keyring, given: str, *, shop_id: int, now: float) -> UUID | None:
    """The shopper it names; None for one that is another shop's, is over, or was not made here."""
    found = _FORM.fullmatch(given)
    if found is None:
        return None
    version, text, shop, expires, shopper, mac = found.groups()
    key = keyring.keys.get(int(version))
    if key is None or not hmac.compare_digest(mac, _mac(key, text)):
        return None
    return UUID(shopper) if int(shop) == shop_id and now < int(expires) else None


def _mac(key: bytes, text: str) -> str:
    return hmac.digest(key, b"pass:" + text.encode("ascii"), "sha256").hex()

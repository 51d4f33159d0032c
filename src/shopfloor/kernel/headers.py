"""What every answer says to the browser about safety.

The policy allows this site and nothing else: no inline script, no inline style, no third party.  `blob:` is the video that
the player feeds to the browser itself.
"""

from collections.abc import Sequence
from typing import Final

_SOURCES: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' blob:",
    "connect-src": "'self'",
    "font-src": "'self'",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}
POLICY: Final = "; ".join(f"{directive} {sources}" for directive, sources in _SOURCES.items())


def policy_framed_by(origins: Sequence[str]) -> str:
    """The same for a page that these sites may show in a frame; with none, as for every other page nobody may."""
    sources = _SOURCES | ({"frame-ancestors": " ".join(origins)} if origins else {})
    return "; ".join(f"{directive} {value}" for directive, value in sources.items())


HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(self), geolocation=()",
}

RAW_HEADERS: Final = tuple((name.encode(), value.encode()) for name, value in HEADERS.items())

"""Origins of sites: how a merchant writes them, and how browsers compare them.  Pure."""

import re
from typing import Final
from urllib.parse import urlsplit

from shopfloor.kernel.errors import Invalid

MOST_SITES: Final = 10
# Without encryption anybody on the way could put a frame of the shop into any page.  The machine itself has no way.
_AT_HOME: Final = frozenset({"localhost", "127.0.0.1"})
_HOST: Final = re.compile(
    r"(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
)
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*://")
_USUAL: Final = {"https": 443, "http": 80}


class BadSite(Invalid):
    """A site is named by its address, as in https://www.example.com: a whole name, with HTTPS, no wildcard."""

    code = "embeds.bad_site"


class TooManySites(Invalid):
    """A shop names at most ten sites."""

    code = "embeds.too_many_sites"


def checked_origin(text: str) -> str:
    """The origin of an address as browsers write it: scheme, name in ASCII, port where it is not the usual one.

    A page of the site will do, and so will its bare name; what is not the origin is left out.  Raises BadSite.
    """
    written = text.strip()
    if not _SCHEME.match(written.lower()):
        written = f"https://{written}"
    if len(written) > 2_000 or not written.isprintable() or any(mark in written for mark in " \\;,'\"*"):
        raise BadSite(given=text[:80])
    try:
        parts = urlsplit(written)
        port = parts.port
        name = parts.hostname or ""
        host = name if name.isascii() else name.encode("idna").decode("ascii")
    except ValueError:
        raise BadSite(given=text[:80]) from None
    host = host.lower()
    is_at_home = host in _AT_HOME
    if (
        parts.scheme not in _USUAL
        or parts.username is not None
        or parts.password is not None
        or _HOST.fullmatch(host) is None
        or port == 0
        or not (is_at_home or (parts.scheme == "https" and "." in host))
    ):
        raise BadSite(given=text[:80])
    return f"{parts.scheme}://{host}" + ("" if port in {None, _USUAL[parts.scheme]} else f":{port}")

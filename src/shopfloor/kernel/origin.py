"""May a request change something for the browser's user?  The one check of pages, forms, JSON, chat and sockets."""

from collections.abc import Collection, Iterable
from functools import lru_cache
from urllib.parse import urlsplit

_LONGEST = 512
# Of an answer that is another one for another site.
VARIES = (b"vary", b"origin")


def is_same_site(headers: Iterable[tuple[bytes, bytes]], origins: Collection[str]) -> bool:
    """Whether a request with these headers may change something.

    Browsers say where a request comes from (`Sec-Fetch-Site`, `Origin`).  A program that says neither has no
    cookies of somebody else to abuse.  `origins` are addresses of the shop beside the one in `Host`, as in
    `https://shop.example`.  Also for the handshake of a WebSocket, which always carries `Origin`.
    """
    site = origin = host = None
    for name, value in headers:
        if name == b"origin":
            origin = value
        elif name == b"host":
            host = value
        elif name == b"sec-fetch-site":
            site = value
    if origin is None:
        return site is None or site in {b"same-origin", b"none"}
    if len(origin) > _LONGEST or (host is not None and len(host) > _LONGEST):
        return False
    return _is_ours(site, origin, host or b"", frozenset(origins))


def origin_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The site whose page asks, in small letters; '' where the request does not say."""
    return next((value.decode("latin-1").lower() for name, value in headers if name == b"origin"), "")


def is_asked_for_from_elsewhere(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a page of another site made the browser ask.  Older browsers do not say; then no."""
    site = next((value for name, value in headers if name == b"sec-fetch-site"), b"none")
    return site not in {b"same-origin", b"none"}


def is_from_another_site(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether it was another site's page that made the browser ask, as a frame in it is; not one of the same domain."""
    return any(name == b"sec-fetch-site" and value == b"cross-site" for name, value in headers)


@lru_cache(4096)
def _is_ours(site: bytes | None, origin: bytes, host: bytes, origins: frozenset[str]) -> bool:
    if site in {b"same-origin", b"none"}:
        return True
    text = origin.decode("latin-1").lower()
    if text in origins:
        return True
    if site is not None:
        return False
    scheme = text.partition("://")[0]
    asked = _authority(text)
    return asked is not None and asked == _authority(f"{scheme}://{host.decode('latin-1').lower()}")


def _authority(address: str) -> str | None:
    """Host and port of an address; None for 'null' and for nonsense."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return None
    return f"{parts.hostname}:{port or (443 if parts.scheme == 'https' else 80)}"

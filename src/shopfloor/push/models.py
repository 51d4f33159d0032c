"""What a browser brings, what it is told, and when it is tried again.  No I/O here."""

import base64
import binascii
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from shopfloor.kernel.errors import Invalid
from shopfloor.kernel.records import dataclass

# Where browsers have their messages taken in.  A stranger names the address, so no other server is ever posted to.
SERVICES: Final = (
    "fcm.googleapis.com", "push.services.mozilla.com", "push.apple.com", "notify.windows.com", "jmt17.google.com",
)  # fmt: skip
LONGEST_ENDPOINT: Final = 1000
# Of one shopper in one shop: the one seen least lately gives way.
MOST_SUBSCRIPTIONS: Final = 10
# A browser that has not been on a page of the shop for so long is forgotten.
UNSEEN_FOR: Final = timedelta(days=400)
KEPT_FOR: Final = timedelta(days=30)
# Seconds after each attempt until the next.
WAITS: Final = (10.0, 60.0, 300.0, 900.0, 3600.0)


class Kind(StrEnum):
    """What is told.  A value never changes its meaning."""

    SHOW_STARTED = "show_started"
    PLACE_OFFERED = "place_offered"
    SHIPPED = "shipped"
    READY_TO_COLLECT = "ready_to_collect"
    DATE_CHANGED = "date_changed"
    BALANCE_DUE = "balance_due"


LASTS: Final = {
    Kind.SHOW_STARTED: timedelta(minutes=45),
    Kind.PLACE_OFFERED: timedelta(hours=1),
    Kind.SHIPPED: timedelta(days=2),
    Kind.READY_TO_COLLECT: timedelta(days=2),
    Kind.DATE_CHANGED: timedelta(days=2),
    Kind.BALANCE_DUE: timedelta(days=2),
}
URGENT: Final = frozenset({Kind.SHOW_STARTED, Kind.PLACE_OFFERED})


class NotASubscription(Invalid):
    """This is no address of a push service."""

    code = "push.not_a_subscription"


@dataclass(frozen=True, slots=True)
class Subscription:
    """What `PushManager.subscribe` gives: where to post, the browser's P-256 point and its secret."""

    endpoint: str
    public: bytes
    auth: bytes


def subscription(endpoint: str, p256dh: str, auth: str, *, private_allowed: bool = False) -> Subscription:
    """`private_allowed`: an operator named private networks, where a push service may be reached without https.

    Raises NotASubscription.
    """
    try:
        parts = urlsplit(endpoint)
        host, port = (parts.hostname or "").lower().rstrip("."), parts.port
        public, secret = unpadded(p256dh), unpadded(auth)
    except (ValueError, binascii.Error):
        raise NotASubscription from None
    known = any(host == service or host.endswith(f".{service}") for service in SERVICES)
    is_service = parts.scheme == "https" and known and port in {None, 443}
    if (
        not (is_service or (private_allowed and parts.scheme in {"http", "https"} and host))
        or "@" in parts.netloc
        or len(endpoint) > LONGEST_ENDPOINT
        or not endpoint.isascii()
        or not endpoint.isprintable()
        or len(public) != 65
        or public[0] != 4
        or len(secret) != 16
    ):
        raise NotASubscription
    return Subscription(endpoint, public, secret)


def unpadded(text: str) -> bytes:
    """Base64 in the alphabet of URLs, without padding.  Raises ValueError."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def written(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def content(title: str, body: str, *, path: str, tag: str) -> dict[str, Any]:
    """What the page's service worker reads (frontend/public/push-worker.js)."""
    return {"title": title[:120], "body": body[:300], "path": path, "tag": tag}

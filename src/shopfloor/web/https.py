"""HTTPS as people meet it: why a page is without it and what to do, the certificate in the console, and the page on
which a device learns to trust the shop's own authority.

Browsers give camera, notifications, offline use, scanners and the clipboard to pages that came by https, or from the machine
itself.  A page with such a feature asks `why_off` and shows what it says; nobody else judges it.
"""

import hashlib
import ssl
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from fastapi import Request
from markupsafe import Markup
from starlette.responses import Response

from shopfloor import accounts, certificates
from shopfloor.kernel import late
from shopfloor.kernel.errors import NotFound
from shopfloor.kernel.public_address import PublicAddress, authority
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.web.languages import N_, language_of
from shopfloor.web.templating import render

if TYPE_CHECKING:
    import segno
else:
    segno = late.module("segno")

router = Router(include_in_schema=False)

DOCUMENTATION: Final = "docs/https.md"
# Renewal begins with a third of its life left: at this point several tries have failed.
SOON: Final = timedelta(days=14)


class Feature(StrEnum):
    """What browsers keep for pages they hold to be secure."""

    CAMERA = "camera"
    NOTIFICATIONS = "notifications"
    OFFLINE = "offline"
    SCANNER = "scanner"


_OFF: Final = {
    Feature.CAMERA: N_("The camera of this device stays off: the page came without HTTPS."),
    Feature.NOTIFICATIONS: N_("Notifications stay off: the page came without HTTPS."),
    Feature.OFFLINE: N_("Pages don't work offline: this one came without HTTPS."),
    Feature.SCANNER: N_("The barcode scanner stays off: the page came without HTTPS."),
}
_ALL_OFF: Final = N_(
    "Camera, notifications, offline use and scanners stay off: this page came without HTTPS."
)


@dataclass(frozen=True, slots=True)
class Off:
    """Why something is off, what to do, and where that is done, if it is a page of ours or the same page by https."""

    reason: str
    advice: str
    address: str | None = None


def is_secure(request: Request) -> bool:
    """Whether browsers hold the page for secure: it came by https, or from the machine itself."""
    host = (request.url.hostname or "").lower()
    if request.url.scheme == "https" or host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def why_off(request: Request, feature: Feature | None = None) -> Off | None:
    """Why `feature` (or all that need it) is off on this page, in the reader's language; None where it may work."""
    if is_secure(request):
        return None
    words = language_of(request).words
    services = services_of(request)
    settings, own = services.given, services.public
    reason = words.gettext(_ALL_OFF if feature is None else _OFF[feature])
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if settings.local_https:
        advice = N_("Tell this device to trust the shop, then open the page by HTTPS.")
        return Off(reason, words.gettext(advice), certificates.TRUST)
    if settings.domain:
        return Off(reason, words.gettext(N_("Open the page by HTTPS.")), own.link(path))
    if settings.is_behind_proxy:
        advice = N_(
            "If you did open it by HTTPS, the proxy has to send the header X-Forwarded-Proto and to be among the trusted proxies."
        )
        return Off(reason, words.gettext(advice), own.link(path))
    advice = N_(
        "Start Shopfloor with --domain and the name of the shop on the internet, or with --local-https on a local network."
    )
    return Off(reason, words.gettext(advice))


@dataclass(frozen=True, slots=True)
class Trouble:
    """A certificate that ends soon, has ended or never came, for who runs the shop."""

    ends: datetime | None
    is_over: bool
    why: str | None
    next_try_at: datetime | None


def trouble(request: Request, actor: accounts.Actor) -> Trouble | None:
    """What members who manage the shop's people are told of the certificate; None while all is well."""
    keeper = services_of(request).find(certificates.Keeper)
    if keeper is None or not actor.may(accounts.Permission.MEMBERS_MANAGE):
        return None
    state, now = keeper.state, datetime.now(UTC)
    ends = None if state.certificate is None else state.certificate.not_after
    if state.problem is None or (ends is not None and ends - now > SOON):
        return None
    return Trouble(ends, ends is None or ends <= now, state.problem.message, state.next_try_at)


# The page about trust: also by the port without TLS, where a device that does not trust us yet can read it.


@router.get(certificates.TRUST)
@public
async def trust(request: Request) -> Response:
    """How a device learns to trust this shop on its local network."""
    keeper, der = _local_authority(request)
    settings = services_of(request).given
    host = _asked_host(request, keeper)
    plain = PublicAddress("http", host, None if settings.plain_port == 80 else settings.plain_port)
    own = services_of(request).public
    address = plain.link(certificates.TRUST)
    drawing = segno.make(address, error="m", micro=False).svg_inline(
        scale=5, border=4, dark="#000", light="#fff", svgclass="qr", lineclass=None, omitsize=True
    )
    return render(
        request,
        "shop/trust.html",
        # Made of numbers by a library of ours; the address is one of this machine's own.
        drawing=Markup(drawing),  # noqa: S704
        address=address,
        fingerprint=fingerprint(der),
        secure=PublicAddress("https", host, own.port).origin,
        names=certificates_names(keeper),
    )


@router.get(certificates.TRUST + "/shopfloor.crt")
@public
async def authority_certificate(request: Request) -> Response:
    """The certificate of the shop's authority, as phones and computers install it."""
    _, der = _local_authority(request)
    headers = {"content-disposition": 'attachment; filename="shopfloor.crt"', "cache-control": "no-store"}
    return Response(der, media_type="application/x-x509-ca-cert", headers=headers)


def _local_authority(request: Request) -> tuple[certificates.Keeper, bytes]:
    keeper = services_of(request).find(certificates.Keeper)
    settings = services_of(request).given
    pem = keeper.store.authority() if keeper is not None and settings.local_https else None
    if keeper is None or pem is None:
        raise NotFound
    return keeper, ssl.PEM_cert_to_DER_cert(pem.decode())


def fingerprint(der: bytes) -> str:
    """SHA-256 in the way devices show it: pairs in capitals."""
    return hashlib.sha256(der).digest().hex(" ").upper()


def certificates_names(keeper: certificates.Keeper) -> list[str]:
    held = keeper.state.certificate
    return [] if held is None else [authority(each, None) for each in (*held.names, *held.addresses)]


def _asked_host(request: Request, keeper: certificates.Keeper) -> str:
    """The name or address by which this device found us, where the certificate is good for it."""
    host = certificates.host_of(request.scope)
    held = keeper.state.certificate
    own = services_of(request).public
    loopback = host in {"localhost", "127.0.0.1", "::1"}
    known = held is not None and host in {*held.names, *held.addresses} and not loopback
    return host if known else own.host

"""Mail servers, and refusals.  No I/O here."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final
from urllib.parse import unquote, urlsplit

from shopfloor.kernel.errors import Conflict, Invalid
from shopfloor.kernel.records import dataclass
from shopfloor.notices import is_address


class Security(StrEnum):
    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none"


PORTS: Final[Mapping[Security, int]] = {Security.TLS: 465, Security.STARTTLS: 587, Security.NONE: 25}
# Where a merchant's server may listen; an operator's may anywhere.
MAIL_PORTS: Final = frozenset({25, 465, 587, 2465, 2525, 2587})


@dataclass(frozen=True, slots=True, repr=False)
class MailServer:
    """`sender` is the address messages come from.  `guarded`: a merchant named it, so it must be a public one."""

    host: str
    port: int
    security: Security
    username: str = ""
    password: str = ""
    sender: str = ""
    reply_to: str = ""
    guarded: bool = True

    @property
    def target(self) -> str:
        return f"{self.username}@{self.host}:{self.port} {self.sender}"


def server_of(url: str, *, sender: str) -> MailServer | None:
    """The installation's server, as in `smtp://user:password@mail.shop.example:587` (STARTTLS), `smtps://` (TLS) or
    `smtp+plain://` (no TLS: only on the own machine or network).  None for none.  Raises ValueError with a sentence.
    """
    if not url.strip():
        return None
    parts = urlsplit(url.strip())
    security = {"smtps": Security.TLS, "smtp": Security.STARTTLS, "smtp+plain": Security.NONE}.get(
        parts.scheme
    )
    try:
        port = parts.port
    except ValueError:
        port = 0
    if security is None or not parts.hostname or port == 0 or parts.path.strip("/") or parts.query:
        raise ValueError(
            "A mail server is named as in smtp://user:password@mail.shop.example:587 (STARTTLS), smtps:// (TLS) or "
            "smtp+plain:// (without TLS); write @ and : of a password as %40 and %3A."
        )
    if not is_address(sender):
        raise ValueError("With a mail server, SHOPFLOOR_MAIL_FROM names the address messages come from.")
    return MailServer(
        parts.hostname,
        port or PORTS[security],
        security,
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        sender,
        guarded=False,
    )


@dataclass(frozen=True, slots=True)
class ShopMail:
    """What a merchant sees of the own mail server: never the password.  `usable` False where it has to be entered
    again.
    """

    host: str
    port: int
    security: Security
    username: str
    sender: str
    reply_to: str
    has_password: bool
    changed_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "security", Security(self.security))


class CannotGoAgain(Conflict):
    """This message is on its way, or holds a link of one use."""

    code = "notifications.cannot_go_again"


class NotAServer(Invalid):
    """Name a mail server: its host, its port, and the address messages come from."""

    code = "notifications.not_a_server"


class ShowIsOver(Conflict):
    """The show is on air already, or over."""

    code = "notifications.show_started"

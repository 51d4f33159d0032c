"""Who is let into a room: how many pages of one shopper, of one address, and from which pages."""

from http.cookies import CookieError, SimpleCookie

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """Per socket unless it says otherwise.  Sockets from the machine itself are not counted by address.

    `sockets_per_address` None: only the server's own count of connections binds.
    """

    sockets_per_shopper: int = 4
    sockets_per_address: int | None = None
    sockets: int = 50_000
    messages_per_second: float = 10.0
    message_burst: int = 30
    buys_per_second: float = 20.0
    buy_burst: int = 50
    chat_every: float = 1.5
    chat_burst: int = 3
    chat_every_address: float = 0.25
    chat_burst_address: int = 40
    likes_at_once: int = 20
    # Likes and beats of pages without a socket: two a second, where a page sends a beat every five and gathers likes.
    posts_every: float = 0.5
    post_burst: int = 10
    posts_every_address: float = 0.02
    post_burst_address: int = 400


def cookie(header: str | None, name: str) -> str | None:
    if not header:
        return None
    try:
        morsel = SimpleCookie(header).get(name)
    except CookieError:
        return None
    return None if morsel is None else morsel.value

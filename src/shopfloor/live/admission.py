"""Who is let into a room: how many pages of one shopper, of one address, and from which pages."""

import socket
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie


@dataclass(frozen=True, slots=True)
class Limits:
    """Per socket unless it says otherwise.  Sockets from the machine itself are not counted by address."""

    sockets_per_shopper: int = 4
    sockets_per_address: int = 20
    sockets: int = 50_000
    messages_per_second: float = 10.0
    message_burst: int = 30
    buys_per_second: float = 20.0
    buy_burst: int = 50
    chat_every: float = 1.5
    chat_burst: int = 3
    likes_at_once: int = 20


def is_own_machine(address: str) -> bool:
    return address.startswith("127.") or address in {"::1", "", "unix"}


def address_group(address: str) -> str:
    """Who an address belongs to: itself, or the /48 of an IPv6 address."""
    if ":" not in address or address.startswith("::"):
        return address
    try:
        return socket.inet_ntop(
            socket.AF_INET6, socket.inet_pton(socket.AF_INET6, address.partition("%")[0])[:6] + bytes(10)
        )
    except OSError:
        return address


def cookie(header: str | None, name: str) -> str | None:
    if not header:
        return None
    try:
        morsel = SimpleCookie(header).get(name)
    except CookieError:
        return None
    return None if morsel is None else morsel.value

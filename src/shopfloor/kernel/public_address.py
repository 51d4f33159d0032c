"""The one public address of a shop: parsed once, refused at start where it cannot be right.

Links, cookies, the origin check and what is printed use it, so `HTTPS://Shop.Example:443/` and
`https://shop.example` are the same shop everywhere.
"""

import socket
from ipaddress import IPv6Address, ip_address
from typing import Final
from urllib.parse import urlsplit

from shopfloor.kernel.records import dataclass

_PORTS: Final = {"http": 80, "https": 443}
_EXAMPLE: Final = "Write it as in https://shop.example."


class BadAddress(ValueError):
    """The address cannot be the public address of a shop; the message says why."""


@dataclass(frozen=True, slots=True)
class PublicAddress:
    """`host` in lower case, without brackets; `port` None where it is the scheme's own."""

    scheme: str
    host: str
    port: int | None = None

    @property
    def origin(self) -> str:
        """As browsers say it in `Origin`: `https://shop.example`, `http://[::1]:8000`."""
        return f"{self.scheme}://{authority(self.host, self.port)}"

    @property
    def is_secure(self) -> bool:
        return self.scheme == "https"

    def link(self, path: str) -> str:
        return self.origin + path

    def __str__(self) -> str:
        return self.origin


# Where nothing better is known.
LOCAL: Final = PublicAddress("http", "localhost")


def authority(host: str, port: int | None) -> str:
    """Host and port as they stand in an address: IPv6 in brackets."""
    text = f"[{host}]" if ":" in host else host
    return text if port is None else f"{text}:{port}"


def parse(text: str) -> PublicAddress:
    """Raises BadAddress with a sentence for the operator."""
    given = text.strip()
    if "://" not in given:
        raise BadAddress(f"'{text}' does not say http:// or https://. {_EXAMPLE}")
    if any(character.isspace() or ord(character) < 32 for character in given):
        raise BadAddress(f"'{text}' contains a space. {_EXAMPLE}")
    try:
        parts = urlsplit(given)
        host, port = parts.hostname, parts.port
    except ValueError as problem:
        raise BadAddress(f"'{text}' is no address: {problem}. {_EXAMPLE}") from problem
    scheme = parts.scheme.lower()
    if scheme not in _PORTS:
        raise BadAddress(f"'{text}' begins with {scheme}://; a shop is reached by http:// or https://.")
    if parts.username is not None or parts.password is not None:
        raise BadAddress(f"'{parts.scheme}://…@{host}' contains a user name. {_EXAMPLE}")
    if not host:
        raise BadAddress(f"'{text}' names no host. {_EXAMPLE}")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise BadAddress(
            f"'{text}' has something behind the host; a shop stands at the root of its host, not below a path."
        )
    if port == 0:
        raise BadAddress(f"'{text}' names port 0, which nobody can reach.")
    return PublicAddress(scheme, _host(host, text), None if port in {None, _PORTS[scheme]} else port)


def _host(host: str, text: str) -> str:
    try:
        address = ip_address(host)
    except ValueError:
        pass
    else:
        if address.is_unspecified:
            raise BadAddress(
                f"'{text}' stands for every address of this machine; name one that people can open."
            )
        return address.compressed
    try:
        name = host.encode("idna").decode("ascii").lower()
    except UnicodeError as problem:
        raise BadAddress(f"'{text}' names no host that can exist. {_EXAMPLE}") from problem
    labels = name.removesuffix(".").split(".")
    if ":" in name or not all(
        label and all(letter.isalnum() or letter in "-_" for letter in label) for label in labels
    ):
        raise BadAddress(f"'{text}' names no host that can exist. {_EXAMPLE}")
    if labels[-1].isdigit():
        raise BadAddress(f"'{text}' looks like an IP address and is none.")
    return name.removesuffix(".")


def reachable(host: str) -> str:
    """A host that others can open where a server listens on `host`: never a wildcard."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return address.compressed
    # Nothing is sent: the system only says which of its addresses it would send from.
    wanted = (
        (socket.AF_INET6, "2001:db8::1"), (socket.AF_INET, "192.0.2.1"),
    ) if isinstance(address, IPv6Address) else ((socket.AF_INET, "192.0.2.1"),)  # fmt: skip
    for family, target in wanted:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((target, 9))
                found: str = probe.getsockname()[0]
        except OSError:
            continue
        if not ip_address(found).is_unspecified:
            return found
    return "::1" if isinstance(address, IPv6Address) else "127.0.0.1"


def listening(host: str, port: int, *, secure: bool = False) -> PublicAddress:
    """The address to print where no public one is set."""
    scheme = "https" if secure else "http"
    return PublicAddress(scheme, reachable(host), None if port == _PORTS[scheme] else port)

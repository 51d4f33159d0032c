"""The network an address belongs to, as a number that says whether two are the same and nothing else."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from shopfloor.kernel.client_address import Network, address_group, is_own_machine, is_trusted, networks

_REMEMBERED: Final = 50_000
_BITS: Final = 63


def network_key(address: str, *, salt: bytes) -> int:
    """Of an IPv4 address, or of the /48 of an IPv6 address (its /64s count together).  Salted, so that a table of keys
    is no table of addresses; never 0.  What is no address has one key for all.
    """
    group = address_group(address).encode()
    digest = blake2b(group, key=salt[:64], digest_size=8, person=b"network").digest()
    return int.from_bytes(digest) % (2**_BITS - 1) + 1


class Networks:
    """Keys by address, remembered: most who ask have asked before.  None for addresses of `own`, which are not counted."""

    def __init__(self, salt: bytes, own: Sequence[Network] = ()) -> None:
        self._salt = salt
        self._own = own
        self._known: dict[str, int | None] = {}

    def key(self, address: str) -> int | None:
        try:
            return self._known[address]
        except KeyError:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            own = is_trusted(address, self._own)
            found = self._known[address] = None if own else network_key(address, salt=self._salt)
            return found


def own_networks(listed: Sequence[Network], *, public_host: str) -> tuple[Network, ...]:
    """Whose purchases are not counted: those an operator lists; and this machine, while the shop's public address is
    this machine too (a trial, a load test).  Once the shop has a name, loopback is where a proxy speaks for strangers.
    """
    is_local = public_host == "localhost" or is_own_machine(public_host)
    return (*listed, *(networks("127.0.0.0/8 ::1") if is_local else ()))

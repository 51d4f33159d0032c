"""How much one shopper, one visitor without a cookie, and one address may report.  Pure: the caller brings the time.

Checked before a body is read or parsed.  A room that is open in a tab reports at most once in two seconds, some
kilobytes; an address is a household, or a campus of some thousand people behind one IPv4 address, so that its own
allowance is that of two thousand of them.  Who has no signed cookie shares one allowance with all such of an address:
a script that invents visitors is slowed by it, and takes nothing from those who have one.
"""

from typing import Final
from uuid import UUID

from shopfloor.collector.models import MAX_BODY
from shopfloor.kernel.client_address import address_group
from shopfloor.kernel.rate_limit import Gcra
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Allowance:
    """On average and at once: requests, and bytes of their bodies."""

    requests_per_second: float
    requests_at_once: int
    bytes_per_second: float
    bytes_at_once: int


SHOPPER: Final = Allowance(2, 60, 32 << 10, 2 * MAX_BODY)
NO_COOKIE: Final = Allowance(20, 400, 128 << 10, 4 * MAX_BODY)
ADDRESS: Final = Allowance(1_500, 10_000, 4 << 20, 64 * MAX_BODY)


class _Bucket:
    def __init__(self, allowance: Allowance) -> None:
        self._requests = Gcra(every=1 / allowance.requests_per_second, burst=allowance.requests_at_once)
        self._bytes = Gcra(every=1 / allowance.bytes_per_second, burst=allowance.bytes_at_once)

    def request(self, key: object, now: float) -> float:
        return self._requests.wait(key, now)

    def body(self, key: object, now: float, size: int) -> float:
        return self._bytes.wait(key, now, size) if size else 0.0


class Quotas:
    """Each call takes from the allowance and returns 0, or returns the seconds to wait."""

    def __init__(
        self, *, shopper: Allowance = SHOPPER, no_cookie: Allowance = NO_COOKIE, address: Allowance = ADDRESS
    ) -> None:
        self._shopper = _Bucket(shopper)
        self._no_cookie = _Bucket(no_cookie)
        self._address = _Bucket(address)

    def request(self, address: str, viewer: UUID | None, now: float) -> float:
        """One more request.  Somebody's own allowance first: who is over it takes nothing from the neighbours."""
        group = address_group(address)
        own = self._no_cookie.request(group, now) if viewer is None else self._shopper.request(viewer, now)
        return own or self._address.request(group, now)

    def body(self, address: str, viewer: UUID | None, size: int, now: float) -> float:
        """So many bytes more of a body."""
        group = address_group(address)
        own = (
            self._no_cookie.body(group, now, size)
            if viewer is None
            else self._shopper.body(viewer, now, size)
        )
        return own or self._address.body(group, now, size)

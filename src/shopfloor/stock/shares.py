"""How much of an offer may be held without paying: by one network, and by all who have never paid here.  No I/O here.

A share binds only who has never paid in this shop, and only while the offer is short: what others of the network hold
unpaid of it, and what is asked for now, come to more than a tenth of it.  Nothing that was granted is taken back.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import field
from typing import Final
from uuid import UUID

from shopfloor.kernel.records import dataclass
from shopfloor.stock.models import Code, Request

UNPAID_SECONDS: Final = 600
"""The longest that units are kept for a buyer who has never paid here."""
LARGE_SECONDS: Final = 3600
"""The time to pay for an unpaid order that takes more of an offer than a network may hold."""
FEWEST: Final = 3
"""What a household may hold of the smallest offer."""
FEWEST_ALTOGETHER: Final = 20

Key = tuple[int, int]


def most_of_network(size: int) -> int:
    """An IPv4 address, or an IPv6 /48."""
    return max(FEWEST, size // 10)


def most_altogether(size: int) -> int:
    """All who have never paid: the last tenth is for who pays."""
    return max(FEWEST_ALTOGETHER, size - size // 10)


def most_for_long(size: int) -> int:
    """Units that others behind an address may have ordered and not paid before the time to pay becomes short."""
    return max(2, size // 100)


@dataclass(slots=True)
class Share:
    """What is held unpaid of one variant in one pool.  `altogether` is None where it cannot matter."""

    size: int
    altogether: int | None = None
    by_network: dict[int, int] = field(default_factory=dict[int, int])
    by_buyer: dict[tuple[int, int], int] = field(default_factory=dict[tuple[int, int], int])

    def add(self, network: int, buyer: UUID, units: int) -> None:
        self.by_network[network] = self.by_network.get(network, 0) + units
        key = (network, buyer.int)
        self.by_buyer[key] = self.by_buyer.get(key, 0) + units
        if self.altogether is not None:
            self.altogether += units

    def problem(
        self, network: int, buyer: UUID, variant_id: int, units: int
    ) -> tuple[str, dict[str, object]] | None:
        unpaid = self.by_network.get(network, 0)
        others = unpaid - self.by_buyer.get((network, buyer.int), 0)
        most = most_of_network(self.size)
        # A buyer with a network of their own is bound by the limit per buyer.
        if others and unpaid + units > most:
            return _problem(variant_id, units, unpaid, most, "network")
        if self.altogether is not None and self.altogether + units > most_altogether(self.size):
            return _problem(variant_id, units, self.altogether, most_altogether(self.size), "everybody")
        return None


def _problem(variant_id: int, units: int, unpaid: int, most: int, of: str) -> tuple[str, dict[str, object]]:
    facts: dict[str, object] = {
        "variant_id": variant_id, "wanted": units, "unpaid": unpaid, "most": most, "of": of, "helps": ["pay", "wait"],
    }  # fmt: skip
    return Code.NETWORK_LIMIT, facts


@dataclass(slots=True)
class Shares:
    """The shares that matter to a batch, by pool and variant.  `proven`: buyers whom they do not bind.  `one_account`: by
    buyer, the others who are the same customer.
    """

    parts: Mapping[Key, Share] = field(default_factory=dict[Key, Share])
    proven: set[int] = field(default_factory=set[int])
    one_account: Mapping[int, Sequence[int]] = field(default_factory=dict[int, Sequence[int]])

    def binds(self, request: Request) -> bool:
        return request.network is not None and request.buyer.int not in self.proven

    def refuses(self, request: Request) -> tuple[str, dict[str, object]] | None:
        assert request.network is not None, "only those are counted"
        if not self.parts:
            return None
        for variant_id, units in units_of(request).items():
            share = self.parts.get((request.pool_id, variant_id))
            if share is None:
                continue
            problem = share.problem(request.network, request.buyer, variant_id, units)
            if problem is not None:
                return problem
        return None

    def add(self, request: Request) -> None:
        assert request.network is not None, "only those are counted"
        if not self.parts:
            return
        for variant_id, units in units_of(request).items():
            share = self.parts.get((request.pool_id, variant_id))
            if share is not None:
                share.add(request.network, request.buyer, units)

    def as_before(self) -> "Shares":
        """A copy that does not see what is added to this one."""
        parts = {key: copy(share) for key, share in self.parts.items()}
        for share in parts.values():
            share.by_network, share.by_buyer = dict(share.by_network), dict(share.by_buyer)
        return Shares(parts, self.proven, self.one_account)


NO_SHARES: Final = Shares()


def units_of(request: Request) -> dict[int, int]:
    lines = request.lines
    if len(lines) == 1:
        return {lines[0].variant_id: lines[0].quantity}
    units: dict[int, int] = {}
    for line in lines:
        units[line.variant_id] = units.get(line.variant_id, 0) + line.quantity
    return units


def wanted(requests: Iterable[Request]) -> dict[Key, int]:
    """Units that are asked for by who is counted."""
    found: dict[Key, int] = {}
    for request in requests:
        if request.network is not None:
            for variant_id, units in units_of(request).items():
                key = (request.pool_id, variant_id)
                found[key] = found.get(key, 0) + units
    return found

"""Ways to be paid: the interface that providers fill, and the one that needs no provider.

A provider is called with no transaction open.  `Attempt.id` never changes for one attempt to be paid; a
provider must treat a repeated `start` with the same id as the same attempt.  That is what the contract test
asks of every provider.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from shopfloor.kernel.values import Money
from shopfloor.payments.models import ProviderUnknown


@dataclass(frozen=True, slots=True)
class Attempt:
    """`label` is what the payer reads on the statement."""

    id: UUID
    method: str
    amount: Money
    label: str


@dataclass(frozen=True, slots=True)
class Awaiting:
    """The money is on its way, or will be brought; the order is placed and waits for it."""

    instructions: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Charged:
    """The money is here.  `reference` is the provider's id of this charge."""

    reference: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Declined:
    reason: str


Outcome = Awaiting | Charged | Declined


@dataclass(frozen=True, slots=True)
class GivenBack:
    """`reference` None: the merchant sends the money by hand and says so when it is done."""

    reference: str | None


class Provider(Protocol):
    """Each call may raise ProviderAway; asking again with the same id is always safe."""

    @property
    def name(self) -> str: ...

    async def start(self, attempt: Attempt) -> Outcome:
        """Ask for the money."""
        ...

    async def look_up(self, attempt_id: UUID) -> Outcome | None:
        """What became of an attempt; None when the provider never heard of it."""
        ...

    async def give_back(self, attempt_id: UUID, *, refund_id: UUID, amount: Money) -> GivenBack:
        """Send money back; the same `refund_id` again sends it once."""
        ...


class Manual:
    """Bank transfer, or cash when the goods are picked up.  The merchant says when the money is there."""

    name = "manual"

    async def start(self, attempt: Attempt) -> Outcome:
        return Awaiting({"method": attempt.method, "label": attempt.label})

    async def look_up(self, attempt_id: UUID) -> Outcome | None:
        return Awaiting()

    async def give_back(self, attempt_id: UUID, *, refund_id: UUID, amount: Money) -> GivenBack:
        return GivenBack(reference=None)


Providers = Mapping[str, Provider]

MANUAL_ONLY: Providers = {"manual": Manual()}


def provider(providers: Providers, name: str) -> Provider:
    """Raises ProviderUnknown."""
    if name not in providers:
        raise ProviderUnknown(provider=name, known=sorted(providers))
    return providers[name]

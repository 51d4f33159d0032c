"""What kinds of accounts with providers there are to connect: what each is told, and what is made of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from shopfloor.kernel.records import dataclass
from shopfloor.payment_providers.port import Provider

if TYPE_CHECKING:
    import httpx

MODES: Final = ("test", "live")


@dataclass(frozen=True, slots=True)
class Field:
    """What an account is told.  What is secret is sealed and never shown again."""

    name: str
    secret: bool = False
    required: bool = True
    lines: bool = False
    """Several lines, as a key in PEM has."""


@dataclass(frozen=True, slots=True)
class Account:
    """What an adapter is made of.  `notify_url` is where the provider may write to."""

    id: int
    shop_id: int
    mode: str
    fields: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)
    notify_url: str
    http: "httpx.AsyncClient" = field(repr=False)


@dataclass(frozen=True, slots=True)
class Kind:
    """A provider that can be connected.  `build` raises ValueError with the name of the field that is unusable."""

    name: str
    fields: Sequence[Field]
    build: Callable[[Account], Provider]
    method: str = "online"
    modes: Sequence[str] = MODES
    makes: Callable[[], Mapping[str, str]] = dict
    """Secrets that nobody types."""
    currencies: frozenset[str] | None = None
    """What can be paid in; None for all."""
    authorise: timedelta | None = None
    """So long it reserves money before it is taken; None where it cannot."""

    def takes(self, currency: str) -> bool:
        return self.currencies is None or currency in self.currencies

"""What a running application gives to its endpoints: one frozen value, made where the application is assembled.

    services_of(request).db
    services_of(request).part(MediaServer)

Parts that belong to a module are asked for by their class, so that the kernel need not know them.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field
from typing import Any, TypeVar

from starlette.requests import HTTPConnection

from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.network import Networks
from shopfloor.kernel.public_address import LOCAL, PublicAddress
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.settings import Settings

Part = TypeVar("Part")
# The tables in which a row names one of these rows, given by table and id.
NamedBy = Callable[[Tx, Mapping[str, Sequence[int]]], Awaitable[list[str]]]


async def _named_by_nothing(_: Tx, __: Mapping[str, Sequence[int]]) -> list[str]:
    raise LookupError("this application does not know which rows name which")


def _nowhere() -> str:
    raise LookupError("this application takes no camera")


@dataclass(frozen=True, slots=True)
class Services:
    db: Database
    public: PublicAddress = LOCAL
    """Where people reach us: links and cookies are made from it."""
    settings: Settings | None = None
    networks: Networks | None = None
    named_by: NamedBy = _named_by_nothing
    publish_to: Callable[[], str] = _nowhere
    """What cameras are told."""
    parts: Sequence[object] = ()
    _by_class: Mapping[type[Any], Any] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_class", {type(part): part for part in self.parts})

    def find(self, kind: type[Part]) -> Part | None:
        return self._by_class.get(kind)

    def part(self, kind: type[Part]) -> Part:
        """Raises LookupError in an application that was assembled without it."""
        found = self.find(kind)
        if found is None:
            raise LookupError(f"this application has no {kind.__name__}")
        return found

    @property
    def given(self) -> Settings:
        """The settings; LookupError in an application that was assembled without them."""
        if self.settings is None:
            raise LookupError("this application has no settings")
        return self.settings


def install(app: Any, services: Services) -> None:
    app.state.services = services


def services_of(connection: HTTPConnection) -> Services:
    return services_in(connection.app)


def services_in(app: Any) -> Services:
    """For who has the application and no request."""
    services: Services = app.state.services
    return services

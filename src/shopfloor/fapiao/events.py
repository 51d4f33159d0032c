"""What requests for fapiao tell the rest of the product.  Amounts are minor units of `currency`."""

from typing import ClassVar
from uuid import UUID

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class FapiaoRequested:
    """A buyer asks for a fapiao.  `kind`: person or company."""

    name: ClassVar[str] = "fapiao.requested"

    shop_id: int
    request_id: UUID
    order_id: UUID
    number: int
    kind: str


@dataclass(frozen=True, slots=True)
class FapiaoRedRequested:
    """Money of an order went back after its fapiao was issued: a red one is to be issued for it."""

    name: ClassVar[str] = "fapiao.red_requested"

    shop_id: int
    request_id: UUID
    paper_id: UUID
    order_id: UUID
    number: int
    currency: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class FapiaoRecorded:
    """Somebody of the shop says that it was issued, or adds files to it.  `kind`: blue or red; `fapiao`: its number."""

    name: ClassVar[str] = "fapiao.recorded"

    shop_id: int
    request_id: UUID
    paper_id: UUID
    order_id: UUID
    number: int
    kind: str
    fapiao: str
    currency: str
    amount_minor: int
    files: int

"""Whom an erasure means, and what became of it.  No I/O here."""

from uuid import UUID

from shopfloor.kernel.errors import NotFound
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Subject:
    """One of these.  Everything of whoever placed such an order is meant, and of the browsers it was placed with.

    `exactly` means these orders and no other, with the names that `browsers` gave in chat: for who proved to be somebody.
    """

    order_id: UUID | None = None
    email: str | None = None
    phone: str | None = None
    shopper: UUID | None = None
    exactly: tuple[UUID, ...] | None = None
    browsers: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Erasure:
    """`erased`: orders without a contact now; `waiting`: numbers of orders that are not over, and lose it then."""

    id: UUID
    erased: int
    waiting: list[int]


class NobodyToErase(NotFound):
    """Nobody with these details has ordered here."""

    code = "orders.nobody_to_erase"

"""SQL of exchanges.  One function, one statement."""

from collections.abc import Sequence
from dataclasses import field, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


class ExchangeState(StrEnum):
    ASKED = "asked"
    """The return waits for the shop's answer; nothing is kept yet."""
    KEPT = "kept"
    """Units are kept until the goods are here, or the time is over."""
    SOLD_OUT = "sold_out"
    DROPPED = "dropped"
    """The money goes back instead, or the return has ended."""
    SENT = "sent"
    """It is an order."""


@dataclass(frozen=True, slots=True)
class ExchangeLine:
    """For all units of a line: another variant, by its words of that day.  `difference_minor`: how much more one costs."""

    line_id: int
    variant_id: int
    title: str
    options: list[str]
    difference_minor: int


@dataclass(frozen=True, slots=True)
class Exchange:
    return_id: UUID
    hold_id: UUID
    state: ExchangeState
    kept_until: datetime | None
    order_id: UUID | None
    order_number: int | None
    lines: list[ExchangeLine] = field(default_factory=list[ExchangeLine])

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", ExchangeState(self.state))

    @property
    def is_open(self) -> bool:
        return self.state in {ExchangeState.ASKED, ExchangeState.KEPT}

    def variant_of(self, line_id: int) -> int | None:
        return next((each.variant_id for each in self.lines if each.line_id == line_id), None)


async def insert(
    tx: Tx, *, shop_id: int, return_id: UUID, hold_id: UUID, lines: Sequence[ExchangeLine]
) -> None:
    await tx.run(
        """
        INSERT INTO returns.exchange (return_id, shop_id, hold_id, state)
        VALUES (%(return_id)s, %(shop_id)s, %(hold_id)s, 'asked')
        """,
        return_id=return_id,
        shop_id=shop_id,
        hold_id=hold_id,
    )
    await tx.many(
        """
        INSERT INTO returns.exchange_line (return_id, line_id, variant_id, title, options, difference_minor)
        VALUES (%(return_id)s, %(line_id)s, %(variant_id)s, %(title)s, %(options)s, %(difference_minor)s)
        """,
        [
            {
                "return_id": return_id,
                "line_id": line.line_id,
                "variant_id": line.variant_id,
                "title": line.title,
                "options": line.options,
                "difference_minor": line.difference_minor,
            }
            for line in lines
        ],
    )


async def set_state(
    tx: Tx,
    *,
    return_id: UUID,
    state: ExchangeState,
    kept_until: datetime | None = None,
    order_id: UUID | None = None,
) -> None:
    await tx.run(
        """
        UPDATE returns.exchange
           SET state = %(state)s, kept_until = coalesce(%(kept_until)s, kept_until), order_id = %(order_id)s
         WHERE return_id = %(return_id)s
        """,
        return_id=return_id,
        state=state,
        kept_until=kept_until,
        order_id=order_id,
    )


async def of_returns(tx: Tx, *, shop_id: int, return_ids: Sequence[UUID]) -> dict[UUID, Exchange]:
    found = await tx.every(
        Exchange,
        """
        SELECT x.return_id, x.hold_id, x.state, x.kept_until, x.order_id, o.number AS order_number
          FROM returns.exchange x LEFT JOIN orders.v_told o ON o.id = x.order_id
         WHERE x.shop_id = %(shop_id)s AND x.return_id = ANY(%(ids)s::uuid[])
        """,
        shop_id=shop_id,
        ids=list(return_ids),
    )
    if not found:
        return {}
    cursor = await tx.connection.execute(
        """
        SELECT return_id, line_id, variant_id, title, options, difference_minor FROM returns.exchange_line
         WHERE return_id = ANY(%(ids)s::uuid[]) ORDER BY return_id, line_id
        """,
        {"ids": [each.return_id for each in found]},
    )
    inside: dict[UUID, list[ExchangeLine]] = {}
    for return_id, *rest in await cursor.fetchall():
        inside.setdefault(return_id, []).append(ExchangeLine(*rest))
    return {each.return_id: replace(each, lines=inside.get(each.return_id, [])) for each in found}


async def return_of_order(tx: Tx, *, shop_id: int, order_id: UUID) -> UUID | None:
    """The return that this order replaces the goods of."""
    return await tx.value(
        "SELECT return_id FROM returns.exchange WHERE order_id = %(order_id)s AND shop_id = %(shop_id)s",
        order_id=order_id,
        shop_id=shop_id,
    )

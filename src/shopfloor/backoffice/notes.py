"""What staff wrote down about an order, and what was changed on it: appended, with who and when, and never changed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb

from shopfloor import orders
from shopfloor.backoffice.refusals import NothingNoted
from shopfloor.kernel import text
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import new_id

LONGEST: Final = 2000
BY_STAFF: Final = "note"


@dataclass(frozen=True, slots=True)
class Note:
    """`kind` is "note" for what somebody wrote, else what was changed; `facts` what it was."""

    id: UUID
    kind: str
    text: str
    facts: dict[str, Any]
    actor: str
    at: datetime


async def write(tx: Tx, *, shop_id: int, order_id: UUID, words: str, actor: str) -> Note:
    """A note for those at work, which buyers do not see.  Raises OrderNotFound, NothingNoted, UnusableText."""
    await orders.order(tx, shop_id=shop_id, order_id=order_id)
    kept = text.prose(words, field="text", longest=LONGEST)
    if text.is_blank(kept):
        raise NothingNoted
    note_id = await append(tx, shop_id=shop_id, order_id=order_id, kind=BY_STAFF, words=kept, actor=actor)
    return next(each for each in await of_order(tx, shop_id=shop_id, order_id=order_id) if each.id == note_id)


async def append(
    tx: Tx,
    *,
    shop_id: int,
    order_id: UUID,
    kind: str,
    actor: str,
    words: str = "",
    facts: Mapping[str, object] | None = None,
) -> UUID:
    note_id = new_id()
    await tx.run(
        """
        INSERT INTO backoffice.note (id, shop_id, order_id, kind, text, facts, actor)
        VALUES (%(id)s, %(shop_id)s, %(order_id)s, %(kind)s, %(text)s, %(facts)s, %(actor)s)
        """,
        id=note_id,
        shop_id=shop_id,
        order_id=order_id,
        kind=kind,
        text=words,
        facts=Jsonb(dict(facts or {})),
        actor=actor,
    )
    return note_id


async def of_order(tx: Tx, *, shop_id: int, order_id: UUID) -> list[Note]:
    """The oldest first."""
    return await tx.every(
        Note,
        """
        SELECT id, kind, text, facts, actor, at FROM backoffice.note
         WHERE order_id = %(order_id)s AND shop_id = %(shop_id)s ORDER BY at, id
        """,
        order_id=order_id,
        shop_id=shop_id,
    )

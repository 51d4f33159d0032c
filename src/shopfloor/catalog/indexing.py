"""What search engines are told of: the published products of all shops, by ranges of their ids."""

from datetime import datetime

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """Ids from `part` × size on, up to the next part; `changed_at`: the last change of one of its products."""

    part: int
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Published:
    """A product that everybody may see, and its shop."""

    id: int
    slug: str
    changed_at: datetime

    @staticmethod
    async def parts(tx: Tx, *, size: int) -> list[Part]:
        """Those that have a published product."""
        return await tx.every(
            Part,
            """
            SELECT id / %(size)s::bigint AS part, max(updated_at) AS changed_at FROM catalog.product
             WHERE status = 'active' GROUP BY 1 ORDER BY 1
            """,
            size=size,
        )

    @staticmethod
    async def among(tx: Tx, *, first: int, number: int) -> "list[Published]":
        """The published ones among `number` ids from `first` on."""
        return await tx.every(
            Published,
            """
            SELECT p.id, s.slug, p.updated_at AS changed_at
              FROM catalog.product p JOIN accounts.v_shop s ON s.id = p.shop_id
             WHERE p.id >= %(first)s AND p.id < %(first)s + %(number)s AND p.status = 'active' ORDER BY p.id
            """,
            first=first,
            number=number,
        )

"""SQL of list prices that somebody stands for.  One function, one statement."""

from collections.abc import Sequence

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    variant_id: int
    minor: int
    source: str
    evidence: str


async def sources(tx: Tx, *, shop_id: int, variant_ids: Sequence[int]) -> dict[int, Source]:
    """What was said last of each."""
    found = await tx.every(
        Source,
        """
        SELECT DISTINCT ON (variant_id) variant_id, minor, source, evidence FROM catalog.list_price_source
         WHERE shop_id = %(shop_id)s AND variant_id = ANY(%(ids)s::bigint[]) ORDER BY variant_id, id DESC
        """,
        shop_id=shop_id,
        ids=list(variant_ids),
    )
    return {each.variant_id: each for each in found}


async def insert_source(
    tx: Tx, *, shop_id: int, variant_id: int, minor: int, source: str, evidence: str
) -> None:
    await tx.run(
        """
        INSERT INTO catalog.list_price_source (shop_id, variant_id, minor, source, evidence)
        VALUES (%(shop_id)s, %(variant_id)s, %(minor)s, %(source)s, %(evidence)s)
        """,
        shop_id=shop_id,
        variant_id=variant_id,
        minor=minor,
        source=source,
        evidence=evidence,
    )


async def delete_sources(tx: Tx, *, variant_ids: Sequence[int]) -> None:
    await tx.run(
        "DELETE FROM catalog.list_price_source WHERE variant_id = ANY(%(variant_ids)s::bigint[])",
        variant_ids=list(variant_ids),
    )

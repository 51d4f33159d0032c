"""The audit of documents: each invariant with the keys that break it."""

from shopfloor.documents import queries
from shopfloor.kernel.database import Tx


async def gaps(tx: Tx) -> tuple[int, list[str]]:
    """Series whose numbers do not run from 1 to the last one given, each once."""
    found = await queries.series_with_documents(tx)
    wrong = [
        f"shop {each.shop_id} {each.kind} {each.year}"
        for each in found
        if each.documents != each.last or (each.last and (each.lowest, each.highest) != (1, each.last))
    ]
    return len(found), wrong[:100]


async def damaged(tx: Tx) -> tuple[int, list[str]]:
    """Documents whose bytes are not those that were kept."""
    return await queries.count(tx), await queries.damaged(tx)

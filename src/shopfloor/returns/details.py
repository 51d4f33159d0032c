"""A return with all that whoever decides on it looks at."""

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.returns import queries
from shopfloor.returns.exchanges import Exchange, Settlement, of_returns, settle_draft
from shopfloor.returns.models import Receipt, RefundAsked, RefundDraft, Return, ReturnEvent
from shopfloor.returns.refunding import refund_draft, refund_waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    draft: RefundDraft
    """What a press of the button would give back now."""
    waiting: RefundAsked | None
    """The refund that waits for a second person."""
    exchange: Exchange | None
    settlement: Settlement | None
    """What sending the exchange would come to now."""
    receipts: list[Receipt]
    history: list[ReturnEvent]
    pictures: list[str]
    """The hashes by which their files are named."""


async def details(tx: Tx, found: Return) -> Details:
    return_id = found.id
    exchange = (await of_returns(tx, shop_id=found.shop_id, returns=[found])).get(return_id)
    return Details(
        draft=await refund_draft(tx, found),
        waiting=await refund_waiting(tx, found),
        exchange=exchange,
        settlement=None if exchange is None else await settle_draft(tx, found, exchange),
        receipts=await queries.receipts(tx, return_id=return_id),
        history=await queries.history(tx, return_id=return_id),
        pictures=await queries.pictures(tx, return_id=return_id),
    )

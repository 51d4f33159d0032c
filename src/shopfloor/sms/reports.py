"""What comes back of messages by SMS: the short links in them, and what gateways report."""

from uuid import UUID

from shopfloor import notices
from shopfloor.kernel.database import Tx
from shopfloor.notices import Kind
from shopfloor.sms import queries
from shopfloor.sms.models import long, reports_of


async def path_of(tx: Tx, *, code: str) -> tuple[int, str] | None:
    """The shop, and the page below it, that a short link stands for; None for none."""
    notice_id = long(code)
    found = None if notice_id is None else await notices.linked(tx, notice_id=notice_id)
    if found is None:
        return None
    if found.key is not None:
        return found.shop_id, f"/orders/{found.order_id}?key={found.key}"
    if found.kind == Kind.PLACE_OFFERED and found.hold_id:
        return found.shop_id, f"/checkout/{found.hold_id}"
    return None


async def note_reports(tx: Tx, *, key: str, body: str) -> int | None:
    """What a gateway says became of messages.  How many it changed; None where nobody has this address."""
    found = await queries.gateway_of_reports(tx, key=key)
    if found is None:
        return None
    changed = 0
    for report in reports_of(found, body):
        changed += await notices.note_report(
            tx,
            shop_id=found.shop_id,
            reference=report.reference,
            delivered=report.delivered,
            notice_id=_id(report.reference),
        )
    return changed


def _id(reference: str) -> UUID | None:
    try:
        return UUID(reference)
    except ValueError:
        return None

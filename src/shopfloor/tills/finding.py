"""Finding a sale again, wherever it was made: by its receipt, the code on it, its number or a telephone number."""

import re
from typing import Any, Final

from shopfloor.kernel import text
from shopfloor.kernel.database import Tx
from shopfloor.tills import goods_queries
from shopfloor.tills.snapshot import line_told

_RECEIPT: Final = re.compile(r"([A-Za-z0-9]{1,8})-([0-9]{1,12})")
_DIGITS: Final = re.compile(r"[^0-9]")
# As many digits of a number as orders are found by (orders.phone_key).
_ENDING: Final = 9
_SHORTEST: Final = 7


async def sales(tx: Tx, *, shop_id: int, find: str) -> list[dict[str, Any]]:
    """At most 20, the newest first; the name of the buyer in initials."""
    wanted = text.cleaned(text.narrow(find), one_line=True).strip()
    if not wanted:
        return []
    # What a scanner reads of a receipt is the address of its page.
    token = wanted.rpartition("/")[2]
    receipt = _RECEIPT.fullmatch(wanted)
    digits = _DIGITS.sub("", wanted)
    number = wanted.removeprefix("#")
    ids = await goods_queries.find(
        tx,
        shop_id=shop_id,
        series=receipt[1].upper() if receipt else "",
        receipt_number=int(receipt[2]) if receipt else None,
        token=token if len(token) >= 16 else "",
        order_number=int(number) if number.isascii() and number.isdigit() and len(number) < 16 else None,
        phone=digits[-_ENDING:] if len(digits) >= _SHORTEST and receipt is None else "",
    )
    lines: dict[Any, list[dict[str, Any]]] = {}
    for line in await goods_queries.lines_of(tx, order_ids=ids):
        lines.setdefault(line.order_id, []).append(line_told(line))
    return [
        {
            "order": str(each.order_id),
            "number": each.number,
            "receipt": each.receipt or None,
            "channel": each.channel,
            "at": each.at.isoformat(),
            "name": initials(each.contact_name),
            "currency": each.currency,
            "total": each.total_minor,
            "paid": each.charged_minor,
            "refunded": each.refunded_minor,
            "lines": lines.get(each.order_id, []),
        }
        for each in await goods_queries.sales(tx, shop_id=shop_id, order_ids=ids)
    ]


def initials(name: str) -> str:
    """Enough to ask whether it is the buyer's: M… L…, 王…"""
    return " ".join(f"{part[0]}…" for part in name.split()[:3])

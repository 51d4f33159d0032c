"""What goes with a parcel that comes back: a label for the outside and a slip for the inside, on one page.

Made by a worker when somebody asks for it.  Asked for again it is the same; sheets are forgotten after some days and
then made anew.
"""

from dataclasses import asdict
from typing import Any, Final
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from shopfloor import accounts, documents, orders
from shopfloor.kernel import jobs
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now
from shopfloor.returns import looking
from shopfloor.returns.models import Return, State, WrongState


@dataclass(frozen=True, slots=True)
class OfReturn:
    shop_id: int
    return_id: UUID


LABEL: Final = jobs.Job("returns.label", asked=OfReturn)


def label_id(return_id: UUID) -> UUID:
    """The sheet of a return."""
    return uuid5(return_id, "label")


async def ask(tx: Tx, *, shop_id: int, return_id: UUID) -> UUID:
    """Raises ReturnNotFound, WrongState for one whose goods nobody waits for."""
    found = await looking.get(tx, shop_id=shop_id, return_id=return_id)
    if found.state is not State.APPROVED or found.keeps_goods:
        raise WrongState(state=found.state)
    sheet_id = await documents.ask_sheet(
        tx,
        shop_id=shop_id,
        kind=documents.SheetKind.LABEL,
        asked=[str(return_id)],
        sheet_id=label_id(return_id),
    )
    await jobs.ask(tx, LABEL, OfReturn(shop_id, return_id), key=str(return_id), shop_id=shop_id, urgent=True)
    return sheet_id


async def state(tx: Tx, *, return_id: UUID) -> jobs.State | None:
    return await jobs.state(tx, LABEL, str(return_id))


async def make(run: jobs.Run, asked: OfReturn) -> None:
    """Raises ReturnNotFound, documents.DocumentNotFound for one that was forgotten meanwhile."""
    async with run.db.transaction() as tx:
        wanted = await documents.sheet(tx, shop_id=asked.shop_id, sheet_id=label_id(asked.return_id))
        found = await looking.get(tx, shop_id=asked.shop_id, return_id=asked.return_id)
        data = await _data(tx, found)
    await documents.make_sheet(run.db, wanted, data)
    async with run.db.transaction() as tx:
        await run.done(tx, as_of=now(), result={})


async def _data(tx: Tx, found: Return) -> dict[str, Any]:
    shop = await accounts.shop(tx, found.shop_id)
    view = await orders.order(tx, shop_id=found.shop_id, order_id=found.order_id)
    lang = documents.words.language(view.order.locale)
    words = documents.words.words(lang)
    lines = {line.id: line for line in view.lines}
    return {
        "lang": lang,
        "kind": "return",
        "title": f"{words['return']} {found.number}",
        "dated": now().astimezone(ZoneInfo(shop.timezone)).date().isoformat(),
        "return": {
            "number": found.number,
            "order": f"#{found.order_number}",
            "from": [view.order.contact_name, *documents.words.address(view.order.address, lang)],
            "to": (await looking.send_to(tx, shop_id=found.shop_id)).splitlines(),
            "own": asdict(documents.code128.bars(found.number)),
            "reason": words.get(found.reason, ""),
            "note": found.note,
            "items": [
                [
                    str(line.quantity),
                    lines[line.line_id].title,
                    documents.words.options(lines[line.line_id].options),
                    lines[line.line_id].sku,
                ]
                for line in found.lines
            ],
        },
    }

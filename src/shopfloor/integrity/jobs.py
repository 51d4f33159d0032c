"""Looking at a show as a job: made by a worker process, after the show, while it runs, and again in the weeks after."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from shopfloor.integrity import look_queries
from shopfloor.kernel import jobs, late
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now

if TYPE_CHECKING:
    from shopfloor.integrity import looking
else:
    looking = late.module("shopfloor.integrity.looking")

_AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class OfShow:
    shop_id: int
    show_id: int


JUDGE: Final = jobs.Job("integrity.judge", asked=OfShow)


async def ask_judgement(tx: Tx, *, shop_id: int, show_id: int, urgent: bool = False) -> jobs.Ticket:
    return await jobs.ask(
        tx, JUDGE, OfShow(shop_id, show_id), key=f"{shop_id}/{show_id}", shop_id=shop_id, urgent=urgent
    )


async def ask_due(tx: Tx) -> None:
    """Shows whose buyers may have changed their minds since they were looked at last."""
    for each in await look_queries.due(tx, at=now(), limit=_AT_ONCE):
        await ask_judgement(tx, shop_id=each.shop_id, show_id=each.show_id)


async def make_judgement(run: jobs.Run, asked: OfShow, *, lake: Path) -> None:
    """Raises metrics.UnknownShow, metrics.MixedCurrencies."""
    await run.progress(0.1, "reading")
    as_of = await looking.look(run.db, lake, shop_id=asked.shop_id, show_id=asked.show_id)
    async with run.db.transaction() as tx:
        await run.done(tx, as_of=as_of, result={})

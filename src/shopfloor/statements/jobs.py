"""Statements and checkpoints as jobs: a worker process reads the lake, signs, and shows the log to others."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shopfloor import collector
from shopfloor.kernel import jobs, late
from shopfloor.kernel.client_address import Network
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.secrets import Box
from shopfloor.kernel.values import now
from shopfloor.statements import assessing, log, queries, service

if TYPE_CHECKING:
    from shopfloor.statements import drawing, inputs, publishing
else:
    publishing = late.module("shopfloor.statements.publishing")
    drawing = late.module("shopfloor.statements.drawing")
    inputs = late.module("shopfloor.statements.inputs")


@dataclass(frozen=True, slots=True)
class OfShow:
    shop_id: int
    show_id: int


@dataclass(frozen=True, slots=True)
class OfShop:
    shop_id: int


MAKE: Final = jobs.Job("statements.make", asked=OfShow)
PUBLISH: Final = jobs.Job("statements.publish", asked=OfShop)
LOOK_EVERY: Final = 15.0
PUBLISH_EVERY: Final = 60.0
AT_ONCE: Final = 20
# All the show said, and all who were still paying at its end, is in the lake by then.
AFTER_END: Final = timedelta(seconds=15)
# How long what comes later (payments, returns, refunds) can change the figures of a show.
FOLLOWED_FOR: Final = timedelta(days=45)
AGAIN_AFTER: Final = timedelta(days=1)
TRIED_AGAIN_AFTER: Final = timedelta(minutes=10)


async def ask(tx: Tx, *, shop_id: int, show_id: int, urgent: bool = False) -> None:
    """Draw up a statement, or its next version where the figures are no longer what they were."""
    await queries.note_asked(tx, shop_id=shop_id, show_id=show_id)
    await jobs.ask(
        tx, MAKE, OfShow(shop_id, show_id), key=f"{shop_id}/{show_id}", shop_id=shop_id, urgent=urgent
    )


async def ask_again(tx: Tx, *, shop_id: int, show_id: int) -> None:
    """Where the show has a statement already: something it says may have changed."""
    if await queries.of_show(tx, shop_id=shop_id, show_id=show_id):
        await ask(tx, shop_id=shop_id, show_id=show_id)


async def ask_for_due(tx: Tx) -> None:
    """Of shows that ended and have none, and once a day of those whose figures may still change."""
    at = now()
    for each in await queries.due(
        tx,
        ended_before=at - AFTER_END,
        ended_after=at - FOLLOWED_FOR,
        tried_before=at - TRIED_AGAIN_AFTER,
        again_before=at - AGAIN_AFTER,
        most=AT_ONCE,
    ):
        await ask(tx, shop_id=each.shop_id, show_id=each.show_id)


async def ask_to_publish(tx: Tx) -> None:
    """What a process that ended between logging and signing left is signed now."""
    for each in await queries.logs_behind(tx):
        await ask_to_sign(tx, shop_id=each.shop_id)


async def ask_to_sign(tx: Tx, *, shop_id: int) -> None:
    await jobs.ask(tx, PUBLISH, OfShop(shop_id), key=str(shop_id), shop_id=shop_id)


async def make(
    run: jobs.Run, asked: OfShow, *, lake: Path, box: Box, assess: service.Assess = assessing.assessed
) -> None:
    """Raises UnknownShow, MixedCurrencies, NotEnded, CannotOpen."""
    await run.progress(0.1, "reading")
    as_of = now() - inputs.SETTLED
    drawn = await asyncio.to_thread(
        lambda: drawing.drawn(
            collector.lake.open(lake), shop_id=asked.shop_id, show_id=asked.show_id, as_of=as_of
        )
    )
    async with run.db.transaction() as tx:
        statement = await service.draw_up(
            tx, box=box, shop_id=asked.shop_id, show_id=asked.show_id, drawn=drawn, assess=assess
        )
        if statement is not None:
            await ask_to_sign(tx, shop_id=asked.shop_id)
        await run.done(tx, as_of=as_of, result={"number": None if statement is None else statement.number})


async def publish(
    run: jobs.Run, asked: OfShop, *, box: Box, directory: Path, allowed: Sequence[Network] = ()
) -> None:
    """Sign the log as it is, keep the checkpoint in a file, and show it to the witnesses.  Raises CannotOpen."""
    async with run.db.transaction() as tx:
        await log.sign_checkpoint(tx, box=box, shop_id=asked.shop_id)
    await run.progress(0.3, "publishing")
    await publishing.keep(run.db, shop_id=asked.shop_id, directory=directory)
    problems = await publishing.show_witnesses(run.db, shop_id=asked.shop_id, allowed=allowed)
    await publishing.keep(run.db, shop_id=asked.shop_id, directory=directory)
    async with run.db.transaction() as tx:
        await run.done(tx, as_of=now(), result={"problems": problems})

"""Statements are drawn up, found, and handed out with their proof."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Any

from shopfloor import accounts, live
from shopfloor.kernel import canonical, outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.secrets import Box
from shopfloor.kernel.tokens import new_token
from shopfloor.kernel.values import now
from shopfloor.statements import log, notes, queries
from shopfloor.statements.drawing import Drawn, statement
from shopfloor.statements.events import StatementMade
from shopfloor.statements.models import FILE, Integrity, Listed, NotEnded, UnknownStatement, same_content

Assess = Callable[[Tx, int, int], Awaitable[Integrity | None]]
"""What was judged of a show (shop, show), None where nothing was."""


async def draw_up(
    tx: Tx, *, box: Box, shop_id: int, show_id: int, drawn: Drawn, assess: Assess | None = None
) -> Listed | None:
    """Sign and log what the lake says of a show; None where its newest statement says that already.

    Raises NotEnded, UnknownShow, CannotOpen.
    """
    shop = await accounts.shop(tx, shop_id)
    show = await live.show(tx, shop_id=shop_id, show_id=show_id)
    if show.ended_at is None or drawn.ended_at is None:
        raise NotEnded
    opened = await log.opened(tx, box=box, shop_id=shop_id)
    before = await queries.of_show(tx, shop_id=shop_id, show_id=show_id)
    number = await queries.last_number(tx, shop_id=shop_id) + 1
    made_at = now()
    document = statement(
        drawn,
        shop=shop,
        show=show,
        origin=opened.log.origin,
        key=opened.signer.public.id.hex(),
        number=number,
        version=before[0].version + 1 if before else 1,
        replaces=before[0].number if before else None,
        made_at=made_at,
        integrity=None if assess is None else await assess(tx, shop_id, show_id),
    )
    if before and same_content(document, (await _logged(tx, shop_id, before[0]))["document"]):
        return None
    grown = await log.append(tx, opened.log, "statement", log.signed(opened.signer, document))
    position = grown.size - 1
    await queries.insert_statement(
        tx,
        shop_id=shop_id,
        number=number,
        show_id=show_id,
        version=document["version"],
        position=position,
        state=document["state"],
        access=new_token(),
        made_at=made_at,
    )
    await outbox.record(tx, StatementMade(shop_id, show_id, number, document["version"], position))
    return await one(tx, shop_id=shop_id, number=number)


async def _logged(tx: Tx, shop_id: int, listed: Listed) -> dict[str, Any]:
    leaf = await queries.leaf(tx, shop_id=shop_id, position=listed.position)
    assert leaf is not None, "a statement is in the log"
    return canonical.decode(leaf.body)


async def one(tx: Tx, *, shop_id: int, number: int) -> Listed:
    """Raises UnknownStatement."""
    found = await queries.statement(tx, shop_id=shop_id, number=number)
    if found is None:
        raise UnknownStatement
    return found


async def shared(tx: Tx, *, shop_id: int, number: int, access: str) -> Listed:
    """The statement, for whoever has its link.  Raises UnknownStatement."""
    found = await one(tx, shop_id=shop_id, number=number)
    if not hmac.compare_digest(found.access.encode(), access.encode("utf-8", "surrogatepass")):
        raise UnknownStatement
    return found


async def of_show(tx: Tx, *, shop_id: int, show_id: int) -> list[Listed]:
    """All versions, the newest first."""
    return await queries.of_show(tx, shop_id=shop_id, show_id=show_id)


async def file_of(tx: Tx, listed: Listed, *, shop_id: int) -> bytes:
    """The statement file: all it takes to check it without us.  Raises NoLog.

    Before the first checkpoint there is none to prove anything by, and the file says so by having none.
    """
    found = await log.log_of(tx, shop_id=shop_id)
    best = await queries.best_size(tx, shop_id=shop_id, position=listed.position)
    signed = None if best is None else await queries.checkpoint_at(tx, shop_id=shop_id, size=best)
    size = listed.position + 1 if signed is None else signed.size
    proof = await log.inclusion_proof(tx, found, position=listed.position, size=size)
    leaf = await _logged(tx, shop_id, listed)
    return canonical.encode(
        {
            "type": FILE,
            "statement": leaf["document"],
            "signature": leaf["signature"],
            "position": listed.position,
            "inclusion": [notes.b64(each) for each in proof],
            "checkpoint": None if signed is None else signed.text,
            "witnesses": [] if signed is None else signed.witnesses,
            "keys": await log.key_chain(tx, shop_id=shop_id, until=found.size),
        }
    )

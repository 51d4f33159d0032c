"""Whether a refund needs a second person, who may be that, and what they decided.

Whoever owns the order holds its lock.  A shop in which nobody else could confirm is asked for nobody.
"""

from typing import Final
from uuid import UUID

from shopfloor.accounts import Role
from shopfloor.approvals import queries
from shopfloor.approvals.events import RefundAsked
from shopfloor.approvals.models import (
    AlreadyDecided,
    Kind,
    Member,
    OwnRequest,
    Request,
    RequestNotFound,
    Why,
)
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.text import cleaned
from shopfloor.kernel.values import Money, new_id, now

_PERSON = "person:"
# Those whose role lets them manage orders, which a test holds.
MANAGE_ORDERS: Final = frozenset({Role.OWNER, Role.MERCHANDISER})


async def needed(
    tx: Tx,
    *,
    shop_id: int,
    order_id: UUID,
    contact_email: str,
    kind: Kind,
    amount_minor: int,
    granted_minor: int,
    actor: str,
) -> Why | None:
    """Why this has to wait for somebody else; None where it has not.

    `granted_minor`: what was given back of the order before: a limit is not passed in small steps.
    """
    if not actor.startswith(_PERSON):
        return None
    person_id = int(actor.removeprefix(_PERSON))
    members = await queries.members(tx, shop_id=shop_id)
    buyer = contact_email.strip().casefold()
    if not any(_may_confirm(each, person_id, buyer) for each in members):
        return None
    if kind is Kind.BY_HAND:
        return Why.OTHER_INSTRUMENT
    if buyer and any(each.email.casefold() == buyer for each in members):
        return Why.OWN_ORDER
    limit = await queries.limit(tx, shop_id=shop_id)
    if limit is None:
        return None
    waits = await queries.waiting_minor(tx, order_id=order_id)
    return Why.LIMIT if granted_minor + waits + amount_minor > limit else None


def _may_confirm(member: Member, asked_by: int, buyer: str) -> bool:
    return member.role in MANAGE_ORDERS and member.person_id != asked_by and member.email.casefold() != buyer


async def ask(
    tx: Tx,
    *,
    shop_id: int,
    order_id: UUID,
    refund_id: UUID,
    kind: Kind,
    why: Why,
    amount: Money,
    note: str,
    actor: str,
) -> None:
    """Keep it until somebody has decided; the same again is the same request."""
    request = Request(
        id=new_id(),
        shop_id=shop_id,
        order_id=order_id,
        refund=refund_id,
        kind=kind,
        why=why,
        amount_minor=amount.minor,
        currency=amount.currency,
        note=cleaned(note, one_line=False)[:1000],
        asked_by=int(actor.removeprefix(_PERSON)),
        asked_at=now(),
        decision=None,
        decided_by=None,
        decided_at=None,
    )
    if not await queries.insert(tx, request):
        return
    [kept] = [each for each in await queries.of_order(tx, order_id=order_id) if each.id == request.id]
    await outbox.record(
        tx,
        RefundAsked(
            shop_id=shop_id,
            request_id=request.id,
            order_id=order_id,
            currency=amount.currency,
            amount_minor=amount.minor,
            why=why,
            asked_by=request.asked_by,
            asked_by_name=kept.asked_by_name,
        ),
    )


async def known(tx: Tx, *, shop_id: int, refund_id: UUID, kind: Kind) -> Request | None:
    """What was asked for under this id."""
    return await queries.by_refund(tx, shop_id=shop_id, refund_id=refund_id, kind=kind)


async def request(tx: Tx, *, shop_id: int, request_id: UUID, order_id: UUID | None = None) -> Request:
    """Raises RequestNotFound, also for one of another order than `order_id`."""
    found = await queries.request(tx, shop_id=shop_id, request_id=request_id)
    if found is None or order_id not in {None, found.order_id}:
        raise RequestNotFound(request_id=str(request_id))
    return found


async def confirm(tx: Tx, found: Request, *, contact_email: str, person_id: int) -> None:
    """Somebody else says yes.  Raises OwnRequest, AlreadyDecided."""
    members = await queries.members(tx, shop_id=found.shop_id)
    buyer = contact_email.strip().casefold()
    if not any(each.person_id == person_id and _may_confirm(each, found.asked_by, buyer) for each in members):
        raise OwnRequest(request_id=str(found.id))
    if not await queries.decide(tx, request_id=found.id, decision="confirmed", person_id=person_id):
        raise AlreadyDecided(request_id=str(found.id))


async def decline(
    tx: Tx, *, shop_id: int, request_id: UUID, person_id: int, order_id: UUID | None = None
) -> Request:
    """Nothing is given back.  Who asked may take it back too.  Raises RequestNotFound, AlreadyDecided."""
    found = await request(tx, shop_id=shop_id, request_id=request_id, order_id=order_id)
    if not await queries.decide(tx, request_id=request_id, decision="declined", person_id=person_id):
        raise AlreadyDecided(request_id=str(request_id))
    return found


async def of_order(tx: Tx, *, order_id: UUID) -> list[Request]:
    """Newest first."""
    return await queries.of_order(tx, order_id=order_id)


async def waiting(
    tx: Tx, *, shop_id: int, after: UUID | None = None, before: UUID | None = None, limit: int = 100
) -> list[Request]:
    """Oldest first; for `kernel.paging`."""
    return await queries.waiting(tx, shop_id=shop_id, after=after, before=before, limit=limit)


async def refund_limit(tx: Tx, *, shop_id: int) -> int | None:
    """In minor units of the shop's currency; None where there is none."""
    return await queries.limit(tx, shop_id=shop_id)


async def set_refund_limit(tx: Tx, *, shop_id: int, limit_minor: int | None, person_id: int) -> None:
    await queries.set_limit(tx, shop_id=shop_id, limit_minor=limit_minor, person_id=person_id)

"""Tell somebody something, once; the log of what was told."""

from dataclasses import replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from shopfloor.kernel import paging, text
from shopfloor.kernel.database import Tx
from shopfloor.kernel.secrets import Box
from shopfloor.kernel.values import new_id, now, whole_number
from shopfloor.notices import queries, readers
from shopfloor.notices.models import (
    TO_MERCHANT,
    TRAITS,
    Channel,
    Kind,
    NewNotice,
    Notice,
    State,
    UnknownNotice,
    is_address,
    is_nowhere,
)


def about_secret(notice_id: UUID) -> str:
    """What the sealed link of a notice is bound to."""
    return f"notifications.notice {notice_id}"


_RECENT: Final = timedelta(days=30)


async def tell(tx: Tx, notice: NewNotice, *, box: Box | None = None, secret: str = "") -> UUID | None:
    """Queue it, in the transaction of its reason.  None: it exists, or there is nobody to tell.

    `secret`: the path of a link that only its reader may know; it is sealed, and forgotten once it has left.
    """
    recipient = notice.recipient.strip()
    if not recipient:
        return None
    traits = TRAITS[notice.kind]
    notice_id = new_id()
    sealed = box.seal(secret, about=about_secret(notice_id)) if box is not None and secret else notice.sealed
    state, code = State.QUEUED, ""
    by_mail = notice.channel is Channel.MAIL
    if by_mail and not is_address(recipient):
        state, code = State.REFUSED, "not_an_address"
    elif by_mail and is_nowhere(recipient):
        state, code = State.KEPT, "nowhere"
    # Who wants no SMS gets none, whatever it is about: there is the mail; but what was asked for just now.
    # Members turn off what they are told each on its own: who buys here too is not meant.
    elif (
        notice.kind not in TO_MERCHANT
        and (traits.may_unsubscribe if by_mail else not traits.asked_for)
        and await readers.is_unsubscribed(tx, shop_id=notice.shop_id, address=recipient)
    ):
        state, code = State.DROPPED, "unsubscribed"
    is_new = await queries.insert_notice(
        tx,
        notice_id=notice_id,
        notice=replace(notice, recipient=recipient[:500], sealed=sealed if state is State.QUEUED else None),
        urgency=traits.urgency,
        expires_at=notice.expires_at or now() + traits.lasts,
        state=state,
        code=code,
    )
    return notice_id if is_new else None


# The log


async def notice(tx: Tx, *, shop_id: int, notice_id: UUID) -> Notice:
    """Raises UnknownNotice."""
    found = await queries.notice(tx, shop_id=shop_id, notice_id=notice_id)
    if found is None:
        raise UnknownNotice
    return found


async def notices(
    tx: Tx,
    *,
    shop_id: int,
    search: str = "",
    state: State | None = None,
    kind: Kind | None = None,
    channel: str | None = None,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> list[Notice]:
    """A shop's messages, newest first.  `search`: the number of an order, or the beginning of a recipient."""
    wanted = text.looked_for(text.line(search, field="search", longest=200)).removeprefix("#")
    if wanted:
        if after is not None or before is not None:
            return []
        return await queries.found(
            tx,
            shop_id=shop_id,
            wanted=wanted,
            number=whole_number(wanted),
            state=state,
            kind=kind,
            channel=channel,
            limit=limit,
        )
    return await queries.newest(
        tx, shop_id=shop_id, state=state, kind=kind, channel=channel, after=after, before=before, limit=limit
    )


async def page_of(
    tx: Tx,
    *,
    shop_id: int,
    search: str = "",
    state: State | None = None,
    kind: Kind | None = None,
    channel: str | None = None,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> paging.Page[Notice]:
    async def fetch(*, after: UUID | None, before: UUID | None, limit: int) -> list[Notice]:
        return await notices(
            tx,
            shop_id=shop_id,
            search=search,
            state=state,
            kind=kind,
            channel=channel,
            after=after,
            before=before,
            limit=limit,
        )

    return await paging.page(fetch, after=after, before=before, limit=limit, key=_id)


def _id(each: Notice) -> UUID:
    return each.id


async def of_order(tx: Tx, *, shop_id: int, order_id: UUID) -> list[Notice]:
    return await queries.of_order(tx, shop_id=shop_id, order_id=order_id)


async def counts(tx: Tx, *, shop_id: int) -> dict[str, int]:
    """How many of the last thirty days ended how."""
    return {row.state: row.count for row in await queries.counts(tx, shop_id=shop_id, since=now() - _RECENT)}

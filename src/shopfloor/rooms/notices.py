"""Notices on top of the room, and corrections of what was said.  The record keeps them."""

from collections.abc import Mapping

import msgspec

from shopfloor import live, run_of_show
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.text import UnusableText, prose
from shopfloor.kernel.values import now, video_ms
from shopfloor.rooms import notice_queries
from shopfloor.rooms.events import NoticePosted
from shopfloor.rooms.models import Notice, NoticeKind
from shopfloor.rooms.snapshot import notice_state

MAX_NOTICE = 500


async def post_notice(
    tx: Tx,
    *,
    shop_id: int,
    show_id: int,
    text: str,
    texts: Mapping[str, str] | None = None,
    kind: NoticeKind = NoticeKind.NOTICE,
    offer_id: int | None = None,
    by: int | None = None,
    at: int | None = None,
) -> Notice:
    """A notice, or the correction of something said, on top of the room and in the show's record."""
    parent = await live.locked(tx, shop_id, show_id)
    parent.refuse_ended()
    text, texts = _notice(text), {locale: _notice(each) for locale, each in (texts or {}).items()}
    if offer_id is not None:
        await run_of_show.offer(tx, shop_id=shop_id, show_id=show_id, offer_id=offer_id)
    video = video_ms(now()) if at is None else at
    notice = await notice_queries.insert_notice(
        tx,
        show_id=show_id,
        kind=str(kind),
        text=text,
        texts=texts,
        offer_id=offer_id,
        video=video,
        by=by,
    )
    fact = NoticePosted(shop_id, show_id, str(kind), notice.text, notice.texts, offer_id, video)
    await live.set_notice(tx, show_id=show_id, notice=msgspec.to_builtins(notice_state(fact)))
    await outbox.record(tx, fact)
    return notice


async def clear_notice(tx: Tx, *, shop_id: int, show_id: int) -> None:
    """Take the notice down; the record keeps it."""
    parent = await live.locked(tx, shop_id, show_id)
    if parent.notice is not None:
        await live.set_notice(tx, show_id=show_id, notice=None)
        fact = NoticePosted(shop_id, show_id, "notice", "", {}, None, video_ms(now()))
        await outbox.record(tx, fact)


async def notices(tx: Tx, *, shop_id: int, show_id: int) -> list[Notice]:
    await live.show(tx, shop_id=shop_id, show_id=show_id)
    return await notice_queries.notices(tx, show_id=show_id)


def _notice(text: str) -> str:
    """As it is kept.  Raises live.BadShow."""
    try:
        found = prose(text, field="text", longest=MAX_NOTICE)
    except UnusableText as problem:
        raise live.BadShow(f"A notice has 1 to {MAX_NOTICE} characters.", length=len(text)) from problem
    if not found:
        raise live.BadShow(f"A notice has 1 to {MAX_NOTICE} characters.", length=len(text))
    return found

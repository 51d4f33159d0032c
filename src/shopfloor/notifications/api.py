"""/v1/{shop}/messages: what was told to whom and what became of it, telling it again, and the words of each kind."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from shopfloor import letters, notices, orders
from shopfloor.accounts import Actor, NotAllowed, Permission
from shopfloor.auth.api import allowed
from shopfloor.kernel.http import Db, refusals, with_links
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.kernel.text import UnusableText
from shopfloor.letters import LANGUAGES, LONGEST_INTRO, LONGEST_SUBJECT, TEXTS, UnknownPlaceholder, Wording
from shopfloor.notices import Channel, Kind, Notice, State, UnknownNotice
from shopfloor.notifications import service
from shopfloor.notifications.models import CannotGoAgain

router = Router(prefix="/v1/{shop}/messages", tags=["messages"])

Viewer = Annotated[Actor, Depends(allowed(Permission.ORDERS_VIEW))]
Manager = Annotated[Actor, Depends(allowed(Permission.ORDERS_MANAGE))]


class Message(BaseModel):
    """What was told.  `state`: queued, sending, sent, kept, refused, failed, unknown or dropped; `code` says why."""

    id: UUID
    kind: Kind
    channel: str
    recipient: str
    locale: str
    order_id: UUID | None
    order_number: int | None
    state: State
    attempts: int
    subject: str
    code: str
    reply: str
    created_at: str
    ended_at: str | None
    may_go_again: bool


class Shown(Message):
    """With what its reader sees; a link that only the reader may know is not in it."""

    html: str
    text: str


class OfOrder(BaseModel):
    messages: list[Message]


class Words(BaseModel):
    """The words of one kind of message in one language: the shop's own, or where `own` is false, those that come with
    Shopfloor.  `placeholders`: what they may name, in braces.
    """

    kind: Kind
    locale: str
    subject: str
    intro: str
    own: bool
    placeholders: list[str]


class AllWords(BaseModel):
    words: list[Words]


class WordsIn(BaseModel):
    """Both empty: the words that come with Shopfloor."""

    subject: str = Field("", max_length=LONGEST_SUBJECT)
    intro: str = Field("", max_length=LONGEST_INTRO)


class AgainIn(BaseModel):
    """`key`: your own, so that asking again sends no second one."""

    key: UUID | None = None


def _told(notice: Notice) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(notice)
    return {name: plain[name] for name in Message.model_fields if name != "may_go_again"} | {
        "may_go_again": notice.may_go_again
    }


@router.get("")
async def messages(
    request: Request,
    response: Response,
    actor: Viewer,
    db: Db,
    *,
    state: State | None = None,
    kind: Kind | None = None,
    channel: Channel | None = None,
    search: Annotated[str, Query(max_length=100)] = "",
    after: UUID | None = None,
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[Message]:
    """Newest first.  `search`: an order's number, or a recipient.  The header `Link` leads to the next page."""
    async with db.transaction() as tx:
        found = await notices.page_of(
            tx,
            shop_id=actor.shop_id,
            search=search,
            state=state,
            kind=kind,
            channel=channel,
            after=after,
            before=before,
            limit=limit,
        )
    return [Message.model_validate(_told(each)) for each in with_links(request, response, found)]


@router.get("/of-order/{order_id:uuid}", responses=refusals(orders.OrderNotFound))
async def of_order(order_id: UUID, actor: Viewer, db: Db) -> OfOrder:
    """Everything that was told about one order, oldest first."""
    async with db.transaction() as tx:
        await orders.order(tx, shop_id=actor.shop_id, order_id=order_id)
        found = await notices.of_order(tx, shop_id=actor.shop_id, order_id=order_id)
    return OfOrder(messages=[Message.model_validate(_told(each)) for each in found])


@router.get("/words")
async def words(actor: Viewer, db: Db) -> AllWords:
    """Of each kind that a shop may word, in each language."""
    async with db.transaction() as tx:
        own = await letters.wording(tx, shop_id=actor.shop_id)
    return AllWords(
        words=[
            _words(kind, tag, own.get((kind, tag))) for kind in Kind if kind.own_words for tag in LANGUAGES
        ]
    )


def _words(kind: Kind, tag: str, own: Wording | None) -> Words:
    ours = TEXTS[tag][kind]
    return Words(
        kind=kind,
        locale=tag,
        subject=own.subject if own is not None and own.subject else ours.subject,
        intro=own.intro if own is not None and own.intro else ours.intro,
        own=own is not None,
        placeholders=list(kind.placeholders),
    )


@router.put(
    "/words/{kind}/{locale}", responses=refusals(UnknownNotice, UnknownPlaceholder, UnusableText, NotAllowed)
)
async def set_words(kind: Kind, locale: str, body: WordsIn, actor: Manager, db: Db) -> Words:
    wanted = Wording(kind, locale, body.subject, body.intro)
    async with db.transaction() as tx:
        await letters.save_wording(tx, actor=actor, wording=wanted)
        own = await letters.wording(tx, shop_id=actor.shop_id)
    return _words(kind, locale, own.get((kind, locale)))


@router.get("/{notice_id:uuid}", responses=refusals(UnknownNotice))
async def message(request: Request, notice_id: UUID, actor: Viewer, db: Db) -> Shown:
    async with db.transaction() as tx:
        notice, shown = await service.shown(
            tx, shop_id=actor.shop_id, notice_id=notice_id, origin=services_of(request).public.origin
        )
    return Shown.model_validate(
        _told(notice) | {"html": shown.html, "text": shown.text, "subject": shown.subject}
    )


@router.post(
    "/{notice_id:uuid}/send-again", status_code=201, responses=refusals(UnknownNotice, CannotGoAgain)
)
async def send_again(notice_id: UUID, actor: Manager, db: Db, body: AgainIn | None = None) -> Message:
    """Another message of the same content, to where the order is reached now; with the same `key` it is one."""
    async with db.transaction() as tx:
        new_id = await service.send_again(
            tx,
            shop_id=actor.shop_id,
            notice_id=notice_id,
            person_id=actor.person_id,
            key=None if body is None else body.key,
        )
        return Message.model_validate(
            _told(await notices.notice(tx, shop_id=actor.shop_id, notice_id=new_id))
        )

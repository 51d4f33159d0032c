"""Statements: the shop's signed figures, its key, who witnesses them, and whom it is a witness of."""

from collections.abc import Mapping
from operator import attrgetter
from typing import Annotated

from fastapi import Form
from starlette.responses import Response

from shopfloor import live, statements
from shopfloor.accounts import Permission
from shopfloor.kernel import paging, secrets
from shopfloor.kernel.border import Id
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.http import public_link
from shopfloor.kernel.routes import Router
from shopfloor.kernel.secrets import Box
from shopfloor.kernel.services import services_of
from shopfloor.statements.api import as_file
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.languages import N_
from shopfloor.web.refusals import message_of

router = Router(prefix="/console/{shop}", include_in_schema=False)

Reader = Annotated[Desk, at_page("statements")]
Owner = Annotated[Desk, at(Permission.MEMBERS_MANAGE)]
Key = Annotated[str, Form(max_length=1000)]
Keys = Annotated[str, Form(max_length=8000)]
Address = Annotated[str, Form(max_length=3000)]

PAGE = 30


def _box(desk: Desk) -> Box:
    return secrets.box(services_of(desk.request).given)


def link_to(desk: Desk, listed: statements.Listed) -> str:
    """What a brand is sent: it opens this one statement."""
    path = f"/v1/{desk.shop.slug}/statements/{listed.number}?access={listed.access}"
    return public_link(desk.request, path)


@router.get("/statements")
async def listing(desk: Reader, after: Id | None = None, before: Id | None = None) -> Response:
    return await _list(desk, after, before)


async def _list(
    desk: Desk,
    after: int | None = None,
    before: int | None = None,
    typed: Mapping[str, object] | None = None,
    refusal: Refusal | None = None,
) -> Response:
    shop_id = desk.shop.id
    async with desk.db.transaction() as tx:
        page = await paging.numbered(
            statements.statements,
            tx,
            shop_id=shop_id,
            limit=PAGE,
            after=after,
            before=before,
            key=attrgetter("number"),
        )
        titles = {
            show_id: await live.show(tx, shop_id=shop_id, show_id=show_id)
            for show_id in {each.show_id for each in page.items}
        }
        keys = await statements.log.public_keys(tx, shop_id=shop_id)
        asked = await statements.witnessing.witnesses(tx, shop_id=shop_id)
        watched = await statements.witnessing.watched(tx, shop_id=shop_id)
        own = await statements.witnessing.own_key(tx, shop_id=shop_id)
    errors: dict[str, str] = {}
    if refusal is not None:
        errors[str(refusal.facts.get("field", ""))] = message_of(refusal, desk.language)
    return desk.page(
        "statements.html",
        active="shows",
        status=200 if refusal is None else refusal.status,
        statements=page.items,
        page=page,
        shows=titles,
        keys=keys,
        witnesses=asked,
        watched=watched,
        own_key=None if own is None else str(own),
        own_address=public_link(desk.request, f"/v1/{desk.shop.slug}/witness"),
        values={"url": "", "key": "", "keys": "", **(typed or {})},
        errors=errors,
    )


@router.get("/statements/{number:id}/file")
async def file(desk: Reader, number: Id) -> Response:
    async with desk.db.transaction() as tx:
        listed = await statements.one(tx, shop_id=desk.shop.id, number=number)
        data = await statements.file_of(tx, listed, shop_id=desk.shop.id)
    return as_file(data, desk.shop.slug, number)


@router.post("/shows/{show_id}/statement")
async def draw_up(desk: Reader, show_id: Id) -> Response:
    """Now, and not when its time comes."""
    path = f"/shows/{show_id}/report"
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            show = await live.show(tx, shop_id=desk.shop.id, show_id=show_id)
            if show.ended_at is None:
                raise statements.NotEnded
            await statements.jobs.ask(tx, shop_id=desk.shop.id, show_id=show_id, urgent=True)
    return desk.back(
        f"{path}#statement",
        desk.say(
            N_("The figures are checked again. If they changed, a new version appears here in a moment.")
        ),
    )


@router.post("/statements/rotate")
async def rotate(desk: Owner) -> Response:
    async with desk.work() as tx:
        vouched = await statements.log.rotate(tx, box=_box(desk), shop_id=desk.shop.id)
        await statements.jobs.ask_to_sign(tx, shop_id=desk.shop.id)
    said = (
        N_("New key. The old one signed it, so whoever knows the old one can follow.")
        if vouched
        else N_(
            "New key. The old one couldn't be read and didn't sign it: tell those who check your statements."
        )
    )
    return desk.back("/statements#keys", desk.say(said))


@router.post("/statements/witnesses")
async def add_witness(desk: Owner, key: Key = "", url: Address = "") -> Response:
    try:
        async with desk.work() as tx:
            await statements.witnessing.add_witness(
                tx,
                shop_id=desk.shop.id,
                key=key,
                url=url,
                plain_allowed=bool(services_of(desk.request).given.fetchable),
            )
            await statements.jobs.ask_to_sign(tx, shop_id=desk.shop.id)
    except Refusal as refusal:
        return await _list(desk, typed={"key": key, "url": url}, refusal=refusal)
    return desk.back("/statements#witnesses", desk.say(N_("Witness added. It is shown the log now.")))


@router.post("/statements/witnesses/{witness_id:id}/remove")
async def remove_witness(desk: Owner, witness_id: Id) -> Response:
    async with desk.work() as tx:
        await statements.witnessing.remove_witness(tx, shop_id=desk.shop.id, witness_id=witness_id)
    return desk.back("/statements#witnesses", desk.say(N_("Witness removed. What it signed stays.")))


@router.post("/statements/watched")
async def watch(desk: Owner, keys: Keys = "") -> Response:
    try:
        async with desk.work() as tx:
            await statements.witnessing.watch(
                tx, box=_box(desk), shop_id=desk.shop.id, keys=keys.splitlines()
            )
    except Refusal as refusal:
        return await _list(desk, typed={"keys": keys}, refusal=refusal)
    return desk.back("/statements#watched", desk.say(N_("This shop is a witness of that log now.")))


@router.post("/statements/watched/{watched_id:id}/remove")
async def unwatch(desk: Owner, watched_id: Id) -> Response:
    async with desk.work() as tx:
        await statements.witnessing.unwatch(tx, shop_id=desk.shop.id, watched_id=watched_id)
    return desk.back("/statements#watched", desk.say(N_("This shop no longer watches that log.")))

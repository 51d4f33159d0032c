"""Your website: which sites may show the shop's rooms in a frame, and what to paste into them."""

from typing import Annotated

from fastapi import Form
from starlette.responses import Response

from shopfloor import embeds
from shopfloor.accounts import Permission
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.languages import N_
from shopfloor.web.refusals import message_of

router = Router(prefix="/console/{shop}/embeds", include_in_schema=False)

Viewer = Annotated[Desk, at_page("embeds")]
Owner = Annotated[Desk, at(Permission.MEMBERS_MANAGE)]
Text = Annotated[str, Form(max_length=2_000)]


def snippet(shop_address: str, script: str) -> str:
    """What a merchant pastes into a page: where the frame comes, and the script that makes it."""
    return f'<div data-shopfloor="{shop_address}"></div>\n<script async src="{script}"></script>'


@router.get("")
async def sites(desk: Viewer) -> Response:
    return await _page(desk)


async def _page(desk: Desk, typed: str = "", refusal: Refusal | None = None) -> Response:
    async with desk.db.transaction() as tx:
        listed = await embeds.sites(tx, shop_id=desk.shop.id)
    public = services_of(desk.request).public
    return desk.page(
        "embeds.html",
        active="terms",
        status=200 if refusal is None else refusal.status,
        sites=listed,
        most=embeds.MOST_SITES,
        snippet=snippet(public.link(f"/s/{desk.shop.slug}"), public.link("/embed.js")),
        is_secure=public.is_secure,
        values={"site": typed},
        errors={} if refusal is None else {"site": message_of(refusal, desk.language)},
    )


@router.post("")
async def add(desk: Owner, site: Text = "") -> Response:
    try:
        async with desk.work() as tx:
            origin = await embeds.add_site(tx, actor=desk.actor, address=site)
    except Refusal as refusal:
        return await _page(desk, site, refusal)
    return desk.back("/embeds", desk.say(N_("%(site)s may show your rooms from now on."), site=origin))


@router.post("/remove")
async def remove(desk: Owner, site: Text = "") -> Response:
    async with desk.work() as tx:
        await embeds.remove_site(tx, actor=desk.actor, origin=site)
    return desk.back("/embeds", desk.say(N_("Removed. It can no longer show your rooms.")))

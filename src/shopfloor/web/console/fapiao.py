"""Fapiao: what buyers ask for, what was issued elsewhere, and red ones that refunds ask for."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import File, Form, Query, UploadFile
from starlette.responses import Response

from shopfloor import fapiao, orders
from shopfloor.accounts import Permission
from shopfloor.fapiao import State, TitleKind, Via, Wanted, Why
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.http import as_download
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import Money, now
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.console.form_values import one_of
from shopfloor.web.console.state_tabs import listed
from shopfloor.web.fapiao import WHY, errors_of, kinds
from shopfloor.web.languages import N_
from shopfloor.web.papers import as_file
from shopfloor.web.refusals import message_of
from shopfloor.web.templating import flash

router = Router(prefix="/console/{shop}", include_in_schema=False)

Viewer = Annotated[Desk, at_page("fapiao")]
Manager = Annotated[Desk, at(Permission.ORDERS_MANAGE)]
MoneyManager = Annotated[Desk, at(Permission.MONEY_MANAGE)]
Text = Annotated[str, Form(max_length=1000)]
Files = Annotated[list[UploadFile] | None, File()]
_SHOWN: Final = 5
# Whether buyers may ask for one; None: as the place of the shop says.
OFFERED: Final = {"": None, "yes": True, "no": False}


@router.get("/fapiao")
async def listing(
    desk: Viewer,
    state: Annotated[str | None, Query(max_length=20)] = None,
    search: Annotated[str | None, Query(max_length=100)] = None,
    after: UUID | None = None,
    before: UUID | None = None,
) -> Response:
    async with desk.db.transaction() as tx:
        found = await listed(
            tx, desk, fapiao.listing, fapiao.counts,
            states=tuple(State), state=state, search=search, after=after, before=before,
        )  # fmt: skip
        offered = await fapiao.is_offered(tx, shop_id=desk.shop.id)
    return desk.page(
        "fapiao_list.html",
        active="terms",
        requests=found["page"].items,
        tabs=tuple(State),
        offered=offered,
        amount=Money,
        **found,
    )


@router.get("/fapiao.csv")
async def export(desk: Viewer, state: Annotated[str | None, Query(max_length=20)] = None) -> Response:
    """A row for each fapiao, red ones too."""
    chosen = state if state in set(State) else None
    return await as_download(
        fapiao.sheet.written_out(desk.db, shop_id=desk.shop.id, state=chosen), "fapiao.csv"
    )


@router.post("/fapiao/numbers")
async def numbers(desk: MoneyManager, file: UploadFile | None = None) -> Response:
    """The list back, with numbers and dates."""
    try:
        await desk.claim()
        data = b"" if file is None else await file.read(1024 * 1024)
        done = await fapiao.sheet.take_in(desk.db, shop_id=desk.shop.id, data=data, actor=_actor(desk))
    except Refusal as refusal:
        return desk.refused("/fapiao", refusal)
    said = desk.say(N_("%(recorded)s recorded, %(unchanged)s were there already."), recorded=done.recorded, unchanged=done.unchanged)  # fmt: skip
    if not done.refused:
        return desk.back("/fapiao", said)
    rows = [
        desk.say(N_("row %(row)s: %(why)s"), row=row, why=message_of(refusal, desk.language))
        for row, refusal in done.refused[:_SHOWN]
    ]
    head = desk.say(N_("%(n)s could not."), n=len(done.refused))
    response = desk.back("/fapiao")
    flash(response, "bad", " ".join([said, head, *rows, *(["…"] if len(done.refused) > _SHOWN else [])]))
    return response


def _actor(desk: Desk) -> str:
    return f"person:{desk.actor.person_id}"


@router.get("/fapiao/{fapiao_id}")
async def one(desk: Viewer, fapiao_id: UUID) -> Response:
    async with desk.db.transaction() as tx:
        found = await fapiao.get(tx, shop_id=desk.shop.id, request_id=fapiao_id)
        view = await orders.order(tx, shop_id=desk.shop.id, order_id=found.order_id)
        known = await fapiao.settings(tx, shop_id=desk.shop.id)
    return desk.page(
        "fapiao.html",
        active="terms",
        asked=found,
        view=view,
        order=view.order,
        known=known,
        kinds=kinds(desk.language),
        kind_words=dict(kinds(desk.language)),
        why=desk.say(WHY[found.why]) if found.why else "",
        today=now().astimezone(ZoneInfo(desk.shop.timezone)).date().isoformat(),
        amount=Money,
    )


async def _contents(files: Sequence[UploadFile] | None) -> list[bytes]:
    return [await file.read() for file in files or [] if file.filename]


def _day(text: str) -> date:
    """Raises BadDate."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise fapiao.BadDate(issued_on=text[:40]) from None


@router.post("/fapiao/{fapiao_id}/issue")
async def issue(
    desk: MoneyManager,
    fapiao_id: UUID,
    number: Text = "",
    issued_on: Text = "",
    file: Files = None,
) -> Response:
    path = f"/fapiao/{fapiao_id}"
    contents = await _contents(file)
    with desk.back_if_refused(path):
        day = _day(issued_on)
        async with desk.work() as tx:
            await fapiao.issue(
                tx,
                shop_id=desk.shop.id,
                request_id=fapiao_id,
                number=number,
                issued_on=day,
                files=contents,
                actor=_actor(desk),
            )
    return desk.back(path, desk.say(N_("Recorded. The customer is told.")))


@router.post("/fapiao/papers/{paper_id}/issue")
async def issue_red(
    desk: MoneyManager,
    paper_id: UUID,
    number: Text = "",
    issued_on: Text = "",
    file: Files = None,
) -> Response:
    contents = await _contents(file)
    path = await _path_of(desk, paper_id)
    with desk.back_if_refused(path):
        day = _day(issued_on)
        async with desk.work() as tx:
            await fapiao.issue_red(
                tx,
                shop_id=desk.shop.id,
                paper_id=paper_id,
                number=number,
                issued_on=day,
                files=contents,
                actor=_actor(desk),
            )
    return desk.back(path, desk.say(N_("Recorded. The customer is told.")))


@router.post("/fapiao/papers/{paper_id}/files")
async def add_files(desk: MoneyManager, paper_id: UUID, file: Files = None) -> Response:
    contents = await _contents(file)
    path = await _path_of(desk, paper_id)
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            await fapiao.add_files(tx, shop_id=desk.shop.id, paper_id=paper_id, files=contents)
    return desk.back(path, desk.say(N_("Added. The customer gets it by email.")))


async def _path_of(desk: Desk, paper_id: UUID) -> str:
    """Raises NotRequested."""
    async with desk.db.transaction() as tx:
        found = await fapiao.of_paper(tx, shop_id=desk.shop.id, paper_id=paper_id)
    return f"/fapiao/{found.id}"


@router.post("/fapiao/{fapiao_id}/reissue")
async def reissue(
    desk: MoneyManager,
    fapiao_id: UUID,
    kind: Annotated[TitleKind, Form()] = TitleKind.COMPANY,
    title: Text = "",
    tax_id: Text = "",
    email: Text = "",
    edition: Annotated[int | None, Form(ge=1, le=10_000)] = None,
) -> Response:
    """Issued anew, of what the order comes to now."""
    path = f"/fapiao/{fapiao_id}"
    try:
        async with desk.work() as tx:
            await fapiao.reissue(
                tx,
                shop_id=desk.shop.id,
                request_id=fapiao_id,
                wanted=Wanted(kind, title, tax_id, email),
                edition=edition,
            )
    except fapiao.FormRefused as refusal:
        response = desk.back(path)
        flash(response, "bad", " ".join(errors_of(refusal, desk.language).values()))
        return response
    except Refusal as refusal:
        return desk.refused(path, refusal)
    return desk.back(path, desk.say(N_("Issue the red fapiao, then the new one, and record both numbers.")))


@router.post("/fapiao/{fapiao_id}/decline")
async def decline(desk: MoneyManager, fapiao_id: UUID, answer: Text = "") -> Response:
    path = f"/fapiao/{fapiao_id}"
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            found = await fapiao.get(tx, shop_id=desk.shop.id, request_id=fapiao_id)
            await fapiao.withdraw(
                tx, shop_id=desk.shop.id, order_id=found.order_id, why=Why.DECLINED, answer=answer
            )
    return desk.back(path, desk.say(N_("Declined. The customer sees why on the order page.")))


@router.post("/orders/{order_id}/fapiao")
async def ask(
    desk: Manager,
    order_id: UUID,
    kind: Annotated[TitleKind, Form()] = TitleKind.COMPANY,
    title: Text = "",
    tax_id: Text = "",
    email: Text = "",
) -> Response:
    """For a buyer who asked the shop."""
    path = f"/orders/{order_id}"
    try:
        async with desk.work() as tx:
            request = await fapiao.ask(
                tx, shop_id=desk.shop.id, order_id=order_id, wanted=Wanted(kind, title, tax_id, email), via=Via.STAFF
            )  # fmt: skip
    except fapiao.FormRefused as refusal:
        response = desk.back(f"{path}#fapiao")
        flash(response, "bad", " ".join(errors_of(refusal, desk.language).values()))
        return response
    except Refusal as refusal:
        return desk.refused(f"{path}#fapiao", refusal)
    return desk.back(f"/fapiao/{request.id}", desk.say(N_("Requested.")))


@router.get("/fapiao/files/{file_id}")
async def file(desk: Viewer, file_id: UUID) -> Response:
    async with desk.db.transaction() as tx:
        found = await fapiao.content(tx, shop_id=desk.shop.id, file_id=file_id)
    return as_file(fapiao.file_name(found), found.content, found.format)


@router.post("/fapiao/settings")
async def set_settings(
    desk: MoneyManager, offered: Text = "", goods_name: Text = "", goods_code: Text = ""
) -> Response:
    with desk.back_if_refused("/invoices#fapiao"):
        wanted = fapiao.Settings(one_of(OFFERED, offered, field="offered"), goods_name, goods_code)
        async with desk.work() as tx:
            await fapiao.set_settings(tx, shop_id=desk.shop.id, wanted=wanted)
    return desk.back("/invoices#fapiao", desk.say(N_("Saved.")))

"""Questions in SQL over the shop's events and figures: asked in a form, worked on elsewhere, read page by page."""

from collections.abc import AsyncGenerator
from operator import attrgetter
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Form, Query
from starlette.responses import Response

from shopfloor import accounts, analysis, reports
from shopfloor.analysis import Problem, Question, State, UnknownQuestion
from shopfloor.kernel import paging, sheets
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.http import as_download
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import now
from shopfloor.web.console.desk import Desk, at_page
from shopfloor.web.languages import N_
from shopfloor.web.refusals import message_of

router = Router(prefix="/console/{shop}", include_in_schema=False)

Analyst = Annotated[Desk, at_page("ask")]
Sql = Annotated[str, Form(max_length=20_000)]
Days = Annotated[int, Form()]
PageOf = Annotated[int, Query(ge=1, le=analysis.MOST_ROWS)]

ROWS: Final = 50
HISTORY: Final = 20
AT_FIRST: Final = 31

# The tables a question finds, and what their columns hold.
COLUMNS: Final[dict[str, dict[str, str]]] = {
    "events": {
        "id": N_("Identity of the event within its source"),
        "source": N_("Who says so: the server or a browser"),
        "type": N_("What happened"),
        "event_time": N_("When it happened"),
        "received_at": N_("When it was received"),
        "shop_id": N_("The shop"),
        "show_id": N_("The show, if it belongs to one"),
        "session_id": N_("The view session"),
        "viewer": N_("The shopper, as a random id"),
        "actor_kind": N_("viewer, host, merchant, supplier or system"),
        "product_id": N_("The product"),
        "variant_id": N_("The variant"),
        "offer_id": N_("The product in the show"),
        "order_id": N_("The order"),
        "hold_id": N_("The reservation, or the refused request"),
        "quantity": N_("Units"),
        "amount_minor": N_("Amount in the smallest unit of the currency"),
        "currency": N_("Currency code"),
        "code": N_("Reason or refusal code"),
        "seconds": N_("A length of time"),
        "text": N_("What was said"),
        "sequence": N_("Number within the view session; gaps are losses"),
        "extra": N_("Everything else, as JSON"),
    },
    "shows": {
        "show_id": N_("The show"),
        "title": N_("Its title"),
        "status": N_("planned, live or ended"),
        "started_at": N_("When it went live"),
        "ended_at": N_("When it ended"),
    },
    "products": {
        "product_id": N_("The product"),
        "title": N_("Its title"),
        "status": N_("Its status in the catalog"),
    },
    "variants": {
        "variant_id": N_("The variant"),
        "product_id": N_("Its product"),
        "sku": N_("SKU"),
        "options": N_("Its options, such as “Indigo / M”"),
    },
    "figures": {
        "section": N_("show, shop, week, channel or cohort"),
        "key": N_("Which one"),
        "show_id": N_("The show, where the figure is of one"),
        "figure": N_("Id of the figure"),
        "metric": N_("Id with version"),
        "value": N_("The figure, as the reports have it"),
        "unit": N_("Its unit; minor is the smallest unit of the currency"),
        "state": N_("provisional or final"),
        "as_of": N_("As of when"),
        "numerator": N_("What it is made of, above the line"),
        "denominator": N_("Below the line, if any"),
        "net_of_invalid": N_("The same without what is invalid"),
    },
}
EXAMPLES: Final[dict[str, tuple[str, str]]] = {
    "types": (
        N_("What happened, and how often"),
        """\
SELECT type, count(*) AS events
FROM events
GROUP BY type
ORDER BY events DESC""",
    ),
    "shows": (
        N_("Paid and net of each show"),
        """\
SELECT show_id, title, gmv_paid(show_id) AS paid_minor, gmv_net(show_id) AS net_minor,
       figure('conversion', show_id) AS conversion
FROM shows
WHERE status = 'ended'
ORDER BY started_at DESC""",
    ),
    "hours": (
        N_("Shoppers and page views by hour"),
        """\
SELECT date_trunc('hour', event_time) AS hour, count(DISTINCT viewer) AS shoppers,
       count(*) AS page_views
FROM events
WHERE type = 'page_view'
GROUP BY hour
ORDER BY hour""",
    ),
    "chosen": (
        N_("Products that were opened, and by how many"),
        """\
SELECT p.title, count(*) AS clicks, count(DISTINCT e.viewer) AS shoppers
FROM events e JOIN products p USING (product_id)
WHERE e.type IN ('view_item', 'select_item')
GROUP BY p.title
ORDER BY shoppers DESC""",
    ),
    "paid": (
        N_("Paid orders and amounts by day"),
        """\
SELECT event_time::DATE AS day, currency, count(DISTINCT order_id) AS orders,
       sum(amount_minor) AS amount_minor
FROM events
WHERE type = 'orders.order_paid'
GROUP BY ALL
ORDER BY day""",
    ),
    "weeks": (
        N_("All channels by week, as the reports have it"),
        """\
SELECT DATE '1970-01-01' + key::INT AS week, figure, value, unit
FROM figures
WHERE section = 'week'
ORDER BY week DESC, figure""",
    ),
}
STATES: Final = {
    State.WAITING: (N_("In line"), "wait"),
    State.RUNNING: (N_("Running"), "wait"),
    State.DONE: (N_("Answered"), "good"),
    State.FAILED: (N_("Failed"), "bad"),
    State.CANCELLED: (N_("Cancelled"), ""),
}
PROBLEMS: Final = {
    Problem.SQL: N_("The database did not understand this."),
    Problem.STATEMENT: N_("Ask with one SELECT. Nothing can be changed, loaded or attached here."),
    Problem.FUNCTION: N_("“%(name)s” can't be used here: it reaches beyond the tables of your shop."),
    Problem.MEMORY: N_(
        "This needs more memory than a question may have (512 MB). Group or filter earlier, or join less."
    ),
    Problem.SLOW: N_(
        "This took longer than 20 seconds and was stopped. Choose a shorter period, or filter earlier."
    ),
    Problem.EVENTS: N_("There are more than %(most)s events in this period. Choose a shorter one."),
    Problem.ENDED: N_("This was stopped at the limits of memory and time. Ask for less at once."),
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a question has no answer; `shown` is its line and `mark` the place below it."""

    text: str
    said: str
    line: int
    col: int
    shown: str
    mark: str


@router.get("/ask")
async def page(
    desk: Analyst,
    example: Annotated[str, Query(max_length=20)] = "",
    after: UUID | None = None,
    before: UUID | None = None,
) -> Response:
    sql = EXAMPLES[example][1] if example in EXAMPLES else ""
    return await _page(desk, sql=sql, after=after, before=before)


@router.post("/ask")
async def ask(desk: Analyst, sql: Sql = "", days: Days = AT_FIRST) -> Response:
    try:
        async with desk.work() as tx:
            asked = await analysis.ask(
                tx, shop_id=desk.shop.id, person_id=desk.actor.person_id, sql=sql, days=days
            )
    except (analysis.BadQuestion, analysis.StillRunning) as refusal:
        return await _page(desk, sql=sql, days=days, refusal=refusal)
    return desk.back(f"/ask/{asked.id}#answer")


@router.get("/ask/{question_id}")
async def asked(desk: Analyst, question_id: UUID, page: PageOf = 1) -> Response:
    async with desk.work() as tx:
        question = await analysis.question(tx, shop_id=desk.shop.id, question_id=question_id)
        found = None
        if question.state is State.DONE:
            found = await _answer(tx, desk, question_id)
    return await _page(
        desk, sql=question.sql, days=question.days, question=question, answer=found, rows_page=page
    )


async def _answer(tx: Any, desk: Desk, question_id: UUID) -> analysis.Answer | None:
    """None where its rows are gone."""
    try:
        return await analysis.answer(tx, shop_id=desk.shop.id, question_id=question_id)
    except UnknownQuestion:
        return None


@router.post("/ask/{question_id}/cancel")
async def cancel(desk: Analyst, question_id: UUID) -> Response:
    async with desk.work() as tx:
        await analysis.cancel(tx, shop_id=desk.shop.id, question_id=question_id)
    return desk.back(f"/ask/{question_id}")


@router.get("/ask/{question_id}/rows.csv")
async def sheet(desk: Analyst, question_id: UUID) -> Response:
    async with desk.work() as tx:
        found = await analysis.answer(tx, shop_id=desk.shop.id, question_id=question_id)

    async def pieces() -> AsyncGenerator[bytes]:
        yield (
            sheets.MARK.encode()
            + sheets.written([[sheets.guarded(name) for name, _ in found.columns]]).encode()
        )
        for start in range(0, len(found.rows), 1000):
            rows = found.rows[start : start + 1000]
            yield sheets.written(
                [sheets.guarded(cell) if isinstance(cell, str) else cell for cell in row] for row in rows
            ).encode()

    return await as_download(pieces(), f"{desk.shop.slug}-answer.csv")


@router.get("/ask/{question_id}/rows.parquet")
async def columns(desk: Analyst, question_id: UUID) -> Response:
    async with desk.work() as tx:
        file = await analysis.parquet(tx, shop_id=desk.shop.id, question_id=question_id)
    return Response(
        file,
        media_type="application/octet-stream",
        headers={
            "content-disposition": f'attachment; filename="{desk.shop.slug}-answer.parquet"',
            "cache-control": "no-store",
        },
    )


async def _page(
    desk: Desk,
    *,
    sql: str = "",
    days: int = AT_FIRST,
    question: Question | None = None,
    answer: analysis.Answer | None = None,
    rows_page: int = 1,
    refusal: Refusal | None = None,
    after: UUID | None = None,
    before: UUID | None = None,
) -> Response:
    shop_id = desk.shop.id

    async def fetch(*, after: UUID | None, before: UUID | None, limit: int) -> list[Question]:
        return await analysis.questions(tx, shop_id=shop_id, after=after, before=before, limit=limit)

    async with desk.db.transaction() as tx:
        history = await paging.page(fetch, limit=HISTORY, after=after, before=before, key=attrgetter("id"))
        people = {
            each.person_id: each.name or each.email for each in await accounts.members(tx, shop_id=shop_id)
        }
        report = await reports.stored_shop_report(tx, shop_id=shop_id)
    rows = [] if answer is None else answer.rows
    last = max(1, -(-len(rows) // ROWS))
    here = min(rows_page, last)
    return desk.page(
        "ask.html",
        active="reports",
        status=200 if refusal is None else refusal.status,
        sql=sql,
        days=days,
        spans=analysis.DAYS,
        columns=COLUMNS,
        examples=[(key, label) for key, (label, _) in EXAMPLES.items()],
        question=question,
        state=None if question is None else STATES[question.state],
        trouble=None if question is None else _trouble(desk, question),
        answer=answer,
        rows=rows[(here - 1) * ROWS : here * ROWS],
        first=(here - 1) * ROWS + 1,
        here=here,
        last=last,
        history=history,
        states=STATES,
        people=people,
        refusal=None if refusal is None else message_of(refusal, desk.language),
        figures_as_of=None if report is None else report.as_of,
        most_rows=analysis.MOST_ROWS,
        most_sql=analysis.MOST_SQL,
        asked_again=round(now().timestamp() * 1000),
    )


def _trouble(desk: Desk, question: Question) -> Trouble | None:
    if question.state is not State.FAILED:
        return None
    kind = Problem(question.problem)
    text = desk.say(PROBLEMS[kind], name=question.message, most=analysis.MOST_EVENTS)
    lines = question.sql.split("\n")
    shown = lines[question.line - 1] if 0 < question.line <= len(lines) else ""
    mark = " " * (question.col - 1) + "^" if shown and 0 < question.col <= len(shown) + 1 else ""
    return Trouble(
        text,
        question.message if kind is Problem.SQL else "",
        question.line,
        question.col,
        shown if mark else "",
        mark,
    )

"""Reports over weeks: shows side by side and put together, with the shop's own past beside the newest."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Final

from babel import dates
from fastapi import Path, Query
from starlette.responses import Response

from shopfloor import accounts, catalog, live, metrics, reports
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import now
from shopfloor.reports import Comparison, Part, ShopReport, ShowLine, Verdict
from shopfloor.web.console.desk import Desk, at_page
from shopfloor.web.console.making import making
from shopfloor.web.console.report import BASES, LABELS, Names, shown
from shopfloor.web.languages import N_

router = Router(prefix="/console/{shop}", include_in_schema=False)

Reader = Annotated[Desk, at_page("reports")]
MetricId = Annotated[str, Path(max_length=60)]
Weeks = Annotated[int, Query(ge=1, le=26)]

OLD: Final = timedelta(minutes=30)
ASK_AGAIN_AFTER: Final = timedelta(seconds=5)
SPANS: Final = (4, 13, 26)
_EPOCH: Final = date(1970, 1, 1)
CHANNELS: Final = {"show": N_("Shows"), "web": N_("Web shop"), "till": N_("Tills")}
# From the newest cohorts so many, and so many months after.
COHORTS: Final = 7


@dataclass(frozen=True, slots=True)
class Beside:
    """A figure of a show beside the shop's own past, in words; `tone` good, bad or nothing."""

    label: str
    text: str
    verdict: str
    tone: str
    name: str
    definition: str


@dataclass(frozen=True, slots=True)
class Cohort:
    """Buyers by the month of their first order: how many, who bought again so many months later, and their worth."""

    month: date
    buyers: int
    kept: list[float | None]
    worth: int


@router.get("/reports")
async def page(desk: Reader, weeks: Weeks = 13) -> Response:
    """The newest report there is; an old one is shown while a newer one is made."""
    shop_id = desk.shop.id
    async with desk.work() as tx:
        report = await reports.stored_shop_report(tx, shop_id=shop_id)
        state = await reports.shop_report_state(tx, shop_id=shop_id)
        if state is None or (not state.is_under_way and _is_old(report, state.ended_at or state.asked_at)):
            await reports.ask_shop_report(tx, shop_id=shop_id, urgent=report is None)
            state = await reports.shop_report_state(tx, shop_id=shop_id)
        shows = [] if report is None else _within(report, weeks)
        nets = await reports.net_money(tx, shop_id=shop_id, show_ids=[each.show_id for each in shows])
        names = await _names(tx, desk, shows)
        titles = {each.show_id: await live.show(tx, shop_id=shop_id, show_id=each.show_id) for each in shows}
        members = await accounts.members(tx, shop_id=shop_id)
    now_made = making(desk, state, missing=report is None)
    if report is None:
        return desk.page(
            "reports.html", active="reports", report=None, making=now_made, weeks=weeks, spans=SPANS
        )
    newest = shows[0] if shows else None
    return desk.page(
        "reports.html",
        active="reports",
        report=report,
        making=now_made,
        weeks=weeks,
        spans=SPANS,
        currency=report.currency or desk.shop.currency,
        newest=newest,
        beside=[] if newest is None else beside(desk, report, newest),
        titles=titles,
        names=names,
        shows=shows,
        lines={each.show_id: reports.parts([each], lambda show: show.show_id, nets)[0] for each in shows},
        by_week=reports.parts(shows, lambda show: show.week, nets),
        by_weekday=sorted(reports.parts(shows, lambda show: show.weekday, nets), key=_number),
        host_names={each.person_id: each.name for each in members},
        hosts=reports.parts(shows, lambda show: show.host_id, nets),
        weekdays=dates.get_day_names("wide", locale=desk.language.locale),
        products=reports.products_of(shows),
        sources=reports.sources_of([group for show in shows for group in show.sources]),
        channels=_sold(report, "channel"),
        channel_names=CHANNELS,
        sold_weeks=_sold_weeks(report, weeks),
        repeat=_whole(report, "repeat_rate"),
        cohorts=cohorts(report),
        most_kept=COHORTS,
    )


def _is_old(report: ShopReport | None, tried: datetime) -> bool:
    return now() - tried > (ASK_AGAIN_AFTER if report is None else OLD)


def _number(part: Part) -> int:
    assert isinstance(part.key, int)
    return part.key


def _within(report: ShopReport, weeks: int) -> list[ShowLine]:
    since = report.as_of - timedelta(weeks=weeks)
    return [show for show in report.shows if show.ended_at >= since]


async def _names(tx: Tx, desk: Desk, shows: Sequence[ShowLine]) -> Names:
    ids = sorted({row.product_id for show in shows for row in show.products})
    products = await catalog.products_by_id(tx, shop_id=desk.shop.id, ids=ids)
    return Names(products, {}, desk.language)


def beside(desk: Desk, report: ShopReport, line: ShowLine) -> list[Beside]:
    """What of a show is more than chance, in words."""
    found: list[Beside] = []
    for metric, comparison in reports.compared(report.shows, line).items():
        figure = line.figures.get(metric)
        # What is known so far of a day that is not over is less than it will be.
        if figure is None or (metric == "gmv_net_1" and figure.state == "provisional"):
            continue
        defined = metrics.every_metric()[metric]
        currency = line.currency or desk.shop.currency
        found.append(
            Beside(
                desk.say(LABELS[metric]),
                shown(figure, currency, desk.language),
                in_words(desk, metric, figure, comparison, currency),
                {Verdict.HIGHER: "good", Verdict.LOWER: "bad"}.get(comparison.verdict, ""),
                figure.name,
                defined.zh if desk.language.tag.startswith("zh") else defined.en,
            )
        )
    return found


def in_words(desk: Desk, metric: str, figure: metrics.Figure, comparison: Comparison, currency: str) -> str:
    """What is noise is called so."""
    n = comparison.shows
    if comparison.low is None or comparison.high is None:
        if n == 0:
            return desk.say(N_("No earlier show on this weekday is about as long."))
        return desk.say(N_("Too few comparable shows to say (%(n)s, at least %(least)s are needed)."), n=n,
                        least=reports.comparing.FEWEST)  # fmt: skip
    low, high = (
        shown(metrics.Figure(metric, figure.version, figure.unit, round(each * 1000), 1000, figure.as_of, figure.state),
              currency, desk.language)
        for each in (comparison.low, comparison.high)
    )  # fmt: skip
    text = {
        Verdict.USUAL: N_(
            "As usual: nine in ten of %(n)s comparable shows would fall between %(low)s and %(high)s."
        ),
        Verdict.HIGHER: N_("Higher than usual: %(n)s comparable shows suggest %(low)s to %(high)s."),
        Verdict.LOWER: N_("Lower than usual: %(n)s comparable shows suggest %(low)s to %(high)s."),
    }[comparison.verdict]
    return desk.say(text, n=n, low=low, high=high)


def _whole(report: ShopReport, metric: str) -> float | None:
    figures = () if report.sales is None else report.sales.figures
    return next((each.value for each in figures if each.id == metric), None)


def _sold(report: ShopReport, grain: str) -> dict[str, dict[str, int]]:
    """Whole numbers by the key of a part and the figure."""
    found: dict[str, dict[str, int]] = {}
    for each in () if report.sales is None else report.sales.groups:
        if each.grain == grain and each.denominator is None:
            found.setdefault(each.key, {})[each.id] = each.numerator
    return found


def _sold_weeks(report: ShopReport, weeks: int) -> list[tuple[date, dict[str, int]]]:
    since = (report.as_of.date() - timedelta(weeks=weeks) - _EPOCH).days
    every = {int(key): row for key, row in _sold(report, "week").items()}
    return [(_EPOCH + timedelta(days=key), every[key]) for key in sorted(every, reverse=True) if key >= since]


def cohorts(report: ShopReport) -> list[Cohort]:
    """The newest first; months that have not come yet are left out."""
    kept: dict[int, dict[int, float]] = {}
    sizes: dict[int, int] = {}
    worth: dict[int, dict[int, float]] = {}
    for each in () if report.sales is None else report.sales.groups:
        if each.grain != "cohort" or each.value is None:
            continue
        month, age = map(int, each.key.split("/"))
        {"retention": kept, "ltv": worth}[each.id].setdefault(month, {})[age] = each.value
        sizes[month] = each.denominator or 0
    last = report.as_of.year * 12 + report.as_of.month - 1
    return [
        Cohort(
            date(month // 12, month % 12 + 1, 1),
            sizes[month],
            [kept[month].get(age, 0.0) if month + age <= last else None for age in range(1, COHORTS)],
            round(max(worth[month].items())[1]),
        )
        for month in sorted(kept, reverse=True)[:COHORTS]
    ]


@router.post("/reports/anew")
async def make_anew(desk: Reader) -> Response:
    async with desk.work() as tx:
        await reports.ask_shop_report(tx, shop_id=desk.shop.id, urgent=True)
    return desk.back("/reports?wait=1")


async def _stored(desk: Desk) -> ShopReport:
    """What the page shows; where it shows nothing yet, one that is waited for."""
    async with desk.work() as tx:
        stored = await reports.stored_shop_report(tx, shop_id=desk.shop.id)
    return stored or await reports.shop_report_of(desk.db, shop_id=desk.shop.id)


@router.get("/reports.csv")
async def sheet(desk: Reader) -> Response:
    report = await _stored(desk)
    async with desk.db.transaction() as tx:
        return reports.exports.as_csv(await reports.exports.shop_rows(tx, report), "shows")


@router.get("/reports.parquet")
async def columns(desk: Reader) -> Response:
    report = await _stored(desk)
    async with desk.db.transaction() as tx:
        rows = await reports.exports.shop_rows(tx, report)
    return await reports.exports.as_parquet(rows, "shows")


@router.get("/reports/definitions/{metric}")
async def definition(desk: Reader, metric: MetricId) -> Response:
    """What a number means, what it rests on, and the statement that computes it from the tables it names."""
    every = metrics.every_metric()
    if metric not in every:
        raise metrics.UnknownMetric(metric=metric)
    found = every[metric]
    return desk.page(
        "definition.html",
        active="reports",
        metric=found,
        label=desk.say(LABELS[metric]) if metric in LABELS else metric,
        definition=found.zh if desk.language.tag.startswith("zh") else found.en,
        sql=metrics.metric_sql(metric, found.grains[0]),
        basis=desk.say(BASES[found.basis]),
        steps=metrics.steps_of(metric),
    )

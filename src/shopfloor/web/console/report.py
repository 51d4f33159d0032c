"""The report of a show: what happened, minute by minute, with the definition of every figure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Final

from babel import numbers
from starlette.responses import Response

from shopfloor import auctions, catalog, chat, integrity, live, metrics, polls, reports, statements
from shopfloor.kernel import jobs
from shopfloor.kernel.border import Id
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import Money, now
from shopfloor.metrics import Figure, ShowReport
from shopfloor.web.chat_reasons import REASONS
from shopfloor.web.console.chart import chart
from shopfloor.web.console.desk import Desk, at_page
from shopfloor.web.console.making import making
from shopfloor.web.console.statements import link_to
from shopfloor.web.languages import N_, Language
from shopfloor.web.parts import option_words
from shopfloor.web.templating import money_text

router = Router(prefix="/console/{shop}/shows/{show_id}", include_in_schema=False)

Reader = Annotated[Desk, at_page("report")]

# An older report is made anew when somebody opens it; so is one there was nothing for a moment ago.
OLD: Final = timedelta(minutes=15)
OLD_ON_AIR: Final = timedelta(minutes=1)
ASK_AGAIN_AFTER: Final = timedelta(seconds=5)

LABELS: Final = {
    "live_views": N_("Visits"),
    "pv": N_("Views"),
    "uv": N_("Viewers"),
    "uv_10s": N_("Viewers for 10+ seconds"),
    "uv_60s": N_("Viewers for 1+ minute"),
    "watch_s": N_("Watch time"),
    "pcu": N_("Peak viewers"),
    "acu": N_("Average viewers"),
    "acu_legacy": N_("Average of the minutes' peaks"),
    "dwell_mean": N_("Average watch time"),
    "dwell_median": N_("Median watch time"),
    "interactions": N_("Chat, likes, shares, follows"),
    "interact_rate": N_("Engagement rate"),
    "asks": N_("Questions in chat"),
    "clicks": N_("Product clicks"),
    "clickers": N_("Clicked a product"),
    "holders": N_("Reserved units"),
    "units_held": N_("Units reserved"),
    "reached_show": N_("Reached the show"),
    "reached_product": N_("Reached a product"),
    "reached_hold": N_("Reached a reservation"),
    "buyers": N_("Paying customers"),
    "conversion": N_("Conversion rate"),
    "orders_placed": N_("Orders placed"),
    "orders_paid": N_("Orders paid"),
    "pay_rate": N_("Placed orders that are paid"),
    "units_paid": N_("Units paid"),
    "gmv_placed": N_("Placed"),
    "gmv_paid": N_("Paid"),
    "gmv_net": N_("Net of cancellations and refunds"),
    "units_returned": N_("Units returned"),
    "units_returned_size": N_("Returned for their size"),
    "units_returned_fault": N_("Returned for a fault"),
    "deposits": N_("Deposits"),
    "gpm": N_("Paid per 1,000 views"),
    "uv_value": N_("Paid per viewer"),
    "aov": N_("Paid per buyer"),
    "asp": N_("Paid per unit"),
    "attach": N_("Units per buyer"),
    "density": N_("Peak paid orders per minute"),
    "density_k": N_("Paid orders per 1,000 viewer-minutes"),
    "refusals": N_("Lost to stock-outs"),
    "refused_buyers": N_("Customers lost to stock-outs"),
    "refused_units": N_("Units lost to stock-outs"),
    "waitlist_joins": N_("Joined a waitlist"),
    "waitlist_units": N_("Units on waitlists"),
    "unmeasured": N_("Visits not measured"),
    "events_lost": N_("Page events lost"),
    "comment_rate": N_("Viewers who wrote"),
    "like_rate": N_("Viewers who liked"),
    "follow_rate_all": N_("Viewers who followed"),
    "watch_pay_cvr": N_("Viewers who paid"),
    "ctor": N_("Orders per product click"),
    "click_pay_cvr": N_("Clicked and paid"),
    "product_ctr": N_("Saw it and clicked"),
    "sell_through": N_("Variants that sold"),
    "gmv_net_1": N_("Net after 1 day"),
    "gmv_net_7": N_("Net after 7 days"),
    "gmv_net_14": N_("Net after 14 days"),
    "gmv_net_30": N_("Net after 30 days"),
    "settle_rate_1": N_("Kept after 1 day"),
    "settle_rate_7": N_("Kept after 7 days"),
    "settle_rate_14": N_("Kept after 14 days"),
    "settle_rate_30": N_("Kept after 30 days"),
    "gpm_net": N_("Net per 1,000 views"),
    "gpm_product": N_("Paid per 1,000 who saw it"),
    "uv_value_net": N_("Net per viewer"),
    "pitch_yield": N_("Net per 1,000 viewer-minutes on screen"),
    "return_rate": N_("Return rate"),
    "refund_rate_pre": N_("Refunded before shipping"),
    "refund_rate_post": N_("Refunded after shipping"),
    "same_night_cancel": N_("Cancelled within 12 hours"),
    "settled_to_shown": N_("Orders kept after 14 days"),
    "buyer_top_4": N_("Orders of the top four buyers"),
    "stockout_loss": N_("Units wanted and not had"),
    "sales_orders": N_("Orders paid, all channels"),
    "sales_units": N_("Units paid, all channels"),
    "sales_gmv_paid": N_("Paid, all channels"),
    "sales_gmv_net": N_("Net, all channels"),
    "sales_buyers": N_("Customers, all channels"),
    "new_buyers": N_("New customers"),
    "repeat_rate": N_("Repeat rate"),
    "retention": N_("Bought again"),
    "ltv": N_("Lifetime value"),
    "attributed_paid": N_("Paid, by rule"),
    "attributed_net": N_("Net, by rule"),
}
HEADLINES: Final = ("uv", "pcu", "acu", "dwell_mean", "gmv_placed", "gmv_paid", "gmv_net", "conversion",
                    "orders_placed", "orders_paid", "density", "refused_buyers")  # fmt: skip
RULES: Final = {
    "pitch_open": N_("While the product was on screen"),
    "pitch_recent": N_("Within 10 minutes after, seen by the buyer"),
    "show": N_("Otherwise in the show"),
    "post_7": N_("Within 7 days after the show"),
    "post_30": N_("Within 30 days after the show"),
    "outside": N_("Later"),
}
STEPS: Final = (
    ("reached_show", N_("Reached the show")),
    ("reached_product", N_("Reached a product")),
    ("reached_hold", N_("Reached a reservation")),
    ("buyers", N_("Paid")),
)
BASES: Final = {
    "orders": N_("Rests on orders and payments."),
    "server": N_("Rests on what the server saw."),
    "browser": N_("Rests on what browsers report."),
}
_ONE_DIGIT: Final = frozenset({"acu", "acu_legacy", "density", "density_k", "attach"})


@dataclass(frozen=True, slots=True)
class Told:
    """A figure as people read it.  `small` says what the value alone does not, `basis` what it rests on."""

    figure: Figure
    label: str
    text: str
    small: str
    definition: str
    basis: str


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the funnel; `share` of the first step, `kept` of the one before (None: the first, or nobody)."""

    label: str
    people: int
    share: float
    kept: float | None
    definition: str


@dataclass(frozen=True, slots=True)
class Names:
    """What the rows of a report are called now; what left the catalog is called by its number."""

    products: Mapping[int, catalog.Product]
    variants: Mapping[int, catalog.Variant]
    language: Language

    def product(self, product_id: int | None) -> str:
        product = self.products.get(product_id or 0)
        if product is None:
            return f"#{product_id}" if product_id else "—"
        return self.language.localised(product.titles, product.title)

    def variant(self, variant_id: int) -> str:
        variant = self.variants.get(variant_id)
        if variant is None:
            return f"#{variant_id}"
        return option_words(variant.options) or variant.sku or self.product(variant.product_id)

    def picture(self, product_id: int | None) -> str | None:
        product = self.products.get(product_id or 0)
        return None if product is None else product.picture_sha


@router.get("/report")
async def page(desk: Reader, show_id: Id) -> Response:
    """The newest report there is; an old one is shown while a newer one is made."""
    shop_id = desk.shop.id
    async with desk.work() as tx:
        show = await live.show(tx, shop_id=shop_id, show_id=show_id)
        report = await metrics.stored_report(tx, shop_id=shop_id, show_id=show_id)
        state = await metrics.report_state(tx, shop_id=shop_id, show_id=show_id)
        if show.status is not live.ShowStatus.PLANNED and _is_due(show, report, state):
            await metrics.ask_report(tx, shop_id=shop_id, show_id=show_id, urgent=report is None)
            await integrity.ask_judgement(tx, shop_id=shop_id, show_id=show_id)
            state = await metrics.report_state(tx, shop_id=shop_id, show_id=show_id)
        names = None if report is None else await names_of(tx, desk, report)
        hidden = await chat.hidden_for(tx, shop_id=shop_id, show_id=show_id)
        signed = await statements.of_show(tx, shop_id=shop_id, show_id=show_id)
        judged = await integrity.summary(tx, shop_id=shop_id, show_id=show_id)
        asked = await polls.polls(tx, shop_id=shop_id, show_id=show_id)
        lots = await auctions.auctions(tx, shop_id=shop_id, show_id=show_id)
    now_made = making(desk, state, missing=report is None)
    if report is None:
        if now_made is not None and isinstance(now_made.refusal, metrics.UnknownShow):
            # It says so itself, with what to do.
            now_made = None
        return desk.page("report.html", active="shows", show=show, report=None, making=now_made)
    assert names is not None, "of a report"
    figures = {key: tell(desk, figure, report) for key, figure in report.figures.items()}
    return desk.page(
        "report.html",
        active="shows",
        show=show,
        report=report,
        making=now_made,
        names=names,
        told=figures,
        headlines=[figures[key] for key in HEADLINES],
        judged=judged,
        polls=asked,
        lots=lots,
        waterfall=[] if judged is None else waterfall(desk, judged),
        funnel=funnel(report, figures, desk),
        drawing=chart(report, names.product),
        final_on=final_on(report),
        products=sorted(report.products, key=lambda row: (-row.gmv_paid, -row.gmv_placed, -row.exposed)),
        variants=sorted(report.variants, key=lambda row: (row.product_id or 0, row.variant_id)),
        unmet=sorted(
            (row for row in report.variants if row.refusals or row.waitlist_units),
            key=lambda row: (-row.refusals, -row.waitlist_units),
        ),
        currency=report.currency or desk.shop.currency,
        signed=signed,
        signed_link=link_to(desk, signed[0]) if signed else None,
        sources=reports.sources_of(report.groups),
        booked=booked(report, desk),
        hidden=[(desk.say(REASONS[chat.Reason(reason)]), lines) for reason, lines in hidden.items()],
    )


def _is_due(show: live.Show, report: metrics.ShowReport | None, state: jobs.State | None) -> bool:
    """Whether it is made (anew) because somebody looks at it.  What failed waits for a word."""
    if state is None:
        return True
    if state.is_under_way or state.phase is jobs.Phase.FAILED:
        return False
    newest = (report.as_of if report is not None else None) or state.ended_at or state.asked_at
    if report is None:
        return now() - newest > ASK_AGAIN_AFTER
    return now() - newest > (OLD_ON_AIR if show.status is live.ShowStatus.LIVE else OLD)


@router.post("/report/anew")
async def make_anew(desk: Reader, show_id: Id) -> Response:
    async with desk.work() as tx:
        await live.show(tx, shop_id=desk.shop.id, show_id=show_id)
        await metrics.ask_report(tx, shop_id=desk.shop.id, show_id=show_id, urgent=True)
        await integrity.ask_judgement(tx, shop_id=desk.shop.id, show_id=show_id, urgent=True)
    return desk.back(f"/shows/{show_id}/report?wait=1")


@router.get("/report.csv")
async def sheet(desk: Reader, show_id: Id) -> Response:
    rows = metrics.sheets.rows_of(*await _report(desk, show_id))
    return reports.exports.as_csv(rows, f"show-{show_id}")


@router.get("/report.parquet")
async def columns(desk: Reader, show_id: Id) -> Response:
    rows = metrics.sheets.rows_of(*await _report(desk, show_id))
    return await reports.exports.as_parquet(rows, f"show-{show_id}")


@router.get("/report.json")
async def as_json(desk: Reader, show_id: Id) -> Response:
    found = metrics.sheets.json_of(*await _report(desk, show_id))
    return Response(found, media_type="application/json")


async def _report(desk: Desk, show_id: int) -> tuple[ShowReport, dict[str, metrics.sheets.NetOf]]:
    """What the page shows, and what of it is net; where it shows nothing yet, one that is waited for."""
    async with desk.work() as tx:
        show = await live.show(tx, shop_id=desk.shop.id, show_id=show_id)
        if show.status is live.ShowStatus.PLANNED:
            raise metrics.UnknownShow(show_id=show_id)
        stored = await metrics.stored_report(tx, shop_id=desk.shop.id, show_id=show_id)
    found = stored or await metrics.report_of(desk.db, shop_id=desk.shop.id, show_id=show_id)
    async with desk.db.transaction() as tx:
        return found, await reports.net_of_show(tx, shop_id=desk.shop.id, show_id=show_id)


async def names_of(tx: Tx, desk: Desk, report: ShowReport) -> Names:
    shop_id = desk.shop.id
    products = {row.product_id for row in report.products} | {
        feature.product_id for feature in report.features
    }
    products |= {row.product_id for row in report.variants} | {ask.product_id for ask in report.asks}
    variants = await catalog.variants(tx, shop_id=shop_id, ids=[row.variant_id for row in report.variants])
    return Names(
        await catalog.products_by_id(
            tx, shop_id=shop_id, ids=sorted(product for product in products if product is not None)
        ),
        {variant.id: variant for variant in variants},
        desk.language,
    )


def final_on(report: ShowReport) -> datetime | None:
    """When the last of its figures can no longer change; None while the show runs."""
    longest = max(metric.settles_days for metric in metrics.every_metric().values())
    return None if report.ended_at is None else report.ended_at + timedelta(days=longest)


def tell(desk: Desk, figure: Figure, report: ShowReport) -> Told:
    metric = metrics.every_metric()[figure.id]
    definition = metric.zh if desk.language.tag.startswith("zh") else metric.en
    label = desk.say(LABELS[figure.id]) if figure.id in LABELS else figure.id
    currency = report.currency or desk.shop.currency
    return Told(
        figure,
        label,
        shown(figure, currency, desk.language),
        _made_of(figure),
        definition,
        desk.say(BASES[metric.basis]),
    )


@dataclass(frozen=True, slots=True)
class Fall:
    """A figure from gross to net, as people read it; `invalid` whether anything of it is."""

    label: str
    gross: str
    general: str
    sophisticated: str
    net: str
    invalid: bool


def waterfall(desk: Desk, judged: integrity.Summary) -> list[Fall]:
    rows: list[Fall] = []
    currency = judged.currency or desk.shop.currency
    for each in judged.figures.values():
        is_money = each.id in metrics.every_metric() and metrics.every_metric()[each.id].unit == "minor"

        def text(value: int, money: bool = is_money) -> str:
            if money:
                return money_text(Money(value, currency), desk.language)
            return numbers.format_decimal(value, format="#,##0", locale=desk.language.locale)

        label = desk.say(N_("Likes")) if each.id == "likes" else desk.say(LABELS[each.id])
        rows.append(
            Fall(
                label,
                text(each.gross),
                text(each.general),
                text(each.sophisticated),
                text(each.net),
                each.net != each.gross,
            )
        )
    return rows


def shown(figure: Figure, currency: str, language: Language) -> str:
    words = language.locale
    value = figure.value
    if value is None:
        return "—"
    if figure.unit == "minor":
        return money_text(Money(round(value), currency), language)
    if figure.unit == "seconds":
        minutes, seconds = divmod(round(value), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
    if figure.unit == "ratio":
        return numbers.format_percent(value, format="#,##0.0%", locale=words)
    shape = "#,##0.0" if figure.id in _ONE_DIGIT else "#,##0"
    return numbers.format_decimal(value, format=shape, locale=words)


def _made_of(figure: Figure) -> str:
    """What a share is a share of."""
    return (
        f"{figure.numerator} / {figure.denominator}" if figure.unit == "ratio" and figure.denominator else ""
    )


@dataclass(frozen=True, slots=True)
class Booked:
    """Money by the accounting rule; `share` of all of it that was paid."""

    label: str
    paid: int
    net: int
    share: float


def booked(report: ShowReport, desk: Desk) -> list[Booked]:
    """The classes that have money, which sum to all of it."""
    sums = {(each.key, each.id): each.numerator for each in report.groups if each.grain == "rule"}
    whole = report.figures["gmv_paid"].numerator
    return [
        Booked(
            desk.say(label),
            sums[rule, "attributed_paid"],
            sums[rule, "attributed_net"],
            sums[rule, "attributed_paid"] / whole,
        )
        for rule, label in RULES.items()
        if whole and (rule, "attributed_paid") in sums
    ]


def funnel(report: ShowReport, figures: Mapping[str, Told], desk: Desk) -> list[Step]:
    steps: list[Step] = []
    widest = max(1, *(report.figures[key].numerator for key, _ in STEPS))
    before: int | None = None
    for key, label in STEPS:
        people = report.figures[key].numerator
        kept = people / before if before else None
        steps.append(Step(desk.say(label), people, people / widest, kept, figures[key].definition))
        before = people
    return steps

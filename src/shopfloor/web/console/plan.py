"""From what a show showed to what to order: the forecast, the plan, and the orders that go out."""

from collections.abc import Mapping
from itertools import groupby
from typing import Annotated, Final

from fastapi import Form
from starlette.responses import Response

from shopfloor import catalog, demand, live, metrics, supply
from shopfloor.accounts import Permission
from shopfloor.kernel.border import Id
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.http import public_link
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.routes import Router
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.console.making import making
from shopfloor.web.languages import N_
from shopfloor.web.parts import option_words
from shopfloor.web.refusals import message_of

router = Router(prefix="/console/{shop}/shows/{show_id}/plan", include_in_schema=False)

Viewer = Annotated[Desk, at_page("plan")]
Accepter = Annotated[Desk, at(Permission.PLAN_ACCEPT)]
Text = Annotated[str, Form(max_length=40)]

LEFT_OUT: Final = {
    "supplier_inactive": N_("Quotes of inactive suppliers: %(count)s"),
    "quote_not_valid": N_("Quotes not valid today: %(count)s"),
    "other_currency": N_("Quotes in another currency: %(count)s"),
    "too_late": N_("Quotes too late to deliver: %(count)s"),
    "products_without_quote": N_("Products without a timely quote: %(count)s"),
}


@dataclass(frozen=True, slots=True)
class Expected:
    """A variant's forecast, drawn to the scale of the page (`low`, `mean` and `high` as shares of the widest)."""

    foreseen: demand.Foreseen
    name: str
    low: float
    mean: float
    high: float
    why_unknown: str | None
    evidence: list[str]


@dataclass(frozen=True, slots=True)
class Group:
    """A product with its variants' forecasts."""

    product: catalog.Product | None
    lines: list[Expected]
    total: float
    unknown: int


@dataclass(frozen=True, slots=True)
class Ordered:
    """A line of the plan.  `tier` is the quantity from which its price holds, None when the quote is withdrawn."""

    line: supply.PlanLine
    product: catalog.Product | None
    variant: str
    tier: int | None

    @property
    def sum_minor(self) -> int:
        return self.line.quantity * self.line.unit_minor


@dataclass(frozen=True, slots=True)
class Basket:
    """What the plan orders from one supplier."""

    supplier: supply.Supplier
    lines: list[Ordered]
    units: int
    sum_minor: int


@dataclass(frozen=True, slots=True)
class Goods:
    """Products and variants by id, as the catalog has them now."""

    products: Mapping[int, catalog.Product]
    variants: Mapping[int, catalog.Variant]

    def variant(self, variant_id: int) -> str:
        found = self.variants.get(variant_id)
        return f"#{variant_id}" if found is None else option_words(found.options) or found.sku


@router.get("")
async def page(desk: Viewer, show_id: Id) -> Response:
    return await _page(desk, show_id, keys=await desk.revealed())


async def _page(
    desk: Desk,
    show_id: int,
    *,
    keys: Mapping[str, str] | None = None,
    values: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    refused: Refusal | None = None,
    status: int = 200,
) -> Response:
    shop_id = desk.shop.id
    async with desk.work() as tx:
        show = await live.show(tx, shop_id=shop_id, show_id=show_id)
        forecast = await _forecast(tx, shop_id, show_id)
        plan = await _plan(tx, shop_id, show_id)
        foreseen = await demand.forecast_state(tx, shop_id=shop_id, show_id=show_id)
        if foreseen is None and forecast is None and show.status is not live.ShowStatus.PLANNED:
            # A show that ended before its end made one.
            await demand.ask_forecast(tx, shop_id=shop_id, show_id=show_id, urgent=True)
            foreseen = await demand.forecast_state(tx, shop_id=shop_id, show_id=show_id)
        planned = await supply.plan_state(tx, shop_id=shop_id, show_id=show_id)
        suppliers = {each.id: each for each in await supply.suppliers(tx, shop_id=shop_id)}
        quotes = {each.id: each for each in await supply.quotes(tx, shop_id=shop_id)}
        goods = await _goods(tx, shop_id, forecast, plan)
        outlook = None if plan is None else await supply.outlook(tx, shop_id=shop_id, plan_id=plan.id)
        orders = [] if plan is None else await supply.purchase_orders(tx, shop_id=shop_id, plan_id=plan.id)
    making_plan = making(desk, planned, missing=False)
    if refused is None and making_plan is not None:
        refused = making_plan.refusal
    return desk.page(
        "plan.html",
        active="shows",
        status=status,
        show=show,
        forecast=forecast,
        groups=[] if forecast is None else expectations(forecast, goods, desk.language.tag),
        plan=plan,
        outlook=outlook,
        baskets=[] if plan is None else baskets(plan, goods, suppliers, quotes),
        left_out=[] if plan is None else left_out(desk, plan.remarks),
        orders=orders,
        making=making(desk, foreseen, missing=forecast is None),
        making_plan=making_plan,
        suppliers=suppliers,
        keys=keys or {},
        values=values or {"days": "21", "budget": ""},
        errors=errors or {},
        refusal=None if refused is None else message_of(refused, desk.language),
        why=[] if refused is None else left_out(desk, refused.facts.get("why")),
        has_suppliers=bool(suppliers),
    )


async def _forecast(tx: Tx, shop_id: int, show_id: int) -> demand.Forecast | None:
    try:
        return await demand.forecast(tx, shop_id=shop_id, show_id=show_id)
    except demand.UnknownForecast:
        return None


async def _plan(tx: Tx, shop_id: int, show_id: int) -> supply.Plan | None:
    try:
        return await supply.plan(tx, shop_id=shop_id, show_id=show_id)
    except supply.NoPlan:
        return None


async def _goods(tx: Tx, shop_id: int, forecast: demand.Forecast | None, plan: supply.Plan | None) -> Goods:
    lines = [*(forecast.lines if forecast else ()), *(plan.lines if plan else ())]
    variants = await catalog.variants(tx, shop_id=shop_id, ids=sorted({line.variant_id for line in lines}))
    products = await catalog.products_by_id(
        tx, shop_id=shop_id, ids=sorted({line.product_id for line in lines})
    )
    return Goods(products, {variant.id: variant for variant in variants})


def expectations(forecast: demand.Forecast, goods: Goods, tag: str) -> list[Group]:
    """Product by product, the most wanted first, those without enough data last; all ranges on one scale."""
    widest = max([1.0, *(float(line.high) for line in forecast.lines)])
    by_product = sorted(forecast.lines, key=lambda line: line.product_id)
    groups: list[Group] = []
    for product_id, found in groupby(by_product, key=lambda line: line.product_id):
        lines = list(found)
        groups.append(
            Group(
                product=goods.products.get(product_id),
                lines=[_expected(line, goods, tag, widest) for line in lines],
                total=sum(line.mean for line in lines),
                unknown=sum(not line.identifiable for line in lines),
            )
        )
    return sorted(groups, key=lambda group: (group.unknown == len(group.lines), -group.total))


def _expected(line: demand.Foreseen, goods: Goods, tag: str, widest: float) -> Expected:
    unknown = None if line.reason is None else line.reason.value
    sentences = {each.code: demand.say(each, tag) for each in line.evidence}
    return Expected(
        foreseen=line,
        name=goods.variant(line.variant_id),
        low=line.low / widest,
        mean=min(1.0, line.mean / widest),
        high=line.high / widest,
        why_unknown=None if unknown is None else sentences.get(unknown),
        evidence=[sentence for code, sentence in sentences.items() if code != unknown],
    )


def baskets(
    plan: supply.Plan,
    goods: Goods,
    suppliers: Mapping[int, supply.Supplier],
    quotes: Mapping[int, supply.Quote],
) -> list[Basket]:
    found: list[Basket] = []
    for supplier_id, group in groupby(
        sorted(plan.lines, key=lambda line: line.supplier_id), key=lambda line: line.supplier_id
    ):
        lines = [
            Ordered(
                line,
                goods.products.get(line.product_id),
                goods.variant(line.variant_id),
                _tier(quotes.get(line.quote_id), line.unit_minor),
            )
            for line in group
        ]
        found.append(
            Basket(
                suppliers[supplier_id],
                lines,
                sum(each.line.quantity for each in lines),
                sum(each.sum_minor for each in lines),
            )
        )
    return found


def _tier(quote: supply.Quote | None, unit_minor: int) -> int | None:
    if quote is None:
        return None
    return next((tier.minimum for tier in quote.terms.tiers if tier.unit_minor == unit_minor), None)


def left_out(desk: Desk, remarks: object) -> list[str]:
    """What a plan could not take into account, in words."""
    if not isinstance(remarks, Mapping):
        return []
    return [desk.say(words, count=remarks[code]) for code, words in LEFT_OUT.items() if remarks.get(code)]


@router.post("/foresee")
async def foresee(desk: Accepter, show_id: Id) -> Response:
    """Learn from all that the show has said so far; a plan follows by itself."""
    async with desk.work() as tx:
        show = await live.show(tx, shop_id=desk.shop.id, show_id=show_id)
        if show.status is live.ShowStatus.PLANNED:
            return desk.refused(f"/shows/{show_id}/plan", metrics.UnknownShow(show_id=show_id))
        await demand.ask_forecast(tx, shop_id=desk.shop.id, show_id=show_id, urgent=True)
    return desk.back(f"/shows/{show_id}/plan?wait=1")


@router.post("")
async def make(desk: Accepter, show_id: Id, days: Text = "", budget: Text = "") -> Response:
    values = {"days": days, "budget": budget}
    errors: dict[str, str] = {}
    horizon, minor = 21, None
    try:
        horizon = desk.quantity(days)
    except Refusal as refusal:
        errors["days"] = message_of(refusal, desk.language)
    if not 1 <= horizon <= 365:
        errors["days"] = desk.say(N_("From 1 to 365 days."))
    try:
        minor = desk.minor(budget) if budget.strip() else None
    except Refusal as refusal:
        errors["budget"] = message_of(refusal, desk.language)
    if errors:
        return await _page(desk, show_id, values=values, errors=errors, status=422)
    try:
        await desk.claim()
        async with desk.work() as tx:
            await live.show(tx, shop_id=desk.shop.id, show_id=show_id)
            await supply.ask_plan(
                tx, supply.Wanted(desk.shop.id, show_id, horizon_days=horizon, budget_minor=minor)
            )
    except Refusal as refusal:
        return await _page(desk, show_id, values=values, refused=refusal, status=refusal.status)
    return desk.back(f"/shows/{show_id}/plan?wait=1#plan")


@router.post("/{plan_id}/accept")
async def accept(desk: Accepter, show_id: Id, plan_id: Id) -> Response:
    """The suppliers' links are shown once: we keep their hashes."""
    with desk.back_if_refused(f"/shows/{show_id}/plan"):
        async with desk.work() as tx:
            sent = await supply.accept(tx, actor=desk.actor, plan_id=plan_id)
    links = {str(each.order.id): public_link(desk.request, f"/supplier/{each.key}") for each in sent}
    return await desk.reveal(f"/shows/{show_id}/plan", links)

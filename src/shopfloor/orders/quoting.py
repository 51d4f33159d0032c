"""What a checkout costs, for each way it can be delivered: what the page shows is what `prepare` charges."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from shopfloor import policies, pricing, promotions, purchases, stores
from shopfloor.kernel.countries import COUNTRIES
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import MAX_MINOR
from shopfloor.orders import checkout_queries, discounts, together
from shopfloor.orders.checkout_form import JOIN, Address, Form
from shopfloor.orders.collecting import location_of
from shopfloor.orders.models import Bundle, Delivery, Item, Totals, totals
from shopfloor.orders.refusals import FormRefused
from shopfloor.policies import ShopTerms

NOT_IN_STORE: Final = "not_in_store"
"""What is wrong with a store that hasn't got all of it."""
SHIP, PICK_UP = "ship", "pick_up"
"""The ways of a shop that has set none: everywhere at one price, and pick-up."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way of delivery with all it costs.  `field`: what a form calls it, `ship`, `pick_up`, or one of these with the
    shop's own number.  `name` is the shop's own; without one the page has words for it.
    """

    id: str
    field: str
    kind: pricing.DeliveryKind
    delivery: Delivery
    name: str
    note: str
    totals: Totals
    breakdown: pricing.Breakdown
    calculation: dict[str, Any]
    items: list[Item]
    codes: list[discounts.CodeTold]
    taken: list[promotions.Taken]
    joins: together.Earlier | None = None
    """The order in whose parcel it leaves."""
    store: stores.Offered | None = None
    """The store at which it is collected."""


@dataclass(frozen=True, slots=True)
class Quote:
    """`asks_country`: the country of the address decides; `place` is the one these prices are for.

    `countries`: those that something is brought to; empty where all are.  `lacking`: stores at which it could be
    collected if they had all of it.
    """

    ways: list[Way]
    place: pricing.Place
    asks_country: bool
    countries: list[str]
    lacking: Sequence[stores.Offered] = ()


@dataclass(frozen=True, slots=True)
class Again:
    """A placed order whose price is reckoned again: with the discounts it has, the rates of the day it was placed, and
    less what is forgiven of it.
    """

    at: datetime
    included: bool
    discounts: promotions.Candidates
    in_other_parcel: bool
    paid_minor: int
    """What is not forgiven in any case."""
    waived_minor: int
    """Forgiven before; None of it is forgiven twice."""
    waive: bool

    def waives(self, total_minor: int) -> int:
        over = max(0, total_minor - self.paid_minor)
        return over if self.waive else min(over, self.waived_minor)


def place_of(address: Address | None) -> pricing.Place | None:
    """Where an address is, as prices go by it; None where it names no country by its two letters."""
    country = (address.country if address else "").strip().upper()
    if address is None or country not in COUNTRIES:
        return None
    return pricing.Place(country=country, region=address.region, postcode=address.postcode)


async def quote(
    tx: Tx,
    *,
    shop_id: int,
    currency: str,
    items: Sequence[Item],
    bundles: Sequence[Bundle],
    terms: ShopTerms,
    asked: discounts.Asked,
    address: Address | None = None,
    joins: together.Earlier | None = None,
    again: "Again | None" = None,
    places: Sequence[stores.Offered] = (),
) -> Quote:
    """With `joins` also as it goes in the parcel of that order, named first.  Without an address that names a country: as
    the goods would go within the shop's own.

    `again`: an order that was placed is changed; then only the discounts that it has are asked.  `places`: the stores
    at which it can be collected.

    Raises purchases.BadPurchase when the sum is beyond what the product accepts.
    """
    goods = await checkout_queries.goods(
        tx, shop_id=shop_id, variant_ids=sorted({item.variant_id for item in items})
    )
    found = (
        await discounts.offered(tx, shop_id=shop_id, currency=currency, asked=asked)
        if again is None
        else again.discounts
    )
    wanted = Wanted(
        currency, items, bundles, terms, asked, goods, found, address, joins, again, places=places
    )
    with _within_range():
        prices = await pricing.Prices.ask(tx, wanted.questions(), shop_id=shop_id, dated=again is not None)
    return wanted.quote(prices)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A checkout of which a quote is wanted, with its goods and the discounts it may have."""

    currency: str
    items: Sequence[Item]
    bundles: Sequence[Bundle]
    terms: ShopTerms
    asked: discounts.Asked
    goods: Mapping[int, checkout_queries.GoodsRow]
    found: promotions.Candidates
    address: Address | None = None
    joins: together.Earlier | None = None
    again: "Again | None" = None
    delivery: Delivery | None = None
    """The only one that is asked for, where it is known."""
    places: Sequence[stores.Offered] = ()

    def questions(self) -> list[Callable[[pricing.Prices], Any]]:
        """As it goes, and in the parcel that it may join."""
        # A variant may be gone from the catalogue since it was held.
        lines = [
            pricing.Line(
                id=f"{number:04}",
                quantity=item.quantity,
                unit_price=item.unit_price_minor,
                tax_class=self.goods[item.variant_id].tax_class
                if item.variant_id in self.goods
                else "standard",
                weight=self.goods[item.variant_id].grams if item.variant_id in self.goods else 0,
            )
            for number, item in enumerate(self.items)
        ]
        products = discounts.products_of(self.items, self.bundles, [line.id for line in lines])
        in_other_parcel = self.again is not None and self.again.in_other_parcel
        ask = partial(
            pricing.Prices.quote,
            currency=self.currency,
            lines=lines,
            # Who may choose a store is not sent to a place without a name.
            otherwise=_simple(self.terms, pick_up=not self.places),
            ordered=self.again,
            discounts=[each.rule(products) for each in self.found.offered],
            budgets={
                each.rule_id: each.discount.left_minor
                for each in self.found.offered
                if each.discount.left_minor is not None
            },
            kinds=_kinds(self.delivery),
            also=[_method(each.store) for each in self.places if each.is_there],
        )
        own = partial(ask, place=place_of(self.address), instead=together.FREE if in_other_parcel else None)
        if self.joins is None:
            return [own]
        return [own, partial(ask, place=place_of(self.joins.to), instead=together.FREE)]

    def quote(self, prices: Sequence[Any]) -> Quote:
        """From the answers to its questions."""
        own, *joined = prices
        at = {each.store.method: each for each in self.places}
        make = partial(
            _way, items=self.items, currency=self.currency, asked=self.asked, found=self.found, at=at
        )
        ways = [
            *(replace(make(way), joins=self.joins) for each in joined for way in each.ways),
            *(make(way) for way in own.ways),
        ]
        lacking = [each for each in self.places if not each.is_there]
        return Quote(ways, own.place, own.asks_country, own.countries, lacking)

    def reckoned(self, prices: pricing.Prices) -> Quote:
        """Raises purchases.BadPurchase when the sum is beyond what the product accepts."""
        with _within_range():
            return self.quote([question(prices) for question in self.questions()])


@contextmanager
def _within_range() -> Generator[None]:
    try:
        yield
    except pricing.TooLarge:
        raise purchases.BadPurchase(
            "The total is larger than an order can be.", largest_minor=MAX_MINOR
        ) from None


def check_country(quoted: Quote, address: Address | None) -> None:
    """Raises FormRefused where prices go by the country and the address names none."""
    if quoted.asks_country and place_of(address) is None:
        raise FormRefused(fields={"country": "missing"})


def chosen(quoted: Quote, form: Form) -> Way:
    """The way that the form asks for, or the first of its kind.  Raises FormRefused where there is none."""
    joining = form.shipping_method == JOIN
    if not joining and form.delivery is Delivery.SHIP:
        check_country(quoted, form.address)
    only_store = len([way for way in quoted.ways if way.delivery is Delivery.PICK_UP]) == 1
    for way in quoted.ways:
        # Nobody's order joins another, or waits in one of several stores, unless its buyer chose so.
        as_usual = way.joins is None and (way.store is None or only_store)
        asked_for = form.shipping_method == way.id or (not form.shipping_method and as_usual)
        if way.delivery is form.delivery and asked_for:
            return way
    if location_of(form.shipping_method) is not None:
        raise FormRefused(fields={"delivery": NOT_IN_STORE})
    raise FormRefused(fields={"delivery": "parcel_gone" if joining else "not_to_this_place"})


def return_terms(
    promised: policies.return_rules.Promised, quoted: Quote, way: Way, form: Form
) -> dict[str, Any]:
    """What an order keeps of what may be given back: the shop's rules, where the goods go (to the address, or to where
    the shop hands them over), and what sending them there costs at least.
    """
    address = form.address if way.joins is None else way.joins.to
    place = place_of(address) if way.delivery is Delivery.SHIP else None
    if way.store is not None and way.store.store.country:
        place = pricing.Place(country=way.store.store.country)
    rules = promised.rules
    alone = [each for each in quoted.ways if each.delivery is Delivery.SHIP and each.joins is None]
    return {
        "country": quoted.place.country if place is None else place.country,
        "withdrawal_days": rules.withdrawal_days,
        "goodwill_days": rules.goodwill_days,
        "claim_days": rules.claim_days,
        "seller_pays": rules.seller_pays,
        "note": rules.note,
        "standard_minor": min((each.totals.shipping.minor for each in alone), default=0),
        "exceptions": promised.exceptions,
    }


def whole(bundles: Sequence[Bundle], items: Sequence[Item]) -> list[Bundle]:
    """The bundles, at what the buyer pays for their lines."""
    return [
        replace(bundle, amount_minor=sum(item.amount_minor for item in items if item.bundle_id == bundle.id))
        for bundle in bundles
    ]


def _simple(terms: ShopTerms, *, pick_up: bool) -> pricing.Shipping:
    """The one price of a shop that has no zones."""
    return pricing.Shipping(
        zones=[pricing.Zone(id="all", countries=["*"])],
        methods=[
            pricing.Method(
                id=SHIP, zone="all", amount=terms.shipping_minor, free_from=terms.free_shipping_from_minor
            ),
            *([pricing.Method(id=PICK_UP, kind=pricing.DeliveryKind.PICK_UP)] if pick_up else []),
        ],
    )


def _method(store: stores.Store) -> pricing.Method:
    """Collecting costs nothing, and is taxed where the store is."""
    return pricing.Method(
        id=store.method,
        kind=pricing.DeliveryKind.PICK_UP,
        place=pricing.Place(country=store.country, region=store.region, postcode=store.postcode),
    )


def _kinds(delivery: Delivery | None) -> list[pricing.DeliveryKind]:
    return [kind for kind in pricing.DeliveryKind if delivery is None or _delivery(kind) is delivery]


def _delivery(kind: pricing.DeliveryKind) -> Delivery:
    return Delivery.PICK_UP if kind is pricing.DeliveryKind.PICK_UP else Delivery.SHIP


def _way(
    way: pricing.PricedWay,
    items: Sequence[Item],
    currency: str,
    asked: discounts.Asked,
    found: promotions.Candidates,
    at: Mapping[str, stores.Offered],
) -> Way:
    priced = [
        replace(
            item,
            amount_minor=line.gross,
            discount_minor=line.discount,
            tax_minor=line.tax,
            tax_included=way.breakdown.included,
        )
        for item, line in zip(items, way.breakdown.lines, strict=True)
    ]
    delivery = _delivery(way.kind)
    return Way(
        id=way.id,
        field=way.id if way.id in {SHIP, PICK_UP} else f"{delivery}_{way.id}",
        kind=way.kind,
        delivery=delivery,
        name=at[way.id].store.name if way.id in at else way.name,
        note=way.note,
        totals=totals(priced, currency=currency, shipping_minor=way.breakdown.totals.shipping),
        breakdown=way.breakdown,
        calculation=discounts.named(way.calculation, found, way.breakdown),
        items=priced,
        codes=discounts.told_of_codes(asked, found, way.breakdown),
        taken=discounts.taken_of(found, way.breakdown),
        store=at.get(way.id),
    )

"""What a checkout costs, for each way it can be delivered: what the page shows is what `prepare` charges."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shopfloor import catalog, pricing, purchases
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import MAX_MINOR
from shopfloor.orders import views
from shopfloor.orders.checkout_form import Address, Form
from shopfloor.orders.models import Bundle, Delivery, Item, ShopTerms, Totals, totals
from shopfloor.orders.refusals import FormRefused
from shopfloor.pricing import Breakdown, DeliveryKind, Place, Question

SHIP, PICK_UP = "ship", "pick_up"
"""The ways of a shop that has set none: everywhere at one price, and pick-up."""

# A country that no country has: what is sent somewhere, where the shop does not ask where.
_SOMEWHERE = "ZZ"


@dataclass(frozen=True, slots=True)
class Way:
    """A way of delivery with all it costs.  `name` is the shop's own; without one the page has words for it."""

    id: str
    kind: DeliveryKind
    name: str
    note: str
    totals: Totals
    breakdown: Breakdown
    items: list[Item]

    @property
    def delivery(self) -> Delivery:
        return Delivery.PICK_UP if self.kind is DeliveryKind.PICK_UP else Delivery.SHIP


@dataclass(frozen=True, slots=True)
class Quote:
    """`asks_country`: the country of the address decides; `place` is the one these prices are for.

    `countries`: those that something is shipped to; empty where all are.
    """

    ways: list[Way]
    place: Place
    asks_country: bool
    countries: list[str]
    has_own_ways: bool

    def way(self, way_id: str) -> Way | None:
        return next((way for way in self.ways if way.id == way_id), None)


def place_of(address: Address | None) -> Place | None:
    """Where an address is, as prices go by it; None where it names no country by its two letters."""
    country = (address.country if address else "").strip().upper()
    if address is None or country not in pricing.COUNTRIES:
        return None
    return Place(country=country, region=address.region, postcode=address.postcode)


@dataclass(frozen=True, slots=True)
class Basket:
    """What is to be priced: lines at the prices that their buyer saw."""

    shop_id: int
    currency: str
    items: list[Item]
    shop_terms: ShopTerms


async def quote(tx: Tx, basket: Basket, place: Place | None = None) -> Quote:
    """Without a place: as the goods would go within the shop's own country.

    Raises purchases.BadPurchase when the sum is beyond what the product accepts.
    """
    rules = await pricing.rules(tx, shop_id=basket.shop_id)
    home = rules.taxes.origin.country or next(
        (each for zone in rules.zones for each in zone.countries if each != "*"), _SOMEWHERE
    )
    asked = place if place is not None and rules.asks_country else Place(country=home)
    question = await _question(tx, basket, rules, asked)
    try:
        ways = [
            _way(basket, rules, option.kind, pricing.with_method(question, option.id))
            for option in pricing.options(question)
        ]
    except pricing.TooLarge:
        raise purchases.BadPurchase(
            "The total is larger than an order can be.", largest_minor=MAX_MINOR
        ) from None
    return Quote(ways, asked, rules.asks_country, _countries(rules), rules.has_delivery)


def chosen(quoted: Quote, form: Form) -> Way:
    """The way that the form asks for, or the first of its kind.  Raises FormRefused where there is none."""
    if quoted.asks_country and form.delivery is Delivery.SHIP and place_of(form.address) is None:
        raise FormRefused(fields={"country": "missing"})
    fitting = [way for way in quoted.ways if way.delivery is form.delivery]
    wanted = quoted.way(form.shipping_method) if form.shipping_method else next(iter(fitting), None)
    if wanted not in fitting or wanted is None:
        raise FormRefused(fields={"delivery": "not_to_this_place"})
    return wanted


def whole(bundles: Sequence[Bundle], items: Sequence[Item]) -> list[Bundle]:
    """The bundles, at what the buyer pays for their lines."""
    return [
        replace(bundle, amount_minor=sum(item.amount_minor for item in items if item.bundle_id == bundle.id))
        for bundle in bundles
    ]


async def _question(tx: Tx, basket: Basket, rules: pricing.Rules, place: Place) -> Question:
    items = basket.items
    grams: dict[int, int] = {}
    classes: dict[int, str] = {}
    if rules.has_delivery:
        ids = sorted({item.variant_id for item in items})
        grams = {each.id: each.grams for each in await catalog.variants(tx, shop_id=basket.shop_id, ids=ids)}
    if rules.has_taxes:
        products = sorted({item.product_id for item in items})
        classes = await catalog.tax_classes(tx, shop_id=basket.shop_id, product_ids=products)
    return Question(
        currency=basket.currency,
        date=await views.today(tx, shop_id=basket.shop_id),
        lines=[
            pricing.Line(
                id=f"{number:04}",
                quantity=item.quantity,
                unit_price=item.unit_price_minor,
                tax_class=classes.get(item.product_id, "standard"),
                weight=grams.get(item.variant_id, 0),
            )
            for number, item in enumerate(items)
        ],
        destination=place,
        taxes=rules.taxes,
        shipping=rules.shipping if rules.has_delivery else _simple(basket.shop_terms),
    )


def _simple(terms: ShopTerms) -> pricing.Shipping:
    """The one price of a shop that has no zones."""
    return pricing.Shipping(
        zones=[pricing.Zone(id="all", countries=["*"])],
        methods=[
            pricing.Method(
                id=SHIP, zone="all", amount=terms.shipping_minor, free_from=terms.free_shipping_from_minor
            ),
            pricing.Method(id=PICK_UP, kind=DeliveryKind.PICK_UP),
        ],
    )


def _way(basket: Basket, rules: pricing.Rules, kind: DeliveryKind, question: Question) -> Way:
    told = pricing.price(question)
    items = [
        replace(
            item,
            amount_minor=line.gross,
            discount_minor=line.discount,
            tax_minor=line.tax,
            tax_included=told.included,
        )
        for item, line in zip(basket.items, told.lines, strict=True)
    ]
    own = next((method for method in rules.methods if str(method.id) == question.method), None)
    return Way(
        id=question.method or "",
        kind=kind,
        name="" if own is None else own.name,
        note="" if own is None else own.note,
        totals=totals(items, currency=basket.currency, shipping_minor=told.totals.shipping),
        breakdown=told,
        items=items,
    )


def _countries(rules: pricing.Rules) -> list[str]:
    """Where something goes to, by ship or locally; empty for everywhere."""
    zones = {method.zone_id for method in rules.methods}
    named = {each for zone in rules.zones if zone.id in zones for each in zone.countries}
    named |= {method.country for method in rules.methods if method.kind is DeliveryKind.LOCAL}
    return [] if "*" in named or not rules.has_delivery else sorted(named)

"""The question a price answers, and the answer: plain JSON on both sides, described in docs/pricing-rules.md.

Amounts are whole minor units, percentages are decimal strings; nothing here is a float.  No I/O.
"""

from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

import msgspec
from msgspec import Struct

from shopfloor.kernel.currencies import DECIMALS
from shopfloor.kernel.values import MAX_MINOR, MAX_QUANTITY
from shopfloor.pricing.rationals import ratio
from shopfloor.pricing.refusals import Negative, NothingToPrice, QuestionMalformed, RateUnreadable, TooLarge

STANDARD: Final = "standard"
UNTAXED: Final = "none"
"""The tax class of what is never taxed."""

MOST_LINES: Final = 1000
MAX_GRAMS: Final = 10**9
_MOST_RATE: Final = 1000


class Rounding(StrEnum):
    LINE = "line"
    ORDER = "order"


class TaxPlace(StrEnum):
    """Whose rates apply: those of where the goods go, or those of where the shop is."""

    DESTINATION = "destination"
    ORIGIN = "origin"


class DeliveryKind(StrEnum):
    SHIP = "ship"
    LOCAL = "local"
    PICK_UP = "pick_up"


class PriceBy(StrEnum):
    FLAT = "flat"
    WEIGHT = "weight"
    VALUE = "value"


class DiscountKind(StrEnum):
    PERCENTAGE = "percentage"
    AMOUNT = "amount"
    FREE_SHIPPING = "free_shipping"


class DiscountLevel(StrEnum):
    """`lines`: each line alone, an amount counts for each unit; `order`: all of its lines together."""

    LINES = "lines"
    ORDER = "order"


class WhyNot(StrEnum):
    """Why a discount does not apply."""

    NO_CODE = "no_code"
    NOT_STARTED = "not_started"
    ENDED = "ended"
    NO_LINE = "no_line"
    BELOW_MINIMUM = "below_minimum"
    TOO_FEW = "too_few"
    NOTHING_LEFT = "nothing_left"
    OTHER_IS_BETTER = "other_is_better"


class _Asked(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the question: a name that is not known is refused, for it would be a rule that does not hold."""


class Place(_Asked, frozen=True):
    """`country`: ISO 3166 alpha-2."""

    country: str = ""
    region: str = ""
    postcode: str = ""


class Line(_Asked, frozen=True):
    """`id`: ASCII; where two lines have the same claim to an odd cent, the first id gets it.  `weight`: grams of one unit."""

    id: str
    quantity: int
    unit_price: int
    tax_class: str = STANDARD
    weight: int = 0


class Rate(_Asked, frozen=True):
    """A tax rate.  `country` "*" is every country that has none of its own; `regions` are the names of one region
    and `postcodes` patterns (`10*`, `20000-20999`, `1010`); empty lists mean all of the country.
    `adds`: it is levied beside the rate of the country instead of in its place.  `valid_until` is the last day.
    """

    country: str
    rate: str
    tax_class: str = STANDARD
    regions: list[str] = []
    postcodes: list[str] = []
    name: str = ""
    valid_from: date | None = None
    valid_until: date | None = None
    adds: bool = False


class Taxes(_Asked, frozen=True):
    """`included`: prices contain the tax.  `shipping_class` None: shipping is taxed as the goods are, by value."""

    included: bool = True
    rounding: Rounding = Rounding.LINE
    place: TaxPlace = TaxPlace.DESTINATION
    origin: Place = Place()
    shipping_class: str | None = None
    rates: list[Rate] = []


class Zone(_Asked, frozen=True):
    """The first zone of the list that has a destination is its zone."""

    id: str
    countries: list[str]
    regions: list[str] = []
    postcodes: list[str] = []
    except_regions: list[str] = []
    except_postcodes: list[str] = []


class PriceStep(_Asked, frozen=True):
    """Up to and with so many grams, or so much goods; None: without end."""

    amount: int
    up_to: int | None = None


class Method(_Asked, frozen=True):
    """A way of delivery.  `zone` for what is shipped, `postcodes` for local delivery, `place` of a pick-up."""

    id: str
    kind: DeliveryKind = DeliveryKind.SHIP
    zone: str = ""
    by: PriceBy = PriceBy.FLAT
    amount: int = 0
    steps: list[PriceStep] = []
    free_from: int | None = None
    countries: list[str] = []
    postcodes: list[str] = []
    place: Place = Place()


class Shipping(_Asked, frozen=True):
    zones: list[Zone] = []
    methods: list[Method] = []


class DiscountStep(_Asked, frozen=True):
    """From so much goods on, so much less."""

    from_amount: int
    amount: int


class Discount(_Asked, frozen=True):
    """A rule that lowers a price.  `code` None: it needs none.  `lines` None: all lines.

    `every`: `amount` for each full such sum of goods; `steps`: the highest that is reached.  `cap`: never more.
    `combines`: applies beside the others of its level that combine; one that does not stands alone.
    `starts_at` is the first moment, `ends_at` the first at which it is over.
    """

    id: str
    kind: DiscountKind
    level: DiscountLevel = DiscountLevel.ORDER
    percent: str = "0"
    amount: int = 0
    every: int | None = None
    steps: list[DiscountStep] = []
    lines: list[str] | None = None
    code: str | None = None
    minimum: int = 0
    minimum_quantity: int = 0
    cap: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    priority: int = 0
    combines: bool = False


class Question(_Asked, frozen=True):
    """`date` is the day whose tax rates apply, where the shop is; `at` the moment by which discounts run.
    `method` None: nothing is delivered, or not yet decided.
    """

    currency: str
    date: date
    lines: list[Line]
    destination: Place = Place()
    method: str | None = None
    taxes: Taxes = Taxes()
    shipping: Shipping = Shipping()
    discounts: list[Discount] = []
    codes: list[str] = []
    at: datetime | None = None


class _Told(Struct, frozen=True, kw_only=True):
    """A part of the answer."""


class TaxShare(_Told, frozen=True):
    """A tax of one line: `tax` levied at `rate` percent."""

    country: str
    region: str
    tax_class: str
    name: str
    rate: str
    tax: int


class DiscountShare(_Told, frozen=True):
    id: str
    amount: int


class PricedLine(_Told, frozen=True):
    """`listed` is the price times the quantity, `amount` what is left of it after discounts, both as prices are
    written (with the tax or without); `gross` = `net` + `tax` is what the buyer pays.
    """

    id: str
    quantity: int
    unit_price: int
    listed: int
    discount: int
    amount: int
    net: int
    tax: int
    gross: int
    discounts: list[DiscountShare]
    taxes: list[TaxShare]


class PricedShipping(_Told, frozen=True):
    method: str | None
    listed: int
    discount: int
    amount: int
    net: int
    tax: int
    gross: int
    discounts: list[DiscountShare]
    taxes: list[TaxShare]


class DiscountTold(_Told, frozen=True):
    """What became of a discount: its `amount`, or `why` it does not apply and what is `missing`."""

    id: str
    amount: int
    why: WhyNot | None = None
    missing: int = 0


class TaxLine(_Told, frozen=True):
    """One rate over the whole order: `net` is what it is levied on."""

    country: str
    region: str
    tax_class: str
    name: str
    rate: str
    net: int
    tax: int


class Totals(_Told, frozen=True):
    """`goods` and `shipping` are what the buyer pays for them; `total` is their sum, and `net` + `tax`."""

    listed: int
    discount: int
    goods: int
    shipping: int
    net: int
    tax: int
    total: int


class Breakdown(_Told, frozen=True):
    currency: str
    included: bool
    lines: list[PricedLine]
    shipping: PricedShipping
    discounts: list[DiscountTold]
    unknown_codes: list[str]
    taxes: list[TaxLine]
    totals: Totals


class Option(_Told, frozen=True):
    """A way of delivery that this order has, and what it costs before discounts, as prices are written."""

    id: str
    kind: DeliveryKind
    amount: int


def read(question: object) -> Question:
    """The question that this JSON value asks.

    Raises QuestionMalformed, NothingToPrice, Negative, TooLarge or RateUnreadable.
    """
    try:
        read_question = msgspec.convert(question, Question)
    except msgspec.ValidationError as error:
        raise QuestionMalformed(why=str(error)) from None
    check(read_question)
    return read_question


def plain(answer: Struct | Sequence[Struct]) -> Any:
    """An answer, or a question, as a JSON value."""
    return msgspec.to_builtins(answer)


def check(question: Question) -> None:
    """Raises what `read` raises."""
    if question.currency not in DECIMALS:
        raise QuestionMalformed(field="currency", given=question.currency[:8])
    if not question.lines:
        raise NothingToPrice
    if len(question.lines) > MOST_LINES:
        raise TooLarge(field="lines", most=MOST_LINES)
    _check_unique("lines", [line.id for line in question.lines])
    for line in question.lines:
        if not line.id.isascii() or not 1 <= len(line.id) <= 64:
            raise QuestionMalformed(field="lines.id", given=line.id[:64])
        _within("quantity", line.quantity, least=1, most=MAX_QUANTITY)
        _within("unit_price", line.unit_price, most=MAX_MINOR)
        _within("weight", line.weight, most=MAX_GRAMS)
    if sum(line.quantity * line.unit_price for line in question.lines) > MAX_MINOR:
        raise TooLarge(field="total", most=MAX_MINOR)
    for rate in question.taxes.rates:
        check_percentage("rate", rate.rate, most=_MOST_RATE)
    _check_shipping(question.shipping)
    _check_discounts(question)


def _check_shipping(shipping: Shipping) -> None:
    _check_unique("zones", [zone.id for zone in shipping.zones])
    _check_unique("methods", [method.id for method in shipping.methods])
    for method in shipping.methods:
        _within("amount", method.amount, most=MAX_MINOR)
        _within("free_from", method.free_from, most=MAX_MINOR)
        for step in method.steps:
            _within("amount", step.amount, most=MAX_MINOR)
            _within("up_to", step.up_to, most=MAX_MINOR)


def _check_discounts(question: Question) -> None:
    _check_unique("discounts", [discount.id for discount in question.discounts])
    known = {line.id for line in question.lines}
    for discount in question.discounts:
        check_percentage("percent", discount.percent, most=100)
        for name in ("amount", "minimum", "minimum_quantity", "cap"):
            _within(name, getattr(discount, name), most=MAX_MINOR)
        _within("every", discount.every, least=1, most=MAX_MINOR)
        for step in discount.steps:
            _within("from_amount", step.from_amount, most=MAX_MINOR)
            _within("amount", step.amount, most=MAX_MINOR)
        if not known.issuperset(discount.lines or ()):
            raise QuestionMalformed(field="discounts.lines", given=discount.id)
        for moment in (discount.starts_at, discount.ends_at):
            if moment is not None and (
                question.at is None or question.at.tzinfo is None or moment.tzinfo is None
            ):
                raise QuestionMalformed(field="at", given=discount.id)


def _within(field: str, value: int | None, *, most: int, least: int = 0) -> None:
    if value is None:
        return
    if value < least:
        raise Negative(field=field, given=value, least=least)
    if value > most:
        raise TooLarge(field=field, most=most)


def check_percentage(field: str, text: str, *, most: int) -> None:
    """Raises RateUnreadable, Negative or TooLarge."""
    if text.startswith("-"):
        raise Negative(field=field, given=text[:20], least=0)
    found = ratio(text)
    if found is None:
        raise RateUnreadable(field=field, given=text[:20])
    if found * 100 > most:
        raise TooLarge(field=field, most=most)


def _check_unique(field: str, ids: list[str]) -> None:
    if len(set(ids)) < len(ids):
        raise QuestionMalformed(field=field, why="an id stands twice")

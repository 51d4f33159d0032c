"""The price function: lines, rules, destination and day in, every cent out.

Discounts, then shipping, then tax; each step on the result of the one before.  Lines are reckoned in the order of
their ids, so that the order in which they come moves no cent.
"""

from collections.abc import Sequence

import msgspec

from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import MAX_MINOR, split_minor
from shopfloor.pricing import discounts, shipping, taxes
from shopfloor.pricing.models import (
    Breakdown,
    DeliveryKind,
    DiscountShare,
    Line,
    Method,
    Option,
    PricedLine,
    PricedShipping,
    Question,
    Totals,
    check,
)
from shopfloor.pricing.refusals import NoSuchDelivery, TooLarge
from shopfloor.pricing.taxes import Taxable


@dataclass(frozen=True, slots=True)
class Checked:
    """A question that was checked, with its discounts and its ways of delivery: each of them is priced from here."""

    question: Question
    """With its lines by their ids."""
    lines: Sequence[Line]
    """As they came."""
    found: discounts.Discounted
    ways: Sequence[Option]


def checked(question: Question) -> Checked:
    """Raises QuestionMalformed, NothingToPrice, Negative, TooLarge, RateUnreadable."""
    check(question)
    asked = msgspec.structs.replace(question, lines=sorted(question.lines, key=lambda line: line.id))
    found = discounts.apply(asked)
    return Checked(asked, question.lines, found, shipping.offered(asked, sum(found.left)))


def options(question: Question) -> Sequence[Option]:
    """The ways of delivery that this order has, with their prices before discounts.  Raises what `price` raises."""
    return checked(question).ways


def price(question: Question) -> Breakdown:
    """What the order costs.

    Raises NoSuchDelivery where `method` is not offered; QuestionMalformed, NothingToPrice, Negative, TooLarge,
    RateUnreadable.
    """
    return by_way(checked(question), question.method)


def by_way(asked: Checked, method: str | None) -> Breakdown:
    """What the order costs when it is delivered this way.  Raises NoSuchDelivery, TooLarge."""
    question = msgspec.structs.replace(asked.question, method=method)
    way, sent_for = _chosen(asked, method)
    # What becomes of the discounts of shipping depends on the way.
    found = discounts.Discounted(asked.found.left, asked.found.taken, dict(asked.found.told))
    off = discounts.shipping_discount(found, question, sent_for)
    sent_amount = sent_for - sum(off.values())
    goods = _taxable(question, found.left, way)
    parts = _shipping_parts(question, goods, sent_amount, way)
    taxed = taxes.levy([*goods, *parts], included=question.taxes.included, rounding=question.taxes.rounding)
    goods_taxed, sent = taxed[: len(goods)], taxed[len(goods) :]
    if sum(each.gross for each in taxed) > MAX_MINOR:
        raise TooLarge(field="total", most=MAX_MINOR)
    lines = [
        PricedLine(
            id=line.id,
            quantity=line.quantity,
            unit_price=line.unit_price,
            listed=line.quantity * line.unit_price,
            discount=line.quantity * line.unit_price - left,
            amount=left,
            net=each.net,
            tax=each.tax,
            gross=each.gross,
            discounts=_shares(taken),
            taxes=taxes.shares_told([each]),
        )
        for line, left, taken, each in zip(question.lines, found.left, found.taken, goods_taxed, strict=True)
    ]
    delivered = PricedShipping(
        method=question.method,
        listed=sent_for,
        discount=sent_for - sent_amount,
        amount=sent_amount,
        net=sum(each.net for each in sent),
        tax=sum(each.tax for each in sent),
        gross=sum(each.gross for each in sent),
        discounts=_shares(off),
        taxes=taxes.shares_told(sent),
    )
    by_id = {line.id: line for line in lines}
    return Breakdown(
        currency=question.currency,
        included=question.taxes.included,
        lines=[by_id[line.id] for line in asked.lines],
        shipping=delivered,
        discounts=[found.told[each.id] for each in discounts.in_order(question.discounts)],
        unknown_codes=discounts.unknown_codes(question),
        taxes=taxes.tax_lines(taxed),
        totals=_totals(lines, delivered),
    )


def _totals(lines: Sequence[PricedLine], delivered: PricedShipping) -> Totals:
    goods = sum(line.gross for line in lines)
    return Totals(
        listed=sum(line.listed for line in lines) + delivered.listed,
        discount=sum(line.discount for line in lines) + delivered.discount,
        goods=goods,
        shipping=delivered.gross,
        net=sum(line.net for line in lines) + delivered.net,
        tax=sum(line.tax for line in lines) + delivered.tax,
        total=goods + delivered.gross,
    )


def _chosen(asked: Checked, method: str | None) -> tuple[Method | None, int]:
    """The way of delivery and its price."""
    if method is None:
        return None, 0
    for option in asked.ways:
        if option.id == method:
            return next(
                each for each in asked.question.shipping.methods if each.id == option.id
            ), option.amount
    raise NoSuchDelivery(method=method, offered=[option.id for option in asked.ways])


def _taxable(question: Question, left: Sequence[int], method: Method | None) -> list[Taxable]:
    place = taxes.tax_place(question, _picked_up_at(method))
    rates = {
        tax_class: taxes.applying(question.taxes, tax_class=tax_class, place=place, day=question.date)
        for tax_class in {line.tax_class for line in question.lines}
    }
    return [Taxable(amount, rates[line.tax_class]) for line, amount in zip(question.lines, left, strict=True)]


def _picked_up_at(method: Method | None) -> taxes.Place | None:
    return method.place if method is not None and method.kind is DeliveryKind.PICK_UP else None


def _shipping_parts(
    question: Question, goods: Sequence[Taxable], amount: int, method: Method | None
) -> list[Taxable]:
    """Shipping as it is taxed: by a class of its own, or in parts at the rates of the goods, by their value."""
    if amount == 0:
        return []
    if question.taxes.shipping_class is not None:
        place = taxes.tax_place(question, _picked_up_at(method))
        rates = taxes.applying(
            question.taxes, tax_class=question.taxes.shipping_class, place=place, day=question.date
        )
        return [Taxable(amount, rates)]
    values: dict[tuple[taxes.Applied, ...], int] = {}
    for each in goods:
        values[each.rates] = values.get(each.rates, 0) + each.amount
    shares = split_minor(amount, list(values.values()))
    return [Taxable(share, rates) for rates, share in zip(values, shares, strict=True)]


def _shares(taken: dict[str, int]) -> list[DiscountShare]:
    return [DiscountShare(id=each, amount=amount) for each, amount in taken.items()]

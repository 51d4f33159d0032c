"""The price function: lines, rules, destination and day in, every cent out.

Discounts, then shipping, then tax; each step on the result of the one before.  Lines are reckoned in the order of
their ids, so that the order in which they come moves no cent.
"""

from collections.abc import Sequence

import msgspec

from shopfloor.kernel.values import MAX_MINOR, split_minor
from shopfloor.pricing import discounts, shipping, taxes
from shopfloor.pricing.models import (
    Breakdown,
    DeliveryKind,
    DiscountShare,
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


def options(question: Question) -> list[Option]:
    """The ways of delivery that this order has, with their prices before discounts.  Raises what `price` raises."""
    check(question)
    asked = _by_id(question)
    return shipping.offered(asked, sum(discounts.apply(asked).left))


def price(question: Question) -> Breakdown:
    """What the order costs.

    Raises NoSuchDelivery where `method` is not offered; QuestionMalformed, NothingToPrice, Negative, TooLarge,
    RateUnreadable.
    """
    check(question)
    told = _priced(_by_id(question))
    by_id = {line.id: line for line in told.lines}
    return msgspec.structs.replace(told, lines=[by_id[line.id] for line in question.lines])


def with_method(question: Question, method: str | None) -> Question:
    """The same order, delivered this way."""
    return msgspec.structs.replace(question, method=method)


def _by_id(question: Question) -> Question:
    return msgspec.structs.replace(question, lines=sorted(question.lines, key=lambda line: line.id))


def _priced(question: Question) -> Breakdown:
    found = discounts.apply(question)
    method, sent_for = _chosen(question, sum(found.left))
    off = discounts.shipping_discount(found, question, sent_for)
    sent_amount = sent_for - sum(off.values())
    goods = _taxable(question, found.left, method)
    parts = _shipping_parts(question, goods, sent_amount, method)
    taxed = taxes.levy([*goods, *parts], included=question.taxes.included, rounding=question.taxes.rounding)
    mine, sent = taxed[: len(goods)], taxed[len(goods) :]
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
        for line, left, taken, each in zip(question.lines, found.left, found.taken, mine, strict=True)
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
    return Breakdown(
        currency=question.currency,
        included=question.taxes.included,
        lines=lines,
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


def _chosen(question: Question, goods: int) -> tuple[Method | None, int]:
    """The way of delivery and its price."""
    if question.method is None:
        return None, 0
    ways = shipping.offered(question, goods)
    for option in ways:
        if option.id == question.method:
            return next(each for each in question.shipping.methods if each.id == option.id), option.amount
    raise NoSuchDelivery(method=question.method, offered=[option.id for option in ways])


def _taxable(question: Question, left: Sequence[int], method: Method | None) -> list[Taxable]:
    place = taxes.tax_place(question, _picked_up_at(method))
    return [
        Taxable(
            amount, taxes.applying(question.taxes, tax_class=line.tax_class, place=place, day=question.date)
        )
        for line, amount in zip(question.lines, left, strict=True)
    ]


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

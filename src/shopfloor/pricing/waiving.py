"""What a shop forgives of a price that was reckoned: every line gives its part, and the tax follows.  No I/O here."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from shopfloor.kernel.values import split_minor
from shopfloor.pricing.models import Breakdown, PricedLine, PricedShipping, TaxLine, TaxShare, Totals
from shopfloor.pricing.rationals import of_units

Item = TypeVar("Item", PricedLine, PricedShipping)


def less(breakdown: Breakdown, minor: int) -> Breakdown:
    """The same order for so much less.  Raises ValueError for more than it costs."""
    if not 0 <= minor <= breakdown.totals.total:
        raise ValueError("more than it costs")
    if minor == 0:
        return breakdown
    parts = split_minor(minor, [*(line.gross for line in breakdown.lines), breakdown.shipping.gross])
    lines = [
        _lowered(line, part, included=breakdown.included)
        for line, part in zip(breakdown.lines, parts[:-1], strict=True)
    ]
    shipping = _lowered(breakdown.shipping, parts[-1], included=breakdown.included)
    items = [*lines, shipping]
    goods = sum(line.gross for line in lines)
    return msgspec.structs.replace(
        breakdown,
        lines=lines,
        shipping=shipping,
        taxes=_tax_lines(breakdown, [*breakdown.lines, breakdown.shipping], items),
        totals=Totals(
            listed=breakdown.totals.listed,
            discount=sum(each.discount for each in items),
            goods=goods,
            shipping=shipping.gross,
            net=sum(each.net for each in items),
            tax=sum(each.tax for each in items),
            total=goods + shipping.gross,
        ),
    )


def _lowered(item: Item, part: int, *, included: bool) -> Item:
    if not part:
        return item
    gross = item.gross - part
    taxes = [msgspec.structs.replace(each, tax=of_units(each.tax, item.gross, gross)) for each in item.taxes]
    tax = sum(each.tax for each in taxes)
    amount = gross if included else gross - tax
    return msgspec.structs.replace(
        item,
        gross=gross,
        tax=tax,
        net=gross - tax,
        amount=amount,
        discount=item.discount + item.amount - amount,
        taxes=taxes,
    )


def _tax_lines(
    breakdown: Breakdown,
    before: Sequence[PricedLine | PricedShipping],
    after: Sequence[PricedLine | PricedShipping],
) -> list[TaxLine]:
    gone: dict[tuple[str, ...], tuple[int, int]] = {}
    for was, now in zip(before, after, strict=True):
        for old, new in zip(was.taxes, now.taxes, strict=True):
            net, tax = gone.get(_rate(old), (0, 0))
            gone[_rate(old)] = (net + was.net - now.net, tax + old.tax - new.tax)
    lowered: list[TaxLine] = []
    for line in breakdown.taxes:
        net, tax = gone.get(_rate(line), (0, 0))
        lowered.append(msgspec.structs.replace(line, net=max(0, line.net - net), tax=line.tax - tax))
    return lowered


def _rate(tax: TaxShare | TaxLine) -> tuple[str, ...]:
    return tax.country, tax.region, tax.tax_class, tax.name, tax.rate

"""Which discounts apply, and each line's share of them to the cent.

Item discounts first, the best one of each line; then those of the order on what is left; then shipping.  Of a level,
either one that stands alone applies or all that combine, whichever lowers the price more.
"""

from collections.abc import Iterable, Sequence
from dataclasses import field

from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import split_minor
from shopfloor.pricing.models import (
    Discount,
    DiscountKind,
    DiscountLevel,
    DiscountTold,
    Line,
    Question,
    WhyNot,
)
from shopfloor.pricing.rationals import ratio, rounded


@dataclass(slots=True)
class Discounted:
    """What is left of each line, and what was taken from it by which discount."""

    left: list[int]
    taken: list[dict[str, int]]
    told: dict[str, DiscountTold] = field(default_factory=dict[str, DiscountTold])


def apply(question: Question) -> Discounted:
    """The discounts of lines and order; those of shipping are told by `shipping_discount`."""
    lines = question.lines
    found = Discounted([line.quantity * line.unit_price for line in lines], [{} for _ in lines])
    running: list[Discount] = []
    for discount in in_order(question.discounts):
        why = _not_running(discount, question)
        if why is None:
            running.append(discount)
        else:
            found.told[discount.id] = DiscountTold(id=discount.id, amount=0, why=why)
    _item_level(found, question, [each for each in running if _is(each, DiscountLevel.LINES)])
    _order_level(found, question, [each for each in running if _is(each, DiscountLevel.ORDER)])
    return found


def shipping_discount(found: Discounted, question: Question, amount: int) -> dict[str, int]:
    """What is taken off the price of shipping, by discount; told in `found`."""
    taken: dict[str, int] = {}
    for discount in in_order(question.discounts):
        if discount.kind is not DiscountKind.FREE_SHIPPING or discount.id in found.told:
            continue
        hindered = _hindered(discount, question, found)
        free = amount - sum(taken.values())
        if discount.cap is not None:
            free = min(free, discount.cap)
        if hindered is None and free:
            taken[discount.id] = free
            found.told[discount.id] = DiscountTold(id=discount.id, amount=free)
        else:
            found.told[discount.id] = hindered or DiscountTold(
                id=discount.id, amount=0, why=WhyNot.NOTHING_LEFT
            )
    return taken


def unknown_codes(question: Question) -> list[str]:
    """Codes that no discount has, as they were given."""
    known = {_folded(each.code) for each in question.discounts if each.code is not None}
    return [code for code in question.codes if _folded(code) not in known]


def in_order(discounts: Iterable[Discount]) -> list[Discount]:
    """By priority, then by id: always the same."""
    return sorted(discounts, key=lambda each: (each.priority, each.id))


def _is(discount: Discount, level: DiscountLevel) -> bool:
    return discount.level is level and discount.kind is not DiscountKind.FREE_SHIPPING


def _folded(code: str) -> str:
    return code.strip().casefold()


def _not_running(discount: Discount, question: Question) -> WhyNot | None:
    if discount.code is not None and _folded(discount.code) not in {_folded(code) for code in question.codes}:
        return WhyNot.NO_CODE
    if question.at is not None and discount.starts_at is not None and question.at < discount.starts_at:
        return WhyNot.NOT_STARTED
    if question.at is not None and discount.ends_at is not None and question.at >= discount.ends_at:
        return WhyNot.ENDED
    return None


def _mine(discount: Discount, lines: Sequence[Line]) -> list[int]:
    """The lines it is about."""
    return [index for index, line in enumerate(lines) if discount.lines is None or line.id in discount.lines]


def _hindered(discount: Discount, question: Question, found: Discounted) -> DiscountTold | None:
    """Why it does not apply to what its lines come to now."""
    matching = _mine(discount, question.lines)
    goods = sum(found.left[index] for index in matching)
    units = sum(question.lines[index].quantity for index in matching)
    least = max(
        discount.minimum, discount.every or 0, min((step.from_amount for step in discount.steps), default=0)
    )
    if not matching:
        return DiscountTold(id=discount.id, amount=0, why=WhyNot.NO_LINE)
    if goods < least:
        return DiscountTold(id=discount.id, amount=0, why=WhyNot.BELOW_MINIMUM, missing=least - goods)
    if units < discount.minimum_quantity:
        return DiscountTold(
            id=discount.id, amount=0, why=WhyNot.TOO_FEW, missing=discount.minimum_quantity - units
        )
    return None


def _worth(discount: Discount, goods: int, *, units: int = 1) -> int:
    """What it takes off goods of this price, never more than they cost."""
    if discount.kind is DiscountKind.PERCENTAGE:
        part = ratio(discount.percent)
        assert part is not None, "the question was checked"
        off = rounded(goods * part)
    elif discount.steps:
        off = max((step.amount for step in discount.steps if step.from_amount <= goods), default=0)
    elif discount.every is not None:
        off = discount.amount * (goods // discount.every)
    else:
        off = discount.amount * units
    return min(off, goods, goods if discount.cap is None else discount.cap)


def _item_level(found: Discounted, question: Question, discounts: Sequence[Discount]) -> None:
    open_ones: list[Discount] = []
    for discount in discounts:
        hindered = _hindered(discount, question, found)
        if hindered is None:
            open_ones.append(discount)
        else:
            found.told[discount.id] = hindered
    sums = {discount.id: 0 for discount in open_ones}
    for index, line in enumerate(question.lines):
        best: tuple[int, Discount] | None = None
        for discount in open_ones:
            if discount.lines is not None and line.id not in discount.lines:
                continue
            off = _worth(discount, found.left[index], units=line.quantity)
            if discount.cap is not None:
                off = min(off, discount.cap - sums[discount.id])
            if off > (best[0] if best else 0):
                best = (off, discount)
        if best is not None:
            off, discount = best
            found.left[index] -= off
            found.taken[index][discount.id] = off
            sums[discount.id] += off
    for discount in open_ones:
        worth = any(
            _worth(discount, line.quantity * line.unit_price, units=line.quantity)
            for line in (question.lines[index] for index in _mine(discount, question.lines))
        )
        why = None if sums[discount.id] else WhyNot.OTHER_IS_BETTER if worth else WhyNot.NOTHING_LEFT
        found.told[discount.id] = DiscountTold(id=discount.id, amount=sums[discount.id], why=why)


def _order_level(found: Discounted, question: Question, discounts: Sequence[Discount]) -> None:
    ways = [[each] for each in discounts if not each.combines]
    ways.append([each for each in discounts if each.combines])
    best: Discounted | None = None
    for way in ways:
        tried = Discounted(list(found.left), [dict(taken) for taken in found.taken])
        for discount in way:
            _take(tried, question, discount)
        if best is None or sum(tried.left) < sum(best.left):
            best = tried
    assert best is not None, "the way of those that combine is always there"
    for discount in discounts:
        if discount.id in best.told:
            continue
        best.told[discount.id] = _hindered(discount, question, found) or DiscountTold(
            id=discount.id, amount=0, why=WhyNot.OTHER_IS_BETTER
        )
    found.left, found.taken = best.left, best.taken
    found.told |= best.told


def _take(tried: Discounted, question: Question, discount: Discount) -> None:
    hindered = _hindered(discount, question, tried)
    if hindered is not None:
        tried.told[discount.id] = hindered
        return
    matching = _mine(discount, question.lines)
    amounts = [tried.left[index] for index in matching]
    off = _worth(discount, sum(amounts))
    for index, share in zip(matching, split_minor(off, amounts), strict=True):
        tried.left[index] -= share
        if share:
            tried.taken[index][discount.id] = share
    tried.told[discount.id] = DiscountTold(
        id=discount.id, amount=off, why=None if off else WhyNot.NOTHING_LEFT
    )

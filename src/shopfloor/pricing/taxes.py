"""The tax in a price or on top of it: which rates, and how much to the cent."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from fractions import Fraction

from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import split_minor
from shopfloor.pricing import places
from shopfloor.pricing.models import (
    STANDARD,
    UNTAXED,
    Place,
    Question,
    Rate,
    Rounding,
    Taxes,
    TaxLine,
    TaxPlace,
    TaxShare,
)
from shopfloor.pricing.rationals import ratio, rounded


@dataclass(frozen=True, slots=True)
class Applied:
    """A rate that applies: told by what it is called, reckoned by `part`."""

    country: str
    region: str
    tax_class: str
    name: str
    rate: str
    part: Fraction


@dataclass(frozen=True, slots=True)
class Taxable:
    """An amount as prices are written, and the rates that apply to it."""

    amount: int
    rates: tuple[Applied, ...]


@dataclass(frozen=True, slots=True)
class Taxed:
    net: int
    shares: tuple[tuple[Applied, int], ...]

    @property
    def tax(self) -> int:
        return sum(tax for _, tax in self.shares)

    @property
    def gross(self) -> int:
        return self.net + self.tax


def tax_place(question: Question, pick_up: Place | None) -> Place:
    """Where the sale is taxed; what is picked up is taxed where it is picked up, where that is known."""
    rules = question.taxes
    if rules.place is TaxPlace.ORIGIN:
        return rules.origin
    if pick_up is not None:
        return pick_up if pick_up.country else rules.origin
    return question.destination if question.destination.country else rules.origin


def applying(rules: Taxes, *, tax_class: str, place: Place, day: date) -> tuple[Applied, ...]:
    """The rates for a class at a place on a day: the closest one, and those that are levied beside it.

    A class that has no rate there is taxed like the standard class, and one that has additional rates only has them
    beside the standard rate; `none` is never taxed.
    """
    if tax_class == UNTAXED:
        return ()
    fitting = [
        (_closeness(rate, place), rate.valid_from or date.min, -number, rate)
        for number, rate in enumerate(rules.rates)
        if rate.tax_class in {tax_class, STANDARD} and _applies(rate, place, day)
    ]
    has_own = any(closeness for closeness, *_ in fitting)
    instead = {
        wanted: [each for each in fitting if each[3].tax_class == wanted and not each[3].adds]
        for wanted in (tax_class, STANDARD)
    }
    beside = {
        wanted: _beside(
            [
                each
                for each in fitting
                # Everywhere else is no place that has a rate of its own.
                if each[3].tax_class == wanted and each[3].adds and (each[0] or not has_own)
            ]
        )
        for wanted in (tax_class, STANDARD)
    }
    closest = instead[tax_class] or instead[STANDARD]
    added = beside[tax_class] if instead[tax_class] or beside[tax_class] else beside[STANDARD]
    chosen = [max(closest, key=lambda each: each[:3])[3]] if closest else []
    return tuple(_applied(rate) for rate in [*chosen, *added])


def _beside(fitting: Sequence[tuple[int, date, int, Rate]]) -> list[Rate]:
    """Each additional rate once, as it was set last."""
    last: dict[tuple[str, tuple[str, ...], tuple[str, ...], str], tuple[int, date, int, Rate]] = {}
    for each in fitting:
        rate = each[3]
        key = (rate.country.upper(), tuple(rate.regions), tuple(rate.postcodes), rate.name)
        if key not in last or last[key][:3] < each[:3]:
            last[key] = each
    return [each[3] for each in sorted(last.values(), key=lambda each: -each[2])]


def _applies(rate: Rate, place: Place, day: date) -> bool:
    return (
        (rate.valid_from is None or rate.valid_from <= day)
        and (rate.valid_until is None or day <= rate.valid_until)
        and places.covers([rate.country], rate.regions, rate.postcodes, place)
    )


def _closeness(rate: Rate, place: Place) -> int:
    if not places.same_country(rate.country, place):
        return 0
    return 1 + (1 if rate.regions else 0) + (2 if rate.postcodes else 0)


def _applied(rate: Rate) -> Applied:
    part = ratio(rate.rate)
    assert part is not None, "the question was checked"
    return Applied(
        rate.country.upper(),
        rate.regions[0] if rate.regions else "",
        rate.tax_class,
        rate.name,
        rate.rate,
        part,
    )


def levy(items: Sequence[Taxable], *, included: bool, rounding: Rounding) -> list[Taxed]:
    """The tax of each.  Rounded once: for each item, or for all that have the same rates together and then shared
    over them to the cent.
    """
    groups: dict[object, list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        groups[item.rates if rounding is Rounding.ORDER else index].append(index)
    taxed: dict[int, Taxed] = {}
    for members in groups.values():
        amounts = [items[index].amount for index in members]
        rates = items[members[0]].rates
        shares = _included(amounts, rates) if included else _on_top(amounts, rates)
        for index, amount, amount_shares in zip(members, amounts, shares, strict=True):
            taxed[index] = Taxed(
                amount - sum(amount_shares) if included else amount,
                tuple(zip(rates, amount_shares, strict=True)),
            )
    return [taxed[index] for index in range(len(items))]


def _on_top(amounts: Sequence[int], rates: Sequence[Applied]) -> list[list[int]]:
    """Each tax is reckoned for itself."""
    whole = sum(amounts)
    by_rate = [split_minor(rounded(whole * rate.part), amounts) for rate in rates]
    return [[shares[index] for shares in by_rate] for index in range(len(amounts))]


def _included(amounts: Sequence[int], rates: Sequence[Applied]) -> list[list[int]]:
    """All taxes are taken out of the price at once; no line gives more than it has."""
    parts = [rate.part for rate in rates]
    together = sum(parts, Fraction())
    tax = rounded(sum(amounts) * together / (1 + together))
    scale = 1
    for part in parts:
        scale = scale * part.denominator
    left = list(amounts)
    by_amount: list[list[int]] = [[] for _ in amounts]
    for taken in split_minor(tax, [int(part * scale) for part in parts]) if parts else []:
        shares = split_minor(taken, left)
        left = [amount - share for amount, share in zip(left, shares, strict=True)]
        for amount_shares, share in zip(by_amount, shares, strict=True):
            amount_shares.append(share)
    return by_amount


def shares_told(taxed: Sequence[Taxed]) -> list[TaxShare]:
    """The taxes of a line, or of the parts of one, each rate once."""
    sums: dict[Applied, int] = {}
    for item in taxed:
        for rate, tax in item.shares:
            sums[rate] = sums.get(rate, 0) + tax
    return [
        TaxShare(
            country=rate.country,
            region=rate.region,
            tax_class=rate.tax_class,
            name=rate.name,
            rate=rate.rate,
            tax=tax,
        )
        for rate, tax in sums.items()
    ]


def tax_lines(taxed: Sequence[Taxed]) -> list[TaxLine]:
    """Each rate of the order once, in the order in which lines have them."""
    sums: dict[Applied, tuple[int, int]] = {}
    for item in taxed:
        for rate, tax in item.shares:
            net, so_far = sums.get(rate, (0, 0))
            sums[rate] = (net + item.net, so_far + tax)
    return [
        TaxLine(
            country=rate.country,
            region=rate.region,
            tax_class=rate.tax_class,
            name=rate.name,
            rate=rate.rate,
            net=net,
            tax=tax,
        )
        for rate, (net, tax) in sums.items()
    ]

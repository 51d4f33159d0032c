"""The cheapest way to order one product, at given prices on what products share.  Pure, exact, in integers.

Ordering from one quote, in one price tier, with a given set of colours, is easy: each further lot of a variant
is worth less than the one before, so the best lots are taken in falling worth until they no longer pay, within
what the tier and the minimums per colour allow.  All (quote, tier, colours) are tried: microseconds each.

Ordering one product from several quotes at once is bounded from below by letting lots be single units and
colours free.  Where that bound is no lower, the answer above is proven best; where it is, the bound still holds.

Amounts are scaled minor units, relative to ordering nothing.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate, combinations, pairwise, product
from operator import itemgetter
from typing import Final

from shopfloor.kernel.records import dataclass
from shopfloor.supply.solver.problem import Buy, Need, Offer, Style

# With more colours under a minimum than this, only nested sets of them are tried, and the bound lets them free.
MANY_COLOURS: Final = 5
# With more ways than this to split a product over quotes, one weak bound stands for all of them.
MANY_SPLITS: Final = 400


@dataclass(frozen=True, slots=True)
class Response:
    """Order lines for one product, the units under each quote, and what they cost without prices."""

    buys: tuple[Buy, ...] = ()
    units: tuple[tuple[Offer, int], ...] = ()
    purchase_minor: int = 0
    cost: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """The best response per quote, and a bound: no way to order the product costs less at these prices."""

    best: Response
    priced: int
    others: tuple[Response, ...]
    bound: int


@dataclass(frozen=True, slots=True)
class _Choice:
    """One set of colours under one quote: the lots that must be taken, then the others in falling worth.

    `falling` holds negated worths (rising, for bisect), `sums[n]` the worth of the first n of them.
    `spare` is what one more lot beyond all demand is worth (left over), of the variant `spare_of`.
    """

    forced: tuple[int, ...]
    forced_worth: int
    falling: list[int]
    sums: list[int]
    variants: list[int]
    spare: int
    spare_of: int


@dataclass(frozen=True, slots=True)
class _Ways:
    """All of one quote that does not depend on prices."""

    offer: Offer
    choices: tuple[_Choice, ...]
    loose: _Choice | None


@dataclass(frozen=True, slots=True)
class Menu:
    """All of one product that does not depend on prices.

    `worths` are negated worths of single units over all variants (rising), `sums` those of the first n.
    """

    product_id: int
    ways: tuple[_Ways, ...]
    needs_order: bool
    worths: list[int]
    sums: list[int]
    spare: int


def unit_worths(scale: int, need: Need) -> list[int]:
    """What the first, second… unit beyond those available is worth, salvage included; falling."""
    margin, found = need.price_minor - need.salvage_minor, list[int]()
    for low, high in pairwise(sorted({0, need.hard, *need.demand})):
        wanted = sum(1 for demand in need.demand if demand >= high)
        worth = wanted * margin + scale * (need.salvage_minor + (need.late_minor if high <= need.hard else 0))
        found.extend([worth] * max(0, high - max(low, need.available)))
    return found


def menu(scale: int, style: Style, offers: Sequence[Offer], *, must_cover_hard: bool) -> Menu:
    worths = {need.variant_id: unit_worths(scale, need) for need in style.needs}
    missing = {
        need.variant_id: max(0, need.hard - need.available) if must_cover_hard else 0 for need in style.needs
    }
    units = sorted(-worth for each in worths.values() for worth in each)
    return Menu(
        product_id=style.product_id,
        ways=tuple(_ways(scale, style, offer, worths, missing) for offer in offers),
        needs_order=any(missing.values()),
        worths=units,
        sums=list(accumulate((-unit for unit in units), initial=0)),
        spare=max((scale * need.salvage_minor for need in style.needs), default=0),
    )


def _ways(
    scale: int,
    style: Style,
    offer: Offer,
    worths: Mapping[int, list[int]],
    missing: Mapping[int, int],
) -> _Ways:
    colours: dict[str, list[tuple[bool, int, int]]] = {}
    spares: dict[str, tuple[int, int]] = {}
    for need in style.needs:
        units, salvage = worths[need.variant_id], scale * need.salvage_minor
        count = max(-(-len(units) // offer.lot), -(-missing[need.variant_id] // offer.lot))
        padded = units + [salvage] * (count * offer.lot - len(units))
        for at in range(count):
            worth = sum(padded[at * offer.lot : (at + 1) * offer.lot])
            must = at * offer.lot < missing[need.variant_id]
            colours.setdefault(need.colour, []).append((must, worth, need.variant_id))
        colours.setdefault(need.colour, [])
        spares[need.colour] = max(spares.get(need.colour, (-1, 0)), (salvage * offer.lot, need.variant_id))
    least = -(-offer.colour_minimum // offer.lot)
    if least <= 1:
        # Any lot at all meets such a minimum.
        return _Ways(offer, (_choice(colours, spares, 0),), None)
    required = {colour for colour, lots in colours.items() if any(must for must, _, _ in lots)}
    loose = None
    names = sorted(colours, key=lambda colour: -sum(worth for _, worth, _ in colours[colour]))
    if len(names) <= MANY_COLOURS:
        sets = [set(chosen) for size in range(1, len(names) + 1) for chosen in combinations(names, size)]
    else:
        sets = [set(names[:size]) for size in range(1, len(names) + 1)]
        loose = _choice(colours, spares, 0)
    return _Ways(
        offer,
        tuple(
            _choice({colour: colours[colour] for colour in names if colour in chosen}, spares, least)
            for chosen in sets
            if required <= chosen
        ),
        loose,
    )


def _choice(
    colours: Mapping[str, Sequence[tuple[bool, int, int]]], spares: Mapping[str, tuple[int, int]], least: int
) -> _Choice:
    forced: list[tuple[int, int]] = []
    free: list[tuple[int, int]] = []
    for colour, lots in colours.items():
        # Stable: the lots of one variant keep their order, which is that of falling worth.
        ordered = sorted(lots, key=lambda lot: (not lot[0], -lot[1]))
        count = max(least, sum(1 for must, _, _ in lots if must))
        taken = [(worth, variant_id) for _, worth, variant_id in ordered[:count]]
        forced += taken + [spares[colour]] * (count - len(taken))
        free += [(worth, variant_id) for _, worth, variant_id in ordered[count:]]
    free.sort(key=lambda lot: -lot[0])
    spare, spare_of = max(spares[colour] for colour in colours)
    return _Choice(
        forced=tuple(variant_id for _, variant_id in forced),
        forced_worth=sum(worth for worth, _ in forced),
        falling=[-worth for worth, _ in free],
        sums=list(accumulate((worth for worth, _ in free), initial=0)),
        variants=[variant_id for _, variant_id in free],
        spare=spare,
        spare_of=spare_of,
    )


def respond(scale: int, menu: Menu, *, work: Mapping[int, int], cash: int) -> Answer:
    """The best answer when a unit under quote q costs `work[q]` more, and each minor unit spent `cash` more."""
    nothing = Response()
    best, priced = (None, 0) if menu.needs_order else (nothing, 0)
    bound: int | None = None if menu.needs_order else 0
    others: list[Response] = []
    for ways in menu.ways:
        found = _best_under(scale, ways, work[ways.offer.quote_id], cash)
        if found is not None:
            response, price = found
            others.append(response)
            if best is None or price < priced:
                best, priced = response, price
            bound = price if bound is None else min(bound, price)
        if ways.loose is not None:
            least = _least_loose(scale, ways, ways.loose, work[ways.offer.quote_id], cash)
            bound = least if bound is None else min(bound, least)
    split = _split_bound(scale, menu, work, cash)
    if split is not None:
        bound = split if bound is None else min(bound, split)
    if best is None:
        # Promised units that no single quote covers: a plan may still, from several.
        best, priced = nothing, 0
        bound = 0 if bound is None else bound
    assert bound is not None
    return Answer(best, priced, tuple(others), bound)


def _tiers(offer: Offer) -> list[tuple[int, int, int | None]]:
    """(unit price, fewest, most) lots per tier; most None: no end."""
    ends = [*(later.minimum - 1 for _, later in pairwise(offer.tiers)), None]
    return [
        (tier.unit_minor, -(-tier.minimum // offer.lot), None if end is None else end // offer.lot)
        for tier, end in zip(offer.tiers, ends, strict=True)
    ]


def _best_under(scale: int, ways: _Ways, work: int, cash: int) -> tuple[Response, int] | None:
    offer = ways.offer
    found: tuple[int, int, int, _Choice] | None = None
    for unit, fewest, most in _tiers(offer):
        price = ((scale + cash) * unit + work) * offer.lot
        for choice in ways.choices:
            lots = _lots(choice, price, fewest, most)
            if lots is None:
                continue
            priced = (scale + cash) * offer.setup_minor + price * lots - _worth(choice, lots)
            if found is None or priced < found[0]:
                found = (priced, unit, lots, choice)
    if found is None:
        return None
    priced, unit, lots, choice = found
    return _response(scale, offer, choice, unit, lots), priced


def _response(scale: int, offer: Offer, choice: _Choice, unit: int, lots: int) -> Response:
    purchase = unit * lots * offer.lot + offer.setup_minor
    counts: dict[int, int] = {}
    for variant_id in _taken(choice, lots):
        counts[variant_id] = counts.get(variant_id, 0) + offer.lot
    buys = tuple(Buy(offer.quote_id, variant_id, units) for variant_id, units in sorted(counts.items()))
    return Response(buys, ((offer, lots * offer.lot),), purchase, scale * purchase - _worth(choice, lots))


def nearly_best(scale: int, menu: Menu, *, work: Mapping[int, int], cash: int, count: int) -> list[Response]:
    """The `count` cheapest responses at these prices over all totals, one lot apart where they are few."""
    found: list[tuple[int, int, _Choice, Offer, int]] = []
    for ways in menu.ways:
        offer = ways.offer
        for unit, fewest, most in _tiers(offer):
            price = ((scale + cash) * unit + work[offer.quote_id]) * offer.lot
            for choice in ways.choices:
                least = max(len(choice.forced), fewest, 1)
                last = max(least, len(choice.forced) + len(choice.falling))
                last = last if most is None else min(last, most)
                step = max(1, (last - least) // (4 * count))
                for lots in range(least, last + 1, step):
                    priced = (scale + cash) * offer.setup_minor + price * lots - _worth(choice, lots)
                    found.append((priced, lots, choice, offer, unit))
    found.sort(key=itemgetter(0))
    return [_response(scale, offer, choice, unit, lots) for _, lots, choice, offer, unit in found[:count]]


def _lots(choice: _Choice, price: int, fewest: int, most: int | None) -> int | None:
    """How many lots are best at `price` each; None when the tier cannot hold what is forced."""
    forced = len(choice.forced)
    if most is not None and (most < forced or most < fewest):
        return None
    lots = max(forced + bisect_left(choice.falling, -price), fewest, 1)
    return lots if most is None else min(lots, most)


def _worth(choice: _Choice, lots: int) -> int:
    free = lots - len(choice.forced)
    known = min(free, len(choice.falling))
    return choice.forced_worth + choice.sums[known] + (free - known) * choice.spare


def _taken(choice: _Choice, lots: int) -> list[int]:
    free = lots - len(choice.forced)
    known = choice.variants[:free]
    return [*choice.forced, *known, *[choice.spare_of] * (free - len(known))]


def _least_loose(scale: int, ways: _Ways, loose: _Choice, work: int, cash: int) -> int:
    """The cost under one quote when minimums per colour are forgotten: a bound."""
    offer = ways.offer
    found: list[int] = []
    for unit, fewest, most in _tiers(offer):
        price = ((scale + cash) * unit + work) * offer.lot
        lots = _lots(loose, price, fewest, most)
        if lots is not None:
            found.append((scale + cash) * offer.setup_minor + price * lots - _worth(loose, lots))
    return min(found, default=0)


def _split_bound(scale: int, menu: Menu, work: Mapping[int, int], cash: int) -> int | None:
    """No way to order the product from two or more quotes costs less.  None: there is at most one quote."""
    if len(menu.ways) < 2:
        return None
    options: list[list[tuple[int, int, int | None, int] | None]] = []
    for ways in menu.ways:
        offer = ways.offer
        options.append(
            [
                None,
                *(
                    (
                        (scale + cash) * unit + work[offer.quote_id],
                        fewest * offer.lot,
                        None if most is None else most * offer.lot,
                        (scale + cash) * offer.setup_minor,
                    )
                    for unit, fewest, most in _tiers(offer)
                    if most is None or fewest <= most
                ),
            ]
        )
    splits = 1
    for each in options:
        splits *= len(each)
    if splits > MANY_SPLITS:
        cheapest = min(option[0] for each in options for option in each if option is not None)
        starts = sorted(min(option[1] for option in each if option is not None) for each in options)
        setups = sorted(min(option[3] for option in each if option is not None) for each in options)
        return _fill(menu, [(cheapest, starts[0] + starts[1], None, setups[0] + setups[1])])
    found = [
        _fill(menu, chosen)
        for split in product(*options)
        if len(chosen := [option for option in split if option is not None]) >= 2
    ]
    return min(found)


def _fill(menu: Menu, chosen: Sequence[tuple[int, int, int | None, int]]) -> int:
    """The least cost of single units at these (price, fewest, most, setup), the cheapest filled first."""
    units = sum(fewest for _, fewest, _, _ in chosen)
    cost = sum(setup + price * fewest for price, fewest, _, setup in chosen)
    for price, fewest, most, _ in sorted(chosen, key=itemgetter(0)):
        pays = bisect_left(menu.worths, -price)
        more = max(0, pays - units) if most is None else min(max(0, pays - units), most - fewest)
        units += more
        cost += price * more
    known = min(units, len(menu.worths))
    return cost - menu.sums[known] - (units - known) * menu.spare

"""Bundles on their way through a purchase: what is asked for as one thing is held as units of its parts.

The price of a bundle is shared out over its parts by what they cost by themselves, exactly: the units of a bundle
at their unit prices sum to its price.  No I/O here.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from shopfloor import catalog, stock
from shopfloor.kernel.values import split_minor
from shopfloor.purchases.models import BadPurchase

# Variant, units in one bundle, unit price in minor units.  A variant comes twice where its share does not divide.
Units = tuple[int, int, int]
Lines = tuple[tuple[stock.Line, ...], tuple[int, ...]]


class Composition(msgspec.Struct, frozen=True, gc=False):
    """What one of a bundle is held as, at its price.  `id` is the catalogue's composition."""

    id: int
    units: tuple[Units, ...]

    @property
    def pieces(self) -> int:
        return sum(quantity for _, quantity, _ in self.units)


def composed(bundle: catalog.Bundle, price_minor: int) -> Composition:
    """One `bundle` sold at `price_minor`."""
    weights = [part.price_minor * part.quantity for part in bundle.parts]
    units: list[Units] = []
    for part, share in zip(bundle.parts, split_minor(price_minor, weights), strict=True):
        each, over = divmod(share, part.quantity)
        if over:
            units.append((part.variant_id, over, each + 1))
        if over < part.quantity:
            units.append((part.variant_id, part.quantity - over, each))
    return Composition(bundle.id, tuple(units))


def expanded(wanted: Sequence[tuple[int, int, int]], bundles: Mapping[int, Composition]) -> Lines:
    """Lines and unit prices of what is asked for, as (variant, quantity, unit price).

    Raises BadPurchase when the parts come to more lines than one purchase can have.
    """
    lines: list[stock.Line] = []
    prices: list[int] = []
    for variant_id, quantity, price_minor in wanted:
        bundle = bundles.get(variant_id)
        if bundle is None:
            lines.append(stock.Line(variant_id, quantity))
            prices.append(price_minor)
            continue
        for part_id, units, each in bundle.units:
            lines.append(stock.Line(part_id, units * quantity, bundle.id))
            prices.append(each)
    if len(lines) > stock.MAX_LINES:
        raise BadPurchase("The parts of these bundles are more than one purchase can have.")
    return tuple(lines), tuple(prices)


def asked_for(request: stock.Request, bundles: Mapping[int, Composition]) -> tuple[int, int] | None:
    """(variant, quantity) of a request for one thing, a bundle or not; None for a cart."""
    first = request.lines[0]
    if first.bundle_id is None:
        return (first.variant_id, first.quantity) if len(request.lines) == 1 else None
    if any(line.bundle_id != first.bundle_id for line in request.lines):
        return None
    for variant_id, bundle in bundles.items():
        if bundle.id == first.bundle_id:
            return variant_id, sum(line.quantity for line in request.lines) // bundle.pieces
    return None


_OF_UNITS: Final = frozenset({stock.Code.SOLD_OUT, stock.Code.TOO_LATE, stock.Code.UNKNOWN})


def about_the_bundle(
    refused: stock.Refused, request: stock.Request, bundles: Mapping[int, Composition]
) -> stock.Refused:
    """A refusal that names a part, said of the bundle its buyer asked for: `left` is how many the part is enough
    for (other parts may be enough for fewer), `part_id` the part.  A cart is told of the part.
    """
    asked = asked_for(request, bundles)
    part_id = refused.facts.get("variant_id")
    if asked is None or asked[0] not in bundles or refused.code not in _OF_UNITS:
        return refused
    facts: dict[str, object] = {**refused.facts, "variant_id": asked[0], "part_id": part_id}
    if "wanted" in facts:
        facts["wanted"] = asked[1]
    left = facts.get("left")
    if isinstance(left, int):
        bundle = bundles[asked[0]]
        facts["left"] = left // sum(units for variant_id, units, _ in bundle.units if variant_id == part_id)
    return stock.Refused(refused.id, refused.code, facts)

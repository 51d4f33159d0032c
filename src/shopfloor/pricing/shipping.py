"""Which ways of delivery an order has, and what they cost."""

from collections.abc import Sequence

from shopfloor.pricing import places
from shopfloor.pricing.models import (
    DeliveryKind,
    Method,
    Option,
    Place,
    PriceBy,
    PriceStep,
    Question,
    Shipping,
    Zone,
)


def zone_of(shipping: Shipping, place: Place) -> Zone | None:
    """The first zone that has the place."""
    for zone in shipping.zones:
        excepted = places.in_regions(zone.except_regions, place) or places.in_postcodes(
            zone.except_postcodes, place
        )
        if not excepted and places.covers(zone.countries, zone.regions, zone.postcodes, place):
            return zone
    return None


def offered(question: Question, goods: int) -> list[Option]:
    """The ways of delivery for goods of this price, in the order of the rules."""
    zone = zone_of(question.shipping, question.destination) if question.destination.country else None
    options: list[Option] = []
    for method in question.shipping.methods:
        if not _reaches(method, zone, question.destination):
            continue
        amount = _price(method, question, goods)
        if amount is not None:
            options.append(Option(id=method.id, kind=method.kind, amount=amount))
    return options


def _reaches(method: Method, zone: Zone | None, place: Place) -> bool:
    if method.kind is DeliveryKind.PICK_UP:
        return True
    if method.kind is DeliveryKind.LOCAL:
        return bool(place.postcode) and places.covers(method.countries, [], method.postcodes, place)
    return zone is not None and method.zone == zone.id


def _price(method: Method, question: Question, goods: int) -> int | None:
    """None where the order is heavier, or worth more, than the last step."""
    if method.by is PriceBy.FLAT:
        amount: int | None = method.amount
    elif method.by is PriceBy.WEIGHT:
        amount = _step(method.steps, sum(line.weight * line.quantity for line in question.lines))
    else:
        amount = _step(method.steps, goods)
    free = method.free_from is not None and goods >= method.free_from
    return 0 if free and amount is not None else amount


def _step(steps: Sequence[PriceStep], size: int) -> int | None:
    fitting = [step for step in steps if step.up_to is None or size <= step.up_to]
    ends = sorted(fitting, key=lambda step: (step.up_to is None, step.up_to or 0))
    return ends[0].amount if ends else None

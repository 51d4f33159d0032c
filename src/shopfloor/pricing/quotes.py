"""What an order costs in a shop, for each way it can be delivered: the shop's rules and the price function in one."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

import msgspec

from shopfloor import accounts
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now
from shopfloor.pricing import service, waiving
from shopfloor.pricing.models import (
    Breakdown,
    DeliveryKind,
    Discount,
    Line,
    Method,
    Place,
    Question,
    Shipping,
    plain,
)
from shopfloor.pricing.price import Checked, by_way, checked
from shopfloor.pricing.records import Rules
from shopfloor.pricing.refusals import NoSuchDelivery

_NO_BUDGETS: Final[Mapping[str, int]] = MappingProxyType({})
# A country that no country has: what is sent somewhere, where the shop does not ask where.
_SOMEWHERE: Final = "ZZ"


@dataclass(frozen=True, slots=True)
class PricedWay:
    """`name` and `note` are the shop's own, empty for a shop that has set none.  `calculation` is the breakdown as JSON."""

    id: str
    kind: DeliveryKind
    name: str
    note: str
    breakdown: Breakdown
    calculation: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Quoted:
    """`asks_country`: the country of the address decides; `place` is the one these prices are for.

    `countries`: those that something is brought to; empty where all are.
    """

    ways: list[PricedWay]
    place: Place
    asks_country: bool
    countries: list[str]


class Ordered(Protocol):
    """An order as it was placed: whose rates apply, whether its prices have the tax in them, and what is forgiven of a
    total.
    """

    @property
    def at(self) -> datetime: ...
    @property
    def included(self) -> bool: ...
    def waives(self, total_minor: int) -> int: ...


@dataclass(frozen=True, slots=True)
class Prices:
    """All that a shop has set, read once for as many quotes as are asked for."""

    rules: Rules
    zone: ZoneInfo | None
    """The shop's; None where no day of its own matters."""

    @classmethod
    async def of(cls, tx: Tx, *, shop_id: int, dated: bool = False) -> "Prices":
        """`dated`: also for the price of an order that was placed before."""
        rules = await service.rules(tx, shop_id=shop_id)
        zone = None
        if rules.has_taxes or dated:
            zone = ZoneInfo((await accounts.shop(tx, shop_id)).timezone)
        return cls(rules, zone)

    @classmethod
    async def ask(
        cls,
        tx: Tx,
        questions: Sequence["Callable[[Prices], Quoted]"],
        *,
        shop_id: int,
        dated: bool = False,
    ) -> list[Quoted]:
        """The answers to `quote` with all arguments but itself, as prices are now."""
        prices = await cls.of(tx, shop_id=shop_id, dated=dated)
        return [question(prices) for question in questions]

    def quote(
        self,
        *,
        currency: str,
        lines: Sequence[Line],
        place: Place | None,
        otherwise: Shipping,
        discounts: Sequence[Discount] = (),
        budgets: Mapping[str, int] = _NO_BUDGETS,
        instead: Shipping | None = None,
        as_paid: bool = False,
        ordered: Ordered | None = None,
        kinds: Collection[DeliveryKind] = tuple(DeliveryKind),
        also: Sequence[Method] = (),
    ) -> Quoted:
        """`otherwise`: how a shop delivers that has set nothing; `instead` of whatever it has set.  `as_paid`: the prices of
        the lines are what is paid, with the tax, whatever the shop's prices are.  Without a place: as within the shop's own
        country.

        `budgets`: what is left for some of the `discounts`; one that would come to more does not apply at all, so that
        nobody gets less of it than was announced.  `ordered`: it is the price of an order that was placed before, which is
        changed.  `kinds`: of the ways of delivery only these are priced.  `also`: ways beside those of the shop, whose names
        the caller knows.  Raises what `price` raises.
        """
        rules = self.rules
        home = rules.taxes.origin.country or next(
            (each for zone in rules.zones for each in zone.countries if each != "*"), _SOMEWHERE
        )
        # Without a zone the day matters to nobody.
        day = now().astimezone(self.zone or UTC).date()
        taxes = msgspec.structs.replace(rules.taxes, included=True) if as_paid else rules.taxes
        if ordered is not None:
            assert self.zone is not None, "asked for what is dated"
            day = ordered.at.astimezone(self.zone).date()
            taxes = msgspec.structs.replace(taxes, included=ordered.included)
        shipping = rules.shipping if rules.has_delivery else otherwise
        if also:
            shipping = msgspec.structs.replace(shipping, methods=[*shipping.methods, *also])
        question = Question(
            currency=currency,
            date=day,
            lines=list(lines),
            destination=place if place is not None and rules.asks_country else Place(country=home),
            taxes=taxes,
            shipping=instead or shipping,
            discounts=list(discounts),
        )
        own = {str(method.id): method for method in rules.methods}
        ways: list[PricedWay] = []
        asked = checked(question)
        for option in asked.ways:
            if option.kind not in kinds:
                continue
            try:
                full = _within(budgets, asked, option.id)
            except NoSuchDelivery:
                # Offered for what the goods would have come to with a discount that is used up.
                continue
            method = own.get(option.id)
            waived = 0 if ordered is None else ordered.waives(full.totals.total)
            breakdown = waiving.less(full, waived)
            ways.append(
                PricedWay(
                    id=option.id,
                    kind=option.kind,
                    name="" if method is None else method.name,
                    note="" if method is None else method.note,
                    breakdown=breakdown,
                    # As prices are written, like any other discount.
                    calculation=plain(breakdown)
                    | (
                        {
                            "waived": {
                                "listed": breakdown.totals.discount - full.totals.discount,
                                "total": waived,
                            }
                        }
                        if waived
                        else {}
                    ),
                )
            )
        return Quoted(ways, question.destination, rules.asks_country, _countries(rules))


def _within(budgets: Mapping[str, int], asked: Checked, method: str) -> Breakdown:
    """The price without discounts that come to more than is left for them."""
    breakdown = by_way(asked, method)
    over = {each.id for each in breakdown.discounts if each.amount > budgets.get(each.id, each.amount)}
    if not over:
        return breakdown
    question = asked.question
    kept = [each for each in question.discounts if each.id not in over]
    return _within(budgets, checked(msgspec.structs.replace(question, discounts=kept)), method)


def _countries(rules: Rules) -> list[str]:
    """Where something goes to, by ship or locally; empty for everywhere."""
    zones = {method.zone_id for method in rules.methods}
    named = {each for zone in rules.zones if zone.id in zones for each in zone.countries}
    named |= {method.country for method in rules.methods if method.kind == DeliveryKind.LOCAL}
    return [] if "*" in named or not rules.has_delivery else sorted(named)

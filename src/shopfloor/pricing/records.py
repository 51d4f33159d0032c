"""What a shop has set, as it is kept.  No I/O here."""

from dataclasses import field
from datetime import date
from typing import Any

from shopfloor.kernel.records import dataclass
from shopfloor.pricing import models
from shopfloor.pricing.models import STANDARD, DeliveryKind, PriceBy, Rounding, TaxPlace


@dataclass(frozen=True, slots=True)
class TaxSettings:
    """`shipping_class` None: shipping is taxed as the goods are."""

    origin_country: str
    included: bool = True
    rounding: Rounding = Rounding.LINE
    place: TaxPlace = TaxPlace.DESTINATION
    origin_region: str = ""
    shipping_class: str | None = None
    tax_number: str = ""
    reference_days: int | None = None
    """Of how many days before a reduction the lowest price is shown; None: what is usual in the country."""


@dataclass(frozen=True, slots=True)
class TaxClass:
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class TaxRate:
    """`id` 0: not kept yet."""

    id: int
    country: str
    percent: str
    tax_class: str = STANDARD
    name: str = ""
    regions: list[str] = field(default_factory=list[str])
    postcodes: list[str] = field(default_factory=list[str])
    valid_from: date | None = None
    valid_until: date | None = None
    adds: bool = False


@dataclass(frozen=True, slots=True)
class Zone:
    """`id` 0: not kept yet."""

    id: int
    position: int
    name: str
    countries: list[str]
    regions: list[str] = field(default_factory=list[str])
    postcodes: list[str] = field(default_factory=list[str])
    except_regions: list[str] = field(default_factory=list[str])
    except_postcodes: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class Method:
    """`id` 0: not kept yet.  `note`: what the buyer reads beside the name, as an address with its opening hours.

    `country` and `region`: where local delivery goes, or where a pick-up is.
    """

    id: int
    position: int
    kind: DeliveryKind
    name: str
    zone_id: int | None = None
    note: str = ""
    price_by: PriceBy = PriceBy.FLAT
    amount_minor: int = 0
    steps: list[Any] = field(default_factory=list[Any])
    free_from_minor: int | None = None
    country: str = ""
    region: str = ""
    postcodes: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class Rules:
    """All that a shop has set, as the price function takes it."""

    settings: TaxSettings | None
    taxes: models.Taxes
    zones: list[Zone]
    methods: list[Method]

    @property
    def has_taxes(self) -> bool:
        return self.settings is not None and bool(self.taxes.rates)

    @property
    def has_delivery(self) -> bool:
        return bool(self.methods)

    @property
    def asks_country(self) -> bool:
        """Whether the price depends on the country of the address."""
        to_destination = self.has_taxes and self.taxes.place is TaxPlace.DESTINATION
        return to_destination or any(method.kind is not DeliveryKind.PICK_UP for method in self.methods)

    @property
    def shipping(self) -> models.Shipping:
        return models.Shipping(
            zones=[_zone(zone) for zone in self.zones], methods=[_method(method) for method in self.methods]
        )


def _zone(zone: Zone) -> models.Zone:
    return models.Zone(
        id=str(zone.id),
        countries=zone.countries,
        regions=zone.regions,
        postcodes=zone.postcodes,
        except_regions=zone.except_regions,
        except_postcodes=zone.except_postcodes,
    )


def _method(method: Method) -> models.Method:
    return models.Method(
        id=str(method.id),
        kind=DeliveryKind(method.kind),
        zone=str(method.zone_id or ""),
        by=PriceBy(method.price_by),
        amount=method.amount_minor,
        steps=[models.PriceStep(amount=step["amount"], up_to=step["up_to"]) for step in method.steps],
        free_from=method.free_from_minor,
        countries=[method.country] if method.country else [],
        postcodes=method.postcodes,
        place=models.Place(country=method.country, region=method.region),
    )


def taxes_of(settings: TaxSettings | None, rates: list[TaxRate]) -> models.Taxes:
    if settings is None:
        return models.Taxes()
    return models.Taxes(
        included=settings.included,
        rounding=Rounding(settings.rounding),
        place=TaxPlace(settings.place),
        origin=models.Place(country=settings.origin_country, region=settings.origin_region),
        shipping_class=settings.shipping_class,
        rates=[
            models.Rate(
                country=rate.country,
                rate=rate.percent,
                tax_class=rate.tax_class,
                regions=rate.regions,
                postcodes=rate.postcodes,
                name=rate.name,
                valid_from=rate.valid_from,
                valid_until=rate.valid_until,
                adds=rate.adds,
            )
            for rate in rates
        ],
    )

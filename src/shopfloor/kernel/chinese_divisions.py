"""Province, city and district as one chooses them, step by step.  No I/O but the table beside this file."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from shopfloor.kernel.records import dataclass

TABLE: Final = Path(__file__).with_name("chinese_divisions.txt")


@cache
def divisions() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Districts by city by province.  A county directly below its province stands as a city without districts."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    cities: dict[str, tuple[str, ...]] = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        if not line.startswith(" "):
            cities = found.setdefault(line, {})
            continue
        city, _, districts = line.strip().partition(":")
        cities[city] = tuple(districts.split())
    return found


@dataclass(frozen=True, slots=True)
class Area:
    """As far as it was chosen: what does not lie in what stands above it is not."""

    region: str = ""
    city: str = ""
    district: str = ""

    @property
    def regions(self) -> tuple[str, ...]:
        return tuple(divisions())

    @property
    def cities(self) -> tuple[str, ...]:
        return tuple(divisions().get(self.region, ()))

    @property
    def districts(self) -> tuple[str, ...]:
        return divisions().get(self.region, {}).get(self.city, ())

    @property
    def is_whole(self) -> bool:
        return bool(self.city) and (bool(self.district) or not self.districts)

    def filled_in(self, street: str) -> dict[str, str]:
        """The fields of a form: a district stands before its street, once."""
        fields = {"region": self.region, "city": self.city} if self.region else {}
        if not self.district:
            return {name: value for name, value in fields.items() if value}
        rest = street.strip()
        for other in sorted(self.districts, key=len, reverse=True):
            if rest.startswith(other):
                rest = rest[len(other) :].strip()
                break
        return {**fields, "street": f"{self.district}{rest}"}

    @classmethod
    def chosen(cls, region: str, city: str = "", district: str = "") -> "Area":
        """Where a province has one city, that is chosen with it."""
        cities = divisions().get(region)
        if cities is None:
            return cls()
        if city not in cities:
            city = next(iter(cities)) if len(cities) == 1 else ""
        return cls(region, city, district if district in cities.get(city, ()) else "")

    @classmethod
    def of(cls, region: str, city: str, street: str) -> "Area":
        """Of an address that was filled in before."""
        found = cls.chosen(region.strip(), city.strip())
        begins = [each for each in found.districts if street.strip().startswith(each)]
        return cls.chosen(found.region, found.city, max(begins, key=len, default=""))

"""Which rules are about a place."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from shopfloor.pricing.models import Place

ANYWHERE: Final = "*"

_BESIDE: Final = re.compile(r"[\s\-‐-―]")
_RANGE: Final = re.compile(r"([0-9]+)-([0-9]+)", re.ASCII)


def same_country(country: str, place: Place) -> bool:
    return country.upper() == place.country.upper() != ""


def in_regions(names: Iterable[str], place: Place) -> bool:
    """Whether one of these names is that of the place's region."""
    region = _folded(place.region)
    return region != "" and any(_folded(name) == region for name in names)


def in_postcodes(patterns: Iterable[str], place: Place) -> bool:
    """Patterns: `1010`, a beginning `10*`, or `20000-20999` where both ends have as many digits."""
    postcode = _code(place.postcode)
    return postcode != "" and any(_fits(pattern, postcode) for pattern in patterns)


def covers(countries: Sequence[str], regions: Sequence[str], postcodes: Sequence[str], place: Place) -> bool:
    """Whether a zone of these countries, narrowed by these regions and postal codes, has the place."""
    return (
        (ANYWHERE in countries or any(same_country(country, place) for country in countries))
        and (not regions or in_regions(regions, place))
        and (not postcodes or in_postcodes(postcodes, place))
    )


def _fits(pattern: str, postcode: str) -> bool:
    ends = _RANGE.fullmatch("".join(pattern.split()))
    if ends and len(ends[1]) == len(ends[2]):
        return len(postcode) == len(ends[1]) and ends[1] <= postcode <= ends[2]
    bare = _code(pattern)
    return postcode.startswith(bare[:-1]) if bare.endswith("*") else postcode == bare


def _code(text: str) -> str:
    return _BESIDE.sub("", unicodedata.normalize("NFKC", text)).upper()


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())

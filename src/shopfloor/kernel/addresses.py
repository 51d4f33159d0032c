"""An address in the lines in which it is written: the largest first in Chinese characters, else the street first."""

import re
from typing import Final

_HAN: Final = re.compile(r"[\u3400-\u9fff\U00020000-\U0003fffd]")


def lines(*, street: str, city: str, region: str, postcode: str, country: str) -> list[str]:
    """Those that have something to say.  `country`: as it is to be read."""
    if _HAN.search(street) and _HAN.search(city):
        # A city that is a province is named once, and so is what the street begins with.
        place = "" if street.startswith((region or city, city)) else city if region == city else region + city
        written = [place + "".join(street.splitlines()), " ".join(filter(None, (postcode, country)))]
    else:
        town, land = " ".join(filter(None, (postcode, city))), ", ".join(filter(None, (region, country)))
        written = [*street.splitlines(), town, land]
    return [line for line in written if line.strip()]

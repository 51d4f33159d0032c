"""The providers that a shop can connect."""

from collections.abc import Mapping
from typing import Final

from shopfloor.payments.connections import Kind

KINDS: Final[Mapping[str, Kind]] = {}

"""Facts about the sites that may frame a room."""

from typing import ClassVar

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class SitesChanged:
    """A site was named, or no longer is: `origin`, as in https://www.example.com."""

    name: ClassVar[str] = "embeds.sites_changed"

    shop_id: int
    origin: str
    is_named: bool
    changed_by: int

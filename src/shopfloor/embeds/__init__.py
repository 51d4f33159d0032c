"""Sites of the merchant that may show a room in a frame.

Promise: only an origin that an owner of the shop has named, and that was checked, ever stands in a page's policy.
"""

from shopfloor.embeds.events import SitesChanged
from shopfloor.embeds.models import MOST_SITES, checked_origin
from shopfloor.embeds.service import (
    add_site,
    forget_ways_out,
    leave_frame,
    openers,
    remove_site,
    same_person,
    sites,
)

__all__ = [
    "MOST_SITES",
    "SitesChanged",
    "add_site",
    "checked_origin",
    "forget_ways_out",
    "leave_frame",
    "openers",
    "remove_site",
    "same_person",
    "sites",
]

"""Live shows: planned, on air, over; what stands in their rooms, and how many watched.

Promise: a show begins once and ends once; one that ended stays as it was.
"""

from shopfloor.live.events import ShowChanged, ShowPlanned
from shopfloor.live.models import BadShow, Show, ShowStatus, UnknownShow, WrongStatus, check_move
from shopfloor.live.queries import set_ended, set_live
from shopfloor.live.shows import (
    MAX_TITLE,
    airtimes,
    change_show,
    locked,
    on_air,
    plan_show,
    public_show,
    set_notice,
    set_peaks,
    set_pinned,
    set_slow_mode,
    show,
    shows,
    shows_on_air,
)

__all__ = [
    "MAX_TITLE",
    "BadShow",
    "Show",
    "ShowChanged",
    "ShowPlanned",
    "ShowStatus",
    "UnknownShow",
    "WrongStatus",
    "airtimes",
    "change_show",
    "check_move",
    "locked",
    "on_air",
    "plan_show",
    "public_show",
    "set_ended",
    "set_live",
    "set_notice",
    "set_peaks",
    "set_pinned",
    "set_slow_mode",
    "show",
    "shows",
    "shows_on_air",
]

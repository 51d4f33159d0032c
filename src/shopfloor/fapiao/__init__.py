"""Fapiao: requested by buyers, issued on the tax authority's platform, recorded here with number and file.

Promise: an order has one request, which can change until it was issued; no number is ever made up; what is refunded
after it was issued gets a red request by itself; nothing of this stands in the way of an order or a refund.
"""

from shopfloor.fapiao import heard, sheet
from shopfloor.fapiao.audit import audit
from shopfloor.fapiao.events import FapiaoRecorded
from shopfloor.fapiao.looking import (
    code,
    content,
    contents,
    counts,
    file_name,
    forget_buyers,
    get,
    is_in_china,
    is_offered,
    listing,
    of_order,
    of_paper,
    order_of_code,
    set_settings,
    settings,
)
from shopfloor.fapiao.models import (
    LARGE_BODIES,
    BadDate,
    CodeNotFound,
    FormRefused,
    Request,
    Settings,
    State,
    TitleKind,
    Via,
    Wanted,
    Why,
    shown_code,
)
from shopfloor.fapiao.service import add_files, ask, follow, issue, issue_red, reissue, tidied, withdraw

__all__ = [
    "LARGE_BODIES",
    "BadDate",
    "CodeNotFound",
    "FapiaoRecorded",
    "FormRefused",
    "Request",
    "Settings",
    "State",
    "TitleKind",
    "Via",
    "Wanted",
    "Why",
    "add_files",
    "ask",
    "audit",
    "code",
    "content",
    "contents",
    "counts",
    "file_name",
    "follow",
    "forget_buyers",
    "get",
    "heard",
    "is_in_china",
    "is_offered",
    "issue",
    "issue_red",
    "listing",
    "of_order",
    "of_paper",
    "order_of_code",
    "reissue",
    "set_settings",
    "settings",
    "sheet",
    "shown_code",
    "tidied",
    "withdraw",
]

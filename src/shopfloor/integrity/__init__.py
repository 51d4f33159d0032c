"""Which orders and viewers of a show are not what they seem: gross, general invalid, sophisticated invalid, net.

Promise: what is invalid is tagged and never dropped; each tag belongs to a case that says in numbers what was noticed;
a person's ruling goes before any detector, changes the net figures from then on, and stays on record; two figures of
one show differ only by what is in cases.
"""

from typing import TYPE_CHECKING

from shopfloor.integrity.audit import audit
from shopfloor.integrity.events import CaseRuled
from shopfloor.integrity.jobs import JUDGE, OfShow, ask_due, ask_judgement, make_judgement
from shopfloor.integrity.models import (
    Case,
    CaseMoved,
    CaseNotFound,
    Class,
    Reason,
    Ruling,
    State,
    Subject,
    Summary,
)
from shopfloor.integrity.service import (
    Seen,
    appeal,
    case_file,
    forget_buyers,
    forget_origins,
    held_back,
    note_origin,
    orders_of,
    page_of,
    rule,
    summaries,
    summary,
)
from shopfloor.kernel import late

if TYPE_CHECKING:
    from shopfloor.integrity.looking import invalid_of, look
else:
    __getattr__ = late.names(__name__, {"invalid_of": "looking", "look": "looking"})

__all__ = [
    "JUDGE",
    "Case",
    "CaseMoved",
    "CaseNotFound",
    "CaseRuled",
    "Class",
    "OfShow",
    "Reason",
    "Ruling",
    "Seen",
    "State",
    "Subject",
    "Summary",
    "appeal",
    "ask_due",
    "ask_judgement",
    "audit",
    "case_file",
    "forget_buyers",
    "forget_origins",
    "held_back",
    "invalid_of",
    "look",
    "make_judgement",
    "note_origin",
    "orders_of",
    "page_of",
    "rule",
    "summaries",
    "summary",
]

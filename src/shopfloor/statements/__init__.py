"""Statements: the figures of a show, signed, in a log that only grows, so that outsiders can check them.

Promise: what was signed can be checked with the shop's public key alone, without us; no entry of the log is changed,
removed or put between others without breaking a checkpoint that somebody may have; a later version never replaces an
earlier one in the log.  It proves that figures were not changed and not hidden, never that a buyer was genuine.

    listed = await statements.draw_up(tx, box=box, shop_id=1, show_id=7, drawn=drawn)
    data = await statements.file_of(tx, listed, shop_id=1)
    verifying.verify(data, key="shopfloor/dawn/…+…+…").holds
"""

from shopfloor.statements import assessing, jobs, log, witnessing
from shopfloor.statements.audit import audit
from shopfloor.statements.models import Listed, NotEnded
from shopfloor.statements.queries import statements
from shopfloor.statements.service import draw_up, file_of, of_show, one

__all__ = [
    "Listed",
    "NotEnded",
    "assessing",
    "audit",
    "draw_up",
    "file_of",
    "jobs",
    "log",
    "of_show",
    "one",
    "statements",
    "witnessing",
]

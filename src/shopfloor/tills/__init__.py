"""Tills: registers in stores that sell without a network for days, and what follows when their journals arrive.

Promise: a fact of a device that is paired is never refused and counts once, in whatever pieces and however often it is
sent; what it broke, or what of it cannot be, is a task for a person.  A receipt's number is had once, a journal is a
chain, and a drawer is its Z.
"""

from shopfloor.tills import assistants, finding, journal, reading, registers, service, shifts
from shopfloor.tills.audit import audit
from shopfloor.tills.models import Device, Right

__all__ = [
    "Device",
    "Right",
    "assistants",
    "audit",
    "finding",
    "journal",
    "reading",
    "registers",
    "service",
    "shifts",
]

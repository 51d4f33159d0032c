"""What the back office refuses, each with a stable code."""

from shopfloor.kernel.errors import Conflict, Invalid


class PaidOnline(Conflict):
    """This order is paid online: its provider says when the money is there."""

    code = "backoffice.paid_online"


class NothingDue(Conflict):
    """Nothing is due on this order now."""

    code = "backoffice.nothing_due"


class NothingNoted(Invalid):
    """Write a note first."""

    code = "backoffice.nothing_noted"

"""What invoicing refuses, each with a stable code."""

from shopfloor.kernel.errors import Conflict


class NotPaidYet(Conflict):
    """An order gets its invoice when it is paid in full."""

    code = "invoicing.not_paid"


class InvoiceOfCancelled(Conflict):
    """A cancelled order gets no invoice."""

    code = "invoicing.cancelled"


class NothingPaid(Conflict):
    """Nothing was paid on this order yet."""

    code = "invoicing.nothing_paid"

"""This module's refusals.  No I/O here."""

from shopfloor.kernel.errors import NotFound


class ConnectionNotFound(NotFound):
    """This shop has no such payment account."""

    code = "payments.connection_not_found"

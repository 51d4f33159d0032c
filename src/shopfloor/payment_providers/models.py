"""What a provider, or an account with one, cannot do.  No I/O here."""

from shopfloor.kernel.errors import Conflict, Invalid, Unavailable


class ProviderUnknown(Invalid):
    """There is no such way to pay here."""

    code = "orders.provider_unknown"


class ProviderAway(Unavailable):
    """The payment provider does not answer; your purchase is kept, ask again with the same form."""

    code = "orders.provider_away"


class AccountRefused(ProviderAway):
    """The payment provider does not accept this shop's account."""

    code = "payments.account_refused"


class NotAble(Conflict):
    """This way to pay cannot do that."""

    code = "payments.not_able"


class Forged(Invalid):
    """This message is not from the payment provider, or not of now."""

    code = "payments.forged"


class BillNotReady(Unavailable):
    """The payment provider has not closed that day yet."""

    code = "payments.bill_not_ready"


class ConnectionRefused(Invalid):
    """These details of the payment account cannot be used."""

    code = "payments.connection_refused"

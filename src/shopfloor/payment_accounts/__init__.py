"""A shop's own accounts with payment providers, and what providers send.

Promise: secrets are sealed and opened for nobody but the adapter that signs with them; a provider's message is kept once
however often it comes, before it is answered.
"""

from shopfloor.payment_accounts import inbox
from shopfloor.payment_accounts.connections import (
    Connection,
    Connections,
    Heard,
    capture_later,
    connection,
    connections_of,
    every_connection,
    lock_heard,
    remove,
    set_silent,
    switch,
)
from shopfloor.payment_accounts.models import ConnectionNotFound

__all__ = [
    "Connection",
    "ConnectionNotFound",
    "Connections",
    "Heard",
    "capture_later",
    "connection",
    "connections_of",
    "every_connection",
    "inbox",
    "lock_heard",
    "remove",
    "set_silent",
    "switch",
]

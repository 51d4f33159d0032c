"""Notifications in browsers that allow them: Web Push (RFC 8030), encrypted for the browser (RFC 8291), signed with the
installation's key (RFC 8292).

A shopper allows it on a page of the shop: on the order, in the waitlist, beside a show that is to come.  From then on
that browser is told when an order leaves or waits for an answer, when it is one's turn, when a show begins.  The address
that a browser brings is one that a stranger typed: only push services are connected to, by the guarded client.

Promise: a fact is told once to each browser; one whose push service says that it is gone is forgotten; what is of no use
by then is not sent.
"""

from shopfloor.push.models import Subscription, subscription
from shopfloor.push.service import (
    NAMES,
    forget,
    forget_shoppers,
    hears,
    public_key,
    something_due,
    subscribe,
    unsubscribe,
)

__all__ = [
    "NAMES",
    "Subscription",
    "forget",
    "forget_shoppers",
    "hears",
    "public_key",
    "something_due",
    "subscribe",
    "subscription",
    "unsubscribe",
]

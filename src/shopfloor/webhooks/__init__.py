"""Signed messages to programs of the merchant (standardwebhooks.com): what happened, retried until it is accepted.

    webhook-id         the same on every attempt: who gets it twice knows it
    webhook-timestamp  of this attempt, in seconds
    webhook-signature  v1,<Base64 of HMAC-SHA256 with the endpoint's secret over "id.timestamp.body">

The address is one that somebody typed: it is connected to by the guarded client, and redirects are not followed.

Promise: what happened is told once to each endpoint that wants it, under one id, until it is accepted or was tried for
days; what became of it is in the log.
"""

from shopfloor.webhooks.models import EVENTS, Made, NotAnEndpoint
from shopfloor.webhooks.service import (
    add_endpoint,
    deliver_again,
    deliveries,
    endpoint,
    endpoints,
    forget,
    hear,
    remove_endpoint,
    roll_secret,
    send_trial,
    something_due,
    switch,
)

__all__ = [
    "EVENTS",
    "Made",
    "NotAnEndpoint",
    "add_endpoint",
    "deliver_again",
    "deliveries",
    "endpoint",
    "endpoints",
    "forget",
    "hear",
    "remove_endpoint",
    "roll_secret",
    "send_trial",
    "something_due",
    "switch",
]

"""HTTPS of its own: certificates of a public authority for a domain, or of the shop's authority for a local network.

The process that serves has a `Keeper`; each order runs in a process that ends (`certificates.program`).
"""

from shopfloor.certificates.addresses import own_addresses, own_names
from shopfloor.certificates.keeper import Keeper
from shopfloor.certificates.models import (
    Certificate,
    Problem,
    Source,
    State,
    Wanted,
    directory_address,
)
from shopfloor.certificates.plain_port import TRUST, PlainPort, SecurePort, host_of
from shopfloor.certificates.store import Store, files_at, last_used

__all__ = [
    "TRUST",
    "Certificate",
    "Keeper",
    "PlainPort",
    "Problem",
    "SecurePort",
    "Source",
    "State",
    "Store",
    "Wanted",
    "directory_address",
    "files_at",
    "host_of",
    "last_used",
    "own_addresses",
    "own_names",
]

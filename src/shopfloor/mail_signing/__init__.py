"""Signing of mail (DKIM): keys of the domains that shops and the installation send from, and the DNS records by which others believe them.

Promise: the private half of a key is sealed and signs for its shop and domain only; what leaves is byte by byte what was
signed; nothing is signed before its record was found, or somebody said so.
"""

from shopfloor.mail_signing import own
from shopfloor.mail_signing.dkim import Key, Private, loaded, signed
from shopfloor.mail_signing.service import check, get, keys, make_key, set_signs

__all__ = ["Key", "Private", "check", "get", "keys", "loaded", "make_key", "own", "set_signs", "signed"]

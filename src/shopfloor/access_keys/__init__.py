"""Access keys: links that open one thing to whoever has them, such as a supplier's desk.

Promise: a key opens what it was issued for until it is revoked or expires, and nothing else.  It is 256 random bits of
which only a hash is stored.
"""

from shopfloor.access_keys.models import Key, UnknownKey
from shopfloor.access_keys.service import issue_key, keys, read_key, revoke_key

__all__ = ["Key", "UnknownKey", "issue_key", "keys", "read_key", "revoke_key"]

"""The chain of a journal: canonical JSON and its hash, as the page makes them.  No I/O here.

Keys are sorted by code point at every depth, there are no blanks, characters other than quotation mark, backslash and
U+0000 to U+001F stand as they are, in UTF-8.
"""

import hashlib
import json
from typing import Any


def canonical(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )


def hash_of(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()

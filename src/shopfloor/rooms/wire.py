"""The room's messages as they travel: JSON in WebSocket text frames.  Pure.

Outgoing frames are made once and written to many: unmasked, and, for those who negotiated
permessage-deflate, compressed without context (every message stands alone, so one frame fits all).
"""

import zlib
from datetime import date
from typing import Any, Final
from uuid import UUID

import msgspec

from shopfloor.kernel.strict_json import Int64, RowId

MAX_MESSAGE: Final = 16 * 1024
# Below this a compressed frame saves no packet.
WORTH_DEFLATING: Final = 200


class Hello(msgspec.Struct, tag_field="t", tag="hello", frozen=True):
    """The first message; with `epoch` and `seq` the page goes on from there."""

    epoch: str | None = None
    seq: Int64 | None = None


class Say(msgspec.Struct, tag_field="t", tag="chat", frozen=True):
    text: str
    ref: str = ""
    name: str | None = None


class Likes(msgspec.Struct, tag_field="t", tag="like", frozen=True):
    n: Int64 = 1


class Playing(msgspec.Struct, tag_field="t", tag="beat", frozen=True):
    """Where the player is, in its own seconds."""

    playing: bool
    position: float


class Buy(msgspec.Struct, tag_field="t", tag="buy", frozen=True, gc=False):
    """One purchase; the same `id` gets the same answer, however often it is sent."""

    id: UUID
    offer_id: RowId
    variant_id: RowId
    quantity: Int64
    price_minor: Int64
    latest_ready: date | None = None
    """Units that are ready later are not wanted."""


# All names that a message has, in their quotes.
NAMES: Final = tuple(
    f'"{name}"'.encode()
    for name in sorted(
        {"t", *(name for kind in (Hello, Say, Likes, Playing, Buy) for name in kind.__struct_fields__)}
    )
)

Message = Hello | Say | Likes | Playing | Buy

decode = msgspec.json.Decoder(Message).decode
encode = msgspec.json.Encoder().encode
plain_value = msgspec.json.Decoder().decode
_loose = msgspec.json.Decoder(dict[str, Any]).decode


def reference(payload: bytes | bytearray) -> str:
    """What a message that cannot be read calls itself, so that its sender knows which one it was."""
    try:
        message = _loose(payload)
    except (msgspec.DecodeError, RecursionError):
        return ""
    value = message.get("ref") or message.get("id") or ""
    return value[:64] if isinstance(value, str) else ""


def frame(payload: bytes) -> bytes:
    """An unmasked text frame."""
    return _header(0x81, len(payload)) + payload


def deflated_frame(payload: bytes) -> bytes:
    """A compressed text frame that decodes on its own (RFC 7692, no context takeover)."""
    squeeze = zlib.compressobj(6, zlib.DEFLATED, -15)
    data = squeeze.compress(payload) + squeeze.flush(zlib.Z_SYNC_FLUSH)
    body = data[:-4]
    return _header(0xC1, len(body)) + body


def close_frame(code: int, reason: str = "") -> bytes:
    """Say goodbye.  Reasons longer than a control frame carries are cut."""
    body = code.to_bytes(2) + reason.encode()[:120]
    return _header(0x88, len(body)) + body


def ping_frame() -> bytes:
    return b"\x89\x00"


def _header(first: int, length: int) -> bytes:
    if length < 126:
        return bytes((first, length))
    if length < 65_536:
        return bytes((first, 126)) + length.to_bytes(2)
    return bytes((first, 127)) + length.to_bytes(8)


def error(code: str, message: str, *, ref: str = "", facts: dict[str, object] | None = None) -> bytes:
    return encode({"t": "error", "ref": ref, "code": code, "message": message, "facts": facts or {}})

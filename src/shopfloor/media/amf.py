"""AMF0, the value format of RTMP commands: as much of it as publishers use, with bounds.

Numbers are floats, objects and ECMA arrays are dicts, strict arrays are lists; null and undefined are None.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Final

from shopfloor.media.models import BadStream

Value = None | bool | float | str | list["Value"] | dict[str, "Value"]

DEPTH: Final = 8
ITEMS: Final = 2_000

_NUMBER, _BOOLEAN, _STRING, _OBJECT, _NULL, _UNDEFINED = 0, 1, 2, 3, 5, 6
_ECMA_ARRAY, _END, _STRICT_ARRAY, _DATE, _LONG_STRING = 8, 9, 10, 11, 12


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.items = 0

    def take(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self.data):
            raise BadStream("An AMF value ends too early.")
        piece = self.data[self.at : end]
        self.at = end
        return piece

    def text(self, size: int) -> str:
        return self.take(size).decode("utf-8", "replace")

    def short(self) -> int:
        return int.from_bytes(self.take(2))

    def value(self, depth: int) -> Value:
        self.items += 1
        if depth > DEPTH or self.items > ITEMS:
            raise BadStream("An AMF value is nested too deeply or has too many members.")
        kind = self.take(1)[0]
        if kind == _NUMBER:
            return struct.unpack(">d", self.take(8))[0]
        if kind == _BOOLEAN:
            return self.take(1) != b"\0"
        if kind == _STRING:
            return self.text(self.short())
        if kind == _LONG_STRING:
            return self.text(int.from_bytes(self.take(4)))
        if kind in {_NULL, _UNDEFINED}:
            return None
        if kind == _DATE:
            return struct.unpack(">d", self.take(10)[:8])[0]
        if kind == _OBJECT:
            return self.members(depth)
        if kind == _ECMA_ARRAY:
            self.take(4)  # a count that is only a hint
            return self.members(depth)
        if kind == _STRICT_ARRAY:
            return [self.value(depth + 1) for _ in range(int.from_bytes(self.take(4)))]
        raise BadStream("An AMF value is of an unknown type.", type=kind)

    def members(self, depth: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        while True:
            size = self.short()
            if size == 0 and self.data[self.at : self.at + 1] == bytes([_END]):
                self.at += 1
                return found
            name = self.text(size)
            found[name] = self.value(depth + 1)


def decode(data: bytes) -> list[Value]:
    """All values in `data`, in order.  Raises BadStream when it is not AMF0 or exceeds the bounds."""
    reader = _Reader(data)
    found: list[Value] = []
    while reader.at < len(data):
        found.append(reader.value(0))
    return found


def encode(*values: object) -> bytes:
    """The values, one after another: None, bool, int, float, str, mappings and sequences of these."""
    return b"".join(_encode(value) for value in values)


def _encode(value: object) -> bytes:
    if value is None:
        return bytes([_NULL])
    if isinstance(value, bool):
        return bytes([_BOOLEAN, value])
    if isinstance(value, int | float):
        return struct.pack(">Bd", _NUMBER, value)
    if isinstance(value, str):
        text = value.encode()
        if len(text) > 0xFFFF:
            return struct.pack(">BI", _LONG_STRING, len(text)) + text
        return struct.pack(">BH", _STRING, len(text)) + text
    if isinstance(value, Mapping):
        members = (
            struct.pack(">H", len(name.encode())) + name.encode() + _encode(member)
            for name, member in ((str(name), member) for name, member in value.items())
        )
        return bytes([_OBJECT]) + b"".join(members) + b"\0\0" + bytes([_END])
    if isinstance(value, Sequence):
        return struct.pack(">BI", _STRICT_ARRAY, len(value)) + b"".join(_encode(item) for item in value)
    raise TypeError(f"AMF0 has no {type(value).__name__}")

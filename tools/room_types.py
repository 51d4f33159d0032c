"""Write the TypeScript of the room's state from its Python: `python tools/room_types.py [--print]`."""

import sys
from datetime import date
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from shopfloor.rooms import state

TARGET = Path(__file__).parents[1] / "frontend" / "src" / "room" / "state.gen.ts"
STRUCTS = (
    state.BundlePart,
    state.LeftState,
    state.LineState,
    state.FlashState,
    state.OfferState,
    state.FeaturedState,
    state.NoticeState,
    state.PinnedState,
    state.PayAtEndState,
    state.ShowState,
    state.AuctionState,
    state.GiveawayState,
    state.PollState,
    state.CouponState,
    state.RoomState,
)


def typescript() -> str:
    """The whole file.  A member that may be null may be absent: merge patches take nulls out."""
    head = "// Made from src/shopfloor/rooms/state.py by tools/room_types.py; change it there.\n"
    return head + "".join(_interface(struct) for struct in STRUCTS)


def _interface(struct: type[msgspec.Struct]) -> str:
    hints = get_type_hints(struct)
    lines = [f"\n/** {(struct.__doc__ or '').splitlines()[0]} */", f"export interface {struct.__name__} {{"]
    for field in msgspec.structs.fields(struct):
        optional = not field.required or NoneType in get_args(hints[field.name])
        lines.append(f"  readonly {field.name}{'?' if optional else ''}: {_type(hints[field.name])};")
    return "\n".join([*lines, "}", ""])


def _type(hint: Any) -> str:
    simple = {
        int: "number",
        float: "number",
        str: "string",
        bool: "boolean",
        NoneType: "null",
        date: "string",
    }
    if hint in simple:
        return simple[hint]
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint.__name__
    arguments = get_args(hint)
    match get_origin(hint):
        case kind if kind is UnionType:
            return " | ".join(_type(each) for each in arguments)
        case kind if kind is Literal:
            return " | ".join(f'"{each}"' for each in arguments)
        case kind if kind is dict:
            return f"Readonly<Record<string, {_type(arguments[1])}>>"
        case kind if kind is tuple and arguments[-1] is Ellipsis:
            inner = _type(arguments[0])
            return f"readonly ({inner})[]" if " " in inner else f"readonly {inner}[]"
        case kind if kind is tuple:
            return f"readonly [{', '.join(_type(each) for each in arguments)}]"
        case _:
            raise TypeError(hint)


if __name__ == "__main__":
    if "--print" in sys.argv:
        sys.stdout.write(typescript())
    else:
        TARGET.write_text(typescript())

"""Which store a way of delivery is that of.  No I/O."""

from shopfloor.stores import METHOD


def location_of(method: str) -> int | None:
    """The location of the store; None where the way of delivery is none of a store."""
    digits = method.removeprefix(METHOD)
    return (
        int(digits)
        if method.startswith(METHOD) and digits.isascii() and digits.isdigit() and len(digits) < 16
        else None
    )

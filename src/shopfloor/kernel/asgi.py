"""What endpoints of raw ASGI share: the types, and the one way to read a body, whole or not at all.

How long a sender may take is not counted here: `kernel.http_protocol` closes a connection that owes its body for too
long, and what was being read is then cut off.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from shopfloor.kernel.errors import Refusal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class BodyTooLarge(Refusal):
    """The request is too large.  `limit`: how many bytes are taken at most; `largest`: the same in words."""

    status = 413
    code = "request.too_large"

    def __init__(self, message: str = "", *, limit: int = 1 << 20) -> None:
        largest = f"{limit >> 20} MB" if limit >= 1 << 20 else f"{limit >> 10} KB"
        super().__init__(
            message or f"The request is too large: {largest} at most.", limit=limit, largest=largest
        )


class CutOffError(Exception):
    """The sender went away before the body was whole: nothing of it counts, and there is nobody to answer."""


def announced_length(scope: Scope) -> int | None:
    """What the head says of the body's length; None where it says nothing, as of one sent in chunks."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:18])
    return None


async def read_body(
    scope: Scope,
    receive: Receive,
    *,
    limit: int,
    too_large: Callable[[], Refusal] | None = None,
    pay: Callable[[int], None] | None = None,
) -> bytes:
    """The whole body of a request.

    Refuses one of more than `limit` bytes: before it is read where the head says so, else as soon as it is too many.
    Raises CutOffError when the sender leaves in the middle, or sent less than was announced.  `pay` may refuse: it is
    told of the length that is announced, else of each piece as it comes.
    """
    announced = announced_length(scope)
    parts: list[bytes] = []
    size = 0

    def count(length: int) -> None:
        if length > limit:
            raise BodyTooLarge(limit=limit) if too_large is None else too_large()

    if announced is not None:
        count(announced)
        if pay is not None:
            pay(announced)
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise CutOffError
        part: bytes = message.get("body", b"")
        size += len(part)
        count(size)
        if pay is not None and announced is None:
            pay(len(part))
        parts.append(part)
        if not message.get("more_body"):
            break
    if announced is not None and size < announced:
        raise CutOffError
    return parts[0] if len(parts) == 1 else b"".join(parts)

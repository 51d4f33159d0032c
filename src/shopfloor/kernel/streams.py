"""What arrives in parts, within bounds."""

from collections.abc import AsyncIterable
from typing import IO

from shopfloor.kernel.errors import Refusal


async def receive(parts: AsyncIterable[bytes], into: IO[bytes], *, most: int, refusal: Refusal) -> None:
    """All parts, up to `most` bytes; raises `refusal` beyond, without asking for another one."""
    size = 0
    async for part in parts:
        size += len(part)
        if size > most:
            raise refusal
        into.write(part)
    into.seek(0)

"""In-process publish and subscribe.  A slow subscriber is dropped, never waited for."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

QUEUE: Final = 256


class Fell(Exception):
    """Put on the queue of a subscriber that fell behind, as its last message: load the state afresh."""


class Hub:
    def __init__(self) -> None:
        self._topics: defaultdict[str, set[asyncio.Queue[object]]] = defaultdict(set)

    def publish(self, topic: str, message: object) -> None:
        for queue in tuple(self._topics.get(topic, ())):
            if queue.full():
                self._topics[topic].discard(queue)
                queue.get_nowait()
                queue.put_nowait(Fell())
            else:
                queue.put_nowait(message)

    @asynccontextmanager
    async def subscribe(self, topic: str) -> AsyncGenerator[asyncio.Queue[object], None]:
        queue: asyncio.Queue[object] = asyncio.Queue(QUEUE)
        self._topics[topic].add(queue)
        try:
            yield queue
        finally:
            self._topics[topic].discard(queue)
            if not self._topics[topic]:
                del self._topics[topic]

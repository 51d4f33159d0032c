"""Collectors on a directory of their own."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shopfloor import collector

MOMENT = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
async def make(directory: Path) -> AsyncIterator[Callable[..., Awaitable[collector.Collector]]]:
    """Starts collectors that seal only when told; closes them at the end."""
    made: list[collector.Collector] = []

    async def start(writer: str = "one", **given: Any) -> collector.Collector:
        options: dict[str, Any] = {"seal_every": 3600, "reserve": 0} | given
        one = collector.Collector(directory, writer, **options)
        await one.start()
        made.append(one)
        return one

    yield start
    for one in made:
        await one.close(seal=False)


@pytest.fixture
def event() -> Callable[..., collector.Event]:
    def make_event(identity: str, **values: Any) -> collector.Event:
        values = {"source": "shopfloor/1", "type": "orders.order_paid", "event_time": MOMENT} | values
        return collector.Event(id=identity, **values)

    return make_event

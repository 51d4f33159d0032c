"""When a store is open, and when what is ordered now can be collected: on its own clock, across its time changes."""

from datetime import UTC, date, datetime

import pytest

from shopfloor.orders.collecting import location_of
from shopfloor.stores import AfterKeeping, Store, hours
from shopfloor.stores.models import BadHours

TEN_TO_SEVEN = [[600, 1140]]


def store(**changes: object) -> Store:
    plain: dict[str, object] = {
        "location_id": 1, "shop_id": 1, "name": "Quay", "street": "", "city": "", "postcode": "", "region": "",
        "country": "", "phone": "", "note": "", "timezone": "Europe/Berlin",
        "hours": [*([TEN_TO_SEVEN] * 6), []], "closed_on": [], "collects": True, "ready_minutes": 120, "keep_days": 3,
        "after_keeping": AfterKeeping.RELEASE,
    }  # fmt: skip
    return Store(**(plain | changes))  # pyright: ignore[reportArgumentType]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "ordered", "expected"),
    [
        # Tuesday, winter time: open 9:00 to 18:00 UTC.
        ({}, "2026-12-01T10:02", "2026-12-01T12:05"),
        ({}, "2026-12-01T06:00", "2026-12-01T11:00"),
        # An hour is left today, the other one is tomorrow.
        ({}, "2026-12-01T17:00", "2026-12-02T10:00"),
        # Saturday evening: closed on Sunday.
        ({}, "2026-12-05T20:00", "2026-12-07T11:00"),
        ({"closed_on": [date(2026, 12, 7)]}, "2026-12-05T20:00", "2026-12-08T11:00"),
        ({"ready_minutes": 0}, "2026-12-01T10:02", "2026-12-01T10:05"),
        # Ready by the end of the day at the latest, not five minutes after it.
        ({"ready_minutes": 0}, "2026-12-01T17:58", "2026-12-01T18:00"),
        # Two spans of a day: the break does not count.
        ({"hours": [[[600, 660], [840, 1140]]] * 7}, "2026-12-01T09:00", "2026-12-01T14:00"),
        # The clock goes forward at 2:00 on 29 March 2026: what is written as 2:00 to 4:00 is one hour long.
        ({"hours": [[]] * 6 + [[[120, 240]]], "ready_minutes": 60}, "2026-03-29T00:00", "2026-03-29T02:00"),
        # It goes back at 3:00 on 25 October: from 1:00 to 4:00 there are four hours.
        ({"hours": [[]] * 6 + [[[60, 240]]], "ready_minutes": 240}, "2026-10-24T12:00", "2026-10-25T03:00"),
        # Always closed.
        ({"hours": [[]] * 7}, "2026-12-01T10:00", None),
    ],
)
def test_ready_at(changes: dict[str, object], ordered: str, expected: str | None) -> None:
    assert hours.ready_at(store(**changes), utc(ordered)) == (None if expected is None else utc(expected))


@pytest.mark.parametrize(
    ("zone", "ready", "expected"),
    [
        ("Europe/Berlin", "2026-12-01T12:00", "2026-12-04T23:00"),
        # The last of the three days is one hour shorter, and one longer.
        ("Europe/Berlin", "2026-03-26T12:00", "2026-03-29T22:00"),
        ("Europe/Berlin", "2026-10-22T12:00", "2026-10-25T23:00"),
        ("Asia/Shanghai", "2026-12-01T20:00", "2026-12-05T16:00"),
    ],
)
def test_kept_until_the_end_of_the_last_day_there(zone: str, ready: str, expected: str) -> None:
    assert hours.keep_until(store(timezone=zone), utc(ready)) == utc(expected)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", []),
        ("10:00-13:00, 14:00-19:00", [[600, 780], [840, 1140]]),
        ("10-13;14–24", [[600, 780], [840, 1440]]),
        ("９：３０至１８：００", [[570, 1080]]),
    ],
)
def test_hours_as_people_write_them(typed: str, expected: list[list[int]]) -> None:
    assert hours.read(typed, field="mon") == expected
    assert hours.read(hours.written(expected), field="mon") == expected


@pytest.mark.parametrize("typed", ["10", "10:00-9:00", "10-13, 12-14", "23-25", "always"])
def test_hours_that_are_none(typed: str) -> None:
    with pytest.raises(BadHours) as refused:
        hours.read(typed, field="tue")
    assert refused.value.facts["field"] == "tue"


def test_days_that_are_alike_are_said_once() -> None:
    assert hours.grouped(store().hours) == [(0, 5, "10:00–19:00")]
    assert hours.grouped([TEN_TO_SEVEN, [], TEN_TO_SEVEN, *([[[600, 720]]] * 4)]) == [
        (0, 0, "10:00–19:00"), (2, 2, "10:00–19:00"), (3, 6, "10:00–12:00"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("store-7", 7),
        ("7", None),
        ("store-", None),
        ("store-٣", None),
        ("store-" + "9" * 30, None),
        ("ship", None),
    ],
)
def test_which_store_a_way_of_delivery_is_that_of(method: str, expected: int | None) -> None:
    assert location_of(method) == expected

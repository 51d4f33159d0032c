"""The shop's terms as a merchant sets them."""

from shopfloor.web.console.form_values import (
    day_of,
    moment_of,
)


def test_times_are_the_shops() -> None:
    moment = moment_of("2026-12-03T20:00", "Asia/Shanghai")
    assert moment is not None
    assert moment.isoformat() == "2026-12-03T12:00:00+00:00"
    assert moment_of(" ", "UTC") is None
    assert day_of("") is None

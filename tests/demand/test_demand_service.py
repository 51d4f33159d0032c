"""Forecasts are kept, version after version, and later shows learn from earlier ones."""

from dataclasses import replace

import pytest

from shopfloor import demand
from shopfloor.kernel.database import Database


@pytest.fixture(autouse=True)
async def shows(database: Database) -> None:
    """Shows and goods of the shops that are spoken of."""
    async with database.transaction() as tx:
        await tx.run(
            """
            WITH shops AS (
              INSERT INTO accounts.shop (id, slug, name, currency, locale, timezone) OVERRIDING SYSTEM VALUE
              VALUES (1, 'one', 'One', 'EUR', 'en', 'UTC'), (2, 'two', 'Two', 'EUR', 'en', 'UTC')),
            shows AS (
              INSERT INTO live.show (id, shop_id, title) OVERRIDING SYSTEM VALUE
              VALUES (5, 1, 'Five'), (6, 1, 'Six'), (9, 2, 'Nine')),
            products AS (
              INSERT INTO catalog.product (id, shop_id, handle, title, kind, status) OVERRIDING SYSTEM VALUE
              VALUES (1, 1, 'one', 'One', 'piece', 'active'), (2, 2, 'two', 'Two', 'piece', 'active'))
            INSERT INTO catalog.variant (id, shop_id, product_id, options, currency, position) OVERRIDING SYSTEM VALUE
            VALUES (1, 1, 1, '{1}', 'EUR', 1), (2, 1, 1, '{2}', 'EUR', 2), (3, 2, 2, '{}', 'EUR', 1)
            """
        )


ONE = demand.Signal(1, 1, {"Size": "M"}, 9000.0, 9000.0, 12, 12)


async def test_what_is_stored_is_what_was_foreseen(database: Database) -> None:
    gone = replace(ONE, variant_id=2, exposure_in_stock=100.0, refused_buyers=4, waitlist_units=3, asks=2)
    async with database.transaction() as tx:
        made = await demand.forecast_show(tx, shop_id=1, show_id=5, signals=[gone, ONE])
    async with database.transaction() as tx:
        assert await demand.forecast(tx, shop_id=1, show_id=5) == made
        body = await tx.value("SELECT body FROM kernel.outbox WHERE name = 'demand.demand_forecast'")

    assert [line.variant_id for line in made.lines] == [2, 1]
    assert (made.version, body["version"], body["unknowable"]) == (1, 1, [2])
    assert body["expected"] == {str(line.variant_id): round(line.mean) for line in made.lines}


async def test_versions_count_up_and_older_ones_stay(database: Database) -> None:
    async with database.transaction() as tx:
        await demand.forecast_show(tx, shop_id=1, show_id=5, signals=[ONE])
        second = await demand.forecast_show(tx, shop_id=1, show_id=5, signals=[replace(ONE, units_held=20)])
        assert second.version == 2
        assert await demand.forecast(tx, shop_id=1, show_id=5) == second
        assert await tx.value("SELECT count(*) FROM demand.forecast") == 2


async def test_a_show_without_forecast_and_another_shop_are_not_found(database: Database) -> None:
    async with database.transaction() as tx:
        await demand.forecast_show(tx, shop_id=1, show_id=5, signals=[ONE])
        for shop_id, show_id in ((1, 6), (2, 5)):
            with pytest.raises(demand.UnknownForecast) as refused:
                await demand.forecast(tx, shop_id=shop_id, show_id=show_id)
            assert refused.value.code == "demand.unknown"


async def test_an_earlier_show_of_the_shop_is_history_at_half_weight(database: Database) -> None:
    async with database.transaction() as tx:
        alone = await demand.forecast_show(tx, shop_id=2, show_id=9, signals=[replace(ONE, variant_id=3)])
        await demand.forecast_show(
            tx, shop_id=1, show_id=5, signals=[replace(ONE, units_held=40, units_paid=40)]
        )
        later = await demand.forecast_show(tx, shop_id=1, show_id=6, signals=[ONE])

    [line] = later.lines
    history = next(one for one in line.evidence if one.code == "demand.history")
    assert history.facts == {"units": 20.0, "hours": 1.25}
    assert line.mean > alone.lines[0].mean


async def test_a_bad_signal_stores_nothing(database: Database) -> None:
    async with database.transaction() as tx:
        with pytest.raises(demand.BadSignal):
            await demand.forecast_show(tx, shop_id=1, show_id=5, signals=[replace(ONE, units_held=-1)])
    async with database.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM demand.forecast") == 0
        assert await tx.value("SELECT count(*) FROM demand.observation") == 0
        assert await tx.value("SELECT count(*) FROM kernel.outbox") == 0

"""Bundles: what a variant consists of, from when on, and what cannot be."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
import psycopg
import pytest

from shopfloor import accounts, catalog
from shopfloor.catalog import NewPart, NewVariant
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Refusal


class Shops(Protocol):
    mine: accounts.Shop
    other: accounts.Shop


@dataclass(frozen=True)
class Tea:
    shop_id: int
    pot: int
    cup: int
    tea_set: int
    """A variant that is to be a bundle."""
    foreign: int
    """A variant of another shop."""


async def one(tx: Tx, shop_id: int, title: str, minor: int) -> int:
    made = await catalog.create_product(tx, shop_id=shop_id, title=title, variants=[NewVariant(minor)])
    return (await catalog.variants(tx, shop_id=shop_id, product_ids=[made.id]))[0].id


@pytest.fixture
async def tea(database: Database, shops: Shops) -> Tea:
    async with database.transaction() as tx:
        mine = shops.mine.id
        made = Tea(
            mine,
            await one(tx, mine, "Pot", 6_000),
            await one(tx, mine, "Cup", 1_500),
            await one(tx, mine, "Tea set", 9_900),
            await one(tx, shops.other.id, "Foreign", 100),
        )
        await tx.run("DELETE FROM kernel.outbox")
    return made


async def compositions(database: Database) -> list[tuple[Any, ...]]:
    """(bundle, variant, in force, part, quantity), and the number of facts at the end."""
    async with database.transaction() as tx:
        cursor = await tx.connection.execute(
            """
            SELECT bundle_id, bundle_variant_id, in_force, variant_id, quantity FROM catalog.v_bundle_part
             ORDER BY bundle_id, position
            """
        )
        return [*await cursor.fetchall(), (await tx.value("SELECT count(*) FROM kernel.outbox"),)]


async def refused(
    kind: type[Refusal], database: Database, work: Callable[[Tx], Awaitable[object]]
) -> Refusal:
    before = await compositions(database)
    with pytest.raises(kind) as caught:
        async with database.transaction() as tx:
            await work(tx)
    assert await compositions(database) == before
    return caught.value


async def set_parts(database: Database, tea: Tea, *parts: NewPart) -> catalog.Bundle | None:
    async with database.transaction() as tx:
        return await catalog.set_parts(tx, shop_id=tea.shop_id, variant_id=tea.tea_set, parts=parts)


async def test_a_variant_consists_of_others(database: Database, tea: Tea) -> None:
    made = await set_parts(database, tea, NewPart(tea.pot, 1), NewPart(tea.cup, 4))
    assert made is not None
    assert (made.variant_id, made.units) == (tea.tea_set, 5)
    assert [(part.variant_id, part.quantity, part.title, part.price_minor) for part in made.parts] == [
        (tea.pot, 1, "Pot", 6_000),
        (tea.cup, 4, "Cup", 1_500),
    ]
    async with database.transaction() as tx:
        every = [tea.tea_set, tea.pot, tea.foreign]
        assert await catalog.bundles(tx, shop_id=tea.shop_id, variant_ids=every) == {tea.tea_set: made}
        assert await catalog.bundles(tx, shop_id=tea.shop_id, part_ids=[tea.cup]) == {tea.tea_set: made}
        assert await catalog.bundles(tx, shop_id=tea.shop_id, part_ids=[tea.tea_set]) == {}
        cursor = await tx.connection.execute("SELECT name, body FROM kernel.outbox")
        [(name, body)] = await cursor.fetchall()
        product_id = (await catalog.variants(tx, shop_id=tea.shop_id, ids=[tea.tea_set]))[0].product_id
    assert name == "catalog.bundle_changed"
    assert body == {
        "shop_id": tea.shop_id, "product_id": product_id, "variant_id": tea.tea_set, "bundle_id": made.id,
        "parts": [{"variant_id": tea.pot, "quantity": 1}, {"variant_id": tea.cup, "quantity": 4}],
    }  # fmt: skip


async def test_another_composition_takes_the_place_and_the_first_stays_on_record(
    database: Database, tea: Tea
) -> None:
    first = await set_parts(database, tea, NewPart(tea.pot, 1), NewPart(tea.cup, 4))
    again = await set_parts(database, tea, NewPart(tea.pot, 1), NewPart(tea.cup, 4))
    assert first is not None
    assert again == first, "nothing changed, nothing recorded"
    second = await set_parts(database, tea, NewPart(tea.cup, 6))
    assert second is not None
    assert await set_parts(database, tea) is None
    assert await compositions(database) == [
        (first.id, tea.tea_set, False, tea.pot, 1),
        (first.id, tea.tea_set, False, tea.cup, 4),
        (second.id, tea.tea_set, False, tea.cup, 6),
        (3,),
    ]
    async with database.transaction() as tx:
        assert await catalog.bundles(tx, shop_id=tea.shop_id, variant_ids=[tea.tea_set]) == {}
        assert await catalog.bundles_by_id(tx, shop_id=tea.shop_id, ids=[first.id]) == {first.id: first}
        assert await catalog.bundles_by_id(tx, shop_id=tea.shop_id + 1, ids=[first.id]) == {}


async def test_what_makes_no_bundle_is_refused_and_changes_nothing(database: Database, tea: Tea) -> None:
    await set_parts(database, tea, NewPart(tea.pot, 1), NewPart(tea.cup, 4))

    def parts(variant_id: int, *wanted: NewPart) -> Callable[[Tx], Awaitable[object]]:
        return lambda tx: catalog.set_parts(tx, shop_id=tea.shop_id, variant_id=variant_id, parts=wanted)

    bad = catalog.BadBundle
    assert (
        await refused(bad, database, parts(tea.tea_set, NewPart(tea.cup, 0)))
    ).code == "catalog.bad_bundle"
    await refused(bad, database, parts(tea.tea_set, NewPart(tea.cup, 1000)))
    await refused(bad, database, parts(tea.tea_set, NewPart(tea.cup, 1), NewPart(tea.cup, 2)))
    await refused(bad, database, parts(tea.tea_set, NewPart(tea.tea_set, 1)))
    await refused(bad, database, parts(tea.tea_set, *(NewPart(number, 1) for number in range(50, 61))))
    unknown = catalog.UnknownVariant
    await refused(unknown, database, parts(tea.tea_set, NewPart(tea.foreign, 1)))
    await refused(unknown, database, parts(tea.foreign, NewPart(tea.cup, 1)))
    await refused(unknown, database, parts(10_000, NewPart(tea.cup, 1)))
    nested = await refused(catalog.NestedBundle, database, parts(tea.cup, NewPart(tea.tea_set, 1)))
    assert (nested.code, nested.facts) == ("catalog.nested_bundle", {"variant_id": tea.tea_set})
    async with database.transaction() as tx:
        saucer = await one(tx, tea.shop_id, "Saucer", 500)
    nested = await refused(catalog.NestedBundle, database, parts(tea.cup, NewPart(saucer, 1)))
    assert nested.facts == {"variant_id": tea.cup}


async def test_bundles_are_not_nested_by_two_at_once(database: Database, tea: Tea) -> None:
    """One makes a set of cups, the other makes the cup a set of pots: whoever comes second is refused."""

    async def make(variant_id: int, part_id: int) -> str:
        try:
            async with database.transaction() as tx:
                await catalog.set_parts(
                    tx, shop_id=tea.shop_id, variant_id=variant_id, parts=[NewPart(part_id, 2)]
                )
                await asyncio.sleep(0.02)
        except catalog.NestedBundle as refusal:
            return refusal.code
        return "made"

    for _ in range(5):
        outcomes = await asyncio.gather(make(tea.tea_set, tea.cup), make(tea.cup, tea.pot))
        assert sorted(outcomes) == ["catalog.nested_bundle", "made"]
        async with database.transaction() as tx:
            for variant_id in (tea.tea_set, tea.cup):
                await catalog.set_parts(tx, shop_id=tea.shop_id, variant_id=variant_id, parts=[])


async def test_the_database_itself_refuses_what_the_service_would(database: Database, tea: Tea) -> None:
    made = await set_parts(database, tea, NewPart(tea.cup, 4))
    assert made is not None
    before = await compositions(database)

    async def run(sql: str) -> None:
        async with database.transaction() as tx:
            await tx.connection.execute(sql, {"made": made.id} | tea.__dict__)  # pyright: ignore[reportArgumentType]

    nested = """
        WITH other AS (INSERT INTO catalog.bundle (shop_id, variant_id) VALUES (%(shop_id)s, %(pot)s) RETURNING id)
        INSERT INTO catalog.bundle_part (bundle_id, shop_id, variant_id, quantity, position)
        SELECT id, %(shop_id)s, %(tea_set)s, 1, 1 FROM other
        """
    part = "INSERT INTO catalog.bundle_part (bundle_id, shop_id, variant_id, quantity, position) VALUES "
    with pytest.raises(psycopg.errors.CheckViolation):
        await run(nested)
    with pytest.raises(psycopg.errors.CheckViolation):
        await run(part + "(%(made)s, %(shop_id)s, %(tea_set)s, 1, 2)")
    with pytest.raises(psycopg.errors.CheckViolation):
        await run(part + "(%(made)s, %(shop_id)s, %(pot)s, 0, 2)")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        await run(part + "(%(made)s, %(shop_id)s, %(foreign)s, 1, 2)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        await run("INSERT INTO catalog.bundle (shop_id, variant_id) VALUES (%(shop_id)s, %(tea_set)s)")
    with pytest.raises(psycopg.errors.RaiseException):
        await run("UPDATE catalog.bundle_part SET quantity = 5 WHERE bundle_id = %(made)s")
    with pytest.raises(psycopg.errors.RaiseException):
        await run("DELETE FROM catalog.bundle_part WHERE bundle_id = %(made)s")
    assert await compositions(database) == before


async def test_bundles_over_http(client: httpx.AsyncClient, tea: Tea) -> None:
    at = "/v1/mine/products/variants"
    body = {"parts": [{"variant_id": tea.pot}, {"variant_id": tea.cup, "quantity": 4}]}
    answer = await client.put(f"{at}/{tea.tea_set}/parts", json=body)
    assert answer.status_code == 200
    expected = [{"variant_id": tea.pot, "quantity": 1}, {"variant_id": tea.cup, "quantity": 4}]
    assert answer.json()["parts"] == expected
    listed = (await client.get("/v1/mine/products?search=tea")).json()
    assert listed[0]["variants"][0]["parts"] == expected
    assert (await client.patch(f"{at}/{tea.tea_set}", json={"sku": "T"})).json()["parts"] == expected
    answer = await client.put(f"{at}/{tea.cup}/parts", json={"parts": [{"variant_id": tea.tea_set}]})
    assert (answer.status_code, answer.json()["code"]) == (409, "catalog.nested_bundle")
    answer = await client.put(f"{at}/{tea.tea_set}/parts", json={"parts": [{"variant_id": tea.foreign}]})
    assert (answer.status_code, answer.json()["code"]) == (404, "catalog.unknown_variant")
    assert (await client.put(f"{at}/{tea.tea_set}/parts", json={"parts": []})).json()["parts"] == []

"""Deleting: what nothing names goes without a trace, and what anything names stays as it is."""

from typing import Any

import httpx
import psycopg
import pytest
from tests.catalog.conftest import Shops

from shopfloor import catalog, picture_files, shop_borders
from shopfloor.catalog import removal
from shopfloor.catalog.models import NewPart, NewVariant
from shopfloor.kernel.database import Database, Tx

TABLES = ("product", "variant", "price", "picture", "picture_source", "bundle", "bundle_part")
SHA = "ab" * 32


async def everything(db: Database) -> dict[str, list[Any]]:
    rows: dict[str, list[Any]] = {}
    async with db.transaction() as tx:
        for table in TABLES:
            cursor = await tx.connection.execute(f"SELECT t::text FROM catalog.{table} AS t ORDER BY 1")  # pyright: ignore[reportArgumentType]
            rows[table] = await cursor.fetchall()
    return rows


async def make(tx: Tx, shop_id: int, title: str, *options: str) -> tuple[catalog.Product, list[int]]:
    made = await catalog.create_product(
        tx,
        shop_id=shop_id,
        title=title,
        option_names=["Size"],
        variants=[NewVariant(12_900, [option]) for option in options],
    )
    variants = await catalog.variants(tx, shop_id=shop_id, product_ids=[made.id])
    return made, [each.id for each in variants]


async def delete(db: Database, shop_id: int, product_id: int) -> None:
    async with db.transaction() as tx:
        await catalog.delete_product(
            tx, shop_id=shop_id, product_id=product_id, named_by=shop_borders.named_by
        )


async def delete_variants(db: Database, shop_id: int, product_id: int, *variant_ids: int) -> None:
    async with db.transaction() as tx:
        await catalog.delete_variants(
            tx,
            shop_id=shop_id,
            product_id=product_id,
            variant_ids=variant_ids,
            named_by=shop_borders.named_by,
        )


async def test_a_product_goes_with_all_that_is_its_own(database: Database, shops: Shops) -> None:
    mine = shops.mine.id
    async with database.transaction() as tx:
        _, (cup,) = await make(tx, mine, "Cup", "One")
    before = await everything(database)
    async with database.transaction() as tx:
        made, (small, large) = await make(tx, mine, "Set", "S", "L")
        await catalog.set_price(tx, shop_id=mine, variant_id=small, amount=9_900)
        await catalog.set_parts(tx, shop_id=mine, variant_id=large, parts=[NewPart(cup, 4)])
        await catalog.set_parts(tx, shop_id=mine, variant_id=large, parts=[NewPart(cup, 6)])
        picture = picture_files.ProcessedPicture(SHA, 10, 10, {})
        await catalog.add_picture(tx, shop_id=mine, product_id=made.id, picture=picture)
        await tx.run(
            "INSERT INTO catalog.picture_source (product_id, url, position) VALUES (%(id)s, 'https://x/a.jpg', 1)",
            id=made.id,
        )
    filled = await everything(database)
    assert [table for table in TABLES if filled[table] == before[table]] == []

    await delete(database, mine, made.id)
    assert await everything(database) == before
    async with database.transaction() as tx:
        cursor = await tx.connection.execute("SELECT name, body FROM kernel.outbox ORDER BY id DESC LIMIT 1")
        assert await cursor.fetchone() == (
            "catalog.product_changed",
            {
                "shop_id": mine, "product_id": made.id, "change": "deleted", "handle": "set", "title": "Set",
                "kind": "piece", "status": "draft",
            },
        )  # fmt: skip
        again, _ = await make(tx, mine, "Set", "S")
    assert again.handle == "set"


async def test_a_variant_goes_and_the_others_keep_their_prices(database: Database, shops: Shops) -> None:
    mine = shops.mine.id
    async with database.transaction() as tx:
        made, (small, medium, large) = await make(tx, mine, "Shirt", "S", "M", "L")
    await delete_variants(database, mine, made.id, small, large)
    async with database.transaction() as tx:
        (left,) = await catalog.variants(tx, shop_id=mine, product_ids=[made.id])
        assert (left.id, left.options, left.price_minor) == (medium, ["M"], 12_900)
        # The combination is free again.
        await catalog.add_variant(tx, shop_id=mine, product_id=made.id, variant=NewVariant(1, ["S"]))


async def test_history_is_as_append_only_as_before(database: Database, shops: Shops) -> None:
    mine = shops.mine.id
    async with database.transaction() as tx:
        _, (one,) = await make(tx, mine, "One", "S")
        _, (other,) = await make(tx, mine, "Other", "S")
    for statement in ("DELETE FROM catalog.price", "UPDATE catalog.price SET minor = 1"):
        for deleting in ("", str(other)):
            with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
                await _touch(database, f"{statement} WHERE variant_id = %(id)s", one, deleting)


async def _touch(database: Database, statement: str, variant_id: int, deleting: str) -> None:
    async with database.transaction() as tx:
        await tx.value("SELECT set_config('catalog.deleting', %(it)s, true)", it=deleting)
        await tx.run(statement, id=variant_id)  # pyright: ignore[reportArgumentType]


async def test_a_part_stays_while_a_bundle_has_or_had_it(database: Database, shops: Shops) -> None:
    mine = shops.mine.id
    async with database.transaction() as tx:
        cup, (cup_id,) = await make(tx, mine, "Cup", "One")
        pots, (pot_id,) = await make(tx, mine, "Pots", "One")
        await catalog.set_parts(tx, shop_id=mine, variant_id=pot_id, parts=[NewPart(cup_id, 2)])
        await catalog.set_parts(tx, shop_id=mine, variant_id=pot_id, parts=[])
    before = await everything(database)
    with pytest.raises(catalog.InUse) as refusal:
        await delete(database, mine, cup.id)
    assert refusal.value.facts["uses"] == ["bundle"]
    assert await everything(database) == before
    await delete(database, mine, pots.id)
    await delete(database, mine, cup.id)
    assert not any((await everything(database)).values())


async def test_what_is_of_another_shop_or_product_stays(database: Database, shops: Shops) -> None:
    async with database.transaction() as tx:
        made, ids = await make(tx, shops.mine.id, "Cup", "S", "L")
        other, (foreign,) = await make(tx, shops.other.id, "Cup", "S")
        second, (elsewhere,) = await make(tx, shops.mine.id, "Pot", "S")
    before = await everything(database)
    with pytest.raises(catalog.UnknownProduct):
        await delete(database, shops.mine.id, other.id)
    with pytest.raises(catalog.UnknownProduct):
        await delete_variants(database, shops.mine.id, other.id, foreign)
    for strange in (foreign, elsewhere, 999_999):
        with pytest.raises(catalog.UnknownVariant):
            await delete_variants(database, shops.mine.id, made.id, ids[0], strange)
    assert second.id != made.id
    assert await everything(database) == before


async def test_all_that_can_name_a_variant_is_known(database: Database) -> None:
    """A new column that names a product, a variant or a bundle keeps it from being deleted, and says why."""
    async with database.transaction() as tx:
        named = {
            each.table
            for each in await shop_borders.references(tx)
            if each.target in {"catalog.product", "catalog.variant", "catalog.bundle"}
        }
    assert named - removal.GOES_ALONG == set(removal.REASONS)


async def test_over_http(client: httpx.AsyncClient, database: Database, shops: Shops) -> None:
    body = {
        "title": "Cup",
        "option_names": ["Size"],
        "variants": [{"options": ["S"], "price": "5"}, {"options": ["L"], "price": "5"}],
    }
    made = (await client.post("/v1/mine/products", json=body)).json()
    small, large = (each["id"] for each in made["variants"])
    here = f"/v1/mine/products/{made['id']}"
    assert (await client.delete(f"{here}/variants/{small}")).status_code == 204
    assert [each["id"] for each in (await client.get(here)).json()["variants"]] == [large]
    assert (await client.delete(f"{here}/variants/{small}")).json()["code"] == "catalog.unknown_variant"

    async with database.transaction() as tx:
        _, (whole,) = await make(tx, shops.mine.id, "Set", "One")
        await catalog.set_parts(tx, shop_id=shops.mine.id, variant_id=whole, parts=[NewPart(large, 2)])
    refused = await client.delete(here)
    assert refused.status_code == 409
    assert refused.json()["code"] == "catalog.in_use"
    assert refused.json()["facts"]["uses"] == ["bundle"]
    assert (await client.get(here)).status_code == 200

    free = (await client.post("/v1/mine/products", json={"title": "Free"})).json()["id"]
    assert (await client.delete(f"/v1/mine/products/{free}")).status_code == 204
    assert (await client.get(f"/v1/mine/products/{free}")).status_code == 404

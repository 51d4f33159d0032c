"""Products, variants and prices, with a database."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Protocol

import psycopg
import pytest
from psycopg import sql

from shopfloor import accounts, catalog, pricing
from shopfloor.catalog import Kind, NewVariant, Status
from shopfloor.kernel.amounts import PriceLeap
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.text import UnusableText
from shopfloor.kernel.values import MAX_MINOR, Money, now
from shopfloor.picture_files import ProcessedPicture


class Shops(Protocol):
    mine: accounts.Shop
    other: accounts.Shop


TABLES = ("product", "variant", "price", "picture", "picture_source")


async def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All that the catalogue holds, and how many facts were told."""
    async with database.transaction() as tx:
        found: dict[str, list[tuple[Any, ...]]] = {}
        for table in TABLES:
            cursor = await tx.connection.execute(
                sql.SQL("SELECT t::text FROM catalog.{} t ORDER BY 1").format(sql.Identifier(table))
            )
            found[table] = await cursor.fetchall()
        found["facts"] = [(await tx.value("SELECT count(*) FROM kernel.outbox"),)]
    return found


async def refused(
    kind: type[Refusal], database: Database, work: Callable[[Tx], Awaitable[object]]
) -> Refusal:
    before = await everything(database)
    with pytest.raises(kind) as caught:
        async with database.transaction() as tx:
            await work(tx)
    assert caught.type is kind
    assert await everything(database) == before
    return caught.value


async def facts(database: Database) -> list[tuple[str, dict[str, Any]]]:
    async with database.transaction() as tx:
        cursor = await tx.connection.execute("SELECT name, body FROM kernel.outbox ORDER BY id")
        return await cursor.fetchall()


SHIRT: dict[str, Any] = {
    "title": " Linen Shirt ",
    "titles": {"zh_CN": "亚麻衬衫", "de": ""},
    "description": "Soft.\r\nLight.",
    "kind": Kind.SIZED,
    "option_names": ["Size", "Colour"],
    "tags": ["linen", "summer", "linen", ""],
    "vendor": "Mill",
    "variants": [
        NewVariant(12900, ("M", "Indigo"), sku="S-M-I", barcode="4006381333931", grams=240),
        NewVariant(13900, ("L", "Indigo"), sku="S-L-I"),
    ],
}


async def shirt(database: Database, shop: accounts.Shop, **change: Any) -> catalog.Product:
    async with database.transaction() as tx:
        return await catalog.create_product(tx, shop_id=shop.id, **SHIRT | change)


async def test_a_product_is_made_with_its_variants(database: Database, shops: Shops) -> None:
    made = await shirt(database, shops.mine)

    async with database.transaction() as tx:
        variants = await catalog.variants(tx, shop_id=shops.mine.id, product_ids=[made.id])
    assert made == catalog.Product(
        id=made.id, shop_id=shops.mine.id, handle="linen-shirt", title="Linen Shirt", titles={"zh_CN": "亚麻衬衫"},
        description="Soft.\nLight.", descriptions={}, kind=Kind.SIZED, status=Status.DRAFT, vendor="Mill",
        product_type="", tags=["linen", "summer"], option_names=["Size", "Colour"], created_at=made.created_at,
        updated_at=made.updated_at, picture_sha=None, kept_plain="Soft.\nLight.", kept_plains={},
    )  # fmt: skip
    assert (made.kind is Kind.SIZED, made.title_in("zh_TW"), made.title_in("de")) == (
        True,
        "亚麻衬衫",
        "Linen Shirt",
    )
    first, second = variants
    assert first == catalog.Variant(
        id=first.id, product_id=made.id, shop_id=shops.mine.id, sku="S-M-I", barcode="4006381333931",
        options=["M", "Indigo"], price_minor=12900, currency="EUR", grams=240, position=1,
    )  # fmt: skip
    assert (second.price, second.position, second.sku) == (Money(13900, "EUR"), 2, "S-L-I")
    assert [name for name, _ in await facts(database)] == [
        "catalog.price_changed", "catalog.price_changed", "catalog.product_changed",
    ]  # fmt: skip
    assert (await facts(database))[-1][1] == {
        "shop_id": shops.mine.id, "product_id": made.id, "change": "created", "handle": "linen-shirt",
        "title": "Linen Shirt", "kind": "sized", "status": "draft",
    }  # fmt: skip


async def test_the_view_has_what_other_modules_read(database: Database, shops: Shops) -> None:
    made = await shirt(database, shops.mine)
    async with database.transaction() as tx:
        cursor = await tx.connection.execute(
            """
            SELECT shop_id, product_id, sku, options, title, price_minor, currency, picture_sha
              FROM catalog.v_variant ORDER BY id
            """
        )
        assert await cursor.fetchall() == [
            (shops.mine.id, made.id, "S-M-I", ["M", "Indigo"], "Linen Shirt", 12900, "EUR", None),
            (shops.mine.id, made.id, "S-L-I", ["L", "Indigo"], "Linen Shirt", 13900, "EUR", None),
        ]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"title": " "}, "text.unusable"), ({"title": "x" * 256}, "text.unusable"), ({"title": "a\0"}, "text.unusable"),
        ({"title": "\ud800"}, "text.unusable"), ({"description": "x" * 65_001}, "text.unusable"),
        ({"handle": "a b"}, "catalog.bad_handle"), ({"titles": {"../x": "a"}}, "catalog.bad_translation"),
        ({"option_names": ["a", "b", "c", "d"]}, "catalog.bad_options"), ({"option_names": ["Size"]}, "catalog.bad_options"),
        ({"variants": [NewVariant(1, ("M",))]}, "catalog.bad_options"),
        ({"variants": [NewVariant(1, ("M", " "))]}, "text.unusable"),
        ({"variants": [NewVariant(1, ("M", "I")), NewVariant(2, ("M", " I "))]}, "catalog.options_taken"),
        ({"variants": [NewVariant(-1, ("M", "I"))]}, "catalog.price_negative"),
        ({"variants": [NewVariant(MAX_MINOR + 1, ("M", "I"))]}, "catalog.price_too_large"),
        ({"variants": [NewVariant(10**40, ("M", "I"))]}, "catalog.price_too_large"),
        ({"variants": [NewVariant(1, ("M", "I"), grams=-1)]}, "catalog.bad_weight"),
        ({"variants": [NewVariant(1, ("M", "I"), grams=10**12)]}, "catalog.bad_weight"),
        ({"variants": [NewVariant(1, ("M", "I"), sku="x" * 101)]}, "text.unusable"),
        ({"variants": [NewVariant(1, (str(n), "I")) for n in range(201)]}, "catalog.too_many_variants"),
    ],
)  # fmt: skip
async def test_a_product_that_makes_no_sense_is_refused_whole(
    database: Database, shops: Shops, change: dict[str, Any], code: str
) -> None:
    refusal = await refused(
        REFUSALS[code],
        database,
        lambda tx: catalog.create_product(tx, shop_id=shops.mine.id, **SHIRT | change),
    )
    assert refusal.code == code


async def test_a_handle_is_taken_once_per_shop(database: Database, shops: Shops) -> None:
    await shirt(database, shops.mine, handle="a", variants=[])
    await refused(
        catalog.HandleTaken,
        database,
        lambda tx: catalog.create_product(tx, shop_id=shops.mine.id, title="b", handle="A"),
    )
    assert (await shirt(database, shops.other, handle="a", variants=[])).handle == "a"
    made = await asyncio.gather(*(shirt(database, shops.mine, variants=[]) for _ in range(4)))
    assert sorted(each.handle for each in made) == [
        "linen-shirt",
        "linen-shirt-2",
        "linen-shirt-3",
        "linen-shirt-4",
    ]


async def test_the_same_options_at_once_make_one_variant(database: Database, shops: Shops) -> None:
    made = await shirt(database, shops.mine, variants=[])

    async def add() -> str:
        try:
            async with database.transaction() as tx:
                await catalog.add_variant(
                    tx, shop_id=shops.mine.id, product_id=made.id, variant=NewVariant(1, ("M", "I"))
                )
        except Refusal as refusal:
            return refusal.code
        return "added"

    assert sorted(await asyncio.gather(*(add() for _ in range(5)))) == [
        "added",
        *["catalog.options_taken"] * 4,
    ]


async def test_the_two_hundredth_variant_is_the_last_also_in_a_race(database: Database, shops: Shops) -> None:
    made = await shirt(database, shops.mine, variants=[NewVariant(1, (str(n), "I")) for n in range(198)])

    async def add(n: int) -> str:
        try:
            async with database.transaction() as tx:
                await catalog.add_variant(
                    tx, shop_id=shops.mine.id, product_id=made.id, variant=NewVariant(1, (str(n), "J"))
                )
        except Refusal as refusal:
            return refusal.code
        return "added"

    assert sorted(await asyncio.gather(*(add(n) for n in range(5)))) == [
        "added", "added", *["catalog.too_many_variants"] * 3,
    ]  # fmt: skip


async def test_what_is_given_changes_and_the_rest_stays(database: Database, shops: Shops) -> None:
    made = await shirt(database, shops.mine)
    async with database.transaction() as tx:
        changed = await catalog.update_product(
            tx, shop_id=shops.mine.id, product_id=made.id, title="Shirt", status=Status.ARCHIVED,
            option_names=["Größe", "Farbe"],
        )  # fmt: skip
    assert changed == replace(
        made,
        title="Shirt",
        status=Status.ARCHIVED,
        option_names=["Größe", "Farbe"],
        updated_at=changed.updated_at,
    )
    await refused(
        catalog.BadOptions,
        database,
        lambda tx: catalog.update_product(
            tx, shop_id=shops.mine.id, product_id=made.id, option_names=["Size"]
        ),
    )


async def test_another_shops_product_is_not_there_for_any_verb(database: Database, shops: Shops) -> None:
    made = await shirt(database, shops.mine)
    me, there = shops.mine.id, shops.other.id
    picture = ProcessedPicture("a" * 64, 1, 1, {})
    async with database.transaction() as tx:
        variant = (await catalog.variants(tx, shop_id=me, product_ids=[made.id]))[0]
        added = await catalog.add_picture(tx, shop_id=me, product_id=made.id, picture=picture)
    for kind, work in (
        (catalog.UnknownProduct, lambda tx: catalog.product(tx, shop_id=there, product_id=made.id)),
        (
            catalog.UnknownProduct,
            lambda tx: catalog.update_product(tx, shop_id=there, product_id=made.id, title="x"),
        ),
        (
            catalog.UnknownProduct,
            lambda tx: catalog.add_variant(
                tx, shop_id=there, product_id=made.id, variant=NewVariant(1, ("X", "Y"))
            ),
        ),
        (
            catalog.UnknownProduct,
            lambda tx: catalog.add_picture(tx, shop_id=there, product_id=made.id, picture=picture),
        ),
        (
            catalog.UnknownPicture,
            lambda tx: catalog.remove_picture(tx, shop_id=there, product_id=made.id, picture_id=added.id),
        ),
        (
            catalog.UnknownVariant,
            lambda tx: catalog.update_variant(tx, shop_id=there, variant_id=variant.id, sku="x"),
        ),
        (
            catalog.UnknownVariant,
            lambda tx: catalog.set_price(tx, shop_id=there, variant_id=variant.id, amount=1),
        ),
        (catalog.UnknownVariant, lambda tx: catalog.prices(tx, shop_id=there, variant_id=variant.id)),
        (catalog.UnknownVariant, lambda tx: catalog.set_price(tx, shop_id=me, variant_id=10**30, amount=1)),
    ):
        await refused(kind, database, work)
    async with database.transaction() as tx:
        assert await catalog.variants(tx, shop_id=there, ids=[variant.id]) == []
        assert await catalog.variants(tx, shop_id=there, product_ids=[made.id]) == []
        assert await catalog.pictures(tx, shop_id=there, product_ids=[made.id]) == []
        assert await catalog.products(tx, shop_id=there) == []
        assert await catalog.products_by_id(tx, shop_id=there, ids=[made.id]) == {}
        assert await catalog.reference_prices(tx, shop_id=there, variants=[variant]) == {}


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("", ["linen-shirt", "wide", "cup", "100-cotton"]), ("shirt", ["linen-shirt"]), ("SHIRT linen", ["linen-shirt"]),
        ("衬衫", ["linen-shirt"]), ("s-m", ["linen-shirt"]), ("summer", ["linen-shirt"]), ("mill cup", []),
        ("100%", ["100-cotton"]), ("%", ["100-cotton"]), ("_", []), ("\\", []), ("'; DROP", []), ("杯", ["cup"]),
        ("Ｓ－Ｍ", ["linen-shirt"]), ("ｃｕｐ", ["cup"]), ("100％", ["100-cotton"]), ("wide tee", ["wide"]), ("Ｗｉｄｅ", ["wide"]),
    ],
)  # fmt: skip
async def test_search_finds_every_word(
    database: Database, shops: Shops, search: str, found: list[str]
) -> None:
    await shirt(database, shops.mine)
    await shirt(database, shops.other, handle="elsewhere")
    async with database.transaction() as tx:
        await catalog.create_product(tx, shop_id=shops.mine.id, title="Ｗｉｄｅ　Ｔｅｅ", handle="wide")
        await catalog.create_product(tx, shop_id=shops.mine.id, title="Cup", titles={"zh_CN": "茶杯"})
        await catalog.create_product(
            tx, shop_id=shops.mine.id, title="100% Cotton", handle="100-cotton", status=Status.DRAFT
        )
        assert [
            each.handle for each in await catalog.products(tx, shop_id=shops.mine.id, search=search)
        ] == found


async def test_products_come_page_by_page(database: Database, shops: Shops) -> None:
    async with database.transaction() as tx:
        made = [await catalog.create_product(tx, shop_id=shops.mine.id, title=f"p{n}") for n in range(5)]
        page = await catalog.products(tx, shop_id=shops.mine.id, limit=2)
        rest = await catalog.products(tx, shop_id=shops.mine.id, after=page[-1].id, status=Status.DRAFT)
    assert [each.id for each in page + rest] == [each.id for each in made]


# Prices


async def one_variant(database: Database, shops: Shops) -> int:
    made = await shirt(database, shops.mine, option_names=[], variants=[NewVariant(12900)])
    async with database.transaction() as tx:
        return (await catalog.variants(tx, shop_id=shops.mine.id, product_ids=[made.id]))[0].id


async def test_a_price_takes_effect_at_once_and_the_one_before_stays_on_record(
    database: Database, shops: Shops
) -> None:
    variant_id = await one_variant(database, shops)
    me = shops.mine.id
    async with database.transaction() as tx:
        set_to = await catalog.set_price(tx, shop_id=me, variant_id=variant_id, amount=9900, reason="show")
        assert set_to == Money(9900, "EUR")
        assert (await catalog.variants(tx, shop_id=me, ids=[variant_id]))[0].price_minor == 9900
        assert [(each.minor, each.reason) for each in await catalog.prices(tx, shop_id=me, variant_id=variant_id)] == [
            (12900, ""), (9900, "show"),
        ]  # fmt: skip
    name, body = (await facts(database))[-1]
    assert (name, body["price_minor"], body["before_minor"], body["reason"]) == (
        "catalog.price_changed", 9900, 12900, "show",
    )  # fmt: skip
    before = await everything(database)
    async with database.transaction() as tx:
        await catalog.set_price(tx, shop_id=me, variant_id=variant_id, amount=9900, reason="again")
    assert await everything(database) == before


async def test_a_price_that_leaps_is_set_when_it_is_confirmed(database: Database, shops: Shops) -> None:
    variant_id = await one_variant(database, shops)
    me = shops.mine.id
    before = await everything(database)
    for amount in (38_701, 4_299, 0):
        with pytest.raises(PriceLeap) as leap:
            async with database.transaction() as tx:
                await catalog.set_price(tx, shop_id=me, variant_id=variant_id, amount=amount)
        assert leap.value.facts == {"old": "129.00", "new": f"{amount / 100:.2f}", "currency": "EUR"}
        assert await everything(database) == before
    async with database.transaction() as tx:
        for amount, confirmed in ((38_700, False), (0, True), (1, False), (1_290_000, True)):
            await catalog.set_price(tx, shop_id=me, variant_id=variant_id, amount=amount, confirmed=confirmed)
        history = await catalog.prices(tx, shop_id=me, variant_id=variant_id)
    assert [each.minor for each in history] == [12_900, 38_700, 0, 1, 1_290_000]


async def test_a_price_can_be_set_for_later_and_not_for_earlier(database: Database, shops: Shops) -> None:
    variant_id = await one_variant(database, shops)
    me = shops.mine.id
    async with database.transaction() as tx:
        later = now() + timedelta(hours=1)
        await catalog.set_price(tx, shop_id=me, variant_id=variant_id, amount=5000, at=later)
        assert (await catalog.variants(tx, shop_id=me, ids=[variant_id]))[0].price_minor == 12900
        await catalog.set_price(tx, shop_id=me, variant_id=variant_id, amount=9900)
        assert (await catalog.variants(tx, shop_id=me, ids=[variant_id]))[0].price_minor == 9900
        await tx.run("ALTER TABLE catalog.price DISABLE TRIGGER price_is_append_only")
        await tx.run(
            "UPDATE catalog.price SET recorded_at = recorded_at - interval '2 hours', valid_from = valid_from - interval '2 hours'"
        )
        await tx.run("ALTER TABLE catalog.price ENABLE TRIGGER price_is_append_only")
        assert (await catalog.variants(tx, shop_id=me, ids=[variant_id]))[0].price_minor == 5000
    await refused(
        catalog.PricePast,
        database,
        lambda tx: catalog.set_price(
            tx, shop_id=me, variant_id=variant_id, amount=5000, at=now() - timedelta(seconds=1)
        ),
    )


async def test_a_clock_set_back_hides_no_price(database: Database, shops: Shops) -> None:
    variant_id = await one_variant(database, shops)
    async with database.transaction() as tx:
        await tx.run("ALTER TABLE catalog.price DISABLE TRIGGER price_is_append_only")
        await tx.run(
            "UPDATE catalog.price SET recorded_at = recorded_at + interval '1 day', valid_from = valid_from + interval '1 day'"
        )
        await tx.run("ALTER TABLE catalog.price ENABLE TRIGGER price_is_append_only")
        assert (await catalog.variants(tx, shop_id=shops.mine.id, ids=[variant_id]))[0].price_minor == 12900
        await catalog.set_price(tx, shop_id=shops.mine.id, variant_id=variant_id, amount=100, confirmed=True)
        assert (await catalog.variants(tx, shop_id=shops.mine.id, ids=[variant_id]))[0].price_minor == 100


@pytest.mark.parametrize("statement", ["UPDATE catalog.price SET minor = 1", "DELETE FROM catalog.price"])
async def test_history_cannot_be_rewritten(database: Database, shops: Shops, statement: str) -> None:
    await one_variant(database, shops)
    before = await everything(database)
    with pytest.raises(psycopg.errors.RaiseException):
        async with database.transaction() as tx:
            await tx.connection.execute(statement)  # pyright: ignore[reportCallIssue, reportArgumentType]
    assert await everything(database) == before


async def test_prices_set_at_once_all_stand_in_the_history(database: Database, shops: Shops) -> None:
    variant_id = await one_variant(database, shops)

    async def run(amount: int) -> None:
        async with database.transaction() as tx:
            await asyncio.sleep(0.01)
            await catalog.set_price(
                tx, shop_id=shops.mine.id, variant_id=variant_id, amount=amount, confirmed=True
            )

    await asyncio.gather(*(run(amount) for amount in range(1, 7)))

    told = [body for _, body in await facts(database)][2:]
    async with database.transaction() as tx:
        history = await catalog.prices(tx, shop_id=shops.mine.id, variant_id=variant_id)
        present = (await catalog.variants(tx, shop_id=shops.mine.id, ids=[variant_id]))[0].price_minor
    assert sorted(each.minor for each in history) == [1, 2, 3, 4, 5, 6, 12900]
    assert history[-1].minor == present == told[-1]["price_minor"]
    # Every fact names the price that was in force before it: the history is one chain.
    assert [body["before_minor"] for body in told] == [12900, *(body["price_minor"] for body in told[:-1])]


@pytest.mark.parametrize(
    ("history", "reference"),
    [
        ([(60, 5000)], None),
        ([(60, 5000), (0, 4000)], 5000),
        ([(60, 3000), (40, 5000), (0, 4000)], 5000),
        ([(60, 3000), (30, 5000), (0, 4000)], 5000),
        ([(60, 3000), (29, 5000), (0, 4000)], 3000),
        ([(60, 5000), (20, 3500), (10, 6000), (0, 4000)], 3500),
        ([(60, 5000), (2, 4000), (1, 4000)], 5000),
        ([(60, 3000), (50, 4000), (5, 4000), (0, 4000)], 3000),
        ([(1, 4000), (0, 5000)], 4000),
    ],
)
async def test_the_lowest_price_of_thirty_days_before_the_present_one(
    database: Database, shops: Shops, history: list[tuple[int, int]], reference: int | None
) -> None:
    """`history` is (days ago, price)."""
    variant_id = await one_variant(database, shops)
    async with database.transaction() as tx:
        await tx.run("ALTER TABLE catalog.price DISABLE TRIGGER price_is_append_only")
        await tx.run("DELETE FROM catalog.price")
        for days, minor in history:
            await tx.run(
                """
                INSERT INTO catalog.price (variant_id, minor, valid_from, recorded_at)
                VALUES (%(variant_id)s, %(minor)s, now() - make_interval(days => %(days)s),
                        now() - make_interval(days => %(days)s))
                """,
                variant_id=variant_id,
                minor=minor,
                days=days,
            )
        [variant] = await catalog.variants(tx, shop_id=shops.mine.id, ids=[variant_id])
        found = await catalog.reference_prices(tx, shop_id=shops.mine.id, variants=[variant])
        await tx.run("ALTER TABLE catalog.price ENABLE TRIGGER price_is_append_only")
    assert {each: told.price for each, told in found.items()} == (
        {} if reference is None else {variant_id: Money(reference, "EUR")}
    )
    assert all(
        (told.days, told.is_higher) == (30, told.price.minor > variant.price_minor) for told in found.values()
    )


@pytest.mark.parametrize(
    ("country", "days", "lowest"), [("DE", None, 3000), ("CN", None, 4000), ("DE", 7, 4000), ("CN", 60, 2000)]
)
async def test_days_before_a_reduction_are_those_of_the_country_or_of_the_shop(
    database: Database, shops: Shops, country: str, days: int | None, lowest: int
) -> None:
    variant_id = await one_variant(database, shops)
    async with database.transaction() as tx:
        await pricing.service.set_taxes(
            tx,
            shop_id=shops.mine.id,
            wanted=pricing.records.TaxSettings(origin_country=country, reference_days=days),
        )
        await tx.run("ALTER TABLE catalog.price DISABLE TRIGGER price_is_append_only")
        await tx.run("DELETE FROM catalog.price")
        for ago, minor in ((90, 2000), (45, 3000), (20, 4000), (0, 1500)):
            await tx.run(
                """
                INSERT INTO catalog.price (variant_id, minor, valid_from, recorded_at)
                VALUES (%(variant_id)s, %(minor)s, now() - make_interval(days => %(days)s),
                        now() - make_interval(days => %(days)s))
                """,
                variant_id=variant_id,
                minor=minor,
                days=ago,
            )
        [variant] = await catalog.variants(tx, shop_id=shops.mine.id, ids=[variant_id])
        found = await catalog.reference_prices(tx, shop_id=shops.mine.id, variants=[variant])
        await tx.run("ALTER TABLE catalog.price ENABLE TRIGGER price_is_append_only")
    told = found[variant_id]
    assert (told.price, told.is_higher) == (Money(lowest, "EUR"), True)


async def test_a_list_price_is_shown_for_the_amount_that_somebody_stands_for(
    database: Database, shops: Shops
) -> None:
    variant_id = await one_variant(database, shops)
    me = shops.mine.id

    async def told(**changes: Any) -> tuple[int, str, bool] | None:
        async with database.transaction() as tx:
            variant = await catalog.update_variant(tx, shop_id=me, variant_id=variant_id, **changes)
            found = (await catalog.reference_prices(tx, shop_id=me, variants=[variant])).get(variant_id)
        return None if found is None else (found.price.minor, found.source or "", found.is_higher)

    said = {"list_price_set_by": "Maker", "list_price_evidence": "maker.example/prices"}
    with pytest.raises(catalog.ListPriceUnsourced):
        await told(**said)
    assert await told(compare_at_minor=99_900) is None
    with pytest.raises(catalog.ListPriceUnsourced):
        await told(list_price_set_by="Maker", list_price_evidence=" ")
    assert await told(**said) == (99_900, "Maker", True)
    # Another amount, as an import may bring it, is not what they stand for.
    assert await told(compare_at_minor=89_900) is None
    assert await told(compare_at_minor=99_900) == (99_900, "Maker", True)
    assert await told(compare_at_minor=1, **said) == (1, "Maker", False)
    assert await told(list_price_set_by="") is None
    async with database.transaction() as tx:
        rows = await tx.value("SELECT array_agg(minor || source ORDER BY id) FROM catalog.list_price_source")
    assert rows == ["99900Maker", "1Maker", "1"]


async def test_pictures_of_a_product(database: Database, shops: Shops) -> None:
    made = await shirt(database, shops.mine)
    me = shops.mine.id
    one, two = (ProcessedPicture(letter * 64, 30, 40, {}) for letter in "ab")
    async with database.transaction() as tx:
        first = await catalog.add_picture(tx, shop_id=me, product_id=made.id, picture=one, alt=" front ")
        await catalog.add_picture(tx, shop_id=me, product_id=made.id, picture=two)
        again = await catalog.add_picture(tx, shop_id=me, product_id=made.id, picture=one, alt="the front")
        assert (first.id, first.alt, again.alt, again.position) == (again.id, "front", "the front", 1)
        assert first.path(480) == f"/pictures/{'a' * 64}/480.webp"
        assert (await catalog.product(tx, shop_id=me, product_id=made.id)).picture_sha == "a" * 64
        await catalog.remove_picture(tx, shop_id=me, product_id=made.id, picture_id=first.id)
        assert [each.sha256 for each in await catalog.pictures(tx, shop_id=me, product_ids=[made.id])] == [
            "b" * 64
        ]
        assert await tx.value("SELECT DISTINCT picture_sha FROM catalog.v_variant") == "b" * 64


REFUSALS: dict[str, type[Refusal]] = {
    kind.code: kind
    for kind in (
        catalog.BadHandle, catalog.BadOptions, catalog.BadTranslation, catalog.BadWeight, catalog.OptionsTaken,
        catalog.PriceNegative, catalog.PriceTooLarge, catalog.TooManyVariants, UnusableText,
    )
}  # fmt: skip

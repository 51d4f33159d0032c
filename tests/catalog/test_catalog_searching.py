"""Products found as shoppers look for them: words, stems, Chinese, pinyin, SKUs."""

import pytest
from tests.catalog.conftest import Shops
from tests.explained import scans

from shopfloor import catalog
from shopfloor.catalog import searching
from shopfloor.kernel.database import Database, Tx

Active = catalog.Status.ACTIVE


async def make(tx: Tx, shop_id: int, title: str, **more: object) -> int:
    made = await catalog.create_product(tx, shop_id=shop_id, title=title, status=Active, **more)  # pyright: ignore[reportArgumentType]
    return made.id


async def found(tx: Tx, shop_id: int, search: str) -> list[int]:
    return [each.id for each in await catalog.products(tx, shop_id=shop_id, find=search)]


@pytest.mark.parametrize(
    ("search", "finds"),
    [
        ("lyq", {"dress"}),
        ("LYQ", {"dress"}),
        ("lianyiqun", {"dress"}),
        ("lianyi", {"dress"}),
        ("lian yi qun", {"dress"}),
        ("连衣裙", {"dress"}),
        ("裙", {"dress", "skirt"}),
        ("白色 裙", {"dress"}),
        ("bslyq", {"dress"}),
        # 长 is read chang and zhang: both find it.
        ("changqun", {"skirt"}),
        ("zhangqun", {"skirt"}),
        ("lvcha", {"tea"}),
        ("lucha", {"tea"}),
        ("dresses", {"dress"}),
        ("dress", {"dress"}),
        ("knitting wool", {"yarn"}),
        ("ｗｏｏｌ", {"yarn"}),
        ("kn-0", {"yarn"}),
        ("indigo", {"skirt"}),
        ("silk dress", set[str]()),
        ("'", set[str]()),
        ("%", set[str]()),
        ("", set[str]()),
    ],
)
async def test_a_search_finds(database: Database, shops: Shops, search: str, finds: set[str]) -> None:
    async with database.transaction() as tx:
        shop_id = shops.mine.id
        ids = {
            "dress": await make(tx, shop_id, "白色连衣裙", titles={"en": "White linen dress"}),
            "skirt": await make(
                tx,
                shop_id,
                "长裙",
                option_names=["Colour"],
                variants=[catalog.NewVariant(price_minor=900, options=["Indigo"])],
            ),
            "tea": await make(tx, shop_id, "绿茶", tags=["spring"]),
            "yarn": await make(
                tx,
                shop_id,
                "Knitted wool",
                variants=[catalog.NewVariant(price_minor=900, sku="KN-01")],
            ),
        }
        await catalog.create_product(tx, shop_id=shop_id, title="连衣裙 draft")
        await make(tx, shops.other.id, "白色连衣裙")

        assert await found(tx, shop_id, search) == [ids[name] for name in ids if name in finds]


async def test_a_change_is_found_at_once_and_what_another_release_wrote_after_the_job(
    database: Database, shops: Shops
) -> None:
    async with database.transaction() as tx:
        shop_id = shops.mine.id
        product_id = await make(tx, shop_id, "Cup")
        await catalog.update_product(tx, shop_id=shop_id, product_id=product_id, title="茶碗")
        assert (await found(tx, shop_id, "cw"), await found(tx, shop_id, "cup")) == ([product_id], [])
        variant = catalog.NewVariant(price_minor=900, sku="TB-7")
        await catalog.add_variant(tx, shop_id=shop_id, product_id=product_id, variant=variant)
        assert await found(tx, shop_id, "tb-7") == [product_id]

        # As the previous release writes it, which knows nothing of the search.
        await tx.run("UPDATE catalog.product SET title = '花瓶' WHERE id = %(id)s", id=product_id)
        assert await found(tx, shop_id, "cw") == []

    assert await searching.make_search(database) == 1
    assert await searching.make_search(database) == 0
    async with database.transaction() as tx:
        assert await found(tx, shop_id, "huaping") == [product_id]


async def test_a_search_reads_indexes_and_pages_by_id(database: Database, shops: Shops) -> None:
    async with database.transaction() as tx:
        shop_id = shops.mine.id
        await tx.run(
            """
            INSERT INTO catalog.product (shop_id, handle, title, kind, status, search)
            SELECT %(shop_id)s, 'p' || n, 'P' || n, 'piece', 'active', to_tsvector('simple', 'piece' || n || ' kind' || n %% 125)
              FROM generate_series(1, 1000) AS n
            """,
            shop_id=shop_id,
        )
        # Whether there is an index to read, not whether so few rows are worth it.
        await tx.run("SET LOCAL enable_seqscan = off")

        read = await scans(tx, lambda tx: catalog.products(tx, shop_id=shop_id, find="piece999", limit=3))
        every = await found(tx, shop_id, "kind77")
        first = [each.id for each in await catalog.products(tx, shop_id=shop_id, find="kind77", limit=3)]
        rest = await catalog.products(tx, shop_id=shop_id, find="kind77", after=first[-1])
        back = await catalog.products(tx, shop_id=shop_id, find="kind77", before=every[3], limit=2)

    assert ("Bitmap Heap Scan", "product") in read
    assert len(every) == 8
    assert first + [each.id for each in rest] == every
    assert [each.id for each in back] == [every[2], every[1]]

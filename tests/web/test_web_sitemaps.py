"""Sitemaps: parts of what is sold, made once for all who ask, and made anew when something changes."""

import asyncio
import re
import xml.etree.ElementTree as ET

from tests.explained import read_whole, scans
from tests.web.conftest import Stage

from shopfloor import catalog
from shopfloor.web import Sitemaps, sitemaps

NAMESPACE = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


def places(text: str) -> dict[str, str]:
    """Each address with the day of its last change."""
    found: dict[str, str] = {}
    for entry in ET.fromstring(text):
        where, changed = entry.find(f"{NAMESPACE}loc"), entry.find(f"{NAMESPACE}lastmod")
        assert where is not None
        assert where.text is not None
        found[where.text] = "" if changed is None or changed.text is None else changed.text
    return found


async def many(stage: Stage) -> None:
    """12,000 more, every third not published; the ids run over the border of two parts."""
    async with stage.db.transaction() as tx:
        await tx.run("ALTER TABLE catalog.product ALTER COLUMN id RESTART WITH 5001")
        await tx.run(
            """
            INSERT INTO catalog.product (shop_id, handle, title, kind, status, updated_at)
            SELECT %(shop)s, 'many-' || n, 'Many', 'sized', CASE WHEN mod(n, 3) = 0 THEN 'draft' ELSE 'active' END,
                   timestamptz '2026-05-01Z' + n * interval '1 second'
              FROM generate_series(1, 12000) AS n
            """,
            shop=stage.shop.id,
        )
        await tx.run("ANALYZE catalog.product")


async def test_what_is_sold_is_in_parts_that_an_index_names(stage: Stage) -> None:
    await many(stage)

    index = places((await stage.client.get("/sitemap.xml")).text)
    parts = [re.sub(r"^https?://[^/]+", "", each) for each in index]
    listed = [places((await stage.client.get(path)).text) for path in parts[1:]]

    assert parts == ["/sitemap-shops.xml", "/sitemap-products-0.xml", "/sitemap-products-1.xml"]
    assert list(index.values())[2] == "2026-05-01T03:19:59Z"
    # Those of 5,001 to 9,999, with the shirt, and those up to 17,000.
    assert [len(each) for each in listed] == [1 + 3_333, 4_667]
    ids = [int(each.rpartition("/")[2]) for part in listed for each in part]
    async with stage.db.transaction() as tx:
        cursor = await tx.connection.execute(
            "SELECT id FROM catalog.product WHERE status = 'active' ORDER BY id"
        )
        assert ids == [row[0] for row in await cursor.fetchall()]
        reads = await scans(tx, lambda tx: catalog.Published.among(tx, first=0, number=10_000))
    assert "product" not in read_whole(reads)
    assert (await stage.client.get("/sitemap-products-2.xml")).status_code == 404


async def test_a_sitemap_is_made_once_for_all_who_ask_and_again_when_a_product_changes(stage: Stage) -> None:
    first = await stage.client.get("/sitemap-products-0.xml")
    async with stage.db.transaction() as tx:
        await tx.run("UPDATE catalog.product SET status = 'draft'")
    kept = await stage.client.get("/sitemap-products-0.xml")
    same = await stage.client.get("/sitemap-products-0.xml", headers={"if-none-match": first.headers["etag"]})

    assert f"/p/{stage.shirt.id}<" in first.text
    assert (first.headers["cache-control"], kept.text) == ("public, max-age=600", first.text)
    assert (same.status_code, same.content) == (304, b"")


async def test_many_who_ask_at_once_are_answered_by_one_reading_and_little_is_kept() -> None:
    time = 100.0
    made: list[int] = []
    kept = Sitemaps(lambda: time)

    async def ask(part: int) -> bytes:
        async def make() -> bytes:
            made.append(part)
            await asyncio.sleep(0)
            return b"%d" % part

        return await kept.get(part, make)

    assert await asyncio.gather(*(ask(3) for _ in range(50))) == [b"3"] * 50
    assert made == [3]
    time += sitemaps.KEPT_SECONDS - 1
    await ask(3)
    kept.forget(40_000)
    await ask(3)
    assert made == [3]
    kept.forget(39_999)
    await ask(3)
    time += sitemaps.KEPT_SECONDS
    await ask(3)
    assert made == [3, 3, 3]
    for part in range(100, 100 + sitemaps.MOST_KEPT):
        await ask(part)
    await ask(3)
    assert made.count(3) == 4

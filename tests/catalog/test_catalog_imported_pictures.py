"""Pictures and list prices of an imported file: each picture once, from its address or from the ZIP beside it."""

import asyncio
import contextlib
import io
import zipfile
from collections.abc import AsyncGenerator
from ipaddress import IPv4Network
from pathlib import Path
from typing import Protocol

import httpx
import pytest
from PIL import Image

from shopfloor import accounts, catalog, picture_files
from shopfloor.catalog import archive as archives
from shopfloor.catalog import import_queries, imports
from shopfloor.catalog.archive import Archive
from shopfloor.kernel.database import Database
from shopfloor.kernel.errors import Refusal

LOOPBACK = (IPv4Network("127.0.0.0/8"),)


class Shops(Protocol):
    mine: accounts.Shop
    other: accounts.Shop


def picture(colour: str = "red", kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(out, kind)
    return out.getvalue()


def zipped(files: dict[str, bytes]) -> io.BytesIO:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in files.items():
            file.writestr(name, data)
    out.seek(0)
    return out


@contextlib.asynccontextmanager
async def pictures_server(files: dict[str, bytes]) -> AsyncGenerator[tuple[str, list[str]]]:
    """Its address, and the paths asked for; what is not in `files` is 503."""
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).decode().split()[1]
        asked.append(path)
        data = files.get(path)
        if data is None:
            writer.write(b"HTTP/1.1 503 Busy\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        else:
            head = f"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: {len(data)}\r\nconnection: close\r\n\r\n"
            writer.write(head.encode() + data)
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", asked


async def take(
    database: Database, shop: accounts.Shop, text: str, archive: Archive | None = None
) -> catalog.Report:
    async with database.transaction() as tx:
        return await catalog.import_shopify_csv(
            tx, shop_id=shop.id, stream=io.BytesIO(text.encode()), archive=archive
        )


async def shown(database: Database, shop: accounts.Shop) -> list[tuple[str, list[tuple[int, str]]]]:
    """Handle, and place and description of each picture."""
    async with database.transaction() as tx:
        products = await catalog.products(tx, shop_id=shop.id)
        found = await catalog.pictures(tx, shop_id=shop.id, product_ids=[each.id for each in products])
    return [(p.handle, [(e.position, e.alt) for e in found if e.product_id == p.id]) for p in products]


async def progress(database: Database, shop: accounts.Shop) -> tuple[int, int, int]:
    async with database.transaction() as tx:
        found = await catalog.picture_progress(tx, shop_id=shop.id)
    return (found.fetched, found.waiting, found.failed)


async def failures(database: Database, shop: accounts.Shop) -> list[tuple[str, str]]:
    async with database.transaction() as tx:
        return sorted(
            (e.url.rsplit("/")[-1], e.reason)
            for e in (await catalog.picture_progress(tx, shop_id=shop.id)).failures
        )


async def make_due(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.run("UPDATE catalog.picture_source SET due_at = now() WHERE state = 'waiting'")


HEAD = "Handle,Title,Variant Price,Variant Compare At Price,Image Src,Image Position,Image Alt Text\n"


async def test_pictures_come_from_their_addresses_once(
    database: Database, shops: Shops, tmp_path: Path
) -> None:
    async with pictures_server({"/a.png": picture("red"), "/b.png": picture("blue")}) as (root, asked):
        text = HEAD + f"cup,Cup,12.00,15.00,{root}/a.png,2,Front\ncup,,,,{root}/b.png,1,Back\n"
        report = await take(database, shops.mine, text)
        assert (report.pictures, report.notes, report.errors) == (2, [], [])
        assert await progress(database, shops.mine) == (0, 2, 0)

        assert await catalog.fetch_pictures(database, tmp_path, allowed=LOOPBACK) == 2
        assert await shown(database, shops.mine) == [("cup", [(1, "Back"), (2, "Front")])]
        assert await progress(database, shops.mine) == (2, 0, 0)

        again = await take(database, shops.mine, text)
        assert (again.pictures, again.updated) == (0, 1)
        assert await catalog.fetch_pictures(database, tmp_path, allowed=LOOPBACK) == 0
        assert sorted(asked) == ["/a.png", "/b.png"]
        assert await shown(database, shops.mine) == [("cup", [(1, "Back"), (2, "Front")])]

    async with database.transaction() as tx:
        (cup,) = await catalog.products(tx, shop_id=shops.mine.id)
        first, second = await catalog.pictures(tx, shop_id=shops.mine.id, product_ids=[cup.id])
        (variant,) = await catalog.variants(tx, shop_id=shops.mine.id, product_ids=[cup.id])
        sheet = await catalog.export_shopify_csv(tx, shop_id=shops.mine.id, base_url="https://shop.example")
    assert variant.compare_at_minor == 1500
    assert (tmp_path / first.sha256 / "160.webp").exists()
    assert (tmp_path / second.sha256 / "2048.webp").exists()
    # What is here is named by its address here; an import of that file asks for nothing.
    assert root not in sheet
    assert f"https://shop.example/pictures/{first.sha256}/2048.webp" in sheet
    assert (await take(database, shops.mine, sheet)).pictures == 0


async def test_two_workers_fetch_each_picture_once(database: Database, shops: Shops, tmp_path: Path) -> None:
    files = {f"/{n}.png": picture(f"#0000{n:02x}") for n in range(12)}
    async with pictures_server(files) as (root, asked):
        rows = "".join(f"p{n},P{n},1.00,,{root}/{n}.png,1,\n" for n in range(12))
        assert (await take(database, shops.mine, HEAD + rows)).pictures == 12
        added = await asyncio.gather(
            *(catalog.fetch_pictures(database, tmp_path, allowed=LOOPBACK) for _ in range(3))
        )
    assert sum(added) == 12
    assert sorted(asked) == sorted(files)
    assert [len(found) for _, found in await shown(database, shops.mine)] == [1] * 12


async def test_one_who_dies_leaves_the_picture_to_the_next(
    database: Database, shops: Shops, tmp_path: Path
) -> None:
    async with pictures_server({"/a.png": picture()}) as (root, _):
        await take(database, shops.mine, HEAD + f"cup,Cup,1.00,,{root}/a.png,1,\n")
        async with database.transaction() as tx:
            assert len(await import_queries.claim_sources(tx, limit=5, lease=imports.LEASE)) == 1
        assert await catalog.fetch_pictures(database, tmp_path, allowed=LOOPBACK) == 0
        await make_due(database)
        assert await catalog.fetch_pictures(database, tmp_path, allowed=LOOPBACK) == 1


async def test_trouble_that_may_pass_is_tried_again_and_then_given_up(
    database: Database, shops: Shops, tmp_path: Path
) -> None:
    files: dict[str, bytes] = {"/text.png": b"no picture"}
    async with pictures_server(files) as (root, asked):
        text = HEAD + f"cup,Cup,1.00,,{root}/busy.png,1,\nbowl,Bowl,1.00,,{root}/text.png,1,\n"
        await take(database, shops.mine, text)
        for _ in range(len(imports.WAITS)):
            await catalog.fetch_pictures(database, tmp_path, allowed=LOOPBACK)
            assert await progress(database, shops.mine) == (0, 1, 1)
            # Its next time has not come.
            assert await catalog.fetch_pictures(database, tmp_path, allowed=LOOPBACK) == 0
            await make_due(database)
        await catalog.fetch_pictures(database, tmp_path, allowed=LOOPBACK)
        assert await progress(database, shops.mine) == (0, 0, 2)
        assert await failures(database, shops.mine) == [
            ("busy.png", "outbound.unreachable"), ("text.png", "catalog.not_a_picture"),
        ]  # fmt: skip
        assert asked.count("/busy.png") == 1 + len(imports.WAITS)
        assert asked.count("/text.png") == 1

        async with database.transaction() as tx:
            assert await catalog.retry_pictures(tx, shop_id=shops.other.id) == 0
            assert await catalog.retry_pictures(tx, shop_id=shops.mine.id) == 2
        files["/busy.png"] = picture()
        assert await catalog.fetch_pictures(database, tmp_path, allowed=LOOPBACK) == 1
    assert await shown(database, shops.mine) == [("cup", [(1, "")]), ("bowl", [])]


async def test_addresses_inside_are_never_asked(database: Database, shops: Shops, tmp_path: Path) -> None:
    async with pictures_server({"/a.png": picture()}) as (root, asked):
        await take(database, shops.mine, HEAD + f"cup,Cup,1.00,,{root}/a.png,1,\n")
        assert await catalog.fetch_pictures(database, tmp_path) == 0
    assert asked == []
    assert await failures(database, shops.mine) == [("a.png", "outbound.address_refused")]


async def test_a_picture_that_was_taken_away_comes_with_the_next_import(
    database: Database, shops: Shops, tmp_path: Path
) -> None:
    async with pictures_server({"/a.png": picture()}) as (root, _):
        text = HEAD + f"cup,Cup,1.00,,{root}/a.png,1,\n"
        await take(database, shops.mine, text)
        await catalog.fetch_pictures(database, tmp_path, allowed=LOOPBACK)
        async with database.transaction() as tx:
            (cup,) = await catalog.products(tx, shop_id=shops.mine.id)
            (there,) = await catalog.pictures(tx, shop_id=shops.mine.id, product_ids=[cup.id])
            await catalog.remove_picture(tx, shop_id=shops.mine.id, product_id=cup.id, picture_id=there.id)
        assert (await take(database, shops.mine, text)).pictures == 1


async def test_pictures_come_from_the_zip(database: Database, shops: Shops, tmp_path: Path) -> None:
    beside = zipped({
        "images/Front.PNG": picture("red"), "images/side.png": picture("blue"), "__MACOSX/images/side.png": b"x",
        "one/twice.png": picture("green"), "two/twice.png": picture("white"), "images/.DS_Store": b"x",
    })  # fmt: skip
    opened = Archive(beside, imports.staging_dir(tmp_path))
    text = HEAD + (
        "cup,Cup,1.00,,front.png,1,by name\n"
        "cup,,,,https://cdn.example/files/side.png?v=3,2,by address\n"
        "cup,,,,two/twice.png,3,by path\n"
        "cup,,,,twice.png,4,two have this name\n"
        "cup,,,,nowhere.png,5,\n"
    )
    report = await take(database, shops.mine, text, opened)
    assert report.pictures == 3
    assert [(each.row, each.code) for each in report.notes] == [
        (5, "catalog.picture_not_in_zip"), (6, "catalog.picture_not_in_zip"),
    ]  # fmt: skip
    assert await catalog.fetch_pictures(database, tmp_path) == 3
    expected = [("cup", [(1, "by name"), (2, "by address"), (3, "by path")])]
    assert await shown(database, shops.mine) == expected
    assert (await take(database, shops.mine, text, opened)).pictures == 0
    assert await catalog.fetch_pictures(database, tmp_path) == 0
    assert await shown(database, shops.mine) == expected


async def test_staged_files_go_when_nothing_waits_for_them(
    database: Database, shops: Shops, tmp_path: Path
) -> None:
    staging = imports.staging_dir(tmp_path)
    opened = Archive(zipped({"a.png": picture("red"), "b.png": picture("blue")}), staging)
    await take(database, shops.mine, HEAD + "cup,Cup,1.00,,a.png,1,\n", opened)
    orphan = staging / await opened.stage("b.png")
    (waited,) = set(staging.iterdir()) - {orphan}
    import os

    os.utime(waited, (0, 0))
    await catalog.tidy(database, tmp_path)
    assert set(staging.iterdir()) == {waited, orphan}
    os.utime(orphan, (0, 0))
    await catalog.tidy(database, tmp_path)
    assert set(staging.iterdir()) == {waited}


async def test_a_trial_lays_nothing_aside(database: Database, shops: Shops, tmp_path: Path) -> None:
    opened = Archive(zipped({"a.png": picture()}), imports.staging_dir(tmp_path))
    async with database.transaction() as tx:
        report = await catalog.import_shopify_csv(
            tx,
            shop_id=shops.mine.id,
            stream=io.BytesIO((HEAD + "cup,Cup,1.00,,a.png,1,\n").encode()),
            archive=opened,
            is_trial=True,
        )
    assert report.pictures == 1
    assert list(tmp_path.iterdir()) == []


def _encrypted() -> bytes:
    data = bytearray(zipped({"a.png": picture()}).getvalue())
    # Bit 0 of the flags, in the local header and in the list.
    data[6] |= 1
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [b"", b"PK\x03\x04", b"PK\x03\x04" + b"x" * 100, zipped({"a.png": b"x"}).getvalue()[:-30],
     zipped({f"{n}.png": b"" for n in range(archives.MAX_FILES + 1)}).getvalue()],
    # An archive has the time in it at which it was made, and workers must agree on what a test is called.
    ids=["nothing", "a signature", "no list", "cut short", "too many"],
)  # fmt: skip
def test_what_is_no_zip_is_refused(data: bytes) -> None:
    with pytest.raises(catalog.ArchiveUnreadable):
        Archive(io.BytesIO(data), None)


async def test_files_in_a_zip_are_bounded_by_what_they_unpack_to(tmp_path: Path) -> None:
    bomb = Archive(zipped({"a.png": b"\0" * (picture_files.MAX_PICTURE_BYTES + 1)}), tmp_path)
    with pytest.raises(picture_files.PictureTooLarge):
        await bomb.stage("a.png")
    sheets = Archive(zipped({"a.csv": b"\0" * (catalog.MAX_CSV_BYTES + 1)}), tmp_path)
    with pytest.raises(catalog.SheetTooLarge):
        sheets.sheet()
    with pytest.raises(catalog.ArchiveUnreadable):
        await Archive(io.BytesIO(_encrypted()), tmp_path).stage("a.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("names", [[], ["a.csv", "b.csv"]])
def test_a_zip_instead_of_the_csv_holds_one(names: list[str]) -> None:
    with pytest.raises(catalog.SheetUnreadable):
        Archive(zipped(dict.fromkeys(names, b"Handle\n")), None).sheet()


async def test_a_zip_is_taken_over_http(
    client: httpx.AsyncClient, database: Database, tmp_path: Path
) -> None:
    body = zipped(
        {"export/products.csv": (HEAD + "cup,Cup,1.00,2.00,a.png,1,\n").encode(), "export/a.png": picture()}
    )
    answer = await client.post("/v1/mine/products/import", content=body.getvalue())
    assert (answer.status_code, answer.json()["created"], answer.json()["pictures"]) == (200, 1, 1)
    assert (await client.get("/v1/mine/products/import")).json() == {
        "fetched": 0, "waiting": 1, "failed": 0, "failures": [],
    }  # fmt: skip
    (product,) = (await client.get("/v1/mine/products")).json()
    assert product["variants"][0]["compare_at"] == "2.00"
    await catalog.fetch_pictures(database, tmp_path / "pictures")
    (product,) = (await client.get("/v1/mine/products")).json()
    assert len(product["pictures"]) == 1
    assert (await client.get(product["pictures"][0]["addresses"]["160"])).status_code == 200


@pytest.mark.parametrize(("cell", "kept"), [("15.00", 1500), ("", None), ("0", None), ("0.00", None)])
async def test_list_prices_are_kept_changed_and_taken_away(
    database: Database, shops: Shops, cell: str, kept: int | None
) -> None:
    head = "Handle,Title,Variant Price,Variant Compare At Price\n"

    async def listed() -> int | None:
        async with database.transaction() as tx:
            (cup,) = await catalog.products(tx, shop_id=shops.mine.id)
            (variant,) = await catalog.variants(tx, shop_id=shops.mine.id, product_ids=[cup.id])
        return variant.compare_at_minor

    await take(database, shops.mine, head + f"cup,Cup,12.00,{cell}\n")
    assert await listed() == kept
    await take(database, shops.mine, head + "cup,Cup,12.00,20.00\n")
    assert await listed() == 2000
    await take(database, shops.mine, "Handle,Title,Variant Price\ncup,Cup,12.00\n")
    assert await listed() == 2000
    await take(database, shops.mine, head + f"cup,Cup,12.00,{cell}\n")
    assert await listed() == kept


async def test_a_list_price_that_is_no_price_spoils_the_product(database: Database, shops: Shops) -> None:
    report = await take(database, shops.mine, HEAD + "cup,Cup,12.00,1e3,,,\nbowl,Bowl,12.00,-1,,,\n")
    assert [(each.row, each.column, each.code) for each in report.errors] == [
        (2, "variant compare at price", "catalog.price_unreadable"),
        (3, "variant compare at price", "catalog.price_negative"),
    ]
    with pytest.raises(Refusal):
        async with database.transaction() as tx:
            await catalog.update_variant(tx, shop_id=shops.mine.id, variant_id=1, compare_at_minor=-1)

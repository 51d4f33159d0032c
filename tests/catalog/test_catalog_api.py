"""The catalogue over HTTP."""

import io
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
from PIL import Image

from shopfloor import picture_files
from shopfloor.kernel.database import Database


class Shops(Protocol):
    session: str
    other_session: str


def picture(width: int = 300, height: int = 200) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (1, 2, 3)).save(out, "JPEG")
    return out.getvalue()


NEW: dict[str, Any] = {
    "title": "Shirt",
    "kind": "sized",
    "option_names": ["Size"],
    "variants": [{"price": "129.00", "options": ["M"], "sku": "S-M"}],
}


async def test_a_product_over_http(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/mine/products", json=NEW)
    assert answer.status_code == 201
    made = answer.json()
    (variant,) = made["variants"]
    assert (made["handle"], made["status"], variant["price"], variant["price_minor"], variant["currency"]) == (
        "shirt", "draft", "129.00", 12900, "EUR",
    )  # fmt: skip
    at = f"/v1/mine/products/{made['id']}"
    assert (await client.get(at)).json() == made
    assert (await client.get("/v1/mine/products?search=shirt")).json() == [made]
    assert (await client.get(f"/v1/mine/products?after={made['id']}")).json() == []
    assert (await client.patch(at, json={"status": "archived"})).json()["status"] == "archived"
    answer = await client.post(f"{at}/variants", json={"price": "139", "options": ["L"]})
    assert (answer.status_code, answer.json()["price_minor"]) == (201, 13900)
    variants = "/v1/mine/products/variants"
    assert (await client.patch(f"{variants}/{variant['id']}", json={"sku": "NEW"})).json()["sku"] == "NEW"
    answer = await client.post(
        f"{variants}/{variant['id']}/prices", json={"price": "99.00", "reason": "show"}
    )
    assert [(each["price"], each["reason"]) for each in answer.json()] == [("129.00", ""), ("99.00", "show")]
    assert (await client.get(f"{variants}/{variant['id']}/prices")).json() == answer.json()
    leap = await client.post(f"{variants}/{variant['id']}/prices", json={"price": "9900"})
    assert (leap.status_code, leap.json()["code"]) == (409, "price.leap")
    assert leap.json()["facts"] == {"old": "99.00", "new": "9900.00", "currency": "EUR"}
    assert (await client.get(f"{variants}/{variant['id']}/prices")).json() == answer.json()
    meant = await client.post(f"{variants}/{variant['id']}/prices", json={"price": "9900", "confirm": True})
    assert [each["price"] for each in meant.json()] == ["129.00", "99.00", "9900.00"]


@pytest.mark.parametrize(
    ("price", "code"),
    [("-1", "catalog.price_negative"), ("1.001", "catalog.price_decimals"), ("NaN", "catalog.price_unreadable"),
     ("9" * 16, "catalog.price_too_large"), (129, "invalid"), (float("1e300"), "invalid"), (None, "invalid")],
)  # fmt: skip
async def test_a_wrong_price_is_refused_and_nothing_changed(
    client: httpx.AsyncClient, price: object, code: str
) -> None:
    body = NEW | {"variants": [{"price": price, "options": ["M"]}]}
    answer = await client.post("/v1/mine/products", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert (await client.get("/v1/mine/products")).json() == []


async def test_pictures_over_http(client: httpx.AsyncClient, tmp_path: Path) -> None:
    made = (await client.post("/v1/mine/products", json=NEW)).json()
    at = f"/v1/mine/products/{made['id']}/pictures"
    answer = await client.post(f"{at}?alt=Front", content=picture(), headers={"content-type": "image/jpeg"})
    assert answer.status_code == 201
    added = answer.json()
    assert (added["width"], added["height"], added["alt"]) == (300, 200, "Front")
    served = await client.get(added["addresses"]["160"])
    assert (served.status_code, served.headers["content-type"], served.headers["cache-control"]) == (
        200, "image/webp", "public, max-age=31536000, immutable",
    )  # fmt: skip
    assert Image.open(io.BytesIO(served.content)).size == (160, 107)
    assert (await client.head(added["addresses"]["960"])).status_code == 200
    assert (await client.delete(f"{at}/{added['id']}")).status_code == 204
    assert (await client.get(f"/v1/mine/products/{made['id']}")).json()["pictures"] == []


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"no picture", "catalog.not_a_picture"), (b"", "catalog.not_a_picture"),
     (b"\xff\xd8\xff" + b"\0" * picture_files.MAX_PICTURE_BYTES, "catalog.picture_too_large")],
)  # fmt: skip
async def test_what_is_no_picture_leaves_nothing(
    client: httpx.AsyncClient, tmp_path: Path, data: bytes, code: str
) -> None:
    made = (await client.post("/v1/mine/products", json=NEW)).json()
    answer = await client.post(f"/v1/mine/products/{made['id']}/pictures", content=data)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert not (tmp_path / "pictures").exists()
    assert (await client.get(f"/v1/mine/products/{made['id']}")).json()["pictures"] == []


@pytest.mark.parametrize(
    "path",
    ["/pictures/", "/pictures/../../etc/passwd", f"/pictures/{'a' * 64}/160.webp", f"/pictures/{'a' * 64}/161.webp",
     f"/pictures/{'a' * 64}/160.png", f"/pictures/{'A' * 64}/160.webp", "/pictures/%2e%2e/160.webp",
     f"/pictures/{'a' * 64}/160.webp/", f"/pictures/{'a' * 64}/160.webp%0a", f"/pictures/{'a' * 64}%00/160.webp"],
)  # fmt: skip
async def test_only_pictures_are_served(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


async def test_import_and_export_over_http(client: httpx.AsyncClient) -> None:
    text = "Handle,Title,Variant Price,Image Src\na,茶杯,12.00,https://cdn.example/a.jpg\nb,B,-1,\n"
    answer = await client.post("/v1/mine/products/import", content=text.encode("utf-8-sig"))
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "rows": 2, "created": 1, "updated": 0, "refused": 1, "charset": "UTF-8",
            "errors": [{"row": 3, "column": "variant price", "code": "catalog.price_negative", "message": "A price is not below zero.",
                        "facts": {"given": "-1"}}],
            "notes": [], "ignored_columns": [], "pictures": 1,
            "numbers": {
                "decimal_sign": "point", "basis": "proven", "commas": [],
                "points": [{"row": 2, "column": "variant price", "text": "12.00"}],
                "examples": [{"row": 2, "column": "variant price", "text": "12.00", "value": "12.00"}],
            },
        },
    )  # fmt: skip
    sofa = b"Handle;Title;Variant Price\nsofa;Sofa;1.290\n"
    asked = (await client.post("/v1/mine/products/import", content=sofa)).json()
    assert (asked["created"], asked["errors"][0]["code"], asked["numbers"]["basis"]) == (
        0, "amount.ambiguous", "open",
    )  # fmt: skip
    said = (await client.post("/v1/mine/products/import?decimal_sign=comma", content=sofa)).json()
    assert (said["created"], said["numbers"]["examples"][0]["value"]) == (1, "1290.00")
    export = await client.get("/v1/mine/products/export")
    assert export.headers["content-type"] == "text/csv; charset=utf-8"
    assert export.content.startswith(b"\xef\xbb\xbfHandle,Title,")
    assert "\r\na,茶杯,".encode() in export.content
    answer = await client.post("/v1/mine/products/import", content=b"PK\x03\x04")
    assert (answer.status_code, answer.json()["code"]) == (422, "catalog.zip_unreadable")


async def test_another_shop_is_not_there_for_any_verb(
    client: httpx.AsyncClient, shops: Shops, database: Database
) -> None:
    made = (await client.post("/v1/mine/products", json=NEW)).json()
    product, variant = made["id"], made["variants"][0]["id"]
    added = (await client.post(f"/v1/mine/products/{product}/pictures", content=picture())).json()
    before = (await client.get(f"/v1/mine/products/{product}")).json()
    verbs: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", "", {}), ("POST", "", {"json": NEW}), ("POST", "/import", {"content": b"Handle\na"}),
        ("GET", "/export", {}), ("GET", f"/{product}", {}), ("PATCH", f"/{product}", {"json": {"title": "x"}}),
        ("POST", f"/{product}/variants", {"json": {"price": "1", "options": ["X"]}}),
        ("PATCH", f"/variants/{variant}", {"json": {"sku": "x"}}), ("GET", f"/variants/{variant}/prices", {}),
        ("POST", f"/variants/{variant}/prices", {"json": {"price": "1"}}),
        ("POST", f"/{product}/pictures", {"content": picture()}),
        ("DELETE", f"/{product}/pictures/{added['id']}", {}),
    ]  # fmt: skip
    for session, shop, status in (
        (None, "mine", 401), ("forged", "mine", 401), (shops.other_session, "mine", 404), (shops.other_session, "other", 0),
    ):  # fmt: skip
        client.cookies.clear()
        if session is not None:
            client.cookies.set("session", session)
        for method, path, more in verbs:
            answer = await client.request(method, f"/v1/{shop}/products{path}", **more)
            if status:
                assert (method, path, answer.status_code) == (method, path, status)
            elif str(product) in path or "variants" in path:
                # The objects of one shop, asked for under the name of another.
                assert (method, path, answer.status_code) == (method, path, 404)
    client.cookies.clear()
    client.cookies.set("session", shops.session)
    assert (await client.get("/v1/mine/products")).json() == [before]


async def test_who_may_only_look_changes_nothing(client: httpx.AsyncClient, database: Database) -> None:
    made = (await client.post("/v1/mine/products", json=NEW)).json()
    async with database.transaction() as tx:
        await tx.run("UPDATE accounts.member SET role = 'analyst'")
    answer = await client.patch(f"/v1/mine/products/{made['id']}", json={"title": "x"})
    assert (answer.status_code, answer.json()["facts"]) == (
        403, {"permission": "catalog.edit", "role": "analyst"},
    )  # fmt: skip
    assert (await client.get(f"/v1/mine/products/{made['id']}")).json() == made


async def test_a_field_that_nobody_reads_is_refused_and_named(client: httpx.AsyncClient) -> None:
    made = (await client.post("/v1/mine/products", json=NEW)).json()
    product, variant = made["id"], made["variants"][0]["id"]
    for method, path, body, at, why in (
        ("POST", "", NEW | {"titel": "x"}, "body.titel", "Unknown field; do you mean 'title'?"),
        ("POST", "", NEW | {"variants": [{"price": "1", "cost": "2"}]}, "body.variants.cost", "Unknown field"),
        ("PATCH", f"/{product}", {"titles": {"de": "y"}, "state": "draft"}, "body.state", "Unknown field; do you mean 'status'?"),
        ("PATCH", f"/variants/{variant}", {"prices": "1"}, "body.prices", "Unknown field"),
    ):  # fmt: skip
        answer = await client.request(method, f"/v1/mine/products{path}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
        assert answer.json()["facts"]["fields"] == [{"at": at, "why": why}]
    assert (await client.get("/v1/mine/products")).json() == [made]

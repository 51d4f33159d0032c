"""Pages a second on one process, beside a bare template page of the same server.

A shop with 60 products, 49 shows that are over and one on air is served by `shopfloor web`; `wrk` asks for one page
at a time over 64 connections.

    bare        the baseline: uvicorn, Starlette and a Jinja template of a few lines, no database
    room, product, storefront; a built file as it is and in Brotli; the storefront in gzip

`ratio` is requests a second divided by those of the bare page in the same run.  The last line is JSON.  Goals on an
idle machine with two cores: room and product 2,000 a second, storefront 1,500, static 5,000.
"""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

import httpx

from shopfloor import accounts, catalog, live, stock
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.startup import prepared_database
from shopfloor.web.static import asset

SECONDS = int(os.environ.get("SECONDS_EACH", "5"))
CONNECTIONS = 64
PRODUCTS = 60
OVER = 49
BARE = """
from jinja2 import Environment
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route
page = Environment(autoescape=True).from_string(
    "<!doctype html><title>{{ title }}</title><ul>{% for each in range(20) %}<li>{{ title }} {{ each }}</li>{% endfor %}</ul>"
)
async def bare(request):
    return HTMLResponse(page.render(title=request.query_params.get("title", "Bare")))
async def alive(request):
    return HTMLResponse("ok")
app = Starlette(routes=[Route("/", bare), Route("/healthz", alive)])
"""


async def fill(dsn: str) -> tuple[int, int]:
    """The show on air and a product."""
    db = Database(dsn)
    await db.open()
    try:
        async with db.transaction() as tx:
            return await _fill(tx)
    finally:
        await db.close()


async def _fill(tx: Tx) -> tuple[int, int]:
    token = await accounts.ensure_owner_claim(tx)
    assert token is not None
    await accounts.claim_owner(
        tx, token=token, email="owner@example.com", password="a kiln full of bowls", shop_name="Harbour",
        slug="harbour", currency="EUR",
    )  # fmt: skip
    shop = await accounts.shop_by_slug(tx, "harbour")
    place = await stock.add_location(tx, shop_id=shop.id, name="Shelf", kind=stock.LocationKind.STORE)
    goods: list[tuple[int, int]] = []
    for number in range(PRODUCTS):
        product = await catalog.create_product(
            tx, shop_id=shop.id, title=f"Bowl {number}", description="<p>Stoneware</p>", kind=catalog.Kind.SIZED,
            option_names=["Size"],
        )  # fmt: skip
        variant = await catalog.add_variant(
            tx,
            shop_id=shop.id,
            product_id=product.id,
            variant=catalog.NewVariant(price_minor=2_900, options=["M"], sku=f"B{number}"),
        )
        await stock.receive(tx, shop_id=shop.id, location_id=place.id, variant_id=variant.id, quantity=1_000)
        goods.append((product.id, variant.id))
    for number in range(OVER + 1):
        show = await live.plan_show(tx, shop_id=shop.id, title=f"Evening {number}")
        for product_id, variant_id in goods[:5]:
            await live.add_offer(
                tx,
                shop_id=shop.id,
                show_id=show.id,
                product_id=product_id,
                lines=[live.OfferLine(variant_id, 2_500, 10)],
            )
        await live.start_show(tx, shop_id=shop.id, show_id=show.id)
        if number < OVER:
            await live.end_show(tx, shop_id=shop.id, show_id=show.id)
    return show.id, goods[0][0]  # pyright: ignore[reportPossiblyUnboundVariable]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def running(command: list[str], port: int, **environment: str) -> Generator[str]:
    """The address, as soon as it answers."""
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL) as child:
        try:
            end = time.monotonic() + 60
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if httpx.get(f"{address}/healthz", trust_env=False).status_code == 200:
                        break
                if child.poll() is not None or time.monotonic() > end:
                    raise SystemExit(f"did not start: {command}")
                time.sleep(0.05)
            yield address
        finally:
            child.send_signal(signal.SIGTERM)


def asked(url: str, *headers: str) -> float:
    """Answers a second; every one of them must be good."""
    given = [part for header in headers for part in ("-H", header)]
    said = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", *given, url], check=True, capture_output=True, text=True
    ).stdout  # fmt: skip
    if "Non-2xx" in said:
        raise SystemExit(f"{url} did not answer:\n{said}")
    found = re.search(r"^Requests/sec:\s+([0-9.]+)", said, re.MULTILINE)
    assert found is not None
    return float(found[1])


def main() -> None:
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        bare = free_port()
        (Path(directory) / "bare.py").write_text(BARE)
        uvicorn = [sys.executable, "-m", "uvicorn", "--no-access-log", "--log-level", "warning"]
        program = [*uvicorn, "--app-dir", directory, "--port", str(bare), "bare:app"]
        with running(program, bare) as address:
            found["bare"] = asked(f"{address}/")
        settings = Settings.model_validate({"data_dir": Path(directory) / "shop"})
        with prepared_database(settings) as dsn:
            show, product = asyncio.run(fill(dsn))
            port = free_port()
            environment = {
                "SHOPFLOOR_DATABASE_URL": dsn,
                "SHOPFLOOR_DATA_DIR": str(Path(directory) / "shop"),
                "SHOPFLOOR_PORT": str(port),
                "SHOPFLOOR_RTMP_PORT": "0",
                "SHOPFLOOR_LOG_LEVEL": "WARNING",
            }
            with running([sys.executable, "-m", "shopfloor", "web"], port, **environment) as address:
                pages = {
                    "room": f"/s/harbour/live/{show}",
                    "product": f"/s/harbour/p/{product}",
                    "storefront": "/s/harbour",
                    "static": asset("room.css").url,
                }
                for name, path in pages.items():
                    found[name] = asked(address + path, "accept-language: en")
                packed = httpx.get(address + pages["static"], trust_env=False)
                assert packed.headers["content-encoding"] in {"br", "gzip"}
                found["static, br"] = asked(address + pages["static"], "accept-encoding: br")
                found["storefront, gzip"] = asked(address + pages["storefront"], "accept-encoding: gzip")
    print(f"{CONNECTIONS} connections, {SECONDS} s each; {PRODUCTS} products, {OVER} shows over, 1 on air")
    print("page               per second   ratio to bare")
    for name, rate in found.items():
        print(f"{name:<18} {rate:>11,.0f} {rate / found['bare']:>15.2f}")
    rates = {
        name: {"per_second": round(rate), "ratio": round(rate / found["bare"], 3)}
        for name, rate in found.items()
    }
    print(json.dumps({"bench": "pages", "seconds": SECONDS, "connections": CONNECTIONS, "pages": rates}))


if __name__ == "__main__":
    main()

"""Starting, stopping and starting again."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import uuid
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from tests.app.running import PASSWORD, PATIENCE, Owner, Running, database_url, place, variant_of
from tests.conftest import NewDatabase
from tests.waiting import until


def get(address: str, path: str) -> httpx.Response:
    return httpx.get(f"{address}{path}", timeout=PATIENCE, trust_env=False)


def taken() -> socket.socket:
    """A port that is in use, with a free one above it."""
    while True:
        busy = socket.socket()
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        if busy.getsockname()[1] < 65_000:
            return busy


def test_taken_ports_are_stepped_around_and_the_printed_ones_are_true() -> None:
    with taken() as web, taken() as camera, place() as data_dir, database_url() as database:
        web_port, camera_port = web.getsockname()[1], camera.getsockname()[1]
        with Running(
            data_dir, database=database, from_nothing=True, PORT=str(web_port), RTMP_PORT=str(camera_port)
        ) as shop:
            port = urlsplit(shop.address).port
            assert port is not None
            assert web_port < port < web_port + 50
            assert get(shop.address, "/healthz").text == "ok\n"
            assert get(shop.address, f"/claim/{shop.claim}").status_code == 200
            publish = urlsplit(shop.publish_to)
            assert (publish.scheme, publish.path) == ("rtmp", "/live")
            assert publish.port is not None
            assert publish.port > camera_port
            socket.create_connection((str(publish.hostname), publish.port), timeout=PATIENCE).close()


def test_the_address_is_the_last_that_is_printed(node: Running) -> None:
    assert node.said[-1] == f"Shopfloor is open at {node.address}"
    assert [line.split(" ")[0] for line in node.said] == ["Cameras", "Nobody", "Shopfloor"]


# Stopped by whoever is told that it is open, before it does anything else.
STOPPED_AT_ONCE = """
import asyncio, os, signal, sys
from pathlib import Path
from shopfloor.app import serve
from shopfloor.kernel.settings import Settings

def ready(*_):
    os.kill(os.getpid(), signal.SIGTERM)

settings = Settings(data_dir=Path(sys.argv[1]), port=0, rtmp_port=0)
asyncio.run(serve(settings, sys.argv[2], background_work=False, ready=ready))
print("closed")
"""


def test_who_is_told_that_it_is_open_can_stop_it(new_database: NewDatabase) -> None:
    with place() as data_dir, new_database() as database:
        done = subprocess.run(
            [sys.executable, "-c", STOPPED_AT_ONCE, str(data_dir), database],
            check=False, capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip

    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["closed"]), done.stderr


def test_who_waits_for_an_answer_gets_it_before_the_shop_closes() -> None:
    with place() as data_dir, database_url() as database, Running(data_dir, database=database) as shop:
        owner = Owner(shop, "corner")
        owner.claim(shop.claim)
        product = owner.product("Linen shirt", {"M": 5})
        show = owner.show("Evening")
        offer = owner.offer(show, product, {"M": 5})
        owner.shop("POST", f"/shows/{show}/start")
        owner.close()
        wish = {
            "id": str(uuid.uuid4()), "offer_id": offer, "variant_id": variant_of(product, "M"), "quantity": 1,
            "price_minor": 9_900,
        }  # fmt: skip
        answers: list[httpx.Response] = []
        dsn = database or f"host={data_dir}/postgres/run user=postgres dbname=shopfloor"

        with psycopg.connect(dsn) as other, psycopg.connect(dsn, autocommit=True) as looking:
            other.execute("LOCK TABLE stock.hold IN EXCLUSIVE MODE")
            buyer = threading.Thread(
                target=lambda: answers.append(
                    httpx.post(
                        f"{shop.address}/buy",
                        json=wish,
                        timeout=PATIENCE,
                        trust_env=False,
                        follow_redirects=True,
                    )
                )
            )
            buyer.start()
            until(
                "the purchase waits for the table",
                lambda: looking.execute(
                    "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'stock.hold'::regclass"
                ).fetchone(),
            )
            shop.process.send_signal(signal.SIGTERM)
            until("nobody new is let in", lambda: refuses(shop))
            assert answers == []
            assert shop.process.poll() is None
            other.rollback()

        buyer.join(60)
        assert [(answer.status_code, answer.json()["outcome"]) for answer in answers] == [(200, "held")]
        assert shop.process.wait(PATIENCE) == 0


def refuses(shop: Running) -> bool:
    parts = urlsplit(shop.address)
    try:
        socket.create_connection((str(parts.hostname), parts.port or 0), timeout=PATIENCE).close()
    except OSError:
        return True
    return False


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_second_start_finds_what_the_first_left(end: signal.Signals) -> None:
    with place() as data_dir, database_url() as database:
        with Running(data_dir, database=database) as first:
            owner = Owner(first, "corner")
            owner.claim(first.claim)
            owner.product("Linen shirt", {"M": 5})
            owner.close()
            first.process.send_signal(end)
            assert (
                first.process.wait(PATIENCE) == {signal.SIGTERM: 0, signal.SIGINT: 0, signal.SIGKILL: -9}[end]
            )
        with Running(data_dir, database=database) as second:
            assert second.claim is None
            owner = Owner(second, "corner")
            owner.wait(owner.merchant.sign_in(PASSWORD))
            assert [product["title"] for product in owner.shop("GET", "/products")] == ["Linen shirt"]
            levels = owner.shop("GET", "/stock/levels")
            assert [level["quantity"] for level in levels] == [5]
            owner.close()
            audit = second.command("audit")
            assert audit.returncode == 0, audit.stdout + audit.stderr


def test_a_place_that_does_not_serve_is_refused_in_a_sentence() -> None:
    """Root's server runs as another user, who cannot pass a home; anybody else cannot write to a locked directory."""
    with place() as above:
        home = above / "home"
        home.mkdir(mode=0o700)
        data_dir = home / "data"
        shop = Running(data_dir)
        if os.geteuid() == 0:
            expected = (
                r"^Error: PostgreSQL does not run as root, it runs as the user 'shopfloor', who may not enter "
                + re.escape(str(home))
                + r"\. Choose another place for the data, for example SHOPFLOOR_DATA_DIR=\S+, "
                r"or do not start Shopfloor as root\.$"
            )
        else:
            home.chmod(0o500)
            expected = rf"^Error: Shopfloor cannot write to {re.escape(str(data_dir))}: Permission denied\.$"

        done = shop.command("up")

        assert done.returncode == 1
        assert re.match(expected, done.stderr.strip())
        assert done.stdout == ""
        assert home.stat().st_mode & 0o077 == 0

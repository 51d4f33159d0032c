"""A running shop that has been used for a while, and what an owner of it knows: for a tester of the whole interface.

The goods, shows, orders, plans and chat of the upgrade test (what a release itself has filled), brought to today's
schema and served by today's code; a few things that release did not know yet are added.
"""

import gzip
import json
import tarfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tests.app.running import PATIENCE, Running, database_url, picture, place
from tests.upgrade.previous import EMAIL, PASSWORD, RELEASE, SHOP

from shopfloor.kernel.postgres import EmbeddedPostgres

KEPT: Final = Path(__file__).parents[1] / "upgrade" / RELEASE


@dataclass(frozen=True, slots=True)
class Facts:
    """What the hooks are told, as JSON in a file."""

    address: str
    dsn: str
    session: str
    ids: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), default=str))


@contextmanager
def server() -> Generator[tuple[Path, str]]:
    """A data directory with the files of the filled shop, and a database with its rows."""
    with place() as data_dir, database_url() as given:
        with tarfile.open(KEPT / "files.tar.gz") as archive:
            archive.extractall(data_dir, filter="data")
        if given is not None:
            fill(given)
            yield data_dir, given
            return
        own = data_dir / "own"
        own.mkdir(mode=0o711)
        with EmbeddedPostgres(own) as started:
            dsn = make_conninfo(started.dsn, dbname="filled")
            with psycopg.connect(started.dsn, autocommit=True) as connection:
                name = sql.Identifier(str(conninfo_to_dict(dsn)["dbname"]))
                connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(name))
            fill(dsn)
            yield data_dir, dsn


def fill(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(gzip.decompress((KEPT / "database.sql.gz").read_bytes()))


@contextmanager
def filled_shop() -> Generator[Facts]:
    with server() as (data_dir, dsn), Running(data_dir, database=dsn) as node:
        with httpx.Client(base_url=node.address, timeout=PATIENCE, trust_env=False) as http:
            http.post("/v1/session", json={"email": EMAIL, "password": PASSWORD}).raise_for_status()
            facts = Facts(node.address, dsn, http.cookies["session"])
            add(http)
            facts.ids.update(known(http, dsn))
            yield facts
        incidents = [line for line in node.log.splitlines() if "http.incident" in line]
        assert incidents == [], "\n".join(incidents)[:5000]


def add(http: httpx.Client) -> None:
    """What the release that filled the shop did not have."""
    (place_, *_) = http.get(f"/v1/{SHOP}/stock/locations").json()
    product = http.get(f"/v1/{SHOP}/products").json()[0]["id"]
    for path, body in (
        ("stock/pools", {"name": "Till", "location_id": place_["id"]}),
        ("chat/words", {"word": "spam"}),
        ("invitations", {"role": "host", "email": None}),
    ):
        http.post(f"/v1/{SHOP}/{path}", json=body).raise_for_status()
    http.post(
        f"/v1/{SHOP}/products/{product}/pictures", params={"alt": "Shirt"}, content=picture("shirt")
    ).raise_for_status()
    for show in http.get(f"/v1/{SHOP}/shows").json():
        http.post(f"/v1/{SHOP}/shows/{show['id']}/slots", json={"title": "First", "minutes": 5})


# Where the ids of each name are in the database.
IDS: Final = {
    "person_id": "SELECT id FROM accounts.person",
    "invitation_id": "SELECT id FROM accounts.invitation",
    "product_id": "SELECT p.id FROM catalog.product p",
    "variant_id": "SELECT id FROM catalog.variant",
    "picture_id": "SELECT id FROM catalog.picture",
    "location_id": "SELECT id FROM stock.location",
    "pool_id": "SELECT id FROM stock.pool",
    "channel_id": "SELECT id FROM media.channel",
    "show_id": "SELECT id FROM live.show",
    "offer_id": "SELECT id FROM live.offer",
    "slot_id": "SELECT id FROM live.slot",
    "line_id": "SELECT id::text FROM chat.line",
    "shopper": "SELECT DISTINCT shopper::text FROM chat.line",
    "order_id": "SELECT id::text FROM orders.orders",
    "order_line_id": "SELECT id::text FROM orders.line",
    "hold_id": "SELECT id::text FROM stock.hold",
    "supplier_id": "SELECT id FROM supply.supplier",
    "quote_id": "SELECT id FROM supply.quote",
    "plan_id": "SELECT id FROM supply.plan",
    "purchase_order_id": "SELECT id FROM supply.purchase_order",
}


def known(http: httpx.Client, dsn: str) -> dict[str, list[Any]]:
    with psycopg.connect(dsn) as connection:
        found = {name: [row[0] for row in connection.execute(query.encode())] for name, query in IDS.items()}
    supplier = found["supplier_id"][0]
    key = http.post(f"/v1/{SHOP}/suppliers/{supplier}/key").json()["key"]
    return found | {"shop": [SHOP], "key": [key], "word": ["spam"], "current": [PASSWORD]}

"""The previous release, taken from the history of this repository, as a process of its own.

It is spoken to over the network only, so nothing here follows what today's code is called.
"""

import json
import os
import re
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Final, Self, TypeVar
from uuid import uuid4

import httpx
from websockets.sync.client import connect
from websockets.typing import Origin

ROOT: Final = Path(__file__).parents[2]
RELEASE: Final = "v0.1.0"
COMMIT: Final = "7967ddd2c2dab57007f679f25042d4e09e720f14"
BUILT: Final = (
    "page.js", "room.js", "studio.js", "console.css", "room.css", "site.css", "supplier.css", "icons.svg", "mark.svg",
)  # fmt: skip
PASSWORD: Final = "a kiln full of bowls"
EMAIL: Final = "owner@harbour.example"
SHOP: Final = "harbour"
PATIENCE: Final = 90.0

Answer = TypeVar("Answer")


class NoHistory(Exception):
    """This source tree came without the commits of the previous release."""


def unpack(into: Path) -> Path:
    """The previous release's package below `into`, to be put on PYTHONPATH.  Raises NoHistory."""
    done = subprocess.run(
        ["git", "-C", str(ROOT), "archive", "--format=tar", COMMIT, "src"], check=False, capture_output=True
    )
    if done.returncode != 0:
        raise NoHistory(done.stderr.decode().strip())
    with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
        archive.extractall(into, filter="data")
    package = into / "src" / "shopfloor"
    # Its pages name the files of a front end; those are not looked at here.
    static = package / "web" / "static"
    static.mkdir()
    (static / "manifest.json").write_text(
        json.dumps({name: {"file": name, "imports": [], "gzip": 0} for name in BUILT})
    )
    return into / "src"


def until(what: str, true: Callable[[], Answer | None], *, patience: float = PATIENCE) -> Answer:
    end = time.monotonic() + patience
    while True:
        answer = true()
        if answer:
            return answer
        assert time.monotonic() < end, f"waited {patience:.0f} s in vain: {what}"
        time.sleep(0.1)


class Previous:
    """`with Previous(code, data_dir) as shop: shop.address`: the release's `shopfloor up`."""

    def __init__(self, code: Path, data_dir: Path, *, database: str | None = None) -> None:
        self.data_dir = data_dir
        self.address = ""
        self.claim = ""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SHOPFLOOR_")}
        self.environment = clean | {
            "PYTHONPATH": str(code), "SHOPFLOOR_DATA_DIR": str(data_dir), "SHOPFLOOR_PORT": "0",
            "SHOPFLOOR_RTMP_PORT": "0", "SHOPFLOOR_LOG_LEVEL": "WARNING", "SHOPFLOOR_SEAL_SECONDS": "2",
        }  # fmt: skip
        if database is not None:
            self.environment["SHOPFLOOR_DATABASE_URL"] = database

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Another command of the release on the same data."""
        return subprocess.run(
            [sys.executable, "-m", "shopfloor", *arguments],
            check=False, capture_output=True, text=True, timeout=PATIENCE, env=self.environment, cwd=self.data_dir,
        )  # fmt: skip

    @property
    def log(self) -> str:
        return (self.data_dir / "stderr").read_text(errors="replace")

    def __enter__(self) -> Self:
        with (self.data_dir / "stderr").open("ab") as log, (self.data_dir / "stdout").open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "shopfloor", "up"],
                env=self.environment, stdout=said, stderr=log, start_new_session=True, cwd=self.data_dir,
            )  # fmt: skip
        try:
            until("the previous release is open", self._open)
        except BaseException:
            self.process.kill()
            self.process.wait(PATIENCE)
            raise
        return self

    def _open(self) -> bool:
        assert self.process.poll() is None, self.log[-3000:]
        said = (self.data_dir / "stdout").read_text()
        address = re.search(r"is open at (\S+)", said)
        claim = re.search(r"/claim/(\S+)", said)
        self.address = address[1] if address else ""
        self.claim = claim[1] if claim else ""
        return bool(address)

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(PATIENCE)


class Merchant:
    """The owner of the shop, over the JSON interface of the release."""

    def __init__(self, shop: Previous) -> None:
        self._http = httpx.Client(
            base_url=shop.address, headers={"origin": shop.address}, timeout=PATIENCE, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def call(self, method: str, path: str, **options: Any) -> Any:
        reply = self._http.request(method, path, **options)
        assert not reply.is_error, f"{method} {path}: {reply.status_code} {reply.text[:500]}"
        return reply.json() if reply.content else None

    def shop(self, method: str, path: str, body: object = None) -> Any:
        return self.call(method, f"/v1/{SHOP}{path}", **({} if body is None else {"json": body}))

    def sign_in(self) -> None:
        self.call("POST", "/v1/session", json={"email": EMAIL, "password": PASSWORD})

    def product(
        self, title: str, prices: dict[str, str], units: dict[str, int], **more: Any
    ) -> dict[str, Any]:
        """A product of several choices; `units` are received into the first location."""
        product = self.shop(
            "POST", "/products",
            {
                "title": title, "status": "active", "kind": "sized", "option_names": ["Size"],
                "variants": [{"options": [option], "price": price, "sku": f"{title}-{option}"} for option, price in prices.items()],
            } | more,
        )  # fmt: skip
        (location, *_) = self.shop("GET", "/stock/locations")
        for variant in product["variants"]:
            count = units.get(variant["options"][0], 0)
            if count:
                self.shop(
                    "POST", "/stock/receipts",
                    {"location_id": location["id"], "variant_id": variant["id"], "quantity": count, "reason": "first delivery"},
                )  # fmt: skip
        return product

    def offer(self, show_id: int, product: dict[str, Any], quota: int, **more: Any) -> dict[str, Any]:
        return self.shop(
            "POST", f"/shows/{show_id}/offers",
            {
                "product_id": product["id"], "hold_seconds": 600, "limit_per_buyer": 4,
                "lines": [
                    {"variant_id": each["id"], "price_minor": each["price_minor"], "quota": quota} for each in product["variants"]
                ],
            } | more,
        )  # fmt: skip

    def on_air(self, title: str, *products: dict[str, Any], quota: int = 5, **more: Any) -> "Show":
        """A show with an offer for each product, started, the first of them featured."""
        show = self.shop("POST", "/shows", {"title": title} | more)["id"]
        offers = [self.offer(show, product, quota)["id"] for product in products]
        self.shop("POST", f"/shows/{show}/start")
        self.shop("POST", f"/shows/{show}/feature", {"offer_id": offers[0]})
        return Show(show, offers)

    def paid(self, order_id: str, key: str) -> None:
        due = self.shop("GET", f"/orders/{order_id}")["due"]["amount"]
        self.shop(
            "POST",
            f"/orders/{order_id}/paid",
            {"amount_minor": due["minor"], "currency": due["currency"], "key": key},
        )


class Show:
    def __init__(self, show_id: int, offers: list[int]) -> None:
        self.id = show_id
        self.offers = offers


def said_on(page: str) -> str:
    """The words of a page, without its head and what may be chosen from."""
    body = re.sub(r"<option.*?</option>", " ", page.partition("<main")[2], flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", body).split())[:1500]


class Buyer:
    """Somebody with a phone: a cookie, a room, a form."""

    def __init__(self, shop: Previous, show: Show, *, name: str = "Lin Yue") -> None:
        self.show = show
        self.name = name
        self._address = shop.address
        self._http = httpx.Client(
            base_url=shop.address, headers={"origin": shop.address}, timeout=PATIENCE, trust_env=False
        )
        self._http.get(f"/s/{SHOP}/live/{show.id}").raise_for_status()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def buy(self, variant: dict[str, Any], quantity: int = 1, *, offer: int = 0) -> dict[str, Any]:
        """What the shop answered to a purchase."""
        return self._http.post(
            "/buy",
            json={
                "id": str(uuid4()), "offer_id": self.show.offers[offer],
                "variant_id": variant["id"], "quantity": quantity, "price_minor": variant["price_minor"],
            },
        ).json()  # fmt: skip

    def wait_in_line(self, variant: dict[str, Any], quantity: int = 1, *, offer: int = 0) -> None:
        reply = self._http.post(
            f"/s/{SHOP}/waitlist",
            data={
                "show_id": str(self.show.id), "offer_id": str(self.show.offers[offer]),
                "variant_id": str(variant["id"]), "quantity": str(quantity),
            },
        )  # fmt: skip
        assert reply.status_code == 303, reply.text[:500]

    def order(self, held: dict[str, Any], **form: str) -> str:
        """Send the checkout form; the id of the order."""
        assert held["outcome"] == "held", held
        page = self._http.get(held["url"])
        page.raise_for_status()
        shown = dict(re.findall(r'name="(total_\w+)" value="(\d+)"', page.text))
        filled = {
            "name": self.name, "phone": "+86 138 0000 1111", "delivery": "ship", "street": "Pier 3", "city": "Ningbo",
            "method": "transfer",
        }  # fmt: skip
        if re.search(r'<select[^>]* name="country"', page.text):
            # The shop's own rules ask for it; a browser sends what is chosen already.
            filled["country"] = "CN"
        reply = self._http.post(held["url"].split("?")[0], data=filled | form | shown)
        assert reply.status_code == 303, f"{reply.status_code} {said_on(reply.text)}"
        return reply.headers["location"].split("/orders/")[1].split("?")[0]

    @contextmanager
    def in_the_room(self) -> Generator["Room"]:
        cookies = "; ".join(f"{name}={value}" for name, value in self._http.cookies.items())
        with connect(
            f"{self._address.replace('http', 'ws', 1)}/room/{self.show.id}/socket",
            origin=Origin(self._address), additional_headers={"cookie": cookies}, proxy=None, open_timeout=PATIENCE,
        ) as socket:  # fmt: skip
            yield Room(socket)


class Room:
    """The socket of a room, frame by frame."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self.send(t="hello")
        self.state: dict[str, Any] = self.hear(lambda frame: frame["t"] == "snapshot")["state"]

    def send(self, **frame: Any) -> None:
        self._socket.send(json.dumps(frame))

    def hear(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next frame of that kind; raises TimeoutError when it does not come."""
        end = time.monotonic() + PATIENCE
        while True:
            frame = json.loads(self._socket.recv(timeout=end - time.monotonic()))
            if wanted(frame):
                return frame

    def say(self, text: str, name: str) -> None:
        """A line of chat, seen again in the room."""
        self.send(t="chat", ref=uuid4().hex, text=text, name=name)
        self.hear(lambda frame: frame["t"] == "tick" and text in json.dumps(frame, ensure_ascii=False))

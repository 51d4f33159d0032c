"""Which functions a purchase passes, file by file: bought in a shop that runs, over its sockets, on a real database.

`python tools/hops.py` starts a shop, sells one unit over the room's socket, one more and one
through POST /buy, opens the checkout of the last and orders there, and prints for each, in order,
`module, file:function`, and how often a module is entered again.

A hop is a call out of one file into another, or the begin of a task or callback.  What happens beside a purchase
(ticks, heartbeats, the relay) is not in the list: what belongs to it is known by its context, which tasks and
callbacks inherit.  A module is entered by a call from another one; `kernel` is plumbing and is not counted.

SHOPFLOOR_DATABASE_URL names an empty database; without it the shop brings its own.  `--json` prints the lists as
one object.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final, TextIO

import httpx
from websockets.sync.client import ClientConnection, connect

import shopfloor
from shopfloor.demo.merchant import Merchant
from shopfloor.kernel.values import new_id

SOURCE: Final = str(Path(shopfloor.__file__).parent) + os.sep
PATIENCE: Final = 90.0
PASSWORD: Final = "one step after the other"
SLUG: Final = "steps"
FORM: Final = {
    "name": "Ada", "phone": "+441632960001", "delivery": "ship", "street": "1 Quay", "city": "Hull",
    "postcode": "HU1 1AA", "country": "GB", "method": "transfer",
}  # fmt: skip
# Plumbing is used everywhere; going through it is no visit.
PLUMBING: Final = frozenset({"kernel"})
PAGES: Final = PLUMBING | {"web"}
SOCKET_BEGINS: Final = "Socket.received"
POST_BEGINS: Final = "PurchaseEndpoint.take"
CHECKOUT: Final = os.path.join("web", "checkout.py")  # noqa: PTH118 -- as it is written down, relative
CHECKOUT_BEGINS: Final = frozenset({"checkout", "send_checkout"})

# The answer is written to the socket: what follows is no longer waited for.
ENDS: Final = ("Socket.flush", "PurchaseProtocol._flush")


@dataclass(frozen=True, slots=True)
class Hop:
    """A call; files are named from the package's root, `caller` is empty where a task or callback begins."""

    caller: str
    file: str
    function: str

    @property
    def module(self) -> str:
        return self.file.partition(os.sep)[0]

    def __str__(self) -> str:
        return f"{self.module}, {self.file.partition(os.sep)[2]}:{self.function}"


# ── in the shop ───────────────────────────────────────────────────────────────────────────────────────────────


class Recorder:
    """Writes down every call that belongs to a purchase: its number, the caller's file, the file, the function."""

    def __init__(self, to: TextIO) -> None:
        self._to = to
        self._purchase: ContextVar[int] = ContextVar("purchase")
        self._last = 0
        # A coroutine is entered again whenever it goes on: known ones are kept, so that no id is used twice.
        self._coroutines: dict[int, FrameType] = {}

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(SOURCE):
            return
        function = code.co_qualname
        if function in CHECKOUT_BEGINS and code.co_filename == SOURCE + CHECKOUT:
            if self._coroutines.get(id(frame)) is not frame:
                self._coroutines[id(frame)] = frame
                self._last += 1
                self._purchase.set(self._last)
                self._write(self._last, frame)
        elif function == POST_BEGINS or (function == SOCKET_BEGINS and b'"buy"' in frame.f_locals["payload"]):
            self._last += 1
            self._purchase.set(self._last)
            for caller in reversed(list(callers(frame))):
                self._write(self._last, caller)
        elif (purchase := self._purchase.get(0)) and not is_nameless(function):
            if code.co_flags & (0x80 | 0x20 | 0x200):  # a coroutine, a generator, or both
                if self._coroutines.get(id(frame)) is frame:
                    return
                self._coroutines[id(frame)] = frame
            self._write(purchase, frame)

    def _write(self, purchase: int, frame: FrameType) -> None:
        caller = next(callers(frame.f_back), None)
        known = "" if caller is None else caller.f_code.co_filename.removeprefix(SOURCE)
        file = frame.f_code.co_filename.removeprefix(SOURCE)
        self._to.write(f"{purchase}\t{known}\t{file}\t{frame.f_code.co_qualname}\n")


def callers(frame: FrameType | None) -> Generator[FrameType]:
    """`frame` and who called it, as far as they are the product's and above the start of the process."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(SOURCE):
            if os.sep not in file.removeprefix(SOURCE):
                return
            yield frame
        frame = frame.f_back


def is_nameless(function: str) -> bool:
    """What is written inside another function, or is a part of the language."""
    last = function.rpartition(".")[2]
    return last.startswith("<") or (last.startswith("__") and last != "__call__")


def serve(path: Path) -> None:
    """`shopfloor up`, watched."""
    from shopfloor.cli import main

    with path.open("w", buffering=1) as to:
        sys.setprofile(Recorder(to))
        main(["up"])


# ── beside it ─────────────────────────────────────────────────────────────────────────────────────────────────


class Shop:
    """The watched process, and what it said when it started."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.address = self.claim = ""
        assert process.stdout is not None
        for line in process.stdout:
            if "/claim/" in line:
                self.claim = line.strip().rsplit("/claim/", 1)[1]
            elif "is open at " in line:
                self.address = line.strip().split("is open at ")[1]
                return
        raise SystemExit("the shop did not start")


@contextmanager
def running(place: Path) -> Generator[Shop]:
    settings = {"DATA_DIR": str(place), "PORT": "0", "RTMP_PORT": "0", "LOG_LEVEL": "WARNING"}
    environment = os.environ | {f"SHOPFLOOR_{name}": value for name, value in settings.items()}
    process = subprocess.Popen(
        [sys.executable, __file__, "--serve", place / "hops"],
        env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        yield Shop(process)
    finally:
        process.terminate()
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()


async def open_a_show(shop: Shop) -> tuple[int, dict[str, Any]]:
    """(show, purchase): goods on the shelf and a show on air that offers them."""
    async with httpx.AsyncClient(
        base_url=shop.address, timeout=PATIENCE, headers={"origin": shop.address}, trust_env=False
    ) as http:
        merchant = Merchant(http, slug=SLUG)
        await merchant.claim(shop.claim, PASSWORD)
        product = await merchant.shop(
            "POST", "/products",
            json={
                "handle": "bowl", "title": "Bowl", "kind": "sized", "status": "active", "option_names": ["Size"],
                "variants": [{"options": ["M"], "sku": "BOWL-M", "price": "129.00"}],
            },
        )  # fmt: skip
        variant_id = product["variants"][0]["id"]
        place = await merchant.shop("POST", "/stock/locations", json={"name": "Shelf", "kind": "warehouse"})
        await merchant.shop(
            "POST", "/stock/receipts",
            json={"location_id": place["id"], "variant_id": variant_id, "quantity": 9, "reason": "first delivery"},
        )  # fmt: skip
        show = await merchant.shop("POST", "/shows", json={"title": "Steps"})
        offer = await merchant.shop(
            "POST", f"/shows/{show['id']}/offers",
            json={
                "product_id": product["id"], "policy": "timer", "hold_seconds": 600,
                "lines": [{"variant_id": variant_id, "price_minor": 9_900, "quota": 9}],
            },
        )  # fmt: skip
        await merchant.shop("POST", f"/shows/{show['id']}/start")
    return show["id"], {
        "offer_id": offer["id"], "variant_id": variant_id, "quantity": 1, "price_minor": 9_900,
    }  # fmt: skip


def until(socket: ClientConnection, kind: str) -> dict[str, Any]:
    end = time.monotonic() + PATIENCE
    while True:
        message: dict[str, Any] = json.loads(socket.recv(timeout=max(0.1, end - time.monotonic())))
        if message["t"] == kind:
            return message


def bought(place: Path) -> dict[str, list[Hop]]:
    """The hops of each purchase."""
    with running(place) as shop:
        show_id, wish = asyncio.run(open_a_show(shop))
        room = f"{shop.address}/s/{SLUG}/live/{show_id}"
        cookie = {
            "cookie": f"shopper={httpx.get(room, trust_env=False, timeout=PATIENCE).cookies['shopper']}"
        }
        answers: list[dict[str, Any]] = []
        stream = f"{shop.address.replace('http', 'ws', 1)}/room/{show_id}/socket"
        with connect(stream, additional_headers=cookie, proxy=None) as socket:
            socket.send('{"t":"hello"}')
            until(socket, "snapshot")
            for _ in range(2):
                socket.send(json.dumps({"t": "buy", "id": str(new_id()), **wish}))
                answers.append(until(socket, "answer"))
        posted = httpx.post(
            f"{shop.address}/buy", json={"id": str(new_id()), **wish}, headers=cookie, trust_env=False, timeout=PATIENCE
        )  # fmt: skip
        answers.append(posted.json())
        page = shop.address + answers[-1]["url"]
        # By itself: the page of a basket freezes each of its purchases in its turn.
        looked = httpx.get(f"{page}?only=1", headers=cookie, trust_env=False, timeout=PATIENCE)
        ordered = httpx.post(
            page, data=FORM, headers=cookie | {"origin": shop.address}, trust_env=False, timeout=PATIENCE
        )
        if (looked.status_code, ordered.status_code) != (200, 303):
            raise SystemExit(f"no order came of it: {looked.status_code}, {ordered.status_code}")
        if any(answer["outcome"] != "held" for answer in answers):
            raise SystemExit(f"a purchase was refused: {answers}")
    calls = [line.split("\t") for line in (place / "hops").read_text().splitlines()]
    return {
        name: until_answered([Hop(*call) for of, *call in calls if of == str(number)])
        for number, name in enumerate(("socket", "socket, again", "post", "checkout", "order"), 1)
    }


def until_answered(calls: Sequence[Hop]) -> list[Hop]:
    """Those of the calls that leave a file, until the answer is written; a page is written by the framework."""
    written = (number for number, call in enumerate(calls) if call.function.endswith(ENDS))
    asked = (number for number, call in reversed(list(enumerate(calls))) if call.module not in PAGES)
    last = next(written, next(asked))
    hops = [call for call in calls[: last + 1] if call.caller != call.file]
    return [hop for hop, before in zip(hops, [None, *hops], strict=False) if hop != before]


def visits(hops: Sequence[Hop]) -> list[str]:
    """The modules in the order in which they are entered from another one, without the plumbing."""
    entered = [hops[0].module]
    for hop in hops[1:]:
        caller = hop.caller.partition(os.sep)[0]
        if caller and hop.module != caller and not {hop.module, caller} & PLUMBING:
            entered.append(hop.module)
    return entered


def show(name: str, hops: Sequence[Hop]) -> None:
    print(f"── {name}: {len(hops)} hops")
    print(*hops, sep="\n")
    entered = visits(hops)
    print(f"{' → '.join(entered)}: entered again {len(entered) - len(set(entered))} times\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print the lists as one object")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        serve(arguments.serve)
        return
    place = Path(tempfile.mkdtemp(prefix="shopfloor-hops-"))
    # The embedded server's user has to reach it.
    place.chmod(0o711)
    try:
        purchases = bought(place)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    if arguments.json:
        print(
            json.dumps(
                {
                    name: {"hops": [*map(str, hops)], "visits": visits(hops)}
                    for name, hops in purchases.items()
                }
            )
        )
        return
    for name, hops in purchases.items():
        show(name, hops)


if __name__ == "__main__":
    main()

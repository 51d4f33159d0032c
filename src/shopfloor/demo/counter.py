"""The store of the demo: a counter with a till that sells while the show runs, over the protocol of a paired device."""

import asyncio
import random
import uuid
from dataclasses import field
from datetime import UTC, datetime
from typing import Any, Final

import httpx

from shopfloor import tills
from shopfloor.demo.merchant import Merchant
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import new_id
from shopfloor.tills.models import FIRST_HASH

STORE: Final = "Harbour store"
GOODS: Final = ("rib-beanie", "tea-bowl", "mountain-honey")
FLOAT: Final = 50_000
UNITS: Final = 40


@dataclass(slots=True)
class Counter:
    """A paired device with its journal; `http` speaks for the device, not for the merchant."""

    http: httpx.AsyncClient
    variants: list[dict[str, Any]]
    assistant: int
    sequence: int
    number: int
    last_hash: str
    version: str
    shift: str = ""
    cash: int = 0
    sold: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    """Orders, and what each cost."""

    async def send(self, kind: str, body: dict[str, Any]) -> None:
        """The next fact of the journal, sent again until there is an answer.  Raises httpx.HTTPStatusError."""
        fact = tills.journal.chain(
            {
                "sequence": self.sequence,
                "at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "kind": kind,
                "assistant": self.assistant,
                "shift": self.shift or None,
                "body": body,
            },
            self.last_hash,
        )
        while True:
            try:
                reply = await self.http.post("journal", json={"facts": [fact]})
                break
            except httpx.TransportError:
                await asyncio.sleep(1.0)
        reply.raise_for_status()
        self.sequence, self.last_hash = self.sequence + 1, fact["hash"]

    async def open(self) -> None:
        self.shift, self.cash = str(uuid.uuid4()), FLOAT
        await self.send("shift.opened", {"id": self.shift, "float": FLOAT})

    async def sell(self, variant: dict[str, Any], quantity: int, *, card: bool) -> None:
        """Prices have the tax in them; the receipt says what of it is tax."""
        amount = variant["price"] * quantity
        sale = str(new_id())
        await self.send(
            "sale",
            {
                "id": sale,
                "number": self.number,
                "token": uuid.uuid4().hex[:22],
                "training": False,
                "price_list": self.version,
                "offline": False,
                "lines": [
                    {
                        "line": 1, "variant": variant["id"], "title": variant["title"], "sku": variant["sku"],
                        "options": variant["options"], "quantity": quantity, "weight": None,
                        "unit_price": variant["price"], "discount": 0, "tax": round(amount * 13 / 113),
                        "tax_included": True, "amount": amount,
                    }
                ],
                "total": amount,
                "tenders": [
                    {"kind": "card_terminal", "amount": amount, "slip": f"{self.number:06}"}
                    if card
                    else {"kind": "cash", "amount": amount + 1_000}
                ],
                "change": 0 if card else 1_000,
                "locale": "zh_CN",
            },
        )  # fmt: skip
        self.number += 1
        self.cash += 0 if card else amount
        self.sold.append((sale, amount // quantity))

    async def take_one_back(self) -> None:
        """One unit of the first sale, for cash."""
        order, worth = self.sold[0]
        await self.send(
            "return",
            {
                "id": str(new_id()), "number": self.number, "of": {"order": order}, "offline": False,
                "lines": [{"line": 1, "quantity": 1, "condition": "as_new", "restock": True, "amount": worth}],
                "refund": [{"kind": "cash", "amount": worth}], "reason": "Changed their mind",
            },
        )  # fmt: skip
        self.number += 1
        self.cash -= worth

    async def sell_on(self, seed: int) -> None:
        """A customer every few seconds, until somebody ends it."""
        dice = random.Random(seed)
        while True:
            await asyncio.sleep(dice.uniform(2.0, 5.0))
            await self.sell(dice.choice(self.variants), dice.randint(1, 2), card=dice.random() < 0.5)

    async def close(self) -> None:
        """One return, then the count of the drawer."""
        if self.sold:
            await self.take_one_back()
        await self.send("shift.closed", {"id": self.shift, "counted": self.cash})


async def opened_counter(merchant: Merchant) -> Counter:
    """The store with units on its shelf, its register, an assistant and a device that is paired anew."""
    places = {each["name"]: each["id"] for each in await merchant.shop("GET", "/stock/locations")}
    if STORE not in places:
        location = await merchant.shop("POST", "/stock/locations", json={"name": STORE, "kind": "store"})
        places[STORE] = location["id"]
    listed = [merchant.products[handle] for handle in GOODS]
    registers = await merchant.shop("GET", "/tills/registers")
    register = registers[0] if registers else await merchant.shop(
        "POST", "/tills/registers", json={"location_id": places[STORE], "code": "A", "name": "Counter"}
    )  # fmt: skip
    people = await merchant.shop("GET", "/tills/assistants") or [
        await merchant.shop(
            "POST", "/tills/assistants",
            json={"name": name, "pin": pin, "rights": ["sell", "return", "cash", "close"], "is_manager": is_manager},
        )
        for name, pin, is_manager in (("Li Jing 李静", "2468", False), ("Lin Shu 林舒", "1357", True))
    ]  # fmt: skip
    code = (await merchant.shop("POST", f"/tills/registers/{register['id']}/codes"))["code"]
    address = f"{merchant.http.base_url}/till/{merchant.slug}/api/"
    paired = await merchant.call(
        "POST", f"/till/{merchant.slug}/api/pair", json={"code": code, "name": "Counter tablet"}
    )
    # What a show sells it takes from every open shelf: the store's units are this till's until it closes.
    pools = {each["name"]: each["id"] for each in await merchant.shop("GET", "/stock/pools")}
    for each in listed:
        product = await merchant.shop("GET", f"/products/{each['id']}")
        for variant in product["variants"]:
            await merchant.shop(
                "POST",
                "/stock/receipts",
                json={
                    "location_id": places[STORE],
                    "variant_id": variant["id"],
                    "quantity": UNITS,
                    "pool_id": pools[f"{register['name']} {paired['series']}"],
                    "reason": "For the store",
                },
            )
    http = httpx.AsyncClient(
        base_url=address,
        headers={"authorization": f"Till {paired['device']}.{paired['secret']}"},
        trust_env=False,
        timeout=30.0,
    )
    snapshot = (await http.get("snapshot")).raise_for_status().json()
    ids = {each["id"] for each in listed}
    counter = Counter(
        http=http,
        variants=[
            {**variant, "title": product["title"]}
            for product in snapshot["products"]
            if product["id"] in ids
            for variant in product["variants"]
        ],
        assistant=people[0]["id"],
        sequence=snapshot["device"]["next_sequence"],
        number=snapshot["device"]["next_number"],
        last_hash=snapshot["device"]["last_hash"] or FIRST_HASH,
        version=snapshot["pricing"]["version"],
    )
    await counter.open()
    return counter


async def restocked(merchant: Merchant) -> str:
    """Two units go from the warehouse to the store, of which one is received and one is lost; then the store is counted.

    Returns what was found.
    """
    places = {each["name"]: each["id"] for each in await merchant.shop("GET", "/stock/locations")}
    source, target = next(iter(places.values())), places[STORE]
    pools = {each["id"]: each["kind"] for each in await merchant.shop("GET", "/stock/pools")}
    levels = await merchant.shop("GET", "/stock/levels")
    variant = next(
        each["variant_id"]
        for each in levels
        if each["location_id"] == source
        and each["kind"] == "on_hand"
        and pools[each["pool_id"]] == "open"
        and each["quantity"] - each["held"] - each["allocated"] > 1
    )
    created = await merchant.shop(
        "POST", "/transfers",
        json={
            "key": str(new_id()), "source_location": source, "target_location": target, "note": "For the window",
            "lines": [{"variant_id": variant, "quantity": 2}],
        },
    )  # fmt: skip
    path, one_unit = f"/transfers/{created['transfer']['id']}", [{"variant_id": variant, "quantity": 1}]
    await merchant.shop("POST", f"{path}/send", json={"key": str(new_id())})
    await merchant.shop("POST", f"{path}/receive", json={"key": str(new_id()), "lines": one_unit})
    await merchant.shop(
        "POST", f"{path}/explain", json={"key": str(new_id()), "reason": "lost", "lines": one_unit}
    )
    count = await merchant.shop("POST", "/counts", json={"location_id": target, "name": "After the show"})
    expected = await merchant.shop("GET", f"/counts/{count['id']}/lines")
    there: dict[int, int] = {}
    for each in await merchant.shop("GET", "/stock/levels"):
        if each["location_id"] == target and each["kind"] == "on_hand":
            there[each["variant_id"]] = there.get(each["variant_id"], 0) + each["quantity"]
    for position, each in enumerate(expected):
        units = there[each["variant_id"]] - (position == 0)
        await merchant.shop(
            "POST", f"/counts/{count['id']}/scans",
            json={"key": str(new_id()), "variant_id": each["variant_id"], "quantity": units, "entered": True},
        )  # fmt: skip
    posted = await merchant.shop("POST", f"/counts/{count['id']}/post", json={"reason": "After the show"})
    return (
        f"a transfer brought one unit to the store and lost one; the count of {posted['variance']['counted']} lines found "
        f"{posted['variance']['fewer']} unit missing"
    )

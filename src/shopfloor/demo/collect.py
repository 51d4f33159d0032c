"""Collect in store, in the demo: a customer orders from the shop's pages, an assistant prepares it and hands it over."""

import asyncio
import re
import time
from typing import Any

import httpx

from shopfloor.demo.counter import GOODS, STORE
from shopfloor.demo.forms import find_form
from shopfloor.demo.merchant import Merchant
from shopfloor.kernel.values import new_id

HOURS = [[[600, 1320]] for _ in range(7)]


async def open_store(merchant: Merchant) -> int:
    """The store is one that buyers know, and has something for them.  Returns the location."""
    places = {each["name"]: each["id"] for each in await merchant.shop("GET", "/stock/locations")}
    at: int = places[STORE]
    await merchant.shop(
        "PUT", f"/stores/{at}",
        json={
            "street": "1 Quay Street", "city": "Xiamen", "phone": "0592 123 4567", "hours": HOURS, "collects": True,
            "ready_minutes": 60, "keep_days": 7,
        },
    )  # fmt: skip
    return at


async def collected(merchant: Merchant, at: int) -> str | None:
    """One order from the checkout into its buyer's hands: its number, or None where it did not come to that."""
    product = await merchant.shop("GET", f"/products/{merchant.products[GOODS[0]]['id']}")
    variant = product["variants"][0]
    await merchant.shop(
        "POST", "/stock/receipts",
        json={"location_id": at, "variant_id": variant["id"], "quantity": 2, "reason": "For the store"},
    )  # fmt: skip
    async with httpx.AsyncClient(
        base_url=merchant.http.base_url, headers={"origin": str(merchant.http.base_url)}, timeout=15
    ) as buyer:
        order_id = await _ordered(buyer, merchant, product["id"], variant, at)
        if order_id is None:
            return None
        await merchant.mark_paid(order_id)
        parcel = await _to_prepare(merchant, order_id)
        if parcel is None:
            return None
        await merchant.shop("POST", f"/pickups/{parcel['parcel_id']}/accept")
        await merchant.shop("POST", f"/pickups/{parcel['parcel_id']}/ready")
        page = await buyer.get(f"/s/{merchant.slug}/orders/{order_id}")
    code = re.search(r"<dd>([A-Z0-9]{6})</dd>", page.text)
    if code is None:
        return None
    [done] = await merchant.shop("POST", f"/pickups/{parcel['parcel_id']}/hand-over", json={"code": code[1]})
    return str(done["order_number"])


async def _ordered(
    buyer: httpx.AsyncClient, merchant: Merchant, product_id: int, variant: dict[str, Any], at: int
) -> str | None:
    await buyer.get(f"/s/{merchant.slug}/p/{product_id}")
    wish = {
        "id": str(new_id()), "variant_id": variant["id"], "quantity": 1, "price_minor": variant["price_minor"],
    }  # fmt: skip
    answer = (await buyer.post("/buy", json=wish)).json()
    if answer.get("outcome") != "held":
        return None
    page = await buyer.get(answer["url"])
    form = find_form(page.text, f"/s/{merchant.slug}/checkout/")
    if form is None:
        return None
    filled = {
        "name": "周末 Zhou Mo", "phone": "13900002222", "email": "zhoumo@audience.example",
        "delivery": f"pick_up_store-{at}", "method": "transfer",
    }  # fmt: skip
    done = await buyer.post(form.action, data=form.filled(**filled))
    place = done.headers.get("location", "")
    if done.status_code != 303 or "/orders/" not in place:
        return None
    return place.split("/orders/")[1].split("?")[0].split("/")[0]


async def _to_prepare(merchant: Merchant, order_id: str) -> dict[str, Any] | None:
    """Its parcel, once it is on the store's list."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for each in await merchant.shop("GET", "/pickups"):
            if each["order_id"] == order_id:
                return each
        await asyncio.sleep(0.1)
    return None

"""Three of the demo's audience who are not customers: they order again and again and cancel it, so that the screen looks busy.

They share a delivery address, as those do who order for somebody else's figures.  `docs/demo-audience.md` says so too.
"""

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

import httpx

from shopfloor.demo.forms import find_form, read_forms
from shopfloor.kernel.values import new_id

if TYPE_CHECKING:
    from shopfloor.demo.audience import World

BRUSHERS: Final = 3
ORDERS: Final = 9
# There is more than enough of it, and each holds one at a time: nobody goes without because of them.
THING: Final = "Chestnut pumpkin"


async def brush(world: "World", number: int, local_address: str | None, seconds: float) -> None:
    """Order and cancel until it is enough, or the show nears its end."""
    await asyncio.sleep(max(0.0, world.began + seconds * 0.25 + number - time.monotonic()))
    transport = httpx.AsyncHTTPTransport(local_address=local_address)
    async with httpx.AsyncClient(transport=transport, base_url=world.base_url, timeout=15) as http:
        (await http.get(world.room_path)).raise_for_status()
        for _ in range(ORDERS):
            if time.monotonic() > world.ends - 2:
                return
            placed = await _order(world, http, number)
            world.tally.add("brushed" if placed else "brushing refused")


async def _order(world: "World", http: httpx.AsyncClient, number: int) -> bool:
    state: dict[str, Any] = (await http.get(f"/room/{world.show_id}/state")).json()
    state = state.get("state", state)
    offer = next(
        (each for each in state["offers"].values() if each["title"] == THING and each.get("lines")), None
    )
    line = (
        None if offer is None else next((sold for sold in offer["lines"].values() if sold["left"] > 3), None)
    )
    if offer is None or line is None:
        return False
    wish = {
        "id": str(new_id()), "offer_id": offer["id"], "variant_id": line["id"], "quantity": 1,
        "price_minor": line["price_minor"],
    }  # fmt: skip
    answer = (await http.post("/buy", json=wish)).json()
    if answer.get("outcome") != "held":
        return False
    page = await http.get(answer["url"])
    form = find_form(page.text, f"/s/{world.shop}/checkout/")
    if form is None:
        return False
    filled = {
        "name": "晓晓", "phone": f"1370000{number:04d}", "email": f"brusher{number}@audience.example",
        "delivery": next((way for way in form.choices.get("delivery", []) if way.startswith("ship")), "ship"),
        "street": "7 Warehouse Lane", "city": "Xiamen", "method": "transfer",
    }  # fmt: skip
    done = await http.post(form.action, data=form.filled(**filled))
    place = done.headers.get("location", "")
    if done.status_code != 303 or "/orders/" not in place:
        return False
    receipt = await http.get(place)
    undo = next((each for each in read_forms(receipt.text) if "/cancel" in each.action), None)
    if undo is not None:
        await http.post(undo.action, data=undo.values)
    return True

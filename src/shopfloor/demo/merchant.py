"""The merchant of the demo, and its supplier: they work through the JSON interface, and by forms where there is none."""

import asyncio
import re
import time
from dataclasses import field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx

from shopfloor.demo.goods import CODE, GOODS, SHOP_NAME, SHOP_SLUG, Good
from shopfloor.demo.pictures import still_paths
from shopfloor.kernel.postgres import CannotRun
from shopfloor.kernel.records import dataclass

EMAIL: Final = "owner@harbour.example"
# What is collected in the first show.
COUPON: Final = "Show coupon 直播券"
CURRENCY: Final = "CNY"
# Who makes what, in how many days, at which share of the price; below the second number a piece costs more.
SUPPLIERS: Final = (
    ("Seven Hills Knitting", ("linen-overshirt", "wide-trousers", "rib-beanie"), 9, 300, ((20, 52), (60, 45), (150, 40)), 1),
    ("Delta Garment Works", ("linen-overshirt", "wide-trousers"), 14, 500, ((50, 46), (120, 38)), 5),
    ("Gongcheng Growers", ("honey-pomelo", "crisp-persimmon", "kabocha", "mountain-honey"), 3, 400, ((10, 60), (50, 55)), 1),
    ("Kiln at the Bend", ("tea-bowl", "side-handle-teapot", "bottle-vase"), 18, 40, ((4, 48), (20, 44)), 1),
)  # fmt: skip
COLLECTIONS: Final = (
    ("Clothes", "服饰", ("linen-overshirt", "wide-trousers", "rib-beanie")),
    ("From the orchard", "山野果园", ("honey-pomelo", "crisp-persimmon", "kabocha", "mountain-honey")),
    ("Tableware", "器皿", ("tea-bowl", "side-handle-teapot", "bottle-vase")),
)


class Trouble(CannotRun):
    """The shop refused what the demo cannot do without."""


@dataclass(slots=True)
class Merchant:
    """Somebody signed in to one shop."""

    http: httpx.AsyncClient
    products: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    slug: str = SHOP_SLUG

    async def call(self, method: str, path: str, **options: Any) -> Any:
        reply = await self.http.request(method, path, **options)
        if reply.is_error:
            raise Trouble(f"{method} {path}: {reply.status_code} {reply.text[:300]}")
        return reply.json() if reply.content else None

    async def shop(self, method: str, path: str, **options: Any) -> Any:
        return await self.call(method, f"/v1/{self.slug}{path}", **options)

    # Coming in

    async def claim(self, token: str, password: str) -> None:
        """Take the node over with the link of its first run."""
        shop = {
            "name": SHOP_NAME, "slug": self.slug, "currency": CURRENCY, "locale": "en", "timezone": "Asia/Shanghai",
        }  # fmt: skip
        await self.call(
            "POST", "/v1/claim",
            json={"token": token, "email": EMAIL, "password": password, "name": "Lin Shu", "shop": shop},
        )  # fmt: skip

    async def sign_in(self, password: str) -> None:
        await self.call("POST", "/v1/session", json={"email": EMAIL, "password": password})

    # Setting up

    async def stock_the_shelves(self, stills: Path) -> int:
        """Goods, pictures and units that are not there yet; returns how many products were added."""
        known = {product["handle"] for product in await self.shop("GET", "/products")}
        places = await self.shop("GET", "/stock/locations")
        place = places[0] if places else await self.shop(
            "POST", "/stock/locations", json={"name": "Harbour warehouse", "kind": "warehouse"}
        )  # fmt: skip
        if not known:
            await self.shop(
                "PUT", "/orders/policy",
                json={
                    "shipping_minor": 1_200, "free_shipping_from_minor": 30_000,
                    "pay_to": "Harbour Bank, account 6217 0000 1234, Harbour & Kiln",
                    "pick_up_at": "Harbour & Kiln, 8 Quay Street, open 10 to 19",
                },
            )  # fmt: skip
            await self.connect_test_payments()
            await self.keep_text_messages()
            await self.shop("PUT", "/taxes", json={"origin_country": "CN", "place": "origin"})
            await self.shop("POST", "/taxes/rates", json={"country": "CN", "percent": "13", "name": "VAT"})
            await self._set_up_delivery()
            await self._set_up_discounts()
            await self._set_up_coupon()
        added = 0
        for good in GOODS:
            if good.handle not in known:
                await self._add(good, stills, place["id"])
                added += 1
        self.products = {product["handle"]: product for product in await self.shop("GET", "/products")}
        if not known:
            await self._dress_the_shop()
        return added

    async def _dress_the_shop(self) -> None:
        """What the front of the shop says, and its collections; all of it by the forms of the console."""
        await self._submit("/brand", slogan="Made by people we know", other_slogan="每一件，都认得做它的人")
        await self._submit(
            "/contact", email="hello@harbour.example", phone="+86 10 5555 0100", address="8 Quay Street"
        )
        await self._submit(
            "/policies",
            about="We film where things are made: in three workshops and an orchard, a day's drive from the harbour.",
            other_about="我们到做东西的地方去拍：三家工坊、一片果园，离港口都只有一天车程。",
            imprint="Harbour & Kiln, 8 Quay Street. Managing director: Lin Shu.",
            other_imprint="港与窑，码头街 8 号。负责人：林书。",
        )
        await self._submit("/embeds", site="https://www.harbour.example")
        for title, other, handles in COLLECTIONS:
            path = await self._submit("/collections", title=title, other_title=other)
            ids = [str(self.products[handle]["id"]) for handle in handles]
            await self._submit(f"/collections/{path.rpartition('/')[2]}/products", product_id=ids)

    async def _submit(self, page: str, **answers: str | list[str]) -> str:
        """Send a form of the console; the path it leads to."""
        reply = await self.http.post(f"/console/{self.slug}{page}", data=answers)
        if reply.status_code != 303:
            raise Trouble(f"{page}: {reply.status_code} {reply.text[:300]}")
        return reply.headers["location"].partition("#")[0].partition("?")[0]

    async def _set_up_delivery(self) -> None:
        """Parcels at home and abroad, and the store."""
        zones = {
            name: await self.shop(
                "POST", "/shipping/zones", json={"name": name, "countries": countries, "position": place}
            )
            for place, (name, countries) in enumerate((("China", ["CN"]), ("Abroad", ["*"])), start=1)
        }
        methods: tuple[dict[str, Any], ...] = (
            {
                "kind": "ship", "name": "Standard parcel 标准快递", "note": "2 to 4 days", "zone_id": zones["China"]["id"],
                "amount_minor": 1_200, "free_from_minor": 30_000,
            },
            {
                "kind": "ship", "name": "Express 次日达", "note": "Next day", "zone_id": zones["China"]["id"],
                "amount_minor": 2_500,
            },
            {"kind": "ship", "name": "Air parcel 国际空运", "zone_id": zones["Abroad"]["id"], "amount_minor": 12_000},
            {"kind": "pick_up", "name": "Harbour & Kiln", "note": "8 Quay Street, open 10 to 19"},
        )  # fmt: skip
        for place, method in enumerate(methods, start=1):
            await self.shop("POST", "/shipping/methods", json=method | {"position": place})

    async def _set_up_discounts(self) -> None:
        """A code that a part of the audience knows, and an amount off from a sum on for everybody."""
        await self.shop(
            "POST", "/discounts",
            json={
                "title": "For followers 粉丝专享", "method": "code", "code": CODE, "kind": "percentage", "percent": "10",
                "per_buyer": 1, "budget_minor": 500_000,
            },
        )  # fmt: skip
        await self.shop(
            "POST", "/discounts",
            json={
                "title": "满减 Spend more, save more", "method": "automatic", "kind": "amount",
                "steps": [{"from_amount": 20_000, "amount": 1_500}, {"from_amount": 40_000, "amount": 4_000}],
            },
        )  # fmt: skip

    async def _set_up_coupon(self) -> None:
        await self.shop(
            "POST", "/discounts",
            json={
                "title": COUPON, "method": "coupon", "kind": "amount", "amount_minor": 1_000, "minimum_minor": 10_000,
                "slug": "evening", "most_claims": 50, "combines": True,
            },
        )  # fmt: skip

    async def _add(self, good: Good, stills: Path, location_id: int) -> None:
        product = await self.shop(
            "POST", "/products",
            json={
                "handle": good.handle, "title": good.title, "titles": {"zh_CN": good.title_zh},
                "description": good.description, "descriptions": {"zh_CN": good.description_zh},
                "kind": good.kind, "status": "active", "vendor": SHOP_NAME, "option_names": list(good.options),
                "variants": [
                    {
                        "options": list(options), "sku": sku(good, options),
                        "price": f"{good.price_of(options) / 100:.2f}",
                    }
                    for options in good.variants
                ],
            },
        )  # fmt: skip
        for path in still_paths(good, stills):
            await self.shop(
                "POST", f"/products/{product['id']}/pictures",
                params={"alt": good.title}, content=await asyncio.to_thread(path.read_bytes),
            )  # fmt: skip
        by_options = {tuple(variant["options"]): variant["id"] for variant in product["variants"]}
        for index, options in enumerate(good.variants):
            if good.on_hand(index):
                await self.shop(
                    "POST", "/stock/receipts",
                    json={
                        "location_id": location_id, "variant_id": by_options[options],
                        "quantity": good.on_hand(index), "reason": "first delivery",
                    },
                )  # fmt: skip

    async def refill(self) -> None:
        """A run on what an earlier run left: bring every shelf back to where the demo starts from."""
        place = (await self.shop("GET", "/stock/locations"))[0]
        free = await self._free()
        for good in GOODS:
            variants = {tuple(each["options"]): each["id"] for each in self.products[good.handle]["variants"]}
            for index, options in enumerate(good.variants):
                missing = good.on_hand(index) - free.get(variants[options], 0)
                if missing > 0:
                    await self.shop(
                        "POST", "/stock/receipts",
                        json={
                            "location_id": place["id"], "variant_id": variants[options], "quantity": missing,
                            "reason": "delivery",
                        },
                    )  # fmt: skip

    async def _free(self) -> dict[int, int]:
        """Units on the shelf that nobody was promised, by variant."""
        free: dict[int, int] = {}
        for level in await self.shop("GET", "/stock/levels"):
            if level["kind"] == "on_hand":
                left = level["quantity"] - level["held"] - level["allocated"]
                free[level["variant_id"]] = free.get(level["variant_id"], 0) + max(0, left)
        return free

    async def find_suppliers(self) -> int:
        """Suppliers with quotes, where there are none yet."""
        if await self.shop("GET", "/suppliers"):
            return 0
        for name, handles, lead_days, capacity, tiers, lot in SUPPLIERS:
            supplier = await self.shop(
                "POST", "/suppliers",
                json={"name": name, "email": "orders@supplier.example", "locale": "zh_CN", "capacity_per_week": capacity},
            )  # fmt: skip
            for handle in handles:
                price = next(good.price_minor for good in GOODS if good.handle == handle)
                await self.shop(
                    "POST", f"/suppliers/{supplier['id']}/quotes",
                    json={
                        "product_id": self.products[handle]["id"], "currency": CURRENCY, "lead_days": lead_days,
                        "late_days": 2, "lot": lot,
                        "tiers": [
                            {"minimum": minimum, "unit_minor": price * share // 100} for minimum, share in tiers
                        ],
                    },
                )  # fmt: skip
        return len(SUPPLIERS)

    async def set_up_camera(self) -> tuple[int, str]:
        """A channel and the address with its key to publish to; a show of a demo that was broken off is ended."""
        for show in await self.shop("GET", "/shows", params={"status": "live"}):
            await self.shop("POST", f"/shows/{show['id']}/end")
        channels = await self.shop("GET", "/channels")
        if channels:
            channel = await self.shop("POST", f"/channels/{channels[0]['id']}/key")
        else:
            channel = await self.shop("POST", "/channels", json={"name": "Front camera"})
        return channel["id"], f"{channel['publish_to']}/{channel['key']}"

    # Shows

    async def plan_show(self, title: str, title_zh: str, channel_id: int, handles: list[str]) -> "Show":
        show = await self.shop(
            "POST", "/shows",
            json={
                "title": title, "titles": {"zh_CN": title_zh}, "channel_id": channel_id,
                "starts_at": datetime.now(UTC).isoformat(),
            },
        )  # fmt: skip
        free = await self._free()
        offers: dict[str, int] = {}
        for handle in handles:
            good = next(good for good in GOODS if good.handle == handle)
            product = self.products[handle]
            variants = {tuple(variant["options"]): variant for variant in product["variants"]}
            lines = [
                {
                    "variant_id": variants[options]["id"],
                    "price_minor": variants[options]["price_minor"] * 9 // 10,
                    "quota": free.get(variants[options]["id"], 0),
                }
                for options in good.variants
            ]
            offer = await self.shop(
                "POST", f"/shows/{show['id']}/offers",
                json={
                    "product_id": product["id"], "lines": lines, "policy": "timer", "hold_seconds": 60,
                    "limit_per_buyer": 4, "minutes": good.minutes,
                },
            )  # fmt: skip
            offers[handle] = offer["id"]
        return Show(self, show["id"], offers)

    async def connect_test_payments(self) -> None:
        """Buyers can pay online, without money; by the forms of the console."""
        desk = f"/console/{self.slug}/payments"
        saved = await self.http.post(f"{desk}/account", data={"provider": "test", "mode": "test"})
        if saved.status_code != 303:
            raise Trouble(f"test payments: {saved.status_code} {saved.text[:300]}")
        await self.http.post(f"{await self._test_account()}/switch", data={"on": "yes"})

    async def _test_account(self) -> str:
        desk = f"/console/{self.slug}/payments"
        found = re.search(rf"({desk}/account/\d+)/switch", (await self.http.get(desk)).text)
        if found is None:
            raise Trouble("test payments: the account is not there")
        return found[1]

    async def charge_later(self, *, later: bool) -> None:
        """Whether cards of the orders to come are charged when their goods leave; by the form of the console."""
        done = await self.http.post(
            f"{await self._test_account()}/capture", data={"later": "yes" if later else "no"}
        )
        if done.status_code != 303:
            raise Trouble(f"charging later: {done.status_code} {done.text[:300]}")

    async def let_pay(self, *, at_end: bool) -> None:
        """When buyers the shop knows pay for what they buy in a show, for those to come."""
        terms = await self.shop("GET", "/orders/policy")
        await self.shop("PUT", "/orders/policy", json=terms | {"pay_after_minutes": 30 if at_end else None})

    async def keep_text_messages(self) -> None:
        """What would go by SMS is kept in the console's log: there is no gateway here; by the form of the console."""
        saved = await self.http.post(
            f"/console/{self.slug}/messages/sms",
            data={
                "url": "", "region": "CN", "countries": "CN", "most_a_day": "2000",
                "kinds": ["sign_in_code", "shipped", "ready_to_collect", "place_offered", "balance_due"],
            },
        )  # fmt: skip
        if saved.status_code != 303:
            raise Trouble(f"text messages: {saved.status_code} {saved.text[:300]}")

    async def mark_paid(self, order_id: str) -> None:
        """The money is on the account: exactly what is due."""
        view = await self.shop("GET", f"/orders/{order_id}")
        due = view["due"]
        if due is not None:
            await self.shop(
                "POST", f"/orders/{order_id}/paid",
                json={
                    "amount_minor": due["amount"]["minor"], "currency": due["amount"]["currency"],
                    "key": f"transfer-{order_id}",
                },
            )  # fmt: skip

    # After the show

    async def ship_reserved(self, show_id: int) -> dict[str, Any] | None:
        """One order whose money is reserved on a card leaves, and is charged: the order, or None where there is none."""
        for row in await self.shop("GET", f"/orders?payment_status=authorised&show_id={show_id}&limit=20"):
            if row["fulfilment_status"] != "ready":
                continue
            await self.shop("POST", f"/orders/{row['id']}/ship", json={"tracking": f"SF{row['number']:010}"})
            end = time.monotonic() + 60
            while time.monotonic() < end:
                view: dict[str, Any] = await self.shop("GET", f"/orders/{row['id']}")
                if view["order"]["payment_status"] == "paid":
                    return view
                await asyncio.sleep(0.5)
            raise Trouble(f"order #{row['number']} was shipped and its card was not charged")
        return None

    async def edit_one(self, show_id: int) -> dict[str, Any] | None:
        """A buyer wrote that one unit less is enough: the edit, or None where nobody bought two of anything."""
        for row in await self.shop("GET", f"/orders?status=paid&show_id={show_id}&limit=50"):
            if row["fulfilment_status"] != "ready":
                continue
            view = await self.shop("GET", f"/orders/{row['id']}")
            line = next(
                (each for each in view["lines"] if each["quantity"] > 1 and each["bundle_id"] is None), None
            )
            if line is None:
                continue
            change = {"lines": [{"line_id": line["id"], "quantity": line["quantity"] - 1}]}
            preview = await self.shop("POST", f"/orders/{row['id']}/edits/preview", json=change)
            more = {"version": preview["version"], "reason": "One less, as she wrote", "tell": True}
            edit: dict[str, Any] = await self.shop("POST", f"/orders/{row['id']}/edits", json=change | more)
            return edit | {"order_number": row["number"]}
        return None

    async def send_parcels(self, show_id: int, most: int = 12) -> list[dict[str, Any]]:
        """What is paid and on the shelf leaves, and arrives; returns those orders with their lines."""
        sent: list[dict[str, Any]] = []
        for row in await self.shop("GET", f"/orders?status=paid&show_id={show_id}&limit={3 * most}"):
            if len(sent) == most:
                break
            if row["fulfilment_status"] == "ready":
                await self.shop(
                    "POST", f"/orders/{row['id']}/ship", json={"tracking": f"SF{row['number']:010}"}
                )
                sent.append(await self.shop("POST", f"/orders/{row['id']}/deliver"))
        return sent

    async def take_back(self, view: dict[str, Any], reason: str, condition: str) -> dict[str, Any]:
        """The first line of an order comes back, is looked at and paid back."""
        line = view["lines"][0]
        opened = await self.shop(
            "POST", "/returns",
            json={
                "order_id": view["order"]["id"], "journey": "withdrawal", "reason": reason,
                "lines": [{"line_id": line["id"], "quantity": 1}],
            },
        )  # fmt: skip
        came = {"line_id": line["id"], "quantity": 1, "condition": condition}
        await self.shop("POST", f"/returns/{opened['id']}/receive", json={"lines": [came]})
        done: dict[str, Any] = await self.shop("POST", f"/returns/{opened['id']}/refund", json={})
        return done

    async def exchange(self, view: dict[str, Any]) -> int | None:
        """The first line of an order arrived broken and is sent once more, where it is there: the number of the new order."""
        line = view["lines"][0]
        wanted = {"line_id": line["id"], "quantity": 1, "variant_id": line["variant_id"]}
        asked = {
            "order_id": view["order"]["id"],
            "journey": "claim",
            "reason": "damaged_in_transit",
            "lines": [wanted],
        }
        reply = await self.http.post(f"/v1/{self.slug}/returns", json=asked)
        if reply.status_code in {409, 422}:
            # It has sold out, or is a part of a bundle.
            return None
        path = f"/returns/{reply.raise_for_status().json()['id']}"
        await self.shop("POST", f"{path}/approve", json={"keeps_goods": True})
        await self.shop("POST", f"{path}/exchange")
        returned = await self.shop("GET", path)
        number: int = returned["exchange"]["order_number"]
        return number

    async def ask_fapiao(self, view: dict[str, Any]) -> dict[str, Any]:
        """A buyer wrote that a company needs a fapiao; nobody has issued it yet."""
        asked: dict[str, Any] = await self.shop(
            "PUT", f"/orders/{view['order']['id']}/fapiao",
            # The code that the standard itself gives as its example.
            json={"kind": "company", "title": "杭州春风贸易有限公司", "tax_id": "91350100M000100Y43"},
        )  # fmt: skip
        return asked

    async def planned(self, show: "Show", *, patience: float = 120.0) -> dict[str, Any]:
        """The plan that follows the end of a show by itself.  Raises Trouble when it does not come."""
        assert show.ended is not None, "it follows the end"
        path = f"/shows/{show.id}/plan"
        end = time.monotonic() + patience
        while time.monotonic() < end:
            reply = await self.http.get(f"/v1/{self.slug}{path}/progress")
            report: dict[str, Any] = reply.json()
            if reply.status_code == 200 and report["ended_at"] is not None:
                later = datetime.fromisoformat(report["ended_at"]) > show.ended
                if later and report["phase"] in {"refused", "failed"}:
                    raise Trouble(f"no plan was made: {report['error']}")
                if later and report["phase"] == "done":
                    return await self.shop("GET", path)
            await asyncio.sleep(0.5)
        raise Trouble(f"no plan was made in {patience:.0f} seconds")

    async def ship_all(self, show_id: int) -> int:
        """What is paid and here of a show goes out, by the button of the orders desk.  Returns how many orders."""
        ready = {"show_id": str(show_id), "fulfilment_status": "ready", "limit": "50"}
        shipped = 0
        while waiting := {order["id"] for order in await self.shop("GET", "/orders", params=ready)}:
            done = await self.http.post(
                f"/console/{self.slug}/orders/act?show={show_id}&fulfilment=ready",
                data={"action": "ship", "orders": sorted(waiting)},
            )
            if done.status_code != 303:
                raise Trouble(f"shipping: {done.status_code} {done.text[:300]}")
            stayed = {order["id"] for order in await self.shop("GET", "/orders", params=ready)}
            gone = len(waiting - stayed)
            shipped += gone
            if not gone:
                break
        return shipped

    async def accept(self, plan_id: int) -> list[dict[str, Any]]:
        return await self.shop("POST", f"/plans/{plan_id}/accept")


@dataclass(slots=True)
class Show:
    merchant: Merchant
    id: int
    offers: dict[str, int]
    ended: datetime | None = None

    async def start(self) -> None:
        await self.merchant.shop("POST", f"/shows/{self.id}/start")

    async def feature(self, handle: str | None) -> None:
        offer = None if handle is None else self.offers[handle]
        await self.merchant.shop("POST", f"/shows/{self.id}/feature", json={"offer_id": offer})

    async def give_away(self, prize: str, value_minor: int, seconds: int) -> None:
        """Two of a prize, drawn among those who enter."""
        await self.merchant.shop(
            "POST", f"/shows/{self.id}/giveaways",
            json={"prize": prize, "value_minor": value_minor, "seconds": seconds, "winners": 2},
        )  # fmt: skip

    async def ask(self, question: str, answers: list[str], seconds: int) -> None:
        """A poll."""
        await self.merchant.shop(
            "POST", f"/shows/{self.id}/polls", json={"question": question, "answers": answers, "seconds": seconds}
        )  # fmt: skip

    async def show_coupon(self) -> None:
        """The coupon of the shop as a card in the room."""
        found = await self.merchant.shop("GET", "/discounts", params={"search": COUPON})
        if found:
            await self.merchant.shop("POST", f"/discounts/{found[0]['id']}/card", json={"show_id": self.id})

    async def end(self) -> None:
        self.ended = datetime.now(UTC)
        await self.merchant.shop("POST", f"/shows/{self.id}/end")

    async def state(self) -> dict[str, Any]:
        reply = await self.merchant.call("GET", f"/room/{self.id}/state")
        return reply.get("state", reply)

    async def report(self) -> dict[str, Any]:
        return await self.merchant.shop("GET", f"/shows/{self.id}/report")


async def answer_as_supplier(http: httpx.AsyncClient, key: str, order: dict[str, Any]) -> date:
    """The supplier opens its own page and confirms all it was asked for, on the dates expected of it.

    Returns the latest promised day.
    """
    lines = [
        {
            "variant_id": line["variant_id"],
            "quantity": line["quantity"],
            "ready_on": max(line["expected_on"], (datetime.now(UTC) + timedelta(days=1)).date().isoformat()),
        }
        for line in order["lines"]
    ]
    reply = await http.post(f"/v1/-/supplier/{key}/orders/{order['id']}", json={"lines": lines})
    if reply.is_error:
        raise Trouble(f"the supplier could not confirm: {reply.status_code} {reply.text[:300]}")
    return date.fromisoformat(max(line["ready_on"] for line in lines))


def sku(good: Good, options: tuple[str, ...]) -> str:
    initials = "".join(word[0] for word in good.handle.split("-"))
    return "-".join([initials, *("".join(c for c in value if c.isalnum())[:6] for value in options)]).upper()

"""What an operation uses up, made anew for each time it is asked for: a show to end, an order to cancel, a link."""

import base64
import hashlib
import random
import secrets
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import httpx
import psycopg
from tests.app.running import picture
from tests.upgrade.previous import PASSWORD, SHOP, Buyer, Show
from tests.waiting import PATIENCE

from shopfloor.auth import totp

# Solving takes a moment each time: of these there are a few, used again.
MOST_PLANS: Final = 6

Made = tuple[dict[str, Any], Any]
# The session of somebody of their own, and what is asked in it.
Asked = tuple[str, Any]


class Stall(Show):
    """A show with one offer of one variant."""

    def __init__(self, show_id: int, offer_id: int, variant: dict[str, Any]) -> None:
        super().__init__(show_id, [offer_id])
        self.variant = variant


class Shop:
    """The owner's hands, and the database where only a hash is kept of what is asked for."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self.address: str = facts["address"]
        self.ids: Mapping[str, list[Any]] = facts["ids"]
        self.dice = random.Random(1)
        self._http = httpx.Client(
            base_url=self.address, timeout=PATIENCE, trust_env=False, cookies={"session": facts["session"]}
        )
        self._sql = psycopg.connect(facts["dsn"], autocommit=True)
        self.lock = threading.RLock()
        self._on_air: Stall | None = None
        self._kept: dict[bool, Stall] = {}
        self.horizon = 20.0
        self.plans: list[int] = []
        self.sent: list[tuple[dict[str, Any], str]] = []
        self._policy = self.call("GET", "/orders/policy")
        self.days = 30

    def try_call(self, method: str, path: str, body: object = None) -> Any:
        """None where it is refused."""
        try:
            return self.call(method, path, body)
        except AssertionError:
            return None

    def call(self, method: str, path: str, body: object = None, **more: Any) -> Any:
        with self.lock:
            reply = self._http.request(
                method, f"/v1/{SHOP}{path}", **({} if body is None else {"json": body}), **more
            )
        assert not reply.is_error, f"{method} {path}: {reply.status_code} {reply.text[:300]}"
        return reply.json() if reply.content else None

    def sql(self, query: str, **values: Any) -> Any:
        with self.lock:
            return self._sql.execute(query.encode(), values).fetchone()

    # People

    def somebody(self, *, member: bool = True) -> int:
        """A person of their own, who may do everything in the shop, with the owner's password."""
        (person,) = self.sql(
            """
            INSERT INTO accounts.person (email, name, password_hash)
            SELECT %(email)s, 'Spare', password_hash FROM accounts.person ORDER BY id LIMIT 1 RETURNING id
            """,
            email=f"{secrets.token_hex(8)}@harbour.example",
        )
        if not member:
            return person
        self.sql(
            """
            INSERT INTO accounts.member (shop_id, person_id, role)
            SELECT id, %(person)s, 'owner' FROM accounts.shop WHERE slug = %(shop)s RETURNING shop_id
            """,
            person=person,
            shop=SHOP,
        )
        return person

    def somebodys_session(self, *, member: bool = True) -> str:
        return self.session_of(self.somebody(member=member))

    def session_of(self, person: int) -> str:
        token = secrets.token_urlsafe(32)
        self.sql(
            """
            INSERT INTO accounts.session (token_hash, person_id, expires_at)
            VALUES (%(hash)s, %(person)s, now() + interval '1 day') RETURNING 1
            """,
            hash=hashlib.sha256(token.encode()).digest(),
            person=person,
        )
        return token

    def as_somebody(self, session: str, path: str, body: object) -> Any:
        """What `POST /v1{path}` answers in this session, also when it is refused."""
        with httpx.Client(
            base_url=self.address, timeout=PATIENCE, trust_env=False, cookies={"session": session}
        ) as http:
            return http.post(f"/v1{path}", json=body).json()

    def forget_attempts(self) -> None:
        """Whoever tries passwords at random is kept out after a while, and with them who comes from the same address."""
        with self.lock:
            self._sql.execute("DELETE FROM accounts.attempt")

    # Goods, shows, orders

    def product(self) -> dict[str, Any]:
        product = self.call(
            "POST", "/products",
            {"title": "Cup", "status": "active", "option_names": ["Size"], "variants": [{"options": ["S"], "price": "10.00"}]},
        )  # fmt: skip
        for variant in product["variants"]:
            self.call(
                "POST", "/stock/receipts",
                {"location_id": self.ids["location_id"][0], "variant_id": variant["id"], "quantity": 1_000_000, "reason": "made"},
            )  # fmt: skip
        return product

    def show(self, *, started: bool = False, quota: int = 2) -> Stall:
        product = self.product()
        show = self.call("POST", "/shows", {"title": "One more"})["id"]
        lines = [
            {"variant_id": each["id"], "price_minor": each["price_minor"], "quota": quota}
            for each in product["variants"]
        ]
        offer = self.call(
            "POST", f"/shows/{show}/offers",
            {"product_id": product["id"], "hold_seconds": 600, "limit_per_buyer": 4, "lines": lines},
        )["id"]  # fmt: skip
        if started:
            self.call("POST", f"/shows/{show}/start")
        return Stall(show, offer, product["variants"][0])

    def kept(self, *, started: bool) -> Stall:
        """A show that stays planned, or on air."""
        with self.lock:
            if started not in self._kept:
                self._kept[started] = self.show(started=started)
            return self._kept[started]

    def order(self, *, paid: bool = False, shipped: bool = False) -> str:
        with self.lock:
            if self._on_air is None:
                # So many that what one buyer's network has unpaid stays a small share of them.
                self._on_air = self.show(started=True, quota=900_000)
        try:
            order = self._ordered(self._on_air)
        except AssertionError:
            self.put_right()
            order = self._ordered(self._on_air)
        if paid or shipped:
            self.call("POST", f"/orders/{order}/paid", self.due(order))
        if shipped:
            self.call("POST", f"/orders/{order}/ship", {})
        return order

    def _ordered(self, show: Stall) -> str:
        with Buyer(self, show) as buyer:  # pyright: ignore[reportArgumentType]
            # Somebody else each time: what one contact has unpaid is limited.
            phone = f"+86 13{self.dice.randrange(10**9):09d}"
            return buyer.order(buyer.buy(show.variant), phone=phone)

    def put_right(self) -> None:
        """What was asked at random may have left a shop in which nothing can be ordered, or delivered nowhere."""
        self.call("PUT", "/orders/policy", self._policy)
        shipping = self.call("GET", "/shipping")
        for kind in ("methods", "zones"):
            for each in shipping[kind]:
                self.call("DELETE", f"/shipping/{kind}/{each['id']}")

    def due(self, order: str) -> dict[str, Any]:
        due = self.call("GET", f"/orders/{order}")["due"]["amount"]
        return {"amount_minor": due["minor"], "currency": due["currency"], "key": uuid4().hex}


def _on_air(shop: Shop) -> Made:
    show = shop.kept(started=True)
    path = {"show_id": show.id, "offer_id": show.offers[0]}
    return path, {
        "variant_id": show.variant["id"],
        "price_minor": 1_000 + shop.dice.randrange(99),
        "reason": "sale",
    }


def _featured(shop: Shop) -> Made:
    show = shop.kept(started=True)
    return {"show_id": show.id}, {"offer_id": show.offers[0]}


def _noticed(shop: Shop) -> Made:
    return {"show_id": shop.kept(started=True).id}, {"text": "Free shipping"}


def _still_planned(shop: Shop) -> Made:
    show = shop.kept(started=False)
    return {"show_id": show.id, "offer_id": show.offers[0]}, None


def _to_offer(shop: Shop) -> Made:
    show, product = shop.call("POST", "/shows", {"title": "Planned"})["id"], shop.product()
    lines = [{"variant_id": each["id"], "price_minor": 900} for each in product["variants"]]
    return {"show_id": show}, {"product_id": product["id"], "hold_seconds": 60, "lines": lines}


def _to_order(shop: Shop) -> Made:
    path, _ = _slot(shop)
    return {"show_id": path["show_id"]}, {"slot_ids": [path["slot_id"]]}


def _new_shop(shop: Shop) -> Made:
    return {}, {"name": "New", "slug": secrets.token_hex(6), "currency": "EUR"}


def _new_product(shop: Shop) -> Made:
    return {}, {"title": "Bowl", "option_names": ["Size"], "variants": [{"options": ["S"], "price": "9.00"}]}


def _new_variant(shop: Shop) -> Made:
    return {"product_id": shop.product()["id"]}, {"options": [secrets.token_hex(3)], "price": "9.00"}


def _to_delay(shop: Shop) -> Made:
    """The order of a presale; each time to a later day."""
    shop.days += 1
    (order,) = shop.sql("SELECT order_id::text FROM orders.line WHERE ready_on IS NOT NULL LIMIT 1")
    return {"order_id": order}, {
        "delayed_to": (datetime.now(UTC) + timedelta(days=shop.days)).date().isoformat()
    }


def _slot(shop: Shop) -> Made:
    show = shop.call("POST", "/shows", {"title": "Planned"})["id"]
    slot = shop.call("POST", f"/shows/{show}/slots", {"title": "First", "minutes": 5})["id"]
    return {"show_id": show, "slot_id": slot}, None


def _unused_product(shop: Shop) -> Made:
    return {
        "product_id": shop.call("POST", "/products", {"title": "Unused", "variants": [{"price": "9.00"}]})[
            "id"
        ]
    }, None


def _taxes(shop: Shop) -> Made:
    return {}, {"origin_country": "CN"}


def _taxed(shop: Shop) -> Made:
    return {"product_id": shop.product()["id"]}, {"tax_class": "reduced"}


def _new_rate(shop: Shop) -> Made:
    return {}, {"country": "FR", "percent": "5.5", "postcodes": [f"{shop.dice.randrange(10**5):05d}"]}


def _rate(shop: Shop) -> Made:
    _, body = _new_rate(shop)
    return {"rate_id": shop.call("POST", "/taxes/rates", body)["id"]}, body


def _new_zone(shop: Shop) -> Made:
    return {}, {"name": "One more", "countries": ["FR"], "postcodes": [f"{shop.dice.randrange(10**5):05d}"]}


def _zone(shop: Shop) -> Made:
    _, body = _new_zone(shop)
    return {"zone_id": shop.call("POST", "/shipping/zones", body)["id"]}, body


def _new_discount(shop: Shop) -> Made:
    return {}, {
        "title": "Ten percent", "method": "code", "kind": "percentage", "percent": "10", "code": secrets.token_hex(6),
    }  # fmt: skip


def _discount(shop: Shop) -> Made:
    _, body = _new_discount(shop)
    return {"discount_id": shop.call("POST", "/discounts", body)["id"]}, body


def _discount_only(shop: Shop) -> Made:
    return _discount(shop)[0], None


def _paused(shop: Shop) -> Made:
    return _discount(shop)[0], {"paused": True}


def _more_codes(shop: Shop) -> Made:
    return _discount(shop)[0], {"count": 2}


def _planned(shop: Shop) -> Made:
    return {"show_id": shop.show().id}, None


def _live(shop: Shop) -> Made:
    return {"show_id": shop.show(started=True).id}, None


def _order(shop: Shop) -> Made:
    order = shop.order()
    return {"order_id": order}, None


def _customer(shop: Shop) -> Made:
    (customer,) = shop.sql(
        """
        INSERT INTO customers.customer (id, shop_id, email, name)
        SELECT gen_random_uuid(), id, %(email)s, 'Ann' FROM accounts.shop ORDER BY id LIMIT 1 RETURNING id::text
        """,
        email=f"{secrets.token_hex(6)}@corner.example",
    )
    return {"customer_id": customer}, None


def _to_pay(shop: Shop) -> Made:
    order = shop.order()
    return {"order_id": order}, shop.due(order)


def _to_ship(shop: Shop) -> Made:
    return {"order_id": shop.order(paid=True)}, {}


def _to_deliver(shop: Shop) -> Made:
    return {"order_id": shop.order(shipped=True)}, None


def _to_refund(shop: Shop) -> Made:
    order = shop.order(paid=True)
    return {"order_id": order}, {"amount_minor": 100, "currency": "CNY"}


def _refunded(shop: Shop) -> Made:
    order, refund = shop.order(paid=True), str(uuid4())
    body = {"amount_minor": 100, "currency": "CNY", "refund_id": refund}
    shop.call("POST", f"/orders/{order}/refunds", body)
    return {"order_id": order, "refund_id": refund}, None


def _picture(shop: Shop) -> Made:
    product = shop.product()["id"]
    added = shop.call("POST", f"/products/{product}/pictures", content=picture("a"), params={"alt": "a"})
    return {"product_id": product, "picture_id": added["id"]}, None


def _more_pictures(shop: Shop) -> Made:
    """A product has room for some pictures only."""
    return _unused_product(shop)


def _two_sizes(shop: Shop) -> dict[str, Any]:
    product = shop.call(
        "POST", "/products",
        {"title": "Two", "option_names": ["Size"], "variants": [{"options": [size], "price": "9.00"} for size in "SM"]},
    )  # fmt: skip
    return {"product_id": product["id"], "variant_id": product["variants"][0]["id"]}


def _unused_variant(shop: Shop) -> Made:
    return _two_sizes(shop), None


def _archived(shop: Shop) -> Made:
    return _two_sizes(shop), {"archived": True}


def _new_class(shop: Shop) -> Made:
    return {"code": f"class-{secrets.token_hex(4)}"}, {"name": "Books"}


def _class(shop: Shop) -> Made:
    path, body = _new_class(shop)
    shop.call("PUT", f"/taxes/classes/{path['code']}", body)
    return path, None


def _new_method(shop: Shop) -> Made:
    zone = _zone(shop)[0]["zone_id"]
    return {}, {"name": "Parcel", "kind": "ship", "zone_id": zone, "amount_minor": 500}


def _method(shop: Shop) -> Made:
    _, body = _new_method(shop)
    return {"method_id": shop.call("POST", "/shipping/methods", body)["id"]}, body


def _word(shop: Shop) -> Made:
    word = secrets.token_hex(6)
    shop.call("POST", "/chat/words", {"word": word})
    return {"word": word}, None


def _invitation(shop: Shop) -> Made:
    made = shop.call("POST", "/invitations", {"role": "host", "email": None})
    return {"invitation_id": made["id"]}, {"token": made["token"]}


def _joins(shop: Shop) -> Made:
    token = shop.call("POST", "/invitations", {"role": "host", "email": None})["token"]
    email = f"{secrets.token_hex(8)}@harbour.example"
    return {}, {"token": token, "email": email, "password": PASSWORD, "name": "New"}


def _member(shop: Shop) -> Made:
    return {"person_id": shop.somebody()}, None


def _reset(shop: Shop) -> Made:
    token = shop.call("POST", f"/members/{shop.somebody()}/password-reset")["token"]
    return {}, {"token": token, "password": PASSWORD}


def _claims(shop: Shop) -> Made:
    token = secrets.token_urlsafe(32)
    shop.sql(
        """
        INSERT INTO accounts.claim (token_hash, expires_at)
        VALUES (%(hash)s, now() + interval '1 day') RETURNING 1
        """,
        hash=hashlib.sha256(token.encode()).digest(),
    )
    new = {"name": "New", "slug": secrets.token_hex(6), "currency": "CNY"}
    email = f"{secrets.token_hex(8)}@harbour.example"
    return {}, {"token": token, "email": email, "password": PASSWORD, "shop": new}


def _signs_in(shop: Shop) -> Made:
    """As somebody who has not been kept out by those who tried before."""
    (email,) = shop.sql("SELECT email FROM accounts.person WHERE id = %(id)s", id=shop.somebody())
    shop.forget_attempts()
    return {}, {"email": email, "password": PASSWORD}


def _two_step_member(shop: Shop) -> Made:
    person = shop.somebody()
    _turned_on(shop, shop.session_of(person))
    return {"person_id": person}, None


def _counted(shop: Shop) -> Made:
    product = shop.product()
    [level] = shop.call("GET", f"/stock/levels?variant_id={product['variants'][0]['id']}")
    return {}, {
        "location_id": level["location_id"], "variant_id": level["variant_id"], "seen": level["quantity"], "counted": 7,
    }  # fmt: skip


def _elsewhere(shop: Shop) -> int:
    return shop.call("POST", "/stock/locations", {"name": secrets.token_hex(4), "kind": "store"})["id"]


def _new_transfer(shop: Shop) -> Made:
    variant = shop.product()["variants"][0]["id"]
    return {}, {
        "key": str(uuid4()), "source_location": shop.ids["location_id"][0], "target_location": _elsewhere(shop),
        "lines": [{"variant_id": variant, "quantity": 3}],
    }  # fmt: skip


def _draft(shop: Shop) -> tuple[dict[str, Any], list[dict[str, int]]]:
    _, body = _new_transfer(shop)
    return {"transfer_id": shop.call("POST", "/transfers", body)["transfer"]["id"]}, body["lines"]


def _transfer_only(shop: Shop) -> Made:
    return _draft(shop)[0], None


def _transfer_lines(shop: Shop) -> Made:
    path, lines = _draft(shop)
    return path, {"lines": lines}


def _transfer_step(shop: Shop) -> Made:
    return _draft(shop)[0], {"key": str(uuid4())}


def _sent_transfer(shop: Shop) -> tuple[dict[str, Any], list[dict[str, int]]]:
    path, lines = _draft(shop)
    shop.call("POST", f"/transfers/{path['transfer_id']}/send", {"key": str(uuid4())})
    return path, lines


def _received(shop: Shop) -> Made:
    path, lines = _sent_transfer(shop)
    return path, {"key": str(uuid4()), "lines": lines}


def _explained(shop: Shop) -> Made:
    path, lines = _sent_transfer(shop)
    return path, {"key": str(uuid4()), "lines": lines, "reason": "lost"}


def _new_count(shop: Shop) -> Made:
    product = shop.product()
    return {}, {"location_id": shop.ids["location_id"][0], "product_ids": [product["id"]]}


def _count(shop: Shop) -> Made:
    product = shop.product()
    body = {"location_id": shop.ids["location_id"][0], "product_ids": [product["id"]]}
    count = shop.call("POST", "/counts", body)["id"]
    return {"count_id": count, "variant_id": product["variants"][0]["id"]}, None


def _scanned(shop: Shop) -> Made:
    path, _ = _count(shop)
    return path, {"key": str(uuid4()), "variant_id": path["variant_id"], "quantity": 2}


def _left_out(shop: Shop) -> Made:
    return _count(shop)[0], {"left_out": True}


def _recounted(shop: Shop) -> Made:
    return _count(shop)[0], {"variant_ids": None}


def _to_post(shop: Shop) -> Made:
    path, body = _scanned(shop)
    shop.call("POST", f"/counts/{path['count_id']}/scans", body)
    return path, {"reason": "yearly count"}


def _polled(shop: Shop) -> Made:
    return {"show_id": shop.show(started=True).id}, {"question": "Which next?", "answers": ["Blue", "Red"]}


def _poll(shop: Shop) -> Made:
    path, body = _polled(shop)
    return path | {"poll_id": shop.call("POST", f"/shows/{path['show_id']}/polls", body)["id"]}, None


def _given_away(shop: Shop) -> Made:
    return {"show_id": shop.show(started=True).id}, {"prize": "A cup", "value_minor": 900, "seconds": 60}


def _giveaway(shop: Shop) -> Made:
    path, body = _given_away(shop)
    return path | {"giveaway_id": shop.call("POST", f"/shows/{path['show_id']}/giveaways", body)["id"]}, None


def _auctioned(shop: Shop) -> Made:
    stall = shop.show(started=True)
    return {"show_id": stall.id}, {
        "offer_id": stall.offers[0], "variant_id": stall.variant["id"], "start_minor": 900, "seconds": 600,
    }  # fmt: skip


def _auction(shop: Shop) -> Made:
    path, body = _auctioned(shop)
    return path | {"auction_id": shop.call("POST", f"/shows/{path['show_id']}/auctions", body)["id"]}, None


def _mistaken_auction(shop: Shop) -> Made:
    return _auction(shop)[0], {"why": "mistake"}


def _password(shop: Shop) -> Made:
    return {}, {"current": PASSWORD, "new": PASSWORD + "!"}


def _pool(shop: Shop) -> Made:
    body = {"name": secrets.token_hex(4), "location_id": shop.ids["location_id"][0]}
    return {"pool_id": shop.call("POST", "/stock/pools", body)["id"]}, None


def _supplier(shop: Shop) -> int:
    return shop.call("POST", "/suppliers", {"name": secrets.token_hex(6)})["id"]


def _new_supplier(shop: Shop) -> Made:
    return {"supplier_id": _supplier(shop)}, {"name": secrets.token_hex(6)}


def _quote_body(product: int) -> dict[str, Any]:
    return {
        "product_id": product, "currency": "CNY", "lead_days": 9, "tiers": [{"minimum": 1, "unit_minor": 500}],
    }  # fmt: skip


def _to_quote(shop: Shop) -> Made:
    return {"supplier_id": _supplier(shop)}, _quote_body(shop.ids["product_id"][0])


def _quote(shop: Shop) -> Made:
    supplier = _supplier(shop)
    quote = shop.call("POST", f"/suppliers/{supplier}/quotes", _quote_body(shop.ids["product_id"][0]))["id"]
    return {"quote_id": quote}, None


def _plan(shop: Shop) -> Made:
    """What was ordered covers what was asked for: ask for more each time."""
    show = shop.ids["show_id"][0]
    with shop.lock:
        if len(shop.plans) < MOST_PLANS:
            shop.horizon = min(90.0, shop.horizon * 1.4)
            _empty_shelves(shop, show)
            shop.call("POST", f"/shows/{show}/forecast", {"horizon": shop.horizon})
            body = {"horizon_days": 28, "must_cover_hard": True, "seconds": 5}
            shop.plans.append(shop.call("POST", f"/shows/{show}/plan", body)["id"])
        return {"plan_id": shop.plans[-1]}, None


def _empty_shelves(shop: Shop, show: int) -> None:
    """Nothing is ordered while there is plenty: all that is not promised of what the show offered is counted away."""
    for offer in shop.call("GET", f"/shows/{show}/offers"):
        for line in offer["lines"]:
            for level in shop.call("GET", f"/stock/levels?variant_id={line['variant_id']}"):
                kept = level["held"] + level["allocated"]
                if level["quantity"] > kept:
                    shop.try_call(
                        "POST", "/stock/counts",
                        {
                            "location_id": level["location_id"], "variant_id": line["variant_id"],
                            "seen": level["quantity"], "counted": kept,
                        },
                    )  # fmt: skip


def _sent(shop: Shop) -> tuple[dict[str, Any], str]:
    """A purchase order and the key of its supplier; the shop's own first one when a new plan orders nothing."""
    with shop.lock:
        if len(shop.sent) < MOST_PLANS:
            shop.plans.clear()
            sent = shop.try_call("POST", f"/plans/{_plan(shop)[0]['plan_id']}/accept")
            shop.sent += [(each["order"], each["key"]) for each in sent or ()]
            if not shop.sent:
                order = shop.call("GET", f"/purchase-orders/{shop.ids['purchase_order_id'][0]}")
                shop.sent.append((order, shop.ids["key"][0]))
        return shop.sent[-1]


def _to_confirm(shop: Shop) -> Made:
    order, key = _sent(shop)
    day = (datetime.now(UTC) + timedelta(days=40)).date().isoformat()
    lines = [
        {"variant_id": line["variant_id"], "quantity": line["quantity"], "ready_on": day}
        for line in order["lines"]
    ]
    return {"key": key, "purchase_order_id": order["id"]}, {"lines": lines}


def _to_receive(shop: Shop) -> Made:
    path, body = _to_confirm(shop)
    with httpx.Client(base_url=shop.address, timeout=PATIENCE, trust_env=False) as http:
        # Refused where it was confirmed before.
        http.post(f"/v1/-/supplier/{path['key']}/orders/{path['purchase_order_id']}", json=body)
    received = {str(line["variant_id"]): line["quantity"] for line in body["lines"]}
    return {"purchase_order_id": path["purchase_order_id"]}, {"received": received}


# Two-step sign-in, of somebody of their own each time


def _begins(shop: Shop) -> Asked:
    return shop.somebodys_session(member=False), {"password": PASSWORD}


def _confirms(shop: Shop) -> Asked:
    return _setup(shop, shop.somebodys_session(member=False))


def _setup(shop: Shop, session: str) -> Asked:
    shop.forget_attempts()
    setup = shop.as_somebody(session, "/me/second-factor", {"password": PASSWORD})
    secret = base64.b32decode(setup["secret"] + "=" * (-len(setup["secret"]) % 8))
    code = totp.code_at(secret, totp.step_at(datetime.now(UTC).timestamp()))
    return session, {"setup": setup["setup"], "code": code}


def _turned_on(shop: Shop, session: str) -> Asked:
    _, body = _setup(shop, session)
    codes = shop.as_somebody(session, "/me/second-factor/confirm", body)["recovery_codes"]
    return session, {"password": PASSWORD, "code": codes[0]}


def _proves(shop: Shop) -> Asked:
    return _turned_on(shop, shop.somebodys_session(member=False))


def _second_step(shop: Shop) -> Asked:
    session, proof = _proves(shop)
    (email,) = shop.sql(
        "SELECT email FROM accounts.person p JOIN accounts.session s ON s.person_id = p.id WHERE s.token_hash = %(hash)s",
        hash=hashlib.sha256(session.encode()).digest(),
    )
    needed = shop.as_somebody(session, "/session", {"email": email, "password": PASSWORD})
    return session, {"challenge": needed["facts"]["challenge"], "code": proof["code"]}


ASKED_AS: Final[Mapping[str, Callable[[Shop], Asked]]] = {
    "POST /v1/me/second-factor": _begins,
    "POST /v1/me/second-factor/confirm": _confirms,
    "POST /v1/me/second-factor/recovery-codes": _proves,
    "POST /v1/me/second-factor/remove": _proves,
    "POST /v1/session/code": _second_step,
}


MAKERS: Final[Mapping[str, Callable[[Shop], Made]]] = {
    "POST /v1/session": _signs_in,
    "DELETE /v1/{shop}/members/{person_id}/second-factor": _two_step_member,
    "POST /v1/{shop}/stock/counts": _counted,
    "POST /v1/{shop}/transfers": _new_transfer,
    "GET /v1/{shop}/transfers/{transfer_id}": _transfer_only,
    "PUT /v1/{shop}/transfers/{transfer_id}/lines": _transfer_lines,
    "POST /v1/{shop}/transfers/{transfer_id}/send": _transfer_step,
    "POST /v1/{shop}/transfers/{transfer_id}/cancel": _transfer_step,
    "POST /v1/{shop}/transfers/{transfer_id}/receive": _received,
    "POST /v1/{shop}/transfers/{transfer_id}/explain": _explained,
    "POST /v1/{shop}/counts": _new_count,
    "GET /v1/{shop}/counts/{count_id}": _count,
    "GET /v1/{shop}/counts/{count_id}/lines": _count,
    "POST /v1/{shop}/counts/{count_id}/scans": _scanned,
    "POST /v1/{shop}/counts/{count_id}/recount": _recounted,
    "POST /v1/{shop}/counts/{count_id}/lines/{variant_id}/leave-out": _left_out,
    "POST /v1/{shop}/counts/{count_id}/post": _to_post,
    "POST /v1/{shop}/counts/{count_id}/cancel": _count,
    "POST /v1/{shop}/shows/{show_id}/polls": _polled,
    "POST /v1/{shop}/shows/{show_id}/polls/{poll_id}/close": _poll,
    "POST /v1/{shop}/shows/{show_id}/auctions": _auctioned,
    "POST /v1/{shop}/shows/{show_id}/auctions/{auction_id}/call-off": _mistaken_auction,
    "GET /v1/{shop}/shows/{show_id}/auctions/{auction_id}/bids": _auction,
    "GET /v1/{shop}/shows/{show_id}/auctions/{auction_id}": _auction,
    "POST /v1/{shop}/shows/{show_id}/giveaways": _given_away,
    "POST /v1/{shop}/shows/{show_id}/giveaways/{giveaway_id}/close": _giveaway,
    "POST /v1/{shop}/shows/{show_id}/giveaways/{giveaway_id}/call-off": _giveaway,
    "POST /v1/shops": _new_shop,
    "POST /v1/{shop}/products": _new_product,
    "POST /v1/{shop}/products/{product_id}/variants": _new_variant,
    "PATCH /v1/{shop}/shows/{show_id}": _still_planned,
    "DELETE /v1/{shop}/products/{product_id}": _unused_product,
    "PUT /v1/{shop}/products/{product_id}/tax-class": _taxed,
    "PUT /v1/{shop}/taxes": _taxes,
    "POST /v1/{shop}/taxes/rates": _new_rate,
    "PUT /v1/{shop}/taxes/rates/{rate_id}": _rate,
    "DELETE /v1/{shop}/taxes/rates/{rate_id}": _rate,
    "POST /v1/{shop}/shipping/zones": _new_zone,
    "PUT /v1/{shop}/shipping/zones/{zone_id}": _zone,
    "DELETE /v1/{shop}/shipping/zones/{zone_id}": _zone,
    "GET /v1/{shop}/customers/{customer_id}": _customer,
    "DELETE /v1/{shop}/customers/{customer_id}": _customer,
    "POST /v1/{shop}/discounts": _new_discount,
    "GET /v1/{shop}/discounts/{discount_id}": _discount_only,
    "PUT /v1/{shop}/discounts/{discount_id}": _discount,
    "DELETE /v1/{shop}/discounts/{discount_id}": _discount_only,
    "GET /v1/{shop}/discounts/{discount_id}/codes": _discount_only,
    "GET /v1/{shop}/discounts/{discount_id}/uses": _discount_only,
    "POST /v1/{shop}/discounts/{discount_id}/pause": _paused,
    "POST /v1/{shop}/discounts/{discount_id}/codes": _more_codes,
    "POST /v1/{shop}/shows/{show_id}/slots": _still_planned,
    "PATCH /v1/{shop}/shows/{show_id}/slots/{slot_id}": _slot,
    "PUT /v1/{shop}/shows/{show_id}/slots/order": _to_order,
    "POST /v1/{shop}/shows/{show_id}/offers": _to_offer,
    "PATCH /v1/{shop}/shows/{show_id}/offers/{offer_id}": _still_planned,
    "POST /v1/{shop}/shows/{show_id}/offers/{offer_id}/price": _on_air,
    "POST /v1/{shop}/shows/{show_id}/feature": _featured,
    "POST /v1/{shop}/shows/{show_id}/notices": _noticed,
    "POST /v1/{shop}/orders/{order_id}/delay": _to_delay,
    "POST /v1/claim": _claims,
    "POST /v1/me/password": _password,
    "POST /v1/password-reset": _reset,
    "POST /v1/invitations/join": _joins,
    "POST /v1/invitations/accept": _invitation,
    "DELETE /v1/{shop}/invitations/{invitation_id}": _invitation,
    "DELETE /v1/{shop}/members/{person_id}": _member,
    "PUT /v1/{shop}/members/{person_id}": _member,
    "POST /v1/{shop}/members/{person_id}/password-reset": _member,
    "POST /v1/{shop}/products/{product_id}/pictures": _more_pictures,
    "DELETE /v1/{shop}/products/{product_id}/pictures/{picture_id}": _picture,
    "DELETE /v1/{shop}/products/{product_id}/variants/{variant_id}": _unused_variant,
    "PATCH /v1/{shop}/products/variants/{variant_id}": _archived,
    "PUT /v1/{shop}/taxes/classes/{code}": _new_class,
    "DELETE /v1/{shop}/taxes/classes/{code}": _class,
    "POST /v1/{shop}/shipping/methods": _new_method,
    "PUT /v1/{shop}/shipping/methods/{method_id}": _method,
    "DELETE /v1/{shop}/shipping/methods/{method_id}": _method,
    "POST /v1/{shop}/stock/pools/{pool_id}/close": _pool,
    "POST /v1/{shop}/shows/{show_id}/start": _planned,
    "POST /v1/{shop}/shows/{show_id}/end": _live,
    "DELETE /v1/{shop}/shows/{show_id}/slots/{slot_id}": _slot,
    "DELETE /v1/{shop}/chat/words/{word}": _word,
    "POST /v1/{shop}/orders/{order_id}/paid": _to_pay,
    "POST /v1/{shop}/orders/{order_id}/ship": _to_ship,
    "POST /v1/{shop}/orders/{order_id}/deliver": _to_deliver,
    "POST /v1/{shop}/orders/{order_id}/cancel": _order,
    "POST /v1/{shop}/orders/{order_id}/refunds": _to_refund,
    "POST /v1/{shop}/orders/{order_id}/refunds/{refund_id}/sent": _refunded,
    "POST /v1/{shop}/suppliers/{supplier_id}/key": _new_supplier,
    "PUT /v1/{shop}/suppliers/{supplier_id}": _new_supplier,
    "POST /v1/{shop}/suppliers/{supplier_id}/quotes": _to_quote,
    "DELETE /v1/{shop}/quotes/{quote_id}": _quote,
    "POST /v1/{shop}/plans/{plan_id}/accept": _plan,
    "POST /v1/-/supplier/{key}/orders/{purchase_order_id}": _to_confirm,
    "POST /v1/{shop}/purchase-orders/{purchase_order_id}/received": _to_receive,
}

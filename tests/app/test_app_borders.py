"""Every route of the running node is closed to who has no business there; two shops see nothing of each other."""

import re
import uuid
from collections.abc import Iterator
from itertools import chain

import httpx
import pytest
from fastapi.routing import APIRoute
from tests.app.running import PASSWORD, Owner, Running, variant_of
from tests.waiting import PATIENCE

from shopfloor import app, web

# What is open to everybody, on purpose.  A route that is added here is a decision.
OPEN = {
    ("POST", "/v1/session/code"), ("POST", "/sign-in/code"),
    ("POST", "/v1/password-reset"), ("GET", "/reset/{token}"), ("POST", "/reset/{token}"),
    ("POST", "/v1/session"), ("DELETE", "/v1/session"), ("POST", "/v1/claim"), ("POST", "/v1/invitations/join"),
    ("GET", "/trust"), ("GET", "/trust/shopfloor.crt"), ("GET", "/robots.txt"), ("GET", "/e.js"), ("GET", "/schemas/{name}.json"), ("GET", "/favicon.ico"), ("GET", "/sitemap.xml"),
    ("GET", "/sitemap-shops.xml"), ("GET", "/sitemap-products-{part}.xml"),
    ("GET", "/"), ("POST", "/language"), ("GET", "/s/{shop}"), ("GET", "/s/{shop}/p/{product_id}"), ("GET", "/s/{shop}/search"), ("GET", "/s/{shop}/collections/{handle}"), ("GET", "/s/{shop}/pages/{kind}"),
    ("GET", "/s/{shop}/live/{show_id}/calendar.ics"), ("GET", "/s/{shop}/calendar.ics"), ("GET", "/s/{shop}/live/{show_id}/chat"), ("GET", "/s/{shop}/live/{show_id}/chat/lines"),
    ("GET", "/s/{shop}/live/{show_id}/clip/{interval_id}"), ("GET", "/s/{shop}/accent.css"),
    ("GET", "/s/{shop}/replays"), ("GET", "/s/{shop}/cart"), ("POST", "/s/{shop}/cart"),
    ("GET", "/embed.js"), ("GET", "/s/{shop}/embed"), ("GET", "/s/{shop}/live/{show_id}/embed"), ("POST", "/s/{shop}/embed/pass"), ("POST", "/s/{shop}/embed/open"),
    ("GET", "/s/{shop}/live/{show_id}"), ("GET", "/s/{shop}/live/{show_id}/overlay"), ("GET", "/s/{shop}/checkout/{hold_id}"), ("POST", "/s/{shop}/checkout/{hold_id}"),
    ("GET", "/s/{shop}/orders/{order_id}"), ("POST", "/s/{shop}/orders/{order_id}/cancel"),
    ("POST", "/s/{shop}/orders/{order_id}/delay"), ("GET", "/s/{shop}/waitlist"),
    ("POST", "/s/{shop}/waitlist"), ("POST", "/s/{shop}/waitlist/{waiting_id}/leave"), ("GET", "/sign-in"),
    ("POST", "/sign-in"), ("POST", "/sign-out"), ("GET", "/claim/{token}"), ("POST", "/claim/{token}"),
    ("GET", "/join/{token}"), ("POST", "/join/{token}"), ("GET", "/forgot"), ("POST", "/forgot"),
    ("POST", "/s/{shop}/polls/{poll_id}/vote"), ("GET", "/s/{shop}/giveaways/{giveaway_id}"), ("POST", "/s/{shop}/giveaways/{giveaway_id}/enter"),
    ("GET", "/s/{shop}/auctions/{auction_id}"), ("GET", "/s/{shop}/auctions/{auction_id}/mine"), ("POST", "/s/{shop}/auctions/{auction_id}/bid"),
    ("POST", "/s/{shop}/giveaways/{giveaway_id}/claim"), ("GET", "/s/{shop}/giveaways/{giveaway_id}/draw.json"),
    ("GET", "/s/{shop}/coupons/{slug}"), ("POST", "/s/{shop}/coupons/{slug}"), ("POST", "/s/{shop}/live/{show_id}/remind"),
    ("GET", "/s/{shop}/orders"), ("POST", "/s/{shop}/orders/forget"), ("POST", "/s/{shop}/checkout/{hold_id}/forget"),
    ("GET", "/s/{shop}/account"), ("GET", "/s/{shop}/account/sign-in"), ("POST", "/s/{shop}/account/sign-in"),
    ("GET", "/s/{shop}/account/code"), ("POST", "/s/{shop}/account/code"), ("GET", "/s/{shop}/account/code/{code}"),
    ("POST", "/s/{shop}/account/sign-out"),
    ("GET", "/s/{shop}/verify"), ("GET", "/s/{shop}/verify.html"), ("GET", "/v1/{shop}/statements"), ("GET", "/v1/{shop}/statements/{number}"), ("GET", "/v1/{shop}/log/checkpoint"),
    ("GET", "/v1/{shop}/log/inclusion"), ("GET", "/v1/{shop}/log/consistency"), ("GET", "/v1/{shop}/log/keys"),
    ("GET", "/v1/{shop}/witness/key"), ("POST", "/v1/{shop}/witness/add-checkpoint"),
    ("GET", "/till/{shop}"), ("GET", "/till/{shop}/sell"), ("GET", "/till/{shop}/display"), ("GET", "/till/{shop}/worker.js"),
    ("GET", "/till/{shop}/manifest.webmanifest"),
    ("GET", "/s/{shop}/fapiao"), ("GET", "/push-worker.js"), ("GET", "/s/{shop}/push"), ("POST", "/s/{shop}/push"), ("POST", "/s/{shop}/push/remove"), ("POST", "/till/{shop}/api/pair"),
}  # fmt: skip
# Open to the one person, or provider, whose it is: for everybody else it is not there.
THEIRS = {
    ("POST", "/payments/{provider}/{connection}/notify"), ("POST", "/s/{shop}/orders/{order_id}/papers"),
    ("GET", "/t/{code}"), ("GET", "/s/{shop}/receipts/{token}"), ("PUT", "/till/{shop}/api/holds/{basket_id}"),
    ("DELETE", "/till/{shop}/api/holds/{basket_id}"), ("POST", "/sms/{key}/report"), ("POST", "/s/{shop}/orders/{order_id}/texts"),
    ("POST", "/s/{shop}/waitlist/{waiting_id}/text"),
    ("GET", "/s/{shop}/orders/{order_id}/papers/{document_id}"), ("POST", "/s/{shop}/orders/{order_id}/pay"),
    ("GET", "/s/{shop}/orders/{order_id}/pay"), ("GET", "/s/{shop}/orders/{order_id}/who"),
    ("GET", "/s/{shop}/orders/{order_id}/payment"), ("GET", "/s/{shop}/unsubscribe/{notice_id}"),
    ("POST", "/s/{shop}/unsubscribe/{notice_id}"), ("POST", "/s/{shop}/waitlist/{waiting_id}/mail"),
    ("GET", "/s/{shop}/orders/{order_id}/return"), ("POST", "/s/{shop}/orders/{order_id}/return"),
    ("GET", "/s/{shop}/orders/{order_id}/returns/{return_id}/label"),
    ("POST", "/s/{shop}/orders/{order_id}/returns/{return_id}/label"),
    ("POST", "/s/{shop}/orders/{order_id}/returns/{return_id}/close"),
    ("GET", "/s/{shop}/orders/{order_id}/fapiao"), ("POST", "/s/{shop}/orders/{order_id}/fapiao"),
    ("POST", "/s/{shop}/orders/{order_id}/fapiao/withdraw"), ("GET", "/s/{shop}/orders/{order_id}/fapiao/{file_id}"),
    ("GET", "/s/{shop}/fapiao/{code}"), ("POST", "/s/{shop}/fapiao/{code}"),
}  # fmt: skip
# Of the account of a customer, who signs in at the shop: no session of the console opens them.
OF_CUSTOMERS = {
    ("POST", "/s/{shop}/account/name"), ("POST", "/s/{shop}/account/news"),
    ("POST", "/s/{shop}/account/reminders/{reminder_id}/remove"), ("GET", "/s/{shop}/account/addresses/new"),
    ("POST", "/s/{shop}/account/addresses"), ("GET", "/s/{shop}/account/addresses/{address_id}"),
    ("POST", "/s/{shop}/account/addresses/{address_id}"), ("POST", "/s/{shop}/account/addresses/{address_id}/default"),
    ("POST", "/s/{shop}/account/addresses/{address_id}/remove"), ("GET", "/s/{shop}/account/data.json"),
    ("GET", "/s/{shop}/account/erase"), ("POST", "/s/{shop}/account/erase"),
    ("GET", "/s/{shop}/account/contact"), ("POST", "/s/{shop}/account/contact"), ("GET", "/s/{shop}/account/contact/code"),
    ("POST", "/s/{shop}/account/contact/code"), ("POST", "/s/{shop}/account/contact/remove"),
}  # fmt: skip
# Of a till, whose device has a key of its own.
OF_TILLS = {
    ("GET", "/till/{shop}/api/snapshot"), ("POST", "/till/{shop}/api/journal"), ("GET", "/till/{shop}/api/availability"),
    ("GET", "/till/{shop}/api/sales"), ("GET", "/till/{shop}/api/shift"), ("POST", "/till/{shop}/api/unlock"),
}  # fmt: skip
VALUES = {"shop": "corner", "key": "no-such-key", "token": "no-such-token"}


def as_documented(path: str) -> str:
    """A route's path without the kinds of its gaps: `/products/{product_id:id}`."""
    return re.sub(r":\w+\}", "}", path)


def routes() -> list[tuple[str, str]]:
    """Method and path of every route of pages and JSON, as the documents have it."""
    every = chain.from_iterable(
        router.routes for router in (*(module.router for module in app.JSON), *web.routers())
    )
    return sorted(
        (method, as_documented(route.path))
        for route in every
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    )


def filled(path: str) -> str:
    """A path with something in each gap; numbers that exist in the first shop where anything exists."""
    for name in [part.split("}")[0] for part in path.split("{")[1:]]:
        is_uuid = name in {
            "hold_id",
            "waiting_id",
            "line_id",
            "fact_id",
            "order_id",
            "address_id",
            "reminder_id",
            "customer_id",
            "parcel_id",
            "document_id",
            "case_id",
            "device_id",
            "dispute_id",
            "shift_id",
            "request_id",
            "fapiao_id",
            "paper_id",
            "notice_id",
            "sheet_id",
            "file_id",
        }
        path = path.replace(f"{{{name}}}", VALUES.get(name, str(uuid.uuid4()) if is_uuid else "1"))
    return path


@pytest.fixture(scope="module")
def stranger(node: Running, owner: Owner) -> Iterator[Owner]:
    """The owner of another shop of the same node, invited by its operator."""
    owner.call("POST", "/v1/shops", json={"name": "Second", "slug": "second", "currency": "EUR"})
    invited = owner.call("POST", "/v1/second/invitations", json={"role": "owner", "email": None})
    person = Owner(node, "second")
    person.call(
        "POST", "/v1/invitations/join",
        json={"token": invited["token"], "email": "other@second.example", "password": PASSWORD, "name": "Otto"},
    )  # fmt: skip
    yield person
    person.close()


def send(node: Running, method: str, path: str, cookies: dict[str, str]) -> httpx.Response:
    with httpx.Client(base_url=node.address, timeout=PATIENCE, trust_env=False, cookies=cookies) as client:
        return client.request(
            method, filled(path), headers={"accept": "text/html, application/json", "origin": node.address}
        )


def test_the_documents_name_every_route_of_the_json(node: Running, owner: Owner) -> None:
    documents = httpx.get(f"{node.address}/v1/openapi.json", timeout=PATIENCE, trust_env=False).json()
    documented = {
        (method.upper(), path) for path, methods in documents["paths"].items() for method in methods
    }

    # The same figures under a second name.
    again = ("GET", "/v1/{shop}/shows/{show_id}/report.json")
    assert documented | {again} == {(method, path) for method, path in routes() if path.startswith("/v1/")}


def test_without_a_session_nothing_is_open_but_what_is_meant_to_be(node: Running, owner: Owner) -> None:
    answers = {
        (method, path): send(node, method, path, {})
        for method, path in routes()
        if (method, path) not in OPEN
    }

    assert len(answers) > 120
    wrong = {
        key: (answer.status_code, answer.headers.get("location"))
        for key, answer in answers.items()
        if answer.status_code not in {401, 403, 404}
        and not (answer.status_code == 303 and answer.headers["location"].startswith("/sign-in"))
    }
    assert wrong == {}
    keyless = {key for key, answer in answers.items() if answer.status_code == 404} - THEIRS
    # What is for development is nowhere in a shop.
    assert {path.split("/")[1] for _, path in keyless} == {"v1", "supplier", "design"}
    assert {
        path
        for _, path in keyless
        if "{key}" not in path and "supplier" not in path and not path.startswith("/design")
    } == set()


def test_a_session_of_another_shop_finds_nothing(node: Running, owner: Owner, stranger: Owner) -> None:
    product = owner.product("Linen shirt", {"M": 5})
    owner.offer(owner.show("Evening"), product, {"M": 5})
    cookies = {"session": stranger.cookie("session")}
    inside = [
        (method, path)
        for method, path in routes()
        if "{shop}" in path and (method, path) not in OPEN | OF_CUSTOMERS | OF_TILLS
    ]

    assert {send(node, method, path, cookies).status_code for method, path in OF_CUSTOMERS | OF_TILLS} == {
        401
    }
    answers = {(method, path): send(node, method, path, cookies).status_code for method, path in inside}

    assert len(answers) > 110
    assert {key: status for key, status in answers.items() if status != 404} == {}


def test_things_of_one_shop_are_not_found_through_another(
    node: Running, owner: Owner, stranger: Owner
) -> None:
    product = owner.product("Linen shirt", {"M": 5})
    show = owner.show("Evening")
    offer = owner.offer(show, product, {"M": 5})
    channel = owner.shop("POST", "/channels", json={"name": "Front"})["id"]
    warehouse = owner.warehouse()
    own_place = stranger.warehouse()
    before = owner.shop("GET", "/stock/levels")
    variant = variant_of(product, "M")
    receipt = {"quantity": 3, "reason": "not mine"}

    with httpx.Client(
        base_url=node.address, timeout=PATIENCE, trust_env=False, cookies={"session": stranger.cookie("session")},
        headers={"origin": node.address},
    ) as client:  # fmt: skip
        for method, path, body in (
            ("GET", f"/products/{product['id']}", None),
            ("PATCH", f"/products/{product['id']}", {"title": "Mine now"}),
            ("GET", f"/shows/{show}", None),
            ("GET", f"/shows/{show}/state", None),
            ("GET", f"/shows/{show}/report", None),
            ("POST", f"/shows/{show}/start", None),
            ("POST", f"/shows/{show}/feature", {"offer_id": offer}),
            ("POST", f"/channels/{channel}/key", None),
            ("GET", f"/channels/{channel}/status", None),
            ("POST", "/stock/receipts", {"location_id": own_place, "variant_id": variant, **receipt}),
            ("POST", "/stock/receipts", {"location_id": warehouse, "variant_id": variant, **receipt}),
        ):
            reply = client.request(method, f"/v1/second{path}", json=body)
            assert reply.status_code == 404, (method, path, reply.text)
        for page in (f"/console/second/shows/{show}", f"/console/second/products/{product['id']}", f"/s/second/live/{show}",
                     f"/s/second/p/{product['id']}"):  # fmt: skip
            assert client.get(page).status_code == 404, page
        asked = client.post(f"/s/second/live/{show}/remind", data={"email": "ann@corner.example"})
        assert asked.status_code == 404, asked.text
        assert client.get("/v1/second/products").json() == []
        assert client.get("/v1/second/shows").json() == []
        assert client.get("/v1/second/stock/levels").json() == []
        assert client.get("/v1/second/channels").json() == []
        assert client.get("/v1/second/orders").json() == []
        assert [shop["slug"] for shop in client.get("/v1/shops").json()] == ["second"]
        assert "Linen shirt" not in client.get("/s/second").text

    assert owner.shop("GET", "/stock/levels") == before
    assert owner.shop("GET", f"/products/{product['id']}")["title"] == "Linen shirt"
    assert owner.shop("GET", f"/shows/{show}")["status"] == "planned"


def test_a_request_from_another_site_changes_nothing(node: Running, owner: Owner) -> None:
    before = owner.shop("GET", "/products")
    reply = httpx.post(
        f"{node.address}/v1/corner/products",
        json={"handle": "x", "title": "X", "variants": []},
        cookies={"session": owner.cookie("session")},
        headers={"origin": "https://elsewhere.example"},
        timeout=PATIENCE,
        trust_env=False,
    )

    assert (reply.status_code, reply.json()["code"]) == (403, "accounts.cross_site")
    assert owner.shop("GET", "/products") == before

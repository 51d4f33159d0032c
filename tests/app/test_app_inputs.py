"""Whatever is sent to the running node: never an incident, and nothing that its document does not say.

Each place gets some of the bad values, in turn, so that each value meets many places; `make sweep` sends all to all.
"""

import asyncio
import json
import os
import re
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from itertools import chain, count, cycle, islice
from typing import Any, TypeVar

import httpx
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from tests.app.running import PATIENCE, Owner, Running
from tests.app.test_app_borders import as_documented, routes

from shopfloor import app, web

LARGEST = 2**63 - 1
# Nothing of these exists in a shop before it is made there: they say so, in their own words.
NOT_YET = {
    "/v1/{shop}/customers/{customer_id}": "customers.unknown",
    "/v1/{shop}/shows/{show_id}/forecast": "demand.unknown",
    "/v1/{shop}/shows/{show_id}/auctions/{auction_id}/bids": "auctions.unknown",
    "/v1/{shop}/shows/{show_id}/auctions/{auction_id}": "auctions.unknown",
    "/v1/{shop}/shows/{show_id}/giveaways/{giveaway_id}/winners": "giveaways.unknown",
    "/v1/{shop}/shows/{show_id}/integrity": "integrity.not_judged",
    "/v1/{shop}/shows/{show_id}/plan": "supply.no_plan",
    "/v1/{shop}/shows/{show_id}/forecast/progress": "jobs.not_asked",
    "/v1/{shop}/shows/{show_id}/plan/progress": "jobs.not_asked",
    "/v1/{shop}/shows/{show_id}/report/progress": "jobs.not_asked",
    "/v1/{shop}/shows/{show_id}/report": "metrics.unknown_show",
    "/v1/{shop}/shows/{show_id}/report.csv": "metrics.unknown_show",
    "/v1/{shop}/shows/{show_id}/report.parquet": "metrics.unknown_show",
    "/v1/{shop}/reports/progress": "jobs.not_asked",
    # On a slow machine it is made longer than a request waits; else these answer.
    **dict.fromkeys(
        ("/v1/{shop}/reports", "/v1/{shop}/reports.csv", "/v1/{shop}/reports.parquet"), "jobs.not_ready"
    ),
    "/v1/{shop}/log/checkpoint": "statements.no_log",
    "/v1/{shop}/log/keys": "statements.no_log",
    "/v1/{shop}/witness/key": "statements.unknown_witness",
    # Without the link, and without saying which proof is wanted.
    "/v1/{shop}/statements/{number}": "statements.unknown",
    "/v1/{shop}/log/consistency": "invalid",
    "/v1/{shop}/log/inclusion": "invalid",
}
UUIDS = (
    "hold_id", "waiting_id", "line_id", "fact_id", "order_id", "refund_id", "difference_id", "dispute_id", "case_id", "request_id", "sheet_id", "parcel_id",
    "notice_id", "document_id", "delivery_id", "customer_id", "address_id", "reminder_id", "return_id", "payment_id",
    "device_id", "shift_id",
)  # fmt: skip
# By what is wrong with them: what is refused for the same reason is asked of the routes in turn.
BAD_IDS = (
    (str(LARGEST),),
    (str(2**63), str(-(2**63) - 1), "9" * 4400, "1" * 200),
    ("-1", "0"),
    ("x", "1e3", "٣"),
    ("%00", "%ED%A0%80", "1%00"),
)
BAD_TEXTS = [
    "a\x00b", "\x1b", "\x00", "x" * 100_000, "\u202e" * 300, "e" + "\u0301" * 200, "\ufffe", "\ud800",
    "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00Z",
]  # fmt: skip
BAD_TYPED = ["a\x00b", str(2**63), "-1", "9" * 5000, "x" * 20_000, "\x1b"]
BAD_NUMBERS = [2**63, -(2**63) - 1, -1, 0, 10**400, 1e308, 9_007_199_254_740_993]


@dataclass(frozen=True, slots=True)
class World:
    """A shop with one of everything that can be made in a moment; `ids` by the name a path has for them."""

    document: dict[str, Any]
    ids: dict[str, str]
    http: httpx.Client
    address: str

    def fill(self, path: str, ids: dict[str, str] | None = None) -> str:
        known = self.ids | (ids or {})
        return re.sub(r"\{(\w+)(?::\w+)?\}", lambda gap: known.get(gap[1], "1"), path)


@dataclass(frozen=True, slots=True)
class Declared:
    method: str
    path: str
    query: tuple[str, ...]
    form: tuple[str, ...]


@pytest.fixture(scope="module")
def world(node: Running, owner: Owner) -> Iterator[World]:
    channel = owner.shop("POST", "/channels", json={"name": "Front"})
    product = owner.product("Bowl", {"S": 3, "M": 2})
    show = owner.show("Evening", channel_id=channel["id"])
    offer = owner.offer(show, product, {"S": 1, "M": 1})
    slot = owner.shop("POST", f"/shows/{show}/slots", json={"title": "First", "minutes": 5})
    supplier = owner.shop("POST", "/suppliers", json={"name": "Kiln"})
    invitation = owner.shop("POST", "/invitations", json={"role": "host", "email": None})
    pool = owner.shop("POST", "/stock/pools", json={"name": "Till", "location_id": owner.warehouse()})
    picture = owner.shop("GET", f"/products/{product['id']}")["pictures"][0]
    discount = owner.shop(
        "POST", "/discounts",
        json={"title": "Ten", "method": "code", "code": "TEN", "kind": "amount", "amount_minor": 1000},
    )  # fmt: skip
    with httpx.Client(
        base_url=node.address,
        timeout=PATIENCE,
        trust_env=False,
        headers={"origin": node.address},
        cookies={"session": owner.cookie("session")},
    ) as client:
        me = owner.call("GET", "/v1/me")
        ids = {
            "shop": "corner", "channel_id": str(channel["id"]), "product_id": str(product["id"]), "show_id": str(show),
            "variant_id": str(product["variants"][0]["id"]), "offer_id": str(offer), "slot_id": str(slot["id"]),
            "supplier_id": str(supplier["id"]), "invitation_id": str(invitation["id"]), "picture_id": str(picture["id"]),
            "pool_id": str(pool["id"]), "discount_id": str(discount["id"]), "person_id": str(me.get("id", 1)), "word": "spam", "key": "none", "token": "none",
            **{name: str(uuid.uuid4()) for name in UUIDS},
        }  # fmt: skip
        yield World(client.get("/v1/openapi.json").json(), ids, client, node.address)


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, operation)
        for path, methods in sorted(document["paths"].items())
        for method, operation in sorted(methods.items())
    ]


def body_of(document: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any] | None:
    """The schema of an operation's JSON body."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return None if content is None else resolved(document, content["schema"])


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def example(document: dict[str, Any], schema: dict[str, Any], world: World, name: str = "") -> Any:
    """Something of this shape that makes sense in this shop."""
    schema = resolved(document, schema)
    for choice in schema.get("anyOf", []) + schema.get("oneOf", []) + schema.get("allOf", []):
        return example(document, choice, world, name)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            wanted = schema.get("properties", {})
            return {key: example(document, inner, world, key) for key, inner in wanted.items()}
        case "array":
            return [example(document, schema.get("items", {}), world, name.removesuffix("s"))]
        case "integer":
            known = world.ids.get(name, "")
            return int(known) if known.isdecimal() else max(1, schema.get("minimum", 1))
        case "number":
            return 1.0
        case "boolean":
            return False
        case "string" if schema.get("format") == "uuid":
            return str(uuid.uuid4())
        case "string" if schema.get("format") in {"date-time", "date"}:
            return "2030-01-01T10:00:00Z" if schema["format"] == "date-time" else "2030-01-01"
        case _:
            return "abc"


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where plain values stand in a document."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*path, index))
    else:
        yield path


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    if isinstance(value, dict):
        return {key: put(inner, path[1:], new) if key == path[0] else inner for key, inner in value.items()}
    return [put(inner, path[1:], new) if index == path[0] else inner for index, inner in enumerate(value)]


def bad_ids(turn: int) -> list[str]:
    """One of each kind."""
    return [kind[turn % len(kind)] for kind in BAD_IDS]


Value = TypeVar("Value")


def in_turn(values: Sequence[Value], turn: int, many: int) -> list[Value]:
    """So many of them, others at the next turn; all of them where everything is asked for."""
    if os.environ.get("SHOPFLOOR_SWEEP"):
        return list(values)
    return list(islice(cycle(values), turn * many % len(values), turn * many % len(values) + many))


def dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


def send_all(
    world: World, requests: list[tuple[str, str, dict[str, Any]]]
) -> list[tuple[str, httpx.Response]]:
    """All of them, sixteen at a time."""

    async def every() -> list[tuple[str, httpx.Response]]:
        at_once = asyncio.Semaphore(8)
        async with httpx.AsyncClient(
            base_url=world.address,
            timeout=PATIENCE,
            trust_env=False,
            cookies=dict(world.http.cookies),
            headers=dict(world.http.headers),
        ) as client:

            async def one(method: str, path: str, more: dict[str, Any]) -> tuple[str, httpx.Response]:
                async with at_once:
                    what = f"{method} {path[:120]} {str(more)[:200]}"
                    return what, await client.request(method, path, **more)

            return list(await asyncio.gather(*(one(*request) for request in requests)))

    return asyncio.run(every())


def incidents(answers: list[tuple[str, httpx.Response]]) -> list[str]:
    """What was answered with an incident, or as a refusal of the last guard: the border let it through."""
    return [
        f"{what}: {answer.status_code} {answer.text[:120]}"
        for what, answer in answers
        if answer.status_code >= 500 or "database.unstorable" in answer.text
    ]


def test_every_documented_get_answers_on_a_shop_with_data(world: World) -> None:
    answers = {
        path: world.http.get(world.fill(path))
        for method, path, _ in operations(world.document)
        if method == "GET"
        and not re.search(
            r"order_id|hold_id|line_id|return_id|dispute_id|parcel_id|\{key\}|\{token\}|plan_id|quote_id|po_id"
            r"|fapiao_id|file_id|notice_id|sheet_id|case_id|shift_id|count_id|transfer_id",
            path,
        )
    }
    wrong = {
        path: (answer.status_code, answer.text[:200])
        for path, answer in answers.items()
        if answer.status_code != 200 and answer.json().get("code") != NOT_YET.get(path)
    }
    assert wrong == {}
    assert len(answers) > 30


def test_unknown_ids_are_not_found_in_every_route(world: World) -> None:
    requests: list[tuple[str, str, dict[str, Any]]] = []
    asked = Counter[str]()
    gaps = [
        (method, path, gap)
        for method, path in routes()
        for gap in re.findall(r"\{(\w+)(?::\w+)?\}", path)
        if gap == "id" or gap.endswith("_id")
    ]
    for turn, (method, path, gap) in enumerate(gaps):
        unknown = [str(uuid.uuid4())] if gap in UUIDS else []
        asked.update(bad_ids(turn))
        requests += [(method, world.fill(path, {gap: bad}), {}) for bad in (*unknown, *bad_ids(turn))]
    answers = send_all(world, requests)

    assert incidents(answers) == []
    lost = [
        what
        for what, answer in answers
        if what.startswith("GET ") and answer.status_code not in {303, 404, 422, 401, 403}
    ]
    assert lost == []
    assert {each for kind in BAD_IDS for each in kind} == set(asked)
    assert min(asked.values()) > 40


def names_of(dependant: Dependant, where: str) -> list[str]:
    """The aliases of the parameters from `where` of a route and of all that it depends on."""
    own = [
        name
        for each in getattr(dependant, where)
        for name in getattr(each.field_info.annotation, "model_fields", None) or [each.alias]
    ]
    return own + [name for each in dependant.dependencies for name in names_of(each, where)]


@cache
def declared() -> list[Declared]:
    """Every route with the names that it reads from its query and from a form."""
    every = chain.from_iterable(
        router.routes for router in (*(module.router for module in app.JSON), *web.routers())
    )
    return [
        Declared(
            method,
            as_documented(route.path),
            tuple(dict.fromkeys(names_of(route.dependant, "query_params"))),
            tuple(dict.fromkeys(names_of(route.dependant, "body_params"))),
        )
        for route in every
        if isinstance(route, APIRoute)
        for method in sorted(route.methods or ())
    ]


# Read by what stands around the routes, so by none of them in particular.
EVERYWHERE = ("made", "wait", "key", "refused")


def test_no_query_breaks_a_route(world: World) -> None:
    requests: list[tuple[str, str, dict[str, Any]]] = []
    turns = count()
    for route in declared():
        if route.method != "GET":
            continue
        path = world.fill(route.path)
        for name in route.query:
            requests += [("GET", f"{path}?{name}={bad}", {}) for bad in (*bad_ids(next(turns)), "x" * 3000)]
        requests += [
            ("GET", f"{path}?{name}={bad}", {})
            for name in EVERYWHERE
            if name not in route.query
            for bad in ("%00", "%ED%A0%80")
        ]
    assert {"search", "status", "payment", "show", "add", "after", "key"} <= {
        name for route in declared() for name in route.query
    }
    assert incidents(send_all(world, requests)) == []


def test_no_body_breaks_a_route(world: World) -> None:
    requests: list[tuple[str, str, dict[str, Any]]] = []
    turns = count()
    for method, path, operation in operations(world.document):
        schema = body_of(world.document, operation)
        if schema is None or path.endswith(("/session", "/claim")):
            continue
        fine = example(world.document, schema, world)
        for place in places(fine):
            # Of another kind than the place, one is as good as the next: the type refuses it.
            text = isinstance(at(fine, place), str)
            turn = next(turns)
            for bad in (
                *in_turn(BAD_TEXTS if text else BAD_NUMBERS, turn, 3),
                *in_turn((2**63 if text else "a\x00b", [], {}, None), turn, 1),
            ):
                content = dumped(put(fine, place, bad))
                requests.append(
                    (
                        method,
                        world.fill(path),
                        {"content": content, "headers": {"content-type": "application/json"}},
                    )
                )
        requests += [
            (method, world.fill(path), {"content": content, "headers": {"content-type": "application/json"}})
            for content in in_turn(
                (b"", b"\x00", b"{", b"[]", b"1e999", b'"\\ud800"', b"[" * 50_000), next(turns), 2
            )
        ]
    answers = send_all(world, requests)

    assert incidents(answers) == []
    assert Counter(answer.status_code for _, answer in answers)[422] > 500


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('{"name": "A", "name": "B"}', "json.repeated_name"),
        ('{"name": "A", "n\\u0061me": "B"}', "json.repeated_name"),
        ('{"name": "A", "other": {"x": 1, "x": 1}}', "json.repeated_name"),
        ('{"name": "A", "other": NaN}', "number.not_finite"),
        ('{"name": "A", "other": -Infinity}', "number.not_finite"),
        ('{"name": "A", "other": ' + "[" * 40 + "]" * 40 + "}", "json.too_deep"),
        ('{"name": "A\\u0000"}', "text.unusable"),
        ('{"name": "\\ud83d"}', "text.unusable"),
        ('{"name": 7}', "invalid"),
        ('{"name": null}', "invalid"),
        ('{"name": ["A"]}', "invalid"),
        ("[]", "invalid"),
        ('"name"', "invalid"),
    ],
)
def test_what_json_says_twice_or_as_something_else_changes_nothing(
    world: World, body: str, code: str
) -> None:
    def channels() -> list[Any]:
        return world.http.get("/v1/corner/channels").json()

    before = channels()
    answer = world.http.post(
        "/v1/corner/channels", content=body, headers={"content-type": "application/json"}
    )

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert channels() == before


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("stock/receipts", {"quantity": "1"}),
        ("stock/receipts", {"quantity": True}),
        ("stock/receipts", {"quantity": 1.5}),
        ("stock/receipts", {"quantity": 2**63}),
        ("stock/receipts", {"variant_id": "1"}),
        ("stock/receipts", {"pool_id": False}),
    ],
)
def test_a_number_is_a_number(world: World, path: str, fields: dict[str, Any]) -> None:
    place = world.http.get("/v1/corner/stock/locations").json()[0]["id"]
    plain = {
        "location_id": place,
        "variant_id": int(world.ids["variant_id"]),
        "quantity": 1,
        "reason": "found",
    }

    answer = world.http.post(
        f"/v1/corner/{path}", content=dumped(plain | fields), headers={"content-type": "application/json"}
    )

    assert (answer.status_code, answer.json()["code"] in {"invalid", "number.too_large"}) == (422, True)
    assert world.http.post(f"/v1/corner/{path}", json=plain).status_code == 201


@pytest.mark.parametrize("keep", [0, 1, "true", "no", None])
def test_truth_is_true_or_false(world: World, keep: object) -> None:
    policy = world.http.get("/v1/corner/orders/policy").json()

    answer = world.http.put("/v1/corner/orders/policy", json=policy | {"keep_deposit": keep})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert world.http.get("/v1/corner/orders/policy").json() == policy


@pytest.mark.parametrize(
    "day", ["0", "1700000000", "2026-02-30", "1999-12-31", "2200-01-01", 0, 20261122, "٢٠٢٦-٠١-٠١"]
)
def test_a_day_is_written_out(world: World, day: object) -> None:
    body = {
        "product_id": int(world.ids["product_id"]), "currency": "CNY", "lead_days": 5, "valid_from": day,
        "tiers": [{"minimum": 1, "unit_minor": 5}],
    }  # fmt: skip
    path = f"/v1/corner/suppliers/{world.ids['supplier_id']}/quotes"

    answer = world.http.post(path, json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert world.http.post(path, json=body | {"valid_from": "2026-11-22"}).status_code == 201


def test_every_method_of_a_path_is_named_where_another_is_refused(world: World) -> None:
    allowed = {
        path: world.http.request("TRACE", world.fill(path)).headers.get("allow", "")
        for path in (
            "/v1/session",
            "/v1/{shop}/products",
            "/v1/{shop}/products/export",
            "/v1/{shop}/shows/{show_id}",
        )
    }
    assert allowed == {
        "/v1/session": "DELETE, POST",
        "/v1/{shop}/products": "GET, HEAD, POST",
        "/v1/{shop}/products/export": "GET, HEAD",
        "/v1/{shop}/shows/{show_id}": "GET, HEAD, PATCH",
    }


def test_no_form_breaks_a_page(world: World) -> None:
    requests: list[tuple[str, str, dict[str, Any]]] = []
    turns = count()
    names = (
        "title",
        "name",
        "note",
        "reason",
        "text",
        "price",
        "quantity",
        "product_id",
        "variant_id",
        "location_id",
        "email",
        "starts_at",
    )
    for route in declared():
        if route.method != "POST" or route.path.startswith(("/v1/", "/sign-", "/claim", "/join")):
            continue
        path = world.fill(route.path)
        for name in route.form:
            requests += [
                ("POST", path, {"data": dict.fromkeys(route.form, "1") | {name: bad}})
                for bad in in_turn(BAD_TYPED, next(turns), 2)
            ]
        if not route.form:
            # It reads no form, or reads it by itself.
            requests += [("POST", path, {"data": dict.fromkeys(names, bad)}) for bad in BAD_TYPED]
            requests += [
                ("POST", path, {"data": dict.fromkeys(names, "1") | {name: bad}})
                for name in names
                for bad in in_turn(BAD_TYPED[:2], next(turns), 1)
            ]
        requests.append(("POST", path, {"files": {"file": ("a\x00.csv", b"\x00", "text/csv")}}))
    assert len(requests) > 1000
    assert incidents(send_all(world, requests)) == []


def test_cookies_and_headers_break_nothing(world: World) -> None:
    requests: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", path, {"headers": {"cookie": cookie}})
        for path in ("/v1/me", "/console", "/s/corner", f"/v1/corner/products/{world.ids['product_id']}")
        for cookie in (
            "session=\x01",
            "session=" + "x" * 5000,
            "shopper=%00",
            "language=\x7f",
            "session=a; session=b",
            ";;;=",
        )
    ]
    assert incidents(send_all(world, requests)) == []


def test_names_in_the_document_are_those_of_the_trade(world: World) -> None:
    schemas = world.document["components"]["schemas"]
    ids = [operation["operationId"] for _, _, operation in operations(world.document)]

    assert [name for name in (*schemas, *ids) if "__" in name or "HTTPValidation" in name] == []
    assert [name for name, times in Counter(ids).items() if times > 1] == []
    assert world.document["components"]["securitySchemes"]["session"]["in"] == "cookie"
    assert world.document["security"] == [{"session": []}]
    open_to_all = [
        path for _, path, operation in operations(world.document) if operation.get("security") == []
    ]
    assert "/v1/session" in open_to_all
    assert "/v1/{shop}/products" not in open_to_all
    for method, path, operation in operations(world.document):
        for status, response in operation["responses"].items():
            assert status[0] in "24", (method, path, status)
            if status[0] == "4":
                assert response["content"]["application/json"]["schema"] == {
                    "$ref": "#/components/schemas/Refusal"
                }


@dataclass(slots=True)
class Form:
    """`fields`: what a browser would send; `numbers`: those of them where a number is typed or chosen."""

    action: str
    fields: dict[str, str]
    numbers: list[str]


class Forms(HTMLParser):
    """The forms of a page that write."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._form: Form | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(given.get("action", ""), {}, []) if given.get("method") == "post" else None
            self.found += [self._form] if self._form is not None else []
        if self._form is None:
            return
        name = given.get("name", "")
        if tag == "option" and self._select:
            if given.get("value", "").isdigit() and self._select not in self._form.numbers:
                self._form.numbers.append(self._select)
            if "selected" in given or not self._form.fields[self._select]:
                self._form.fields[self._select] = given.get("value", "")
        elif tag == "select":
            self._select = name
            self._form.fields[name] = ""
        elif tag in {"input", "textarea"} and name:
            self._input(self._form, name, given)

    def _input(self, form: Form, name: str, given: dict[str, str]) -> None:
        kind = given.get("type", "text")
        if kind in {"checkbox", "radio", "file"}:
            if "checked" in given:
                form.fields[name] = given.get("value", "on")
            return
        number = kind == "number" or given.get("inputmode") in {"numeric", "decimal"}
        if number:
            form.numbers.append(name)
        missing = "1" if number else "2030-01-01" if kind.startswith("date") else "abc"
        form.fields[name] = given.get("value") or (missing if "required" in given else "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""


LARGE_NUMBERS = [10**6, 2**31, 2**63]


def test_no_large_number_in_a_form_of_the_console_is_an_incident(world: World) -> None:
    """Each field with a number, the others as the page has them: what the columns cannot hold is refused first."""
    requests: list[tuple[str, str, dict[str, Any]]] = []
    walked: set[str] = set()
    turns = count()
    # Another test may have begun, ended or emptied the show of this world.
    show = world.http.post("/v1/corner/shows", json={"title": "Walk"}).json()["id"]
    world.http.post(
        f"/v1/corner/shows/{show}/slots", json={"title": "First", "minutes": 5}
    ).raise_for_status()
    for method, path in routes():
        if method != "GET" or not path.startswith("/console/{shop}"):
            continue
        page = world.http.get(world.fill(path, {"show_id": str(show)}))
        if page.status_code != 200 or "html" not in page.headers["content-type"]:
            continue
        forms = Forms()
        forms.feed(page.text)
        for form in forms.found:
            walked |= {name.partition("-")[0] for name in form.numbers}
            requests += [
                ("POST", form.action, {"data": form.fields | {name: str(large)}})
                for name in form.numbers
                for large in in_turn(LARGE_NUMBERS, next(turns), 1)
            ]
    answers = send_all(world, requests)

    assert incidents(answers) == []
    assert {
        "pay_within_hours", "balance_within_days", "claim_minutes", "most_per_buyer", "lead_days", "capacity_use",
        "position", "percent", "limit_per_show", "by", "units", "new_price", "grams", "minutes",
    } - walked == set()  # fmt: skip
    assert Counter(answer.status_code for _, answer in answers)[422] > 20


@pytest.mark.parametrize(
    ("field", "most"),
    [
        ("pay_within_hours", 8760),
        ("claim_minutes", 1440),
        ("balance_within_days", 365),
        ("most_per_buyer", 999),
    ],
)
def test_the_settings_take_the_largest_that_the_shop_can_keep_and_no_more(
    world: World, field: str, most: int
) -> None:
    def sent(value: int) -> int:
        return world.http.post("/console/corner/terms", data={field: str(value)}).status_code

    def kept() -> str:
        forms = Forms()
        forms.feed(world.http.get("/console/corner/terms").text)
        return next(form.fields[field] for form in forms.found if field in form.fields)

    assert (sent(most), kept()) == (303, str(most))
    assert sent(most - 1) == 303
    assert sent(most + 1) < 500
    assert kept() == str(most - 1)

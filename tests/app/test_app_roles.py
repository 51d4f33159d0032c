"""What each role finds in the console: the navigation, the pages and their guards are one table."""

import re
from collections.abc import Iterator

import httpx
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from tests.app.running import PASSWORD, Owner, Running, variant_of
from tests.waiting import PATIENCE

from shopfloor import web
from shopfloor.accounts import PERMISSIONS, Permission, Role
from shopfloor.auth.api import allowed
from shopfloor.web.console.places import PLACES


def _permission(dependant: Dependant) -> Permission | None:
    if isinstance(dependant.call, type(allowed(Permission.SHOW_VIEW))):
        return dependant.call.permission
    return next(filter(None, map(_permission, dependant.dependencies)), None)


def _guards() -> dict[tuple[str, str], Permission]:
    """The permission of every route of the console of a shop, by method and path."""
    found: dict[tuple[str, str], Permission] = {}
    for router in web.routers():
        for route in router.routes:
            if isinstance(route, APIRoute) and route.path.startswith("/console/{shop}"):
                permission = _permission(route.dependant)
                assert permission is not None, route.path
                found |= {(method, route.path): permission for method in route.methods or ()}
    return found


GUARDS = _guards()


def test_every_page_of_the_table_is_guarded_by_its_permission() -> None:
    assert {place.path: place.permission for place in PLACES.values()} == {
        place.path: GUARDS["GET", "/console/{shop}" + place.path] for place in PLACES.values()
    }


@pytest.fixture(scope="module")
def ids(owner: Owner) -> dict[str, str]:
    """A shop with something of each kind, so that every page has something to show."""
    shirt = owner.product("Linen shirt", {"M": 5, "L": 2})
    show = owner.show("Evening")
    offer = owner.offer(show, shirt, {"M": 3, "L": 2})
    owner.shop("POST", f"/shows/{show}/start")
    owner.feature(show, offer)
    owner.shop("POST", f"/shows/{show}/end")
    owner.show("Next week")
    supplier = owner.shop("POST", "/suppliers", json={"name": "Nordlicht"})
    owner.shop("POST", "/channels", json={"name": "Front"})
    owner.shop("POST", "/invitations", json={"role": "host", "email": None})
    return {
        "shop": "corner", "show_id": str(show), "product_id": str(shirt["id"]), "variant_id": str(variant_of(shirt, "M")),
        "supplier_id": str(supplier["id"]), "location_id": "1",
    }  # fmt: skip


@pytest.fixture(scope="module")
def people(node: Running, owner: Owner, ids: dict[str, str]) -> Iterator[dict[Role, httpx.Client]]:
    """Somebody of each role, signed in."""
    clients: dict[Role, httpx.Client] = {}
    for role in Role:
        token = owner.shop("POST", "/invitations", json={"role": role, "email": None})["token"]
        client = httpx.Client(
            base_url=node.address, timeout=PATIENCE, trust_env=False, headers={"origin": node.address, "accept": "text/html"}
        )  # fmt: skip
        answer = client.post(
            "/v1/invitations/join",
            json={"token": token, "email": f"{role}@corner.example", "password": PASSWORD, "name": role},
        )
        assert answer.status_code == 201
        clients[role] = client
    yield clients
    for client in clients.values():
        client.close()


@pytest.mark.parametrize("role", list(Role))
def test_a_role_is_shown_what_it_may_open_and_nothing_else(
    people: dict[Role, httpx.Client], ids: dict[str, str], role: Role
) -> None:
    may = PERMISSIONS[role]
    start = people[role].get("/console/corner")
    assert start.status_code == 200
    navigation = start.text[start.text.index('<nav class="side"') : start.text.index("</nav>")]
    assert set(re.findall(r'href="/console/corner([^"]*)"', navigation)) == {
        place.path for place in PLACES.values() if place.icon and place.permission in may
    }
    pages = {path: permission for (method, path), permission in GUARDS.items() if method == "GET"}
    assert len(pages) > 20
    for path, permission in pages.items():
        address = re.sub(r":\w+\}", "}", path)
        for name, value in ids.items():
            address = address.replace(f"{{{name}}}", value)
        known = "{" not in address
        address = address.replace("{endpoint_id}", "404").replace("{number}", "404")
        address = re.sub(r"\{\w+\}", "00000000-0000-4000-8000-000000000000", address)
        status = people[role].get(address).status_code
        assert (status == 403) == (permission not in may), f"{role} {address} {status}"
        assert status in ({200, 403} if known else {404, 403}), f"{role} {address} {status}"


@pytest.mark.parametrize("role", list(Role))
def test_no_page_leads_a_role_to_what_it_may_not_do(
    people: dict[Role, httpx.Client], ids: dict[str, str], role: Role
) -> None:
    """Every link and every form of every page that can be reached by links."""
    wrong: set[str] = set()
    seen = {"/console/corner"}
    waiting = [*seen]
    while waiting:
        address = waiting.pop()
        answer = people[role].get(address)
        if answer.status_code != 200:
            wrong.add(f"{answer.status_code} {address}")
        if "text/html" not in answer.headers["content-type"]:
            continue
        links = set(re.findall(r'href="(/console/corner[^"#?]*)', answer.text)) - seen
        seen |= links
        waiting += links
        for form in re.findall(r'<form\b[^>]*\bmethod="post"[^>]*>', answer.text):
            action = re.search(r'action="([^"#?]*)', form)
            target = action[1] if action else address
            if target.startswith("/console/") and _guard(target) not in PERMISSIONS[role]:
                wrong.add(f"{address}: {target}")
    assert wrong == set()
    assert len(seen) >= sum(place.permission in PERMISSIONS[role] for place in PLACES.values() if place.icon)


def _guard(target: str) -> Permission:
    for (method, path), permission in GUARDS.items():
        if method == "POST" and re.fullmatch(re.sub(r"\{[\w:]+\}", "[^/]+", path), target):
            return permission
    raise AssertionError(target)

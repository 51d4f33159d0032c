"""A permission that nothing asks for promises what nobody keeps."""

import ast
import inspect
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

import shopfloor
from shopfloor import app, web
from shopfloor.accounts import Permission
from shopfloor.kernel.route_access import check_every_route_is_decided
from shopfloor.kernel.routes import add_routes

SOURCE = Path(shopfloor.__file__).parent


@cache
def asked_for() -> set[str]:
    """The members of `Permission` that code outside of their list names, by `Permission.X`, also under a module."""
    return {
        node.attr
        for path in SOURCE.rglob("*.py")
        if path != SOURCE / "accounts" / "models.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and _ends_in_permission(node.value)
    }


def _ends_in_permission(node: ast.expr) -> bool:
    return (isinstance(node, ast.Name) and node.id in {"Permission", "_P"}) or (
        isinstance(node, ast.Attribute) and node.attr == "Permission"
    )


@pytest.mark.parametrize("permission", list(Permission))
def test_every_permission_is_asked_for_somewhere(permission: Permission) -> None:
    assert permission.name in asked_for()


def test_nothing_is_asked_for_that_is_no_permission() -> None:
    assert {name for name in asked_for() if name.isupper()} <= set(Permission.__members__)


def test_templates_ask_for_permissions_that_exist() -> None:
    known = {str(permission) for permission in Permission}
    prefixes = {permission.split(".")[0] for permission in known}
    wrong = [
        (path.name, word)
        for path in (SOURCE / "web" / "templates").rglob("*.html")
        for line in path.read_text().splitlines()
        if "permissions" in line or "needs" in line
        for word in line.replace("'", '"').split('"')
        if word.count(".") == 1 and word.split(".")[0] in prefixes and word.islower() and word not in known
        and not word.endswith((".html", ".css", ".js"))
    ]  # fmt: skip
    assert wrong == []


def test_every_route_can_be_built_and_says_who_may_use_it() -> None:
    product = FastAPI(openapi_url=None)
    for router in (app.probes, *(module.router for module in app.JSON), *web.routers()):
        add_routes(product, router)

    check_every_route_is_decided(product)
    built = [route.dependant for route in product.routes if isinstance(route, APIRoute)]

    assert len(built) > 300
    # A dependency that is no coroutine waits for a thread, with every request.
    assert {name for each in built for name in called_in_threads(each)} == set()


def called_in_threads(route: Dependant) -> list[str]:
    below = [name for each in route.dependencies for name in called_in_threads(each)]
    call: Any = route.call
    if call is None:
        return below
    said = call if inspect.isroutine(call) else type(call).__call__
    is_late = inspect.iscoroutinefunction(said) or inspect.isasyncgenfunction(said)
    return below if is_late else [*below, f"{call.__module__}.{call.__qualname__}"]

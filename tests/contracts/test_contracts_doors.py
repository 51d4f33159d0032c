"""How wide the front doors are: the names of a module that other modules use, through submodules too.

A door through which everything fits is a wall missing: at most 45 names.  And a door shows nothing that nobody
comes for: what a module exports, another module or a test uses.  A class that only holds functions would let any
number of them through as one name: no door shows such a class.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import FunctionType, MemberDescriptorType, ModuleType
from typing import Any

import pytest

import shopfloor

SOURCE = Path(shopfloor.__file__).parent
TESTS = Path(__file__).parents[1]
LIMIT = 45
# What the next step of these modules uses.
AHEAD: dict[str, set[str]] = {}
# Plumbing is used name by name, and whoever composes a process is not used by others.
WITHOUT_A_DOOR = {"kernel", "migrations", "reference"}
MODULES = sorted(
    path.name
    for path in SOURCE.iterdir()
    if (path / "__init__.py").exists() and path.name not in WITHOUT_A_DOOR
)
# Files of a module, dotted: a way through one of them is not a name.
FILES = {
    module: {
        ".".join(
            part for part in file.relative_to(SOURCE / module).with_suffix("").parts if part != "__init__"
        )
        for file in (SOURCE / module).rglob("*.py")
    }
    - {""}
    for module in MODULES
}
DOORS: dict[str, ModuleType] = {module: import_module(f"shopfloor.{module}") for module in MODULES}
EXPORTED: dict[str, set[str]] = {
    module: {name for name in getattr(door, "__all__", ()) if not isinstance(getattr(door, name), ModuleType)}
    for module, door in DOORS.items()
}
# A file that is exported lets what is in it through name by name; by what it is called and where it is.
SHOWN: dict[str, dict[str, str]] = {
    module: {
        name: exported.__name__.removeprefix(f"shopfloor.{module}.")
        for name in getattr(door, "__all__", ())
        if isinstance(exported := getattr(door, name), ModuleType)
    }
    for module, door in DOORS.items()
}


def names_in(tree: ast.AST, *, own: str = "") -> Iterator[tuple[str, str]]:
    """(module, name) of all that a file takes from other modules: `level.x`, and `file.level.x` through a file."""
    local: dict[str, tuple[str, str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert not any(alias.name.startswith("shopfloor.") for alias in node.names), (
                "import names, not paths"
            )
        if not isinstance(node, ast.ImportFrom) or (node.module or "").partition(".")[0] != "shopfloor":
            continue
        for alias in node.names:
            module, _, rest = f"{node.module}.{alias.name}".partition(".")[2].partition(".")
            if module not in MODULES or module == own:
                continue
            rest = SHOWN[module].get(rest, rest)
            if not rest or rest in FILES[module] - EXPORTED[module]:
                local[alias.asname or alias.name] = module, rest
            else:
                yield module, rest
    for node in ast.walk(tree):
        # What is loaded late is named in words: `"loadtest": ("shopfloor.loadtest", "command", …)`.
        words = node.elts if isinstance(node, ast.Tuple) else []
        said = [
            word.value for word in words if isinstance(word, ast.Constant) and isinstance(word.value, str)
        ]
        for path, name in pairwise(said):
            module, _, way = path.removeprefix("shopfloor.").partition(".")
            if path.startswith("shopfloor.") and module in MODULES and module != own:
                yield module, f"{way}.{name}".lstrip(".")
    inner: set[int] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or id(node) in inner:
            continue
        names: list[str] = []
        place: ast.expr = node
        while isinstance(place, ast.Attribute):
            names.insert(0, place.attr)
            inner.add(id(place))
            place = place.value
        if not isinstance(place, ast.Name) or place.id not in local:
            continue
        module, way = local[place.id]
        for name in names:
            way = f"{way}.{name}" if way else SHOWN[module].get(name, name)
            if way not in FILES[module] or way in EXPORTED[module]:
                yield module, way
                break


def names_used(root: Path, *, by_module: bool) -> dict[str, set[str]]:
    """By module: what files outside of it take from it."""
    used: dict[str, set[str]] = defaultdict(set)
    for file in root.rglob("*.py"):
        own = file.relative_to(root).parts[0] if by_module else ""
        for module, name in names_in(ast.parse(file.read_text()), own=own):
            used[module].add(name)
    return used


# Not while tests are collected, which each worker does: reading everything takes seconds.
@cache
def taken() -> dict[str, set[str]]:
    return names_used(SOURCE, by_module=True)


@cache
def taken_by_files_of_tests() -> dict[str, set[str]]:
    return names_used(TESTS, by_module=False)


@pytest.mark.parametrize("module", MODULES)
def test_a_front_door_is_narrow(module: str) -> None:
    assert len(taken()[module]) <= LIMIT, f"{module}: {sorted(taken()[module])}"


@pytest.mark.parametrize("module", MODULES)
def test_a_front_door_shows_nothing_that_nobody_comes_for(module: str) -> None:
    names = taken()[module] | taken_by_files_of_tests()[module]
    assert EXPORTED[module] - names - AHEAD.get(module, set()) == set()
    ways = {name.rpartition(".")[0] for name in names}
    assert set(SHOWN[module].values()) - ways - AHEAD.get(module, set()) == set()


def is_namespace(shown: object) -> bool:
    """A class of nobody's instances: it inherits nothing, has no fields, and no function of it takes an instance."""
    if not isinstance(shown, type) or shown.__bases__ != (object,) or shown.__annotations__:
        return False
    names = {
        name: value
        for name, value in vars(shown).items()
        if not (name.startswith("__") and name.endswith("__")) or name in {"__init__", "__new__"}
    }
    functions = [value for value in names.values() if callable(value) or isinstance(value, staticmethod)]
    of_instances = [
        value
        for value in names.values()
        if isinstance(value, FunctionType | property | classmethod | MemberDescriptorType)
    ]
    return bool(functions) and not of_instances


@pytest.mark.parametrize("module", MODULES)
def test_no_class_of_a_front_door_is_a_heap_of_functions(module: str) -> None:
    shown = {name: getattr(DOORS[module], name) for name in getattr(DOORS[module], "__all__", ())}
    assert [name for name, value in shown.items() if is_namespace(value)] == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("class A:\n  KINDS = (1, 2)\n  @staticmethod\n  def save(tx): ...", True),
        ("def save(tx): ...\nclass A:\n  Form = dict\n  save = staticmethod(save)", True),
        ("class A:\n  Form = dict", True),
        ("class A:\n  def save(self): ...", False),
        ("class A:\n  held: int\n  @staticmethod\n  def save(tx): ...", False),
        ("class A:\n  @classmethod\n  def of(cls, text): ...", False),
        ("class A(Exception):\n  @staticmethod\n  def save(tx): ...", False),
        ("class A:\n  LIMIT = 3", False),
    ],
)
def test_a_heap_of_functions_is_known_for_one(body: str, expected: bool) -> None:
    names: dict[str, Any] = {}
    exec(body, names)
    assert is_namespace(names["A"]) is expected


@pytest.mark.parametrize(
    ("code", "names"),
    [
        (
            "from shopfloor import stock\nstock.reserve(stock.Line(1, 2))",
            {("stock", "reserve"), ("stock", "Line")},
        ),
        ("from shopfloor.stock import reserve as take", {("stock", "reserve")}),
        ("from shopfloor.stock.reserving import reserve", {("stock", "reserving.reserve")}),
        ("from shopfloor.stock import reserving\nreserving.reserve", {("stock", "reserving.reserve")}),
        ("from shopfloor import stock\nstock.reserving.reserve.x", {("stock", "reserving.reserve")}),
        # A file and a function of the same name: what is exported is the function.
        ("from shopfloor import catalog\ncatalog.pictures(1)", {("catalog", "pictures")}),
        ("from shopfloor import stock as goods\ngoods.HoldState.ACTIVE.value", {("stock", "HoldState")}),
        (
            "from shopfloor import auth\nauth.second_factor.setup_of",
            {("auth", "second_factor.setup_of")},
        ),
        (
            "from shopfloor.auth import second_factor\nsecond_factor.issuer",
            {("auth", "second_factor.issuer")},
        ),
        (
            'A = {"load": ("shopfloor.loadtest.command_line", "command", "Drive it.")}',
            {("loadtest", "command_line.command")},
        ),
        ("from shopfloor.kernel import outbox\noutbox.record", set()),
        ("from shopfloor import live\nlive.show", set()),
    ],
)
def test_names_are_counted_however_they_are_reached(code: str, names: set[tuple[str, str]]) -> None:
    assert set(names_in(ast.parse(code), own="live")) == names

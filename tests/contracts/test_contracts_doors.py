"""How wide the front doors are: the names of a module that other modules import, through submodules too.

A door through which everything fits is a wall missing: at most 45 names.  What was wider when this was written is
listed with its width, which may only shrink.
"""

import ast
from collections import defaultdict
from pathlib import Path
from types import ModuleType

import pytest

import shopfloor
from shopfloor import orders, payments, purchases

SOURCE = Path(shopfloor.__file__).parent
LIMIT = 45
NOT_YET: dict[str, int] = {"accounts": 75, "catalog": 50, "live": 56, "stock": 81}
# Plumbing is used name by name, and whoever composes a process is not used by others.
WITHOUT_A_DOOR = {"kernel", "migrations", "reference"}
MODULES = sorted(
    path.name
    for path in SOURCE.iterdir()
    if (path / "__init__.py").exists() and path.name not in WITHOUT_A_DOOR
)


def names_used() -> dict[str, set[str]]:
    """By module: what files outside of it take from it."""
    used: dict[str, set[str]] = defaultdict(set)
    for file in SOURCE.rglob("*.py"):
        own = file.relative_to(SOURCE).parts[0]
        tree = ast.parse(file.read_text())
        local: dict[str, str] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "shopfloor":
                local |= {
                    alias.asname or alias.name: alias.name for alias in node.names if alias.name in MODULES
                }
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("shopfloor."):
                module = (node.module or "").split(".")[1]
                if module in MODULES and module != own:
                    used[module] |= {alias.name for alias in node.names}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                module = local.get(node.value.id)
                if module is not None and module != own:
                    used[module].add(node.attr)
    return used


USED = names_used()


@pytest.mark.parametrize("module", MODULES)
def test_a_front_door_is_narrow(module: str) -> None:
    width = len(USED[module])
    allowed = NOT_YET.get(module, LIMIT)

    assert width <= allowed, f"{module}: {sorted(USED[module])}"
    assert module not in NOT_YET or width > LIMIT, "it fits now: take it from the list"


@pytest.mark.parametrize("module", [orders, payments, purchases], ids=lambda module: module.__name__)
def test_a_front_door_lists_no_more_than_the_limit(module: ModuleType) -> None:
    assert len(module.__all__) <= LIMIT


ON_THE_PATH = [
    *sorted((SOURCE / "purchases").glob("*.py")),
    *(
        SOURCE / "stock" / f"{name}.py"
        for name in (
            "intake",
            "speculation",
            "reserving",
            "decision",
            "batch",
            "batch_sql",
            "ledger",
            "holds",
        )
    ),
    *(SOURCE / "live" / f"{name}.py" for name in ("socket", "gateway", "wire")),
    *(
        SOURCE / "orders" / f"{name}.py"
        for name in ("checkout", "checkout_snapshot", "placing", "lifecycle", "charges", "queries")
    ),
]


@pytest.mark.parametrize("file", ON_THE_PATH, ids=lambda file: str(file.relative_to(SOURCE)))
def test_a_purchase_meets_no_file_above_five_hundred_lines(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 500

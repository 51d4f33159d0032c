"""Rules about the shape of the code that import-linter cannot state."""

import ast
from pathlib import Path

import grimp
import pytest

import shopfloor

SOURCE = Path(shopfloor.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
COMPOSITION = {
    "app", "telemetry", "wiring", "worker", "audit", "access", "retention", "cli", "demo", "job_commands", "job_handlers",
    "lake_commands", "loadtest", "__main__",
}  # fmt: skip
# An edge may use the edges of modules below: `accounts.api` is who-may of every route.
EDGES = {"api", "endpoint", "gateway", "socket"}


def module_of(name: str) -> str:
    return ".".join(name.split(".")[:2])


def last(name: str) -> str:
    return name.rsplit(".", 1)[-1]


def test_modules_are_used_only_through_their_front_door() -> None:
    graph = grimp.build_graph("shopfloor")
    side_doors = {
        f"{importer} -> {imported}"
        for imported in graph.modules
        if imported.count(".") >= 2
        and module_of(imported) not in {"shopfloor.kernel", "shopfloor.web", "shopfloor.demo"}
        for importer in graph.find_modules_that_directly_import(imported)
        if module_of(importer) != module_of(imported)
        and importer.split(".")[1] not in COMPOSITION
        and not (
            last(imported) == "api" and (last(importer) in EDGES or importer.startswith("shopfloor.web"))
        )
    }

    assert side_doors == set()


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCE)))
def test_imports_stand_at_the_top(file: Path) -> None:
    tree = ast.parse(file.read_text())
    top = {id(node) for node in tree.body}
    for node in tree.body:
        if isinstance(node, ast.If | ast.Try):
            top |= {id(child) for child in ast.walk(node)}
    hidden = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in top
    ]

    assert hidden == []


def test_every_module_says_what_it_promises() -> None:
    silent = [
        str(file.relative_to(SOURCE))
        for file in FILES
        if file.stat().st_size and not ast.get_docstring(ast.parse(file.read_text()))
    ]

    assert silent == []

"""Rules about the shape of the code that import-linter cannot state."""

import ast
import configparser
from pathlib import Path

import grimp
import pytest

import shopfloor

SOURCE = Path(shopfloor.__file__).parent
ROOT = Path(__file__).parents[2]
FILES = sorted(SOURCE.rglob("*.py"))
COMPOSITION = {
    "app", "telemetry", "wiring", "worker", "audit", "access", "retention", "backup", "backup_commands", "schemas", "cli", "demo", "job_commands", "job_handlers",
    "lake_commands", "message_commands", "statement_commands", "verify_commands", "loadtest", "__main__",
}  # fmt: skip
# An edge may use the edges of modules below: `accounts.api` is who-may of every route.
EDGES = {"endpoint", "gateway", "socket"}


def module_of(name: str) -> str:
    return ".".join(name.split(".")[:2])


def last(name: str) -> str:
    return name.rsplit(".", 1)[-1]


def is_api(name: str) -> bool:
    return last(name) == "api" or last(name).endswith("_api")


def is_edge(name: str) -> bool:
    return is_api(name) or last(name) in EDGES


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
        and not (is_api(imported) and (is_edge(importer) or importer.startswith("shopfloor.web")))
    }

    assert side_doors == set()


def test_the_drawing_shows_the_layers_as_they_are_checked() -> None:
    rules = configparser.ConfigParser()
    rules.read(ROOT / ".importlinter")
    layers = [
        {name.strip() for name in layer.split("|") if "(" not in name}
        for layer in rules["importlinter:contract:layers"]["layers"].splitlines()
    ]
    modules = [layer for layer in layers[layers.index({"web"}) + 1 : layers.index({"kernel"})] if layer]
    lines = (ROOT / "docs/architecture.md").read_text().split("──\n")[1].splitlines()[:-1]

    assert [{name.strip() for name in line.strip().split("  ")[0].split("|")} for line in lines] == modules


def hidden(tree: ast.Module) -> list[int]:
    """The lines of imports inside something."""
    top = {id(node) for node in tree.body}
    for node in tree.body:
        if isinstance(node, ast.If | ast.Try):
            top |= {id(child) for child in ast.walk(node)}
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in top
    ]


def test_imports_stand_at_the_top() -> None:
    found = {str(file.relative_to(SOURCE)): hidden(ast.parse(file.read_text())) for file in FILES}

    assert {file: lines for file, lines in found.items() if lines} == {}
    assert hidden(ast.parse("import a\ndef b():\n    import c\n    from d import e\n")) == [3, 4]


def test_every_module_says_what_it_promises() -> None:
    silent = [
        str(file.relative_to(SOURCE))
        for file in FILES
        if file.stat().st_size and not ast.get_docstring(ast.parse(file.read_text()))
    ]

    assert silent == []


def test_what_the_application_gives_is_asked_of_one_value() -> None:
    """No strings on `app.state`: what an endpoint needs has a name and a type in `kernel.services`."""
    users = [
        f"{file.relative_to(SOURCE)}:{node.lineno}"
        for file in FILES
        if file != SOURCE / "kernel/services.py"
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "state" and _is_an_application(node.value)
    ]

    assert users == []


def _is_an_application(node: ast.expr) -> bool:
    """`app`, `request.app`, `pages` (as FastAPI is called where it is assembled), `scope["app"]`."""
    match node:
        case ast.Name(id="app" | "pages" | "application"):
            return True
        case ast.Attribute(attr="app"):
            return True
        case ast.Subscript(slice=ast.Constant(value="app")):
            return True
        case _:
            return False


@pytest.mark.parametrize("source", ["request.app.state.x", "app.state.x = 1", "scope['app'].state"])
def test_an_application_is_seen_where_it_hides(source: str) -> None:
    assert any(
        isinstance(node, ast.Attribute) and node.attr == "state" and _is_an_application(node.value)
        for node in ast.walk(ast.parse(source))
    )

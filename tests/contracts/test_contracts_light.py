"""A process loads the libraries it works with, and no others."""

import subprocess
import sys

import pytest

LAKE = {"duckdb", "ibis", "pandas", "pyarrow", "sqlglot"}
SOLVER = {"highspy", "numpy"}
PINYIN = {"pypinyin"}
# What orders a certificate, in a process that ends.
ACME = {"acme", "josepy", "cryptography", "OpenSSL", "requests"}
# What asks others, draws codes, and colours a terminal.
SELDOM = {"httpx", "rich", "segno"}


def loaded(program: str) -> set[str]:
    """The packages that stand in a fresh interpreter after this."""
    said = subprocess.run(
        [sys.executable, "-c", f"import sys\n{program}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return set(said.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", [["--help"], ["up", "--help"], ["--version"]])
def test_a_question_to_the_command_line_loads_the_command_line(arguments: list[str]) -> None:
    found = loaded(f"from shopfloor.cli import main\nmain({arguments!r}, standalone_mode=False)")

    assert "click" in found
    assert arguments == ["up", "--help"] or "pydantic" not in found
    assert found & {"fastapi", "jinja2", "psycopg", "uvicorn", *LAKE, *SOLVER, *ACME} == set()


@pytest.mark.parametrize("module", ["app", "worker"])
def test_a_process_that_sells_loads_neither_the_lake_nor_the_solver_nor_what_orders_certificates(
    module: str,
) -> None:
    found = loaded(f"import shopfloor.{module}")

    assert "psycopg" in found
    assert found & (LAKE | SOLVER | ACME | PINYIN | SELDOM) == set()


@pytest.mark.parametrize(
    ("use", "library"),
    [
        ("from shopfloor import metrics; metrics.show_report", "ibis"),
        ("from shopfloor import collector; collector.SCHEMA", "pyarrow"),
        ("from shopfloor.demand import learn", "numpy"),
        ("import shopfloor.certificates.program", "acme"),
        ("from shopfloor.catalog import searching; searching.pieces(['茶'])", "pypinyin"),
        (
            "from shopfloor.supply.solver.direct import quiet_solver; quiet_solver(seconds=1, gap=0)",
            "highspy",
        ),
    ],
)
def test_what_comes_later_comes(use: str, library: str) -> None:
    assert library in loaded(use)


def test_classes_are_declared_without_writing_their_methods() -> None:
    """`kernel.records`: of what a process does before it serves, this was the largest part."""
    program = """
import dataclasses, inspect, shopfloor.app
kinds = {each for name, module in list(sys.modules.items()) if name.startswith("shopfloor")
         for each in list(vars(module).values())
         if isinstance(each, type) and dataclasses.is_dataclass(each) and each.__module__.startswith("shopfloor")}
written = [each for each in kinds if inspect.isfunction(vars(each).get("__init__"))]
print(f"many.{len(kinds) > 600} few.{len(written) < 40}")
"""
    said = subprocess.run(
        [sys.executable, "-c", f"import sys\n{program}"], check=True, capture_output=True, text=True
    ).stdout

    assert said.split() == ["many.True", "few.True"]

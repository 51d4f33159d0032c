"""docs/faults.md names the test of each fault and pitfall, and each of them exists."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/faults.md").read_text()
PITFALLS = range(1, 35)


def test_every_test_it_names_exists() -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)
    there = {
        (file, node.name)
        for file in {file for file, _ in named}
        for node in ast.parse((ROOT / "tests" / file).read_text()).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }

    assert len(named) > 40
    assert [name for name in named if name not in there] == []


def test_every_row_names_a_test_and_every_pitfall_is_answered() -> None:
    rows = [
        line
        for line in PAGE.splitlines()
        if line.startswith("| ") and not line.startswith(("| what", "| pit"))
    ]
    held = {int(number) for number in re.findall(r"^\| (\d+) ", PAGE, re.MULTILINE)}
    said = {int(number) for number in re.findall(r"\b(\d+)\b", PAGE.rsplit("\n\n", 1)[1])}

    assert [row for row in rows if "::test_" not in row] == []
    assert sorted(held | said) == [*PITFALLS]

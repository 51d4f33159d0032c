"""Classes and functions are called by the words of docs/glossary.md, and not by those that meant three things each."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import shopfloor

SOURCE = Path(shopfloor.__file__).parent
# What each of them is called, stands before it: `AdmissionLimits`, `ReturnTerms`, `OfferPolicy`.
NAMELESS = {"Book", "Check", "Door", "Hall", "Limits", "Policy", "Take", "Terms", "Till"}


def nameless(tree: ast.AST) -> Iterator[str]:
    """Classes, also private ones and aliases of them, whose whole name is such a word."""
    for node in ast.walk(tree):
        names = [node.name] if isinstance(node, ast.ClassDef) else []
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("shopfloor"):
            names = [alias.asname or "" for alias in node.names]
        yield from (name for name in names if name.lstrip("_") in NAMELESS)


def test_a_class_says_of_what_it_is() -> None:
    found = {
        f"{file.relative_to(SOURCE)}:{name}"
        for file in SOURCE.rglob("*.py")
        for name in nameless(ast.parse(file.read_text()))
    }
    assert found == set()


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("class Limits: ...", ["Limits"]),
        ("class _Terms(Base): ...", ["_Terms"]),
        ("def f():\n    class Book: ...", ["Book"]),
        ("from shopfloor.rooms import AdmissionLimits as Limits", ["Limits"]),
        ("class AdmissionLimits: ...\nfrom httpx import Limits", []),
    ],
)
def test_the_rule_itself(code: str, names: list[str]) -> None:
    assert list(nameless(ast.parse(code))) == names

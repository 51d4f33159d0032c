"""Classes are called by the words of docs/glossary.md, and not by those that meant three things each; a local name says
what it holds.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import shopfloor

SOURCE = Path(shopfloor.__file__).parent
SAYING_NOTHING = {"made", "mine", "one", "told"}
# What each of them is called, stands before it: `AdmissionLimits`, `ReturnTerms`, `OfferPolicy`.
NAMELESS = {"Book", "Check", "Door", "Hall", "Limits", "Policy", "Take", "Terms", "Till"}


def nameless(tree: ast.AST) -> Iterator[str]:
    """Classes, also private ones and aliases of them, whose whole name is such a word."""
    for node in ast.walk(tree):
        names = [node.name] if isinstance(node, ast.ClassDef) else []
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("shopfloor"):
            names = [alias.asname or "" for alias in node.names]
        yield from (name for name in names if name.lstrip("_") in NAMELESS)


def saying_nothing(tree: ast.AST) -> Iterator[str]:
    """Parameters and local names that are such a word alone.  Fields of a class are not meant: others read them there."""
    fields = {
        id(each.target)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for each in node.body
        if isinstance(each, ast.AnnAssign)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) if id(node) not in fields:
                found = name
            case ast.arg(arg=name):
                found = name
            case _:
                continue
        if found in SAYING_NOTHING:
            yield f"{node.lineno}:{found}"


def test_a_local_name_says_what_it_holds() -> None:
    found = {
        f"{file.relative_to(SOURCE)}:{name}"
        for file in SOURCE.rglob("*.py")
        for name in saying_nothing(ast.parse(file.read_text()))
    }
    assert found == set()


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("told = ask()", ["1:told"]),
        ("def f(made: int): ...", ["1:made"]),
        ("[one for one in ones]", ["1:one"]),
        ("for mine in rows: ...", ["1:mine"]),
        ("with box() as told: ...", ["1:told"]),
        ("class A:\n    told: bool", []),
        ("f(told=1)\nx.made = 2\ndef made(): ...", []),
    ],
)
def test_what_counts_as_a_local_name(code: str, names: list[str]) -> None:
    assert list(saying_nothing(ast.parse(code))) == names


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

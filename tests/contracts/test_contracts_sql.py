"""Every SQL statement in the code is prepared against the migrated schema.

A renamed column, a missing table or a type that does not fit fails here, by file and line, before any test
happens to walk that path.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL

import shopfloor

SOURCE = Path(shopfloor.__file__).parent
# A database of its own, which is none of ours.
FOREIGN = {"payments/sandbox.py"}
SQL_WORDS = ("SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH ")
PARAMETER = re.compile(r"%\((\w+)\)[sbt]|%b|%s|%t")


def trees() -> dict[str, ast.Module]:
    return {
        str(file.relative_to(SOURCE)): ast.parse(file.read_text()) for file in sorted(SOURCE.rglob("*.py"))
    }


def beginnings(found: Iterable[ast.Module]) -> dict[str, str]:
    """Texts with a name of their own, which statements begin with: `SELECT_HOLDS + "WHERE ..."`."""
    return {
        node.target.id: node.value.value
        for tree in found
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }


def statements() -> Iterator[tuple[str, str]]:
    found = trees()
    named = beginnings(found.values())
    for file, tree in found.items():
        if file in FOREIGN:
            continue
        for node in ast.walk(tree):
            match node:
                case ast.Constant(value=str(text)):
                    pass
                case ast.BinOp(left=ast.Name(id=name), op=ast.Add(), right=ast.Constant(value=str(rest))) if (
                    name in named
                ):
                    text = named[name] + rest
                case _:
                    continue
            sql = " ".join(text.split())
            # What is composed of parts is no statement yet: whoever composes it tests it.
            if re.search(r"\{\w+\}", sql):
                continue
            if sql.startswith(SQL_WORDS) and re.search(r"\b(FROM|INTO|SET|SELECT)\b", sql):
                yield f"{file}:{node.lineno}", text


def numbered(sql: str) -> str:
    """Parameters as PREPARE wants them: %(a)s ... %(b)s ... %(a)s -> $1 ... $2 ... $1."""
    names: list[str] = []

    def place(found: re.Match[str]) -> str:
        name = found[1] or f"positional {len(names)}"
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return PARAMETER.sub(place, sql).replace("%%", "%")


@pytest.fixture(scope="module")
def connection(migrated: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(migrated, autocommit=True) as connected:
        yield connected


@pytest.mark.parametrize(("where", "sql"), list(statements()), ids=lambda value: value.split("\n")[0])
def test_the_schema_accepts_it(connection: psycopg.Connection, where: str, sql: str) -> None:
    connection.execute(SQL("PREPARE checked AS " + numbered(sql)))  # pyright: ignore[reportArgumentType]
    connection.execute("DEALLOCATE checked")


def test_the_walk_finds_statements() -> None:
    found = list(statements())
    assert len(found) > 50
    assert (
        sum(
            "FROM stock.hold AS h" in sql and "WHERE" in sql and "h.part, h.shop_id" in sql
            for _, sql in found
        )
        == 8
    )

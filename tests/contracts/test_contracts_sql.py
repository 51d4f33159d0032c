"""Every SQL statement in the code is prepared against the migrated schema.

A renamed column, a missing table or a type that does not fit fails here, by file and line, before any test
happens to walk that path.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL

import shopfloor

SOURCE = Path(shopfloor.__file__).parent
# A database of its own, which is none of ours.
FOREIGN = {
    "payment_providers/sandbox.py", "payment_providers/sandbox_store.py",
    # DuckDB's, over the tables of a question.
    "analysis/process.py", "web/console/ask.py",
}  # fmt: skip
SQL_WORDS = ("SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH ")
PARAMETER = re.compile(r"%\((\w+)\)[sbt]|%b|%s|%t")


FILES = sorted(str(file.relative_to(SOURCE)) for file in SOURCE.rglob("*.py"))


def beginnings(found: Iterable[ast.Module]) -> dict[str, str]:
    """Texts with a name of their own, which statements begin with: `SELECT_HOLDS + "WHERE ..."`."""
    return {
        node.target.id: node.value.value
        for tree in found
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }


# Not while tests are collected, which each worker does: parsing everything takes seconds.
@cache
def statements() -> dict[str, dict[str, str]]:
    """By file: the statements in it, by file and line."""
    trees = {file: ast.parse((SOURCE / file).read_text()) for file in FILES if file not in FOREIGN}
    named = beginnings(trees.values())
    return {file: dict(statements_in(file, tree, named)) for file, tree in trees.items()}


def statements_in(file: str, tree: ast.Module, named: Mapping[str, str]) -> Iterator[tuple[str, str]]:
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
            yield f"{file}:{node.lineno}:{node.col_offset}", text


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


def refused(connection: psycopg.Connection, found: Mapping[str, str]) -> dict[str, str]:
    """What the schema does not accept, with what it says."""
    wrong: dict[str, str] = {}
    for where, sql in found.items():
        try:
            connection.execute(SQL("PREPARE checked AS " + numbered(sql)))  # pyright: ignore[reportArgumentType]
        except psycopg.Error as problem:
            wrong[where] = f"{problem}\n{sql}"
        else:
            connection.execute("DEALLOCATE checked")
    return wrong


def test_the_schema_accepts_it(connection: psycopg.Connection) -> None:
    wrong = [refused(connection, found) for found in statements().values()]

    assert [each for each in wrong if each] == []


def test_what_the_schema_does_not_have_is_named(connection: psycopg.Connection) -> None:
    found = {
        "a.py:1:0": "SELECT id FROM stock.hold WHERE id = %(id)s",
        "a.py:2:0": "SELECT nothing FROM stock.hold",
    }

    assert list(refused(connection, found)) == ["a.py:2:0"]


def test_the_walk_finds_statements() -> None:
    found = [sql for inside in statements().values() for sql in inside.values()]
    assert len(found) > 500
    assert (
        sum("FROM stock.hold AS h" in sql and "WHERE" in sql and "h.part, h.shop_id" in sql for sql in found)
        == 9
    )


IN_ORDER = re.compile(
    r"ORDER BY stock\.lock_rank\((\w+\.)?pool_id\), (\w+\.)?pool_id DESC, (\w+\.)?id FOR NO KEY UPDATE"
)
# Levels of one pool: the one order is that of their ids.
WITHIN_ONE_POOL = re.compile(
    r"%\(pool_id\)s.* ORDER BY l\.id FOR NO KEY UPDATE OF l\b|ORDER BY l\.id FOR NO KEY UPDATE OF l\b.*%\(pool_id\)s"
)
ONE_LEVEL = re.compile(r"UPDATE stock\.level AS l SET .*? WHERE l\.id = %\(level_id\)s")


def locks_levels_anyhow(sql: str) -> bool:
    """Whether it may lock several levels in an order that is not the one all others keep."""
    said = " ".join(sql.split())
    writes = re.search(r"\b(UPDATE|DELETE FROM) stock\.level\b", said)
    locks = re.search(r"\b(FROM|JOIN) stock\.level\b", said) and re.search(r"\bFOR (NO KEY )?UPDATE\b", said)
    if not writes and not locks:
        return False
    return not (IN_ORDER.search(said) or WITHIN_ONE_POOL.search(said) or ONE_LEVEL.search(said))


def test_what_locks_several_levels_does_so_in_the_one_order() -> None:
    """A statement that updates rows as they lie meets another that does so from the other end: both wait for ever."""
    found = {where: sql for inside in statements().values() for where, sql in inside.items()}
    assert [where for where, sql in found.items() if locks_levels_anyhow(sql)] == []
    assert sum("UPDATE stock.level" in sql for sql in found.values()) >= 5


@pytest.mark.parametrize(
    ("sql", "anyhow"),
    [
        ("UPDATE stock.level SET held = 0 WHERE id = ANY(%(ids)s)", True),
        ("UPDATE stock.level AS l SET held = 0 FROM unnest(%(ids)s) AS t (id) WHERE l.id = t.id", True),
        ("SELECT id FROM stock.level WHERE pool_id = 1 FOR UPDATE", True),
        ("SELECT id FROM stock.level WHERE pool_id = 1 ORDER BY id FOR NO KEY UPDATE", True),
        (
            """WITH locked AS (SELECT id FROM stock.level ORDER BY stock.lock_rank(pool_id), pool_id DESC, id
               FOR NO KEY UPDATE) UPDATE stock.level AS l SET held = 0 FROM locked WHERE l.id = locked.id""",
            False,
        ),
        ("UPDATE stock.level AS l SET held = 0 WHERE l.id = %(level_id)s", False),
        ("SELECT id FROM stock.level", False),
    ],
)  # fmt: skip
def test_an_order_of_its_own_is_named(sql: str, anyhow: bool) -> None:
    assert locks_levels_anyhow(sql) is anyhow

"""One check of where a request comes from, and one algorithm that says how often somebody may do something."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import shopfloor
from shopfloor.kernel.errors import TooMany

SOURCE = Path(shopfloor.__file__).parent
ORIGIN = "kernel/origin.py"
# "Too many" that no allowance in memory says.
COUNTED_ELSEWHERE = {
    "auth": "Tries are rows: they count for all processes, and after a restart.",
    "chat": "Lines are rows, and the slow mode of a show is a column of it.",
    "customers": "Codes are rows, and are counted by address and by network.",
    "giveaways": "Entries are rows, and are counted by network.",
    "payments": "Attempts are rows; whoever tries cards meets the same count in every process.",
    "promotions": "The queue of claims is full; tries of codes have an allowance.",
    "stock": "The queue of the intake is full.",
}


def origin_read(tree: ast.AST) -> Iterator[int]:
    """Lines that read `Origin` or `Sec-Fetch-Site` of a request."""
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=bytes(name)) if name.lower() in {b"origin", b"sec-fetch-site"}:
                yield node.lineno
            case ast.Constant(value=str(name)) if name.lower() == "sec-fetch-site":
                yield node.lineno
            case ast.Call(
                func=ast.Attribute(value=ast.Attribute(attr="headers"), attr="get"),
                args=[ast.Constant(value=str(name)), *_],
            ) if name.lower() == "origin":
                yield node.lineno
            case ast.Subscript(value=ast.Attribute(attr="headers"), slice=ast.Constant(value=str(name))) if (
                name.lower() == "origin"
            ):
                yield node.lineno
            case _:
                continue


def test_one_function_reads_where_a_request_comes_from() -> None:
    found = {
        str(file.relative_to(SOURCE))
        for file in SOURCE.rglob("*.py")
        if "origin" in (text := file.read_text().lower()) or "sec-fetch-site" in text
        if any(origin_read(ast.parse(file.read_text())))
    }
    assert found == {ORIGIN}


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("request.headers.get('Origin')", [1]),
        ("x = 1\nrequest.headers['origin']", [2]),
        ("for name, _ in headers:\n    name == b'origin'", [2]),
        ("'sec-fetch-site' in scope", [1]),
        ("get(headers={'origin': address})", []),
        ("PLACE = 'origin'", []),
    ],
)
def test_what_counts_as_reading_it(code: str, lines: list[int]) -> None:
    assert list(origin_read(ast.parse(code))) == lines


def subclasses(of: type[TooMany]) -> Iterator[type[TooMany]]:
    for each in of.__subclasses__():
        yield each
        yield from subclasses(each)


def room_of(path: str) -> str:
    """The module a refusal belongs to; the pages are one file each."""
    parts = path.split(".")[1:]
    return f"web/{parts[1]}.py" if parts[0] == "web" else parts[0]


def test_one_algorithm_says_how_often() -> None:
    for file in SOURCE.rglob("*.py"):
        if "(TooMany)" in file.read_text():
            name = ".".join(("shopfloor", *file.relative_to(SOURCE).with_suffix("").parts))
            __import__(name)
    refusing = {
        room_of(each.__module__) for each in subclasses(TooMany) if each.__module__.startswith("shopfloor.")
    }
    limited = {
        room_of(".".join(("shopfloor", *file.relative_to(SOURCE).with_suffix("").parts)))
        for file in SOURCE.rglob("*.py")
        if "rate_limit import Gcra" in file.read_text()
    }

    assert refusing - limited == COUNTED_ELSEWHERE.keys() - {"promotions"}
    assert COUNTED_ELSEWHERE.keys() <= refusing

"""Tests wait for conditions, never for time to pass; and they hold what the product does, not how it is written."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parents[1]
HELPER: Final = "waiting.py"

# Where time itself is what the test is about.
MEASURED: Final = {
    "app/test_app_demo.py": ["test_told_to_end_it_leaves_nothing_behind"],
    "media/test_media_show.py": [
        "test_a_second_publisher_is_refused_until_the_first_falls_silent", "test_the_time_between_two_runs_is_a_gap",
        "test_a_playlist_ends_when_nobody_comes_back", "test_replay_equals_what_was_served_and_keeps_the_moments",
    ],
    "upgrade/fill.py": ["main"],
}  # fmt: skip
# Somebody takes a while over what they do: a viewer watches, a camera keeps to the clock, a door is slow, and who takes
# part in a race starts at another moment each time.
PACED: Final = {
    "app/test_app_figures.py": ["known"],
    "app/test_app_jobs.py": ["ended"],
    "app/test_app_several.py": ["sends", "test_what_is_not_in_a_show_is_for_staff_through_both"],
    "catalog/test_catalog_bundles.py": ["make"],
    "catalog/test_catalog_service.py": ["run"],
    "kernel/test_kernel_connections.py": ["test_a_body_goes_on_only_for_a_moment_after_its_answer"],
    "kernel/test_kernel_outbound.py": ["drip"],
    "live/test_live_stream.py": [
        "later", "test_beats_make_viewers_and_leaving_is_told",
    ],
    "races/test_races_stock_buyers.py": ["close", "expire"],
}  # fmt: skip
# Nothing is to happen, and there is nothing to wait for: the pause gives it a chance to happen all the same.  Passes
# too easily on a slow machine, never fails on one.
NOTHING_HAPPENS: Final = {
    "kernel/test_kernel_jobs.py": ["test_the_dispatcher_starts_a_worker_when_a_job_is_committed_and_only_then"],
    "kernel/test_kernel_postgres.py": ["test_a_server_that_cannot_be_started_again_yet_is_tried_again"],
    "media/test_media_rtmp.py": ["test_a_file_sent_too_fast_is_slowed_down"],
    "media/test_media_show.py": ["test_a_reconnect_goes_on_in_the_same_playlist"],
    "orders/test_orders_quick.py": [
        "test_a_flood_on_one_connection_is_read_no_further", "test_answers_leave_in_the_order_of_asking",
    ],
}  # fmt: skip
# Seconds.  A machine that is ten times slower than its author's may still take so long for what takes a moment.
SHORTEST: Final = 30
# By the name of what waits: where it is told how long.
DEADLINES: Final = {"wait_for": 1, "timeout": 0, "wait": 0, "join": 0, "result": 0}
# Public in spite of their names.
OF_TUPLES: Final = frozenset({"_asdict", "_exit", "_fields", "_make", "_replace"})

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def files() -> dict[str, ast.Module]:
    return {str(path.relative_to(TESTS)): ast.parse(path.read_text()) for path in sorted(TESTS.rglob("*.py"))}


@cache
def walked(tree: ast.AST) -> list[ast.AST]:
    return list(ast.walk(tree))


def pauses(tree: ast.AST, within: str = "", *, polled: bool = False) -> Iterator[str]:
    """The functions in which somebody sleeps for a time, outside a loop that ends when something is true."""
    for node in ast.iter_child_nodes(tree):
        inner, is_poll = within, polled
        if isinstance(node, Function):
            inner, is_poll = node.name, False
        elif isinstance(node, ast.While):
            is_poll = not isinstance(node.test, ast.Constant) or _ends_inside(
                node, ast.Break, ast.Return, ast.Assert
            )
        elif isinstance(node, ast.For | ast.AsyncFor):
            is_poll = polled or _ends_inside(node, ast.Break, ast.Return)
        if isinstance(node, ast.Call) and _sleeps(node) and not polled:
            yield within
        yield from pauses(node, inner, polled=is_poll)


def _ends_inside(loop: ast.AST, *by: type[ast.AST]) -> bool:
    return any(isinstance(each, by) for each in ast.walk(loop))


def _sleeps(call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute) or call.func.attr != "sleep":
        return False
    # Letting others have their turn is no pause.
    return not (call.args and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0)


def hasty(tree: ast.AST) -> Iterator[str]:
    """Deadlines, in seconds, that a slow machine misses.  Shorter than one: not a deadline, but how often is asked."""
    for call in walked(tree):
        if not isinstance(call, ast.Call):
            continue
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        at = DEADLINES.get(name, len(call.args))
        given = [*call.args[at : at + 1], *(each.value for each in call.keywords if each.arg == "timeout")]
        for each in given:
            seconds = each.value if isinstance(each, ast.Constant) else None
            if isinstance(seconds, int | float) and 1 <= seconds < SHORTEST:
                yield f"{ast.unparse(call)[:80]} in line {call.lineno}"


def private(tree: ast.Module) -> Iterator[str]:
    """Names with an underscore that are not of this file, its own objects or the interpreter's."""
    own = {
        each.attr
        for each in walked(tree)
        if isinstance(each, ast.Attribute)
        and isinstance(each.value, ast.Name)
        and each.value.id in {"self", "cls"}
    }
    for node in walked(tree):
        if isinstance(node, ast.Attribute) and _is_private(node.attr) and node.attr not in own:
            yield node.attr
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("shopfloor"):
            yield from (each.name for each in node.names if _is_private(each.name))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and "attr" in node.func.attr:
            for each in node.args[:2]:
                if isinstance(each, ast.Constant) and isinstance(each.value, str):
                    name = each.value.rsplit(".", 1)[-1]
                    if _is_private(name):
                        yield name


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in OF_TUPLES


def test_nobody_sleeps_but_where_a_pause_is_what_is_tested() -> None:
    found = {
        (file, name)
        for file, tree in files().items()
        if file != HELPER and "sleep(" in (TESTS / file).read_text()
        for name in pauses(tree)
    }
    allowed = {
        (file, name)
        for kind in (MEASURED, PACED, NOTHING_HAPPENS)
        for file, names in kind.items()
        for name in names
    }

    assert sorted(found - allowed) == [], "wait for a condition: tests/waiting.py"
    assert sorted(allowed - found) == [], "does not sleep any longer: take it off the list"


def test_a_deadline_leaves_a_slow_machine_its_time() -> None:
    found = [f"{file}: {each}" for file, tree in files().items() for each in hasty(tree)]

    assert found == [], "PATIENCE of tests/waiting.py"


def test_no_private_name_of_the_product_is_used() -> None:
    found = {(file, name) for file, tree in files().items() for name in private(tree)}

    assert sorted(found) == [], "hold what it does, by its public names"


def test_a_pause_a_hasty_deadline_and_a_private_name_are_seen() -> None:
    pause = "async def test_x():\n    await go()\n    await asyncio.sleep(0.1)\n    for _ in range(3):\n        time.sleep(1)\n"
    poll = "def test_x():\n    while not done():\n        time.sleep(0.1)\n    await asyncio.sleep(0)\n"
    haste = (
        "await asyncio.wait_for(go(), 5)\nasync with asyncio.timeout(20):\n    process.wait(20)\n"
        "get(url, timeout=5)\nprocess.wait(60)\nevent.wait(0.1)\n', '.join(names)\nawait asyncio.wait_for(go(), PATIENCE)\n"
    )
    peek = "from shopfloor.stock import _a\nx._b = 1\nmonkeypatch.setattr('shopfloor.stock._c', 1)\nrow._replace(a=1)\n"

    assert list(pauses(ast.parse(pause))) == ["test_x", "test_x"]
    assert list(pauses(ast.parse(poll))) == []
    assert len(list(hasty(ast.parse(haste)))) == 4
    assert sorted(private(ast.parse(peek))) == ["_a", "_b", "_c"]

"""Everything that must hold before a change goes in, in the order in which it fails fastest."""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import assets
import chromium
import debian

BIN = Path(sys.executable).parent
LINT = {
    "style": [BIN / "ruff", "check", "--quiet", "."],
    "format": [BIN / "ruff", "format", "--check", "--quiet", "."],
    "types": [BIN / "basedpyright", "--level", "error"],
    "borders": [BIN / "lint-imports", "--no-cache"],
}

# Three workers for two cores, since a third of the time goes by in waiting; each with a database server of its own, a
# file in one of them: what its tests share is made once.  The longest files first (tests/conftest.py).
WORKERS = ("-n", "3", "--dist", "loadfile", "--no-loadscope-reorder")


# Pages and processes in real time, on a machine that may do other things: a few that fail are tried once more, alone,
# and named if they pass then.  What is about races, money or data has one try.
TRIED_TWICE = ("tests/app/", "tests/browser/")
MOST_TRIED_TWICE = 3
LAST_FAILED = Path(".pytest_cache/v/cache/lastfailed")


# Spins until whoever started it is gone, at the priority of the tests: they get half of the machine.
SPIN = """
import os
parent = os.getppid()
while os.getppid() == parent:
    for _ in range(1_000_000):
        pass
"""


@contextlib.contextmanager
def busy_cores() -> Generator[None]:
    """Every core has something else to do meanwhile."""
    spinning = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()


def run(name: str, command: Sequence[Path | str], **how: Any) -> int:
    """The exit status of a command, said with its time."""
    print(f"── {name}", flush=True)
    began = time.monotonic()
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, **how)
    print(
        f"── {name}: {'ok' if done.returncode == 0 else 'FAILED'} ({time.monotonic() - began:.0f} s)",
        flush=True,
    )
    return done.returncode


def step(name: str, command: Sequence[Path | str], **how: Any) -> bool:
    return run(name, command, **how) == 0


def tests(command: Sequence[Path | str]) -> bool:
    """Whether they all pass, a few pages and processes perhaps at the second try."""
    LAST_FAILED.unlink(missing_ok=True)
    status = run("tests", command)
    # 1: all were run and some failed.
    if status != 1 or not LAST_FAILED.exists():
        return status == 0
    failed: list[str] = sorted(json.loads(LAST_FAILED.read_bytes()))
    if not 0 < len(failed) <= MOST_TRIED_TWICE or not all(name.startswith(TRIED_TWICE) for name in failed):
        return False
    if not step("tests, second try", [BIN / "pytest", "-q", *failed]):
        return False
    for name in failed:
        print(f"── UNSTEADY, passed at the second try only: {name}", flush=True)
    return True


def main() -> int:
    # The tests start the program again and again: compile it once.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["lint", "tests"])
    parser.add_argument("--no-browser", action="store_true", help="leave the browser tests out")
    parser.add_argument("--loaded", action="store_true", help="run the tests with every core busy")
    parser.add_argument("--times", type=int, default=1, help="run the tests so many times in a row")
    arguments, pytest_arguments = parser.parse_known_args()
    held = True
    if arguments.only != "tests":
        held = min(step(name, command) for name, command in LINT.items())
        assets.install()
        for name, script in (
            ("front end style", "lint"),
            ("front end types", "check"),
            ("front end tests", "test"),
        ):
            command = [assets.program("npm"), "run", "--silent", script]
            held = step(name, command, cwd=assets.FRONTEND, env=assets.environment()) and held
    if arguments.only != "lint":
        if arguments.no_browser:
            pytest_arguments += ["-m", "not browser"]
        else:
            os.environ["SHOPFLOOR_CHROMIUM"] = chromium.ensure()
        os.environ.update(debian.ensure())
        command = [BIN / "pytest", "-q", *WORKERS, "--durations=25", *pytest_arguments]
        with busy_cores() if arguments.loaded else contextlib.nullcontext():
            for _ in range(arguments.times):
                held = tests(command) and held
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())

"""Run the tests that drive programs of others, one program after the other: `python tools/foreign.py [name …]`.

What is not here is named, and so is what no test drives: each program gets a line.  Fails when a test fails, or was
skipped although its program is here.  A program that is missing fails nothing unless `--all` asks for every one.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

sys.path.insert(0, str(Path(__file__).parent))

import assets
import chromium
import debian


@dataclass(frozen=True)
class Foreign:
    """A program, how it is found (nothing: it is not here) and the tests that drive it (none: nothing does)."""

    name: str
    find: Callable[[], str | None]
    tests: tuple[str, ...] = ()


def _on_path(*names: str) -> Callable[[], str | None]:
    return lambda: next(filter(None, map(shutil.which, names)), None)


def _of_npm(name: str) -> Callable[[], str | None]:
    return lambda: shutil.which(name, path=str(assets.FRONTEND / "node_modules/.bin"))


# Clients of payment providers by others: only tests of theirs want them, so they have a lockfile of their own.
PAYMENT_CLIENTS = assets.ROOT / "tests/payments/foreign"


def _payment_clients() -> str | None:
    found = PAYMENT_CLIENTS / "node_modules/alipay-sdk"
    return str(found.parent) if found.is_dir() else None


def _engine(library: str) -> Callable[[], str | None]:
    """A Python that has this library: the one of SHOPFLOOR_ENGINES, or ours."""

    def find() -> str | None:
        python = os.environ.get("SHOPFLOOR_ENGINES", sys.executable)
        known = f"import sys, importlib.util as u; sys.exit(u.find_spec({library!r}) is None)"
        return python if subprocess.run([python, "-c", known], check=False).returncode == 0 else None

    return find


_COUNTS = "tests/collector/test_collector_engines.py::test_an_engine_counts_each_event_once"
PROGRAMS = (
    Foreign(
        "pgbouncer", lambda: debian.find("SHOPFLOOR_PGBOUNCER"), ("tests/kernel/test_kernel_pgbouncer.py",)
    ),
    Foreign(
        "pebble", lambda: debian.find("SHOPFLOOR_PEBBLE"), ("tests/certificates/test_certificates_acme.py",)
    ),
    Foreign("faketime", lambda: debian.find("SHOPFLOOR_FAKETIME"), ("tests/races/test_races_clock.py",)),
    Foreign("openapi-typescript", _of_npm("openapi-typescript"), ("tests/app/test_app_clients.py",)),
    Foreign("payment-clients", _payment_clients, ("tests/payments/test_payments_foreign.py",)),
    Foreign("localstripe", _on_path("localstripe"), ("tests/payments/test_payments_localstripe.py",)),
    Foreign("chromium", chromium.find, ("tests/browser",)),
    Foreign("polars", _engine("polars"), (f"{_COUNTS}[Polars]",)),
    Foreign("spark", _engine("pyspark"), (f"{_COUNTS}[Spark]",)),
    Foreign("clickhouse", _engine("chdb"), (f"{_COUNTS}[ClickHouse (chDB)]",)),
    Foreign("obs", _on_path("obs", "obs-studio")),
    Foreign("gstreamer", _on_path("gst-launch-1.0")),
    Foreign("vlc", _on_path("cvlc", "vlc")),
    Foreign("mpv", _on_path("mpv")),
)


def _install_payment_clients() -> None:
    """Where the registry is reachable; else they are missing."""
    subprocess.run(
        [assets.program("npm"), "ci", "--silent"], check=False, cwd=PAYMENT_CLIENTS, env=assets.environment()
    )


def run(program: Foreign) -> tuple[bool, str]:
    """Whether its tests held, and what they came to."""
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-n", "0", f"--junitxml={report}", *program.tests]
        done = subprocess.run(command, check=False, cwd=assets.ROOT, stdin=subprocess.DEVNULL)
        if not report.exists():
            return False, f"FAILED, pytest ended with {done.returncode}"
        suite = next(ET.parse(report).iter("testsuite"))
    counts = {kind: int(suite.get(kind, 0)) for kind in ("tests", "failures", "errors", "skipped")}
    held = done.returncode == 0 and counts["tests"] > counts["skipped"] == 0
    said = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count or kind == "tests")
    return held, f"{'ok' if held else 'FAILED'}, {said}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=" ".join(each.name for each in PROGRAMS))
    parser.add_argument("--all", action="store_true", help="fail when a program is missing")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - {each.name for each in PROGRAMS}
    if unknown:
        parser.error(f"no such program: {', '.join(sorted(unknown))}")
    chosen = [each for each in PROGRAMS if not arguments.names or each.name in arguments.names]
    assets.install()
    if any(program.name == "payment-clients" for program in chosen):
        _install_payment_clients()
    os.environ.update(debian.ensure())
    held, lines = True, list[str]()
    for program in chosen:
        path = program.find()
        if path is None or path == "":
            held = held and not arguments.all
            lines.append(f"{program.name}: MISSING{'' if program.tests else ', and no test drives it'}")
        elif not program.tests:
            lines.append(f"{program.name}: NOT TESTED, it is here ({path}) but no test drives it")
        else:
            if program.name == "chromium":
                os.environ["SHOPFLOOR_CHROMIUM"] = path
            good, said = run(program)
            held = held and good
            lines.append(f"{program.name}: {said}")
    print("\n".join(["", *lines]))
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())

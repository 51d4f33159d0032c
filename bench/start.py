"""How soon the program answers and how much it holds, beside programs that do nothing.

Three questions, each the best of several tries on this machine and in this minute:

    help    `shopfloor --help` beside `python -c 'import click'`: seconds of wall clock, peak memory
    start   `shopfloor web` on a shop that exists until /healthz answers, beside uvicorn with an empty FastAPI
            application; the database runs already.  `up` as well, which starts the database itself, beside both
    idle    half a minute without a visitor: memory as PSS, share of a core and how often a thread wakes a second,
            PostgreSQL apart, beside the empty application

A core that is shared with others takes several times as long for the same work, and says so as its own time: a loop
that takes 0.06 s on a core of its own is timed before and after, and shares are divided by how much longer it took.
How often threads wake depends on nobody.

The last line is JSON.  Exit status 1 when a limit is broken: help at most 3 times the baseline and 60 MB; the web
process ready within 2 times the baseline; idle at most 130 MB and 1 % of a core, `up` 200 MB and 2 %.
"""

import contextlib
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

import httpx
from rich.progress import track

from shopfloor.kernel.migrations import migrate
from shopfloor.kernel.postgres import EmbeddedPostgres

TRIES = int(os.environ.get("TRIES", "5"))
LOOP_SECONDS = 0.06
IDLE = float(os.environ.get("IDLE_SECONDS", "30"))
SHOPFLOOR = [sys.executable, "-m", "shopfloor"]
EMPTY = "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/healthz')\ndef healthz() -> str:\n    return 'ok'\n"


# At its end a process says the most that it ever held; what the kernel tells its parent counts the parent's own
# memory from before the start of the program.
SAYS_ITS_PEAK = """
import atexit, sys
atexit.register(lambda: sys.stderr.write(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1]))
"""


def once(program: str) -> tuple[float, float]:
    """Seconds and peak MB of a program that ends."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", SAYS_ITS_PEAK + program],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    return time.perf_counter() - began, int(done.stderr.split()[-1]) / 1024


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def family(pid: int) -> list[int]:
    """The process and what it started that is no PostgreSQL."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in family(int(child)))]


def pss(pids: list[int]) -> float:
    """MB, shared pages in equal parts."""
    total = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError):
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += int(re.search(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)[1])  # pyright: ignore[reportOptionalSubscript]
    return total / 1024


def ticks(pids: list[int]) -> float:
    """Seconds of CPU so far."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split() for pid in pids]
    return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")


def wakings(pid: int) -> int:
    """How often the threads of the process waited and went on."""
    total = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):
            status = (thread / "status").read_text()
            total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.MULTILINE)[1])  # pyright: ignore[reportOptionalSubscript]
    return total


def slowness() -> float:
    began = time.process_time()
    sum(range(5_000_000))
    return max(1.0, (time.process_time() - began) / LOOP_SECONDS)


def postgres(data_dir: Path) -> list[int]:
    file = data_dir / "postgres/data/postmaster.pid"
    return family(int(file.read_text().split("\n", 1)[0])) if file.exists() else []


@contextlib.contextmanager
def serving(command: list[str], port: int, environment: dict[str, str]) -> Generator[tuple[float, int]]:
    """Seconds until /healthz answered 200, and the process."""
    began = time.perf_counter()
    child = subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )  # fmt: skip
    try:
        with httpx.Client(trust_env=False) as client:
            while True:
                assert child.poll() is None, command
                assert time.perf_counter() < began + 60, command
                with contextlib.suppress(httpx.TransportError):
                    if client.get(f"http://127.0.0.1:{port}/healthz").status_code == 200:
                        break
                time.sleep(0.005)
        yield time.perf_counter() - began, child.pid
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(60)


def ready(command: list[str], environment: dict[str, str], *, flag: str | None = None) -> float:
    best = 60.0
    for _ in range(TRIES):
        port = free_port()
        own = [*command, flag, str(port)] if flag else command
        with serving(own, port, environment | {"SHOPFLOOR_PORT": str(port)}) as (seconds, _pid):
            best = min(best, seconds)
    return best


def idle(
    command: list[str], environment: dict[str, str], data_dir: Path, *, flag: str | None = None
) -> dict[str, float]:
    port = free_port()
    own_command = [*command, flag, str(port)] if flag else command
    with serving(own_command, port, environment | {"SHOPFLOOR_PORT": str(port)}) as (_, pid):
        time.sleep(3)
        apart = set(postgres(data_dir))
        slow, before, woken, began = slowness(), ticks([pid]), wakings(pid), time.monotonic()
        for _ in track(range(round(IDLE)), description=f"{command[-1]} idles"):
            time.sleep(1)
        spent = time.monotonic() - began
        used, woken = ticks([pid]) - before, wakings(pid) - woken
        slow = (slow + slowness()) / 2
        own = [each for each in family(pid) if each not in apart]
        return {
            "mb": pss(own), "core": used / spent / slow, "slowness": slow, "wakings": woken / spent,
            "postgres_mb": pss(postgres(data_dir)),
        }  # fmt: skip


def main() -> int:
    place = Path(tempfile.mkdtemp(prefix="shopfloor-start-"))
    place.chmod(0o711)
    (place / "empty.py").write_text(EMPTY)
    quiet = {
        "SHOPFLOOR_DATA_DIR": str(place / "data"),
        "SHOPFLOOR_RTMP_PORT": "0",
        "SHOPFLOOR_LOG_LEVEL": "WARNING",
    }
    (place / "data").mkdir(mode=0o711)
    try:
        help_s, help_mb = (
            min(each)
            for each in zip(
                *(once("from shopfloor.cli import main\nmain(['--help'])") for _ in range(TRIES)), strict=True
            )
        )
        click_s, click_mb = (
            min(each) for each in zip(*(once("import click") for _ in range(TRIES)), strict=True)
        )
        print(
            f"--help       {help_s:6.3f} s  {help_mb:6.1f} MB   import click {click_s:.3f} s  {click_mb:.1f} MB"
        )
        uvicorn = [
            sys.executable,
            "-m",
            "uvicorn",
            "--app-dir",
            str(place),
            "--log-level",
            "warning",
            "empty:app",
        ]
        empty = ready(uvicorn, {}, flag="--port")
        empty_idle = idle(uvicorn, {}, place / "data", flag="--port")
        server = EmbeddedPostgres(place / "data")
        with server:
            migrate(server.dsn)
            web = ready([*SHOPFLOOR, "web"], quiet)
        began = time.perf_counter()
        with server:
            database = time.perf_counter() - began
        up = ready([*SHOPFLOOR, "up"], quiet)
        print(
            f"ready        web {web:.2f} s  up {up:.2f} s   empty FastAPI {empty:.2f} s  database {database:.2f} s"
        )
        with server:
            web_idle = idle([*SHOPFLOOR, "web"], quiet, place / "data")
        up_idle = idle([*SHOPFLOOR, "up"], quiet, place / "data")
        for name, found in (("empty", empty_idle), ("web", web_idle), ("up", up_idle)):
            print(
                f"{name:<5} idle   {found['mb']:6.1f} MB PSS  {found['core']:6.2%} of a core  {found['wakings']:5.1f} wakings/s  "
                f"PostgreSQL {found['postgres_mb']:.1f} MB   the core was {found['slowness']:.1f} times slower than alone"
            )
    finally:
        shutil.rmtree(place, ignore_errors=True)
    figures = {
        "help_seconds": help_s, "help_ratio": help_s / click_s, "help_mb": help_mb, "empty_seconds": empty,
        "database_seconds": database, "web_seconds": web, "web_ratio": web / empty, "up_seconds": up,
        "up_ratio": (up - database) / empty, "web_idle_mb": web_idle["mb"], "web_idle_core": web_idle["core"],
        "up_idle_mb": up_idle["mb"], "up_idle_core": up_idle["core"], "postgres_mb": up_idle["postgres_mb"],
        "empty_idle_core": empty_idle["core"], "empty_wakings": empty_idle["wakings"], "web_wakings": web_idle["wakings"],
        "up_wakings": up_idle["wakings"],
    }  # fmt: skip
    limits = {"help_ratio": 3.0, "help_mb": 60.0, "web_ratio": 2.0, "up_ratio": 2.0, "web_idle_mb": 130.0, "web_idle_core": 0.01,
              "up_idle_mb": 200.0, "up_idle_core": 0.02}  # fmt: skip
    broken = {name: limit for name, limit in limits.items() if figures[name] > limit}
    print(json.dumps({name: round(value, 4) for name, value in figures.items()} | {"broken": sorted(broken)}))
    return 1 if broken else 0


if __name__ == "__main__":
    # As pip installs: the code is compiled once, by the first of the tries at the latest, the baseline's as ours.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(main())

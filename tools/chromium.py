"""Find a Chromium for the browser tests, or fetch one.

Looked for in this order: SHOPFLOOR_CHROMIUM, the PATH, the one Playwright keeps; then installed with the
system's package manager (as root on Debian and its kin), else with `playwright install`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find() -> str | None:
    given = os.environ.get("SHOPFLOOR_CHROMIUM")
    if given:
        return given
    for name in NAMES:
        path = shutil.which(name)
        if path:
            return path
    kept = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH", Path.home() / ".cache/ms-playwright"))
    return next(
        (str(path) for path in sorted(kept.glob("chromium-*/chrome-linux*/chrome"), reverse=True)), None
    )


def fetch() -> str | None:
    """Install a browser; return its path, or None when every way failed."""
    apt = shutil.which("apt-get")
    if apt and os.geteuid() == 0:
        print("installing Chromium for the browser tests", flush=True)
        quiet = {"DEBIAN_FRONTEND": "noninteractive", **os.environ}
        for command in (
            [apt, "update", "-qq"],
            [apt, "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-noto-cjk"],
        ):
            subprocess.run(
                command, check=False, env=quiet, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        if find():
            return find()
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
    return find()


def ensure() -> str:
    path = find() or fetch()
    if path is None:
        sys.exit(
            "No Chromium could be found or installed for the browser tests. Install one and name it: "
            "SHOPFLOOR_CHROMIUM=/path/to/chromium make test"
        )
    return path


if __name__ == "__main__":
    print(ensure())

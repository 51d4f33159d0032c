"""A picture out of a film, where this machine has ffmpeg: the `demo` extra, or a program of its own.

It runs as a child beside the job that asks for it, at low priority and for a bounded time: it never slows the sale, and
without it pages show the picture of the product.
"""

import importlib
import shutil
import subprocess
from pathlib import Path
from typing import Final

from shopfloor.kernel import logs, storage

SECONDS: Final = 60.0
WIDTH: Final = 960

_log = logs.get("media")


def program() -> str | None:
    """Where ffmpeg is; None without it."""
    try:
        return str(importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return shutil.which("ffmpeg")


def take_picture(film: Path, picture: Path) -> bool:
    """Keep the most telling frame of the first seconds as a JPEG; False where that cannot be done."""
    found = program()
    if found is None:
        return False
    nice = shutil.which("nice")
    command = [
        *([nice, "-n", "15"] if nice else []), found, "-nostdin", "-v", "error", "-threads", "1", "-i", str(film),
        "-frames:v", "1", "-vf", f"thumbnail=60,scale=w='min({WIDTH},iw)':h=-2", "-c:v", "mjpeg", "-q:v", "4",
        "-f", "image2pipe", "-",
    ]  # fmt: skip
    try:
        taken = subprocess.run(
            command, check=True, capture_output=True, timeout=SECONDS, stdin=subprocess.DEVNULL
        )
        with storage.written(picture) as file:
            file.write(taken.stdout)
    except (OSError, subprocess.SubprocessError) as problem:
        _log.warning("media.no_picture", film=film.name, why=type(problem).__name__)
        return False
    return True

"""The built front end: which file a name became, and how it is sent.

File names carry a hash of their content, so browsers may keep them for ever.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from starlette.responses import Response
from starlette.staticfiles import StaticFiles

STATIC: Final = Path(__file__).parent / "static"
PREFIX: Final = "/static/"


@dataclass(frozen=True, slots=True)
class Asset:
    """`url` of a built file and the `imports` (URLs) a script loads at once; `gzip` is the bytes of all of them."""

    url: str
    imports: tuple[str, ...]
    gzip: int


def manifest() -> dict[str, Asset]:
    """Every built file by the name pages use, also when it was built anew meanwhile.

    Raises RuntimeError when the front end was not built.
    """
    path = STATIC / "manifest.json"
    try:
        return _read(path, path.stat().st_mtime_ns)
    except FileNotFoundError as problem:
        raise RuntimeError("The front end is not built yet: run `make assets`.") from problem


@lru_cache(1)
def _read(path: Path, _changed: int) -> dict[str, Asset]:
    return {
        name: Asset(PREFIX + entry["file"], tuple(PREFIX + one for one in entry["imports"]), entry["gzip"])
        for name, entry in json.loads(path.read_text()).items()
    }


def asset(name: str) -> Asset:
    """Raises KeyError for a name that was not built."""
    return manifest()[name]


class Files(StaticFiles):
    """Static files that never change under their name."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # pyright: ignore[reportArgumentType]
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response

    def lookup_path(self, path: str) -> tuple[str, object]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The manifest and the build stamp are ours alone."""
        if path.startswith(".") or path == "manifest.json":
            return "", None
        return super().lookup_path(path)


def files() -> Files:
    return Files(directory=STATIC, check_dir=False)


__all__ = ["Asset", "asset", "files", "manifest"]

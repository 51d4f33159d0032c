"""The built front end: which file a name became, and how it is sent.

File names carry a hash of their content, so browsers may keep them for ever.
"""

import json
import mimetypes
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from shopfloor.kernel.encodings import IDENTITY, accepted, choose
from shopfloor.kernel.records import dataclass

STATIC: Final = Path(__file__).parent / "static"
PREFIX: Final = "/static/"
FOREVER: Final = "public, max-age=31536000, immutable"
_OF_CONTENT: Final = frozenset({b"content-type", b"content-length", b"content-encoding"})


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
        name: Asset(
            PREFIX + entry["file"], tuple(PREFIX + chunk for chunk in entry["imports"]), entry["gzip"]
        )
        for name, entry in json.loads(path.read_text()).items()
    }


def asset(name: str) -> Asset:
    """Raises KeyError for a name that was not built."""
    return manifest()[name]


def content_of(name: str) -> bytes:
    """Raises KeyError for a name that was not built."""
    return (STATIC / asset(name).url.removeprefix(PREFIX)).read_bytes()


@dataclass(frozen=True, slots=True)
class Kept:
    """One coding of a file, ready to be sent."""

    body: bytes
    etag: str
    headers: list[tuple[bytes, bytes]]


class Files:
    """Built files from memory, in the coding a client wants.

    All of them together weigh less than a megabyte.  `otherwise` answers what is not asked for a whole built file:
    parts of one, names that are none, other methods.
    """

    def __init__(self, otherwise: ASGIApp, directory: Path = STATIC) -> None:
        self._otherwise = otherwise
        self._directory = directory
        self._kept: dict[str, dict[str, Kept]] = {}
        self._built = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._find(scope["path"].removeprefix(PREFIX)) if scope["type"] == "http" else None
        if found is None or scope["method"] not in {"GET", "HEAD"}:
            await self._otherwise(scope, receive, send)
            return
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        named = {name for name, _ in headers}
        kept = found[choose(accepted(headers), tuple(found)[:-1])]
        known = b"if-none-match" in named and _matches(headers, kept.etag)
        if not known and b"range" in named:
            await self._otherwise(scope, receive, send)
            return
        said = [pair for pair in kept.headers if pair[0] not in _OF_CONTENT] if known else [*kept.headers]
        await send({"type": "http.response.start", "status": 304 if known else 200, "headers": said})
        body = b"" if known or scope["method"] == "HEAD" else kept.body
        await send({"type": "http.response.body", "body": body})

    def _find(self, name: str) -> dict[str, Kept] | None:
        found = self._kept.get(name)
        if found is None and self._is_built_anew():
            found = self._kept.get(name)
        return found

    def _is_built_anew(self) -> bool:
        """Look at the disk again, if a build was finished meanwhile.  Files of the build before stay: pages that are
        open ask for them.
        """
        try:
            built = (self._directory / "manifest.json").stat().st_mtime_ns
        except FileNotFoundError:
            return False
        if built == self._built:
            return False
        self._built = built
        for path in self._directory.iterdir():
            if path.suffix not in {".br", ".gz"} and not is_ours(path.name) and path.is_file():
                self._kept[path.name] = dict(_codings(path))
        return True


def is_ours(name: str) -> bool:
    """The manifest and the build stamp are not served; nor are packed files under their own names."""
    return name.startswith(".") or name == "manifest.json" or name.endswith((".br", ".gz"))


def _codings(path: Path) -> Iterator[tuple[str, Kept]]:
    """The codings there are, the smallest first, the plain bytes last."""
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    kind += "; charset=utf-8" if kind.startswith("text/") else ""
    for coding, suffix in (("br", ".br"), ("gzip", ".gz"), (IDENTITY, "")):
        file = path.with_name(path.name + suffix)
        if suffix and not file.exists():
            continue
        body = file.read_bytes()
        etag = etag_of(path.name, coding)
        headers = {
            "cache-control": FOREVER,
            "content-type": kind,
            "content-length": str(len(body)),
            "etag": etag,
            "vary": "accept-encoding",
            "accept-ranges": "bytes",
        }
        if suffix:
            headers["content-encoding"] = coding
        yield coding, Kept(body, etag, [(name.encode(), value.encode()) for name, value in headers.items()])


def etag_of(name: str, coding: str) -> str:
    """The name carries a hash of the content.  Two codings are different bytes, so they have different tags."""
    return f'"{name}"' if coding == IDENTITY else f'"{name}.{coding}"'


def _matches(headers: Iterable[tuple[bytes, bytes]], etag: str) -> bool:
    tags = [
        tag.strip().removeprefix("W/")
        for name, value in headers
        if name == b"if-none-match"
        for tag in value.decode("latin-1").split(",")
    ]
    return etag in tags or tags == ["*"]


class Parts(StaticFiles):
    """Parts of files, and the answers for names that are none."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = FOREVER
        response.headers["vary"] = "accept-encoding"
        # As the whole file has it: `If-Range` compares the two.
        response.headers["etag"] = etag_of(Path(args[0]).name, IDENTITY)
        return response

    def lookup_path(self, path: str) -> tuple[str, Any]:
        return ("", None) if is_ours(path) else super().lookup_path(path)


def files() -> Files:
    """What pages mount at /static."""
    return Files(Parts(directory=STATIC, check_dir=False))


__all__ = ["Asset", "Files", "asset", "files", "manifest"]

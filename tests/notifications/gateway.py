"""A gateway for SMS that is a real server: quick, slow, out of order, lying, and one that reports twice."""

import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

SECRET = "sk-geheim-17"


@dataclass(frozen=True)
class Got:
    """One request, whatever its form."""

    method: str
    path: str
    headers: dict[str, str]
    fields: dict[str, str]


@dataclass
class FakeGateway:
    """It knows who may send, and numbers what it takes.  `answer` says what the n-th request gets instead: a status and
    a body, "slow" (nothing, for too long) or "cut" (taken, and the line lost).
    """

    answer: Callable[[int], tuple[int, str] | str | None] = lambda _: None
    got: list[Got] = field(default_factory=list[Got])
    taken: list[Got] = field(default_factory=list[Got])
    port: int = 0
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/send"

    def references(self) -> list[str]:
        return [f"m-{place}" for place in range(1, len(self.taken) + 1)]


@contextmanager
def gateway() -> Generator[FakeGateway]:
    made = FakeGateway()

    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(length).decode()
            if "json" in self.headers.get("content-type", ""):
                fields = {str(name): str(value) for name, value in json.loads(body).items()}
            else:
                fields = dict(parse_qsl(body or urlsplit(self.path).query))
            got = Got(
                self.command,
                self.path,
                {name.lower(): value for name, value in self.headers.items()},
                fields,
            )
            made.got.append(got)
            told = made.answer(len(made.got))
            if told == "slow":
                made.released.wait(30)
                return
            if told is None or told == "cut":
                if got.headers.get("authorization") != f"Bearer {SECRET}":
                    told = (401, '{"code": "no_such_key"}')
                else:
                    made.taken.append(got)
                    if told == "cut":
                        return
                    told = (200, json.dumps({"code": 0, "data": {"id": f"m-{len(made.taken)}"}}))
            assert isinstance(told, tuple)
            status, text = told
            self.send_response(status)
            self.send_header("content-length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_POST = do_GET = do_PUT = handle_one  # noqa: N815 -- the library's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        made.released.set()
        server.shutdown()
        server.server_close()

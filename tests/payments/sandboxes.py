"""The provider without money as a server of its own, on a free port."""

import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import uvicorn
from tests.waiting import PATIENCE

from shopfloor.payment_providers import Account
from shopfloor.payment_providers.sandbox import Sandbox, webhook_secret
from shopfloor.payment_providers.stripe import Stripe

KEY = "sk_test_0123456789abcdef"


@dataclass
class Served:
    sandbox: Sandbox
    url: str

    def adapter(self, http: httpx.AsyncClient, *, mode: str = "test", webhook: str = "") -> Stripe:
        secrets = {"secret_key": KEY, "webhook_secret": webhook or webhook_secret(KEY)}
        account = Account(1, 1, mode, {}, secrets, "http://shop.test/payments/stripe/1/notify", http)
        return Stripe(account, base=self.url)


@contextmanager
def serving(path: Path) -> Generator[Served]:
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    sandbox = Sandbox(path, address=lambda: url)
    server = uvicorn.Server(uvicorn.Config(sandbox, lifespan="off", log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    until = time.monotonic() + PATIENCE
    while not server.started and time.monotonic() < until:
        threading.Event().wait(0.01)
    try:
        yield Served(sandbox, url)
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()

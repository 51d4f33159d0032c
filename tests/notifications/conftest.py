"""A shop with orders, and mail servers as they are: quick, slow, strict, forgetful, gone."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from tests.orders.conftest import MakeMarket, Market, make_market, market

from shopfloor import wiring
from shopfloor.collector import Collector
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Database
from shopfloor.kernel.secrets import Box
from shopfloor.notifications.models import MailServer, Security
from shopfloor.notifications.sending import Sender

__all__ = ["MakeMarket", "Market", "make_market", "market"]

BOX = Box((bytes(32),))
ORIGIN = "https://garden.test"


@dataclass
class Post:
    """A real mail server.  `on_rcpt` and `on_data` answer instead of it: a reply, or "lose" for accepting and cutting the
    line without a word.
    """

    on_rcpt: Callable[[str], str | None] = lambda _: None
    on_data: Callable[[int], str | None] = lambda _: None
    taken: list[EmailMessage] = field(default_factory=list[EmailMessage])
    raw: list[bytes] = field(default_factory=list[bytes])
    pipelining: bool = True
    seen: int = 0
    connections: int = 0
    controller: Any = None

    async def handle_RCPT(  # noqa: N802 -- the library's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.on_rcpt(address)
        if answer is not None:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_EHLO(  # noqa: N802 -- the library's name
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", responses[-1]] if self.pipelining else responses

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.seen += 1
        answer = self.on_data(self.seen)
        if answer is not None and answer != "lose":
            return answer
        assert isinstance(envelope.content, bytes)
        self.raw.append(envelope.content)
        self.taken.append(message_from_bytes(envelope.content, policy=default))  # pyright: ignore[reportArgumentType]
        if answer == "lose":
            transport = server.transport
            assert transport is not None
            transport.abort()  # pyright: ignore[reportAttributeAccessIssue]
            await asyncio.sleep(0)
        return "250 taken"

    @property
    def server(self) -> MailServer:
        return MailServer(
            "127.0.0.1", self.controller.port, Security.NONE, sender="shop@garden.test", guarded=False
        )

    def start(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.controller = Controller(self, hostname="127.0.0.1", port=port, enable_SMTPUTF8=True)
        self.controller.start()


@pytest.fixture
def post() -> Iterator[Post]:
    made = Post()
    made.start()
    yield made
    made.controller.stop(no_assert=True)


@pytest.fixture
def sender(database: Database, post: Post) -> Sender:
    return Sender(database, ORIGIN, BOX, own=post.server, patience=10.0)


@pytest.fixture
def hear(database: Database, tmp_path: Path) -> Callable[[], Any]:
    """Hand every fact to whoever makes messages of it."""
    lake = Collector(tmp_path / "lake", "test")
    [consumer] = [each for each in wiring.consumers(lake) if each.name == "messages"]

    async def deliver() -> None:
        await outbox.drain(database, [consumer])

    return deliver

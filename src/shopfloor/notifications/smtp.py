"""One connection to a mail server, and what exactly it said of each message.

The standard library's client, in a thread: a protocol of question and answer gains nothing from an event loop, and only
it lets the stages of a message be told apart.  Between the last byte of a message and the server's answer lies the one
moment in which nobody knows whether it arrived; `Uncertain` is that and nothing else.
"""

import contextlib
import smtplib
import socket
import ssl
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any, Final

from shopfloor.kernel import outbound
from shopfloor.kernel.client_address import Network
from shopfloor.kernel.records import dataclass
from shopfloor.letters import Envelope
from shopfloor.notifications.models import MAIL_PORTS, MailServer, Security

# Seconds that a server may take for one answer.
PATIENCE: Final = 30.0


class ServerTrouble(Exception):
    """The server takes nothing just now, whatever the message: away, or it does not know us."""


@dataclass(frozen=True, slots=True)
class Accepted:
    reply: str


@dataclass(frozen=True, slots=True)
class Refused:
    """For good (5xx)."""

    reply: str


@dataclass(frozen=True, slots=True)
class Later:
    """Not now (4xx)."""

    reply: str


@dataclass(frozen=True, slots=True)
class Uncertain:
    """All of it was sent, and no answer came."""

    reply: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """The line was lost, or closed, before it was sent."""

    reply: str


Outcome = Accepted | Refused | Later | Uncertain | NotSent
Resolve = Callable[[str, int], Sequence[str]]


def resolved(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


class Line:
    """A connection to a server, opened when it is first needed and again after it was lost."""

    def __init__(
        self,
        server: MailServer,
        *,
        allowed: Sequence[Network] = (),
        resolve: Resolve = resolved,
        patience: float = PATIENCE,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """`allowed`: private networks in which a merchant's server may stand."""
        self._server = server
        self._allowed = allowed
        self._resolve = resolve
        self._patience = patience
        self._context = context
        self._client: smtplib.SMTP | None = None

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                client.quit()
            client.close()

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    @property
    def is_open(self) -> bool:
        return self._client is not None

    def open(self) -> smtplib.SMTP:
        """Raises ServerTrouble with a sentence."""
        if self._client is not None:
            return self._client
        server = self._server
        try:
            client = _Client(self._addresses(), server, self._patience, self._context)
        except (smtplib.SMTPException, OSError, UnicodeError) as problem:
            raise ServerTrouble(f"{server.host}:{server.port}: {_said(problem)}") from problem
        try:
            client.greet()
        except (smtplib.SMTPException, OSError, UnicodeError) as problem:
            client.close()
            raise ServerTrouble(f"{server.host}:{server.port}: {_said(problem)}") from problem
        self._client = client
        return client

    def _addresses(self) -> Sequence[str]:
        """Where to connect.  A name that a merchant typed must not lead into our own network."""
        server = self._server
        found = self._resolve(server.host, server.port)
        if not server.guarded:
            return found
        permitted = [
            text
            for text in found
            if any(
                ip_address(text) in network
                for network in self._allowed
                if network.version == ip_address(text).version
            )
            or (server.port in MAIL_PORTS and outbound.is_public(ip_address(text)))
        ]
        if not permitted:
            raise OSError("this is no mail server on the internet")
        return permitted

    def send(self, message: Envelope) -> Outcome:
        """Raises ServerTrouble where the server does not take messages from us at all."""
        client = self.open()
        options = ["SMTPUTF8"] if not (message.recipient + message.sender).isascii() else []
        if options and not client.has_extn("smtputf8"):
            return Refused("The mail server takes no addresses with such letters (SMTPUTF8).")
        if client.has_extn("size"):
            options.append(f"SIZE={len(message.data)}")
        try:
            refused = (
                self._announce_at_once(client, message, options)
                if client.has_extn("pipelining")
                else self._announce(client, message, options)
            )
        except (smtplib.SMTPServerDisconnected, OSError) as problem:
            self._drop()
            return NotSent(_said(problem))
        return self._send_data(client, message) if refused is None else refused

    def _announce(self, client: smtplib.SMTP, message: Envelope, options: Sequence[str]) -> Outcome | None:
        """From whom and to whom, one question after the other.  None where the server waits for the message."""
        code, said = client.mail(message.sender, options)
        if code != 250:
            return self._turned_down(code, said, of_sender=True)
        code, said = client.rcpt(message.recipient)
        if code not in {250, 251}:
            return self._turned_down(code, said)
        code, said = client.docmd("DATA")
        return None if code == 354 else self._turned_down(code, said)

    def _announce_at_once(
        self, client: smtplib.SMTP, message: Envelope, options: Sequence[str]
    ) -> Outcome | None:
        """The same in one journey there and back (RFC 2920)."""
        commands = (
            f"MAIL FROM:{smtplib.quoteaddr(message.sender)}{''.join(f' {each}' for each in options)}",
            f"RCPT TO:{smtplib.quoteaddr(message.recipient)}",
            "DATA",
        )
        if any(sign in each for each in commands for sign in "\r\n"):
            raise ValueError("an address in more than one line")
        client.send("".join(f"{each}\r\n" for each in commands).encode())
        replies: list[tuple[int, bytes]] = []
        for _ in commands:
            code, said = client.getreply()
            if code == 421:
                return self._turned_down(code, said)
            replies.append((code, said))
        sender, recipient, data = replies
        if sender[0] == 250 and recipient[0] in {250, 251}:
            return None if data[0] == 354 else self._turned_down(*data)
        if data[0] == 354:
            # It waits for a message to nobody (RFC 2920, 3.1): an empty one, whatever it says of it.
            client.send(b".\r\n")
            client.getreply()
        if sender[0] != 250:
            return self._turned_down(*sender, of_sender=True)
        return self._turned_down(*recipient)

    def _send_data(self, client: smtplib.SMTP, message: Envelope) -> Outcome:
        sent = False
        try:
            body = message.data if message.data.endswith(b"\r\n") else message.data + b"\r\n"
            # Until the last line is sent the server knows that the message is not whole.
            client.send(body.replace(b"\r\n.", b"\r\n.."))
            sent = True
            client.send(b".\r\n")
            code, said = client.getreply()
        except (smtplib.SMTPServerDisconnected, OSError) as problem:
            self._drop()
            return Uncertain(_said(problem)) if sent else NotSent(_said(problem))
        if code == 250:
            return Accepted(_text(code, said))
        return self._turned_down(code, said)

    def _turned_down(self, code: int, said: bytes, *, of_sender: bool = False) -> Outcome:
        reply = _text(code, said)
        if code == 421:
            # It closes the connection.
            self._drop()
            return Later(reply)
        client = self._client
        try:
            if client is not None:
                client.rset()
        except (smtplib.SMTPException, OSError):
            self._drop()
        if of_sender and code >= 500:
            # It knows us and will not carry our messages: the settings are wrong, not this message.
            raise ServerTrouble(reply)
        return Later(reply) if 400 <= code < 500 else Refused(reply) if code >= 500 else NotSent(reply)


class _Client(smtplib.SMTP):
    """Connects to an address that was checked, and expects the certificate of the name."""

    def __init__(
        self, addresses: Sequence[str], server: MailServer, patience: float, context: ssl.SSLContext | None
    ) -> None:
        self._addresses = addresses
        self._named = server
        self._tls = context or ssl.create_default_context()
        super().__init__(timeout=patience)
        # Of whoever sends: the domain of its address tells more than the name of this machine.
        self.local_hostname = server.sender.rpartition("@")[2] or "localhost"
        self._host = server.host
        code, said = self.connect(server.host, server.port)
        if code != 220:
            self.close()
            raise smtplib.SMTPConnectError(code, said)

    def _get_socket(self, host: str, port: int, timeout: float) -> Any:
        problem: OSError | None = None
        for address in self._addresses:
            try:
                found = socket.create_connection((address, port), timeout)
            except OSError as tried:
                problem = tried
                continue
            # Question and answer: nothing is gained by waiting for more to say.
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._named.security is Security.TLS:
                return self._tls.wrap_socket(found, server_hostname=self._named.host)
            return found
        raise problem or OSError("the name of the server is not known")

    def greet(self) -> None:
        self.ehlo_or_helo_if_needed()
        if self._named.security is Security.STARTTLS:
            self._host = self._named.host
            self.starttls(context=self._tls)
            self.ehlo_or_helo_if_needed()
        if self._named.username:
            self.login(self._named.username, self._named.password)


def _text(code: int, said: bytes) -> str:
    return f"{code} {said.decode('utf-8', 'replace')}".replace("\n", " ")[:400]


def _said(problem: Exception) -> str:
    match problem:
        case smtplib.SMTPAuthenticationError():
            return f"the user name or password was not accepted ({_text(problem.smtp_code, _raw(problem.smtp_error))})"
        case smtplib.SMTPResponseException():
            return _text(problem.smtp_code, _raw(problem.smtp_error))
        case smtplib.SMTPNotSupportedError():
            return f"the server does not offer what was asked for: {problem}"
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted: {problem.verify_message}"
        case TimeoutError():
            return "no answer in time"
        case _:
            return str(problem) or type(problem).__name__


def _raw(said: object) -> bytes:
    return said if isinstance(said, bytes) else str(said).encode()

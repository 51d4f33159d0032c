"""How a letter looks: HTML for mail programs, plain text beside it, and the bytes of the message.

Tables and inline styles, because mail programs know little else; no picture, no script, no font is fetched.
"""

import base64
import quopri
import re
from collections.abc import Sequence
from datetime import datetime
from email.header import Header
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import Final
from uuid import UUID

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from shopfloor.kernel.records import dataclass
from shopfloor.letters.models import one_line
from shopfloor.letters.writing import Letter

TEMPLATES: Final = Path(__file__).parent / "templates"
_ASCII: Final = bytes(range(128))
_ATOM: Final = re.compile(r"[A-Za-z0-9 !#$%&'*+\-/=?^_`{|}~]*")


@cache
def _template(name: str) -> Template:
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    return env.get_template(name)


def html(letter: Letter) -> str:
    return _template("mail.html").render(letter=letter)


def text(letter: Letter) -> str:
    return re.sub(r"\n{3,}", "\n\n", _template("mail.txt").render(letter=letter)).strip() + "\n"


def text_page(text: str, *, language: str) -> str:
    """A message by SMS, as a phone shows it."""
    return _template("sms.html").render(text=text, language=language)


@dataclass(frozen=True, slots=True)
class Envelope:
    """`sender` and `recipient` are bare addresses, as the server is told them."""

    sender: str
    recipient: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Attachment:
    """`name` in ASCII."""

    name: str
    kind: str
    content: bytes


def message_id(id: UUID, sender: str) -> str:  # noqa: A002 -- what it is called
    """The same for every attempt: who got it twice can see that it is one message."""
    return f"<{id}@{_domain(sender)}>"


def envelope(
    letter: Letter,
    *,
    id: UUID,  # noqa: A002 -- what it is called
    at: datetime,
    sender: str,
    recipient: str,
    reply_to: str = "",
    attachments: Sequence[Attachment] = (),
) -> Envelope:
    """The message, ready for a server: CRLF, seven bits, short lines."""
    headers = [
        ("From", f"{_name(letter.shop)}<{_wire(sender)}>"),
        ("To", f"<{_wire(recipient)}>"),
        *([("Reply-To", f"<{_wire(reply_to)}>")] if reply_to else []),
        ("Subject", _encoded("Subject", letter.subject)),
        ("Date", format_datetime(at)),
        ("Message-ID", message_id(id, sender)),
        ("Content-Language", letter.language),
        # No holiday notice answers what a shop sends by itself.
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "All"),
    ]
    if letter.unsubscribe:
        headers += [
            ("List-Unsubscribe", f"<{letter.unsubscribe}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ]
    mark = f"=_{id.hex}"
    inner = ("Content-Type", f'multipart/alternative; boundary="{mark}"')
    outer = f"=_{id.hex}-files"
    headers.append(("MIME-Version", "1.0"))
    headers.append(("Content-Type", f'multipart/mixed; boundary="{outer}"') if attachments else inner)
    parts = [("text/plain", text(letter)), ("text/html", html(letter))]
    body = [f"{name}: {value}" for name, value in headers]
    if attachments:
        body += ["", f"--{outer}", f"{inner[0]}: {inner[1]}"]
    for kind, content in parts:
        encoding, coded = _coded(content)
        body += [
            "",
            f"--{mark}",
            f"Content-Type: {kind}; charset=utf-8",
            f"Content-Transfer-Encoding: {encoding}",
            "",
            coded,
        ]
    body += [f"--{mark}--", ""]
    for each in attachments:
        body += [
            f"--{outer}",
            f"Content-Type: {each.kind}",
            f'Content-Disposition: attachment; filename="{each.name}"',
            "Content-Transfer-Encoding: base64",
            "",
            base64.encodebytes(each.content).decode().strip().replace("\n", "\r\n"),
        ]
    body += [f"--{outer}--", ""] if attachments else []
    return Envelope(_wire(sender), _wire(recipient), "\r\n".join(body).encode())


def _coded(content: str) -> tuple[str, str]:
    """Quoted-printable where most of it is ASCII, else Base64; lines of at most 76 characters."""
    raw = content.encode()
    if len(raw.translate(None, _ASCII)) * 6 > len(raw):
        return "base64", base64.encodebytes(raw).decode().strip().replace("\n", "\r\n")
    coded = quopri.encodestring(raw.replace(b"\r\n", b"\n")).decode().replace("\r\n", "\n")
    return "quoted-printable", coded.strip("\n").replace("\n", "\r\n")


def _encoded(name: str, value: str) -> str:
    """A header's value, folded; what is no ASCII as encoded words (RFC 2047)."""
    clean = one_line(value)
    if clean.isascii() and len(clean) < 70 and "=?" not in clean:
        return clean
    return Header(clean, "utf-8", header_name=name).encode(linesep="\r\n")


def _name(value: str) -> str:
    """A display name before an address, quoted or encoded: a comma in it makes no second address."""
    clean = one_line(value)
    if not clean:
        return ""
    if clean.isascii() and len(clean) < 60 and "=?" not in clean:
        quoted = clean.replace("\\", "\\\\").replace('"', '\\"')
        return f"{clean if _ATOM.fullmatch(clean) else chr(34) + quoted + chr(34)} "
    return Header(clean, "utf-8", header_name="From").encode(linesep="\r\n") + "\r\n "


def _domain(address: str) -> str:
    return _wire(address).rpartition("@")[2]


def _wire(address: str) -> str:
    """As it goes over the wire: the domain in ASCII (IDNA).  A name that is none stays as it is, and is refused."""
    local, _, domain = address.rpartition("@")
    if domain.isascii():
        return address
    try:
        return f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        return address

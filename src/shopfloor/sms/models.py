"""Messages by SMS: how many parts a text has, what a gateway is asked, and what its answers and reports say.  No I/O here."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, cast
from urllib.parse import parse_qsl, quote, urlencode, urlsplit
from uuid import UUID

from shopfloor.kernel.errors import Conflict, Invalid
from shopfloor.kernel.records import dataclass
from shopfloor.letters import fill
from shopfloor.notices import Kind

# What may go by SMS; the shop chooses among them.
KINDS: Final = (
    Kind.SIGN_IN_CODE, Kind.SHIPPED, Kind.READY_TO_COLLECT, Kind.COLLECT_REMINDER, Kind.PLACE_OFFERED, Kind.BALANCE_DUE,
)  # fmt: skip
LONGEST_WORDS: Final = 600
MOST_SEGMENTS: Final = 6
MOST_TO_NUMBER: Final = 20
"""Messages to one number in a day, whatever they are about."""
USUAL_MOST: Final = 200
_MOST_HEADERS: Final = 10


# Parts

_GSM: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
# They take two places (3GPP TS 23.038, 6.2.1.1).
_GSM_TWICE: Final = frozenset("\f^{}\\[~]|€")


@dataclass(frozen=True, slots=True)
class Size:
    """`units` of `alphabet` (`gsm` or `ucs2`) in as many `parts` as are paid for."""

    alphabet: str
    units: int
    parts: int


def size_of(text: str) -> Size:
    """Each part of a longer text has a header, and no sign is torn apart (3GPP TS 23.040, 9.2.3.24)."""
    is_gsm = all(sign in _GSM or sign in _GSM_TWICE for sign in text)
    widths = [2 if (sign in _GSM_TWICE if is_gsm else ord(sign) > 0xFFFF) else 1 for sign in text]
    alone, each = (160, 153) if is_gsm else (70, 67)
    units = sum(widths)
    if units <= alone:
        return Size("gsm" if is_gsm else "ucs2", units, 1)
    parts, used = 1, 0
    for width in widths:
        if used + width > each:
            parts, used = parts + 1, 0
        used += width
    return Size("gsm" if is_gsm else "ucs2", units, parts)


# Gateways


class Format(StrEnum):
    JSON = "json"
    FORM = "form"


class Method(StrEnum):
    POST = "POST"
    GET = "GET"
    PUT = "PUT"


@dataclass(frozen=True, slots=True, repr=False)
class Sealed:
    """What nobody sees again."""

    headers: str = ""
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Gateway:
    """How a shop's messages leave.  Without a `url` they are kept here.

    `body` is the text of a JSON document or lines of `name=value`; `{phone}`, `{national}`, `{text}`, `{id}`, `{secret}`
    and `{basic}` stand for what is sent.  It took the message when the answer is 2xx and, where `ok_value` says one,
    `ok_field` of the answer has one of these values (or, without a field, the answer has this text in it).
    """

    shop_id: int
    url: str
    method: Method
    format: Format
    body: str
    header_names: tuple[str, ...]
    has_secret: bool
    ok_field: str
    ok_value: str
    reference_field: str
    report_key: str
    report_id: str
    report_status: str
    delivered: str
    undelivered: str
    region: str
    countries: tuple[str, ...]
    kinds: tuple[str, ...]
    most_a_day: int
    changed_at: datetime

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "method", Method(self.method))
        put(self, "format", Format(self.format))
        for name in ("header_names", "countries", "kinds"):
            put(self, name, tuple(getattr(self, name)))

    @property
    def keeps(self) -> bool:
        return not self.url

    @property
    def target(self) -> str:
        return f"sms {self.shop_id} {self.url}"

    def sends(self, kind: Kind) -> bool:
        return kind in self.kinds or (kind in _WITH_CODES and Kind.SIGN_IN_CODE in self.kinds)

    def most_for(self, kind: Kind) -> int:
        """Parts a day.  Strangers can ask for codes: those leave a quarter to what buyers wait for."""
        tells_more = any(each != Kind.SIGN_IN_CODE for each in self.kinds)
        return self.most_a_day - self.most_a_day // 4 if kind in _CODES and tells_more else self.most_a_day


# What goes along with signing in by phone.
_WITH_CODES: Final = frozenset({Kind.CONTACT_CODE, Kind.CONTACT_CHANGED})
_CODES: Final = frozenset({Kind.SIGN_IN_CODE, Kind.CONTACT_CODE})
PLACEHOLDERS: Final = ("phone", "national", "text", "id", "secret", "basic")


@dataclass(frozen=True, slots=True, repr=False)
class Ask:
    """What is sent to the gateway."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes


def origin_of(url: str) -> str:
    """What a secret is bound to: whoever names another server is not told it."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{(parts.hostname or '').lower()}:{parts.port or ''}"
    except ValueError:
        return ""


def ask(gateway: Gateway, sealed: Sealed, *, phone: str, text: str, id: UUID) -> Ask:  # noqa: A002 -- its name
    """Each value is put in where it stands and nowhere else: what a text holds is no parameter, and no header."""
    values = {
        "phone": phone,
        "national": phone.removeprefix("+"),
        "text": text,
        "id": str(id),
        "secret": sealed.secret,
        "basic": base64.b64encode(sealed.secret.encode()).decode(),
    }
    url = fill(gateway.url, {name: quote(value, safe="") for name, value in values.items()})
    headers = {name.lower(): fill(value, values) for name, value in headers_of(sealed.headers)}
    headers.setdefault("user-agent", "Shopfloor (messages)")
    if gateway.format is Format.JSON and gateway.method is not Method.GET:
        headers["content-type"] = "application/json"
        filled = _filled(json.loads(gateway.body), values)
        return Ask(gateway.method, url, headers, json.dumps(filled, ensure_ascii=False).encode())
    form = urlencode([(name, fill(value, values)) for name, value in pairs_of(gateway.body)])
    if gateway.method is Method.GET:
        return Ask(gateway.method, f"{url}{'&' if '?' in url else '?'}{form}" if form else url, headers, b"")
    headers["content-type"] = "application/x-www-form-urlencoded"
    return Ask(gateway.method, url, headers, form.encode())


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return fill(value, values)
    if isinstance(value, list):
        return [_filled(each, values) for each in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {name: _filled(each, values) for name, each in cast("dict[str, Any]", value).items()}
    return value


def pairs_of(text: str) -> list[tuple[str, str]]:
    """Lines of `name=value`."""
    found = [line.partition("=") for line in text.splitlines() if line.strip()]
    return [(name.strip(), value.strip()) for name, _, value in found]


_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,60}")
_OURS: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})


def headers_of(text: str) -> list[tuple[str, str]]:
    """Lines of `Name: value`.  Raises NotAGateway."""
    found: list[tuple[str, str]] = []
    for line in text.splitlines():
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        name, value = name.strip(), value.strip()
        wrong = not colon or _HEADER.fullmatch(name) is None or name.lower() in _OURS
        if wrong or not value.isprintable() or not value.isascii():
            raise NotAGateway(field="headers")
        found.append((name, value))
    if len(found) > _MOST_HEADERS:
        raise NotAGateway(field="headers")
    return found


def check_body(method: Method, form: Format, body: str) -> None:
    """Raises NotAGateway: it must say where number and text go."""
    unknown = [name for name in re.findall(r"\{([a-z_]+)\}", body) if name not in PLACEHOLDERS]
    if unknown:
        raise NotAGateway(field="body")
    if form is Format.JSON and method is not Method.GET:
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            raise NotAGateway(field="body") from None
        if not isinstance(said, dict | list):
            raise NotAGateway(field="body")
    elif any(not name for name, _ in pairs_of(body)) or any(
        "=" not in line for line in body.splitlines() if line.strip()
    ):
        raise NotAGateway(field="body")
    if "{text}" not in body or ("{phone}" not in body and "{national}" not in body):
        raise NotAGateway(field="body")


# Answers and reports


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether the gateway took it, and what it calls it."""

    taken: bool
    reference: str = ""


def answer_of(gateway: Gateway, status: int, text: str) -> Answer:
    if not 200 <= status < 300:
        return Answer(taken=False)
    said = _json(text)
    reference = at_path(said, gateway.reference_field)[:200] if gateway.reference_field else ""
    if not gateway.ok_value:
        return Answer(True, reference)
    if gateway.ok_field:
        taken = at_path(said, gateway.ok_field) in listed(gateway.ok_value)
    else:
        taken = gateway.ok_value in text
    return Answer(taken, reference if taken else "")


def listed(text: str) -> tuple[str, ...]:
    """Values with commas between them."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def at_path(value: Any, path: str) -> str:
    """What stands at `data.0.id`, as text; '' where nothing does."""
    for name in path.split("."):
        if isinstance(value, dict):
            value = cast("dict[str, Any]", value).get(name)
        elif isinstance(value, list) and name.isdecimal() and int(name[:6]) < len(cast("list[Any]", value)):
            value = cast("list[Any]", value)[int(name[:6])]
        else:
            return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    # What is no sign (a zero, half of a pair) could not be kept.
    return "".join(filter(str.isprintable, str(value))) if isinstance(value, str | int | float) else ""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one message at its phone."""

    reference: str
    delivered: bool


_MOST_REPORTS: Final = 500


def reports_of(gateway: Gateway, body: str) -> list[Report]:
    """Of a callback: JSON, one report or a list of them, or a form.  What says neither yes nor no is left out."""
    said = _json(body)
    if said is None:
        try:
            said = dict(parse_qsl(body, max_num_fields=100))
        except ValueError:  # more fields than any report has
            return []
    every = cast("list[Any]", said) if isinstance(said, list) else [said]
    found: list[Report] = []
    for each in every[:_MOST_REPORTS]:
        reference, status = at_path(each, gateway.report_id), at_path(each, gateway.report_status)
        if not reference or len(reference) > 200 or not status:
            continue
        if status in listed(gateway.delivered):
            found.append(Report(reference, delivered=True))
        elif status in listed(gateway.undelivered):
            found.append(Report(reference, delivered=False))
    return found


# Links


def short(notice_id: UUID) -> str:
    """The id of a message in 22 signs."""
    return base64.urlsafe_b64encode(notice_id.bytes).decode().rstrip("=")


def long(text: str) -> UUID | None:
    if re.fullmatch("[A-Za-z0-9_-]{22}", text) is None:
        return None
    found = UUID(bytes=base64.urlsafe_b64decode(f"{text}=="))
    # Its last sign has bits to spare: one message has one link.
    return found if short(found) == text else None


@dataclass(frozen=True, slots=True)
class Preview:
    text: str
    size: Size


def too_long(texts: Sequence[str]) -> bool:
    return any(size_of(text).parts > MOST_SEGMENTS for text in texts)


class NotAGateway(Invalid):
    """Something of the gateway is missing or cannot be read."""

    code = "notifications.not_a_gateway"


class NotAPhone(Invalid):
    """This is no telephone number that a message could be sent to."""

    code = "notifications.not_a_phone"


class NoSms(Conflict):
    """This shop sends no such messages by SMS."""

    code = "notifications.no_sms"

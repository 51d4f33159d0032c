"""From the bytes a browser sends to events: hostile input ends here.  Pure, no I/O.

A body is a CloudEvents JSON batch (an array) or one event.  Each event is judged alone: one that makes no
sense becomes a `Bad` with its reason and its bytes, and the others go on.
"""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from shopfloor.collector.models import MAX_BATCH, MAX_BODY, MAX_EVENT, Bad, Entry, Event, Malformed, TooLarge
from shopfloor.collector.vocabulary import MOST, MOST_UNITS, why_not
from shopfloor.kernel import strict_json
from shopfloor.kernel.text import storable
from shopfloor.kernel.values import MAX_MINOR

LATEST: Final = timedelta(hours=72)
MAX_DEPTH: Final = 16
INT64: Final = 2**63 - 1
# A player reports at least every few minutes.
MOST_SECONDS: Final = 3_600

_TYPE: Final = re.compile(r"[a-z][a-z0-9_]{0,39}(\.[a-z][a-z0-9_]{0,39}){0,3}")
_batch = msgspec.json.Decoder(list[msgspec.Raw])
_object = msgspec.json.Decoder(dict[str, Any])
_time = msgspec.json.Decoder(datetime)

KEYS: Final = ("shop_id", "show_id", "product_id", "variant_id", "offer_id")
AMOUNTS_IN_EXTRA: Final = ("price_minor", "value", "price", "value_minor")
WORDS: Final = {"session_id": 128, "order_id": 64, "hold_id": 64, "currency": 3, "code": 64, "text": 2_000}
_ENVELOPE: Final = frozenset(
    {
        "specversion",
        "id",
        "source",
        "type",
        "time",
        "sentat",
        "data",
        "datacontenttype",
        "sessionid",
        "sequence",
    }
)
# A client may claim these as much as it likes: they are ours to say.
_OURS: Final = frozenset({"viewer", "actor_kind", "received_at", "event_time", "site"})


class _Wrong(Exception):
    """Why one event is bad."""


def parse(body: bytes, *, received: datetime, viewer: str | None, site: str | None = None) -> list[Entry]:
    """Every event of `body`, good or bad, in the order sent.

    `viewer` is the signed shopper, or None for a visitor we cannot tell; `site` another site of the merchant that
    sent it, which is kept as `extra.site`.  Refuses a body that is too large or
    is no JSON array or object at all.
    """
    if len(body) > MAX_BODY:
        raise TooLarge(limit=MAX_BODY)
    parts = _split(body)
    if len(parts) > MAX_BATCH:
        raise TooLarge("Too many events in one batch.", limit=MAX_BATCH)
    return [
        _one(bytes(part), index, received=received, viewer=viewer, site=site)
        for index, part in enumerate(parts)
    ]


def parse_again(raw: bytes, *, received: datetime, viewer: str | None, site: str | None) -> Entry:
    """Judge one event that was bad before by the rules of today, as of the time it first came in."""
    return _one(raw, 0, received=received, viewer=viewer, site=site)


def event_time(created: datetime | None, sent: datetime | None, received: datetime) -> tuple[datetime, bool]:
    """When it happened by our clock, and whether the client's clocks made no sense.

    received - (sent - created), kept within the 72 hours before it was received: a wrong clock cancels out,
    a queue that was offline keeps its order.
    """
    if created is None:
        return received, False
    age = (sent or received) - created
    clamped = min(max(age, timedelta()), LATEST)
    return received - clamped, clamped != age


def _split(body: bytes) -> Sequence[msgspec.Raw | bytes]:
    start = body.lstrip()[:1]
    if start == b"{":
        return [body]
    if start != b"[":
        raise Malformed
    try:
        return _batch.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _split_leniently(body)


def _split_leniently(body: bytes) -> list[bytes]:
    """Take a batch apart that strict JSON refuses as a whole, so that its good events are not lost.

    Lone surrogates, NaN and absurd depth spoil only the event they are in.
    """
    try:
        parts: Any = json.loads(body.decode("utf-8", "surrogateescape"))
        if not isinstance(parts, list):
            raise Malformed
        return [json.dumps(part).encode("ascii") for part in parts]
    except (ValueError, RecursionError):
        raise Malformed from None


def _one(raw: bytes, index: int, *, received: datetime, viewer: str | None, site: str | None) -> Entry:
    name = f"#{index}"
    try:
        if len(raw) > MAX_EVENT:
            raise _Wrong("too_large")
        try:
            fields = _object.decode(raw)
        except RecursionError:
            raise _Wrong("too_deep") from None
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise _Wrong("json") from None
        _check_names(raw)
        given = fields.get("id")
        if isinstance(given, str) and 0 < len(given) <= 128:
            name = given
        return _event(fields, received=received, viewer=viewer, site=site)
    except _Wrong as wrong:
        return Bad(name, str(wrong), raw[:MAX_EVENT], viewer, site)


def _check_names(raw: bytes) -> None:
    try:
        strict_json.check(raw)
    except strict_json.RepeatedName:
        raise _Wrong("repeated_name") from None
    except strict_json.TooDeep:
        raise _Wrong("too_deep") from None


def _event(fields: dict[str, Any], *, received: datetime, viewer: str | None, site: str | None) -> Event:
    if fields.get("specversion", "1.0") != "1.0":
        raise _Wrong("specversion")
    identity = _word(fields, "id", 128)
    kind = _word(fields, "type", 128)
    if identity is None or kind is None:
        raise _Wrong("id" if identity is None else "type")
    if not _TYPE.fullmatch(kind):
        raise _Wrong("type")
    refused = why_not(kind)
    if refused is not None:
        raise _Wrong(refused)
    data = fields.get("data")
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise _Wrong("data")
    values: dict[str, Any] = {**data}
    for outer, inner in (("sessionid", "session_id"), ("sequence", "sequence")):
        if outer in fields:
            values[inner] = fields[outer]
    sender = _word(fields, "source", 256) or "page"
    when, jumped = event_time(_moment(fields, "time"), _moment(fields, "sentat"), received)

    promoted: dict[str, Any] = {key: _count(values, key, least=1) for key in KEYS}
    promoted["quantity"] = _count(values, "quantity", least=0, most=MOST.get(kind, MOST_UNITS))
    promoted["sequence"] = _count(values, "sequence", least=0)
    promoted["amount_minor"] = _count(values, "amount_minor", least=0, most=MAX_MINOR)
    promoted |= {key: _word(values, key, most) for key, most in WORDS.items()}
    promoted["seconds"] = _seconds(values)
    for key in AMOUNTS_IN_EXTRA:
        amount = values.get(key)
        if isinstance(amount, int | float) and not isinstance(amount, bool) and amount < 0:
            raise _Wrong("range:" + key)

    extra = {
        key: value
        for key, value in values.items()
        if key not in promoted and key not in _OURS and value is not None
    }
    extra |= {key: value for key, value in fields.items() if key not in _ENVELOPE and key not in _OURS}
    if jumped:
        extra["clock_jump"] = True
    if site is not None:
        extra["site"] = site
    _check_depth(extra, 0)
    return Event(
        id=identity,
        # Never a name of ours, and of one visitor only: nobody can spend the ids of somebody else.
        source="browser/" + (viewer or sender),
        type=kind,
        event_time=when,
        viewer=viewer,
        actor_kind="viewer",
        extra=extra or None,
        **promoted,
    )


def _word(fields: dict[str, Any], key: str, most: int) -> str | None:
    value = fields.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise _Wrong(key)
    if not storable(value):
        raise _Wrong("characters")
    return value


def _count(fields: dict[str, Any], key: str, *, least: int, most: int = INT64) -> int | None:
    value = fields.get(key)
    if value is None:
        return None
    # CloudEvents sequences are strings of digits.
    if (
        key == "sequence"
        and isinstance(value, str)
        and value.isascii()
        and value.isdigit()
        and len(value) < 20
    ):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Wrong(key)
    if not least <= value <= most:
        raise _Wrong("range:" + key)
    return value


def _seconds(fields: dict[str, Any]) -> float | None:
    value = fields.get("seconds")
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _Wrong("seconds")
    if not 0 <= value <= MOST_SECONDS:
        raise _Wrong("range:seconds")
    return float(value)


def _moment(fields: dict[str, Any], key: str) -> datetime | None:
    value = fields.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > 40:
        raise _Wrong(key)
    try:
        moment = _time.decode(msgspec.json.encode(value))
    except msgspec.MsgspecError:
        raise _Wrong(key) from None
    if moment.tzinfo is None:
        raise _Wrong(key)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise _Wrong(key) from None


def _check_depth(value: object, depth: int) -> None:
    """Keep what any reader of the lake can read: bounded depth, 64-bit integers, text."""
    if depth > MAX_DEPTH:
        raise _Wrong("too_deep")
    if isinstance(value, str) and not storable(value):
        raise _Wrong("characters")
    if isinstance(value, dict):
        for name, item in value.items():
            _check_depth(name, depth)
            _check_depth(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_depth(item, depth + 1)
    elif isinstance(value, int) and not -INT64 - 1 <= value <= INT64:
        raise _Wrong("range")

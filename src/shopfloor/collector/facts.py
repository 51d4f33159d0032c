"""From a fact of the outbox to events of the lake.  Pure, and generic over the facts' field names.

A fact whose body has a list of holds, refusals, releases, lines or variants becomes one event for each
element, so that every row of the lake is about one thing.  The ids say how many belong together:

    <fact id>            a fact without such a list, or with an empty one
    <fact id>:<i>/<n>    element i (from 0) of n

A fact is in the lake exactly once when its ids are complete in one of these two forms and nothing else of it
is there; `compare` finds those for which that does not hold.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

from shopfloor.collector.models import SERVER, Event
from shopfloor.kernel.invariants import Invariant
from shopfloor.kernel.values import made_at

EXPLODED: Final = ("holds", "refusals", "releases", "lines", "places", "variants")

# Files of the lake are never changed: who is in them is a random id, which means nobody once its orders are erased.
# So what names a person, leads to where they live, or joins several of those ids, is not taken over.
LEFT_OUT: Final = frozenset({"author", "asked_by_name", "answer", "tracking", "tracking_url", "shoppers"})

_KEYS: Final = ("show_id", "product_id", "variant_id", "offer_id")
_VIEWER: Final = ("viewer", "buyer", "shopper", "shopper_id", "buyer_id")
_QUANTITY: Final = ("quantity", "units", "left")
_TEXT: Final = ("text",)
_CODE: Final = ("code", "reason", "why", "purpose", "state")
_AMOUNT: Final = ("amount_minor", "line_minor", "line_total_minor", "total_minor")
_MONEY: Final = ("amount", "line_total", "total")
_UNIT: Final = ("price_minor", "unit_price_minor", "unit_minor")
_UNIT_MONEY: Final = ("price", "unit_price")
# What an `id` in the body, or in an element of a list, is the id of.
_ID_OF_ELEMENT: Final = {"holds": "hold_id", "refusals": "hold_id", "releases": "hold_id"}


def from_fact(
    name: str, body: Mapping[str, Any], fact_id: UUID, shop_id: int, recorded_at: datetime
) -> list[Event]:
    """The events a fact is in the lake; the same fact always gives the same events with the same ids."""
    elements = next((key for key in EXPLODED if isinstance(body.get(key), list) and body[key]), None)
    things = [thing for element in body[elements] for thing in _each(element)] if elements is not None else []
    if elements is None or not things:
        return [_event(str(fact_id), name, body, shop_id=shop_id, at=recorded_at)]
    shared = {key: value for key, value in body.items() if key != elements}
    # The total of an order belongs to the order, not to each of its lines.
    for key in (*_AMOUNT, *_MONEY):
        if key in shared:
            shared[f"{_whole(name)}_{key}"] = shared.pop(key)
    count = len(things)
    events: list[Event] = []
    for index, element in enumerate(things):
        fields: dict[str, Any] = dict(element) if isinstance(element, dict) else {"variant_id": element}
        if "id" in fields:
            fields[_ID_OF_ELEMENT.get(elements, elements.removesuffix("s") + "_id")] = fields.pop("id")
        elif elements in _ID_OF_ELEMENT and not isinstance(element, dict):
            fields = {"hold_id": str(element)}
        events.append(
            _event(
                f"{fact_id}:{index}/{count}",
                name,
                {**shared, **fields},
                shop_id=shop_id,
                at=recorded_at,
            )
        )
    return events


def _each(element: Any) -> list[Any]:
    """Things that are alike stand once in a fact, with their ids and buyers side by side."""
    if not isinstance(element, dict) or "ids" not in element:
        return [element]
    alike = dict(cast("Mapping[str, Any]", element))
    ids, buyers = alike.pop("ids"), alike.pop("buyers")
    return [{"id": fact_id, "buyer": buyer, **alike} for fact_id, buyer in zip(ids, buyers, strict=True)]


def compare(fact_ids: Iterable[UUID], lake_ids: Iterable[str], *, since: datetime | None = None) -> Invariant:
    """Every fact of the outbox is in the lake exactly once.

    `lake_ids` are the ids of all events whose source is a shop of ours.  Facts whose id was made before `since` need
    no longer be in the outbox.
    """
    found: defaultdict[str, list[str]] = defaultdict(list)
    for lake_id in lake_ids:
        fact, _, part = lake_id.partition(":")
        found[fact].append(part)
    missing: list[str] = []
    wrong: list[str] = []
    facts = 0
    for fact_id in fact_ids:
        facts += 1
        parts = found.pop(str(fact_id), None)
        if parts is None:
            missing.append(str(fact_id))
        elif not _complete(parts):
            wrong.append(str(fact_id))
    # Events the server says of itself (presence, shedding) have no fact; those that look like one must have.
    unknown = [fact for fact in found if _is_uuid(fact) and not _is_older(fact, since)]
    return Invariant(
        "every outbox fact is in the lake exactly once",
        not (missing or wrong or unknown),
        {
            "facts": facts,
            "missing": len(missing),
            "incomplete_or_repeated": len(wrong),
            "without_a_fact": len(unknown),
        },
        tuple((missing + wrong + unknown)[:100]),
    )


def _complete(parts: list[str]) -> bool:
    if parts == [""]:
        return True
    counts = {part.partition("/")[2] for part in parts}
    if len(counts) != 1:
        return False
    (count,) = counts
    return count.isdigit() and sorted(parts) == sorted(f"{i}/{count}" for i in range(int(count)))


def _is_older(fact: str, since: datetime | None) -> bool:
    """Ids are made a little before their fact is recorded, by another clock."""
    made_on = made_at(UUID(fact))
    return since is not None and made_on is not None and made_on < since + timedelta(hours=1)


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _whole(name: str) -> str:
    """What the parent is called in `extra`: the order of orders.order_paid."""
    return name.rpartition(".")[2].partition("_")[0]


def _event(identity: str, name: str, body: Mapping[str, Any], *, shop_id: int, at: datetime) -> Event:
    rest = {key: value for key, value in body.items() if key not in LEFT_OUT}
    rest.pop("shop_id", None)
    keys = {key: _integer(rest.pop(key, None)) for key in _KEYS}
    viewer = _first(rest, _VIEWER)
    order_id = rest.pop("order_id", None)
    if order_id is None and name.startswith("orders.order_"):
        order_id = rest.pop("id", None)
    hold_id = rest.pop("hold_id", None)
    quantity = _integer(_first(rest, _QUANTITY))
    code = _first(rest, _CODE)
    text = _first(rest, _TEXT)
    session_id = rest.pop("session_id", None)
    seconds = rest.pop("seconds", None)
    actor_kind = rest.pop("actor_kind", None)
    amount, currency = _amount(rest, quantity)
    return Event(
        id=identity,
        source=f"{SERVER}{shop_id}",
        type=name,
        event_time=at.astimezone(UTC),
        shop_id=shop_id,
        viewer=_string(viewer),
        session_id=_string(session_id),
        actor_kind=_string(actor_kind) or "system",
        order_id=_string(order_id),
        hold_id=_string(hold_id),
        quantity=quantity,
        amount_minor=amount,
        currency=currency,
        code=_string(code),
        seconds=float(seconds) if isinstance(seconds, int | float) else None,
        text=_string(text),
        extra={key: value for key, value in rest.items() if value is not None} or None,
        **keys,
    )


def _amount(rest: dict[str, Any], quantity: int | None) -> tuple[int | None, str | None]:
    """The amount in minor units: as given, or unit price times quantity; the unit price stays in `rest`."""
    currency = rest.pop("currency", None)
    for key in _MONEY:
        money = rest.get(key)
        if isinstance(money, dict) and "minor" in money:
            del rest[key]
            return _integer(money["minor"]), _string(money.get("currency") or currency)
    amount = _integer(_first(rest, _AMOUNT))
    if amount is not None:
        return amount, _string(currency)
    for key in _UNIT_MONEY:
        money = rest.get(key)
        if isinstance(money, dict) and "minor" in money:
            return _times(_integer(money["minor"]), quantity), _string(money.get("currency") or currency)
    unit = next((_integer(rest[key]) for key in _UNIT if key in rest), None)
    return _times(unit, quantity), _string(currency)


def _times(unit: int | None, quantity: int | None) -> int | None:
    return None if unit is None else unit * (1 if quantity is None else quantity)


def _first(rest: dict[str, Any], names: tuple[str, ...]) -> Any:
    """Take the first of `names` that has a value out of `rest`."""
    for name in names:
        if rest.get(name) is not None:
            return rest.pop(name)
    return None


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _string(value: object) -> str | None:
    return None if value is None else str(value)

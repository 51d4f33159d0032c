"""From what a till sent to a sale or a return whose sums agree.  No I/O here.

A till is not refused: whatever can be made of a body is made of it, and what does not agree is named among `problems`.
Only what has no meaning at all raises Unreadable.
"""

import contextlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from shopfloor.kernel.text import cleaned
from shopfloor.kernel.values import MAX_MINOR, MAX_QUANTITY
from shopfloor.tills.canonical import canonical, hash_of
from shopfloor.tills.models import CARD, CASH, BackLine, Fact, Line, Malformed, Return, Sale, Tender

MOST_LINES: Final = 500
_MOST_TENDERS: Final = 50


class Unreadable(Exception):
    """Nothing follows from this body; the text says why."""


def document(sent: bytes) -> Any:
    """JSON as it was sent.  Raises Malformed."""
    try:
        return json.loads(sent, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Malformed from None


def _no_number(name: str) -> Any:
    raise ValueError(name)


def facts_of(document: Any) -> list[Fact]:
    """The facts of a request, in order of their sequence.  Raises Malformed."""
    if not isinstance(document, dict) or not isinstance(document.get("facts"), list):
        raise Malformed(field="facts")
    found: list[Fact] = []
    for each in document["facts"]:
        sequence = each.get("sequence") if isinstance(each, dict) else None
        if not _is_whole(sequence, least=1, most=2**53):
            raise Malformed(field="sequence")
        found.append(fact_of(each))
    return sorted(found, key=lambda fact: fact.sequence)


def fact_of(entry: Mapping[str, Any]) -> Fact:
    rest = {name: value for name, value in entry.items() if name != "hash"}
    raw = canonical(rest)
    body = entry.get("body")
    return Fact(
        sequence=entry["sequence"],
        at=moment(entry.get("at")),
        kind=text(entry.get("kind"), longest=40),
        assistant=_id(entry.get("assistant")),
        shift=uuid(entry.get("shift")),
        body=body if isinstance(body, dict) else {},
        previous=text(entry.get("previous"), longest=64),
        hash=text(entry.get("hash"), longest=64),
        raw=raw,
        kept=canonical({**rest, "body": {**body, "customer": None}})
        if isinstance(body, dict) and body.get("customer")
        else raw,
        computed=hash_of(raw),
    )


def sale_of(body: Mapping[str, Any], *, known: Mapping[int, int], open_amount: tuple[int, int]) -> Sale:
    """`known`: the products of the shop's variants that the lines may name; `open_amount`: variant and product of what is
    none of them.  Raises Unreadable.
    """
    sale_id = uuid(body.get("id"))
    if sale_id is None:
        raise Unreadable("no id")
    problems: dict[str, dict[str, Any]] = {}
    given = body.get("lines")
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_LINES:
        raise Unreadable("no lines")
    lines = [_line(each, number, known, open_amount, problems) for number, each in enumerate(given)]
    goods = sum(line.amount_minor for line in lines)
    if goods > MAX_MINOR:
        raise Unreadable("more than a sale can come to")
    rounding = _whole(body.get("rounding"), least=-10_000, most=10_000, otherwise=0)
    total = _whole(body.get("total"), least=0, most=MAX_MINOR, otherwise=goods + rounding)
    if total != goods + rounding:
        problems["sums"] = {"total": total, "lines": goods, "rounding": rounding}
    tenders = _tenders(body.get("tenders"))
    change = _whole(body.get("change"), least=0, most=MAX_MINOR, otherwise=0)
    paid = sum(each.amount_minor for each in tenders) - change
    if paid != total or change > sum(each.amount_minor for each in tenders if each.kind == CASH):
        problems.setdefault("sums", {})
        problems["sums"] |= {"total": total, "paid": paid, "change": change}
    customer = body.get("customer")
    person: Mapping[str, Any] = customer if isinstance(customer, dict) else {}
    return Sale(
        id=sale_id,
        number=_whole_or_none(body.get("number")),
        token=text(body.get("token"), longest=64),
        is_training=body.get("training") is True,
        is_offline=body.get("offline") is True,
        price_list=text(body.get("price_list"), longest=64),
        lines=lines,
        tenders=_less_change(tenders, change),
        total_minor=total,
        tax_minor=sum(line.tax_minor for line in lines),
        rounding_minor=rounding,
        name=text(person.get("name"), longest=120),
        phone=text(person.get("phone"), longest=40),
        locale=text(body.get("locale"), longest=16) or "en",
        hold=uuid(body.get("hold")),
        problems=problems,
    )


def variants_of(body: Mapping[str, Any]) -> list[int]:
    """The goods that the lines of a sale name, where these can be ids."""
    lines = body.get("lines")
    named = (
        [_id(each.get("variant")) for each in lines if isinstance(each, dict)]
        if isinstance(lines, list)
        else []
    )
    return [each for each in named if each is not None]


def _line(
    line: Any,
    number: int,
    known: Mapping[int, int],
    open_amount: tuple[int, int],
    problems: dict[str, dict[str, Any]],
) -> Line:
    if not isinstance(line, dict):
        raise Unreadable(f"line {number + 1}")
    quantity = _whole(line.get("quantity"), least=1, most=MAX_QUANTITY, otherwise=None)
    amount = _whole(line.get("amount"), least=0, most=MAX_MINOR, otherwise=None)
    if quantity is None or amount is None:
        raise Unreadable(f"line {number + 1}")
    named = line.get("variant")
    variant_id = _id(named)
    if named is not None and variant_id not in known:
        # 0: what is named can be no id.
        problems.setdefault("unknown_variant", {"variants": []})["variants"].append(variant_id or 0)
        variant_id = None
    price = _whole(line.get("unit_price"), least=0, most=MAX_MINOR, otherwise=None)
    tax = _whole(line.get("tax"), least=0, most=amount, otherwise=0)
    discount = _whole(line.get("discount"), least=0, most=MAX_MINOR, otherwise=0)
    included = line.get("tax_included") is not False
    listed = amount if included else amount - tax
    if price is None or price * quantity - discount != listed or price * quantity > MAX_MINOR:
        problems.setdefault("sums", {})
        problems["sums"].setdefault("lines_of", []).append(number + 1)
        # What was paid stands; the rest is made to agree with it.
        price = -(-listed // quantity)
        discount = price * quantity - listed
    return Line(
        position=number,
        variant_id=variant_id,
        product_id=open_amount[1] if variant_id is None else known[variant_id],
        title=text(line.get("title"), longest=300),
        sku=text(line.get("sku"), longest=100),
        options=[text(each, longest=100) for each in _list(line.get("options"), 20)],
        quantity=quantity,
        weight=_whole(line.get("weight"), least=1, most=10**9, otherwise=None),
        unit_price_minor=price,
        discount_minor=discount,
        tax_minor=tax,
        tax_included=included,
        amount_minor=amount,
    )


def return_of(body: Mapping[str, Any]) -> Return:
    """Raises Unreadable."""
    return_id = uuid(body.get("id"))
    if return_id is None:
        raise Unreadable("no id")
    lines: list[BackLine] = []
    for each in _list(body.get("lines"), MOST_LINES):
        if not isinstance(each, dict):
            raise Unreadable("a line")
        line = _whole(each.get("line"), least=1, most=MOST_LINES, otherwise=None)
        quantity = _whole(each.get("quantity"), least=1, most=MAX_QUANTITY, otherwise=None)
        if line is None or quantity is None:
            raise Unreadable("a line")
        lines.append(
            BackLine(
                position=line - 1,
                quantity=quantity,
                amount_minor=_whole(each.get("amount"), least=0, most=MAX_MINOR, otherwise=0),
                resellable=each.get("restock") is not False and each.get("condition") != "damaged",
            )
        )
    refund = _tenders(body.get("refund"))
    total = sum(each.amount_minor for each in refund)
    if total > MAX_MINOR:
        raise Unreadable("more than can be given back")
    worth = sum(each.amount_minor for each in lines)
    rounding = _whole(body.get("rounding"), least=-10_000, most=10_000, otherwise=0)
    of = body.get("of")
    named: Mapping[str, Any] = of if isinstance(of, dict) else {}
    return Return(
        id=return_id,
        number=_whole_or_none(body.get("number")),
        order_id=uuid(named.get("order")),
        receipt=text(named.get("receipt"), longest=40),
        is_training=body.get("training") is True,
        is_offline=body.get("offline") is True,
        price_list=text(body.get("price_list"), longest=64),
        lines=lines,
        refund=refund,
        total_minor=total,
        reason=text(body.get("reason"), longest=200),
        problems={} if worth + rounding == total else {"sums": {"lines": worth, "given": total}},
    )


def amount_of(body: Mapping[str, Any], name: str = "amount") -> int:
    """Raises Unreadable."""
    found = _whole(body.get(name), least=0, most=MAX_MINOR, otherwise=None)
    if found is None:
        raise Unreadable(name)
    return found


def _tenders(tenders: Any) -> list[Tender]:
    """Those that are none of ours count as a card's: no money in the drawer.  Raises Unreadable."""
    found: list[Tender] = []
    for each in _list(tenders, _MOST_TENDERS):
        amount = (
            _whole(each.get("amount"), least=0, most=MAX_MINOR, otherwise=None)
            if isinstance(each, dict)
            else None
        )
        if amount is None:
            raise Unreadable("a tender")
        kind = CASH if each.get("kind") == CASH else CARD
        found.append(Tender(kind, amount, text(each.get("slip"), longest=60)))
    return found


def _less_change(tenders: Sequence[Tender], change: int) -> list[Tender]:
    kept: list[Tender] = []
    for each in reversed(tenders):
        off = min(change, each.amount_minor) if each.kind == CASH else 0
        change -= off
        kept.insert(0, Tender(each.kind, each.amount_minor - off, each.slip))
    return [each for each in kept if each.amount_minor]


def moment(value: Any) -> datetime | None:
    """A time as it is written; None for what is none, or not of this time."""
    if not isinstance(value, str):
        return None
    with contextlib.suppress(ValueError):
        read = datetime.fromisoformat(value)
        if read.tzinfo is not None and 2000 <= read.year < 2200:
            return read.astimezone(UTC)
    return None


def uuid(value: Any) -> UUID | None:
    if isinstance(value, str) and len(value) <= 40:
        with contextlib.suppress(ValueError):
            return UUID(value)
    return None


def text(value: Any, *, longest: int) -> str:
    """On one line, without what cannot be kept; empty for what is no text."""
    if not isinstance(value, str):
        return ""
    return cleaned(value, one_line=True)[:longest]


def _list(value: Any, most: int) -> list[Any]:
    return value[:most] if isinstance(value, list) else []


def _id(value: Any) -> int | None:
    return value if _is_whole(value, least=1, most=2**53) else None


def _is_whole(value: Any, *, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _whole(value: Any, *, least: int, most: int, otherwise: Any) -> Any:
    return value if _is_whole(value, least=least, most=most) else otherwise


def _whole_or_none(value: Any) -> int | None:
    return value if _is_whole(value, least=1, most=2**53) else None

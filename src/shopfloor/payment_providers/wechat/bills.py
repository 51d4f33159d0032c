"""The bill of a day: CSV with a backtick before every cell, amounts in yuan while the interface speaks fen.  Pure.

doc "申请交易账单", type ALL: a line for a payment on the day it came, a line for a refund on the day it was asked for.
Names of goods may hold commas; no cell holds a comma and a backtick.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Final

from shopfloor.kernel.values import MAX_MINOR, Money
from shopfloor.payment_providers import BillRow
from shopfloor.payment_providers.wechat.messages import id_of, refund_of

CHINA: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
_SUMMARY_LINES: Final = 2
# A refund that failed moved nothing.
_MOVED: Final = frozenset({"SUCCESS", "PROCESSING"})


def check_digest(data: bytes, digest: str) -> None:
    """The download is not signed; its SHA-1 stood in the signed answer before.  Raises ValueError."""
    if hashlib.sha1(data, usedforsecurity=False).hexdigest() != digest.lower():
        raise ValueError("the bill is not the one that was announced")


def read_bill(data: bytes) -> list[BillRow]:
    """Raises ValueError for what is no such bill."""
    lines = [line for line in data.decode("utf-8-sig").splitlines() if line.strip()]
    if len(lines) < 1 + _SUMMARY_LINES:
        raise ValueError("the bill has no head, or no sum")
    names = lines[0].split(",")
    details, summary = lines[1:-_SUMMARY_LINES], _cells(lines[-1])
    if int(summary[0]) != len(details):
        raise ValueError("the bill has other lines than its sum says")
    return list(_rows(names, details))


def _cells(line: str) -> list[str]:
    if not line.startswith("`"):
        raise ValueError("a cell without its backtick")
    return line[1:].split(",`")


def _rows(names: list[str], lines: list[str]) -> Iterator[BillRow]:
    for line in lines:
        cells = _cells(line)
        if len(cells) != len(names):
            raise ValueError("a line is cut off")
        row = dict(zip(names, cells, strict=True))
        try:
            if row["交易状态"] == "SUCCESS":
                yield _row(row, "charge", row["微信订单号"], row["订单金额"])
            elif row["交易状态"] == "REFUND" and row["退款状态"] in _MOVED:
                yield _row(row, "refund", row["微信退款单号"], row["申请退款金额"])
        except KeyError as problem:
            raise ValueError(f"a column is missing: {problem}") from problem


def _row(row: dict[str, str], kind: str, reference: str, amount: str) -> BillRow:
    return BillRow(
        kind=kind,
        reference=reference,
        amount=Money(_fen(amount), row["货币种类"]),
        at=datetime.strptime(row["交易时间"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA),
        attempt_id=id_of(row["商户订单号"]),
        refund_id=refund_of(row["商户退款单号"]) if kind == "refund" else None,
        # Said with five decimals, charged in fen.
        fee=Money(int(_yuan(row["手续费"]).scaleb(2).quantize(Decimal(1), ROUND_HALF_UP)), row["货币种类"]),
    )


def _yuan(text: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation as problem:
        raise ValueError(f"no amount: {text[:40]}") from problem
    if not found.is_finite() or abs(found) > MAX_MINOR:
        raise ValueError(f"no amount: {text[:40]}")
    return found


def _fen(text: str) -> int:
    fen = _yuan(text).scaleb(2)
    if fen != fen.to_integral_value():
        raise ValueError(f"no amount: {text[:40]}")
    return int(fen)

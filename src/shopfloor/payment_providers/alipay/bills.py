"""The bill of a day: a ZIP with CSV in GBK, cells padded with tabs, amounts in yuan, refunds below zero.  Pure.

doc "alipay.data.dataservice.bill.downloadurl.query", bill type `trade`, file "业务明细".  Their day is one of Shanghai.
"""

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from shopfloor.kernel.values import MAX_MINOR, Money
from shopfloor.payment_providers.alipay.messages import CHINA, payment_of
from shopfloor.payment_providers.port import BillRow

_LARGEST: Final = 500_000_000
_KINDS: Final = {"交易": "charge", "退款": "refund"}


def read_bill(data: bytes) -> list[BillRow]:
    """Raises ValueError for what is no such bill."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = [
                archive.read(each).decode("gb18030")
                for each in archive.infolist()
                if each.filename.endswith(".csv") and each.file_size <= _LARGEST
            ]
    except (zipfile.BadZipFile, UnicodeDecodeError, NotImplementedError, RuntimeError) as problem:
        raise ValueError("no bill of Alipay") from problem
    details = [text for text in files if "业务明细列表" in text]
    if len(details) != 1:
        raise ValueError("not one list of details")
    return list(_rows(details[0]))


def _rows(text: str) -> Iterator[BillRow]:
    names: list[str] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        cells = [cell.strip() for cell in next(csv.reader([line]))]
        if not names:
            names = cells
            continue
        if len(cells) < len(names) - 1:
            raise ValueError("a line is cut off")
        row = dict(zip(names, cells, strict=False))
        yield _row(row)
    if not names:
        raise ValueError("the bill has no head")


def _row(row: dict[str, str]) -> BillRow:
    try:
        kind = _KINDS.get(row["业务类型"], "other")
        fee = fen_exact(row["服务费（元）"])
        return BillRow(
            kind=kind,
            reference=row["支付宝交易号"],
            amount=Money(abs(fen_exact(row["订单金额（元）"])), "CNY"),
            at=datetime.strptime(row["完成时间"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA),
            attempt_id=payment_of(row["商户订单号"]),
            refund_id=payment_of(row.get("退款批次号/请求号", "")) if kind == "refund" else None,
            # What it costs stands below zero, what comes back above.
            fee=Money(-fee, "CNY"),
        )
    except KeyError as problem:
        raise ValueError(f"a column is missing: {problem}") from problem


def fen_exact(text: str) -> int:
    """Raises ValueError where it is no amount, or finer than a fen."""
    try:
        fen = Decimal(text) * 100
    except InvalidOperation as problem:
        raise ValueError(f"no amount: {text[:40]}") from problem
    if not fen.is_finite() or abs(fen) > MAX_MINOR or fen != fen.to_integral_value():
        raise ValueError(f"no amount: {text[:40]}")
    return int(fen)

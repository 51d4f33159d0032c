"""A night's books: the bill of a day as WeChat Pay writes it, read by its adapter and compared with our payments.

So many payments stand in both books.  In some the amounts differ, some stand in one book only, one stands twice: the
differences that are opened are exactly those.  The days before were read and are empty; payments that only the provider
has name no attempt of ours, so nobody is asked about them.

    python bench/reconciliation.py --payments 100000
"""

import asyncio
import json
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import click
from typing_extensions import override

from shopfloor import orders, payment_providers
from shopfloor.kernel.database import Database
from shopfloor.kernel.migrations import migrate
from shopfloor.kernel.postgres import EmbeddedPostgres
from shopfloor.payment_providers import Abilities, BillRow, Manual
from shopfloor.payment_providers.wechat import bills as wechat

TODAY = datetime.now(UTC).date()
DAY = TODAY - timedelta(days=1)
HEAD = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,"
    "代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,"
    "申请退款金额,费率备注"
)
# Of each kind of difference so many.
AMOUNT, ONLY_THERE, ONLY_HERE, TWICE = 40, 30, 20, 10


@dataclass
class Books(Manual):
    """Its bills are bytes, which its adapter reads."""

    name: str = "wechat"
    abilities: Abilities = field(default_factory=lambda: Abilities(bills=True))
    bills: dict[date, bytes] = field(default_factory=dict[date, bytes])
    reading: float = 0.0

    @override
    async def bill(self, day: date) -> Sequence[BillRow]:
        began = time.perf_counter()
        rows = wechat.read_bill(self.bills[day]) if day in self.bills else []
        self.reading += time.perf_counter() - began
        return rows


def line(number: int, payment_id: UUID, minor: int) -> str:
    yuan = f"{minor // 100}.{minor % 100:02}"
    return (
        f"`{DAY} 12:00:00,`wx0000000000000001,`1900000001,`0,`,`{reference(number)},`{payment_id.hex},`oUpF8,`NATIVE,`SUCCESS,"
        f"`OTHERS,`CNY,`{yuan},`0.00,`0,`0,`0.00,`0.00,`,`,`青瓷碗,`,`0.71400,`0.60%,`{yuan},`0.00,`"
    )


def reference(number: int) -> str:
    return f"42000000002026{number:014}"


async def fill(db: Database, count: int) -> tuple[int, int, bytes]:
    """(shop, account, the bill): our books, and theirs."""
    async with db.transaction() as tx:
        shop_id = await tx.value(
            """
            INSERT INTO accounts.shop (slug, name, currency, locale, timezone)
            VALUES ('bench', 'Bench', 'CNY', 'zh-CN', 'Asia/Shanghai') RETURNING id
            """
        )
        account = await tx.value(
            """
            INSERT INTO payments.connection (shop_id, provider, mode, label, fields, sealed, is_on, created_at)
            VALUES (%(shop_id)s, 'wechat', 'test', '', '{}', '', true, %(at)s) RETURNING id
            """,
            shop_id=shop_id,
            at=datetime.combine(TODAY - timedelta(days=4), datetime.min.time(), UTC),
        )
        await tx.run(
            """
            INSERT INTO payments.payment (id, shop_id, subject_id, purpose, provider, method, amount_minor, currency,
                                          connection_id, state)
            SELECT gen_random_uuid(), %(shop_id)s, gen_random_uuid(), 'full', 'wechat', 'qr', 100 + n, 'CNY', %(account)s, 'captured'
              FROM generate_series(1, %(count)s) AS n
            """,
            shop_id=shop_id, account=account, count=count,
        )  # fmt: skip
        # A lock for each reference is more than one transaction may have.
        await tx.run("ALTER TABLE payments.event DISABLE TRIGGER USER")
        # Those that only we have are of the day before: that day is settled once this one is read.
        await tx.run(
            """
            INSERT INTO payments.event (id, shop_id, payment_id, subject_id, kind, amount_minor, provider, reference, note, actor,
                                        recorded_at)
            SELECT gen_random_uuid(), shop_id, id, subject_id, 'charged', amount_minor, 'wechat',
                   '42000000002026' || lpad((amount_minor - 100)::text, 14, '0'), '', 'wechat',
                   CASE WHEN amount_minor - 100 <= %(only_here)s THEN %(before)s ELSE %(on)s END
              FROM payments.payment
            """,
            only_here=ONLY_HERE,
            before=datetime.combine(DAY - timedelta(days=1), datetime.min.time(), UTC) + timedelta(hours=12),
            on=datetime.combine(DAY, datetime.min.time(), UTC) + timedelta(hours=12),
        )
        await tx.run("ALTER TABLE payments.event ENABLE TRIGGER USER")
        cursor = await tx.connection.execute(
            "SELECT amount_minor - 100, id, amount_minor FROM payments.payment ORDER BY 1"
        )
        known = await cursor.fetchall()
    lines = [
        line(number, payment_id, minor + (number <= ONLY_HERE + AMOUNT))
        for number, payment_id, minor in known
        if number > ONLY_HERE
    ]
    lines += [line(count + n, UUID(int=n), 500) for n in range(1, ONLY_THERE + 1)]
    lines += [line(number, payment_id, minor) for number, payment_id, minor in known[-TWICE:]]
    foot = ["总交易单数,应结订单总金额", f"`{len(lines)},`0.00"]
    return shop_id, account, "\r\n".join([HEAD, *lines, *foot]).encode()


async def run(dsn: str, count: int) -> None:
    db = Database(dsn, 4)
    await db.open()
    shop_id, account, bill = await fill(db, count)
    books = Books(bills={DAY: bill})

    async def source(_: int) -> payment_providers.Providers:
        return {**payment_providers.MANUAL_ONLY, f"wechat/{account}": books}

    began = time.perf_counter()
    found = await orders.reconciling.reconcile(db, source, today=TODAY)
    seconds = time.perf_counter() - began
    began = time.perf_counter()
    again = await orders.reconciling.reconcile(db, source, today=TODAY)
    second = time.perf_counter() - began
    async with db.transaction() as tx:
        cursor = await tx.connection.execute(
            "SELECT kind, count(*) FROM payments.difference WHERE shop_id = %s GROUP BY kind", (shop_id,)
        )
        kinds = dict(await cursor.fetchall())
    await db.close()
    expected = {"amount": AMOUNT, "missing_here": ONLY_THERE, "missing_there": ONLY_HERE, "twice": TWICE}
    assert kinds == expected, kinds
    assert (found, again) == (sum(expected.values()), 0), (found, again)
    click.echo(
        json.dumps(
            {
                "payments": count,
                "bill_megabytes": round(len(bill) / 1e6, 1),
                "seconds": round(seconds, 1),
                "of_them_reading_the_bill": round(books.reading, 1),
                "again_seconds": round(second, 2),
                "differences": kinds,
                "load": round(os.getloadavg()[0], 1),
            }
        )
    )


@click.command()
@click.option("--payments", "count", default=100_000, show_default=True)
def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        with EmbeddedPostgres(Path(folder)) as server:
            migrate(server.dsn)
            asyncio.run(run(server.dsn, count))


if __name__ == "__main__":
    main()

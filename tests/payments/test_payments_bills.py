"""The books of the providers, read to the fen."""

import zipfile
from datetime import UTC, datetime
from io import BytesIO

import pytest
from tests.payments.bills import alipay_bill, wechat_bill

from shopfloor.kernel.values import Money, new_id
from shopfloor.payment_providers import BillRow
from shopfloor.payment_providers.alipay import bills as alipay
from shopfloor.payment_providers.wechat import bills as wechat

PAYMENT, REFUND = new_id(), new_id()


def yuan(fen: int) -> Money:
    return Money(fen, "CNY")


def test_a_bill_of_alipay_is_read_with_its_times_in_shanghai_and_its_fees_apart() -> None:
    assert alipay.read_bill(alipay_bill(PAYMENT, REFUND)) == [
        BillRow(
            kind="charge",
            reference="2026112922001000000000000001",
            amount=yuan(12_900),
            at=datetime(2026, 11, 29, 15, 59, 59, tzinfo=UTC),
            attempt_id=PAYMENT,
            fee=yuan(77),
        ),
        BillRow(
            kind="refund",
            reference="2026112922001000000000000001",
            amount=yuan(2_900),
            at=datetime(2026, 11, 29, 15, 59, 59, tzinfo=UTC),
            attempt_id=PAYMENT,
            refund_id=REFUND,
            fee=yuan(-17),
        ),
    ]


def test_a_bill_of_wechat_pay_is_read_in_yuan_while_the_interface_speaks_fen() -> None:
    assert wechat.read_bill(wechat_bill(PAYMENT, REFUND)) == [
        BillRow(
            kind="charge",
            reference="4200000000202611290000000001",
            # What the order came to; a coupon of the platform paid ten of it.
            amount=yuan(12_900),
            at=datetime(2026, 11, 29, 15, 59, 59, tzinfo=UTC),
            attempt_id=PAYMENT,
            fee=yuan(71),
        ),
        BillRow(
            kind="refund",
            reference="50300000001",
            amount=yuan(2_900),
            at=datetime(2026, 11, 29, 16, 0, 0, tzinfo=UTC),
            attempt_id=PAYMENT,
            refund_id=REFUND,
            fee=yuan(-17),
        ),
    ]


def test_a_refund_that_failed_moved_nothing() -> None:
    assert [row.kind for row in wechat.read_bill(wechat_bill(PAYMENT, REFUND, failed=True))] == ["charge"]


WHOLE = wechat_bill(PAYMENT, REFUND)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        WHOLE[: len(WHOLE) // 2],
        WHOLE.replace(b"`129.00", b"`129.001"),
        WHOLE.replace(b"`129.00", b"`1e400"),
        WHOLE.replace(b"`129.00", b"`NaN"),
        WHOLE.replace("订单金额".encode(), "金额".encode()),
        WHOLE.replace(b"`2,`119.00", b"`3,`119.00"),
        WHOLE.replace(b"\r\n`2026-11-30", b"\r\n2026-11-30"),
        WHOLE.replace(b",`OTHERS", b"", 1),
    ],
)
def test_a_bill_of_wechat_pay_that_is_cut_or_changed_is_refused_whole(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        wechat.read_bill(data)


def test_a_day_without_a_sale_has_an_empty_bill() -> None:
    head, foot = WHOLE.decode().split("\r\n")[0], WHOLE.decode().split("\r\n")[3:5]

    assert wechat.read_bill("\r\n".join([head, foot[0], foot[1].replace("`2,", "`0,", 1)]).encode()) == []


def test_the_digest_of_a_bill_is_that_of_its_bytes() -> None:
    wechat.check_digest(b"abc", "A9993E364706816ABA3E25717850C26C9CD0D89D")
    with pytest.raises(ValueError, match="announced"):
        wechat.check_digest(b"abd", "A9993E364706816ABA3E25717850C26C9CD0D89D")


def changed(old: str, new: str) -> bytes:
    packed = BytesIO()
    with (
        zipfile.ZipFile(BytesIO(alipay_bill(PAYMENT, REFUND))) as before,
        zipfile.ZipFile(packed, "w") as after,
    ):
        for each in before.namelist():
            after.writestr(each, before.read(each).replace(old.encode("gbk"), new.encode("gbk")))
    return packed.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04 and nothing more",
        changed("业务明细列表", "业务列表"),
        changed("129.00,129.00", "129.001,129.00"),
        changed("129.00,129.00", ",129.00"),
        changed("服务费（元）", "费（元）"),
        changed("2026-11-29 23:59:59", "29.11.2026 23:59"),
        changed(",0.00,0.00,,-0.77,0.00,", ""),
    ],
)
def test_a_bill_of_alipay_that_is_cut_or_changed_is_refused_whole(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        alipay.read_bill(data)


def test_lines_of_alipay_that_are_neither_payment_nor_refund_are_kept_as_what_they_are() -> None:
    assert [row.kind for row in alipay.read_bill(changed("退款    ", "分账    "))] == ["charge", "other"]

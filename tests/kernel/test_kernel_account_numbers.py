"""Texts that tell where to send money."""

import pytest

from shopfloor.kernel.account_numbers import names_account, proves_account


@pytest.mark.parametrize(
    "text",
    [
        "DE89 3704 0044 0532 0130 00",
        "Ours is gb82west12345698765432, thank you",
        "ＤＥ８９ ３７０４ ００４４ ０５３２ ０１３０ ００",
        "4111 1111 1111 1111",
        "Please transfer it to 12345678",
        "Sort code 20-00-00, bank account 5577-9911",
        "请转账到 6222 0212 3456 7890 123",
        "支付宝 goods@shop.example",
        "加微信付款：13912345678",
        "Pay here: https://pay.example/you",
        "PayPal me@shop.example",
        "Bank: 12/34/56/78",
        "Account 1234  5678 – 90",
        "Pay to 12\u200b34\u206056\u200d78",
        "Bank ١٢٣٤٥٦٧٨",
        "转账 6222_0212_3456",
    ],
)
def test_an_account_a_card_or_a_wallet_is_found(text: str) -> None:
    assert names_account(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Thank you, {name}! We ship order {number} within two days.",
        "Old Pier 3, ring at the back. Telephone 030 1234 5678",
        "Parcel 1Z 999 AA1 01 2345 6784",
        "DE89 3704 0044 0532 0130 01",
        "4111 1111 1111 1112",
        "See https://harbour.example for more",
        "Pay when you collect it, cash or card.",
        "您的订单 {number} 已发货，请注意查收",
        "请在 {date} 前付款",
        "Pay by 2026-12-01, or come between 10:00 and 18:30 on 24.12.2026.",
        "请于 2026-12-01 20:00 前付款",
        "Pay 12,000 on delivery",
        "Wireless earbuds, 38 40 42 44",
        "Zahlreiche Größen: 36 38 40 42",
        "Contour cushion 40 x 40 x 1200",
        "EAN 4006381333931, GTIN 04006381333931",
    ],
)
def test_other_texts_name_none(text: str) -> None:
    assert not names_account(text)


@pytest.mark.parametrize(
    ("text", "proves"),
    [
        ("Transfer to DE89 3704 0044 0532 0130 00, not at checkout", True),
        ("付款请转 4111-1111-1111-1111", True),
        ("6222021234567890128", True),
        ("<p>DE89 3704<b></b> 0044&nbsp;0532&#48;13000</p>", True),
        ("<" * 50_000, False),
        ("Ours: DE89\u200b37040044\u00ad0532013000", True),
        ("Sizes 38 40 42 44 46 48 50 54", False),
        ("Pay attention: sizes 38 40 42 44, EAN 4006381333931, see https://harbour.example", False),
        ("Bank account? 12345678", False),
    ],
)
def test_long_texts_are_judged_by_numbers_that_prove_themselves(text: str, *, proves: bool) -> None:
    assert proves_account(text) is proves

"""What can be said about the catalogue without a database."""

import pytest

from shopfloor import catalog
from shopfloor.catalog import models
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.sheets import guarded, unguarded
from shopfloor.kernel.text import handle_from
from shopfloor.kernel.values import MAX_MINOR, Money


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("129.00", "EUR", 12900), ("129", "EUR", 12900), ("129.9", "EUR", 12990), (" 0.01 ", "EUR", 1), ("0", "EUR", 0),
        ("129.9000", "EUR", 12990), ("1200", "JPY", 1200), ("1200.00", "JPY", 1200), ("1.234", "KWD", 1234),
        ("1.2", "KWD", 1200), ("10000000000.00", "EUR", MAX_MINOR), ("007.50", "EUR", 750),
    ],
)  # fmt: skip
def test_a_price_is_read(text: str, currency: str, minor: int) -> None:
    assert catalog.parse_price(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("text", "currency", "code"),
    [
        ("-1", "EUR", "catalog.price_negative"), ("-0.01", "EUR", "catalog.price_negative"),
        ("10000000000.01", "EUR", "catalog.price_too_large"), ("9999999999999999", "JPY", "catalog.price_too_large"),
        ("1.234", "EUR", "catalog.price_decimals"), ("1200.5", "JPY", "catalog.price_decimals"),
        ("1.2345", "KWD", "catalog.price_decimals"),
        *((text, "EUR", "catalog.price_unreadable") for text in (
            "", " ", "NaN", "nan", "inf", "Infinity", "-Infinity", "1e3", "0x10", "1,29.00", "+5",
            "5.", "1.2.3", "1 00", "--1", "1" * 41, "1\0", "=1+1", "1_000", "free", "\ud800",
        )),
    ],
)  # fmt: skip
def test_what_is_no_price_is_refused(text: str, currency: str, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        catalog.parse_price(text, currency)

    assert refused.value.code == code


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(12900, "EUR"), "129.00"), (Money(5, "EUR"), "0.05"), (Money(0, "EUR"), "0.00"),
        (Money(1200, "JPY"), "1200"), (Money(1234, "KWD"), "1.234"), (Money(7, "KWD"), "0.007"),
    ],
)  # fmt: skip
def test_a_price_is_written_as_it_is_read(money: Money, text: str) -> None:
    assert catalog.format_price(money) == text
    assert catalog.parse_price(text, money.currency) == money


@pytest.mark.parametrize(
    ("title", "handle"),
    [
        ("Linen Shirt, blue", "linen-shirt-blue"),
        ("青瓷茶杯 / 大", "青瓷茶杯-大"),
        ("!!!", "product"),
        ("x" * 300, "x" * 200),
    ],
)
def test_a_handle_is_made_from_a_title(title: str, handle: str) -> None:
    assert handle_from(title) == handle
    assert models.checked_handle(handle) == handle


@pytest.mark.parametrize(
    "handle", ["", "a b", "a/b", "-a", "a-", "../x", "x" * 256, "a\0", "<b>", "a?b", "\ud800"]
)
def test_a_bad_handle_is_refused(handle: str) -> None:
    with pytest.raises(Refusal):
        models.checked_handle(handle)


def test_options_have_names_of_their_own() -> None:
    assert models.checked_option_names([" Size ", "Colour"]) == ["Size", "Colour"]
    for names in (["a", "A"], ["a", "b", "c", "d"]):
        with pytest.raises(catalog.BadOptions):
            models.checked_option_names(names)


def test_a_translation_falls_back_to_the_language_and_then_to_the_text() -> None:
    texts = {"zh_CN": "衬衫", "de": "Hemd"}
    assert [catalog.translated("shirt", texts, locale) for locale in ("zh_CN", "zh_TW", "de_AT", "fr", "en")] == [
        "衬衫", "衬衫", "Hemd", "shirt", "shirt",
    ]  # fmt: skip


def test_markup_becomes_text() -> None:
    html = "<p>Soft &amp; light</p><ul><li>a<li>b</ul><script>alert('x')</script><img src=x onerror=alert(1)>"
    assert catalog.plain_text(html) == "Soft & light\na\nb"
    assert catalog.plain_text("plain\n\n\ntext") == "plain\ntext"
    assert catalog.plain_text("<" * 1000) == "<" * 1000


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@x", "'=1", "''=1", "\t=1", "a", "", "'a", "1-2", "it's"]
)
def test_a_cell_that_looks_like_a_formula_comes_back(cell: str) -> None:
    assert not guarded(cell).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert unguarded(guarded(cell)) == cell

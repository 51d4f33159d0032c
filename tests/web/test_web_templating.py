"""Filters, words, refusals: what every page builds on."""

import importlib
import json
import pkgutil
import re
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from starlette.requests import Request
from starlette.responses import Response

import shopfloor
from shopfloor import web
from shopfloor.kernel.errors import Refusal, every_refusal
from shopfloor.kernel.values import Money
from shopfloor.web.languages import LANGUAGES, accepted, own_path
from shopfloor.web.messages import MESSAGES
from shopfloor.web.refusals import message_of, sentence
from shopfloor.web.templating import TEMPLATES, data, environment, flash, money_text, render, with_query

ENGLISH, CHINESE = LANGUAGES


def shown(source: str, tag: str = "en", **values: object) -> str:
    return environment(tag).from_string(source).render(zone=ZoneInfo("Asia/Shanghai"), **values)


def request(path: str = "/", query: str = "", **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode(), "headers": raw}
    return Request(scope)


def test_money_in_both_languages_and_without_minor_units() -> None:
    assert money_text(Money(129_950, "CNY"), CHINESE) == "¥1,299.50"
    assert money_text(Money(12_900, "EUR"), ENGLISH) == "€129.00"
    assert money_text(Money(12_900, "EUR"), ENGLISH, whole=True) == "€129"
    assert money_text(Money(12_950, "EUR"), ENGLISH, whole=True) == "€129.50"
    assert money_text(Money(1_200, "JPY"), ENGLISH) == "¥1,200"
    assert (
        shown("{{ a|minor }} {{ b|minor }}", a=Money(12_900, "CNY"), b=Money(1_200, "JPY")) == "129.00 1200"
    )


def test_times_are_shown_in_the_zone_of_the_shop_and_carry_their_own() -> None:
    at = datetime(2026, 12, 3, 20, 30, 5, tzinfo=UTC)

    assert shown("{{ at|clock }}", at=at) == "04:30:05"
    assert shown("{{ at|when('time') }}", at=at) == (
        '<time datetime="2026-12-03T20:30:05+00:00">04:30 CST</time>'
    )
    assert shown("{{ day|day }}", day=date(2026, 12, 3)) == "Dec 3"
    assert shown("{{ day|day }}", "zh-CN", day="2026-12-03") == "12月3日"


def test_numbers() -> None:
    assert (
        shown("{{ 1234567|number }} {{ 0.1234|percent(1) }} {{ 3753|duration }}") == "1,234,567 12.3% 1:02:33"
    )


def test_no_field_of_the_console_loses_a_comma() -> None:
    """Browsers drop a decimal comma from fields of the type `number` where their language has a point: 1,5 is 15."""
    templates = Path(web.__file__).parent / "templates"
    forms = [
        *templates.glob("console/*.html"),
        *templates.glob("supplier/*.html"),
        templates / "base_console.html",
    ]

    assert len(forms) > 30
    assert [form.name for form in forms if re.search(r"type=.?[\"']?number", form.read_text())] == []


def test_data_in_a_page_cannot_end_its_own_script() -> None:
    evil = "</script><script>alert(1)</script>&\u2028"
    markup = data("state", {"title": evil})
    body = re.fullmatch(r'<script type="application/json" id="state">(.*)</script>', markup)

    assert body is not None
    assert "<" not in body[1]
    assert json.loads(body[1]) == {"title": evil}


def test_undefined_names_are_faults() -> None:
    with pytest.raises(Exception, match="is undefined"):
        shown("{{ forgotten }}")


def test_a_flash_is_shown_once_and_as_text() -> None:
    response = Response()
    flash(response, "good", "Saved <b>")
    cookie = response.headers["set-cookie"].split(";")[0]
    context = {"title": "T", "message": "M", "code": "c", "incident": None, "back": None}
    page = render(request(cookie=cookie), "error.html", status=404, **context)

    assert b"Saved &lt;b&gt;" in page.body
    assert 'flash=""' in page.headers["set-cookie"]
    assert b"Saved" not in render(request(cookie="flash=nonsense"), "error.html", status=404, **context).body


def test_an_address_with_another_parameter() -> None:
    assert with_query("/a?page=2&q=x%20y", page=3) == "/a?q=x%20y&page=3"
    assert with_query("/a?page=2", page=None) == "/a"


@pytest.mark.parametrize(
    ("header", "tag"),
    [
        ("zh-TW,en;q=0.8", "zh-CN"),
        ("fr, en;q=0.5, zh;q=0.9", "zh-CN"),
        ("en-GB,zh", "en"),
        ("en;q=nonsense,zh;q=0.1", "zh-CN"),
        ("fr", None),
        ("", None),
    ],
)
def test_the_language_of_a_browser(header: str, tag: str | None) -> None:
    found = accepted(header)

    assert (found.tag if found else None) == tag


def test_only_paths_of_this_site_are_returned_to() -> None:
    assert own_path("/s/a?b=1") == "/s/a?b=1"
    for target in (None, "", "s/a", "//evil", "/\\evil", "https://evil/", "/a\r\nb"):
        assert own_path(target) == "/"


def test_every_refusal_says_something_in_both_languages() -> None:
    for module in pkgutil.walk_packages(shopfloor.__path__, "shopfloor."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    public = {
        kind.code
        for kind in every_refusal()
        if kind.__module__.startswith("shopfloor.") and hasattr(kind, "code")
    }
    missing = public - MESSAGES.keys()

    assert sorted(missing) == []
    for text in MESSAGES.values():
        assert CHINESE.words.gettext(text) != text


def test_the_most_exact_sentence_is_said() -> None:
    def said(code: str, **facts: object) -> str:
        return sentence(code, "", facts, ENGLISH)

    assert said("text.unusable", field="title", longest=1_200) == "Use at most 1,200 characters."
    assert said("text.unusable", field="title", shortest=1) == "This is missing or too short."
    assert said("text.unusable", field="name", longest=100) == "Enter a name of 1 to 100 characters."
    assert said("text.unusable", field="title") == "The text is too short, too long or not readable."
    assert said("catalog.sheet_unreadable", why="twice", column="title") == (
        "The file has the column title twice. Remove one."
    )
    assert said("catalog.sheet_unreadable", why="else") == "This file can't be read as a product CSV."


def test_money_that_came_in_is_not_goods_that_came_in() -> None:
    assert CHINESE.words.pgettext("money", "Received") == "已收款"
    assert "货" in CHINESE.words.gettext("Received")


def test_a_code_nobody_translated_keeps_its_own_sentence() -> None:
    class Odd(Refusal):
        """Oddly refused."""

        status = 409
        code = "test.odd"

    assert message_of(Odd(), CHINESE) == "Oddly refused."
    assert sentence("conflict", "", {}, CHINESE) == "现在已经不行了，请再看一看。"


def test_the_chinese_of_the_shop_is_complete() -> None:
    root = Path(__file__).resolve().parents[2]
    found = subprocess.run(
        [sys.executable, "tools/words.py", "--check", "--only", "shop"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (found.returncode, found.stdout) == (0, "")


def test_counts_in_sentences_are_written_by_language_and_numbers_of_orders_as_they_are() -> None:
    source = (
        '{{ ngettext("%(num)s variant", "%(num)s variants", n) }} {{ _("max. %(n)s per customer", n=n) }} '
        '{{ _("Order %(number)s", number=n) }}'
    )
    for tag, said in (
        ("en", "1,000,000 variants max. 1,000,000 per customer Order 1000000"),
        ("zh-CN", "1,000,000 个规格 每人限购 1,000,000 件 订单 1000000"),
    ):
        assert environment(tag).from_string(source).render(n=1_000_000) == said
    fact = {"least": 1, "most": 1_000_000}
    assert sentence("quantity.unreadable", "", fact, ENGLISH) == "Enter a whole number from 1 to 1,000,000."


def test_no_template_writes_a_quantity_without_its_language() -> None:
    bare = re.compile(r"\{\{ [a-zA-Z_.]*(?:quantity|units) \}\} ×|× \{\{ [a-zA-Z_.]*(?:quantity|units) \}\}")
    found = [str(path) for path in TEMPLATES.rglob("*.html") if bare.search(path.read_text())]
    assert found == []


def test_a_list_is_a_list_to_who_hears_it() -> None:
    """Another role takes the list away, and its items belong to nothing: the role stands on an element around it."""
    places = [*(TEMPLATES).rglob("*.html"), *(Path(__file__).parents[2] / "frontend/src").rglob("*.tsx")]
    lists = [tag for place in places for tag in re.findall(r"<(?:ol|ul)\b[^>]*>", place.read_text())]
    assert [tag for tag in lists if re.search(r"\brole=(?![\"']list[\"'])", tag)] == []
    assert len(lists) > 50

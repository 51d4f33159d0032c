"""What becomes of text from outside: what stays, what goes, what is refused."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopfloor.kernel import text

ANY = st.text(alphabet=st.characters(), max_size=60)


@pytest.mark.parametrize(
    "given_text",
    [
        "🩷", "🫨 🪿", "\U0001fae9", "\U0001fac8\U0001f6d8",  # of Unicode 15, 16 and 17
        "👩\u200d🔧", "👩🏽\u200d❤️\u200d💋\u200d👨🏿", "🐈\u200d⬛", "🏳️\u200d🌈", "🙂\u200d↔️", "1️⃣ #️⃣", "🇩🇪🇨🇳",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "می\u200cخواهم", "نامه\u200cای", "क्\u200dष", "ශ්\u200dරී", "ک\u200d",
        "Tiếng Việt", "בְּרֵאשִׁ֖ית", "ที่นี่", "བསྒྲུབས", "မြန်မာ", "ភាសាខ្មែរ\u200bនេះ",
        "葛\U000e0100城", "שלום\u200f!", "naïve café", "𠮷野家", "㋿ 株式会社", "x₂ ≤ 3",
    ],
)  # fmt: skip
def test_what_people_write_stays_as_they_wrote_it(given_text: str) -> None:
    composed = unicodedata.normalize("NFC", given_text)

    assert text.line(given_text, field="title", longest=200, shortest=1) == composed
    assert text.prose(given_text, field="title", longest=200) == composed
    assert text.name(given_text, field="name", longest=200) == composed
    assert text.said(given_text, longest=200) == composed


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [
        ("he\u200bl\u202elo\u2066", "hello"),
        ("\ufeffTitle", "Title"),
        ("a\u200db\u200cc", "abc"),
        ("a\u200e", "a"),
        ("so\u00adup \u00ad", "so\u00adup"),
        ("x\U000e0041\U000e0042", "x"),
        ("\u3164a\uffa0", "a"),
        ("می\u200c\u200c\u200cخ", "می\u200cخ"),
        ("🩷\u200d", "🩷"),
        ("a\u2028b\x85c\x0bd", "a b c d"),
        (" \u0301x", "x"),
    ],
)
def test_what_only_hides_goes(given_text: str, kept: str) -> None:
    assert text.line(given_text, field="title", longest=200) == kept
    assert text.said(given_text, longest=200) == kept


@pytest.mark.parametrize("mark", ["\u0301", "\u0489", "\u20dd", "\u0e49", "\ufe0f", "\u0651", "\U000e0100"])
def test_marks_are_not_heaped_on_one_letter(mark: str) -> None:
    heaped = text.name("Z" + mark * 180 + "oe", field="name", longest=24)

    assert heaped.endswith("oe")
    assert len(heaped) <= 1 + text.MOST_MARKS + 2
    if mark == "\u0301":
        assert heaped == "Ź\u0301\u0301\u0301oe"


@pytest.mark.parametrize("written", ["\u1c89\u1c8a", "\U00010d40\U00010d4a", "\U00016100", "\U0001faea"])
def test_a_script_that_is_newer_than_the_tables_is_a_name(written: str) -> None:
    assert text.name(written, field="name", longest=24) == written
    assert text.said(written, longest=24) == written


@pytest.mark.parametrize("reserved", ["\u2065", "\ufff0", "\U000e0fff"])
def test_what_is_reserved_for_the_invisible_is_none(reserved: str) -> None:
    assert text.is_blank(reserved)


@pytest.mark.parametrize(
    "blank",
    ["", " ", "\u3164", "\u2800", "\u200b", "\u200b\u2800\u3164", "\uffa0", "\u115f", "\u1160", "\u2060", "\ufeff",
     "\u00ad", "\u200d", "\u2064", "\u180e", "\u034f", "\u0301", "\ufe0f", "\u3000", "\u00a0", "\U000e0020",
     "\U0001d159", "\u202e", "\u061c", "\u2065", "\ufff0", "\U000e0fff", "\U0001d173"],
)  # fmt: skip
def test_a_blank_is_no_name(blank: str) -> None:
    with pytest.raises(text.UnusableText) as refused:
        text.name(blank, field="name", longest=24)
    assert refused.value.facts == {"field": "name", "shortest": 1}
    with pytest.raises(text.UnusableText):
        text.line(blank, field="title", longest=24, shortest=1)
    assert text.line(blank, field="note", longest=24) == ""
    assert text.said(blank, longest=24) == ""


@pytest.mark.parametrize("bad", ["a\x00b", "\x1b[31m", "\ud800", "a\udcff", "\x7f", "\ufffe", "\x9f"])
def test_what_cannot_be_kept_is_refused_or_dropped(bad: str) -> None:
    for refuse in (text.line, text.prose, text.name):
        with pytest.raises(text.UnusableText) as refused:
            refuse(bad, field="title", longest=200)
        assert refused.value.facts == {"field": "title"}
    assert text.storable(text.said(f"hi {bad}", longest=200))


def test_lengths_are_those_of_what_is_kept() -> None:
    assert text.line("  " + "x" * 5 + "\u200b" * 5, field="title", longest=5) == "xxxxx"
    with pytest.raises(text.UnusableText) as refused:
        text.line("x" * 6, field="title", longest=5)
    assert refused.value.facts == {"field": "title", "longest": 5}
    with pytest.raises(text.UnusableText):
        text.prose("x" * 10_000_000, field="title", longest=5)


@given(ANY)
@settings(max_examples=500, deadline=None)
def test_whatever_comes_is_kept_the_same_way_twice(anything: str) -> None:
    once = text.said(anything, longest=400)

    assert text.said(once, longest=400) == once
    assert text.storable(once)
    once.encode()
    assert once == "" or not text.is_blank(once)
    assert not set(once) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\x00\n\t")


@pytest.mark.parametrize(
    "name",
    ["Hоst", "Нost", "Ηost", "HOST", "ｈｏｓｔ", "𝐇𝐨𝐬𝐭", "Ⓗⓞⓢⓣ", "🅷🅾🆂🆃", "h0st", "ho\u0336st", "H o s t", "h.o.s.t",
     "Host Ann", "ann_host", "TheHost", "host123", "ʜᴏꜱᴛ", "ᎻOST", "һоѕт", "Ηοςτ".replace("ς", "ѕ")],
)  # fmt: skip
def test_imitations_of_a_role_are_seen(name: str) -> None:
    assert text.imitates(name, roles=["host"])


@pytest.mark.parametrize("name", ["客服", "客服小美", "我是客服", "✨客服✨", "客 服"])
def test_imitations_in_chinese_are_seen(name: str) -> None:
    assert text.imitates(name, roles=["客服"])


@pytest.mark.parametrize(
    "name",
    ["Ghost", "Hostettler", "Badminton Li", "Badmin", "Ada", "Хост", "长官方便", "Photos Thomas", "", "🩷"],
)
def test_honest_names_imitate_nobody(name: str) -> None:
    assert not text.imitates(name, roles=["host", "admin", "官方", "support"])


def test_names_are_compared_by_how_they_look() -> None:
    assert text.looks_like("Tuan Studio", "Τuаn-Stud1o ✓")
    assert text.looks_like("Modern", "Modem")
    assert not text.looks_like("Tuan Studio", "Tuan Studios")
    assert not text.looks_like("✨", "🩷")
    assert text.imitates("Lі Wеі", names=["Li Wei"])
    assert not text.imitates("Badminton Li", names=["Li"])


@pytest.mark.parametrize(
    "name", ["EURO™", "Euro Team", "Eurо Team", "Team Euro", "euro-service", "The real Euro", "Euro 店铺"]
)
def test_a_name_with_company_is_still_that_name(name: str) -> None:
    assert text.imitates(name, names=["Euro"])


@pytest.mark.parametrize("name", ["Eurostar", "Team", "Euro Ann", "Store Lover", "Neuro Team"])
def test_company_alone_imitates_nobody(name: str) -> None:
    assert not text.imitates(name, names=["Euro"])


@given(ANY)
@settings(max_examples=300, deadline=None)
def test_a_skeleton_can_be_made_of_anything(anything: str) -> None:
    assert text.looks_like(anything, anything) is (text.skeleton(anything) != "")
    text.imitates(anything, roles=["host", "客服"], names=["Li"])

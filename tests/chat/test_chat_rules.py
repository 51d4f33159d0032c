"""What may be said, and what is held."""

from uuid import UUID

import pytest

from shopfloor.chat import BadName, BadText, BadWord, Reason, WordProtected, name_of
from shopfloor.chat.rules import (
    ALWAYS_BLOCKED,
    PROTECTED,
    blocklist,
    checked_name,
    checked_word,
    clean,
    fingerprint,
    has_link,
    reason_to_hold,
)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("  hello \n there\t", "hello there"),
        ("he\u200bl\u202elo", "hello"),
        ("love it 🩷🫨", "love it 🩷🫨"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d🔧 ok", "👩\u200d🔧 ok"),
        ("a\x00b", "ab"),
        ("好" * 200, "好" * 200),
    ],
)
def test_a_line_is_one_visible_line(text: str, kept: str) -> None:
    assert clean(text) == kept


@pytest.mark.parametrize("text", ["", "   ", "\u200b\u200b", "\u200d", "x" * 201, "x" * 100_000, "\n"])
def test_what_is_no_line(text: str) -> None:
    with pytest.raises(BadText) as refused:
        clean(text)
    assert refused.value.code == "chat.bad_text"


@pytest.mark.parametrize(
    "text",
    [
        "加微信",
        "加 微 信 abc",
        "加-微.信",
        "ＷｈａｔｓＡｐｐ me",
        "wh4ts@pp",
        "w h a t s a p p",
        "TeLeGrAm",
        "加微\u200b信",
    ],
)
def test_what_the_blocklist_finds(text: str) -> None:
    assert blocklist(ALWAYS_BLOCKED).finds(text)


def test_short_words_count_only_as_words() -> None:
    words = blocklist(["ass"])

    assert words.finds("you ass")
    assert not words.finds("a classic coat")
    assert not blocklist([]).finds("anything")


def test_complaints_cannot_be_blocked() -> None:
    for word in ("差评", "refund", "Scam", " 质量差 "):
        with pytest.raises(WordProtected):
            checked_word(word)
    for word in ("a", "ab" * 21, "!!"):
        with pytest.raises(BadWord):
            checked_word(word)
    assert checked_word(" V-X 123 ") == "vx123"
    assert not any(blocklist(ALWAYS_BLOCKED).finds(word) for word in PROTECTED)


@pytest.mark.parametrize(
    "text", ["see https://x.example", "www.x.y", "shop.com rules", "go to bit.ly/x", "ＨＴＴＰＳ：//x.com"]
)
def test_links(text: str) -> None:
    assert has_link(text)


@pytest.mark.parametrize("text", ["12.90 is fine", "ok...fine", "size 38.5?", "好看.好看"])
def test_no_links(text: str) -> None:
    assert not has_link(text)


def test_lines_that_say_the_same_have_one_fingerprint() -> None:
    assert (
        fingerprint("Nice coat!!!")
        == fingerprint("niiiice   coat".replace("iiii", "i"))
        == fingerprint("NICE COAT")
    )
    assert fingerprint("抢到了 1") == fingerprint("抢到了23!")
    assert fingerprint("nice coat") != fingerprint("nice bowl")
    assert fingerprint("!!!") != ""


def test_names() -> None:
    assert checked_name("  Ann  Lee ") == "Ann Lee"
    assert name_of(UUID(int=5)) == name_of(UUID(int=5)) == "Guest 1005"
    for name in ("Badminton Li", "Ghost", "Hostettler", "Systema", "Supportive", "爱主播的猫"):
        assert checked_name(name) == name
    for name in (
        "Hоst",
        "HOST_1",
        "h.0.s.t",
        "TheHost",
        "",
        "x" * 25,
        "客服小美",
        "0fficial",
        "A d m i n",
        "Moderator",
        "www.x.com",
        "\u200b",
    ):
        with pytest.raises(BadName):
            checked_name(name)


def test_why_a_line_is_held() -> None:
    blocked = blocklist(["spamword"])
    long = "come to my wonderful room now"

    assert reason_to_hold("see x.com", blocked=blocked, is_new=True, same_by_others=0) is Reason.LINK
    assert reason_to_hold("see x.com", blocked=blocked, is_new=False, same_by_others=0) is None
    assert (
        reason_to_hold("s-p-a-m word", blocked=blocked, is_new=False, same_by_others=0) is Reason.BLOCKED_WORD
    )
    assert reason_to_hold(long, blocked=blocked, is_new=False, same_by_others=3) is Reason.REPEATED
    assert reason_to_hold("好看", blocked=blocked, is_new=True, same_by_others=500) is None
    assert reason_to_hold("差评，退货！", blocked=blocked, is_new=True, same_by_others=0) is None


@pytest.mark.parametrize(
    "name",
    ["Shop", "ЅHOP", "store", "Mod", "GM", "Boss", "老板", "商家", "店铺", "小助手", "shop owner", "Streamer", "店主", "小店主",
     "店長", "主持人小李", "场控"],
)  # fmt: skip
def test_who_speaks_for_a_shop_is_no_guest(name: str) -> None:
    with pytest.raises(BadName):
        checked_name(name)


@pytest.mark.parametrize("name", ["Shop Lover", "Modest Ann", "Bossa", "老板娘爱买", "Anchorage"])
def test_the_same_words_inside_a_name_are_honest(name: str) -> None:
    assert checked_name(name) == name

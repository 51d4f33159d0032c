"""What people ask for, in two languages."""

import pytest

from shopfloor.chat import Asks, asks, vocabulary

WORDS = vocabulary(
    [
        ("Size", "M"),
        ("Size", "L"),
        ("Size", "XL"),
        ("Colour", "Indigo"),
        ("Colour", "Oat"),
        ("颜色", "黑色"),
        ("Glaze", "Celadon"),
    ]
)


@pytest.mark.parametrize(
    ("text", "sizes", "colours", "intents"),
    [
        ("有黑色 L 码吗", ("L",), ("黑色",), ("colour", "size", "stock")),
        ("do you have M in indigo?", ("M",), ("Indigo",), ("colour", "size", "stock")),
        ("Do you have this in black XXL", ("2XL",), ("黑色",), ("colour", "size", "stock")),
        ("xl restock pls", ("XL",), (), ("restock", "size")),
        ("any xl left", ("XL",), (), ("size", "stock")),
        ("有ＸＬ吗", ("XL",), (), ("size", "stock")),
        ("38码还有吗", ("38",), (), ("size", "stock")),
        ("size 38 in navy please", ("38",), ("navy",), ("colour", "size")),
        ("靛蓝什么时候补货", (), ("Indigo",), ("colour", "restock")),
        ("酒红色还有货吗", (), ("burgundy",), ("colour", "stock")),
        ("有红的吗", (), ("red",), ("colour", "stock")),
        ("the small bowl in celadon, is it available?", (), ("Celadon",), ("colour", "stock")),
        ("175cm 70kg 穿什么码", (), (), ("size",)),
        ("how much is shipping to Berlin", (), (), ("delivery", "price")),
        ("多少钱 包邮吗", (), (), ("delivery", "price")),
        ("均码吗", ("one size",), (), ("size",)),
        ("还有别的颜色吗", (), (), ("colour", "stock")),
    ],
)  # fmt: skip
def test_what_is_asked(
    text: str, sizes: tuple[str, ...], colours: tuple[str, ...], intents: tuple[str, ...]
) -> None:
    found = asks(text, WORDS)

    assert (found.sizes, found.colours) == (sizes, colours)
    assert set(intents) <= set(found.intents)


@pytest.mark.parametrize(
    "text",
    [
        "好看",
        "太美了",
        "I'm in love, what's up",
        "哇 红包",
        "lol",
        "so nice!!!",
        "1",
        "早上好",
        "M's voice",
        "coat is gorgeous",
        "",
    ],
)
def test_what_asks_for_nothing(text: str) -> None:
    assert asks(text, WORDS) == Asks()


def test_words_of_the_shop_come_first_and_unknown_words_are_left_alone() -> None:
    assert asks("oatmeal?", WORDS).colours == ("Oat",)
    assert asks("do you have it in puce", WORDS).colours == ()
    assert asks("do you have M in indigo?").colours == ("indigo",)

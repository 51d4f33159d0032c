"""What translations fill in is what the page has: gettext formats every text, so a bare percent sign is an error."""

import re
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

WORDS = Path(__file__).parents[2] / "src/shopfloor/web/locale/zh_CN/LC_MESSAGES"
# All that is used: a name in a text, and a percent sign itself.
_GAP = re.compile(r"%\((\w+)\)s|%%")


def messages(domain: str) -> list[Message]:
    with (WORDS / f"{domain}.po").open("rb") as file:
        return [message for message in read_po(file) if message.id]


def texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def gaps(value: Any) -> set[str]:
    return {name for text in texts(value) for name in _GAP.findall(text) if name}


def wrong(message: Message) -> list[str]:
    every = [*texts(message.id), *texts(message.string)]
    bare = [f"a bare percent sign: {text}" for text in every if "%" in _GAP.sub("", text)]
    if gaps(message.id) != gaps(message.string):
        bare.append(f"other gaps: {message.id} / {message.string}")
    return bare


@pytest.mark.parametrize("domain", ["shop", "console"])
def test_every_text_can_be_filled_in_and_with_the_same(domain: str) -> None:
    found = messages(domain)

    assert len(found) > 300
    assert sum(bool(gaps(message.id)) for message in found) > 30
    assert [problem for message in found for problem in wrong(message)] == []


@pytest.mark.parametrize(
    ("source", "translation"),
    [
        ("Rate in percent", "税率（%）"),
        ("Rate in %", "税率"),
        ("%(percent)s%% off", "减 %(percent)s%"),
        ("%(num)s left", "剩 %(number)s"),
        ("%(num)s left", "剩 %(num)d"),
        ("%(num)s left", "剩 %(num) s"),
        ("%(num)s left", "还有"),
        (("One unit", "%(num)s units"), ("件",)),
    ],
)
def test_what_gettext_could_not_fill_in_is_found(
    source: str | tuple[str, ...], translation: str | tuple[str, ...]
) -> None:
    assert wrong(Message(source, translation)) != []


@pytest.mark.parametrize("domain", ["shop", "console"])
def test_a_text_stands_in_its_list_once(domain: str) -> None:
    """Two lists put together keep the entries of both, and readers of such files take one of them."""
    with (WORDS / f"{domain}.po").open("rb") as file:
        once = len(read_po(file))

    assert len(re.findall(r"^msgid ", (WORDS / f"{domain}.po").read_text(), re.MULTILINE)) == once + 1

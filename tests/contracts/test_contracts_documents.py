"""What the documents list is what the code has: settings, refusals, commands."""

import re
from pathlib import Path

import click
import pytest
from babel.messages.pofile import read_po

from shopfloor import cli
from shopfloor.kernel.headers import HEADERS
from shopfloor.kernel.settings import Settings
from shopfloor.reference import PAGES

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_generated_page_is_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text() == PAGES[name](), f"run: make reference   ({name})"


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_generated_page_says_something(name: str) -> None:
    assert len(PAGES[name]().splitlines()) > 10


PAGES_OF_TEXT = [DOCS.parent / "README.md", DOCS.parent / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES_OF_TEXT, ids=lambda page: page.name)
def test_what_a_page_links_to_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]

    assert missing == []


def test_the_first_change_names_what_is_there() -> None:
    """Names in backticks are in the code: a tour of what is gone leads nowhere."""
    text = (DOCS / "first-change.md").read_text()
    names = set(re.findall(r"`([A-Za-z_]{5,})`", text))
    code = "\n".join(file.read_text() for file in (DOCS.parent / "src").rglob("*.py"))

    assert len(names) > 10
    assert [name for name in sorted(names) if name not in code and not (DOCS.parent / name).exists()] == []


AVOIDED = re.compile(r"(?<!many )(?<!much )\bany more\b|\bto who waits\b|\bmakes? no sense\b", re.IGNORECASE)
# Where they are named as what to avoid.
NAMES_THEM = {DOCS / "style.md"}


def test_no_page_and_no_message_uses_a_word_to_avoid() -> None:
    pages = {str(page): page.read_text() for page in PAGES_OF_TEXT if page not in NAMES_THEM}
    for catalog in (DOCS.parent / "src/shopfloor/web/locale/zh_CN/LC_MESSAGES").glob("*.po"):
        with catalog.open("rb") as file:
            pages |= {f"{catalog.name}: {message.id}": str(message.id) for message in read_po(file)}

    assert {where: found for where, text in pages.items() if (found := AVOIDED.findall(text))} == {}


def test_no_docstring_and_no_comment_uses_a_word_to_avoid() -> None:
    source = DOCS.parent / "src/shopfloor"
    texts = {str(file.relative_to(source)): file.read_text() for file in source.rglob("*.py")}

    assert {where: found for where, text in texts.items() if (found := AVOIDED.findall(text))} == {}


# What pages say of the program


@pytest.mark.parametrize("page", PAGES_OF_TEXT, ids=lambda page: page.name)
def test_commands_that_a_page_names_are_there(page: Path) -> None:
    """`shopfloor NAME`, in backticks or at the begin of a line of code, with the options that follow it."""
    found = re.findall(r"(?:`|^ {4})shopfloor ([a-z][a-z-]*)((?: [^`\n]*)?)", page.read_text(), re.MULTILINE)
    wrong: list[str] = []
    for name, rest in found:
        command = cli.main.get_command(click.Context(cli.main), name)
        if command is None:
            wrong.append(name)
            continue
        known = {option for each in command.params for option in each.opts}
        if isinstance(command, click.Group):
            known |= {o for each in command.commands.values() for p in each.params for o in p.opts}
        wrong += [
            f"{name} {option}" for option in re.findall(r"(?<!\S)--[a-z-]+", rest) if option not in known
        ]
    assert wrong == []


# Read by tests and tools, not by the product.
OF_TESTS = {"SHOPFLOOR_CHROMIUM", "SHOPFLOOR_PEBBLE", "SHOPFLOOR_PGBOUNCER", "SHOPFLOOR_FAKETIME"}


@pytest.mark.parametrize("page", PAGES_OF_TEXT, ids=lambda page: page.name)
def test_settings_that_a_page_names_are_there(page: Path) -> None:
    known = {f"SHOPFLOOR_{name.upper()}" for name in Settings.model_fields} | OF_TESTS
    assert sorted(set(re.findall(r"\bSHOPFLOOR_[A-Z_]+[A-Z]\b", page.read_text())) - known) == []


def test_anchors_that_pages_link_to_are_headings() -> None:
    """As the viewers of Markdown make them: lower case, spaces as hyphens, no punctuation."""

    def anchors(page: Path) -> set[str]:
        titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
        plain = (re.sub(r"[^\w\- ]", "", title.replace("`", "")).strip().lower() for title in titles)
        return {title.replace(" ", "-") for title in plain}

    lost = [
        f"{page.name}: {link}#{anchor}"
        for page in PAGES_OF_TEXT
        for link, anchor in re.findall(r"\]\(([^)#\s:]*\.md)?#([^)\s]+)\)", page.read_text())
        if anchor not in anchors(page.parent / link if link else page)
    ]
    assert lost == []


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "README.md").read_text()
    assert [
        page.name for page in DOCS.glob("*.md") if page.name != "README.md" and f"({page.name})" not in index
    ] == []


def test_the_cookies_of_the_privacy_page_are_those_of_the_code() -> None:
    text = (DOCS / "privacy.md").read_text()
    table = text[text.index("## Cookies") : text.index("## What every answer says")]
    named = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    code = "\n".join(file.read_text() for file in (DOCS.parent / "src/shopfloor").rglob("*.py"))
    assert named == set(re.findall(r'^(?:[A-Z]+_)?COOKIE: Final = "(\w+)"$', code, re.MULTILINE))


def test_the_privacy_page_names_every_header() -> None:
    text = (DOCS / "privacy.md").read_text().lower()
    assert [name for name in HEADERS if name not in text] == []


def test_the_drawn_purchase_goes_the_way_of_the_listed_one() -> None:
    """The list of hops is held by a test that buys; the drawing has its modules, in its order."""
    text = (DOCS / "architecture.md").read_text()
    listed = [
        line.partition(",")[0] for line in text[text.index("```text") :].split("```")[1].splitlines()[1:]
    ]
    way = [name for name in listed if name != "kernel"]
    turns = [name for at, name in enumerate(way) if at == 0 or way[at - 1] != name]
    drawing = text[text.index("sequenceDiagram") :].split("```")[0]
    arrows = re.findall(r"^ +(\w+)--?>>(\w+):", drawing, re.MULTILINE)
    drawn = [to for _, to in arrows if to not in {"B", "D"}]
    seen = [name for at, name in enumerate(drawn) if at == 0 or drawn[at - 1] != name]
    assert seen == turns

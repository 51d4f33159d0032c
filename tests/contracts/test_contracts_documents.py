"""What the documents list is what the code has: settings, refusals, commands."""

import re
from pathlib import Path

import pytest

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

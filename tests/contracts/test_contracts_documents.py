"""What the documents list is what the code has: settings, refusals, commands."""

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

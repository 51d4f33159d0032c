"""An analyst asks in SQL: at a desk, and on a phone without a script."""

import re

import pytest
from playwright.sync_api import Page, expect
from tests.app.running import Owner
from tests.browser.conftest import STEP, People
from tests.browser.test_browser_console import sign_in

pytestmark = pytest.mark.browser
expect.set_options(timeout=STEP)


def answered(page: Page) -> None:
    """The page comes anew by itself until the question has ended."""
    expect(page.get_by_role("heading", name=re.compile("Answer (Answered|Failed|Cancelled)"))).to_be_visible()


def test_a_question_is_asked_from_an_example_and_a_mistake_is_shown_at_its_place(
    people: People, owner: Owner
) -> None:
    page = sign_in(people.desk(), f"/console/{owner.slug}/ask")
    page.get_by_role("link", name="What happened, and how often").click()
    page.get_by_role("button", name="Ask", exact=True).click()
    answered(page)
    expect(page.get_by_role("cell", name="accounts.shop_created")).to_be_visible()
    with page.expect_download() as sheet:
        page.get_by_role("link", name="CSV").click()
    assert sheet.value.path().read_text("utf-8-sig").startswith("type,events\n")

    page.get_by_label("SQL").fill("SELECT id,\n  nothing\nFROM events")
    page.get_by_role("button", name="Ask", exact=True).click()
    answered(page)
    expect(page.get_by_text("Line 2, column 3")).to_be_visible()


def test_a_question_is_cancelled_on_a_phone_without_a_script(people: People, owner: Owner) -> None:
    page = sign_in(people.phone(script=False), f"/console/{owner.slug}/ask")
    page.get_by_label("SQL").fill(
        "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range % b.range = 3"
    )
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_role("button", name="Cancel").click()
    answered(page)
    expect(page.get_by_text("You cancelled this question.")).to_be_visible()

"""Somebody who was sent a statement checks it in a browser: on the shop's page, and on the page they kept."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.app.running import Owner, Running
from tests.browser.conftest import PHONE, STEP

pytestmark = pytest.mark.browser
expect.set_options(timeout=STEP)

VECTORS = {
    each["name"]: each
    for each in json.loads((Path(__file__).parents[1] / "vectors" / "statements.json").read_text())
}


def check(page: Page, name: str) -> None:
    """Choose the file of this vector, and enter its key."""
    page.fill("#key", VECTORS[name]["key"])
    page.set_input_files(
        "#file", {"name": "s.json", "mimeType": "application/json", "buffer": VECTORS[name]["file"].encode()}
    )


def test_a_statement_is_checked_on_the_page_and_without_a_network(
    shop: Running, owner: Owner, chrome: Browser, tmp_path: Path
) -> None:
    with chrome.new_context(**PHONE, locale="en-GB") as online:
        page = online.new_page()
        page.goto(f"{shop.address}/s/corner/verify")
        check(page, "witnessed")
        expect(page.locator("#result > h2").first).to_have_text("Nothing wrong was found")
        expect(page.locator("#result .checks .proven")).to_have_count(4)
        expect(page.locator("#result td")).to_have_text(["75%", "CN¥450.00"])
        check(page, "a figure changed")
        expect(page.locator("#result > h2").first).to_have_text("This statement does NOT verify")
        expect(page.locator("#result table")).to_have_count(0)
        kept = tmp_path / "verify.html"
        kept.write_bytes(page.request.get(f"{shop.address}/s/corner/verify.html").body())

    with chrome.new_context(**PHONE, locale="en-GB", offline=True) as offline:
        page = offline.new_page()
        page.goto(kept.as_uri())
        check(page, "with the key")
        expect(page.locator("#result > h2").first).to_have_text("Nothing wrong was found")
        expect(page.locator("#result")).to_contain_text("Not witnessed")

"""A show that is over: what can be bought and watched again stays, what goes nowhere is gone."""

import pytest
from playwright.sync_api import expect
from tests.app.running import Owner
from tests.browser.conftest import STEP, MakeStall, People, enter

pytestmark = pytest.mark.browser
expect.set_options(timeout=STEP)


def test_an_ended_room_offers_neither_chat_nor_likes(
    people: People, owner: Owner, make_stall: MakeStall
) -> None:
    stall = make_stall({"M": 3})
    page = enter(people.phone(), stall)
    expect(page.get_by_role("log", name="Chat").locator("ol")).to_have_count(1)
    expect(page.locator("#offers")).to_have_count(1)

    owner.shop("POST", f"/shows/{stall.show_id}/end")

    expect(page.get_by_text("This show has ended")).to_be_visible()
    expect(page.get_by_label("Say something")).to_have_count(0)
    expect(page.get_by_role("log", name="Chat")).to_have_count(0)
    expect(page.get_by_role("button", name="Like")).to_have_count(0)
    expect(page.get_by_role("button", name="All offers")).to_be_visible()

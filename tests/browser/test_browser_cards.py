"""Cards in the room: what one did with them is still known after a reload."""

import pytest
from playwright.sync_api import expect
from tests.app.running import Owner
from tests.browser.conftest import STEP, MakeStall, People, enter

pytestmark = pytest.mark.browser
expect.set_options(timeout=STEP)


def test_a_reload_remembers_what_one_entered_and_voted(
    people: People, owner: Owner, make_stall: MakeStall
) -> None:
    stall = make_stall({"M": 3})
    shows = f"/shows/{stall.show_id}"
    owner.shop("POST", f"{shows}/giveaways", json={"prize": "Tea bowl", "value_minor": 6_800, "seconds": 600})
    owner.shop(
        "POST", f"{shows}/polls", json={"question": "Next?", "answers": ["Tea", "Silk"], "seconds": 600}
    )
    page = enter(people.phone(), stall)
    prize, poll = page.get_by_role("region", name="Giveaway"), page.get_by_role("region", name="Poll")
    prize.get_by_role("button", name="Enter").click()
    mine = prize.get_by_role("status")
    expect(mine).to_contain_text("You're in")
    number = mine.inner_text()
    poll.get_by_role("button", name="Silk").click()
    expect(poll.get_by_role("button")).to_have_count(0)

    page.reload()
    expect(mine).to_have_text(number)
    expect(prize.get_by_role("button", name="Enter")).to_have_count(0)
    expect(poll.get_by_role("progressbar")).to_have_count(2)
    expect(poll.get_by_role("button")).to_have_count(0)

"""Coming in: what was typed stays when a form is refused, and the browser's own time zone is chosen."""

import pytest
from playwright.sync_api import expect
from tests.app.running import Owner
from tests.browser.conftest import STEP, People

pytestmark = pytest.mark.browser
expect.set_options(timeout=STEP)


def test_a_refused_form_keeps_the_password_in_the_page_alone(people: People, owner: Owner) -> None:
    people.troubles.expected = True  # the refused form is a 422, which the console repeats
    token = owner.shop("POST", "/invitations", json={"role": "host", "email": None})["token"]
    page = people.phone().new_page()
    page.goto(f"/join/{token}")
    page.get_by_label("Your name").fill("Mei")
    page.get_by_label("Email").fill("mei at example")
    page.get_by_label("Password").fill("a fresh long sentence")
    page.get_by_role("button", name="Join").tap()

    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Email")).to_be_focused()
    expect(page.get_by_label("Your name")).to_have_value("Mei")
    expect(page.get_by_label("Password")).to_have_value("a fresh long sentence")
    page.get_by_label("Email").fill("mei@corner.example")
    page.get_by_role("button", name="Join").tap()
    page.wait_for_url(f"**/console/{owner.slug}")


def test_without_a_script_it_says_that_the_password_is_needed_again(people: People, owner: Owner) -> None:
    people.troubles.expected = True
    token = owner.shop("POST", "/invitations", json={"role": "host", "email": None})["token"]
    page = people.phone(script=False).new_page()
    page.goto(f"/join/{token}")
    page.get_by_label("Email").fill("mei at example")
    page.get_by_label("Password").fill("a fresh long sentence")
    page.get_by_role("button", name="Join").tap()
    expect(page.get_by_text("Enter your password again")).to_be_visible()
    expect(page.get_by_label("Password")).to_have_value("")


@pytest.mark.parametrize(
    ("zone", "chosen"),
    [("Asia/Kolkata", "Asia/Kolkata"), ("America/Buenos_Aires", "America/Argentina/Buenos_Aires")],
)
def test_the_browsers_own_zone_is_chosen_by_any_of_its_names(
    people: People, owner: Owner, zone: str, chosen: str
) -> None:
    desk = people.desk(timezone_id=zone)
    desk.add_cookies([{"name": "session", "value": owner.cookie("session"), "url": people.shop.address}])
    page = desk.new_page()
    page.goto("/console")
    expect(page.get_by_label("Time zone")).to_have_value(chosen)
    expect(page.get_by_label("Currency")).to_have_value("GBP")

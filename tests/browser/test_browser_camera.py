"""A show from a browser's own camera: allow, see oneself, go live, be seen in the room, stop."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from tests.app.running import PATIENCE, Owner
from tests.browser import conftest
from tests.browser.conftest import STEP, People, video_reaches
from tests.browser.test_browser_console import sign_in
from tests.waiting import until

pytestmark = pytest.mark.browser
expect.set_options(timeout=STEP)


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    """With a camera and a microphone that play a moving picture and beeps; the permission is the page's to ask for."""
    arguments = [*conftest.ARGUMENTS, "--use-fake-device-for-media-stream"]
    program = conftest.chromium.find()
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=program, args=arguments, timeout=PATIENCE * 1000
        )
        yield launched
        launched.close()


def live_status(owner: Owner, channel: int) -> dict[str, Any] | None:
    status = owner.shop("GET", f"/channels/{channel}/status")
    return status if status["live"] else None


def test_a_show_is_filmed_from_the_studio_page(people: People, owner: Owner) -> None:
    product = owner.product("Filmed bowl", {"One": 5})
    show = owner.show("Filmed show")
    owner.offer(show, product, {"One": 5})
    host = people.desk()
    studio = sign_in(host, f"/console/{owner.slug}/shows/{show}/studio")
    card = studio.get_by_role("region", name="This device’s camera")

    # No encoder, no key: a show without a camera gets one.
    studio.get_by_role("button", name="Use this device’s camera").click()
    expect(card).to_be_visible()
    channel = owner.shop("GET", f"/shows/{show}")["channel_id"]

    # Nobody allowed it yet: the page says what to do, and the next tap asks again.
    card.get_by_role("button", name="Use this device’s camera").click()
    expect(card.get_by_role("alert")).to_contain_text("was not allowed")
    host.grant_permissions(["camera", "microphone"])
    card.locator("summary").click()
    card.get_by_label("480p").check()
    card.get_by_role("button", name="Use this device’s camera").click()

    # A rehearsal: the studio has a picture, the room has none.
    expect(card.get_by_role("img", name="What this device films")).to_be_visible()
    expect(card.get_by_text("Rehearsal")).to_be_visible()
    video_reaches(studio, 0.5)
    guest = people.phone()
    answer = guest.request.get(f"/media/{channel}/live.m3u8")
    assert answer.status == 404

    # On air: the page stays as it is, and the room plays.
    studio.locator(".bar-acts summary", has_text="Go live").click()
    studio.get_by_role("button", name="Yes, go on air").click()
    expect(card.get_by_text("On air")).to_be_visible()
    expect(card.get_by_role("button", name="Stop the camera")).to_be_visible()
    room = guest.new_page()
    room.goto(f"/s/{owner.slug}/live/{show}")
    at = video_reaches(room, 0.5)
    video_reaches(room, at + 1)
    expect(card.locator("[data-cam-figures]")).to_contain_text("frames/s")

    # Another picture from the same page, and the stream goes on; then the camera is switched off.
    card.get_by_role("button", name="Test picture").click()
    expect(card.get_by_role("button", name="Test picture")).to_have_attribute("aria-pressed", "true")
    card.get_by_role("button", name="Mute").click()
    expect(card.get_by_role("button", name="Mute")).to_have_attribute("aria-pressed", "true")
    card.get_by_role("button", name="Stop the camera").click()
    expect(card.get_by_role("button", name="Use this device’s camera")).to_be_visible()
    expect(studio.locator("[data-part='camera']")).to_contain_text("Silent")

    # While the show is on, a tap decides when viewers see it again.
    card.get_by_role("button", name="Test picture").click()
    card.get_by_role("button", name="Show it to viewers").click()
    expect(card.get_by_text("On air")).to_be_visible()
    status = until("it is on the air again", lambda: live_status(owner, channel))
    assert re.fullmatch(r"avc1\.[0-9A-F]{6},(opus|mp4a\.40\.2)", status["codecs"])
    owner.shop("POST", f"/shows/{show}/end")
    expect(studio.get_by_text("Its record, report and replay are kept.")).to_be_visible()

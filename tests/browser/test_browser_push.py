"""A shopper allows notifications beside a show that is to come, and takes it back; only the push service is a stand-in."""

from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect
from tests.app.running import Owner
from tests.browser.conftest import People

# Nobody answers for a browser's maker here: what `subscribe` gives is what a browser would give.
PUSH_SERVICE = """
(() => {
  let kept = null;
  const point = Uint8Array.from({ length: 65 }, (_, n) => (n === 0 ? 4 : n)).buffer;
  const secret = Uint8Array.from({ length: 16 }, (_, n) => n).buffer;
  PushManager.prototype.subscribe = async function (options) {
    if (options.applicationServerKey.byteLength !== 65 || !options.userVisibleOnly) throw new Error("refused");
    kept = {
      endpoint: "https://fcm.googleapis.com/fcm/send/one",
      options: { applicationServerKey: options.applicationServerKey.buffer },
      getKey: (name) => (name === "auth" ? secret : point),
      unsubscribe: async () => { kept = null; return true; },
    };
    return kept;
  };
  PushManager.prototype.getSubscription = async () => kept;
})();
"""


# The next one stands first on the page, the others in a list.
SHOW = ".live-hero, .shows > li"


def test_allowed_beside_a_show_and_taken_back(people: People, owner: Owner) -> None:
    starts = datetime.now(UTC) + timedelta(days=2)
    owner.shop("POST", "/shows", json={"title": "Told in the browser", "starts_at": starts.isoformat()})
    context = people.phone()
    context.grant_permissions(["notifications"])
    context.add_init_script(PUSH_SERVICE)
    page = context.new_page()
    page.goto(f"/s/{owner.slug}")
    row = page.locator(SHOW).filter(has_text="Told in the browser")
    row.get_by_text("Remind me").first.tap()

    with page.expect_response(lambda it: it.url.endswith("/push") and it.request.method == "POST") as told:
        row.get_by_role("button", name="Notify me in this browser").tap()
    expect(row.get_by_text("We will notify you in this browser.")).to_be_visible()
    assert told.value.status == 204

    with page.expect_response(lambda it: it.url.endswith("/push/remove")) as taken:
        row.get_by_role("button", name="Turn off notifications").tap()
    expect(row.get_by_text("Notifications are off.")).to_be_visible()
    assert taken.value.status == 204


def test_a_browser_that_blocks_them_says_so(people: People, owner: Owner) -> None:
    starts = datetime.now(UTC) + timedelta(days=2)
    owner.shop("POST", "/shows", json={"title": "Blocked", "starts_at": starts.isoformat()})
    context = people.phone(locale="zh-CN")
    context.add_init_script("Notification.requestPermission = async () => 'denied'")
    page = context.new_page()
    page.goto(f"/s/{owner.slug}")
    row = page.locator(SHOW).filter(has_text="Blocked")
    row.locator("summary").tap()
    row.locator("[data-push-allow]").tap()

    expect(row.get_by_role("status")).to_have_text("浏览器已屏蔽本店的通知，请在浏览器的网站设置中允许。")

"""A page of another site of the merchant, in a real browser: nothing before a yes, everything after it, also offline."""

from typing import Any

from playwright.sync_api import Browser, expect
from tests.app.running import Owner, Running
from tests.browser.conftest import DESK, OTHER_SITE, STEP
from tests.waiting import until

from shopfloor import collector


def told(shop: Running) -> list[tuple[str, int, str | None]]:
    """What the lake has of that site: type, number and viewer."""
    rows: Any = collector.lake.open(shop.data_dir / "lake").table(
        names=["type", "sequence", "viewer", "extra"]
    )
    return sorted(
        (row["type"], row["sequence"], row["viewer"])
        for row in rows.to_pylist()
        if row["extra"] and f'"site":"{OTHER_SITE}"' in row["extra"]
    )


def test_another_site_reports_what_its_visitor_allows(shop: Running, owner: Owner, chrome: Browser) -> None:
    page_of = (
        "<!doctype html><title>Blog</title><h1>Blog</h1>"
        '<script>shopfloor = [["view_item", { product_id: 1 }]]</script>'
        f'<script async src="{shop.address}/e.js" data-shop="1"></script>'
    )
    options: dict[str, Any] = {**DESK}
    with chrome.new_context(**options) as context:
        context.set_default_timeout(STEP)
        page = context.new_page()
        page.route(f"{OTHER_SITE}/**", lambda route: route.fulfill(body=page_of, content_type="text/html"))
        asked: list[str] = []
        page.on(
            "request",
            lambda request: asked.append(request.method) if request.url == f"{shop.address}/e" else None,
        )
        page.goto(f"{OTHER_SITE}/post")
        expect(page.get_by_role("heading")).to_have_text("Blog")
        page.wait_for_function("!Array.isArray(shopfloor)")
        page.evaluate("shopfloor.push(['share'])")
        assert asked == []

        with page.expect_response(f"{shop.address}/e") as answered:
            page.evaluate("shopfloor.push(['consent', true]); shopfloor.push(['view_item', {product_id: 2}])")
        # No leave was asked for, and no cookie went along.
        assert (answered.value.status, asked) == (200, ["POST"])
        assert "cookie" not in answered.value.request.all_headers()
        first = [("page_view", 1, None), ("view_item", 2, None)]
        until("they are in the lake", lambda: told(shop) == first or None)

        context.set_offline(True)
        page.evaluate("shopfloor.push(['add_to_cart', {variant_id: 1}])")
        page.evaluate("dispatchEvent(new Event('pagehide'))")
        page.wait_for_function("Object.keys(localStorage).some((key) => key.startsWith('events:'))")
        context.set_offline(False)
        page.goto(f"{OTHER_SITE}/next")
        page.evaluate("shopfloor.push(['consent', true])")
        until(
            "what waited came with the next page",
            lambda: told(shop) == sorted([*first, ("add_to_cart", 3, None), ("page_view", 1, None)]) or None,
        )
        page.wait_for_function("localStorage.length === 0")
        assert context.cookies() == []

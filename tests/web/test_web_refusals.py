"""Error pages: a page for people, JSON for programs, an incident number for bugs."""

import re

import pytest
from fastapi import APIRouter
from tests.web.conftest import Stage

from shopfloor.kernel.database import DatabaseAway
from shopfloor.kernel.route_access import public


async def test_a_missing_page_is_a_page_in_the_readers_language(stage: Stage) -> None:
    answer = await stage.client.get("/nothing/here", headers={"accept-language": "zh"})

    assert answer.status_code == 404
    assert "这里没有内容" in answer.text


async def test_a_program_gets_json(stage: Stage) -> None:
    page = await stage.client.get("/s/harbour/p/999", headers={"accept": "application/json"})

    assert (page.status_code, page.json()["code"]) == (404, "catalog.unknown_product")


async def test_a_path_that_does_not_parse_is_not_found(stage: Stage) -> None:
    assert (await stage.client.get("/s/harbour/p/abc")).status_code == 404
    assert (await stage.client.get("/s/harbour/checkout/abc")).status_code == 404


async def test_a_value_in_an_address_that_does_not_parse_is_said_to_be_unreadable(stage: Stage) -> None:
    page = await stage.client.get("/s/harbour?after=abc")

    assert page.status_code == 422
    assert "We couldn&#39;t read this request." in page.text
    assert "Choose" not in page.text[page.text.index('<main id="main"') : page.text.index("</main>")]


async def test_a_wrong_method_keeps_its_status(stage: Stage) -> None:
    answer = await stage.client.post("/s/harbour")

    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"
    told = await stage.client.post("/s/harbour", headers={"accept": "application/json"})
    assert (told.status_code, told.json()) == (
        405,
        {
            "code": "method_not_allowed",
            "message": "This address doesn't answer this method. `allow` says which it does.",
            "facts": {"method": "POST", "allow": "GET, HEAD"},
        },
    )


CODE = re.compile(r"\b[a-z]+\.[a-z]+_[a-z_]+\b|>\s*[45]\d\d\b")


def assert_is_words_in_its_shop(page: str) -> None:
    """A page that says no: no machine codes, the header and the way of the shop, a way on."""
    main = page[page.index('<main id="main"') : page.index("</main>")]
    assert CODE.findall(main) == []
    assert '<a class="brand" href="/s/harbour"><span class="clip">Harbour</span></a>' in page
    assert re.search(r'<a class="button[^>]* href="/s/harbour">', main)


async def test_what_is_not_there_is_said_in_the_shop_it_was_looked_for_in(stage: Stage) -> None:
    for path, title in (
        ("/s/harbour/p/999", "Product not found."), ("/s/harbour/live/999", "Show not found."), ("/s/harbour/p/abc", "Page not found"),
        ("/s/harbour/nothing/at/all", "The address may be mistyped, or the page has moved."),
        ("/s/harbour/orders/00000000-0000-4000-8000-000000000000", "Order not found."),
    ):  # fmt: skip
        answer = await stage.client.get(path)
        assert answer.status_code == 404, path
        assert_is_words_in_its_shop(answer.text)
        assert title in answer.text, path
    unknown = await stage.client.get("/s/nobodys/p/1")
    assert (unknown.status_code, 'href="/">All shops</a>' in unknown.text) == (404, True)


async def test_it_is_said_in_the_shops_language_where_the_browser_asks_for_none_of_ours(stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        await tx.run("UPDATE accounts.shop SET locale = 'zh_CN'")
    answer = await stage.client.get("/s/harbour/p/999", headers={"accept-language": "fr"})
    assert "本店没有这件商品。" in answer.text
    assert 'lang="zh-CN"' in answer.text
    answer = await stage.client.get("/s/harbour/nothing", headers={"accept-language": "fr"})
    assert "这里没有内容" in answer.text


async def test_the_console_keeps_its_navigation_and_says_who_can_help(stage: Stage) -> None:
    await stage.client.post("/sign-in", data={"email": "owner@example.com", "password": "a long enough one"})
    missing = await stage.client.get("/console/harbour/products/999")
    assert missing.status_code == 404
    assert 'href="/console/harbour/stock"' in missing.text
    assert 'href="/console/harbour">Overview</a>' in missing.text
    async with stage.db.transaction() as tx:
        await tx.run("UPDATE accounts.member SET role = 'host'")
    refused = await stage.client.get("/console/harbour/orders")
    assert refused.status_code == 403
    assert "An owner of the shop can change your role under Members." in refused.text
    assert 'href="/console/harbour/stock"' in refused.text
    assert 'href="/console/harbour/orders"' not in refused.text
    assert CODE.findall(refused.text[refused.text.index("<main") :]) == []
    elsewhere = await stage.client.get("/console/nobodys")
    assert (elsewhere.status_code, 'href="/console">Your shops</a>' in elsewhere.text) == (404, True)


async def test_a_wrong_method_is_words_with_a_way_back(stage: Stage) -> None:
    answer = await stage.client.post("/s/harbour/p/1", headers={"referer": "http://shop.test/s/harbour"})
    assert answer.status_code == 405
    assert "This page can only be opened. What was sent here has changed nothing." in answer.text
    assert '<a class="button main" href="/s/harbour">Back</a>' in answer.text
    assert_is_words_in_its_shop(answer.text)

    opened = await stage.client.get(
        "/s/harbour/orders/01890000-0000-7000-8000-000000000000/cancel", headers={"accept": "text/html"}
    )
    assert (opened.status_code, opened.headers["allow"]) == (405, "POST")
    assert "It only answers a form. Go back and send the form again." in opened.text
    assert_is_words_in_its_shop(opened.text)


async def test_what_the_edge_and_the_guard_refuse_is_a_page_too_and_json_for_programs(stage: Stage) -> None:
    large = b"x" * (1 << 20) + b"more"
    answer = await stage.client.post("/s/harbour/waitlist", content=large)
    assert (answer.status_code, answer.headers["content-type"]) == (413, "text/html; charset=utf-8")
    assert "This is too large to be sent at once: 1 MB at most." in answer.text
    assert_is_words_in_its_shop(answer.text)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    program = await stage.client.post("/s/harbour/waitlist", content=large, headers={"accept": "*/*"})
    assert program.json()["code"] == "request.too_large"
    assert program.json()["facts"] == {"limit": 1 << 20, "largest": "1 MB"}
    forged = {"origin": "https://elsewhere.example"}
    answer = await stage.client.post("/s/harbour/waitlist", data={"a": "b"}, headers=forged)
    assert (answer.status_code, "This request came from another site" in answer.text) == (403, True)
    assert_is_words_in_its_shop(answer.text)
    program = await stage.client.post(
        "/s/harbour/waitlist", data={"a": "b"}, headers=forged | {"accept": "*/*"}
    )
    assert program.json()["code"] == "accounts.cross_site"


async def test_a_page_that_says_no_does_without_the_database(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise DatabaseAway

    monkeypatch.setattr(stage.db, "transaction", away)
    answer = await stage.client.get("/s/harbour")
    assert answer.status_code == 503
    assert '<a class="button main" href="/s/harbour">Try again</a>' in answer.text
    answer = await stage.client.get("/s/harbour/nothing/at/all")
    assert answer.status_code == 404


async def test_a_bug_shows_a_number_and_nothing_else(stage: Stage) -> None:
    router = APIRouter()

    @router.get("/broken")
    @public
    async def broken() -> None:
        raise RuntimeError("secret of the machine")

    stage.app.include_router(router)
    answer = await stage.client.get("/broken")

    assert answer.status_code == 500
    assert "secret of the machine" not in answer.text
    assert re.search(r"<code>[0-9a-f]{12}</code>", answer.text)


async def test_static_files_last_and_the_manifest_is_ours(stage: Stage) -> None:
    page = (await stage.client.get("/s/harbour")).text
    [style] = re.findall(r'rel="stylesheet" href="([^"]+)"', page)
    answer = await stage.client.get(style)

    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert (await stage.client.get("/static/manifest.json")).status_code == 404
    assert (await stage.client.get("/static/.built")).status_code == 404


@pytest.mark.parametrize("with_file", [True, False])
async def test_what_was_typed_into_a_form_that_is_too_large_is_shown(
    stage: Stage, *, with_file: bool
) -> None:
    typed = {
        "alt": "The old pier at low tide, seen from the boat",
        "description": "Linen & cotton",
        "password": "Secret words of mine",
    }
    if with_file:
        # Whatever stands before and behind the file in the form.
        files = {"a": ("large.png", b"x" * (5 << 20)), "note": (None, "Behind the file, 42 words of it")}
        answer = await stage.client.post("/s/harbour/waitlist", data=typed, files=files)
    else:
        answer = await stage.client.post("/s/harbour/waitlist", data={"terms": "word " * 300_000, **typed})

    assert answer.status_code == 413
    assert_is_words_in_its_shop(answer.text)
    for text in (
        "The old pier at low tide",
        "Linen &amp; cotton",
        "Behind the file" if with_file else "word word word",
    ):
        assert text in answer.text
    assert "Secret words" not in answer.text
    assert "xxxxxxxx" not in answer.text

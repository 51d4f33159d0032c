"""Error pages: a page for people, JSON for programs, an incident number for bugs."""

import re

from fastapi import APIRouter
from tests.web.conftest import Stage

from shopfloor.accounts.api import public


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


async def test_a_wrong_method_keeps_its_status(stage: Stage) -> None:
    answer = await stage.client.post("/s/harbour")

    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"


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

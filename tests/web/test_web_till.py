"""The till's page as a device fetches it: the shell, its worker, and the words of both languages."""

import json
import re
from pathlib import Path

from tests.web.conftest import Stage

from shopfloor.web.languages import LANGUAGES
from shopfloor.web.till_words import till_words

PAGES = Path(__file__).parents[2] / "frontend/src"


async def test_the_worker_keeps_all_that_the_pages_ask_for(stage: Stage) -> None:
    slug = stage.shop.slug
    front = await stage.client.get(f"/till/{slug}")
    assert (front.status_code, front.headers["location"]) == (303, f"/till/{slug}/sell")
    worker = await stage.client.get(f"/till/{slug}/worker.js")
    first, _, _rest = worker.text.partition("\n")
    shell = json.loads(first.removeprefix("const SHELL = ").removesuffix(";"))
    assert shell["pages"] == [f"/till/{slug}/sell", f"/till/{slug}/display"]
    for path in shell["pages"]:
        page = await stage.client.get(path)
        assert page.status_code == 200
        asked = set(re.findall(r'"(/static/[^"#]+)"', page.text))
        assert asked
        assert asked <= set(shell["files"])
    for path in shell["files"]:
        file = await stage.client.get(path)
        assert file.status_code == 200, path
        # What a script imports is kept with it, also by way of others.
        if path.endswith(".js"):
            assert {f"/static/{one}" for one in re.findall(r'"\./([\w-]+\.js)"', file.text)} <= set(
                shell["files"]
            )
    manifest = (await stage.client.get(f"/till/{slug}/manifest.webmanifest")).json()
    assert manifest["start_url"].startswith(manifest["scope"])
    assert {icon["src"] for icon in manifest["icons"]} <= set(shell["files"])


async def test_a_worker_changes_with_what_it_keeps(stage: Stage) -> None:
    path = f"/till/{stage.shop.slug}/worker.js"
    before = (await stage.client.get(path)).text
    assert (await stage.client.get(path)).text == before
    async with stage.db.transaction() as tx:
        await tx.run("UPDATE accounts.shop SET name = 'Another' WHERE id = %(id)s", id=stage.shop.id)
    assert (await stage.client.get(path)).text != before


async def test_a_shop_that_is_none_has_no_till(stage: Stage) -> None:
    for path in ("", "/sell", "/display", "/worker.js", "/manifest.webmanifest"):
        assert (await stage.client.get(f"/till/nobody{path}")).status_code == 404


def test_the_page_says_what_there_are_words_for() -> None:
    written = "".join(
        path.read_text() for folder in ("till", "till-display") for path in sorted((PAGES / folder).iterdir())
    )
    words = till_words()
    assert set(words) == {language.tag for language in LANGUAGES}
    known = set(words["en"])
    said = set(re.findall(r'\b(?:say|Say)\(\s*"([a-z_0-9]+)"', written))
    said |= set(re.findall(r'\btell\(\s*"(?:good|bad|wait)",\s*"([a-z_0-9]+)"', written))
    assert said
    assert said <= known
    # Every key stands somewhere in the page, whole or made of a beginning and a kind.
    made = ("scan_", "printer_", "task_")
    assert [key for key in known if f'"{key}"' not in written and not key.startswith(made)] == []
    for one in words.values():
        assert set(one) == known
        assert all(one.values())

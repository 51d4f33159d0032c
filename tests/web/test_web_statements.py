"""Statements in the console, and the page on which anybody checks one."""

import html
import json
import re
from typing import Any

import pytest
from tests.web.conftest import Stage
from tests.web.test_web_console_terms import member

from shopfloor import accounts, statements
from shopfloor.kernel import secrets
from shopfloor.kernel.secrets import Box
from shopfloor.kernel.services import services_in
from shopfloor.statements import notes

CONSOLE = "/console/harbour"
BANK = str(notes.Signer("bank.example/w", notes.WITNESS, bytes(32)).public)
PARTNER = str(notes.Signer("shopfloor/partner/1", notes.LOG, bytes(32)).public)


def box(stage: Stage) -> Box:
    settings = services_in(stage.app).settings
    assert settings is not None
    return secrets.box(settings)


@pytest.fixture
async def signed(stage: Stage) -> Stage:
    """An owner at the desk, and a statement of the show that ended."""
    stage.client.cookies.set("session", await member(stage, accounts.Role.OWNER, "olga"))
    async with stage.db.transaction() as tx:
        opened = await statements.log.opened(tx, box=box(stage), shop_id=stage.shop.id)
        document = {"type": "shopfloor.statement/1", "number": 1, "shop": {"name": "Harbour"}}
        await statements.log.append(
            tx, opened.log, "statement", statements.log.signed(opened.signer, document)
        )
        await tx.run(
            """
            INSERT INTO statements.statement (shop_id, number, show_id, version, position, state, access, made_at)
            VALUES (%(shop_id)s, 1, %(show_id)s, 1, 1, 'provisional', repeat('x', 43), now())
            """,
            shop_id=stage.shop.id,
            show_id=stage.show.id,
        )
        await statements.log.sign_checkpoint(tx, box=box(stage), shop_id=stage.shop.id)
    return stage


async def page(stage: Stage) -> str:
    answer = await stage.client.get(f"{CONSOLE}/statements")
    assert answer.status_code == 200
    return html.unescape(answer.text)


async def key(stage: Stage) -> str:
    async with stage.db.transaction() as tx:
        return (await statements.log.public_keys(tx, shop_id=stage.shop.id))[0].text


async def test_the_page_shows_what_was_signed_and_by_whom_it_was_seen(signed: Stage) -> None:
    shown = await page(signed)
    file = await signed.client.get(f"{CONSOLE}/statements/1/file")
    unknown = await signed.client.get(f"{CONSOLE}/statements/2/file")

    assert "Not witnessed" in shown
    assert await key(signed) in shown
    assert "http://shop.test/v1/harbour/witness" not in shown, "a witness of nobody"
    assert file.headers["content-disposition"] == 'attachment; filename="harbour-statement-1.json"'
    assert file.json()["statement"]["number"] == 1
    assert (unknown.status_code, "Statement not found." in unknown.text) == (404, True)


async def test_the_key_is_changed_and_the_old_one_signs_it(signed: Stage) -> None:
    before = await key(signed)
    changed = await signed.client.post(f"{CONSOLE}/statements/rotate", follow_redirects=True)
    after = await key(signed)

    assert after != before
    assert "The old one signed it" in changed.text
    assert before in html.unescape(changed.text), "among the earlier keys"
    async with signed.db.transaction() as tx:
        chain = await statements.log.key_chain(tx, shop_id=signed.shop.id, until=99)
    assert [each["document"]["key"] for each in chain] == [before, after]
    assert chain[1]["previous_signature"] is not None


async def test_a_witness_is_added_with_its_key_and_removed(signed: Stage) -> None:
    typed = {"url": "https://bank.example", "key": "nonsense"}
    refused = await signed.client.post(f"{CONSOLE}/statements/witnesses", data=typed)
    nowhere = await signed.client.post(
        f"{CONSOLE}/statements/witnesses", data={"url": "bank.example", "key": BANK}
    )
    assert (refused.status_code, nowhere.status_code) == (422, 422)
    assert "Copy the whole key" in refused.text
    assert 'value="nonsense"' in refused.text
    assert "starting with https://" in nowhere.text
    async with signed.db.transaction() as tx:
        assert await statements.witnessing.witnesses(tx, shop_id=signed.shop.id) == []

    added = await signed.client.post(
        f"{CONSOLE}/statements/witnesses",
        data={"url": "https://bank.example", "key": BANK},
        follow_redirects=True,
    )
    twice = await signed.client.post(
        f"{CONSOLE}/statements/witnesses", data={"url": "https://bank.example", "key": BANK}
    )
    assert "bank.example/w" in added.text
    assert (twice.status_code, "asked already" in twice.text) == (409, True)
    [place] = re.findall(r'action="([^"]*/witnesses/\d+/remove)"', added.text)
    gone = await signed.client.post(place, follow_redirects=True)
    assert "bank.example/w" not in gone.text
    assert (await signed.client.post(place)).status_code == 404


async def test_the_shop_becomes_a_witness_of_a_partner(signed: Stage) -> None:
    refused = await signed.client.post(f"{CONSOLE}/statements/watched", data={"keys": BANK})
    assert refused.status_code == 422, "a witness's key is no log's"
    watched = await signed.client.post(
        f"{CONSOLE}/statements/watched", data={"keys": f"{PARTNER}\r\n"}, follow_redirects=True
    )
    assert "shopfloor/partner/1" in watched.text
    assert "Nothing seen yet" in watched.text
    assert "http://shop.test/v1/harbour/witness" in watched.text
    assert "shopfloor-witness/harbour/" in watched.text
    [place] = re.findall(r'action="([^"]*/watched/\d+/remove)"', watched.text)
    assert "shopfloor/partner/1" not in (await signed.client.post(place, follow_redirects=True)).text


async def test_who_may_only_read_reports_changes_nothing(signed: Stage) -> None:
    signed.client.cookies.set("session", await member(signed, accounts.Role.MERCHANDISER, "max"))
    before = await key(signed)
    shown = await page(signed)
    for path in ("rotate", "witnesses", "watched", "witnesses/1/remove", "watched/1/remove"):
        assert (await signed.client.post(f"{CONSOLE}/statements/{path}")).status_code == 403
        assert f'action="{CONSOLE}/statements/{path}"' not in shown
    assert await key(signed) == before


@pytest.mark.parametrize(("language", "word"), [("en", "Check a statement"), ("zh", "核验存证")])
async def test_the_page_that_checks_is_one_file_without_us(signed: Stage, language: str, word: str) -> None:
    signed.client.cookies.delete("session")
    headers = {"accept-language": language}
    shown = await signed.client.get("/s/harbour/verify", headers=headers)
    kept = await signed.client.get("/s/harbour/verify.html", headers=headers)

    assert word in shown.text
    assert word in kept.text
    assert await key(signed) in html.unescape(kept.text)
    assert kept.headers["content-disposition"] == 'attachment; filename="harbour-verify.html"'
    assert re.findall(r'(?:src|href)="[^"#]', kept.text) == [], "it loads nothing"
    words: Any = json.loads(
        re.findall(r'<script[^>]*id="words"[^>]*>(.*?)</script>', kept.text, re.DOTALL)[0]
    )
    script = kept.text.split('<script type="module">')[1]
    assert 'importKey("raw"' in script
    assert set(words) >= {"proven", "open", "failed", "not_witnessed", "no_ed25519", "insecure"}

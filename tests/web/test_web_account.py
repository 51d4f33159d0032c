"""The pages of one's own account, and a lost password."""

import base64
import re
import time

import pytest
from tests.web.conftest import Stage

from shopfloor import accounts, auth
from shopfloor.auth import totp
from shopfloor.web.console.account import device_words

PASSWORD = "a long enough one"


async def sign_in(stage: Stage, password: str = PASSWORD) -> int:
    answer = await stage.client.post("/sign-in", data={"email": "owner@example.com", "password": password})
    return answer.status_code


async def test_a_password_is_changed_on_the_page_and_other_devices_are_out(stage: Stage) -> None:
    assert await sign_in(stage) == 303
    other = stage.client.cookies["session"]
    stage.client.cookies.delete("session")
    assert await sign_in(stage) == 303
    page = await stage.client.get("/account")
    assert page.status_code == 200
    assert "Use at least 10 characters that are hard to guess." in page.text
    assert page.text.count('name="session"') == 2
    for data, field in (
        ({"current": "wrong one here", "new": "a fresh long sentence"}, "e-present"),
        ({"current": PASSWORD, "new": "1234567890"}, "e-new"),
        ({"current": PASSWORD, "new": "Harbour2026"}, "e-new"),
    ):
        answer = await stage.client.post("/account/password", data=data)
        assert answer.status_code in {401, 422}
        assert f'id="{field}"' in answer.text
    assert (await stage.client.get("/account")).text.count('name="session"') == 2
    answer = await stage.client.post(
        "/account/password", data={"current": PASSWORD, "new": "a fresh long sentence"}
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert (await stage.client.get("/account")).text.count('name="session"') == 0
    async with stage.db.transaction() as tx:
        with pytest.raises(auth.SignInNeeded):
            await auth.signed_in(tx, other)
    assert await sign_in(stage, "a fresh long sentence") == 303


async def test_name_and_address_are_changed_the_address_by_the_password(stage: Stage) -> None:
    await sign_in(stage)
    new = {"name": "Mei", "email": "Mei@Example.com"}
    answer = await stage.client.post("/account/person", data=new | {"current": "wrong one here"})
    assert (answer.status_code, 'id="e-current"' in answer.text) == (401, True)
    answer = await stage.client.post("/account/person", data={"name": "Mei", "email": "owner@example.com"})
    assert answer.status_code == 303
    answer = await stage.client.post("/account/person", data={"name": " ", "email": "owner@example.com"})
    assert (answer.status_code, 'id="e-name"' in answer.text) == (422, True)
    answer = await stage.client.post("/account/person", data=new | {"current": PASSWORD})
    assert answer.status_code == 303
    me = (await stage.client.get("/account")).text
    assert 'value="mei@example.com"' in me
    assert 'value="Mei"' in me


async def test_a_member_gets_a_link_that_sets_a_password(stage: Stage) -> None:
    await sign_in(stage)
    async with stage.db.transaction() as tx:
        actor = await auth.actor(tx, stage.client.cookies["session"], "harbour")
        invited = await accounts.invite(tx, actor=actor, role=accounts.Role.HOST)
        host = await auth.join(tx, token=invited.token, email="host@example.com", password=PASSWORD)
    path = f"/console/harbour/members/{host.person.id}/password"
    answer = await stage.client.post(path, data={"form_key": "k1"}, follow_redirects=True)
    found = re.search(r"http://shop\.test(/reset/[\w-]{43})<", answer.text)
    assert found is not None
    stage.client.cookies.delete("session")
    page = await stage.client.get(found[1])
    assert (page.status_code, "host@example.com" in page.text) == (200, True)
    answer = await stage.client.post(found[1], data={"password": "1234567890"})
    assert (answer.status_code, 'id="e-password"' in answer.text) == (422, True)
    answer = await stage.client.post(found[1], data={"password": "a fresh long sentence"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert (await stage.client.get(found[1])).status_code == 404
    assert await auth.sign_in(
        stage.db, email="host@example.com", password="a fresh long sentence", address=""
    )


async def test_the_browser_that_signed_in_is_not_locked_out_by_others_behind_its_address(
    stage: Stage,
) -> None:
    assert await sign_in(stage) == 303
    device = stage.client.cookies["device"]
    stage.client.cookies.clear()
    assert [await sign_in(stage, "a wrong sentence") for _ in range(11)] == [401] * 10 + [429]
    assert await sign_in(stage) == 429
    stage.client.cookies.set("device", device)
    assert await sign_in(stage) == 303


@pytest.mark.parametrize(
    ("device", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", "Firefox, Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0 Safari/537.36 Edg/129.0", "Edge, Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile/15E148 Safari/604.1", "Safari, iPhone"),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0 Mobile Safari/537.36", "Chrome, Android"),
        ("curl/8.9.1", "curl"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_device_is_named_in_words(device: str, words: str) -> None:
    assert device_words(device) == words


async def test_two_step_sign_in_is_turned_on_asked_for_and_turned_off(stage: Stage) -> None:
    await sign_in(stage)
    for wrong in ("", "wrong one here"):
        answer = await stage.client.post("/account/second-factor", data={"password": wrong})
        assert (answer.status_code, 'id="e-password-n"' in answer.text) == (401, True)
    answer = await stage.client.post("/account/second-factor", data={"password": PASSWORD})
    assert answer.status_code == 303
    scan = answer.headers["location"]
    page = (await stage.client.get(scan)).text
    assert re.search(r'<svg[^>]* class="qr"[^>]*>.*?<path', page)
    assert " style=" not in page
    [secret] = re.findall(r"<code>((?:[A-Z2-7]{4} ){7}[A-Z2-7]{4})</code>", page)
    key = base64.b32decode(secret.replace(" ", ""))

    def code(later: int = 0) -> str:
        return totp.code_at(key, totp.step_at(time.time()) + later)

    answer = await stage.client.post(scan, data={"code": "12"})
    assert (answer.status_code, 'id="e-code"' in answer.text, secret in answer.text) == (401, True, True)
    answer = await stage.client.post(scan, data={"code": code(-1)})
    shown = answer.headers["location"]
    page = (await stage.client.get(shown)).text
    recovery = re.findall(r"<li><code>([A-Z2-9-]{14})</code></li>", page)
    assert len(recovery) == 10
    file = await stage.client.get(f"{shown}.txt")
    assert file.headers["content-disposition"] == 'attachment; filename="recovery-codes.txt"'
    assert [line for line in file.text.splitlines() if line in recovery] == recovery
    assert (await stage.client.get(scan)).status_code == 404
    assert "10 recovery codes are left." in (await stage.client.get("/account")).text

    earlier = stage.client.cookies["session"]
    stage.client.cookies.delete("session")
    assert (await stage.client.get(shown)).status_code == 303  # to the sign-in
    answer = await stage.client.post(
        "/sign-in", data={"email": "owner@example.com", "password": PASSWORD, "to": "/console/harbour/stock"}
    )
    assert (answer.status_code, "session" in answer.cookies) == (200, False)
    [challenge] = re.findall(r'name="challenge" value="([^"]+)"', answer.text)
    step = {"challenge": challenge, "to": "/console/harbour/stock"}
    answer = await stage.client.post("/sign-in/code", data=step | {"code": "000000"})
    assert (answer.status_code, 'id="e-code"' in answer.text) == (401, True)
    answer = await stage.client.post("/sign-in/code", data=step | {"code": recovery[0]})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/harbour/stock")
    page = (await stage.client.get("/account")).text
    assert page.count('name="session"') == 2  # the one from before and that of the fixture are listed
    assert "9 recovery codes are left." in page
    assert (await stage.client.get(shown)).status_code == 404  # shown to the session that made them only
    answer = await stage.client.post("/sign-in/code", data=step | {"code": recovery[1]})
    assert (answer.status_code, "Signing in took too long" in answer.text) == (401, True)

    for data, field in (
        ({"password": "wrong one here", "code": code(1)}, "e-password-o"),
        ({"password": PASSWORD, "code": "123456"}, "e-code-o"),
        ({"password": PASSWORD}, "e-code-o"),
    ):
        answer = await stage.client.post("/account/second-factor-off", data=data)
        assert (answer.status_code, f'id="{field}"' in answer.text) == (401, True)
    answer = await stage.client.post(
        "/account/second-factor-off", data={"password": PASSWORD, "code": recovery[1]}
    )
    assert answer.status_code == 303
    stage.client.cookies.set("session", earlier)
    assert (await stage.client.get("/account")).status_code == 200
    stage.client.cookies.delete("session")
    assert await sign_in(stage) == 303

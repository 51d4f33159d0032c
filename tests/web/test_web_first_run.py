"""The first owner's form: everything that is wrong at once, what was typed stays, zones and currencies from a list."""

import re
from dataclasses import dataclass

import pytest
from starlette.requests import Request
from tests.web.conftest import Stage

from shopfloor import accounts, auth
from shopfloor.kernel.currencies import DECIMALS
from shopfloor.web import regions
from shopfloor.web.languages import LANGUAGES

GOOD = {
    "shop_name": "Kiln & Co", "slug": "kiln", "currency": "SEK", "timezone": "Europe/Stockholm", "name": "Ada",
    "email": "ada@kiln.example", "password": "a kiln full of bowls",
}  # fmt: skip


async def fresh_claim(stage: Stage) -> str:
    """The address of the first owner's form, on a node that nobody has taken over."""
    async with stage.db.transaction() as tx:
        await tx.run("TRUNCATE accounts.person, accounts.shop CASCADE")
        token = await auth.ensure_owner_claim(tx)
    return f"/claim/{token}"


def faults(page: str) -> dict[str, str]:
    """What stands below each field that was refused."""
    found = re.findall(r'<p class="error" id="e-(\w+)">.*?<span>(.*?)</span></p>', page)
    return dict(found)


def typed(page: str) -> dict[str, str]:
    """What the form has in its fields."""
    found = {
        name: value
        for value, name in re.findall(r'<input type="(?:text|email)" value="([^"]*)"\s+id="f-(\w+)"', page)
    }
    for name, options in re.findall(r'<select\s+id="f-(\w+)".*?>(.*?)</select>', page, re.DOTALL):
        [found[name]] = re.findall(r'<option value="([^"]*)"[^>]* selected', options) or [""]
    return found


async def test_everything_wrong_is_said_at_once_and_what_was_typed_stays(stage: Stage) -> None:
    path = await fresh_claim(stage)
    bad = {
        "shop_name": " ", "slug": "Not a slug!", "currency": "XXX", "timezone": "Berlin", "name": "Ada",
        "email": "ada", "password": "short",
    }  # fmt: skip
    answer = await stage.client.post(path, data=bad)
    assert answer.status_code == 422
    assert faults(answer.text) == {
        "shop_name": "Enter a name of 1 to 100 characters.",
        "slug": "Use 1 to 48 lowercase letters, digits and hyphens. Some words, such as “new”, are reserved.",
        "currency": "Choose a currency from the list.",
        "timezone": "Choose a time zone from the list.",
        "email": "Enter a valid email address.",
        "password": "Use at least 10 characters that are hard to guess.",
    }
    assert "Check the 6 marked fields." in answer.text
    assert typed(answer.text) == {
        "shop_name": " ", "slug": "not a slug!", "currency": "", "timezone": "", "name": "Ada", "email": "ada",
    }  # fmt: skip
    async with stage.db.transaction() as tx:
        assert await accounts.shops(tx) == []

    answer = await stage.client.post(path, data=GOOD | {"slug": "new"})
    assert list(faults(answer.text)) == ["slug"]
    kept = {name: value for name, value in GOOD.items() if name != "password"}
    assert typed(answer.text) == kept | {"slug": "new", "shop_name": "Kiln &amp; Co"}
    assert GOOD["password"] not in answer.text
    assert "Enter your password again: for safety, it is never sent back to this page." in answer.text

    answer = await stage.client.post(path, data=GOOD)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/kiln")
    async with stage.db.transaction() as tx:
        [shop] = await accounts.shops(tx)
    assert (shop.name, shop.currency, shop.timezone, shop.locale) == (
        "Kiln & Co",
        "SEK",
        "Europe/Stockholm",
        "en",
    )


async def test_a_shop_is_opened_from_a_browser_that_speaks_chinese(stage: Stage) -> None:
    path = await fresh_claim(stage)
    stage.client.headers["accept-language"] = "zh-CN,zh;q=0.9"
    page = (await stage.client.get(path)).text
    assert typed(page)["currency"] == "CNY"
    assert typed(page)["timezone"] == "Asia/Shanghai"
    assert "CNY · 人民币" in page
    assert "上海 (UTC+08:00)" in page
    answer = await stage.client.post(path, data=GOOD)
    assert answer.status_code == 303
    async with stage.db.transaction() as tx:
        [shop] = await accounts.shops(tx)
    assert shop.locale == "zh_CN"


async def test_nothing_is_preset_that_nobody_said(stage: Stage) -> None:
    path = await fresh_claim(stage)
    stage.client.headers["accept-language"] = "en"
    page = (await stage.client.get(path)).text
    assert (typed(page)["currency"], typed(page)["timezone"]) == ("", "")
    answer = await stage.client.post(path, data={"email": "a@b.example"})
    assert {"currency", "timezone", "shop_name", "slug", "password"} == set(faults(answer.text))


async def test_an_invited_person_hears_everything_at_once(stage: Stage) -> None:
    await stage.client.post("/sign-in", data={"email": "owner@example.com", "password": "a long enough one"})
    async with stage.db.transaction() as tx:
        actor = await auth.actor(tx, stage.client.cookies["session"], "harbour")
        invited = await accounts.invite(tx, actor=actor, role=accounts.Role.HOST)
    stage.client.cookies.clear()
    answer = await stage.client.post(
        f"/join/{invited.token}", data={"email": "nobody", "password": "Harbour2026", "name": "x" * 101}
    )
    assert set(faults(answer.text)) == {"email", "password", "name"}
    answer = await stage.client.post(
        f"/join/{invited.token}", data={"email": "owner@example.com", "password": "a kiln full of bowls"}
    )
    assert (answer.status_code, list(faults(answer.text))) == (409, ["email"])
    answer = await stage.client.post(
        f"/join/{invited.token}", data={"email": "new@example.com", "password": "a kiln full of bowls"}
    )
    assert answer.status_code == 303


async def test_another_shop_of_the_node_says_everything_at_once(stage: Stage) -> None:
    await stage.client.post("/sign-in", data={"email": "owner@example.com", "password": "a long enough one"})
    answer = await stage.client.post(
        "/console", data={"shop_name": "", "slug": "-", "currency": "", "timezone": ""}
    )
    assert set(faults(answer.text)) == {"shop_name", "slug", "currency", "timezone"}
    second = {"shop_name": "Second", "slug": "harbour", "currency": "KWD", "timezone": "Asia/Kuwait"}
    answer = await stage.client.post("/console", data=second)
    assert (answer.status_code, list(faults(answer.text))) == (409, ["slug"])
    answer = await stage.client.post("/console", data=second | {"slug": "second"})
    assert answer.headers["location"] == "/console/second"
    async with stage.db.transaction() as tx:
        shop = await accounts.shop_by_slug(tx, "second")
    assert (shop.currency, shop.timezone) == ("KWD", "Asia/Kuwait")


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.tag)
def test_every_currency_has_a_name_and_every_zone_a_place(language: object) -> None:
    assert isinstance(language, type(LANGUAGES[0]))
    named = dict(regions.currencies(language.tag))
    assert named.keys() == DECIMALS.keys()
    nameless = {code for code, words in named.items() if words == f"{code} · {code}"}
    assert nameless <= {"XCG", "ZWG"}
    zones = [zone for _, listed in regions.zone_groups(language) for zone in listed]
    assert len(zones) > 400
    assert len({zone.name for zone in zones}) == len(zones)
    assert {"Europe/Berlin", "Asia/Kolkata", "America/New_York", "Europe/Kyiv", "UTC"} <= {
        zone.name for zone in zones
    }
    assert {regions.canonical(name) for zone in zones for name in zone.others.split()} <= {
        zone.name for zone in zones
    }


@dataclass(frozen=True)
class Usual:
    header: str
    zone: str
    currency: str


@pytest.mark.parametrize(
    "usual",
    [
        Usual("de-DE,de;q=0.9,en;q=0.8", "Europe/Berlin", "EUR"), Usual("de-CH", "Europe/Zurich", "CHF"),
        Usual("zh-CN", "Asia/Shanghai", "CNY"), Usual("zh-TW", "Asia/Taipei", "TWD"), Usual("zh-HK", "Asia/Hong_Kong", "HKD"),
        Usual("ja", "Asia/Tokyo", "JPY"), Usual("en-US", "", "USD"), Usual("pt-BR", "", "BRL"), Usual("hi-IN", "Asia/Kolkata", "INR"),
        Usual("en", "", ""), Usual("", "", ""), Usual("*", "", ""), Usual("xx-invalid;q=", "", ""),
    ],
    ids=lambda usual: usual.header,
)  # fmt: skip
def test_the_usual_zone_and_currency_are_those_of_the_country_that_is_asked_for(usual: Usual) -> None:
    headers = [(b"accept-language", usual.header.encode())]
    request = Request({"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": headers})
    assert (regions.usual_zone(request), regions.usual_currency(request)) == (usual.zone, usual.currency)

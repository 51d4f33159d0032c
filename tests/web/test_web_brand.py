"""The face of a shop: what an owner sets in the console, and where shoppers see it."""

import io
import re
from typing import Any

import pytest
from PIL import Image
from tests.web.conftest import Stage
from tests.web.test_web_console_terms import member

from shopfloor import accounts, auth, picture_files
from shopfloor.app import largest_body
from shopfloor.brand import accents


def png(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (20, 90, 160)).save(out, "PNG")
    return out.getvalue()


async def signed_in(stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        owner = await tx.value("SELECT id FROM accounts.person WHERE email = 'owner@example.com'")
        session = await auth.open_session(tx, person_id=owner)
    stage.client.cookies.set("session", session)


async def brand(stage: Stage) -> Any:
    async with stage.db.transaction() as tx:
        return (await accounts.shop(tx, stage.shop.id)).brand


def test_an_accent_is_used_as_it_is_where_it_can_be_read() -> None:
    assert accents.tones("#1b5fae", "light") == accents.Tones("#1b5fae", "#185499", "#ffffff", "#1b5fae")
    assert [each.theme for each in accents.adjusted("#1b5fae")] == ["dark"]


@pytest.mark.parametrize(
    "accent", ["#ffd400", "#808080", "#000000", "#ffffff", "#c4311d", "#00ff00", "#7f0000"]
)
@pytest.mark.parametrize("theme", accents.THEMES)
def test_every_accent_can_be_read_in_both_themes(accent: str, theme: accents.Theme) -> None:
    used = accents.tones(accent, theme)
    grounds = {"light": ("#f6f3ec", "#fffdf8", "#ece7dc"), "dark": ("#161412", "#201d1a", "#2b2723")}[theme]

    assert accents.contrast(used.fill, used.on) >= 4.5
    assert accents.contrast(used.press, used.on) >= 4.5
    assert min(accents.contrast(used.words, ground) for ground in grounds) >= 4.5


def test_contrast_is_that_of_wcag() -> None:
    assert accents.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert accents.contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=0.001)


def test_the_grounds_are_those_of_the_tokens() -> None:
    from pathlib import Path

    tokens = Path("frontend/css/parts/tokens.css").read_text()
    for name in ("paper", "sheet", "well"):
        light, dark = re.findall(rf"--{name}: (#[0-9a-f]{{6}});", tokens)
        assert accents.contrast(accents.tones("#1b5fae", "light").words, light) >= 4.5
        assert accents.contrast(accents.tones("#1b5fae", "dark").words, dark) >= 4.5


async def test_logo_cover_colour_and_slogan_are_on_every_page_of_the_shop(stage: Stage) -> None:
    client = stage.client
    await signed_in(stage)
    logo = await client.post(
        "/console/harbour/brand/logo", files={"picture": ("l.png", png(64, 64), "image/png")}
    )
    cover = await client.post(
        "/console/harbour/brand/cover", files={"picture": ("c.png", png(90, 40), "image/png")}
    )
    look = {"accent": "#FFD400", "slogan": "From the quay", "other_slogan": "来自码头"}
    saved = await client.post("/console/harbour/brand", data=look)
    kept = await brand(stage)
    console = (await client.get("/console/harbour/brand")).text
    shop = (await client.get("/s/harbour")).text
    product = (await client.get(f"/s/harbour/p/{stage.shirt.id}")).text
    room = (await client.get(f"/s/harbour/live/{stage.show.id}")).text
    chinese = (await client.get("/s/harbour", headers={"accept-language": "zh"})).text
    sheet = await client.get("/s/harbour/accent.css?of=ffd400")

    assert [each.status_code for each in (logo, cover, saved)] == [303] * 3
    assert (kept.accent, kept.slogans) == ("#ffd400", {"en": "From the quay", "zh_CN": "来自码头"})
    assert kept.logo != kept.cover
    # Yellow is no colour for words on paper: what is used instead is said.
    assert "Text on light pages uses #7a6600" in console
    for page in (shop, product):
        assert f'class="logo" src="/pictures/{kept.logo}/160.webp"' in page
    assert f'src="/pictures/{kept.cover}/960.webp"' in shop
    assert f'content="http://shop.test/pictures/{kept.cover}/960.webp"' in shop
    assert f'content="http://shop.test/pictures/{kept.cover}/960.webp"' in room
    for page in (shop, product, room):
        assert 'href="/s/harbour/accent.css?of=ffd400"' in page
    assert "From the quay" in shop
    assert "来自码头" in chinese
    assert sheet.headers["content-type"].startswith("text/css")
    assert "--accent:#ffd400;--accent-press:#ffd91f;--on-accent:#1e1b17;--accent-text:#7a6600" in sheet.text

    removed = await client.post("/console/harbour/brand/cover/remove")
    assert removed.status_code == 303
    assert (await brand(stage)).cover is None


async def test_what_cannot_be_used_is_refused_beside_its_field_and_nothing_changes(stage: Stage) -> None:
    client = stage.client
    await signed_in(stage)
    colour = await client.post("/console/harbour/brand", data={"accent": "reddish", "slogan": "Hi"})
    link = await client.post(
        "/console/harbour/contact", data={"email": "a@b.example", "links": "javascript:alert(1)"}
    )
    picture = await client.post(
        "/console/harbour/brand/logo", files={"picture": ("x.png", b"no", "image/png")}
    )

    assert (colour.status_code, link.status_code, picture.status_code) == (422, 422, 422)
    assert "Write a colour as in #1b5fae." in colour.text
    assert 'value="reddish"' in colour.text
    assert 'value="Hi"' in colour.text
    assert "Write each link as a whole address" in link.text
    assert 'id="e-picture-logo"' in picture.text
    kept = await brand(stage)
    assert (kept.accent, kept.email, kept.logo, kept.slogans, kept.links) == ("", "", None, {}, [])


async def test_a_link_or_number_that_is_none_is_refused(stage: Stage) -> None:
    await signed_in(stage)
    for answers in (
        {"links": "https://e.example:99999999/"},
        {"links": "https://."},
        {"links": "https://harbour..example/"},
        {"phone": "...---"},
    ):
        answer = await stage.client.post("/console/harbour/contact", data=answers)
        assert answer.status_code == 422, answers
    assert ((await brand(stage)).links, (await brand(stage)).phone) == ([], "")


async def test_only_an_owner_changes_the_face(stage: Stage) -> None:
    stage.client.cookies.set("session", await member(stage, accounts.Role.MERCHANDISER, "Mo"))
    page = await stage.client.get("/console/harbour/brand")
    refused = await stage.client.post("/console/harbour/brand", data={"slogan": "Mine"})

    assert "Only an owner changes these." in page.text
    assert refused.status_code == 403
    assert (await brand(stage)).slogans == {}


async def test_texts_contact_and_licences_have_pages_linked_at_the_foot(stage: Stage) -> None:
    client = stage.client
    before = await client.get("/s/harbour/pages/imprint")
    await signed_in(stage)
    texts = {"about": "We weave.\n\nSince 1990.", "other_about": "我们织布。", "imprint": "Harbour Ltd <b>"}
    await client.post("/console/harbour/policies", data=texts)
    await client.post(
        "/console/harbour/policies/licences",
        data={"licence": "营业执照", "licence_number": "91310000MA1K"},
        files={"picture": ("p.png", png(60, 80), "image/png")},
    )
    contact = {
        "email": "Hello@Harbour.example",
        "phone": "+49 30 1234",
        "links": "https://www.instagram.com/harbour\n\nhttps://www.xiaohongshu.com/user/1",
    }
    await client.post("/console/harbour/contact", data=contact)
    foot = (await client.get("/s/harbour")).text
    about = (await client.get("/s/harbour/pages/about")).text
    chinese = (await client.get("/s/harbour/pages/about", headers={"accept-language": "zh"})).text
    imprint = (await client.get("/s/harbour/pages/imprint")).text
    kept = await brand(stage)

    assert before.status_code == 404
    assert re.findall(r'href="/s/harbour/pages/(\w+)"', foot) == ["about", "imprint"]
    assert ">Instagram</a>" in foot
    assert ">小红书</a>" in foot
    assert "hello@harbour.example" in foot
    assert "We weave.\n\nSince 1990." in about
    assert "我们织布。" in chinese
    assert "Harbour Ltd &lt;b&gt;" in imprint
    assert "91310000MA1K" in imprint
    assert f"/pictures/{kept.licences[0].picture}/480.webp" in imprint

    await client.post(
        "/console/harbour/policies/licences/remove",
        data={"licence": "营业执照", "licence_number": "91310000MA1K"},
    )
    await client.post("/console/harbour/policies", data={"imprint": ""})
    assert (await client.get("/s/harbour/pages/imprint")).status_code == 404
    # What the form did not send stays.
    assert (await client.get("/s/harbour/pages/about")).status_code == 200


async def test_the_name_of_a_shop_changes_without_its_face(stage: Stage) -> None:
    await signed_in(stage)
    await stage.client.post("/console/harbour/brand", data={"accent": "#1b5fae"})
    data = {"name": "Quay", "locale": "en", "timezone": "UTC"}
    await stage.client.post("/console/harbour/terms/shop", data=data)
    async with stage.db.transaction() as tx:
        shop = await accounts.shop(tx, stage.shop.id)

    assert (shop.name, shop.brand.accent) == ("Quay", "#1b5fae")


@pytest.mark.parametrize("place", ["brand/logo", "brand/cover", "policies/licences"])
async def test_pictures_above_a_megabyte_are_taken_from_an_owner(stage: Stage, place: str) -> None:
    await signed_in(stage)
    cookie = "; ".join(f"{name}={value}" for name, value in stage.client.cookies.items()).encode()
    mine = {
        "type": "http",
        "path": f"/console/harbour/{place}",
        "headers": [(b"cookie", cookie)],
        "query_string": b"",
    }
    assert await largest_body(stage.db, mine) == picture_files.MAX_PICTURE_BYTES + 64 * 1024
    async with stage.db.transaction() as tx:
        await tx.run("UPDATE accounts.member SET role = 'merchandiser'")
    assert await largest_body(stage.db, mine) == 0

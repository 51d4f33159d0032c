"""The room in a frame of the merchant's own site: who may frame it, whom its cookie names, the way out to the checkout."""

import json
import re
import time
from datetime import timedelta
from uuid import UUID

import pytest
from fastapi.routing import APIRoute
from tests.web.conftest import Stage
from tests.web.test_web_brand import signed_in

from shopfloor import embeds, live, shoppers, stock
from shopfloor.accounts import PERMISSIONS, Actor, Role
from shopfloor.embeds.models import BadSite, TooManySites
from shopfloor.kernel.headers import POLICY, policy_framed_by
from shopfloor.kernel.keyring import Keyring
from shopfloor.kernel.services import services_in
from shopfloor.kernel.values import now

SITE = "https://www.potter.example"
# What Chromium sends with a frame in another site, and with what such a frame sends.
IN_FRAME = {"sec-fetch-site": "cross-site", "sec-fetch-dest": "iframe"}
OF_FRAME = {"sec-fetch-site": "same-origin"}


def ancestors(policy: str) -> str:
    return re.findall(r"frame-ancestors ([^;]+)", policy)[0]


async def name_site(stage: Stage, address: str = SITE) -> str:
    async with stage.db.transaction() as tx:
        owner = await tx.value("SELECT id FROM accounts.person WHERE email = 'owner@example.com'")
        actor = Actor(owner, stage.shop.id, Role.OWNER, PERMISSIONS[Role.OWNER])
        origin = await embeds.add_site(tx, actor=actor, address=address)
    services_in(stage.app).part(shared_pages()).forget_shop(stage.shop.id)
    return origin


def shared_pages() -> type:
    from shopfloor.web import SharedPages

    return SharedPages


@pytest.mark.parametrize(
    ("written", "origin"),
    [
        ("https://www.potter.example", "https://www.potter.example"),
        ("  HTTPS://WWW.Potter.example/live?x=1#y ", "https://www.potter.example"),
        ("www.potter.example", "https://www.potter.example"),
        ("https://potter.example:8443/", "https://potter.example:8443"),
        ("https://potter.example:443", "https://potter.example"),
        ("https://bücher.example/a", "https://xn--bcher-kva.example"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
    ],
)
def test_a_site_is_kept_as_browsers_compare_it(written: str, origin: str) -> None:
    assert embeds.checked_origin(written) == origin


@pytest.mark.parametrize(
    "written",
    [
        "", "https://", "*", "https://*", "https://*.potter.example", "http://www.potter.example", "ftp://potter.example",
        "javascript://potter.example", "https://me:pw@potter.example", "https://potter.example; script-src *", "'self'", "null",
        "data:text/html,x", "https://potter.example:0", "https://potter.example:99999", "https://[::1]", "https://potter",
        "https://a.example, https://b.example", "https://a.example https://b.example", "https://-a.example", "https://a..example",
        "https://a.example\\@b.example", "https://" + "a" * 300 + ".example",
    ],
)  # fmt: skip
def test_what_is_no_site_never_gets_into_a_policy(written: str) -> None:
    with pytest.raises(BadSite):
        embeds.checked_origin(written)


def test_a_policy_without_sites_is_that_of_every_other_page() -> None:
    assert policy_framed_by([]) == POLICY
    assert policy_framed_by([SITE, "http://localhost:3000"]) == POLICY.replace(
        "frame-ancestors 'none'", f"frame-ancestors {SITE} http://localhost:3000"
    )


async def test_only_the_embedded_room_is_framed_and_only_by_sites_that_were_named(stage: Stage) -> None:
    room = f"/s/harbour/live/{stage.show.id}"
    before = await stage.client.get(f"{room}/embed")
    await name_site(stage)
    framed = {
        path
        for path in (
            f"{room}/embed", "/s/harbour/embed", room, f"{room}/overlay", "/s/harbour", "/s/harbour/cart", "/sign-in",
            f"/s/harbour/p/{stage.shirt.id}", "/s/harbour/orders", "/console/harbour", "/embed.js", "/s/nowhere/embed",
            f"/s/harbour/live/{stage.show.id + 99}/embed", "/s/harbour/account/sign-in",
        )
        if ancestors((await stage.client.get(path, follow_redirects=True)).headers["content-security-policy"]) != "'none'"
    }  # fmt: skip

    assert before.status_code == 200
    assert ancestors(before.headers["content-security-policy"]) == "'none'"
    assert framed == {f"{room}/embed", "/s/harbour/embed"}
    assert ancestors((await stage.client.get(f"{room}/embed")).headers["content-security-policy"]) == SITE
    # A show that is asked for under another shop's name is not there, and that answer is framed by nobody.
    assert (await stage.client.get(f"/s/other/live/{stage.show.id}/embed")).status_code == 404


def test_no_route_answers_with_a_policy_of_its_own_but_these() -> None:
    from pathlib import Path

    import shopfloor

    source = Path(shopfloor.__file__).parent
    users = {path.name for path in source.rglob("*.py") if "policy_framed_by(" in path.read_text()}
    assert users == {"headers.py", "embedded.py"}


async def test_the_address_of_a_shop_leads_to_the_show_on_air_then_the_next_then_the_last(
    stage: Stage,
) -> None:
    async def leads(query: str = "") -> str:
        answer = await stage.client.get(f"/s/harbour/embed{query}", follow_redirects=False)
        assert (answer.status_code, answer.headers["cache-control"]) == (303, "no-store")
        return answer.headers["location"]

    undated = f"/s/harbour/live/{stage.show.id}/embed"
    assert await leads() == undated
    async with stage.db.transaction() as tx:
        first = now() + timedelta(days=1)
        later = await live.plan_show(
            tx, shop_id=stage.shop.id, title="Later", starts_at=first + timedelta(days=1)
        )
        sooner = await live.plan_show(tx, shop_id=stage.shop.id, title="Sooner", starts_at=first)
    coming = await leads("?lang=zh-CN")
    nonsense = await leads("?lang=%0d%0aset-cookie:x")
    async with stage.db.transaction() as tx:
        await tx.run(
            "UPDATE live.show SET status = 'live', started_at = now() WHERE id = %(id)s", id=later.id
        )
    on_air = await leads()
    async with stage.db.transaction() as tx:
        await tx.run("UPDATE live.show SET status = 'ended', ended_at = now() WHERE id = %(id)s", id=later.id)
        await tx.run("UPDATE live.show SET starts_at = NULL WHERE id = %(id)s", id=sooner.id)
    over = await leads()

    assert coming == f"/s/harbour/live/{sooner.id}/embed?lang=zh-CN"
    assert nonsense == f"/s/harbour/live/{sooner.id}/embed"
    assert on_air == over == f"/s/harbour/live/{later.id}/embed"
    assert (await stage.client.get("/s/other/embed")).status_code == 404


async def test_a_frame_gets_a_cookie_of_its_own_and_a_page_the_usual_one(stage: Stage) -> None:
    path = f"/s/harbour/live/{stage.show.id}/embed"
    stage.client.cookies.clear()
    framed = await stage.client.get(path, headers=IN_FRAME)
    [kept] = framed.headers.get_list("set-cookie")
    stage.client.cookies.clear()
    same_site = await stage.client.get(path, headers={"sec-fetch-site": "same-site"})
    [usual] = same_site.headers.get_list("set-cookie")
    again = await stage.client.get(path, headers={**IN_FRAME, "cookie": kept.partition(";")[0]})

    assert kept.partition("; ")[2] == "Path=/; Max-Age=31536000; HttpOnly; SameSite=None; Secure; Partitioned"
    assert "SameSite=Lax" in usual
    assert "Partitioned" not in usual
    assert again.headers.get_list("set-cookie") == []
    data = json.loads(re.findall(r'id="room-data">(.*?)</script>', framed.text, re.DOTALL)[0])
    assert data["embed"] == {"sites": []}
    assert data["shop"]["slug"] == "harbour"


async def test_a_purchase_in_a_frame_is_paid_in_the_shops_own_page(stage: Stage) -> None:
    hold = await stage.hold()
    keyring = services_in(stage.app).part(Keyring)
    theirs = {"cookie": f"shopper={shoppers.issue_shopper(keyring, stage.shopper)}", **OF_FRAME}
    stage.client.cookies.clear()
    given = (await stage.client.post("/s/harbour/embed/pass", headers=theirs)).json()["pass"]

    stage.client.cookies.clear()
    no_pass = await stage.client.get(f"/s/harbour/checkout/{hold}")
    opened = await stage.client.post(
        "/s/harbour/embed/open",
        data={"pass": given, "hold": str(hold)},
        headers=OF_FRAME,
        follow_redirects=False,
    )
    checkout = await stage.client.get(f"/s/harbour/checkout/{hold}")
    all_of_it = await stage.client.post(
        "/s/harbour/embed/open", data={"pass": given}, headers=OF_FRAME, follow_redirects=False
    )

    assert no_pass.status_code == 404
    assert (opened.status_code, opened.headers["location"]) == (303, f"/s/harbour/checkout/{hold}")
    assert checkout.status_code == 200
    assert all_of_it.headers["location"] == "/s/harbour/cart"

    # It is ordered there; the frame hears of it, and sees nothing else of that other browser.
    form = {"name": "Mara Lind", "phone": "13800000000", "delivery": "pick_up", "method": "cash"}
    placed = await stage.client.post(f"/s/harbour/checkout/{hold}", data=form, follow_redirects=False)
    assert placed.status_code == 303
    assert "/orders/" in placed.headers["location"]
    mine = stage.client.cookies.get("shopper")
    told = await stage.client.get(
        f"/s/harbour/waitlist?holds={hold}", headers={**theirs, "accept": "application/json"}
    )
    assert {name: told.json()[name] for name in ("settled", "ordered")} == {
        "settled": [str(hold)],
        "ordered": [str(hold)],
    }
    stage.client.cookies.clear()
    order = await stage.client.get(placed.headers["location"], headers=theirs)
    assert order.status_code == 404
    assert mine is not None


async def test_a_pass_is_good_for_one_shop_and_some_minutes_and_cannot_be_made(stage: Stage) -> None:
    keyring = services_in(stage.app).part(Keyring)
    given = shoppers.issue_pass(keyring, stage.shopper, shop_id=stage.shop.id, now=1_000.0)

    def read(text: str, shop_id: int = stage.shop.id, now: float = 1_001.0) -> UUID | None:
        return shoppers.read_pass(keyring, text, shop_id=shop_id, now=now)

    assert read(given) == stage.shopper
    assert read(given, shop_id=stage.shop.id + 1) is None
    assert read(given, now=1_900.0) is None
    other = given.replace(stage.shopper.hex, UUID(int=7).hex)
    for forged in (
        other,
        given[:-1] + ("0" if given[-1] != "0" else "1"),
        given.replace(".1900.", ".9900."),
        "",
        "1.2.3",
        given + "\n",
    ):
        assert read(forged) is None
    # What names a shopper to the room is no pass, and the other way round.
    assert read(shoppers.issue_shopper(keyring, stage.shopper)) is None
    assert shoppers.read_shopper(keyring, given) is None


async def test_the_way_out_is_refused_without_a_pass_and_from_any_other_site(stage: Stage) -> None:
    hold = await stage.hold()
    keyring = services_in(stage.app).part(Keyring)
    good = shoppers.issue_pass(keyring, stage.shopper, shop_id=stage.shop.id, now=time.time())
    stage.client.cookies.clear()
    form = {"pass": good, "hold": str(hold)}
    elsewhere = await stage.client.post(
        "/s/harbour/embed/open", data=form, headers={"sec-fetch-site": "cross-site", "origin": SITE}
    )
    forged = await stage.client.post(
        "/s/harbour/embed/open", data={**form, "pass": good[:-4] + "0000"}, headers=OF_FRAME
    )
    stage.client.cookies.clear()
    no_cookie = await stage.client.post(
        "/s/harbour/embed/pass", headers={**OF_FRAME, "accept": "application/json"}
    )
    from_site = await stage.client.post(
        "/s/harbour/embed/pass",
        headers={"sec-fetch-site": "cross-site", "origin": SITE, "accept": "application/json"},
    )

    assert elsewhere.status_code == 403
    assert forged.status_code == 403
    assert (no_cookie.status_code, no_cookie.json()["code"]) == (403, "embeds.cookie_refused")
    assert (from_site.status_code, from_site.json()["code"]) == (403, "accounts.cross_site")
    async with stage.db.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM embeds.framed") == 0
        assert (await stock.hold(tx, shop_id=stage.shop.id, hold_id=hold)).buyer == stage.shopper


async def test_an_owner_names_sites_in_the_console_and_takes_them_away(stage: Stage) -> None:
    await signed_in(stage)
    page = (await stage.client.get("/console/harbour/embeds")).text
    added = await stage.client.post("/console/harbour/embeds", data={"site": "www.potter.example/shop"})
    again = await stage.client.post("/console/harbour/embeds", data={"site": SITE})
    wrong = await stage.client.post("/console/harbour/embeds", data={"site": "http://www.potter.example"})
    listed = (await stage.client.get("/console/harbour/embeds")).text
    async with stage.db.transaction() as tx:
        named = await embeds.sites(tx, shop_id=stage.shop.id)
        facts = await tx.value("SELECT count(*) FROM kernel.outbox WHERE name = 'embeds.sites_changed'")
    await stage.client.post("/console/harbour/embeds/remove", data={"site": SITE})
    async with stage.db.transaction() as tx:
        left = await embeds.sites(tx, shop_id=stage.shop.id)

    assert "data-shopfloor=&#34;" in page or "data-shopfloor=&#34;" in page
    assert "/embed.js" in page
    assert (added.status_code, again.status_code, wrong.status_code) == (303, 303, 422)
    assert "Enter the address of a site" in wrong.text
    assert 'value="http://www.potter.example"' in wrong.text
    assert SITE in listed
    assert (named, facts, left) == ([SITE], 1, [])


async def test_a_shop_names_at_most_ten_sites(stage: Stage) -> None:
    for number in range(10):
        await name_site(stage, f"https://s{number}.example")
    with pytest.raises(TooManySites):
        await name_site(stage, "https://more.example")
    assert await name_site(stage, "https://s3.example") == "https://s3.example"


async def test_the_script_for_other_sites_is_whole_and_needs_nothing_else(stage: Stage) -> None:
    answer = await stage.client.get("/embed.js")

    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    # It is no module in the page of the site: it neither imports nor exports.
    assert not re.search(r"\b(?:import|export)\b[ {(*]", answer.text)
    assert answer.headers["cache-control"] == "public, max-age=3600"


def test_routes_of_the_frame_are_as_documented() -> None:
    from shopfloor.web import embedded

    paths = {route.path for route in embedded.router.routes if isinstance(route, APIRoute)}
    assert paths == {
        "/embed.js", "/s/{shop}/embed", "/s/{shop}/live/{show_id}/embed", "/s/{shop}/embed/pass", "/s/{shop}/embed/open",
    }  # fmt: skip

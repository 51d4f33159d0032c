"""A giveaway on the pages: opened in the studio, entered in the room with and without a script, claimed by who won."""

import json
from datetime import timedelta
from typing import Any

import pytest
from tests.giveaways.test_giveaways_draw import LOCAL, later, now_of, winners_of
from tests.web.conftest import Stage
from tests.web.test_web_embeds import OF_FRAME

from shopfloor import auth, giveaways, run_of_show, shoppers
from shopfloor.giveaways import beacon, verifying
from shopfloor.kernel.keyring import Keyring
from shopfloor.kernel.services import services_in
from shopfloor.kernel.values import now


@pytest.fixture
async def found(stage: Stage) -> giveaways.Giveaway:
    async with stage.db.transaction() as tx:
        await run_of_show.start_show(tx, shop_id=stage.shop.id, show_id=stage.show.id)
        return await giveaways.open_giveaway(
            tx, shop_id=stage.shop.id, show_id=stage.show.id, prize="Tea bowl", value_minor=6_800, seconds=60,
            chain=beacon.LOCAL,
        )  # fmt: skip


async def sign_in(stage: Stage) -> None:
    """As somebody who works in the shop."""
    token = await auth.sign_in(
        stage.db, email="owner@example.com", password="a long enough one", address="127.0.0.1"
    )
    stage.client.cookies.set("session", token, domain="shop.test")


async def test_entered_without_a_script(stage: Stage, found: giveaways.Giveaway) -> None:
    room = await stage.client.get(f"/s/harbour/live/{stage.show.id}")
    page = f"/s/harbour/giveaways/{found.id}"
    assert f'action="{page}/enter"' in room.text
    assert "¥68" in room.text

    answer = await stage.client.post(f"{page}/enter", follow_redirects=True)
    [entry] = await entries(stage, found)
    assert answer.url.path == page
    assert f"Your entry number is {entry['number']}" in answer.text
    # A second tap, and a script's tap, are the same entry.
    told = await stage.client.post(f"{page}/enter", headers={"accept": "application/json"})
    assert told.json() == {"number": entry["number"]}
    assert len(await entries(stage, found)) == 1
    assert verifying.fingerprint(found.rules) in answer.text
    assert "proves nothing about chance" in answer.text


async def entries(stage: Stage, found: giveaways.Giveaway) -> list[dict[str, Any]]:
    async with stage.db.transaction() as tx:
        cursor = await tx.connection.execute(
            "SELECT number, shopper, name FROM giveaways.entry WHERE giveaway_id = %(id)s", {"id": found.id}
        )
        return [{"number": row[0], "shopper": row[1], "name": row[2]} for row in await cursor.fetchall()]


async def test_staff_is_excluded(stage: Stage, found: giveaways.Giveaway) -> None:
    await sign_in(stage)
    page = f"/s/harbour/giveaways/{found.id}"
    answer = await stage.client.post(f"{page}/enter", headers={"accept": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (403, "giveaways.staff")
    form = await stage.client.post(f"{page}/enter", follow_redirects=True)
    assert "People who work for the shop can&#39;t enter." in form.text
    assert await entries(stage, found) == []


async def test_the_winner_says_where_the_prize_goes(stage: Stage, found: giveaways.Giveaway) -> None:
    page = f"/s/harbour/giveaways/{found.id}"
    await stage.client.post(f"{page}/enter")
    assert (await stage.client.get(f"{page}/draw.json")).status_code == 404
    for seconds in (61, 60):
        await later(stage.db, found, seconds)
        await giveaways.work(stage.db, LOCAL)
    [winner] = await winners_of(stage.db, found)
    assert (await stage.client.get(f"/s/harbour/live/{stage.show.id}")).text.count(winner.number) >= 1
    won = await stage.client.get(page)
    assert "You won!" in won.text
    told = await stage.client.post(
        f"{page}/claim", data={"recipient": "Mei Lin\nPier 1"}, follow_redirects=True
    )
    assert "Mei Lin" in told.text
    [winner] = await winners_of(stage.db, found)
    assert (winner.state, winner.recipient) == ("claimed", "Mei Lin\nPier 1")

    file = await stage.client.get(f"{page}/draw.json")
    verdict = verifying.verify(file.content)
    assert verdict.holds
    assert json.loads(file.content)["winners"] == [winner.number]

    await sign_in(stage)
    desk = f"/console/harbour/shows/{stage.show.id}/giveaways/{found.id}"
    assert "Pier 1" in (await stage.client.get(desk)).text
    sent = await stage.client.post(f"{desk}/sent", data={"place": "1"}, follow_redirects=True)
    assert "Marked as sent." in sent.text
    assert "The shop has sent your prize." in (await stage.client.get(page)).text


async def test_who_entered_in_a_frame_claims_in_the_shops_own_page(
    stage: Stage, found: giveaways.Giveaway
) -> None:
    page = f"/s/harbour/giveaways/{found.id}"
    keyring = services_in(stage.app).part(Keyring)
    framed = {"cookie": f"shopper={shoppers.issue_shopper(keyring, stage.shopper)}", **OF_FRAME}
    stage.client.cookies.clear()
    as_json = {"accept": "application/json"}
    number = (await stage.client.post(f"{page}/enter", headers=framed | as_json)).json()["number"]
    way = (await stage.client.post("/s/harbour/embed/pass", headers=framed)).json()["pass"]

    stage.client.cookies.clear()
    opened = await stage.client.post(
        "/s/harbour/embed/open", data={"pass": way, "giveaway": str(found.id)}, headers=OF_FRAME
    )
    assert (opened.status_code, opened.headers["location"]) == (303, page)
    # The same person: one entry, wherever it is asked for again.
    assert number in (await stage.client.get(page)).text
    again = await stage.client.post(f"{page}/enter", headers=as_json)
    assert again.json() == {"number": number}
    for seconds in (61, 60):
        await later(stage.db, found, seconds)
        await giveaways.work(stage.db, LOCAL)
    assert "You won!" in (await stage.client.get(page)).text
    await stage.client.post(f"{page}/claim", data={"recipient": "Mei Lin, Pier 1"})
    [winner] = await winners_of(stage.db, found)
    assert (winner.number, winner.state, winner.recipient) == (number, "claimed", "Mei Lin, Pier 1")


async def test_staff_who_entered_in_a_frame_gets_no_prize(stage: Stage, found: giveaways.Giveaway) -> None:
    page = f"/s/harbour/giveaways/{found.id}"
    await stage.client.post(f"{page}/enter")
    for seconds in (61, 60):
        await later(stage.db, found, seconds)
        await giveaways.work(stage.db, LOCAL)
    await sign_in(stage)
    told = await stage.client.post(f"{page}/claim", data={"recipient": "Me"}, follow_redirects=True)
    assert "People who work for the shop can&#39;t enter." in told.text
    assert [each.state for each in await winners_of(stage.db, found)] == ["asked"]


async def test_opened_and_ended_in_the_studio(stage: Stage) -> None:
    await sign_in(stage)
    async with stage.db.transaction() as tx:
        await run_of_show.start_show(tx, shop_id=stage.shop.id, show_id=stage.show.id)
    studio = f"/console/harbour/shows/{stage.show.id}/studio"
    asked = {"prize": "Tea bowl", "value": "68", "winners": "2", "seconds": "120"}

    # The shop prices in yuan, so the limit of China holds.
    dear = await stage.client.post(
        f"{studio}/giveaway", data=asked | {"value": "50001"}, follow_redirects=True
    )
    assert "In China that is ¥50,000." in dear.text
    opened = await stage.client.post(f"{studio}/giveaway", data=asked, follow_redirects=True)
    assert "The giveaway is open." in opened.text
    async with stage.db.transaction() as tx:
        [found] = await giveaways.giveaways(tx, shop_id=stage.shop.id, show_id=stage.show.id)
    assert (found.value_minor, found.winners) == (6_800, 2)
    assert found.closes_at - found.opened_at == timedelta(seconds=120)
    assert found.opened_at <= now()
    assert found.rules["beacon"]["chain"] == beacon.QUICKNET.hash

    # Nobody closes it when it suits them.
    assert "giveaway/close" not in opened.text
    closed = await stage.client.post(
        f"{studio}/giveaway/call-off", data={"giveaway_id": str(found.id)}, follow_redirects=True
    )
    assert "this giveaway is void" in closed.text
    assert (await now_of(stage.db, found)).why == "called_off"
    gone = await stage.client.post(
        f"{studio}/giveaway/take-off", data={"giveaway_id": str(found.id)}, follow_redirects=True
    )
    assert gone.status_code == 200
    assert "Take the card off" not in gone.text

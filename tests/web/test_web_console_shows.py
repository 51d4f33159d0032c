"""Shows and studio without a script: plan, put in order, start, show, change prices, correct, moderate, end."""

from pathlib import Path

import httpx
import pytest
from tests.web.conftest import Stage
from tests.web.signed import signed_in

from shopfloor import catalog, chat, live, media, rooms, run_of_show, stock
from shopfloor.kernel.database import Tx
from shopfloor.run_of_show.slots import moved

HERE = "/console/harbour/shows"


@pytest.fixture
async def client(stage: Stage, tmp_path: Path) -> httpx.AsyncClient:
    return await signed_in(stage, tmp_path)


async def slots(stage: Stage) -> list[run_of_show.Slot]:
    async with stage.db.transaction() as tx:
        return await run_of_show.slots(tx, shop_id=stage.shop.id, show_id=stage.show.id)


async def offer(stage: Stage) -> run_of_show.Offer:
    async with stage.db.transaction() as tx:
        return (await run_of_show.offers(tx, shop_id=stage.shop.id, show_id=stage.show.id))[0]


async def show(stage: Stage) -> live.Show:
    async with stage.db.transaction() as tx:
        return await live.show(tx, shop_id=stage.shop.id, show_id=stage.show.id)


async def featured(stage: Stage) -> int | None:
    async with stage.db.transaction() as tx:
        state = await rooms.room_state(tx, stage.show.id)
    return state.featured_id


async def said_by(stage: Stage, tx: Tx, text: str) -> chat.Line:
    return await chat.say(
        tx, shop_id=stage.shop.id, show_id=stage.show.id, shopper=stage.shopper, text=text, name="Kim"
    )


def test_moving_stops_at_the_ends() -> None:
    assert moved([1, 2, 3], 2, -1) == [2, 1, 3]
    assert moved([1, 2, 3], 1, -1) == [1, 2, 3]
    assert moved([1, 2, 3], 3, 1) == [1, 2, 3]
    with pytest.raises(run_of_show.UnknownSlot):
        moved([1, 2], 3, 1)


async def test_plan_a_show(client: httpx.AsyncClient, stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        camera, _ = await media.create_channel(tx, shop_id=stage.shop.id, name="Table")
    answer = await client.post(
        HERE,
        data={
            "title": "Winter",
            "other_title": "冬天",
            "starts_at": "2026-12-01T20:00",
            "channel_id": str(camera.id),
            "limit_per_show": "5",
        },
    )
    assert answer.status_code == 303
    async with stage.db.transaction() as tx:
        made = (await live.shows(tx, shop_id=stage.shop.id))[0]
    assert answer.headers["location"] == f"{HERE}/{made.id}"
    assert (made.title, made.titles, made.channel_id, made.limit_per_show) == (
        "Winter",
        {"zh_CN": "冬天"},
        camera.id,
        5,
    )
    page = (await client.get(f"{HERE}/{made.id}")).text
    assert 'value="2026-12-01T20:00"' in page
    assert "No products yet" in page


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"title": " "}, "e-title"),
        ({"title": "x" * 121}, "e-title"),
        ({"title": "Winter", "starts_at": "soon"}, "e-starts_at"),
        ({"title": "Winter", "limit_per_show": "many"}, "e-limit_per_show"),
        ({"title": "Winter", "channel_id": "77"}, "e-channel_id"),
    ],
)
async def test_a_show_that_makes_no_sense(
    client: httpx.AsyncClient, stage: Stage, typed: dict[str, str], field: str
) -> None:
    answer = await client.post(HERE, data=typed)
    assert answer.status_code in {404, 422}
    assert f'id="{field}"' in answer.text
    async with stage.db.transaction() as tx:
        assert len(await live.shows(tx, shop_id=stage.shop.id)) == 1


async def test_limits_can_be_set_and_taken_away(client: httpx.AsyncClient, stage: Stage) -> None:
    path = f"{HERE}/{stage.show.id}"
    for typed, kept in (("7", 7), ("", None)):
        await client.post(path, data={"title": "Autumn", "other_title": "秋天", "limit_per_show": typed})
        assert (await show(stage)).limit_per_show == kept


async def test_offer_a_product(client: httpx.AsyncClient, stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        bowl = await catalog.create_product(
            tx, status=catalog.Status.ACTIVE, shop_id=stage.shop.id, title="Bowl", option_names=["Glaze"],
            variants=[catalog.NewVariant(2_500, ["Ash"]), catalog.NewVariant(2_700, ["Ink"])],
        )  # fmt: skip
        ash, ink = await catalog.variants(tx, shop_id=stage.shop.id, product_ids=[bowl.id])
    page = (await client.get(f"{HERE}/{stage.show.id}?add={bowl.id}")).text
    assert f'name="price-{ash.id}" value="25.00"' in page
    answer = await client.post(
        f"{HERE}/{stage.show.id}/offers",
        data={
            "product_id": str(bowl.id), f"price-{ash.id}": "19.90", f"quota-{ash.id}": "4", f"price-{ink.id}": "",
            "policy": "first_paid", "hold_minutes": "3", "limit": "2", "deposit": "", "minutes": "8", "role": "treat",
            "script": "Hold it to the light.",
        },
    )  # fmt: skip
    assert answer.status_code == 303
    async with stage.db.transaction() as tx:
        made = (await run_of_show.offers(tx, shop_id=stage.shop.id, show_id=stage.show.id))[-1]
    assert made.lines == (run_of_show.OfferLine(ash.id, 1_990, 4),)
    assert (made.policy, made.hold_seconds, made.limit_per_buyer) == (stock.HoldPolicy.FIRST_PAID, 180, 2)
    slot = (await slots(stage))[-1]
    assert (slot.minutes, slot.role, slot.script) == (8, run_of_show.SlotRole.TREAT, "Hold it to the light.")


async def test_an_offer_that_makes_no_sense(client: httpx.AsyncClient, stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        bowl = await catalog.create_product(
            tx,
            status=catalog.Status.ACTIVE,
            shop_id=stage.shop.id,
            title="Bowl",
            variants=[catalog.NewVariant(2_500)],
        )
        [only] = await catalog.variants(tx, shop_id=stage.shop.id, product_ids=[bowl.id])
    for typed in (
        {f"price-{only.id}": "cheap"},
        {f"price-{only.id}": ""},
        {f"price-{only.id}": "5", f"quota-{only.id}": "-1"},
    ):
        answer = await client.post(
            f"{HERE}/{stage.show.id}/offers", data={"product_id": str(bowl.id), **typed}
        )
        assert answer.status_code == 422
        assert 'name="product_id"' in answer.text
    async with stage.db.transaction() as tx:
        assert len(await run_of_show.offers(tx, shop_id=stage.shop.id, show_id=stage.show.id)) == 1


async def test_terms_of_an_offer_can_be_set_and_taken_away(client: httpx.AsyncClient, stage: Stage) -> None:
    before = await offer(stage)
    path = f"{HERE}/{stage.show.id}/offers/{before.id}"
    first = before.lines[0].variant_id
    typed = {
        "policy": "timer",
        "hold_minutes": "10",
        "limit": "3",
        "deposit": "20",
        f"price-{first}": "88",
        f"quota-{first}": "2",
    }
    assert (await client.post(path, data=typed)).status_code == 303
    after = await offer(stage)
    assert (after.hold_seconds, after.limit_per_buyer, after.deposit_percent) == (600, 3, 20)
    assert after.line(first) == run_of_show.OfferLine(first, 8_800, 2)
    await client.post(path, data={"policy": "timer", "hold_minutes": "10", "limit": "", "deposit": ""})
    after = await offer(stage)
    assert (after.limit_per_buyer, after.deposit_percent) == (None, None)
    assert after.line(first) == run_of_show.OfferLine(first, 8_800, 2)


async def test_the_order_of_the_run(client: httpx.AsyncClient, stage: Stage) -> None:
    path = f"{HERE}/{stage.show.id}/slots"
    await client.post(path, data={"title": "Welcome", "minutes": "3"})
    [first, talk] = await slots(stage)
    answer = await client.post(f"{path}/{talk.id}/move", data={"to": "up"})
    assert answer.headers["location"].endswith(f"#slot-{talk.id}")
    assert [slot.id for slot in await slots(stage)] == [talk.id, first.id]
    await client.post(
        f"{path}/{talk.id}", data={"minutes": "9", "role": "talk", "title": "Hello", "script": "Smile."}
    )
    changed = (await slots(stage))[0]
    assert (changed.minutes, changed.title, changed.script) == (9, "Hello", "Smile.")
    await client.post(f"{path}/{talk.id}", data={"minutes": "-4", "title": "No"})
    assert (await slots(stage))[0] == changed
    await client.post(f"{path}/{talk.id}/remove")
    assert [slot.id for slot in await slots(stage)] == [first.id]


async def test_a_show_from_start_to_end(client: httpx.AsyncClient, stage: Stage) -> None:
    studio = f"{HERE}/{stage.show.id}/studio"
    before = await offer(stage)
    assert "Go live" in (await client.get(studio)).text
    assert (await client.post(f"{studio}/start")).status_code == 303
    assert (await show(stage)).status == live.ShowStatus.LIVE

    await client.post(f"{studio}/feature", data={"offer_id": str(before.id)})
    assert await featured(stage) == before.id
    page = (await client.get(studio)).text
    assert "End the show" in page
    assert "Unfeature" in page

    await client.post(f"{studio}/price", data={"offer_id": str(before.id), "price": "77.00"})
    assert {line.price_minor for line in (await offer(stage)).lines} == {7_700}
    # A flash sale: the form is filled in, a leap is asked about, a tap starts it, another ends it.
    async with stage.db.transaction() as tx:
        await run_of_show.change_offer(
            tx,
            shop_id=stage.shop.id,
            show_id=stage.show.id,
            offer_id=before.id,
            quotas={before.lines[0].variant_id: 3},
        )
    assert 'name="price" value="61.00"' in (await client.get(studio)).text
    wanted = {"offer_id": str(before.id), "price": "61.00", "units": "2", "seconds": "60"}
    asked = await client.post(f"{studio}/flash", data=wanted | {"price": "6.10"})
    # What can't be is refused without a question.
    for never in ({"price": "99999"}, {"price": "6.10", "seconds": "0"}):
        assert (await client.post(f"{studio}/flash", data=wanted | never)).status_code == 303
    assert (asked.status_code, "6.10" in asked.text) == (409, True)
    assert 'action="/console/harbour/shows/1/studio/flash/stop"' not in (await client.get(studio)).text
    assert (await client.post(f"{studio}/flash", data=wanted)).status_code == 303
    assert {line.price_minor for line in (await offer(stage)).lines} == {6_100}
    page = (await client.get(studio)).text
    assert 'action="/console/harbour/shows/1/studio/flash/stop"' in page
    assert "2 of 2 left" in page
    room = (await client.get(f"/s/harbour/live/{stage.show.id}")).text
    assert '<s class="struck num">' in room
    assert "Flash sale</b>" in room
    other = await client.post(f"{studio}/flash", data=wanted | {"units": "1"})
    assert "already running" in (await client.get(other.headers["location"])).text
    await client.post(f"{studio}/flash/stop", data={"offer_id": str(before.id)})
    assert {line.price_minor for line in (await offer(stage)).lines} == {7_700}

    one = before.lines[1].variant_id
    await client.post(f"{studio}/price", data={"offer_id": str(before.id), f"price-{one}": "66"})
    assert sorted(line.price_minor for line in (await offer(stage)).lines) == [6_600, 7_700, 7_700]
    await client.post(f"{studio}/price", data={"offer_id": str(before.id), "price": "free"})
    assert sorted(line.price_minor for line in (await offer(stage)).lines) == [6_600, 7_700, 7_700]

    await client.post(f"{studio}/notice", data={"text": "It is cotton.", "kind": "correction"})
    async with stage.db.transaction() as tx:
        [said] = await rooms.notices(tx, shop_id=stage.shop.id, show_id=stage.show.id)
    assert (said.kind, said.text, said.offer_id) == (rooms.NoticeKind.CORRECTION, "It is cotton.", before.id)
    await client.post(f"{studio}/notice/clear")
    assert (await show(stage)).notice is None

    await client.post(f"{studio}/feature", data={"offer_id": ""})
    assert await featured(stage) is None
    await client.post(f"{studio}/end")
    assert (await show(stage)).status == live.ShowStatus.ENDED
    assert "The show has ended" in (await client.get(studio)).text
    assert (await client.get(f"{HERE}/{stage.show.id}")).status_code == 200


async def test_what_a_planned_show_refuses(client: httpx.AsyncClient, stage: Stage) -> None:
    studio = f"{HERE}/{stage.show.id}/studio"
    for act, typed in (("feature", {"offer_id": str((await offer(stage)).id)}), ("end", {})):
        answer = await client.post(f"{studio}/{act}", data=typed)
        assert answer.status_code == 303
        assert "flash=" in answer.headers["set-cookie"]
    assert (await show(stage)).status == live.ShowStatus.PLANNED
    assert await featured(stage) is None


async def test_moderate_the_chat(client: httpx.AsyncClient, stage: Stage) -> None:
    studio = f"{HERE}/{stage.show.id}/studio"
    async with stage.db.transaction() as tx:
        rude = await said_by(stage, tx, "You are all thieves")
        link = await said_by(stage, tx, "look at www.cheap.example.com")
    assert (rude.state, link.state) == (chat.State.SHOWN, chat.State.HELD)
    page = (await client.get(studio)).text
    assert "1 message to review" in page
    assert "Approve" in page

    await client.post(f"{studio}/approve", data={"line_id": str(link.id)})
    assert "1 message to review" not in (await client.get(studio)).text
    assert (
        await client.post(f"{studio}/hide", data={"line_id": str(rude.id), "reason": "bad mood"})
    ).status_code == 422
    await client.post(f"{studio}/hide", data={"line_id": str(rude.id), "reason": "insult", "mute": "yes"})
    async with stage.db.transaction() as tx:
        assert [line.id for line in await chat.recent(tx, show_id=stage.show.id)] == [link.id]
        acts = await chat.moderations(tx, shop_id=stage.shop.id, show_id=stage.show.id)
        with pytest.raises(chat.Muted):
            await said_by(stage, tx, "Hello?")
    assert [(act.action, act.reason) for act in acts[:2]] == [("mute", "insult"), ("hide", "insult")]


async def test_pin_a_line_mark_a_question_and_slow_the_chat(client: httpx.AsyncClient, stage: Stage) -> None:
    studio = f"{HERE}/{stage.show.id}/studio"
    await client.post(f"{studio}/start")
    async with stage.db.transaction() as tx:
        asked = await said_by(stage, tx, "Do you have M in indigo?")
    page = (await client.get(studio)).text
    assert 'Open questions <span class="num">1</span>' in page
    await client.post(f"{studio}/pin", data={"line_id": str(asked.id)})
    room = f"/s/harbour/live/{stage.show.id}"
    assert "<b>Kim</b> Do you have M in indigo?</span></p>" in (await client.get(room)).text
    await client.post(f"{studio}/answered", data={"line_id": str(asked.id)})
    page = (await client.get(studio)).text
    assert "Open questions" not in page
    assert '<i class="answered">answered</i>' in page
    await client.post(f"{studio}/unpin")
    async with stage.db.transaction() as tx:
        assert (await rooms.room_state(tx, stage.show.id)).pinned is None
    await client.post(f"{studio}/slow-mode", data={"seconds": "30"})
    assert (await show(stage)).slow_seconds == 30
    assert "one message every 30 s" in (await client.get(room)).text
    refused = await client.post(f"{studio}/slow-mode", data={"seconds": "301"})
    assert "Check the settings" in (await client.get(refused.headers["location"])).text
    assert (await show(stage)).slow_seconds == 30


async def test_cameras(client: httpx.AsyncClient, stage: Stage) -> None:
    assert "No camera yet" in (await client.get("/console/harbour/media")).text
    answer = await client.post("/console/harbour/media", data={"name": " "})
    assert answer.status_code == 422
    assert 'id="e-name"' in answer.text
    page = (await client.post("/console/harbour/media", data={"name": "Table"}, follow_redirects=True)).text
    async with stage.db.transaction() as tx:
        [camera] = await media.channels(tx, shop_id=stage.shop.id)
    assert f"<code>{camera.id}-" in page
    assert "rtmp://shop.test:1935/live" in page
    again = (await client.get("/console/harbour/media")).text
    assert f"<code>{camera.id}-" not in again
    page = (await client.post(f"/console/harbour/media/{camera.id}/key", follow_redirects=True)).text
    assert f"<code>{camera.id}-" in page
    async with stage.db.transaction() as tx:
        [after] = await media.channels(tx, shop_id=stage.shop.id)
    assert after.key_changed_at > camera.key_changed_at
    assert (await client.post("/console/harbour/media/999/key")).status_code == 303
    assert (
        await client.get(f"/console/harbour/media?watch={'0' * 8}-0000-0000-0000-{'0' * 12}")
    ).status_code == 404


async def test_every_page_speaks_chinese(client: httpx.AsyncClient, stage: Stage) -> None:
    client.cookies.set("language", "zh-CN")
    for path, words in (
        (HERE, "安排直播"), (f"{HERE}/{stage.show.id}", "排品"), (f"{HERE}/{stage.show.id}/studio", "控场台"),
        ("/console/harbour/media", "摄像机"), ("/console/harbour/products", "商品"),
        (f"/console/harbour/products/{stage.shirt.id}", "规格与价格"), ("/console/harbour/products/new", "新建商品"),
        ("/console/harbour/products/import", "导入商品"),
        (f"{HERE}/{stage.show.id}?add={stage.shirt.id}", "加入直播"),
    ):  # fmt: skip
        page = await client.get(path)
        assert page.status_code == 200, path
        assert words in page.text, path


async def test_a_show_goes_to_other_platforms_too(client: httpx.AsyncClient, stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        camera, _ = await media.create_channel(tx, shop_id=stage.shop.id, name="Table")
        theirs, _ = await media.create_channel(tx, shop_id=stage.shop.id + 1, name="Theirs")
    here = "/console/harbour/media"
    good = {"name": "YouTube", "url": "rtmp://a.rtmp.youtube.com/live2", "key": "s3cret"}
    refused = await client.post(
        f"{here}/{camera.id}/destinations", data={**good, "url": "https://youtube.com"}
    )
    assert refused.status_code == 422
    assert "Enter the address as the platform shows it" in refused.text
    assert 'value="YouTube"' in refused.text
    assert "s3cret" not in refused.text
    assert (await client.post(f"{here}/{theirs.id}/destinations", data=good)).status_code == 404

    page = (await client.post(f"{here}/{camera.id}/destinations", data=good, follow_redirects=True)).text
    assert "Starts with the show" in page
    assert f"http://shop.test/s/harbour/live/{stage.show.id}#from=youtube" in page
    assert "s3cret" not in page
    async with stage.db.transaction() as tx:
        [made] = await media.destinations.destinations(tx, shop_id=stage.shop.id)
    at = f"{here}/destinations/{made.id}"
    assert (await client.post(f"{at}/switch", data={"on": "maybe"})).status_code == 422
    page = (await client.post(f"{at}/switch", data={"on": "off"}, follow_redirects=True)).text
    assert ">Off</span>" in page
    page = (await client.post(f"{at}/key", data={"key": " "}, follow_redirects=True)).text
    assert "Enter the stream key as the platform shows it." in page
    assert (
        "Stream key changed."
        in (await client.post(f"{at}/key", data={"key": "new"}, follow_redirects=True)).text
    )
    page = (await client.post(f"{at}/remove", follow_redirects=True)).text
    assert "Removed, with its stream key." in page
    assert "youtube.com/live2</span>" not in page
    assert "no longer in the list" in (await client.post(f"{at}/remove", follow_redirects=True)).text


async def test_the_prompter_follows_what_is_featured(client: httpx.AsyncClient, stage: Stage) -> None:
    studio = f"{HERE}/{stage.show.id}/studio"
    [only] = await slots(stage)
    async with stage.db.transaction() as tx:
        await run_of_show.change_slot(
            tx,
            shop_id=stage.shop.id,
            show_id=stage.show.id,
            slot_id=only.id,
            minutes=4,
            script="Hold it to the light.",
        )
    await client.post(f"{studio}/start")
    before = (await client.get(f"{studio}/prompter")).text
    assert "Nothing featured" in before
    assert "Hold it to the light." not in before
    await client.post(f"{studio}/feature", data={"offer_id": str(only.offer_id)})
    page = (await client.get(f"{studio}/prompter")).text
    assert "Hold it to the light." in page
    assert "Time left" in page
    assert 'data-until="' in page
    await client.post(f"{studio}/end")
    assert "The show has ended" in (await client.get(f"{studio}/prompter")).text

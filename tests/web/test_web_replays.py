"""The page of a show that is over: chapters, the prices of then and of today, chat, and a shop that hides it."""

import re
from html import unescape
from pathlib import Path

from tests.web.conftest import Stage
from tests.web.recorded import BEGIN, recorded_show
from tests.web.signed import signed_in

from shopfloor import catalog, replays
from shopfloor.kernel.values import video_ms


def plain(html: str) -> str:
    return re.sub(
        r"\s+", " ", unescape(re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", html, flags=re.DOTALL))
    )


async def test_a_replay_has_chapters_with_the_prices_of_then_and_of_today(stage: Stage) -> None:
    channel = await recorded_show(stage)
    here = f"/s/harbour/live/{stage.show.id}"
    page = await stage.client.get(here)
    assert page.status_code == 200
    assert f'src="/media/{channel}/shows/{stage.show.id}/replay.m3u8"' in page.text
    # From the 10th second of the show to the 55th, of which ten are not recorded.
    assert f'href="{here}?t=10" data-at="10000"' in page.text
    assert '"chapters":[[10000,45000]]' in page.text.replace(" ", "")
    begin = video_ms(BEGIN)
    assert f'"stretches":[[{begin},0,40000],[{begin + 50_000},40000,10000]]' in page.text.replace(" ", "")
    assert "Nobody wrote in this show." in page.text
    words = plain(page.text)
    assert "0:10 Shirt In the show: CN¥99 → CN¥79 Buy for CN¥129 3 left" in words
    assert f'class="button small buy" href="/s/harbour/p/{stage.shirt.id}"' in page.text
    assert "0:50" in words

    # A link into the middle, for who has no script; what is no time, or beyond the end, does no harm.
    for asked, begins in (("12", "#t=12"), ("999", "#t=50"), ("-4", ""), ("soon", "")):
        found = await stage.client.get(f"{here}?t={asked}")
        assert f'replay.m3u8{begins}"></video>' in found.text, asked

    stage.client.headers["accept-language"] = "zh-CN"
    chinese = plain((await stage.client.get(here)).text)
    assert "0:10 衬衫 直播价：¥99 → ¥79" in chinese
    assert "¥129 购买" in chinese

    async with stage.db.transaction() as tx:
        await catalog.update_product(
            tx, shop_id=stage.shop.id, product_id=stage.shirt.id, status=catalog.Status.ARCHIVED
        )
    assert "已下架" in plain((await stage.client.get(here)).text)


async def test_the_chat_of_a_replay_is_read_whole_and_follows_the_picture(stage: Stage) -> None:
    await recorded_show(stage, "Is it warm?", "<b>How</b> long?", "Oh!")
    here = f"/s/harbour/live/{stage.show.id}"
    assert f'href="{here}/chat"' in (await stage.client.get(here)).text
    whole = await stage.client.get(f"{here}/chat")
    assert "0:12 Kim Is it warm? 0:14 Kim <b>How</b> long? 0:16 Kim Oh!" in plain(whole.text)
    assert f'href="{here}?t=14"' in whole.text
    lines = (await stage.client.get(f"{here}/chat/lines?since={video_ms(BEGIN) + 14_000}")).json()
    assert ([line["text"] for line in lines["lines"]], lines["more"]) == (["<b>How</b> long?", "Oh!"], False)
    after = lines["lines"][0]["id"]
    [last] = (await stage.client.get(f"{here}/chat/lines?since=0&after={after}")).json()["lines"]
    assert (last["text"], last["at"]) == ("Oh!", video_ms(BEGIN) + 16_000)
    assert (await stage.client.get(f"{here}/chat/lines?since=99999999999999999")).json()["lines"] == []


async def test_a_shop_hides_a_replay_and_says_so(stage: Stage, tmp_path: Path) -> None:
    await recorded_show(stage, "Hello")
    here, desk = f"/s/harbour/live/{stage.show.id}", f"/console/harbour/shows/{stage.show.id}"
    client = await signed_in(stage, tmp_path)
    assert "Hiding the replay deletes nothing." in (await client.get(desk)).text
    for _ in range(2):
        answer = await client.post(f"{desk}/replay", data={"hidden": "yes"})
        assert answer.status_code == 303
    page = await client.get(here)
    assert "The shop has hidden the replay of this show." in page.text
    assert "replay.m3u8" not in page.text
    assert (await client.get(f"{here}/chat")).status_code == 404
    assert (await client.get(f"{here}/chat/lines")).status_code == 404
    assert "Hidden since" in (await client.get(desk)).text
    async with stage.db.transaction() as tx:
        hidden = await replays.hidden_of(tx, show_ids=[stage.show.id, 999])
        facts = await tx.value("SELECT count(*) FROM kernel.outbox WHERE name = 'replays.hidden'")
    assert (hidden, facts) == ([stage.show.id], 1)
    # No list offers what nobody may see.
    mine = f'href="{here}"'
    lists = ("/s/harbour", "/s/harbour/replays")
    assert [mine in (await client.get(page)).text for page in lists] == [False, False]
    unclear = await client.post(f"{desk}/replay", data={"hidden": "maybe"})
    nothing = await client.post(f"{desk}/replay")
    async with stage.db.transaction() as tx:
        assert await replays.hidden_of(tx, show_ids=[stage.show.id]) == [stage.show.id]
    assert (unclear.status_code, nothing.status_code) == (422, 422)
    await client.post(f"{desk}/replay", data={"hidden": "no"})
    assert "replay.m3u8" in (await client.get(here)).text
    assert [mine in (await client.get(page)).text for page in lists] == [True, True]


async def test_only_a_show_that_is_over_has_a_replay_to_hide(stage: Stage, tmp_path: Path) -> None:
    client = await signed_in(stage, tmp_path)
    desk = f"/console/harbour/shows/{stage.show.id}"
    answer = await client.post(f"{desk}/replay", data={"hidden": "yes"})
    assert answer.status_code == 303
    assert "flash=" in answer.headers["set-cookie"]
    async with stage.db.transaction() as tx:
        assert await replays.hidden_since(tx, show_id=stage.show.id) is None
    assert (await client.get(f"/s/harbour/live/{stage.show.id}/chat")).status_code == 404

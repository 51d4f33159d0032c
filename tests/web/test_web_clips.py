"""The film of a moment: cut by a job, on a page of its own, on the page of the product, and with each order bought in it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from tests.jobs import drain
from tests.media import film
from tests.media.test_media_films import ANCHOR, recorded
from tests.web.conftest import Stage
from tests.web.recorded import BEGIN, recorded_show
from tests.web.test_web_replays import plain

from shopfloor import job_handlers, live, media, replays
from shopfloor.kernel.settings import Settings
from shopfloor.media import service
from shopfloor.web.replays import shots_of_page


async def airtimes(stage: Stage, channel_id: int) -> list[media.Airtime]:
    async with stage.db.transaction() as tx:
        [airtime] = await live.airtimes(tx, channel_id=channel_id)
        hidden = await replays.hidden_of(tx, show_ids=[airtime.show_id])
        return [replace(airtime, hidden=bool(hidden))]


async def test_a_moment_is_cut_once_and_shown_where_it_was_bought(
    stage: Stage, dsn: str, tmp_path: Path
) -> None:
    channel = await recorded_show(stage)
    shop, show = stage.shop, stage.show.id
    recordings = Settings(data_dir=tmp_path).recordings_dir
    folder = recordings / str(channel)
    folder.mkdir(parents=True)
    made = film.make(tmp_path / "a.flv", seconds=4, size="160x96")
    # From the 40th second to the 44th, where nothing was recorded before.
    run, segments = recorded(made, folder, since=(BEGIN - ANCHOR).total_seconds() + 40)
    async with stage.db.transaction() as tx:
        run_row = media.Run(
            run.id, channel, shop.id, run.anchor, None, None, run.codecs, run.width, run.height, 1, bytes(32),
            run.init_length, f"{channel}/{run.file}", bytes(32),
        )  # fmt: skip
        await service.open_run(tx, run=run_row)
        for each in segments:
            await service.add_segment(tx, segment=each)
        # Of the other runs there are rows only; this test films its own.
        await tx.run("DELETE FROM media.segment WHERE run_id <> %(id)s", id=run.id)
        await replays.ask_clips(tx, shop_id=shop.id, show_id=show)
        await service.end_run(tx, run_id=run.id, at=run.anchor + timedelta(seconds=4), cause="finished")
    settings = Settings(data_dir=tmp_path)
    await drain(dsn, stage.db, {replays.CUT: job_handlers.handlers(settings)[replays.CUT]})
    async with stage.db.transaction() as tx:
        [clip] = await replays.clips(tx, shop_id=shop.id, show_id=show)
    path = recordings / media.clip_name(channel, show, clip.id)
    assert (clip.size, clip.began_video) == (path.stat().st_size, media.in_ms(BEGIN) + 40_000)
    assert 4_000 <= clip.milliseconds <= 4_050
    left = sorted(each.name for each in path.parent.iterdir())
    assert left == [path.with_suffix(".jpg").name, path.name], "nothing half made is left"

    here = f"/s/harbour/live/{show}/clip/{clip.id}"
    page = await stage.client.get(here)
    file = f"/media/{channel}/shows/{show}/clips/{clip.id}.mp4"
    assert f'<meta property="og:video" content="http://shop.test{file}">' in page.text
    assert f'<meta property="og:image" content="http://shop.test{file[:-3]}jpg">' in page.text
    assert f'href="/s/harbour/live/{show}?t=0"' in page.text
    assert f'poster="{file[:-3]}jpg"' in (await stage.client.get(f"/s/harbour/live/{show}")).text
    assert "From the show “Autumn”" in plain(page.text)
    assert (await stage.client.get(f"/s/harbour/live/{show}/clip/999")).status_code == 404
    product = await stage.client.get(f"/s/harbour/p/{stage.shirt.id}")
    assert f'src="{file}"' in product.text
    seen = {"show": {"id": show}, "seen_at": (BEGIN + timedelta(seconds=41)).isoformat()}
    before = seen | {"seen_at": (BEGIN + timedelta(seconds=39)).isoformat()}
    async with stage.db.transaction() as tx:
        bought = await shots_of_page(tx, shop, seen)
        assert (bought[stage.shirt.id].page, bought[stage.shirt.id].sha256) == (here, clip.sha256.hex())
        assert await shots_of_page(tx, shop, before) == {}
        assert await shots_of_page(tx, shop, {"show": None, "seen_at": seen["seen_at"]}) == {}

    cameras = media.MediaServer(
        stage.db, recordings, "127.0.0.1", 0, airtimes=lambda number: airtimes(stage, number)
    )

    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        await cameras.origin({**scope, "root_path": "/media"}, receive, send)

    transport = httpx.ASGITransport(mounted)  # pyright: ignore[reportArgumentType]
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as player:
        whole = await player.get(file)
        assert (whole.status_code, whole.content) == (200, path.read_bytes())
        taken = await player.get(file.removesuffix("mp4") + "jpg")
        assert (taken.headers["content-type"], taken.content[:3]) == ("image/jpeg", b"\xff\xd8\xff")
        part = await player.get(file, headers={"range": "bytes=4-7"})
        assert (part.status_code, part.content) == (206, b"ftyp")
        assert (await player.get(file.replace(f"/{clip.id}.mp4", "/999.mp4"))).status_code == 404

        # Hidden with the replay: the file, its page, and wherever else it was; the shop keeps it with the order.
        async with stage.db.transaction() as tx:
            await replays.hide(tx, shop_id=shop.id, show_id=show)
        await cameras.shows_changed(channel)
        assert (await player.get(file)).status_code == 404
    assert (await stage.client.get(here)).status_code == 404
    assert file not in (await stage.client.get(f"/s/harbour/p/{stage.shirt.id}")).text
    async with stage.db.transaction() as tx:
        assert await shots_of_page(tx, shop, seen) == {}
        assert list(await shots_of_page(tx, shop, seen, hidden=True)) == [stage.shirt.id]
    assert path.is_file()

"""A show that was recorded: its rows as a camera leaves them, at times that a test can reckon with."""

import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tests.web.conftest import Stage

from shopfloor import chat, live, media, run_of_show
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import new_id, video_ms
from shopfloor.media import service

BEGIN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


async def record(tx: Tx, stage: Stage, channel_id: int, *, since: float, seconds: float) -> UUID:
    """A run of two-second segments, from so many seconds after BEGIN on."""
    run_id = new_id()
    anchor = BEGIN + timedelta(seconds=since)
    run = media.Run(
        run_id, channel_id, stage.shop.id, anchor, None, None, "avc1.42c01e,mp4a.40.2", 320, 176, 2,
        hashlib.sha256(b"init").digest(), 4, f"{channel_id}/{run_id}.mp4", bytes(32),
    )  # fmt: skip
    await service.open_run(tx, run=run)
    for i in range(int(seconds / 2)):
        segment = media.Segment(
            run_id, i, anchor + timedelta(seconds=2 * i), i * 180_000, 180_000, 4 + 100 * i, 100, bytes(32),
            bytes(32), independent=True, audio_end=(i + 1) * 96_000,
        )  # fmt: skip
        await service.add_segment(tx, segment=segment)
    await service.end_run(tx, run_id=run_id, at=anchor + timedelta(seconds=seconds), cause="finished")
    return run_id


async def recorded_show(stage: Stage, *said: str) -> int:
    """The show of the stage, on air for a minute from BEGIN on, and over.

    Recorded are its first 40 and its last 10 seconds.  The shirt was in view from the 10th to the 55th second; at the
    20th it went from 99 to 79.  Each of `said` was written two seconds after the one before, from the 12th second on.
    Returns the channel.
    """
    shop_id, show_id = stage.shop.id, stage.show.id
    async with stage.db.transaction() as tx:
        channel, _ = await media.create_channel(tx, shop_id=shop_id, name="Table")
        await live.change_show(tx, shop_id=shop_id, show_id=show_id, title="Autumn", channel_id=channel.id)
        await run_of_show.start_show(tx, shop_id=shop_id, show_id=show_id)
        [offer] = await run_of_show.offers(tx, shop_id=shop_id, show_id=show_id)
        await run_of_show.feature(tx, shop_id=shop_id, show_id=show_id, offer_id=offer.id)
        for line in offer.lines:
            await run_of_show.set_offer_price(
                tx, shop_id=shop_id, show_id=show_id, offer_id=offer.id, variant_id=line.variant_id,
                price_minor=7_900, reason="flash",
            )  # fmt: skip
        for i, text in enumerate(said):
            line = await chat.say(
                tx, shop_id=shop_id, show_id=show_id, shopper=stage.shopper, text=text, name="Kim"
            )
            at = BEGIN + timedelta(seconds=12 + 2 * i)
            await tx.run("UPDATE chat.line SET at = %(at)s WHERE id = %(id)s", at=at, id=line.id)
        await run_of_show.end_show(tx, shop_id=shop_id, show_id=show_id)
        await tx.run(
            "UPDATE live.show SET started_at = %(at)s, ended_at = %(end)s WHERE id = %(id)s",
            at=BEGIN, end=BEGIN + timedelta(seconds=60), id=show_id,
        )  # fmt: skip
        await tx.run(
            "UPDATE live.explained SET began_video = %(begin)s, ended_video = %(end)s WHERE show_id = %(id)s",
            begin=video_ms(BEGIN) + 10_000, end=video_ms(BEGIN) + 55_000, id=show_id,
        )  # fmt: skip
        # What is never changed is changed here: the test has no time to wait.
        await tx.run("SET LOCAL session_replication_role = replica")
        await tx.run(
            """
            UPDATE live.offer_price SET at = CASE price_minor WHEN 7900 THEN %(at)s ELSE %(at)s - interval '1 hour' END
             WHERE offer_id = %(offer)s
            """,
            at=BEGIN + timedelta(seconds=20), offer=offer.id,
        )  # fmt: skip
        await tx.run("SET LOCAL session_replication_role = origin")
        await record(tx, stage, channel.id, since=0, seconds=40)
        await record(tx, stage, channel.id, since=50, seconds=10)
    return channel.id

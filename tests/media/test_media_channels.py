"""Channels and their keys."""

from uuid import UUID

import pytest

from shopfloor import media
from shopfloor.kernel.database import Database
from shopfloor.media import service


async def test_the_key_is_shown_once_and_kept_as_a_hash(database: Database) -> None:
    async with database.transaction() as tx:
        channel, key = await media.create_channel(tx, shop_id=7, name="  Studio ")
        [admission] = await service.admissions(tx, channel_ids=[channel.id])

    assert (channel.shop_id, channel.name) == (7, "Studio")
    assert service.channel_of_key(key) == channel.id
    assert len(key.partition("-")[2]) == 32
    assert key.encode() not in admission.key_hash
    assert service.opens(admission, key)
    assert not service.opens(admission, key[:-1])
    assert media.playback_url(channel.id) == f"/media/{channel.id}/live.m3u8"


async def test_a_new_key_replaces_the_old_one(database: Database) -> None:
    async with database.transaction() as tx:
        channel, old = await media.create_channel(tx, shop_id=7, name="Studio")
        _, new = await media.rotate_key(tx, shop_id=7, channel_id=channel.id)
        [admission] = await service.admissions(tx)

    assert service.opens(admission, new)
    assert not service.opens(admission, old)


async def test_a_channel_of_another_shop_is_not_there(database: Database) -> None:
    async with database.transaction() as tx:
        channel, key = await media.create_channel(tx, shop_id=7, name="Studio")
        for attempt in (media.rotate_key, media.channel, media.runs, media.coverage):
            with pytest.raises(media.ChannelUnknown) as refusal:
                await attempt(tx, shop_id=8, channel_id=channel.id)
            assert refusal.value.code == "media.channel_unknown"
        with pytest.raises(media.RunUnknown) as unknown:
            await media.segments(tx, shop_id=8, run_id=UUID(int=1))
        assert unknown.value.code == "media.run_unknown"
        assert await media.channels(tx, shop_id=8) == []
        assert await media.channels(tx, shop_id=7) == [channel]
        [admission] = await service.admissions(tx)
        assert service.opens(admission, key)


@pytest.mark.parametrize("name", ["", "   ", "x" * 121])
async def test_a_channel_needs_a_name(database: Database, name: str) -> None:
    async with database.transaction() as tx:
        with pytest.raises(media.BadChannelName) as refusal:
            await media.create_channel(tx, shop_id=7, name=name)
        assert refusal.value.code == "media.bad_channel_name"
        assert await media.channels(tx, shop_id=7) == []


@pytest.mark.parametrize("key", ["", "-", "x-y", "-5", "１-abc", "9" * 30 + "-a", "5"])
def test_what_is_not_a_key_names_no_channel(key: str) -> None:
    assert service.channel_of_key(key) is None

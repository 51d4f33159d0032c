"""The verbs of a show on a real database."""

from typing import Any

import msgspec
import psycopg
import pytest
from tests.live.goods import Goods, camera, make_goods, plan

from shopfloor import live, rooms, run_of_show, stock
from shopfloor.kernel.database import Database
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.values import video_ms
from shopfloor.rooms import wire


@pytest.fixture
async def goods(database: Database) -> Goods:
    return await make_goods(database)


async def facts(db: Database, name: str) -> list[dict[str, Any]]:
    async with db.transaction() as tx:
        cursor = await tx.connection.execute(
            "SELECT body FROM kernel.outbox WHERE name = %s ORDER BY id", (name,)
        )
        return [row[0] for row in await cursor.fetchall()]


async def left(db: Database, goods: Goods, pool_id: int | None) -> dict[int, int]:
    async with db.transaction() as tx:
        found = await stock.available(tx, shop_id=goods.shop_id, variant_ids=goods.coats, pool_id=pool_id)
        return {variant_id: each.now for variant_id, each in found.items()}


async def refused(db: Database, code: str, act: Any) -> None:
    """The verb refuses with `code`, and nothing is different afterwards."""
    before = await everything(db)
    with pytest.raises(Refusal) as refusal:
        async with db.transaction() as tx:
            await act(tx)
    assert refusal.value.code == code
    assert await everything(db) == before


async def everything(db: Database) -> list[Any]:
    async with db.transaction() as tx:
        rows: list[Any] = []
        for statement in (
            "SELECT * FROM live.show ORDER BY id",
            "SELECT * FROM live.offer ORDER BY id",
            "SELECT * FROM live.offer_line ORDER BY offer_id, variant_id",
            "SELECT * FROM live.offer_price ORDER BY id",
            "SELECT * FROM live.slot ORDER BY id",
            "SELECT * FROM live.explained ORDER BY id",
            "SELECT * FROM kernel.outbox ORDER BY id",
        ):
            cursor = await tx.connection.execute(statement)
            rows.append(await cursor.fetchall())
        return rows


async def test_a_show_from_plan_to_end(database: Database, goods: Goods) -> None:
    async with database.transaction() as tx:
        show, offer = await plan(tx, goods)
    assert (show.status, offer.currency, [line.price_minor for line in offer.lines]) == (
        "planned",
        "EUR",
        [9_900, 9_900],
    )

    async with database.transaction() as tx:
        started = await run_of_show.start_show(tx, shop_id=goods.shop_id, show_id=show.id, by=1)
    assert started.status is live.ShowStatus.LIVE
    assert await left(database, goods, started.pool_id) == dict.fromkeys(goods.coats, 4)
    assert await left(database, goods, None) == dict.fromkeys(goods.coats, 6)

    async with database.transaction() as tx:
        ended = await run_of_show.end_show(tx, shop_id=goods.shop_id, show_id=show.id)
    assert ended.status is live.ShowStatus.ENDED
    assert ended.ended_at is not None
    assert await left(database, goods, None) == dict.fromkeys(goods.coats, 10)
    assert [fact["pool_id"] for fact in await facts(database, "live.show_started")] == [started.pool_id]
    assert [fact["show_id"] for fact in await facts(database, "live.show_ended")] == [show.id]
    assert (await facts(database, "live.offer_added"))[0]["prices"] == {str(v): 9_900 for v in goods.coats}


async def test_a_show_starts_once_and_ends_once(database: Database, goods: Goods) -> None:
    async with database.transaction() as tx:
        show, _ = await plan(tx, goods)
    await refused(
        database,
        "live.wrong_status",
        lambda tx: run_of_show.end_show(tx, shop_id=goods.shop_id, show_id=show.id),
    )
    async with database.transaction() as tx:
        await run_of_show.start_show(tx, shop_id=goods.shop_id, show_id=show.id)
    await refused(
        database,
        "live.wrong_status",
        lambda tx: run_of_show.start_show(tx, shop_id=goods.shop_id, show_id=show.id),
    )
    async with database.transaction() as tx:
        await run_of_show.end_show(tx, shop_id=goods.shop_id, show_id=show.id)
    for verb in (run_of_show.start_show, run_of_show.end_show):
        await refused(
            database,
            "live.wrong_status",
            lambda tx, verb=verb: verb(tx, shop_id=goods.shop_id, show_id=show.id),
        )
    await refused(
        database,
        "live.wrong_status",
        lambda tx: run_of_show.add_slot(tx, shop_id=goods.shop_id, show_id=show.id),
    )


async def test_a_show_without_offers_does_not_start(database: Database, goods: Goods) -> None:
    async with database.transaction() as tx:
        show = await live.plan_show(tx, shop_id=goods.shop_id, title="Empty")
    await refused(
        database,
        "live.nothing_to_sell",
        lambda tx: run_of_show.start_show(tx, shop_id=goods.shop_id, show_id=show.id),
    )


async def test_a_camera_films_one_show_at_a_time(database: Database, goods: Goods) -> None:
    async with database.transaction() as tx:
        channel_id = await camera(tx, goods)
        first, _ = await plan(tx, goods, channel_id=channel_id)
        second, _ = await plan(tx, goods, channel_id=channel_id)
        await run_of_show.start_show(tx, shop_id=goods.shop_id, show_id=first.id)
    await refused(
        database,
        "live.channel_busy",
        lambda tx: run_of_show.start_show(tx, shop_id=goods.shop_id, show_id=second.id),
    )
    async with database.transaction() as tx:
        assert [each.id for each in await live.shows_on_air(tx, channel_id=channel_id)] == [first.id]


async def test_another_shop_sees_nothing_and_changes_nothing(database: Database, goods: Goods) -> None:
    other = await make_goods(database, "bob")
    async with database.transaction() as tx:
        show, offer = await plan(tx, goods)
    theirs: dict[str, Any] = {"shop_id": other.shop_id, "show_id": show.id}
    for act in (
        lambda tx: live.show(tx, **theirs),
        lambda tx: run_of_show.start_show(tx, **theirs),
        lambda tx: live.change_show(tx, **theirs, title="Mine"),
        lambda tx: run_of_show.offers(tx, **theirs),
        lambda tx: run_of_show.set_offer_price(
            tx, **theirs, offer_id=offer.id, variant_id=goods.coats[0], price_minor=1
        ),
        lambda tx: rooms.post_notice(tx, **theirs, text="hello"),
        lambda tx: run_of_show.feature(tx, **theirs, offer_id=offer.id),
    ):
        await refused(database, "live.unknown_show", act)
    async with database.transaction() as tx:
        assert await live.shows(tx, shop_id=other.shop_id) == []


async def test_what_cannot_be_offered(database: Database, goods: Goods) -> None:
    other = await make_goods(database, "bob")
    async with database.transaction() as tx:
        show, _ = await plan(tx, goods)
    bowl = goods.bowls[0]

    def offering(lines: list[run_of_show.OfferLine], **different: Any) -> Any:
        terms: dict[str, Any] = {"product_id": goods.bowl.id, **different}
        return lambda tx: run_of_show.add_offer(
            tx,
            shop_id=goods.shop_id,
            show_id=show.id,
            lines=lines,
            **terms,
        )

    cases: list[tuple[list[run_of_show.OfferLine], dict[str, Any], str]] = [
        ([], {}, "live.bad_offer"),
        ([run_of_show.OfferLine(bowl, 1), run_of_show.OfferLine(bowl, 1)], {}, "live.bad_offer"),
        ([run_of_show.OfferLine(goods.coats[0], 1)], {}, "live.bad_offer"),
        ([run_of_show.OfferLine(other.bowls[0], 1)], {"product_id": other.bowl.id}, "live.bad_offer"),
        ([run_of_show.OfferLine(bowl, -1)], {}, "live.bad_offer"),
        ([run_of_show.OfferLine(bowl, 10**13)], {}, "live.bad_offer"),
        ([run_of_show.OfferLine(bowl, 1, -1)], {}, "live.bad_offer"),
        ([run_of_show.OfferLine(bowl, 1)], {"hold_seconds": 5}, "live.bad_offer"),
        ([run_of_show.OfferLine(bowl, 1)], {"limit_per_buyer": 0}, "live.bad_offer"),
        ([run_of_show.OfferLine(bowl, 1)], {"deposit_percent": 100}, "live.bad_offer"),
        ([run_of_show.OfferLine(goods.coats[0], 1)], {"product_id": goods.coat.id}, "live.offered_already"),
    ]
    for lines, terms, code in cases:
        await refused(database, code, offering(lines, **terms))


async def test_offers_and_quotas_on_air_are_set_apart_at_once(database: Database, goods: Goods) -> None:
    async with database.transaction() as tx:
        show, offer = await plan(tx, goods, quota=None)
        started = await run_of_show.start_show(tx, shop_id=goods.shop_id, show_id=show.id)
    assert await left(database, goods, started.pool_id) == dict.fromkeys(goods.coats, 0)

    async with database.transaction() as tx:
        await run_of_show.change_offer(
            tx, shop_id=goods.shop_id, show_id=show.id, offer_id=offer.id, quotas={goods.coats[0]: 3}
        )
        await run_of_show.add_offer(
            tx, shop_id=goods.shop_id, show_id=show.id, product_id=goods.bowl.id,
            lines=[run_of_show.OfferLine(goods.bowls[0], 2_000, 25)],
        )  # fmt: skip
        bowls = await stock.available(
            tx, shop_id=goods.shop_id, variant_ids=goods.bowls, pool_id=started.pool_id
        )
    assert await left(database, goods, started.pool_id) == {goods.coats[0]: 3, goods.coats[1]: 0}
    assert bowls[goods.bowls[0]].now == 10


async def test_featuring_keeps_the_intervals_on_both_clocks(database: Database, goods: Goods) -> None:
    async with database.transaction() as tx:
        show, coat = await plan(tx, goods)
        bowl = await run_of_show.add_offer(
            tx, shop_id=goods.shop_id, show_id=show.id, product_id=goods.bowl.id,
            lines=[run_of_show.OfferLine(goods.bowls[0], 2_000)],
        )  # fmt: skip
    await refused(
        database,
        "live.wrong_status",
        lambda tx: run_of_show.feature(tx, shop_id=goods.shop_id, show_id=show.id, offer_id=coat.id),
    )
    async with database.transaction() as tx:
        await run_of_show.start_show(tx, shop_id=goods.shop_id, show_id=show.id)
    base = video_ms(show.starts_at) if show.starts_at else 1_000_000
    for at, offer_id in (
        (base, coat.id),
        (base + 5_000, coat.id),
        (base + 9_000, bowl.id),
        (base + 12_000, None),
    ):
        async with database.transaction() as tx:
            await run_of_show.feature(tx, shop_id=goods.shop_id, show_id=show.id, offer_id=offer_id, at=at)
    await refused(
        database,
        "live.unknown_offer",
        lambda tx: run_of_show.feature(tx, shop_id=goods.shop_id, show_id=show.id, offer_id=999),
    )
    async with database.transaction() as tx:
        found = await run_of_show.featured_intervals(tx, shop_id=goods.shop_id, show_id=show.id)

    assert [(each.offer_id, each.began_video, each.ended_video) for each in found] == [
        (coat.id, base, base + 9_000),
        (bowl.id, base + 9_000, base + 12_000),
    ]
    told = await facts(database, "live.offer_featured")
    assert [(fact["offer_id"], fact["at"]) for fact in told] == [
        (coat.id, base), (bowl.id, base + 9_000), (None, base + 12_000),
    ]  # fmt: skip


async def test_ending_closes_what_was_shown(database: Database, goods: Goods) -> None:
    async with database.transaction() as tx:
        show, coat = await plan(tx, goods)
        await run_of_show.start_show(tx, shop_id=goods.shop_id, show_id=show.id)
        await run_of_show.feature(tx, shop_id=goods.shop_id, show_id=show.id, offer_id=coat.id)
        await run_of_show.end_show(tx, shop_id=goods.shop_id, show_id=show.id)
        found = await run_of_show.featured_intervals(tx, shop_id=goods.shop_id, show_id=show.id)

    assert [each.ended_at is not None for each in found] == [True]


async def test_prices_are_kept_for_ever(database: Database, goods: Goods) -> None:
    async with database.transaction() as tx:
        show, offer = await plan(tx, goods)
        await run_of_show.start_show(tx, shop_id=goods.shop_id, show_id=show.id)
        for price in (8_900, 8_900, 7_900):
            await run_of_show.set_offer_price(
                tx, shop_id=goods.shop_id, show_id=show.id, offer_id=offer.id,
                variant_id=goods.coats[0], price_minor=price,
            )  # fmt: skip
        prices = await run_of_show.prices(tx, shop_id=goods.shop_id, show_id=show.id)
        terms = await run_of_show.offer_terms(tx, offer.id)

    assert [p.price_minor for p in prices if p.variant_id == goods.coats[0]] == [9_900, 8_900, 7_900]
    assert terms[goods.coats[0]].price_minor == 7_900
    assert terms[goods.coats[0]].show_status is live.ShowStatus.LIVE
    assert [(f["price_minor"], f["before_minor"]) for f in await facts(database, "live.offer_price_changed")] == [
        (8_900, 9_900), (7_900, 8_900),
    ]  # fmt: skip
    for price in (23_701, 2_633, 0):
        await refused(
            database,
            "price.leap",
            lambda tx, price=price: run_of_show.set_offer_price(
                tx, shop_id=goods.shop_id, show_id=show.id, offer_id=offer.id,
                variant_id=goods.coats[0], price_minor=price,
            ),
        )  # fmt: skip
    async with database.transaction() as tx:
        assert await run_of_show.prices(tx, shop_id=goods.shop_id, show_id=show.id) == prices
        await run_of_show.set_offer_price(
            tx, shop_id=goods.shop_id, show_id=show.id, offer_id=offer.id, variant_id=goods.coats[0],
            price_minor=0, confirmed=True,
        )  # fmt: skip
        assert (await run_of_show.offer_terms(tx, offer.id))[goods.coats[0]].price_minor == 0
    for price in (-1, 10**13):
        await refused(
            database,
            "live.bad_offer",
            lambda tx, price=price: run_of_show.set_offer_price(
                tx, shop_id=goods.shop_id, show_id=show.id, offer_id=offer.id,
                variant_id=goods.coats[0], price_minor=price,
            ),
        )  # fmt: skip
    with pytest.raises(Exception, match="never changed"):
        async with database.transaction() as tx:
            await tx.run("UPDATE live.offer_price SET price_minor = 1")


async def test_the_run_of_show_is_ordered(database: Database, goods: Goods) -> None:
    async with database.transaction() as tx:
        show, coat = await plan(tx, goods)
        bowl = await run_of_show.add_offer(
            tx, shop_id=goods.shop_id, show_id=show.id, product_id=goods.bowl.id,
            lines=[run_of_show.OfferLine(goods.bowls[0], 2_000)],
        )  # fmt: skip
        talk = await run_of_show.add_slot(
            tx, shop_id=goods.shop_id, show_id=show.id, title="Welcome", minutes=2
        )
        first, second, third = await run_of_show.slots(tx, shop_id=goods.shop_id, show_id=show.id)
        await run_of_show.order_slots(
            tx, shop_id=goods.shop_id, show_id=show.id, slot_ids=[third.id, second.id, first.id]
        )
        offers = await run_of_show.offers(tx, shop_id=goods.shop_id, show_id=show.id)
        slots = await run_of_show.slots(tx, shop_id=goods.shop_id, show_id=show.id)

    assert [each.id for each in slots] == [talk.id, second.id, first.id]
    assert [each.id for each in offers] == [bowl.id, coat.id]
    await refused(
        database,
        "live.bad_show",
        lambda tx: run_of_show.order_slots(tx, shop_id=goods.shop_id, show_id=show.id, slot_ids=[talk.id]),
    )


async def test_a_correction_is_shown_and_kept(database: Database, goods: Goods) -> None:
    async with database.transaction() as tx:
        show, coat = await plan(tx, goods)
        await run_of_show.start_show(tx, shop_id=goods.shop_id, show_id=show.id)
        await rooms.post_notice(
            tx, shop_id=goods.shop_id, show_id=show.id, text="It is wool, not silk",
            kind=rooms.NoticeKind.CORRECTION, offer_id=coat.id, at=5,
        )  # fmt: skip
        state = await rooms.room_state(tx, show.id)
        await rooms.clear_notice(tx, shop_id=goods.shop_id, show_id=show.id)
        after = await rooms.room_state(tx, show.id)
        kept = await rooms.notices(tx, shop_id=goods.shop_id, show_id=show.id)

    assert msgspec.to_builtins(state.notice) == {
        "kind": "correction", "text": "It is wool, not silk", "texts": {}, "offer_id": coat.id, "at": 5,
    }  # fmt: skip
    assert after.notice is None
    assert [(each.kind, each.text) for each in kept] == [
        (rooms.NoticeKind.CORRECTION, "It is wool, not silk")
    ]


async def test_the_state_of_a_room(database: Database, goods: Goods) -> None:
    async with database.transaction() as tx:
        show, coat = await plan(tx, goods, channel_id=await camera(tx, goods))
        started = await run_of_show.start_show(tx, shop_id=goods.shop_id, show_id=show.id)
        await run_of_show.feature(tx, shop_id=goods.shop_id, show_id=show.id, offer_id=coat.id, at=77)
        await rooms.counters.count_order(tx, shop_id=goods.shop_id, show_id=show.id)
        await rooms.counters.count_waiting(
            tx, shop_id=goods.shop_id, show_id=show.id, variant_id=goods.coats[0], units=6
        )
        totals = await rooms.share_presence(tx, process="a", viewers={show.id: 7}, likes={show.id: 3})
        await rooms.share_presence(tx, process="b", viewers={show.id: 2}, likes={show.id: 4})
        state = await rooms.room_state(tx, show.id)
        peak = (await live.show(tx, shop_id=goods.shop_id, show_id=show.id)).viewers_peak

    def line(variant_id: int, sku: str, size: str, waiting: int) -> dict[str, Any]:
        return {
            "id": variant_id, "sku": sku, "options": [size, "Indigo"], "price_minor": 9_900, "currency": "EUR",
            "left": 4, "ready_on": None, "later": [], "waiting": waiting,
        }  # fmt: skip

    assert [(total.viewers, total.likes) for total in totals] == [(7, 3)]
    assert peak == 9
    assert started.started_at is not None
    assert wire.plain_value(wire.encode(state)) == {
        "show": {
            "id": show.id, "shop": "ada", "title": "Autumn", "titles": {}, "status": "live",
            "started_at": started.started_at.isoformat(), "channel_id": show.channel_id, "playback": f"/media/{show.channel_id}/live.m3u8",
        },
        "featured": {"offer_id": coat.id, "at": 77},
        "order": [coat.id],
        "offers": {
            str(coat.id): {
                "id": coat.id, "product_id": goods.coat.id, "title": "Coat", "titles": {"zh_CN": "大衣"},
                "picture": None, "kind": "sized", "option_names": ["Size", "Colour"], "policy": "timer",
                "limit": None, "hold_seconds": 300, "deposit_percent": None,
                "lines": {
                    str(goods.coats[0]): line(goods.coats[0], "C-M", "M", 6),
                    str(goods.coats[1]): line(goods.coats[1], "C-L", "L", 0),
                },
            }
        },
        "viewers": 9, "likes": 7, "orders": 1, "notice": None,
    }  # fmt: skip


async def test_the_viewers_of_a_process_that_stopped_telling_are_gone(
    database: Database, goods: Goods
) -> None:
    async with database.transaction() as tx:
        show, _ = await plan(tx, goods)
        await rooms.share_presence(tx, process="dead", viewers={show.id: 7}, likes={})
        await tx.run("UPDATE live.presence_lease SET expires_at = clock_timestamp() - interval '1 second'")
        totals = await rooms.share_presence(tx, process="alive", viewers={show.id: 2}, likes={})
        await rooms.drop_presence(tx, process="alive")
        state = await rooms.room_state(tx, show.id)

    assert [total.viewers for total in totals] == [2]
    assert state.viewers == 0


async def test_change_show(database: Database, goods: Goods) -> None:
    async with database.transaction() as tx:
        show, _ = await plan(tx, goods, channel_id=await camera(tx, goods))
        changed = await live.change_show(
            tx,
            shop_id=goods.shop_id,
            show_id=show.id,
            title=" Winter ",
            titles={"zh_CN": "冬"},
            limit_per_show=3,
        )
        without = await live.change_show(tx, shop_id=goods.shop_id, show_id=show.id, limit_per_show=0)
        await run_of_show.start_show(tx, shop_id=goods.shop_id, show_id=show.id)

    assert (without.title, without.limit_per_show) == ("Winter", None)
    assert (changed.title, changed.titles, changed.channel_id, changed.limit_per_show) == (
        "Winter",
        {"zh_CN": "冬"},
        show.channel_id,
        3,
    )
    async with database.transaction() as tx:
        second = await camera(tx, goods)
    cases: list[dict[str, Any]] = [{"title": " "}, {"title": "x" * 121}, {"limit_per_show": -1}]
    for bad in cases:
        await refused(
            database,
            "live.bad_show",
            lambda tx, bad=bad: live.change_show(tx, shop_id=goods.shop_id, show_id=show.id, **bad),
        )
    await refused(
        database,
        "live.wrong_status",
        lambda tx: live.change_show(tx, shop_id=goods.shop_id, show_id=show.id, channel_id=second),
    )


async def test_a_show_is_filmed_by_a_camera_and_led_by_a_member_of_its_own_shop(
    database: Database, goods: Goods
) -> None:
    other = await make_goods(database, "bob")
    async with database.transaction() as tx:
        theirs = await camera(tx, other)
        show, _ = await plan(tx, goods, channel_id=await camera(tx, goods))
    shop_id = goods.shop_id
    foreign: list[tuple[str, dict[str, Any]]] = [
        ("media.channel_unknown", {"channel_id": theirs}),
        ("media.channel_unknown", {"channel_id": 10**15}),
        ("accounts.unknown_member", {"host_id": 10**15}),
    ]
    for code, bad in foreign:
        await refused(
            database, code, lambda tx, bad=bad: live.plan_show(tx, shop_id=shop_id, title="Theirs", **bad)
        )
        await refused(
            database,
            code,
            lambda tx, bad=bad: live.change_show(tx, shop_id=shop_id, show_id=show.id, **bad),
        )
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        async with database.transaction() as tx:
            await tx.run(
                "UPDATE live.show SET channel_id = %(theirs)s WHERE id = %(show)s",
                theirs=theirs,
                show=show.id,
            )


async def test_titles_are_cleaned_as_all_text_is(database: Database) -> None:
    goods = await make_goods(database)
    async with database.transaction() as tx:
        made = await live.plan_show(
            tx,
            shop_id=goods.shop_id,
            title=" Tea\u202e ce\u0301remony\u200b ",
            titles={"zh_CN": "\u2066茶会"},
        )
        slot = await run_of_show.add_slot(
            tx, shop_id=goods.shop_id, show_id=made.id, title="\ufeffTalk", script="One\u202e\r\ntwo"
        )
        notice = await rooms.post_notice(
            tx,
            shop_id=goods.shop_id,
            show_id=made.id,
            text="Free\u200b shipping",
            texts={"zh_CN": "包邮\u202e"},
        )
        for blank in ("\u3164", "\u200b\u200b", "\u2800"):
            with pytest.raises(live.BadShow):
                await live.plan_show(tx, shop_id=goods.shop_id, title=blank)
            with pytest.raises(live.BadShow):
                await rooms.post_notice(tx, shop_id=goods.shop_id, show_id=made.id, text=blank)
        shows = await live.shows(tx, shop_id=goods.shop_id)

    assert made.title == "Tea c\u00e9remony"
    assert made.titles == {"zh_CN": "茶会"}
    assert (slot.title, slot.script) == ("Talk", "One\ntwo")
    assert (notice.text, notice.texts) == ("Free shipping", {"zh_CN": "包邮"})
    assert [show.id for show in shows] == [made.id]

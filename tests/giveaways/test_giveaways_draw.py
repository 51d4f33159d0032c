"""Giveaways: rules that never change, one entry each, and a draw that follows from what nobody could choose."""

import asyncio
import hashlib
import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.live.goods import Goods, make_goods, plan
from tests.live.test_live_rooms import Process, fresh
from tests.waiting import PATIENCE

from shopfloor import accounts, giveaways, live, pricing, run_of_show
from shopfloor.giveaways import beacon, drawing, entering, queries, service
from shopfloor.giveaways.models import PER_NETWORK
from shopfloor.kernel import canonical
from shopfloor.kernel.database import Database
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.values import Money

LOCAL = beacon.LocalBeacon()


class Silent(beacon.LocalBeacon):
    """No network."""

    async def signature(self, number: int) -> bytes:
        raise beacon.BeaconAway("api.drand.sh: outbound.unreachable")


@pytest.fixture
async def goods(database: Database) -> Goods:
    return await make_goods(database)


@pytest.fixture
async def show(database: Database, goods: Goods) -> live.Show:
    async with database.transaction() as tx:
        planned, _ = await plan(tx, goods)
        return await run_of_show.start_show(tx, shop_id=goods.shop_id, show_id=planned.id)


async def opened(db: Database, show: live.Show, **more: Any) -> giveaways.Giveaway:
    asked: dict[str, Any] = {"prize": "Tea bowl", "value_minor": 6_800, "seconds": 60} | more
    async with db.transaction() as tx:
        return await giveaways.open_giveaway(
            tx, shop_id=show.shop_id, show_id=show.id, chain=beacon.LOCAL, **asked
        )


async def entered(db: Database, found: giveaways.Giveaway, *asking: entering.Entering) -> list[str | Refusal]:
    async with db.transaction() as tx:
        return await entering.enter(tx, shop_id=found.shop_id, giveaway_id=found.id, asking=asking)


async def crowd(db: Database, found: giveaways.Giveaway, count: int) -> dict[str, UUID]:
    """Entries of so many shoppers, by number."""
    shoppers = [uuid4() for _ in range(count)]
    answers = await entered(db, found, *(entering.Entering(each) for each in shoppers))
    return {str(number): shopper for number, shopper in zip(answers, shoppers, strict=True)}


async def later(db: Database, found: giveaways.Giveaway, seconds: float) -> None:
    """So much time goes by: all that is to come comes so much sooner, also the end of entries in the rules."""
    async with db.transaction() as tx:
        await tx.run(
            """
            UPDATE giveaways.giveaway
               SET rules = CASE WHEN state <> 'open' THEN rules ELSE jsonb_set(rules::jsonb, '{closes_at}', to_jsonb(to_char(
                           ((rules ->> 'closes_at')::timestamptz - w) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))) END,
                   opened_at = opened_at - w, closes_at = closes_at - w, closed_at = closed_at - w,
                   round_at = round_at - w, reveal_by = reveal_by - w, drawn_at = drawn_at - w
              FROM (SELECT %(seconds)s * interval '1 second' AS w) AS x WHERE id = %(id)s
            """,
            id=found.id,
            seconds=seconds,
        )
        await tx.run(
            """
            UPDATE giveaways.winner
               SET asked_at = asked_at - w, deadline = deadline - w
              FROM (SELECT %(seconds)s * interval '1 second' AS w) AS x WHERE giveaway_id = %(id)s
            """,
            id=found.id,
            seconds=seconds,
        )


async def now_of(db: Database, found: giveaways.Giveaway) -> giveaways.Giveaway:
    async with db.transaction() as tx:
        return await giveaways.giveaway(tx, shop_id=found.shop_id, giveaway_id=found.id)


async def winners_of(db: Database, found: giveaways.Giveaway) -> list[giveaways.Winner]:
    async with db.transaction() as tx:
        return await giveaways.winners(tx, shop_id=found.shop_id, giveaway_id=found.id)


async def facts(db: Database) -> list[str]:
    async with db.transaction() as tx:
        cursor = await tx.connection.execute(
            "SELECT name FROM kernel.outbox WHERE name LIKE 'giveaways.%' ORDER BY id"
        )
        return [row[0] for row in await cursor.fetchall()]


async def drawn(db: Database, found: giveaways.Giveaway) -> giveaways.Giveaway:
    await later(db, found, 61)
    await giveaways.work(db, LOCAL)
    await later(db, found, 60)
    await giveaways.work(db, LOCAL)
    return await now_of(db, found)


async def test_who_wins_follows_from_secret_list_and_round(database: Database, show: live.Show) -> None:
    found = await opened(database, show, winners=2)
    async with database.transaction() as tx:
        secret = (await queries.sealed(tx, giveaway_id=found.id)).secret
    assert found.rules["commitment"] == hashlib.sha256(secret).hexdigest()
    assert found.round_at - found.closes_at >= timedelta(seconds=20)
    shoppers = await crowd(database, found, 9)

    await later(database, found, 61)
    await giveaways.work(database, LOCAL)
    closed = await now_of(database, found)
    assert (closed.state, closed.entries) == ("closed", 9)
    assert closed.closing is not None
    assert closed.closing["root"] == drawing.root(sorted(shoppers)).hex()
    assert await winners_of(database, found) == []
    # The round has not come yet.
    await giveaways.work(database, LOCAL)
    assert (await now_of(database, found)).state == "closed"

    await later(database, found, 60)
    await giveaways.work(database, LOCAL)
    signature = await LOCAL.signature(found.round)
    seed = drawing.seed(closed.rules, closed.closing, secret, signature)
    expected = drawing.order(sorted(shoppers), seed)[:2]
    asked = await winners_of(database, found)
    assert [(each.place, each.number, each.shopper) for each in asked] == [
        (place, number, shoppers[number]) for place, number in enumerate(expected, 1)
    ]
    assert (await now_of(database, found)).rules | {"closes_at": ""} == found.rules | {"closes_at": ""}
    assert await facts(database) == [
        "giveaways.opened", "giveaways.entered", "giveaways.closed", "giveaways.drawn", "giveaways.winner_asked",
        "giveaways.winner_asked",
    ]  # fmt: skip
    async with database.transaction() as tx:
        assert all(each.passed for each in await giveaways.audit(tx))


async def test_nobody_closes_a_list_before_the_time_of_its_rules(database: Database, show: live.Show) -> None:
    found = await opened(database, show)
    await crowd(database, found, 2)
    with pytest.raises(giveaways.StillOpen) as refused:
        async with database.transaction() as tx:
            await giveaways.close(tx, shop_id=found.shop_id, giveaway_id=found.id)
    assert refused.value.facts["closes_at"] == found.rules["closes_at"]
    assert (await now_of(database, found)).state == "open"

    await drawn(database, found)
    async with database.transaction() as tx:
        file = json.loads(await giveaways.draw_file(tx, shop_id=found.shop_id, giveaway_id=found.id))
    # As if somebody had closed it a second early, and made the rest anew from that.
    file["closing"]["closed_at"] = "2000-01-01T00:00:00Z"
    checks = giveaways.verifying.verify(canonical.encode(file)).checks
    assert "The list was closed before the time that the rules name." in [each.words for each in checks]


async def test_the_next_giveaway_waits_until_the_room_has_seen_who_won(
    database: Database, show: live.Show
) -> None:
    found = await opened(database, show)
    await crowd(database, found, 2)
    await later(database, found, 61)
    await giveaways.work(database, Silent())
    with pytest.raises(giveaways.Running):
        await opened(database, show, prize="Next")
    # The beacon is away, and may be for an hour: the show goes on.
    await later(database, found, 60)
    await giveaways.work(database, Silent())
    assert (await now_of(database, found)).problem is not None
    assert (await opened(database, show, prize="Next")).state == "open"


async def test_one_slow_beacon_holds_up_nobody_else(
    database: Database, show: live.Show, goods: Goods
) -> None:
    class Slow(beacon.LocalBeacon):
        """Answers for one round only after it has answered for another."""

        def __init__(self) -> None:
            super().__init__()
            self.second = asyncio.Event()

        async def signature(self, number: int) -> bytes:
            if number == rounds[0]:
                await self.second.wait()
            self.second.set()
            return await super().signature(number)

    async with database.transaction() as tx:
        planned, _ = await plan(tx, goods)
        other = await run_of_show.start_show(tx, shop_id=goods.shop_id, show_id=planned.id)
    both = [await opened(database, each, seconds=60 + place) for place, each in enumerate((show, other))]
    rounds = [each.round for each in both]
    for each in both:
        await crowd(database, each, 3)
        await later(database, each, 62)
    slow = Slow()
    await giveaways.work(database, slow)
    for each in both:
        await later(database, each, 60)
    await giveaways.work(database, slow)
    assert [(await now_of(database, each)).state for each in both] == ["drawn", "drawn"]


async def test_a_relay_that_never_answers_is_not_waited_for() -> None:
    class Relays(beacon.Drand):
        async def _of_relay(self, relay: str, number: int) -> bytes:
            if relay.endswith("silent"):
                await asyncio.Event().wait()
            if relay.endswith("wrong"):
                raise beacon.BeaconAway(f"{relay}: not the value of this round")
            return number.to_bytes(8)

    asked = Relays(["https://one.example/silent", "https://two.example/wrong", "https://three.example"])
    assert await asked.signature(7) == (7).to_bytes(8)
    with pytest.raises(beacon.BeaconAway, match="not the value"):
        await Relays(["https://two.example/wrong"]).signature(7)
    with pytest.raises(beacon.BeaconAway, match="no relay"):
        await Relays([]).signature(7)


async def test_one_entry_each_and_few_from_one_network(database: Database, show: live.Show) -> None:
    found = await opened(database, show)
    me, account = uuid4(), uuid4()
    first, again, twice = await entered(
        database,
        found,
        entering.Entering(me, name="Mei"),
        entering.Entering(me),
        entering.Entering(uuid4(), customer=account),
    )
    assert first == again
    # The same account with another browser; the first browser once more, a request later.
    assert await entered(
        database, found, entering.Entering(uuid4(), customer=account), entering.Entering(me)
    ) == [twice, first]
    flood = await entered(
        database, found, *(entering.Entering(uuid4(), network=7) for _ in range(PER_NETWORK + 2))
    )
    assert [isinstance(each, giveaways.TooManyHere) for each in flood] == [False] * PER_NETWORK + [True] * 2
    # Somebody with an account is let in from there all the same.
    [known] = await entered(database, found, entering.Entering(uuid4(), customer=uuid4(), network=7))
    assert isinstance(known, str)
    assert (await now_of(database, found)).entries == 2 + PER_NETWORK + 1

    await later(database, found, 61)
    # Over, though nothing has closed it yet; who is in stays in.
    late, mine = await entered(database, found, entering.Entering(uuid4()), entering.Entering(me))
    assert isinstance(late, giveaways.EntryClosed)
    assert mine == first
    await giveaways.work(database, LOCAL)
    async with database.transaction() as tx:
        kept = await tx.value("SELECT count(*)::int FROM giveaways.entry WHERE network IS NOT NULL")
    assert kept == 0


async def test_only_with_an_account(database: Database, show: live.Show) -> None:
    found = await opened(database, show, proven_only=True)
    guest, known = await entered(
        database, found, entering.Entering(uuid4()), entering.Entering(uuid4(), customer=uuid4())
    )
    assert isinstance(guest, giveaways.ProofNeeded)
    assert isinstance(known, str)
    assert (await now_of(database, found)).entries == 1


async def test_rules_are_frozen(database: Database, show: live.Show) -> None:
    found = await opened(database, show)
    # A second tap is the same giveaway; anything else is another, and waits.
    assert (await opened(database, show)).id == found.id
    with pytest.raises(giveaways.Running):
        await opened(database, show, prize="Two tea bowls")
    assert (await now_of(database, found)).rules == found.rules
    for wrong in ({"winners": 21}, {"value_minor": 0}, {"seconds": 9}, {"claim_hours": 0}):
        async with database.transaction() as tx:
            await giveaways.call_off(tx, shop_id=found.shop_id, giveaway_id=found.id)
        with pytest.raises(giveaways.BadGiveaway):
            await opened(database, show, **wrong)


async def test_a_prize_is_worth_what_the_law_allows(
    database: Database, goods: Goods, show: live.Show
) -> None:
    async with database.transaction() as tx:
        assert await giveaways.prize_limit(tx, shop_id=goods.shop_id) is None
        await pricing.service.set_taxes(
            tx, shop_id=goods.shop_id, wanted=pricing.records.TaxSettings(origin_country="CN")
        )
        assert await giveaways.prize_limit(tx, shop_id=goods.shop_id) == Money(5_000_000, "CNY")
    with pytest.raises(giveaways.PrizeTooHigh):
        await opened(database, show, value_minor=5_000_001)
    assert await facts(database) == []
    assert (await opened(database, show, value_minor=5_000_000)).currency == "CNY"


async def test_two_processes_draw_once(database: Database, dsn: str, show: live.Show) -> None:
    found = await opened(database, show, winners=3)
    await crowd(database, found, 7)
    other = Database(dsn, 2, patience=PATIENCE)
    await other.open()
    try:
        for seconds in (61, 60):
            await later(database, found, seconds)
            await asyncio.gather(*(giveaways.work(each, LOCAL) for each in (database, other) * 3))
    finally:
        await other.close()
    assert [each.place for each in await winners_of(database, found)] == [1, 2, 3]
    assert (await facts(database)).count("giveaways.drawn") == 1
    assert (await facts(database)).count("giveaways.closed") == 1


async def test_a_restart_between_the_list_and_the_draw_changes_nothing(
    database: Database, dsn: str, show: live.Show
) -> None:
    found = await opened(database, show)
    shoppers = await crowd(database, found, 5)
    await later(database, found, 61)
    await giveaways.work(database, LOCAL)
    await later(database, found, 60)
    again = Database(dsn, 2, patience=PATIENCE)
    await again.open()
    try:
        await giveaways.work(again, beacon.LocalBeacon())
        [winner] = await winners_of(again, found)
    finally:
        await again.close()
    assert winner.number in shoppers


async def test_without_a_network_the_draw_waits_and_says_so(database: Database, show: live.Show) -> None:
    found = await opened(database, show)
    await crowd(database, found, 3)
    await later(database, found, 61)
    await giveaways.work(database, Silent())
    await later(database, found, 60)
    assert await giveaways.work(database, Silent()) == 5.0
    assert (await now_of(database, found)).problem == "api.drand.sh: outbound.unreachable"
    card = (await fresh(database, show.id)).giveaway
    assert card is not None
    assert (card.state, card.waits) == ("closed", True)

    await giveaways.work(database, LOCAL)
    card = (await fresh(database, show.id)).giveaway
    assert card is not None
    assert (card.state, card.waits, len(card.drawn)) == ("drawn", False, 1)


async def test_a_draw_that_is_late_is_void(database: Database, show: live.Show) -> None:
    found = await opened(database, show)
    await crowd(database, found, 3)
    await later(database, found, 61)
    await giveaways.work(database, LOCAL)
    await later(database, found, 3_700)
    await giveaways.work(database, LOCAL)
    assert (await now_of(database, found)).why == "not_revealed"
    assert await winners_of(database, found) == []
    # And stays so.
    async with database.transaction() as tx:
        await service.reveal(
            tx, shop_id=found.shop_id, giveaway_id=found.id, signature=await LOCAL.signature(found.round)
        )
    assert (await now_of(database, found)).state == "void"
    with pytest.raises(giveaways.UnknownGiveaway):
        async with database.transaction() as tx:
            await giveaways.draw_file(tx, shop_id=found.shop_id, giveaway_id=found.id)

    # A list that is closed when the value may be known is none.
    second = await opened(database, show)
    await crowd(database, second, 3)
    await later(database, second, 90)
    await giveaways.work(database, LOCAL)
    assert (await now_of(database, second)).why == "closed_late"
    third = await opened(database, show)
    await later(database, third, 61)
    await giveaways.work(database, LOCAL)
    assert (await now_of(database, third)).why == "no_entries"


async def test_the_next_is_asked_where_a_prize_is_not_claimed(database: Database, show: live.Show) -> None:
    found = await opened(database, show, winners=2)
    await crowd(database, found, 3)
    await drawn(database, found)
    first, second = await winners_of(database, found)

    async def claims(who: UUID, recipient: str = "Mei Lin, Pier 1") -> giveaways.Winner:
        async with database.transaction() as tx:
            return await giveaways.claim(
                tx,
                shop_id=found.shop_id,
                giveaway_id=found.id,
                shoppers=[who],
                customer=None,
                recipient=recipient,
            )

    with pytest.raises(giveaways.NotAWinner):
        await claims(uuid4())
    with pytest.raises(giveaways.BadGiveaway):
        await claims(first.shopper, "  ")
    assert (await claims(first.shopper)).state == "claimed"
    assert (await claims(first.shopper, "Mei Lin, Pier 2")).recipient == "Mei Lin, Pier 2"

    await later(database, found, 49 * 3_600)
    await giveaways.work(database, LOCAL)
    with pytest.raises(giveaways.ClaimOver):
        await claims(second.shopper)
    asked = await winners_of(database, found)
    assert [each.state for each in asked] == ["claimed", "lapsed", "asked"]
    card = (await fresh(database, show.id)).giveaway
    assert card is not None
    assert [number for _, number in card.drawn] == [asked[0].number, asked[2].number]

    async with database.transaction() as tx:
        with pytest.raises(giveaways.NotAWinner):
            await giveaways.mark_sent(tx, shop_id=found.shop_id, giveaway_id=found.id, place=3)
        await giveaways.mark_sent(tx, shop_id=found.shop_id, giveaway_id=found.id, place=1)
    with pytest.raises(giveaways.ClaimOver):
        await claims(first.shopper, "Somewhere else")
    # Nobody is left to be asked after the last.
    await later(database, found, 49 * 3_600)
    await giveaways.work(database, LOCAL)
    assert [each.state for each in await winners_of(database, found)] == ["claimed", "lapsed", "lapsed"]
    assert await giveaways.work(database, LOCAL) is None


async def test_who_is_erased_leaves_a_number(database: Database, show: live.Show) -> None:
    found = await opened(database, show)
    me = uuid4()
    [number] = await entered(database, found, entering.Entering(me, customer=uuid4(), name="Mei"))
    await drawn(database, found)
    async with database.transaction() as tx:
        await giveaways.claim(
            tx, shop_id=found.shop_id, giveaway_id=found.id, shoppers=[me], customer=None, recipient="Pier 1"
        )
    process = Process(database)
    await process.follower.start()
    room = await process.rooms.get(show.id)
    assert room.room.state.giveaway is not None
    assert room.room.state.giveaway.drawn == (("Mei", number),)
    async with database.transaction() as tx:
        await giveaways.forget_buyers(tx, shop_id=found.shop_id, buyers=[me])
    await process.catch_up()
    assert room.room.state.giveaway.drawn == (("", number),)
    assert room.room.state == await fresh(database, show.id)
    [winner] = await winners_of(database, found)
    assert (winner.number, winner.name, winner.recipient, winner.customer) == (number, "", "", None)
    async with database.transaction() as tx:
        assert all(each.passed for each in await giveaways.audit(tx))


async def test_a_room_that_follows_shows_what_a_fresh_look_shows(database: Database, show: live.Show) -> None:
    process = Process(database)
    await process.follower.start()
    room = await process.rooms.get(show.id)
    found = await opened(database, show)
    await crowd(database, found, 4)
    await process.catch_up()
    assert room.room.state == await fresh(database, show.id)
    assert room.room.state.giveaway is not None
    assert room.room.state.giveaway.entries == 4
    await drawn(database, found)
    await process.catch_up()
    assert room.room.state == await fresh(database, show.id)
    assert len(room.room.state.giveaway.drawn) == 1
    async with database.transaction() as tx:
        await giveaways.take_off(tx, shop_id=found.shop_id, giveaway_id=found.id)
    await process.catch_up()
    assert room.room.state.giveaway is None
    assert room.room.state == await fresh(database, show.id)


async def test_another_shop_has_no_part_in_it(database: Database, show: live.Show) -> None:
    found = await opened(database, show)
    async with database.transaction() as tx:
        other = await accounts.create_shop(tx, owner_id=1, name="Other", slug="other", currency="EUR")
        for act in (giveaways.close, giveaways.call_off, giveaways.winners, giveaways.take_off):
            with pytest.raises(giveaways.UnknownGiveaway):
                await act(tx, shop_id=other.id, giveaway_id=found.id)
    assert (await now_of(database, found)).state == "open"

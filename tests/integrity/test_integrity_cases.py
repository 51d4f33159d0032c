"""Cases of a show: what is noticed is told, tagged, ruled on and appealed, and what is net follows."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import psycopg
import pytest
from tests.integrity import crowds
from tests.integrity.conftest import OTHER, SHOP, SHOW, Evening

from shopfloor import integrity, statements
from shopfloor.integrity.models import NoteMissing, NothingToAppeal
from shopfloor.integrity.thresholds import POLICY

Made = Callable[..., Awaitable[Evening]]


async def looked(evening: Evening) -> integrity.Summary:
    await integrity.look(evening.db, evening.lake, shop_id=SHOP, show_id=SHOW)
    async with evening.db.transaction() as tx:
        found = await integrity.summary(tx, shop_id=SHOP, show_id=SHOW)
    assert found is not None
    return found


async def the_case(evening: Evening) -> integrity.Case:
    async with evening.db.transaction() as tx:
        [case] = (await integrity.page_of(tx, shop_id=SHOP)).items
    return case


def small_ring(seed: int = 5) -> crowds.Show:
    """Three accounts with ten orders each among forty others, one card, one place."""
    return crowds.brushing(seed, orders=70, counts=(10, 10, 10), delay=20 * crowds.DAY)


async def test_a_small_ring_is_raised_minutes_after_the_show(evening: Made) -> None:
    night = await evening(small_ring())

    told = await looked(night)

    case = await the_case(night)
    async with night.db.transaction() as tx:
        members = {
            each.order_id
            for each in (await integrity.orders_of(tx, shop_id=SHOP, case_id=case.id, limit=100)).items
        }
        events = await tx.value("SELECT count(*) FROM kernel.outbox WHERE name = 'integrity.case_raised'")
    fakes = {each for each, is_fake in zip(night.order_ids, night.fake, strict=True) if is_fake}
    assert members == fakes
    assert (case.size, case.subject, case.class_) == (
        30,
        integrity.Subject.ORDERS,
        integrity.Class.SOPHISTICATED,
    )
    assert integrity.Reason.CONCENTRATION in case.reasons
    assert events == 1
    placed = told.figures["orders_placed"]
    assert (placed.gross, placed.general) == (70, 0)
    assert placed.sophisticated == (30 if case.tagged else 0)


async def test_what_is_undone_by_the_next_day_is_tagged_and_net_of_it(evening: Made) -> None:
    show = crowds.brushing(3, orders=70, counts=(10, 10, 10), delay=5 * crowds.HOUR, settled=0)
    night = await evening(show, after=crowds.DAY)

    told = await looked(night)

    case = await the_case(night)
    placed, paid, money = (told.figures[key] for key in ("orders_placed", "orders_paid", "gmv_placed"))
    fake_money = int(show.orders.amount[show.fake].sum())
    assert case.tagged
    assert integrity.Reason.UNDONE in case.reasons
    assert (placed.gross, placed.sophisticated, placed.net) == (70, 30, 40)
    assert paid.sophisticated == 30
    assert (money.gross, money.sophisticated) == (int(show.orders.amount.sum()), fake_money)


async def test_a_ruling_changes_what_is_net_and_stays_on_record(evening: Made) -> None:
    night = await evening(
        crowds.brushing(3, orders=70, counts=(10, 10, 10), delay=5 * crowds.HOUR, settled=0), after=crowds.DAY
    )
    before = await looked(night)
    case = await the_case(night)
    lines = await night.lines()

    async with night.db.transaction() as tx:
        held = await integrity.held_back(tx, shop_id=SHOP, line_ids=lines)
        await integrity.rule(
            tx, shop_id=SHOP, case_id=case.id, ruling=integrity.Ruling.GENUINE, note="Met them.", person_id=1
        )
    after = await looked(night)
    async with night.db.transaction() as tx:
        freed = await integrity.held_back(tx, shop_id=SHOP, line_ids=lines)
        file = await integrity.case_file(tx, shop_id=SHOP, case_id=case.id)

    fakes = {line for line, is_fake in zip(lines, night.fake, strict=True) if is_fake}
    assert held == dict.fromkeys(fakes, case.id)
    assert freed == {}
    assert (before.version, before.figures["orders_placed"].net) == (1, 40)
    assert (after.version, after.figures["orders_placed"].net) == (2, 70)
    assert file.case.state is integrity.State.GENUINE
    assert [(each.kind, each.note, each.name) for each in file.entries] == [
        ("tagged", "", None),
        ("genuine", "Met them.", "Ana"),
    ]

    async with night.db.transaction() as tx:
        await integrity.rule(
            tx,
            shop_id=SHOP,
            case_id=case.id,
            ruling=integrity.Ruling.INVALID,
            note="They were not.",
            person_id=1,
        )
        appealed = await integrity.appeal(
            tx, shop_id=SHOP, case_id=case.id, note="The host objects.", person_id=1
        )
    again = await looked(night)
    assert (again.version, again.figures["orders_placed"].net) == (3, 40)
    assert appealed.appealed_at is not None
    assert appealed.state is integrity.State.INVALID

    async with night.db.transaction() as tx:
        back = await integrity.rule(
            tx, shop_id=SHOP, case_id=case.id, ruling=integrity.Ruling.OPEN, note="Once more.", person_id=1
        )
        checks = await integrity.audit(tx)
    assert (back.state, back.appealed_at, back.ruled_at) == (integrity.State.OPEN, None, None)
    assert [check.name for check in checks if not check.passed] == []


async def test_of_two_rulings_at_once_the_second_is_told(evening: Made) -> None:
    night = await evening(
        crowds.brushing(3, orders=70, counts=(10, 10, 10), delay=5 * crowds.HOUR, settled=0), after=crowds.DAY
    )
    await looked(night)
    case = await the_case(night)
    async with night.db.transaction() as tx:
        seen = integrity.Seen.read((await integrity.case_file(tx, shop_id=SHOP, case_id=case.id)).seen)

    async def rules(ruling: integrity.Ruling) -> integrity.Case:
        async with night.db.transaction() as tx:
            return await integrity.rule(
                tx, shop_id=SHOP, case_id=case.id, ruling=ruling, note="I looked.", person_id=1, seen=seen
            )

    both = (integrity.Ruling.GENUINE, integrity.Ruling.INVALID)
    answers = await asyncio.gather(*(rules(each) for each in both), return_exceptions=True)

    [done] = [each for each in answers if isinstance(each, integrity.Case)]
    [told] = [each for each in answers if isinstance(each, integrity.CaseMoved)]
    async with night.db.transaction() as tx:
        file = await integrity.case_file(tx, shop_id=SHOP, case_id=case.id)
    assert told.facts["state"] == str(done.state) == str(file.case.state)
    assert [each.kind for each in file.entries] == ["tagged", str(done.state)]

    async with night.db.transaction() as tx:
        with pytest.raises(integrity.CaseMoved):
            await integrity.rule(
                tx, shop_id=SHOP, case_id=case.id, ruling=integrity.Ruling.OPEN, note="Blindly.", person_id=1,
                unless_ruled=True,
            )  # fmt: skip
        back = await integrity.rule(
            tx, shop_id=SHOP, case_id=case.id, ruling=integrity.Ruling.OPEN, note="Once more.", person_id=1,
            seen=integrity.Seen.read(file.seen),
        )  # fmt: skip
    assert back.state is integrity.State.OPEN


async def test_what_was_judged_is_put_into_the_statement_of_the_show(evening: Made) -> None:
    show = crowds.brushing(3, orders=70, counts=(10, 10, 10), delay=5 * crowds.HOUR, settled=0)
    night = await evening(show, after=crowds.DAY)
    async with night.db.transaction() as tx:
        assert await statements.assessing.assessed(tx, SHOP, SHOW) is None

    await looked(night)

    async with night.db.transaction() as tx:
        told = await statements.assessing.assessed(tx, SHOP, SHOW)
    assert told is not None
    assert told.policy == POLICY
    parts = (told.gross, told.general_invalid, told.sophisticated_invalid, told.net)
    assert [each["orders_placed"] for each in parts] == [70, 0, 30, 40]


async def test_a_second_look_changes_nothing(evening: Made) -> None:
    night = await evening(small_ring())

    first, second = await looked(night), await looked(night)

    async with night.db.transaction() as tx:
        file = await integrity.case_file(tx, shop_id=SHOP, case_id=(await the_case(night)).id)
    assert (first.version, second.version) == (1, 1)
    assert len(file.entries) == 1


async def test_while_the_show_runs_it_is_seen_as_well(evening: Made) -> None:
    night = await evening(small_ring(), after=0.0, on_air=True)

    await looked(night)

    assert (await the_case(night)).size == 30


async def test_history_is_appended_never_changed(evening: Made) -> None:
    night = await evening(small_ring())
    await looked(night)

    for table in ("entry", "judgement"):
        with pytest.raises(psycopg.errors.RaiseException):
            async with night.db.transaction() as tx:
                await tx.connection.execute(f"DELETE FROM integrity.{table}".encode())


async def test_who_rules_or_objects_says_why(evening: Made) -> None:
    night = await evening(small_ring())
    await looked(night)
    case = await the_case(night)

    with pytest.raises(NoteMissing):
        async with night.db.transaction() as tx:
            await integrity.rule(
                tx, shop_id=SHOP, case_id=case.id, ruling=integrity.Ruling.GENUINE, note=" \n", person_id=1
            )
    async with night.db.transaction() as tx:
        await integrity.rule(
            tx, shop_id=SHOP, case_id=case.id, ruling=integrity.Ruling.GENUINE, note="Real.", person_id=1
        )
    with pytest.raises(NothingToAppeal):
        async with night.db.transaction() as tx:
            await integrity.appeal(tx, shop_id=SHOP, case_id=case.id, note="No.", person_id=1)


async def test_another_shop_sees_and_decides_nothing(evening: Made) -> None:
    night = await evening(small_ring())
    await looked(night)
    case = await the_case(night)
    lines = await night.lines()

    async with night.db.transaction() as tx:
        assert (await integrity.page_of(tx, shop_id=OTHER)).items == []
        assert await integrity.summary(tx, shop_id=OTHER, show_id=SHOW) is None
        assert await integrity.held_back(tx, shop_id=OTHER, line_ids=lines) == {}
    for case_id, shop_id in ((case.id, OTHER), (uuid4(), SHOP)):
        with pytest.raises(integrity.CaseNotFound):
            async with night.db.transaction() as tx:
                await integrity.rule(
                    tx,
                    shop_id=shop_id,
                    case_id=case_id,
                    ruling=integrity.Ruling.INVALID,
                    note="x",
                    person_id=1,
                )


async def test_who_is_erased_leaves_no_trace_of_where_they_were(evening: Made) -> None:
    night = await evening(small_ring())
    order_id, browser = night.order_ids[0], night.browsers[0]
    async with night.db.transaction() as tx:
        await integrity.note_origin(tx, shop_id=SHOP, order_id=order_id, network=5, staff=True)
        await integrity.forget_buyers(tx, shop_id=SHOP, shoppers=[browser])
        assert await tx.value("SELECT count(*) FROM integrity.origin") == 0

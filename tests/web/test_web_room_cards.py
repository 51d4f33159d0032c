"""Polls and coupon cards on the pages: put up in the studio, answered and collected in the room, kept for the report."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.web.conftest import Stage
from tests.web.test_web_embeds import OF_FRAME
from tests.web.test_web_giveaways import sign_in

from shopfloor import polls, pricing, promotions, rooms, run_of_show, shoppers
from shopfloor.kernel.keyring import Keyring
from shopfloor.kernel.services import services_in
from shopfloor.kernel.values import now
from shopfloor.promotions import Discount, Method

STUDIO = "/console/harbour/shows/{show}/studio"


@pytest.fixture
async def studio(stage: Stage) -> str:
    async with stage.db.transaction() as tx:
        await run_of_show.start_show(tx, shop_id=stage.shop.id, show_id=stage.show.id)
    await sign_in(stage)
    return STUDIO.format(show=stage.show.id)


async def nothing_before() -> list[UUID]:
    return []


async def state_of(stage: Stage) -> rooms.RoomState:
    async with stage.db.transaction() as tx:
        return await rooms.room_state(tx, stage.show.id)


async def a_coupon(stage: Stage, **more: Any) -> Discount:
    """¥20 off over ¥200; two of them."""
    wanted: dict[str, Any] = {"amount_minor": 2_000, "minimum_minor": 20_000, "most_claims": 2} | more
    async with stage.db.transaction() as tx:
        return await promotions.service.save(
            tx,
            shop_id=stage.shop.id,
            wanted=Discount(
                id=0, title="Show coupon", method=Method.COUPON, kind=pricing.DiscountKind.AMOUNT, currency="",
                slug="show", **wanted,
            ),
        )  # fmt: skip


async def test_a_poll_from_the_studio_to_the_report(stage: Stage, studio: str) -> None:
    asked = await stage.client.post(
        f"{studio}/poll",
        data={"question": "Which colour?", "answer_1": "Indigo", "answer_2": "Oat", "seconds": "60"},
        follow_redirects=True,
    )
    assert "The poll is on." in asked.text
    found = (await state_of(stage)).poll
    assert found is not None
    assert found.answers == ("Indigo", "Oat")

    path = f"/s/harbour/polls/{found.id}/vote"
    room = await stage.client.get(f"/s/harbour/live/{stage.show.id}")
    assert f'action="{path}"' in room.text
    voted = await stage.client.post(path, data={"answer": "1"}, follow_redirects=True)
    assert "Your answer counts: Oat" in voted.text
    # Another tap, by the script, is the same vote.
    told = await stage.client.post(path, data={"answer": "0"}, headers={"accept": "application/json"})
    assert told.json() == {"answer": 1}
    assert (await stage.client.post(path, data={"answer": "7"})).status_code == 422

    closed = await stage.client.post(
        f"{studio}/poll/close", data={"poll_id": str(found.id)}, follow_redirects=True
    )
    assert "its result stays" in closed.text
    late = await stage.client.post(path, data={"answer": "0"}, headers={"accept": "application/json"})
    assert late.json() == {"answer": 1}
    async with stage.db.transaction() as tx:
        [kept] = await polls.polls(tx, shop_id=stage.shop.id, show_id=stage.show.id)
    assert kept.counts == [0, 1]
    gone = await stage.client.post(
        f"{studio}/poll/take-off", data={"poll_id": str(found.id)}, follow_redirects=True
    )
    assert gone.status_code == 200
    assert (await state_of(stage)).poll is None


async def test_a_coupon_is_collected_in_the_room(stage: Stage, studio: str) -> None:
    none = await stage.client.get(studio)
    assert "No coupon can be collected now." in none.text
    coupon = await a_coupon(stage)
    shown = await stage.client.post(
        f"{studio}/coupon", data={"discount_id": str(coupon.id)}, follow_redirects=True
    )
    assert "The coupon is on every screen." in shown.text
    room = await stage.client.get(f"/s/harbour/live/{stage.show.id}")
    assert "¥20 off" in room.text
    assert "over CN¥200" in room.text
    assert "2 coupons left" in room.text

    mine = await stage.client.post("/s/harbour/coupons/show", headers={"accept": "application/json"})
    assert mine.json() == {"claimed": True}
    again = await stage.client.post("/s/harbour/coupons/show", headers={"accept": "application/json"})
    assert again.json() == {"claimed": True}
    card = (await state_of(stage)).coupon
    assert card is not None
    assert (card.left, card.open) == (1, True)
    # It is applied at checkout by itself: it stands among what this shopper's order may have.
    async with stage.db.transaction() as tx:
        found = await promotions.candidates(
            tx, shop_id=stage.shop.id, currency="CNY", buyer=stage.shopper, show_id=stage.show.id, codes=[],
            at=now(), earlier=nothing_before,
        )  # fmt: skip
        await promotions.service.pause(tx, shop_id=stage.shop.id, discount_id=coupon.id, paused=True)
    assert coupon.id in {each.discount.id for each in found.offered}
    card = (await state_of(stage)).coupon
    assert card is not None
    assert not card.open
    await stage.client.post(f"{studio}/coupon/take-off", data={"discount_id": str(coupon.id)})
    assert (await state_of(stage)).coupon is None


async def test_only_a_coupon_that_can_be_collected_is_shown(stage: Stage, studio: str) -> None:
    over = await a_coupon(stage, paused=True)
    refused = await stage.client.post(
        f"{studio}/coupon", data={"discount_id": str(over.id)}, follow_redirects=True
    )
    assert "The coupon is on every screen." not in refused.text
    assert (await state_of(stage)).coupon is None


async def test_a_coupon_that_was_collected_in_a_frame_is_used_in_the_shops_own_page(
    stage: Stage, studio: str
) -> None:
    coupon = await a_coupon(stage)
    framed = uuid4()
    keyring = services_in(stage.app).part(Keyring)
    theirs = {"cookie": f"shopper={shoppers.issue_shopper(keyring, framed)}", **OF_FRAME}
    as_json = {"accept": "application/json"}

    async def buyers() -> list[UUID]:
        async with stage.db.transaction() as tx:
            rows = await tx.connection.execute("SELECT buyer FROM promotions.claim ORDER BY claimed_at")
            assert all(each.passed for each in await promotions.audit(tx))
            return [row[0] for row in await rows.fetchall()]

    async def leave() -> None:
        cookies = dict(stage.client.cookies)
        stage.client.cookies.clear()
        way = (await stage.client.post("/s/harbour/embed/pass", headers=theirs)).json()["pass"]
        stage.client.cookies.update(cookies)
        left = await stage.client.post("/s/harbour/embed/open", data={"pass": way}, headers=OF_FRAME)
        assert left.status_code == 303

    cookies = dict(stage.client.cookies)
    stage.client.cookies.clear()
    assert (await stage.client.post("/s/harbour/coupons/show", headers=theirs | as_json)).status_code == 200
    stage.client.cookies.update(cookies)
    for _ in range(2):
        await leave()
    assert await buyers() == [stage.shopper]
    async with stage.db.transaction() as tx:
        found = await promotions.candidates(
            tx, shop_id=stage.shop.id, currency="CNY", buyer=stage.shopper, show_id=stage.show.id, codes=[],
            at=now(), earlier=nothing_before,
        )  # fmt: skip
    assert coupon.id in {each.discount.id for each in found.offered}

    # Another one from the frame is not a second one for the same person.
    stage.client.cookies.clear()
    assert (await stage.client.post("/s/harbour/coupons/show", headers=theirs | as_json)).status_code == 200
    stage.client.cookies.update(cookies)
    await leave()
    assert await buyers() == [stage.shopper, framed]

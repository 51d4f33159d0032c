"""The shop's terms as a merchant sets them."""

import re
from uuid import UUID

import pytest
from tests.web.conftest import Stage

from shopfloor import (
    accounts,
    auth,
    catalog,
    chat,
    letters,
    live,
    notices,
    policies,
    promotions,
    rooms,
    run_of_show,
)
from shopfloor.policies import bank_details
from shopfloor.sms import words as words_by_sms
from shopfloor.web.console.form_values import (
    day_of,
    moment_of,
)


def test_times_are_the_shops() -> None:
    moment = moment_of("2026-12-03T20:00", "Asia/Shanghai")
    assert moment is not None
    assert moment.isoformat() == "2026-12-03T12:00:00+00:00"
    assert moment_of(" ", "UTC") is None
    assert day_of("") is None


async def member(stage: Stage, role: accounts.Role, name: str) -> str:
    """A session of somebody new with this role, invited by the first owner."""
    async with stage.db.transaction() as tx:
        owner = await tx.value("SELECT id FROM accounts.person WHERE email = 'owner@example.com'")
        actor = await auth.actor(tx, await auth.open_session(tx, person_id=owner), "harbour")
        invited = await accounts.invite(tx, actor=actor, role=role)
        joined = await auth.join(
            tx, token=invited.token, email=f"{name}@example.com", password="a long enough one", name=name
        )
    return joined.session


async def kept(stage: Stage) -> tuple[str, int, list[tuple[str, str]]]:
    async with stage.db.transaction() as tx:
        terms = await policies.shop_terms(tx, shop_id=stage.shop.id)
        changes = await bank_details.changes(tx, shop_id=stage.shop.id)
    return terms.pay_to, terms.shipping_minor, [(each.before, each.after) for each in changes]


async def told(stage: Stage) -> list[tuple[str, str, str | None]]:
    """What is on record of texts about paying, the newest first."""
    async with stage.db.transaction() as tx:
        return [
            (each.place, each.after, each.changed_by_name)
            for each in await bank_details.changes(tx, shop_id=stage.shop.id)
            if each.place != "pay_to"
        ]


async def test_what_buyers_read_about_paying_takes_a_money_permission_and_is_told_to_the_owner(
    stage: Stage,
) -> None:
    client = stage.client
    owner = client.cookies.get("session")
    merchandiser = await member(stage, accounts.Role.MERCHANDISER, "Mo")
    finance = await member(stage, accounts.Role.FINANCE, "Fay")
    words, sms = "/console/harbour/messages/words", "/console/harbour/messages/sms/words"
    rules = {"withdrawal_days": "14", "goodwill_days": "0", "claim_days": "730", "address": "Pier 3"}
    trap = "Transfer it to DE89 3704 0044 0532 0130 00"
    placed = {"kind": "order_placed", "tongue": "en", "subject": "Your order", "intro": "Thanks!"}
    shipped = {"kind": "shipped", "tongue": "en", "subject": "On its way", "intro": trap}

    client.cookies.set("session", merchandiser)
    page = (await client.get(words, params={"kind": "order_placed", "tongue": "en"})).text
    refused = [
        await client.post(words, data=placed),
        await client.post(words, data=shipped),
        await client.post(sms, data={"kind": "shipped", "tongue": "en", "words": "Pay 12345678 {number}"}),
        await client.post("/console/harbour/return-rules", data=rules | {"note": trap}),
        await client.post("/console/harbour/shipping/method", data={"name": "Courier", "note": trap}),
    ]
    await client.post("/console/harbour/terms", data={"pick_up_at": trap, "shipping": "12"})
    harmless = await client.post(words, data=shipped | {"intro": "It left today."})

    assert "only members who manage money can change it" in page
    assert [answer.status_code for answer in refused] == [403] * 5
    assert "Only members who manage money may tell buyers where to send it." in refused[1].text
    assert harmless.status_code == 303
    async with stage.db.transaction() as tx:
        own = await letters.wording(tx, shop_id=stage.shop.id)
        assert {key: each.intro for key, each in own.items()} == {("shipped", "en"): "It left today."}
        assert await words_by_sms(tx, shop_id=stage.shop.id) == {}
        assert (await policies.shop_terms(tx, shop_id=stage.shop.id)).pick_up_at == "Old Pier 3"
    assert await told(stage) == []

    async with stage.db.transaction() as tx:
        found = await auth.actor(tx, finance, "harbour")
        await letters.save_wording(
            tx, actor=found, wording=letters.Wording(notices.Kind.PAY_REMINDER, "en", "Pay", trap)
        )
    assert await told(stage) == [("mail pay_reminder en", f"Pay\n{trap}", "Fay")]
    async with stage.db.transaction() as tx:
        person = await tx.value("SELECT id FROM accounts.person WHERE email = 'owner@example.com'")
        session = owner or await auth.open_session(tx, person_id=person)
    client.cookies.set("session", session)
    notice = (await client.get("/console/harbour")).text
    assert "What buyers read about paying was changed." in notice
    assert "Fay" in notice
    assert "DE89 3704 0044 0532 0130 00" in notice


async def test_no_text_of_a_show_or_product_leads_buyers_money_elsewhere(stage: Stage) -> None:
    """Whoever may not change the bank details cannot write others where buyers read."""
    client, desk = stage.client, "/console/harbour"
    trap = "Transfer to DE89 3704 0044 0532 0130 00"
    show, shirt = f"{desk}/shows/{stage.show.id}", f"{desk}/products/{stage.shirt.id}"
    sheet = f"Handle,Title,Body (HTML),Variant Price\ncup,Cup,<p>{trap.replace('0532', '05<b></b>32')}</p>,5\nplate,Plate,,6\n"
    coupon = {"method": "code", "code": "TEN", "kind": "amount", "level": "order", "amount": "10"}
    shopper = UUID(int=7)
    async with stage.db.transaction() as tx:
        lines = [
            await chat.say(
                tx, shop_id=stage.shop.id, show_id=stage.show.id, shopper=shopper, text=trap, role=role
            )
            for role in (chat.Role.VIEWER, chat.Role.HOST)
        ]
    assert [(line.state, line.reason) for line in lines] == [(chat.State.HELD, chat.Reason.OFF_PLATFORM)] * 2

    async def tries(role: accounts.Role) -> list[int]:
        client.cookies.set("session", await member(stage, role, role))
        answers = [
            await client.post(f"{desk}/shows", data={"title": trap}),
            await client.post(show, data={"title": "Autumn", "other_title": trap}),
            await client.post(f"{show}/slots", data={"title": trap, "minutes": "5"}),
            await client.post(f"{show}/studio/notice", data={"text": trap, "kind": "correction"}),
            await client.post(f"{show}/studio/approve", data={"line_id": str(lines[0].id)}),
            await client.post(f"{desk}/discounts", data=coupon | {"title": trap}),
            await client.post(f"{desk}/products/new", data={"title": trap, "price": "5", "kind": "piece"}),
            await client.post(shirt, data={"title": "Shirt", "description": f"<p>{trap}</p>"}),
            await client.post(f"{desk}/products/import", files={"file": ("a.csv", sheet.encode())}),
        ]
        if role is accounts.Role.HOST:
            # On air what was written comes back to be corrected.
            assert f">{trap}</textarea>" in answers[3].text or f'value="{trap}"' in answers[3].text
            assert '<input type="hidden" name="kind" value="correction">' in answers[3].text
            assert "Only members who manage money may tell buyers where to send it." in answers[3].text
        return [answer.status_code for answer in answers]

    # A form comes back (403), or leads back to its page, which says why (303); of a sheet the other rows are taken.
    assert await tries(accounts.Role.HOST) == [403, 403, 403, 403, 303, 403, 403, 403, 403]
    assert await tries(accounts.Role.MERCHANDISER) == [403] * 8 + [200]
    async with stage.db.transaction() as tx:
        assert [each.title for each in await live.shows(tx, shop_id=stage.shop.id)] == ["Autumn"]
        slots = await run_of_show.slots(tx, shop_id=stage.shop.id, show_id=stage.show.id)
        assert trap not in [slot.title for slot in slots]
        assert await rooms.notices(tx, shop_id=stage.shop.id, show_id=stage.show.id) == []
        assert await chat.recent(tx, show_id=stage.show.id) == []
        assert await promotions.service.discounts(tx, shop_id=stage.shop.id) == []
        products = await catalog.products(tx, shop_id=stage.shop.id)
    assert {each.title: trap in each.description for each in products} == {"Shirt": False, "Plate": False}


async def test_bank_details_take_a_money_permission(stage: Stage) -> None:
    client = stage.client
    first = ("", "Bank 4711")
    merchandiser = await member(stage, accounts.Role.MERCHANDISER, "Mo")
    finance = await member(stage, accounts.Role.FINANCE, "Fay")

    client.cookies.set("session", merchandiser)
    assert (await client.post("/console/harbour/terms/pay-to", data={"pay_to": "Mine 1"})).status_code == 403
    await client.post("/console/harbour/terms", data={"pay_to": "Mine 1", "shipping": "9"})
    assert await kept(stage) == ("Bank 4711", 1_200, [first])
    page = (await client.get("/console/harbour/terms")).text
    assert ("Change history" in page, "Save bank details" in page) == (False, False)
    same = {"pay_to": "Bank 4711", "shipping": "9"}
    assert (await client.post("/console/harbour/terms", data=same)).status_code == 303
    assert (await client.post("/console/harbour/terms", data={"shipping": "8"})).status_code == 303
    assert await kept(stage) == ("Bank 4711", 800, [first])

    client.cookies.set("session", finance)
    assert (await client.post("/console/harbour/terms", data={"shipping": "1"})).status_code == 403
    bad = await client.post("/console/harbour/terms/pay-to", data={"pay_to": "a\x00b"})
    assert bad.status_code == 422
    answer = await client.post("/console/harbour/terms/pay-to", data={"pay_to": " Bank\r\n0815 "})
    assert answer.status_code == 303
    assert await kept(stage) == ("Bank\n0815", 800, [("Bank 4711", "Bank\n0815"), first])
    page = (await client.get("/console/harbour/terms")).text
    assert ("Change history" in page, "Save bank details" in page) == (True, True)


async def test_every_owner_is_told_of_a_change_until_that_owner_has_seen_it(stage: Stage) -> None:
    client = stage.client
    one, two = [await member(stage, accounts.Role.OWNER, name) for name in ("Ona", "Otto")]
    finance = await member(stage, accounts.Role.FINANCE, "Fay")

    async def told(session: str) -> str | None:
        """The newest change that this one is told of on the first page."""
        client.cookies.set("session", session)
        found = re.search(r'name="change" value="(\d+)"', (await client.get("/console/harbour")).text)
        return found[1] if found else None

    async def has_seen(session: str, change: str | None) -> None:
        client.cookies.set("session", session)
        answer = await client.post("/console/harbour/terms/pay-to/seen", data={"change": change or ""})
        assert answer.status_code == 303

    for owner in (one, two):
        await has_seen(owner, await told(owner))
    assert [await told(each) for each in (one, two, finance)] == [None] * 3

    client.cookies.set("session", finance)
    await client.post("/console/harbour/terms/pay-to", data={"pay_to": "Bank 0815"})
    assert await told(finance) is None
    first = await told(one)
    page = (await client.get("/console/harbour")).text
    assert all(words in page for words in ("Fay", "Bank 4711", "Bank 0815"))
    client.cookies.set("session", finance)
    await client.post("/console/harbour/terms/pay-to", data={"pay_to": "Bank 9"})
    await has_seen(one, first)
    second = await told(one)
    assert second not in {None, first}
    await has_seen(one, second)
    assert [await told(each) for each in (one, two, finance)] == [None, second, None]
    # An owner's own change as well: a stolen session looks like its owner.
    client.cookies.set("session", one)
    await client.post("/console/harbour/terms/pay-to", data={"pay_to": "Bank 1"})
    third = await told(one)
    assert third not in {None, second}
    assert await told(two) == third


async def test_the_first_bank_details_of_a_shop_are_no_news_to_who_gives_them(stage: Stage) -> None:
    owner = await member(stage, accounts.Role.OWNER, "Ona")
    async with stage.db.transaction() as tx:
        actor = await auth.actor(tx, owner, "harbour")
        # What was there before any person of this release gave it is told.
        assert [each.changed_by for each in await bank_details.unseen(tx, actor=actor)] == [None]
        await bank_details.change(tx, actor=actor, pay_to="")
        [emptied, _] = await bank_details.unseen(tx, actor=actor)
        assert (emptied.before, emptied.after, emptied.changed_by_name) == ("Bank 4711", "", "Ona")
        await bank_details.mark_seen(tx, actor=actor, change_id=emptied.id)
        await bank_details.change(tx, actor=actor, pay_to="Bank 2")
        assert await bank_details.unseen(tx, actor=actor) == []


async def test_when_a_show_is_paid_is_a_policy_of_the_shop(stage: Stage) -> None:
    """Each policy says what it means; what can't be is refused and changes nothing."""
    form = {"policy": "at_end", "minutes": "45", "units": "6"}
    stage.client.cookies.set("session", await member(stage, accounts.Role.MERCHANDISER, "Mo"))

    async def rule() -> tuple[int | None, int]:
        async with stage.db.transaction() as tx:
            terms = await policies.shop_terms(tx, shop_id=stage.shop.id)
        return terms.pay_after_minutes, terms.unpaid_units

    before = await rule()
    said = await stage.client.post("/console/harbour/terms/paying", data=form)
    kept_rule = await rule()
    page = (await stage.client.get("/console/harbour/terms")).text
    for wrong in ({"minutes": "4"}, {"minutes": "2000"}, {"units": "0"}, {"units": "many"}):
        await stage.client.post("/console/harbour/terms/paying", data=form | wrong)
    unchanged = await rule()
    await stage.client.post("/console/harbour/terms/paying", data={"policy": "as_you_go"})

    assert (before, said.status_code, kept_rule) == ((None, 10), 303, (45, 6))
    assert "reserved until some minutes after the show" in page
    assert re.search(r'value="at_end"[^>]*checked', page)
    assert unchanged == kept_rule
    assert await rule() == (None, 6)


FILLED = {
    "pay_within_hours": "72",
    "most_per_buyer": "4",
    "shipping": "4.90",
    "free_from": "",
    "pick_up_at": "Quay 3",
    "together_hours": "0",
    "claim_minutes": "15",
    "balance_within_days": "30",
}


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("pay_within_hours", ""), ("pay_within_hours", "1e3"), ("most_per_buyer", ""), ("most_per_buyer", "0"),
        ("shipping", " "), ("shipping", "1e3"), ("free_from", "--5"), ("together_hours", ""),
        ("claim_minutes", ""), ("balance_within_days", "1,5"),
    ],
)  # fmt: skip
async def test_a_field_that_is_emptied_or_misspelt_is_named_and_all_that_was_typed_stays(
    stage: Stage, field: str, typed: str
) -> None:
    client = stage.client
    client.cookies.set("session", await member(stage, accounts.Role.MERCHANDISER, "Mo"))
    assert (await client.post("/console/harbour/terms", data=FILLED)).status_code == 303
    async with stage.db.transaction() as tx:
        before = await policies.shop_terms(tx, shop_id=stage.shop.id)
    assert (before.pay_within_hours, before.shipping_minor, before.claim_seconds) == (72, 490, 900)

    bad = {**FILLED, "pick_up_at": "Another quay", field: typed}
    answer = await client.post("/console/harbour/terms", data=bad)

    assert answer.status_code == 422
    assert re.search(rf'name="{field}"\s+aria-invalid="true"', answer.text)
    assert answer.text.count('aria-invalid="true"') == 1
    assert "Another quay</textarea>" in answer.text
    async with stage.db.transaction() as tx:
        assert await policies.shop_terms(tx, shop_id=stage.shop.id) == before

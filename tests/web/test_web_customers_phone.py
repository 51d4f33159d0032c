"""Accounts by a phone: a code by SMS, guest orders by their number, changing and removing what one signs in with."""

from pathlib import Path
from uuid import UUID

import pytest
from tests.web.conftest import Stage
from tests.web.test_web_customers import MAIL, Browser, box, browser, placed
from tests.web.test_web_customers import sign_in as sign_in_by_mail

from shopfloor import customers, notices, sms
from shopfloor.customers import signing_in
from shopfloor.kernel import phones, secrets
from shopfloor.letters import composing
from shopfloor.notices import Kind
from shopfloor.sms.service import take

__all__ = ["box"]

PHONE = "+8613800001111"
SIGN_IN = "/s/harbour/account/sign-in"
CODE = "/s/harbour/account/code"
CONTACT = "/s/harbour/account/contact"


@pytest.fixture
async def texting(stage: Stage, box: secrets.Box) -> secrets.Box:
    """A shop that keeps what it would send by SMS, and sends codes."""
    await save(stage, box)
    return box


async def save(stage: Stage, box: secrets.Box, most: str = "100") -> None:
    kinds = tuple(sms.KINDS)
    async with stage.db.transaction() as tx:
        form = sms.Form(region="CN", countries="CN", kinds=kinds, most_a_day=most)
        await sms.save(tx, box=box, shop_id=stage.shop.id, form=form)


async def code_by_sms(stage: Stage, box: secrets.Box, phone: str = PHONE) -> str:
    async with stage.db.transaction() as tx:
        row = await (
            await tx.connection.execute(
                "SELECT id, sealed FROM notifications.notice WHERE channel = 'sms' AND recipient = %s"
                " AND kind IN ('sign_in_code', 'contact_code') ORDER BY created_at DESC, id DESC LIMIT 1",
                (phone,),
            )
        ).fetchone()
        assert row is not None
        notice = await notices.notice(tx, shop_id=1, notice_id=row[0])
        told = await composing.compose(
            tx,
            [notice],
            origin="http://shop.test",
            sealed={row[0]: row[1]},
            box=box,
            in_short=await sms.in_short(tx, shop_ids=[1], origin="http://shop.test"),
        )
    return told[row[0]].text.partition(" ")[0]


async def sign_in(stage: Stage, box: secrets.Box, who: Browser, phone: str = "138 0000 1111") -> None:
    assert (await who.client.post(SIGN_IN, data={"email": phone})).status_code == 303
    full = phones.e164(phone, region="CN")
    answer = await who.client.post(CODE, data={"code": await code_by_sms(stage, box, full)})
    assert answer.status_code == 303, answer.text


async def account(stage: Stage, *, email: str = "", phone: str = "") -> customers.Customer | None:
    async with stage.db.transaction() as tx:
        found = await tx.value(
            "SELECT id FROM customers.customer WHERE (email = %(email)s AND email <> '') OR proven_phone = %(phone)s",
            email=email,
            phone=phone,
        )
        return None if found is None else await customers.customer(tx, shop_id=1, customer_id=found)


async def orders_of(stage: Stage, who: customers.Customer) -> set[UUID]:
    async with stage.db.transaction() as tx:
        return {each.id for each in await customers.orders_of(tx, shop_id=1, customer_id=who.id)}


async def told(stage: Stage, kind: Kind) -> list[tuple[str, str]]:
    async with stage.db.transaction() as tx:
        page = await notices.page_of(tx, shop_id=1, kind=kind)
    return [(str(each.channel), each.recipient) for each in page.items]


async def change(stage: Stage, box: secrets.Box, who: Browser, contact: str) -> int:
    way = "mail" if "@" in contact else "phone"
    asked = await who.client.post(CONTACT, data={"contact": contact, "way": way})
    assert asked.status_code == 303, asked.text
    if way == "phone":
        code = await code_by_sms(stage, box, phones.e164(contact, region="CN"))
    else:
        code = await code_of_change(stage, box, contact)
    return (await who.client.post(f"{CONTACT}/code", data={"code": code})).status_code


async def code_of_change(stage: Stage, box: secrets.Box, email: str) -> str:
    async with stage.db.transaction() as tx:
        notice_id, sealed = await (
            await tx.connection.execute(
                "SELECT id, sealed FROM notifications.notice WHERE kind = 'contact_code' AND recipient = %s"
                " ORDER BY created_at DESC, id DESC LIMIT 1",
                (email,),
            )
        ).fetchone() or (None, None)
    assert notice_id is not None
    assert sealed is not None
    said: str = box.open(sealed, about=composing.about_secret(notice_id))
    return said.rpartition("/")[2]


async def test_a_phone_signs_in_where_the_shop_sends_codes_and_nowhere_else(
    stage: Stage, box: secrets.Box
) -> None:
    page = (await stage.client.get(SIGN_IN)).text
    assert "mobile number" not in page
    refused = await stage.client.post(SIGN_IN, data={"email": "13800001111"})
    assert (refused.status_code, "Enter a valid email address" in refused.text) == (422, True)

    await save(stage, box)
    assert "Email or mobile number" in (await stage.client.get(SIGN_IN)).text
    for wrong in ("12345", "+49 171 2345678", "abc"):
        assert (await stage.client.post(SIGN_IN, data={"email": wrong})).status_code == 422
    assert await told(stage, Kind.SIGN_IN_CODE) == []
    who = browser(stage)
    await sign_in(stage, box, who, "0086 138-0000-1111")
    mine = (await who.client.get("/s/harbour/account")).text
    assert "+86 138 0000 1111" in mine
    assert "Email me about new shows" not in mine, "there is no address yet"
    found = await account(stage, phone=PHONE)
    assert found is not None
    assert (found.email, found.phone, found.proven_phone) == ("", "8613800001111", PHONE)
    await sign_in(stage, box, browser(stage), "13800001111")
    async with stage.db.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM customers.customer") == 1


async def test_orders_of_a_guest_join_by_their_number_however_it_was_written(
    stage: Stage, texting: secrets.Box
) -> None:
    with_mail = await placed(stage, email="mei@example.com", phone="+86 13800001111")
    other = await placed(stage, email="", phone="13800002222")
    who = browser(stage)
    await sign_in(stage, texting, who)
    found = await account(stage, phone=PHONE)
    assert found is not None
    assert await orders_of(stage, found) == {with_mail}

    # And what is ordered as a guest from now on.
    later = await placed(stage, email="", phone="138 0000 1111")
    assert await orders_of(stage, found) == {with_mail, later}
    async with stage.db.transaction() as tx:
        left = await tx.value(
            "SELECT array_agg(phone ORDER BY phone) FROM customers.customer WHERE email = ''"
        )
        owner = await customers.of_order(tx, shop_id=1, order_id=other)
    assert left == ["13800002222", "8613800001111"]
    assert owner != found.id


async def test_an_order_whose_address_is_proved_stays_with_it(stage: Stage, texting: secrets.Box) -> None:
    proved = browser(stage)
    order = await placed(stage, email=MAIL, phone="13800001111")
    await sign_in_by_mail(stage, texting, proved.client)
    await sign_in(stage, texting, browser(stage))
    by_phone, by_mail = await account(stage, phone=PHONE), await account(stage, email=MAIL)
    assert by_phone is not None
    assert by_mail is not None
    assert await orders_of(stage, by_phone) == set()
    assert await orders_of(stage, by_mail) == {order}


async def test_answers_are_the_same_whoever_has_the_number_and_codes_are_limited(
    stage: Stage, texting: secrets.Box
) -> None:
    await sign_in(stage, texting, browser(stage))
    known = await browser(stage).client.post(SIGN_IN, data={"email": "13800001111"})
    new = await browser(stage).client.post(SIGN_IN, data={"email": "13900009999"})
    assert (known.status_code, known.headers["location"]) == (new.status_code, new.headers["location"])
    shop = stage.shop
    async with stage.db.transaction() as tx:
        await signing_in.ask_code(tx, shop=shop, contact=PHONE, network=1, locale="en", box=texting)
        with pytest.raises(customers.TooManyCodes):
            await signing_in.ask_code(
                tx, shop=shop, contact="138 0000 1111", network=2, locale="en", box=texting
            )
    # A day that is used up sends no code.
    await save(stage, texting, most="1")
    async with stage.db.transaction() as tx:
        gateway = await sms.gateway(tx, shop_id=shop.id)
        assert gateway is not None
        assert await take(tx, gateway=gateway, kind=Kind.SIGN_IN_CODE, phone=PHONE, segments=1) == ""
        with pytest.raises(customers.TooManyCodes):
            await signing_in.ask_code(
                tx, shop=shop, contact="13700007777", network=3, locale="en", box=texting
            )


async def test_an_address_is_changed_by_who_has_the_new_one_and_the_old_one_is_told(
    stage: Stage, texting: secrets.Box
) -> None:
    who, elsewhere = browser(stage), browser(stage)
    await sign_in_by_mail(stage, texting, who.client)
    await sign_in_by_mail(stage, texting, elsewhere.client)
    guest = await placed(stage, email="new@example.com", phone="13900001111")

    assert (
        await who.client.post(CONTACT, data={"contact": "new@example.com", "way": "mail"})
    ).status_code == 303
    wrong = await who.client.post(f"{CONTACT}/code", data={"code": "000000"})
    assert wrong.status_code == 422
    assert "new@example.com" in wrong.text
    # A code for a change signs nobody in, and works for its own account only.
    code = await code_of_change(stage, texting, "new@example.com")
    assert (await who.client.post(CODE, data={"code": code})).status_code == 409
    found = await account(stage, email=MAIL)
    assert found is not None
    assert (await who.client.post(f"{CONTACT}/code", data={"code": code})).status_code == 303

    changed = await account(stage, email="new@example.com")
    assert changed is not None
    assert changed.id == found.id
    assert await account(stage, email=MAIL) is None
    assert await orders_of(stage, changed) == {guest}
    assert await told(stage, Kind.CONTACT_CHANGED) == [("mail", MAIL)]
    assert (await who.client.get("/s/harbour/account")).status_code == 200
    assert (await elsewhere.client.get("/s/harbour/account")).status_code == 303, "signed out"
    # Whoever has the old address gets an account of its own.
    await sign_in_by_mail(stage, texting, elsewhere.client)
    fresh = await account(stage, email=MAIL)
    assert fresh is not None
    assert fresh.id != found.id
    assert await orders_of(stage, fresh) == set()


async def test_a_number_is_added_changed_and_never_taken_from_another(
    stage: Stage, texting: secrets.Box
) -> None:
    owner, who = browser(stage), browser(stage)
    await sign_in(stage, texting, owner)
    await sign_in_by_mail(stage, texting, who.client)
    assert "Add a mobile number" in (await who.client.get(CONTACT, params={"way": "phone"})).text
    assert f"Now: {MAIL}" in (await who.client.get(CONTACT, params={"way": "mail"})).text
    assert (await who.client.get(CONTACT, params={"way": "pigeon"})).status_code == 422
    assert await change(stage, texting, who, "13900009999") == 303
    assert await change(stage, texting, who, "13700007777") == 303
    assert await change(stage, texting, who, "138 0000 1111") == 409, "somebody else has proved it"
    mine, theirs = await account(stage, email=MAIL), await account(stage, phone=PHONE)
    assert mine is not None
    assert theirs is not None
    assert mine.id != theirs.id
    assert mine.proven_phone == "+8613700007777"
    assert await told(stage, Kind.CONTACT_CHANGED) == [("sms", "+8613900009999"), ("mail", MAIL)]
    assert (await owner.client.get("/s/harbour/account")).status_code == 200


async def test_one_contact_is_removed_and_the_last_one_stays(stage: Stage, texting: secrets.Box) -> None:
    who = browser(stage)
    await sign_in_by_mail(stage, texting, who.client)
    before = await account(stage, email=MAIL)
    assert before is not None
    await who.client.post(f"{CONTACT}/remove", data={"way": "mail"})
    assert await account(stage, email=MAIL) is not None
    assert await change(stage, texting, who, "13800001111") == 303
    # A guest of the same number, who ordered before the address goes.
    guest = await placed(stage, email="", phone="8613800001111")
    assert (await who.client.post(f"{CONTACT}/remove", data={"way": "mail"})).status_code == 303
    after = await account(stage, phone=PHONE)
    assert after is not None
    assert (after.id, after.email, after.proven_at) == (before.id, "", None)
    assert await orders_of(stage, after) == {guest}
    assert await told(stage, Kind.CONTACT_CHANGED) == [("mail", MAIL), ("mail", MAIL)]
    await who.client.post(f"{CONTACT}/remove", data={"way": "phone"})
    assert await account(stage, phone=PHONE) == after, "the last one stays"


async def test_an_account_of_a_phone_sees_what_is_kept_and_is_erased(
    stage: Stage, texting: secrets.Box, tmp_path: Path
) -> None:
    order = await placed(stage, email="", phone="13800001111")
    who = browser(stage)
    await sign_in(stage, texting, who)
    kept = (await who.client.get("/s/harbour/account/data.json")).json()
    assert kept["customer"]["proven_phone"] == PHONE
    assert [each["order"]["id"] for each in kept["orders"]] == [str(order)]
    assert [each["kind"] for each in kept["messages"]] == ["sign_in_code"]
    assert (
        await who.client.post("/s/harbour/account/erase", data={"email": "13900009999"})
    ).status_code == 422
    done = await who.client.post("/s/harbour/account/erase", data={"email": "138 0000 1111"})
    assert "Your account is erased" in done.text
    assert await account(stage, phone=PHONE) is None
    assert await told(stage, Kind.SIGN_IN_CODE) == [("sms", "")]

"""Messages by SMS against a gateway that is slow, out of order, lying and away: told once, counted, never to a stranger."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from ipaddress import ip_network
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.notifications.conftest import BOX, ORIGIN, Market
from tests.notifications.gateway import SECRET, FakeGateway, gateway

from shopfloor import accounts, fulfilment, notices, notifications, sms
from shopfloor.accounts import Actor, Role
from shopfloor.accounts.models import PERMISSIONS
from shopfloor.kernel import phones
from shopfloor.kernel.database import Database
from shopfloor.kernel.values import new_id
from shopfloor.letters import UnknownPlaceholder
from shopfloor.notices import Channel, Kind, NewNotice, Notice, State
from shopfloor.notices import service as notice_log
from shopfloor.orders import packing, shipping
from shopfloor.sms import sending
from shopfloor.sms.models import MOST_TO_NUMBER, NotAGateway, Size, long, short, size_of
from shopfloor.sms.sending import MOST_TRIES, Texter

LOCAL = (ip_network("127.0.0.0/8"),)
PHONE = "+8613800001111"
OF_ORDER = "+8613912345678"
Hear = Callable[[], Awaitable[None]]


@pytest.fixture
def fake() -> Iterator[FakeGateway]:
    with gateway() as made:
        yield made


@pytest.fixture
async def texter(database: Database) -> AsyncIterator[Texter]:
    made = Texter(database, ORIGIN, BOX, allowed=LOCAL, seconds=5.0)
    yield made
    await made.close()


def form(fake: FakeGateway | None, **changes: Any) -> sms.Form:
    usual = sms.Form(
        url="" if fake is None else fake.url,
        headers="Authorization: Bearer {secret}",
        secret=SECRET,
        body='{"to": "{phone}", "text": "{text}", "id": "{id}"}',
        ok_field="code",
        ok_value="0",
        reference_field="data.id",
        report_id="msg",
        report_status="state",
        delivered="DELIVRD",
        undelivered="UNDELIV, EXPIRED",
        region="CN",
        countries="CN, DE",
        kinds=tuple(sms.KINDS),
        most_a_day="100",
    )
    return replace(usual, **changes)


async def save(market: Market, made: sms.Form) -> None:
    async with market.db.transaction() as tx:
        await sms.save(tx, box=BOX, shop_id=market.shop_id, form=made, private=LOCAL)


async def tell(market: Market, *, phone: str = PHONE, times: int = 1) -> list[UUID]:
    found: list[UUID] = []
    async with market.db.transaction() as tx:
        for _ in range(times):
            notice = NewNotice(market.shop_id, new_id(), Kind.TEST, phone, "en")
            made = await notices.tell(tx, notice)
            assert made is not None
            found.append(made)
    return found


async def log_of(market: Market) -> list[Notice]:
    async with market.db.transaction() as tx:
        page = await notices.page_of(tx, shop_id=market.shop_id)
    return [each for each in page.items if each.channel is Channel.SMS]


async def due(market: Market) -> None:
    async with market.db.transaction() as tx:
        await tx.run("UPDATE notifications.notice SET due_at = now() - interval '1 s' WHERE state = 'queued'")


async def used(market: Market) -> int:
    async with market.db.transaction() as tx:
        return await sms.used_today(tx, shop_id=market.shop_id)


async def shipped(market: Market, *, wanted: bool = True) -> UUID:
    """An order with the number `OF_ORDER`, paid and sent."""
    order, _ = await market.paid()
    async with market.db.transaction() as tx:
        if wanted:
            assert await sms.want(
                tx, shop_id=market.shop_id, order_id=order.id, phone=order.contact_phone, wording="Text me."
            )
        await packing.plan_order(tx, shop_id=market.shop_id, order_id=order.id)
        [parcel] = await fulfilment.of_order(tx, shop_id=market.shop_id, order_id=order.id)
        await shipping.send_parcel(
            tx, shop_id=market.shop_id, parcel_id=parcel.id, actor="person:1", carrier="SF", tracking="SF1"
        )
    return order.id


# Parts, numbers, links


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("", Size("gsm", 0, 1)),
        ("a" * 160, Size("gsm", 160, 1)),
        ("a" * 161, Size("gsm", 161, 2)),
        ("a" * 306, Size("gsm", 306, 2)),
        ("a" * 307, Size("gsm", 307, 3)),
        # A sign of two places is not torn apart: the first part ends one place early.
        ("a" * 152 + "€" + "a" * 152, Size("gsm", 306, 3)),
        ("€" * 80, Size("gsm", 160, 1)),
        ("Ünïcode", Size("ucs2", 7, 1)),
        ("Grüße für 12 £ @ Ø", Size("gsm", 18, 1)),
        ("验" * 70, Size("ucs2", 70, 1)),
        ("验" * 71, Size("ucs2", 71, 2)),
        ("验" * 134, Size("ucs2", 134, 2)),
        ("验" * 135, Size("ucs2", 135, 3)),
        ("🧵" * 35, Size("ucs2", 70, 1)),
        # 66 and half of a sign: it goes into the next part whole.
        ("验" * 66 + "🧵" + "验" * 66, Size("ucs2", 134, 3)),
    ],
)
def test_parts_are_counted_as_networks_count_them(text: str, size: Size) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize(
    ("written", "region", "full"),
    [
        ("13800001111", "CN", PHONE),
        ("+86 138 0000-1111", "DE", PHONE),
        ("0086 13800001111", "CN", PHONE),
        ("１３８００００１１１１", "CN", PHONE),
        ("0171 2345678", "DE", "+491712345678"),
        ("+49 (0)171 2345678", "CN", "+491712345678"),
        ("(202) 456-1111", "US", "+12024561111"),
        ("12345", "CN", ""),
        ("13800001111 ext 7", "CN", ""),
        ("<script>", "CN", ""),
        ("", "CN", ""),
        ("1" * 41, "CN", ""),
    ],
)
def test_a_number_is_one_number_however_it_is_written(written: str, region: str, full: str) -> None:
    assert phones.e164(written, region=region) == full


def test_a_short_link_is_one_message() -> None:
    made = uuid4()
    assert long(short(made)) == made
    assert long(short(made)[:-1]) is None
    # The last sign has bits to spare, and another spelling of one message is none.
    twins = {
        short(made)[:-1] + sign for sign in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    }
    assert [text for text in twins if long(text) == made] == [short(made)]


# Sending


async def test_an_order_is_told_by_sms_where_its_buyer_asked_and_nowhere_else(
    market: Market, fake: FakeGateway, texter: Texter, hear: Hear
) -> None:
    await save(market, form(fake))
    order_id = await shipped(market)
    await shipped(market, wanted=False)
    await hear()
    await hear()

    assert await texter.run_once() == 1
    assert await texter.run_once() == 0

    [told] = fake.taken
    [kept] = await log_of(market)
    assert told.fields == {
        "to": OF_ORDER,
        "text": f"Garden: order #1001 is on its way. SF1 {ORIGIN}/t/{short(kept.id)}",
        "id": str(kept.id),
    }
    assert told.headers["content-type"] == "application/json"
    assert (kept.state, kept.kind, kept.recipient, kept.segments) == (State.SENT, Kind.SHIPPED, OF_ORDER, 1)
    assert kept.order_id == order_id
    assert await used(market) == 1
    async with market.db.transaction() as tx:
        by_channel = {
            channel: [
                each.id for each in await notice_log.notices(tx, shop_id=market.shop_id, channel=channel)
            ]
            for channel in ("sms", "mail")
        }
        searched = await notice_log.notices(tx, shop_id=market.shop_id, search="1001", channel="sms")
    assert (by_channel["sms"], kept.id in by_channel["mail"]) == ([kept.id], False)
    assert [each.id for each in searched] == [kept.id]
    async with market.db.transaction() as tx:
        assert await sms.path_of(tx, code=short(new_id())) is None
        found = await sms.path_of(tx, code=short(kept.id))
        key = await tx.value("SELECT key FROM orders.v_told WHERE id = %(id)s", id=order_id)
    assert found == (market.shop_id, f"/orders/{order_id}?key={key}")


async def test_who_wants_no_more_gets_no_more_but_codes(
    market: Market, fake: FakeGateway, texter: Texter, hear: Hear
) -> None:
    await save(market, form(fake))
    order_id = await shipped(market)
    async with market.db.transaction() as tx:
        await sms.want_no_more(tx, shop_id=market.shop_id, order_id=order_id, phone="139 1234 5678")
    await hear()
    await tell(market, phone=OF_ORDER)
    async with market.db.transaction() as tx:
        code = NewNotice(market.shop_id, new_id(), Kind.SIGN_IN_CODE, OF_ORDER, "en")
        await notices.tell(tx, code, box=BOX, secret="/s/garden/account/code/123456")

    await texter.run_once()

    texts = sorted(each.fields["text"] for each in fake.taken)
    assert texts == [
        "123456 is your code for Garden. It works for 15 minutes. Tell it to nobody.",
        "Garden: this is a test message.",
    ]
    assert all(each.kind is not Kind.SHIPPED for each in await log_of(market))


async def test_what_a_text_holds_is_no_field_and_no_header(
    market: Market, fake: FakeGateway, texter: Texter
) -> None:
    odd = 'Ann" & to=1\r\nX-Evil: 1 {secret} 好'
    async with market.db.transaction() as tx:
        await tx.run("UPDATE accounts.shop SET name = %(odd)s WHERE id = %(id)s", odd=odd, id=market.shop_id)
    flat = 'Ann" & to=1 X-Evil: 1 {secret} 好: this is a test message.'
    for changes in (
        {},
        {"format": "form", "body": "to={national}\ntext={text}\nid={id}"},
        {"format": "form", "method": "GET", "body": "to={national}\ntext={text}\nid={id}"},
        {"method": "PUT"},
    ):
        await save(market, form(fake, **changes))
        await tell(market)
        await texter.run_once()
        got = fake.taken[-1]
        assert got.method == changes.get("method", "POST")
        assert got.fields["text"] == flat
        assert got.fields["to"].removeprefix("+") == PHONE[1:]
        assert set(got.fields) == {"to", "text", "id"}
        assert "x-evil" not in got.headers
    assert len(fake.taken) == 4


async def test_a_gateway_that_says_later_is_asked_again_and_one_that_says_no_is_not(
    market: Market, fake: FakeGateway, texter: Texter
) -> None:
    await save(market, form(fake))
    await tell(market)
    fake.answer = lambda n: (500, "boom") if n == 1 else (200, '{"code": "RATE"}') if n == 2 else None
    for _ in range(3):
        await texter.run_once()
        await due(market)
    [first] = await log_of(market)
    assert (first.state, first.attempts, first.code) == (State.SENT, 3, "")
    assert await used(market) == 1, "what was not taken costs nothing"

    fake.answer = lambda _: (200, '{"code": 7, "why": "<b>no credit</b>"}')
    await tell(market)
    for _ in range(MOST_TRIES + 2):
        await texter.run_once()
        await due(market)
    lies = (await log_of(market))[0]
    assert (lies.state, lies.attempts, lies.code) == (State.REFUSED, MOST_TRIES, "sms_refused")
    assert lies.reply == '200 {"code": 7, "why": "<b>no credit</b>"}'

    fake.answer = lambda _: (422, "bad number")
    await tell(market)
    before = len(fake.got)
    for _ in range(2):
        await texter.run_once()
        await due(market)
    assert len(fake.got) == before + 1
    assert (await log_of(market))[0].state is State.REFUSED


async def test_a_gateway_that_does_not_let_us_in_costs_no_message_an_attempt(
    market: Market, fake: FakeGateway, database: Database
) -> None:
    await save(market, form(fake, secret="wrong"))
    await tell(market, times=6)
    first = Texter(database, ORIGIN, BOX, allowed=LOCAL)
    await first.run_once()
    await due(market)
    assert await first.run_once() == 0, "it is asked again later, not at once"
    await first.close()
    assert len(fake.got) <= 4
    assert {(each.state, each.attempts) for each in await log_of(market)} == {(State.QUEUED, 0)}
    assert await used(market) == 0
    async with market.db.transaction() as tx:
        found = await sms.gateway(tx, shop_id=market.shop_id)
        assert found is not None
        trouble = await sms.trouble(tx, gateway=found)
    assert trouble is not None
    assert "no_such_key" in trouble.reason
    assert "wrong" not in trouble.reason

    await save(market, form(fake))
    await due(market)
    second = Texter(database, ORIGIN, BOX, allowed=LOCAL)
    assert await second.run_once() == 6
    await second.close()
    assert len(fake.taken) == 6


async def test_one_that_takes_it_and_says_nothing_gets_it_once_more_with_the_same_id(
    market: Market, fake: FakeGateway, texter: Texter
) -> None:
    await save(market, form(fake))
    [made] = await tell(market)
    fake.answer = lambda _: "cut"
    for _ in range(4):
        await texter.run_once()
        await due(market)
    assert [each.fields["id"] for each in fake.taken] == [str(made)] * 2
    [kept] = await log_of(market)
    assert (kept.state, kept.code) == (State.UNKNOWN, "sms_no_answer")


async def test_a_slow_gateway_is_not_waited_for(
    market: Market, fake: FakeGateway, database: Database
) -> None:
    await save(market, form(fake))
    await tell(market)
    fake.answer = lambda _: "slow"
    hasty = Texter(database, ORIGIN, BOX, allowed=LOCAL, seconds=0.2)
    assert await hasty.run_once() == 1
    [kept] = await log_of(market)
    assert (kept.state, kept.code) == (State.QUEUED, "sms_no_answer")
    # Neither does it keep other shops waiting: it is asked later, and the shop is told why.
    await due(market)
    assert (await hasty.run_once(), len(fake.got)) == (0, 1)
    await hasty.close()
    async with market.db.transaction() as tx:
        found = await sms.gateway(tx, shop_id=market.shop_id)
        assert found is not None
        trouble = await sms.trouble(tx, gateway=found)
    assert trouble is not None
    assert trouble.reason == "The server was too slow."


async def test_a_gateway_that_takes_its_time_lets_other_shops_have_their_turn(
    market: Market, fake: FakeGateway, texter: Texter, monkeypatch: pytest.MonkeyPatch
) -> None:
    await save(market, form(fake))
    await tell(market, times=3)
    await tell(market, phone=OF_ORDER, times=3)
    monkeypatch.setattr(sending, "ROUND_SECONDS", 0.0)

    assert await texter.run_once() == 6
    assert len(fake.taken) == sending.AT_ONCE
    states = [each.state for each in await log_of(market)]
    assert (states.count(State.SENT), states.count(State.QUEUED)) == (4, 2)
    await due(market)
    await texter.run_once()
    assert len({each.fields["id"] for each in fake.taken}) == len(fake.taken) == 6


async def test_what_strangers_ask_for_leaves_room_for_what_buyers_wait_for(
    market: Market, fake: FakeGateway, texter: Texter
) -> None:
    await save(market, form(fake, most_a_day="4"))
    async with market.db.transaction() as tx:
        for n in range(5):
            code = NewNotice(market.shop_id, new_id(), Kind.SIGN_IN_CODE, f"+861380000111{n}", "en")
            await notices.tell(tx, code, box=BOX, secret="/s/garden/account/code/123456")
    await texter.run_once()
    assert (len(fake.taken), await used(market)) == (3, 3)
    async with market.db.transaction() as tx:
        assert not await sms.has_room(tx, shop_id=market.shop_id)
    await tell(market)
    await texter.run_once()
    assert (len(fake.taken), await used(market)) == (4, 4)

    await save(market, form(fake, most_a_day="5", kinds=(Kind.SIGN_IN_CODE,)))
    async with market.db.transaction() as tx:
        assert await sms.has_room(tx, shop_id=market.shop_id), "nothing else is sent"


@pytest.mark.parametrize(
    ("written", "region"),
    [
        ("+44 9098 790000", "GB"),
        ("+44 70 1234 5678", "GB"),
        ("+44 7797 712345", "GB"),
        ("+49 900 1234567", "DE"),
        ("0800 1234567", "DE"),
        ("030 123456", "DE"),
        ("010 1234 5678", "CN"),
        ("400 810 8888", "CN"),
        ("+1 900 555 0123", "US"),
        ("+1 876 555 0123", "US"),
        ("+1 800 555 0123", "US"),
        ("+7 701 234 5678", "RU"),
        ("+881 612 345 678", "US"),
    ],
)
async def test_nothing_goes_to_numbers_that_cost_extra_or_are_no_mobile_phone(
    market: Market, written: str, region: str
) -> None:
    await save(market, form(None, region=region, countries=region))
    async with market.db.transaction() as tx:
        found = await sms.gateway(tx, shop_id=market.shop_id)
        assert found is not None
        with pytest.raises(sms.NotAPhone):
            sms.number(found, written)
    assert await log_of(market) == []


@pytest.mark.parametrize(
    ("answer", "state", "code"),
    [
        # Nothing is followed, wherever it leads.
        ((302, ""), State.REFUSED, "sms_refused"),
        ((200, "[" * 100_000), State.QUEUED, "sms_later"),
        ((200, '{"code": 0, "data": {"id": "' + "x" * 5_000_000 + '"}}'), State.QUEUED, "sms_later"),
        ((200, '{"code": {"0": 0}}'), State.QUEUED, "sms_later"),
        ((200, '{"code": true}'), State.QUEUED, "sms_later"),
        ((200, "\x00"), State.QUEUED, "sms_later"),
        ((204, ""), State.QUEUED, "sms_later"),
    ],
    ids=["redirect", "deep", "huge", "nested", "true", "zero", "empty"],
)
async def test_what_a_gateway_says_is_read_with_care(
    market: Market, fake: FakeGateway, texter: Texter, answer: tuple[int, str], state: State, code: str
) -> None:
    await save(market, form(fake))
    await tell(market)
    fake.answer = lambda _: answer
    await texter.run_once()
    [kept] = await log_of(market)
    assert (kept.state, kept.code, len(fake.got), await used(market)) == (state, code, 1, 0)


async def test_a_day_has_a_limit_for_the_shop_and_for_a_number(
    market: Market, fake: FakeGateway, texter: Texter
) -> None:
    await save(market, form(fake, most_a_day="3"))
    for n in range(5):
        await tell(market, phone=f"+861380000111{n}")
    await texter.run_once()
    assert len(fake.taken) == 3
    assert sorted(each.code for each in await log_of(market)) == ["", "", "", "day_limit", "day_limit"]

    await save(market, form(fake, most_a_day="1000"))
    await tell(market, phone="+8613900009999", times=MOST_TO_NUMBER + 3)
    await texter.run_once()
    to_one = [each for each in await log_of(market) if each.recipient == "+8613900009999"]
    assert [each.state for each in to_one].count(State.SENT) == MOST_TO_NUMBER
    assert [each.code for each in to_one].count("number_limit") == 3
    assert await used(market) == 3 + MOST_TO_NUMBER


async def test_numbers_abroad_and_what_is_none_cost_nothing(market: Market, fake: FakeGateway) -> None:
    await save(market, form(fake, countries="CN"))
    order, _ = await market.order(phone="+49 171 2345678")
    async with market.db.transaction() as tx:
        for phone in ("+49 171 2345678", "911", "", "+8821612345678"):
            assert not await sms.want(tx, shop_id=market.shop_id, order_id=order.id, phone=phone, wording="")
        assert not await sms.is_wanted(tx, shop_id=market.shop_id, order_id=order.id)


async def test_a_report_that_comes_twice_and_late_says_what_it_said(
    market: Market, fake: FakeGateway, texter: Texter
) -> None:
    await save(market, form(fake))
    made = await tell(market, times=3)
    await texter.run_once()
    async with market.db.transaction() as tx:
        found = await sms.gateway(tx, shop_id=market.shop_id)
    assert found is not None
    by_ours = {each.fields["id"]: name for each, name in zip(fake.taken, fake.references(), strict=True)}

    async def report(said: Any) -> int | None:
        body = said if isinstance(said, str) else json.dumps(said)
        async with market.db.transaction() as tx:
            return await sms.note_reports(tx, key=found.report_key, body=body)

    arrived = {"msg": by_ours[str(made[0])], "state": "DELIVRD"}
    assert await report(arrived) == 1
    assert await report(arrived) == 0
    assert await report([{"msg": str(made[1]), "state": "EXPIRED"}, arrived]) == 1
    assert await report("msg=" + by_ours[str(made[1])] + "&state=DELIVRD") == 1, "it arrived after all"
    assert await report({"msg": by_ours[str(made[0])], "state": "UNDELIV"}) == 0, "what arrived has arrived"
    for odd in (
        "",
        "[[[",
        "null",
        '{"msg": {}, "state": []}',
        {"msg": "m-99", "state": "DELIVRD"},
        {"msg": by_ours[str(made[2])], "state": "ACCEPTD"},
    ):
        assert await report(odd) == 0
    async with market.db.transaction() as tx:
        assert await sms.note_reports(tx, key="x" * 43, body=json.dumps(arrived)) is None
    states = {each.id: each.delivery for each in await log_of(market)}
    assert [states[each] for each in made] == ["delivered", "delivered", ""]


async def test_without_a_gateway_or_its_address_messages_are_kept(
    market: Market, texter: Texter, hear: Hear
) -> None:
    await tell(market)
    await texter.run_once()
    await save(market, form(None))
    await shipped(market)
    await hear()
    await texter.run_once()
    kept = await log_of(market)
    assert [(each.state, each.code, each.segments) for each in kept] == [
        (State.KEPT, "sms_kept", 1),
        (State.KEPT, "no_gateway", 0),
    ]
    async with market.db.transaction() as tx:
        _, shown = await notifications.shown(tx, shop_id=market.shop_id, notice_id=kept[0].id, origin=ORIGIN)
    assert shown.text == f"Garden: order #1001 is on its way. SF1 {ORIGIN}/t/{short(kept[0].id)}"


# The gateway of a shop


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"url": "ftp://127.0.0.1/x"}, "url"),
        ({"url": "https://user:pass@sms.test/x"}, "url"),
        ({"url": "https://{phone}.sms.test/x"}, "url"),
        ({"url": "https://sms.test/{text}#x"}, "url"),
        ({"body": "{}"}, "body"),
        ({"body": '{"to": "{phone}", "text": "{text}"'}, "body"),
        ({"body": '{"to": "{phone}", "text": "{text}", "x": "{password}"}'}, "body"),
        ({"format": "form", "body": "to {phone}\ntext={text}"}, "body"),
        ({"format": "xml"}, "method"),
        ({"headers": "Authorization Bearer"}, "headers"),
        ({"headers": "Host: evil.test"}, "headers"),
        ({"headers": "X-Name: 名"}, "headers"),
        ({"region": "XX"}, "region"),
        ({"countries": "CN, China"}, "countries"),
        ({"most_a_day": "0"}, "most_a_day"),
        ({"most_a_day": "many"}, "most_a_day"),
    ],
)
async def test_what_is_no_gateway_is_refused_and_nothing_is_kept(
    market: Market, fake: FakeGateway, changes: dict[str, str], field: str
) -> None:
    with pytest.raises(NotAGateway) as refusal:
        await save(market, form(fake, **changes))
    assert refusal.value.facts == {"field": field}
    async with market.db.transaction() as tx:
        assert await sms.gateway(tx, shop_id=market.shop_id) is None


async def test_a_secret_is_sealed_and_stays_with_its_server(
    market: Market, fake: FakeGateway, texter: Texter
) -> None:
    await save(market, form(fake))
    async with market.db.transaction() as tx:
        row = await tx.value("SELECT sms_gateway::text FROM notifications.sms_gateway")
        kept = await sms.gateway(tx, shop_id=market.shop_id)
    assert SECRET not in row
    assert SECRET.encode().hex() not in row
    assert kept is not None
    assert SECRET not in repr(sms.form_of(kept))

    await save(market, form(fake, url=f"{fake.url}?v=2", secret="", headers=""))
    await tell(market)
    await texter.run_once()
    assert fake.taken[-1].path == "/send?v=2"
    # Whoever names another server is not handed the secret that was entered for this one.
    await save(market, form(fake, url=f"http://localhost:{fake.port}/send", secret="", headers=""))
    await tell(market)
    await texter.run_once()
    assert SECRET not in repr(fake.got[-1])


async def test_words_are_checked_and_counted(market: Market) -> None:
    async with market.db.transaction() as tx:
        shop = await accounts.shop(tx, market.shop_id)
        owner = Actor(1, shop.id, Role.OWNER, PERMISSIONS[Role.OWNER])
        with pytest.raises(UnknownPlaceholder):
            await sms.save_words(tx, actor=owner, kind=Kind.SHIPPED, tongue="en", typed="{key}")
        with pytest.raises(UnknownPlaceholder):
            await sms.save_words(tx, actor=owner, kind=Kind.SIGN_IN_CODE, tongue="en", typed="Hello")
        assert await sms.words(tx, shop_id=shop.id) == {}
        await sms.save_words(tx, actor=owner, kind=Kind.SHIPPED, tongue="zh-CN", typed="订单{number}已发货")
        assert await sms.words(tx, shop_id=shop.id) == {(Kind.SHIPPED, "zh-CN"): "订单{number}已发货"}
        await sms.save_words(tx, actor=owner, kind=Kind.SHIPPED, tongue="zh-CN", typed="")
        assert await sms.words(tx, shop_id=shop.id) == {}
    shown = sms.preview(shop, Kind.SHIPPED, "zh-CN", "订单{number}已发货", origin=ORIGIN)
    assert (shown.text, shown.size) == ("订单1042已发货", Size("ucs2", 9, 1))

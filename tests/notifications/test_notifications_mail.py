"""Messages reach a real mail server once, whatever it does, and the log says what became of them."""

import asyncio
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from types import ModuleType
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from tests.notifications.conftest import BOX, ORIGIN, Post
from tests.orders.conftest import Market
from tests.waiting import PATIENCE

from shopfloor import fulfilment, notices, notifications, order_edits, orders, payment_providers, returns
from shopfloor.accounts import PERMISSIONS, Permission, Role
from shopfloor.approvals import events as approval_events
from shopfloor.disputes import events as dispute_events
from shopfloor.fulfilment import events as fulfilment_events
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Database
from shopfloor.kernel.values import new_id
from shopfloor.letters import Envelope
from shopfloor.notices import Kind, NewNotice, State, queue
from shopfloor.notifications import heard, smtp, telling
from shopfloor.notifications.models import CannotGoAgain, MailServer, Security
from shopfloor.notifications.sending import Sender
from shopfloor.orders import events as order_events
from shopfloor.orders import packing, shipping
from shopfloor.payment_authorisations import events as authorisation_events
from shopfloor.payment_refunds import events as refund_events
from shopfloor.payments import events as payment_events
from shopfloor.pickups import events as pickup_events
from shopfloor.reconciliation import events
from shopfloor.reconciliation import events as reconciliation_events
from shopfloor.returns import events as return_events
from shopfloor.supply import events as supply_events

Hear = Callable[[], Any]

UPS = "https://www.ups.com/track?tracknum="


class Bodies(NamedTuple):
    plain: str
    html: str


def both_bodies(mail: EmailMessage) -> Bodies:
    found: dict[str, str] = {}
    for part in mail.iter_parts():
        assert isinstance(part, EmailMessage)
        found[part.get_content_type()] = part.get_content().replace("\r\n", "\n")
    return Bodies(found["text/plain"], found["text/html"])


async def log(market: Market) -> list[notices.Notice]:
    """Oldest first."""
    async with market.db.transaction() as tx:
        page = await notices.page_of(tx, shop_id=market.shop_id, limit=200)
    return page.items[::-1]


async def tell(market: Market, *recipients: str, kind: Kind = Kind.TEST, **more: Any) -> list[UUID]:
    found: list[UUID] = []
    async with market.db.transaction() as tx:
        for recipient in recipients:
            made = await notices.tell(
                tx, NewNotice(market.shop_id, new_id(), kind, recipient, "en", **more), box=BOX
            )
            assert made is not None
            found.append(made)
    return found


async def make_due(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.run(
            "UPDATE notifications.notice SET due_at = now() - interval '1 second' WHERE state = 'queued'"
        )


async def claims_run_out(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.run(
            "UPDATE notifications.notice SET claimed_until = now() - interval '1 second' WHERE state = 'sending'"
        )


async def test_an_order_is_told_once_in_the_language_of_its_buyer(
    market: Market, sender: Sender, post: Post, hear: Hear
) -> None:
    placed, _ = await market.order(quantity=2, locale="zh-CN", name="林, 梅\u202e")

    for _ in range(2):
        await hear()
        # Delivered again, as after a lost cursor.
        async with market.db.transaction() as tx:
            await tx.run("UPDATE kernel.consumer SET position = 0 WHERE name = 'messages'")
        await sender.run_once()

    [mail] = post.taken
    assert mail["Subject"] == f"Garden：已收到您的订单 #{placed.number}"
    assert mail["To"] == "mei@example.com"
    assert mail["From"] == "Garden <shop@garden.test>"
    [told] = await log(market)
    assert mail["Message-ID"] == f"<{told.id}@garden.test>"
    assert (told.kind, told.state, told.order_number, told.reply) == (
        Kind.ORDER_PLACED,
        State.SENT,
        placed.number,
        "250 taken",
    )
    plain, html = both_bodies(mail)
    link = f"{ORIGIN}/s/garden-1/orders/{placed.id}?key={placed.key}"
    assert link in plain
    assert f'href="{link}"' in html
    assert "¥258.00" in plain
    assert "林, 梅" in plain
    assert 'lang="zh-CN"' in html
    assert mail["List-Unsubscribe"] is None, "what an order needs cannot be unsubscribed from"
    assert all(len(line) <= 998 for line in post.raw[0].split(b"\r\n"))
    assert post.raw[0].isascii()


@pytest.mark.parametrize(
    ("locale", "subject", "back", "due"),
    [
        ("en", "Your order #{} was changed", "You get CN¥129.00 back, the way you paid.",
         "CN¥258.00 is still to be paid; the button leads to the payment. We ship once it has arrived."),
        ("zh-CN", "您的订单 #{} 已修改", "将按您的付款方式退还 ¥129.00。", "还需补付 ¥258.00，点击按钮即可支付。收到款项后发货。"),
    ],
)  # fmt: skip
async def test_who_ordered_is_told_what_an_edit_gives_back_or_leaves_to_pay(
    market: Market, sender: Sender, post: Post, hear: Hear, locale: str, subject: str, back: str, due: str
) -> None:
    order, _ = await market.order(quantity=2, locale=locale)
    async with market.db.transaction() as tx:
        await orders.mark_paid(
            tx, shop_id=market.shop_id, order_id=order.id, amount=order.total, actor="person:1"
        )
        [line] = (await orders.order(tx, shop_id=market.shop_id, order_id=order.id)).lines
    for units, tell in ((1, True), (3, True), (2, False)):
        change = order_edits.Change(lines=(order_edits.LineChange(line.id, units),))
        await order_edits.save(
            market.db, payment_providers.MANUAL_ONLY, shop_id=market.shop_id, actor="person:1",
            target=order_edits.Target(new_id(), order.id, change, "As agreed <b>on the phone</b>", tell),
        )  # fmt: skip
    await hear()
    await sender.run_once()

    told = [mail for mail in post.taken if mail["Subject"] == subject.format(order.number)]
    assert len(told) == 2
    for mail, said in zip(told, (back, due), strict=True):
        bodies = both_bodies(mail)
        assert (said in bodies.plain.replace("\xa0", " "), said in bodies.html.replace("\xa0", " ")) == (
            True,
            True,
        )
        # The reason is the shop's own.
        assert "on the phone" not in bodies.plain


async def test_a_withdrawal_is_confirmed_with_its_time_and_its_money_is_told(
    market: Market, sender: Sender, post: Post, hear: Hear
) -> None:
    paid, _ = await market.paid(quantity=2)
    me = "person:1"
    async with market.db.transaction() as tx:
        await shipping.ship(tx, shop_id=market.shop_id, order_id=paid.id, actor=me)
        [line] = (await orders.order(tx, shop_id=market.shop_id, order_id=paid.id)).lines
        back = await returns.ask(
            tx, shop_id=market.shop_id, order_id=paid.id, return_id=new_id(), journey=returns.Journey.WITHDRAWAL,
            units={line.id: 1},
        )  # fmt: skip
        arrived = [returns.Arrived(line.id, 1, returns.Condition.SELLABLE)]
        await returns.receive(
            tx, shop_id=market.shop_id, return_id=back.id, arrived=arrived, location_id=None, actor=me
        )
        done = await returns.refund(tx, shop_id=market.shop_id, return_id=back.id, actor=me)
        assert done.refund is not None
        await orders.mark_refunded(
            tx, shop_id=market.shop_id, order_id=paid.id, refund_id=done.refund, actor=me
        )
    await hear()
    await sender.run_once()

    told = [each.kind for each in await log(market)]
    assert {Kind.WITHDRAWAL, Kind.RETURNED, Kind.REFUNDED} <= set(told)
    assert told.count(Kind.WITHDRAWAL) == 1
    [mail] = [each for each in post.taken if "withdrawal" in str(each["Subject"])]
    plain, _ = both_bodies(mail)
    at = back.asked_at.astimezone(ZoneInfo("Asia/Shanghai"))
    assert f"{at:%H:%M:%S} CST you told us that you withdraw from the contract" in " ".join(plain.split())
    assert back.number in plain


async def test_each_step_of_an_order_is_told(market: Market, sender: Sender, post: Post, hear: Hear) -> None:
    paid, _ = await market.paid(quantity=2)
    async with market.db.transaction() as tx:
        await shipping.ship(
            tx, shop_id=market.shop_id, order_id=paid.id, actor="person:1", tracking="SF 12<3"
        )
        await shipping.deliver(tx, shop_id=market.shop_id, order_id=paid.id, actor="person:1")
    other, _ = await market.order()
    async with market.db.transaction() as tx:
        await orders.cancel(
            tx, shop_id=market.shop_id, order_id=other.id, by=orders.Party.BUYER, actor="buyer"
        )
    await hear()
    await sender.run_once()

    told = [(each.kind, each.order_number) for each in await log(market)]
    assert sorted(told) == sorted(
        [
            *(
                (kind, paid.number)
                for kind in (Kind.ORDER_PLACED, Kind.ORDER_PAID, Kind.SHIPPED, Kind.DELIVERED)
            ),
            (Kind.ORDER_PLACED, other.number),
            (Kind.CANCELLED, other.number),
        ]
    )
    shipped = next(mail for mail in post.taken if "on its way" in mail["Subject"])
    plain, html = both_bodies(shipped)
    assert "SF 12<3" in plain
    assert "SF 12&lt;3" in html
    assert "<3" not in html


async def test_each_parcel_is_told_with_its_number_its_link_and_what_is_in_it(
    market: Market, sender: Sender, post: Post, hear: Hear
) -> None:
    paid, _ = await market.paid(quantity=3)
    async with market.db.transaction() as tx:
        await packing.plan_order(tx, shop_id=market.shop_id, order_id=paid.id)
        [first] = await fulfilment.of_order(tx, shop_id=market.shop_id, order_id=paid.id)
        second = await fulfilment.split(
            tx,
            shop_id=market.shop_id,
            parcel_id=first.id,
            units={first.lines[0].line_id: 1},
            actor="person:1",
        )
        for parcel, carrier, tracking in ((first, "DHL", "JD 014/6"), (second, "EMS", "EA<7>CN")):
            await shipping.send_parcel(
                tx,
                shop_id=market.shop_id,
                parcel_id=parcel.id,
                actor="person:1",
                carrier=carrier,
                tracking=tracking,
            )
    await hear()
    await sender.run_once()

    one, two = (both_bodies(mail) for mail in post.taken if "on its way" in mail["Subject"])
    link = "https://www.dhl.com/global-en/home/tracking.html?tracking-id=JD%20014%2F6"
    assert f"Tracking · DHL:\nJD 014/6\n{link}\n" in one.plain
    assert f'href="{link}"' in one.html
    assert "× 2" in one.plain
    assert "follow separately" in one.plain
    assert "EA<7>CN" not in one.plain
    assert "Tracking · EMS:\nEA<7>CN\nhttps://www.ems.com.cn/\n" in two.plain
    assert "EA&lt;7&gt;CN</a>" in two.html
    assert "× 1" in two.plain
    assert "follow separately" not in two.plain


async def test_a_number_that_is_known_after_a_parcel_left_is_told(
    market: Market, sender: Sender, post: Post, hear: Hear
) -> None:
    paid, _ = await market.paid()
    async with market.db.transaction() as tx:
        await shipping.ship(tx, shop_id=market.shop_id, order_id=paid.id, actor="person:1")
        [parcel] = await fulfilment.of_order(tx, shop_id=market.shop_id, order_id=paid.id)

    async def track(tracking: str) -> None:
        async with market.db.transaction() as tx:
            await shipping.track_parcel(
                tx,
                shop_id=market.shop_id,
                parcel_id=parcel.id,
                carrier="UPS",
                tracking=tracking,
                actor="person:1",
            )
        await hear()
        await sender.run_once()

    await hear()
    await sender.run_once()
    await track("1Z9")
    await track("1Z9")
    told = [both_bodies(mail) for mail in post.taken if "on its way" in mail["Subject"]]
    assert [f"1Z9\n{UPS}1Z9\n" in each.plain for each in told] == [False, True]

    async with market.db.transaction() as tx:
        await shipping.deliver(tx, shop_id=market.shop_id, order_id=paid.id, actor="person:1")
    await track("1Z8")
    assert len([mail for mail in post.taken if "on its way" in mail["Subject"]]) == 2, (
        "who has it needs no number"
    )


async def test_a_server_that_takes_a_message_and_loses_the_line_gets_it_once_more_and_never_again(
    market: Market, sender: Sender, post: Post
) -> None:
    post.on_data = lambda _: "lose"
    await tell(market, "mei@example.com")

    for _ in range(4):
        await sender.run_once()
        await make_due(market.db)

    assert len(post.taken) == 2, "once, and once more"
    assert len({mail["Message-ID"] for mail in post.taken}) == 1
    [told] = await log(market)
    assert (told.state, told.code, told.attempts) == (State.UNKNOWN, "no_answer", 2)


@pytest.mark.parametrize("pipelining", [True, False])
async def test_later_is_later_and_never_is_never(
    market: Market, sender: Sender, post: Post, pipelining: bool
) -> None:
    post.pipelining = pipelining
    seen: list[str] = []

    def answer(address: str) -> str | None:
        seen.append(address)
        if address == "gone@example.com":
            return "550 5.1.1 no such mailbox"
        return "451 4.7.1 greylisted" if address == "grey@example.com" and seen.count(address) == 1 else None

    post.on_rcpt = answer
    await tell(market, "gone@example.com", "grey@example.com", "mei@example.com")

    await sender.run_once()

    told = {each.recipient: each for each in await log(market)}
    assert [mail["To"] for mail in post.taken] == ["mei@example.com"], (
        "one that is refused keeps back no other"
    )
    gone, grey = told["gone@example.com"], told["grey@example.com"]
    assert (gone.state, gone.code, gone.reply) == (State.REFUSED, "refused", "550 5.1.1 no such mailbox")
    assert (grey.state, grey.code, grey.reply) == (State.QUEUED, "later", "451 4.7.1 greylisted")
    assert (grey.due_at - grey.created_at).total_seconds() >= 60
    await make_due(market.db)
    await sender.run_once()
    assert sorted(mail["To"] for mail in post.taken) == ["grey@example.com", "mei@example.com"]
    assert seen.count("gone@example.com") == 1


async def test_a_server_that_is_away_costs_nothing_but_time(
    market: Market, sender: Sender, post: Post
) -> None:
    """Nor one of the batch after it, which is claimed already."""
    sender.batch = 10
    await tell(market, *(f"shopper{n}@example.com" for n in range(15)))
    port = post.controller.port
    post.controller.stop()

    await sender.run_once()
    assert await sender.run_once() == 0, "it is not asked again at once"

    told = await log(market)
    assert {(each.state, each.code, each.attempts) for each in told} == {(State.QUEUED, "server", 0)}
    async with market.db.transaction() as tx:
        trouble = await notifications.trouble(tx, shop_id=market.shop_id, own=sender.own)
    assert trouble is not None
    assert f"127.0.0.1:{port}" in trouble.reason

    post.controller = type(post.controller)(post, hostname="127.0.0.1", port=port)
    post.controller.start()
    await make_due(market.db)
    await Sender(market.db, ORIGIN, BOX, own=sender.own).run_once()

    assert len(post.taken) == 15
    async with market.db.transaction() as tx:
        assert await notifications.trouble(tx, shop_id=market.shop_id, own=sender.own) is None, (
            "it works again"
        )


async def test_who_dies_leaves_at_most_one_duplicate_of_what_was_in_its_hands(
    market: Market, sender: Sender, post: Post, database: Database
) -> None:
    """It dies after the server took the first ten, before that is written down."""
    await tell(market, *(f"shopper{n}@example.com" for n in range(25)))
    written = queue.end
    dead = asyncio.CancelledError("kill -9")

    async def die(*_: Any, **__: Any) -> int:
        raise dead

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queue, "end", die)
        with pytest.raises(asyncio.CancelledError):
            await sender.run_once()
    assert queue.end is written
    assert len(post.taken) == 10

    await claims_run_out(database)
    await sender.run_once()

    ids = [mail["Message-ID"] for mail in post.taken]
    assert len(set(ids)) == 25, "none is lost"
    assert len(ids) == 35, "ten of them twice"
    assert {each.state for each in await log(market)} == {State.SENT}


def strange(listener: socket.socket, heard: list[bytes]) -> None:
    """Takes commands in one go, knows no address but mei's, and waits for a message to nobody (RFC 2920, 3.1)."""
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile("rwb", buffering=0) as wire:
            wire.write(b"220 strange\r\n")
            known = crowded = False
            while not crowded and (line := wire.readline()):
                heard.append(line)
                answer = b"250 yes"
                match line[:4].upper():
                    case b"EHLO":
                        answer = b"250-strange\r\n250 PIPELINING"
                    case b"MAIL" if b"crowded" in line:
                        # It says so and is gone.
                        answer, crowded = b"421 too many", True
                        heard += [wire.readline(), wire.readline()]
                    case b"RCPT":
                        known = b"mei@" in line
                        answer = b"250 yes" if known else b"550 nobody here"
                    case b"DATA":
                        wire.write(b"354 go on\r\n")
                        while (line := wire.readline()) != b".\r\n":
                            heard.append(line)
                        answer = b"250 taken" if known else b"554 no valid recipients"
                    case b"QUIT":
                        answer = b"221 bye"
                    case _:
                        pass
                wire.write(answer + b"\r\n")
                if line.upper() == b"QUIT\r\n":
                    return


def test_a_server_that_waits_for_a_message_to_nobody_gets_none_of_it() -> None:
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        serving = threading.Thread(target=strange, args=(listener, heard), daemon=True)
        serving.start()
        line = smtp.Line(
            MailServer("127.0.0.1", port, Security.NONE, sender="shop@garden.test", guarded=False),
            patience=10.0,
        )
        outcomes = [
            line.send(Envelope(sender, recipient, b"Subject: secret\r\n\r\nhello\r\n"))
            for sender, recipient in (
                ("shop@garden.test", "gone@example.com"),
                ("shop@garden.test", "mei@example.com"),
                ("crowded@garden.test", "mei@example.com"),
            )
        ]
        with pytest.raises(ValueError, match="more than one line"):
            line.send(Envelope("shop@garden.test", "<>\r\nDATA", b""))
        line.close()
        serving.join(PATIENCE)

    assert outcomes == [
        smtp.Refused("550 nobody here"), smtp.Accepted("250 taken"), smtp.Later("421 too many"),
    ]  # fmt: skip
    assert heard.count(b"Subject: secret\r\n") == 1, "what nobody gets is not sent"


async def test_two_senders_share_the_work(
    market: Market, sender: Sender, post: Post, database: Database
) -> None:
    await tell(market, *(f"shopper{n}@example.com" for n in range(40)))
    other = Sender(database, ORIGIN, BOX, own=post.server, batch=7)
    sender.batch = 7

    await asyncio.gather(sender.run_once(), other.run_once())

    assert sorted(mail["To"] for mail in post.taken) == sorted(f"shopper{n}@example.com" for n in range(40))


@pytest.mark.parametrize(
    ("recipient", "state", "code"),
    [
        ("mei@example.com\r\nBcc: all@example.com", State.REFUSED, "not_an_address"),
        ("mei@example.com, all@example.com", State.REFUSED, "not_an_address"),
        ("<mei@example.com>", State.REFUSED, "not_an_address"),
        ("mei@localhost", State.REFUSED, "not_an_address"),
        ("mei@-example.com", State.REFUSED, "not_an_address"),
        ("mei@shop.example", State.KEPT, "nowhere"),
        ("mei@nowhere.invalid", State.KEPT, "nowhere"),
    ],
)
async def test_what_is_no_address_goes_to_no_server(
    market: Market, sender: Sender, post: Post, recipient: str, state: State, code: str
) -> None:
    await tell(market, recipient)

    await sender.run_once()

    [told] = await log(market)
    assert (told.state, told.code) == (state, code)
    assert post.seen == 0


async def test_names_make_no_headers(market: Market, sender: Sender, post: Post) -> None:
    async with market.db.transaction() as tx:
        await tx.run(
            "UPDATE accounts.shop SET name = %(name)s WHERE id = %(id)s",
            name='Mei, "the" Shop <x@example.org>\n Bcc: y@example.org',
            id=market.shop_id,
        )
    await tell(market, "mei@example.com")

    await sender.run_once()

    [mail] = post.taken
    [who] = mail["From"].addresses
    assert who.addr_spec == "shop@garden.test"
    assert who.display_name == 'Mei, "the" Shop <x@example.org> Bcc: y@example.org'
    assert mail["Bcc"] is None
    assert mail["Subject"] == 'Test message from Mei, "the" Shop <x@example.org> Bcc: y@example.org'


async def test_a_domain_of_any_script_is_reached(market: Market, sender: Sender, post: Post) -> None:
    await tell(market, "mei@bücher.test", "林@例子.test")

    await sender.run_once()

    assert sorted(mail["To"] for mail in post.taken) == ["mei@xn--bcher-kva.test", "林@xn--fsqu00a.test"]


async def test_a_link_of_one_use_is_sealed_until_it_has_left_and_never_sent_again(
    market: Market, sender: Sender, post: Post, database: Database
) -> None:
    async with database.transaction() as tx:
        made = await notices.tell(
            tx,
            NewNotice(market.shop_id, new_id(), Kind.PASSWORD_FORGOTTEN, "mei@example.com", "en"),
            box=BOX,
            secret="/reset/tell-nobody",
        )
        assert made is not None
        kept = await tx.value("SELECT notice::text FROM notifications.notice WHERE id = %(id)s", id=made)
    assert "tell-nobody" not in kept

    await sender.run_once()

    [mail] = post.taken
    assert f"{ORIGIN}/reset/tell-nobody" in both_bodies(mail).plain
    async with database.transaction() as tx:
        assert await tx.value("SELECT sealed IS NULL FROM notifications.notice WHERE id = %(id)s", id=made)
        _, shown = await notifications.shown(tx, shop_id=market.shop_id, notice_id=made, origin=ORIGIN)
    assert "tell-nobody" not in shown.html + shown.text
    with pytest.raises(CannotGoAgain):
        async with database.transaction() as tx:
            await notifications.send_again(tx, shop_id=market.shop_id, notice_id=made, person_id=1)
    assert len(await log(market)) == 1


async def test_send_again_goes_to_where_the_order_is_reached_now(
    market: Market, sender: Sender, post: Post, hear: Hear
) -> None:
    placed, _ = await market.order()
    await hear()
    await sender.run_once()
    async with market.db.transaction() as tx:
        await tx.run(
            "UPDATE orders.orders SET contact_email = 'right@example.com' WHERE id = %(id)s", id=placed.id
        )
        [first] = await notices.of_order(tx, shop_id=market.shop_id, order_id=placed.id)
        await notifications.send_again(tx, shop_id=market.shop_id, notice_id=first.id, person_id=1)

    await sender.run_once()

    assert [mail["To"] for mail in post.taken] == ["mei@example.com", "right@example.com"]
    assert len({mail["Message-ID"] for mail in post.taken}) == 2, "it is another message"


async def test_a_reminder_of_what_was_paid_meanwhile_is_none(
    market: Market, sender: Sender, post: Post, hear: Hear
) -> None:
    placed, _ = await market.order()
    async with market.db.transaction() as tx:
        await tx.run(
            """
            UPDATE orders.orders SET placed_at = now() - interval '40 hours', payment_due_at = now() + interval '8 hours'
             WHERE id = %(id)s
            """,
            id=placed.id,
        )
        for _ in range(2):
            await telling.remind(tx)
        [reminder] = [
            each
            for each in await notices.of_order(tx, shop_id=market.shop_id, order_id=placed.id)
            if each.kind is Kind.PAY_REMINDER
        ]
    async with market.db.transaction() as tx:
        await orders.mark_paid(
            tx, shop_id=market.shop_id, order_id=placed.id, amount=placed.total, actor="person:1"
        )

    await sender.run_once()

    told = {each.id: each for each in await log(market)}[reminder.id]
    assert (told.state, told.code) == (State.DROPPED, "not_needed")
    assert post.taken == []


async def test_without_a_server_messages_are_kept(market: Market, database: Database, hear: Hear) -> None:
    await market.order()
    await hear()

    async with database.transaction() as tx:
        assert not await notifications.something_to_send(tx, own=None)

    [told] = await log(market)
    assert (told.state, told.code) == (State.KEPT, "no_server")
    async with database.transaction() as tx:
        _, shown = await notifications.shown(tx, shop_id=market.shop_id, notice_id=told.id, origin=ORIGIN)
    assert "Thank you for your order" in shown.html


async def test_one_click_unsubscribes_from_what_is_about_no_order(
    market: Market, sender: Sender, post: Post, hear: Hear
) -> None:
    facts = {"show_id": market.show_id, "title": "Friday show", "starts_at": "2030-01-01T20:00:00Z"}
    [first] = await tell(market, "Mei@example.com", kind=Kind.SHOW_STARTS, facts=facts)
    await sender.run_once()
    [mail] = post.taken
    assert mail["List-Unsubscribe"] == f"<{ORIGIN}/s/garden-1/unsubscribe/{first}>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"

    async with market.db.transaction() as tx:
        await notifications.unsubscribe(tx, shop_id=market.shop_id, notice_id=first)
    await tell(market, "mei@EXAMPLE.com", kind=Kind.SHOW_STARTS, facts=facts)
    await market.order()
    await hear()
    await sender.run_once()

    assert [each.state for each in await log(market)] == [State.SENT, State.DROPPED, State.SENT]
    assert "order" in post.taken[-1]["Subject"]


async def test_who_is_forgotten_is_forgotten_here(
    market: Market, sender: Sender, post: Post, hear: Hear
) -> None:
    placed, shopper = await market.paid()
    await hear()
    await sender.run_once()
    async with market.db.transaction() as tx:
        await notifications.forget_buyers(tx, shop_id=market.shop_id, buyers=[shopper])
    assert {each.recipient for each in await log(market)} == {"mei@example.com"}, "the order still needs it"

    async with market.db.transaction() as tx:
        await tx.run("UPDATE orders.orders SET contact_email = '' WHERE id = %(id)s", id=placed.id)
        await notifications.forget_buyers(tx, shop_id=market.shop_id, buyers=[shopper])

    told = await log(market)
    assert {(each.recipient, each.name) for each in told} == {("", "")}
    assert len(told) == 2


async def test_who_sees_the_money_is_told_of_a_dispute_with_its_deadline(
    market: Market, sender: Sender, post: Post, hear: Hear
) -> None:
    order, _ = await market.order()
    due = datetime(2027, 1, 15, 8, 30, tzinfo=UTC)
    async with market.db.transaction() as tx:
        for name, role in (("ann", "owner"), ("fin", "finance"), ("mod", "moderator")):
            person = await tx.value(
                """
                INSERT INTO accounts.person (email, name, password_hash)
                VALUES (%(email)s, %(name)s, '') RETURNING id
                """,
                email=f"{name}@garden.test",
                name=name,
            )
            await tx.run(
                "INSERT INTO accounts.member (shop_id, person_id, role) VALUES (%(shop)s, %(person)s, %(role)s)",
                shop=market.shop_id,
                person=person,
                role=role,
            )
        await outbox.record(
            tx,
            dispute_events.DisputeOpened(
                market.shop_id, new_id(), order.id, "CNY", 12_900, "product_not_received", due
            ),
        )
        for _ in range(3):
            await outbox.record(tx, events.DifferenceOpened(market.shop_id, "twice", 1))
    await hear()
    await sender.run_once()

    about = [mail for mail in post.taken if "disputes" in mail["Subject"]]
    assert sorted(mail["To"] for mail in about) == ["ann@garden.test", "fin@garden.test"]
    plain, _ = both_bodies(about[0])
    assert about[0]["Subject"] == "Garden: a buyer disputes a payment of CN¥129.00"
    assert f"#{order.number}" in plain
    assert "product not received" in plain
    assert re.search(r"Answer by:?\s+Fri, Jan 15", plain), plain
    assert f"{ORIGIN}/console/garden-1/payments/disputes/" in plain
    # Three differences in an hour are one message to each.
    assert sum("fits no order" in mail["Subject"] for mail in post.taken) == 2


def test_the_roles_that_are_told_of_money_are_those_that_see_it() -> None:
    def may(permission: Permission) -> set[Role]:
        return {role for role, permissions in PERMISSIONS.items() if permission in permissions}

    assert set(telling.SEE_MONEY) == may(Permission.MONEY_VIEW)
    assert set(telling.MANAGE_ORDERS) == may(Permission.ORDERS_MANAGE)


def facts_of(module: ModuleType) -> dict[str, set[str]]:
    """The fields of each of its facts, by the name of the fact."""
    found: dict[str, set[str]] = {}
    for kind in vars(module).values():
        name = getattr(kind, "name", None)
        if isinstance(kind, type) and is_dataclass(kind) and isinstance(name, str):
            found[name] = {field.name for field in fields(kind)}
    return found


def test_what_is_read_of_a_fact_is_in_it() -> None:
    """Facts are heard by their names: whoever renames one, or a field of it, is told here."""
    real = {
        name: told
        for module in (
            order_events,
            supply_events,
            fulfilment_events,
            dispute_events,
            payment_events,
            reconciliation_events,
            authorisation_events,
            refund_events,
            approval_events,
            return_events,
            pickup_events,
        )
        for name, told in facts_of(module).items()
    }
    read = facts_of(heard)

    assert (
        len(read) == len({kind.name for kind in telling.HEARD} | {telling.heard.PurchaseOrderSent.name}) - 3
    )
    for name, told in read.items():
        assert told <= real[name], name
    inside = {field.name for field in fields(heard.Line)}
    assert inside <= {field.name for field in fields(order_events.FactLine)}
    assert inside <= {field.name for field in fields(fulfilment_events.PackedLine)}
    assert inside <= {field.name for field in fields(return_events.ReturnedLine)}
    assert inside <= {field.name for field in fields(return_events.ReceivedLine)}

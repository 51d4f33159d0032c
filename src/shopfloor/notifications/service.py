"""What readers and owners ask for; the merchant's mail server."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

from shopfloor import auth, letters, live, notices, sms
from shopfloor.accounts import Shop
from shopfloor.kernel import text
from shopfloor.kernel.database import Tx
from shopfloor.kernel.secrets import Box, CannotOpen
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.values import new_id, now
from shopfloor.letters import Shown, language_for
from shopfloor.notices import (
    TO_MERCHANT,
    TRAITS,
    Channel,
    Kind,
    NewNotice,
    NotAnAddress,
    Notice,
    Trouble,
    is_address,
)
from shopfloor.notifications import reader_queries, settings_queries, weekly
from shopfloor.notifications.models import (
    CannotGoAgain,
    MailServer,
    NotAServer,
    Security,
    ShopMail,
    ShowIsOver,
    server_of,
)

RESET_PAUSE: Final = timedelta(minutes=5)


def own_server(settings: Settings) -> MailServer | None:
    """The installation's.  Raises ValueError with a sentence for the operator."""
    return server_of(settings.smtp_url, sender=settings.mail_from)


async def something_to_send(tx: Tx, *, own: MailServer | None, box: Callable[[], Box] | None = None) -> bool:
    """Whether a process that sends is wanted now, with the links of forgotten passwords where there is a `box`.  Messages
    that nothing carries are kept at once.
    """
    if box is not None:
        await answer_resets(tx, box=box)
    if own is None:
        await notices.queue.keep_mail(tx, but=await settings_queries.shops_with_server(tx))
    return await notices.queue.something_due(tx)


async def send_again(
    tx: Tx, *, shop_id: int, notice_id: UUID, person_id: int, key: UUID | None = None
) -> UUID:
    """Another message of the same content, to where the order is reached now; with the same `key` the same one.

    Raises UnknownNotice, CannotGoAgain.
    """
    found = await notices.notice(tx, shop_id=shop_id, notice_id=notice_id)
    fact_id = new_id() if key is None else uuid5(notice_id, f"again/{key}")
    known = None if key is None else await notices.of_fact(tx, shop_id=shop_id, fact_id=fact_id)
    if known is not None:
        return known
    if not found.may_go_again:
        raise CannotGoAgain(state=found.state)
    recipient = found.recipient
    if found.order_id is not None:
        orders = await letters.told(tx, ids=[found.order_id])
        if found.channel is Channel.MAIL:
            recipient = next((each.contact_email for each in orders if each.contact_email), recipient)
    new_notice = await notices.tell(
        tx,
        NewNotice(
            shop_id=shop_id,
            fact_id=fact_id,
            kind=found.kind,
            recipient=recipient,
            locale=found.locale,
            name=found.name,
            order_id=found.order_id,
            facts=found.facts,
            again_by=person_id,
        ),
    )
    assert new_notice is not None, "its fact is new"
    return new_notice


async def shown(tx: Tx, *, shop_id: int, notice_id: UUID, origin: str) -> tuple[Notice, Shown]:
    """A message as its reader sees it, without the link that only the reader may know.  Raises UnknownNotice."""
    found = await notices.notice(tx, shop_id=shop_id, notice_id=notice_id)
    composed = (
        await letters.compose(
            tx,
            [found],
            origin=origin,
            in_short=await sms.in_short(tx, shop_ids=[shop_id], origin=origin),
        )
    )[found.id]
    if found.channel is Channel.SMS:
        page = letters.text_page(composed.text, language=composed.letter.language)
        return found, Shown(composed.letter.subject, page, composed.text, found.created_at)
    return found, letters.shown(composed.letter, found.created_at)


# The mail server of a shop


async def mail_server(tx: Tx, *, shop_id: int) -> ShopMail | None:
    rows = await settings_queries.servers(tx, shop_ids=[shop_id])
    return settings_queries.shown(rows[0]) if rows else None


def about_password(shop_id: int, host: str, username: str) -> str:
    """A password is bound to the server and the name it was entered for: another server is never told it."""
    return f"notifications.mail_server {shop_id} {host.lower()} {username}"


async def save_mail_server(
    tx: Tx,
    *,
    box: Box,
    shop_id: int,
    host: str,
    port: int,
    security: Security,
    username: str,
    password: str,
    sender: str,
    reply_to: str,
) -> None:
    """Without `password`, the one that was entered for the same server and name stays.

    Raises NotAServer with `field`, NotAnAddress with `field`.
    """
    host = text.line(host, field="host", longest=253).strip().rstrip(".")
    username = text.line(username, field="username", longest=320).strip()
    sender = text.line(sender, field="sender", longest=320).strip()
    reply_to = text.line(reply_to, field="reply_to", longest=320).strip()
    if not host or any(sign in host for sign in " /@\\\"'<>") or not host.isprintable():
        raise NotAServer(field="host")
    if not 1 <= port <= 65535:
        raise NotAServer(field="port")
    if not is_address(sender):
        raise NotAnAddress(field="sender")
    if reply_to and not is_address(reply_to):
        raise NotAnAddress(field="reply_to")
    rows = await settings_queries.servers(tx, shop_ids=[shop_id])
    kept = rows[0] if rows else None
    same = kept is not None and (kept.host.lower(), kept.username) == (host.lower(), username)
    sealed = kept.password if kept is not None and same else None
    if password:
        sealed = box.seal(password, about=about_password(shop_id, host, username))
    server = MailServer(host, port, security, username, "", sender, reply_to)
    await settings_queries.save_server(
        tx, shop_id=shop_id, server=server, password=sealed if username else None
    )
    await notices.troubles.forget(tx, target=server.target)


async def remove_mail_server(tx: Tx, *, shop_id: int) -> None:
    await settings_queries.delete_server(tx, shop_id=shop_id)


async def servers_of(
    tx: Tx, *, shop_ids: Sequence[int], box: Box, own: MailServer | None
) -> dict[int, MailServer | None]:
    """What carries the mail of each shop; None where nothing does.  A password that does not open is empty: the server
    says that it was not accepted, and the console that it has to be entered again.
    """
    found: dict[int, MailServer | None] = dict.fromkeys(shop_ids, own)
    for row in await settings_queries.servers(tx, shop_ids=shop_ids):
        password = ""
        if row.password is not None:
            try:
                password = box.open(row.password, about=about_password(row.shop_id, row.host, row.username))
            except CannotOpen:
                password = ""
        found[row.shop_id] = MailServer(
            row.host, row.port, Security(row.security), row.username, password, row.sender, row.reply_to
        )
    return found


async def trouble(tx: Tx, *, shop_id: int, own: MailServer | None) -> Trouble | None:
    """Why nothing leaves just now; None while it does."""
    rows = await settings_queries.servers(tx, shop_ids=[shop_id])
    server = (
        MailServer(
            rows[0].host, rows[0].port, Security(rows[0].security), rows[0].username, "", rows[0].sender
        )
        if rows
        else own
    )
    return None if server is None else await notices.troubles.of(tx, target=server.target)


async def send_test(tx: Tx, *, shop: Shop, recipient: str, person_id: int) -> UUID:
    """Raises NotAnAddress."""
    if not is_address(recipient.strip()):
        raise NotAnAddress(field="recipient")
    notice_id = await notices.tell(
        tx,
        NewNotice(shop.id, new_id(), Kind.TEST, recipient.strip(), shop.locale, again_by=person_id),
    )
    assert notice_id is not None, "its fact is new"
    return notice_id


# What is asked for by readers


async def remind(tx: Tx, *, shop_id: int, show_id: int, email: str, locale: str) -> None:
    """Who asks is told once, shortly before the show.  Asking again is asking once; it also takes back that one wanted
    nothing of this shop.  Raises NotAnAddress, ShowIsOver, live.UnknownShow.
    """
    address = email.strip()
    if not is_address(address):
        raise NotAnAddress(field="email")
    show = await live.show(tx, shop_id=shop_id, show_id=show_id)
    if show.status != live.ShowStatus.PLANNED:
        raise ShowIsOver
    await notices.readers.subscribe_again(tx, shop_id=shop_id, address=address)
    await reader_queries.add_reminder(
        tx, reminder_id=new_id(), shop_id=shop_id, show_id=show_id, email=address, locale=language_for(locale)
    )


async def tell_of_place(
    tx: Tx, *, shop_id: int, waiting_id: UUID, buyer: UUID, email: str, locale: str
) -> None:
    """Where somebody in a waitlist is told that it is their turn.  Raises NotAnAddress."""
    if not is_address(email.strip()):
        raise NotAnAddress(field="email")
    await reader_queries.save_place_contact(
        tx, waiting=waiting_id, shop_id=shop_id, buyer=buyer, email=email.strip(), locale=language_for(locale)
    )


async def unsubscribe(tx: Tx, *, shop_id: int, notice_id: UUID) -> None:
    """Nothing but what their orders need goes to the reader of this message from now on; to a member, no mail about a
    week.  Raises UnknownNotice.
    """
    found = await notices.notice(tx, shop_id=shop_id, notice_id=notice_id)
    if not found.recipient:
        return
    if found.kind is Kind.WEEK_REPORT:
        person_id = int(found.facts["person_id"])
        await weekly.turn_off(tx, shop_id=shop_id, person_id=person_id, email=found.recipient)
        return
    await notices.readers.unsubscribe(tx, shop_id=shop_id, address=found.recipient)
    await notices.readers.drop_queued_to(
        tx,
        shop_id=shop_id,
        recipient=found.recipient,
        kinds=[
            str(kind) for kind, traits in TRAITS.items() if traits.may_unsubscribe and kind not in TO_MERCHANT
        ],
    )


async def forget_buyers(tx: Tx, *, shop_id: int, buyers: Sequence[UUID]) -> None:
    await notices.readers.forget_people(tx, shop_id=shop_id, buyers=buyers)
    await reader_queries.forget_place_contacts(tx, shop_id=shop_id, buyers=buyers)
    await sms.forget_places(tx, shop_id=shop_id, buyers=buyers)


async def forget_finished(tx: Tx) -> int:
    await sms.forget_used(tx)
    return await notices.readers.forget_finished(tx, limit=1000)


# People of the shop


async def invite(
    tx: Tx, *, box: Box, shop: Shop, email: str, role: str, expires_at: datetime, token: str
) -> None:
    """Send an invitation to the address it is for; the link goes nowhere else."""
    await notices.tell(
        tx,
        NewNotice(
            shop.id,
            new_id(),
            Kind.INVITATION,
            email,
            shop.locale,
            facts={"role": role, "expires_at": expires_at.isoformat()},
            expires_at=expires_at,
        ),
        box=box,
        secret=f"/join/{token}",
    )


async def ask_reset(tx: Tx, *, email: str, locale: str) -> None:
    """Somebody forgot a password.  Nobody can tell from the answer, or from how long it takes, whether the address is
    known: it is looked up later.  Raises NotAnAddress.
    """
    if not is_address(email.strip()):
        raise NotAnAddress(field="email")
    await reader_queries.ask_reset(tx, address=email.strip().lower(), locale=language_for(locale))


async def answer_resets(tx: Tx, *, box: Callable[[], Box]) -> int:
    """Send the links that were asked for, one in five minutes to an address.  Returns how many."""
    sent = 0
    for asked in await reader_queries.take_resets(tx, limit=100):
        person = await reader_queries.membership_of(tx, address=asked.address)
        if person is None or await notices.told_lately(
            tx,
            shop_id=person.shop_id,
            recipient=person.email,
            kind=Kind.PASSWORD_FORGOTTEN,
            since=now() - RESET_PAUSE,
        ):
            continue
        token = await auth.make_reset(tx, email=person.email)
        await notices.tell(
            tx,
            NewNotice(
                person.shop_id,
                new_id(),
                Kind.PASSWORD_FORGOTTEN,
                person.email,
                asked.locale,
                name=person.name,
            ),
            box=box(),
            secret=f"/reset/{token}",
        )
        sent += 1
    return sent

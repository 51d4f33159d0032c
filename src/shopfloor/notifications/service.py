"""Tell somebody something, once; the merchant's log, mail server and words."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID, uuid5

from shopfloor import auth, live, policies
from shopfloor.accounts import Actor, Shop
from shopfloor.kernel import paging, text
from shopfloor.kernel.database import Tx
from shopfloor.kernel.secrets import Box, CannotOpen
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.values import new_id, now, whole_number
from shopfloor.notifications import (
    composing,
    letters,
    queries,
    reader_queries,
    rendering,
    sending_queries,
    settings_queries,
    sms_queries,
    told_queries,
)
from shopfloor.notifications.models import (
    LONGEST_INTRO,
    LONGEST_SUBJECT,
    TRAITS,
    CannotGoAgain,
    Channel,
    Kind,
    MailServer,
    NewNotice,
    NotAnAddress,
    NotAServer,
    Notice,
    Security,
    ShopMail,
    ShowIsOver,
    State,
    Trouble,
    UnknownNotice,
    Wording,
    check_words,
    is_address,
    is_nowhere,
    server_of,
)
from shopfloor.notifications.texts import LANGUAGES, TEXTS, language_for

_RECENT: Final = timedelta(days=30)
RESET_PAUSE: Final = timedelta(minutes=5)


def own_server(settings: Settings) -> MailServer | None:
    """The installation's.  Raises ValueError with a sentence for the operator."""
    return server_of(settings.smtp_url, sender=settings.mail_from)


async def tell(tx: Tx, notice: NewNotice, *, box: Box | None = None, secret: str = "") -> UUID | None:
    """Queue it, in the transaction of its reason.  None: it exists, or there is nobody to tell.

    `secret`: the path of a link that only its reader may know; it is sealed, and forgotten once it has left.
    """
    recipient = notice.recipient.strip()
    if not recipient:
        return None
    traits = TRAITS[notice.kind]
    notice_id = new_id()
    sealed = (
        box.seal(secret, about=composing.about_secret(notice_id))
        if box is not None and secret
        else notice.sealed
    )
    state, code = State.QUEUED, ""
    by_mail = notice.channel is Channel.MAIL
    if by_mail and not is_address(recipient):
        state, code = State.REFUSED, "not_an_address"
    elif by_mail and is_nowhere(recipient):
        state, code = State.KEPT, "nowhere"
    # Who wants no SMS gets none, whatever it is about: there is the mail; but what was asked for just now.
    elif (
        traits.may_unsubscribe if by_mail else not traits.asked_for
    ) and await reader_queries.is_unsubscribed(
        tx, shop_id=notice.shop_id, address=hashed(notice.shop_id, recipient)
    ):
        state, code = State.DROPPED, "unsubscribed"
    made = await queries.insert_notice(
        tx,
        notice_id=notice_id,
        notice=replace(notice, recipient=recipient[:500], sealed=sealed if state is State.QUEUED else None),
        urgency=traits.urgency,
        expires_at=notice.expires_at or now() + traits.lasts,
        state=state,
        code=code,
    )
    return notice_id if made else None


async def something_to_send(tx: Tx, *, own: MailServer | None, box: Callable[[], Box] | None = None) -> bool:
    """Whether a process that sends is wanted now, with the links of forgotten passwords where there is a `box`.  Messages
    that nothing carries are kept at once.
    """
    if box is not None:
        await answer_resets(tx, box=box)
    if own is None:
        await sending_queries.keep_without_server(tx)
    return await sending_queries.something_due(tx)


def hashed(shop_id: int, address: str) -> bytes:
    return sha256(f"unsubscribed {shop_id} {address.strip().lower()}".encode()).digest()


# The log


async def notice(tx: Tx, *, shop_id: int, notice_id: UUID) -> Notice:
    """Raises UnknownNotice."""
    found = await queries.notice(tx, shop_id=shop_id, notice_id=notice_id)
    if found is None:
        raise UnknownNotice
    return found


async def notices(
    tx: Tx,
    *,
    shop_id: int,
    search: str = "",
    state: State | None = None,
    kind: Kind | None = None,
    channel: str | None = None,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> list[Notice]:
    """A shop's messages, newest first.  `search`: the number of an order, or the beginning of a recipient."""
    wanted = text.looked_for(text.line(search, field="search", longest=200)).removeprefix("#")
    if wanted:
        if after is not None or before is not None:
            return []
        return await queries.found(
            tx,
            shop_id=shop_id,
            wanted=wanted,
            number=whole_number(wanted),
            state=state,
            kind=kind,
            channel=channel,
            limit=limit,
        )
    return await queries.newest(
        tx, shop_id=shop_id, state=state, kind=kind, channel=channel, after=after, before=before, limit=limit
    )


async def page_of(
    tx: Tx,
    *,
    shop_id: int,
    search: str = "",
    state: State | None = None,
    kind: Kind | None = None,
    channel: str | None = None,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> paging.Page[Notice]:
    async def fetch(*, after: UUID | None, before: UUID | None, limit: int) -> list[Notice]:
        return await notices(
            tx,
            shop_id=shop_id,
            search=search,
            state=state,
            kind=kind,
            channel=channel,
            after=after,
            before=before,
            limit=limit,
        )

    return await paging.page(fetch, after=after, before=before, limit=limit, key=_id)


def _id(each: Notice) -> UUID:
    return each.id


async def of_order(tx: Tx, *, shop_id: int, order_id: UUID) -> list[Notice]:
    return await queries.of_order(tx, shop_id=shop_id, order_id=order_id)


async def counts(tx: Tx, *, shop_id: int) -> dict[str, int]:
    """How many of the last thirty days ended how."""
    return {row.state: row.count for row in await queries.counts(tx, shop_id=shop_id, since=now() - _RECENT)}


async def send_again(
    tx: Tx, *, shop_id: int, notice_id: UUID, person_id: int, key: UUID | None = None
) -> UUID:
    """Another message of the same content, to where the order is reached now; with the same `key` the same one.

    Raises UnknownNotice, CannotGoAgain.
    """
    found = await notice(tx, shop_id=shop_id, notice_id=notice_id)
    fact_id = new_id() if key is None else uuid5(notice_id, f"again/{key}")
    known = None if key is None else await queries.of_fact(tx, shop_id=shop_id, fact_id=fact_id)
    if known is not None:
        return known
    if not found.may_go_again:
        raise CannotGoAgain(state=found.state)
    recipient = found.recipient
    if found.order_id is not None:
        orders = await told_queries.told(tx, ids=[found.order_id])
        if found.channel is Channel.MAIL:
            recipient = next((each.contact_email for each in orders if each.contact_email), recipient)
    made = await tell(
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
    assert made is not None, "its fact is new"
    return made


async def shown(tx: Tx, *, shop_id: int, notice_id: UUID, origin: str) -> tuple[Notice, composing.Shown]:
    """A message as its reader sees it, without the link that only the reader may know.  Raises UnknownNotice."""
    found = await notice(tx, shop_id=shop_id, notice_id=notice_id)
    made = (await composing.compose(tx, [found], origin=origin))[found.id]
    if found.channel is Channel.SMS:
        page = rendering.text_page(made.text, language=made.letter.language)
        return found, composing.Shown(made.letter.subject, page, made.text, found.created_at)
    return found, _shown(made.letter, found.created_at)


def _shown(letter: letters.Letter, at: datetime) -> composing.Shown:
    return composing.Shown(letter.subject, rendering.html(letter), rendering.text(letter), at)


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
    await settings_queries.forget_trouble(tx, target=server.target)


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
    return None if server is None else await settings_queries.trouble(tx, target=server.target)


async def send_test(tx: Tx, *, shop: Shop, recipient: str, person_id: int) -> UUID:
    """Raises NotAnAddress."""
    if not is_address(recipient.strip()):
        raise NotAnAddress(field="recipient")
    made = await tell(
        tx,
        NewNotice(shop.id, new_id(), Kind.TEST, recipient.strip(), shop.locale, again_by=person_id),
    )
    assert made is not None, "its fact is new"
    return made


# Words


async def wording(tx: Tx, *, shop_id: int) -> dict[tuple[Kind, str], Wording]:
    return {
        (Kind(row.kind), row.locale): Wording(Kind(row.kind), row.locale, row.subject, row.intro)
        for row in await settings_queries.wordings(tx, shop_ids=[shop_id])
    }


_wording = wording


def checked_wording(wording: Wording) -> Wording:
    """Raises UnknownPlaceholder with `field` and what is `allowed`, UnknownNotice for a kind that a shop cannot word."""
    if not TRAITS[wording.kind].own_words or wording.locale not in LANGUAGES:
        raise UnknownNotice
    subject = text.line(wording.subject, field="subject", longest=LONGEST_SUBJECT).strip()
    intro = text.prose(wording.intro, field="intro", longest=LONGEST_INTRO).strip()
    check_words(wording.kind, subject, field="subject")
    check_words(wording.kind, intro, field="intro")
    ours = TEXTS[wording.locale][wording.kind]
    # What is left as it was goes on to be ours, also when ours changes.
    return replace(
        wording,
        subject="" if subject == ours.subject else subject,
        intro="" if intro == ours.intro else intro,
    )


async def save_wording(tx: Tx, *, actor: Actor, wording: Wording) -> None:
    """Raises what `checked_wording` raises, and NotAllowed for words about payment and such as name an account of who
    may not manage money.
    """
    checked = checked_wording(wording)
    shop_id = actor.shop_id
    own = (await _wording(tx, shop_id=shop_id)).get((checked.kind, checked.locale))
    await policies.bank_details.text_changed(
        tx,
        actor=actor,
        place=f"mail {checked.kind} {checked.locale}",
        before=_whole(own or Wording(checked.kind, checked.locale)),
        after=_whole(checked),
        speaks_of_payment=checked.kind.is_about_payment,
    )
    if checked.subject or checked.intro:
        await settings_queries.save_wording(tx, shop_id=shop_id, wording=checked)
    else:
        await settings_queries.delete_wording(tx, shop_id=shop_id, kind=checked.kind, locale=checked.locale)


def _whole(wording: Wording) -> str:
    """The words as their reader gets them."""
    ours = TEXTS[wording.locale][wording.kind]
    return f"{wording.subject or ours.subject}\n{wording.intro or ours.intro}"


def preview(shop: Shop, wording: Wording, *, origin: str) -> composing.Shown:
    """A message of that kind as it could be, with these words, of nobody's order."""
    about, order, lines = letters.sample(wording.kind, shop, language=wording.locale, now=now())
    traits = TRAITS[wording.kind]
    context = letters.Context(
        shop=shop,
        origin=origin,
        wording={(wording.kind, wording.locale): wording},
        pay_to="IBAN DE00 0000 0000 0000 0000 00",
        order=order,
        lines=lines,
        secret="/" if traits.secret else "",
        unsubscribe=f"{origin}/" if traits.may_unsubscribe else "",
    )
    return _shown(letters.write(about, context), now())


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
    await reader_queries.subscribe_again(tx, shop_id=shop_id, address=hashed(shop_id, address))
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
    """Nothing but what their orders need goes to the reader of this message from now on.  Raises UnknownNotice."""
    found = await notice(tx, shop_id=shop_id, notice_id=notice_id)
    if not found.recipient:
        return
    await reader_queries.unsubscribe(tx, shop_id=shop_id, address=hashed(shop_id, found.recipient))
    await reader_queries.drop_queued_to(
        tx,
        shop_id=shop_id,
        recipient=found.recipient,
        kinds=[str(kind) for kind, traits in TRAITS.items() if traits.may_unsubscribe],
    )


async def forget_buyers(tx: Tx, *, shop_id: int, buyers: Sequence[UUID]) -> None:
    await reader_queries.forget_people(tx, shop_id=shop_id, buyers=buyers)
    await reader_queries.forget_place_contacts(tx, shop_id=shop_id, buyers=buyers)
    await sms_queries.forget_places(tx, shop_id=shop_id, buyers=buyers)


async def forget_finished(tx: Tx) -> int:
    await sms_queries.forget_used(tx)
    return await reader_queries.forget_finished(tx, limit=1000)


# People of the shop


async def invite(
    tx: Tx, *, box: Box, shop: Shop, email: str, role: str, expires_at: datetime, token: str
) -> None:
    """Send an invitation to the address it is for; the link goes nowhere else."""
    await tell(
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
        if person is None or await reader_queries.told_lately(
            tx,
            shop_id=person.shop_id,
            recipient=person.email,
            kind=Kind.PASSWORD_FORGOTTEN,
            since=now() - RESET_PAUSE,
        ):
            continue
        token = await auth.make_reset(tx, email=person.email)
        await tell(
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

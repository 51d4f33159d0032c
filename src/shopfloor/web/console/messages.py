"""Messages: what was told to whom and what became of it, the shop's mail server, its own words."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import Form, Query
from starlette.responses import HTMLResponse, Response

from shopfloor import letters, mail_signing, notices, notifications
from shopfloor.accounts import Permission
from shopfloor.kernel import secrets
from shopfloor.kernel.errors import NotFound, Refusal
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.values import whole_number
from shopfloor.letters import Wording
from shopfloor.notices import Kind, State
from shopfloor.notifications import MailServer, Security
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.forms import Tick
from shopfloor.web.languages import N_, by_tag
from shopfloor.web.refusals import SentBack, message_of

router = Router(prefix="/console/{shop}/messages", include_in_schema=False)

Viewer = Annotated[Desk, at_page("messages")]
Manager = Annotated[Desk, at(Permission.ORDERS_MANAGE)]
Owner = Annotated[Desk, at(Permission.MEMBERS_MANAGE)]
Text = Annotated[str, Form(max_length=5000)]
WordedKind = Annotated[Kind, Form()]
Tongue = Annotated[str, Form(max_length=10)]
PAGE: Final = 50

# Why a message went nowhere, or waits.
REASONS: Final[Mapping[str, str]] = {
    "no_server": N_("No mail server is set up, so it was kept here and sent to nobody."),
    "nowhere": N_("This address can't exist, so it was kept here and sent to nobody."),
    "not_an_address": N_("This isn't an email address."),
    "refused": N_("The mail server refused it for good."),
    "later": N_("The mail server asked us to try again later."),
    "no_answer": N_("The mail server took it and didn't confirm: it may have arrived."),
    "server": N_("The mail server can't be reached, or doesn't let us in."),
    "too_late": N_("It could not be sent while it was of use."),
    "not_needed": N_("It was no longer needed."),
    "unsubscribed": N_("The recipient has unsubscribed."),
    "erased": N_("The recipient's details were erased."),
    "no_link": N_("Its link can no longer be read. Ask for a new one."),
    "no_gateway": N_("No SMS gateway is set up, so it was kept here and sent to nobody."),
    "sms_kept": N_("No gateway address is entered, so it was kept here and sent to nobody."),
    "sms_refused": N_("The gateway refused it."),
    "sms_later": N_("The gateway asked us to try again later, or didn't accept it yet."),
    "sms_no_answer": N_("The gateway got it and didn't answer: it may have arrived."),
    "gateway": N_("The gateway can't be reached, or doesn't let us in."),
    "day_limit": N_("The day's limit for text messages was reached."),
    "number_limit": N_("This number got as many messages today as one may."),
    "sms_too_long": N_("It would have more than six parts. Shorten its text."),
    "broken": N_("Something went wrong on our side while writing it."),
}
STATES: Final[Mapping[State, tuple[str, str]]] = {
    State.QUEUED: (N_("Queued"), "wait"),
    State.SENDING: (N_("Queued"), "wait"),
    State.SENT: (N_("Delivered to the mail server"), "good"),
    State.KEPT: (N_("Kept here"), ""),
    State.REFUSED: (N_("Refused"), "bad"),
    State.FAILED: (N_("Not sent"), "bad"),
    State.UNKNOWN: (N_("Uncertain"), "bad"),
    State.DROPPED: (N_("Not needed"), ""),
}
# A message is a page of somebody else's words: it may load nothing and start nothing.
_CAGE: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)


def settings_of(desk: Desk) -> Settings:
    return services_of(desk.request).given


def own_server(desk: Desk) -> MailServer | None:
    """The installation's; None where it has none, or names one that is invalid (the worker says so)."""
    try:
        return notifications.own_server(settings_of(desk))
    except ValueError:
        return None


def origin_of(desk: Desk) -> str:
    return services_of(desk.request).public.origin


def labels(desk: Desk) -> Mapping[Kind, Any]:
    return letters.TEXTS[desk.language.tag if desk.language.tag in letters.TEXTS else "en"]


def _as_mail(html: str) -> Response:
    response = HTMLResponse(html)
    response.headers["content-security-policy"] = _CAGE
    response.headers["cache-control"] = "private, no-store"
    return response


@router.get("")
async def log(
    desk: Viewer,
    state: State | None = None,
    kind: Kind | None = None,
    channel: Literal["mail", "sms"] | None = None,
    search: Annotated[str, Query(max_length=100)] = "",
    after: UUID | None = None,
    before: UUID | None = None,
) -> Response:
    own = own_server(desk)
    async with desk.db.transaction() as tx:
        page = await notices.page_of(
            tx,
            shop_id=desk.shop.id,
            search=search,
            state=state,
            kind=kind,
            channel=channel,
            after=after,
            before=before,
            limit=PAGE,
        )
        counts = await notices.counts(tx, shop_id=desk.shop.id)
        server = await notifications.mail_server(tx, shop_id=desk.shop.id)
        trouble = await notifications.trouble(tx, shop_id=desk.shop.id, own=own)
    return desk.page(
        "messages.html",
        active="messages",
        page=page,
        notices=page.items,
        counts=counts,
        state_now=state,
        kind_now=kind,
        channel_now=channel,
        search=search,
        has_server=own is not None or server is not None,
        trouble=trouble,
        texts=labels(desk),
        states=STATES,
    )


@router.get("/settings")
async def settings(desk: Viewer) -> Response:
    return await _settings_page(desk)


async def _settings_page(
    desk: Desk, typed: Mapping[str, Any] | None = None, refusal: Refusal | None = None
) -> Response:
    own = own_server(desk)
    async with desk.db.transaction() as tx:
        server = await notifications.mail_server(tx, shop_id=desk.shop.id)
        trouble = await notifications.trouble(tx, shop_id=desk.shop.id, own=own)
    kept = {"security": "starttls", "port": 587}
    if server is not None:
        names = ("host", "port", "security", "username", "sender", "reply_to")
        kept = {name: str(getattr(server, name)) for name in names}
    errors: dict[str, str] = {}
    if refusal is not None:
        errors[str(refusal.facts.get("field", ""))] = message_of(refusal, desk.language)
    return desk.page(
        "messages_settings.html",
        active="messages",
        status=200 if refusal is None else refusal.status,
        server=server,
        own=own,
        trouble=trouble,
        values={**kept, **(typed or {})},
        errors=errors,
    )


@router.post("/settings")
async def save_settings(
    desk: Owner,
    host: Text = "",
    port: Annotated[str, Form(max_length=10)] = "587",
    security: Annotated[Security, Form()] = Security.STARTTLS,
    username: Text = "",
    password: Text = "",
    sender: Text = "",
    reply_to: Text = "",
) -> Response:
    typed = {
        "host": host, "port": port, "security": str(security), "username": username, "sender": sender,
        "reply_to": reply_to,
    }  # fmt: skip
    try:
        async with desk.work() as tx:
            await notifications.save_mail_server(
                tx,
                box=secrets.box(settings_of(desk)),
                shop_id=desk.shop.id,
                host=host,
                port=whole_number(port) or 0,
                security=security,
                username=username,
                password=password,
                sender=sender,
                reply_to=reply_to,
            )
    except Refusal as refusal:
        return await _settings_page(desk, typed, refusal)
    return desk.back(
        "/messages/settings", desk.say(N_("Mail server saved. Send yourself a test message now."))
    )


@router.post("/settings/remove")
async def remove_settings(desk: Owner) -> Response:
    async with desk.work() as tx:
        await notifications.remove_mail_server(tx, shop_id=desk.shop.id)
    return desk.back("/messages/settings", desk.say(N_("Mail server removed.")))


@router.post("/settings/test")
async def send_test(desk: Manager, recipient: Text = "") -> Response:
    try:
        async with desk.work() as tx:
            notice_id = await notifications.send_test(
                tx, shop=desk.shop, recipient=recipient, person_id=desk.actor.person_id
            )
    except Refusal as refusal:
        return desk.refused("/messages/settings", refusal)
    return desk.back(
        f"/messages/{notice_id}",
        desk.say(N_("Test message queued. Reload this page to see what became of it.")),
    )


@router.get("/domain")
async def domain(desk: Viewer) -> Response:
    return await _domain_page(desk)


async def _domain_page(desk: Desk, checked: Sequence[Any] = ()) -> Response:
    async with desk.db.transaction() as tx:
        server = await notifications.mail_server(tx, shop_id=desk.shop.id)
        known = None
        if server is not None:
            known = await mail_signing.get(tx, shop_id=desk.shop.id, host=server.host, sender=server.sender)
    return desk.page(
        "messages_domain.html",
        active="messages",
        domain=known,
        found={each.record.purpose: each for each in checked},
        own=own_server(desk),
    )


async def _server_of(desk: Desk) -> Any:
    """The shop's own mail server.  Raises SentBack where there is none."""
    async with desk.db.transaction() as tx:
        server = await notifications.mail_server(tx, shop_id=desk.shop.id)
    if server is None:
        raise SentBack(desk.back("/messages/settings"))
    return server


@router.post("/domain/key")
async def make_key(desk: Owner) -> Response:
    """The first, or another in its place."""
    server = await _server_of(desk)
    async with desk.work() as tx:
        await mail_signing.make_key(
            tx, shop_id=desk.shop.id, box=secrets.box(settings_of(desk)), sender=server.sender
        )
    return desk.back("/messages/domain", desk.say(N_("Key made. Now set the record at your DNS provider.")))


@router.post("/domain/check")
async def check_domain(desk: Manager) -> Response:
    """What DNS says now; where it has the key, messages are signed from now on."""
    server = await _server_of(desk)
    with desk.back_if_refused("/messages/domain"):
        await desk.claim()
        checked = await mail_signing.check(
            desk.db, shop_id=desk.shop.id, host=server.host, sender=server.sender
        )
    return await _domain_page(desk, checked)


@router.post("/domain/signing")
async def set_signing(desk: Owner, signs: Tick = False) -> Response:
    server = await _server_of(desk)
    with desk.back_if_refused("/messages/domain"):
        async with desk.work() as tx:
            await mail_signing.set_signs(tx, shop_id=desk.shop.id, sender=server.sender, signs=signs)
    said = N_("Messages are signed from now on.") if signs else N_("Messages are no longer signed.")
    return desk.back("/messages/domain", desk.say(said))


@router.get("/wording")
async def wordings(desk: Viewer) -> Response:
    async with desk.db.transaction() as tx:
        own = await letters.wording(tx, shop_id=desk.shop.id)
    kinds = [kind for kind in Kind if kind.own_words]
    return desk.page(
        "messages_wording.html",
        active="messages",
        kinds=kinds,
        own=own,
        texts=labels(desk),
        tongues=[(tag, tongue_name(tag)) for tag in letters.TEXTS],
    )


def tongue_name(tag: str) -> str:
    found = by_tag(tag)
    return tag if found is None else found.name


async def _words_page(
    desk: Desk,
    kind: Kind,
    tongue: str,
    typed: Mapping[str, str] | None = None,
    refusal: Refusal | None = None,
) -> Response:
    if not kind.own_words or tongue not in letters.TEXTS:
        raise NotFound
    async with desk.db.transaction() as tx:
        own = (await letters.wording(tx, shop_id=desk.shop.id)).get((kind, tongue))
    ours = letters.TEXTS[tongue][kind]
    values = {
        "subject": own.subject if own is not None and own.subject else ours.subject,
        "intro": own.intro if own is not None and own.intro else ours.intro,
    }
    errors: dict[str, str] = {}
    if refusal is not None:
        errors[str(refusal.facts.get("field", ""))] = message_of(refusal, desk.language)
    return desk.page(
        "messages_words.html",
        active="messages",
        status=200 if refusal is None else refusal.status,
        kind=kind,
        tongue=tongue,
        tongue_name=tongue_name(tongue),
        label=labels(desk)[kind].label,
        placeholders=kind.placeholders,
        about_payment=kind.is_about_payment,
        is_own=own is not None,
        values={**values, **(typed or {})},
        errors=errors,
    )


@router.get("/words")
async def words(
    desk: Manager, kind: Kind = Kind.ORDER_PLACED, tongue: Annotated[str, Query(max_length=10)] = "en"
) -> Response:
    return await _words_page(desk, kind, tongue)


@router.post("/words")
async def save_words(
    desk: Manager, kind: WordedKind, tongue: Tongue, subject: Text = "", intro: Text = ""
) -> Response:
    try:
        async with desk.work() as tx:
            await letters.save_wording(tx, actor=desk.actor, wording=Wording(kind, tongue, subject, intro))
    except notices.UnknownNotice:
        raise NotFound from None
    except Refusal as refusal:
        return await _words_page(desk, kind, tongue, {"subject": subject, "intro": intro}, refusal)
    return desk.back("/messages/wording", desk.say(N_("Text saved.")))


@router.post("/words/reset")
async def reset_words(desk: Manager, kind: WordedKind, tongue: Tongue) -> Response:
    """Back to the words that come with Shopfloor."""
    try:
        async with desk.work() as tx:
            await letters.save_wording(tx, actor=desk.actor, wording=Wording(kind, tongue))
    except notices.UnknownNotice:
        raise NotFound from None
    except Refusal as refusal:
        return await _words_page(desk, kind, tongue, None, refusal)
    return desk.back("/messages/wording", desk.say(N_("Original text restored.")))


@router.post("/words/preview")
async def preview(
    desk: Manager, kind: WordedKind, tongue: Tongue, subject: Text = "", intro: Text = ""
) -> Response:
    """The message as its reader would see it; nothing is kept."""
    try:
        wording = letters.checked_wording(Wording(kind, tongue, subject, intro))
    except notices.UnknownNotice:
        raise NotFound from None
    except Refusal as refusal:
        return await _words_page(desk, kind, tongue, {"subject": subject, "intro": intro}, refusal)
    return _as_mail(letters.preview(desk.shop, wording, origin=origin_of(desk)).html)


@router.get("/{notice_id}")
async def one(desk: Viewer, notice_id: UUID) -> Response:
    async with desk.db.transaction() as tx:
        notice, shown = await notifications.shown(
            tx, shop_id=desk.shop.id, notice_id=notice_id, origin=origin_of(desk)
        )
    return desk.page(
        "message.html",
        active="messages",
        notice=notice,
        shown=shown,
        label=labels(desk)[notice.kind].label,
        states=STATES,
        reason=desk.say(REASONS[notice.code]) if notice.code in REASONS else "",
    )


@router.get("/{notice_id}/view")
async def view(desk: Viewer, notice_id: UUID) -> Response:
    """As its reader sees it."""
    async with desk.db.transaction() as tx:
        _, shown = await notifications.shown(
            tx, shop_id=desk.shop.id, notice_id=notice_id, origin=origin_of(desk)
        )
    return _as_mail(shown.html)


@router.post("/{notice_id}/again")
async def again(desk: Manager, notice_id: UUID) -> Response:
    try:
        async with desk.work() as tx:
            new_id = await notifications.send_again(
                tx, shop_id=desk.shop.id, notice_id=notice_id, person_id=desk.actor.person_id
            )
    except notices.UnknownNotice:
        raise
    except Refusal as refusal:
        return desk.refused(f"/messages/{notice_id}", refusal)
    return desk.back(f"/messages/{new_id}", desk.say(N_("It will be sent again.")))

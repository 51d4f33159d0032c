"""Messages by SMS: the shop's gateway, what it sends, its words with what they cost, a test."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import Form, Query
from starlette.responses import Response

from shopfloor import letters, notices, sms
from shopfloor.kernel import secrets
from shopfloor.kernel.errors import NotFound, Refusal
from shopfloor.kernel.routes import Router
from shopfloor.notices import Kind
from shopfloor.web.console.desk import Desk
from shopfloor.web.console.messages import (
    Manager,
    Owner,
    Text,
    Tongue,
    Viewer,
    WordedKind,
    labels,
    origin_of,
    settings_of,
    tongue_name,
)
from shopfloor.web.forms import Tick
from shopfloor.web.languages import N_
from shopfloor.web.refusals import message_of
from shopfloor.web.regions import countries

router = Router(prefix="/console/{shop}/messages/sms", include_in_schema=False)

Kinds = Annotated[list[str], Form(max_length=20)]
# Where a shop of this currency reaches most of its customers.
_HOME: Final[Mapping[str, str]] = {
    "CNY": "CN", "HKD": "HK", "TWD": "TW", "EUR": "DE", "GBP": "GB", "USD": "US", "JPY": "JP", "AUD": "AU",
    "CAD": "CA", "CHF": "CH", "KRW": "KR", "SGD": "SG",
}  # fmt: skip
_BODY: Final = '{"to": "{phone}", "text": "{text}", "reference": "{id}"}'


@router.get("")
async def settings(desk: Viewer) -> Response:
    return await _page(desk)


async def _page(
    desk: Desk, typed: Mapping[str, Any] | None = None, refusal: Refusal | None = None
) -> Response:
    async with desk.db.transaction() as tx:
        gateway = await sms.gateway(tx, shop_id=desk.shop.id)
        used = await sms.used_today(tx, shop_id=desk.shop.id)
        trouble = None if gateway is None else await sms.trouble(tx, gateway=gateway)
        own = await sms.words(tx, shop_id=desk.shop.id)
    usual = sms.Form(body=_BODY, region=_HOME.get(desk.shop.currency, ""), kinds=tuple(sms.KINDS))
    values = asdict(usual if gateway is None else sms.form_of(gateway))
    values["body"] = values["body"] or _BODY
    errors: dict[str, str] = {}
    if refusal is not None:
        field = str(refusal.facts.get("field", ""))
        errors[field] = desk.say(WRONG[field]) if field in WRONG else message_of(refusal, desk.language)
    return desk.page(
        "messages_sms.html",
        active="messages",
        status=200 if refusal is None else refusal.status,
        gateway=gateway,
        used=used,
        trouble=trouble,
        values={**values, **(typed or {})},
        errors=errors,
        kinds=[(kind, labels(desk)[kind].label) for kind in sms.KINDS],
        countries=countries(desk.language),
        report_url="" if gateway is None else f"{origin_of(desk)}/sms/{gateway.report_key}/report",
        own=own,
        tongues=[(tag, tongue_name(tag)) for tag in letters.TEXTS],
    )


# What is wrong with a field of the gateway.
WRONG: Final[Mapping[str, str]] = {
    "url": N_("Enter the address of the gateway, beginning with https://."),
    "headers": N_("Write one header per line, such as Authorization: Bearer {secret}."),
    "body": N_("This must name {phone} or {national}, and {text}, and be valid JSON or lines of name=value."),
    "method": N_("Choose one."),
    "region": N_("Choose a country."),
    "countries": N_("Write countries by their two letters, separated by commas, such as CN, HK."),
    "most_a_day": N_("Enter a whole number from 1 to 1,000,000."),
}


@router.post("")
async def save(
    desk: Owner,
    url: Text = "",
    method: Text = "POST",
    format: Text = "json",  # noqa: A002 -- the name of the field
    headers: Text = "",
    secret: Text = "",
    body: Text = "",
    ok_field: Text = "",
    ok_value: Text = "",
    reference_field: Text = "",
    report_id: Text = "",
    report_status: Text = "",
    delivered: Text = "",
    undelivered: Text = "",
    region: Text = "",
    countries: Text = "",
    kinds: Kinds = [],  # noqa: B006 -- the default of a form field
    most_a_day: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    form = sms.Form(
        url, method, format, headers, secret, body, ok_field, ok_value, reference_field, report_id, report_status,
        delivered, undelivered, region, countries, tuple(kinds), most_a_day,
    )  # fmt: skip
    try:
        async with desk.work() as tx:
            await sms.save(
                tx,
                box=secrets.box(settings_of(desk)),
                shop_id=desk.shop.id,
                form=form,
                private=settings_of(desk).fetchable,
            )
    except Refusal as refusal:
        typed = {name: value for name, value in asdict(form).items() if name not in {"headers", "secret"}}
        return await _page(desk, typed, refusal)
    return desk.back("/messages/sms", desk.say(N_("Saved. Send yourself a test message now.")))


@router.post("/remove")
async def remove(desk: Owner) -> Response:
    async with desk.work() as tx:
        await sms.remove(tx, shop_id=desk.shop.id)
    return desk.back("/messages/sms", desk.say(N_("Nothing goes by SMS from now on.")))


@router.post("/test")
async def send_test(desk: Manager, phone: Text = "") -> Response:
    try:
        async with desk.work() as tx:
            notice_id = await sms.send_test(tx, shop=desk.shop, phone=phone, person_id=desk.actor.person_id)
    except Refusal as refusal:
        return desk.refused("/messages/sms", refusal)
    return desk.back(
        f"/messages/{notice_id}",
        desk.say(N_("Test message queued. Reload this page to see what became of it.")),
    )


async def _words_page(
    desk: Desk,
    kind: Kind,
    tongue: str,
    typed: str | None = None,
    refusal: Refusal | None = None,
    *,
    previewed: bool = False,
) -> Response:
    try:
        ours = sms.ours(kind, tongue)
    except notices.UnknownNotice:
        raise NotFound from None
    async with desk.db.transaction() as tx:
        own = (await sms.words(tx, shop_id=desk.shop.id)).get((kind, tongue))
    words = typed if typed is not None else own or ours
    shown = None
    if refusal is None:
        shown = sms.preview(desk.shop, kind, tongue, words, origin=origin_of(desk))
    return desk.page(
        "messages_sms_words.html",
        active="messages",
        status=200 if refusal is None else refusal.status,
        kind=kind,
        tongue=tongue,
        tongue_name=tongue_name(tongue),
        label=labels(desk)[kind].label,
        placeholders=sms.may_name(kind),
        is_own=own is not None,
        values={"words": words},
        shown=shown,
        is_too_long=shown is not None and sms.is_too_long(shown),
        previewed=previewed,
        errors={} if refusal is None else {"words": message_of(refusal, desk.language)},
    )


@router.get("/words")
async def words(
    desk: Manager, kind: Kind = Kind.SHIPPED, tongue: Annotated[str, Query(max_length=10)] = "en"
) -> Response:
    return await _words_page(desk, kind, tongue)


@router.post("/words")
async def save_words(
    desk: Manager,
    kind: WordedKind,
    tongue: Tongue,
    words: Text = "",
    look: Tick = False,
) -> Response:
    """Keep them; with `look` only show what they become."""
    try:
        if look:
            sms.checked_words(kind, tongue, words)
            return await _words_page(desk, kind, tongue, words, previewed=True)
        async with desk.work() as tx:
            await sms.save_words(tx, actor=desk.actor, kind=kind, tongue=tongue, typed=words)
    except notices.UnknownNotice:
        raise NotFound from None
    except Refusal as refusal:
        return await _words_page(desk, kind, tongue, words, refusal)
    return desk.back("/messages/sms#texts", desk.say(N_("Text saved.")))

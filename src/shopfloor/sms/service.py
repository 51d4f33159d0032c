"""Messages by SMS: the gateway of a shop, its words, who wants them, and what a day may cost."""

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Final
from uuid import UUID

from shopfloor import letters, notices, policies
from shopfloor.accounts import Actor, Shop
from shopfloor.kernel import phones, text
from shopfloor.kernel.client_address import Network
from shopfloor.kernel.countries import COUNTRIES
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.secrets import Box, CannotOpen
from shopfloor.kernel.values import new_id, now
from shopfloor.letters import LANGUAGES, Context, Told, UnknownPlaceholder, language_for, placeholders_in
from shopfloor.notices import Kind, NewNotice, Trouble, UnknownNotice
from shopfloor.sms import queries
from shopfloor.sms.models import (
    KINDS,
    LONGEST_WORDS,
    MOST_TO_NUMBER,
    USUAL_MOST,
    Format,
    Gateway,
    Method,
    NoSms,
    NotAGateway,
    NotAPhone,
    Preview,
    Sealed,
    check_body,
    headers_of,
    listed,
    origin_of,
    short,
    size_of,
    too_long,
)
from shopfloor.sms.texts import NEEDED, SMS, placeholders

# The gateway


@dataclass(frozen=True, slots=True, repr=False)
class Form:
    """What an owner fills in.  Without `headers` or `secret`, those that were entered for the same server stay."""

    url: str = ""
    method: str = Method.POST
    format: str = Format.JSON
    headers: str = ""
    secret: str = ""
    body: str = ""
    ok_field: str = ""
    ok_value: str = ""
    reference_field: str = ""
    report_id: str = ""
    report_status: str = ""
    delivered: str = ""
    undelivered: str = ""
    region: str = ""
    countries: str = ""
    kinds: tuple[str, ...] = ()
    most_a_day: str = str(USUAL_MOST)


async def gateway(tx: Tx, *, shop_id: int) -> Gateway | None:
    return await queries.gateway(tx, shop_id=shop_id)


def form_of(gateway: Gateway) -> Form:
    """What is kept, without what nobody sees again."""
    same = {
        name: str(getattr(gateway, name))
        for name in ("url", "method", "format", "body", "ok_field", "ok_value", "reference_field", "report_id",
                     "report_status", "delivered", "undelivered", "region", "most_a_day")
    }  # fmt: skip
    return Form(**same, countries=", ".join(gateway.countries), kinds=gateway.kinds)


async def save(tx: Tx, *, box: Box, shop_id: int, form: Form, private: Sequence[Network] = ()) -> None:
    """`private`: networks that an operator allows, where an address may go without https.

    Raises NotAGateway with `field`, UnusableText.
    """
    lines = {
        name: text.line(getattr(form, name), field=name, longest=longest).strip()
        for name, longest in (("url", 1000), ("ok_field", 100), ("ok_value", 200), ("reference_field", 100),
                              ("report_id", 100), ("report_status", 100), ("delivered", 400), ("undelivered", 400))
    }  # fmt: skip
    url = lines["url"]
    if url:
        _check_url(url, private)
    body = text.prose(form.body, field="body", longest=4000).strip()
    if form.method not in set(Method) or form.format not in set(Format):
        raise NotAGateway(field="method")
    method, kind = Method(form.method), Format(form.format)
    if url:
        check_body(method, kind, body)
    region = form.region.strip().upper()
    countries = tuple(dict.fromkeys(each.upper() for each in listed(form.countries))) or (region,)
    if region not in COUNTRIES:
        raise NotAGateway(field="region")
    if len(countries) > len(COUNTRIES) or any(each not in COUNTRIES for each in countries):
        raise NotAGateway(field="countries")
    most = form.most_a_day.strip()
    if not (most.isascii() and most.isdigit() and len(most) <= 7 and 1 <= int(most) <= 1_000_000):
        raise NotAGateway(field="most_a_day")
    before = await queries.gateway(tx, shop_id=shop_id)
    kept = Sealed()
    if before is not None and origin_of(before.url) == origin_of(url):
        kept = await _opened(tx, box, before)
    sealed = Sealed(
        form.headers if form.headers.strip() else kept.headers, form.secret.strip() or kept.secret
    )
    if len(sealed.headers) > 4000 or len(sealed.secret) > 2000:
        raise NotAGateway(field="headers")
    names = tuple(name for name, _ in headers_of(sealed.headers))
    changed = Gateway(
        shop_id=shop_id,
        method=method,
        format=kind,
        body=body,
        header_names=names,
        has_secret=bool(sealed.secret),
        report_key=secrets.token_urlsafe(32) if before is None else before.report_key,
        region=region,
        countries=tuple(dict.fromkeys((region, *countries))),
        kinds=tuple(str(each) for each in KINDS if each in form.kinds),
        most_a_day=int(most),
        changed_at=now(),
        **lines,
    )
    closed = None
    if sealed != Sealed():
        content = json.dumps({"headers": sealed.headers, "secret": sealed.secret})
        closed = box.seal(content, about=_about(changed))
    await queries.save_gateway(tx, gateway=changed, sealed=closed)
    await notices.troubles.forget(tx, target=changed.target)


def _check_url(url: str, private: Sequence[Network]) -> None:
    scheme, _, rest = url.partition("://")
    host = rest.partition("/")[0].partition("?")[0]
    plain = scheme.lower() == "http" and bool(private)
    if (
        (scheme.lower() != "https" and not plain)
        or not host
        or any(sign in host for sign in "@{}\\")
        or "#" in url
        or not url.isascii()
        or any(name not in {"phone", "national", "text", "id", "secret"} for name in placeholders_in(url))
    ):
        raise NotAGateway(field="url")


def _about(gateway: Gateway) -> str:
    return f"notifications.sms_gateway {gateway.shop_id} {origin_of(gateway.url)}"


async def _opened(tx: Tx, box: Box, gateway: Gateway) -> Sealed:
    """Empty where it has to be entered again."""
    closed = await queries.sealed(tx, shop_id=gateway.shop_id)
    return Sealed() if closed is None else opened(box, gateway, closed)


def opened(box: Box, gateway: Gateway, closed: bytes) -> Sealed:
    try:
        said = json.loads(box.open(closed, about=_about(gateway)))
    except CannotOpen:
        return Sealed()
    return Sealed(said["headers"], said["secret"])


async def remove(tx: Tx, *, shop_id: int) -> None:
    await queries.delete_gateway(tx, shop_id=shop_id)


async def trouble(tx: Tx, *, gateway: Gateway) -> Trouble | None:
    return await notices.troubles.of(tx, target=gateway.target)


# Who is told


async def sends(tx: Tx, *, shop_id: int, kind: Kind) -> Gateway | None:
    """The gateway, where the shop sends this kind by SMS."""
    found = await queries.gateway(tx, shop_id=shop_id)
    return found if found is not None and found.sends(kind) else None


def number(gateway: Gateway, written: str) -> str:
    """The number in full.  Raises NotAPhone for what is no mobile phone's, or of a country this shop sends nothing to."""
    found = phones.e164(written, region=gateway.region)
    if not found or phones.country_of(found) not in gateway.countries or not phones.is_mobile(found):
        raise NotAPhone(field="phone")
    return found


async def tell_of_order(tx: Tx, notice: NewNotice, order: Told) -> None:
    """Beside the mail: where the shop sends this by SMS, and the buyer of the order asked for it."""
    if notice.kind not in KINDS or not order.contact_phone:
        return
    found = await sends(tx, shop_id=notice.shop_id, kind=notice.kind)
    if found is None or not await queries.is_wanted(tx, shop_id=order.shop_id, order_id=order.id):
        return
    try:
        phone = number(found, order.contact_phone)
    except NotAPhone:
        return
    await notices.tell(tx, replace(notice, recipient=phone))


async def tell_of_place(tx: Tx, notice: NewNotice, *, waiting: UUID) -> None:
    """To where somebody in a waitlist asked to be told."""
    place = await queries.place(tx, waiting=waiting)
    if place is not None and await sends(tx, shop_id=notice.shop_id, kind=notice.kind) is not None:
        own = replace(notice, recipient=place.phone, locale=place.locale)
        await notices.tell(tx, own)


async def offers(tx: Tx, *, shop_id: int) -> bool:
    """Whether a buyer may ask for messages about an order by SMS."""
    found = await queries.gateway(tx, shop_id=shop_id)
    return found is not None and any(each in found.kinds for each in KINDS if each is not Kind.SIGN_IN_CODE)


async def want(tx: Tx, *, shop_id: int, order_id: UUID, phone: str, wording: str) -> bool:
    """The buyer of an order asks for messages about it at its number.  False where none could be sent there."""
    found = await queries.gateway(tx, shop_id=shop_id)
    if found is None:
        return False
    try:
        full = number(found, phone)
    except NotAPhone:
        return False
    await notices.readers.subscribe_again(tx, shop_id=shop_id, address=full)
    await queries.want(tx, shop_id=shop_id, order_id=order_id, wording=wording[:500])
    return True


async def want_no_more(tx: Tx, *, shop_id: int, order_id: UUID, phone: str) -> None:
    """Nothing more goes to this number but codes that somebody asks for."""
    await queries.want_no_more(tx, shop_id=shop_id, order_id=order_id)
    found = await queries.gateway(tx, shop_id=shop_id)
    full = phones.e164(phone, region="" if found is None else found.region)
    if full:
        await notices.readers.unsubscribe(tx, shop_id=shop_id, address=full)
        await notices.readers.drop_queued_to(
            tx,
            shop_id=shop_id,
            recipient=full,
            kinds=[each for each in Kind if each is not Kind.SIGN_IN_CODE],
        )


async def is_wanted(tx: Tx, *, shop_id: int, order_id: UUID) -> bool:
    return await queries.is_wanted(tx, shop_id=shop_id, order_id=order_id)


async def tell_me_of_place(
    tx: Tx, *, shop_id: int, waiting_id: UUID, buyer: UUID, phone: str, locale: str
) -> None:
    """Where somebody in a waitlist is told that it is their turn.  Raises NoSms, NotAPhone."""
    found = await sends(tx, shop_id=shop_id, kind=Kind.PLACE_OFFERED)
    if found is None:
        raise NoSms
    full = number(found, phone)
    await notices.readers.subscribe_again(tx, shop_id=shop_id, address=full)
    await queries.save_place(
        tx, waiting=waiting_id, shop_id=shop_id, buyer=buyer, phone=full, locale=language_for(locale)
    )


async def send_test(tx: Tx, *, shop: Shop, phone: str, person_id: int) -> UUID:
    """Raises NoSms, NotAPhone."""
    found = await queries.gateway(tx, shop_id=shop.id)
    if found is None:
        raise NoSms
    notice_id = await notices.tell(
        tx,
        NewNotice(
            shop.id,
            new_id(),
            Kind.TEST,
            number(found, phone),
            shop.locale,
            again_by=person_id,
        ),
    )
    assert notice_id is not None, "its fact is new"
    return notice_id


# What a day may cost

_SHOP: Final = b"shop"


def number_key(phone: str) -> bytes:
    return sha256(f"sms {phone}".encode()).digest()


async def take(tx: Tx, *, gateway: Gateway, kind: Kind, phone: str, segments: int) -> str:
    """Count what is about to leave; '' or why it may not."""
    fits = await queries.use(
        tx, shop_id=gateway.shop_id, what=_SHOP, units=segments, most=gateway.most_for(kind)
    )
    if not fits:
        return "day_limit"
    if await queries.use(tx, shop_id=gateway.shop_id, what=number_key(phone), units=1, most=MOST_TO_NUMBER):
        return ""
    await queries.give_back(tx, shop_id=gateway.shop_id, what=_SHOP, units=segments)
    return "number_limit"


async def give_back(tx: Tx, *, gateway: Gateway, phone: str, segments: int) -> None:
    """It certainly did not leave."""
    await queries.give_back(tx, shop_id=gateway.shop_id, what=_SHOP, units=segments)
    await queries.give_back(tx, shop_id=gateway.shop_id, what=number_key(phone), units=1)


async def has_room(tx: Tx, *, shop_id: int) -> bool:
    """Whether today's limit leaves room for a code."""
    found = await queries.gateway(tx, shop_id=shop_id)
    most = 0 if found is None else found.most_for(Kind.SIGN_IN_CODE)
    return await used_today(tx, shop_id=shop_id) < most


async def used_today(tx: Tx, *, shop_id: int) -> int:
    """Parts."""
    return await queries.used(tx, shop_id=shop_id, what=_SHOP)


# Words


async def words(tx: Tx, *, shop_id: int) -> dict[tuple[Kind, str], str]:
    rows = await queries.words(tx, shop_ids=[shop_id])
    return {(Kind(row.kind), row.locale): row.words for row in rows}


def ours(kind: Kind, tongue: str) -> str:
    """Raises UnknownNotice."""
    if kind not in KINDS or tongue not in LANGUAGES:
        raise UnknownNotice
    return SMS[tongue][kind]


async def in_short(
    tx: Tx, *, shop_ids: Sequence[int], origin: str
) -> Callable[[letters.NoticeLike, str], letters.Short]:
    """The words and the link of a message by SMS in a language: the shop's own words, or ours."""
    own = {
        (row.shop_id, row.kind, row.locale): row.words for row in await queries.words(tx, shop_ids=shop_ids)
    }

    def short_of(notice: letters.NoticeLike, language: str) -> letters.Short:
        words = own.get((notice.shop_id, notice.kind, language)) or SMS[language][notice.kind]
        return letters.Short(words, f"{origin}/t/{short(notice.id)}")

    return short_of


def may_name(kind: Kind) -> tuple[str, ...]:
    return placeholders(kind)


def checked_words(kind: Kind, tongue: str, typed: str) -> str:
    """'' for words that are left as they were.  Raises UnknownPlaceholder, UnusableText, UnknownNotice."""
    original = ours(kind, tongue)
    kept = text.line(typed, field="words", longest=LONGEST_WORDS).strip()
    allowed = placeholders(kind)
    for name in placeholders_in(kept):
        if name not in allowed:
            raise UnknownPlaceholder(field="words", name=name[:40], allowed=", ".join(allowed))
    if kind in NEEDED and kept and NEEDED[kind] not in placeholders_in(kept):
        raise UnknownPlaceholder(
            "It has to name the code.", field="words", name=NEEDED[kind], allowed=", ".join(allowed)
        )
    return "" if kept == original else kept


async def save_words(tx: Tx, *, actor: Actor, kind: Kind, tongue: str, typed: str) -> None:
    """Raises what `checked_words` raises, and NotAllowed as for the words of a mail."""
    kept = checked_words(kind, tongue, typed)
    shop_id = actor.shop_id
    await policies.bank_details.text_changed(
        tx,
        actor=actor,
        place=f"sms {kind} {tongue}",
        before=(await words(tx, shop_id=shop_id)).get((kind, tongue)) or ours(kind, tongue),
        after=kept or ours(kind, tongue),
        speaks_of_payment=kind.is_about_payment,
    )
    if kept:
        await queries.save_words(tx, shop_id=shop_id, kind=kind, locale=tongue, words=kept)
    else:
        await queries.delete_words(tx, shop_id=shop_id, kind=kind, locale=tongue)


def preview(shop: Shop, kind: Kind, tongue: str, typed: str, *, origin: str) -> Preview:
    """A message of that kind as it could be, and how many parts it has.  Raises what `checked_words` raises."""
    kept = checked_words(kind, tongue, typed) or ours(kind, tongue)
    about, order, lines = letters.sample(kind, shop, language=tongue, now=now())
    context = Context(
        shop=shop,
        origin=origin,
        wording={},
        order=order,
        lines=lines,
        secret="/123456",  # noqa: S106 -- of nobody
    )
    message = letters.write_text(about, context, kept, link=f"{origin}/t/{short(UUID(int=0))}")
    return Preview(message, size_of(message))


def is_too_long(preview: Preview) -> bool:
    return too_long([preview.text])


# Forgetting


async def forget_number(tx: Tx, *, shop_id: int, phone: str) -> None:
    """The number goes from messages, but those about orders that still need their contact, and from waitlists."""
    await notices.readers.forget_address(tx, shop_id=shop_id, email=phone)
    await queries.forget_number(tx, shop_id=shop_id, phone=phone)

"""The face of a shop: logo, cover, accent, slogan, contact, licences, and the texts it writes about itself.

Pictures are made and stored by `picture_files.receive_picture`; here stands which of them are whose.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal
from urllib.parse import urlsplit

from shopfloor import accounts
from shopfloor.accounts import Actor
from shopfloor.brand import queries
from shopfloor.brand.accents import checked_colour
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Invalid
from shopfloor.kernel.text import line, prose
from shopfloor.picture_files import MAX_PICTURE_BYTES

Which = Literal["logo", "cover"]
# Where pictures of a shop are sent, below /console/{shop}, and how large they may be.
LARGE_BODIES: Final = {
    r"/brand/(?:logo|cover)": MAX_PICTURE_BYTES,
    r"/policies/licences": MAX_PICTURE_BYTES,
}
TEXTS: Final = ("about", "imprint", "terms", "privacy")
LONGEST_TEXT: Final = 50_000
MOST_LINKS: Final = 10
MOST_LICENCES: Final = 12
_PHONE: Final = re.compile(r"(?=(?:\D*\d){3})[0-9+()/ .-]{3,40}")
# A name of a host as people write one: two parts at least, none of them empty.
_HOST: Final = re.compile(r"[^.\s]+(?:\.[^.\s]+)+")


class BadLink(Invalid):
    """A link is a whole address, as in https://example.com/shop, and a shop has at most ten."""

    code = "brand.bad_link"


class BadPhone(Invalid):
    """Not a telephone number."""

    code = "brand.bad_phone"


class TooManyLicences(Invalid):
    """A shop shows at most twelve licences."""

    code = "brand.too_many_licences"


async def set_look(tx: Tx, *, actor: Actor, accent: str, slogans: Mapping[str, str]) -> None:
    """`slogans` by locale; an empty one is taken away.  Raises BadColour, UnusableText, NotAllowed."""
    colour = checked_colour(accent)
    said = {locale: line(text, field="slogan", longest=120) for locale, text in slogans.items()}
    actor.check_told(*said.values())
    await accounts.shop_settings.change(
        tx,
        actor=actor,
        brand=lambda brand: replace(
            brand,
            accent=colour,
            slogans={key: text for key, text in {**brand.slogans, **said}.items() if text},
        ),
    )


async def set_picture(tx: Tx, *, actor: Actor, which: Which, sha256: str | None) -> None:
    """None takes it away; the file stays for pages that name it."""
    await accounts.shop_settings.change(
        tx,
        actor=actor,
        brand=lambda brand: replace(brand, logo=sha256) if which == "logo" else replace(brand, cover=sha256),
    )


async def set_contact(
    tx: Tx, *, actor: Actor, email: str, phone: str, address: str, wechat: str, links: Sequence[str]
) -> None:
    """Raises BadEmail, BadPhone, BadLink, UnusableText, NotAllowed."""
    phone = phone.strip()
    if phone and _PHONE.fullmatch(phone) is None:
        raise BadPhone(given=phone[:60])
    address = prose(address, field="address", longest=500)
    wechat = line(wechat, field="wechat", longest=60)
    actor.check_told(address, wechat)
    addresses = checked_links(links)
    mail = accounts.checked_email(email) if email.strip() else ""
    await accounts.shop_settings.change(
        tx,
        actor=actor,
        brand=lambda brand: replace(
            brand, email=mail, phone=phone, address=address, wechat=wechat, links=addresses
        ),
    )


def checked_links(links: Sequence[str]) -> list[str]:
    """Each once, in the order given, empty ones left out.  Raises BadLink."""
    found = list(dict.fromkeys(filter(None, (text.strip() for text in links))))
    if len(found) > MOST_LINKS:
        raise BadLink(most=MOST_LINKS)
    for text in found:
        try:
            parts = urlsplit(text)
            good = (
                parts.scheme == "https"
                and _HOST.fullmatch(parts.hostname or "") is not None
                and parts.username is None
                # Reading it refuses one that is none.
                and parts.port != 0
            )
        except ValueError:
            good = False
        if not good or len(text) > 300 or not text.isprintable() or " " in text:
            raise BadLink(given=text[:80])
    return found


async def add_licence(tx: Tx, *, actor: Actor, name: str, number: str, picture: str | None) -> None:
    """Raises TooManyLicences, UnusableText, NotAllowed."""
    name = line(name, field="licence", longest=100, shortest=1)
    number = line(number, field="licence_number", longest=100)
    actor.check_told(name)
    shop = await accounts.shop_settings.change(
        tx, actor=actor, brand=lambda brand: brand.with_licence(name, number, picture)
    )
    if len(shop.brand.licences) > MOST_LICENCES:
        raise TooManyLicences(most=MOST_LICENCES)


async def remove_licence(tx: Tx, *, actor: Actor, name: str, number: str) -> None:
    """One that is gone already stays so."""
    await accounts.shop_settings.change(
        tx,
        actor=actor,
        brand=lambda brand: replace(
            brand, licences=[each for each in brand.licences if (each.name, each.number) != (name, number)]
        ),
    )


async def set_texts(tx: Tx, *, actor: Actor, locale: str, texts: Mapping[str, str]) -> None:
    """Those of `texts` (keys of TEXTS) in one language; an empty one is taken away.  Raises UnusableText, NotAllowed."""
    kept = {kind: prose(texts[kind], field=kind, longest=LONGEST_TEXT) for kind in TEXTS if kind in texts}
    actor.check_told(*kept.values())
    # One change after the other: which texts there are is counted after this one.
    await accounts.shop_settings.change(tx, actor=actor)
    for kind, text in kept.items():
        if text:
            await queries.set_text(tx, shop_id=actor.shop_id, kind=kind, locale=locale, text=text)
        else:
            await queries.delete_text(tx, shop_id=actor.shop_id, kind=kind, locale=locale)
    written = {each.kind for each in await queries.texts(tx, shop_id=actor.shop_id)}
    await accounts.shop_settings.change(
        tx, actor=actor, brand=lambda brand: replace(brand, texts=[kind for kind in TEXTS if kind in written])
    )


async def texts(tx: Tx, *, shop_id: int) -> dict[str, dict[str, str]]:
    """By kind and locale."""
    found: dict[str, dict[str, str]] = {}
    for each in await queries.texts(tx, shop_id=shop_id):
        found.setdefault(each.kind, {})[each.locale] = each.text
    return found

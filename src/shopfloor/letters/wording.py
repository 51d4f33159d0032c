"""A shop's own words for a kind of message, and how one would look."""

from dataclasses import replace

from shopfloor import policies
from shopfloor.accounts import Actor, Shop
from shopfloor.kernel import text
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import now
from shopfloor.letters import composing, wording_queries, writing
from shopfloor.letters.models import LONGEST_INTRO, LONGEST_SUBJECT, Wording, check_words
from shopfloor.letters.texts import LANGUAGES, TEXTS
from shopfloor.notices import TRAITS, Kind, UnknownNotice


async def wording(tx: Tx, *, shop_id: int) -> dict[tuple[Kind, str], Wording]:
    return {
        (Kind(row.kind), row.locale): Wording(Kind(row.kind), row.locale, row.subject, row.intro)
        for row in await wording_queries.wordings(tx, shop_ids=[shop_id])
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
        await wording_queries.save_wording(tx, shop_id=shop_id, wording=checked)
    else:
        await wording_queries.delete_wording(tx, shop_id=shop_id, kind=checked.kind, locale=checked.locale)


def _whole(wording: Wording) -> str:
    """The words as their reader gets them."""
    ours = TEXTS[wording.locale][wording.kind]
    return f"{wording.subject or ours.subject}\n{wording.intro or ours.intro}"


def preview(shop: Shop, wording: Wording, *, origin: str) -> composing.Shown:
    """A message of that kind as it could be, with these words, of nobody's order."""
    about, order, lines = writing.sample(wording.kind, shop, language=wording.locale, now=now())
    traits = TRAITS[wording.kind]
    context = writing.Context(
        shop=shop,
        origin=origin,
        wording={(wording.kind, wording.locale): wording},
        pay_to="IBAN DE00 0000 0000 0000 0000 00",
        order=order,
        lines=lines,
        secret="/" if traits.secret else "",
        unsubscribe=f"{origin}/" if traits.may_unsubscribe else "",
    )
    return composing.shown(writing.write(about, context), now())

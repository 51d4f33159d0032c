"""What a message says: a letter of plain values, made of what happened, the order, and the words of shop and language.

No I/O here: `Context` holds what was read.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, dates, numbers

from shopfloor.accounts import Shop
from shopfloor.kernel import addresses
from shopfloor.kernel.currencies import DECIMALS
from shopfloor.kernel.records import dataclass
from shopfloor.letters import weekly
from shopfloor.letters.models import Wording, fill, one_line
from shopfloor.letters.order_queries import Told, ToldBundle, ToldLine
from shopfloor.letters.texts import LOCALES, ROLES, TEXTS, WORDS, language_for
from shopfloor.notices import TO_MERCHANT, Kind


@dataclass(frozen=True, slots=True)
class Row:
    """A line of goods."""

    title: str
    detail: str
    amount: str


@dataclass(frozen=True, slots=True)
class Fact:
    label: str
    value: str
    strong: bool = False
    link: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """Everything a reader sees, in one language; how it looks is `rendering`'s business."""

    language: str
    shop: str
    subject: str
    heading: str
    intro: list[str]
    button: str = ""
    link: str = ""
    rows: list[Row] = field(default_factory=list[Row])
    sums: list[Fact] = field(default_factory=list[Fact])
    facts: list[Fact] = field(default_factory=list[Fact])
    notes: list[str] = field(default_factory=list[str])
    footer: list[str] = field(default_factory=list[str])
    link_below: str = ""
    unsubscribe: str = ""
    unsubscribe_label: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """What a message is made of beside its own facts.  `secret`: a path that only its reader may know."""

    shop: Shop
    origin: str
    wording: Mapping[tuple[str, str], Wording]
    pay_to: str = ""
    pick_up_at: str = ""
    order: Told | None = None
    lines: Sequence[ToldLine] = ()
    bundles: Sequence[ToldBundle] = ()
    titles: Mapping[int, Mapping[str, str]] = field(default_factory=dict[int, Mapping[str, str]])
    secret: str = ""
    unsubscribe: str = ""
    may_answer: bool = False


@dataclass(frozen=True, slots=True)
class About:
    """What is told: its kind, to whom, in which language."""

    kind: Kind
    name: str
    locale: str
    facts: Mapping[str, Any]


class _Speech:
    """Amounts and times as the reader writes them."""

    def __init__(self, language: str, shop: Shop, currency: str) -> None:
        self.language = language
        self.locale: Locale = LOCALES[language]
        self.words = WORDS[language]
        self.currency = currency
        try:
            self.zone = ZoneInfo(shop.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            self.zone = ZoneInfo("UTC")

    def money(self, minor: int) -> str:
        return _amount(minor, self.currency, self.language)

    def day(self, value: date) -> str:
        return dates.format_skeleton("yMMMd", value, locale=self.locale)

    def moment(self, at: datetime) -> str:
        there = at.astimezone(self.zone)
        zone = self.zone_name(there)
        return f"{dates.format_skeleton('MMMEd', there, locale=self.locale)} {there:%H:%M} {zone}"

    def instant(self, at: datetime) -> str:
        """With the year and the second, for what is a proof."""
        there = at.astimezone(self.zone)
        return f"{self.day(there.date())} {there:%H:%M:%S} {self.zone_name(there)}"

    def titled(self, title: str, titles: Any) -> str:
        return _titled(title, titles, self)

    def zone_name(self, there: datetime) -> str:
        name = f"{there:%Z}"
        return f"UTC{name}" if name.startswith(("+", "-")) else name

    def say(self, key: str, **values: object) -> str:
        return fill(self.words[key], {name: str(value) for name, value in values.items()})


@lru_cache(maxsize=10_000)
def _amount(minor: int, currency: str, language: str) -> str:
    """Kept, for a shop has few prices and many messages: writing one takes as long as reading an order."""
    return numbers.format_currency(
        Decimal(minor).scaleb(-DECIMALS[currency]),
        currency,
        format=_pattern(language, DECIMALS[currency]),
        locale=LOCALES[language],
        currency_digits=False,
    )


@cache
def _pattern(language: str, decimals: int) -> str:
    """How the language writes an amount, with the decimals of its currency (ISO 4217)."""
    found: str = LOCALES[language].currency_formats["standard"].pattern
    return re.sub(r"0(\.0+)?", f"0.{'0' * decimals}" if decimals else "0", found, count=1)


def write(about: About, context: Context) -> Letter:
    """The letter.  Facts that an older release left out are left out of it."""
    language = language_for(about.locale, context.shop.locale)
    text = TEXTS[language][about.kind]
    order = context.order
    currency = order.currency if order else str(about.facts.get("currency") or context.shop.currency)
    speech = _Speech(language, context.shop, currency)
    values = _values(about, context, speech)
    own = context.wording.get((about.kind, language)) or Wording(about.kind, language)
    subject = one_line(fill(own.subject or text.subject, values))[:300]
    intro = fill(own.intro or text.intro, values)
    rows, sums = ([], []) if order is None else _goods(about, context, order, speech)
    return Letter(
        language=language,
        shop=context.shop.name,
        subject=subject,
        heading=text.heading,
        intro=[part.strip() for part in intro.split("\n\n") if part.strip()],
        button=text.button,
        link=_link(about, context) if text.button else "",
        rows=rows,
        sums=sums,
        facts=_facts(about, context, speech),
        notes=_notes(about, context, speech),
        footer=_footer(about, context, speech),
        link_below=speech.words["link_below"],
        unsubscribe=context.unsubscribe,
        unsubscribe_label=speech.words["unsubscribe"],
    )


_COLLECTED: Final = frozenset({Kind.READY_TO_COLLECT, Kind.COLLECT_REMINDER})
_CODES: Final = frozenset({Kind.SIGN_IN_CODE, Kind.CONTACT_CODE})


def write_text(about: About, context: Context, words: str, *, link: str) -> str:
    """A message by SMS, in one line; `words` are the shop's, or ours."""
    language = language_for(about.locale, context.shop.locale)
    currency = context.order.currency if context.order else context.shop.currency
    speech = _Speech(language, context.shop, currency)
    values = {"tracking": "", **_values(about, context, speech), "link": link}
    if about.kind in _CODES:
        values["code"] = context.secret.rpartition("/")[2]
    return one_line(fill(words, values))


def _values(about: About, context: Context, speech: _Speech) -> dict[str, str]:
    """What the words may name."""
    facts, order = about.facts, context.order
    values = {"name": about.name, "shop": context.shop.name}
    if order is not None:
        values |= {
            "number": str(order.number),
            "total": speech.money(order.total_minor),
            "tracking": order.tracking,
        }
    if about.kind in _COLLECTED:
        collect = facts.get("collect") or {}
        values["code"] = speech.say("code_is", code=collect["code"]) if collect else ""
        values["date"] = speech.day(date.fromisoformat(collect["until"])) if collect else ""
    if "amount_minor" in facts:
        values["amount"] = speech.money(facts["amount_minor"])
    if facts.get("tracking"):
        values["tracking"] = str(facts["tracking"])
    moment = _moment(
        facts.get("due_at") or facts.get("claim_until") or facts.get("starts_at") or facts.get("expires_at")
    )
    if moment is not None:
        values |= {"date": speech.moment(moment), "time": speech.moment(moment)}
    asked = _moment(facts.get("asked_at"))
    if asked is not None:
        values["time"] = speech.instant(asked)
    if facts.get("delayed_to"):
        values["date"] = speech.day(date.fromisoformat(facts["delayed_to"]))
    values["product"] = _product(about, context, speech)
    for name in ("number", "supplier", "days", "address", "provider", "count", "fapiao", "prize"):
        if name in facts:
            values[name] = str(facts[name])
    if "titles" in facts or "title" in facts:
        values["show"] = _titled(facts.get("title", ""), facts.get("titles"), speech)
    if about.kind is Kind.WEEK_REPORT:
        values |= weekly.values(facts, speech)
    if about.kind is Kind.REFUND_ASKED:
        values["who"] = str(facts.get("who") or speech.words["a_member"])
    if "role" in facts:
        values["role"] = ROLES[speech.language].get(facts["role"], facts["role"])
    return values


def _product(about: About, context: Context, speech: _Speech) -> str:
    facts = about.facts
    variant_id = facts.get("variant_id")
    line = next((each for each in context.lines if each.variant_id == variant_id), None)
    if line is not None:
        options = " · ".join(line.options)
        title = _localised(line.title, context.titles.get(line.product_id), speech)
    else:
        options = " · ".join(facts.get("options", ()))
        title = _titled(facts.get("title", ""), facts.get("titles"), speech)
    name = f"{title} ({options})" if options and title else title
    quantity = facts.get("quantity", 1)
    return f"{quantity} × {name}" if quantity > 1 and name else name


def _titled(title: str, titles: Any, speech: _Speech) -> str:
    return _localised(title, titles if isinstance(titles, dict) else None, speech)


def _localised(title: str, titles: Mapping[str, str] | None, speech: _Speech) -> str:
    for key in (
        speech.language,
        str(speech.locale),
        speech.language.replace("-", "_"),
        speech.locale.language,
    ):
        found = (titles or {}).get(key)
        if isinstance(found, str) and found:
            return found
    return title


def _goods(about: About, context: Context, order: Told, speech: _Speech) -> tuple[list[Row], list[Fact]]:
    """What was bought; what a parcel holds, where the message is about one."""
    wanted: list[int] | None = about.facts.get("line_ids") if about.kind in _PARCELS else None
    lines = [each for each in context.lines if wanted is None or each.id in wanted]
    rows: list[Row] = []
    bundles = {each.bundle_id: each for each in context.bundles}
    shown_bundles: set[int] = set()
    for line in lines:
        bundle = bundles.get(line.bundle_id) if line.bundle_id is not None and wanted is None else None
        if bundle is None:
            units = about.facts.get("units", {}).get(str(line.id), line.quantity)
            rows.append(_row(line, units, context, speech, priced=wanted is None))
        elif bundle.bundle_id not in shown_bundles:
            shown_bundles.add(bundle.bundle_id)
            inside = [each for each in lines if each.bundle_id == bundle.bundle_id]
            rows.append(_bundle_row(bundle, inside, context, speech))
    if wanted is not None or about.kind not in _WITH_SUMS:
        return rows, []
    listed = sum(each.listed_minor for each in context.lines)
    sums = [Fact(speech.words["goods"], speech.money(listed))]
    if order.shipping_minor or order.delivery == "ship":
        label = f"{speech.words['shipping']}{' · ' + order.shipping_name if order.shipping_name else ''}"
        sums.append(Fact(label, speech.money(order.shipping_minor)))
    added = order.goods_minor - listed
    if added > 0:
        sums.append(Fact(speech.words["tax_on"], speech.money(added)))
    sums.append(Fact(speech.words["total"], speech.money(order.total_minor), strong=True))
    if order.tax_minor and not added:
        sums.append(Fact(speech.words["tax_in"], speech.money(order.tax_minor)))
    if about.kind is Kind.ORDER_PLACED and order.first_minor < order.total_minor:
        sums.append(Fact(speech.words["due"], speech.money(order.first_minor)))
        sums.append(Fact(speech.words["later"], speech.money(order.total_minor - order.first_minor)))
    return rows, sums


_RETURNS: Final = frozenset(
    {Kind.WITHDRAWAL, Kind.RETURN_ASKED, Kind.RETURN_APPROVED, Kind.RETURN_REFUSED, Kind.RETURNED}
)
_PARCELS: Final = frozenset({Kind.SHIPPED, Kind.READY_TO_COLLECT, Kind.COLLECT_REMINDER, *_RETURNS})
_WITH_SUMS: Final = frozenset({
    Kind.ORDER_PLACED, Kind.ORDER_PAID, Kind.BALANCE_DUE, Kind.PAY_REMINDER, Kind.CANCELLED, Kind.REINSTATED,
    Kind.EXCHANGED, Kind.EDITED,
})  # fmt: skip


def _choice(options: Sequence[str], units: int, speech: _Speech) -> str:
    """As in "Oat · S × 2"."""
    return f"{' · '.join(options)} {speech.say('times', n=units)}".strip()


def _row(line: ToldLine, units: int, context: Context, speech: _Speech, *, priced: bool) -> Row:
    details = [_choice(line.options, units, speech)]
    ready = line.delayed_to or line.ready_on
    if ready is not None:
        details.append(speech.say("ready_on", day=speech.day(ready)))
    return Row(
        _localised(line.title, context.titles.get(line.product_id), speech),
        " · ".join(details),
        speech.money(line.listed_minor) if priced else "",
    )


def _bundle_row(bundle: ToldBundle, inside: Sequence[ToldLine], context: Context, speech: _Speech) -> Row:
    parts = [
        f"{each.quantity} × {_localised(each.title, context.titles.get(each.product_id), speech)}"
        for each in inside
    ]
    details = [_choice(bundle.options, bundle.quantity, speech)]
    details.append(speech.say("contains", what=", ".join(parts)))
    ready = max((each.ready_on for each in inside if each.ready_on is not None), default=None)
    if ready is not None:
        details.append(speech.say("ready_on", day=speech.day(ready)))
    return Row(
        _localised(bundle.title, context.titles.get(bundle.product_id), speech),
        " · ".join(details),
        speech.money(sum(each.listed_minor for each in inside)),
    )


def _facts(about: About, context: Context, speech: _Speech) -> list[Fact]:
    """What stands by itself: how to pay, where it goes, when."""
    words, order, facts = speech.words, context.order, about.facts
    found: list[Fact] = []
    if order is None:
        until = _moment(facts.get("claim_until"))
        if about.kind is Kind.PLACE_OFFERED and until is not None:
            found.append(Fact(words["until"], speech.moment(until), strong=True))
        due = _moment(facts.get("due_at"))
        if about.kind is Kind.BASKET_DUE and due is not None:
            found.append(Fact(words["until"], speech.moment(due), strong=True))
        if about.kind in {Kind.GIVEAWAY_WON, Kind.AUCTION_WON} and until is not None:
            found.append(Fact(words["until"], speech.moment(until), strong=True))
        if about.kind in _CODES and context.secret.rpartition("/")[2]:
            # It stands at the end of its link, and nowhere else.
            found.append(Fact(words["code"], context.secret.rpartition("/")[2], strong=True))
        starts = _moment(facts.get("starts_at"))
        if about.kind is Kind.SHOW_STARTS and starts is not None:
            found.append(Fact(words["starts"], speech.moment(starts), strong=True))
        return [*found, *_about_money(about, speech)]
    owes = about.kind in {Kind.PAY_REMINDER, Kind.BALANCE_DUE} or (
        about.kind in {Kind.ORDER_PLACED, Kind.EXCHANGED, Kind.EDITED}
        and order.charged_minor + order.authorised_minor < order.first_minor
    )
    if owes and order.method == "transfer":
        amount = facts.get("amount_minor", order.first_minor - order.charged_minor)
        found += [
            Fact(words["amount"], speech.money(amount), strong=True),
            *([Fact(words["pay_to"], context.pay_to)] if context.pay_to else []),
            Fact(words["reference"], str(order.number), strong=True),
        ]
    if about.kind in _RETURNS:
        found += _facts_of_return(facts, speech)
    if about.kind is Kind.SHIPPED and facts.get("tracking"):
        label = f"{words['tracking']}{' · ' + facts['carrier'] if facts.get('carrier') else ''}"
        link = str(facts.get("tracking_url") or "")
        found.append(Fact(label, str(facts["tracking"]), strong=True, link=link))
    if about.kind is Kind.DATE_CHANGED:
        found += [
            Fact(words["promised"], speech.day(date.fromisoformat(facts["promised_on"]))),
            Fact(words["new_date"], speech.day(date.fromisoformat(facts["delayed_to"])), strong=True),
        ]
    if order.delivery == "pick_up" and about.kind in {
        Kind.ORDER_PLACED,
        Kind.ORDER_PAID,
        Kind.READY_TO_COLLECT,
    }:
        place = order.shipping_name or context.pick_up_at
        found += [Fact(words["collect_at"], place)] if place and "collect" not in facts else []
    if about.kind in _COLLECTED and "collect" in facts:
        found += _facts_of_pickup(facts["collect"], speech)
    leaves = {Kind.ORDER_PLACED, Kind.EXCHANGED, Kind.EDITED, Kind.SHIPPED}
    if order.delivery == "ship" and order.address and about.kind in leaves:
        found.append(Fact(words["ships_to"], _address(order)))
    return found


def _facts_of_pickup(collect: Mapping[str, Any], speech: _Speech) -> list[Fact]:
    """Where it waits, until when, and what to show."""
    words = speech.words
    names = dates.get_day_names("abbreviated", "format", speech.locale)
    hours = [
        speech.say("days", first=names[first], last=names[last], hours=spans)
        if last > first
        else f"{names[first]} {spans}"
        for first, last, spans in collect["hours"]
    ]
    where = "\n".join(filter(None, [collect["name"], *collect["lines"], collect["phone"]]))
    return [
        Fact(words["collect_code"], collect["code"], strong=True),
        Fact(words["collect_until"], speech.day(date.fromisoformat(collect["until"])), strong=True),
        Fact(words["collect_at"], where),
        *([Fact(words["open"], "\n".join(hours))] if hours else []),
    ]


def _about_money(about: About, speech: _Speech) -> list[Fact]:
    """What a merchant must know of money that needs somebody."""
    words, facts = speech.words, about.facts
    if about.kind not in TO_MERCHANT:
        return []
    if about.kind is Kind.WEEK_REPORT:
        return [Fact(each.label, each.value, each.strong) for each in weekly.facts(facts, speech)]
    found: list[Fact] = []
    due = _moment(facts.get("due_at"))
    if due is not None and about.kind in {Kind.DISPUTE_OPENED, Kind.DISPUTE_DUE}:
        found.append(Fact(words["answer_by"], speech.moment(due), strong=True))
    if facts.get("result"):
        found.append(Fact(words["result"], words[f"result_{facts['result']}"], strong=True))
    if "number" in facts:
        found.append(Fact(words["about_order_number"], f"#{facts['number']}"))
    if facts.get("reason"):
        found.append(Fact(words["reason"], one_line(str(facts["reason"]))))
    return found


def _facts_of_return(facts: Mapping[str, Any], speech: _Speech) -> list[Fact]:
    asked = _moment(facts.get("asked_at"))
    return [
        *([Fact(speech.words["return"], facts["return_number"], strong=True)] if facts.get("return_number") else []),
        *([Fact(speech.words["came_on"], speech.instant(asked))] if asked is not None else []),
        *([Fact(speech.words["send_to"], facts["send_to"])] if facts.get("send_to") else []),
    ]  # fmt: skip


def _address(order: Told) -> str:
    part = order.address or {}
    street, city, region, postcode = (
        str(part.get(name) or "") for name in ("street", "city", "region", "postcode")
    )
    lines = addresses.lines(street=street, city=city, region=region, postcode=postcode, country="")
    return "\n".join(filter(None, [order.contact_name, *lines]))


def _notes(about: About, context: Context, speech: _Speech) -> list[str]:
    words, order, facts = speech.words, context.order, about.facts
    notes: list[str] = []
    if about.kind is Kind.PLACE_OFFERED:
        notes.append(words["same_browser"])
    if about.kind is Kind.WEEK_REPORT:
        notes += weekly.notes(facts, speech)
    if order is None:
        return notes
    if about.kind is Kind.ORDER_PLACED:
        if order.method == "cash":
            notes.append(words["cash"])
        elif order.charged_minor + order.authorised_minor < order.first_minor:
            due = _moment(facts.get("due_at")) or order.payment_due_at
            notes += [speech.say("pay_by", day=speech.moment(due))] if due is not None else []
        elif order.authorised_minor:
            notes.append(words["authorised"])
        notes.append(words["keep_link"])
    if about.kind is Kind.PAY_REMINDER and facts.get("lapsed"):
        notes.append(words["lapsed"])
    if about.kind is Kind.ORDER_PAID and facts.get("purpose") == "deposit":
        notes.append(words["deposit"])
    if about.kind is Kind.SHIPPED and not facts.get("complete", True):
        notes.append(words["more_follows"])
    if about.kind in _RETURNS:
        notes += [str(facts["answer"])] if facts.get("answer") else []
        notes += _notes_of_exchange(facts, speech)
        notes += [words["on_parcel"]] if facts.get("send_to") else []
    if about.kind is Kind.EXCHANGED and order.charged_minor + order.authorised_minor < order.first_minor:
        notes += (
            [speech.say("difference", day=speech.moment(order.payment_due_at))]
            if order.payment_due_at
            else []
        )
    if about.kind is Kind.EDITED:
        back, still = int(facts.get("refund_minor", 0)), int(facts.get("amount_minor", 0))
        notes += [speech.say("edit_refund", amount=speech.money(back))] if back else []
        notes += [speech.say("edit_due", amount=speech.money(still))] if still else []
    if about.kind is Kind.FAPIAO:
        notes += [words["red_fapiao"]] if facts.get("red") else []
        notes.append(words["fapiao_attached" if facts.get("files") else "fapiao_later"])
    if about.kind is Kind.CANCELLED:
        why = words.get(f"why_{facts.get('why')}", "")
        notes += [why] if why else []
        notes += [words["refund_follows"]] if facts.get("refunds") else []
    return notes


def _notes_of_exchange(facts: Mapping[str, Any], speech: _Speech) -> list[str]:
    """Whether the goods are wanted back, and what is sent for them."""
    kept, items = facts.get("instead_state"), facts.get("instead", "")
    if kept not in {"asked", "kept"}:
        sold_out = [speech.say("instead_sold_out", items=items)] if kept == "sold_out" else []
        return [*([speech.words["keep_it"]] if facts.get("keeps_goods") else []), *sold_out]
    until = _moment(facts.get("kept_until"))
    reserved = until is not None and not facts.get("keeps_goods")
    return [
        *([speech.words["keep_and_have"]] if facts.get("keeps_goods") else []),
        speech.say("instead", items=items),
        *([speech.say("kept_until", day=speech.moment(until))] if reserved and until else []),
    ]


def _footer(about: About, context: Context, speech: _Speech) -> list[str]:
    about_what = {
        Kind.PLACE_OFFERED: "about_place",
        Kind.BASKET_DUE: "about_basket",
        Kind.SHOW_STARTS: "about_reminder",
        Kind.GIVEAWAY_WON: "about_giveaway",
        Kind.AUCTION_WON: "about_auction",
        Kind.PURCHASE_ORDER: "about_work",
        Kind.WEBHOOK_STOPPED: "about_work",
        Kind.TEST: "about_work",
        Kind.INVITATION: "about_account",
        Kind.PASSWORD_FORGOTTEN: "about_account",
        Kind.SIGN_IN_CODE: "about_account",
        Kind.CONTACT_CODE: "about_account",
        Kind.CONTACT_CHANGED: "about_account",
        **dict.fromkeys(TO_MERCHANT, "about_work"),
        Kind.WEEK_REPORT: "about_week",
    }.get(about.kind, "about_order")
    answer = [speech.words["answer_to"]] if context.may_answer and about_what != "about_account" else []
    return [*answer, speech.say(about_what, shop=context.shop.name)]


def _link(about: About, context: Context) -> str:
    shop, facts = context.shop.slug, about.facts
    if context.secret:
        return context.origin + context.secret
    if context.order is not None:
        return f"{context.origin}/s/{shop}/orders/{context.order.id}?key={context.order.key}"
    match about.kind:
        case Kind.PLACE_OFFERED:
            return f"{context.origin}/s/{shop}/checkout/{facts['hold_id']}"
        case Kind.BASKET_DUE:
            return f"{context.origin}/s/{shop}/cart?basket={facts['key']}"
        case Kind.SHOW_STARTS:
            return f"{context.origin}/s/{shop}/live/{facts['show_id']}"
        case Kind.GIVEAWAY_WON:
            return f"{context.origin}/s/{shop}/giveaways/{facts['giveaway_id']}"
        case Kind.AUCTION_WON:
            return f"{context.origin}/s/{shop}/auctions/{facts['auction_id']}"
        case Kind.WEBHOOK_STOPPED:
            return f"{context.origin}/console/{shop}/webhooks"
        case kind if kind in TO_MERCHANT:
            return f"{context.origin}/console/{shop}{facts.get('path') or '/payments'}"
        case _:
            return ""


def _moment(text: Any) -> datetime | None:
    if not isinstance(text, str) or not text:
        return None
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def sample(
    kind: Kind, shop: Shop, *, language: str, now: datetime
) -> tuple[About, Told | None, list[ToldLine]]:
    """A message as it could be, for the preview: nobody's order."""
    zh = language == "zh-CN"
    name = "林梅" if zh else "Mei Lin"
    order_id = UUID(int=0)
    scale = 10 ** DECIMALS[shop.currency]
    price = 129 * scale
    lines = [
        ToldLine(
            1, order_id, 0, 1, 1, "亚麻外套" if zh else "Linen overshirt", ["M"], 2, 2 * price, None, None, None
        ),
        ToldLine(
            2, order_id, 1, 2, 2, "手作茶碗" if zh else "Tea bowl", [], 1, 68 * scale,
            (now + timedelta(days=12)).date(), None, None,
        ),
    ]  # fmt: skip
    goods = sum(line.listed_minor for line in lines)
    order = Told(
        id=order_id, shop_id=shop.id, number=1042, buyer=order_id, contact_name=name,
        contact_email="mei@shop.example", contact_phone="13800001111", delivery="ship",
        address={"street": "花园路 12 号" if zh else "12 Garden Road", "postcode": "310000", "city": "杭州" if zh else "Hangzhou"},
        method="transfer", locale=language, currency=shop.currency, goods_minor=goods, shipping_minor=10 * scale,
        shipping_name="", tax_minor=0, total_minor=goods + 10 * scale, first_minor=goods + 10 * scale, charged_minor=0,
        key="preview", tracking="SF1234567890", status="placed", payment_status="unpaid", cancel_why=None, cancel_note="",
        payment_due_at=now + timedelta(days=2), balance_due_at=None,
    )  # fmt: skip
    later = (now + timedelta(hours=1)).isoformat()
    facts: dict[str, Any] = {
        "amount_minor": order.total_minor, "due_at": later, "complete": True, "line_ids": [1, 2], "purpose": "full",
        "carrier": "顺丰速运" if zh else "SF Express", "tracking": order.tracking,
        "tracking_url": "https://www.sf-express.com/", "variant_id": 2,
        "promised_on": (now + timedelta(days=12)).date().isoformat(),
    }  # fmt: skip
    if kind in _COLLECTED:
        facts["collect"] = {
            "code": "K7Q4MX", "until": (now + timedelta(days=7)).date().isoformat(),
            "name": "湖滨店" if zh else "Quay Street", "phone": "",
            "lines": ["湖滨路 1 号" if zh else "1 Quay Street", "杭州" if zh else "Hangzhou"],
            "hours": [(0, 6, "10:00–22:00")],
        }  # fmt: skip
    match kind:
        case Kind.PLACE_OFFERED:
            facts = {
                "title": lines[0].title,
                "options": ["M"],
                "claim_until": later,
                "hold_id": str(order_id),
            }
            return About(kind, name, language, facts), None, []
        case Kind.SHOW_STARTS:
            title = "丰收之夜" if zh else "Harvest evening"
            return About(kind, "", language, {"title": title, "starts_at": later, "show_id": 1}), None, []
        case Kind.GIVEAWAY_WON:
            prize = "手作茶碗" if zh else "Tea bowl"
            facts = {"prize": prize, "claim_until": later, "giveaway_id": 1}
            return About(kind, name, language, facts), None, []
        case Kind.AUCTION_WON:
            prize = "手作茶碗" if zh else "Tea bowl"
            facts = {"prize": prize, "claim_until": later, "auction_id": 1}
            return About(kind, name, language, facts), None, []
        case Kind.BASKET_DUE:
            title = "丰收之夜" if zh else "Harvest evening"
            facts = {
                "title": title, "count": 3, "amount_minor": goods, "currency": shop.currency, "due_at": later,
                "key": "preview",
            }  # fmt: skip
            return About(kind, name, language, facts), None, []
        case Kind.PURCHASE_ORDER:
            supplier = "江南织造" if zh else "Riverside Mill"
            return About(kind, supplier, language, {"number": "PO-17", "supplier": supplier}), None, []
        case Kind.INVITATION:
            return About(kind, "", language, {"role": "host", "expires_at": later}), None, []
        case Kind.WEBHOOK_STOPPED:
            return About(kind, "", language, {"address": "https://erp.example/hook", "days": 5}), None, []
        case Kind.WEEK_REPORT:
            return About(kind, "", language, weekly.sample(now, zh=zh, price=price)), None, []
        case kind if kind in TO_MERCHANT:
            facts = {
                "amount_minor": price, "number": 1042, "due_at": later, "reason": "fraudulent", "provider": "Stripe",
                "count": 40, "who": "Ann", "result": "won",
            }  # fmt: skip
            return About(kind, "", language, facts), None, []
        case (
            Kind.PASSWORD_FORGOTTEN | Kind.SIGN_IN_CODE | Kind.CONTACT_CODE | Kind.CONTACT_CHANGED | Kind.TEST
        ):
            return About(kind, "", language, {}), None, []
        case Kind.DATE_CHANGED:
            facts |= {"delayed_to": (now + timedelta(days=20)).date().isoformat()}
        case Kind.CANCELLED:
            facts |= {"why": "unpaid"}
        case Kind.WITHDRAWAL | Kind.RETURN_ASKED | Kind.RETURN_APPROVED:
            address = "春风商店退货部\n杭州市花园路 12 号" if zh else "Returns\n12 Garden Road\nHangzhou"
            facts |= {"return_number": "1042-R1", "asked_at": now.isoformat(), "line_ids": [1]}
            facts |= {} if kind is Kind.RETURN_ASKED else {"send_to": address}
        case Kind.FAPIAO:
            facts |= {"fapiao": "25332000000000000001", "files": 1}
        case Kind.RETURN_REFUSED | Kind.RETURNED:
            facts |= {"return_number": "1042-R1", "line_ids": [1]}
        case _:
            pass
    return About(kind, name, language, facts), order, lines

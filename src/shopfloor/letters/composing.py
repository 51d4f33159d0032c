"""From notices to letters: reads, for all of a batch at once, what they say beside their own facts."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from shopfloor import accounts, catalog, policies
from shopfloor.accounts import Shop
from shopfloor.kernel import logs
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.secrets import Box, CannotOpen
from shopfloor.letters import order_queries, rendering, wording_queries
from shopfloor.letters.models import Wording
from shopfloor.letters.writing import About, Context, Letter, write, write_text
from shopfloor.notices import TRAITS, Channel, Kind, about_secret

_log = logs.get("notifications")


class NoticeLike(Protocol):
    """What is needed of a notice to write it."""

    @property
    def id(self) -> UUID: ...
    @property
    def shop_id(self) -> int: ...
    @property
    def kind(self) -> Kind: ...
    @property
    def channel(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def locale(self) -> str: ...
    @property
    def order_id(self) -> UUID | None: ...
    @property
    def facts(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Composed:
    """A letter, or why there is none to send: `code` says what became of its reason.  `text`: of one by SMS."""

    letter: Letter
    code: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Short:
    """What a message by SMS is made of."""

    words: str
    link: str


async def compose(
    tx: Tx,
    notices: Sequence[NoticeLike],
    *,
    origin: str,
    sealed: Mapping[UUID, bytes] | None = None,
    box: Box | None = None,
    may_answer: bool = False,
    in_short: Callable[[NoticeLike, str], Short] | None = None,
) -> dict[UUID, Composed]:
    """`in_short`: the words and the link of what goes by SMS, in a language."""
    shop_ids = sorted({each.shop_id for each in notices})
    order_ids = sorted({each.order_id for each in notices if each.order_id is not None})
    shops = {shop_id: await accounts.shop(tx, shop_id) for shop_id in shop_ids}
    terms = {shop_id: await policies.shop_terms(tx, shop_id=shop_id) for shop_id in shop_ids}
    words = _by_shop(await wording_queries.wordings(tx, shop_ids=shop_ids))
    orders = {each.id: each for each in await order_queries.told(tx, ids=order_ids)} if order_ids else {}
    lines = _by_order(await order_queries.told_lines(tx, ids=order_ids) if order_ids else [])
    bundles = _by_order(await order_queries.told_bundles(tx, ids=order_ids) if order_ids else [])
    titles = {
        shop_id: await _titles(
            tx,
            shop_id,
            [
                line
                for order in orders.values()
                if order.shop_id == shop_id
                for line in lines.get(order.id, [])
            ],
        )
        for shop_id in shop_ids
    }
    found: dict[UUID, Composed] = {}
    for each in notices:
        order = orders.get(each.order_id) if each.order_id is not None else None
        secret, code = _opened(each, sealed or {}, box)
        context = Context(
            shop=shops[each.shop_id],
            origin=origin,
            wording=words.get(each.shop_id, {}),
            pay_to=terms[each.shop_id].pay_to,
            pick_up_at=terms[each.shop_id].pick_up_at,
            order=order,
            lines=lines.get(order.id, []) if order else [],
            bundles=bundles.get(order.id, []) if order else [],
            titles=titles[each.shop_id],
            secret=secret,
            unsubscribe=unsubscribe_link(origin, shops[each.shop_id], each.id)
            if TRAITS[each.kind].may_unsubscribe
            else "",
            may_answer=may_answer,
        )
        about, text = About(each.kind, each.name, each.locale, each.facts), ""
        try:
            letter = write(about, context)
            if each.channel == Channel.SMS and in_short is not None:
                short = in_short(each, letter.language)
                text = write_text(about, context, short.words, link=short.link)
        except Exception as problem:  # noqa: BLE001 -- one that cannot be written must not keep back the others
            _log.error("notifications.not_written", notice=str(each.id), kind=each.kind, exc_info=problem)
            letter, code = Letter("en", context.shop.name, "", "", []), "broken"
        found[each.id] = Composed(letter, code or _not_needed(each.kind, order), text)
    return found


def unsubscribe_link(origin: str, shop: Shop, notice_id: UUID) -> str:
    return f"{origin}/s/{shop.slug}/unsubscribe/{notice_id}"


def _opened(notice: NoticeLike, sealed: Mapping[UUID, bytes], box: Box | None) -> tuple[str, str]:
    """The link that only its reader may know, and why a notice that needs one cannot go."""
    if not TRAITS[notice.kind].secret or notice.id not in sealed or box is None:
        return "", "no_link" if TRAITS[notice.kind].secret else ""
    try:
        return box.open(sealed[notice.id], about=about_secret(notice.id)), ""
    except CannotOpen:
        return "", "no_link"


def _not_needed(kind: Kind, order: order_queries.Told | None) -> str:
    """A reminder of what was done meanwhile is none."""
    if order is None or kind not in {Kind.PAY_REMINDER, Kind.BALANCE_DUE}:
        return ""
    open_still = order.status == "placed" and order.charged_minor + order.authorised_minor < order.total_minor
    return "" if open_still else "not_needed"


def _by_shop(rows: Sequence[wording_queries.ShopWording]) -> dict[int, dict[tuple[str, str], Wording]]:
    found: dict[int, dict[tuple[str, str], Wording]] = {}
    for row in rows:
        words = Wording(Kind(row.kind), row.locale, row.subject, row.intro)
        found.setdefault(row.shop_id, {})[row.kind, row.locale] = words
    return found


def _by_order(rows: Sequence[Any]) -> dict[UUID, list[Any]]:
    found: dict[UUID, list[Any]] = {}
    for row in rows:
        found.setdefault(row.order_id, []).append(row)
    return found


async def _titles(
    tx: Tx, shop_id: int, lines: Sequence[order_queries.ToldLine]
) -> dict[int, Mapping[str, str]]:
    """Translations of titles, where the product is still called what it was called when it was bought."""
    if not lines:
        return {}
    products = await catalog.products_by_id(
        tx, shop_id=shop_id, ids=sorted({line.product_id for line in lines})
    )
    return {
        line.product_id: products[line.product_id].titles
        for line in lines
        if line.product_id in products and products[line.product_id].title == line.title
    }


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as the console shows it."""

    subject: str
    html: str
    text: str
    at: datetime


def shown(letter: Letter, at: datetime) -> Shown:
    return Shown(letter.subject, rendering.html(letter), rendering.text(letter), at)

"""Another size instead of the money: units are kept while the goods come back, and ordered when they are here."""

from collections.abc import Mapping
from typing import Protocol
from uuid import UUID

from shopfloor import catalog, orders, pricing, stock
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Conflict, Invalid
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import new_id
from shopfloor.returns import exchange_queries, queries
from shopfloor.returns.events import ExchangedLine, ReturnExchanged
from shopfloor.returns.exchange_queries import Exchange, ExchangeLine, ExchangeState
from shopfloor.returns.keeping import keep, of_returns, paid_with
from shopfloor.returns.models import Busy, NothingReceived, NotInOrder, Return, State, WrongState
from shopfloor.returns.refunding import draft, give_rest_back, no_refund_waits
from shopfloor.returns.steps import add_event, locked


class NotExchangeable(Invalid):
    """Choose another variant of the same product, one that is on sale."""

    code = "returns.not_exchangeable"


class ExchangeSoldOut(Conflict):
    """There are not enough units left of what you want instead.  Choose another, or have your money back."""

    code = "returns.exchange_sold_out"


class NoExchange(Conflict):
    """Nothing is to be sent instead."""

    code = "returns.no_exchange"


@dataclass(frozen=True, slots=True)
class Choice:
    """A variant that one may have instead: how much more one costs, and how many are there."""

    variant_id: int
    options: list[str]
    difference_minor: int
    left: int


@dataclass(frozen=True, slots=True)
class Instead:
    """Units of a variant, and what they cost together."""

    variant_id: int
    quantity: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """What an exchange comes to now.  `parts`: what of each line of the order, and of shipping, pays for the new one."""

    parts: list[int]
    wanted: list[Instead]
    refund_minor: int

    @property
    def to_pay_minor(self) -> int:
        return sum(each.amount_minor for each in self.wanted) - sum(self.parts)


class _Priced(Protocol):
    @property
    def amount_minor(self) -> int: ...
    @property
    def listed_minor(self) -> int: ...
    @property
    def tax_included(self) -> bool: ...


async def choices(tx: Tx, view: orders.OrderView) -> dict[int, list[Choice]]:
    """By line: the variants of its product that are on sale and on the shelf, its own too.

    Bundles are not exchanged in parts; and what was sold in another currency has no difference that could be told.
    """
    found = view.order
    lines = [line for line in view.lines if line.bundle_id is None and line.shipped_quantity]
    if not lines:
        return {}
    product_ids = sorted({line.product_id for line in lines})
    sold = {
        product.id
        for product in (await catalog.products_by_id(tx, shop_id=found.shop_id, ids=product_ids)).values()
        if product.status is catalog.Status.ACTIVE
    }
    variants = await catalog.variants(tx, shop_id=found.shop_id, product_ids=product_ids)
    lefts = await stock.available(tx, shop_id=found.shop_id, variant_ids=[each.id for each in variants])
    own = {each.id: each for each in variants}
    by_line: dict[int, list[Choice]] = {}
    for line in lines:
        current = own.get(line.variant_id)
        by_line[line.id] = [
            Choice(
                each.id,
                each.options,
                0 if current is None else _difference(line, each.price_minor - current.price_minor),
                lefts[each.id].now,
            )
            for each in variants
            if each.product_id == line.product_id
            and each.product_id in sold
            and not each.is_archived
            and each.currency == found.currency
            and lefts[each.id].now > 0
        ]
    return by_line


def _difference(line: _Priced, listed_minor: int) -> int:
    """With the tax that is added where prices are written without it."""
    if line.tax_included or not line.listed_minor:
        return listed_minor
    more = (2 * abs(listed_minor) * line.amount_minor + line.listed_minor) // (2 * line.listed_minor)
    return more if listed_minor > 0 else -more


async def begin(tx: Tx, view: orders.OrderView, asked: Return, swaps: Mapping[int, int]) -> None:
    """A new return whose buyer wants other variants instead {line id: variant id}; where it needs no answer, they are
    kept at once.

    Raises NotInOrder, NotExchangeable, ExchangeSoldOut.
    """
    units = {line.line_id: line.quantity for line in asked.lines}
    titles = {line.id: line.title for line in view.lines}
    offered = await choices(tx, view)
    chosen: list[ExchangeLine] = []
    for line_id, variant_id in sorted(swaps.items()):
        if line_id not in units:
            raise NotInOrder(line_id=line_id, quantity=0)
        each = next((choice for choice in offered.get(line_id, []) if choice.variant_id == variant_id), None)
        if each is None:
            await _refuse(tx, asked, view, line_id, variant_id)
        else:
            chosen.append(
                ExchangeLine(line_id, variant_id, titles[line_id], each.options, each.difference_minor)
            )
    await exchange_queries.insert(
        tx, shop_id=asked.shop_id, return_id=asked.id, hold_id=new_id(), lines=chosen
    )
    if asked.state is State.APPROVED and not await keep(tx, asked):
        raise ExchangeSoldOut(variant_ids=sorted({each.variant_id for each in chosen}))


async def _refuse(tx: Tx, asked: Return, view: orders.OrderView, line_id: int, variant_id: int) -> None:
    product = {line.id: line.product_id for line in view.lines}[line_id]
    known = await catalog.variants(tx, shop_id=asked.shop_id, ids=[variant_id])
    if known and known[0].product_id == product and not known[0].is_archived:
        raise ExchangeSoldOut(variant_ids=[variant_id])
    raise NotExchangeable(line_id=line_id, variant_id=variant_id)


def settlement(
    found: Return, exchange: Exchange, view: orders.OrderView, busy: Mapping[int, Busy]
) -> Settlement:
    """For the units that came (all, where nobody wants them back): what was paid for them pays for the new ones, each at
    what was paid for the old one and the difference.
    """
    drafted = draft(found, view, busy)
    differences = {each.line_id: each for each in exchange.lines}
    wanted: list[Instead] = []
    paid = [0] * (len(view.lines) + 1)
    for place, line in enumerate(view.lines):
        swap, units = differences.get(line.id), drafted.units.get(line.id, 0)
        if swap is None or not units:
            continue
        paid[place] = drafted.parts[place]
        amount = max(0, drafted.parts[place] + swap.difference_minor * units)
        wanted.append(Instead(swap.variant_id, units, amount))
    price = sum(each.amount_minor for each in wanted)
    parts = paid if sum(paid) <= price else pricing.refund_parts(paid, [0] * len(paid), price)
    return Settlement(parts, wanted, drafted.amount_minor - sum(parts))


async def settle_draft(tx: Tx, found: Return, exchange: Exchange) -> Settlement:
    """What a press of the button would come to now."""
    view = await orders.order(tx, shop_id=found.shop_id, order_id=found.order_id)
    return settlement(found, exchange, view, await queries.units(tx, order_id=found.order_id))


async def send(tx: Tx, *, shop_id: int, return_id: UUID, actor: str) -> Return:
    """The goods are here, or nobody wants them back: order what was kept, give back what is left over, and end the return.

    Pressed twice it is one order.  Where the units are gone meanwhile the return stays as it is, and can be refunded.
    What an order costs more is due on it as on any other.

    Raises ReturnNotFound, WrongState, NoExchange, NothingReceived where some of the goods are missing, RefundWaits.
    """
    found, view, busy = await locked(tx, shop_id=shop_id, return_id=return_id)
    exchange = (await of_returns(tx, shop_id=shop_id, returns=[found])).get(return_id)
    if exchange is None or exchange.state is ExchangeState.DROPPED:
        raise NoExchange(return_id=str(return_id))
    if exchange.state is ExchangeState.SENT:
        return found
    if found.state not in {State.APPROVED, State.RECEIVED}:
        raise WrongState(state=found.state)
    swapped = {each.line_id for each in exchange.lines}
    missing = [
        line.line_id for line in found.lines if line.line_id in swapped and line.received < line.quantity
    ]
    if missing and not found.keeps_goods:
        raise NothingReceived(line_ids=missing)
    await no_refund_waits(tx, found)
    settled = settlement(found, exchange, view, busy)
    sent = await orders.replacing.replacement(
        tx,
        shop_id=shop_id,
        order_id=found.order_id,
        hold_id=exchange.hold_id,
        wanted=settled.wanted,
        parts=settled.parts,
        refund_id=paid_with(return_id),
        note=found.number,
        actor=actor,
    )
    if sent is None:
        await exchange_queries.set_state(tx, return_id=return_id, state=ExchangeState.SOLD_OUT)
        await add_event(tx, found, "exchange_sold_out", actor, {})
        return found
    await exchange_queries.set_state(tx, return_id=return_id, state=ExchangeState.SENT, order_id=sent.id)
    await add_event(tx, found, "exchanged", actor, {"order": sent.number})
    assert sent.number is not None, "it is placed"
    units = {line.line_id: line.quantity for line in found.lines}
    await outbox.record(
        tx,
        ReturnExchanged(
            shop_id=shop_id,
            return_id=return_id,
            number=found.number,
            order_id=found.order_id,
            buyer=found.buyer,
            show_id=found.show_id,
            journey=found.journey,
            reason=found.reason or None,
            new_order_id=sent.id,
            new_order_number=sent.number,
            currency=sent.currency,
            amount_minor=sent.total_minor,
            due_minor=sent.total_minor - sent.charged_minor,
            lines=[
                ExchangedLine(line.line_id, line.variant_id, line.product_id, units[line.line_id], instead)
                for line in found.lines
                if (instead := exchange.variant_of(line.line_id)) is not None
            ],
        ),
    )
    return await give_rest_back(tx, shop_id=shop_id, return_id=return_id, actor=actor)

"""What follows from a fact of a till: stock, an order with its money, the drawer, a shift.

Whoever calls holds the lock of the device; the shift is locked after it, the order and the ledger after that.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID, uuid5

from shopfloor import accounts, catalog, orders, stock_control
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.tills import (
    escrow_queries,
    fiscal,
    goods_queries,
    journal_queries,
    queries,
    reading,
    registers,
    shifts,
)
from shopfloor.tills.events import ReturnTaken, SaleTaken, TillLine
from shopfloor.tills.models import (
    CASH,
    Device,
    Fact,
    Line,
    Receipt,
    Register,
    Return,
    Sale,
    Shift,
    Tender,
    receipt_name,
)


@dataclass(frozen=True, slots=True)
class Done:
    """`problems`: codes of tasks with their facts; `number`: of the receipt."""

    has_effect: bool = True
    number: int | None = None
    order_id: UUID | None = None
    problems: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])


@dataclass(frozen=True, slots=True)
class _At:
    """Where and when a fact happened; `shift` is locked."""

    tx: Tx
    device: Device
    register: Register
    fact: Fact
    at: datetime
    shift: Shift | None
    currency: str
    problems: dict[str, dict[str, Any]]

    @property
    def actor(self) -> str:
        return f"till:{self.device.series}"

    @property
    def counter(self) -> orders.Counter:
        return orders.Counter(self.device.shop_id, self.register.location_id, self.actor)

    @property
    def is_late(self) -> bool:
        return self.shift is not None and not self.shift.is_open

    @property
    def assistant(self) -> int | None:
        return self.fact.assistant


_Act = Callable[[_At], Awaitable[Done]]
# A number that is further ahead of its series than this was never given by it.
MOST_SKIPPED: Final = 10_000
_NEEDS_SHIFT: Final = frozenset(
    {"sale", "return", "cash.in", "cash.out", "cash.drop", "shift.closed", "shift.opened"}
)


async def apply(tx: Tx, device: Device, fact: Fact, *, at: datetime) -> Done:
    """Carry out one fact.  Raises reading.Unreadable, and whatever the modules below refuse."""
    act = _ACTS.get(fact.kind)
    if act is None:
        return Done(
            has_effect=False, problems={} if fact.kind in KEPT else {"unreadable": {"kind": fact.kind}}
        )
    register = await registers.register(tx, shop_id=device.shop_id, register_id=device.register_id)
    shop = await accounts.shop(tx, device.shop_id)
    known = {each.id for each in await queries.assistants(tx, shop_id=device.shop_id, gone=True)}
    if fact.assistant not in known:
        fact = replace(fact, assistant=None)
    problems: dict[str, dict[str, Any]] = {}
    shift = None
    shift_id = reading.uuid(fact.body.get("id")) if fact.kind == "shift.opened" else fact.shift
    if fact.kind in _NEEDS_SHIFT:
        shift = None if shift_id is None else await shifts.of_fact(tx, device=device, shift_id=shift_id)
        if shift is None and fact.body.get("training") is not True:
            problems["unknown_shift"] = {"shift": None if shift_id is None else str(shift_id)}
    return await act(_At(tx, device, register, fact, at, shift, shop.currency, problems))


async def _sale(here: _At) -> Done:
    tx, device, body = here.tx, here.device, here.fact.body
    known = await goods_queries.products_of(tx, shop_id=device.shop_id, variant_ids=reading.variants_of(body))
    open_variant = await registers.open_amount(tx, shop_id=device.shop_id)
    [open_amount] = await catalog.variants(tx, shop_id=device.shop_id, ids=[open_variant])
    sale = reading.sale_of(body, known=known, open_amount=(open_variant, open_amount.product_id))
    here.problems.update(sale.problems)
    sale_id = await _free_id(here, sale.id)
    if sale.is_training:
        await _receipt(here, sale, sale_id, order_id=None, number=None)
        return Done()
    number = await _number(here, sale.number)
    if sale.hold is not None:
        # What it kept is in the pool of the device, from which the sale takes first.
        await escrow_queries.drop_basket(tx, device_id=device.id, basket_id=sale.hold)
    order, signature = _Order.of(here, sale, sale_id, open_variant), _signed(here, sale)
    units: dict[int, int] = {}
    for line in order.lines:
        if line.variant_id != open_variant:
            units[line.variant_id] = units.get(line.variant_id, 0) + line.quantity
    counted = stock_control.counts
    await counted.lock_books(
        tx, shop_id=device.shop_id, location_id=order.location_id, variant_ids=sorted(units), at=here.at
    )
    _, left = await here.counter.sell(tx, order)
    # Units that the books did not know of have changed nothing in them.
    unknown = {} if left is None else left.found
    await counted.sold_before(
        tx,
        shop_id=device.shop_id,
        location_id=order.location_id,
        units={} if left is None else {each: had - unknown.get(each, 0) for each, had in units.items()},
        at=here.at,
    )
    if left is not None and left.broken:
        here.problems["shortfall"] = {"variants": _named(left.broken)}
    beyond = (
        {} if left is None else {each: units for each, units in left.found.items() if each != open_variant}
    )
    if beyond:
        here.problems["beyond_books"] = {"variants": _named(beyond)}
    await _entries(here, "sale", sale.tenders, 1)
    await _receipt(here, sale, sale_id, order_id=sale_id, number=number, signature=signature)
    await outbox.record(
        tx,
        SaleTaken(
            shop_id=device.shop_id,
            order_id=order.id,
            receipt=receipt_name(device.series, number),
            register_id=device.register_id,
            location_id=here.register.location_id,
            shift_id=None if here.shift is None else here.shift.id,
            assistant_id=here.assistant,
            at=here.at,
            state="offline" if sale.is_offline else "online",
            currency=here.currency,
            amount_minor=sale.total_minor,
            lines=[
                TillLine(
                    each.variant_id,
                    each.product_id,
                    each.quantity,
                    each.unit_price_minor,
                    each.amount_minor,
                )
                for each in order.lines
            ],
        ),
    )
    return Done(number=number, order_id=order.id, problems=here.problems)


def _named(units: Mapping[int, int]) -> dict[str, int]:
    return {str(variant_id): quantity for variant_id, quantity in units.items()}


def _signed(here: _At, sale: Sale) -> str | None:
    try:
        return fiscal.NO_SIGNER.sign(sale, series=here.device.series, hash=here.fact.computed)
    except fiscal.Outage:
        here.problems["unsigned"] = {}
        return None


async def _number(here: _At, number: int | None) -> int | None:
    """The number of a receipt, unless another one has it; numbers of a series have no gap."""
    taken = await journal_queries.taken(
        here.tx,
        shop_id=here.device.shop_id,
        series=here.device.series,
        number=number,
        token="",
        id=here.device.id,
    )
    expected = here.device.last_number + 1
    if number is None or "number" in taken or number != expected:
        here.problems["number"] = {"number": number, "expected": expected}
    # What is far ahead is no number of this series: those after it would have to go on from there for ever.
    return None if "number" in taken or (number or 0) > expected + MOST_SKIPPED else number


@dataclass(frozen=True, slots=True)
class _Goods:
    """A line as its order has it."""

    variant_id: int
    product_id: int
    title: str
    sku: str
    options: Sequence[str]
    quantity: int
    unit_price_minor: int
    discount_minor: int
    tax_minor: int
    tax_included: bool
    amount_minor: int

    @classmethod
    def of(cls, line: Line, open_variant: int) -> "_Goods":
        title = line.title or registers.OPEN_AMOUNT
        return cls(
            variant_id=open_variant if line.variant_id is None else line.variant_id,
            product_id=line.product_id,
            title=title if line.weight is None else f"{title} ({line.weight} g)",
            sku=line.sku,
            options=line.options,
            quantity=line.quantity,
            unit_price_minor=line.unit_price_minor,
            discount_minor=line.discount_minor,
            tax_minor=line.tax_minor,
            tax_included=line.tax_included,
            amount_minor=line.amount_minor,
        )


@dataclass(frozen=True, slots=True)
class _Order:
    """A sale as orders take it.  What was paid sums to what its lines cost, as far as it was paid."""

    id: UUID
    shop_id: int
    pool_id: int
    location_id: int
    at: datetime
    currency: str
    lines: Sequence[_Goods]
    tenders: Sequence[Tender]
    name: str
    phone: str
    locale: str
    note: str

    @classmethod
    def of(cls, here: _At, sale: Sale, sale_id: UUID, open_variant: int) -> "_Order":
        goods = sum(line.amount_minor for line in sale.lines)
        tenders: list[Tender] = []
        left = goods
        # Cash that was rounded up is in the drawer, not in the order.
        for each in sale.tenders:
            part = min(left, each.amount_minor)
            left -= part
            if part:
                tenders.append(replace(each, amount_minor=part))
        if left and left == -sale.rounding_minor:
            tenders.append(Tender("rounding", left))
        return cls(
            id=sale_id,
            shop_id=here.device.shop_id,
            pool_id=here.device.pool_id,
            location_id=here.register.location_id,
            at=here.at,
            currency=here.currency,
            lines=[_Goods.of(line, open_variant) for line in sale.lines],
            tenders=tenders,
            name=sale.name,
            phone=sale.phone,
            locale=sale.locale,
            note="",
        )


async def _free_id(here: _At, wanted: UUID) -> UUID:
    """An id that something else has already is no reason not to keep a fact: it gets another."""
    taken = await journal_queries.taken(
        here.tx, shop_id=here.device.shop_id, series="", number=None, token="", id=wanted
    )
    if "id" not in taken:
        return wanted
    here.problems["other_content"] = {"id": str(wanted)}
    return uuid5(here.device.id, str(here.fact.sequence))


async def _entries(here: _At, kind: str, tenders: Sequence[Tender], sign: int) -> None:
    if here.is_late and here.shift is not None:
        here.problems["late"] = {"shift": here.shift.number, "z": here.shift.z_number}
        await queries.count_late(here.tx, shift_id=here.shift.id)
    await journal_queries.insert_entries(
        here.tx,
        device_id=here.device.id,
        sequence=here.fact.sequence,
        shop_id=here.device.shop_id,
        shift_id=None if here.shift is None else here.shift.id,
        kind=kind,
        tenders=[replace(each, amount_minor=sign * each.amount_minor) for each in tenders],
        late=here.is_late,
    )


async def _receipt(
    here: _At,
    slip: Sale | Return,
    receipt_id: UUID,
    *,
    order_id: UUID | None,
    number: int | None,
    signature: str | None = None,
    tax_minor: int = 0,
) -> None:
    token = slip.token if isinstance(slip, Sale) else ""
    taken = await journal_queries.taken(
        here.tx, shop_id=here.device.shop_id, series="", number=None, token=token, id=receipt_id
    )
    if token and "token" in taken:
        # The receipt stands; its code finds the other one.
        here.problems["token"] = {"receipt": receipt_name(here.device.series, number)}
    await journal_queries.insert_receipt(
        here.tx,
        Receipt(
            id=receipt_id,
            device_id=here.device.id,
            sequence=here.fact.sequence,
            shop_id=here.device.shop_id,
            register_id=here.device.register_id,
            location_id=here.register.location_id,
            shift_id=None if here.shift is None else here.shift.id,
            assistant_id=here.assistant,
            kind="sale" if isinstance(slip, Sale) else "return",
            series=here.device.series,
            number=number,
            token=None if not token or "token" in taken else token,
            order_id=order_id,
            is_training=slip.is_training,
            is_offline=slip.is_offline,
            total_minor=slip.total_minor,
            tax_minor=slip.tax_minor if isinstance(slip, Sale) else tax_minor,
            price_list=slip.price_list,
            signature=signature,
            happened_at=here.at,
        ),
    )


async def _return(here: _At) -> Done:
    tx, device = here.tx, here.device
    back = reading.return_of(here.fact.body)
    here.problems.update(back.problems)
    back_id = await _free_id(here, back.id)
    if back.is_training:
        await _receipt(here, back, back_id, order_id=None, number=None)
        return Done()
    number = await _number(here, back.number)
    order_id = await goods_queries.order_of(
        tx, shop_id=device.shop_id, order_id=back.order_id, receipt=back.receipt
    )
    units = tax = 0
    if order_id is None:
        here.problems["return_unknown"] = {"receipt": back.receipt, "given": back.total_minor}
    else:
        taken = await here.counter.take_back(
            tx, order_id=order_id, refund_id=back_id, back=back.lines, note=back.reason or "till"
        )
        units, tax = taken.units, taken.tax_minor
        await stock_control.counts.sold_before(
            tx,
            shop_id=device.shop_id,
            location_id=here.register.location_id,
            units={variant_id: -quantity for variant_id, quantity in taken.shelved.items()},
            at=here.at,
        )
        if taken.units_beyond:
            here.problems["returned_twice"] = {
                "lines": {str(position + 1): beyond for position, beyond in taken.units_beyond.items()}
            }
        if taken.minor_beyond:
            here.problems["refund_beyond"] = {"beyond": taken.minor_beyond}
    if back.is_offline:
        here.problems["return_offline"] = {"given": back.total_minor}
    await _entries(here, "return", back.refund, -1)
    await _receipt(here, back, back_id, order_id=order_id, number=number, tax_minor=tax)
    await outbox.record(
        tx,
        ReturnTaken(
            shop_id=device.shop_id,
            order_id=order_id,
            receipt=receipt_name(device.series, number),
            register_id=device.register_id,
            location_id=here.register.location_id,
            shift_id=None if here.shift is None else here.shift.id,
            assistant_id=here.assistant,
            at=here.at,
            state="offline" if back.is_offline else "online",
            currency=here.currency,
            amount_minor=back.total_minor,
            units=units,
        ),
    )
    return Done(number=number, order_id=order_id, problems=here.problems)


async def _cash(here: _At) -> Done:
    amount = reading.amount_of(here.fact.body)
    sign = 1 if here.fact.kind == "cash.in" else -1
    await _entries(here, here.fact.kind, [Tender(CASH, amount)], sign)
    return Done(problems=here.problems)


async def _opened(here: _At) -> Done:
    amount = reading.amount_of(here.fact.body, "float")
    if here.shift is None:
        return Done(problems=here.problems)
    others = [
        each
        for each in await queries.open_shifts(here.tx, register_id=here.register.id)
        if each.id != here.shift.id and each.opened_at is not None
    ]
    first = await queries.note_opened(
        here.tx, shift_id=here.shift.id, assistant_id=here.assistant, at=here.at, float_minor=amount
    )
    if others or not first:
        here.problems["shift_open"] = {"shifts": [each.number for each in others]}
    if here.is_late:
        here.problems["late"] = {"shift": here.shift.number, "z": here.shift.z_number}
    else:
        await registers.fill(here.tx, here.device)
    return Done(problems=here.problems)


async def _closed(here: _At) -> Done:
    counted = here.fact.body.get("counted")
    counted_minor = None if counted is None else reading.amount_of(here.fact.body, "counted")
    await registers.empty(here.tx, here.device)
    if here.shift is None:
        return Done(problems=here.problems)
    if here.is_late:
        here.problems["late"] = {"shift": here.shift.number, "z": here.shift.z_number}
        return Done(problems=here.problems)
    z = await shifts.close(
        here.tx,
        here.shift,
        device=here.device,
        register=here.register,
        at=here.at,
        counted_minor=counted_minor,
    )
    if z["variance"]:
        here.problems["variance"] = {"variance": z["variance"], "drawer": z["drawer"], "z": z["number"]}
    return Done(problems=here.problems)


# Of the log alone: nothing follows.
KEPT: Final = frozenset(
    {"drawer.opened", "pin.locked", "pin.unlocked", "line.removed", "receipt.reprinted", "basket.abandoned"}
)
_ACTS: Final[Mapping[str, _Act]] = MappingProxyType(
    {
        "sale": _sale,
        "return": _return,
        "cash.in": _cash,
        "cash.out": _cash,
        "cash.drop": _cash,
        "shift.opened": _opened,
        "shift.closed": _closed,
    }
)

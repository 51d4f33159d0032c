"""Looking at tills: shifts, receipts and tasks, as people in the shop do."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from shopfloor.kernel import text
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.tills import goods_queries, journal_queries, queries, reading, registers
from shopfloor.tills.models import (
    Device,
    Malformed,
    Receipt,
    Register,
    Shift,
    Task,
    UnknownReceipt,
    UnknownRegister,
)


async def shift(tx: Tx, *, shop_id: int, shift_id: UUID) -> Shift:
    """Raises UnknownRegister."""
    found = await queries.shift(tx, shift_id=shift_id)
    if found is None or found.shop_id != shop_id:
        raise UnknownRegister
    return found


@dataclass(frozen=True, slots=True)
class Desk:
    """What the console shows of a shop's tills at once."""

    registers: list[Register]
    devices: list[Device]
    open_shifts: dict[int, list[Shift]]
    tasks: int


async def desk(tx: Tx, *, shop_id: int) -> Desk:
    found = await queries.registers(tx, shop_id=shop_id)
    return Desk(
        registers=found,
        devices=await queries.devices(tx, shop_id=shop_id),
        open_shifts={each.id: await queries.open_shifts(tx, register_id=each.id) for each in found},
        tasks=await journal_queries.count_open_tasks(tx, shop_id=shop_id),
    )


async def escrow(tx: Tx, *, shop_id: int) -> list[goods_queries.Kept]:
    """What is to be kept for which device."""
    return await goods_queries.escrow(tx, shop_id=shop_id)


async def variant_of(tx: Tx, *, shop_id: int, code: str) -> int | None:
    """By its SKU or barcode, where one variant alone has it."""
    return await goods_queries.variant_of(tx, shop_id=shop_id, code=text.narrow(code).strip())


shifts = journal_queries.shifts
tasks = journal_queries.tasks
open_tasks = journal_queries.count_open_tasks
receipts = journal_queries.receipts


async def in_review(tx: Tx, *, shop_id: int, tasks: Sequence[Task]) -> set[tuple[UUID, int]]:
    """Of the facts that these tasks are about, those of which nothing was booked: (device, sequence)."""
    found = await journal_queries.in_review(
        tx,
        shop_id=shop_id,
        device_ids=[each.device_id for each in tasks],
        sequences=[each.sequence for each in tasks],
    )
    return {(each.device_id, each.sequence) for each in found}


async def goods_of(tx: Tx, *, shop_id: int, tasks: Sequence[Task]) -> dict[int, list[tuple[str, int]]]:
    """Of each task that names variants, what they are called and how many units it is about."""
    named = {
        each.id: each.facts["variants"] for each in tasks if isinstance(each.facts.get("variants"), dict)
    }
    names = await goods_queries.names_of(
        tx,
        shop_id=shop_id,
        variant_ids=sorted({int(variant_id) for units in named.values() for variant_id in units}),
    )
    return {
        task_id: [
            (names.get(int(variant_id), f"#{variant_id}"), quantity) for variant_id, quantity in units.items()
        ]
        for task_id, units in named.items()
    }


@dataclass(frozen=True, slots=True)
class Told:
    """What an entry says that nobody has booked: amount in minor units, and goods with their units."""

    amount_minor: int | None
    goods: list[tuple[str, int]]


async def told_in(tx: Tx, *, shop_id: int, tasks: Sequence[Task]) -> dict[int, Told]:
    """By task, for those whose entry was not booked: what it says of itself, as far as it can be read."""
    waiting = [each for each in tasks if each.code in {"locked_out", "not_applied", "unreadable"}]
    kept = {
        (each.device_id, each.sequence): each.raw
        for each in await goods_queries.raw_of(
            tx,
            shop_id=shop_id,
            device_ids=[each.device_id for each in waiting],
            sequences=[each.sequence for each in waiting],
        )
    }
    found: dict[int, Told] = {}
    for each in waiting:
        try:
            body = reading.fact_of(reading.document(kept.get((each.device_id, each.sequence), b""))).body
        except (reading.Unreadable, Malformed, ValueError, KeyError):
            continue
        lines = body.get("lines")
        goods = [
            (str(line.get("title") or f"#{line.get('variant')}")[:200], line["quantity"])
            for line in (lines if isinstance(lines, list) else [])
            if isinstance(line, dict) and type(line.get("quantity")) is int
        ]
        amount = next((body[name] for name in ("total", "amount") if type(body.get(name)) is int), None)
        found[each.id] = Told(amount, goods[:20])
    return found


@dataclass(frozen=True, slots=True)
class Shown:
    """A receipt as whoever has its code sees it."""

    receipt: Receipt
    register: Register
    lines: list[goods_queries.FoundLine]
    order_number: int | None
    tenders: list[tuple[str, int]]
    refunded_minor: int


async def receipt(tx: Tx, *, shop_id: int, token: str | None = None, receipt_id: UUID | None = None) -> Shown:
    """By the code that is printed on it, or its id.  Raises UnknownReceipt."""
    found = await journal_queries.receipt_by(tx, shop_id=shop_id, token=token, id=receipt_id)
    if found is None:
        raise UnknownReceipt
    orders: list[Any] = []
    lines: list[goods_queries.FoundLine] = []
    if found.order_id is not None and found.kind == "sale":
        orders = await goods_queries.sales(tx, shop_id=shop_id, order_ids=[found.order_id])
        lines = await goods_queries.lines_of(tx, order_ids=[found.order_id])
    return Shown(
        receipt=found,
        register=await registers.register(tx, shop_id=shop_id, register_id=found.register_id),
        lines=lines,
        order_number=orders[0].number if orders else None,
        tenders=await journal_queries.tenders_of(tx, device_id=found.device_id, sequence=found.sequence),
        refunded_minor=orders[0].refunded_minor if orders else 0,
    )

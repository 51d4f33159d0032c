"""Shifts: what was taken, what should be in the drawer, and the Z that is frozen when a shift is closed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from shopfloor import accounts
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.tills import journal_queries, queries
from shopfloor.tills.canonical import canonical, hash_of
from shopfloor.tills.events import ShiftClosed
from shopfloor.tills.models import CASH, Device, Register, Shift


async def of_fact(tx: Tx, *, device: Device, shift_id: UUID) -> Shift | None:
    """The shift that a fact names, locked; known from its first fact on.  None for one of another register."""
    found = await _locked(tx, shift_id)
    if found is None:
        shifts, _, _ = await queries.lock_register(tx, register_id=device.register_id)
        # Another device of the register may have named it while we waited.
        found = await _locked(tx, shift_id)
        if found is None:
            await queries.insert_shift(
                tx,
                shift_id=shift_id,
                shop_id=device.shop_id,
                register_id=device.register_id,
                number=shifts + 1,
            )
            found = await _locked(tx, shift_id)
    assert found is not None, "just made"
    return found if found.register_id == device.register_id else None


async def _locked(tx: Tx, shift_id: UUID) -> Shift | None:
    await tx.run("SELECT FROM tills.shift WHERE id = %(id)s FOR NO KEY UPDATE", id=shift_id)
    return await queries.shift(tx, shift_id=shift_id)


async def report(tx: Tx, shift: Shift, *, late: bool = True) -> dict[str, Any]:
    """The X of a shift: what was sold, given back and taken, and what should be in the drawer."""
    takings = await journal_queries.takings(tx, shift_id=shift.id, late=late)
    counted = {each.kind: each for each in await journal_queries.receipts_counted(tx, shift_id=shift.id)}
    by_tender: dict[str, int] = {}
    cash: dict[str, int] = {}
    for each in takings:
        if each.kind in {"sale", "return"}:
            by_tender[each.tender] = by_tender.get(each.tender, 0) + each.amount_minor
        if each.tender == CASH:
            cash[each.kind] = cash.get(each.kind, 0) + each.amount_minor

    def told(kind: str) -> dict[str, int]:
        found = counted.get(kind)
        return {
            "receipts": 0 if found is None else found.receipts,
            "total": 0 if found is None else found.total_minor,
            "tax": 0 if found is None else found.tax_minor,
        }

    return {
        "sales": told("sale"),
        "returns": told("return"),
        "by_tender": dict(sorted(by_tender.items())),
        "cash": dict(sorted(cash.items())),
        "float": shift.float_minor,
        "drawer": shift.float_minor + sum(cash.values()),
    }


async def close(
    tx: Tx, shift: Shift, *, device: Device, register: Register, at: datetime, counted_minor: int | None
) -> dict[str, Any]:
    """Freeze the Z of a locked shift: numbered without gaps per register, with totals that never start again, chained."""
    _, last_z, previous = await queries.lock_register(tx, register_id=register.id)
    figures = await report(tx, shift)
    sold, back = await journal_queries.grand_totals(tx, register_id=register.id)
    z: dict[str, Any] = {
        **figures,
        "number": last_z + 1,
        "register": register.code,
        "shift": shift.number,
        "opened_at": None if shift.opened_at is None else shift.opened_at.isoformat(),
        "closed_at": at.isoformat(),
        "counted": counted_minor,
        "variance": None if counted_minor is None else counted_minor - figures["drawer"],
        "ever_sold": sold,
        "ever_given_back": back,
        "previous": previous,
    }
    await queries.note_closed(
        tx,
        shift=shift,
        at=at,
        counted_minor=counted_minor,
        z_number=last_z + 1,
        z=z,
        z_previous=previous,
        z_hash=hash_of(canonical(z)),
    )
    shop = await accounts.shop(tx, device.shop_id)
    await outbox.record(
        tx,
        ShiftClosed(
            shop_id=device.shop_id,
            register_id=register.id,
            location_id=register.location_id,
            shift_id=shift.id,
            z_number=last_z + 1,
            currency=shop.currency,
            sales_minor=figures["sales"]["total"],
            refunds_minor=figures["returns"]["total"],
            variance_minor=z["variance"],
        ),
    )
    return z

"""Parcels with what their orders know of them: the to-do list, what goes where, lists for carriers and back from them."""

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from typing import Final
from uuid import UUID

from shopfloor import catalog, fulfilment, orders
from shopfloor.kernel import paging, text
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import whole_number
from shopfloor.warehouse import queries
from shopfloor.warehouse.queries import Filters, PackedItem, ParcelSummary, Recipient

AT_ONCE: Final = 500
"""So many parcels are worked on by one press of a button."""
STATES: Final = tuple(fulfilment.State)


@dataclass(frozen=True, slots=True)
class Packed:
    """A parcel as who packs it sees it; `codes` are what scanners read of each line: SKU, barcode."""

    parcel: fulfilment.Parcel
    recipient: Recipient
    items: list[PackedItem]
    codes: Mapping[int, tuple[str, ...]]
    grams: int | None
    """What its goods weigh, where that is known of all of them."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a list from a carrier."""

    shipped: int = 0
    tracked: int = 0
    unchanged: int = 0
    empty: int = 0
    refused: list[tuple[int, Refusal]] = field(default_factory=list[tuple[int, Refusal]])
    """Row and why."""


async def listing(
    tx: Tx,
    *,
    shop_id: int,
    state: str | None = None,
    show_id: int | None = None,
    location_id: int | None = None,
    search: str | None = None,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> paging.Page[ParcelSummary]:
    """A page of the to-do list, oldest first; a search (order number or tracking number) looks in all states."""
    wanted = text.looked_for(search or "").removeprefix("#")
    filters = Filters(None if wanted else state, show_id, location_id)
    if wanted:
        filters = replace(
            filters,
            tracking=wanted,
            number=whole_number(wanted.upper().partition("-P")[0]),
        )
    return await paging.page(
        partial(_rows, tx, shop_id, filters),
        after=after,
        before=before,
        limit=limit,
        key=lambda row: row.id,
    )


async def _rows(
    tx: Tx, shop_id: int, filters: Filters, *, after: UUID | None, before: UUID | None, limit: int
) -> list[ParcelSummary]:
    ids = await queries.page(
        tx, shop_id=shop_id, filters=replace(filters, after=after, before=before), limit=limit
    )
    return await queries.summaries(tx, ids=ids)


async def matching(
    tx: Tx, *, shop_id: int, state: str, show_id: int | None = None, location_id: int | None = None
) -> list[UUID]:
    """All of a list, at most AT_ONCE of them, oldest first."""
    return await queries.page(
        tx, shop_id=shop_id, filters=Filters(state, show_id, location_id), limit=AT_ONCE
    )


async def counts(
    tx: Tx, *, shop_id: int, show_id: int | None = None, location_id: int | None = None
) -> dict[str, int]:
    """How many are at which step, counted up to 10,000."""
    return await queries.counts(
        tx, shop_id=shop_id, show_id=show_id, location_id=location_id, states=list(STATES), most=10_000
    )


async def shows(tx: Tx, *, shop_id: int) -> list[queries.ShowToPack]:
    return await queries.shows(tx, shop_id=shop_id)


async def packed(tx: Tx, *, shop_id: int, ids: Sequence[UUID]) -> list[Packed]:
    """In the order of orders."""
    parcels = await fulfilment.parcels(tx, shop_id=shop_id, ids=ids)
    rows = await queries.items(tx, parcel_ids=[each.id for each in parcels])
    people = {
        each.order_id: each
        for each in await queries.recipients(tx, order_ids=[each.order_id for each in parcels])
    }
    known = {
        each.id: each
        for each in await catalog.variants(tx, shop_id=shop_id, ids=sorted({row.variant_id for row in rows}))
    }
    inside: dict[UUID, list[PackedItem]] = {}
    for row in rows:
        inside.setdefault(row.parcel_id, []).append(row)
    return [
        Packed(
            parcel,
            people[parcel.order_id],
            inside.get(parcel.id, []),
            {
                row.line_id: tuple(filter(None, (row.sku, known[row.variant_id].barcode)))
                if row.variant_id in known
                else (row.sku,)
                for row in inside.get(parcel.id, [])
            },
            _grams(inside.get(parcel.id, []), known),
        )
        for parcel in parcels
    ]


def _grams(rows: Sequence[PackedItem], known: Mapping[int, catalog.Variant]) -> int | None:
    total = 0
    for row in rows:
        grams = known[row.variant_id].grams if row.variant_id in known else None
        if not grams:
            return None
        total += grams * row.quantity
    return total


def together_grams(inside: Sequence[Packed]) -> int | None:
    """What the goods in a box weigh, where that is known of all of them."""
    weights = [each.grams for each in inside]
    return None if any(each is None for each in weights) else sum(each or 0 for each in weights)


async def scan(tx: Tx, *, shop_id: int, parcel_id: UUID, code: str, actor: str) -> fulfilment.Parcel:
    """A unit with this code (barcode or SKU, however its letters are cased, of any width) was taken from the shelf.

    Raises ParcelNotFound, WrongStep, WrongItem, AllPicked.
    """
    wanted = _scanned(code)
    [found] = await packed(tx, shop_id=shop_id, ids=[parcel_id]) or [None]
    if found is None:
        raise fulfilment.ParcelNotFound(parcel_id=str(parcel_id))
    fitting = [
        line_id
        for line_id, codes in found.codes.items()
        if wanted and any(_same(wanted, _scanned(each)) for each in codes)
    ]
    return await fulfilment.pick(tx, shop_id=shop_id, parcel_id=parcel_id, line_ids=fitting, actor=actor)


def _scanned(code: str) -> str:
    return text.looked_for(code).casefold()


def _same(read: str, known: str) -> bool:
    """A UPC and the EAN that is it with a zero before it are one code."""
    return read == known or (
        read.isdigit()
        and known.isdigit()
        and min(len(read), len(known)) >= 12
        and read.zfill(14) == known.zfill(14)
    )


async def by_code(tx: Tx, *, shop_id: int, code: str) -> UUID | None:
    """The parcel whose label this is: its own number, or its tracking number where only one has it."""
    if not code.strip():
        return None
    found = await listing(tx, shop_id=shop_id, search=code, limit=10)
    exact = [
        row.id for row in found.items if _scanned(code) in {_scanned(row.number), _scanned(row.tracking)}
    ]
    return exact[0] if len(exact) == 1 else None


async def put_together(
    tx: Tx, *, shop_id: int, parcel_id: UUID, number: str, actor: str
) -> list[fulfilment.Parcel]:
    """A parcel goes into the box of the one with this number, where both go to one address.

    Raises ParcelNotFound, NotTogether, WrongStep.
    """
    other = await by_code(tx, shop_id=shop_id, code=number)
    if other is None:
        raise fulfilment.ParcelNotFound(parcel=number[:40])
    both = await packed(tx, shop_id=shop_id, ids=[parcel_id, other])
    if len({_where(each) for each in both}) != 1:
        raise fulfilment.NotTogether(parcel_id=str(parcel_id), other=number[:40])
    return await fulfilment.boxes.put_together(
        tx, shop_id=shop_id, parcel_id=parcel_id, with_parcel_id=other, actor=actor
    )


def _where(each: Packed) -> tuple[str, ...]:
    address = each.recipient.address or {}
    return tuple(
        " ".join(str(address.get(name) or "").casefold().split())
        for name in ("street", "city", "region", "postcode", "country")
    )


async def may_go_with(tx: Tx, *, shop_id: int, parcel_id: UUID) -> list[fulfilment.Parcel]:
    """Parcels of the same buyer or contact into whose box this one could go."""
    [own] = await packed(tx, shop_id=shop_id, ids=[parcel_id])
    ids = await queries.of_same_person(tx, shop_id=shop_id, order_id=own.parcel.order_id)
    box = own.parcel.box_id or own.parcel.id
    return [
        each.parcel
        for each in await packed(tx, shop_id=shop_id, ids=ids)
        if fulfilment.boxes.fits(own.parcel, each.parcel)
        and (each.parcel.box_id or each.parcel.id) != box
        and _where(each) == _where(own)
    ]


async def boxes_of(tx: Tx, *, shop_id: int, ids: Sequence[UUID]) -> dict[UUID, list[Packed]]:
    """What lies in the boxes of these parcels: by the parcel that gives a box its label, it first."""
    found: dict[UUID, list[Packed]] = {}
    everything = await fulfilment.boxes.with_members(tx, shop_id=shop_id, parcel_ids=ids)
    for each in await packed(tx, shop_id=shop_id, ids=everything):
        found.setdefault(each.parcel.box_id or each.parcel.id, []).append(each)
    return {
        leader: sorted(inside, key=lambda each: each.parcel.id != leader) for leader, inside in found.items()
    }


async def carrier_list(tx: Tx, *, shop_id: int, ids: Sequence[UUID], encoding: str) -> bytes:
    """What a carrier's program takes: a row for each box that is shipped, not for what is picked up."""
    rows: list[fulfilment.sheet.OutRow] = []
    for inside in (await boxes_of(tx, shop_id=shop_id, ids=ids)).values():
        each = inside[0]
        if each.parcel.delivery is fulfilment.Delivery.PICK_UP:
            continue
        items = [item for parcel in inside for item in parcel.items]
        address = each.recipient.address or {}
        rows.append(
            fulfilment.sheet.OutRow(
                parcel=each.parcel.number,
                order=" + ".join(dict.fromkeys(str(parcel.parcel.order_number) for parcel in inside)),
                name=each.recipient.contact_name,
                phone=each.recipient.contact_phone,
                street=address.get("street", ""),
                city=address.get("city", ""),
                region=address.get("region", ""),
                postcode=address.get("postcode", ""),
                country=address.get("country", ""),
                units=sum(item.quantity for item in items),
                contents=", ".join(f"{item.quantity} × {item.title}" for item in items),
                weight_grams=together_grams(inside),
                note=each.recipient.note,
                tracking=each.parcel.tracking,
                carrier=each.parcel.carrier,
            )
        )
    return fulfilment.carriers.GENERIC.written(rows, encoding=encoding)


async def import_tracking(
    db: Database, *, shop_id: int, data: bytes, carrier: str, ship: bool, actor: str
) -> Imported:
    """A carrier's list with tracking numbers: each row on its own, and the same list again changes nothing.

    `carrier`: of rows that name none.  `ship`: parcels that get a number leave with it.  Raises SheetUnreadable.
    """
    sheet = fulfilment.carriers.GENERIC.read(data)
    done = Imported(empty=sheet.empty)
    for row in sheet.rows:
        try:
            async with db.transaction() as tx:
                became = await _take_row(tx, shop_id, row, carrier=carrier, ship=ship, actor=actor)
        except Refusal as refusal:
            done.refused.append((row.row, refusal))
        else:
            done = replace(done, **{became: getattr(done, became) + 1})
    return done


async def _take_row(
    tx: Tx, shop_id: int, row: fulfilment.sheet.InRow, *, carrier: str, ship: bool, actor: str
) -> str:
    parcel_id = await _meant(tx, shop_id, row)
    before = await fulfilment.parcel(tx, shop_id=shop_id, parcel_id=parcel_id)
    tracked = await orders.shipping.track_parcel(
        tx,
        shop_id=shop_id,
        parcel_id=parcel_id,
        carrier=row.carrier or (carrier if not before.carrier else ""),
        tracking=row.tracking,
        actor=actor,
        replaces=False,
    )
    if ship and tracked.state in fulfilment.HERE:
        await orders.shipping.send_parcel(tx, shop_id=shop_id, parcel_id=parcel_id, actor=actor)
        return "shipped"
    return (
        "unchanged" if (tracked.tracking, tracked.carrier) == (before.tracking, before.carrier) else "tracked"
    )


async def _meant(tx: Tx, shop_id: int, row: fulfilment.sheet.InRow) -> UUID:
    """Raises ParcelNotFound, AmbiguousParcel."""
    order, mark, position = row.parcel.strip().removeprefix("#").upper().partition("-P")
    number = whole_number(order or row.order)
    if number is None:
        raise fulfilment.ParcelNotFound(parcel=row.parcel or row.order)
    ids = await fulfilment.ids_by_number(tx, shop_id=shop_id, order_number=number)
    parcels = await fulfilment.parcels(tx, shop_id=shop_id, ids=ids)
    if mark:
        parcels = [each for each in parcels if str(each.position) == position]
    if not parcels:
        raise fulfilment.ParcelNotFound(parcel=row.parcel or row.order)
    if len(parcels) > 1:
        same = [each for each in parcels if each.tracking == row.tracking]
        parcels = same or [each for each in parcels if each.state in fulfilment.HERE and not each.tracking]
    if len(parcels) != 1:
        raise fulfilment.AmbiguousParcel(order=order)
    return parcels[0].id


async def send_parcels(
    db: Database, *, shop_id: int, parcel_ids: Sequence[UUID], actor: str, carrier: str = ""
) -> dict[UUID, Refusal]:
    """Each in a transaction of its own, so that one that may not leave keeps no other.  Returns those that stayed, and why.

    Broken off, it is simply done again: what has left does not leave again.
    """
    stayed: dict[UUID, Refusal] = {}
    for parcel_id in dict.fromkeys(parcel_ids):
        try:
            async with db.transaction() as tx:
                await orders.shipping.send_parcel(
                    tx, shop_id=shop_id, parcel_id=parcel_id, actor=actor, carrier=carrier
                )
        except Refusal as refusal:
            stayed[parcel_id] = refusal
    return stayed


async def arrived_parcels(
    db: Database, *, shop_id: int, parcel_ids: Sequence[UUID], actor: str
) -> dict[UUID, Refusal]:
    """As `send_parcels`: their buyers have them."""
    stayed: dict[UUID, Refusal] = {}
    for parcel_id in dict.fromkeys(parcel_ids):
        try:
            async with db.transaction() as tx:
                await orders.shipping.parcel_arrived(tx, shop_id=shop_id, parcel_id=parcel_id, actor=actor)
        except Refusal as refusal:
            stayed[parcel_id] = refusal
    return stayed

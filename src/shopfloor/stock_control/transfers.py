"""Transfers: units on their way from one location of the shop to another.

Sent units leave what is for sale at the source and are in transit until somebody receives them or says what became of
them.  Every step has a key and happens once; the transfer is locked first, the books after it, so that of two people who
receive at once the second finds what the first has left.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, Literal
from uuid import UUID

from shopfloor import inventory
from shopfloor.kernel import outbox, paging, text
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import MAX_QUANTITY, now
from shopfloor.stock_control import goods_queries, transfer_queries
from shopfloor.stock_control.events import TransferDiffered, TransferReceived, TransferSent, TransferUnits
from shopfloor.stock_control.models import (
    MOST_LINES,
    Difference,
    KeyReused,
    Listed,
    NothingListed,
    NotInTransit,
    SamePlace,
    Step,
    TooManyLines,
    Transfer,
    TransferLine,
    TransferState,
    UnknownCode,
    UnknownPaper,
    WrongState,
)

Units = Mapping[int, int]
"""Units by variant."""
_UNDER_WAY: Final = frozenset({TransferState.SENT, TransferState.PARTLY_RECEIVED})


@dataclass(frozen=True, slots=True)
class Whole:
    """A transfer with its lines and what was done to it, oldest first."""

    transfer: Transfer
    lines: list[TransferLine]
    steps: list[Step]

    @property
    def in_transit(self) -> int:
        return sum(line.in_transit for line in self.lines)


async def read(tx: Tx, *, shop_id: int, transfer_id: int) -> Whole:
    """Raises UnknownPaper."""
    found = await transfer_queries.transfer(tx, shop_id=shop_id, transfer_id=transfer_id)
    if found is None:
        raise UnknownPaper(transfer_id=transfer_id)
    return Whole(
        found,
        await transfer_queries.lines(tx, transfer_id=transfer_id),
        await transfer_queries.steps(tx, transfer_id=transfer_id),
    )


async def _count(
    tx: Tx,
    *,
    shop_id: int,
    state: str | None = None,
    location_id: int | None = None,
    before: int | None = None,
) -> paging.Counted:
    return paging.capped(
        await transfer_queries.count_transfers(
            tx, shop_id=shop_id, state=state, location_id=location_id, before=before
        )
    )


@paging.counted_by(_count)
async def listing(
    tx: Tx,
    *,
    shop_id: int,
    state: str | None = None,
    location_id: int | None = None,
    after: int | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Listed]:
    """Newest first; `state` may be "open": what is under way."""
    return await transfer_queries.transfers(
        tx, shop_id=shop_id, state=state, location_id=location_id, after=after, before=before, limit=limit
    )


async def variant_of(tx: Tx, *, shop_id: int, code: str) -> int:
    """The one variant with this barcode or SKU.  Raises UnknownCode."""
    typed = text.narrow(code).strip()
    found = await goods_queries.by_code(tx, shop_id=shop_id, code=typed) if typed else []
    if len(found) != 1:
        raise UnknownCode(typed=typed[:40], several=len(found) > 1)
    return found[0]


async def create(
    tx: Tx,
    *,
    shop_id: int,
    key: UUID,
    source_id: int,
    target_id: int,
    units: Units,
    expected_on: date | None = None,
    note: str = "",
    person_id: int | None = None,
) -> Transfer:
    """A draft, of which nothing is in the books yet.  The same key again is the same transfer.

    Raises SamePlace, UnknownStock, TooManyLines, BadQuantity, KeyReused, UnusableText.
    """
    known = await transfer_queries.step(tx, shop_id=shop_id, key=key)
    if known is not None:
        if known.kind != "created":
            raise KeyReused
        return (await read(tx, shop_id=shop_id, transfer_id=known.transfer_id)).transfer
    places = {each.id for each in await inventory.locations(tx, shop_id=shop_id)}
    if source_id == target_id:
        raise SamePlace
    if source_id not in places or target_id not in places:
        raise inventory.UnknownStock(location_id=source_id if source_id not in places else target_id)
    wanted = await _lines(tx, shop_id, units, may_be_none=True)
    number = await transfer_queries.next_number(tx, shop_id=shop_id)
    new_id = await transfer_queries.insert_transfer(
        tx,
        shop_id=shop_id,
        number=number,
        source_id=source_id,
        target_id=target_id,
        expected_on=expected_on,
        note=text.line(note, field="note", longest=500),
        person_id=person_id,
    )
    await transfer_queries.insert_lines(tx, shop_id=shop_id, transfer_id=new_id, units=wanted)
    if not await transfer_queries.insert_step(
        tx, shop_id=shop_id, key=key, transfer_id=new_id, kind="created", content={}, person_id=person_id
    ):
        # Somebody made it at this very moment: theirs is kept, and this one undone with the refusal.
        raise KeyReused
    return (await read(tx, shop_id=shop_id, transfer_id=new_id)).transfer


async def change(
    tx: Tx, *, shop_id: int, transfer_id: int, units: Units, how: Literal["all", "some", "more"] = "all"
) -> None:
    """Set the lines of a draft: `all` of them, `some`, while others stay as they are, or so many `more` of these.

    Raises UnknownPaper, WrongState, TooManyLines, BadQuantity.
    """
    found = await _locked(tx, shop_id, transfer_id)
    if found.state != TransferState.DRAFT:
        raise WrongState(state=found.state)
    asked: dict[int, int] = {}
    if how != "all":
        asked = {
            line.variant_id: line.asked for line in await transfer_queries.lines(tx, transfer_id=transfer_id)
        }
    if how == "more":
        units = {each: asked.get(each, 0) + quantity for each, quantity in units.items()}
    wanted = await _lines(tx, shop_id, asked | dict(units), may_be_none=True)
    await transfer_queries.delete_lines(tx, transfer_id=transfer_id)
    await transfer_queries.insert_lines(tx, shop_id=shop_id, transfer_id=transfer_id, units=wanted)


async def send(
    tx: Tx, *, shop_id: int, transfer_id: int, key: UUID, person_id: int | None = None
) -> Transfer:
    """All units leave the source at once and are in transit.  Raises NothingListed, and NotEnough with the first variant that is
    short.
    """
    found = await _locked(tx, shop_id, transfer_id)
    if await _done(tx, found, key, "sent", {}, person_id):
        return found
    if found.state != TransferState.DRAFT:
        raise WrongState(state=found.state)
    units = {
        line.variant_id: line.asked for line in await transfer_queries.lines(tx, transfer_id=transfer_id)
    }
    if not units:
        raise NothingListed
    await _shelf(found).move(tx, units, to=_transit(found), reason=found.name)
    await transfer_queries.send_lines(tx, transfer_id=transfer_id)
    await transfer_queries.set_state(tx, transfer_id=transfer_id, state=TransferState.SENT)
    await outbox.record(tx, TransferSent(shop_id, found.id, found.source_id, found.target_id, _told(units)))
    return await _now(tx, found)


async def receive(
    tx: Tx,
    *,
    shop_id: int,
    transfer_id: int,
    key: UUID,
    units: Units,
    more: bool = False,
    person_id: int | None = None,
) -> Transfer:
    """So many more units are here, on the shelf from now.  What is not in transit is refused unless `more` says that it
    was found beyond what was sent.  The transfer closes when nothing is in transit.

    Raises UnknownPaper, WrongState, NothingListed, BadQuantity, NotInTransit with the variant.
    """
    found = await _locked(tx, shop_id, transfer_id)
    wanted = await _lines(tx, shop_id, units)
    if await _done(tx, found, key, "found" if more else "received", wanted, person_id):
        return found
    if found.state not in _UNDER_WAY:
        raise WrongState(state=found.state)
    lines = {line.variant_id: line for line in await transfer_queries.lines(tx, transfer_id=transfer_id)}
    came: dict[int, int] = {}
    beyond: dict[int, int] = {}
    for variant_id, quantity in wanted.items():
        left = lines[variant_id].in_transit if variant_id in lines else 0
        if quantity > left and not more:
            raise NotInTransit(variant_id=variant_id, wanted=quantity, left=left)
        came[variant_id] = min(quantity, left)
        beyond[variant_id] = quantity - came[variant_id]
    shelf = inventory.Shelf(shop_id, found.target_id)
    if any(beyond.values()):
        # Two movements of one transaction: their books in the one order, before either.
        await inventory.LedgerSession.of_variants(tx, shop_id=shop_id, variant_ids=wanted)
    await _transit(found).move(tx, came, to=shelf, reason=found.name)
    await shelf.correct(tx, beyond, kind="adjusted", reason=f"found {found.name}")
    await transfer_queries.add_to_lines(
        tx, shop_id=shop_id, transfer_id=transfer_id, variants=list(wanted), received=list(came.values()),
        found=list(beyond.values()), **_none(wanted, "lost", "damaged", "miscounted"),
    )  # fmt: skip
    await outbox.record(tx, TransferReceived(shop_id, found.id, found.target_id, _told(wanted)))
    return await _settled(tx, found)


async def explain(
    tx: Tx,
    *,
    shop_id: int,
    transfer_id: int,
    key: UUID,
    reason: Difference,
    units: Units,
    person_id: int | None = None,
) -> Transfer:
    """What became of units that were sent and did not come: lost, damaged (they are here, not for sale), or miscounted
    (they never left: back on the shelf of the source).

    Raises UnknownPaper, WrongState, NothingListed, BadQuantity, NotInTransit with the variant.
    """
    found = await _locked(tx, shop_id, transfer_id)
    wanted = await _lines(tx, shop_id, units)
    if await _done(tx, found, key, reason.value, wanted, person_id):
        return found
    if found.state not in _UNDER_WAY:
        raise WrongState(state=found.state)
    lines = {line.variant_id: line for line in await transfer_queries.lines(tx, transfer_id=transfer_id)}
    for variant_id, quantity in wanted.items():
        left = lines[variant_id].in_transit if variant_id in lines else 0
        if quantity > left:
            raise NotInTransit(variant_id=variant_id, wanted=quantity, left=left)
    to = {
        Difference.LOST: None,
        Difference.DAMAGED: inventory.Shelf(shop_id, found.target_id, "damaged"),
        Difference.MISCOUNTED: _shelf(found),
    }[reason]
    await _transit(found).move(tx, wanted, to=to, reason=f"{reason.value} {found.name}")
    others = [each.value for each in Difference if each is not reason]
    await transfer_queries.add_to_lines(
        tx, shop_id=shop_id, transfer_id=transfer_id, variants=list(wanted),
        **{reason.value: list(wanted.values())}, **_none(wanted, "received", "found", *others),
    )  # fmt: skip
    await outbox.record(tx, TransferDiffered(shop_id, found.id, reason.value, _told(wanted)))
    return await _settled(tx, found)


async def cancel(
    tx: Tx, *, shop_id: int, transfer_id: int, key: UUID, person_id: int | None = None
) -> Transfer:
    """Nothing goes, or what was sent is on the shelf of the source again.  Raises WrongState once anything was received."""
    found = await _locked(tx, shop_id, transfer_id)
    if await _done(tx, found, key, "cancelled", {}, person_id):
        return found
    lines = await transfer_queries.lines(tx, transfer_id=transfer_id)
    if found.state not in {TransferState.DRAFT, TransferState.SENT} or any(
        line.sent != line.in_transit for line in lines
    ):
        raise WrongState(state=found.state)
    back = {line.variant_id: line.in_transit for line in lines}
    await _transit(found).move(tx, back, to=_shelf(found), reason=f"cancelled {found.name}")
    await transfer_queries.add_to_lines(
        tx, shop_id=shop_id, transfer_id=transfer_id, variants=list(back), miscounted=list(back.values()),
        **_none(back, "received", "lost", "damaged", "found"),
    )  # fmt: skip
    await transfer_queries.set_state(tx, transfer_id=transfer_id, state=TransferState.CANCELLED)
    return await _now(tx, found)


async def _locked(tx: Tx, shop_id: int, transfer_id: int) -> Transfer:
    found = await transfer_queries.lock_transfer(tx, shop_id=shop_id, transfer_id=transfer_id)
    if found is None:
        raise UnknownPaper(transfer_id=transfer_id)
    return found


async def _done(tx: Tx, found: Transfer, key: UUID, kind: str, units: Units, person_id: int | None) -> bool:
    """Whether this step was done before; else it is noted as done now.  Raises KeyReused."""
    content = {str(variant_id): quantity for variant_id, quantity in units.items()}
    if await transfer_queries.insert_step(
        tx, shop_id=found.shop_id, key=key, transfer_id=found.id, kind=kind, content=content, person_id=person_id
    ):  # fmt: skip
        return False
    known = await transfer_queries.step(tx, shop_id=found.shop_id, key=key)
    if known is None or (known.transfer_id, known.kind, known.content) != (found.id, kind, content):
        raise KeyReused
    return True


async def _lines(tx: Tx, shop_id: int, units: Units, *, may_be_none: bool = False) -> dict[int, int]:
    wanted = {variant_id: units[variant_id] for variant_id in sorted(units) if units[variant_id]}
    if not wanted and not may_be_none:
        raise NothingListed
    if len(wanted) > MOST_LINES:
        raise TooManyLines(most=MOST_LINES)
    if not all(0 < quantity <= MAX_QUANTITY for quantity in wanted.values()):
        raise inventory.BadQuantity
    known = await goods_queries.countable(tx, shop_id=shop_id, variant_ids=list(wanted))
    for variant_id in wanted:
        if variant_id not in known:
            raise inventory.UnknownStock(variant_id=variant_id)
    return wanted


async def _settled(tx: Tx, found: Transfer) -> Transfer:
    left = sum(line.in_transit for line in await transfer_queries.lines(tx, transfer_id=found.id))
    state = TransferState.PARTLY_RECEIVED if left else TransferState.CLOSED
    if state != found.state:
        await transfer_queries.set_state(tx, transfer_id=found.id, state=state)
    return await _now(tx, found)


async def _now(tx: Tx, found: Transfer) -> Transfer:
    again = await transfer_queries.transfer(tx, shop_id=found.shop_id, transfer_id=found.id)
    assert again is not None, "it is locked"
    return again


def _shelf(found: Transfer) -> inventory.Shelf:
    return inventory.Shelf(found.shop_id, found.source_id)


def _transit(found: Transfer) -> inventory.Shelf:
    return inventory.Shelf(
        found.shop_id, found.target_id, "transit", found.lot, found.expected_on or now().date()
    )


def _none(units: Units, *names: str) -> dict[str, Sequence[int]]:
    return {name: [0] * len(units) for name in names}


def _told(units: Units) -> list[TransferUnits]:
    return [TransferUnits(variant_id, quantity) for variant_id, quantity in units.items()]

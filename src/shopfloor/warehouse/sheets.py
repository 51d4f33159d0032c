"""What is printed to work with: pick lists, packing slips, labels.  Made from parcels as they are when a worker comes to it."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from shopfloor import accounts, documents, fulfilment, inventory
from shopfloor.documents import SheetKind
from shopfloor.kernel import jobs
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now
from shopfloor.warehouse import service
from shopfloor.warehouse.queries import PackedItem
from shopfloor.warehouse.service import AT_ONCE, Packed


@dataclass(frozen=True, slots=True)
class OfSheet:
    shop_id: int
    sheet_id: UUID


SHEET: Final = jobs.Job("documents.sheet", asked=OfSheet)
_SHOWN_OF_PHONE: Final = 4


async def ask(
    tx: Tx, *, shop_id: int, kind: SheetKind, parcel_ids: Sequence[UUID], sheet_id: UUID | None = None
) -> UUID:
    """Returns the sheet, whose file comes in a moment.  Raises fulfilment.ParcelNotFound for none.

    With a `sheet_id` of one's own, asking again is asking for the same.
    """
    known = await fulfilment.parcels(tx, shop_id=shop_id, ids=parcel_ids)
    if not known:
        raise fulfilment.ParcelNotFound
    sheet_id = await documents.ask_sheet(
        tx, shop_id=shop_id, kind=kind, asked=[str(each.id) for each in known[:AT_ONCE]], sheet_id=sheet_id
    )
    await jobs.ask(tx, SHEET, OfSheet(shop_id, sheet_id), key=str(sheet_id), shop_id=shop_id, urgent=True)
    return sheet_id


async def state(tx: Tx, *, sheet_id: UUID) -> jobs.State | None:
    return await jobs.state(tx, SHEET, str(sheet_id))


async def make(run: jobs.Run, asked: OfSheet) -> None:
    """Raises documents.DocumentNotFound for one that was forgotten meanwhile."""
    async with run.db.transaction() as tx:
        wanted = await documents.sheet(tx, shop_id=asked.shop_id, sheet_id=asked.sheet_id)
        data = await _data(tx, wanted)
    await documents.make_sheet(run.db, wanted, data)
    async with run.db.transaction() as tx:
        await run.done(tx, as_of=now(), result={"parcels": len(wanted.asked)})


async def _data(tx: Tx, wanted: documents.Sheet) -> dict[str, Any]:
    shop = await accounts.shop(tx, wanted.shop_id)
    found = await service.packed(tx, shop_id=shop.id, ids=[UUID(each) for each in wanted.asked])
    seller = await documents.seller(tx, shop_id=shop.id)
    today = now().astimezone(ZoneInfo(shop.timezone)).date()
    lang = documents.words.language(shop.locale)
    data: dict[str, Any] = {"lang": lang, "kind": wanted.kind, "dated": today.isoformat()}
    if wanted.kind is SheetKind.PICK_LIST:
        names = {each.id: each.name for each in await inventory.locations(tx, shop_id=shop.id)}
        return data | {
            "title": documents.words.words(lang)["pick_list"],
            "made": documents.words.day(today, lang),
            "places": _places(found, names),
        }
    sender = [seller.name or shop.name, *seller.address.splitlines()]
    siblings: dict[UUID, list[fulfilment.Parcel]] = {}
    for each in await fulfilment.of_orders(
        tx, shop_id=shop.id, order_ids=sorted({each.parcel.order_id for each in found})
    ):
        if each.state is not fulfilment.State.CANCELLED:
            siblings.setdefault(each.order_id, []).append(each)
    if wanted.kind is SheetKind.PACKING_SLIP:
        return data | {
            "title": documents.words.words(lang)["packing_slip"],
            "parcels": [_slip(each, sender, siblings.get(each.parcel.order_id, []), lang) for each in found],
        }
    boxes = await service.boxes_of(tx, shop_id=shop.id, ids=[each.parcel.id for each in found])
    return data | {
        "title": documents.words.words(lang)["parcel"],
        "parcels": [
            _label(inside, sender, siblings.get(inside[0].parcel.order_id, []), lang)
            for inside in boxes.values()
        ],
    }


def _places(found: Sequence[Packed], names: dict[int, str]) -> list[dict[str, Any]]:
    """By location, what to take from the shelf, each thing once with the parcels it goes into."""
    by_place: dict[int, list[Packed]] = {}
    for each in found:
        by_place.setdefault(each.parcel.location_id, []).append(each)
    places: list[dict[str, Any]] = []
    for location_id, here in by_place.items():
        wanted: dict[int, list[tuple[str, PackedItem]]] = {}
        for each in here:
            for item in each.items:
                wanted.setdefault(item.variant_id, []).append((each.parcel.number, item))
        rows = [
            [
                str(sum(item.quantity for _, item in takers)),
                takers[0][1].title,
                documents.words.options(takers[0][1].options),
                takers[0][1].sku,
                ", ".join(f"{number} ×{item.quantity}" for number, item in takers),
            ]
            for takers in wanted.values()
        ]
        places.append(
            {
                "name": names.get(location_id, f"#{location_id}"),
                "parcels": str(len(here)),
                "units": str(sum(item.quantity for each in here for item in each.items)),
                "items": sorted(rows, key=lambda row: (row[3].casefold(), row[1], row[2])),
            }
        )
    return sorted(places, key=lambda place: place["name"])


def _bars(text: str) -> dict[str, Any] | None:
    return asdict(documents.code128.bars(text)) if documents.code128.can(text) else None


def _part(each: Packed, siblings: Sequence[fulfilment.Parcel], lang: str) -> str:
    place = [sibling.id for sibling in siblings].index(each.parcel.id) + 1 if _among(each, siblings) else 1
    return documents.words.words(lang)["of"].format(n=place, all=max(1, len(siblings)))


def _among(each: Packed, siblings: Sequence[fulfilment.Parcel]) -> bool:
    return any(sibling.id == each.parcel.id for sibling in siblings)


def _slip(
    each: Packed, sender: list[str], siblings: Sequence[fulfilment.Parcel], lang: str
) -> dict[str, Any]:
    """What lies in the parcel: no prices, for it may be a gift."""
    return {
        "from": sender,
        "to": [each.recipient.contact_name, *documents.words.address(each.recipient.address, lang)],
        "pick_up": each.parcel.delivery is fulfilment.Delivery.PICK_UP,
        "own": _bars(each.parcel.number),
        "number": each.parcel.number,
        "part": _part(each, siblings, lang),
        "items": [
            [str(item.quantity), item.title, documents.words.options(item.options), item.sku]
            for item in each.items
        ],
        "note": each.recipient.note,
        "more": len(siblings) > 1,
    }


def _label(
    inside: Sequence[Packed], sender: list[str], siblings: Sequence[fulfilment.Parcel], lang: str
) -> dict[str, Any]:
    """One for all that lies in a box."""
    each = inside[0]
    units = sum(item.quantity for parcel in inside for item in parcel.items)
    grams = service.together_grams(inside)
    orders = " + ".join(dict.fromkeys(f"#{parcel.parcel.order_number}" for parcel in inside))
    weight = f"{grams / 1000:.2f} kg" if grams else ""
    pick_up = each.parcel.delivery is fulfilment.Delivery.PICK_UP
    code = each.parcel.tracking
    return {
        "carrier": documents.words.words(lang)["pick_up"] if pick_up else each.parcel.carrier,
        "from": sender,
        "to": [
            each.recipient.contact_name,
            *documents.words.address(each.recipient.address, lang),
            masked(each.recipient.contact_phone),
        ],
        "code": _bars(code) if code else None,
        "code_text": code,
        "own": _bars(each.parcel.number),
        "number": each.parcel.number,
        "part": _part(each, siblings, lang),
        "facts": [
            f"{documents.words.words(lang)['order']} {orders}",
            " · ".join(filter(None, (weight, f"{documents.words.words(lang)['units']} {units}"))),
        ],
    }


def masked(phone: str) -> str:
    """A label is read by many: the middle of the number stays with who has the list."""
    digits = [at for at, char in enumerate(phone) if char.isdigit()]
    hidden = set(digits[3:-_SHOWN_OF_PHONE]) if len(digits) > 3 + _SHOWN_OF_PHONE else set(digits[:-2])
    return "".join("*" if at in hidden else char for at, char in enumerate(phone))

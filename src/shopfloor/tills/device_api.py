"""What a paired device asks of the server: docs/till-protocol.md.

A journal is read by hand and not by its type: whatever a till sends is kept, also what no type would let in.
"""

import time
from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from shopfloor import accounts
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import TooMany
from shopfloor.kernel.http import Db, client_address
from shopfloor.kernel.rate_limit import Gcra
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.route_access import Decision, decides, public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import MAX_QUANTITY, now
from shopfloor.tills import finding, goods_queries, journal, queries, reading, registers, shifts, snapshot
from shopfloor.tills.models import Device, LockedOut, UnknownDevice

router = Router(prefix="/till/{shop}/api", include_in_schema=False)

# Codes of eight signs that last ten minutes: so many tries from one address find none.
PAIRING: Final = Gcra(every=6.0, burst=10)


class TooManyTries(TooMany):
    """Too many pairing codes were tried from here; wait a minute."""

    code = "tills.too_many_tries"


@dataclass(frozen=True, slots=True)
class Known:
    """The device that asks, and its shop."""

    device: Device
    shop: accounts.Shop


async def _heard(request: Request, db: Database) -> Known:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    name, _, secret = key.strip().partition(".")
    device_id = reading.uuid(name)
    if scheme.lower() != "till" or device_id is None:
        raise UnknownDevice
    async with db.transaction() as tx:
        try:
            shop = await accounts.shop_by_slug(tx, str(request.path_params["shop"]))
        except accounts.UnknownShop:
            raise UnknownDevice from None
        device = await registers.known_device(tx, shop_id=shop.id, device_id=device_id, secret=secret)
    return Known(device, shop)


@decides(Decision.KEY)
async def heard(request: Request, db: Db) -> Known:
    """The device, also one that is locked out: what it sold is heard.  Raises UnknownDevice."""
    return await _heard(request, db)


@decides(Decision.KEY)
async def selling(request: Request, db: Db) -> Known:
    """The device, which may sell.  Raises UnknownDevice, LockedOut."""
    known = await _heard(request, db)
    if known.device.locked_at is not None:
        raise LockedOut
    return known


Heard = Annotated[Known, Depends(heard)]
Selling = Annotated[Known, Depends(selling)]


class Pairing(BaseModel):
    code: str = Field(max_length=40)
    name: str = Field(max_length=200)


@router.post("/pair")
@public
async def pair(request: Request, shop: str, body: Pairing, db: Db) -> dict[str, Any]:
    """A device and its secret, for a code made in the console."""
    if PAIRING.wait(client_address(request), time.monotonic()):
        raise TooManyTries
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        paired = await registers.pair(tx, shop_id=found.id, code=body.code, name=body.name)
        register = await registers.register(tx, shop_id=found.id, register_id=paired.device.register_id)
    return {
        "device": str(paired.device.id),
        "secret": paired.secret,
        "series": paired.device.series,
        "location": {"id": register.location_id, "name": register.location},
        **snapshot.head(found, register_id=register.id, register_name=register.name, code=register.code),
    }


@router.get("/snapshot")
async def snapshot_of(request: Request, known: Selling, db: Db) -> Response:
    """All that the device needs to sell; 304 where nothing is new."""
    async with db.transaction() as tx:
        current = await snapshot.of_device(tx, known.device)
    tag = f'"{current["version"]}"'
    headers = {"etag": tag, "cache-control": "private, no-cache"}
    if tag in [
        each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")
    ]:
        return Response(status_code=304, headers=headers)
    return JSONResponse(current, headers=headers)


@router.post("/journal")
async def take(request: Request, known: Heard, db: Db) -> Response:
    """Facts of the device, in order, each once; none is refused for what it says."""
    document = reading.document(await request.body())
    facts = reading.facts_of(document)
    taken = await journal.take(db, known.device, facts, told_at=reading.moment(document.get("device_time")))
    answer: dict[str, Any] = {
        "taken_to": taken.taken_to,
        "server_time": now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "tasks": [{"sequence": each.sequence, "code": each.code} for each in taken.tasks],
        "snapshot_changed": True,
    }
    async with db.transaction() as tx:
        device = await registers.device(tx, shop_id=known.shop.id, device_id=known.device.id)
    if device.locked_at is not None:
        return JSONResponse({**LockedOut().body(), **answer}, status_code=LockedOut.status)
    return JSONResponse(answer)


@router.get("/availability")
async def availability(
    known: Selling, db: Db, variants: Annotated[str, Query(max_length=2000)] = ""
) -> dict[str, Any]:
    """What is free now, here and elsewhere."""
    wanted = [
        int(each) for each in variants.split(",") if each.isascii() and each.isdigit() and len(each) < 19
    ]
    async with db.transaction() as tx:
        register = await registers.register(tx, shop_id=known.shop.id, register_id=known.device.register_id)
        found = await goods_queries.available(
            tx,
            shop_id=known.shop.id,
            variant_ids=wanted[:200],
            location_id=register.location_id,
            pool_id=known.device.pool_id,
        )
    by_variant: dict[int, dict[str, Any]] = {
        each: {"id": each, "available": 0, "escrow": 0, "elsewhere": []} for each in wanted[:200]
    }
    for variant_id, place, free, apart in found:
        if place == register.location:
            by_variant[variant_id] |= {"available": free, "escrow": apart}
        elif free:
            by_variant[variant_id]["elsewhere"].append({"location": place, "available": free})
    return {"variants": list(by_variant.values())}


class BasketLine(BaseModel):
    variant: int = Field(ge=1, le=2**53)
    quantity: int = Field(ge=1, le=MAX_QUANTITY)


class BasketIn(BaseModel):
    lines: list[BasketLine] = Field(min_length=1, max_length=100)


@router.put("/holds/{basket_id:uuid}")
async def keep(basket_id: UUID, body: BasketIn, known: Selling, db: Db) -> Response:
    """Keep units for a buyer at the till for ten minutes: all of them, or 409 with what is left."""
    units: dict[int, int] = {}
    for line in body.lines:
        units[line.variant] = units.get(line.variant, 0) + line.quantity
    async with db.transaction() as tx:
        goods = await goods_queries.products_of(tx, shop_id=known.shop.id, variant_ids=list(units))
        short = (
            dict.fromkeys(set(units) - set(goods), 0)
            if len(goods) < len(units)
            else await registers.keep_basket(
                tx,
                shop_id=known.shop.id,
                device_id=known.device.id,
                basket_id=basket_id,
                units=units,
            )
        )
    if short:
        variant, left = next(iter(short.items()))
        return JSONResponse(
            {"code": "stock.sold_out", "left": left, "variant": variant, "short": _named(short)},
            status_code=409,
        )
    until = registers.basket_until()
    return JSONResponse({"hold": str(basket_id), "expires_at": until.isoformat()})


def _named(units: Mapping[int, int]) -> dict[str, int]:
    return {str(variant_id): left for variant_id, left in units.items()}


@router.delete("/holds/{basket_id:uuid}", status_code=204)
async def drop(basket_id: UUID, known: Heard, db: Db) -> Response:
    """Its units are on sale again; also when it is gone."""
    async with db.transaction() as tx:
        await registers.drop_basket(tx, shop_id=known.shop.id, device_id=known.device.id, basket_id=basket_id)
    return Response(status_code=204)


@router.get("/sales")
async def sales(known: Selling, db: Db, find: Annotated[str, Query(max_length=120)] = "") -> dict[str, Any]:
    """Any order of the shop, by receipt, its code, number or telephone number: at most 20."""
    async with db.transaction() as tx:
        return {"sales": await finding.sales(tx, shop_id=known.shop.id, find=find)}


@router.get("/shift")
async def shift(known: Selling, db: Db) -> dict[str, Any]:
    """The X of the open shift."""
    async with db.transaction() as tx:
        return await _shift(tx, known)


async def _shift(tx: Tx, known: Known) -> dict[str, Any]:
    opened = await queries.open_shifts(tx, register_id=known.device.register_id)
    if not opened:
        return {"shift": None, "x": None}
    found = opened[0]
    return {
        "shift": {"id": str(found.id), "number": found.number, "float": found.float_minor},
        "x": await shifts.report(tx, found),
    }


@router.post("/unlock", status_code=204)
async def unlock(known: Heard) -> Response:
    """A page that was locked after five wrong PINs is open again: its journal says so, and that is what counts."""
    return Response(status_code=204)

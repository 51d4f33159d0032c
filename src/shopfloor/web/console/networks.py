"""The alert that one network holds many units unpaid, and the tap that gives them back."""

from typing import Annotated

from fastapi import Form
from starlette.responses import Response

from shopfloor import catalog, orders, stock
from shopfloor.accounts import Permission
from shopfloor.kernel.border import Id
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.routes import Router
from shopfloor.web.console.desk import Desk, at
from shopfloor.web.languages import N_
from shopfloor.web.parts import option_words

router = Router(prefix="/console/{shop}/networks", include_in_schema=False)

Manager = Annotated[Desk, at(Permission.ORDERS_MANAGE)]


@dataclass(frozen=True, slots=True)
class Crowd:
    """Buyers behind one network and what they hold of a variant without having paid, of `size` units."""

    network: int
    title: str
    units: int
    size: int
    buyers: int
    held: int
    ordered: int


async def crowds(tx: Tx, desk: Desk) -> list[Crowd]:
    """For who may release them; most units first."""
    if not desk.actor.may(Permission.ORDERS_MANAGE):
        return []
    found = await stock.crowded_networks(tx, shop_id=desk.shop.id)
    ids = sorted({row.variant_id for row in found})
    variants = (
        {row.id: row for row in await catalog.variants(tx, shop_id=desk.shop.id, ids=ids)} if ids else {}
    )
    products = (
        await catalog.products_by_id(
            tx, shop_id=desk.shop.id, ids=sorted({variant.product_id for variant in variants.values()})
        )
        if variants
        else {}
    )
    return [
        Crowd(
            row.network, _title(variants[row.variant_id], products, desk), row.units, row.size, row.buyers, row.held,
            row.ordered,
        )
        for row in found if row.variant_id in variants
    ]  # fmt: skip


def _title(variant: catalog.Variant, products: dict[int, catalog.Product], desk: Desk) -> str:
    product = products.get(variant.product_id)
    words = [desk.language.localised(product.titles, product.title)] if product else []
    options = option_words(variant.options)
    return " · ".join([*words, options] if options else words)


@router.post("/release")
async def release(
    desk: Manager, network: Annotated[Id, Form()], show_id: Annotated[Id | None, Form()] = None
) -> Response:
    """Release the network's checkouts and cancel its unpaid orders, in the whole shop."""
    await desk.claim()
    held, ordered = await orders.release_network(
        desk.db, shop_id=desk.shop.id, network=network, actor=f"person:{desk.actor.person_id}"
    )
    said = desk.say(
        N_("Released %(held)s checkouts and cancelled %(ordered)s unpaid orders."), held=held, ordered=ordered
    )
    return desk.back("" if show_id is None else f"/shows/{show_id}/studio", said)

"""The list of products."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Annotated, Final
from urllib.parse import parse_qsl, urlencode

from fastapi import Form, Query
from starlette.responses import Response

from shopfloor import catalog, stock
from shopfloor.kernel import paging
from shopfloor.kernel.border import LARGEST_ID, Id
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import Money
from shopfloor.web.console.desk import Desk
from shopfloor.web.console.form_values import id_of
from shopfloor.web.console.products import Editor, Viewer, set_apart
from shopfloor.web.languages import N_

router = Router(prefix="/console/{shop}/products", include_in_schema=False)

PAGE: Final = 40


@dataclass(frozen=True, slots=True)
class Row:
    """A product as the list shows it."""

    product: catalog.Product
    variants: int
    lowest: Money | None
    highest: Money | None
    left: stock.Availability
    apart: int
    """Units on the shelf that are set apart, for a show or a till."""


@router.get("")
async def listing(
    desk: Viewer,
    search: Annotated[str, Query(max_length=200)] = "",
    status: catalog.Status | None = None,
    after: Annotated[int | None, Query(ge=0, le=LARGEST_ID)] = None,
    before: Id | None = None,
) -> Response:
    async with desk.work() as tx:
        found = await paging.numbered(
            catalog.products,
            tx,
            shop_id=desk.shop.id,
            search=search,
            status=status,
            after=after,
            before=before,
            limit=PAGE,
            key=attrgetter("id"),
        )
        rows = await _rows(tx, desk, found.items)
    return desk.page(
        "products.html",
        active="products",
        rows=rows,
        search=search,
        status_now=status,
        page=found,
    )


async def _rows(tx: Tx, desk: Desk, found: Sequence[catalog.Product]) -> list[Row]:
    variants = await catalog.variants(tx, shop_id=desk.shop.id, product_ids=[product.id for product in found])
    lefts = await stock.available(tx, shop_id=desk.shop.id, variant_ids=[variant.id for variant in variants])
    apart = await set_apart(tx, desk.shop.id, list(lefts))
    rows: list[Row] = []
    for product in found:
        own = [each for each in variants if each.product_id == product.id and not each.is_archived]
        prices = sorted(variant.price_minor for variant in own)
        left = sum((lefts[variant.id] for variant in own), stock.Availability())
        rows.append(
            Row(
                product,
                len(own),
                desk.money(prices[0]) if prices else None,
                desk.money(prices[-1]) if prices else None,
                left,
                sum(apart.get(own_variant.id, 0) for own_variant in own),
            )
        )
    return rows


_STATUS_SAID: Final = {
    catalog.Status.ACTIVE: N_("%(n)s published."),
    catalog.Status.DRAFT: N_("%(n)s moved to drafts."),
    catalog.Status.ARCHIVED: N_("%(n)s archived."),
}


@router.post("/status")
async def set_statuses(desk: Editor, status: Annotated[catalog.Status, Form()]) -> Response:
    """Publish, unpublish or archive the products chosen in the list: all of them, or none."""
    form = await desk.request.form()
    back = "/products" + as_listed(str(form.get("listed", "")))
    with desk.back_if_refused(back):
        chosen = sorted({id_of(str(value)) for value in form.getlist("product_id")})
        async with desk.work() as tx:
            for product_id in chosen:
                await catalog.update_product(tx, shop_id=desk.shop.id, product_id=product_id, status=status)
    if not chosen:
        return desk.back(back, desk.say(N_("Select products first.")))
    return desk.back(back, desk.say(_STATUS_SAID[status], n=len(chosen)))


def as_listed(query: str) -> str:
    """The list as it was: its own parameters, and nothing else that a form may have sent."""
    kept = [(key, text) for key, text in parse_qsl(query) if key in {"search", "status", "after", "before"}]
    return f"?{urlencode(kept)}" if kept else ""

"""/v1/{shop}/orders/{order_id}/documents: invoices, credit notes and receipts of an order, and their files."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Response

from shopfloor import documents, orders
from shopfloor.accounts import Actor, Permission
from shopfloor.auth.api import allowed
from shopfloor.kernel.http import Db, refusals
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.routes import Router

router = Router(prefix="/v1/{shop}/orders/{order_id:uuid}/documents", tags=["documents"])

Viewer = Annotated[Actor, Depends(allowed(Permission.ORDERS_VIEW))]


class File(Response):
    # Made clients know bytes by this name, and drop what has another.
    media_type = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Documents:
    documents: list[documents.Document]


@router.get("", responses=refusals(documents.DocumentNotFound))
async def of_order(order_id: UUID, actor: Viewer, db: Db) -> Documents:
    """In the order in which they were issued."""
    async with db.transaction() as tx:
        await orders.order(tx, shop_id=actor.shop_id, order_id=order_id)
        issued = await documents.of_subject(tx, shop_id=actor.shop_id, subject_id=order_id)
    return Documents(issued)


@router.get(
    "/{document_id:uuid}/file",
    response_class=File,
    responses=refusals(documents.DocumentNotFound, documents.NotMadeYet),
)
async def file(order_id: UUID, document_id: UUID, actor: Viewer, db: Db) -> Response:
    """The PDF as bytes, the same each time."""
    async with db.transaction() as tx:
        found = await documents.file(tx, shop_id=actor.shop_id, document_id=document_id, subject_id=order_id)
    return File(found.content, headers={"content-disposition": f'attachment; filename="{found.name}"'})

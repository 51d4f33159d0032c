"""/v1/{shop}/orders/erasures: a person is forgotten."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends
from pydantic import BaseModel, Field

from shopfloor.accounts import Actor, NotAllowed, Permission
from shopfloor.auth.api import allowed
from shopfloor.erasure import service
from shopfloor.erasure.models import Erasure, NobodyToErase, Subject
from shopfloor.kernel.http import Db, refusals
from shopfloor.kernel.routes import Router

router = Router(prefix="/v1/{shop}/orders", tags=["orders"])

MembersManager = Annotated[Actor, Depends(allowed(Permission.MEMBERS_MANAGE))]


class EraseIn(BaseModel):
    """One of these; whoever it is, all of their orders and chat lines are meant."""

    order_id: UUID | None = None
    email: str | None = Field(None, min_length=3, max_length=200)
    phone: str | None = Field(None, min_length=6, max_length=50)
    shopper: UUID | None = None


@router.post("/erasures", status_code=201, responses=refusals(NobodyToErase, NotAllowed))
async def erase(body: EraseIn, actor: MembersManager, db: Db) -> Erasure:
    """Forget a person: name and contact go from orders and chat, for good; what was bought, paid and said stays.

    Orders that are not over keep their contact until they are (`waiting`).
    """
    subject = Subject(body.order_id, body.email, body.phone, body.shopper)
    async with db.transaction() as tx:
        return await service.erase(tx, actor=actor, subject=subject)

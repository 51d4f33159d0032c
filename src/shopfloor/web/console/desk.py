"""What every page of the console needs: who acts in which shop, and how a refused form comes back."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.responses import RedirectResponse, Response

from shopfloor import accounts
from shopfloor.accounts import Actor, Permission, Shop
from shopfloor.accounts.api import allowed
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.values import Money
from shopfloor.web.languages import Language, language_of
from shopfloor.web.refusals import message_of
from shopfloor.web.templating import flash, render


@dataclass(frozen=True, slots=True)
class Desk:
    """One request of somebody at work in a shop.  `language` is the page's."""

    request: Request
    shop: Shop
    actor: Actor
    db: Database
    language: Language

    def money(self, minor: int) -> Money:
        return Money(minor, self.shop.currency)

    @property
    def address(self) -> str:
        return f"/console/{self.shop.slug}"

    def page(self, template: str, *, active: str, status: int = 200, **context: Any) -> Response:
        return render(
            self.request,
            f"console/{template}",
            shop=self.shop,
            actor=self.actor,
            active=active,
            address=self.address,
            money_of=self.money,
            status=status,
            **context,
        )

    def back(self, path: str, said: str | None = None) -> Response:
        """On to another page of this console, with a word of what was done."""
        response = RedirectResponse(f"{self.address}{path}", status_code=303)
        if said is not None:
            flash(response, "good", said)
        return response

    @asynccontextmanager
    async def work(self) -> AsyncGenerator[Tx]:
        async with self.db.transaction() as tx:
            yield tx

    def say(self, message: str, **facts: object) -> str:
        """`message` (a marked English sentence) in the reader's language."""
        return self.language.words.gettext(message) % facts if facts else self.language.words.gettext(message)

    def refused(self, path: str, refusal: Refusal) -> Response:
        """Back to a page with why it did not work."""
        response = RedirectResponse(f"{self.address}{path}", status_code=303)
        flash(response, "bad", message_of(refusal, self.language))
        return response


def at(permission: Permission) -> Any:
    """`Annotated[Desk, at(Permission.X)]`: the desk of somebody who may do this; others are refused."""

    async def sit(request: Request, actor: Annotated[Actor, Depends(allowed(permission))]) -> Desk:
        db: Database = request.app.state.database
        async with db.transaction() as tx:
            shop = await accounts.shop(tx, actor.shop_id)
        return Desk(request, shop, actor, db, language_of(request, shop.locale))

    return Depends(sit)

"""What every page of the console needs: who acts in which shop, and how a refused form comes back."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.responses import RedirectResponse, Response

from shopfloor import accounts
from shopfloor.accounts import Actor, Permission, Shop
from shopfloor.accounts.api import SESSION_COOKIE, allowed
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.values import Money
from shopfloor.web.forms import AlreadyDone, digest, form_sent, new_name
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
    form: bytes | None = None
    """What the form that was sent is known by; None where nothing was sent that is carried out once."""
    _claims: list[bytes] = field(default_factory=list[bytes])

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
        """A transaction.  The first of a form that was sent is also the form's: it holds once.

        Raises AlreadyDone when this form was carried out before.
        """
        async with self.db.transaction() as tx:
            if self.form is not None and not self._claims:
                # Kept also when this transaction fails: the page that says why carries a form of its own.
                self._claims.append(self.form)
                if not await accounts.claim_form(tx, key=self.form, person_id=self.actor.person_id):
                    raise AlreadyDone(self.form, otherwise=self.address)
                self.request.state.form_claimed = self.form
            yield tx

    async def claim(self) -> None:
        """For work that opens its transactions itself.  Raises AlreadyDone."""
        async with self.work():
            pass

    async def reveal(self, path: str, secrets: Mapping[str, str]) -> Response:
        """On to a page that shows these secrets, which are stored as hashes only, for a few minutes."""
        token = self.request.cookies.get(SESSION_COOKIE, "")
        name = new_name()
        async with self.db.transaction() as tx:
            await accounts.keep_secret(
                tx,
                key=digest("secret", name),
                person_id=self.actor.person_id,
                session_token=token,
                secret=json.dumps([self.actor.shop_id, dict(secrets)]),
            )
        base, mark, place = path.partition("#")
        return RedirectResponse(f"{self.address}{base}?made={name}{mark}{place}", status_code=303)

    async def revealed(self) -> dict[str, str]:
        """The secrets that the address of this page leads to; none when it leads to none, or no longer."""
        name = self.request.query_params.get("made", "")
        if not name:
            return {}
        async with self.db.transaction() as tx:
            kept = await accounts.kept_secret(
                tx,
                key=digest("secret", name),
                person_id=self.actor.person_id,
                session_token=self.request.cookies.get(SESSION_COOKIE, ""),
            )
        try:
            shop_id, secrets = json.loads(kept or "[0, {}]")
        except ValueError:
            return {}
        return secrets if shop_id == self.actor.shop_id else {}

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
        sent = await form_sent(request, actor.person_id)
        return Desk(request, shop, actor, db, language_of(request, shop.locale), sent)

    return Depends(sit)

"""What every page of the console needs: who acts in which shop, and how a refused form comes back."""

import json
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import field
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.responses import RedirectResponse, Response

from shopfloor import accounts, forms
from shopfloor.accounts import Actor, Permission, Shop
from shopfloor.auth.api import SESSION_COOKIE, allowed
from shopfloor.kernel.amounts import AmountAmbiguous, PriceLeap
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.http import database
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import MAX_QUANTITY, Money
from shopfloor.web import corrections, questions
from shopfloor.web.console.form_values import minor_of, quantity_of
from shopfloor.web.console.places import PLACES
from shopfloor.web.forms import AlreadyDone, digest, form_sent, new_name
from shopfloor.web.languages import Language, language_of
from shopfloor.web.refusals import SentBack, correction_page, message_of
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
    sent: questions.Sent = field(default_factory=questions.Sent)
    _claims: list[bytes] = field(default_factory=list[bytes])

    def money(self, minor: int) -> Money:
        return Money(minor, self.shop.currency)

    @property
    def address(self) -> str:
        return f"/console/{self.shop.slug}"

    def page(self, template: str, *, active: str, status: int = 200, **context: Any) -> Response:
        return self._rendered(f"console/{template}", active=active, status=status, **context)

    def _rendered(self, template: str, *, active: str, status: int = 200, **context: Any) -> Response:
        return render(
            self.request,
            template,
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
                if not await forms.claim_form(tx, key=self.form, person_id=self.actor.person_id):
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
            await forms.keep_secret(
                tx,
                key=digest("secret", name),
                person_id=self.actor.person_id,
                session_token=token,
                secret=json.dumps([self.actor.shop_id, dict(secrets)]),
            )
        base, mark, place = path.partition("#")
        joined = "&" if "?" in base else "?"
        return RedirectResponse(f"{self.address}{base}{joined}made={name}{mark}{place}", status_code=303)

    async def revealed(self) -> dict[str, str]:
        """The secrets that the address of this page leads to; none when it leads to none, or no longer."""
        name = self.request.query_params.get("made", "")
        if not name:
            return {}
        async with self.db.transaction() as tx:
            return await self._kept(tx, name)

    async def take(self, tx: Tx, name: str) -> dict[str, str]:
        """What is kept under this name, once: it is gone with this transaction.  Nothing when there is none."""
        kept = await self._kept(tx, name)
        return kept if kept and await forms.forget_secret(tx, key=digest("secret", name)) else {}

    async def _kept(self, tx: Tx, name: str) -> dict[str, str]:
        kept = await forms.kept_secret(
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

    def minor(self, text: str) -> int:
        """An amount that was typed, in the currency of the shop.

        Raises what `amounts.read_minor` raises, but Question where both readings are offered.
        """
        try:
            return self.sent.meant(questions.Kind.AMOUNT, text, lambda typed: minor_of(typed, self.shop))
        except AmountAmbiguous as refusal:
            raise self._which(refusal, text, self.shop.currency) from None

    def quantity(self, text: str, *, least: int = 1, most: int = MAX_QUANTITY) -> int:
        """A quantity that was typed.  Raises what `amounts.read_quantity` raises, and Question like `minor`."""
        try:
            return self.sent.meant(
                questions.Kind.QUANTITY,
                text,
                lambda typed: quantity_of(typed, self.shop, least=least, most=most),
            )
        except AmountAmbiguous as refusal:
            raise self._which(refusal, text, None) from None

    def _which(self, refusal: AmountAmbiguous, text: str, currency: str | None) -> questions.Question:
        return questions.Question(
            self._question(
                refusal.status,
                given=text.strip(),
                readings=questions.choices(refusal, text, currency),
                is_quantity=currency is None,
                fields=self.sent.fields,
            )
        )

    def leaps(self) -> questions.Leaps:
        """Sets prices one by one; `ask` then asks about those that move far."""
        return questions.Leaps(self.sent.confirmed)

    def ask(self, leaps: questions.Leaps) -> None:
        """Raises Question where a price moved too far: inside the transaction, so that nothing changes."""
        if leaps.found:
            fields = questions.unanswered(self.sent.fields)
            raise questions.Question(
                self._question(PriceLeap.status, readings=[], leaps=leaps.found, fields=fields)
            )

    def _question(self, status: int, **context: Any) -> Response:
        path = self.request.url.path
        return self._rendered(
            "question.html",
            active="",
            status=status,
            frame="base_console.html",
            action=path,
            on_air="/studio/" in path,
            back=questions.way_back(self.request, path.rpartition("/")[0]),
            **context,
        )

    def say(self, message: str, **facts: object) -> str:
        """`message` (a marked English sentence) in the reader's language."""
        words = self.language.words.gettext(message)
        return words % self.language.facts(facts) if facts else words

    @contextmanager
    def back_if_refused(self, path: str) -> Generator[None]:
        """What is refused inside leads back to this page, with why it did not work."""
        try:
            yield
        except Refusal as refusal:
            raise SentBack(self.refused(path, refusal)) from refusal

    def refused(self, path: str, refusal: Refusal) -> Response:
        """Back to a page with why it did not work; a text that is too long comes back to be shortened."""
        found = corrections.of_refusal(self.request, refusal, self.language.words.gettext)
        if found is not None:
            return correction_page(
                self.request, found, shop=self.shop, actor=self.actor, in_console=True, status=refusal.status
            )
        response = RedirectResponse(f"{self.address}{path}", status_code=303)
        flash(response, "bad", message_of(refusal, self.language))
        return response


def at_page(place: str) -> Any:
    """`Annotated[Desk, at_page("stock")]`: the desk of somebody who may open this page."""
    return at(PLACES[place].permission)


def at(permission: Permission) -> Any:
    """`Annotated[Desk, at(Permission.X)]`: the desk of somebody who may do this; others are refused."""

    async def sit(request: Request, actor: Annotated[Actor, Depends(allowed(permission))]) -> Desk:
        db = database(request)
        async with db.transaction() as tx:
            shop = await accounts.shop(tx, actor.shop_id)
        sent = await form_sent(request, actor.person_id)
        typed = questions.sent(await request.form()) if request.method == "POST" else questions.Sent()
        return Desk(request, shop, actor, db, language_of(request, shop.locale), sent, typed)

    return Depends(sit)

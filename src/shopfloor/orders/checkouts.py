"""Checkouts that arrive together, placed in two transactions for all of them instead of two for each.

What is ordinary (one purchase that is still held, no parcel to join) is prepared with the others that wait: rows are
locked in one order, the shop's rules are read once, prices are reckoned one by one in Python, and drafts, attempts and
uses of discounts are written with a statement for each table.  The same with what providers answer.  Whatever is more,
is refused, or fails is done alone afterwards, by the code for one, which also says why.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from shopfloor import payment_providers, payments, policies, pricing, promotions, stock
from shopfloor.kernel import logs
from shopfloor.kernel.batches import Batches
from shopfloor.kernel.database import Database, DatabaseAway, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now
from shopfloor.orders import baskets, checkout_queries, discounts, drafts, keeping, quoting
from shopfloor.orders.checkout import Prepared, finish, pay_and_finish, prepare, told
from shopfloor.orders.checkout_form import JOIN, Form, contact_keys, tidy
from shopfloor.orders.collecting import location_of
from shopfloor.orders.models import Bundle, Delivery, Item, Order, Status
from shopfloor.orders.placing import place_together
from shopfloor.orders.reports import label_of

MOST: Final = 64
"""In one transaction: whoever waits for a row of it waits for no more than these."""

_log = logs.get("orders")


@dataclass(frozen=True, slots=True)
class Sent:
    """A form as it came, and all that `checkout.prepare` takes with it."""

    hold_id: UUID
    shopper: UUID
    form: Form
    providers: payment_providers.Providers
    network: int | None
    return_to: drafts.ReturnTo | None
    also: Sequence[UUID]
    others: Sequence[UUID]
    address: str
    authorise: timedelta | None

    @property
    def may_be_ordinary(self) -> bool:
        return (
            not self.also
            and not self.others
            and self.form.shipping_method != JOIN
            and location_of(self.form.shipping_method) is None
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider answered, for a draft that was prepared under these terms."""

    payment: payments.Payment
    outcome: payment_providers.Outcome
    terms: policies.ShopTerms


class Checkouts:
    """One for each process; whoever sends a form asks it."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._preparing: Batches[int, Sent, Prepared | None] = Batches(self._prepare, most=MOST)
        self._placing: Batches[int, Answer, Order | None] = Batches(self._place, most=MOST)

    async def complete(
        self,
        *,
        shop_id: int,
        hold_id: UUID,
        shopper: UUID,
        form: Form,
        providers: payment_providers.Providers = payment_providers.MANUAL_ONLY,
        network: int | None = None,
        return_to: drafts.ReturnTo | None = None,
        payer: payments.attempts.Payer = payments.attempts.NOBODY,
        also: Sequence[UUID] = (),
        others: Sequence[UUID] = (),
        authorise: timedelta | None = None,
    ) -> Order:
        """As `orders.complete`."""
        sent = Sent(
            hold_id, shopper, tidy(form), providers, network, return_to, also, others, payer.client_address, authorise
        )  # fmt: skip
        prepared = await self._preparing.ask(shop_id, sent) if sent.may_be_ordinary else None
        if prepared is None:
            prepared = await self._prepare_alone(shop_id, sent)
        order, payment, terms = prepared.order, prepared.payment, prepared.terms
        if order.status is not Status.DRAFT:
            return told(order)
        if terms is None or payment.amount_minor == 0:
            return told(await pay_and_finish(self._db, providers, order, payment, payer=payer, terms=terms))
        outcome = await payments.start(providers, payment, label=label_of(order.id), payer=payer)
        placed = await self._placing.ask(shop_id, Answer(payment, outcome, terms))
        if placed is None:
            async with self._db.transaction() as tx:
                placed = await finish(tx, payment, outcome, terms=terms)
        return told(placed)

    async def _prepare_alone(self, shop_id: int, sent: Sent) -> Prepared:
        async with self._db.transaction() as tx:
            return await prepare(
                tx,
                shop_id=shop_id,
                hold_id=sent.hold_id,
                shopper=sent.shopper,
                form=sent.form,
                providers=sent.providers,
                network=sent.network,
                return_to=sent.return_to,
                also=sent.also,
                others=sent.others,
                address=sent.address,
                authorise=sent.authorise,
            )

    async def _prepare(self, shop_id: int, sent: Sequence[Sent]) -> list[Prepared | None]:
        """None: alone."""
        if len(sent) == 1:
            return [None]
        try:
            async with self._db.transaction() as tx:
                done = await prepare_together(tx, sent, shop_id=shop_id)
        except DatabaseAway:
            # Of each nobody knows whether it was written; the same form again finds it, or makes it.
            raise
        except Exception as problem:  # noqa: BLE001 -- which of them it is shows one by one
            _log.warning("orders.not_prepared_together", checkouts=len(sent), exc_info=problem)
            return [None for _ in sent]
        return [done.get(number) for number in range(len(sent))]

    async def _place(self, shop_id: int, answers: Sequence[Answer]) -> list[Order | None]:
        """None: alone."""
        if len(answers) == 1:
            return [None]
        try:
            async with self._db.transaction() as tx:
                # Those that were read last are as good for all.
                placed = await place_together(
                    tx,
                    [(each.payment, each.outcome) for each in answers],
                    shop_id=shop_id,
                    terms=answers[-1].terms,
                )
        except DatabaseAway:
            raise
        except Exception as problem:  # noqa: BLE001 -- which of them it is shows one by one
            _log.warning("orders.not_placed_together", orders=len(answers), exc_info=problem)
            return [None for _ in answers]
        return [placed.get(each.payment.subject_id) for each in answers]


@dataclass(frozen=True, slots=True)
class _Purchase:
    """A locked checkout, with whoever sent its form."""

    number: int
    sent: Sent
    row: checkout_queries.CheckoutRow
    items: list[Item]
    bundles: list[Bundle]
    asked: discounts.Asked

    @property
    def shop_id(self) -> int:
        return self.row.shop_id

    @property
    def buyer(self) -> UUID:
        return self.row.buyer

    @property
    def person(self) -> set[object]:
        """What tells that two are the same person."""
        return {self.row.buyer, self.asked.mail or self.row.buyer, self.asked.phone or self.row.buyer}


async def prepare_together(tx: Tx, sent: Sequence[Sent], *, shop_id: int) -> dict[int, Prepared]:
    """Drafts of those that are ordinary, by their place; of the others nothing was written."""
    purchases = await _locked(tx, sent, shop_id=shop_id)
    if not purchases:
        return {}
    product_ids = sorted({item.product_id for each in purchases for item in each.items})
    terms, promised = await policies.promised(tx, shop_id=shop_id, product_ids=product_ids)
    priced = await _priced(tx, purchases, terms, shop_id=shop_id)
    priced = _each_contact_once(priced)
    await checkout_queries.lock_contacts(
        tx,
        shop_id=shop_id,
        contacts=[contact for each, *_ in priced for contact in (each.asked.mail, each.asked.phone)],
    )
    crowded = await checkout_queries.contacts_that_owe(
        tx,
        shop_id=shop_id,
        mails=[each.asked.mail for each, *_ in priced],
        phones=[each.asked.phone for each, *_ in priced],
    )
    priced = [
        each
        for place, each in enumerate(priced)
        if place not in crowded or await _is_within_limit(tx, each[0])
    ]
    # Locked, and no longer kept than before: who is refused below must not keep units without end by being refused.
    held = (
        await stock.extend(tx, [each.row.id for each, *_ in priced], hold_seconds=0)
        if priced
        else set[UUID]()
    )
    priced = [each for each in priced if each[0].row.id in held]
    written = (
        await drafts.write(
            tx,
            [
                drafts.Draft(
                    row=each.row,
                    form=each.sent.form,
                    bundles=each.bundles,
                    promised=promised.of({item.product_id for item in each.items}),
                    quote=quote,
                    way=way,
                    asked=each.asked,
                    providers=each.sent.providers,
                    return_to=each.sent.return_to,
                    address=each.sent.address,
                    authorise=each.sent.authorise,
                )
                for each, quote, way in priced
            ],
            shop_id=shop_id,
        )
        if priced
        else []
    )
    done = {
        each.number: Prepared(draft.order, draft.payment, terms)
        for (each, *_), draft in zip(priced, written, strict=True)
        if isinstance(draft, drafts.Written)
    }
    if done:
        await stock.extend(
            tx,
            [prepared.order.hold_id for prepared in done.values()],
            hold_seconds=keeping.PAYMENT_SECONDS,
        )
    return done


async def _locked(tx: Tx, sent: Sequence[Sent], *, shop_id: int) -> list[_Purchase]:
    """The checkouts that are there, held, not ordered and not part of another; each once."""
    first: dict[UUID, int] = {}
    for number, each in enumerate(sent):
        first.setdefault(each.hold_id, number)
    rows = await checkout_queries.lock_checkouts(tx, ids=list(first))
    ordered = await checkout_queries.ordered_checkouts(tx, ids=[row.id for row in rows])
    found: list[_Purchase] = []
    for row in rows:
        own = sent[first[row.id]]
        if (
            row.joined_to is None
            and row.held
            and row.id not in ordered
            and baskets.is_of(row, shop_id, own.shopper)
        ):
            mail, phone = contact_keys(email=own.form.email, phone=own.form.phone)
            asked = discounts.Asked(row.buyer, row.show_id, own.form.codes, mail, phone)
            items, bundles = (
                msgspec.convert(row.items, list[Item]),
                msgspec.convert(row.bundles, list[Bundle]),
            )
            found.append(_Purchase(first[row.id], own, row, items, bundles, asked))
    return sorted(found, key=lambda each: each.number)


async def _priced(
    tx: Tx, found: Sequence[_Purchase], terms: policies.ShopTerms, *, shop_id: int
) -> list[tuple[_Purchase, quoting.Quote, quoting.Way]]:
    """With what each costs; without those whose form is refused."""
    prices = await pricing.Prices.of(tx, shop_id=shop_id)
    goods = await checkout_queries.goods(
        tx, shop_id=shop_id, variant_ids=sorted({item.variant_id for each in found for item in each.items})
    )
    offers = await promotions.offers(
        tx,
        shop_id=shop_id,
        buyers=[each.buyer for each in found],
        codes=[code for each in found for code in each.asked.codes],
        at=now(),
    )
    priced: list[tuple[_Purchase, quoting.Quote, quoting.Way]] = []
    people: set[object] = set()
    for each in found:
        candidates = offers.candidates(
            currency=each.row.currency, buyer=each.buyer, show_id=each.row.show_id, codes=each.asked.codes
        )
        if candidates.asks_history:
            if people & each.person:
                # Of one person one at a time: the next counts what this one used.
                continue
            earlier = await discounts.earlier_orders(tx, shop_id=shop_id, asked=each.asked)
            candidates = await promotions.of_person(tx, candidates, earlier)
        people |= each.person
        try:
            wanted = quoting.Wanted(
                each.row.currency,
                each.items,
                each.bundles,
                terms,
                each.asked,
                goods,
                candidates,
                each.sent.form.address,
                # What is picked up keeps what sending it would cost, should it be sent after all.
                delivery=Delivery.SHIP if each.sent.form.delivery is Delivery.SHIP else None,
            )
            quote = wanted.reckoned(prices)
            priced.append((each, quote, drafts.chosen(quote, each.sent.form)))
        except Refusal:
            # Alone it is said why, as things stand then.
            continue
    return priced


def _each_contact_once(
    priced: Sequence[tuple[_Purchase, quoting.Quote, quoting.Way]],
) -> list[tuple[_Purchase, quoting.Quote, quoting.Way]]:
    """The next one of a contact counts what this one orders."""
    contacts: set[str] = set()
    once: list[tuple[_Purchase, quoting.Quote, quoting.Way]] = []
    for each in priced:
        asked = each[0].asked
        own = {contact for contact in (asked.mail, asked.phone) if contact}
        if not own & contacts:
            once.append(each)
        contacts |= own
    return once


async def _is_within_limit(tx: Tx, each: _Purchase) -> bool:
    try:
        await keeping.within_contact_limit(tx, each, each.sent.form)
    except Refusal:
        return False
    return True

"""Invoices, credit notes and receipts of orders.  Never in the transaction of a sale: whoever asks for one comes after it.

What stands on them is the calculation that the buyer ordered for, and what was given back of it.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from shopfloor import accounts, documents, fapiao, orders, pricing
from shopfloor.documents import Kind, NewDocument, Paper, Row, Sum, TaxRow
from shopfloor.invoicing.refusals import InvoiceOfCancelled, NothingPaid, NotPaidYet
from shopfloor.kernel import jobs, late
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now

if TYPE_CHECKING:
    import segno
else:
    segno = late.module("segno")


class _Line(Protocol):
    """What papers say of a line."""

    @property
    def title(self) -> str: ...
    @property
    def sku(self) -> str: ...
    @property
    def options(self) -> list[str]: ...
    @property
    def quantity(self) -> int: ...
    @property
    def unit_price_minor(self) -> int: ...
    @property
    def amount_minor(self) -> int: ...


@dataclass(frozen=True, slots=True)
class OfOrder:
    shop_id: int
    order_id: UUID


FILES: Final = jobs.Job("documents.files", asked=OfOrder)


async def _view(tx: Tx, *, shop_id: int, order_id: UUID) -> orders.OrderView:
    """An order for whose papers nobody else takes numbers before this transaction ends.  Raises OrderNotFound."""
    await documents.lock(tx, subject_id=order_id)
    return await orders.order(tx, shop_id=shop_id, order_id=order_id)


async def invoice(tx: Tx, *, shop_id: int, order_id: UUID) -> documents.Document:
    """The invoice of a paid order, and a credit note for each refund since.  Asked for again it is the one there is.

    Raises OrderNotFound, documents.SellerMissing, NotPaidYet with what is due, InvoiceOfCancelled.
    """
    view = await _view(tx, shop_id=shop_id, order_id=order_id)
    found = view.order
    source = await _source(tx, shop_id=shop_id, order_id=order_id)
    known = await documents.find(tx, shop_id=shop_id, kind=Kind.INVOICE, source=source)
    if known is None:
        if found.cancelled_at is not None:
            raise InvoiceOfCancelled(order=found.number)
        if view.due is not None or found.authorised_minor:
            owed = found.authorised_minor if view.due is None else view.due.amount.minor
            raise NotPaidYet(due_minor=owed, currency=found.currency)
        maker = await _maker(tx, found)
        if not maker.seller.is_complete:
            raise documents.SellerMissing
        known = await documents.issue(
            tx,
            shop_id=shop_id,
            wanted=NewDocument(
                Kind.INVOICE,
                order_id,
                source,
                found.currency,
                found.total_minor,
                found.tax_minor,
                maker.today,
            ),
            paper=maker.invoice(found, view.lines),
        )
    await _credit(tx, view, known, source)
    await _ask_for_files(tx, found)
    return known


async def _source(tx: Tx, *, shop_id: int, order_id: UUID) -> UUID:
    """What the invoice is of that holds: the order as it was placed, or as it is since the last that was cancelled."""
    source = order_id
    while await documents.find(tx, shop_id=shop_id, kind=Kind.CREDIT_NOTE, source=_cancelling(source)):
        source = uuid5(source, "again")
    return source


def _cancelling(source: UUID) -> UUID:
    return uuid5(source, "cancelled")


async def cancel_invoice(tx: Tx, *, shop_id: int, order_id: UUID) -> bool:
    """The order is about to be changed: a credit note of all that is left of its invoice, where it has one.

    `invoice` issues another one then.  Returns whether there was one.
    """
    view = await _view(tx, shop_id=shop_id, order_id=order_id)
    source = await _source(tx, shop_id=shop_id, order_id=order_id)
    known = await documents.find(tx, shop_id=shop_id, kind=Kind.INVOICE, source=source)
    if known is None:
        return False
    await _credit(tx, view, known, source)
    gone = [0] * (len(view.lines) + 1)
    for refund in view.refunds:
        parts = [*refund.lines, refund.shipping_minor]
        gone = [before + part for before, part in zip(gone, parts, strict=True)]
    costs = [*(line.amount_minor for line in view.lines), view.order.shipping_minor]
    left = [cost - back for cost, back in zip(costs, gone, strict=True)]
    if sum(left):
        await _credit_note(
            tx, view, known, source=_cancelling(source), gone=gone, parts=left, amount=sum(left)
        )
    await _ask_for_files(tx, view.order)
    return bool(sum(left))


async def invoice_again(tx: Tx, *, shop_id: int, order_id: UUID) -> None:
    """After `cancel_invoice`, once the order is changed and paid.  Once or often."""
    if await _source(tx, shop_id=shop_id, order_id=order_id) != order_id:
        with suppress(NotPaidYet, InvoiceOfCancelled, documents.SellerMissing):
            await invoice(tx, shop_id=shop_id, order_id=order_id)


async def invoice_when_due(tx: Tx, *, shop_id: int, order_id: UUID) -> None:
    """For a shop that gives every paid order an invoice."""
    seller = await documents.seller(tx, shop_id=shop_id)
    if not seller.is_complete:
        return
    if not seller.automatic:
        await invoice_again(tx, shop_id=shop_id, order_id=order_id)
        return
    with suppress(NotPaidYet, InvoiceOfCancelled):
        await invoice(tx, shop_id=shop_id, order_id=order_id)


async def credit(tx: Tx, *, shop_id: int, order_id: UUID) -> None:
    """Refunds of an order that has an invoice get their credit notes.  Once or often."""
    view = await _view(tx, shop_id=shop_id, order_id=order_id)
    source = await _source(tx, shop_id=shop_id, order_id=order_id)
    known = await documents.find(tx, shop_id=shop_id, kind=Kind.INVOICE, source=source)
    if known is not None and await _credit(tx, view, known, source):
        await _ask_for_files(tx, view.order)


async def receipt(tx: Tx, *, shop_id: int, order_id: UUID, site: str = "") -> documents.Document:
    """What was paid and given back so far; another one after the next payment.  Raises OrderNotFound, NothingPaid.

    Where the shop takes requests for fapiao, a code to ask for one stands on it; `site` is the address it leads to.
    """
    view = await _view(tx, shop_id=shop_id, order_id=order_id)
    found = view.order
    if not found.charged_minor:
        raise NothingPaid(order=found.number)
    maker = await _maker(tx, found)
    code = ""
    if found.cancelled_at is None and await fapiao.is_offered(tx, shop_id=shop_id):
        code = await fapiao.code(tx, shop_id=shop_id, order_id=order_id)
    changed = f"/{found.edits}" if found.edits else ""
    source = uuid5(order_id, f"receipt/{found.charged_minor}/{found.refunded_minor}{changed}")
    issued = await documents.issue(
        tx,
        shop_id=shop_id,
        wanted=NewDocument(
            Kind.RECEIPT, order_id, source, found.currency, found.charged_minor, 0, maker.today
        ),
        paper=maker.receipt(found, view.lines, code=code, site=site),
    )
    await _ask_for_files(tx, found)
    return issued


async def _ask_for_files(tx: Tx, found: orders.Order) -> None:
    await jobs.ask(
        tx,
        FILES,
        OfOrder(found.shop_id, found.id),
        key=f"{found.shop_id}/{found.id}",
        shop_id=found.shop_id,
        urgent=True,
    )


async def make_files(run: jobs.Run, asked: OfOrder) -> None:
    count = await documents.make_files(run.db, shop_id=asked.shop_id, subject_id=asked.order_id)
    async with run.db.transaction() as tx:
        await run.done(tx, as_of=now(), result={"made": count})


async def _credit(tx: Tx, view: orders.OrderView, invoice: documents.Document, of: UUID) -> int:
    """A note for each refund that has none on this invoice; returns how many."""
    gone = [0] * (len(view.lines) + 1)
    credited = 0
    for refund in view.refunds:
        parts = [*refund.lines, refund.shipping_minor]
        source = refund.refund_id if of == view.order.id else uuid5(of, str(refund.refund_id))
        known = await documents.find(tx, shop_id=view.order.shop_id, kind=Kind.CREDIT_NOTE, source=source)
        if known is None:
            await _credit_note(
                tx, view, invoice, source=source, gone=gone, parts=parts, amount=refund.amount_minor
            )
            credited += 1
        gone = [before + part for before, part in zip(gone, parts, strict=True)]
    return credited


async def _credit_note(
    tx: Tx,
    view: orders.OrderView,
    invoice: documents.Document,
    *,
    source: UUID,
    gone: Sequence[int],
    parts: Sequence[int],
    amount: int,
) -> None:
    found, lines = view.order, view.lines
    maker = await _maker(tx, found)
    credited = _credited(found, lines, gone, parts)
    await documents.issue(
        tx,
        shop_id=found.shop_id,
        wanted=NewDocument(
            Kind.CREDIT_NOTE,
            found.id,
            source,
            found.currency,
            amount,
            sum(tax for _, _, tax in credited.taxes),
            maker.today,
        ),
        paper=maker.credit_note(found, lines, credited, invoice, amount),
    )


@dataclass(frozen=True, slots=True)
class _Credited:
    """What a refund gives back of each line and of shipping, and of each rate (name, net, tax)."""

    lines: list[int]
    shipping: int
    taxes: list[tuple[str, int, int]]


def _credited(
    found: orders.Order, lines: Sequence[_Line], gone: Sequence[int], parts: Sequence[int]
) -> _Credited:
    """All of them together give back exactly the tax that was paid, by differences of what is given back so far."""
    calculation = found.calculation
    costs = [*(line.amount_minor for line in lines), found.shipping_minor]
    by_rate: dict[str, tuple[int, int]] = {}
    paid = zip(costs, gone, parts, strict=True)
    for (whole, back, share), taxes in zip(paid, _tax_shares(calculation, len(lines)), strict=True):
        if not whole or not share:
            continue
        for each in taxes:
            name = _rate_name(each)
            tax = pricing.of_units(each["tax"], whole, back + share) - pricing.of_units(
                each["tax"], whole, back
            )
            net, taxed = by_rate.get(name, (0, 0))
            # A line with two rates has one net amount under each of them.
            by_rate[name] = (net + share - _taxes_of(taxes, whole, back, share), taxed + tax)
    return _Credited(list(parts[:-1]), parts[-1], [(name, net, tax) for name, (net, tax) in by_rate.items()])


def _taxes_of(taxes: Sequence[dict[str, Any]], whole: int, back: int, share: int) -> int:
    return sum(
        pricing.of_units(each["tax"], whole, back + share) - pricing.of_units(each["tax"], whole, back)
        for each in taxes
    )


def _tax_shares(calculation: dict[str, Any] | None, lines: int) -> list[list[dict[str, Any]]]:
    """Of each line in its position, and of shipping; none for orders from before there was a price function."""
    if calculation is None:
        return [[] for _ in range(lines + 1)]
    return [*(line["taxes"] for line in calculation["lines"]), calculation["shipping"]["taxes"]]


def _rate_name(tax: dict[str, Any]) -> str:
    return f"{tax['name']} {tax['rate']}%".strip()


async def _maker(tx: Tx, found: orders.Order) -> "_Maker":
    shop = await accounts.shop(tx, found.shop_id)
    return _Maker(
        await documents.seller(tx, shop_id=found.shop_id), shop, documents.words.language(found.locale)
    )


@dataclass(frozen=True, slots=True)
class _Maker:
    """Says on paper what an order is, in the language of its buyer and on the clock of the shop."""

    seller: documents.Seller
    shop: accounts.Shop
    lang: str

    @property
    def today(self) -> date:
        return now().astimezone(ZoneInfo(self.shop.timezone)).date()

    def _day(self, moment: datetime) -> str:
        return documents.words.day(moment.astimezone(ZoneInfo(self.shop.timezone)).date(), self.lang)

    def _parties(self, found: orders.Order) -> tuple[list[str], list[str]]:
        words = documents.words.words(self.lang)
        seller = [self.seller.name or self.shop.name, *self.seller.address.splitlines()]
        for label, value in (
            (words["tax_number"], self.seller.tax_number),
            (words["registration"], self.seller.registration),
            ("", self.seller.email),
        ):
            if value:
                seller.append(f"{label} {value}".strip())
        buyer = (
            [found.contact_name, *documents.words.address(found.address, self.lang)]
            if found.contact_name
            else []
        )
        return seller, buyer

    def _rows(self, found: orders.Order, lines: Sequence[_Line]) -> list[Row]:
        taxes = _tax_shares(found.calculation, len(lines))
        return [
            Row(
                line.title,
                " · ".join(filter(None, (documents.words.options(line.options), line.sku))),
                str(line.quantity),
                documents.words.money(line.unit_price_minor, found.currency, self.lang),
                ", ".join(f"{each['rate']}%" for each in shares),
                documents.words.money(line.unit_price_minor * line.quantity, found.currency, self.lang),
            )
            for line, shares in zip(lines, taxes[:-1], strict=True)
        ]

    def _sums(self, found: orders.Order, lines: Sequence[_Line]) -> list[Sum]:
        words, currency = documents.words.words(self.lang), found.currency
        listed = sum(line.unit_price_minor * line.quantity for line in lines)
        sums = [Sum(words["goods"], documents.words.money(listed, currency, self.lang))]
        calculation = found.calculation
        off = calculation["totals"]["discount"] if calculation else 0
        if off:
            sums.append(Sum(words["discount"], documents.words.money(-off, currency, self.lang)))
        shipping = calculation["shipping"]["listed"] if calculation else found.shipping_minor
        if shipping or found.delivery == "ship":
            sums.append(Sum(words["shipping"], documents.words.money(shipping, currency, self.lang)))
        taxes: list[dict[str, Any]] = calculation["taxes"] if calculation else []
        included = not calculation or calculation["included"]
        stated = [
            Sum(
                words["including" if included else "plus"].format(tax=_rate_name(tax)),
                documents.words.money(tax["tax"], currency, self.lang),
            )
            for tax in taxes
        ]
        total = Sum(
            words["total"], documents.words.money(found.total_minor, currency, self.lang), strong=True
        )
        return [*sums, total, *stated] if included else [*sums, *stated, total]

    def _taxes(self, found: orders.Order) -> list[TaxRow]:
        rows: list[dict[str, Any]] = found.calculation["taxes"] if found.calculation else []
        return [
            TaxRow(
                _rate_name(tax),
                documents.words.money(tax["net"], found.currency, self.lang),
                documents.words.money(tax["tax"], found.currency, self.lang),
            )
            for tax in rows
        ]

    def invoice(self, found: orders.Order, lines: Sequence[_Line]) -> Paper:
        words = documents.words.words(self.lang)
        seller, buyer = self._parties(found)
        assert found.placed_at is not None, "it has a number"
        supplied = found.shipped_at or found.paid_at or found.placed_at
        return Paper(
            self.lang,
            words["invoice"],
            [
                (words["date"], documents.words.day(self.today, self.lang)),
                (words["order"], f"#{found.number}"),
                (words["ordered_on"], self._day(found.placed_at)),
                (words["supplied_on"], self._day(supplied)),
                *self._method(found),
            ],
            seller,
            buyer,
            self._rows(found, lines),
            self._sums(found, lines),
            self._taxes(found),
            footer=self.seller.footer,
        )

    def _method(self, found: orders.Order) -> list[tuple[str, str]]:
        words = documents.words.words(self.lang)
        return [(words["method"], words[found.method])] if found.method in {"transfer", "cash"} else []

    def credit_note(
        self,
        found: orders.Order,
        lines: Sequence[_Line],
        credited: _Credited,
        invoice: documents.Document,
        amount: int,
    ) -> Paper:
        words, currency = documents.words.words(self.lang), found.currency
        seller, buyer = self._parties(found)
        rows = [
            Row(
                line.title,
                " · ".join(filter(None, (documents.words.options(line.options), line.sku))),
                "",
                "",
                "",
                documents.words.money(share, currency, self.lang),
            )
            for line, share in zip(lines, credited.lines, strict=True)
            if share
        ]
        if credited.shipping:
            rows.append(
                Row(
                    words["shipping"],
                    "",
                    "",
                    "",
                    "",
                    documents.words.money(credited.shipping, currency, self.lang),
                )
            )
        return Paper(
            self.lang,
            words["credit_note"],
            [
                (words["date"], documents.words.day(self.today, self.lang)),
                (words["invoice_number"], invoice.number),
                (words["order"], f"#{found.number}"),
            ],
            seller,
            buyer,
            rows,
            [
                Sum(words["credited"], documents.words.money(amount, currency, self.lang), strong=True),
                *(
                    Sum(words["including"].format(tax=name), documents.words.money(tax, currency, self.lang))
                    for name, _, tax in credited.taxes
                ),
            ],
            [
                TaxRow(
                    name,
                    documents.words.money(net, currency, self.lang),
                    documents.words.money(tax, currency, self.lang),
                )
                for name, net, tax in credited.taxes
            ],
            footer=self.seller.footer,
        )

    def receipt(
        self, found: orders.Order, lines: Sequence[_Line], *, code: str = "", site: str = ""
    ) -> Paper:
        words, currency = documents.words.words(self.lang), found.currency
        seller, buyer = self._parties(found)
        paid = [
            Sum(words["paid"], documents.words.money(found.charged_minor, currency, self.lang), strong=True)
        ]
        if found.refunded_minor:
            paid.append(
                Sum(words["refunded"], documents.words.money(found.refunded_minor, currency, self.lang))
            )
        return Paper(
            self.lang,
            words["receipt"],
            [
                (words["date"], documents.words.day(self.today, self.lang)),
                (words["order"], f"#{found.number}"),
                *([(words["paid_on"], self._day(found.paid_at))] if found.paid_at else []),
                *self._method(found),
            ],
            seller,
            buyer,
            self._rows(found, lines),
            [*self._sums(found, lines), *paid],
            self._taxes(found),
            footer=self.seller.footer,
            code=_scanned(f"{site}/s/{self.shop.slug}/fapiao/{code}") if code and site else [],
            code_note=f"{words['fapiao_code']}\n{fapiao.shown_code(code)}" if code else "",
        )


def _scanned(link: str) -> list[list[int]]:
    """A QR code, with the blank around it that scanners need: where each row is dark."""
    drawn = segno.make(link, error="m", micro=False)
    return [[at for at, dark in enumerate(row) if dark] for row in drawn.matrix_iter(border=2)]

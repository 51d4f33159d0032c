"""What is kept, why, and how long: one table, and the work that keeps to it.

Only technical rows are ever dropped: facts that everybody has taken, and purchases that never became an order.  The
records of shows and orders are not touched by anything here; the journal of stock moves to files, where it stays.
`docs/retention.md` is made from `CLASSES`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import asdict, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from shopfloor import (
    analysis,
    documents,
    erasure,
    integrity,
    inventory,
    notifications,
    payment_accounts,
    payments,
    purchases,
    stock,
)
from shopfloor.kernel import logs, outbox, partitions, progress
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.startup import prepared_database
from shopfloor.kernel.values import now

_log = logs.get("retention")

# What one round takes at most, and how much of it in one transaction: buyers go first.
IN_A_ROUND: Final = 50_000
AT_ONCE: Final = 1_000
_STEP: Final = timedelta(hours=1)
_STEPS: Final = 2_000


class Ends(StrEnum):
    """How a class ends."""

    NEVER = "is kept"
    ROWS = "rows are dropped"
    MONTHS = "whole months are dropped"
    CONTENT = "their content is emptied"
    FILES = "whole months move to files, which are kept"


@dataclass(frozen=True, slots=True)
class Class:
    """`after`: counted from the row's own time; None where nothing ends it."""

    data: str
    where: tuple[str, ...]
    why: str
    ends: Ends
    after: timedelta | None = None


FACTS: Final = Class(
    "Facts that every consumer has taken",
    ("kernel.outbox",),
    "They are in the lake by then. Pages that are open and consumers that lag need the last of them.",
    Ends.MONTHS,
    timedelta(days=35),
)
HOLDS: Final = Class(
    "Holds that were released or expired and never became an order, with their checkouts",
    ("stock.hold", "orders.checkout"),
    f"The same purchase id gets the same answer for {purchases.retention.WINDOW.days} days; then it is refused.",
    Ends.ROWS,
    2 * purchases.retention.WINDOW,
)
INTENTS: Final = Class(
    "Purchases for which nothing was held and that were never paid, with their checkouts",
    ("purchases.intent", "orders.checkout"),
    f"The same purchase id gets the same answer for {purchases.retention.WINDOW.days} days; then it is refused.",
    Ends.ROWS,
    2 * purchases.retention.WINDOW,
)
JOURNAL: Final = Class(
    "Movements of stock",
    ("stock.movement",),
    "They explain every level. A month that is closed is carried forward, so the journal still sums to the levels.",
    Ends.FILES,
    timedelta(days=400),
)
SHEETS: Final = Class(
    "Printed pick lists, packing slips and labels",
    ("documents.sheet",),
    "They carry addresses and are for the day's work; they can be printed again.",
    Ends.ROWS,
    timedelta(days=7),
)
PAYMENT_MESSAGES: Final = Class(
    "What payment services sent: headers and body, once it was worked off",
    ("payments.inbox",),
    "They may name the payer. Disputes and refunds that come late are looked up with them. That a message came stays.",
    Ends.CONTENT,
    timedelta(days=180),
)
ORIGINS: Final = Class(
    "Where orders came from: a salted key of the network, and whether the browser was at work in the shop",
    ("integrity.origin",),
    "To notice orders that are not real. What buyers keep of a show is known after a month.",
    Ends.ROWS,
    timedelta(days=60),
)
ANSWERS: Final = Class(
    "Rows that were found by questions in SQL",
    ("analysis.answer",),
    "To be read and taken away; asked again, they are found again.",
    Ends.ROWS,
    timedelta(days=1),
)
DECLINES: Final = Class(
    "Declined cards: contact and network of who tried, as hashes",
    ("payments.decline",),
    "To stop who tries out stolen cards, which is a matter of an hour.",
    Ends.ROWS,
    timedelta(days=1),
)
CLASSES: Final[tuple[Class, ...]] = (
    FACTS,
    HOLDS,
    INTENTS,
    JOURNAL,
    Class(
        "Ids of forgotten purchases that do not say when they were made",
        ("purchases.spent",),
        "So that none of them is ever bought again.",
        Ends.NEVER,
    ),
    Class(
        "Shows: recordings, run of show, offers, chat and its moderation, and what each sold",
        ("live", "live_counters", "media", "chat", "recordings"),
        "Record duties ask for at least three years after the last completed transaction of a show.",
        Ends.NEVER,
    ),
    Class(
        "Orders: lines, money in and out, disputes, parcels, returns, and the product pages as their buyers saw them",
        (
            "orders.orders",
            "orders.line",
            "orders.bundle",
            "orders.tax_line",
            "orders.checkout",
            "orders.page_text",
            "orders.sold",
            "orders.refund_share",
            "orders.edit_refund",
            "order_edits",
            "fulfilment",
            "backoffice",
            "returns",
            "payments",
            "disputes",
            "approvals",
            "promotions.use",
        ),
        "Record duties ask for at least three years after the transaction; tax and warranty for longer.",
        Ends.NEVER,
    ),
    Class(
        "Invoices, credit notes and receipts, with the names and addresses that stand on them",
        ("documents.document", "documents.series", "documents.seller"),
        "Tax law asks for seven to ten years; they are not changed when a buyer is erased.",
        Ends.NEVER,
    ),
    Class(
        "Fapiao: title, tax number, number and files of what was issued, and requests for them",
        ("fapiao",),
        "Accounting law in China asks for up to thirty years. A request that came to nothing loses who asked on erasure; of one that was issued only mail address and note go.",
        Ends.NEVER,
    ),
    SHEETS,
    PAYMENT_MESSAGES,
    DECLINES,
    ORIGINS,
    ANSWERS,
    Class(
        "Questions in SQL: who asked what, when, and what came of it",
        ("analysis.question",),
        "They are the record of who looked at raw data.",
        Ends.NEVER,
    ),
    Class(
        "Who a buyer is: name, telephone, e-mail and address on orders, names on chat lines",
        ("orders.orders", "orders.search", "chat.line"),
        "Until a person asks to be erased; what was bought, paid and said stays, without the name.",
        Ends.NEVER,
    ),
    Class(
        "Messages that were sent: kind, time, recipient, and what the mail server said",
        ("notifications.notice",),
        "They are evidence of what a buyer was told. The recipient goes when the person asks to be erased.",
        Ends.NEVER,
    ),
    Class(
        "Auctions: lots, the ledger of bids, who won, strikes; holds that ended for good",
        ("auctions", "stock.ended"),
        "So that every price can be computed again from the bids, and nobody is granted what is another's. The key of a bidder's network goes when the auction is over; name and account go when the person asks to be erased.",
        Ends.NEVER,
    ),
    Class(
        "Giveaways and polls: rules, lists of entries, draws, where prizes went; questions, votes and results",
        ("giveaways", "polls"),
        "So that a draw or a result can be computed again. A network's key goes when the list is closed; name, account and address go when the person asks to be erased.",
        Ends.NEVER,
    ),
    Class(
        "Customers and accounts: e-mail, telephone and name, whose an order is, addresses, consents, notes, browsers",
        (
            "customers.customer",
            "customers.order_of",
            "customers.address",
            "customers.consent",
            "customers.note",
            "customers.browser",
            "customers.forgotten",
        ),
        "Until the person, or the shop for the person, erases it. Consents are evidence while the account is there.",
        Ends.NEVER,
    ),
    Class(
        "Sessions of customers",
        ("customers.session",),
        "So that a browser stays signed in. They end after this time without use.",
        Ends.ROWS,
        timedelta(days=90),
    ),
    Class(
        "Links to baskets that are paid after a show, or out of a frame",
        ("customers.basket", "embeds.framed"),
        "So that a message, or a frame in another site, leads to what is reserved, and says so when it is over.",
        Ends.ROWS,
        timedelta(days=30),
    ),
    Class(
        "Codes that customers asked for, as hashes, with the address they went to and a key of the network",
        ("customers.code", "customers.contact_change"),
        "So that nobody is sent too many, and nobody guesses for long.",
        Ends.ROWS,
        timedelta(days=2),
    ),
    Class(
        "What was sent to webhooks, with its answer",
        ("webhooks.delivery",),
        "To see what a program of the shop was told, and to send it again.",
        Ends.ROWS,
        timedelta(days=30),
    ),
    Class(
        "Notifications shown in browsers",
        ("push.message",),
        "To tell each fact once.",
        Ends.ROWS,
        timedelta(days=30),
    ),
    Class(
        "Browsers that allow notifications, and the shows they wait for",
        ("push.subscription", "push.show_reminder"),
        "To reach them. Gone when the shopper turns them off, the push service says so, or the person asks to be erased.",
        Ends.ROWS,
        timedelta(days=400),
    ),
    Class(
        "Who asked to be reminded of a show or told of a place in line, and who unsubscribed (as a hash)",
        (
            "notifications.reminder",
            "notifications.place_contact",
            "notifications.place_phone",
            "notifications.unsubscribed",
        ),
        "The first ones until they were told; the last so that it stays so.",
        Ends.NEVER,
    ),
    Class(
        "Of which weeks members were told by mail, and who wants no such mail",
        ("notifications.weekly", "notifications.weekly_off"),
        "So that each week is told once, and what was turned off stays so.",
        Ends.NEVER,
    ),
    Class(
        "Whose order is told by SMS, and to what words the buyer said yes",
        ("notifications.sms_wanted",),
        "The number is that of the order, and goes with it. That somebody said yes is evidence.",
        Ends.NEVER,
    ),
    Class(
        "How many messages by SMS left on a day, in all and to a number (as a hash)",
        ("notifications.sms_used",),
        "So that a day does not cost more than the shop allows.",
        Ends.ROWS,
        timedelta(days=2),
    ),
    Class(
        "Events and facts for figures",
        ("lake",),
        "Figures can be made again from them. Buyers are random ids there.",
        Ends.NEVER,
    ),
    Class(
        "Statements of shows, their log, its keys and checkpoints, witnesses and what they signed",
        ("statements",),
        "A log that loses an entry proves nothing. It names no person.",
        Ends.NEVER,
    ),
    Class(
        "Catalogue, prices, tax, shipping, rules for returns, discounts and claimed coupons, waitlists, forecasts, plans, suppliers, people and roles, words of messages, cases of what may not be real and their rulings",
        (
            "catalog",
            "pricing",
            "promotions",
            "purchases.waiting",
            "demand",
            "integrity",
            "supply",
            "accounts",
            "policies",
            "notifications",
            "mail_signing",
            "webhooks.endpoint",
            "push.key",
        ),
        "They explain what was offered, wanted and ordered. Sessions and links that are over are forgotten at once.",
        Ends.NEVER,
    ),
)


@dataclass(slots=True)
class Done:
    """What a round did."""

    months_made: list[str] = field(default_factory=list[str])
    months_dropped: list[str] = field(default_factory=list[str])
    months_closed: list[str] = field(default_factory=list[str])
    holds: int = 0
    intents: int = 0
    checkouts: int = 0
    contacts: int = 0
    sheets: int = 0
    payment_messages: int = 0
    declines: int = 0
    origins: int = 0
    answers: int = 0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


async def run(db: Database, *, archive: Path, consumers: Collection[str], at: datetime | None = None) -> Done:
    """One round.  What is more than a round takes is left to the next; any number of processes may run it.

    `consumers`: who must have taken a fact before it may go.  `at`: the time it is, for tests.
    """
    at = now() if at is None else at
    done = Done()
    months = await make_months(db, at=at)
    if months is None:
        return done
    done.months_made += months
    async with db.transaction() as tx:
        done.months_dropped += await outbox.forget(tx, before=at - _after(FACTS), consumers=consumers)
    done.months_closed += await inventory.close_months(db, before=at - _after(JOURNAL), archive=archive)
    await _forget(db, done, at, _HOLDS)
    await _forget(db, done, at, _INTENTS)
    async with db.transaction() as tx:
        finished = await erasure.finish(tx)
        done.contacts += finished
        if finished:
            await notifications.forget_finished(tx)
    async with db.transaction() as tx:
        done.sheets += await documents.forget_sheets(tx, before=at - _after(SHEETS), limit=AT_ONCE)
    async with db.transaction() as tx:
        done.payment_messages += await payment_accounts.inbox.empty(
            tx, before=at - _after(PAYMENT_MESSAGES), limit=AT_ONCE
        )
        done.declines += await payments.guard.forget(tx, before=at - _after(DECLINES), limit=AT_ONCE)
        done.origins += await integrity.forget_origins(tx, before=at - _after(ORIGINS), limit=AT_ONCE)
        done.answers += await analysis.forget(tx, before=at - _after(ANSWERS), limit=AT_ONCE)
    if done != Done():
        _log.info("retention.done", **done.as_dict())
    return done


async def make_months(db: Database, *, at: datetime | None = None) -> list[str] | None:
    """Make the months that are to come, ahead of time; None while another process is at it."""
    at = now() if at is None else at
    async with db.transaction() as tx:
        if not await tx.value("SELECT pg_try_advisory_xact_lock(%(lock)s)", lock=_LOCK):
            return None
        months = await partitions.keep_ahead(tx, schema="kernel", table="outbox", at=at)
        return [*months, *await inventory.make_months(tx, at=at)]


_LOCK: Final = 0x5_40_9F_10_27


@dataclass(frozen=True, slots=True)
class _Purchases:
    """A table of purchases that is gone through by time."""

    kind: Class
    counter: str
    first: Callable[[Tx], Awaitable[datetime | None]]
    between: Callable[[Tx, datetime, datetime], Awaitable[list[UUID]]]
    forget: Callable[[Tx, Sequence[UUID]], Awaitable[int]]


_HOLDS: Final = _Purchases(
    HOLDS,
    "holds",
    stock.retention.first_hold,
    lambda tx, since, until: stock.retention.lapsed_holds(tx, since=since, until=until),
    lambda tx, ids: stock.retention.forget_holds(tx, ids=ids),
)
_INTENTS: Final = _Purchases(
    INTENTS,
    "intents",
    purchases.retention.first_intent,
    lambda tx, since, until: purchases.retention.intents(tx, since=since, until=until),
    lambda tx, ids: purchases.retention.forget_intents(tx, ids=ids),
)


async def _forget(db: Database, done: Done, at: datetime, table: _Purchases) -> None:
    """Hour by hour, each purchase once: what had no order by then never gets one, its time to be paid is over."""
    until = at - _after(table.kind)
    work = f"forget {table.counter}"
    async with db.transaction() as tx:
        since = await progress.reached(tx, work) or await table.first(tx)
    if since is None:
        return
    for _ in range(_STEPS):
        upto = min(since + _STEP, until)
        if upto <= since or getattr(done, table.counter) >= IN_A_ROUND:
            return
        async with db.transaction() as tx:
            ids = await table.between(tx, since, upto)
        for start in range(0, len(ids), AT_ONCE):
            await _forget_some(db, done, at, table, ids[start : start + AT_ONCE])
        async with db.transaction() as tx:
            await progress.reach(tx, work, upto)
        since = upto


async def _forget_some(
    db: Database, done: Done, at: datetime, table: _Purchases, ids: Sequence[UUID]
) -> None:
    async with db.transaction() as tx:
        ordered = await _with_order(tx, ids=ids)
        free = [each for each in ids if each not in ordered]
        await purchases.retention.mark_spent(tx, ids=free, at=at)
        done.checkouts += await _forget_checkouts(tx, ids=free)
        setattr(done, table.counter, getattr(done, table.counter) + await table.forget(tx, free))


async def _with_order(tx: Tx, *, ids: Sequence[UUID]) -> set[UUID]:
    """Of these purchases, those of which an order was ever written, a declined one too."""
    cursor = await tx.connection.execute(
        """
        SELECT c.id FROM orders.checkout AS c
         WHERE c.id = ANY(%(ids)s::uuid[])
           AND EXISTS (SELECT FROM orders.orders AS o WHERE o.checkout_id IN (c.id, c.joined_to))
        """,
        {"ids": list(ids)},
    )
    return {row[0] for row in await cursor.fetchall()}


async def _forget_checkouts(tx: Tx, *, ids: Sequence[UUID]) -> int:
    return await tx.run(
        """
        DELETE FROM orders.checkout AS c
         WHERE c.id = ANY(%(ids)s::uuid[])
           AND NOT EXISTS (SELECT FROM orders.orders AS o WHERE o.checkout_id IN (c.id, c.joined_to))
        """,
        ids=list(ids),
    )


def _after(kind: Class) -> timedelta:
    assert kind.after is not None, "this class ends"
    return kind.after


def of_installation(settings: Settings, consumers: Collection[str]) -> Done:
    """A round on the installation that the settings name, with its database started when it must be."""

    async def work(dsn: str) -> Done:
        db = Database(dsn, settings.database_pool)
        await db.open()
        try:
            return await run(db, archive=settings.archive_dir, consumers=consumers)
        finally:
            await db.close()

    with prepared_database(settings) as dsn:
        return asyncio.run(work(dsn))


def page() -> str:
    """`docs/retention.md`."""
    lines = [
        "# What is kept, and how long",
        "",
        "One table in the code (`shopfloor.retention.CLASSES`) says it; the worker keeps to it every hour, in small",
        "steps. Only technical rows are dropped. Records of shows and orders are never dropped by Shopfloor.",
        "",
        "| what | where | how it ends | after | why |",
        "|---|---|---|---|---|",
    ]
    for kind in CLASSES:
        after = "" if kind.after is None else f"{kind.after.days} days"
        where = ", ".join(f"`{name}`" for name in kind.where)
        lines.append(f"| {kind.data} | {where} | {kind.ends.value} | {after} | {kind.why} |")
    lines += [
        "",
        "**Purchase ids.** A page makes the id of a purchase with the time in it (UUID version 7). An id older than",
        f"{purchases.retention.WINDOW.days} days is refused (`purchase.expired`), whether it is remembered or not. Programs that send other",
        "UUIDs may do so: when such a purchase is forgotten, its id alone is kept and refused from then on.",
        "",
        "**Months.** `kernel.outbox` and `stock.movement` are cut by months (UTC); months are made three ahead of time.",
        "A month of facts is dropped when every consumer has taken all of it and none of it is parked. A month of",
        "movements is written to `archive/movements/<month>.csv.gz` in the data directory, carried forward into the",
        "next month as movements of the kind `carried`, and only then taken from the database. `shopfloor audit` reads",
        "the files again: they are the ones that were written, and come to exactly what was carried forward. Include",
        "`archive` in what you back up.",
        "",
        "`shopfloor retention` runs a round by hand.",
        "",
    ]
    return "\n".join(lines)

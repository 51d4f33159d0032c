"""Everything that happened to an order in one list, the newest first: what was bought, paid, sent, told, issued and
written down, and who did it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import Any, Final

from shopfloor import accounts, backoffice, documents, fulfilment, order_edits, orders
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import Money
from shopfloor.web.console import messages
from shopfloor.web.console.desk import Desk
from shopfloor.web.languages import N_

_BY_HAND: Final = "manual"
_MONEY: Final[Mapping[str, tuple[str, str]]] = {
    "requested": (N_("Payment requested"), ""),
    "charged": (N_("Payment received"), "good"),
    "failed": (N_("Payment failed"), "bad"),
    "refund_granted": (N_("Refund approved"), "wait"),
    "refunded": (N_("Refund sent"), "good"),
    "deposit_kept": (N_("Deposit kept"), ""),
}
_PARCEL: Final[Mapping[str, tuple[str, str]]] = {
    "made": (N_("Parcel %(parcel)s on the list"), ""),
    "accepted": (N_("Parcel %(parcel)s taken on"), ""),
    "picked": (N_("Parcel %(parcel)s picked"), ""),
    "packed": (N_("Parcel %(parcel)s packed"), ""),
    "ready_to_collect": (N_("Parcel %(parcel)s ready for pickup"), ""),
    "shipped": (N_("Parcel %(parcel)s shipped"), "good"),
    "delivered": (N_("Parcel %(parcel)s delivered"), "good"),
    "collected": (N_("Parcel %(parcel)s picked up"), "good"),
    "cancelled": (N_("Parcel %(parcel)s cancelled"), "bad"),
    "split": (N_("Parcel %(parcel)s split"), ""),
    "short": (N_("Units missing from parcel %(parcel)s"), "bad"),
    "passed_on": (N_("Parcel %(parcel)s passed on to another location"), "wait"),
    "tracked": (N_("Tracking number for parcel %(parcel)s"), ""),
    "undone": (N_("A step of parcel %(parcel)s undone"), ""),
}
_PAPER: Final[Mapping[str, str]] = {
    "invoice": N_("Invoice %(number)s issued"),
    "credit_note": N_("Credit note %(number)s issued"),
    "receipt": N_("Receipt issued"),
}
_NOTED: Final[Mapping[str, str]] = {
    "note": N_("Note"),
    "address": N_("Delivery details changed"),
    "removed": N_("Items removed"),
}
_PARTIES: Final[Mapping[str, str]] = {
    "buyer": N_("Customer"),
    "shopfloor": N_("Automatic"),
    "system": N_("Automatic"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """`link` leads to a page of the console; `money` is negative where it leaves."""

    at: datetime
    title: str
    who: str
    detail: str = ""
    kind: str = ""
    badge: str = ""
    money: Money | None = None
    link: str = ""
    note: bool = False
    order: int = field(default=0, kw_only=True)


async def of_order(
    tx: Tx,
    desk: Desk,
    view: orders.OrderView,
    *,
    parcels: Sequence[fulfilment.Parcel],
    papers: Sequence[documents.Document],
    sent: Sequence[Any],
) -> list[Entry]:
    shop_id, order_id = desk.shop.id, view.order.id
    who = _Who(
        desk,
        {each.person_id: each.name or each.email for each in await accounts.members(tx, shop_id=shop_id)},
    )
    noted = await backoffice.notes.of_order(tx, shop_id=shop_id, order_id=order_id)
    steps = [(parcel, await fulfilment.history(tx, parcel_id=parcel.id)) for parcel in parcels]
    found = [
        *_of_order(desk, view.order, who),
        *(_of_money(desk, view, event, who) for event in view.payments),
        *(_of_step(desk, parcel, step, who) for parcel, history in steps for step in history),
        *(_of_paper(desk, order_id, paper) for paper in papers),
        *(_of_message(desk, notice) for notice in sent),
        *(_of_note(desk, note, who) for note in noted),
        *(
            _of_edit(desk, each, who)
            for each in await order_edits.listing(tx, shop_id=shop_id, order_id=order_id)
        ),
    ]
    return sorted(found, key=lambda entry: (entry.at, entry.order), reverse=True)


@dataclass(frozen=True, slots=True)
class _Who:
    """The names of those who did something; of people who have left only that."""

    desk: Desk
    members: Mapping[int, str]

    def __call__(self, actor: str) -> str:
        kind, _, number = actor.partition(":")
        if kind == "person" and number.isdigit():
            return self.members.get(int(number)) or self.desk.say(N_("A former member"))
        return self.desk.say(_PARTIES[kind]) if kind in _PARTIES else kind


def _of_order(desk: Desk, order: orders.Order, who: _Who) -> Iterator[Entry]:
    if order.placed_at is not None:
        yield Entry(order.placed_at, desk.say(N_("Order placed")), who("buyer"), order=-1)
    if order.cancelled_at is not None:
        by = {"buyer": who("buyer"), "system": who("system")}.get(str(order.cancelled_by), "")
        yield Entry(
            order.cancelled_at, desk.say(N_("Order cancelled")), by, order.cancel_note, badge="bad", order=1
        )
    if order.delivered_at is not None:
        yield Entry(order.delivered_at, desk.say(N_("Order delivered")), "", badge="good", order=1)


def _of_money(desk: Desk, view: orders.OrderView, event: Any, who: _Who) -> Entry:
    title, badge = _MONEY[event.kind.value]
    provider = "" if event.provider == _BY_HAND else event.provider
    leaves = event.kind.value in {"refund_granted", "refunded"}
    return Entry(
        event.recorded_at,
        desk.say(title),
        who(event.actor),
        " ".join(filter(None, [provider, event.reference, event.note])),
        badge=badge,
        money=Money(-event.amount_minor if leaves else event.amount_minor, view.order.currency),
    )


def _of_step(desk: Desk, parcel: fulfilment.Parcel, step: Any, who: _Who) -> Entry:
    title, badge = _PARCEL.get(step.kind, (N_("Parcel %(parcel)s"), ""))
    facts = step.facts
    return Entry(
        step.at,
        desk.say(title, parcel=parcel.number),
        who(step.actor),
        " ".join(str(facts[name]) for name in ("carrier", "tracking", "units", "to") if facts.get(name)),
        badge=badge,
        link=f"/fulfilment/{parcel.id}",
    )


def _of_paper(desk: Desk, order_id: object, paper: documents.Document) -> Entry:
    return Entry(
        paper.issued_at,
        desk.say(_PAPER[paper.kind.value], number=paper.number),
        "",
        link=f"/orders/{order_id}/papers/{paper.id}" if paper.made_at else "",
    )


def _of_message(desk: Desk, notice: Any) -> Entry:
    words, kind = messages.STATES[notice.state]
    return Entry(
        notice.ended_at or notice.created_at,
        desk.say(N_("Message: %(label)s"), label=messages.labels(desk)[notice.kind].label),
        "",
        notice.recipient,
        kind=desk.say(words),
        badge=kind,
        link=f"/messages/{notice.id}",
        order=1,
    )


def _of_note(desk: Desk, note: Any, who: _Who) -> Entry:
    return Entry(
        note.at,
        desk.say(_NOTED.get(note.kind) or str(note.kind)),
        who(note.actor),
        note.text,
        note=note.kind == "note",
    )


_CHANGED: Final[Mapping[str, str]] = {
    "added": N_("%(now)s × %(item)s added"),
    "removed": N_("%(was)s × %(item)s removed"),
    "quantity": N_("%(item)s: %(was)s → %(now)s"),
    "address": N_("Shipping address changed"),
    "shipping": N_("Shipping method changed"),
    "waived": N_("Difference waived"),
}


def _of_edit(desk: Desk, edit: order_edits.Edit, who: _Who) -> Entry:
    """What was changed, why, and by how much the order costs more or less."""
    changes = [
        desk.say(
            _CHANGED[each["kind"]],
            item=" ".join([each.get("title", ""), *each.get("options", [])]).strip(),
            was=each.get("was", ""),
            now=each.get("now", ""),
        )
        for each in edit.changes
    ]
    return Entry(
        edit.at,
        desk.say(N_("Order edited")),
        who(edit.actor),
        "\n".join([edit.reason, *changes]),
        badge="wait",
        money=Money(edit.difference_minor, edit.currency) if edit.difference_minor else None,
        note=True,
    )

"""Who is told what when something happened: one function for each fact, called through `wiring`.

The fact decides that a message exists (`fact_id`), whatever is delivered twice; facts that carry no id of their own
have one made of what they are about.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from shopfloor import catalog, fapiao, letters, live, pickups, purchases, sms, stores, supply
from shopfloor.accounts import Role
from shopfloor.kernel import addresses
from shopfloor.kernel.database import Tx
from shopfloor.kernel.secrets import Box
from shopfloor.kernel.values import now
from shopfloor.letters import Told, language_for
from shopfloor.notices import Kind, NewNotice, tell
from shopfloor.notifications import heard, reader_queries, told_queries

# Before their time is over, and before a show starts.
REMIND_HOURS: Final = 24
BEFORE_SHOW: Final = timedelta(minutes=15)
AT_ONCE: Final = 500


async def about_order(
    tx: Tx,
    kind: Kind,
    *,
    shop_id: int,
    order_id: UUID,
    fact_id: UUID,
    facts: Mapping[str, Any] | None = None,
    expires_at: datetime | None = None,
) -> None:
    """To whoever placed the order, in the language it was placed in; nobody without an address."""
    found = await letters.told(tx, ids=[order_id])
    order = next((each for each in found if each.shop_id == shop_id), None)
    if order is None:
        return
    # Whoever buys in a store has the receipt and the goods in hand.
    if order.contact_email or not await told_queries.sold_at_a_till(tx, order_id=order_id):
        await _to_buyer(tx, kind, order, fact_id=fact_id, facts=facts or {}, expires_at=expires_at)


async def _to_buyer(
    tx: Tx,
    kind: Kind,
    order: Told,
    *,
    fact_id: UUID,
    facts: Mapping[str, Any],
    expires_at: datetime | None = None,
) -> None:
    notice = NewNotice(
        shop_id=order.shop_id,
        fact_id=fact_id,
        kind=kind,
        recipient=order.contact_email,
        locale=language_for(order.locale),
        name=order.contact_name,
        order_id=order.id,
        buyer=order.buyer,
        facts=dict(facts),
        expires_at=expires_at,
    )
    await tell(tx, notice)
    await sms.tell_of_order(tx, notice, order)


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


async def placed(tx: Tx, fact: heard.Placed, fact_id: UUID) -> None:
    """What is sent for a return has a message of its own."""
    if await told_queries.paid_by_exchange(tx, order_id=fact.order_id) is not None:
        return
    await about_order(tx, Kind.ORDER_PLACED, shop_id=fact.shop_id, order_id=fact.order_id, fact_id=fact_id)


async def paid(tx: Tx, fact: heard.Paid, fact_id: UUID) -> None:
    if await told_queries.paid_by_exchange(tx, order_id=fact.order_id) == fact.amount_minor:
        return
    facts = {
        "amount_minor": fact.amount_minor,
        "purpose": fact.purpose,
        "paid_in_full": fact.paid_in_full,
    }
    await about_order(
        tx, Kind.ORDER_PAID, shop_id=fact.shop_id, order_id=fact.order_id, fact_id=fact_id, facts=facts
    )


async def balance_requested(tx: Tx, fact: heard.BalanceRequested, fact_id: UUID) -> None:
    facts: dict[str, Any] = {"amount_minor": fact.amount_minor}
    facts |= {} if fact.due_at is None else {"due_at": _moment(fact.due_at)}
    await about_order(
        tx, Kind.BALANCE_DUE, shop_id=fact.shop_id, order_id=fact.order_id, fact_id=fact_id, facts=facts
    )


async def delayed(tx: Tx, fact: heard.Delayed, fact_id: UUID) -> None:
    facts = {
        "variant_id": fact.variant_id,
        "promised_on": fact.promised_on.isoformat(),
        "delayed_to": fact.delayed_to.isoformat(),
    }
    await about_order(
        tx, Kind.DATE_CHANGED, shop_id=fact.shop_id, order_id=fact.order_id, fact_id=fact_id, facts=facts
    )


async def shipped(tx: Tx, fact: heard.Shipped, fact_id: UUID) -> None:
    """What is handed over at the counter needs no message."""
    found = await letters.told(tx, ids=[fact.order_id])
    if not found or found[0].shop_id != fact.shop_id or found[0].delivery != "ship":
        return
    facts = {**_tracking(fact), "complete": fact.complete, **_inside(fact.lines)}
    await _to_buyer(tx, Kind.SHIPPED, found[0], fact_id=fact_id, facts=facts)


async def tracked(tx: Tx, fact: heard.Tracked, fact_id: UUID) -> None:
    """A parcel under way has another number now, or its first: what was told of it leads nowhere."""
    found = await letters.told(tx, ids=[fact.order_id])
    if not found or found[0].shop_id != fact.shop_id or found[0].delivery != "ship":
        return
    if fact.tracking and found[0].status != "delivered":
        facts = {**_tracking(fact), **_inside([])}
        await _to_buyer(tx, Kind.SHIPPED, found[0], fact_id=fact_id, facts=facts)


def _tracking(fact: heard.Shipped | heard.Tracked) -> dict[str, Any]:
    return {"carrier": fact.carrier, "tracking": fact.tracking, "tracking_url": fact.tracking_url}


def _inside(lines: Sequence[heard.Line]) -> dict[str, Any]:
    """What a parcel holds: less than was ordered, where the rest is in another."""
    return {
        "line_ids": [line.line_id for line in lines],
        "units": {str(line.line_id): line.quantity for line in lines},
    }


async def delivered(tx: Tx, fact: heard.Delivered, fact_id: UUID) -> None:
    found = await letters.told(tx, ids=[fact.order_id])
    if found and found[0].shop_id == fact.shop_id and found[0].delivery == "ship":
        await _to_buyer(tx, Kind.DELIVERED, found[0], fact_id=fact_id, facts={})


async def ready_to_collect(tx: Tx, fact: heard.ReadyToCollect, fact_id: UUID) -> None:
    """Where buyers know the store, its pickups tell: with a code, and until when."""
    if await stores.find(tx, shop_id=fact.shop_id, location_id=fact.location_id) is not None:
        return
    await about_order(
        tx,
        Kind.READY_TO_COLLECT,
        shop_id=fact.shop_id,
        order_id=fact.order_id,
        fact_id=fact_id,
        facts=_inside(fact.lines),
    )


async def pickup_ready(tx: Tx, fact: heard.PickupReady, fact_id: UUID) -> None:
    await _about_pickup(tx, Kind.READY_TO_COLLECT, fact, fact_id)


async def pickup_reminded(tx: Tx, fact: heard.PickupReminded, fact_id: UUID) -> None:
    await _about_pickup(tx, Kind.COLLECT_REMINDER, fact, fact_id)


async def _about_pickup(
    tx: Tx, kind: Kind, fact: heard.PickupReady | heard.PickupReminded, fact_id: UUID
) -> None:
    """Unless it was handed over or cancelled meanwhile."""
    store = await stores.find(tx, shop_id=fact.shop_id, location_id=fact.location_id)
    waits = [
        each
        for each in await pickups.of_order(tx, shop_id=fact.shop_id, order_id=fact.order_id)
        if each.state is pickups.State.READY
    ]
    if store is None or not waits:
        return
    last = (fact.keep_until - timedelta(seconds=1)).astimezone(ZoneInfo(store.timezone)).date()
    collect = {
        "code": waits[0].code,
        "until": last.isoformat(),
        "name": store.name,
        "lines": addresses.lines(
            street=store.street, city=store.city, region=store.region, postcode=store.postcode, country=""
        ),
        "phone": store.phone,
        "hours": stores.hours.grouped(store.hours),
    }
    await about_order(
        tx,
        kind,
        shop_id=fact.shop_id,
        order_id=fact.order_id,
        fact_id=fact_id,
        facts={"collect": collect, **_inside(fact.lines)},
    )


async def refund_paid(tx: Tx, fact: heard.RefundPaid, fact_id: UUID) -> None:
    await about_order(
        tx,
        Kind.REFUNDED,
        shop_id=fact.shop_id,
        order_id=fact.order_id,
        fact_id=fact_id,
        facts={"amount_minor": fact.amount_minor},
    )


async def return_asked(tx: Tx, fact: heard.ReturnAsked, fact_id: UUID) -> None:
    """A withdrawal is confirmed with what it says and when it came; what the shop opened itself is approved at once."""
    facts = {
        "return_number": fact.number,
        "asked_at": _moment(fact.asked_at),
        **_inside(fact.lines),
        **({"send_to": fact.send_to} if fact.approved and not fact.unsent else {}),
        **_instead(fact.instead),
    }
    if fact.journey == "withdrawal":
        kind = Kind.WITHDRAWAL
    else:
        kind = Kind.RETURN_APPROVED if fact.approved else Kind.RETURN_ASKED
    await about_order(tx, kind, shop_id=fact.shop_id, order_id=fact.order_id, fact_id=fact_id, facts=facts)


def _instead(kept: heard.KeptInstead | None) -> dict[str, Any]:
    if kept is None:
        return {}
    until = {} if kept.kept_until is None else {"kept_until": _moment(kept.kept_until)}
    return {"instead": ", ".join(kept.items), "instead_state": kept.state, **until}


async def return_exchanged(tx: Tx, fact: heard.ReturnExchanged, fact_id: UUID) -> None:
    facts: dict[str, Any] = {"return_number": fact.number}
    facts |= {"amount_minor": fact.due_minor} if fact.due_minor else {}
    await about_order(
        tx, Kind.EXCHANGED, shop_id=fact.shop_id, order_id=fact.new_order_id, fact_id=fact_id, facts=facts
    )


async def edited(tx: Tx, fact: heard.Edited, fact_id: UUID) -> None:
    """Where the merchant said so."""
    if fact.tell:
        facts = {"refund_minor": fact.refund_minor, "amount_minor": fact.due_minor}
        await about_order(
            tx, Kind.EDITED, shop_id=fact.shop_id, order_id=fact.order_id, fact_id=fact_id, facts=facts
        )


async def return_approved(tx: Tx, fact: heard.ReturnApproved, fact_id: UUID) -> None:
    facts = {
        "return_number": fact.number,
        "answer": fact.answer,
        "keeps_goods": fact.keeps_goods,
        **_inside(fact.lines),
        **({} if fact.keeps_goods else {"send_to": fact.send_to}),
        **_instead(fact.instead),
    }
    await about_order(
        tx,
        Kind.RETURN_APPROVED,
        shop_id=fact.shop_id,
        order_id=fact.order_id,
        fact_id=fact_id,
        facts=facts,
    )


async def return_refused(tx: Tx, fact: heard.ReturnRefused, fact_id: UUID) -> None:
    facts = {"return_number": fact.number, "answer": fact.answer, **_inside(fact.lines)}
    await about_order(
        tx, Kind.RETURN_REFUSED, shop_id=fact.shop_id, order_id=fact.order_id, fact_id=fact_id, facts=facts
    )


async def return_received(tx: Tx, fact: heard.ReturnReceived, fact_id: UUID) -> None:
    facts = {"return_number": fact.number, **_inside(fact.lines)}
    await about_order(
        tx, Kind.RETURNED, shop_id=fact.shop_id, order_id=fact.order_id, fact_id=fact_id, facts=facts
    )


async def cancelled(tx: Tx, fact: heard.Cancelled, fact_id: UUID) -> None:
    found = await letters.told(tx, ids=[fact.order_id])
    if found and found[0].shop_id == fact.shop_id:
        facts = {"why": fact.why, "by": fact.by, "refunds": found[0].charged_minor > 0}
        await _to_buyer(tx, Kind.CANCELLED, found[0], fact_id=fact_id, facts=facts)


async def reinstated(tx: Tx, fact: heard.Reinstated, fact_id: UUID) -> None:
    await about_order(tx, Kind.REINSTATED, shop_id=fact.shop_id, order_id=fact.order_id, fact_id=fact_id)


async def fapiao_recorded(tx: Tx, fact: fapiao.FapiaoRecorded, fact_id: UUID) -> None:
    """With its files, to where its buyer wants them, else to whoever placed the order."""
    found = await letters.told(tx, ids=[fact.order_id])
    order = next((each for each in found if each.shop_id == fact.shop_id), None)
    if order is None:
        return
    asked = await fapiao.get(tx, shop_id=fact.shop_id, request_id=fact.request_id)
    await tell(
        tx,
        NewNotice(
            shop_id=order.shop_id,
            fact_id=fact_id,
            kind=Kind.FAPIAO,
            recipient=asked.email or order.contact_email,
            locale=language_for(asked.locale or order.locale),
            name=order.contact_name,
            order_id=order.id,
            buyer=order.buyer,
            facts={
                "fapiao": fact.fapiao,
                "amount_minor": fact.amount_minor,
                "red": fact.kind == "red",
                "files": fact.files,
                "paper_id": str(fact.paper_id),
            },
        ),
    )


async def place_offered(tx: Tx, fact: purchases.WaitlistOffered, fact_id: UUID) -> None:
    """To where they asked to be told, else to where their last order here is reached."""
    for place in fact.places:
        if place.hold_id is None or place.claim_until is None:
            continue
        contact = await reader_queries.place_contact(tx, waiting=place.waiting_id)
        email, locale = ("", "") if contact is None else (contact.email, contact.locale)
        if contact is None:
            order = await letters.newest_told_of_buyer(tx, shop_id=fact.shop_id, buyer=place.buyer)
            if order is not None:
                email, locale = order.contact_email, language_for(order.locale)
        facts = {
            "hold_id": str(place.hold_id),
            "claim_until": _moment(place.claim_until),
            "quantity": place.quantity,
            **await _goods(tx, fact.shop_id, place.variant_id),
        }
        notice = NewNotice(
            shop_id=fact.shop_id,
            fact_id=uuid5(fact_id, str(place.waiting_id)),
            kind=Kind.PLACE_OFFERED,
            recipient=email,
            locale=locale,
            buyer=place.buyer,
            facts=facts,
            expires_at=place.claim_until,
        )
        await tell(tx, notice)
        await sms.tell_of_place(tx, notice, waiting=place.waiting_id)


async def place_ended(tx: Tx, fact: purchases.WaitlistEnded, fact_id: UUID) -> None:
    waiting = [place.waiting_id for place in fact.places]
    await reader_queries.delete_place_contacts(tx, waiting=waiting)
    await sms.delete_places(tx, waiting=waiting)


async def _goods(tx: Tx, shop_id: int, variant_id: int) -> dict[str, Any]:
    found = await catalog.variants(tx, shop_id=shop_id, ids=[variant_id])
    if not found:
        return {"title": ""}
    products = await catalog.products_by_id(tx, shop_id=shop_id, ids=[found[0].product_id])
    product = products.get(found[0].product_id)
    options = [str(value) for value in found[0].options]
    return {
        "title": "" if product is None else product.title,
        "titles": {} if product is None else dict(product.titles),
        "options": options,
    }


async def purchase_order_sent(tx: Tx, fact: heard.PurchaseOrderSent, fact_id: UUID, *, box: Box) -> None:
    """The supplier's link goes out by itself, where we know an address: a key of its own, made for this message."""
    supplier = await supply.supplier(tx, shop_id=fact.shop_id, supplier_id=fact.supplier_id)
    if not supplier.email:
        return
    key = await supply.supplier_key(tx, shop_id=fact.shop_id, supplier_id=fact.supplier_id)
    await tell(
        tx,
        NewNotice(
            shop_id=fact.shop_id,
            fact_id=fact_id,
            kind=Kind.PURCHASE_ORDER,
            recipient=supplier.email,
            locale=language_for(supplier.locale),
            name=supplier.name,
            facts={"number": fact.number, "supplier": supplier.name, "order": str(fact.purchase_order_id)},
        ),
        box=box,
        secret=f"/supplier/{key}",
    )


# The merchant


async def to_merchant(
    tx: Tx,
    kind: Kind,
    *,
    shop_id: int,
    fact_id: UUID,
    facts: Mapping[str, Any],
    order_id: UUID | None = None,
    roles: Sequence[str] = (),
    but: int | None = None,
) -> None:
    """To every member who may see the shop's money, or has one of `roles`, in the shop's language; not to `but`."""
    orders = await letters.told(tx, ids=[order_id]) if order_id is not None else []
    number = next((each.number for each in orders if each.shop_id == shop_id), None)
    for member in await reader_queries.members(tx, shop_id=shop_id, roles=roles or SEE_MONEY):
        if member.person_id == but:
            continue
        await tell(
            tx,
            NewNotice(
                shop_id=shop_id,
                fact_id=fact_id,
                kind=kind,
                recipient=member.email,
                locale="",
                name=member.name,
                facts={**facts, **({} if number is None else {"number": number})},
            ),
        )


# Those whose role lets them see money, which a test holds.
SEE_MONEY: Final = (Role.OWNER, Role.FINANCE)


async def _about_dispute(
    tx: Tx,
    kind: Kind,
    fact: heard.DisputeOpened | heard.DisputeDue | heard.DisputeEnded,
    fact_id: UUID,
    more: Mapping[str, Any],
) -> None:
    facts = {
        "amount_minor": fact.amount_minor,
        "currency": fact.currency,
        "path": f"/payments/disputes/{fact.dispute_id}",
        **more,
    }
    await to_merchant(tx, kind, shop_id=fact.shop_id, fact_id=fact_id, facts=facts, order_id=fact.order_id)


def _deadline(fact: heard.DisputeOpened | heard.DisputeDue) -> dict[str, Any]:
    due = {} if fact.due_by is None else {"due_at": _moment(fact.due_by)}
    return {"reason": fact.reason.replace("_", " "), **due}


async def dispute_opened(tx: Tx, fact: heard.DisputeOpened, fact_id: UUID) -> None:
    await _about_dispute(tx, Kind.DISPUTE_OPENED, fact, fact_id, _deadline(fact))


async def dispute_due(tx: Tx, fact: heard.DisputeDue, fact_id: UUID) -> None:
    await _about_dispute(tx, Kind.DISPUTE_DUE, fact, fact_id, _deadline(fact))


async def dispute_ended(tx: Tx, fact: heard.DisputeEnded, fact_id: UUID) -> None:
    await _about_dispute(tx, Kind.DISPUTE_ENDED, fact, fact_id, {"result": fact.state})


async def refund_failed(tx: Tx, fact: heard.RefundFailed, fact_id: UUID) -> None:
    facts = {
        "amount_minor": fact.amount_minor,
        "currency": fact.currency,
        "reason": "" if fact.reason == "stuck" else fact.reason,
        "path": "/payments#refunds",
    }
    await to_merchant(
        tx, Kind.REFUND_FAILED, shop_id=fact.shop_id, fact_id=fact_id, facts=facts, order_id=fact.order_id
    )


async def capture_failed(tx: Tx, fact: heard.CaptureFailed, fact_id: UUID) -> None:
    facts = {
        "amount_minor": fact.amount_minor,
        "currency": fact.currency,
        "reason": fact.reason,
        "path": "/payments#authorised",
    }
    await to_merchant(
        tx, Kind.CAPTURE_FAILED, shop_id=fact.shop_id, fact_id=fact_id, facts=facts, order_id=fact.order_id
    )


async def authorisation_ending(tx: Tx, fact: heard.AuthorisationEnding, fact_id: UUID) -> None:
    facts = {
        "amount_minor": fact.amount_minor,
        "currency": fact.currency,
        "due_at": _moment(fact.capture_before),
        "path": "/payments#authorised",
    }
    await to_merchant(
        tx,
        Kind.AUTHORISATION_ENDING,
        shop_id=fact.shop_id,
        fact_id=fact_id,
        facts=facts,
        order_id=fact.order_id,
    )


async def payment_lapsed(tx: Tx, fact: heard.PaymentLapsed, fact_id: UUID) -> None:
    """The buyer pays by the link now; as a reminder, which is not sent a second time for the same day."""
    facts = {"amount_minor": fact.amount_minor, "due_at": _moment(fact.due_at), "lapsed": True}
    await about_order(
        tx,
        Kind.PAY_REMINDER,
        shop_id=fact.shop_id,
        order_id=fact.order_id,
        fact_id=fact_id,
        facts=facts,
        expires_at=fact.due_at,
    )


async def difference_opened(tx: Tx, fact: heard.DifferenceOpened, fact_id: UUID) -> None:
    """Many at once are one message: the list has them all.  At most one an hour."""
    hour = uuid5(_HOURS, f"differences {fact.shop_id} {now():%Y-%m-%dT%H}")
    await to_merchant(
        tx,
        Kind.DIFFERENCE_OPENED,
        shop_id=fact.shop_id,
        fact_id=hour,
        facts={"path": "/payments#differences"},
    )


_HOURS: Final = UUID("0192f3c4-7b1e-7d52-9a60-5c1d8e2f4a77")


async def provider_silent(tx: Tx, fact: heard.ProviderSilent, fact_id: UUID) -> None:
    names = {"stripe": "Stripe", "alipay": "Alipay", "wechat": "WeChat Pay"}
    facts = {"provider": names.get(fact.provider, fact.provider), "path": "/payments#accounts"}
    await to_merchant(tx, Kind.PROVIDER_SILENT, shop_id=fact.shop_id, fact_id=fact_id, facts=facts)


async def payments_paused(tx: Tx, fact: heard.PaymentsPaused, fact_id: UUID) -> None:
    facts = {"count": fact.declines, "expires_at": _moment(fact.until), "path": "/payments"}
    await to_merchant(tx, Kind.PAYMENTS_PAUSED, shop_id=fact.shop_id, fact_id=fact_id, facts=facts)


async def refund_asked(tx: Tx, fact: heard.RefundAsked, fact_id: UUID) -> None:
    """To those who may confirm it."""
    facts = {
        "amount_minor": fact.amount_minor,
        "currency": fact.currency,
        "who": fact.asked_by_name,
        "path": f"/orders/{fact.order_id}",
    }
    await to_merchant(
        tx,
        Kind.REFUND_ASKED,
        shop_id=fact.shop_id,
        fact_id=fact_id,
        facts=facts,
        order_id=fact.order_id,
        roles=MANAGE_ORDERS,
        but=fact.asked_by,
    )


MANAGE_ORDERS: Final = (Role.OWNER, Role.MERCHANDISER)


# By the clock


async def remind(tx: Tx) -> int:
    """What is told because of the time it is: unpaid orders and balances, shows that start.  Returns how many."""
    reminded = 0
    for order in await told_queries.to_be_reminded(tx, lead_hours=REMIND_HOURS, limit=AT_ONCE):
        assert order.payment_due_at is not None, "asked for by it"
        reminded += await _remind(tx, order, order.first_minor - order.charged_minor, order.payment_due_at)
    for order in await told_queries.balances_to_be_reminded(tx, lead_hours=REMIND_HOURS, limit=AT_ONCE):
        assert order.balance_due_at is not None, "asked for by it"
        reminded += await _remind(tx, order, order.total_minor - order.charged_minor, order.balance_due_at)
    return reminded + await remind_of_shows(tx)


async def _remind(tx: Tx, order: Told, amount_minor: int, due_at: datetime) -> int:
    facts = {"amount_minor": amount_minor, "due_at": _moment(due_at)}
    await _to_buyer(
        tx,
        Kind.PAY_REMINDER,
        order,
        fact_id=uuid5(order.id, f"pay_reminder {_moment(due_at)}"),
        facts=facts,
        expires_at=due_at,
    )
    return 1


async def remind_of_shows(tx: Tx) -> int:
    """A show that starts within a quarter of an hour, or has just started; of one that is over nobody is told."""
    reminded = 0
    for show_id in await reader_queries.reminders_waiting(tx):
        show = await live.public_show(tx, show_id)
        soon = show.starts_at is not None and show.starts_at - now() <= BEFORE_SHOW
        if show.status == live.ShowStatus.PLANNED and not soon:
            continue
        for reminder in await reader_queries.take_reminders(tx, show_id=show_id):
            if show.status == live.ShowStatus.ENDED:
                continue
            starts = show.started_at or show.starts_at or now()
            await tell(
                tx,
                NewNotice(
                    shop_id=reminder.shop_id,
                    fact_id=reminder.id,
                    kind=Kind.SHOW_STARTS,
                    recipient=reminder.email,
                    locale=reminder.locale,
                    facts={
                        "show_id": show.id,
                        "title": show.title,
                        "titles": dict(show.titles),
                        "starts_at": _moment(starts),
                    },
                    expires_at=starts + timedelta(minutes=45),
                ),
            )
            reminded += 1
    return reminded


HEARD: Final[Mapping[type[Any], Any]] = {
    heard.Placed: placed,
    heard.Paid: paid,
    heard.BalanceRequested: balance_requested,
    heard.Delayed: delayed,
    heard.Shipped: shipped,
    heard.Tracked: tracked,
    heard.Delivered: delivered,
    heard.ReadyToCollect: ready_to_collect,
    heard.PickupReady: pickup_ready,
    heard.PickupReminded: pickup_reminded,
    heard.RefundPaid: refund_paid,
    heard.ReturnAsked: return_asked,
    heard.ReturnApproved: return_approved,
    heard.ReturnRefused: return_refused,
    heard.ReturnReceived: return_received,
    heard.ReturnExchanged: return_exchanged,
    heard.Edited: edited,
    heard.Cancelled: cancelled,
    heard.Reinstated: reinstated,
    fapiao.FapiaoRecorded: fapiao_recorded,
    purchases.WaitlistOffered: place_offered,
    purchases.WaitlistEnded: place_ended,
    heard.DisputeOpened: dispute_opened,
    heard.DisputeDue: dispute_due,
    heard.DisputeEnded: dispute_ended,
    heard.RefundFailed: refund_failed,
    heard.CaptureFailed: capture_failed,
    heard.AuthorisationEnding: authorisation_ending,
    heard.PaymentLapsed: payment_lapsed,
    heard.DifferenceOpened: difference_opened,
    heard.ProviderSilent: provider_silent,
    heard.RefundAsked: refund_asked,
    heard.PaymentsPaused: payments_paused,
}
"""Each is told the fact and its id."""

"""Disputes: what a bank asks about a payment, the evidence for it, and what was done about it."""

from dataclasses import replace
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import Form
from starlette.responses import HTMLResponse, Response

from shopfloor import disputes, documents, fulfilment, notices, order_lists, orders
from shopfloor.accounts import Permission
from shopfloor.kernel.database import Tx
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import Money, now
from shopfloor.web.console import messages
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.languages import N_
from shopfloor.web.papers import blocks_of
from shopfloor.web.replays import shots_of_page
from shopfloor.web.templating import page_text

router = Router(prefix="/console/{shop}/payments/disputes", include_in_schema=False)

Viewer = Annotated[Desk, at_page("payments")]
# The pack has the buyer's name and address, and what was said to the buyer.
Reader = Annotated[Desk, at(Permission.ORDERS_VIEW)]
Manager = Annotated[Desk, at(Permission.MONEY_MANAGE)]
Text = Annotated[str, Form(max_length=1000)]

# Why a buyer's bank asks, in Stripe's words; another is shown as it came.
REASONS: Final = {
    "fraudulent": N_("The cardholder says it wasn't them"),
    "product_not_received": N_("Not received"),
    "product_unacceptable": N_("Not as described, or faulty"),
    "duplicate": N_("Charged twice"),
    "subscription_canceled": N_("Cancelled before"),
    "credit_not_processed": N_("A refund that never came"),
    "unrecognized": N_("Not recognised on the statement"),
    "general": N_("No reason given"),
}
STATES: Final = {
    "needs_answer": (N_("Needs an answer"), "bad"),
    "under_review": (N_("Under review"), "wait"),
    "won": (N_("Won"), "good"),
    "lost": (N_("Lost to the buyer"), "bad"),
    "closed": (N_("Closed"), ""),
}
ANSWERS: Final = {"accepted": N_("Dispute accepted"), "evidence_sent": N_("Evidence sent")}
MOVEMENTS: Final = {
    "withdrawn": N_("Withdrawn by the bank"),
    "reinstated": N_("Returned by the bank"),
    "fee": N_("Fee"),
    "fee_returned": N_("Fee returned"),
}


def words(desk: Desk) -> dict[str, Any]:
    """What pages call things."""
    return {
        "reason": lambda each: desk.say(REASONS[each.reason]) if each.reason in REASONS else each.reason,
        "dispute_states": STATES,
        "money": Money,
    }


@router.get("")
async def listing(desk: Viewer, after: UUID | None = None, before: UUID | None = None) -> Response:
    async with desk.db.transaction() as tx:
        page = await disputes.page_of(tx, shop_id=desk.shop.id, after=after, before=before)
        numbers = await order_lists.numbers(
            tx,
            shop_id=desk.shop.id,
            order_ids=[each.subject_id for each in page.items if each.subject_id is not None],
        )
    return desk.page(
        "disputes.html", active="terms", disputes=page.items, page=page, numbers=numbers, **words(desk)
    )


async def _pack(tx: Tx, desk: Desk, dispute_id: UUID) -> dict[str, Any]:
    """Everything that speaks for the shop."""
    case = await disputes.case(tx, shop_id=desk.shop.id, dispute_id=dispute_id)
    order_id = case.dispute.subject_id
    known = {
        "case": case,
        "dispute": case.dispute,
        "answers": ANSWERS,
        "movements": MOVEMENTS,
        "message_labels": messages.labels(desk),
        "message_states": messages.STATES,
        "made_at": now(),
        "view": None,
        "shots": {},
        "parcels": [],
        "sent": [],
        **words(desk),
    }
    if order_id is None:
        return known
    view = await orders.order(tx, shop_id=desk.shop.id, order_id=order_id)
    shots = await shots_of_page(tx, desk.shop, view.page, hidden=True)
    site = messages.origin_of(desk)
    return known | {
        "view": view,
        "shots": {number: replace(each, file=f"{site}{each.file}") for number, each in shots.items()},
        "parcels": await fulfilment.of_order(tx, shop_id=desk.shop.id, order_id=order_id),
        "sent": await notices.of_order(tx, shop_id=desk.shop.id, order_id=order_id),
    }


@router.get("/{dispute_id}")
async def one(desk: Reader, dispute_id: UUID) -> Response:
    async with desk.db.transaction() as tx:
        pack = await _pack(tx, desk, dispute_id)
    return desk.page("dispute.html", active="terms", **pack)


async def _evidence(desk: Desk, dispute_id: UUID) -> str:
    async with desk.db.transaction() as tx:
        pack = await _pack(tx, desk, dispute_id)
    return page_text(
        "console/evidence.html",
        language=desk.language,
        path=desk.request.url.path,
        shop=desk.shop,
        money_of=desk.money,
        **pack,
    )


def _as_file(response: Response, desk: Desk, dispute_id: UUID, kind: str) -> Response:
    name = f"dispute-{desk.shop.slug}-{str(dispute_id)[-8:]}.{kind}"
    response.headers["content-disposition"] = f'attachment; filename="{name}"'
    response.headers["cache-control"] = "no-store"
    return response


@router.get("/{dispute_id}/evidence.html")
async def evidence(desk: Reader, dispute_id: UUID) -> Response:
    """The pack as a file of its own, to be kept."""
    return _as_file(HTMLResponse(await _evidence(desk, dispute_id)), desk, dispute_id, "html")


@router.get("/{dispute_id}/evidence.pdf")
async def evidence_pdf(desk: Reader, dispute_id: UUID) -> Response:
    """The same as one PDF, for the payment service."""
    blocks = blocks_of(await _evidence(desk, dispute_id))
    today = now().astimezone(ZoneInfo(desk.shop.timezone)).date()
    data = {
        "lang": documents.words.language(desk.language.tag),
        "title": blocks[0][1],
        "dated": today.isoformat(),
        "blocks": blocks,
    }
    content = await documents.typesetting.apart("evidence", data)
    return _as_file(Response(content, media_type="application/pdf"), desk, dispute_id, "pdf")


@router.post("/{dispute_id}/answer")
async def answer(desk: Manager, dispute_id: UUID, kind: Text = "", note: Text = "") -> Response:
    """Note what was done at the payment service, by whom and when."""
    path = f"/payments/disputes/{dispute_id}"
    with desk.back_if_refused(path):
        said = disputes.Answer.ACCEPTED if kind == "accepted" else disputes.Answer.EVIDENCE_SENT
        async with desk.work() as tx:
            await disputes.answer(
                tx,
                shop_id=desk.shop.id,
                dispute_id=dispute_id,
                kind=said,
                note=note,
                person_id=desk.actor.person_id,
            )
    return desk.back(path, desk.say(N_("Noted.")))

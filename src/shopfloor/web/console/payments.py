"""Payments: the accounts with which a shop is paid, money that fits no order, refunds that did not leave."""

from collections.abc import Mapping
from functools import partial
from operator import attrgetter
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Form, Query, Request
from starlette.responses import Response

from shopfloor import (
    approvals,
    disputes,
    order_lists,
    payment_accounts,
    payment_authorisations,
    payment_providers,
    payment_refunds,
    payments,
    reconciliation,
)
from shopfloor.accounts import Permission
from shopfloor.kernel import paging
from shopfloor.kernel.border import Id
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.http import public_link
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import whole_number
from shopfloor.web.console import payment_fields
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.console.disputes import words as dispute_words
from shopfloor.web.forms import Tick
from shopfloor.web.languages import N_
from shopfloor.web.paying import connections_of

router = Router(prefix="/console/{shop}/payments", include_in_schema=False)

Viewer = Annotated[Desk, at_page("payments")]
Manager = Annotated[Desk, at(Permission.MONEY_MANAGE)]
Text = Annotated[str, Form(max_length=20_000)]

# So many rows of each list are on a page.
_SHOWN: Final = 50
Mark = Annotated[str | None, Query(max_length=80)]
NAMES: Final = {
    "stripe": N_("Stripe"),
    "alipay": N_("Alipay"),
    "wechat": N_("WeChat Pay"),
    "test": N_("Test payments"),
    "manual": N_("Bank transfer and cash"),
}
# Each field as (label, hint); by the name that the provider's adapter gives it.
FIELDS: Final = {
    "secret_key": (N_("Secret key"), N_("Starts with sk_live_ or sk_test_. A restricted key works too.")),
    "webhook_secret": (
        N_("Webhook signing secret"),
        N_(
            "Starts with whsec_. Save first: then the address to enter at Stripe is shown here, and Stripe shows you this."
        ),
    ),
    **payment_fields.ALIPAY,
    **payment_fields.WECHAT,
}
ERRORS: Final = {
    "missing": N_("Fill this in."),
    "too_long": N_("This is too long."),
    "not_usable": N_("This can't be used. Check that it is complete and belongs to the mode you chose."),
    **payment_fields.ERRORS,
}
# What a check says when it is no sentence of the provider.
SAID: Final = {
    "key_refused": N_("The key was refused. Copy it again."),
    "webhook_secret_missing": N_(
        "The key works. The webhook signing secret is missing: payments are confirmed later without it."
    ),
    "away": N_("The payment service isn't responding. Try again later."),
    "secrets_lost": N_("The keys of this payment account can no longer be read. Enter them again."),
}
KINDS: Final = {
    "amount": N_("Another amount than was asked for"),
    "currency": N_("Another currency"),
    "twice": N_("Paid twice"),
    "late": N_("Paid after the order was over"),
    "unknown": N_("Belongs to no order"),
    "refund_failed": N_("A refund came back"),
    "missing_here": N_("On the statement, not here"),
    "missing_there": N_("Here, not on the statement"),
    "fee": N_("Another fee"),
}


def _known(request: Request) -> payment_accounts.Connections:
    found = connections_of(request)
    if found is None:
        raise payment_accounts.ConnectionNotFound
    return found


@router.get("")
async def desk_page(
    desk: Viewer,
    after: UUID | None = None,
    before: UUID | None = None,
    refunds_after: Mark = None,
    refunds_before: Mark = None,
    authorised_after: UUID | None = None,
    authorised_before: UUID | None = None,
    messages_after: UUID | None = None,
    messages_before: UUID | None = None,
    asked_after: UUID | None = None,
    asked_before: UUID | None = None,
) -> Response:
    """Each list is turned by itself."""
    async with desk.db.transaction() as tx:
        found = await reconciliation.desk(
            tx,
            shop_id=desk.shop.id,
            limit=_SHOWN,
            differences_at=(after, before),
            refunds_at=(refunds_after, refunds_before),
            authorised_at=(authorised_after, authorised_before),
            letters_at=(messages_after, messages_before),
        )
        limit = await approvals.refund_limit(tx, shop_id=desk.shop.id)
        asked = await paging.page(
            partial(approvals.waiting, tx, shop_id=desk.shop.id),
            after=asked_after,
            before=asked_before,
            limit=_SHOWN,
            key=attrgetter("id"),
        )
        contested = await disputes.waiting(tx, shop_id=desk.shop.id, limit=_SHOWN + 1)
        about: list[UUID | None] = [
            *(
                each.subject_id
                for each in [
                    *found.differences.items,
                    *found.refunds.items,
                    *found.authorised.items,
                    *contested,
                ]
            ),
            *(each.order_id for each in asked.items),
        ]
        numbers = await order_lists.numbers(
            tx,
            shop_id=desk.shop.id,
            order_ids=[each for each in about if each is not None],
        )
    known = _known(desk.request)
    return desk.page(
        "payments.html",
        active="terms",
        accounts=found.accounts,
        kinds=[name for name, kind in known.kinds.items() if kind.takes(desk.shop.currency)],
        statements=found.statements,
        names=NAMES,
        said=lambda account: desk.say(SAID[account.said]) if account.said in SAID else account.said,
        differences=found.differences.items,
        page=found.differences,
        words=KINDS,
        refunds=found.refunds,
        letters=found.letters,
        authorised=found.authorised,
        ends_soon=[each.payment_id for each in payment_authorisations.needs_somebody(found.authorised.items)],
        reserves=[name for name, kind in known.kinds.items() if kind.authorise is not None],
        numbers=numbers,
        disputes=contested[:_SHOWN],
        more_disputes=len(contested) > _SHOWN,
        refund_limit=limit,
        paused_until=found.paused_until,
        asked=asked,
        **dispute_words(desk),
    )


async def _form_page(
    desk: Desk,
    *,
    provider: str,
    values: Mapping[str, Any],
    account: payment_accounts.Connection | None,
    refusal: payment_providers.ConnectionRefused | None = None,
) -> Response:
    kind = _known(desk.request).kinds.get(provider)
    if kind is None:
        raise payment_accounts.ConnectionNotFound
    wrong = refusal.facts.get("fields") if refusal is not None else None
    errors = (
        {str(name): desk.say(ERRORS.get(str(why), ERRORS["missing"])) for name, why in wrong.items()}
        if isinstance(wrong, Mapping)
        else {}
    )
    return desk.page(
        "payment_account.html",
        active="terms",
        status=200 if refusal is None else refusal.status,
        kind=kind,
        account=account,
        name=NAMES.get(provider, provider),
        fields=[(each, *FIELDS.get(each.name, (each.name, ""))) for each in kind.fields],
        choices={
            name: [(value, desk.say(words)) for value, words in listed]
            for name, listed in payment_fields.CHOICES.items()
        },
        values=values,
        errors=errors,
        notify_url=""
        if account is None
        else public_link(desk.request, f"/payments/{account.provider}/{account.id}/notify"),
    )


@router.get("/account")
async def account_page(
    desk: Manager,
    provider: Annotated[str, Query(max_length=40)] = "stripe",
    account_id: Id | None = None,
) -> Response:
    if account_id is None:
        return await _form_page(desk, provider=provider, values={"mode": "test"}, account=None)
    async with desk.db.transaction() as tx:
        found = await payment_accounts.connection(tx, shop_id=desk.shop.id, connection_id=account_id)
    values = {**found.fields, "mode": found.mode, "label": found.label}
    return await _form_page(desk, provider=found.provider, values=values, account=found)


@router.post("/account")
async def save_account(
    desk: Manager,
    provider: Text = "",
    account_id: Text = "",
    mode: Text = "test",
    label: Text = "",
) -> Response:
    """Secrets that are left empty stay as they are; none is ever shown again."""
    typed = {name: str(value) for name, value in (await desk.request.form()).items()}
    number = whole_number(account_id)
    known = _known(desk.request)
    found = None
    try:
        async with desk.work() as tx:
            if number is not None:
                found = await payment_accounts.connection(tx, shop_id=desk.shop.id, connection_id=number)
            saved = await known.save(
                tx,
                shop_id=desk.shop.id,
                provider=provider,
                mode=mode,
                values=typed,
                label=label,
                connection_id=number,
            )
    except payment_providers.ConnectionRefused as refusal:
        kind = known.kinds.get(provider)
        secret = {each.name for each in kind.fields if each.secret} if kind is not None else set[str]()
        values = {name: value for name, value in typed.items() if name not in secret}
        return await _form_page(desk, provider=provider, values=values, account=found, refusal=refusal)
    await known.check(shop_id=desk.shop.id, connection_id=saved)
    return desk.back("/payments", desk.say(N_("Saved and checked. Switch it on when buyers may use it.")))


@router.post("/account/{account_id}/check")
async def check_account(desk: Manager, account_id: Id) -> Response:
    try:
        await desk.claim()
        checked = await _known(desk.request).check(shop_id=desk.shop.id, connection_id=account_id)
    except Refusal as refusal:
        return desk.refused("/payments", refusal)
    return desk.back(
        "/payments",
        desk.say(N_("The connection works."))
        if checked.ok
        else desk.say(N_("The connection doesn't work yet.")),
    )


@router.post("/account/{account_id}/switch")
async def switch_account(desk: Manager, account_id: Id, on: Tick) -> Response:
    try:
        async with desk.work() as tx:
            await payment_accounts.switch(tx, shop_id=desk.shop.id, connection_id=account_id, on=on)
    except Refusal as refusal:
        return desk.refused("/payments", refusal)
    said = N_("Buyers can pay with it now.") if on else N_("Switched off. Refunds still work.")
    return desk.back("/payments", desk.say(said))


@router.post("/account/{account_id}/capture")
async def capture_later(desk: Manager, account_id: Id, later: Tick = False) -> Response:
    """Whether buyers are charged when their orders ship, or when they are placed."""
    try:
        async with desk.work() as tx:
            await payment_accounts.capture_later(
                tx, shop_id=desk.shop.id, connection_id=account_id, later=later
            )
    except Refusal as refusal:
        return desk.refused("/payments", refusal)
    said = (
        N_("New orders are authorised now and charged when they ship.")
        if later
        else N_("New orders are charged when they are placed.")
    )
    return desk.back("/payments", desk.say(said))


@router.post("/authorisations/{payment_id}/again")
async def capture_again(desk: Manager, payment_id: UUID) -> Response:
    try:
        async with desk.work() as tx:
            await payment_authorisations.try_again(tx, shop_id=desk.shop.id, payment_id=payment_id)
    except Refusal as refusal:
        return desk.refused("/payments", refusal)
    return desk.back("/payments", desk.say(N_("The payment service is asked again.")))


@router.post("/account/{account_id}/remove")
async def remove_account(desk: Manager, account_id: Id) -> Response:
    try:
        async with desk.work() as tx:
            await payment_accounts.remove(tx, shop_id=desk.shop.id, connection_id=account_id)
    except Refusal as refusal:
        return desk.refused("/payments", refusal)
    return desk.back("/payments", desk.say(N_("Removed. Its keys are forgotten.")))


@router.post("/differences/{difference_id}/back")
async def send_back(desk: Manager, difference_id: UUID) -> Response:
    """The money goes back to where it came from."""
    try:
        await desk.claim()
        left = await reconciliation.differences.send_back(
            desk.db,
            _known(desk.request).of,
            shop_id=desk.shop.id,
            difference_id=difference_id,
            actor=f"person:{desk.actor.person_id}",
        )
    except Refusal as refusal:
        return desk.refused("/payments", refusal)
    said = (
        N_("The money is on its way back.") if left else N_("The payment service refused. Send it by hand.")
    )
    return desk.back("/payments", desk.say(said))


@router.post("/differences/{difference_id}/settle")
async def settle(desk: Manager, difference_id: UUID, note: Text = "") -> Response:
    """It was settled by hand; the note says how."""
    try:
        async with desk.work() as tx:
            await reconciliation.differences.close(
                tx,
                shop_id=desk.shop.id,
                difference_id=difference_id,
                actor=f"person:{desk.actor.person_id}",
                note=note,
            )
    except Refusal as refusal:
        return desk.refused("/payments", refusal)
    return desk.back("/payments", desk.say(N_("Closed.")))


@router.post("/refunds/{refund_id}/again")
async def refund_again(desk: Manager, refund_id: UUID) -> Response:
    try:
        async with desk.work() as tx:
            await payment_refunds.ask_again(tx, shop_id=desk.shop.id, refund_id=refund_id)
    except Refusal as refusal:
        return desk.refused("/payments", refusal)
    return desk.back("/payments", desk.say(N_("The refund is sent again.")))


@router.post("/messages/again")
async def messages_again(desk: Manager) -> Response:
    async with desk.work() as tx:
        await payment_accounts.inbox.replay(tx, shop_id=desk.shop.id)
    return desk.back("/payments", desk.say(N_("The messages are read again.")))


@router.post("/refund-limit")
async def set_refund_limit(desk: Manager, limit: Text = "") -> Response:
    """Above it a refund needs a second person; empty for no limit."""
    path = "/payments"
    with desk.back_if_refused(path):
        minor = desk.minor(limit) if limit.strip() else None
        async with desk.work() as tx:
            await approvals.set_refund_limit(
                tx, shop_id=desk.shop.id, limit_minor=minor, person_id=desk.actor.person_id
            )
    return desk.back(path, desk.say(N_("Saved.")))


@router.post("/resume")
async def resume(desk: Manager) -> Response:
    """Buyers may pay online again, before the pause is over."""
    path = "/payments"
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            await payments.guard.resume(tx, shop_id=desk.shop.id, person_id=desk.actor.person_id)
    return desk.back(path, desk.say(N_("Buyers can pay online again.")))

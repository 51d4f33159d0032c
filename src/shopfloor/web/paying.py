"""Paying online: the hand-over to a provider's page, and the page to which a buyer comes back.

The buyer leaves by a page of ours, not by a redirect out of a form: our policy lets forms lead nowhere else, and stays
so.  Coming back proves nothing; the provider is asked.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from fastapi import Form, Query, Request
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from shopfloor import accounts, fulfilment, orders, payment_accounts, payment_providers, payments
from shopfloor.kernel import late
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.headers import POLICY
from shopfloor.kernel.http import Db, public_link
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.shoppers.api import Shopper
from shopfloor.web.languages import N_, Language, language_of
from shopfloor.web.refusals import message_of
from shopfloor.web.templating import flash, render

if TYPE_CHECKING:
    import segno
else:
    segno = late.module("segno")

router = Router(include_in_schema=False)

Key = Annotated[str | None, Query(max_length=200)]
# What a way to pay is called, and what it says below; by provider.
WAYS: Final = {
    "stripe": (N_("Card or wallet"), N_("You pay on Stripe's secure page and come back here.")),
    "alipay": (N_("Alipay"), N_("You pay in Alipay and come back here.")),
    "wechat": (N_("WeChat Pay"), N_("You pay in WeChat and come back here.")),
    "test": (N_("Test payment"), N_("For trying out: no money moves.")),
}
LATER: Final = N_("The amount is reserved now and charged when your order ships.")


def connections_of(request: Request) -> payment_accounts.Connections | None:
    return services_of(request).find(payment_accounts.Connections)


async def ways(tx: Tx, request: Request, *, shop_id: int, currency: str) -> list[payments.Way]:
    """What buyers of this shop may pay `currency` with online."""
    known = connections_of(request)
    if known is None:
        return []
    return await payments.ways(tx, shop_id=shop_id, kinds=known.kinds, currency=currency)


async def chosen(db: Database, request: Request, *, shop: accounts.Shop, method: str) -> payments.Way | None:
    """The way that a form names; None for what needs no provider, or is no longer offered."""
    if not method.startswith("pay-"):
        return None
    async with db.transaction() as tx:
        online = await ways(tx, request, shop_id=shop.id, currency=shop.currency)
    return next((way for way in online if way.name == method), None)


async def providers(request: Request, *, shop_id: int) -> payment_providers.Providers:
    known = connections_of(request)
    return payment_providers.MANUAL_ONLY if known is None else await known.of(shop_id)


def choices(
    found: Sequence[payments.Way],
    language: Language,
    *,
    other: bool = True,
    later: Callable[[payments.Way], bool] = lambda _: False,
) -> list[tuple[str, str, str]]:
    """(value, words, small print); with `other` also what needs no provider.  `later`: whether money is only reserved."""
    say = language.words.gettext
    listed: list[tuple[str, str, str]] = []
    for way in found:
        words, hint = WAYS.get(way.provider, WAYS["stripe"])
        small = say(WAYS["test"][1]) if way.is_test else say(hint)
        if later(way):
            small = f"{small} {say(LATER)}"
        listed.append((way.name, way.label or say(words), small))
    if other:
        listed += [
            (
                "transfer",
                say(N_("Bank transfer")),
                say(N_("You'll see the bank details next; the order ships once the payment arrives.")),
            ),
            ("cash", say(N_("Cash on pickup")), say(N_("Pay when you pick it up."))),
        ]
    return listed


def return_to(request: Request, slug: str) -> Callable[[UUID, str], str]:
    """Where a buyer comes back to.  With the key: a code may be paid with another device than the one that ordered."""

    def link(order_id: UUID, key: str) -> str:
        return str(public_link(request, f"/s/{slug}/orders/{order_id}/payment?key={key}"))

    return link


def payer(request: Request, language: Language) -> payments.attempts.Payer:
    agent = request.headers.get("user-agent", "").casefold()
    device = "wechat" if "micromessenger" in agent else "phone" if "mobile" in agent else "desktop"
    address = "" if request.client is None else request.client.host
    return payments.attempts.Payer(locale=language.tag, device=device, client_address=address)


async def payable(tx: Tx, request: Request, view: orders.OrderView) -> list[payments.Way]:
    """With what the buyer may pay now what is due on an order."""
    if view.due is None or view.balance_later or view.order.method == "cash":
        return []
    return await ways(tx, request, shop_id=view.order.shop_id, currency=view.order.currency)


def by_hand(view: orders.OrderView) -> list[payments.Way]:
    """What the buyer of an order that was to be paid online may choose instead."""
    if view.due is None or view.balance_later or view.order.provider == "manual":
        return []
    methods = ["transfer", *(["cash"] if view.order.delivery == fulfilment.Delivery.PICK_UP else [])]
    return [payments.Way(None, "manual", method, "", is_test=False) for method in methods]


def _path(slug: str, order_id: UUID, key: str | None, page: str = "", **more: str) -> str:
    asked = ({} if key is None else {"key": key}) | more
    return f"/s/{slug}/orders/{order_id}{page}" + (f"?{urlencode(asked)}" if asked else "")


@router.post("/s/{shop}/orders/{order_id}/pay")
@public
async def pay(
    request: Request,
    shop: str,
    order_id: UUID,
    shopper: Shopper,
    db: Db,
    way: Annotated[str, Form(max_length=40)] = "",
    key: Key = None,
) -> Response:
    """Pay what is due, in this way.  Sent twice it is one attempt."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        view = await orders.order_for_shopper(
            tx, shop_id=found.id, order_id=order_id, shopper=shopper, key=key
        )
        offered = [*await payable(tx, request, view), *by_hand(view)]
        wanted = next((each for each in offered if each.name == way), None)
    language = language_of(request, found.locale)
    try:
        if wanted is None:
            raise payment_providers.ProviderUnknown
        await orders.paying.begin(
            db,
            await providers(request, shop_id=found.id),
            shop_id=found.id,
            order_id=order_id,
            way=wanted,
            return_url=return_to(request, found.slug)(order_id, view.order.key),
            payer=payer(request, language),
        )
    except Refusal as refusal:
        response = RedirectResponse(_path(found.slug, order_id, key), status_code=303)
        flash(response, "bad", message_of(refusal, language))
        return response
    if wanted.connection_id is None:
        response = RedirectResponse(_path(found.slug, order_id, key), status_code=303)
        flash(response, "good", language.words.gettext(N_("Changed. How to pay is shown below.")))
        return response
    return RedirectResponse(_path(found.slug, order_id, key, "/pay"), status_code=303)


@router.get("/s/{shop}/orders/{order_id}/pay")
@public
async def hand_over(
    request: Request, shop: str, order_id: UUID, shopper: Shopper, db: Db, key: Key = None
) -> Response:
    """Leads on to the provider.  The one page whose headers make room for it, and only for it."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        view = await orders.order_for_shopper(
            tx, shop_id=found.id, order_id=order_id, shopper=shopper, key=key
        )
        payment = await payments.newest_online(tx, subject_id=order_id)
    action = None if payment is None else payments.attempts.action_of(payment)
    if action is None or view.due is None:
        return RedirectResponse(_path(found.slug, order_id, key, "/payment"), status_code=303)
    assert payment is not None
    if action.kind == "jsapi" and not action.fields:
        return RedirectResponse(
            _path(found.slug, order_id, key, "/who", way=f"pay-{payment.connection_id}"), status_code=303
        )
    code = None
    if action.kind == "qr":
        code = Markup(segno.make(action.url, error="m").svg_inline(scale=6, border=2))  # noqa: S704 -- made by segno
    response = render(
        request,
        "shop/pay.html",
        shop=found,
        order=view.order,
        due=view.due,
        action=action,
        code=code,
        back=_path(found.slug, order_id, key),
        check=_path(found.slug, order_id, key, "/payment"),
    )
    response.headers["cache-control"] = "private, no-store"
    # WeChat's page wants to know where its visitor comes from; the path, which has the order's key, stays here.
    response.headers["referrer-policy"] = "strict-origin"
    if action.kind == "form":
        parts = urlsplit(action.url)
        response.headers["content-security-policy"] = POLICY.replace(
            "form-action 'self'", f"form-action 'self' {parts.scheme}://{parts.netloc}"
        )
    return response


@router.get("/s/{shop}/orders/{order_id}/who")
@public
async def who(
    request: Request,
    shop: str,
    order_id: UUID,
    shopper: Shopper,
    db: Db,
    way: Annotated[str, Query(max_length=40)] = "",
    code: Annotated[str, Query(max_length=200)] = "",
    key: Key = None,
) -> Response:
    """Inside WeChat: lets WeChat say who is in front of the page, and comes back with it to pay.

    By a page that leads on, as every way out of here.  Who cannot be known is shown the order.
    """
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        view = await orders.order_for_shopper(
            tx, shop_id=found.id, order_id=order_id, shopper=shopper, key=key
        )
        chosen = next((each for each in await payable(tx, request, view) if each.name == way), None)
    known = await providers(request, shop_id=found.id)
    provider = None if chosen is None else known.get(f"{chosen.provider}/{chosen.connection_id}")
    language = language_of(request, found.locale)
    if chosen is None or not isinstance(provider, payment_providers.AsksWho) or not provider.asks_who:
        return RedirectResponse(_path(found.slug, order_id, key), status_code=303)
    if not code:
        back = str(public_link(request, _path(found.slug, order_id, key, "/who", way=way)))
        response = render(
            request,
            "shop/pay.html",
            shop=found,
            order=view.order,
            due=view.due,
            action=payment_providers.Action(
                payment_providers.ActionKind.REDIRECT, provider.who_address(back=back, state=way)
            ),
            code=None,
            back=_path(found.slug, order_id, key),
            check=_path(found.slug, order_id, key, "/payment"),
        )
        response.headers["cache-control"] = "private, no-store"
        return response
    try:
        openid = await provider.who(code)
        if openid is None:
            raise payment_providers.ProviderAway
        await orders.paying.begin(
            db,
            known,
            shop_id=found.id,
            order_id=order_id,
            way=chosen,
            return_url=return_to(request, found.slug)(order_id, view.order.key),
            payer=replace(payer(request, language), device="wechat", openid=openid),
        )
    except Refusal as refusal:
        response = RedirectResponse(_path(found.slug, order_id, key), status_code=303)
        flash(response, "bad", message_of(refusal, language))
        return response
    return RedirectResponse(_path(found.slug, order_id, key, "/pay"), status_code=303)


@router.get("/s/{shop}/orders/{order_id}/payment")
@public
async def came_back(
    request: Request, shop: str, order_id: UUID, shopper: Shopper, db: Db, key: Key = None
) -> Response:
    """Paid, being confirmed, or not paid: as the provider says now."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        await orders.order_for_shopper(tx, shop_id=found.id, order_id=order_id, shopper=shopper, key=key)
        payment = await payments.newest_online(tx, subject_id=order_id)
    language = language_of(request, found.locale)
    if payment is not None and not payment.state.is_over:
        # What a provider that is away says later is heard in the background too.
        with suppress(payment_providers.ProviderAway, payment_providers.ProviderUnknown):
            payment = await orders.paying.look(
                db, await providers(request, shop_id=found.id), payment=payment
            )
    async with db.transaction() as tx:
        view = await orders.order_for_shopper(
            tx, shop_id=found.id, order_id=order_id, shopper=shopper, key=key
        )
        online = await payable(tx, request, view)
    if payment is None or view.due is None or payment.state == "captured":
        response = RedirectResponse(_path(found.slug, order_id, key), status_code=303)
        if view.order.authorised_minor and view.due is None:
            flash(
                response,
                "good",
                language.words.gettext(N_("Thank you. You are charged when your order ships.")),
            )
        elif (
            payment is not None
            and payment.state == "captured"
            and view.due is None
            and view.order.charged_minor
        ):
            flash(response, "good", language.words.gettext(N_("Payment received. Thank you.")))
        return response
    action = payments.attempts.action_of(payment)
    if action is not None and action.kind == "qr":
        # Nobody has scanned it yet: back to the code, which asks again in a moment.
        return RedirectResponse(_path(found.slug, order_id, key, "/pay"), status_code=303)
    response = render(
        request,
        "shop/payment.html",
        shop=found,
        order=view.order,
        due=view.due,
        payment=payment,
        waits=payment.state in {"created", "pending", "authorised"},
        action=action,
        online=choices(online, language, other=False),
        by_hand=[way.name for way in by_hand(view)],
        pay=_path(found.slug, order_id, key, "/pay"),
        check=_path(found.slug, order_id, key, "/payment"),
        back=_path(found.slug, order_id, key),
    )
    response.headers["cache-control"] = "private, no-store"
    return response

"""From a hold to an order: the page of a checkout, and the form it sends."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from typing import Annotated, Final
from uuid import UUID

from fastapi import Form, Query, Request
from starlette.responses import RedirectResponse, Response

from shopfloor import (
    accounts,
    catalog,
    customers,
    fapiao,
    orders,
    payment_providers,
    payments,
    promotions,
)
from shopfloor.accounts import Shop
from shopfloor.fulfilment import Delivery
from shopfloor.kernel import chinese_divisions
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.http import Db
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.kernel.values import Money, now
from shopfloor.shoppers.api import Shopper
from shopfloor.sms import offers as offers_of
from shopfloor.sms import want
from shopfloor.web import cart as carts
from shopfloor.web import fapiao as fapiaos
from shopfloor.web import paying, store_words
from shopfloor.web.customer_account import pastes_addresses
from shopfloor.web.customers import token_of
from shopfloor.web.languages import N_, Language, language_of, speak
from shopfloor.web.origins import note_origin
from shopfloor.web.parts import EXCEPTED, Texts, texts_now
from shopfloor.web.refusals import message_of
from shopfloor.web.regions import countries
from shopfloor.web.sms import WANTED
from shopfloor.web.templating import flash, money_text, render

router = Router(include_in_schema=False)

Text = Annotated[str, Form()]
Key = Annotated[str | None, Query(max_length=200)]

# What is wrong with a field, in words.  The keys are those of `FormRefused`.
FIELD_ERRORS: Final = {
    "missing": N_("Fill this in."),
    "too_long": N_("This is too long."),
    "phone_or_email": N_("Enter a phone number or an email address so the seller can reach you."),
    "not_a_phone_number": N_("Enter a valid phone number."),
    "not_an_address": N_("Enter a valid email address."),
    "not_for_this_delivery": N_("Cash is available for pickup only."),
    "not_to_this_place": N_("This delivery isn't available for your address. Choose another one."),
    "not_in_store": N_("This store no longer has everything. Choose another one, or have it sent."),
    "parcel_gone": N_("That order has been packed or cancelled. Choose how this one is sent."),
    "code_unknown": N_("This code doesn't exist. Check the spelling, or leave the field empty."),
    "code_not_started": N_("This code isn't valid yet."),
    "code_ended": N_("This code is no longer valid."),
    "code_used_up": N_("This code has been used up."),
    "code_already_used": N_("You have already used this code."),
    "code_other_show": N_("This code is only valid in a certain show."),
    "code_not_first": N_("This code is only valid for a first order."),
    "code_other_currency": N_("This code isn't valid in this currency."),
    "code_no_line": N_("This code isn't valid for these items."),
    "code_below_minimum": N_("Your order is below the minimum for this code."),
    "code_too_few": N_("Your order has too few items for this code."),
}
# What a code that was given comes to, where it is no error.
BETTER_ALREADY: Final = N_("Another discount on this order is better.")
NOTHING_TO_LOWER: Final = N_("There is nothing left to discount.")
SHORT_OF_MINIMUM: Final = N_("%(amount)s more to use this code.")


_BASKET_CHANGED: Final = "orders.basket_changed"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a form came back: `fields` beside their fields, `general` on top."""

    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    general: str | None = None


@router.get("/s/{shop}/checkout/{hold_id}")
@public
async def checkout(
    request: Request,
    shop: str,
    hold_id: UUID,
    shopper: Shopper,
    db: Db,
    *,
    to: UUID | None = None,
    only: bool = False,
) -> Response:
    """All that its shopper holds, with `only` this purchase by itself; filled in with an address of the account (`to`
    chooses one), or of the last order of this browser.
    """
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        reader = await customers.account.at_checkout(
            tx, shop_id=found.id, token=token_of(request), shopper=shopper, address_id=to
        )
        known = reader.remembered
        address = None
        if known is not None and known.address:
            address = orders.Address(**{name: str(known.address.get(name) or "") for name in _PARTS})
        begun = await orders.begin_checkout(
            tx, shop_id=found.id, hold_id=hold_id, shopper=shopper, also=() if only else None, address=address,
            email="" if known is None else known.email, phone="" if known is None else known.phone, others=reader.others,
        )  # fmt: skip
        if begun.order_id is not None:
            return RedirectResponse(f"/s/{found.slug}/orders/{begun.order_id}", status_code=303)
        texts = await _texts(tx, request, found, begun)
        online = await paying.ways(tx, request, shop_id=found.id, currency=found.currency)
        asks_fapiao = await fapiao.is_offered(tx, shop_id=found.id)
        offers_sms = await offers_of(tx, shop_id=found.id)
    values = {"method": online[0].name if online else "transfer"}
    if known is not None:
        country = {} if begun.quote.asks_country else {"country": str(known.address.get("country") or "")}
        values |= {"name": known.name, "phone": known.phone, "email": known.email}
        values |= {name: str(known.address.get(name) or "") for name in _PARTS if name != "country"} | country
    return _checkout_page(
        request, found, begun, texts, values, Trouble(), online, offers_sms,
        asks_fapiao=asks_fapiao, customer=reader.customer, addresses=reader.addresses, is_remembered=known is not None,
        chosen_address=to or next((each.id for each in reader.addresses), None),
    )  # fmt: skip


async def elsewhere(tx: Tx, request: Request, shop: Shop, shopper: UUID) -> list[UUID]:
    """The reader's other browsers, where they are signed in: one basket, one parcel."""
    return await customers.signing_in.others(tx, shop_id=shop.id, token=token_of(request), shopper=shopper)


_PARTS: Final = ("street", "city", "postcode", "region", "country")


@router.post("/s/{shop}/checkout/{hold_id}/forget")
@public
async def forget_address(request: Request, shop: str, hold_id: UUID, shopper: Shopper, db: Db) -> Response:
    """This browser no longer fills in what earlier orders had."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        await customers.account.forget_browser(tx, shop_id=found.id, shopper=shopper)
    response = RedirectResponse(f"/s/{found.slug}/checkout/{hold_id}", status_code=303)
    flash(response, "good", speak(request).gettext(N_("Your address is no longer filled in here.")))
    return response


async def _texts(tx: Tx, request: Request, shop: Shop, begun: orders.Checkout) -> Texts:
    """What is bought, in the reader's language."""
    everything = [*begun.shown, *(each for line in begun.lines for each in line.shown)]
    items = [each.bundle or each.lines[0] for each in everything]
    parts = [line for each in everything for line in each.lines]
    ids = sorted({each.product_id for each in [*items, *parts]})
    products = await catalog.products_by_id(tx, shop_id=shop.id, ids=ids)
    return texts_now(products.values(), language_of(request, shop.locale))


@router.post("/s/{shop}/checkout/{hold_id}")
@public
async def send_checkout(
    request: Request,
    shop: str,
    hold_id: UUID,
    shopper: Shopper,
    db: Db,
    name: Text = "",
    phone: Text = "",
    email: Text = "",
    delivery: Text = "ship",
    street: Text = "",
    city: Text = "",
    region: Text = "",
    postcode: Text = "",
    country: Text = "",
    method: Text = "transfer",
    note: Text = "",
    code: Text = "",
    look: Text = "",
    pasted: Text = "",
    fill: Text = "",
    lines: Text = "",
    fapiao_kind: Text = "",
    fapiao_title: Text = "",
    fapiao_tax_id: Text = "",
    fapiao_email: Text = "",
    sms: Text = "",
    pick: Text = "",
    area_region: Text = "",
    area_city: Text = "",
    area_district: Text = "",
) -> Response:
    """Order the `lines` that the page showed; with `look` only show what it costs to send it there.  The same form again leads to the same order."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        others = await elsewhere(tx, request, found, shopper)
        asks_fapiao = await fapiao.is_offered(tx, shop_id=found.id)
    language = language_of(request, found.locale)
    way = Delivery.PICK_UP if delivery.startswith("pick_up") else Delivery.SHIP
    shown = str((await request.form()).get(f"total_{delivery}", ""))
    values = {
        "name": name, "phone": phone, "email": email, "delivery": delivery, "street": street, "city": city,
        "region": region, "postcode": postcode, "country": country, "method": method, "note": note,
        "code": code, "sms": sms, "fapiao_kind": fapiao_kind, "fapiao_title": fapiao_title, "fapiao_tax_id": fapiao_tax_id,
        "fapiao_email": fapiao_email,
    }  # fmt: skip
    picking = chinese_divisions.Area.chosen(area_region, area_city, area_district) if pick else None
    if fill or picking is not None:
        values |= customers.filled_in(pasted) if picking is None else picking.filled_in(street)
        look, street, city, region, postcode = (
            "1",
            *(values[part] for part in ("street", "city", "region", "postcode")),
        )
    codes = promotions.apart(code) if code.strip() else []
    also = _purchases(lines, but=hold_id)
    guard = services_of(request).find(promotions.CodeGuard) if codes else None
    network = network_of(request)
    address = orders.Address(street, city, postcode, region, country)
    refused: Refusal | None = None
    try:
        if guard is not None:
            guard.check(shopper=shopper, network=network, now=time.monotonic())
    except promotions.TooManyTries as refusal:
        refused, codes, look = refusal, [], "1"
    if look:
        async with db.transaction() as tx:
            begun = await orders.begin_checkout(
                tx, shop_id=found.id, hold_id=hold_id, shopper=shopper, address=address, codes=codes, email=email,
                phone=phone, also=also, others=others,
            )  # fmt: skip
            texts = await _texts(tx, request, found, begun)
            online = await paying.ways(tx, request, shop_id=found.id, currency=found.currency)
            offers_sms = await offers_of(tx, shop_id=found.id)
        trouble = Trouble()
        if refused is not None:
            trouble = Trouble(fields={"code": message_of(refused, language)})
        _count_misses(guard, begun, shopper, network)
        status = 200 if refused is None else refused.status
        return _checkout_page(
            request,
            found,
            begun,
            texts,
            values,
            trouble,
            online,
            offers_sms,
            status=status,
            asks_fapiao=asks_fapiao,
        )
    chosen = await paying.chosen(db, request, shop=found, method=method)
    form = orders.Form(
        name=name,
        delivery=way,
        phone=phone,
        email=email,
        address=address,
        provider="manual" if chosen is None else chosen.provider,
        method=method if chosen is None else chosen.method,
        connection_id=None if chosen is None else chosen.connection_id,
        note=note,
        locale=language.tag,
        shipping_method=delivery.removeprefix(way).removeprefix("_"),
        codes=tuple(codes),
        expected_total_minor=int(shown) if shown.isascii() and shown.isdigit() and len(shown) < 16 else None,
    )
    wanted = fapiaos.wanted_in(values, name=name, prefix="fapiao_") if asks_fapiao else None
    try:
        if wanted is not None:
            wanted = fapiao.tidied(wanted)
        order = (
            await services_of(request)
            .part(orders.Checkouts)
            .complete(
                shop_id=found.id,
                hold_id=hold_id,
                shopper=shopper,
                form=form,
                network=network,
                providers=payment_providers.MANUAL_ONLY
                if chosen is None
                else await paying.providers(request, shop_id=found.id),
                return_to=paying.return_to(request, found.slug),
                payer=paying.payer(request, language),
                also=also,
                others=others,
                authorise=None if chosen is None else chosen.authorise,
            )
        )
    except orders.CheckoutNotFound:
        raise
    except Refusal as refusal:
        async with db.transaction() as tx:
            begun = await orders.begin_checkout(
                tx, shop_id=found.id, hold_id=hold_id, shopper=shopper, address=address, codes=codes, email=email,
                phone=phone, also=also, others=others,
            )  # fmt: skip
            texts = await _texts(tx, request, found, begun)
            online = await paying.ways(tx, request, shop_id=found.id, currency=found.currency)
            offers_sms = await offers_of(tx, shop_id=found.id)
        _count_misses(guard, begun, shopper, network)
        if begun.order_id is not None and refusal.code == _BASKET_CHANGED:
            return RedirectResponse(f"/s/{found.slug}/orders/{begun.order_id}", status_code=303)
        return _checkout_page(
            request, found, begun, texts, values, trouble_of(refusal, language), online, offers_sms, status=refusal.status,
            asks_fapiao=asks_fapiao,
        )  # fmt: skip
    await note_origin(request, db, found, order.id, network)
    if sms and phone.strip():
        async with db.transaction() as tx:
            said = language.words.gettext(WANTED)
            await want(tx, shop_id=found.id, order_id=order.id, phone=phone, wording=said)
    if wanted is not None:
        # The order stands, whatever becomes of this.
        with suppress(Refusal):
            async with db.transaction() as tx:
                await fapiao.ask(
                    tx, shop_id=found.id, order_id=order.id, wanted=wanted, via=fapiao.Via.CHECKOUT, locale=language.tag
                )  # fmt: skip
    on = (
        "/pay"
        if chosen is not None and order.charged_minor + order.authorised_minor < order.first_minor
        else ""
    )
    response = RedirectResponse(f"/s/{found.slug}/orders/{order.id}{on}", status_code=303)
    if carts.COOKIE in request.cookies:
        async with db.transaction() as tx:
            view = await orders.order_for_shopper(tx, shop_id=found.id, order_id=order.id, shopper=shopper)
        bought = [each.variant_id for each in [*view.lines, *view.bundles]]
        left = carts.without(request, bought)
        if left is not None:
            carts.keep(response, request, found, left)
    return response


def _purchases(text: str, *, but: UUID) -> list[UUID]:
    """Ids with commas between them, as the page wrote them.  Raises CheckoutNotFound for what is none."""
    try:
        found = [UUID(each) for each in text.split(",") if each]
    except ValueError:
        raise orders.CheckoutNotFound(lines=text[:100]) from None
    return [each for each in found if each != but]


def _count_misses(
    guard: promotions.CodeGuard | None, begun: orders.Checkout, shopper: UUID, network: int | None
) -> None:
    """Codes that do not exist, so that nobody guesses for long."""
    codes = begun.quote.ways[0].codes if begun.quote.ways else []
    for each in codes:
        if guard is not None and each.why == promotions.Why.UNKNOWN:
            guard.missed(shopper=shopper, network=network, now=time.monotonic())


def _code_notes(begun: orders.Checkout, chosen: str, language: Language) -> list[tuple[str, str, bool]]:
    """Each code that was given: as it was typed, what became of it, and whether that is good."""
    words = language.words.gettext
    way = next((way for way in begun.quote.ways if way.field == chosen), None)
    notes: list[tuple[str, str, bool]] = []
    for each in way.codes if way is not None else []:
        match each.why:
            case None:
                amount = money_text(Money(-each.amount_minor, begun.currency), language)
                notes.append((each.code, f"{each.title}: {amount}", True))
            case "other_is_better":
                notes.append((each.code, words(BETTER_ALREADY), True))
            case "nothing_left":
                notes.append((each.code, words(NOTHING_TO_LOWER), True))
            case "below_minimum":
                amount = money_text(Money(each.missing, begun.currency), language)
                notes.append((each.code, words(SHORT_OF_MINIMUM) % {"amount": amount}, False))
            case why:
                notes.append((each.code, words(FIELD_ERRORS[f"code_{why}"]), False))
    return notes


def network_of(request: Request) -> int | None:
    networks = services_of(request).networks
    return None if networks is None or request.client is None else networks.key(request.client.host)


def trouble_of(refusal: Refusal, language: Language) -> Trouble:
    """A refusal as what stands beside the fields, or above the form."""
    if isinstance(refusal, fapiao.FormRefused):
        return Trouble(fields=fapiaos.errors_of(refusal, language, prefix="fapiao_"))
    fields = refusal.facts.get("fields")
    if not isinstance(fields, Mapping):
        return Trouble(general=message_of(refusal, language))
    known: dict[str, str] = {}
    for name, why in fields.items():
        known[str(name)] = language.words.gettext(FIELD_ERRORS.get(str(why), FIELD_ERRORS["missing"]))
    return Trouble(fields=known)


def _checkout_page(
    request: Request,
    shop: Shop,
    begun: orders.Checkout,
    texts: Texts,
    values: Mapping[str, str],
    trouble: Trouble,
    online: Sequence[payments.Way],
    offers_sms: bool,
    *,
    status: int = 200,
    customer: customers.Customer | None = None,
    addresses: Sequence[customers.account.Address] = (),
    is_remembered: bool = False,
    asks_fapiao: bool = False,
    picking: chinese_divisions.Area | None = None,
    chosen_address: UUID | None = None,
) -> Response:
    at = now()
    language = language_of(request, shop.locale)
    quoted = begun.quote
    names = [way.field for way in quoted.ways]
    kept = [each for each in begun.lines if not each.is_over]
    wanted = values.get("delivery") or ""
    chosen = wanted if wanted in names else next(iter(names), "")
    facts = {
        "shop_id": shop.id,
        "show_id": begun.show_id,
        "offer_id": begun.offer_id,
        "hold_id": str(begun.id),
    }
    pastes, area = pastes_addresses(shop, language), picking
    if pastes and area is None:
        area = chinese_divisions.Area.of(*(values.get(name, "") for name in ("region", "city", "street")))
    response = render(
        request,
        "shop/checkout.html",
        status=status,
        shop=shop,
        checkout=begun,
        shown=begun.shown,
        quote=quoted,
        ways=list(zip(names, quoted.ways, strict=True)),
        first=quoted.ways[0].totals if quoted.ways else None,
        code_notes=_code_notes(begun, chosen, language),
        countries=countries(language, quoted.countries) if quoted.asks_country else [],
        money=lambda minor: Money(minor, begun.currency),
        values={"country": quoted.place.country if quoted.asks_country else "", **values, "delivery": chosen},
        trouble=trouble,
        methods=paying.choices(
            online,
            language,
            later=lambda way: begun.may_wait(
                way.authorise, Delivery.PICK_UP if chosen.startswith(Delivery.PICK_UP) else Delivery.SHIP
            ),
        ),
        kept=kept,
        over=[each for each in begun.lines if each.is_over],
        soonest=min((each.expires_at for each in kept if each.expires_at is not None), default=None),
        is_over=begun.expires_at is not None and begun.expires_at <= at,
        server_ms=int(at.timestamp() * 1000),
        texts=texts,
        customer=customer,
        addresses=addresses,
        is_remembered=is_remembered,
        chosen_address=chosen_address,
        pastes=pastes,
        area=area,
        picking=picking is not None,
        offers_sms=offers_sms,
        wanted=WANTED,
        no_return=_not_returned(begun, texts, language),
        store_of={
            way.id: store_words.choice(way.store, language) for way in quoted.ways if way.store is not None
        },
        lacking=store_words.lacking(quoted.lacking, sum(item.quantity for item in begun.items), language),
        fapiao_kinds=fapiaos.kinds(language, none=True) if asks_fapiao else [],
        events=[("begin_checkout", facts)] if status == 200 else [],
    )
    response.headers["cache-control"] = "private, no-store"
    return response


def _not_returned(begun: orders.Checkout, texts: Texts, language: Language) -> list[str]:
    """Which of it cannot be given back without a fault, and why: said before anybody orders."""
    items = {item.product_id: item for item in begun.items}
    return [
        f"{texts.title(items[int(product_id)])}: {language.words.gettext(EXCEPTED[why])}"
        for product_id, why in begun.promised.exceptions.items()
    ]

"""The account of a shopper: contacts, addresses, what is kept, and its end."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Annotated
from uuid import UUID

from fastapi import Form, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from shopfloor import accounts, customers
from shopfloor.accounts import Shop
from shopfloor.kernel import chinese_divisions, secrets
from shopfloor.kernel.errors import Conflict, Refusal
from shopfloor.kernel.http import Db
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.kernel.values import Money
from shopfloor.shoppers.api import Shopper
from shopfloor.web import languages
from shopfloor.web.console.account import device_words
from shopfloor.web.customers import (
    CODE_COOKIE,
    FIELD_ERRORS,
    NEWS,
    Text,
    Way,
    WayForm,
    back,
    customer_of,
    drop_session,
    network_of,
    private_page,
    remember_code,
    shop_and_customer,
    shown_contact,
    takes_phones,
    token_of,
)
from shopfloor.web.forms import Tick
from shopfloor.web.languages import N_, language_of
from shopfloor.web.refusals import message_of
from shopfloor.web.templating import flash

router = Router(prefix="/s/{shop}", include_in_schema=False)


@router.get("/account")
@public
async def my_account(request: Request, shop: str, shopper: Shopper, db: Db) -> Response:
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        customer = await customer_of(tx, request, found, shopper)
        if customer is None:
            return RedirectResponse(f"/s/{found.slug}/account/sign-in", status_code=303)
        bought = await customers.orders_of(tx, shop_id=found.id, customer_id=customer.id)
        addresses = await customers.account.addresses(tx, customer=customer)
        sessions = await customers.signing_in.sessions(
            tx, shop_id=found.id, customer_id=customer.id, token=token_of(request) or ""
        )
        said = await customers.consents(tx, shop_id=found.id, customer_id=customer.id)
        wants = await customers.account.wants_news(tx, customer=customer)
        reminders = await customers.account.reader_of(customer).reminders(tx)
        by_phone = await takes_phones(tx, found)
    return private_page(
        request,
        "account.html",
        shop=found,
        customer=customer,
        orders=bought[:5],
        amount=Money,
        addresses=addresses,
        sessions=[(each, device_words(each.device)) for each in sessions],
        said=said[0] if said else None,
        wants=wants,
        news=NEWS,
        reminders=reminders,
        by_phone=by_phone,
        number=shown_contact(customer.proven_phone),
        values={"name": customer.name},
        errors={},
    )


@router.post("/account/name")
@public
async def rename(request: Request, shop: str, shopper: Shopper, db: Db, name: Text = "") -> Response:
    async with db.transaction() as tx:
        found, customer = await shop_and_customer(tx, request, shop, shopper)
        await customers.account.rename(tx, customer=customer, name=name)
    return back(f"/s/{found.slug}/account", request, N_("Saved."))


@router.post("/account/news")
@public
async def answer_news(request: Request, shop: str, shopper: Shopper, db: Db, news: Tick = False) -> Response:
    async with db.transaction() as tx:
        found, customer = await shop_and_customer(tx, request, shop, shopper)
        await customers.account.answer_news(
            tx,
            customer=customer,
            granted=news,
            source=customers.Source.ACCOUNT,
            wording=language_of(request, found.locale).words.gettext(NEWS),
        )
    said = N_("You'll get news from this shop.") if news else N_("You won't get news from this shop.")
    return back(f"/s/{found.slug}/account#messages", request, said)


@router.post("/account/reminders/{reminder_id}/remove")
@public
async def take_back_reminder(
    request: Request, shop: str, reminder_id: UUID, shopper: Shopper, db: Db
) -> Response:
    async with db.transaction() as tx:
        found, customer = await shop_and_customer(tx, request, shop, shopper)
        await customers.account.reader_of(customer).take_back(tx, reminder_id)
    return back(f"/s/{found.slug}/account#messages", request, N_("You won't be reminded."))


def _contact_page(
    request: Request,
    found: Shop,
    customer: customers.Customer,
    way: Way,
    *,
    contact: str = "",
    refusal: Refusal | None = None,
) -> Response:
    error = "" if refusal is None else message_of(refusal, language_of(request, found.locale))
    return private_page(
        request,
        "account_contact.html",
        status=200 if refusal is None else refusal.status,
        shop=found,
        way=way,
        current=customer.email if way == "mail" else shown_contact(customer.proven_phone),
        values={"contact": contact},
        errors={"contact": error} if error else {},
    )


@router.get("/account/contact")
@public
async def contact_page(request: Request, shop: str, shopper: Shopper, db: Db, way: Way = "mail") -> Response:
    async with db.transaction() as tx:
        found, customer = await shop_and_customer(tx, request, shop, shopper)
    return _contact_page(request, found, customer, way)


@router.post("/account/contact")
@public
async def ask_contact(
    request: Request,
    shop: str,
    shopper: Shopper,
    db: Db,
    contact: Text = "",
    way: WayForm = "mail",
) -> Response:
    """Send a code to what is to be the new contact.  The answer is the same whoever has it."""
    async with db.transaction() as tx:
        found, customer = await shop_and_customer(tx, request, shop, shopper)
    try:
        async with db.transaction() as tx:
            asked = await customers.signing_in.ask_code(
                tx,
                shop=found,
                contact=contact,
                network=network_of(request),
                locale=language_of(request, found.locale).tag,
                box=secrets.box(services_of(request).given),
                changes=customer,
            )
    except Refusal as refusal:
        return _contact_page(request, found, customer, way, contact=contact, refusal=refusal)
    response = RedirectResponse(f"/s/{found.slug}/account/contact/code", status_code=303)
    remember_code(response, request, found, asked.device)
    return response


def _contact_code_page(
    request: Request, found: Shop, contact: str | None, refusal: Refusal | None = None
) -> Response:
    error = "" if refusal is None else message_of(refusal, language_of(request, found.locale))
    return private_page(
        request,
        "account_contact_code.html",
        status=200 if refusal is None else refusal.status,
        shop=found,
        contact=shown_contact(contact),
        values={},
        errors={"code": error} if error else {},
    )


@router.get("/account/contact/code")
@public
async def contact_code_page(request: Request, shop: str, shopper: Shopper, db: Db) -> Response:
    async with db.transaction() as tx:
        found, customer = await shop_and_customer(tx, request, shop, shopper)
        contact = await customers.signing_in.waits_for(
            tx, shop_id=found.id, device=request.cookies.get(CODE_COOKIE), changes=customer.id
        )
    if contact is None:
        return RedirectResponse(f"/s/{found.slug}/account#contact", status_code=303)
    return _contact_code_page(request, found, contact)


@router.post("/account/contact/code")
@public
async def change_contact(request: Request, shop: str, shopper: Shopper, db: Db, code: Text = "") -> Response:
    """What the code was sent to becomes the account's, in place of the one before."""
    device, token = request.cookies.get(CODE_COOKIE), token_of(request) or ""
    async with db.transaction() as tx:
        found, customer = await shop_and_customer(tx, request, shop, shopper)
        waits = await customers.signing_in.waits_for(tx, shop_id=found.id, device=device, changes=customer.id)
        refusal = await customers.signing_in.change_contact(
            tx, shop=found, customer=customer, device=device, code=code, token=token
        )
    if refusal is not None:
        return _contact_code_page(request, found, waits, refusal)
    response = back(f"/s/{found.slug}/account#contact", request, N_("Saved. Other devices are signed out."))
    response.delete_cookie(CODE_COOKIE, path=f"/s/{found.slug}/account", httponly=True, samesite="lax")
    return response


@router.post("/account/contact/remove")
@public
async def remove_contact(
    request: Request, shop: str, shopper: Shopper, db: Db, way: Annotated[Way | None, Form()] = None
) -> Response:
    """Without a `way` nothing is removed."""
    try:
        async with db.transaction() as tx:
            found, customer = await shop_and_customer(tx, request, shop, shopper)
            if way is None:
                return RedirectResponse(f"/s/{found.slug}/account#contact", status_code=303)
            await customers.contacts.remove(
                tx, shop=found, customer=customer, way=way, token=token_of(request) or ""
            )
    except Conflict as refusal:
        response = RedirectResponse(f"/s/{shop}/account#contact", status_code=303)
        flash(response, "bad", message_of(refusal, language_of(request)))
        return response
    return back(f"/s/{found.slug}/account#contact", request, N_("Removed. Other devices are signed out."))


def pastes_addresses(shop: Shop, language: languages.Language) -> bool:
    """Whether people here send addresses to each other as one text."""
    return language.tag.startswith("zh") or shop.locale.startswith("zh") or shop.currency == "CNY"


def _address_form(
    name: Text = "",
    phone: Text = "",
    street: Text = "",
    city: Text = "",
    region: Text = "",
    postcode: Text = "",
    country: Text = "",
) -> customers.AddressForm:
    return customers.AddressForm(name, phone, street, city, region, postcode, country)


def _address_page(
    request: Request,
    found: Shop,
    form: customers.AddressForm,
    *,
    address_id: UUID | None = None,
    is_default: bool = False,
    refusal: Refusal | None = None,
    picking: chinese_divisions.Area | None = None,
) -> Response:
    language = language_of(request, found.locale)
    errors: dict[str, str] = {}
    fields = None if refusal is None else refusal.facts.get("fields")
    if isinstance(fields, Mapping):
        errors = {str(name): language.words.gettext(FIELD_ERRORS[str(why)]) for name, why in fields.items()}
    elif refusal is not None:
        errors = {"": message_of(refusal, language)}
    return private_page(
        request,
        "account_address.html",
        status=200 if refusal is None else refusal.status,
        shop=found,
        address_id=address_id,
        pastes=pastes_addresses(found, language),
        area=picking or chinese_divisions.Area.of(form.region, form.city, form.street),
        picking=picking is not None,
        values={**asdict(form), "is_default": is_default},
        errors=errors,
    )


@router.get("/account/addresses/new")
@public
async def new_address(request: Request, shop: str, shopper: Shopper, db: Db) -> Response:
    async with db.transaction() as tx:
        found, customer = await shop_and_customer(tx, request, shop, shopper)
    return _address_page(request, found, customers.AddressForm(name=customer.name))


@router.post("/account/addresses")
@public
async def add_address(
    request: Request,
    shop: str,
    shopper: Shopper,
    db: Db,
    name: Text = "",
    phone: Text = "",
    street: Text = "",
    city: Text = "",
    region: Text = "",
    postcode: Text = "",
    country: Text = "",
    is_default: Tick = False,
    pasted: Text = "",
    fill: Annotated[str, Form(max_length=10)] = "",
    pick: Annotated[str, Form(max_length=10)] = "",
    area_region: Text = "",
    area_city: Text = "",
    area_district: Text = "",
) -> Response:
    form = _address_form(name, phone, street, city, region, postcode, country)
    async with db.transaction() as tx:
        found, customer = await shop_and_customer(tx, request, shop, shopper)
    if fill:
        form = replace(form, **customers.filled_in(pasted))
        return _address_page(request, found, form, is_default=is_default)
    if pick:
        area = chinese_divisions.Area.chosen(area_region, area_city, area_district)
        form = replace(form, **area.filled_in(form.street))
        return _address_page(request, found, form, is_default=is_default, picking=area)
    try:
        async with db.transaction() as tx:
            await customers.account.add_address(tx, customer=customer, form=form, is_default=is_default)
    except (customers.AddressRefused, customers.TooManyAddresses) as refusal:
        return _address_page(request, found, form, is_default=is_default, refusal=refusal)
    return back(f"/s/{found.slug}/account#addresses", request, N_("Saved."))


@router.get("/account/addresses/{address_id}")
@public
async def address(request: Request, shop: str, address_id: UUID, shopper: Shopper, db: Db) -> Response:
    async with db.transaction() as tx:
        found, customer = await shop_and_customer(tx, request, shop, shopper)
        kept = await customers.account.address(tx, customer=customer, address_id=address_id)
    return _address_page(request, found, kept.form, address_id=address_id, is_default=kept.is_default)


@router.post("/account/addresses/{address_id}")
@public
async def change_address(
    request: Request,
    shop: str,
    address_id: UUID,
    shopper: Shopper,
    db: Db,
    name: Text = "",
    phone: Text = "",
    street: Text = "",
    city: Text = "",
    region: Text = "",
    postcode: Text = "",
    country: Text = "",
    is_default: Tick = False,
    pasted: Text = "",
    fill: Annotated[str, Form(max_length=10)] = "",
    pick: Annotated[str, Form(max_length=10)] = "",
    area_region: Text = "",
    area_city: Text = "",
    area_district: Text = "",
) -> Response:
    form = _address_form(name, phone, street, city, region, postcode, country)
    async with db.transaction() as tx:
        found, customer = await shop_and_customer(tx, request, shop, shopper)
    if fill:
        form = replace(form, **customers.filled_in(pasted))
        return _address_page(request, found, form, address_id=address_id, is_default=is_default)
    if pick:
        area = chinese_divisions.Area.chosen(area_region, area_city, area_district)
        form = replace(form, **area.filled_in(form.street))
        return _address_page(request, found, form, address_id=address_id, is_default=is_default, picking=area)
    try:
        async with db.transaction() as tx:
            await customers.account.change_address(
                tx, customer=customer, address_id=address_id, form=form, is_default=is_default
            )
    except customers.AddressRefused as refusal:
        return _address_page(
            request, found, form, address_id=address_id, is_default=is_default, refusal=refusal
        )
    return back(f"/s/{found.slug}/account#addresses", request, N_("Saved."))


@router.post("/account/addresses/{address_id}/default")
@public
async def make_default(request: Request, shop: str, address_id: UUID, shopper: Shopper, db: Db) -> Response:
    async with db.transaction() as tx:
        found, customer = await shop_and_customer(tx, request, shop, shopper)
        await customers.account.make_default(tx, customer=customer, address_id=address_id)
    return back(f"/s/{found.slug}/account#addresses", request, N_("Saved."))


@router.post("/account/addresses/{address_id}/remove")
@public
async def remove_address(request: Request, shop: str, address_id: UUID, shopper: Shopper, db: Db) -> Response:
    async with db.transaction() as tx:
        found, customer = await shop_and_customer(tx, request, shop, shopper)
        await customers.account.remove_address(tx, customer=customer, address_id=address_id)
    return back(f"/s/{found.slug}/account#addresses", request, N_("The address was removed."))


@router.get("/account/data.json")
@public
async def data(request: Request, shop: str, shopper: Shopper, db: Db) -> Response:
    async with db.transaction() as tx:
        found, customer = await shop_and_customer(tx, request, shop, shopper)
        kept = await customers.account.all_that_is_kept(tx, customer=customer)
    return JSONResponse(
        kept,
        headers={
            "content-disposition": f'attachment; filename="{found.slug}-my-data.json"',
            "cache-control": "private, no-store",
        },
    )


@router.get("/account/erase")
@public
async def erase_page(request: Request, shop: str, shopper: Shopper, db: Db) -> Response:
    async with db.transaction() as tx:
        found, customer = await shop_and_customer(tx, request, shop, shopper)
    return private_page(
        request, "account_erase.html", shop=found, customer=customer, values={}, errors={}, done=None
    )


@router.post("/account/erase")
@public
async def erase(request: Request, shop: str, shopper: Shopper, db: Db, email: Text = "") -> Response:
    async with db.transaction() as tx:
        found, customer = await shop_and_customer(tx, request, shop, shopper)
    try:
        async with db.transaction() as tx:
            waiting = await customers.account.erase(tx, customer=customer, confirmed=email)
    except customers.NotConfirmed as refusal:
        return private_page(
            request,
            "account_erase.html",
            status=refusal.status,
            shop=found,
            customer=customer,
            values={"email": email},
            errors={"email": message_of(refusal, language_of(request, found.locale))},
            done=None,
        )
    response = private_page(
        request, "account_erase.html", shop=found, customer=None, values={}, errors={}, done=waiting
    )
    drop_session(response, found)
    return response

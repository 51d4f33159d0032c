"""A shopper's own pages: orders of this browser, signing in with a mailed code, the account.

The cookie of an account holds below its shop's address only, and its session in that shop only.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from operator import attrgetter
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import Form, Path, Query, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from shopfloor import accounts, customers, notifications, shoppers
from shopfloor.accounts import Shop
from shopfloor.kernel import chinese_divisions, paging, phones, secrets
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Conflict, Refusal
from shopfloor.kernel.http import Db, is_secure, user_agent
from shopfloor.kernel.keyring import Keyring
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.kernel.values import Money
from shopfloor.shoppers.api import Shopper
from shopfloor.web import languages
from shopfloor.web.console.account import device_words
from shopfloor.web.languages import N_, language_of, speak
from shopfloor.web.refusals import message_of
from shopfloor.web.templating import flash, render

router = Router(prefix="/s/{shop}", include_in_schema=False)

COOKIE: Final = "customer"
CODE_COOKIE: Final = "code"
# How many orders one page shows.
PAGE: Final = 50
_SESSION_SECONDS: Final = 90 * 86_400
_CODE_SECONDS: Final = 15 * 60
Text = Annotated[str, Form(max_length=1000)]
Next = Annotated[str, Query(max_length=500)]
NextForm = Annotated[str, Form(max_length=500)]
# What one signs in with.
Way = Literal["mail", "phone"]
WayForm = Annotated[Way, Form()]
Code = Annotated[str, Path(pattern="^[0-9]{6}$")]

# What somebody says yes to; it is kept with the answer.
NEWS: Final = N_("Email me about new shows and offers.")
FIELD_ERRORS: Final[Mapping[str, str]] = {
    "missing": N_("Fill this in."),
    "too_long": N_("This is too long."),
}


def token_of(request: Request) -> str | None:
    return request.cookies.get(COOKIE)


async def customer_of(tx: Tx, request: Request, shop: Shop, shopper: UUID) -> customers.Customer | None:
    """Who is signed in at this shop with this browser."""
    return await customers.signing_in.signed_in(tx, shop_id=shop.id, token=token_of(request), shopper=shopper)


async def _mine(tx: Tx, request: Request, shop: str, shopper: UUID) -> tuple[Shop, customers.Customer]:
    """Raises UnknownShop, SignInFirst."""
    found = await accounts.shop_by_slug(tx, shop)
    return found, await customers.signing_in.must_be_signed_in(
        tx, shop_id=found.id, token=token_of(request), shopper=shopper
    )


def _page(request: Request, template: str, *, status: int = 200, **context: Any) -> Response:
    """A page that nobody else sees, and that no cache keeps."""
    response = render(request, f"shop/{template}", status=status, **context)
    response.headers["cache-control"] = "private, no-store"
    return response


def _back(path: str, request: Request, said: str | None = None, kind: str = "good") -> Response:
    response = RedirectResponse(path, status_code=303)
    if said is not None:
        flash(response, kind, speak(request).gettext(said))
    return response


def _inside(target: str, shop: Shop) -> str:
    """Where signing in leads to: a page of this shop."""
    path = languages.own_path(target)
    return path if path.startswith(f"/s/{shop.slug}/") else f"/s/{shop.slug}/account"


# Orders


@router.get("/orders")
@public
async def my_orders(
    request: Request,
    shop: str,
    shopper: Shopper,
    db: Db,
    after: UUID | None = None,
    before: UUID | None = None,
) -> Response:
    """Orders placed with this browser, and of the account where somebody is signed in."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        customer = await customer_of(tx, request, found, shopper)
        page = await paging.page(
            partial(
                customers.account.bought,
                tx,
                shop_id=found.id,
                shopper=shopper,
                customer_id=None if customer is None else customer.id,
            ),
            after=after,
            before=before,
            limit=PAGE,
            key=attrgetter("id"),
        )
    return _page(
        request,
        "my_orders.html",
        shop=found,
        customer=customer,
        page=page,
        amount=Money,
    )


@router.post("/orders/forget")
@public
async def forget_device(request: Request, shop: str, shopper: Shopper, db: Db) -> Response:
    """This browser becomes a new one: it knows no orders, places in line or addresses, and nobody is signed in."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        await customers.account.forget_browser(tx, shop_id=found.id, shopper=shopper)
        await customers.signing_in.sign_out(tx, shop_id=found.id, token=token_of(request))
    request.state.new_shopper = shoppers.issue_shopper(services_of(request).part(Keyring))
    response = _back(f"/s/{found.slug}/orders", request, N_("This browser has forgotten your orders."))
    _drop(response, found)
    return response


# Signing in


@router.get("/account/sign-in")
@public
async def sign_in_page(request: Request, shop: str, shopper: Shopper, db: Db, next: Next = "") -> Response:  # noqa: A002 -- the name in the address
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        if await customer_of(tx, request, found, shopper) is not None:
            return RedirectResponse(_inside(next, found), status_code=303)
        by_phone = await _by_phone(tx, found)
    return _page(
        request, "account_sign_in.html", shop=found, values={}, errors={}, next=next, by_phone=by_phone
    )


@router.post("/account/sign-in")
@public
async def ask_code(
    request: Request,
    shop: str,
    db: Db,
    email: Text = "",
    next: NextForm = "",  # noqa: A002 -- the name of the field
) -> Response:
    """Send a code to this address, or number.  The answer is the same whoever has it."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        by_phone = await _by_phone(tx, found)
    language = language_of(request, found.locale)
    try:
        async with db.transaction() as tx:
            asked = await customers.signing_in.ask_code(
                tx,
                shop=found,
                contact=email,
                network=_network_of(request),
                locale=language.tag,
                box=secrets.box(services_of(request).given),
            )
    except Refusal as refusal:
        return _page(
            request,
            "account_sign_in.html",
            status=refusal.status,
            shop=found,
            values={"email": email},
            errors={"email": message_of(refusal, language)},
            next=next,
            by_phone=by_phone,
        )
    query = f"?next={next}" if next and languages.own_path(next) == next and "&" not in next else ""
    response = RedirectResponse(f"/s/{found.slug}/account/code{query}", status_code=303)
    _remember(response, request, found, asked.device)
    return response


def _network_of(request: Request) -> int | None:
    networks = services_of(request).networks
    return None if networks is None or request.client is None else networks.key(request.client.host)


def _remember(response: Response, request: Request, shop: Shop, device: str) -> None:
    """The browser waits for the code."""
    response.set_cookie(
        CODE_COOKIE,
        device,
        max_age=_CODE_SECONDS,
        path=f"/s/{shop.slug}/account",
        httponly=True,
        samesite="lax",
        secure=is_secure(request),
    )


async def _by_phone(tx: Tx, shop: Shop) -> bool:
    """Whether one may sign in by a code sent to a phone."""
    kind = notifications.Kind.SIGN_IN_CODE
    return await notifications.Sms.sends(tx, shop_id=shop.id, kind=kind) is not None


def _shown(contact: str | None) -> str | None:
    # A number stays on one line.
    return phones.shown(contact).replace(" ", "\u00a0") if contact and "@" not in contact else contact


async def _code_page(
    request: Request,
    found: Shop,
    email: str | None,
    *,
    code: str = "",
    refusal: Refusal | None = None,
    onward: str = "",
) -> Response:
    error = "" if refusal is None else message_of(refusal, language_of(request, found.locale))
    return _page(
        request,
        "account_code.html",
        status=200 if refusal is None else refusal.status,
        shop=found,
        email=_shown(email),
        values={"code": code},
        errors={"code": error} if error else {},
        next=onward,
    )


@router.get("/account/code")
@public
async def code_page(request: Request, shop: str, db: Db, next: Next = "") -> Response:  # noqa: A002
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        email = await customers.signing_in.waits_for(
            tx, shop_id=found.id, device=request.cookies.get(CODE_COOKIE)
        )
    if email is None:
        return RedirectResponse(f"/s/{found.slug}/account/sign-in", status_code=303)
    return await _code_page(request, found, email, onward=next)


@router.get("/account/code/{code}")
@public
async def code_link(request: Request, shop: str, code: Code, db: Db) -> Response:
    """The link in the message.  It signs nobody in by itself; on another device it says where the code belongs."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        email = await customers.signing_in.waits_for(
            tx, shop_id=found.id, device=request.cookies.get(CODE_COOKIE)
        )
    if email is None:
        return _page(request, "account_elsewhere.html", shop=found, code=code)
    return await _code_page(request, found, email, code=code)


@router.post("/account/code")
@public
async def send_code(
    request: Request,
    shop: str,
    shopper: Shopper,
    db: Db,
    code: Text = "",
    next: NextForm = "",  # noqa: A002 -- the name of the field
) -> Response:
    device = request.cookies.get(CODE_COOKIE)
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        email = await customers.signing_in.waits_for(tx, shop_id=found.id, device=device)
        opened = await customers.signing_in.open_account(
            tx,
            shop_id=found.id,
            device=device,
            code=code,
            shopper=shopper,
            browser=user_agent(request),
            locale=language_of(request, found.locale).tag,
        )
    if isinstance(opened, Refusal):
        return await _code_page(request, found, email, refusal=opened, onward=next)
    response = _back(_inside(next, found), request, N_("You're signed in."))
    response.set_cookie(
        COOKIE,
        opened.token,
        max_age=_SESSION_SECONDS,
        path=f"/s/{found.slug}",
        httponly=True,
        samesite="lax",
        secure=is_secure(request),
    )
    response.delete_cookie(CODE_COOKIE, path=f"/s/{found.slug}/account", httponly=True, samesite="lax")
    return response


def _drop(response: Response, shop: Shop) -> None:
    response.delete_cookie(COOKIE, path=f"/s/{shop.slug}", httponly=True, samesite="lax")


@router.post("/account/sign-out")
@public
async def sign_out(
    request: Request, shop: str, db: Db, everywhere: Annotated[str, Form(max_length=10)] = ""
) -> Response:
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        await customers.signing_in.sign_out(
            tx, shop_id=found.id, token=token_of(request), everywhere=bool(everywhere)
        )
    said = N_("You're signed out on all devices.") if everywhere else N_("You're signed out.")
    response = _back(f"/s/{found.slug}/orders", request, said)
    _drop(response, found)
    return response


# The account


@router.get("/account")
@public
async def my_account(request: Request, shop: str, shopper: Shopper, db: Db) -> Response:
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        customer = await customer_of(tx, request, found, shopper)
        if customer is None:
            return RedirectResponse(f"/s/{found.slug}/account/sign-in", status_code=303)
        mine = await customers.orders_of(tx, shop_id=found.id, customer_id=customer.id)
        addresses = await customers.account.addresses(tx, customer=customer)
        sessions = await customers.signing_in.sessions(
            tx, shop_id=found.id, customer_id=customer.id, token=token_of(request) or ""
        )
        said = await customers.consents(tx, shop_id=found.id, customer_id=customer.id)
        wants = await customers.account.wants_news(tx, customer=customer)
        reminders = await customers.account.reader_of(customer).reminders(tx)
        by_phone = await _by_phone(tx, found)
    return _page(
        request,
        "account.html",
        shop=found,
        customer=customer,
        mine=mine[:5],
        amount=Money,
        addresses=addresses,
        sessions=[(each, device_words(each.device)) for each in sessions],
        said=said[0] if said else None,
        wants=wants,
        news=NEWS,
        reminders=reminders,
        by_phone=by_phone,
        number=_shown(customer.proven_phone),
        values={"name": customer.name},
        errors={},
    )


@router.post("/account/name")
@public
async def rename(request: Request, shop: str, shopper: Shopper, db: Db, name: Text = "") -> Response:
    async with db.transaction() as tx:
        found, customer = await _mine(tx, request, shop, shopper)
        await customers.account.rename(tx, customer=customer, name=name)
    return _back(f"/s/{found.slug}/account", request, N_("Saved."))


@router.post("/account/news")
@public
async def answer_news(
    request: Request, shop: str, shopper: Shopper, db: Db, news: Annotated[str, Form(max_length=10)] = ""
) -> Response:
    async with db.transaction() as tx:
        found, customer = await _mine(tx, request, shop, shopper)
        await customers.account.answer_news(
            tx,
            customer=customer,
            granted=bool(news),
            source=customers.Source.ACCOUNT,
            wording=language_of(request, found.locale).words.gettext(NEWS),
        )
    said = N_("You'll get news from this shop.") if news else N_("You won't get news from this shop.")
    return _back(f"/s/{found.slug}/account#messages", request, said)


@router.post("/account/reminders/{reminder_id}/remove")
@public
async def take_back_reminder(
    request: Request, shop: str, reminder_id: UUID, shopper: Shopper, db: Db
) -> Response:
    async with db.transaction() as tx:
        found, customer = await _mine(tx, request, shop, shopper)
        await customers.account.reader_of(customer).take_back(tx, reminder_id)
    return _back(f"/s/{found.slug}/account#messages", request, N_("You won't be reminded."))


# What they sign in with


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
    return _page(
        request,
        "account_contact.html",
        status=200 if refusal is None else refusal.status,
        shop=found,
        way=way,
        current=customer.email if way == "mail" else _shown(customer.proven_phone),
        values={"contact": contact},
        errors={"contact": error} if error else {},
    )


@router.get("/account/contact")
@public
async def contact_page(request: Request, shop: str, shopper: Shopper, db: Db, way: Way = "mail") -> Response:
    async with db.transaction() as tx:
        found, customer = await _mine(tx, request, shop, shopper)
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
        found, customer = await _mine(tx, request, shop, shopper)
    try:
        async with db.transaction() as tx:
            asked = await customers.signing_in.ask_code(
                tx,
                shop=found,
                contact=contact,
                network=_network_of(request),
                locale=language_of(request, found.locale).tag,
                box=secrets.box(services_of(request).given),
                changes=customer,
            )
    except Refusal as refusal:
        return _contact_page(request, found, customer, way, contact=contact, refusal=refusal)
    response = RedirectResponse(f"/s/{found.slug}/account/contact/code", status_code=303)
    _remember(response, request, found, asked.device)
    return response


def _contact_code_page(
    request: Request, found: Shop, contact: str | None, refusal: Refusal | None = None
) -> Response:
    error = "" if refusal is None else message_of(refusal, language_of(request, found.locale))
    return _page(
        request,
        "account_contact_code.html",
        status=200 if refusal is None else refusal.status,
        shop=found,
        contact=_shown(contact),
        values={},
        errors={"code": error} if error else {},
    )


@router.get("/account/contact/code")
@public
async def contact_code_page(request: Request, shop: str, shopper: Shopper, db: Db) -> Response:
    async with db.transaction() as tx:
        found, customer = await _mine(tx, request, shop, shopper)
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
        found, customer = await _mine(tx, request, shop, shopper)
        waits = await customers.signing_in.waits_for(tx, shop_id=found.id, device=device, changes=customer.id)
        refusal = await customers.signing_in.change_contact(
            tx, shop=found, customer=customer, device=device, code=code, token=token
        )
    if refusal is not None:
        return _contact_code_page(request, found, waits, refusal)
    response = _back(f"/s/{found.slug}/account#contact", request, N_("Saved. Other devices are signed out."))
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
            found, customer = await _mine(tx, request, shop, shopper)
            if way is None:
                return RedirectResponse(f"/s/{found.slug}/account#contact", status_code=303)
            await customers.contacts.remove(
                tx, shop=found, customer=customer, way=way, token=token_of(request) or ""
            )
    except Conflict as refusal:
        response = RedirectResponse(f"/s/{shop}/account#contact", status_code=303)
        flash(response, "bad", message_of(refusal, language_of(request)))
        return response
    return _back(f"/s/{found.slug}/account#contact", request, N_("Removed. Other devices are signed out."))


# Addresses


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
    return _page(
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
        found, customer = await _mine(tx, request, shop, shopper)
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
    is_default: Annotated[str, Form(max_length=10)] = "",
    pasted: Text = "",
    fill: Annotated[str, Form(max_length=10)] = "",
    pick: Annotated[str, Form(max_length=10)] = "",
    area_region: Text = "",
    area_city: Text = "",
    area_district: Text = "",
) -> Response:
    form = _address_form(name, phone, street, city, region, postcode, country)
    async with db.transaction() as tx:
        found, customer = await _mine(tx, request, shop, shopper)
    if fill:
        form = replace(form, **customers.filled_in(pasted))
        return _address_page(request, found, form, is_default=bool(is_default))
    if pick:
        area = chinese_divisions.Area.chosen(area_region, area_city, area_district)
        form = replace(form, **area.filled_in(form.street))
        return _address_page(request, found, form, is_default=bool(is_default), picking=area)
    try:
        async with db.transaction() as tx:
            await customers.account.add_address(tx, customer=customer, form=form, is_default=bool(is_default))
    except (customers.AddressRefused, customers.TooManyAddresses) as refusal:
        return _address_page(request, found, form, is_default=bool(is_default), refusal=refusal)
    return _back(f"/s/{found.slug}/account#addresses", request, N_("Saved."))


@router.get("/account/addresses/{address_id}")
@public
async def address(request: Request, shop: str, address_id: UUID, shopper: Shopper, db: Db) -> Response:
    async with db.transaction() as tx:
        found, customer = await _mine(tx, request, shop, shopper)
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
    is_default: Annotated[str, Form(max_length=10)] = "",
    pasted: Text = "",
    fill: Annotated[str, Form(max_length=10)] = "",
    pick: Annotated[str, Form(max_length=10)] = "",
    area_region: Text = "",
    area_city: Text = "",
    area_district: Text = "",
) -> Response:
    form = _address_form(name, phone, street, city, region, postcode, country)
    async with db.transaction() as tx:
        found, customer = await _mine(tx, request, shop, shopper)
    if fill:
        form = replace(form, **customers.filled_in(pasted))
        return _address_page(request, found, form, address_id=address_id, is_default=bool(is_default))
    if pick:
        area = chinese_divisions.Area.chosen(area_region, area_city, area_district)
        form = replace(form, **area.filled_in(form.street))
        return _address_page(
            request, found, form, address_id=address_id, is_default=bool(is_default), picking=area
        )
    try:
        async with db.transaction() as tx:
            await customers.account.change_address(
                tx, customer=customer, address_id=address_id, form=form, is_default=bool(is_default)
            )
    except customers.AddressRefused as refusal:
        return _address_page(
            request, found, form, address_id=address_id, is_default=bool(is_default), refusal=refusal
        )
    return _back(f"/s/{found.slug}/account#addresses", request, N_("Saved."))


@router.post("/account/addresses/{address_id}/default")
@public
async def make_default(request: Request, shop: str, address_id: UUID, shopper: Shopper, db: Db) -> Response:
    async with db.transaction() as tx:
        found, customer = await _mine(tx, request, shop, shopper)
        await customers.account.make_default(tx, customer=customer, address_id=address_id)
    return _back(f"/s/{found.slug}/account#addresses", request, N_("Saved."))


@router.post("/account/addresses/{address_id}/remove")
@public
async def remove_address(request: Request, shop: str, address_id: UUID, shopper: Shopper, db: Db) -> Response:
    async with db.transaction() as tx:
        found, customer = await _mine(tx, request, shop, shopper)
        await customers.account.remove_address(tx, customer=customer, address_id=address_id)
    return _back(f"/s/{found.slug}/account#addresses", request, N_("The address was removed."))


# All that is kept, and the end of it


@router.get("/account/data.json")
@public
async def data(request: Request, shop: str, shopper: Shopper, db: Db) -> Response:
    async with db.transaction() as tx:
        found, customer = await _mine(tx, request, shop, shopper)
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
        found, customer = await _mine(tx, request, shop, shopper)
    return _page(
        request, "account_erase.html", shop=found, customer=customer, values={}, errors={}, done=None
    )


@router.post("/account/erase")
@public
async def erase(request: Request, shop: str, shopper: Shopper, db: Db, email: Text = "") -> Response:
    async with db.transaction() as tx:
        found, customer = await _mine(tx, request, shop, shopper)
    try:
        async with db.transaction() as tx:
            waiting = await customers.account.erase(tx, customer=customer, confirmed=email)
    except customers.NotConfirmed as refusal:
        return _page(
            request,
            "account_erase.html",
            status=refusal.status,
            shop=found,
            customer=customer,
            values={"email": email},
            errors={"email": message_of(refusal, language_of(request, found.locale))},
            done=None,
        )
    response = _page(
        request, "account_erase.html", shop=found, customer=None, values={}, errors={}, done=waiting
    )
    _drop(response, found)
    return response

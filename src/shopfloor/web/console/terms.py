"""The shop's terms: how buyers pay, what shipping costs, how long they may take."""

from collections.abc import Mapping
from dataclasses import replace
from operator import attrgetter
from typing import Annotated, Final

from fastapi import Form
from starlette.responses import Response

from shopfloor import accounts, catalog, policies, purchases
from shopfloor.accounts import Permission
from shopfloor.kernel import amounts, paging
from shopfloor.kernel.border import Id
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.routes import Router
from shopfloor.web import regions
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.console.taxes import about, errors_of
from shopfloor.web.forms import Tick
from shopfloor.web.languages import LANGUAGES, N_, by_tag, fitting
from shopfloor.web.refusals import message_of

router = Router(prefix="/console/{shop}/terms", include_in_schema=False)

CHANGES: Final = 50
Viewer = Annotated[Desk, at_page("terms")]
Manager = Annotated[Desk, at(Permission.ORDERS_MANAGE)]
MoneyManager = Annotated[Desk, at(Permission.MONEY_MANAGE)]
Owner = Annotated[Desk, at(Permission.MEMBERS_MANAGE)]
Text = Annotated[str, Form(max_length=2000)]


@router.get("")
async def terms(desk: Viewer, after: Id | None = None, before: Id | None = None) -> Response:
    """`after` and `before` turn the history of the bank details."""
    return await _page(desk, after=after, before=before)


async def _page(
    desk: Desk,
    *,
    after: int | None = None,
    before: int | None = None,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    form: str = "shop",
    status: int = 200,
) -> Response:
    """`typed` over what is kept, where the form that is called `form` came back."""
    async with desk.work() as tx:
        policy = await policies.shop_terms(tx, shop_id=desk.shop.id)
        sees = desk.actor.may(Permission.MONEY_VIEW)
        page: paging.Page[policies.bank_details.PayToChange] = paging.Page([])
        if sees:
            page = await paging.numbered(
                policies.bank_details.changes,
                tx,
                shop_id=desk.shop.id,
                after=after,
                before=before,
                limit=CHANGES,
                key=attrgetter("id"),
            )
        most = await purchases.most_per_buyer(tx, shop_id=desk.shop.id)
        is_empty = not await catalog.products(tx, shop_id=desk.shop.id, limit=1)
    shop, tongue = desk.shop, fitting(desk.shop.locale)
    others = [] if tongue is not None else [(shop.locale, shop.locale)]
    kept = {
        "name": shop.name,
        "locale": shop.locale if tongue is None else tongue.tag,
        "timezone": regions.canonical(shop.timezone),
        "currency": shop.currency,
    }
    free_from = policy.free_shipping_from_minor
    kept |= {
        "pay_within_hours": str(policy.pay_within_hours),
        "most_per_buyer": str(most),
        "shipping": amounts.written(policy.shipping_minor, shop.currency),
        "free_from": "" if free_from is None else amounts.written(free_from, shop.currency),
        "pick_up_at": policy.pick_up_at,
        "together_hours": str(policy.together_hours),
        "claim_minutes": str(policy.claim_seconds // 60 or 1),
        "balance_within_days": str(policy.balance_within_days),
        "keep_deposit": "1" if policy.keep_deposit else "",
    }
    return desk.page(
        "terms.html",
        active="terms",
        status=status,
        policy=policy,
        changes=page.items,
        page=page,
        values={**kept, **(typed or {})},
        errors=errors or {},
        form=form,
        tongues=[*others, *((language.tag, language.name) for language in LANGUAGES)],
        zones=regions.zone_groups(desk.language),
        currencies=regions.currencies(desk.language.tag),
        is_empty=is_empty,
    )


@router.post("/shop")
async def change_shop(
    desk: Owner, name: Text = "", locale: Text = "", timezone: Text = "", currency: Text = ""
) -> Response:
    """What the shop is called, and where it is.  The currency is that of all prices: it stays once there are any."""
    typed = {"name": name, "locale": locale, "timezone": timezone, "currency": currency}
    chosen = by_tag(locale)
    tongue = desk.shop.locale if chosen is None else chosen.tag.replace("-", "_")
    faults = accounts.faults.of_shop(
        name=name,
        slug=desk.shop.slug,
        currency=currency or desk.shop.currency,
        locale=tongue,
        timezone=timezone,
    )
    if faults:
        errors = {field: message_of(fault, desk.language) for field, fault in faults.items()}
        return await _page(desk, typed=typed, errors=errors, status=422)
    async with desk.work() as tx:
        is_other = bool(currency) and currency != desk.shop.currency
        if is_other and await catalog.products(tx, shop_id=desk.shop.id, limit=1):
            words = N_("The currency can no longer change: there are prices in %(currency)s.")
            errors = {"currency": desk.say(words, currency=desk.shop.currency)}
            return await _page(desk, typed=typed, errors=errors, status=409)
        await accounts.shop_settings.change(
            tx,
            actor=desk.actor,
            name=name,
            # What fits already stays as it is: zh_TW is not made zh_CN by saving the name.
            locale=desk.shop.locale if chosen == fitting(desk.shop.locale) else tongue,
            timezone=timezone,
            currency=currency or None,
        )
    return desk.back("/terms", desk.say(N_("Saved.")))


@router.post("/pay-to")
async def change_pay_to(desk: MoneyManager, pay_to: Text = "") -> Response:
    """The bank details have a form of their own: they take another permission than the rest."""
    with desk.back_if_refused("/terms"):
        async with desk.work() as tx:
            await policies.bank_details.change(tx, actor=desk.actor, pay_to=pay_to)
    return desk.back("/terms", desk.say(N_("Bank details saved.")))


@router.post("/pay-to/seen")
async def pay_to_seen(desk: MoneyManager, change: Annotated[Id, Form()]) -> Response:
    async with desk.work() as tx:
        await policies.bank_details.mark_seen(tx, actor=desk.actor, change_id=change)
    return desk.back("")


@router.post("/paying")
async def change_paying(desk: Manager, policy: Text = "", minutes: Text = "", units: Text = "") -> Response:
    """When what is bought in a show is paid, for shows that start from now on."""
    terms = policies.ShopTerms
    with desk.back_if_refused("/terms#paying"):
        async with desk.work() as tx:
            changed = replace(await policies.shop_terms(tx, shop_id=desk.shop.id), pay_after_minutes=None)
            if policy == "at_end":
                changed = replace(
                    changed,
                    pay_after_minutes=desk.quantity(
                        minutes, least=terms.LEAST_PAY_AFTER_MINUTES, most=terms.MOST_PAY_AFTER_MINUTES
                    ),
                    unpaid_units=desk.quantity(units, most=terms.MOST_UNPAID_UNITS),
                )
            await policies.bank_details.change_terms(tx, actor=desk.actor, terms=changed)
    return desk.back("/terms#paying", desk.say(N_("Saved. It applies to shows that start from now on.")))


_FIELDS: Final = (
    "pay_within_hours", "most_per_buyer", "shipping", "free_from", "pick_up_at", "together_hours", "claim_minutes",
    "balance_within_days", "keep_deposit",
)  # fmt: skip


@router.post("")
async def change(
    desk: Manager,
    pay_to: Annotated[str | None, Form(max_length=2000)] = None,
    pick_up_at: Text = "",
    free_from: Text = "",
    keep_deposit: Tick = False,
) -> Response:
    """A field that the form does not have stays as it is; one that was emptied is refused."""

    def number(name: str, kept: int, *, most: int, least: int = 1) -> int:
        with about(name):
            return desk.quantity(desk.sent.typed(name, str(kept)), least=least, most=most)

    terms = policies.ShopTerms
    try:
        async with desk.work() as tx:
            before = await policies.shop_terms(tx, shop_id=desk.shop.id)
            with about("shipping"):
                typed = desk.sent.typed("shipping", "")
                shipping = desk.minor(typed) if desk.sent.has("shipping") else before.shipping_minor
            with about("free_from"):
                free = desk.minor(free_from) if free_from.strip() else None
            policy = replace(
                before,
                pick_up_at=pick_up_at.strip(),
                shipping_minor=shipping,
                free_shipping_from_minor=free,
                pay_within_hours=number(
                    "pay_within_hours", before.pay_within_hours, most=terms.MOST_PAY_WITHIN_HOURS
                ),
                claim_seconds=60
                * number(
                    "claim_minutes", before.claim_seconds // 60 or 1, most=terms.MOST_CLAIM_SECONDS // 60
                ),
                balance_within_days=number(
                    "balance_within_days", before.balance_within_days, most=terms.MOST_BALANCE_WITHIN_DAYS
                ),
                keep_deposit=keep_deposit,
                together_hours=number(
                    "together_hours", before.together_hours, least=0, most=terms.MOST_TOGETHER_HOURS
                ),
            )
            await policies.bank_details.change_terms(tx, actor=desk.actor, terms=policy, pay_to=pay_to)
            if desk.sent.has("most_per_buyer"):
                with about("most_per_buyer"):
                    units = desk.quantity(desk.sent.typed("most_per_buyer", ""))
                    await purchases.set_most_per_buyer(tx, shop_id=desk.shop.id, units=units)
    except Refusal as refusal:
        return await _page(
            desk,
            typed={name: desk.sent.typed(name, "") for name in _FIELDS},
            errors=errors_of(desk, refusal, _FIELDS, {}),
            form="rules",
            status=refusal.status,
        )
    return desk.back("/terms", desk.say(N_("Settings saved. They apply to new orders.")))

"""What a customer does with the own account: orders, addresses, what is wanted by mail, all that is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final
from uuid import UUID

import msgspec

from shopfloor import notifications, orders
from shopfloor.customers import (
    account_queries,
    order_queries,
    queries,
    service,
    signing_in,
    signing_in_queries,
)
from shopfloor.customers.models import (
    MOST_ADDRESSES,
    Address,
    AddressForm,
    AddressRefused,
    Bought,
    Customer,
    NotConfirmed,
    Remembered,
    Source,
    TooManyAddresses,
    UnknownAddress,
    normal_email,
)
from shopfloor.kernel import phones, text
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import new_id

_LONGEST: Final[Mapping[str, int]] = {
    "name": 120, "phone": 40, "street": 200, "city": 200, "region": 200, "postcode": 20, "country": 60,
}  # fmt: skip
_NEEDED: Final = ("name", "street", "city")

# Orders


async def bought(
    tx: Tx,
    *,
    shop_id: int,
    shopper: UUID,
    customer_id: UUID | None,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> list[Bought]:
    """Orders of the account and of this browser, newest first, a page of them (`kernel.paging`)."""
    return await order_queries.bought(
        tx,
        shop_id=shop_id,
        shopper=shopper,
        customer_id=customer_id,
        after=after,
        before=before,
        limit=max(1, min(limit, 201)),
    )


@dataclass(frozen=True, slots=True)
class AtCheckout:
    """Who checks out, as far as this browser says so: the account with its addresses, the default first, what the form
    is filled in with, and the other browsers whose basket is this one's too.
    """

    customer: Customer | None
    addresses: Sequence[Address]
    remembered: Remembered | None
    others: Sequence[UUID]


async def at_checkout(
    tx: Tx, *, shop_id: int, token: str | None, shopper: UUID, address_id: UUID | None = None
) -> AtCheckout:
    """`token`: of the session; `address_id`: the one that was chosen."""
    customer = await signing_in.signed_in(tx, shop_id=shop_id, token=token, shopper=shopper)
    listed = (
        []
        if customer is None
        else await account_queries.addresses(tx, shop_id=shop_id, customer_id=customer.id)
    )
    known = await _remembered(tx, shop_id, shopper, customer, listed, address_id)
    others = await signing_in.others(tx, shop_id=shop_id, token=token, shopper=shopper)
    return AtCheckout(customer, listed, known, others)


async def _remembered(
    tx: Tx,
    shop_id: int,
    shopper: UUID,
    customer: Customer | None,
    listed: Sequence[Address],
    address_id: UUID | None,
) -> Remembered | None:
    """An address of the account, else what the last order said; None for nothing."""
    if customer is not None:
        chosen = next((each for each in listed if each.id == address_id), None) or next(iter(listed), None)
        if chosen is not None:
            return Remembered(chosen.name, chosen.phone or _phone(customer), customer.email, _parts(chosen))
        last = await order_queries.newest_of_customer(tx, shop_id=shop_id, customer_id=customer.id)
        if last is None:
            return Remembered(customer.name, _phone(customer), customer.email, {})
        return Remembered(last.contact_name, last.contact_phone, customer.email, last.address or {})
    last = await order_queries.newest_of_browser(tx, shop_id=shop_id, shopper=shopper)
    if last is None:
        return None
    return Remembered(last.contact_name, last.contact_phone, last.contact_email, last.address or {})


def _phone(customer: Customer) -> str:
    return customer.proven_phone or customer.phone


def _parts(address: Address) -> dict[str, Any]:
    return {name: getattr(address, name) for name in ("street", "city", "region", "postcode", "country")}


async def forget_browser(tx: Tx, *, shop_id: int, shopper: UUID) -> None:
    """Fill in nothing of what was ordered with this browser so far."""
    await order_queries.forget_browser(tx, shop_id=shop_id, shopper=shopper)


# The own name and addresses


async def rename(tx: Tx, *, customer: Customer, name: str) -> None:
    """Raises UnusableText."""
    kept = text.line(name, field="name", longest=_LONGEST["name"])
    await queries.rename(tx, shop_id=customer.shop_id, customer_id=customer.id, name=kept)


async def addresses(tx: Tx, *, customer: Customer) -> list[Address]:
    """The default first."""
    return await account_queries.addresses(tx, shop_id=customer.shop_id, customer_id=customer.id)


def tidied(form: AddressForm) -> AddressForm:
    """Raises AddressRefused with `fields`: {field: missing or too_long}, all of them at once."""
    clean = AddressForm(
        **{name: " ".join(text.cleaned(value, one_line=True).split()) for name, value in asdict(form).items()}
    )
    wrong = {
        name: "missing" if not value else "too_long"
        for name, value in asdict(clean).items()
        if (not value and name in _NEEDED) or len(value) > _LONGEST[name]
    }
    if wrong:
        raise AddressRefused(fields=wrong)
    return clean


async def add_address(tx: Tx, *, customer: Customer, form: AddressForm, is_default: bool = False) -> UUID:
    """The first one is the default.  Raises AddressRefused, TooManyAddresses."""
    clean = tidied(form)
    await account_queries.lock_customer(tx, shop_id=customer.shop_id, customer_id=customer.id)
    listed = await account_queries.addresses(tx, shop_id=customer.shop_id, customer_id=customer.id)
    if len(listed) >= MOST_ADDRESSES:
        raise TooManyAddresses(most=MOST_ADDRESSES)
    is_default = is_default or not listed
    if is_default:
        await account_queries.clear_default(tx, shop_id=customer.shop_id, customer_id=customer.id)
    address_id = new_id()
    await account_queries.insert_address(
        tx,
        address_id=address_id,
        form=clean,
        is_default=is_default,
        shop_id=customer.shop_id,
        customer_id=customer.id,
    )
    return address_id


async def address(tx: Tx, *, customer: Customer, address_id: UUID) -> Address:
    """Raises UnknownAddress."""
    for each in await addresses(tx, customer=customer):
        if each.id == address_id:
            return each
    raise UnknownAddress


async def change_address(
    tx: Tx, *, customer: Customer, address_id: UUID, form: AddressForm, is_default: bool = False
) -> None:
    """Raises AddressRefused, UnknownAddress."""
    clean = tidied(form)
    if not await account_queries.update_address(
        tx, address_id=address_id, form=clean, shop_id=customer.shop_id, customer_id=customer.id
    ):
        raise UnknownAddress
    if is_default:
        await make_default(tx, customer=customer, address_id=address_id)


async def make_default(tx: Tx, *, customer: Customer, address_id: UUID) -> None:
    """Raises UnknownAddress."""
    await account_queries.lock_customer(tx, shop_id=customer.shop_id, customer_id=customer.id)
    await account_queries.clear_default(tx, shop_id=customer.shop_id, customer_id=customer.id)
    if not await account_queries.set_default(
        tx, address_id=address_id, shop_id=customer.shop_id, customer_id=customer.id
    ):
        raise UnknownAddress


async def remove_address(tx: Tx, *, customer: Customer, address_id: UUID) -> None:
    """Another becomes the default where this one was.  Raises UnknownAddress."""
    await account_queries.lock_customer(tx, shop_id=customer.shop_id, customer_id=customer.id)
    was_default = await account_queries.delete_address(
        tx, address_id=address_id, shop_id=customer.shop_id, customer_id=customer.id
    )
    if was_default is None:
        raise UnknownAddress
    left = await account_queries.addresses(tx, shop_id=customer.shop_id, customer_id=customer.id)
    if was_default and left:
        await account_queries.set_default(
            tx, address_id=left[0].id, shop_id=customer.shop_id, customer_id=customer.id
        )


# What is wanted by mail


def reader_of(customer: Customer) -> notifications.Reader:
    return notifications.Reader(customer.shop_id, customer.email)


async def wants_news(tx: Tx, *, customer: Customer) -> bool:
    """Whether news and offers may be sent: the last answer was yes, and nobody has unsubscribed since."""
    said = await account_queries.consents(tx, shop_id=customer.shop_id, customer_id=customer.id)
    if not said or not said[0].granted or not customer.email:
        return False
    return not await reader_of(customer).has_unsubscribed(tx)


async def answer_news(tx: Tx, *, customer: Customer, granted: bool, source: Source, wording: str) -> None:
    """Keep a yes or a no, with its time, where it was said, and the words that were asked."""
    await account_queries.insert_consent(
        tx,
        consent_id=new_id(),
        shop_id=customer.shop_id,
        customer_id=customer.id,
        granted=granted,
        source=source,
        wording=wording[:500],
    )
    if granted and customer.email:
        await reader_of(customer).subscribe_again(tx)


# All that is kept, and the end of it


async def all_that_is_kept(tx: Tx, *, customer: Customer) -> dict[str, Any]:
    """Everything of a customer, as JSON.  Chat only of browsers in which they signed in: others are not proved theirs."""
    joined = await order_queries.joined(tx, shop_id=customer.shop_id, customer_id=customer.id)
    browsers = await signing_in_queries.browsers(tx, shop_id=customer.shop_id, customer_id=customer.id)
    message = {
        "customer": service.as_json(customer),
        "orders": [
            {
                **await _order(tx, shop_id=customer.shop_id, order_id=each.order_id),
                "in_account_since": each.joined_at,
                "in_account_because": each.why,
            }
            for each in joined
        ],
        "addresses": await account_queries.addresses(tx, shop_id=customer.shop_id, customer_id=customer.id),
        "consents": await account_queries.consents(tx, shop_id=customer.shop_id, customer_id=customer.id),
        "sessions": [
            {"device": each.device, "started_at": each.started_at, "seen_at": each.seen_at}
            for each in await signing_in.sessions(tx, shop_id=customer.shop_id, customer_id=customer.id)
        ],
        "notes_of_the_shop": [
            {"text": each.text, "at": each.at}
            for each in await account_queries.notes(tx, shop_id=customer.shop_id, customer_id=customer.id)
        ],
        "messages": [
            message
            for contact in (customer.email, customer.proven_phone)
            if contact
            for message in await notifications.Reader(customer.shop_id, contact).told(tx)
        ],
        "reminders": await reader_of(customer).reminders(tx),
        "unsubscribed": bool(customer.email) and await reader_of(customer).has_unsubscribed(tx),
        "unsubscribed_from_sms": customer.proven_phone is not None
        and await notifications.Reader(customer.shop_id, customer.proven_phone).has_unsubscribed(tx),
        "chat": await account_queries.said(tx, shop_id=customer.shop_id, shoppers=browsers),
        "giveaways": await account_queries.entered(
            tx, shop_id=customer.shop_id, customer_id=customer.id, shoppers=browsers
        ),
        "bids": await account_queries.bids(
            tx, shop_id=customer.shop_id, customer_id=customer.id, shoppers=browsers
        ),
        "browsers": browsers,
    }
    kept: dict[str, Any] = msgspec.to_builtins(message)
    return kept


async def _order(tx: Tx, *, shop_id: int, order_id: UUID) -> dict[str, Any]:
    view = msgspec.to_builtins(await orders.order(tx, shop_id=shop_id, order_id=order_id))
    for name in ("key", "form_hash"):
        view["order"].pop(name, None)
    view.pop("page", None)
    return view


async def erase(tx: Tx, *, customer: Customer, confirmed: str) -> list[int]:
    """The numbers of orders that keep their contact until they are over.  Raises NotConfirmed."""
    number = customer.proven_phone or ""
    said = phones.e164(confirmed, region=phones.country_of(number)) if number else ""
    if not (customer.email and normal_email(confirmed) == customer.email) and not (number and said == number):
        raise NotConfirmed(field="email")
    erasure = await service.forget(tx, customer=customer)
    return erasure.waiting

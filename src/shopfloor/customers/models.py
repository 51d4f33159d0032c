"""Customers: who buys in a shop, what is kept of them, and how somebody proves an address.  No I/O here."""

import re
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from shopfloor.kernel import phones
from shopfloor.kernel.errors import Conflict, Invalid, NotFound, TooMany, Unauthenticated
from shopfloor.kernel.records import dataclass

# A code
CODE_DIGITS: Final = 6
CODE_LASTS: Final = timedelta(minutes=15)
MOST_TRIES: Final = 5
# How many codes may be sent: in a quarter of an hour and in a day to one address and from one network, in a day by a shop.
QUARTER: Final = timedelta(minutes=15)
DAY: Final = timedelta(days=1)
TO_ADDRESS: Final = (3, 10)
FROM_NETWORK: Final = (10, 60)
BY_SHOP: Final = 5_000
# A session ends after this time without use.
SESSION_LASTS: Final = timedelta(days=90)
MOST_ADDRESSES: Final = 20
SHORTEST_PHONE: Final = 6
SHOWN_ORDERS: Final = 100


class Why(StrEnum):
    """Why an order is a customer's."""

    CONTACT = "contact"
    SIGNED_IN = "signed_in"


class Source(StrEnum):
    """Where somebody said yes or no."""

    ACCOUNT = "account"
    CHECKOUT = "checkout"
    CONSOLE = "console"
    UNSUBSCRIBE = "unsubscribe"


@dataclass(frozen=True, slots=True)
class Customer:
    """`proven_at` None: nobody has signed in with this address yet.  `phone` is what orders say; `proven_phone` the
    number, in full, with which its owner signs in.
    """

    id: UUID
    shop_id: int
    email: str
    phone: str
    name: str
    locale: str
    proven_at: datetime | None
    created_at: datetime
    proven_phone: str | None = None
    phone_proven_at: datetime | None = None

    @property
    def account_since(self) -> datetime | None:
        """None for a guest."""
        return min((at for at in (self.proven_at, self.phone_proven_at) if at is not None), default=None)

    @property
    def contact(self) -> str:
        """What they sign in with, as they read it."""
        return self.email or (phones.shown(self.proven_phone) if self.proven_phone else self.phone)


@dataclass(frozen=True, slots=True)
class Listed:
    """A customer among others.  `spent_minor` is what was paid and not given back, in the currency of the shop."""

    id: UUID
    name: str
    email: str
    phone: str
    proven_at: datetime | None
    created_at: datetime
    orders: int
    spent_minor: int
    last_order_at: datetime | None
    phone_proven_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Bought:
    """An order as its customer sees it in a list.  `key` opens it; `is_joined` where it is the account's."""

    id: UUID
    number: int
    currency: str
    total_minor: int
    charged_minor: int
    refunded_minor: int
    status: str
    payment_status: str
    fulfilment_status: str
    placed_at: datetime
    key: str
    is_joined: bool


@dataclass(frozen=True, slots=True)
class Spent:
    """What was paid and not given back, of orders in one currency."""

    currency: str
    orders: int
    paid_minor: int
    refunded_minor: int

    @property
    def net_minor(self) -> int:
        return self.paid_minor - self.refunded_minor


@dataclass(frozen=True, slots=True)
class AddressForm:
    """What somebody fills in."""

    name: str = ""
    phone: str = ""
    street: str = ""
    city: str = ""
    region: str = ""
    postcode: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    id: UUID
    name: str
    phone: str
    street: str
    city: str
    region: str
    postcode: str
    country: str
    is_default: bool
    changed_at: datetime

    @property
    def form(self) -> AddressForm:
        """What was filled in."""
        return AddressForm(
            self.name, self.phone, self.street, self.city, self.region, self.postcode, self.country
        )


@dataclass(frozen=True, slots=True)
class Consent:
    purpose: str
    channel: str
    granted: bool
    source: Source
    wording: str
    at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", Source(self.source))


@dataclass(frozen=True, slots=True)
class Note:
    id: UUID
    person_id: int
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Profile:
    """A customer as the shop sees one.  `orders`: the last hundred, newest first; `spent`: a row for each currency;
    `consents`: each yes and no, newest first; `addresses`: the default first.
    """

    customer: Customer
    orders: list[Bought]
    spent: list[Spent]
    consents: list[Consent]
    notes: list[Note]
    addresses: list[Address]


@dataclass(frozen=True, slots=True)
class Session:
    device: str
    started_at: datetime
    seen_at: datetime
    is_this: bool


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a checkout is filled in with."""

    name: str
    phone: str
    email: str
    address: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Erased:
    """`erased`: orders without a contact now; `waiting`: numbers of orders that are not over, and lose it then."""

    erased: int
    waiting: list[int]


@dataclass(frozen=True, slots=True)
class Asked:
    """A code is on its way to an address or a number.  `device` is for the asking browser alone."""

    device: str
    contact: str


@dataclass(frozen=True, slots=True)
class Opened:
    """Somebody has proved an address, and is signed in with `token`."""

    token: str
    customer: Customer


class Way(StrEnum):
    """How somebody signs in."""

    MAIL = "mail"
    PHONE = "phone"


def way_of(contact: str) -> Way:
    """An address has an @, and a number none."""
    return Way.MAIL if "@" in contact else Way.PHONE


def normal_email(text: str) -> str:
    return text.strip().lower()


def digits_of(text: str) -> str:
    """A telephone number as it is compared."""
    return re.sub(r"[^0-9]", "", text)[:30]


def hashed(token: str) -> bytes:
    """Of 256 random bits; what is stored of them."""
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def hashed_code(code_id: UUID, device: str, code: str) -> bytes:
    """A code is short: without what only the browser has, nobody can find it by trying all."""
    return sha256(f"code {code_id} {device} {code}".encode("utf-8", "surrogatepass")).digest()


def typed_code(text: str) -> str:
    """The digits of a code, however it was written: with blanks, a hyphen, or in full width."""
    return "".join(str(int(sign)) for sign in text[:60] if sign.isdecimal())


class SignInFirst(Unauthenticated):
    """Sign in to your account at this shop."""

    code = "customers.sign_in_first"


class TooManyCodes(TooMany):
    """Too many codes were asked for. Try again later."""

    code = "customers.too_many_codes"


class WrongCode(Invalid):
    """This is not the code that was sent last."""

    code = "customers.wrong_code"


class CodeOver(Conflict):
    """This code is no longer valid: ask for a new one."""

    code = "customers.code_over"


class NotAnEmail(Invalid):
    """Enter a valid email address."""

    code = "customers.not_an_email"


class ContactTaken(Conflict):
    """Another account of this shop has this address or number: sign in with it, or use another."""

    code = "customers.contact_taken"


class LastContact(Conflict):
    """An account needs an address or a number to sign in with: add the other one first."""

    code = "customers.last_contact"


class UnknownCustomer(NotFound):
    """There is no such customer."""

    code = "customers.unknown"


class UnknownAddress(NotFound):
    """There is no such address."""

    code = "customers.unknown_address"


class AddressRefused(Invalid):
    """Some fields of the address are missing or too long."""

    code = "customers.address_refused"


class TooManyAddresses(Conflict):
    """So many addresses are kept at most: remove one first."""

    code = "customers.too_many_addresses"


class NotConfirmed(Invalid):
    """To erase the account, enter its email address."""

    code = "customers.not_confirmed"

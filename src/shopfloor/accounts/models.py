"""People, shops, roles and what each role may do.  No I/O here."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from shopfloor.accounts.guessable import is_guessable
from shopfloor.kernel.errors import Conflict, Forbidden, Invalid, NotFound, TooMany, Unauthenticated
from shopfloor.kernel.records import dataclass

SHORTEST_PASSWORD: Final = 10
LONGEST_PASSWORD: Final = 1000


class Permission(StrEnum):
    """What can be done in a shop.  Checked at the edge; tenancy is checked below it as well."""

    CATALOG_VIEW = "catalog.view"
    CATALOG_EDIT = "catalog.edit"
    STOCK_VIEW = "stock.view"
    STOCK_EDIT = "stock.edit"
    SHOW_VIEW = "show.view"
    SHOW_RUN = "show.run"
    MEDIA_EDIT = "media.edit"
    CHAT_MODERATE = "chat.moderate"
    ORDERS_VIEW = "orders.view"
    ORDERS_MANAGE = "orders.manage"
    MONEY_VIEW = "money.view"
    MONEY_MANAGE = "money.manage"
    REPORT_VIEW = "report.view"
    PLAN_VIEW = "plan.view"
    PLAN_ACCEPT = "plan.accept"
    SUPPLIERS_VIEW = "suppliers.view"
    SUPPLIERS_EDIT = "suppliers.edit"
    MEMBERS_VIEW = "members.view"
    MEMBERS_MANAGE = "members.manage"


class Role(StrEnum):
    """What somebody is in a shop.  A role is a set of permissions, fixed in code."""

    OWNER = "owner"
    MERCHANDISER = "merchandiser"
    HOST = "host"
    MODERATOR = "moderator"
    FINANCE = "finance"
    SHOP_ASSISTANT = "shop_assistant"
    SUPPLIER = "supplier"
    PARTNER = "partner"
    ANALYST = "analyst"


_P = Permission

PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = MappingProxyType({
    Role.OWNER: frozenset(Permission),
    Role.MERCHANDISER: frozenset({
        _P.CATALOG_VIEW, _P.CATALOG_EDIT, _P.STOCK_VIEW, _P.STOCK_EDIT, _P.SHOW_VIEW, _P.ORDERS_VIEW,
        _P.ORDERS_MANAGE, _P.REPORT_VIEW, _P.PLAN_VIEW, _P.PLAN_ACCEPT, _P.SUPPLIERS_VIEW, _P.SUPPLIERS_EDIT,
    }),
    Role.HOST: frozenset({
        _P.CATALOG_VIEW, _P.STOCK_VIEW, _P.SHOW_VIEW, _P.SHOW_RUN, _P.MEDIA_EDIT, _P.CHAT_MODERATE, _P.REPORT_VIEW,
    }),
    Role.MODERATOR: frozenset({_P.CATALOG_VIEW, _P.SHOW_VIEW, _P.CHAT_MODERATE}),
    Role.FINANCE: frozenset({
        _P.CATALOG_VIEW, _P.STOCK_VIEW, _P.SHOW_VIEW, _P.ORDERS_VIEW, _P.MONEY_VIEW, _P.MONEY_MANAGE, _P.REPORT_VIEW,
        _P.PLAN_VIEW, _P.SUPPLIERS_VIEW,
    }),
    Role.SHOP_ASSISTANT: frozenset({_P.CATALOG_VIEW, _P.STOCK_VIEW, _P.SHOW_VIEW, _P.ORDERS_VIEW}),
    # Suppliers and partners work through pages of their own; in the console they only see what is for sale.
    Role.SUPPLIER: frozenset({_P.CATALOG_VIEW}),
    Role.PARTNER: frozenset({_P.CATALOG_VIEW, _P.SHOW_VIEW}),
    Role.ANALYST: frozenset({_P.CATALOG_VIEW, _P.STOCK_VIEW, _P.SHOW_VIEW, _P.REPORT_VIEW, _P.PLAN_VIEW}),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody acting in one shop, with what the role allows."""

    person_id: int
    shop_id: int
    role: Role
    permissions: frozenset[Permission]

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions


@dataclass(frozen=True, slots=True)
class Person:
    id: int
    email: str
    name: str
    is_operator: bool


@dataclass(frozen=True, slots=True)
class Shop:
    """A tenant of the node.  `currency` is that of all its prices."""

    id: int
    slug: str
    name: str
    currency: str
    locale: str
    timezone: str


@dataclass(frozen=True, slots=True)
class Membership:
    """A shop that a person belongs to, and as what."""

    shop: Shop
    role: Role


@dataclass(frozen=True, slots=True)
class Member:
    """A person who belongs to a shop, and as what."""

    shop_id: int
    person_id: int
    email: str
    name: str
    role: Role
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class Invitation:
    """`email` is set when the invitation is for one address only."""

    id: int
    shop_id: int
    role: Role
    email: str | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Invited:
    """A new invitation; `token` is shown once and goes into the link."""

    invitation: Invitation
    token: str


@dataclass(frozen=True, slots=True)
class Joined:
    """Somebody came in; `session` is a fresh session token for the cookie."""

    person: Person
    shop: Shop
    role: Role
    session: str


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session of a person; `device` is what its browser called itself, `id` names it among that person's."""

    id: str
    device: str
    created_at: datetime
    seen_at: datetime
    is_this: bool


class SignInNeeded(Unauthenticated):
    """Sign in first."""

    code = "accounts.sign_in_needed"


class WrongCredentials(Unauthenticated):
    """E-mail address or password are not right."""

    code = "accounts.wrong_credentials"


class SecondFactorNeeded(Unauthenticated):
    """The password is right; a code of the authenticator app is needed as well."""

    code = "accounts.second_factor_needed"


class WrongCode(Unauthenticated):
    """The code is wrong, was used before, or is too old."""

    code = "accounts.wrong_code"


class SignInExpired(Unauthenticated):
    """This took too long; sign in again."""

    code = "accounts.sign_in_expired"


class TooManyAttempts(TooMany):
    """Too many tries; wait a quarter of an hour."""

    code = "accounts.too_many_attempts"


class NotAllowed(Forbidden):
    """Your role does not allow this."""

    code = "accounts.not_allowed"


class UnknownShop(NotFound):
    """There is no such shop, or you do not belong to it."""

    code = "accounts.unknown_shop"


class UnknownMember(NotFound):
    """Nobody of that name belongs to this shop."""

    code = "accounts.unknown_member"


class UnknownInvitation(NotFound):
    """This invitation is invalid or has expired."""

    code = "accounts.unknown_invitation"


class UnknownReset(NotFound):
    """This link is invalid or has expired."""

    code = "accounts.unknown_reset"


class UnknownClaim(NotFound):
    """This link is invalid or has expired."""

    code = "accounts.unknown_claim"


class UnknownSetup(NotFound):
    """The setup took too long; start it again."""

    code = "accounts.unknown_setup"


class SecondFactorOn(Conflict):
    """Two-step sign-in is on already."""

    code = "accounts.second_factor_on"


class SecondFactorOff(Conflict):
    """Two-step sign-in is off."""

    code = "accounts.second_factor_off"


class EmailTaken(Conflict):
    """Somebody with this e-mail address is here already; sign in instead."""

    code = "accounts.email_taken"


class SlugTaken(Conflict):
    """Another shop has this address."""

    code = "accounts.slug_taken"


class AlreadyMember(Conflict):
    """The person belongs to the shop already."""

    code = "accounts.already_member"


class LastOwner(Conflict):
    """A shop needs an owner; make somebody else owner first."""

    code = "accounts.last_owner"


class WeakPassword(Invalid):
    """The password is too short, too long, or too easy to guess."""

    code = "accounts.weak_password"


class BadEmail(Invalid):
    """Not an e-mail address."""

    code = "accounts.bad_email"


class OtherEmail(Forbidden):
    """The invitation is for another e-mail address."""

    code = "accounts.other_email"


class BadShop(Invalid):
    """Name, address, currency, language or time zone of the shop are not usable."""

    code = "accounts.bad_shop"


# No quoted local parts, no addresses without a domain: what people use, and nothing that could break a header.
_EMAIL = re.compile(
    r"[^\s@<>\"(),:;\\\[\]\x00-\x1f\x7f]{1,64}@[^\s@<>\"(),:;\\\[\]\x00-\x1f\x7f.]+(\.[^\s@<>\"(),:;\\\[\]\x00-\x1f\x7f.]+)+"
)
_SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?")
# Words that stand where a slug stands in an address of the JSON API or the console.
RESERVED_SLUGS: Final = frozenset({"claim", "invitations", "me", "new", "session", "sessions", "shops"})


def checked_email(text: str) -> str:
    """The address as it is stored and compared: trimmed and in lower case.  Raises BadEmail."""
    email = text.strip().lower()
    if len(email) > 254 or _EMAIL.fullmatch(email) is None or not email.isprintable():
        raise BadEmail
    return email


def checked_password(password: str, *, email: str, names: Iterable[str] = ()) -> str:
    """Raises WeakPassword.  `names` are those of the shops it is for: nobody's address or shop is a secret."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise WeakPassword(
            f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.",
            shortest=SHORTEST_PASSWORD,
        )
    if is_guessable(password, own=(email, *names)):
        raise WeakPassword("This password is too easy to guess.")
    if not _is_utf8(password):
        raise WeakPassword("A password is made of characters.")
    return password


def is_slug(text: str) -> bool:
    return _SLUG.fullmatch(text) is not None


def can_grant(actor: Actor, role: Role) -> bool:
    """Nobody hands out, changes or takes away more than they have."""
    return actor.may(Permission.MEMBERS_MANAGE) and PERMISSIONS[role] <= actor.permissions


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

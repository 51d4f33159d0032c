"""People, shops, roles and what each role may do.  No I/O here."""

import re
from collections.abc import Mapping
from dataclasses import field, replace
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from shopfloor.kernel.account_numbers import names_account, proves_account
from shopfloor.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now


class Permission(StrEnum):
    """What can be done in a shop.  Checked at the edge; tenancy is checked below it as well."""

    CATALOG_VIEW = "catalog.view"
    CATALOG_EDIT = "catalog.edit"
    STOCK_VIEW = "stock.view"
    STOCK_EDIT = "stock.edit"
    STOCK_COUNT = "stock.count"
    SHOW_VIEW = "show.view"
    SHOW_RUN = "show.run"
    MEDIA_EDIT = "media.edit"
    CHAT_MODERATE = "chat.moderate"
    ORDERS_VIEW = "orders.view"
    ORDERS_MANAGE = "orders.manage"
    MONEY_VIEW = "money.view"
    MONEY_MANAGE = "money.manage"
    REPORT_VIEW = "report.view"
    LAKE_QUERY = "lake.query"
    INTEGRITY_VIEW = "integrity.view"
    INTEGRITY_RULE = "integrity.rule"
    PLAN_VIEW = "plan.view"
    PLAN_ACCEPT = "plan.accept"
    SUPPLIERS_VIEW = "suppliers.view"
    SUPPLIERS_EDIT = "suppliers.edit"
    TILL_SELL = "till.sell"
    TILL_MANAGE = "till.manage"
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
        _P.CATALOG_VIEW, _P.CATALOG_EDIT, _P.STOCK_VIEW, _P.STOCK_EDIT, _P.STOCK_COUNT, _P.SHOW_VIEW, _P.ORDERS_VIEW,
        _P.ORDERS_MANAGE, _P.REPORT_VIEW, _P.INTEGRITY_VIEW, _P.PLAN_VIEW, _P.PLAN_ACCEPT, _P.SUPPLIERS_VIEW, _P.SUPPLIERS_EDIT,
        _P.TILL_SELL, _P.TILL_MANAGE,
    }),
    Role.HOST: frozenset({
        _P.CATALOG_VIEW, _P.STOCK_VIEW, _P.SHOW_VIEW, _P.SHOW_RUN, _P.MEDIA_EDIT, _P.CHAT_MODERATE, _P.REPORT_VIEW,
    }),
    Role.MODERATOR: frozenset({_P.CATALOG_VIEW, _P.SHOW_VIEW, _P.CHAT_MODERATE}),
    Role.FINANCE: frozenset({
        _P.CATALOG_VIEW, _P.STOCK_VIEW, _P.SHOW_VIEW, _P.ORDERS_VIEW, _P.MONEY_VIEW, _P.MONEY_MANAGE, _P.REPORT_VIEW,
        _P.LAKE_QUERY, _P.INTEGRITY_VIEW, _P.INTEGRITY_RULE, _P.PLAN_VIEW, _P.SUPPLIERS_VIEW, _P.TILL_SELL,
    }),
    Role.SHOP_ASSISTANT: frozenset({
        _P.CATALOG_VIEW, _P.STOCK_VIEW, _P.STOCK_COUNT, _P.SHOW_VIEW, _P.ORDERS_VIEW, _P.TILL_SELL,
    }),
    # Suppliers and partners work through pages of their own; in the console they only see what is for sale.
    Role.SUPPLIER: frozenset({_P.CATALOG_VIEW}),
    Role.PARTNER: frozenset({_P.CATALOG_VIEW, _P.SHOW_VIEW}),
    Role.ANALYST: frozenset({
        _P.CATALOG_VIEW, _P.STOCK_VIEW, _P.SHOW_VIEW, _P.REPORT_VIEW, _P.LAKE_QUERY, _P.INTEGRITY_VIEW, _P.PLAN_VIEW,
    }),
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

    def check_told(self, *texts: str) -> None:
        """Texts that buyers read may say where to send money only where the role may manage it.  Raises AccountNamed."""
        if not self.may(Permission.MONEY_MANAGE) and any(map(names_account, texts)):
            raise AccountNamed(permission=Permission.MONEY_MANAGE, role=self.role)

    def check_described(self, *texts: str) -> None:
        """As `check_told`, for what describes goods, where sizes and barcodes stand beside any word: by numbers that prove
        themselves.  Raises AccountNamed.
        """
        if not self.may(Permission.MONEY_MANAGE) and any(map(proves_account, texts)):
            raise AccountNamed(permission=Permission.MONEY_MANAGE, role=self.role)


@dataclass(frozen=True, slots=True)
class Person:
    id: int
    email: str
    name: str
    is_operator: bool


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence or registration that a shop shows: its name, number, and a picture of it where there is one."""

    name: str
    number: str = ""
    picture: str | None = None


@dataclass(frozen=True, slots=True)
class Brand:
    """How a shop looks and where it can be reached.  Pictures are named as in /pictures/{sha}/{size}.webp.

    `accent` as #rrggbb, empty for the house's own; `slogans` by locale; `links` are addresses of profiles elsewhere;
    `texts` names what the shop has written about itself (`brand.TEXTS`).
    """

    logo: str | None = None
    cover: str | None = None
    accent: str = ""
    slogans: dict[str, str] = field(default_factory=dict[str, str])
    email: str = ""
    phone: str = ""
    address: str = ""
    wechat: str = ""
    links: list[str] = field(default_factory=list[str])
    licences: list[Licence] = field(default_factory=list[Licence])
    texts: list[str] = field(default_factory=list[str])

    def with_licence(self, name: str, number: str, picture: str | None) -> "Brand":
        return replace(self, licences=[*self.licences, Licence(name, number, picture)])


@dataclass(frozen=True, slots=True)
class Shop:
    """A tenant of the node.  `currency` is that of all its prices."""

    id: int
    slug: str
    name: str
    currency: str
    locale: str
    timezone: str
    brand: Brand = field(default_factory=Brand)
    is_first_day: bool = field(default=False, compare=False)
    """The list of the first day is still out, where a shop was read by its id."""

    @property
    def today(self) -> date:
        """The day it is where the shop is: the days it promises are its own."""
        return now().astimezone(ZoneInfo(self.timezone)).date()


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


class NotAllowed(Forbidden):
    """Your role does not allow this."""

    code = "accounts.not_allowed"


class AccountNamed(NotAllowed):
    """Who may not manage money may not tell buyers where to send it."""

    code = "accounts.account_named"


class UnknownShop(NotFound):
    """There is no such shop, or you do not belong to it."""

    code = "accounts.unknown_shop"


class UnknownMember(NotFound):
    """Nobody of that name belongs to this shop."""

    code = "accounts.unknown_member"


class UnknownInvitation(NotFound):
    """This invitation is invalid or has expired."""

    code = "accounts.unknown_invitation"


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


def is_slug(text: str) -> bool:
    return _SLUG.fullmatch(text) is not None


def can_grant(actor: Actor, role: Role) -> bool:
    """Nobody hands out, changes or takes away more than they have."""
    return actor.may(Permission.MEMBERS_MANAGE) and PERMISSIONS[role] <= actor.permissions

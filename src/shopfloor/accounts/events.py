"""What accounts tell the rest of the product."""

from typing import ClassVar

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class ShopCreated:
    name: ClassVar[str] = "accounts.shop_created"

    shop_id: int
    slug: str
    currency: str
    person_id: int


@dataclass(frozen=True, slots=True)
class PersonInvited:
    name: ClassVar[str] = "accounts.person_invited"

    shop_id: int
    invitation_id: int
    role: str
    invited_by: int


@dataclass(frozen=True, slots=True)
class PersonJoined:
    name: ClassVar[str] = "accounts.person_joined"

    shop_id: int
    person_id: int
    role: str


@dataclass(frozen=True, slots=True)
class RoleChanged:
    name: ClassVar[str] = "accounts.role_changed"

    shop_id: int
    person_id: int
    role: str
    changed_by: int


@dataclass(frozen=True, slots=True)
class PersonRemoved:
    name: ClassVar[str] = "accounts.person_removed"

    shop_id: int
    person_id: int
    removed_by: int

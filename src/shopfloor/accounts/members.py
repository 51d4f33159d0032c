"""Who belongs to a shop: invitations, roles, leaving."""

from dataclasses import replace
from typing import Final

from shopfloor.accounts import (
    member_queries,
)
from shopfloor.accounts.events import (
    PersonInvited,
    PersonJoined,
    PersonRemoved,
    RoleChanged,
)
from shopfloor.accounts.models import (
    PERMISSIONS,
    Actor,
    AlreadyMember,
    Invitation,
    Invited,
    LastOwner,
    Member,
    Membership,
    NotAllowed,
    OtherEmail,
    Permission,
    Person,
    Role,
    Shop,
    UnknownInvitation,
    UnknownMember,
    UnknownShop,
    can_grant,
    checked_email,
    is_slug,
)
from shopfloor.accounts.shops import shop
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.tokens import hash_token, new_token

INVITATION_DAYS: Final = 7


async def memberships(tx: Tx, person_id: int) -> list[Membership]:
    rows = await member_queries.memberships(tx, person_id=person_id)
    return [
        Membership(
            Shop(row.id, row.slug, row.name, row.currency, row.locale, row.timezone), role=Role(row.role)
        )
        for row in rows
    ]


async def actor_of(tx: Tx, *, person_id: int, shop_slug: str) -> Actor:
    """This person as who acts in the shop.  Raises UnknownShop, also where the person does not belong to it."""
    row = (
        await member_queries.membership(tx, person_id=person_id, slug=shop_slug)
        if is_slug(shop_slug)
        else None
    )
    if row is None:
        raise UnknownShop
    role = Role(row.role)
    return Actor(person_id=person_id, shop_id=row.id, role=role, permissions=PERMISSIONS[role])


async def members(tx: Tx, *, shop_id: int) -> list[Member]:
    return [replace(each, role=Role(each.role)) for each in await member_queries.members(tx, shop_id=shop_id)]


async def invite(tx: Tx, *, actor: Actor, role: Role, email: str | None = None) -> Invited:
    """A one-time link that makes somebody a member, good for seven days; with `email`, only that person.

    Raises NotAllowed when the role may do what the actor may not.
    """
    if not can_grant(actor, role):
        raise NotAllowed(permission=Permission.MEMBERS_MANAGE)
    token = new_token()
    invitation = await member_queries.insert_invitation(
        tx,
        shop_id=actor.shop_id,
        token_hash=hash_token(token),
        role=role,
        email=checked_email(email) if email else None,
        invited_by=actor.person_id,
        days=INVITATION_DAYS,
    )
    await outbox.record(tx, PersonInvited(actor.shop_id, invitation.id, role, actor.person_id))
    return Invited(replace(invitation, role=role), token)


async def invitation(tx: Tx, *, token: str) -> Invitation:
    """The invitation behind a link, to show it.  Raises UnknownInvitation."""
    found = await member_queries.invitation(tx, token_hash=hash_token(token))
    if found is None:
        raise UnknownInvitation
    return replace(found, role=Role(found.role))


async def invitations(tx: Tx, *, shop_id: int) -> list[Invitation]:
    """Those that wait for an answer."""
    return [
        replace(each, role=Role(each.role)) for each in await member_queries.invitations(tx, shop_id=shop_id)
    ]


async def withdraw_invitation(tx: Tx, *, actor: Actor, invitation_id: int) -> None:
    if not actor.may(Permission.MEMBERS_MANAGE):
        raise NotAllowed(permission=Permission.MEMBERS_MANAGE)
    if not await member_queries.withdraw_invitation(tx, shop_id=actor.shop_id, invitation_id=invitation_id):
        raise UnknownInvitation


async def accept(tx: Tx, *, token: str, person: Person) -> Membership:
    """Somebody signed in takes an invitation.  Raises AlreadyMember, and the invitation stays."""
    found = await invitation(tx, token=token)
    if found.email not in {None, person.email}:
        raise OtherEmail
    await take_invitation(tx, found, person)
    return Membership(await shop(tx, found.shop_id), found.role)


async def take_invitation(tx: Tx, found: Invitation, person: Person) -> None:
    if not await member_queries.accept_invitation(tx, invitation_id=found.id, person_id=person.id):
        raise UnknownInvitation
    if not await member_queries.insert_member_once(
        tx, shop_id=found.shop_id, person_id=person.id, role=found.role
    ):
        raise AlreadyMember
    await outbox.record(tx, PersonJoined(found.shop_id, person.id, found.role))


async def change_role(tx: Tx, *, actor: Actor, person_id: int, role: Role) -> None:
    """Raises UnknownMember, NotAllowed, or LastOwner."""
    before = await lock_member(tx, actor, person_id)
    if not can_grant(actor, role):
        raise NotAllowed(permission=Permission.MEMBERS_MANAGE)
    if before is Role.OWNER and role is not Role.OWNER:
        await _keep_an_owner(tx, actor.shop_id)
    await member_queries.set_role(tx, shop_id=actor.shop_id, person_id=person_id, role=role)
    await outbox.record(tx, RoleChanged(actor.shop_id, person_id, role, actor.person_id))


async def remove_member(tx: Tx, *, actor: Actor, person_id: int) -> None:
    """The person no longer belongs to the shop, from the next request on.

    Raises UnknownMember, NotAllowed, or LastOwner.
    """
    role = await lock_member(tx, actor, person_id)
    if role is Role.OWNER:
        await _keep_an_owner(tx, actor.shop_id)
    await member_queries.delete_member(tx, shop_id=actor.shop_id, person_id=person_id)
    await outbox.record(tx, PersonRemoved(actor.shop_id, person_id, actor.person_id))


async def lock_member(tx: Tx, actor: Actor, person_id: int) -> Role:
    """The role of a member whom the actor may change.  Raises UnknownMember or NotAllowed."""
    await member_queries.lock_shop(tx, shop_id=actor.shop_id)
    # The actor may have lost the role while waiting for the lock.
    own = await member_queries.role_in(tx, shop_id=actor.shop_id, person_id=actor.person_id)
    if own != actor.role:
        raise NotAllowed(permission=Permission.MEMBERS_MANAGE)
    role = await member_queries.role_in(tx, shop_id=actor.shop_id, person_id=person_id)
    if role is None:
        raise UnknownMember
    if not can_grant(actor, Role(role)):
        raise NotAllowed(permission=Permission.MEMBERS_MANAGE)
    return Role(role)


async def _keep_an_owner(tx: Tx, shop_id: int) -> None:
    if await member_queries.owners(tx, shop_id=shop_id) == 1:
        raise LastOwner

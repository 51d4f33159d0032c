"""People come in, belong to shops, invite others and leave."""

import hashlib
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from psycopg.errors import UniqueViolation

from shopfloor.accounts import (
    forms,
    member_queries,
    passwords,
    queries,
    second_factor_queries,
    session_queries,
    totp,
)
from shopfloor.accounts.events import (
    KeyIssued,
    KeyRevoked,
    PersonInvited,
    PersonJoined,
    PersonRemoved,
    RoleChanged,
    ShopCreated,
)
from shopfloor.accounts.faults import checked_shop
from shopfloor.accounts.models import (
    PERMISSIONS,
    Actor,
    AlreadyMember,
    EmailTaken,
    Invitation,
    Invited,
    Joined,
    Key,
    Keyring,
    LastOwner,
    Member,
    Membership,
    NotAllowed,
    OpenSession,
    OtherEmail,
    Permission,
    Person,
    Role,
    Shop,
    SignInNeeded,
    SlugTaken,
    UnknownClaim,
    UnknownInvitation,
    UnknownKey,
    UnknownMember,
    UnknownReset,
    UnknownShop,
    WrongCredentials,
    can_grant,
    checked_email,
    checked_password,
    is_slug,
)
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.text import line
from shopfloor.kernel.values import now

CLAIM_HOURS: Final = 24
RESET_HOURS: Final = 2
INVITATION_DAYS: Final = 7
# A session ends after this many days without use, and in any case after the second number.
SESSION_DAYS: Final = 14
SESSION_AT_MOST_DAYS: Final = 90
ATTEMPT_MINUTES: Final = 15
_DEVICE_LETTERS: Final = 300


def new_token() -> str:
    """256 random bits, fit for an address."""
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> bytes:
    """What is stored of a token.  It is random and long, so a plain hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


# The node's own secret


async def keyring(tx: Tx) -> Keyring:
    """The keys this node signs with; made by the first process that asks, the same for all."""
    rows = await queries.secrets(tx)
    if not rows:
        await queries.insert_secret_once(tx, version=1, value=secrets.token_bytes(32))
        rows = await queries.secrets(tx)
    return Keyring(current=rows[-1].version, keys={row.version: row.value for row in rows})


async def rotate_secret(tx: Tx, *, forget_old: bool = False) -> Keyring:
    """Sign with a new key from now on.  With `forget_old`, what was signed before is void at once.

    Processes that run keep the keyring they loaded: restart them.
    """
    before = await keyring(tx)
    version = await queries.last_secret_version(tx) + 1
    await queries.insert_secret_once(tx, version=version, value=secrets.token_bytes(32))
    # What the old key sealed is not lost with it.
    for row in await second_factor_queries.second_factors(tx):
        secret = totp.opened(before, row.person_id, row.key_version, row.sealed)
        if secret is not None:
            key_version, sealed = totp.sealed(await keyring(tx), row.person_id, secret)
            await second_factor_queries.reseal(
                tx, person_id=row.person_id, key_version=key_version, sealed=sealed
            )
    if forget_old:
        await queries.retire_secrets(tx, below=version)
    return await keyring(tx)


# First run


async def ensure_owner_claim(tx: Tx) -> str | None:
    """The token of a new one-time link by which the first person takes this node over; None when taken.

    Links given earlier stay valid for their 24 hours; all are void once one was used.
    """
    if await queries.is_anybody_here(tx):
        return None
    token = new_token()
    await queries.insert_claim(tx, token_hash=hash_token(token), hours=CLAIM_HOURS)
    return token


async def check_claim(tx: Tx, *, token: str) -> None:
    """Is this link good?  Raises UnknownClaim."""
    if await queries.is_anybody_here(tx) or not await queries.is_claim_valid(
        tx, token_hash=hash_token(token)
    ):
        raise UnknownClaim


async def claim_owner(
    tx: Tx,
    *,
    token: str,
    email: str,
    password: str,
    shop_name: str,
    slug: str,
    currency: str,
    name: str = "",
    locale: str = "en",
    timezone: str = "UTC",
) -> Joined:
    """The first person, the first shop, and a session.  Works once; raises UnknownClaim after that."""
    await check_claim(tx, token=token)
    email = checked_email(email)
    password_hash = await passwords.hashed(checked_password(password, email=email, names=(shop_name, slug)))
    await queries.lock_first_person(tx)
    await check_claim(tx, token=token)
    person = await _new_person(tx, email=email, name=name, password_hash=password_hash, is_operator=True)
    await queries.delete_claims(tx)
    shop = await create_shop(
        tx, owner_id=person.id, name=shop_name, slug=slug, currency=currency, locale=locale, timezone=timezone
    )
    return Joined(person, shop, Role.OWNER, await open_session(tx, person_id=person.id))


async def _new_person(tx: Tx, *, email: str, name: str, password_hash: str, is_operator: bool) -> Person:
    person = await queries.insert_person_once(
        tx,
        email=email,
        name=line(name, field="name", longest=100) or email.split("@", maxsplit=1)[0],
        password_hash=password_hash,
        is_operator=is_operator,
    )
    if person is None:
        raise EmailTaken
    return person


# Sessions


async def open_session(tx: Tx, *, person_id: int, previous: str | None = None, device: str = "") -> str:
    """A new session token.  `previous` is whatever token the browser brought: it ends here, never goes on.

    `device` is what the browser calls itself (`User-Agent`).
    """
    if previous is not None:
        await sign_out(tx, session_token=previous)
    token = new_token()
    await session_queries.insert_session(
        tx,
        token_hash=hash_token(token),
        person_id=person_id,
        days=SESSION_DAYS,
        device="".join(filter(str.isprintable, device))[:_DEVICE_LETTERS],
    )
    return token


async def sign_out(tx: Tx, *, session_token: str) -> None:
    """End this session.  Nothing happens when there is none."""
    await session_queries.delete_session(tx, token_hash=hash_token(session_token))


async def sign_out_everywhere(tx: Tx, *, person_id: int) -> int:
    """End all sessions of a person, and sign-ins under way; say how many sessions there were."""
    await second_factor_queries.delete_challenges(tx, person_id=person_id)
    return await session_queries.delete_sessions(tx, person_id=person_id)


async def signed_in(tx: Tx, session_token: str | None) -> Person:
    """Whose session this is; using it moves its expiry on.  Raises SignInNeeded."""
    if session_token is None:
        raise SignInNeeded
    token_hash = hash_token(session_token)
    session = await session_queries.session(tx, token_hash=token_hash)
    if session is None:
        raise SignInNeeded
    if session.stale:
        await session_queries.move_session_on(
            tx, token_hash=token_hash, days=SESSION_DAYS, at_most_days=SESSION_AT_MOST_DAYS
        )
    return Person(session.id, session.email, session.name, session.is_operator)


async def actor(tx: Tx, session_token: str | None, shop_slug: str) -> Actor:
    """Who acts in this shop.  Raises SignInNeeded, or UnknownShop when the person does not belong to it."""
    person = await signed_in(tx, session_token)
    row = (
        await member_queries.membership(tx, person_id=person.id, slug=shop_slug)
        if is_slug(shop_slug)
        else None
    )
    if row is None:
        raise UnknownShop
    role = Role(row.role)
    return Actor(person_id=person.id, shop_id=row.id, role=role, permissions=PERMISSIONS[role])


async def open_sessions(tx: Tx, *, person_id: int, session_token: str) -> list[OpenSession]:
    """Where this person is signed in, the asking session first."""
    return await session_queries.sessions(tx, person_id=person_id, this=hash_token(session_token))


async def end_session(tx: Tx, *, person_id: int, session_id: str) -> None:
    """End one of this person's sessions.  Nothing happens when there is none of this id."""
    try:
        token_hash = bytes.fromhex(session_id)
    except ValueError:
        return
    await session_queries.delete_session_of(tx, person_id=person_id, token_hash=token_hash)


async def end_other_sessions(tx: Tx, *, person_id: int, session_token: str) -> int:
    """End all sessions of this person but the asking one; say how many there were."""
    return await session_queries.delete_other_sessions(
        tx, person_id=person_id, this=hash_token(session_token)
    )


async def change_person(tx: Tx, *, person_id: int, name: str, email: str) -> None:
    """Raises UnusableText, BadEmail or EmailTaken.  For another address, ask for the password first."""
    name, email = line(name, field="name", longest=100, shortest=1), checked_email(email)
    if await queries.is_email_taken(tx, email=email, person_id=person_id):
        raise EmailTaken
    try:
        await queries.set_person(tx, person_id=person_id, name=name, email=email)
    except UniqueViolation as problem:
        raise EmailTaken from problem


async def change_password(tx: Tx, *, person_id: int, current: str, new: str, device: str = "") -> str:
    """Set a new password and end every session; return the token of a new one.  Raises WrongCredentials."""
    person = await queries.person(tx, person_id=person_id)
    if person is None:
        raise SignInNeeded
    checked_password(new, email=person.email, names=await _shop_names(tx, person_id))
    known = await queries.credentials(tx, email=person.email)
    if known is None or not (await passwords.check(known.password_hash, current)).right:
        raise WrongCredentials
    new_hash = await passwords.hashed(new)
    if not await queries.replace_password(
        tx, person_id=person_id, old_hash=known.password_hash, new_hash=new_hash
    ):
        raise WrongCredentials
    await queries.delete_resets(tx, person_id=person_id)
    await sign_out_everywhere(tx, person_id=person_id)
    return await open_session(tx, person_id=person_id, device=device)


async def _shop_names(tx: Tx, person_id: int) -> list[str]:
    return [
        name
        for row in await member_queries.memberships(tx, person_id=person_id)
        for name in (row.name, row.slug)
    ]


# Links that set a password


async def make_reset(tx: Tx, *, email: str) -> str:
    """For whoever has the machine: the token of a one-time link that sets this person's password.

    Raises UnknownMember when nobody has this address.
    """
    known = await queries.credentials(tx, email=checked_email(email))
    if known is None:
        raise UnknownMember
    return await _new_reset(tx, person_id=known.id, made_by=None)


async def make_member_reset(tx: Tx, *, actor: Actor, person_id: int) -> str:
    """The token of such a link for a member, made by who manages members.

    Whoever has the link gets into everything that person can get into.  Raises UnknownMember; NotAllowed where that is
    more than the actor may do in this shop, another shop, or the node itself.
    """
    await lock_member(tx, actor, person_id)
    person = await queries.person(tx, person_id=person_id)
    shops = await member_queries.memberships(tx, person_id=person_id)
    if person is None or person.is_operator or any(shop.id != actor.shop_id for shop in shops):
        raise NotAllowed(permission=Permission.MEMBERS_MANAGE)
    return await _new_reset(tx, person_id=person_id, made_by=actor.person_id)


async def _new_reset(tx: Tx, *, person_id: int, made_by: int | None) -> str:
    """Links made before stop working: a second one is made because the first went astray."""
    await queries.delete_resets(tx, person_id=person_id)
    token = new_token()
    await queries.insert_reset(
        tx, token_hash=hash_token(token), person_id=person_id, made_by=made_by, hours=RESET_HOURS
    )
    return token


async def reset_for(tx: Tx, *, token: str) -> Person:
    """Whose password the link sets.  Raises UnknownReset."""
    person = await queries.reset_for(tx, token_hash=hash_token(token))
    if person is None:
        raise UnknownReset
    return person


async def reset_password(tx: Tx, *, token: str, password: str) -> Person:
    """Set the password the link is for; it works once, and every session ends.

    Raises UnknownReset, or WeakPassword (and the link still works).
    """
    person = await reset_for(tx, token=token)
    checked_password(password, email=person.email, names=await _shop_names(tx, person.id))
    await queries.set_password(tx, person_id=person.id, password_hash=await passwords.hashed(password))
    await queries.delete_resets(tx, person_id=person.id)
    await sign_out_everywhere(tx, person_id=person.id)
    return person


# Shops


async def create_shop(
    tx: Tx,
    *,
    owner_id: int,
    name: str,
    slug: str,
    currency: str,
    locale: str = "en",
    timezone: str = "UTC",
) -> Shop:
    """A new tenant with its first owner.  Raises SlugTaken or BadShop."""
    wanted = checked_shop(name=name, slug=slug, currency=currency, locale=locale, timezone=timezone)
    shop = await member_queries.insert_shop_once(
        tx,
        slug=wanted.slug,
        name=wanted.name,
        currency=wanted.currency,
        locale=wanted.locale,
        timezone=wanted.timezone,
    )
    if shop is None:
        raise SlugTaken(slug=slug)
    await member_queries.insert_member_once(tx, shop_id=shop.id, person_id=owner_id, role=Role.OWNER)
    await outbox.record(tx, ShopCreated(shop.id, shop.slug, shop.currency, owner_id))
    await outbox.record(tx, PersonJoined(shop.id, owner_id, Role.OWNER))
    return shop


async def shop(tx: Tx, shop_id: int) -> Shop:
    """Raises UnknownShop."""
    found = await member_queries.shop(tx, shop_id=shop_id)
    if found is None:
        raise UnknownShop
    return found


async def shop_by_slug(tx: Tx, slug: str) -> Shop:
    """Raises UnknownShop."""
    found = await member_queries.shop_by_slug(tx, slug=slug) if is_slug(slug) else None
    if found is None:
        raise UnknownShop
    return found


async def shops(tx: Tx) -> list[Shop]:
    return await member_queries.shops(tx)


# Who belongs to a shop


async def memberships(tx: Tx, person_id: int) -> list[Membership]:
    rows = await member_queries.memberships(tx, person_id=person_id)
    return [
        Membership(
            Shop(row.id, row.slug, row.name, row.currency, row.locale, row.timezone), role=Role(row.role)
        )
        for row in rows
    ]


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


async def join(tx: Tx, *, token: str, email: str, password: str, name: str = "") -> Joined:
    """A new person takes an invitation.  Raises EmailTaken when the person is here: `accept` instead."""
    found = await invitation(tx, token=token)
    email = checked_email(email)
    if found.email not in {None, email}:
        raise OtherEmail
    joined = await shop(tx, found.shop_id)
    password_hash = await passwords.hashed(
        checked_password(password, email=email, names=(joined.name, joined.slug))
    )
    person = await _new_person(tx, email=email, name=name, password_hash=password_hash, is_operator=False)
    await _take(tx, found, person)
    token = await open_session(tx, person_id=person.id)
    return Joined(person, joined, found.role, token)


async def accept(tx: Tx, *, token: str, person: Person) -> Membership:
    """Somebody signed in takes an invitation.  Raises AlreadyMember, and the invitation stays."""
    found = await invitation(tx, token=token)
    if found.email not in {None, person.email}:
        raise OtherEmail
    await _take(tx, found, person)
    return Membership(await shop(tx, found.shop_id), found.role)


async def _take(tx: Tx, found: Invitation, person: Person) -> None:
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
    """The person does not belong to the shop any more, from the next request on.

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


# Keys


async def issue_key(
    tx: Tx, *, shop_id: int, purpose: str, subject_id: int | UUID, lasts: timedelta | None = None
) -> str:
    """The token of a new key that opens `purpose` for this subject; kept as a hash, so it is shown only now."""
    token = new_token()
    key = await member_queries.insert_key(
        tx,
        shop_id=shop_id,
        token_hash=hash_token(token),
        purpose=purpose,
        subject=str(subject_id),
        expires_at=None if lasts is None else now() + lasts,
    )
    await outbox.record(tx, KeyIssued(shop_id, key.id, purpose, key.subject))
    return token


async def read_key(tx: Tx, *, token: str, purpose: str) -> Key:
    """Raises UnknownKey for a token that is wrong, for another purpose, revoked or expired."""
    key = await member_queries.key(tx, token_hash=hash_token(token), purpose=purpose)
    if key is None:
        raise UnknownKey
    return key


async def keys(tx: Tx, *, shop_id: int, purpose: str, subject_id: int | UUID) -> list[Key]:
    """The keys that still open something."""
    return await member_queries.keys(tx, shop_id=shop_id, purpose=purpose, subject=str(subject_id))


async def revoke_key(tx: Tx, *, shop_id: int, key_id: int) -> None:
    """Raises UnknownKey."""
    if not await member_queries.revoke_key(tx, shop_id=shop_id, key_id=key_id):
        raise UnknownKey
    await outbox.record(tx, KeyRevoked(shop_id, key_id))


# Housekeeping


async def forget_expired(tx: Tx) -> int:
    """Delete what has expired: sessions, claims, counts of sign-ins, forms.  Say how many rows.  Run it hourly."""
    return (
        await session_queries.delete_expired_sessions(tx)
        + await queries.delete_expired_claims(tx)
        + await queries.delete_expired_resets(tx)
        + await second_factor_queries.delete_expired_challenges(tx)
        + await session_queries.delete_old_attempts(tx, minutes=ATTEMPT_MINUTES)
        + await forms.forget_secrets(tx)
        + await forms.forget_forms(tx)
    )

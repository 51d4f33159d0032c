"""People come in, act in a shop, and change what is theirs."""

from typing import Final

from psycopg.errors import UniqueViolation

from shopfloor import forms
from shopfloor.accounts import (
    member_queries,
    passwords,
    queries,
    second_factor_queries,
    session_queries,
    totp,
)
from shopfloor.accounts.members import invitation, lock_member, take_invitation
from shopfloor.accounts.models import (
    PERMISSIONS,
    Actor,
    EmailTaken,
    Joined,
    NotAllowed,
    OtherEmail,
    Permission,
    Person,
    Role,
    SignInNeeded,
    UnknownClaim,
    UnknownMember,
    UnknownReset,
    UnknownShop,
    WrongCredentials,
    checked_email,
    checked_password,
    is_slug,
)
from shopfloor.accounts.sessions import open_session, sign_out_everywhere, signed_in
from shopfloor.accounts.shops import create_shop, shop
from shopfloor.kernel.database import Tx
from shopfloor.kernel.keyring import Keyring, add_key, forget_keys, load_keyring
from shopfloor.kernel.text import line
from shopfloor.kernel.tokens import hash_token, new_token

CLAIM_HOURS: Final = 24
RESET_HOURS: Final = 2
ATTEMPT_MINUTES: Final = 15


async def rotate_secret(tx: Tx, *, forget_old: bool = False) -> Keyring:
    """Sign with a new key from now on.  With `forget_old`, what was signed before is void at once.

    Processes that run keep the keyring they loaded: restart them.
    """
    before = await load_keyring(tx)
    after = await add_key(tx)
    # What the old key sealed is not lost with it.
    for row in await second_factor_queries.second_factors(tx):
        secret = totp.opened(before, row.person_id, row.key_version, row.sealed)
        if secret is not None:
            key_version, sealed = totp.sealed(after, row.person_id, secret)
            await second_factor_queries.reseal(
                tx, person_id=row.person_id, key_version=key_version, sealed=sealed
            )
    return await forget_keys(tx, below=after.current) if forget_old else after


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


# People


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


# Invitations


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
    await take_invitation(tx, found, person)
    token = await open_session(tx, person_id=person.id)
    return Joined(person, joined, found.role, token)


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

"""People come in, and act in a shop."""

from typing import Final

from shopfloor import accounts, forms
from shopfloor.accounts import (
    Actor,
    NotAllowed,
    OtherEmail,
    Permission,
    Person,
    Role,
    UnknownMember,
    checked_email,
)
from shopfloor.auth import (
    passwords,
    queries,
    second_factor_queries,
    session_queries,
    totp,
)
from shopfloor.auth.models import (
    Joined,
    SignInNeeded,
    UnknownClaim,
    UnknownReset,
    WrongCredentials,
    checked_password,
)
from shopfloor.auth.sessions import open_session, sign_out_everywhere, signed_in
from shopfloor.kernel.database import Tx
from shopfloor.kernel.keyring import Keyring, add_key, forget_keys, load_keyring
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
    if await accounts.is_anybody_here(tx):
        return None
    token = new_token()
    await queries.insert_claim(tx, token_hash=hash_token(token), hours=CLAIM_HOURS)
    return token


async def check_claim(tx: Tx, *, token: str, lock: bool = False) -> None:
    """Is this link good?  Raises UnknownClaim."""
    if await accounts.is_anybody_here(tx, lock=lock) or not await queries.is_claim_valid(
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
    await check_claim(tx, token=token, lock=True)
    person = await accounts.add_person(
        tx, email=email, name=name, password_hash=password_hash, is_operator=True
    )
    await queries.delete_claims(tx)
    shop = await accounts.create_shop(
        tx, owner_id=person.id, name=shop_name, slug=slug, currency=currency, locale=locale, timezone=timezone
    )
    return Joined(person, shop, Role.OWNER, await open_session(tx, person_id=person.id))


# People


async def actor(tx: Tx, session_token: str | None, shop_slug: str) -> Actor:
    """Who acts in this shop.  Raises SignInNeeded, or UnknownShop when the person does not belong to it."""
    person = await signed_in(tx, session_token)
    return await accounts.actor_of(tx, person_id=person.id, shop_slug=shop_slug)


async def change_password(tx: Tx, *, person_id: int, current: str, new: str, device: str = "") -> str:
    """Set a new password and end every session; return the token of a new one.  Raises WrongCredentials."""
    person = await accounts.person(tx, person_id=person_id)
    if person is None:
        raise SignInNeeded
    checked_password(new, email=person.email, names=await _shop_names(tx, person_id))
    known = await accounts.credentials(tx, email=person.email)
    if known is None or not (await passwords.check(known.password_hash, current)).right:
        raise WrongCredentials
    new_hash = await passwords.hashed(new)
    if not await accounts.set_password(
        tx, person_id=person_id, old_hash=known.password_hash, new_hash=new_hash
    ):
        raise WrongCredentials
    await queries.delete_resets(tx, person_id=person_id)
    await sign_out_everywhere(tx, person_id=person_id)
    return await open_session(tx, person_id=person_id, device=device)


async def _shop_names(tx: Tx, person_id: int) -> list[str]:
    return [
        name
        for each in await accounts.memberships(tx, person_id)
        for name in (each.shop.name, each.shop.slug)
    ]


# Links that set a password


async def make_reset(tx: Tx, *, email: str) -> str:
    """For whoever has the machine: the token of a one-time link that sets this person's password.

    Raises UnknownMember when nobody has this address.
    """
    known = await accounts.credentials(tx, email=checked_email(email))
    if known is None:
        raise UnknownMember
    return await _new_reset(tx, person_id=known.id, made_by=None)


async def make_member_reset(tx: Tx, *, actor: Actor, person_id: int) -> str:
    """The token of such a link for a member, made by who manages members.

    Whoever has the link gets into everything that person can get into.  Raises UnknownMember; NotAllowed where that is
    more than the actor may do in this shop, another shop, or the node itself.
    """
    await accounts.lock_member(tx, actor, person_id)
    person = await accounts.person(tx, person_id=person_id)
    shops = await accounts.memberships(tx, person_id)
    if person is None or person.is_operator or any(each.shop.id != actor.shop_id for each in shops):
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
    await accounts.set_password(tx, person_id=person.id, new_hash=await passwords.hashed(password))
    await queries.delete_resets(tx, person_id=person.id)
    await sign_out_everywhere(tx, person_id=person.id)
    return person


# Invitations


async def join(tx: Tx, *, token: str, email: str, password: str, name: str = "") -> Joined:
    """A new person takes an invitation.  Raises EmailTaken when the person is here: `accept` instead."""
    found = await accounts.invitation(tx, token=token)
    email = checked_email(email)
    if found.email not in {None, email}:
        raise OtherEmail
    joined = await accounts.shop(tx, found.shop_id)
    password_hash = await passwords.hashed(
        checked_password(password, email=email, names=(joined.name, joined.slug))
    )
    person = await accounts.add_person(
        tx, email=email, name=name, password_hash=password_hash, is_operator=False
    )
    await accounts.take_invitation(tx, found, person)
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

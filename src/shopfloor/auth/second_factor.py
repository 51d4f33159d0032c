"""A second factor at sign-in, for those who want one: codes of an app, and recovery codes for the day it is lost.

It is set up in two steps: the secret is shown, then a code of it confirms that the app has it.  Only then is it kept.
Removing it takes the password and a code; for somebody who lost the device, an owner of the shop or whoever has the
machine switches it off.  Both are facts of every shop that person belongs to.
"""

import hashlib
from datetime import datetime
from typing import Final

from shopfloor import accounts, forms
from shopfloor.accounts import Actor, NotAllowed, Permission, Person, UnknownMember, checked_email
from shopfloor.auth import second_factor_queries, session_queries, totp
from shopfloor.auth.events import SecondFactorRemoved, SecondFactorSet
from shopfloor.auth.models import (
    SecondFactorNeeded,
    SecondFactorOff,
    SecondFactorOn,
    SignInExpired,
    TooManyAttempts,
    UnknownSetup,
    WrongCode,
)
from shopfloor.auth.service import ATTEMPT_MINUTES
from shopfloor.auth.sessions import open_session
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.keyring import load_keyring
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.tokens import hash_token, new_token
from shopfloor.kernel.values import now

__all__ = [
    "SecondFactor",
    "SecondFactorNeeded",
    "SecondFactorOff",
    "SecondFactorOn",
    "Setup",
    "SignInExpired",
    "UnknownSetup",
    "WrongCode",
    "begin_second_factor",
    "challenge",
    "challenged",
    "check_code",
    "confirm_second_factor",
    "finish_sign_in",
    "issuer",
    "members_with_one",
    "needed",
    "remove_member_second_factor",
    "remove_second_factor",
    "remove_second_factor_of",
    "renew_recovery_codes",
    "second_factor_of",
    "setup_of",
]

CHALLENGE_MINUTES: Final = 10
# Codes tried in a quarter of an hour, for one person; and from one browser that signed in before, whatever others do.
CODE_LIMIT: Final = 5
DEVICE_LIMIT: Final = 10


@dataclass(frozen=True, slots=True)
class Setup:
    """What an app must be told.  `name` is what this setup is confirmed by."""

    name: str
    secret: str
    uri: str


@dataclass(frozen=True, slots=True)
class SecondFactor:
    made_at: datetime
    recovery_codes_left: int


async def second_factor_of(tx: Tx, *, person_id: int) -> SecondFactor | None:
    row = await second_factor_queries.second_factor(tx, person_id=person_id)
    if row is None:
        return None
    return SecondFactor(row.made_at, await second_factor_queries.recovery_codes_left(tx, person_id=person_id))


def issuer(host: str) -> str:
    """What an app calls this node."""
    return f"Shopfloor {host}"


async def members_with_one(tx: Tx, *, shop_id: int) -> set[int]:
    """Those of a shop who sign in with a code, by person."""
    people = [each.person_id for each in await accounts.members(tx, shop_id=shop_id)]
    return set(await second_factor_queries.with_second_factor(tx, person_ids=people))


# Setting it up


def _setup_key(name: str) -> bytes:
    return hashlib.sha256(b"second factor\n" + name.encode("utf-8", "surrogatepass")).digest()


async def begin_second_factor(tx: Tx, *, person: Person, session_token: str, issuer: str) -> Setup:
    """A new secret, kept for this session for ten minutes.  Ask for the password before.  Raises SecondFactorOn."""
    if await second_factor_queries.second_factor(tx, person_id=person.id) is not None:
        raise SecondFactorOn
    name, secret = new_token(), totp.new_secret()
    await forms.keep_secret(
        tx, key=_setup_key(name), person_id=person.id, session_token=session_token, secret=secret.hex()
    )
    return _as_setup(name, secret, person, issuer)


async def setup_of(tx: Tx, *, person: Person, session_token: str, name: str, issuer: str) -> Setup:
    """Raises UnknownSetup once it is too old, or in another session."""
    return _as_setup(name, await _kept(tx, person.id, session_token, name), person, issuer)


def _as_setup(name: str, secret: bytes, person: Person, issuer: str) -> Setup:
    return Setup(name, totp.text_of(secret), totp.uri_of(secret, account=person.email, issuer=issuer))


async def _kept(tx: Tx, person_id: int, session_token: str, name: str) -> bytes:
    kept = await forms.kept_secret(tx, key=_setup_key(name), person_id=person_id, session_token=session_token)
    try:
        secret = bytes.fromhex(kept or "")
    except ValueError:
        secret = b""
    if len(secret) != totp.SECRET_BYTES:
        raise UnknownSetup
    return secret


async def confirm_second_factor(
    tx: Tx, *, person: Person, session_token: str, name: str, code: str
) -> list[str]:
    """The app has the secret: from now on codes are asked for.  Returns the recovery codes, of which hashes are kept.

    Raises UnknownSetup, WrongCode or SecondFactorOn.
    """
    secret = await _kept(tx, person.id, session_token, name)
    step = totp.matching_step(secret, totp.typed(code), seconds=now().timestamp())
    if step is None:
        raise WrongCode
    version, stored = totp.sealed(await load_keyring(tx), person.id, secret)
    if not await second_factor_queries.insert_second_factor_once(
        tx, person_id=person.id, key_version=version, sealed=stored, last_step=step
    ):
        raise SecondFactorOn
    await forms.forget_form(tx, key=_setup_key(name))
    for each in await accounts.memberships(tx, person.id):
        await outbox.record(tx, SecondFactorSet(each.shop.id, person.id))
    return await _new_codes(tx, person.id)


async def _new_codes(tx: Tx, person_id: int) -> list[str]:
    codes = totp.new_recovery_codes()
    await second_factor_queries.delete_recovery_codes(tx, person_id=person_id)
    await second_factor_queries.insert_recovery_codes(
        tx, person_id=person_id, hashes=[totp.recovery_hash(person_id, code) for code in codes]
    )
    return codes


async def renew_recovery_codes(tx: Tx, *, person_id: int) -> list[str]:
    """New ones in place of all that were left.  Ask for password and code before.  Raises SecondFactorOff."""
    if await second_factor_queries.second_factor(tx, person_id=person_id) is None:
        raise SecondFactorOff
    return await _new_codes(tx, person_id)


# Asking for it


async def check_code(db: Database, *, person_id: int, code: str, device: str | None = None) -> None:
    """A code of the app, or a recovery code; either is good once.  Tries are counted also when they fail.

    `device` is the name of a browser that signed in as this person before.  Raises WrongCode, TooManyAttempts, or
    SecondFactorOff where there is none to ask for.
    """
    bucket, limit = (
        (hashlib.sha256(b"code\n%d" % person_id).digest(), CODE_LIMIT)
        if device is None
        else (hashlib.sha256(f"code device\n{person_id}\n{device}".encode()).digest(), DEVICE_LIMIT)
    )
    async with db.transaction() as tx:
        beyond = await session_queries.count_attempts(
            tx, buckets=[bucket], limits=[limit], minutes=ATTEMPT_MINUTES
        )
    if beyond:
        raise TooManyAttempts(minutes=ATTEMPT_MINUTES)
    async with db.transaction() as tx:
        await _use(tx, person_id, totp.typed(code))
        await session_queries.forget_attempts(tx, buckets=[bucket])


async def _use(tx: Tx, person_id: int, code: str) -> None:
    row = await second_factor_queries.second_factor(tx, person_id=person_id)
    if row is None:
        raise SecondFactorOff
    if not totp.is_time_code(code):
        used = await second_factor_queries.use_recovery_code(
            tx, person_id=person_id, code_hash=totp.recovery_hash(person_id, code)
        )
        if not used:
            raise WrongCode
        return
    secret = totp.opened(await load_keyring(tx), person_id, row.key_version, row.sealed)
    step = None if secret is None else totp.matching_step(secret, code, seconds=now().timestamp())
    if step is None or not await second_factor_queries.use_step(tx, person_id=person_id, step=step):
        raise WrongCode


async def challenge(tx: Tx, *, person_id: int) -> str:
    """The password was right: the token with which the code is handed in."""
    token = new_token()
    await second_factor_queries.insert_challenge(
        tx, token_hash=hash_token(token), person_id=person_id, minutes=CHALLENGE_MINUTES
    )
    return token


def needed(token: str) -> SecondFactorNeeded:
    return SecondFactorNeeded(challenge=token)


async def challenged(tx: Tx, *, token: str) -> Person:
    """Who is signing in.  Raises SignInExpired."""
    person = await second_factor_queries.challenged(tx, token_hash=hash_token(token))
    if person is None:
        raise SignInExpired
    return person


async def finish_sign_in(
    db: Database,
    *,
    token: str,
    code: str,
    previous: str | None = None,
    device: str | None = None,
    user_agent: str = "",
) -> str:
    """The token of a new session, for the token of `challenge` and a code.

    Raises SignInExpired, WrongCode (and the sign-in can go on) or TooManyAttempts.
    """
    async with db.transaction() as tx:
        person = await challenged(tx, token=token)
    await check_code(db, person_id=person.id, code=code, device=device)
    async with db.transaction() as tx:
        # A password that was changed meanwhile has ended this sign-in too.
        if not await second_factor_queries.delete_challenge(tx, token_hash=hash_token(token)):
            raise SignInExpired
        return await open_session(tx, person_id=person.id, previous=previous, device=user_agent)


# Taking it away


async def remove_second_factor(tx: Tx, *, person_id: int) -> None:
    """By the person.  Ask for password and code before.  Raises SecondFactorOff."""
    await _remove(tx, person_id, removed_by=person_id)


async def remove_member_second_factor(tx: Tx, *, actor: Actor, person_id: int) -> None:
    """By who manages members, for somebody who lost the device.

    Raises UnknownMember, SecondFactorOff; NotAllowed where that person can get into more than the actor may decide about.
    """
    await accounts.lock_member(tx, actor, person_id)
    person = await accounts.person(tx, person_id=person_id)
    shops = await accounts.memberships(tx, person_id)
    if person is None or person.is_operator or any(each.shop.id != actor.shop_id for each in shops):
        raise NotAllowed(permission=Permission.MEMBERS_MANAGE)
    await _remove(tx, person_id, removed_by=actor.person_id)


async def remove_second_factor_of(tx: Tx, *, email: str) -> None:
    """By whoever has the machine.  Raises UnknownMember or SecondFactorOff."""
    known = await accounts.credentials(tx, email=checked_email(email))
    if known is None:
        raise UnknownMember
    await _remove(tx, known.id, removed_by=None)


async def _remove(tx: Tx, person_id: int, *, removed_by: int | None) -> None:
    if not await second_factor_queries.delete_second_factor(tx, person_id=person_id):
        raise SecondFactorOff
    await second_factor_queries.delete_recovery_codes(tx, person_id=person_id)
    await second_factor_queries.delete_challenges(tx, person_id=person_id)
    for each in await accounts.memberships(tx, person_id):
        await outbox.record(tx, SecondFactorRemoved(each.shop.id, person_id, removed_by))

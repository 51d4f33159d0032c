"""Signing in with a password.

It takes two transactions with slow work between them, so it is given the database and not a transaction: a
try must be counted also when it fails, and no connection waits while a password is checked.
"""

import hashlib
from typing import Final

from shopfloor.accounts import passwords, queries
from shopfloor.accounts.models import (
    LONGEST_PASSWORD,
    BadEmail,
    TooManyAttempts,
    WrongCredentials,
    checked_email,
)
from shopfloor.accounts.service import ATTEMPT_MINUTES, open_session
from shopfloor.kernel.database import Database

# Tries in a quarter of an hour: for one account from one address, for one account from anywhere (high, so
# that a stranger cannot easily lock the owner out), from one address for any account.
PAIR_LIMIT: Final = 10
ACCOUNT_LIMIT: Final = 100
ADDRESS_LIMIT: Final = 60


async def sign_in(
    db: Database, *, email: str, password: str, address: str, previous: str | None = None
) -> str:
    """The token of a new session; the one the browser had (`previous`) ends.

    Raises WrongCredentials, the same and after the same work whether or not there is such a person, and
    TooManyAttempts once tries for this account or from this address went beyond their limit.
    """
    try:
        email = checked_email(email)
    except BadEmail:
        email = ""
    pair, account = _bucket("pair", f"{email}\n{address}"), _bucket("account", email)
    limits = {pair: PAIR_LIMIT, account: ACCOUNT_LIMIT, _bucket("address", address): ADDRESS_LIMIT}
    ordered = sorted(limits)
    async with db.transaction() as tx:
        beyond = await queries.count_attempts(
            tx, buckets=ordered, limits=[limits[b] for b in ordered], minutes=ATTEMPT_MINUTES
        )
        known = await queries.credentials(tx, email=email)
    if beyond:
        raise TooManyAttempts(minutes=ATTEMPT_MINUTES)
    checked = await passwords.check(
        None if known is None else known.password_hash, password[: LONGEST_PASSWORD + 1]
    )
    if known is None or not checked.right:
        raise WrongCredentials
    async with db.transaction() as tx:
        password_hash = known.password_hash
        if checked.rehashed is not None and await queries.replace_password(
            tx, person_id=known.id, old_hash=password_hash, new_hash=checked.rehashed
        ):
            password_hash = checked.rehashed
        # A password changed while this one was checked has ended all sessions: this must not open another.
        if not await queries.is_password_hash(tx, person_id=known.id, password_hash=password_hash):
            raise WrongCredentials
        await queries.forget_attempts(tx, buckets=sorted([pair, account]))
        return await open_session(tx, person_id=known.id, previous=previous)


def _bucket(kind: str, what: str) -> bytes:
    return hashlib.sha256(f"{kind}\n{what}".encode("utf-8", "surrogatepass")).digest()

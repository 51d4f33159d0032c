"""Signing in with a password.

It takes two transactions with slow work between them, so it is given the database and not a transaction: a
try must be counted also when it fails, and no connection waits while a password is checked.
"""

import hashlib
from ipaddress import IPv4Address, IPv6Network, ip_address
from typing import Final

from shopfloor import accounts
from shopfloor.accounts import BadEmail, checked_email
from shopfloor.auth import passwords, second_factor, second_factor_queries, session_queries
from shopfloor.auth.models import LONGEST_PASSWORD, TooManyAttempts, WrongCredentials
from shopfloor.auth.service import ATTEMPT_MINUTES
from shopfloor.auth.sessions import open_session
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.records import dataclass

# Tries in a quarter of an hour: for one account from one network, from one network for any account, for one account
# from one browser that signed in before.  There is none for an account from anywhere: with it, strangers could lock
# the owner out.
PAIR_LIMIT: Final = 10
ADDRESS_LIMIT: Final = 60
DEVICE_LIMIT: Final = 10
# A house has a /64 of IPv6 or more: whoever has a /48 gets this many times what one /64 gets.
WIDE: Final = 4


async def sign_in(
    db: Database,
    *,
    email: str,
    password: str,
    address: str,
    previous: str | None = None,
    device: str | None = None,
    user_agent: str = "",
    code: str = "",
) -> str:
    """The token of a new session; the one the browser had (`previous`) ends.

    `device` is the name of a browser that signed in with this address before (`read_device`).

    Raises SecondFactorNeeded where the person has one and no `code` is given; its `challenge` is what
    `second_factor.finish_sign_in` takes with the code.  A `code` given may raise WrongCode.

    Raises WrongCredentials, the same and after the same work whether or not there is such a person, and
    TooManyAttempts once tries for this account or from this address went beyond their limit.
    """
    try:
        email = checked_email(email)
    except BadEmail:
        email = ""
    proven = await _proven(db, email=email, password=password, limits=_limits(email, address, device))
    async with db.transaction() as tx:
        await _settle(tx, proven)
        if await second_factor_queries.second_factor(tx, person_id=proven.person_id) is None:
            return await open_session(tx, person_id=proven.person_id, previous=previous, device=user_agent)
        challenge = await second_factor.challenge(tx, person_id=proven.person_id)
    if not code:
        raise second_factor.needed(challenge)
    return await second_factor.finish_sign_in(
        db, token=challenge, code=code, previous=previous, device=device, user_agent=user_agent
    )


async def check_password(
    db: Database, *, email: str, password: str, address: str, device: str | None = None
) -> None:
    """Before something only the person may do: the password once more, counted as a sign-in is.

    Raises WrongCredentials or TooManyAttempts.
    """
    proven = await _proven(db, email=email, password=password, limits=_limits(email, address, device))
    async with db.transaction() as tx:
        await _settle(tx, proven)


@dataclass(frozen=True, slots=True)
class _Proven:
    """The password was right; `buckets` are to be emptied once everything else is."""

    person_id: int
    password_hash: str
    rehashed: str | None
    buckets: list[bytes]


async def _proven(db: Database, *, email: str, password: str, limits: dict[bytes, int]) -> _Proven:
    ordered = sorted(limits)
    async with db.transaction() as tx:
        beyond = await session_queries.count_attempts(
            tx, buckets=ordered, limits=[limits[b] for b in ordered], minutes=ATTEMPT_MINUTES
        )
        known = await accounts.credentials(tx, email=email)
    if beyond:
        raise TooManyAttempts(minutes=ATTEMPT_MINUTES)
    checked = await passwords.check(
        None if known is None else known.password_hash, password[: LONGEST_PASSWORD + 1]
    )
    if known is None or not checked.right:
        raise WrongCredentials
    emptied = [bucket for bucket in ordered if limits[bucket] < ADDRESS_LIMIT]
    return _Proven(known.id, known.password_hash, checked.rehashed, emptied)


async def _settle(tx: Tx, proven: _Proven) -> None:
    password_hash = proven.password_hash
    if proven.rehashed is not None and await accounts.set_password(
        tx, person_id=proven.person_id, old_hash=password_hash, new_hash=proven.rehashed
    ):
        password_hash = proven.rehashed
    # A password changed while this one was checked has ended all sessions: this must not open another.
    if not await accounts.is_password_hash(tx, person_id=proven.person_id, password_hash=password_hash):
        raise WrongCredentials
    await session_queries.forget_attempts(tx, buckets=proven.buckets)


def _limits(email: str, address: str, device: str | None) -> dict[bytes, int]:
    """What this try is counted by, and how many each may have."""
    if device is not None:
        return {_bucket("device", f"{email}\n{device}"): DEVICE_LIMIT}
    near, wide = networks(address)
    limits = {
        _bucket("pair", f"{email}\n{near}"): PAIR_LIMIT,
        _bucket("address", near): ADDRESS_LIMIT,
    }
    if wide != near:
        limits |= {
            _bucket("pair", f"{email}\n{wide}"): PAIR_LIMIT * WIDE,
            _bucket("address", wide): ADDRESS_LIMIT * WIDE,
        }
    return limits


def networks(address: str) -> tuple[str, str]:
    """What an address stands for: an IPv4 address itself, of IPv6 its /64 and its /48."""
    try:
        known = ip_address(address.partition("%")[0])
    except ValueError:
        return address, address
    if isinstance(known, IPv4Address):
        return str(known), str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped), str(known.ipv4_mapped)
    near, wide = (str(IPv6Network((known, prefix), strict=False)) for prefix in (64, 48))
    return near, wide


def _bucket(kind: str, what: str) -> bytes:
    return hashlib.sha256(f"{kind}\n{what}".encode("utf-8", "surrogatepass")).digest()

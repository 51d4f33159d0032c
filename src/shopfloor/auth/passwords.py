"""Passwords with argon2id, off the event loop.

A check costs tens of milliseconds and 64 MiB on purpose.  Two at a time keep a flood of sign-ins from taking
the machine; the rest wait in line.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from shopfloor.kernel.records import dataclass

HASHER: Final = PasswordHasher()
_THREADS: Final = ThreadPoolExecutor(2, thread_name_prefix="password")


@dataclass(frozen=True, slots=True)
class Checked:
    """`rehashed` is set when the password is right and its hash was made with older parameters."""

    right: bool
    rehashed: str | None


async def hashed(password: str) -> str:
    return await asyncio.get_running_loop().run_in_executor(_THREADS, HASHER.hash, password)


async def check(password_hash: str | None, password: str) -> Checked:
    """Compare; without a hash (nobody of that name) the same work is done and the answer is no."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _check, password_hash, password)


def _check(password_hash: str | None, password: str) -> Checked:
    try:
        HASHER.verify(_nobodys_hash() if password_hash is None else password_hash, password)
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return Checked(right=False, rehashed=None)
    if password_hash is None:
        return Checked(right=False, rehashed=None)
    old = HASHER.check_needs_rehash(password_hash)
    return Checked(right=True, rehashed=HASHER.hash(password) if old else None)


@cache
def _nobodys_hash() -> str:
    return HASHER.hash("nobody signs in with this")

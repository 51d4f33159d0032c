"""Sessions: who is signed in, where, and for how long."""

from typing import Final

from shopfloor.accounts import Person
from shopfloor.auth import (
    second_factor_queries,
    session_queries,
)
from shopfloor.auth.models import OpenSession, SignInNeeded
from shopfloor.kernel.database import Tx
from shopfloor.kernel.tokens import hash_token, new_token

# A session ends after this many days without use, and in any case after the second number.
SESSION_DAYS: Final = 14


SESSION_AT_MOST_DAYS: Final = 90


_DEVICE_LETTERS: Final = 300


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

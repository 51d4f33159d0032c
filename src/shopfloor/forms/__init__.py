"""Forms that are carried out once, however often they are sent, and what is shown once.

A form is known by the random key it carries and by all that was typed, so that a second tap and a reload are the same
form, and the same page filled in differently is another.
"""

import hashlib
from typing import Final

from shopfloor.kernel.database import Tx

FORM_HOURS: Final = 24
# How long a link or key that was just made can be looked at again by who made it.
SECRET_MINUTES: Final = 10


async def claim_form(tx: Tx, *, key: bytes, person_id: int) -> bool:
    """Whether this form is carried out for the first time.  A transaction beside this one is waited for."""
    return (
        await tx.run(
            """
            INSERT INTO accounts.form_answer (key, person_id) VALUES (%(key)s, %(person_id)s)
            ON CONFLICT DO NOTHING
            """,
            key=key,
            person_id=person_id,
        )
        == 1
    )


async def keep_form_answer(tx: Tx, *, key: bytes, location: str) -> None:
    await tx.run(
        "UPDATE accounts.form_answer SET location = %(location)s WHERE key = %(key)s",
        key=key,
        location=location,
    )


async def forget_form(tx: Tx, *, key: bytes) -> None:
    """It was refused after all: sent again, it is tried again."""
    await tx.run("DELETE FROM accounts.form_answer WHERE key = %(key)s", key=key)


async def form_answer(tx: Tx, *, key: bytes) -> str | None:
    """Where the answer to this form stands; None until it does."""
    return await tx.value("SELECT location FROM accounts.form_answer WHERE key = %(key)s", key=key)


async def keep_secret(tx: Tx, *, key: bytes, person_id: int, session_token: str, secret: str) -> None:
    """Keep `secret` for a few minutes, for this session only: the database alone cannot tell it."""
    await tx.run(
        """
        INSERT INTO accounts.form_answer (key, person_id, sealed) VALUES (%(key)s, %(person_id)s, %(sealed)s)
        """,
        key=key,
        person_id=person_id,
        sealed=_sealed(secret.encode(), session_token, key),
    )


async def kept_secret(tx: Tx, *, key: bytes, person_id: int, session_token: str) -> str | None:
    """The secret kept under this key; None when there is none, any longer or for this session."""
    found: bytes | None = await tx.value(
        """
        SELECT sealed FROM accounts.form_answer
         WHERE key = %(key)s AND person_id = %(person_id)s
           AND made_at > now() - make_interval(mins => %(minutes)s)
        """,
        key=key,
        person_id=person_id,
        minutes=SECRET_MINUTES,
    )
    if found is None:
        return None
    try:
        return _sealed(bytes(found), session_token, key).decode()
    except UnicodeDecodeError:
        return None


async def forget_secret(tx: Tx, *, key: bytes) -> bool:
    """Whether there was one: of those who forget it at once, one is told so."""
    return (
        await tx.run("DELETE FROM accounts.form_answer WHERE key = %(key)s AND sealed IS NOT NULL", key=key)
        == 1
    )


async def forget_secrets(tx: Tx) -> int:
    return await tx.run(
        """
        DELETE FROM accounts.form_answer
         WHERE made_at < now() - make_interval(mins => %(minutes)s) AND sealed IS NOT NULL
        """,
        minutes=SECRET_MINUTES,
    )


async def forget_forms(tx: Tx) -> int:
    return await tx.run(
        "DELETE FROM accounts.form_answer WHERE made_at < now() - make_interval(hours => %(hours)s)",
        hours=FORM_HOURS,
    )


def _sealed(text: bytes, session_token: str, key: bytes) -> bytes:
    """One keystream per key, drawn from the session's token, which is stored as a hash only; twice is undone."""
    stream = hashlib.shake_256(b"form secret\n" + session_token.encode() + b"\n" + key).digest(len(text))
    return bytes(a ^ b for a, b in zip(text, stream, strict=True))

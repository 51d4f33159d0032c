"""SQL of accounts.  One function, one statement."""

from shopfloor.accounts.models import Person
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass

FIRST_PERSON_LOCK = 0x5_40_9F_10_11


@dataclass(frozen=True, slots=True)
class CredentialsRow:
    id: int
    password_hash: str


# First run


async def lock_first_person(tx: Tx) -> None:
    """One at a time from here to the end of the transaction: who is the first person?"""
    await tx.value("SELECT pg_advisory_xact_lock(%(lock)s)", lock=FIRST_PERSON_LOCK)


async def is_anybody_here(tx: Tx) -> bool:
    return await tx.value("SELECT EXISTS (SELECT 1 FROM accounts.person)")


# People


async def insert_person_once(
    tx: Tx, *, email: str, name: str, password_hash: str, is_operator: bool
) -> Person | None:
    """None when somebody has this address already."""
    return await tx.first(
        Person,
        """
        INSERT INTO accounts.person (email, name, password_hash, is_operator)
        VALUES (%(email)s, %(name)s, %(password_hash)s, %(is_operator)s)
        ON CONFLICT (email) DO NOTHING
        RETURNING id, email, name, is_operator
        """,
        email=email,
        name=name,
        password_hash=password_hash,
        is_operator=is_operator,
    )


async def person(tx: Tx, *, person_id: int) -> Person | None:
    return await tx.first(
        Person,
        "SELECT id, email, name, is_operator FROM accounts.person WHERE id = %(person_id)s",
        person_id=person_id,
    )


async def credentials(tx: Tx, *, email: str) -> CredentialsRow | None:
    return await tx.first(
        CredentialsRow, "SELECT id, password_hash FROM accounts.person WHERE email = %(email)s", email=email
    )


async def replace_password(tx: Tx, *, person_id: int, old_hash: str, new_hash: str) -> bool:
    """False when the password was changed meanwhile."""
    return (
        await tx.run(
            """
        UPDATE accounts.person SET password_hash = %(new_hash)s
         WHERE id = %(person_id)s AND password_hash = %(old_hash)s
        """,
            person_id=person_id,
            old_hash=old_hash,
            new_hash=new_hash,
        )
        == 1
    )


async def set_password(tx: Tx, *, person_id: int, password_hash: str) -> None:
    await tx.run(
        "UPDATE accounts.person SET password_hash = %(password_hash)s WHERE id = %(person_id)s",
        person_id=person_id,
        password_hash=password_hash,
    )


async def is_password_hash(tx: Tx, *, person_id: int, password_hash: str) -> bool:
    """Is this still the hash?  Locks the person against a change until the transaction ends."""
    return bool(
        await tx.value(
            """
            SELECT true FROM accounts.person
             WHERE id = %(person_id)s AND password_hash = %(password_hash)s FOR SHARE
            """,
            person_id=person_id,
            password_hash=password_hash,
        )
    )


async def is_email_taken(tx: Tx, *, email: str, person_id: int) -> bool:
    return await tx.value(
        "SELECT EXISTS (SELECT 1 FROM accounts.person WHERE email = %(email)s AND id <> %(person_id)s)",
        email=email,
        person_id=person_id,
    )


async def set_person(tx: Tx, *, person_id: int, name: str, email: str) -> None:
    await tx.run(
        "UPDATE accounts.person SET name = %(name)s, email = %(email)s WHERE id = %(person_id)s",
        person_id=person_id,
        name=name,
        email=email,
    )

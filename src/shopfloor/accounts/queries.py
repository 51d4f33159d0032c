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


async def insert_claim(tx: Tx, *, token_hash: bytes, hours: int) -> None:
    await tx.run(
        """
        INSERT INTO accounts.claim (token_hash, expires_at)
        VALUES (%(token_hash)s, now() + make_interval(hours => %(hours)s))
        """,
        token_hash=token_hash,
        hours=hours,
    )


async def is_claim_valid(tx: Tx, *, token_hash: bytes) -> bool:
    return await tx.value(
        "SELECT EXISTS (SELECT 1 FROM accounts.claim WHERE token_hash = %(token_hash)s AND expires_at > now())",
        token_hash=token_hash,
    )


async def delete_claims(tx: Tx) -> int:
    return await tx.run("DELETE FROM accounts.claim")


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


# Links that set a password


async def insert_reset(tx: Tx, *, token_hash: bytes, person_id: int, made_by: int | None, hours: int) -> None:
    await tx.run(
        """
        INSERT INTO accounts.password_reset (token_hash, person_id, made_by, expires_at)
        VALUES (%(token_hash)s, %(person_id)s, %(made_by)s, now() + make_interval(hours => %(hours)s))
        """,
        token_hash=token_hash,
        person_id=person_id,
        made_by=made_by,
        hours=hours,
    )


async def reset_for(tx: Tx, *, token_hash: bytes) -> Person | None:
    """Whose password this link sets.  Locks the link until the transaction ends."""
    return await tx.first(
        Person,
        """
        SELECT p.id, p.email, p.name, p.is_operator
          FROM accounts.password_reset r JOIN accounts.person p ON p.id = r.person_id
         WHERE r.token_hash = %(token_hash)s AND r.expires_at > now() FOR UPDATE OF r
        """,
        token_hash=token_hash,
    )


async def delete_resets(tx: Tx, *, person_id: int) -> int:
    return await tx.run(
        "DELETE FROM accounts.password_reset WHERE person_id = %(person_id)s", person_id=person_id
    )


async def delete_expired_resets(tx: Tx) -> int:
    return await tx.run("DELETE FROM accounts.password_reset WHERE expires_at <= now()")


async def delete_expired_claims(tx: Tx) -> int:
    return await tx.run("DELETE FROM accounts.claim WHERE expires_at <= now()")

"""SQL of one-time links: the first owner's, and those that set a password.  One function, one statement."""

from shopfloor.accounts import Person
from shopfloor.kernel.database import Tx


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


async def delete_expired_claims(tx: Tx) -> int:
    return await tx.run("DELETE FROM accounts.claim WHERE expires_at <= now()")


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
          FROM accounts.password_reset r JOIN accounts.v_person p ON p.id = r.person_id
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

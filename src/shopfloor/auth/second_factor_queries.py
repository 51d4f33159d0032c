"""SQL of second factors.  One function, one statement."""

from collections.abc import Sequence
from datetime import datetime

from shopfloor.accounts import Person
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class SecondFactorRow:
    person_id: int
    key_version: int
    sealed: bytes
    made_at: datetime


async def second_factor(tx: Tx, *, person_id: int) -> SecondFactorRow | None:
    return await tx.first(
        SecondFactorRow,
        "SELECT person_id, key_version, sealed, made_at FROM accounts.second_factor WHERE person_id = %(person_id)s",
        person_id=person_id,
    )


async def second_factors(tx: Tx) -> list[SecondFactorRow]:
    """All of them, locked: for a new key."""
    return await tx.every(
        SecondFactorRow,
        "SELECT person_id, key_version, sealed, made_at FROM accounts.second_factor ORDER BY person_id FOR UPDATE",
    )


async def insert_second_factor_once(
    tx: Tx, *, person_id: int, key_version: int, sealed: bytes, last_step: int
) -> bool:
    return (
        await tx.run(
            """
            INSERT INTO accounts.second_factor (person_id, key_version, sealed, last_step)
            VALUES (%(person_id)s, %(key_version)s, %(sealed)s, %(last_step)s) ON CONFLICT DO NOTHING
            """,
            person_id=person_id,
            key_version=key_version,
            sealed=sealed,
            last_step=last_step,
        )
        == 1
    )


async def reseal(tx: Tx, *, person_id: int, key_version: int, sealed: bytes) -> None:
    await tx.run(
        """
        UPDATE accounts.second_factor SET key_version = %(key_version)s, sealed = %(sealed)s
         WHERE person_id = %(person_id)s
        """,
        person_id=person_id,
        key_version=key_version,
        sealed=sealed,
    )


async def use_step(tx: Tx, *, person_id: int, step: int) -> bool:
    """False when a code of this half minute, or of a later one, was accepted before."""
    return (
        await tx.run(
            """
            UPDATE accounts.second_factor SET last_step = %(step)s
             WHERE person_id = %(person_id)s AND last_step < %(step)s
            """,
            person_id=person_id,
            step=step,
        )
        == 1
    )


async def delete_second_factor(tx: Tx, *, person_id: int) -> bool:
    return (
        await tx.run(
            "DELETE FROM accounts.second_factor WHERE person_id = %(person_id)s", person_id=person_id
        )
        == 1
    )


async def insert_recovery_codes(tx: Tx, *, person_id: int, hashes: Sequence[bytes]) -> None:
    await tx.run(
        """
        INSERT INTO accounts.recovery_code (person_id, code_hash)
        SELECT %(person_id)s, code_hash FROM unnest(%(hashes)s::bytea[]) AS given (code_hash)
        """,
        person_id=person_id,
        hashes=list(hashes),
    )


async def recovery_codes_left(tx: Tx, *, person_id: int) -> int:
    return await tx.value(
        "SELECT count(*) FROM accounts.recovery_code WHERE person_id = %(person_id)s", person_id=person_id
    )


async def use_recovery_code(tx: Tx, *, person_id: int, code_hash: bytes) -> bool:
    return (
        await tx.run(
            "DELETE FROM accounts.recovery_code WHERE person_id = %(person_id)s AND code_hash = %(code_hash)s",
            person_id=person_id,
            code_hash=code_hash,
        )
        == 1
    )


async def delete_recovery_codes(tx: Tx, *, person_id: int) -> int:
    return await tx.run(
        "DELETE FROM accounts.recovery_code WHERE person_id = %(person_id)s", person_id=person_id
    )


async def insert_challenge(tx: Tx, *, token_hash: bytes, person_id: int, minutes: int) -> None:
    await tx.run(
        """
        INSERT INTO accounts.sign_in_challenge (token_hash, person_id, expires_at)
        VALUES (%(token_hash)s, %(person_id)s, now() + make_interval(mins => %(minutes)s))
        """,
        token_hash=token_hash,
        person_id=person_id,
        minutes=minutes,
    )


async def challenged(tx: Tx, *, token_hash: bytes) -> Person | None:
    return await tx.first(
        Person,
        """
        SELECT p.id, p.email, p.name, p.is_operator
          FROM accounts.sign_in_challenge c JOIN accounts.v_person p ON p.id = c.person_id
         WHERE c.token_hash = %(token_hash)s AND c.expires_at > now()
        """,
        token_hash=token_hash,
    )


async def delete_challenge(tx: Tx, *, token_hash: bytes) -> bool:
    return (
        await tx.run(
            "DELETE FROM accounts.sign_in_challenge WHERE token_hash = %(token_hash)s AND expires_at > now()",
            token_hash=token_hash,
        )
        == 1
    )


async def delete_challenges(tx: Tx, *, person_id: int) -> int:
    return await tx.run(
        "DELETE FROM accounts.sign_in_challenge WHERE person_id = %(person_id)s", person_id=person_id
    )


async def delete_expired_challenges(tx: Tx) -> int:
    return await tx.run("DELETE FROM accounts.sign_in_challenge WHERE expires_at <= now()")


async def with_second_factor(tx: Tx, *, person_ids: Sequence[int]) -> list[int]:
    """Those of these people who have one."""
    return await tx.value(
        "SELECT coalesce(array_agg(person_id), '{}') FROM accounts.second_factor WHERE person_id = ANY(%(ids)s)",
        ids=list(person_ids),
    )

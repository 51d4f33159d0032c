"""SQL of sign-ins and sessions.  One function, one statement."""

from collections.abc import Sequence

from shopfloor.auth.models import OpenSession
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class SessionRow:
    """Who a session belongs to; `stale` when its expiry should be moved on."""

    id: int
    email: str
    name: str
    is_operator: bool
    stale: bool


# Sign-ins tried


async def count_attempts(tx: Tx, *, buckets: Sequence[bytes], limits: Sequence[int], minutes: int) -> bool:
    """Count one try in each bucket; True when one of them is now beyond its limit.  Buckets sorted."""
    return await tx.value(
        """
        WITH given AS (
            SELECT bucket, cap FROM unnest(%(buckets)s::bytea[], %(limits)s::int[]) AS g (bucket, cap)
        ), counted AS (
            INSERT INTO accounts.attempt AS a (bucket, tries)
            SELECT bucket, 1 FROM given ORDER BY bucket
            ON CONFLICT (bucket) DO UPDATE
               SET tries = CASE WHEN a.started_at < now() - make_interval(mins => %(minutes)s)
                                THEN 1 ELSE least(a.tries + 1, 1000000) END,
                   started_at = CASE WHEN a.started_at < now() - make_interval(mins => %(minutes)s)
                                     THEN now() ELSE a.started_at END
            RETURNING a.bucket, a.tries
        )
        SELECT bool_or(counted.tries > given.cap) FROM counted JOIN given USING (bucket)
        """,
        buckets=list(buckets),
        limits=list(limits),
        minutes=minutes,
    )


async def forget_attempts(tx: Tx, *, buckets: Sequence[bytes]) -> None:
    await tx.run("DELETE FROM accounts.attempt WHERE bucket = ANY(%(buckets)s)", buckets=list(buckets))


# Sessions


async def insert_session(tx: Tx, *, token_hash: bytes, person_id: int, days: int, device: str) -> None:
    await tx.run(
        """
        INSERT INTO accounts.session (token_hash, person_id, expires_at, device)
        VALUES (%(token_hash)s, %(person_id)s, now() + make_interval(days => %(days)s), %(device)s)
        """,
        token_hash=token_hash,
        person_id=person_id,
        days=days,
        device=device,
    )


async def session(tx: Tx, *, token_hash: bytes) -> SessionRow | None:
    return await tx.first(
        SessionRow,
        """
        SELECT p.id, p.email, p.name, p.is_operator, s.seen_at < now() - interval '10 minutes' AS stale
          FROM accounts.session s JOIN accounts.v_person p ON p.id = s.person_id
         WHERE s.token_hash = %(token_hash)s AND s.expires_at > now()
        """,
        token_hash=token_hash,
    )


async def move_session_on(tx: Tx, *, token_hash: bytes, days: int, at_most_days: int) -> None:
    await tx.run(
        """
        UPDATE accounts.session
           SET seen_at = now(),
               expires_at = least(now() + make_interval(days => %(days)s),
                                  created_at + make_interval(days => %(at_most_days)s))
         WHERE token_hash = %(token_hash)s
        """,
        token_hash=token_hash,
        days=days,
        at_most_days=at_most_days,
    )


async def delete_session(tx: Tx, *, token_hash: bytes) -> int:
    return await tx.run(
        "DELETE FROM accounts.session WHERE token_hash = %(token_hash)s", token_hash=token_hash
    )


async def sessions(tx: Tx, *, person_id: int, this: bytes) -> list[OpenSession]:
    return await tx.every(
        OpenSession,
        """
        SELECT encode(token_hash, 'hex') AS id, device, created_at, seen_at, token_hash = %(this)s AS is_this
          FROM accounts.session WHERE person_id = %(person_id)s AND expires_at > now()
         ORDER BY token_hash = %(this)s DESC, seen_at DESC, token_hash
        """,
        person_id=person_id,
        this=this,
    )


async def delete_session_of(tx: Tx, *, person_id: int, token_hash: bytes) -> int:
    return await tx.run(
        "DELETE FROM accounts.session WHERE token_hash = %(token_hash)s AND person_id = %(person_id)s",
        token_hash=token_hash,
        person_id=person_id,
    )


async def delete_other_sessions(tx: Tx, *, person_id: int, this: bytes) -> int:
    return await tx.run(
        "DELETE FROM accounts.session WHERE person_id = %(person_id)s AND token_hash <> %(this)s",
        person_id=person_id,
        this=this,
    )


async def delete_sessions(tx: Tx, *, person_id: int) -> int:
    return await tx.run("DELETE FROM accounts.session WHERE person_id = %(person_id)s", person_id=person_id)


async def delete_expired_sessions(tx: Tx) -> int:
    return await tx.run("DELETE FROM accounts.session WHERE expires_at <= now()")


async def delete_old_attempts(tx: Tx, *, minutes: int) -> int:
    return await tx.run(
        "DELETE FROM accounts.attempt WHERE started_at < now() - make_interval(mins => %(minutes)s)",
        minutes=minutes,
    )

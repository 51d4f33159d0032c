"""SQL of accounts.  One function, one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shopfloor.accounts.models import Invitation, Key, Member, OpenSession, Person, Role, Shop
from shopfloor.kernel.database import Tx

FIRST_PERSON_LOCK = 0x5_40_9F_10_11


@dataclass(frozen=True, slots=True)
class SecretRow:
    version: int
    value: bytes


@dataclass(frozen=True, slots=True)
class CredentialsRow:
    id: int
    password_hash: str


@dataclass(frozen=True, slots=True)
class MembershipRow:
    id: int
    slug: str
    name: str
    currency: str
    locale: str
    timezone: str
    role: str


@dataclass(frozen=True, slots=True)
class SecondFactorRow:
    person_id: int
    key_version: int
    sealed: bytes
    made_at: datetime


@dataclass(frozen=True, slots=True)
class SessionRow:
    """Who a session belongs to; `stale` when its expiry should be moved on."""

    id: int
    email: str
    name: str
    is_operator: bool
    stale: bool


# Secrets


async def secrets(tx: Tx) -> list[SecretRow]:
    return await tx.every(
        SecretRow, "SELECT version, value FROM accounts.secret WHERE retired_at IS NULL ORDER BY version"
    )


async def insert_secret_once(tx: Tx, *, version: int, value: bytes) -> bool:
    """False when this version is there already, also from a transaction that ran beside this one."""
    return (
        await tx.run(
            "INSERT INTO accounts.secret (version, value) VALUES (%(version)s, %(value)s) ON CONFLICT DO NOTHING",
            version=version,
            value=value,
        )
        == 1
    )


async def last_secret_version(tx: Tx) -> int:
    return await tx.value("SELECT coalesce(max(version), 0) FROM accounts.secret")


async def retire_secrets(tx: Tx, *, below: int) -> int:
    return await tx.run(
        "UPDATE accounts.secret SET retired_at = now() WHERE version < %(below)s AND retired_at IS NULL",
        below=below,
    )


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
          FROM accounts.session s JOIN accounts.person p ON p.id = s.person_id
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


async def delete_expired_claims(tx: Tx) -> int:
    return await tx.run("DELETE FROM accounts.claim WHERE expires_at <= now()")


async def delete_old_attempts(tx: Tx, *, minutes: int) -> int:
    return await tx.run(
        "DELETE FROM accounts.attempt WHERE started_at < now() - make_interval(mins => %(minutes)s)",
        minutes=minutes,
    )


# Shops and members


async def insert_shop_once(
    tx: Tx, *, slug: str, name: str, currency: str, locale: str, timezone: str
) -> Shop | None:
    """None when another shop has this slug."""
    return await tx.first(
        Shop,
        """
        INSERT INTO accounts.shop (slug, name, currency, locale, timezone)
        VALUES (%(slug)s, %(name)s, %(currency)s, %(locale)s, %(timezone)s)
        ON CONFLICT (slug) DO NOTHING
        RETURNING id, slug, name, currency, locale, timezone
        """,
        slug=slug,
        name=name,
        currency=currency,
        locale=locale,
        timezone=timezone,
    )


async def shop(tx: Tx, *, shop_id: int) -> Shop | None:
    return await tx.first(
        Shop,
        "SELECT id, slug, name, currency, locale, timezone FROM accounts.shop WHERE id = %(shop_id)s",
        shop_id=shop_id,
    )


async def shop_by_slug(tx: Tx, *, slug: str) -> Shop | None:
    return await tx.first(
        Shop,
        "SELECT id, slug, name, currency, locale, timezone FROM accounts.shop WHERE slug = %(slug)s",
        slug=slug,
    )


async def shops(tx: Tx) -> list[Shop]:
    return await tx.every(
        Shop, "SELECT id, slug, name, currency, locale, timezone FROM accounts.shop ORDER BY id"
    )


async def lock_shop(tx: Tx, *, shop_id: int) -> None:
    """Changes to who belongs to a shop happen one after the other."""
    await tx.run("SELECT 1 FROM accounts.shop WHERE id = %(shop_id)s FOR NO KEY UPDATE", shop_id=shop_id)


async def insert_member_once(tx: Tx, *, shop_id: int, person_id: int, role: Role) -> bool:
    return (
        await tx.run(
            """
        INSERT INTO accounts.member (shop_id, person_id, role) VALUES (%(shop_id)s, %(person_id)s, %(role)s)
        ON CONFLICT DO NOTHING
        """,
            shop_id=shop_id,
            person_id=person_id,
            role=role,
        )
        == 1
    )


async def set_role(tx: Tx, *, shop_id: int, person_id: int, role: Role) -> None:
    await tx.run(
        "UPDATE accounts.member SET role = %(role)s WHERE shop_id = %(shop_id)s AND person_id = %(person_id)s",
        shop_id=shop_id,
        person_id=person_id,
        role=role,
    )


async def delete_member(tx: Tx, *, shop_id: int, person_id: int) -> None:
    await tx.run(
        "DELETE FROM accounts.member WHERE shop_id = %(shop_id)s AND person_id = %(person_id)s",
        shop_id=shop_id,
        person_id=person_id,
    )


async def role_in(tx: Tx, *, shop_id: int, person_id: int) -> str | None:
    return await tx.value(
        "SELECT role FROM accounts.member WHERE shop_id = %(shop_id)s AND person_id = %(person_id)s",
        shop_id=shop_id,
        person_id=person_id,
    )


async def owners(tx: Tx, *, shop_id: int) -> int:
    return await tx.value(
        "SELECT count(*) FROM accounts.member WHERE shop_id = %(shop_id)s AND role = 'owner'", shop_id=shop_id
    )


async def members(tx: Tx, *, shop_id: int) -> list[Member]:
    return await tx.every(
        Member,
        """
        SELECT m.shop_id, m.person_id, p.email, p.name, m.role, m.joined_at
          FROM accounts.member m JOIN accounts.person p ON p.id = m.person_id
         WHERE m.shop_id = %(shop_id)s ORDER BY m.joined_at, m.person_id
        """,
        shop_id=shop_id,
    )


async def memberships(tx: Tx, *, person_id: int) -> list[MembershipRow]:
    return await tx.every(
        MembershipRow,
        """
        SELECT s.id, s.slug, s.name, s.currency, s.locale, s.timezone, m.role
          FROM accounts.member m JOIN accounts.shop s ON s.id = m.shop_id
         WHERE m.person_id = %(person_id)s ORDER BY s.id
        """,
        person_id=person_id,
    )


async def membership(tx: Tx, *, person_id: int, slug: str) -> MembershipRow | None:
    return await tx.first(
        MembershipRow,
        """
        SELECT s.id, s.slug, s.name, s.currency, s.locale, s.timezone, m.role
          FROM accounts.member m JOIN accounts.shop s ON s.id = m.shop_id
         WHERE m.person_id = %(person_id)s AND s.slug = %(slug)s
        """,
        person_id=person_id,
        slug=slug,
    )


# Invitations


async def insert_invitation(
    tx: Tx, *, shop_id: int, token_hash: bytes, role: Role, email: str | None, invited_by: int, days: int
) -> Invitation:
    return await tx.one(
        Invitation,
        """
        INSERT INTO accounts.invitation (shop_id, token_hash, role, email, invited_by, expires_at)
        VALUES (%(shop_id)s, %(token_hash)s, %(role)s, %(email)s, %(invited_by)s,
                now() + make_interval(days => %(days)s))
        RETURNING id, shop_id, role, email, expires_at
        """,
        shop_id=shop_id,
        token_hash=token_hash,
        role=role,
        email=email,
        invited_by=invited_by,
        days=days,
    )


async def invitation(tx: Tx, *, token_hash: bytes) -> Invitation | None:
    return await tx.first(
        Invitation,
        """
        SELECT id, shop_id, role, email, expires_at FROM accounts.invitation
         WHERE token_hash = %(token_hash)s AND accepted_at IS NULL AND withdrawn_at IS NULL AND expires_at > now()
        """,
        token_hash=token_hash,
    )


async def invitations(tx: Tx, *, shop_id: int) -> list[Invitation]:
    return await tx.every(
        Invitation,
        """
        SELECT id, shop_id, role, email, expires_at FROM accounts.invitation
         WHERE shop_id = %(shop_id)s AND accepted_at IS NULL AND withdrawn_at IS NULL AND expires_at > now()
         ORDER BY id
        """,
        shop_id=shop_id,
    )


async def accept_invitation(tx: Tx, *, invitation_id: int, person_id: int) -> bool:
    """False when it was used or withdrawn in a transaction that ran beside this one."""
    return (
        await tx.run(
            """
        UPDATE accounts.invitation SET accepted_at = now(), accepted_by = %(person_id)s
         WHERE id = %(invitation_id)s AND accepted_at IS NULL AND withdrawn_at IS NULL AND expires_at > now()
        """,
            invitation_id=invitation_id,
            person_id=person_id,
        )
        == 1
    )


async def withdraw_invitation(tx: Tx, *, shop_id: int, invitation_id: int) -> bool:
    return (
        await tx.run(
            """
        UPDATE accounts.invitation SET withdrawn_at = now()
         WHERE id = %(invitation_id)s AND shop_id = %(shop_id)s AND accepted_at IS NULL AND withdrawn_at IS NULL
        """,
            shop_id=shop_id,
            invitation_id=invitation_id,
        )
        == 1
    )


# Keys


async def insert_key(
    tx: Tx, *, shop_id: int, token_hash: bytes, purpose: str, subject: str, expires_at: datetime | None
) -> Key:
    return await tx.one(
        Key,
        """
        INSERT INTO accounts.access_key (shop_id, token_hash, purpose, subject, expires_at)
        VALUES (%(shop_id)s, %(token_hash)s, %(purpose)s, %(subject)s, %(expires_at)s)
        RETURNING id, shop_id, purpose, subject, expires_at
        """,
        shop_id=shop_id,
        token_hash=token_hash,
        purpose=purpose,
        subject=subject,
        expires_at=expires_at,
    )


async def key(tx: Tx, *, token_hash: bytes, purpose: str) -> Key | None:
    return await tx.first(
        Key,
        """
        SELECT id, shop_id, purpose, subject, expires_at FROM accounts.access_key
         WHERE token_hash = %(token_hash)s AND purpose = %(purpose)s AND revoked_at IS NULL
           AND (expires_at IS NULL OR expires_at > now())
        """,
        token_hash=token_hash,
        purpose=purpose,
    )


async def keys(tx: Tx, *, shop_id: int, purpose: str, subject: str) -> list[Key]:
    return await tx.every(
        Key,
        """
        SELECT id, shop_id, purpose, subject, expires_at FROM accounts.access_key
         WHERE shop_id = %(shop_id)s AND purpose = %(purpose)s AND subject = %(subject)s AND revoked_at IS NULL
           AND (expires_at IS NULL OR expires_at > now())
         ORDER BY id
        """,
        shop_id=shop_id,
        purpose=purpose,
        subject=subject,
    )


async def revoke_key(tx: Tx, *, shop_id: int, key_id: int) -> bool:
    return (
        await tx.run(
            """
        UPDATE accounts.access_key SET revoked_at = now()
         WHERE id = %(key_id)s AND shop_id = %(shop_id)s AND revoked_at IS NULL
        """,
            shop_id=shop_id,
            key_id=key_id,
        )
        == 1
    )


# The second factor


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
          FROM accounts.sign_in_challenge c JOIN accounts.person p ON p.id = c.person_id
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


async def members_with_second_factor(tx: Tx, *, shop_id: int) -> list[int]:
    return await tx.value(
        """
        SELECT coalesce(array_agg(f.person_id), '{}') FROM accounts.second_factor f JOIN accounts.member m ON m.person_id = f.person_id
         WHERE m.shop_id = %(shop_id)s
        """,
        shop_id=shop_id,
    )

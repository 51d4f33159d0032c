"""SQL of access keys.  One function, one statement."""

from datetime import datetime

from shopfloor.access_keys.models import Key
from shopfloor.kernel.database import Tx


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

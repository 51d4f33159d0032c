"""Keys: links that open one thing to whoever has them."""

from datetime import timedelta
from uuid import UUID

from shopfloor.access_keys import queries
from shopfloor.access_keys.events import (
    KeyIssued,
    KeyRevoked,
)
from shopfloor.access_keys.models import (
    Key,
    UnknownKey,
)
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.tokens import hash_token, new_token
from shopfloor.kernel.values import now


async def issue_key(
    tx: Tx, *, shop_id: int, purpose: str, subject_id: int | UUID, lasts: timedelta | None = None
) -> str:
    """The token of a new key that opens `purpose` for this subject; kept as a hash, so it is shown only now."""
    token = new_token()
    key = await queries.insert_key(
        tx,
        shop_id=shop_id,
        token_hash=hash_token(token),
        purpose=purpose,
        subject=str(subject_id),
        expires_at=None if lasts is None else now() + lasts,
    )
    await outbox.record(tx, KeyIssued(shop_id, key.id, purpose, key.subject))
    return token


async def read_key(tx: Tx, *, token: str, purpose: str) -> Key:
    """Raises UnknownKey for a token that is wrong, for another purpose, revoked or expired."""
    key = await queries.key(tx, token_hash=hash_token(token), purpose=purpose)
    if key is None:
        raise UnknownKey
    return key


async def keys(tx: Tx, *, shop_id: int, purpose: str, subject_id: int | UUID) -> list[Key]:
    """The keys that still open something."""
    return await queries.keys(tx, shop_id=shop_id, purpose=purpose, subject=str(subject_id))


async def revoke_key(tx: Tx, *, shop_id: int, key_id: int) -> None:
    """Raises UnknownKey."""
    if not await queries.revoke_key(tx, shop_id=shop_id, key_id=key_id):
        raise UnknownKey
    await outbox.record(tx, KeyRevoked(shop_id, key_id))

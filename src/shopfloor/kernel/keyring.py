"""What this node signs with: cookies of browsers, and what the database alone shall not tell."""

import secrets as random
from collections.abc import Mapping

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Keyring:
    """What the node signs with: the key of `current` signs, all of `keys` verify."""

    current: int
    keys: Mapping[int, bytes]


async def load_keyring(tx: Tx) -> Keyring:
    """The keys this node signs with; made by the first process that asks, the same for all."""
    rows = await _secrets(tx)
    if not rows:
        await _insert_secret_once(tx, version=1, value=random.token_bytes(32))
        rows = await _secrets(tx)
    return Keyring(current=rows[-1].version, keys={row.version: row.value for row in rows})


async def add_key(tx: Tx) -> Keyring:
    """Sign with a new key from now on; what was signed before stays good."""
    version = await _last_secret_version(tx) + 1
    await _insert_secret_once(tx, version=version, value=random.token_bytes(32))
    return await load_keyring(tx)


async def forget_keys(tx: Tx, *, below: int) -> Keyring:
    """What the keys before this one signed is void."""
    await tx.run(
        "UPDATE accounts.secret SET retired_at = now() WHERE version < %(below)s AND retired_at IS NULL",
        below=below,
    )
    return await load_keyring(tx)


@dataclass(frozen=True, slots=True)
class _Secret:
    version: int
    value: bytes


async def _secrets(tx: Tx) -> list[_Secret]:
    return await tx.every(
        _Secret, "SELECT version, value FROM accounts.secret WHERE retired_at IS NULL ORDER BY version"
    )


async def _insert_secret_once(tx: Tx, *, version: int, value: bytes) -> bool:
    """False when this version is there already, also from a transaction that ran beside this one."""
    return (
        await tx.run(
            "INSERT INTO accounts.secret (version, value) VALUES (%(version)s, %(value)s) ON CONFLICT DO NOTHING",
            version=version,
            value=value,
        )
        == 1
    )


async def _last_secret_version(tx: Tx) -> int:
    return await tx.value("SELECT coalesce(max(version), 0) FROM accounts.secret")

"""Servers and gateways that take nothing just now.  `target` names one."""

from shopfloor.kernel.database import Tx
from shopfloor.notices.models import Trouble


async def of(tx: Tx, *, target: str) -> Trouble | None:
    return await tx.first(
        Trouble,
        "SELECT since, reason, next_at FROM notifications.server_trouble WHERE target = %(target)s",
        target=target[:700],
    )


async def note(tx: Tx, *, target: str, reason: str, seconds: float) -> None:
    await tx.run(
        """
        INSERT INTO notifications.server_trouble (target, reason, next_at)
        VALUES (%(target)s, %(reason)s, now() + make_interval(secs => %(seconds)s))
        ON CONFLICT (target) DO UPDATE SET reason = excluded.reason, next_at = excluded.next_at
        """,
        target=target[:700],
        reason=reason[:500],
        seconds=seconds,
    )


async def forget(tx: Tx, *, target: str) -> None:
    await tx.run("DELETE FROM notifications.server_trouble WHERE target = %(target)s", target=target[:700])

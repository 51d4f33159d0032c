"""Providers that send no messages: nothing is lost by it, for they are asked, but everything is known later.

An account is silent when money came through it, or an attempt is still open at it, and no message has come since for an
hour.  Where nobody pays, nobody has to write.
"""

from datetime import datetime, timedelta
from typing import Final

from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now
from shopfloor.payments.events import ProviderSilent

AFTER: Final = timedelta(hours=1)
# What is older is no news: the account may have been without buyers, or without this rule.
_BACK: Final = timedelta(days=2)
# A message may come before what it is about is written down.
_SLACK: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class _Account:
    id: int
    shop_id: int
    provider: str
    since: datetime | None
    silent_since: datetime | None


async def notice_silence(tx: Tx, *, at: datetime | None = None) -> int:
    """Find accounts that fell silent, and those that speak again; each silence is told once.  Returns how many are new."""
    at = now() if at is None else at
    accounts = await tx.every(
        _Account,
        """
        SELECT c.id, c.shop_id, c.provider, c.silent_since,
               (SELECT min(x.at) FROM (
                  SELECT e.recorded_at AS at FROM payments.payment p JOIN payments.event e ON e.payment_id = p.id
                   WHERE p.connection_id = c.id AND p.created_at > %(back)s AND e.kind = 'charged'
                  UNION ALL
                  SELECT p.created_at FROM payments.payment p
                   WHERE p.connection_id = c.id AND p.created_at > %(back)s AND p.look_at IS NOT NULL) x
                 WHERE x.at <= %(before)s
                   AND x.at > coalesce((SELECT max(i.received_at) FROM payments.inbox i WHERE i.connection_id = c.id),
                                       '-infinity') + %(slack)s) AS since
          FROM payments.connection c
         WHERE c.removed_at IS NULL AND (c.is_on OR c.silent_since IS NOT NULL)
           FOR UPDATE OF c SKIP LOCKED
        """,
        back=at - _BACK,
        before=at - AFTER,
        slack=_SLACK,
    )
    new = 0
    for account in accounts:
        if (account.since is None) == (account.silent_since is None):
            continue
        await tx.run(
            "UPDATE payments.connection SET silent_since = %(since)s WHERE id = %(id)s",
            since=account.since,
            id=account.id,
        )
        if account.since is not None:
            new += 1
            await outbox.record(
                tx,
                ProviderSilent(
                    shop_id=account.shop_id,
                    connection_id=account.id,
                    provider=account.provider,
                    since=account.since,
                ),
            )
    return new

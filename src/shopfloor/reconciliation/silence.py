"""Providers that send no messages: nothing is lost by it, for they are asked, but everything is known later.

An account is silent when money came through it, or an attempt is still open at it, and no message has come since for an
hour.  Where nobody pays, nobody has to write.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from shopfloor import payment_accounts
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now
from shopfloor.reconciliation.events import ProviderSilent

AFTER: Final = timedelta(hours=1)
# What is older is no news: the account may have been without buyers, or without this rule.
_BACK: Final = timedelta(days=2)
# A message may come before what it is about is written down.
_SLACK: Final = timedelta(minutes=5)


async def notice_silence(tx: Tx, *, at: datetime | None = None) -> int:
    """Find accounts that fell silent, and those that speak again; each silence is told once.  Returns how many are new."""
    at = now() if at is None else at
    accounts = await payment_accounts.lock_heard(tx)
    since = await _unanswered_since(tx, accounts, at=at)
    new = 0
    for account in accounts:
        silent_since = since.get(account.id)
        if (silent_since is None) == (account.silent_since is None):
            continue
        await payment_accounts.set_silent(tx, connection_id=account.id, since=silent_since)
        if silent_since is not None:
            new += 1
            await outbox.record(
                tx,
                ProviderSilent(
                    shop_id=account.shop_id,
                    connection_id=account.id,
                    provider=account.provider,
                    since=silent_since,
                ),
            )
    return new


@dataclass(frozen=True, slots=True)
class _Since:
    id: int
    since: datetime


async def _unanswered_since(
    tx: Tx, accounts: Sequence[payment_accounts.Heard], *, at: datetime
) -> dict[int, datetime]:
    """By account: the first money or open attempt of which no message has told, where that is long enough ago."""
    found = await tx.every(
        _Since,
        """
        SELECT c.id, min(x.at) AS since
          FROM unnest(%(ids)s::bigint[], %(heard)s::timestamptz[]) AS c (id, last)
         CROSS JOIN LATERAL (
              SELECT e.recorded_at AS at FROM payments.v_payment p JOIN payments.v_event e ON e.payment_id = p.id
               WHERE p.connection_id = c.id AND p.created_at > %(back)s AND e.kind = 'charged'
              UNION ALL
              SELECT p.created_at FROM payments.v_payment p
               WHERE p.connection_id = c.id AND p.created_at > %(back)s AND p.look_at IS NOT NULL) AS x
         WHERE x.at <= %(before)s AND x.at > coalesce(c.last, '-infinity') + %(slack)s
         GROUP BY c.id
        """,
        ids=[account.id for account in accounts],
        heard=[account.last for account in accounts],
        back=at - _BACK,
        before=at - AFTER,
        slack=_SLACK,
    )
    return {each.id: each.since for each in found}

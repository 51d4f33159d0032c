"""What of a shop's money waits for a person: counted, and as the desk that works it off sees it."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import ClassVar, TypeAlias
from uuid import UUID

from shopfloor.kernel import paging
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now
from shopfloor.payments import authorisations, connections, differences, guard, inbox, refunds, statements
from shopfloor.payments.models import Difference

Place: TypeAlias = tuple[UUID | None, UUID | None]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Of each at most MOST are counted."""

    MOST: ClassVar[int] = 1_000

    differences: int
    refunds_failed: int
    silent: list[str]
    """The providers of accounts that send no messages."""
    paused_until: datetime | None = None
    authorised: int = 0
    """What is reserved and needs somebody: it could not be charged, or ends soon."""

    @property
    def is_any(self) -> bool:
        return bool(
            self.differences or self.refunds_failed or self.silent or self.paused_until or self.authorised
        )


async def trouble(tx: Tx, *, shop_id: int) -> Trouble:
    return await tx.one(
        Trouble,
        """
        SELECT (SELECT count(*) FROM (SELECT FROM payments.difference WHERE shop_id = %(shop_id)s AND closed_at IS NULL
                                       LIMIT %(most)s) d)::int AS differences,
               (SELECT count(*) FROM (SELECT FROM payments.refund_try WHERE shop_id = %(shop_id)s
                                         AND (state = 'failed' OR (state = 'pending' AND reason = 'stuck'))
                                       LIMIT %(most)s) r)::int AS refunds_failed,
               (SELECT coalesce(array_agg(provider ORDER BY id), '{}') FROM payments.connection
                 WHERE shop_id = %(shop_id)s AND silent_since IS NOT NULL AND removed_at IS NULL) AS silent,
               (SELECT count(*) FROM (SELECT FROM payments.authorisation WHERE shop_id = %(shop_id)s AND ended IS NULL
                                         AND (capture_before <= %(soon)s OR (wanted = 'capture' AND next_at IS NULL))
                                       LIMIT %(most)s) a)::int AS authorised,
               (SELECT until FROM payments.pause WHERE shop_id = %(shop_id)s AND until > %(at)s) AS paused_until
        """,
        shop_id=shop_id,
        at=now(),
        soon=now() + authorisations.WARN,
        most=Trouble.MOST,
    )


@dataclass(frozen=True, slots=True)
class Desk:
    """A page of what is open, of what is on its way and of what could not be read, and the accounts and books it came by."""

    paused_until: datetime | None
    accounts: Sequence[connections.Connection]
    differences: paging.Page[Difference]
    refunds: paging.Page[refunds.Open]
    authorised: paging.Page[authorisations.Authorisation]
    letters: paging.Page[inbox.Letter]
    statements: Sequence[statements.Statement]


async def desk(
    tx: Tx,
    *,
    shop_id: int,
    limit: int,
    differences_at: Place = (None, None),
    refunds_at: tuple[str | None, str | None] = (None, None),
    authorised_at: Place = (None, None),
    letters_at: Place = (None, None),
) -> Desk:
    """A page of at most `limit` of each list: after which row it begins, or before which it ends."""
    return Desk(
        await guard.paused_until(tx, shop_id=shop_id),
        await connections.connections(tx, shop_id=shop_id),
        await differences.page_of(
            tx, shop_id=shop_id, after=differences_at[0], before=differences_at[1], limit=limit
        ),
        await paging.page(
            partial(refunds.open_tries, tx, shop_id=shop_id),
            after=refunds_at[0],
            before=refunds_at[1],
            limit=limit,
            key=attrgetter("mark"),
        ),
        await paging.page(
            partial(authorisations.open_ones, tx, shop_id=shop_id),
            after=authorised_at[0],
            before=authorised_at[1],
            limit=limit,
            key=attrgetter("payment_id"),
        ),
        await paging.page(
            partial(inbox.stuck, tx, shop_id=shop_id),
            after=letters_at[0],
            before=letters_at[1],
            limit=limit,
            key=attrgetter("id"),
        ),
        await statements.statements(tx, shop_id=shop_id),
    )


async def forget(tx: Tx, *, messages: datetime, declines: datetime, limit: int) -> tuple[int, int]:
    """Empty messages that were worked off before then, and forget declines from before then; how many of each."""
    return (
        await inbox.empty(tx, before=messages, limit=limit),
        await guard.forget(tx, before=declines, limit=limit),
    )

"""What of a shop's money waits for a person: counted, and as the desk that works it off sees it."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import ClassVar, TypeAlias
from uuid import UUID

from shopfloor import payment_accounts, payment_authorisations, payment_refunds, payments
from shopfloor.kernel import paging
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now
from shopfloor.reconciliation import differences, statements
from shopfloor.reconciliation.models import Difference

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


@dataclass(frozen=True, slots=True)
class _Counted:
    differences: int
    refunds_failed: int
    authorised: int


async def trouble(tx: Tx, *, shop_id: int) -> Trouble:
    counted = await tx.one(
        _Counted,
        """
        SELECT (SELECT count(*) FROM (SELECT FROM payments.difference WHERE shop_id = %(shop_id)s AND closed_at IS NULL
                                       LIMIT %(most)s) d)::int AS differences,
               (SELECT count(*) FROM (SELECT FROM payments.v_refund_try WHERE shop_id = %(shop_id)s
                                         AND (state = 'failed' OR (state = 'pending' AND reason = 'stuck'))
                                       LIMIT %(most)s) r)::int AS refunds_failed,
               (SELECT count(*) FROM (SELECT FROM payments.v_authorisation WHERE shop_id = %(shop_id)s AND ended IS NULL
                                         AND (capture_before <= %(soon)s OR (wanted = 'capture' AND next_at IS NULL))
                                       LIMIT %(most)s) a)::int AS authorised
        """,
        shop_id=shop_id,
        soon=now() + payment_authorisations.WARN,
        most=Trouble.MOST,
    )
    accounts = await payment_accounts.connections_of(tx, shop_id=shop_id)
    return Trouble(
        counted.differences,
        counted.refunds_failed,
        [each.provider for each in accounts if each.silent_since is not None],
        await payments.guard.paused_until(tx, shop_id=shop_id),
        counted.authorised,
    )


@dataclass(frozen=True, slots=True)
class Desk:
    """A page of what is open, of what is on its way and of what could not be read, and the accounts and books it came by."""

    paused_until: datetime | None
    accounts: Sequence[payment_accounts.Connection]
    differences: paging.Page[Difference]
    refunds: paging.Page[payment_refunds.Open]
    authorised: paging.Page[payment_authorisations.Authorisation]
    letters: paging.Page[payment_accounts.inbox.Letter]
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
        await payments.guard.paused_until(tx, shop_id=shop_id),
        await payment_accounts.connections_of(tx, shop_id=shop_id),
        await differences.page_of(
            tx, shop_id=shop_id, after=differences_at[0], before=differences_at[1], limit=limit
        ),
        await paging.page(
            partial(payment_refunds.open_tries, tx, shop_id=shop_id),
            after=refunds_at[0],
            before=refunds_at[1],
            limit=limit,
            key=attrgetter("mark"),
        ),
        await paging.page(
            partial(payment_authorisations.open_ones, tx, shop_id=shop_id),
            after=authorised_at[0],
            before=authorised_at[1],
            limit=limit,
            key=attrgetter("payment_id"),
        ),
        await paging.page(
            partial(payment_accounts.inbox.stuck, tx, shop_id=shop_id),
            after=letters_at[0],
            before=letters_at[1],
            limit=limit,
            key=attrgetter("id"),
        ),
        await statements.statements(tx, shop_id=shop_id),
    )

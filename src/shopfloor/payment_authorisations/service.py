"""Money that is reserved and not taken: one row for each attempt that was authorised, until it is captured, voided or
has expired.

Who decides what becomes of it writes it down here in the transaction of the decision; a worker asks the provider
afterwards, as often as it takes.  `wanted_id` names one decision to the provider, so that it is done once.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, LiteralString
from uuid import UUID

from shopfloor import payment_accounts
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Conflict
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import new_id, now
from shopfloor.payment_authorisations.events import AuthorisationEnding, CaptureFailed
from shopfloor.payments import Payment

# So long before its end the merchant is told, and what has left in part is charged.
WARN: Final = timedelta(days=2)
LAST_CALL: Final = timedelta(days=1)
# A provider that has not said so by then is asked to let it go.
GRACE: Final = timedelta(hours=1)
# Seconds until a provider that did not answer is asked again.
_PAUSES: Final = (15, 60, 120, 300, 600, 1800, 3600)


class CaptureNotFailed(Conflict):
    """This payment has not failed to be captured, so there is nothing to try again."""

    code = "payments.capture_not_failed"


@dataclass(frozen=True, slots=True)
class Authorisation:
    """`wanted`: capture or void, decided and not answered yet; `reason`: why the provider did not do it; `ended`:
    captured, voided or expired.
    """

    payment_id: UUID
    shop_id: int
    subject_id: UUID
    provider: str
    currency: str
    amount_minor: int
    authorised_at: datetime
    capture_before: datetime
    warned_at: datetime | None
    wanted: str | None
    wanted_minor: int | None
    wanted_id: UUID | None
    wanted_by: str
    tries: int
    next_at: datetime | None
    reason: str
    ended: str | None
    ended_at: datetime | None

    @property
    def has_failed(self) -> bool:
        """A person has to look: the provider does not let the money be taken."""
        return self.ended is None and self.wanted == "capture" and self.next_at is None


_ALL: Final[LiteralString] = """
    SELECT a.payment_id, a.shop_id, p.subject_id, p.provider, p.currency, a.amount_minor, a.authorised_at,
           a.capture_before, a.warned_at, a.wanted, a.wanted_minor, a.wanted_id, a.wanted_by, a.tries, a.next_at,
           a.reason, a.ended, a.ended_at
      FROM payments.authorisation a JOIN payments.v_payment p ON p.id = a.payment_id
    """


async def note(tx: Tx, payment: Payment, *, amount_minor: int, capture_before: datetime) -> bool:
    """The money is reserved until then.  False when that is known; a later word on its end is believed."""
    inserted = await tx.run(
        """
        INSERT INTO payments.authorisation (payment_id, shop_id, amount_minor, capture_before)
        VALUES (%(payment_id)s, %(shop_id)s, %(amount)s, %(until)s) ON CONFLICT (payment_id) DO NOTHING
        """,
        payment_id=payment.id,
        shop_id=payment.shop_id,
        amount=amount_minor,
        until=capture_before,
    )
    if not inserted:
        await tx.run(
            """
            UPDATE payments.authorisation SET capture_before = %(until)s
             WHERE payment_id = %(payment_id)s AND ended IS NULL AND capture_before <> %(until)s
            """,
            payment_id=payment.id,
            until=capture_before,
        )
    return inserted == 1


async def of_payment(tx: Tx, *, payment_id: UUID) -> Authorisation | None:
    return await tx.first(Authorisation, _ALL + "WHERE a.payment_id = %(payment_id)s", payment_id=payment_id)


async def live(tx: Tx, *, subject_id: UUID) -> list[Authorisation]:
    """What is reserved for it now, oldest first."""
    return await tx.every(
        Authorisation,
        _ALL
        + "WHERE p.subject_id = %(subject_id)s AND a.ended IS NULL ORDER BY a.authorised_at, a.payment_id",
        subject_id=subject_id,
    )


async def ask_capture(tx: Tx, found: Authorisation, *, amount_minor: int, actor: str) -> None:
    """It is to be taken, this much of it; what is left is let go.  Decided before, it stays as it was decided."""
    await _want(tx, found, "capture", amount_minor=amount_minor, actor=actor)


async def ask_void(tx: Tx, found: Authorisation, *, actor: str) -> None:
    """It is to be let go, whatever was decided before: what was taken meanwhile is money, and heard of as such."""
    await _want(tx, found, "void", amount_minor=None, actor=actor)


async def _want(tx: Tx, found: Authorisation, wanted: str, *, amount_minor: int | None, actor: str) -> None:
    changed = await tx.run(
        """
        UPDATE payments.authorisation
           SET wanted = %(wanted)s, wanted_minor = %(amount)s, wanted_id = %(id)s, wanted_by = %(actor)s, tries = 0,
               next_at = %(at)s, reason = ''
         WHERE payment_id = %(payment_id)s AND ended IS NULL
           AND (wanted IS NULL OR wanted <> %(wanted)s) AND wanted IS DISTINCT FROM 'void'
        """,
        wanted=wanted,
        amount=amount_minor,
        id=new_id(),
        actor=actor,
        at=now(),
        payment_id=found.payment_id,
    )
    if changed:
        await payment_accounts.inbox.ring(tx)


async def try_again(tx: Tx, *, shop_id: int, payment_id: UUID) -> None:
    """After it failed: once more, as a new question.  Raises CaptureNotFailed."""
    changed = await tx.run(
        """
        UPDATE payments.authorisation SET wanted_id = %(id)s, tries = 0, next_at = %(at)s, reason = ''
         WHERE shop_id = %(shop_id)s AND payment_id = %(payment_id)s AND ended IS NULL AND wanted = 'capture'
           AND next_at IS NULL
        """,
        id=new_id(),
        at=now(),
        shop_id=shop_id,
        payment_id=payment_id,
    )
    if not changed:
        raise CaptureNotFailed
    await payment_accounts.inbox.ring(tx)


async def take_due(tx: Tx, *, at: datetime | None = None, limit: int = 50) -> list[Authorisation]:
    """What is to be captured or let go now; each comes again later, whatever becomes of this process."""
    at = now() if at is None else at
    due = await tx.every(
        Authorisation,
        _ALL + "WHERE a.next_at <= %(at)s ORDER BY a.next_at LIMIT %(limit)s FOR UPDATE OF a SKIP LOCKED",
        at=at,
        limit=limit,
    )
    await tx.many(
        """
        UPDATE payments.authorisation SET tries = tries + 1, next_at = %(next_at)s
         WHERE payment_id = %(payment_id)s
        """,
        [
            {
                "payment_id": each.payment_id,
                "next_at": at + timedelta(seconds=_PAUSES[min(each.tries, len(_PAUSES) - 1)]),
            }
            for each in due
        ],
    )
    return due


async def end(tx: Tx, *, payment_id: UUID, how: str) -> bool:
    """`how`: captured, voided or expired.  False where it had ended, or never was; that it was captured counts always."""
    changed = await tx.run(
        """
        UPDATE payments.authorisation SET ended = %(how)s, ended_at = %(at)s, next_at = NULL
         WHERE payment_id = %(payment_id)s
           AND (ended IS NULL OR (%(how)s = 'captured' AND ended <> 'captured'))
        """,
        how=how,
        at=now(),
        payment_id=payment_id,
    )
    return changed == 1


async def fail(tx: Tx, found: Authorisation, *, reason: str) -> None:
    """The provider does not do it: a person has to look.  Said once for each time it was asked for."""
    changed = await tx.run(
        """
        UPDATE payments.authorisation SET next_at = NULL, reason = %(reason)s
         WHERE payment_id = %(payment_id)s AND ended IS NULL AND wanted_id = %(wanted_id)s AND next_at IS NOT NULL
        """,
        reason=reason[:500],
        payment_id=found.payment_id,
        wanted_id=found.wanted_id,
    )
    if changed:
        await outbox.record(
            tx,
            CaptureFailed(
                shop_id=found.shop_id,
                payment_id=found.payment_id,
                order_id=found.subject_id,
                currency=found.currency,
                amount_minor=found.wanted_minor or found.amount_minor,
                reason=reason[:500],
            ),
        )


async def ending(tx: Tx, *, at: datetime | None = None, limit: int = 1000) -> list[Authorisation]:
    """Those that end within the last call and of which nobody decided yet, and those whose time is over."""
    at = now() if at is None else at
    return await tx.every(
        Authorisation,
        _ALL
        + """
         WHERE a.ended IS NULL AND a.wanted IS DISTINCT FROM 'void'
           AND (a.capture_before <= %(over)s OR (a.capture_before <= %(last)s AND a.wanted IS NULL))
         ORDER BY a.capture_before LIMIT %(limit)s
        """,
        last=at + LAST_CALL,
        over=at - GRACE,
        limit=limit,
    )


async def warn(tx: Tx, *, at: datetime | None = None, limit: int = 100) -> int:
    """Tell merchants once of what ends soon; returns of how many."""
    at = now() if at is None else at
    soon = await tx.every(
        Authorisation,
        _ALL
        + """
         WHERE a.ended IS NULL AND a.warned_at IS NULL AND a.capture_before <= %(until)s
           AND (a.wanted IS NULL OR (a.wanted = 'capture' AND a.next_at IS NULL))
         ORDER BY a.capture_before LIMIT %(limit)s FOR UPDATE OF a SKIP LOCKED
        """,
        until=at + WARN,
        limit=limit,
    )
    for each in soon:
        await tx.run(
            "UPDATE payments.authorisation SET warned_at = %(at)s WHERE payment_id = %(payment_id)s",
            at=at,
            payment_id=each.payment_id,
        )
        await outbox.record(
            tx,
            AuthorisationEnding(
                shop_id=each.shop_id,
                payment_id=each.payment_id,
                order_id=each.subject_id,
                currency=each.currency,
                amount_minor=each.amount_minor,
                capture_before=each.capture_before,
            ),
        )
    return len(soon)


async def open_ones(
    tx: Tx, *, shop_id: int, after: UUID | None = None, before: UUID | None = None, limit: int
) -> list[Authorisation]:
    """What a shop has reserved and not charged, for `kernel.paging`; what failed first, then what ends first."""
    return await tx.every(
        Authorisation,
        _ALL  # noqa: S608 -- constants, both
        + """
         CROSS JOIN LATERAL (SELECT a.wanted IS DISTINCT FROM 'capture' OR a.next_at IS NOT NULL AS calm) AS s
         WHERE a.shop_id = %(shop_id)s AND a.ended IS NULL
           AND (%(after)s::uuid IS NULL OR (s.calm, a.capture_before, a.payment_id) >
                (SELECT m.wanted IS DISTINCT FROM 'capture' OR m.next_at IS NOT NULL, m.capture_before, m.payment_id
                   FROM payments.authorisation m WHERE m.payment_id = %(after)s))
           AND (%(before)s::uuid IS NULL OR (s.calm, a.capture_before, a.payment_id) <
                (SELECT m.wanted IS DISTINCT FROM 'capture' OR m.next_at IS NOT NULL, m.capture_before, m.payment_id
                   FROM payments.authorisation m WHERE m.payment_id = %(before)s))
         ORDER BY CASE WHEN %(before)s::uuid IS NOT NULL THEN s.calm END DESC,
                  CASE WHEN %(before)s::uuid IS NOT NULL THEN a.capture_before END DESC,
                  CASE WHEN %(before)s::uuid IS NOT NULL THEN a.payment_id END DESC,
                  s.calm, a.capture_before, a.payment_id
         LIMIT %(limit)s
        """,
        shop_id=shop_id,
        after=after,
        before=before,
        limit=limit,
    )


def needs_somebody(found: Sequence[Authorisation], *, at: datetime | None = None) -> list[Authorisation]:
    """Those that failed, or end soon."""
    at = now() if at is None else at
    return [each for each in found if each.has_failed or each.capture_before <= at + WARN]

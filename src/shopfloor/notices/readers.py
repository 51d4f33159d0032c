"""Who does not want to be written to, and addresses that are forgotten."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


def _hashed(shop_id: int, address: str) -> bytes:
    return sha256(f"unsubscribed {shop_id} {address.strip().lower()}".encode()).digest()


async def unsubscribe(tx: Tx, *, shop_id: int, address: str) -> None:
    await tx.run(
        """
        INSERT INTO notifications.unsubscribed (shop_id, address) VALUES (%(shop_id)s, %(address)s)
        ON CONFLICT (shop_id, address) DO NOTHING
        """,
        shop_id=shop_id,
        address=_hashed(shop_id, address),
    )


async def subscribe_again(tx: Tx, *, shop_id: int, address: str) -> None:
    await tx.run(
        "DELETE FROM notifications.unsubscribed WHERE shop_id = %(shop_id)s AND address = %(address)s",
        shop_id=shop_id,
        address=_hashed(shop_id, address),
    )


async def is_unsubscribed(tx: Tx, *, shop_id: int, address: str) -> bool:
    return await tx.value(
        """
        SELECT EXISTS (SELECT FROM notifications.unsubscribed WHERE shop_id = %(shop_id)s AND address = %(address)s)
        """,
        shop_id=shop_id,
        address=_hashed(shop_id, address),
    )


async def drop_queued_to(tx: Tx, *, shop_id: int, recipient: str, kinds: Sequence[str]) -> int:
    """What is still to leave for somebody who wants nothing more of these kinds."""
    return await tx.run(
        """
        UPDATE notifications.notice SET state = 'dropped', code = 'unsubscribed', ended_at = now(), sealed = NULL
         WHERE shop_id = %(shop_id)s AND lower(recipient) = lower(%(recipient)s) AND state = 'queued' AND kind = ANY(%(kinds)s)
        """,
        shop_id=shop_id,
        recipient=recipient,
        kinds=list(kinds),
    )


async def forget_people(tx: Tx, *, shop_id: int, buyers: Sequence[UUID]) -> int:
    """Addresses of people who are to be forgotten, but on orders that still need their contact."""
    return await tx.run(
        """
        UPDATE notifications.notice n
           SET recipient = '', name = '', reply = '', sealed = NULL,
               state = CASE WHEN state IN ('queued', 'sending') THEN 'dropped' ELSE state END,
               code = CASE WHEN state IN ('queued', 'sending') THEN 'erased' ELSE code END,
               ended_at = coalesce(ended_at, now()), claim = NULL, claimed_until = NULL, handed_at = NULL,
               fact_id = n.id
         WHERE shop_id = %(shop_id)s AND buyer = ANY(%(buyers)s) AND recipient <> ''
           AND NOT EXISTS (SELECT FROM orders.v_told o WHERE o.id = n.order_id
                              AND CASE n.channel WHEN 'sms' THEN o.contact_phone ELSE o.contact_email END <> '')
        """,
        shop_id=shop_id,
        buyers=list(buyers),
    )


async def forget_address(tx: Tx, *, shop_id: int, email: str) -> int:
    """An address that is to be forgotten, but on orders that still need their contact."""
    return await tx.run(
        """
        UPDATE notifications.notice n
           SET recipient = '', name = '', reply = '', sealed = NULL,
               state = CASE WHEN state IN ('queued', 'sending') THEN 'dropped' ELSE state END,
               code = CASE WHEN state IN ('queued', 'sending') THEN 'erased' ELSE code END,
               ended_at = coalesce(ended_at, now()), claim = NULL, claimed_until = NULL, handed_at = NULL,
               fact_id = n.id
         WHERE shop_id = %(shop_id)s AND lower(recipient) = lower(%(email)s)
           AND NOT EXISTS (SELECT FROM orders.v_told o WHERE o.id = n.order_id
                              AND CASE n.channel WHEN 'sms' THEN o.contact_phone ELSE o.contact_email END <> '')
        """,
        shop_id=shop_id,
        email=email,
    )


async def forget_finished(tx: Tx, *, limit: int) -> int:
    """Addresses on notices whose order has lost its contact."""
    return await tx.run(
        """
        UPDATE notifications.notice n SET recipient = '', name = '', reply = '', fact_id = n.id
         WHERE id IN (SELECT n.id FROM notifications.notice n JOIN orders.v_told o ON o.id = n.order_id
                       WHERE n.recipient <> '' AND n.kind <> 'purchase_order'
                         AND CASE n.channel WHEN 'sms' THEN o.contact_phone ELSE o.contact_email END = ''
                         AND n.state NOT IN ('queued', 'sending') LIMIT %(limit)s)
        """,
        limit=limit,
    )


@dataclass(frozen=True, slots=True)
class Told:
    kind: str
    subject: str
    state: str
    created_at: datetime


async def told(tx: Tx, *, shop_id: int, address: str) -> list[Told]:
    """Newest first."""
    return await tx.every(
        Told,
        """
        SELECT kind, subject, state, created_at FROM notifications.notice
         WHERE shop_id = %(shop_id)s AND lower(recipient) = lower(%(address)s) ORDER BY created_at DESC, id DESC
        """,
        shop_id=shop_id,
        address=address,
    )

"""Where buyers send money (`pay_to`): changed only with `money.manage`, on record, and told to every owner.

The record is kept by a trigger of the table, so that it also has what another release or another program changed.
The same goes for other texts that buyers read where they speak of payment or name an account.
"""

from dataclasses import replace
from datetime import datetime

from shopfloor.accounts import Actor, NotAllowed, Permission, Role
from shopfloor.kernel import paging, text
from shopfloor.kernel.account_numbers import names_account
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.policies import service
from shopfloor.policies.models import ShopTerms

LISTED = 50
LONGEST = 2000


@dataclass(frozen=True, slots=True)
class PayToChange:
    """`changed_by` is None where no person of this release did it, the name also for who has left the shop.

    `place` is "pay_to", "pick_up_at", or a text of messages as in "mail order_placed en" or "sms shipped zh-CN".
    """

    id: int
    changed_by: int | None
    changed_by_name: str | None
    before: str
    after: str
    changed_at: datetime
    place: str = "pay_to"


async def change_terms(tx: Tx, *, actor: Actor, terms: ShopTerms, pay_to: str | None = None) -> ShopTerms:
    """Set the shop's terms; the bank details stay as they are unless `pay_to` says others (`terms.pay_to` does not).

    Raises NotAllowed, and nothing changes, where the actor may not do all of it.
    """
    before = await _locked(tx, actor)
    wanted = before.pay_to if pay_to is None else text.prose(pay_to, field="pay_to", longest=LONGEST)
    if replace(terms, pay_to=before.pay_to) != before:
        _require(actor, Permission.ORDERS_MANAGE)
    if wanted != before.pay_to:
        _require(actor, Permission.MONEY_MANAGE)
    pick_up_at = text.prose(terms.pick_up_at, field="pick_up_at", longest=LONGEST)
    if pick_up_at != before.pick_up_at:
        await text_changed(tx, actor=actor, place="pick_up_at", before=before.pick_up_at, after=pick_up_at)
    changed = replace(terms, pay_to=wanted, pick_up_at=pick_up_at)
    if changed != before:
        await tx.value("SELECT set_config('shopfloor.person_id', %(id)s, true)", id=str(actor.person_id))
        await service.set_shop_terms(tx, shop_id=actor.shop_id, terms=changed)
    return changed


async def text_changed(
    tx: Tx, *, actor: Actor, place: str, before: str, after: str, speaks_of_payment: bool = False
) -> None:
    """A text that buyers read is about to change: one that speaks of payment, or that names an account, only with
    `money.manage`, on record.  Raises NotAllowed.
    """
    if after == before:
        return
    if speaks_of_payment:
        _require(actor, Permission.MONEY_MANAGE)
    actor.check_told(after)
    if speaks_of_payment or names_account(before) or names_account(after):
        await tx.run(
            """
            INSERT INTO orders.pay_to_change (shop_id, changed_by, before, after, place)
            VALUES (%(shop_id)s, %(person_id)s, %(before)s, %(after)s, %(place)s)
            """,
            shop_id=actor.shop_id,
            person_id=actor.person_id,
            before=before,
            after=after,
            place=place,
        )


async def change(tx: Tx, *, actor: Actor, pay_to: str) -> ShopTerms:
    """Change the bank details and nothing else.  Raises NotAllowed."""
    _require(actor, Permission.MONEY_MANAGE)
    return await change_terms(tx, actor=actor, terms=await _locked(tx, actor), pay_to=pay_to)


async def _count_changes(tx: Tx, *, shop_id: int, before: int | None = None) -> paging.Counted:
    counted = await tx.value(
        """
        SELECT count(*) FROM (
            SELECT FROM orders.pay_to_change
             WHERE shop_id = %(shop_id)s AND (%(before)s::bigint IS NULL OR id > %(before)s)
             LIMIT %(most)s + 1) AS counted
        """,
        shop_id=shop_id,
        before=before,
        most=paging.MOST_COUNTED,
    )
    return paging.capped(counted)


@paging.counted_by(_count_changes)
async def changes(
    tx: Tx, *, shop_id: int, after: int | None = None, before: int | None = None, limit: int = LISTED
) -> list[PayToChange]:
    """Newest first, a page of them (`kernel.paging`)."""
    return await tx.every(
        PayToChange,
        """
        SELECT c.id, c.changed_by, m.name AS changed_by_name, c.before, c.after, c.changed_at, c.place
          FROM orders.pay_to_change c
          LEFT JOIN accounts.v_member m ON m.shop_id = c.shop_id AND m.person_id = c.changed_by
         WHERE c.shop_id = %(shop_id)s
           AND (%(after)s::bigint IS NULL OR c.id < %(after)s)
           AND (%(before)s::bigint IS NULL OR c.id > %(before)s)
         ORDER BY CASE WHEN %(before)s::bigint IS NULL THEN c.id END DESC, c.id LIMIT %(limit)s
        """,
        shop_id=shop_id,
        after=after,
        before=before,
        limit=limit,
    )


async def unseen(tx: Tx, *, actor: Actor) -> list[PayToChange]:
    """What this owner has not confirmed having seen, newest first; nothing for anybody else.

    An owner's own changes too, for a stolen session looks like its owner; but not the first details a shop gets.
    """
    if actor.role is not Role.OWNER:
        return []
    seen = await tx.value(
        """
        SELECT coalesce(max(change_id), 0) FROM orders.pay_to_seen
         WHERE shop_id = %(shop_id)s AND person_id = %(person_id)s
        """,
        shop_id=actor.shop_id,
        person_id=actor.person_id,
    )
    return [
        each
        for each in await changes(tx, shop_id=actor.shop_id)
        if each.id > seen and (each.changed_by != actor.person_id or _is_grave(each))
    ]


def _is_grave(change: PayToChange) -> bool:
    """Whether one's own change is told as well."""
    return bool(change.before) if change.place == "pay_to" else names_account(change.after)


async def mark_seen(tx: Tx, *, actor: Actor, change_id: int) -> None:
    """This owner has seen the changes up to this one; a later one is told again."""
    await tx.run(
        """
        INSERT INTO orders.pay_to_seen AS s (shop_id, person_id, change_id)
        SELECT %(shop_id)s, %(person_id)s, max(id) FROM orders.pay_to_change
         WHERE shop_id = %(shop_id)s AND id <= %(last)s HAVING max(id) IS NOT NULL
        ON CONFLICT (shop_id, person_id) DO UPDATE SET change_id = greatest(s.change_id, excluded.change_id)
        """,
        shop_id=actor.shop_id,
        person_id=actor.person_id,
        last=change_id,
    )


async def _locked(tx: Tx, actor: Actor) -> ShopTerms:
    """The terms as they are, kept from everybody else's changes until this transaction ends; also before there are any."""
    await tx.value(
        "SELECT pg_advisory_xact_lock(hashtextextended('orders.policy', %(shop_id)s))", shop_id=actor.shop_id
    )
    return await service.shop_terms(tx, shop_id=actor.shop_id)


def _require(actor: Actor, permission: Permission) -> None:
    if not actor.may(permission):
        raise NotAllowed(permission=permission, role=actor.role)

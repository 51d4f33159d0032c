"""The card of a coupon in the room: what it is worth, how many are left, until when; as the ledger has it."""

from typing import Final

from shopfloor import live, rooms
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import now, video_ms
from shopfloor.promotions import queries, use_queries
from shopfloor.promotions.models import Discount, Method, State
from shopfloor.promotions.refusals import NotClaimable, UnknownDiscount

KIND: Final = "coupon"


def card_of(found: Discount) -> rooms.CouponState:
    return rooms.CouponState(
        id=found.id,
        title=found.title,
        slug=found.slug or "",
        kind=found.kind.value,
        percent=found.percent,
        amount_minor=found.amount_minor,
        minimum_minor=found.minimum_minor,
        currency=found.currency,
        left=None if found.most_claims is None else found.most_claims - found.claims,
        ends_at=None if found.ends_at is None else video_ms(found.ends_at),
        open=found.state(now()) is State.ACTIVE,
    )


async def show_coupon(tx: Tx, *, shop_id: int, show_id: int, discount_id: int) -> None:
    """Its card in the room of a running show, in place of another coupon's.

    Raises UnknownShow, WrongStatus, UnknownDiscount, and NotClaimable for one that cannot be claimed now.
    """
    parent = await live.locked(tx, shop_id, show_id)
    if parent.status != live.ShowStatus.LIVE:
        raise live.WrongStatus("Only a running show has a coupon card.", status=str(parent.status))
    # Before it is looked at, as by who claims one: the card says what is left now.
    await use_queries.lock_claims(tx, discount_id=discount_id)
    found = await queries.discount(tx, shop_id=shop_id, discount_id=discount_id)
    if found is None or found.method is not Method.COUPON:
        raise UnknownDiscount(discount_id=discount_id)
    if found.state(now()) is not State.ACTIVE or (found.show_id is not None and found.show_id != show_id):
        raise NotClaimable(discount_id=discount_id)
    await rooms.put_card(tx, shop_id=shop_id, show_id=show_id, card=card_of(found))


async def take_off(tx: Tx, *, shop_id: int, show_id: int, discount_id: int) -> None:
    """The card leaves the room; what was collected stays.  Raises UnknownShow, UnknownDiscount."""
    await live.show(tx, shop_id=shop_id, show_id=show_id)
    if await queries.discount(tx, shop_id=shop_id, discount_id=discount_id) is None:
        raise UnknownDiscount(discount_id=discount_id)
    await rooms.take_card(tx, shop_id=shop_id, show_id=show_id, kind=KIND, subject=discount_id)


async def refresh(tx: Tx, *, shop_id: int, discount_id: int) -> None:
    """Wherever its card stands it says how the coupon is now."""
    await use_queries.lock_claims(tx, discount_id=discount_id)
    shows = await rooms.shown_in(tx, kind=KIND, subject=discount_id)
    found = await queries.discount(tx, shop_id=shop_id, discount_id=discount_id) if shows else None
    for show_id in shows:
        if found is None or found.method is not Method.COUPON:
            await rooms.take_card(tx, shop_id=shop_id, show_id=show_id, kind=KIND, subject=discount_id)
        else:
            await rooms.change_card(tx, shop_id=shop_id, show_id=show_id, card=card_of(found))

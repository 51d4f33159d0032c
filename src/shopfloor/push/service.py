"""Browsers that allow notifications, and what they are told when something happened."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from shopfloor import catalog, live, purchases
from shopfloor.kernel.database import Tx
from shopfloor.kernel.outbox import Delivered, decode
from shopfloor.kernel.secrets import Box, CannotOpen
from shopfloor.kernel.values import new_id, now
from shopfloor.push import encryption, heard, queries, texts
from shopfloor.push.models import (
    KEPT_FOR,
    LASTS,
    MOST_SUBSCRIPTIONS,
    UNSEEN_FOR,
    Kind,
    Subscription,
    content,
    written,
)

_ABOUT = "push.key"


async def key(tx: Tx, *, box: Box) -> tuple[bytes, str]:
    """The installation's public point and private number, made when they are first wanted.

    One that this installation can no longer read is replaced; browsers that knew it have to allow it again.
    """
    found = await queries.key(tx)
    if found is not None:
        try:
            return bytes(found.public), box.open(found.private, about=_ABOUT)
        except CannotOpen:
            if await queries.drop_key(tx, public=found.public):
                await queries.drop_subscriptions(tx)
    public, private = encryption.new_key()
    kept = await queries.save_key(tx, public=public, private=box.seal(private, about=_ABOUT))
    return bytes(kept.public), box.open(kept.private, about=_ABOUT)


async def public_key(tx: Tx, *, box: Box) -> str:
    """What browsers subscribe to, in Base64 for URLs."""
    return written((await key(tx, box=box))[0])


async def subscribe(
    tx: Tx, given: Subscription, *, shop_id: int, shopper: UUID, locale: str, show_id: int | None = None
) -> None:
    """This browser is told of the shopper's orders and turn; with `show_id` also when that show starts.

    Raises ShowNotFound for a show of another shop.
    """
    if show_id is not None:
        await live.show(tx, shop_id=shop_id, show_id=show_id)
    subscription_id = await queries.save_subscription(
        tx, subscription_id=new_id(), shop_id=shop_id, shopper=shopper, given=given, locale=locale
    )
    await queries.drop_beyond(tx, shop_id=shop_id, shopper=shopper, most=MOST_SUBSCRIPTIONS)
    if show_id is not None:
        await queries.add_show_reminder(tx, shop_id=shop_id, show_id=show_id, subscription_id=subscription_id)


async def unsubscribe(tx: Tx, *, shop_id: int, shopper: UUID, endpoint: str) -> bool:
    """False where this shopper has no such browser."""
    return bool(await queries.unsubscribe(tx, shop_id=shop_id, shopper=shopper, endpoint=endpoint))


async def forget_shoppers(tx: Tx, *, shop_id: int, shoppers: Sequence[UUID]) -> None:
    await queries.forget_shoppers(tx, shop_id=shop_id, shoppers=shoppers)


async def forget(tx: Tx) -> int:
    """Messages that ended long ago, and browsers that nobody has come with for a long time."""
    dropped = await queries.forget_messages(tx, before=now() - KEPT_FOR, limit=10_000)
    return dropped + await queries.forget_unseen(tx, before=now() - UNSEEN_FOR, limit=1_000)


async def something_due(tx: Tx) -> bool:
    return await queries.something_due(tx)


# What is told


async def hears(tx: Tx, batch: Sequence[Delivered]) -> None:
    """Facts become messages; the id of the fact decides that there is one."""
    for fact in batch:
        if fact.name in _HEARD:
            kind, act = _HEARD[fact.name]
            await act(tx, decode(kind, fact), fact.fact_id)


async def _show_started(tx: Tx, fact: heard.ShowStarted, fact_id: UUID) -> None:
    browsers = await queries.take_show_reminders(tx, shop_id=fact.shop_id, show_id=fact.show_id)
    if not browsers:
        return
    show = await live.show(tx, shop_id=fact.shop_id, show_id=fact.show_id)
    for browser in browsers:
        title = show.titles.get(browser.locale.partition("-")[0], show.title)
        await _tell(
            tx,
            Kind.SHOW_STARTED,
            [browser],
            shop_id=fact.shop_id,
            fact_id=fact_id,
            facts={"show": title},
            path=f"/live/{show.id}",
        )


async def _of_order(tx: Tx, fact: heard.OfOrder, fact_id: UUID) -> None:
    order = await queries.order(tx, shop_id=fact.shop_id, order_id=fact.order_id)
    if order is None:
        return
    await _tell(
        tx,
        heard.OF_ORDERS[type(fact)],
        await queries.of_shoppers(tx, shop_id=fact.shop_id, shoppers=[order.buyer]),
        shop_id=fact.shop_id,
        fact_id=fact_id,
        facts={"order": str(order.number)},
        path=f"/orders/{order.id}",
    )


async def _place_offered(tx: Tx, fact: purchases.WaitlistOffered, fact_id: UUID) -> None:
    for place in fact.places:
        if place.hold_id is None or place.claim_until is None:
            continue
        browsers = await queries.of_shoppers(tx, shop_id=fact.shop_id, shoppers=[place.buyer])
        if browsers:
            await _tell(
                tx,
                Kind.PLACE_OFFERED,
                browsers,
                shop_id=fact.shop_id,
                fact_id=place.hold_id,
                facts={"product": await _title(tx, fact.shop_id, place.variant_id)},
                path="/waitlist",
                expires_at=place.claim_until,
            )


async def _title(tx: Tx, shop_id: int, variant_id: int) -> str:
    found = await catalog.variants(tx, shop_id=shop_id, ids=[variant_id])
    if not found:
        return ""
    products = await catalog.products_by_id(tx, shop_id=shop_id, ids=[found[0].product_id])
    product = products.get(found[0].product_id)
    return "" if product is None else product.title


async def _tell(
    tx: Tx,
    kind: Kind,
    browsers: Sequence[queries.Browser],
    *,
    shop_id: int,
    fact_id: UUID,
    facts: Mapping[str, str],
    path: str,
    expires_at: datetime | None = None,
) -> None:
    if not browsers:
        return
    contents: list[dict[str, Any]] = []
    for browser in browsers:
        title, body = texts.words(kind, browser.locale, {"shop": browser.shop, **facts})
        contents.append(content(title, body, path=f"/s/{browser.slug}{path}", tag=f"{kind}{path}"))
    await queries.insert_messages(
        tx,
        ids=[new_id() for _ in browsers],
        shop_id=shop_id,
        subscriptions=[browser.id for browser in browsers],
        fact_id=fact_id,
        kind=kind,
        contents=contents,
        expires_at=expires_at or now() + LASTS[kind],
    )


_HEARD: Mapping[str, tuple[type[Any], Any]] = {
    heard.ShowStarted.name: (heard.ShowStarted, _show_started),
    purchases.WaitlistOffered.name: (purchases.WaitlistOffered, _place_offered),
    **{kind.name: (kind, _of_order) for kind in heard.OF_ORDERS},
}
NAMES = frozenset(_HEARD)

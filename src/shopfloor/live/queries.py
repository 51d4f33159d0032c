"""SQL of shows.  One function, one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
from psycopg.types.json import Jsonb

from shopfloor import media
from shopfloor.kernel.database import Tx
from shopfloor.kernel.paging import MOST_COUNTED
from shopfloor.live.models import FeaturedInterval, Notice, OfferTerms, Price, Show, Slot, Watching
from shopfloor.live.state import NoticeState


async def insert_show(
    tx: Tx,
    *,
    shop_id: int,
    title: str,
    titles: Mapping[str, str],
    starts_at: datetime | None,
    channel_id: int | None,
    host_id: int | None,
    limit_per_show: int | None,
) -> Show:
    return await tx.one(
        Show,
        """
        INSERT INTO live.show (shop_id, title, titles, starts_at, channel_id, host_id, limit_per_show)
        VALUES (%(shop_id)s, %(title)s, %(titles)s, %(starts_at)s, %(channel_id)s, %(host_id)s, %(limit_per_show)s)
        RETURNING id, shop_id, title, titles, status, channel_id, host_id, pool_id, limit_per_show,
                  starts_at, started_at, ended_at, viewers_peak, notice
        """,
        shop_id=shop_id,
        title=title,
        titles=Jsonb(dict(titles)),
        starts_at=starts_at,
        channel_id=channel_id,
        host_id=host_id,
        limit_per_show=limit_per_show,
    )


async def show(tx: Tx, *, show_id: int) -> Show | None:
    return await tx.first(
        Show,
        """
        SELECT id, shop_id, title, titles, status, channel_id, host_id, pool_id, limit_per_show,
               starts_at, started_at, ended_at, viewers_peak, notice
          FROM live.show WHERE id = %(show_id)s
        """,
        show_id=show_id,
    )


async def locked_show(tx: Tx, *, shop_id: int, show_id: int) -> Show | None:
    """The show, and nobody else changes it until this transaction ends."""
    return await tx.first(
        Show,
        """
        SELECT id, shop_id, title, titles, status, channel_id, host_id, pool_id, limit_per_show,
               starts_at, started_at, ended_at, viewers_peak, notice
          FROM live.show WHERE id = %(show_id)s AND shop_id = %(shop_id)s FOR NO KEY UPDATE
        """,
        shop_id=shop_id,
        show_id=show_id,
    )


_LISTED: Final = """shop_id = %(shop_id)s AND (%(status)s::text IS NULL OR status = %(status)s::text)
           AND (%(before)s::bigint IS NULL OR (coalesce(started_at, starts_at, created_at), id) >
                (SELECT coalesce(started_at, starts_at, created_at), id FROM live.show WHERE id = %(before)s))"""


async def count_shows(tx: Tx, *, shop_id: int, status: str | None, before: int | None) -> int:
    """At most one more than is counted (`kernel.paging`)."""
    return await tx.value(
        "SELECT count(*) FROM (SELECT FROM live.show WHERE {listed} LIMIT %(most)s + 1) AS counted".replace(
            "{listed}", _LISTED
        ),
        shop_id=shop_id,
        status=status,
        before=before,
        most=MOST_COUNTED,
    )


async def shows(
    tx: Tx,
    *,
    shop_id: int,
    status: str | None,
    after: int | None,
    before: int | None,
    limit: int | None,
) -> list[Show]:
    """Newest first, for `kernel.paging`."""
    return await tx.every(
        Show,
        """
        SELECT id, shop_id, title, titles, status, channel_id, host_id, pool_id, limit_per_show,
               starts_at, started_at, ended_at, viewers_peak, notice
          FROM live.show
         WHERE {listed}
           AND (%(after)s::bigint IS NULL OR (coalesce(started_at, starts_at, created_at), id) <
                (SELECT coalesce(started_at, starts_at, created_at), id FROM live.show WHERE id = %(after)s))
         ORDER BY CASE WHEN %(before)s::bigint IS NULL THEN coalesce(started_at, starts_at, created_at) END DESC,
                  CASE WHEN %(before)s::bigint IS NULL THEN id END DESC,
                  coalesce(started_at, starts_at, created_at), id
         LIMIT %(limit)s::bigint
        """.replace("{listed}", _LISTED),
        shop_id=shop_id,
        status=status,
        after=after,
        before=before,
        limit=limit,
    )


async def shows_on_air(tx: Tx, *, channel_id: int) -> list[Show]:
    return await tx.every(
        Show,
        """
        SELECT id, shop_id, title, titles, status, channel_id, host_id, pool_id, limit_per_show,
               starts_at, started_at, ended_at, viewers_peak, notice
          FROM live.show WHERE channel_id = %(channel_id)s AND status = 'live'
        """,
        channel_id=channel_id,
    )


@dataclass(frozen=True, slots=True)
class OnAir:
    shop_id: int
    show_id: int


async def on_air(tx: Tx) -> list[OnAir]:
    return await tx.every(
        OnAir, "SELECT shop_id, id AS show_id FROM live.show WHERE status = 'live' ORDER BY id"
    )


async def airtimes(tx: Tx, *, channel_id: int) -> list[media.Airtime]:
    return await tx.every(
        media.Airtime,
        """
        SELECT id AS show_id, shop_id, started_at AS start, ended_at AS "end" FROM live.show
         WHERE channel_id = %(channel_id)s AND started_at IS NOT NULL ORDER BY started_at, id
        """,
        channel_id=channel_id,
    )


async def update_show(
    tx: Tx,
    *,
    show_id: int,
    title: str,
    titles: Mapping[str, str],
    starts_at: datetime | None,
    channel_id: int | None,
    host_id: int | None,
    limit_per_show: int | None,
) -> None:
    await tx.run(
        """
        UPDATE live.show
           SET title = %(title)s, titles = %(titles)s, starts_at = %(starts_at)s, channel_id = %(channel_id)s,
               host_id = %(host_id)s, limit_per_show = %(limit_per_show)s
         WHERE id = %(show_id)s
        """,
        show_id=show_id,
        title=title,
        titles=Jsonb(dict(titles)),
        starts_at=starts_at,
        channel_id=channel_id,
        host_id=host_id,
        limit_per_show=limit_per_show,
    )


async def set_live(tx: Tx, *, show_id: int, pool_id: int, at: datetime) -> None:
    await tx.run(
        "UPDATE live.show SET status = 'live', pool_id = %(pool_id)s, started_at = %(at)s WHERE id = %(show_id)s",
        show_id=show_id,
        pool_id=pool_id,
        at=at,
    )


async def set_ended(tx: Tx, *, show_id: int, at: datetime) -> None:
    await tx.run(
        """
        UPDATE live.show SET status = 'ended', ended_at = greatest(%(at)s, started_at), notice = NULL
         WHERE id = %(show_id)s
        """,
        show_id=show_id,
        at=at,
    )


async def set_notice(tx: Tx, *, show_id: int, notice: NoticeState | None) -> None:
    await tx.run(
        "UPDATE live.show SET notice = %(notice)s WHERE id = %(show_id)s",
        show_id=show_id,
        notice=None if notice is None else Jsonb(msgspec.to_builtins(notice)),
    )


async def insert_notice(
    tx: Tx,
    *,
    show_id: int,
    kind: str,
    text: str,
    texts: Mapping[str, str],
    offer_id: int | None,
    video: int,
    by: int | None,
) -> Notice:
    return await tx.one(
        Notice,
        """
        INSERT INTO live.notice (show_id, kind, text, texts, offer_id, video, by_person)
        VALUES (%(show_id)s, %(kind)s, %(text)s, %(texts)s, %(offer_id)s, %(video)s, %(by)s)
        RETURNING id, show_id, kind, text, texts, offer_id, at, video
        """,
        show_id=show_id,
        kind=kind,
        text=text,
        texts=Jsonb(dict(texts)),
        offer_id=offer_id,
        video=video,
        by=by,
    )


async def notices(tx: Tx, *, show_id: int) -> list[Notice]:
    return await tx.every(
        Notice,
        """
        SELECT id, show_id, kind, text, texts, offer_id, at, video
          FROM live.notice WHERE show_id = %(show_id)s ORDER BY id
        """,
        show_id=show_id,
    )


@dataclass(frozen=True, slots=True)
class OfferRow:
    id: int
    show_id: int
    product_id: int
    policy: str
    hold_seconds: int
    limit_per_buyer: int | None
    deposit_percent: int | None


@dataclass(frozen=True, slots=True)
class LineRow:
    offer_id: int
    variant_id: int
    price_minor: int
    currency: str
    quota: int | None


async def insert_offer(
    tx: Tx,
    *,
    show_id: int,
    product_id: int,
    policy: str,
    hold_seconds: int,
    limit_per_buyer: int | None,
    deposit_percent: int | None,
) -> int | None:
    """The new offer's id; None when the product is in the show already."""
    return await tx.value(
        """
        INSERT INTO live.offer (show_id, product_id, policy, hold_seconds, limit_per_buyer, deposit_percent)
        VALUES (%(show_id)s, %(product_id)s, %(policy)s, %(hold_seconds)s, %(limit_per_buyer)s, %(deposit_percent)s)
        ON CONFLICT (show_id, product_id) DO NOTHING
        RETURNING id
        """,
        show_id=show_id,
        product_id=product_id,
        policy=policy,
        hold_seconds=hold_seconds,
        limit_per_buyer=limit_per_buyer,
        deposit_percent=deposit_percent,
    )


async def update_offer(
    tx: Tx,
    *,
    offer_id: int,
    policy: str,
    hold_seconds: int,
    limit_per_buyer: int | None,
    deposit_percent: int | None,
) -> None:
    await tx.run(
        """
        UPDATE live.offer
           SET policy = %(policy)s, hold_seconds = %(hold_seconds)s, limit_per_buyer = %(limit_per_buyer)s,
               deposit_percent = %(deposit_percent)s
         WHERE id = %(offer_id)s
        """,
        offer_id=offer_id,
        policy=policy,
        hold_seconds=hold_seconds,
        limit_per_buyer=limit_per_buyer,
        deposit_percent=deposit_percent,
    )


async def insert_lines(tx: Tx, *, lines: Sequence[Mapping[str, object]]) -> None:
    await tx.many(
        """
        INSERT INTO live.offer_line (offer_id, variant_id, price_minor, currency, quota, position)
        VALUES (%(offer_id)s, %(variant_id)s, %(price_minor)s, %(currency)s, %(quota)s, %(position)s)
        """,
        lines,
    )


async def insert_prices(tx: Tx, *, prices: Sequence[Mapping[str, object]]) -> None:
    await tx.many(
        """
        INSERT INTO live.offer_price (offer_id, variant_id, price_minor, currency, by_person, reason)
        VALUES (%(offer_id)s, %(variant_id)s, %(price_minor)s, %(currency)s, %(by)s, %(reason)s)
        """,
        prices,
    )


async def set_price(tx: Tx, *, offer_id: int, variant_id: int, price_minor: int) -> None:
    await tx.run(
        """
        UPDATE live.offer_line SET price_minor = %(price_minor)s
         WHERE offer_id = %(offer_id)s AND variant_id = %(variant_id)s
        """,
        offer_id=offer_id,
        variant_id=variant_id,
        price_minor=price_minor,
    )


async def set_quota(tx: Tx, *, offer_id: int, variant_id: int, quota: int | None) -> None:
    await tx.run(
        """
        UPDATE live.offer_line SET quota = %(quota)s
         WHERE offer_id = %(offer_id)s AND variant_id = %(variant_id)s
        """,
        offer_id=offer_id,
        variant_id=variant_id,
        quota=quota,
    )


async def prices(tx: Tx, *, show_id: int) -> list[Price]:
    return await tx.every(
        Price,
        """
        SELECT price.offer_id, price.variant_id, price.price_minor, price.currency, price.at, price.reason
          FROM live.offer_price price JOIN live.offer ON offer.id = price.offer_id
         WHERE offer.show_id = %(show_id)s ORDER BY price.id
        """,
        show_id=show_id,
    )


async def offers(tx: Tx, *, show_id: int) -> list[OfferRow]:
    return await tx.every(
        OfferRow,
        """
        SELECT id, show_id, product_id, policy, hold_seconds, limit_per_buyer, deposit_percent
          FROM live.offer WHERE show_id = %(show_id)s ORDER BY id
        """,
        show_id=show_id,
    )


async def offer_counts(tx: Tx, *, shop_id: int) -> dict[int, int]:
    """By show, how many products it offers."""
    cursor = await tx.connection.execute(
        """
        SELECT offer.show_id, count(*) FROM live.offer JOIN live.show ON show.id = offer.show_id
         WHERE show.shop_id = %(shop_id)s GROUP BY offer.show_id
        """,
        {"shop_id": shop_id},
    )
    return dict(await cursor.fetchall())


async def lines(tx: Tx, *, show_id: int) -> list[LineRow]:
    return await tx.every(
        LineRow,
        """
        SELECT line.offer_id, line.variant_id, line.price_minor, line.currency, line.quota
          FROM live.offer_line line JOIN live.offer ON offer.id = line.offer_id
         WHERE offer.show_id = %(show_id)s ORDER BY line.offer_id, line.position, line.variant_id
        """,
        show_id=show_id,
    )


async def shows_offering(tx: Tx, *, shop_id: int, variant_id: int) -> list[int]:
    """Running shows with this variant in an offer, in the order in which they are locked."""
    cursor = await tx.connection.execute(
        """
        SELECT DISTINCT show_id FROM live.v_offer_line
         WHERE shop_id = %(shop_id)s AND variant_id = %(variant_id)s AND show_status = 'live' ORDER BY show_id
        """,
        {"shop_id": shop_id, "variant_id": variant_id},
    )
    return [row[0] for row in await cursor.fetchall()]


async def offer_terms(tx: Tx, *, offer_id: int) -> list[OfferTerms]:
    return await tx.every(
        OfferTerms,
        """
        SELECT offer_id, show_id, shop_id, product_id, variant_id, price_minor, currency, policy, hold_seconds,
               limit_per_buyer, limit_per_show, deposit_percent, pool_id, show_status
          FROM live.v_offer_line WHERE offer_id = %(offer_id)s ORDER BY variant_id
        """,
        offer_id=offer_id,
    )


async def show_terms(tx: Tx, *, show_id: int) -> list[OfferTerms]:
    return await tx.every(
        OfferTerms,
        """
        SELECT offer_id, show_id, shop_id, product_id, variant_id, price_minor, currency, policy, hold_seconds,
               limit_per_buyer, limit_per_show, deposit_percent, pool_id, show_status
          FROM live.v_offer_line WHERE show_id = %(show_id)s ORDER BY offer_id, variant_id
        """,
        show_id=show_id,
    )


async def insert_slot(
    tx: Tx, *, show_id: int, offer_id: int | None, minutes: int, role: str, title: str, script: str
) -> Slot:
    """At the end of the run of show."""
    return await tx.one(
        Slot,
        """
        INSERT INTO live.slot (show_id, offer_id, position, minutes, role, title, script)
        SELECT %(show_id)s, %(offer_id)s, coalesce(max(position), 0) + 1, %(minutes)s, %(role)s, %(title)s, %(script)s
          FROM live.slot WHERE show_id = %(show_id)s
        RETURNING id, show_id, offer_id, position, minutes, role, title, script
        """,
        show_id=show_id,
        offer_id=offer_id,
        minutes=minutes,
        role=role,
        title=title,
        script=script,
    )


async def update_slot(tx: Tx, *, slot_id: int, minutes: int, role: str, title: str, script: str) -> None:
    await tx.run(
        """
        UPDATE live.slot SET minutes = %(minutes)s, role = %(role)s, title = %(title)s, script = %(script)s
         WHERE id = %(slot_id)s
        """,
        slot_id=slot_id,
        minutes=minutes,
        role=role,
        title=title,
        script=script,
    )


async def delete_slot(tx: Tx, *, slot_id: int) -> None:
    await tx.run("DELETE FROM live.slot WHERE id = %(slot_id)s", slot_id=slot_id)


async def place_slots(tx: Tx, *, places: Sequence[Mapping[str, object]]) -> None:
    await tx.many("UPDATE live.slot SET position = %(position)s WHERE id = %(slot_id)s", places)


async def slots(tx: Tx, *, show_id: int) -> list[Slot]:
    return await tx.every(
        Slot,
        """
        SELECT id, show_id, offer_id, position, minutes, role, title, script
          FROM live.slot WHERE show_id = %(show_id)s ORDER BY position
        """,
        show_id=show_id,
    )


async def open_featured_interval(
    tx: Tx, *, show_id: int, offer_id: int, at: datetime, video: int, by: int | None
) -> None:
    await tx.run(
        """
        INSERT INTO live.explained (show_id, offer_id, began_at, began_video, by_person)
        VALUES (%(show_id)s, %(offer_id)s, %(at)s, %(video)s, %(by)s)
        """,
        show_id=show_id,
        offer_id=offer_id,
        at=at,
        video=video,
        by=by,
    )


async def close_featured_interval(tx: Tx, *, show_id: int, at: datetime, video: int) -> int | None:
    """The offer that was featured, or None."""
    return await tx.value(
        """
        UPDATE live.explained
           SET ended_at = greatest(%(at)s, began_at), ended_video = greatest(%(video)s, began_video)
         WHERE show_id = %(show_id)s AND ended_at IS NULL
        RETURNING offer_id
        """,
        show_id=show_id,
        at=at,
        video=video,
    )


async def featured_intervals(tx: Tx, *, show_id: int) -> list[FeaturedInterval]:
    return await tx.every(
        FeaturedInterval,
        """
        SELECT id, show_id, offer_id, began_at, began_video, ended_at, ended_video
          FROM live.explained WHERE show_id = %(show_id)s ORDER BY began_at, id
        """,
        show_id=show_id,
    )


async def featured_now(tx: Tx, *, show_id: int) -> FeaturedInterval | None:
    return await tx.first(
        FeaturedInterval,
        """
        SELECT id, show_id, offer_id, began_at, began_video, ended_at, ended_video
          FROM live.explained WHERE show_id = %(show_id)s AND ended_at IS NULL
        """,
        show_id=show_id,
    )


@dataclass(frozen=True, slots=True)
class Counts:
    orders: int
    likes: int
    viewers: int


async def counts(tx: Tx, *, show_id: int) -> Counts:
    return await tx.one(
        Counts,
        """
        SELECT coalesce((SELECT orders FROM live.counter WHERE show_id = %(show_id)s), 0) AS orders,
               coalesce((SELECT likes FROM live.counter WHERE show_id = %(show_id)s), 0) AS likes,
               (SELECT coalesce(sum(viewers), 0)::bigint FROM live.presence_lease
                 WHERE show_id = %(show_id)s AND expires_at > clock_timestamp()) AS viewers
        """,
        show_id=show_id,
    )


async def add_orders(tx: Tx, *, show_id: int, by: int) -> int:
    """The count after it.  Never below zero."""
    return await tx.value(
        """
        INSERT INTO live.counter AS counter (show_id, orders) VALUES (%(show_id)s, greatest(0, %(by)s))
        ON CONFLICT (show_id) DO UPDATE SET orders = greatest(0, counter.orders + %(by)s)
        RETURNING orders
        """,
        show_id=show_id,
        by=by,
    )


async def set_waiting(tx: Tx, *, show_id: int, variant_id: int, units: int) -> None:
    await tx.run(
        """
        INSERT INTO live.waiting (show_id, variant_id, units) VALUES (%(show_id)s, %(variant_id)s, %(units)s)
        ON CONFLICT (show_id, variant_id) DO UPDATE SET units = excluded.units
        """,
        show_id=show_id,
        variant_id=variant_id,
        units=units,
    )


@dataclass(frozen=True, slots=True)
class WaitingRow:
    variant_id: int
    units: int


async def waiting(tx: Tx, *, show_id: int) -> list[WaitingRow]:
    return await tx.every(
        WaitingRow,
        "SELECT variant_id, units FROM live.waiting WHERE show_id = %(show_id)s",
        show_id=show_id,
    )


async def add_likes(tx: Tx, *, likes: Sequence[Mapping[str, object]]) -> None:
    await tx.many(
        """
        INSERT INTO live.counter AS counter (show_id, likes) VALUES (%(show_id)s, %(likes)s)
        ON CONFLICT (show_id) DO UPDATE SET likes = counter.likes + excluded.likes
        """,
        likes,
    )


async def renew_leases(tx: Tx, *, leases: Sequence[Mapping[str, object]]) -> None:
    await tx.many(
        """
        INSERT INTO live.presence_lease (process, show_id, viewers, expires_at)
        VALUES (%(process)s, %(show_id)s, %(viewers)s, clock_timestamp() + %(seconds)s * interval '1 second')
        ON CONFLICT (show_id, process) DO UPDATE SET viewers = excluded.viewers, expires_at = excluded.expires_at
        """,
        leases,
    )


async def drop_leases(tx: Tx, *, process: str) -> None:
    """Of a process that ends, and of those that died."""
    await tx.run(
        """
        DELETE FROM live.presence_lease
         WHERE process = %(process)s OR expires_at < clock_timestamp() - interval '1 minute'
        """,
        process=process,
    )


async def watching(tx: Tx, *, show_ids: Sequence[int]) -> list[Watching]:
    return await tx.every(
        Watching,
        """
        SELECT show.id AS show_id,
               (SELECT coalesce(sum(lease.viewers), 0)::bigint FROM live.presence_lease lease
                 WHERE lease.show_id = show.id AND lease.expires_at > clock_timestamp()) AS viewers,
               coalesce((SELECT counter.likes FROM live.counter counter WHERE counter.show_id = show.id), 0) AS likes
          FROM live.show WHERE show.id = ANY(%(show_ids)s) ORDER BY show.id
        """,
        show_ids=list(show_ids),
    )


async def set_peak(tx: Tx, *, shop_id: int, show_id: int, viewers: int) -> None:
    """While a show is on air its peak only rises."""
    await tx.run(
        """
        UPDATE live.show SET viewers_peak = %(viewers)s
         WHERE id = %(show_id)s AND shop_id = %(shop_id)s AND viewers_peak <> %(viewers)s AND %(viewers)s > 0
           AND (status = 'ended' OR viewers_peak < %(viewers)s)
        """,
        shop_id=shop_id,
        show_id=show_id,
        viewers=viewers,
    )


async def raise_peaks(tx: Tx, *, peaks: Sequence[Mapping[str, object]]) -> None:
    await tx.many(
        """
        UPDATE live.show SET viewers_peak = %(viewers)s
         WHERE id = %(show_id)s AND viewers_peak < %(viewers)s AND status = 'live'
        """,
        peaks,
    )

"""SQL of shows.  One function, one statement."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from psycopg.types.json import Jsonb

from shopfloor import media
from shopfloor.kernel.database import Tx
from shopfloor.kernel.paging import MOST_COUNTED
from shopfloor.kernel.records import dataclass
from shopfloor.live.models import Show


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
                  starts_at, started_at, ended_at, viewers_peak, notice, pay_after_minutes, unpaid_units,
               keep_until, pinned, slow_seconds
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
               starts_at, started_at, ended_at, viewers_peak, notice, pay_after_minutes, unpaid_units,
               keep_until, pinned, slow_seconds
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
               starts_at, started_at, ended_at, viewers_peak, notice, pay_after_minutes, unpaid_units,
               keep_until, pinned, slow_seconds
          FROM live.show WHERE id = %(show_id)s AND shop_id = %(shop_id)s FOR NO KEY UPDATE
        """,
        shop_id=shop_id,
        show_id=show_id,
    )


_LISTED: Final = """shop_id = %(shop_id)s AND (%(status)s::text IS NULL OR status = %(status)s::text)
           AND id <> ALL(%(without)s::bigint[])
           AND (cardinality(%(patterns)s::text[]) = 0
             OR normalize(concat_ws(E'\n', title, (SELECT string_agg(value, E'\n') FROM jsonb_each_text(titles))), NFKC)
                ILIKE ALL(%(patterns)s::text[]))
           AND (%(before)s::bigint IS NULL OR (coalesce(started_at, starts_at, created_at), id) >
                (SELECT coalesce(started_at, starts_at, created_at), id FROM live.show WHERE id = %(before)s))"""


async def count_shows(
    tx: Tx,
    *,
    shop_id: int,
    status: str | None,
    patterns: Sequence[str],
    without: Sequence[int],
    before: int | None,
) -> int:
    """At most one more than is counted (`kernel.paging`)."""
    return await tx.value(
        "SELECT count(*) FROM (SELECT FROM live.show WHERE {listed} LIMIT %(most)s + 1) AS counted".replace(
            "{listed}", _LISTED
        ),
        shop_id=shop_id,
        status=status,
        patterns=list(patterns),
        without=list(without),
        before=before,
        most=MOST_COUNTED,
    )


async def shows(
    tx: Tx,
    *,
    shop_id: int,
    status: str | None,
    patterns: Sequence[str],
    without: Sequence[int],
    after: int | None,
    before: int | None,
    limit: int | None,
) -> list[Show]:
    """Newest first, for `kernel.paging`."""
    return await tx.every(
        Show,
        """
        SELECT id, shop_id, title, titles, status, channel_id, host_id, pool_id, limit_per_show,
               starts_at, started_at, ended_at, viewers_peak, notice, pay_after_minutes, unpaid_units,
               keep_until, pinned, slow_seconds
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
        patterns=list(patterns),
        without=list(without),
        after=after,
        before=before,
        limit=limit,
    )


async def shows_on_air(tx: Tx, *, channel_id: int) -> list[Show]:
    return await tx.every(
        Show,
        """
        SELECT id, shop_id, title, titles, status, channel_id, host_id, pool_id, limit_per_show,
               starts_at, started_at, ended_at, viewers_peak, notice, pay_after_minutes, unpaid_units,
               keep_until, pinned, slow_seconds
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


async def set_live(tx: Tx, *, show_id: int, pool_id: int, at: datetime, keep_until: datetime) -> None:
    """With what its shop has set of paying at the end."""
    await tx.run(
        """
        UPDATE live.show AS s
           SET status = 'live', pool_id = %(pool_id)s, started_at = %(at)s, pay_after_minutes = p.minutes,
               unpaid_units = p.units, keep_until = CASE WHEN p.minutes IS NOT NULL THEN %(keep_until)s::timestamptz END
          FROM (SELECT) AS always
          LEFT JOIN live.pay_at_end AS p ON p.shop_id = (SELECT shop_id FROM live.show WHERE id = %(show_id)s)
         WHERE s.id = %(show_id)s
        """,
        show_id=show_id,
        pool_id=pool_id,
        at=at,
        keep_until=keep_until,
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


async def set_peaks(tx: Tx, *, peaks: Mapping[int, int], shop_id: int | None) -> None:
    """With `shop_id`, of shows of that shop that ended as well.  While a show is on air its peak only rises."""
    await tx.many(
        """
        UPDATE live.show SET viewers_peak = %(viewers)s
         WHERE id = %(show_id)s AND %(viewers)s > 0
           AND (viewers_peak < %(viewers)s AND status = 'live' AND %(shop_id)s::bigint IS NULL
                OR viewers_peak <> %(viewers)s AND shop_id = %(shop_id)s
                   AND (status = 'ended' OR viewers_peak < %(viewers)s))
        """,
        [{"show_id": show_id, "viewers": viewers, "shop_id": shop_id} for show_id, viewers in peaks.items()],
    )


async def set_pinned(tx: Tx, *, show_id: int, pinned: Mapping[str, object] | None) -> None:
    await tx.run(
        "UPDATE live.show SET pinned = %(pinned)s WHERE id = %(show_id)s",
        show_id=show_id,
        pinned=None if pinned is None else Jsonb(dict(pinned)),
    )


async def set_slow_seconds(tx: Tx, *, show_id: int, seconds: int) -> None:
    await tx.run(
        "UPDATE live.show SET slow_seconds = %(seconds)s WHERE id = %(show_id)s",
        show_id=show_id,
        seconds=seconds,
    )


async def set_notice(tx: Tx, *, show_id: int, notice: Mapping[str, object] | None) -> None:
    await tx.run(
        "UPDATE live.show SET notice = %(notice)s WHERE id = %(show_id)s",
        show_id=show_id,
        notice=None if notice is None else Jsonb(dict(notice)),
    )

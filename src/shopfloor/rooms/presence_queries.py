"""SQL of a show's counters and of who watches.  One function, one statement."""

from collections.abc import Mapping, Sequence

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.rooms.models import Watching


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
          FROM live.v_show show WHERE show.id = ANY(%(show_ids)s) ORDER BY show.id
        """,
        show_ids=list(show_ids),
    )


@dataclass(frozen=True, slots=True)
class FeaturedRow:
    offer_id: int
    began_video: int


async def featured_now(tx: Tx, *, show_id: int) -> FeaturedRow | None:
    return await tx.first(
        FeaturedRow,
        "SELECT offer_id, began_video FROM live.v_explained WHERE show_id = %(show_id)s AND ended_at IS NULL",
        show_id=show_id,
    )

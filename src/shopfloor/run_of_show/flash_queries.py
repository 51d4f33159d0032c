"""SQL of flashes.  One function, one statement."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.run_of_show.models import FlashEnd, FlashLine


@dataclass(frozen=True, slots=True)
class FlashRow:
    id: int
    shop_id: int
    show_id: int
    offer_id: int
    pool_id: int
    price_minor: int
    currency: str
    units: int
    seconds: int
    began_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    ended_by: FlashEnd | None
    reference_days: int


@dataclass(frozen=True, slots=True)
class Running:
    """A flash that runs, and the units of it that are on hand in its show's pool."""

    shop_id: int
    show_id: int
    offer_id: int
    id: int
    seconds_left: float
    left: int


async def insert_flash(
    tx: Tx,
    *,
    shop_id: int,
    show_id: int,
    offer_id: int,
    pool_id: int,
    price_minor: int,
    currency: str,
    units: int,
    seconds: int,
    began_at: datetime,
    ends_at: datetime,
    video: int,
    by: int | None,
    reference_days: int,
) -> int:
    return await tx.value(
        """
        INSERT INTO live.flash (shop_id, show_id, offer_id, pool_id, price_minor, currency, units, seconds, began_at,
                                ends_at, began_video, by_person, reference_days)
        VALUES (%(shop_id)s, %(show_id)s, %(offer_id)s, %(pool_id)s, %(price_minor)s, %(currency)s, %(units)s,
                %(seconds)s, %(began_at)s, %(ends_at)s, %(video)s, %(by)s, %(reference_days)s)
        RETURNING id
        """,
        shop_id=shop_id,
        show_id=show_id,
        offer_id=offer_id,
        pool_id=pool_id,
        price_minor=price_minor,
        currency=currency,
        units=units,
        seconds=seconds,
        began_at=began_at,
        ends_at=ends_at,
        video=video,
        by=by,
        reference_days=reference_days,
    )


async def insert_lines(tx: Tx, *, lines: Sequence[Mapping[str, object]]) -> None:
    await tx.many(
        """
        INSERT INTO live.flash_line (flash_id, variant_id, units, before_minor, struck_minor)
        VALUES (%(flash_id)s, %(variant_id)s, %(units)s, %(before_minor)s, %(struck_minor)s)
        """,
        lines,
    )


async def set_ended(tx: Tx, *, flash_id: int, at: datetime, video: int, by: str) -> None:
    await tx.run(
        """
        UPDATE live.flash SET ended_at = greatest(%(at)s, began_at), ended_video = greatest(%(video)s, began_video),
                              ended_by = %(by)s
         WHERE id = %(flash_id)s AND ended_at IS NULL
        """,
        flash_id=flash_id,
        at=at,
        video=video,
        by=by,
    )


async def flashes(tx: Tx, *, show_id: int) -> list[FlashRow]:
    return await tx.every(
        FlashRow,
        """
        SELECT id, shop_id, show_id, offer_id, pool_id, price_minor, currency, units, seconds, began_at, ends_at,
               ended_at, ended_by, reference_days
          FROM live.flash WHERE show_id = %(show_id)s ORDER BY id
        """,
        show_id=show_id,
    )


async def lines(tx: Tx, *, show_id: int) -> list[FlashLine]:
    return await tx.every(
        FlashLine,
        """
        SELECT line.flash_id, line.variant_id, line.units, line.before_minor, line.struck_minor
          FROM live.flash_line line JOIN live.flash ON flash.id = line.flash_id
         WHERE flash.show_id = %(show_id)s ORDER BY line.flash_id, line.variant_id
        """,
        show_id=show_id,
    )


async def running(tx: Tx) -> list[Running]:
    """The flashes of all shops that run just now."""
    return await tx.every(
        Running,
        """
        SELECT flash.shop_id, flash.show_id, flash.offer_id, flash.id,
               extract(epoch FROM flash.ends_at - clock_timestamp())::float8 AS seconds_left,
               (SELECT coalesce(sum(greatest(0, level.quantity - level.held - level.allocated)), 0)
                  FROM live.flash_line line
                  JOIN stock.v_level level ON level.variant_id = line.variant_id AND level.pool_id = show.pool_id
                 WHERE line.flash_id = flash.id AND level.kind = 'on_hand')::bigint AS left
          FROM live.flash JOIN live.v_show AS show ON show.id = flash.show_id
         WHERE flash.ended_at IS NULL ORDER BY flash.show_id, flash.id
        """,
    )


@dataclass(frozen=True, slots=True)
class Lowest:
    variant_id: int
    minor: int


async def lowest_lately(tx: Tx, *, shop_id: int, variant_ids: Sequence[int], days: int) -> list[Lowest]:
    """For each variant that a show of the shop has sold: the lowest price it had on air at any moment of the last
    `days`, now included.
    """
    return await tx.every(
        Lowest,
        """
        WITH history AS (
            SELECT price.variant_id, price.price_minor AS minor, greatest(price.at, show.started_at) AS began,
                   least(lead(price.at) OVER (PARTITION BY price.offer_id, price.variant_id ORDER BY price.id),
                         show.ended_at) AS until
              FROM live.offer_price price
              JOIN live.offer ON offer.id = price.offer_id
              JOIN live.v_show AS show ON show.id = offer.show_id
             WHERE show.shop_id = %(shop_id)s AND price.variant_id = ANY(%(variant_ids)s::bigint[])
               AND show.started_at IS NOT NULL
        )
        SELECT variant_id, min(minor) AS minor FROM history
         WHERE until IS NULL OR (until > began AND until > now() - make_interval(days => %(days)s))
         GROUP BY variant_id ORDER BY variant_id
        """,
        shop_id=shop_id,
        variant_ids=list(variant_ids),
        days=days,
    )

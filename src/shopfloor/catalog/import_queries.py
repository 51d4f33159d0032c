"""SQL of the pictures that imported files name.  One function, one statement."""

from datetime import timedelta

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class SourceRow:
    """Where a picture is to be had."""

    product_id: int
    url: str
    position: int
    alt: str


@dataclass(frozen=True, slots=True)
class DueSource:
    """A picture to be fetched now; `upload` names a file in the staging directory, `attempts` counts this one."""

    shop_id: int
    product_id: int
    url: str
    position: int
    alt: str
    upload: str | None
    attempts: int


@dataclass(frozen=True, slots=True)
class FailedPicture:
    """`reason` is the code of a refusal."""

    product_id: int
    title: str
    url: str
    reason: str


@dataclass(frozen=True, slots=True)
class PictureCounts:
    """Of the pictures that imports named: how many are here, still waited for, and given up."""

    fetched: int
    waiting: int
    failed: int


async def put_picture_source(
    tx: Tx, *, product_id: int, url: str, position: int, alt: str, upload: str | None
) -> bool:
    """Note where a picture is to be had; False when it was fetched before and the product has it still."""
    return bool(
        await tx.value(
            """
        INSERT INTO catalog.picture_source AS source (product_id, url, position, alt, upload, state, due_at)
        VALUES (%(product_id)s, %(url)s, %(position)s, %(alt)s, %(upload)s,
                'waiting', now())
        ON CONFLICT (product_id, url) DO UPDATE
           SET position = excluded.position, alt = excluded.alt,
               upload = coalesce(excluded.upload, source.upload),
               attempts = 0, reason = '', due_at = now(),
               state = CASE WHEN source.state = 'fetched' AND EXISTS (
                                     SELECT FROM catalog.picture p
                                      WHERE p.product_id = source.product_id AND p.sha256 = source.picture_sha)
                            THEN 'fetched' ELSE 'waiting' END
        RETURNING state = 'waiting'
        """,
            product_id=product_id,
            url=url,
            position=position,
            alt=alt,
            upload=upload,
        )
    )


async def picture_sources(tx: Tx, *, shop_id: int) -> list[SourceRow]:
    """Those whose picture is not here."""
    return await tx.every(
        SourceRow,
        """
        SELECT s.product_id, s.url, s.position, s.alt
          FROM catalog.picture_source s JOIN catalog.product p ON p.id = s.product_id
         WHERE p.shop_id = %(shop_id)s AND s.state <> 'fetched' AND s.upload IS NULL
         ORDER BY s.product_id, s.position, s.url
        """,
        shop_id=shop_id,
    )


async def source_is_due(tx: Tx) -> bool:
    return await tx.value(
        "SELECT EXISTS (SELECT FROM catalog.picture_source WHERE state = 'waiting' AND due_at <= now())"
    )


async def claim_sources(tx: Tx, *, limit: int, lease: timedelta) -> list[DueSource]:
    """Due ones that nobody else takes; until `lease` is over they are ours."""
    return await tx.every(
        DueSource,
        """
        WITH due AS (
            SELECT product_id, url FROM catalog.picture_source
             WHERE state = 'waiting' AND due_at <= now()
             ORDER BY due_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED)
        UPDATE catalog.picture_source s SET due_at = now() + %(lease)s, attempts = s.attempts + 1
          FROM due JOIN catalog.product p ON p.id = due.product_id
         WHERE s.product_id = due.product_id AND s.url = due.url
        RETURNING p.shop_id, s.product_id, s.url, s.position, s.alt, s.upload, s.attempts
        """,
        limit=limit,
        lease=lease,
    )


async def source_fetched(tx: Tx, *, product_id: int, url: str, picture_sha: str) -> None:
    await tx.run(
        """
        UPDATE catalog.picture_source SET state = 'fetched', reason = '', picture_sha = %(picture_sha)s
         WHERE product_id = %(product_id)s AND url = %(url)s
        """,
        product_id=product_id,
        url=url,
        picture_sha=picture_sha,
    )


async def source_failed(tx: Tx, *, product_id: int, url: str, reason: str, later: timedelta | None) -> None:
    """Given up unless there is a `later`."""
    await tx.run(
        """
        UPDATE catalog.picture_source
           SET reason = %(reason)s, due_at = now() + coalesce(%(later)s::interval, interval '0'),
               state = CASE WHEN %(later)s::interval IS NULL THEN 'failed' ELSE 'waiting' END
         WHERE product_id = %(product_id)s AND url = %(url)s AND state = 'waiting'
        """,
        product_id=product_id,
        url=url,
        reason=reason,
        later=later,
    )


async def retry_sources(tx: Tx, *, shop_id: int) -> int:
    return await tx.run(
        """
        UPDATE catalog.picture_source s SET state = 'waiting', attempts = 0, reason = '', due_at = now()
          FROM catalog.product p
         WHERE p.id = s.product_id AND p.shop_id = %(shop_id)s AND s.state = 'failed'
        """,
        shop_id=shop_id,
    )


async def picture_counts(tx: Tx, *, shop_id: int) -> PictureCounts:
    return await tx.one(
        PictureCounts,
        """
        SELECT count(*) FILTER (WHERE s.state = 'fetched') AS fetched,
               count(*) FILTER (WHERE s.state = 'waiting') AS waiting,
               count(*) FILTER (WHERE s.state = 'failed') AS failed
          FROM catalog.picture_source s JOIN catalog.product p ON p.id = s.product_id
         WHERE p.shop_id = %(shop_id)s
        """,
        shop_id=shop_id,
    )


async def failed_pictures(tx: Tx, *, shop_id: int, limit: int) -> list[FailedPicture]:
    return await tx.every(
        FailedPicture,
        """
        SELECT s.product_id, p.title, s.url, s.reason
          FROM catalog.picture_source s JOIN catalog.product p ON p.id = s.product_id
         WHERE p.shop_id = %(shop_id)s AND s.state = 'failed'
         ORDER BY s.due_at DESC, s.product_id, s.url LIMIT %(limit)s
        """,
        shop_id=shop_id,
        limit=limit,
    )


async def uploads_waited_for(tx: Tx) -> list[str]:
    found: list[str] | None = await tx.value(
        "SELECT array_agg(DISTINCT upload) FROM catalog.picture_source WHERE state <> 'fetched' AND upload IS NOT NULL"
    )
    return found or []

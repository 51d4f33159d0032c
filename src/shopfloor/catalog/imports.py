"""Pictures named in an imported file, fetched in the background, and how far that is.

A picture waits in `catalog.picture_source` from the import's COMMIT on.  Whoever works takes a few that are due and
puts their next time off, so that one who dies leaves them to the others; the picture, its place and the end of the
waiting are one transaction.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shopfloor.catalog import import_queries as queries
from shopfloor.catalog import searching, service
from shopfloor.catalog.import_queries import DueSource, FailedPicture
from shopfloor.kernel import late, logs
from shopfloor.kernel.client_address import Network
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.records import dataclass
from shopfloor.picture_files import (
    MAX_PICTURE_BYTES,
    NotAPicture,
    PictureTooLarge,
    processed,
    store_picture,
)

if TYPE_CHECKING:
    from shopfloor.kernel import outbound
else:
    # Its HTTP library is loaded when there is something to fetch.
    outbound = late.module("shopfloor.kernel.outbound")

AT_ONCE: Final = 4
MOST_FAILURES: Final = 200
# Beyond the longest fetch, so that nothing is fetched by two.
LEASE: Final = timedelta(minutes=2)
# What may pass by itself is tried again after these times, then given up.
WAITS: Final = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))
_PASSING: Final = frozenset({"outbound.unreachable", "internal"})
_KINDS: Final = ("image/", "application/octet-stream", "binary/octet-stream")
_STAGED_FOR: Final = 7 * 86_400

_log = logs.get("catalog.imports")


@dataclass(frozen=True, slots=True)
class PictureProgress:
    """Of the pictures that imports named: how many are here, still waited for, and given up."""

    fetched: int
    waiting: int
    failed: int
    failures: list[FailedPicture]


def staging_dir(pictures_dir: Path) -> Path:
    return pictures_dir / "staged"


async def picture_progress(tx: Tx, *, shop_id: int) -> PictureProgress:
    """With the latest of those that were given up."""
    counts = await queries.picture_counts(tx, shop_id=shop_id)
    failures = await queries.failed_pictures(tx, shop_id=shop_id, limit=MOST_FAILURES)
    return PictureProgress(counts.fetched, counts.waiting, counts.failed, failures)


async def retry_pictures(tx: Tx, *, shop_id: int) -> int:
    """Try everything again that was given up; how many pictures that is."""
    return await queries.retry_sources(tx, shop_id=shop_id)


async def fetch_pictures(db: Database, pictures_dir: Path, *, allowed: Sequence[Network] = ()) -> int:
    """Fetch what is due, a few at a time, until nothing is; how many pictures were added.

    `allowed`: private networks that may be fetched from.
    """
    added = 0
    client: outbound.Outbound | None = None
    try:
        while True:
            async with db.transaction() as tx:
                if not await queries.source_is_due(tx):
                    return added
                due = await queries.claim_sources(tx, limit=AT_ONCE, lease=LEASE)
            if client is None:
                client = outbound.Outbound(allowed=allowed)
            added += sum(await asyncio.gather(*(_fetch(db, client, pictures_dir, each) for each in due)))
    finally:
        if client is not None:
            await client.close()


async def _fetch(db: Database, client: "outbound.Outbound", pictures_dir: Path, source: DueSource) -> bool:
    """True when the product has the picture now; a failure is noted with its reason."""
    try:
        if source.upload is not None:
            data = await asyncio.to_thread(_staged, staging_dir(pictures_dir) / source.upload)
        else:
            fetched = await client.get(source.url, most_bytes=MAX_PICTURE_BYTES, types=_KINDS)
            data = fetched.data
        picture = await processed(data)
        await asyncio.to_thread(store_picture, pictures_dir, picture)
        async with db.transaction() as tx:
            await service.add_picture(
                tx,
                shop_id=source.shop_id,
                product_id=source.product_id,
                picture=picture,
                alt=source.alt,
                position=source.position,
            )
            await queries.source_fetched(
                tx, product_id=source.product_id, url=source.url, picture_sha=picture.sha256
            )
    except Refusal as refusal:
        await _failed(db, source, refusal.code)
    except Exception as problem:  # noqa: BLE001 -- one picture must not keep the others from coming
        _log.error("catalog.picture_failed", product_id=source.product_id, exc_info=problem)
        await _failed(db, source, "internal")
    else:
        return True
    return False


async def _failed(db: Database, source: DueSource, code: str) -> None:
    wait = WAITS[source.attempts - 1] if source.attempts <= len(WAITS) else None
    later = wait if code in _PASSING else None
    async with db.transaction() as tx:
        await queries.source_failed(
            tx, product_id=source.product_id, url=source.url, reason=code, later=later
        )


def _staged(path: Path) -> bytes:
    """Raises NotAPicture when it is gone, PictureTooLarge when somebody made it larger."""
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise NotAPicture("The picture is no longer there: import the ZIP file again.") from problem
    if len(data) > MAX_PICTURE_BYTES:
        raise PictureTooLarge(largest=MAX_PICTURE_BYTES)
    return data


async def tidy(db: Database, pictures_dir: Path) -> None:
    """What is done now and then: plain texts and searches that are missing are made, staged files that nobody needs removed."""
    await service.make_plain(db)
    await searching.make_search(db)
    await _clear_staged(db, pictures_dir)


async def _clear_staged(db: Database, pictures_dir: Path) -> None:
    """Remove staged files of a week ago that nothing waits for: of imports that came to nothing, or are done."""
    old = time.time() - _STAGED_FOR
    directory = staging_dir(pictures_dir)
    files = await asyncio.to_thread(
        lambda: [each.name for each in directory.glob("*") if each.stat().st_mtime < old]
    )
    if not files:
        return
    async with db.transaction() as tx:
        wanted = set(await queries.uploads_waited_for(tx))
    for name in set(files) - wanted:
        await asyncio.to_thread((directory / name).unlink, missing_ok=True)

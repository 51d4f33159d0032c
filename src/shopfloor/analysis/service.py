"""Asking, cancelling, and reading what was found."""

import zlib
from datetime import datetime
from uuid import UUID

import msgspec

from shopfloor.analysis import queries
from shopfloor.analysis.jobs import ANSWER, OfShop
from shopfloor.analysis.models import (
    DAYS,
    MOST_SQL,
    Answer,
    BadQuestion,
    Question,
    StillRunning,
    UnknownQuestion,
)
from shopfloor.kernel import jobs
from shopfloor.kernel.database import Tx
from shopfloor.kernel.text import storable
from shopfloor.kernel.values import new_id


async def ask(tx: Tx, *, shop_id: int, person_id: int, sql: str, days: int) -> Question:
    """Put on record, and worked on by a worker from now on.  Raises BadQuestion, StillRunning."""
    text = sql.replace("\r\n", "\n").strip()
    if not text or len(text) > MOST_SQL or not storable(text) or days not in DAYS:
        raise BadQuestion(length=len(text), days=days)
    identity = new_id()
    if not await queries.insert(
        tx, question_id=identity, shop_id=shop_id, person_id=person_id, sql=text, days=days
    ):
        raise StillRunning
    await jobs.ask(tx, ANSWER, OfShop(shop_id), key=str(shop_id), shop_id=shop_id, urgent=True)
    return await question(tx, shop_id=shop_id, question_id=identity)


async def question(tx: Tx, *, shop_id: int, question_id: UUID) -> Question:
    """Raises UnknownQuestion."""
    found = await queries.question(tx, shop_id=shop_id, question_id=question_id)
    if found is None:
        raise UnknownQuestion
    return found


async def questions(
    tx: Tx, *, shop_id: int, after: UUID | None = None, before: UUID | None = None, limit: int
) -> list[Question]:
    """The newest first; with `before`, the ones nearest to it first."""
    return await queries.questions(tx, shop_id=shop_id, after=after, before=before, limit=limit)


async def cancel(tx: Tx, *, shop_id: int, question_id: UUID) -> None:
    """What has ended stays as it is.  Raises UnknownQuestion."""
    if not await queries.cancel(tx, shop_id=shop_id, question_id=question_id):
        await question(tx, shop_id=shop_id, question_id=question_id)


async def answer(tx: Tx, *, shop_id: int, question_id: UUID) -> Answer:
    """Raises UnknownQuestion where there is none, or none any longer."""
    packed = await queries.content(tx, shop_id=shop_id, question_id=question_id)
    if packed is None:
        raise UnknownQuestion
    return msgspec.json.decode(zlib.decompress(packed), type=Answer)


async def parquet(tx: Tx, *, shop_id: int, question_id: UUID) -> bytes:
    """The rows as a file of columns.  Raises UnknownQuestion."""
    found = await queries.parquet(tx, shop_id=shop_id, question_id=question_id)
    if found is None:
        raise UnknownQuestion
    return bytes(found)


async def forget(tx: Tx, *, before: datetime, limit: int) -> int:
    """Rows that were found before then; who asked what stays."""
    return await queries.forget(tx, before=before, limit=limit)

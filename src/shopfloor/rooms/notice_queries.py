"""SQL of notices.  One function, one statement."""

from collections.abc import Mapping

from psycopg.types.json import Jsonb

from shopfloor.kernel.database import Tx
from shopfloor.rooms.models import Notice


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

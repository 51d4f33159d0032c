"""Finding products as shoppers look for them: by words and their stems, Chinese by any part, its pinyin, a SKU.

A text is kept as the pieces it may be looked for by (`pieces`); a search asks for all of its words, each as the
beginning of a piece.  Chinese is kept from each of its characters on, as it is written, in pinyin and in initials:
a part that is looked for is the beginning of one of these.  Characters with several readings are kept in each.
"""

import asyncio
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice, product
from typing import TYPE_CHECKING, Final

from shopfloor.catalog.models import Kind, Product, Status
from shopfloor.kernel import late, paging
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.paging import MOST_COUNTED
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.text import cleaned

if TYPE_CHECKING:
    import pypinyin
else:
    # Thirteen megabytes with the characters alone, sixty with the phrases: all readings of a character are kept, so
    # that no phrase has to say which is meant.  Only a process that writes Chinese texts loads it.
    pypinyin = late.module("pypinyin")

LONGEST_SEARCH: Final = 100
_MOST_WORDS: Final = 8
# How much of a text after a character is kept from there on, and in how many readings.
_WINDOW: Final = 12
_MOST_READINGS: Final = 24
_CHINESE: Final = re.compile("[\u3400-\u9fff\uf900-\ufaff]+")
_WORD: Final = re.compile("[\u3400-\u9fff\uf900-\ufaff]+|[^\\W_\u3400-\u9fff\uf900-\ufaff]+")


def folded(text: str) -> str:
    """Full-width letters as narrow ones, capitals as small ones."""
    return unicodedata.normalize("NFKC", text).casefold()


def pieces(texts: Iterable[str]) -> list[str]:
    """All that Chinese in these texts may be looked for by, beside the words that PostgreSQL makes of them."""
    found: set[str] = set()
    for text in texts:
        for run in _CHINESE.findall(folded(text)):
            found.update(_of_run(run))
    return sorted(found)


def _of_run(run: str) -> Iterator[str]:
    readings = _readings(run)
    for start in range(len(run)):
        end = start + _WINDOW
        yield run[start:end]
        for spoken in islice(product(*readings[start:end]), _MOST_READINGS):
            yield "".join(spoken)
            yield "".join(syllable[0] for syllable in spoken)


def _readings(run: str) -> list[list[str]]:
    """For each character its readings without tones; ü as v and as u, as people type it."""
    return [_of_character(character) for character in run]


@lru_cache(4096)
def _of_character(character: str) -> list[str]:
    # Read when the library is first imported.
    os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")
    [ways] = pypinyin.pinyin(character, style=pypinyin.Style.NORMAL, heteronym=True)
    return list(dict.fromkeys(way for spelling in ways for way in (spelling, spelling.replace("v", "u"))))


def words_of(search: str) -> list[str]:
    """The words somebody looks for, the first eight."""
    return list(dict.fromkeys(_WORD.findall(folded(search))))[:_MOST_WORDS]


def _beginnings(words: Sequence[str]) -> str:
    """As a tsquery: pieces that begin so.  Words have letters and digits only, so nothing is to be escaped."""
    return " & ".join(f"'{word}':*" for word in words)


# Kept with each change


@dataclass(frozen=True, slots=True)
class _Texts:
    id: int
    texts: list[str]


async def refresh(tx: Tx, *, product_id: int) -> None:
    """Make anew what the product is found by, where a change has made it forget."""
    for each in await _without_search(tx, product_id=product_id, limit=1):
        await _keep(tx, each)


async def forget(tx: Tx, *, product_id: int) -> None:
    """A variant with other options came."""
    await tx.run("UPDATE catalog.product SET search = NULL WHERE id = %(id)s", id=product_id)


async def make_search(db: Database) -> int:
    """Of all products that a release wrote that knew nothing of it."""
    indexed = 0
    while True:
        async with db.transaction() as tx:
            rows = await _without_search(tx, product_id=None, limit=100)
            for row in rows:
                await _keep(tx, row)
        indexed += len(rows)
        if len(rows) < 100:
            return indexed


async def _keep(tx: Tx, row: _Texts) -> None:
    found_pieces: list[str] = []
    if any(_CHINESE.search(text) for text in row.texts):
        found_pieces = await asyncio.to_thread(pieces, row.texts)
    text = folded("\n".join(row.texts))
    await tx.run(
        """
        UPDATE catalog.product
           SET search = to_tsvector('english', %(text)s) || to_tsvector('simple', %(text)s)
                        || array_to_tsvector(%(pieces)s::text[])
         WHERE id = %(product_id)s
        """,
        product_id=row.id,
        text=text,
        pieces=found_pieces,
    )


async def _without_search(tx: Tx, *, product_id: int | None, limit: int) -> list[_Texts]:
    """Locked; those that others see to are left to them."""
    return await tx.every(
        _Texts,
        """
        SELECT p.id,
               ARRAY[p.title, p.vendor, p.product_type] || p.tags
               || ARRAY(SELECT value FROM jsonb_each_text(p.titles))
               || ARRAY(SELECT word.value FROM jsonb_each(p.option_texts) AS tongue
                                 CROSS JOIN LATERAL jsonb_each_text(tongue.value) AS word)
               || ARRAY(SELECT DISTINCT option FROM catalog.variant v CROSS JOIN LATERAL unnest(v.options) AS option
                         WHERE v.product_id = p.id) AS texts
          FROM catalog.product p
         WHERE p.search IS NULL AND (%(product_id)s::bigint IS NULL OR p.id = %(product_id)s)
         ORDER BY p.id LIMIT %(limit)s FOR NO KEY UPDATE OF p SKIP LOCKED
        """,
        product_id=product_id,
        limit=limit,
    )


# Looked for

# By the index of words, and by the index of SKUs.
_FOUND: Final = """p.id IN (
            SELECT id FROM catalog.product
             WHERE search @@ (%(beginnings)s::tsquery || plainto_tsquery('english', %(text)s))
             UNION ALL
            SELECT product_id FROM catalog.variant
             WHERE shop_id = %(shop_id)s AND sku <> '' AND lower(sku) LIKE %(sku)s)
           AND p.shop_id = %(shop_id)s AND p.status = 'active'
           AND (%(before)s::bigint IS NULL OR p.id < %(before)s)"""


def _asked(search: str) -> dict[str, str] | None:
    """None where nothing is looked for.  What is longer is looked for as far as it fits."""
    text = " ".join(cleaned(search[: 4 * LONGEST_SEARCH], one_line=True).split())[:LONGEST_SEARCH]
    words = words_of(text)
    if not words:
        return None
    escaped = folded(text).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return {"beginnings": _beginnings(words), "text": " ".join(words), "sku": f"{escaped}%"}


async def count(tx: Tx, *, shop_id: int, search: str, before: int | None = None) -> paging.Counted:
    asked = _asked(search)
    if asked is None:
        return paging.Counted(0)
    return paging.capped(
        await tx.value(
            "SELECT count(*) FROM (SELECT FROM catalog.product p WHERE {found} LIMIT %(most)s + 1) AS counted".replace(
                "{found}", _FOUND
            ),
            **asked,
            shop_id=shop_id,
            before=before,
            most=MOST_COUNTED,
        )
    )


async def found(
    tx: Tx,
    *,
    shop_id: int,
    search: str,
    after: int | None = None,
    before: int | None = None,
    limit: int,
) -> list[Product]:
    """Products on sale that have all words of `search`, in the order they were made."""
    asked = _asked(search)
    if asked is None:
        return []
    return [
        replace(each, kind=Kind(each.kind), status=Status(each.status))
        for each in await tx.every(
            Product,
            """
            SELECT p.id, p.shop_id, p.handle, p.title, p.titles, p.description, p.descriptions, p.kind, p.status,
                   p.vendor, p.product_type, p.tags, p.option_names, p.created_at, p.updated_at,
                   (SELECT sha256 FROM catalog.picture WHERE product_id = p.id ORDER BY position, id LIMIT 1)
                       AS picture_sha,
                   p.plain AS kept_plain, p.plains AS kept_plains, p.option_texts,
                   coalesce(p.tax_class, 'standard') AS tax_class
              FROM catalog.product p
             WHERE {found} AND (%(after)s::bigint IS NULL OR p.id > %(after)s)
             ORDER BY CASE WHEN %(before)s::bigint IS NULL THEN p.id END, p.id DESC LIMIT %(limit)s
            """.replace("{found}", _FOUND),
            **asked,
            shop_id=shop_id,
            after=after,
            before=before,
            limit=limit,
        )
    ]

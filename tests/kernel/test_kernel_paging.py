"""Pages that say where in the list they are, however long it is."""

import pytest

from shopfloor.kernel import paging

MOST = 10


async def _count(rows: list[int], *, before: int | None = None) -> paging.Counted:
    found = [row for row in rows if before is None or row < before]
    return paging.Counted(min(len(found), MOST), or_more=len(found) > MOST)


@paging.counted_by(_count)
async def numbers(
    rows: list[int], *, after: int | None = None, before: int | None = None, limit: int
) -> list[int]:
    if before is not None:
        return [row for row in reversed(rows) if row < before][:limit]
    return [row for row in rows if after is None or row > after][:limit]


async def at(rows: int, after: int | None, before: int | None = None) -> paging.Page[int]:
    return await paging.numbered(
        numbers, list(range(1, rows + 1)), after=after, before=before, limit=4, key=lambda row: row
    )


@pytest.mark.parametrize(
    ("rows", "after", "before", "first", "last", "total", "or_more"),
    [
        (0, None, None, 1, 0, 0, False),
        (4, None, None, 1, 4, 4, False),
        (5, None, None, 1, 4, 5, False),
        (5, 4, None, 5, 5, 5, False),
        (10, 4, None, 5, 8, 10, False),
        (10, None, 9, 5, 8, 10, False),
        (10, None, 3, 1, 4, 10, False),
        (11, None, None, 1, 4, 10, True),
        (13, 8, None, 9, 12, 12, True),
        (12, 8, None, 9, 12, 12, False),
        (15, 10, None, 11, 14, 14, True),
        (15, 11, None, None, None, 10, True),
    ],
)
async def test_a_page_knows_its_place(
    rows: int,
    after: int | None,
    before: int | None,
    first: int | None,
    last: int | None,
    total: int,
    or_more: bool,
) -> None:
    page = await at(rows, after, before)

    assert (page.first, page.last) == (first, last)
    assert page.total == paging.Counted(total, or_more=or_more)


def test_what_a_statement_counted_is_cut() -> None:
    assert paging.capped(10_000) == paging.Counted(10_000)
    assert paging.capped(10_001) == paging.Counted(10_000, or_more=True)

"""Pages of a list that is longer than one answer.

A list has one order, and a page begins `after` a row or ends `before` one, named by its id: rows that are added
meanwhile neither repeat nor hide another.  The statement of a list takes `after`, `before` and `limit`; with
`before` it gives the rows nearest to that one first.

Pages for people also say where in the whole list they are.  Counting stops at MOST_COUNTED rows, so that it costs
little however long the list is.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial, update_wrapper
from typing import Any, Final, Generic, ParamSpec, Protocol, TypeVar

from shopfloor.kernel.records import dataclass

MOST_COUNTED: Final = 10_000

Row = TypeVar("Row")
Row_co = TypeVar("Row_co", covariant=True)
Item = TypeVar("Item")
Mark_contra = TypeVar("Mark_contra", bound=object, contravariant=True)
Key = TypeVar("Key", bound=object)
Given = ParamSpec("Given")


class Fetch(Protocol[Mark_contra, Row_co]):
    """A list function with everything but its page filled in."""

    def __call__(
        self, *, after: Mark_contra | None, before: Mark_contra | None, limit: int
    ) -> Awaitable[Sequence[Row_co]]: ...


@dataclass(frozen=True, slots=True)
class Counted:
    """So many rows, or, where counting stopped, at least so many."""

    rows: int
    or_more: bool = False


def capped(rows: int) -> Counted:
    """What a statement says that counts one row more than MOST_COUNTED at most."""
    return Counted(min(rows, MOST_COUNTED), rows > MOST_COUNTED)


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """`next` is the id after which the next page begins, `previous` the one before which the previous one ends.

    Of a page that was numbered, `total` is how many rows the list has and `first` the number of its first row, from
    1; None where so many are before it that nobody counted them.
    """

    items: list[Item]
    next: object | None = None
    previous: object | None = None
    first: int | None = None
    total: Counted | None = None

    @property
    def last(self) -> int | None:
        return None if self.first is None else self.first + len(self.items) - 1


@dataclass(frozen=True, slots=True)
class Look(Generic[Row]):
    """Rows of a page, with how many rows the whole list has and, where so few are counted, each row's place, from 1."""

    rows: list[Row]
    total: Counted
    places: Sequence[int]


class Listing(Generic[Given, Row]):
    """A list function that knows how to count: `count` takes the same filters and `before`, and no page.  `look` takes
    the same filters and page as the function itself, and counts while it reads; None where it can't.
    """

    def __init__(
        self,
        rows: Callable[Given, Awaitable[list[Row]]],
        count: Callable[..., Awaitable[Counted]],
        look: Callable[..., Awaitable[Look[Row] | None]] | None = None,
    ) -> None:
        self._rows = rows
        self.count = count
        self.look = look
        update_wrapper(self, rows)

    def __call__(self, *given: Given.args, **named: Given.kwargs) -> Awaitable[list[Row]]:
        return self._rows(*given, **named)


def counted_by(
    count: Callable[..., Awaitable[Counted]],
    look: Callable[..., Awaitable[Look[Row] | None]] | None = None,
) -> Callable[[Callable[Given, Awaitable[list[Row]]]], Listing[Given, Row]]:
    """Tell a list function how many rows there are, in all or before one of them."""

    def tell(rows: Callable[Given, Awaitable[list[Row]]]) -> Listing[Given, Row]:
        return Listing(rows, count, look)

    return tell


async def page(
    fetch: Fetch[Key, Row],
    *,
    limit: int,
    after: Key | None = None,
    before: Key | None = None,
    key: Callable[[Row], Key],
) -> Page[Row]:
    """At most `limit` rows; one more is asked for to know whether there are more."""
    if before is not None:
        found = list(await fetch(after=None, before=before, limit=limit + 1))
        if len(found) > limit:
            items = found[limit - 1 :: -1]
            return Page(items, next=key(items[-1]), previous=key(items[0]))
        # The way back ended: the first page, whole.
        after = None
    found = list(await fetch(after=after, before=None, limit=limit + 1))
    items = found[:limit]
    return Page(
        items,
        next=key(items[-1]) if len(found) > limit else None,
        previous=key(items[0]) if items and after is not None else None,
    )


def cut(
    rows: Sequence[Row],
    *,
    limit: int,
    after: Key | None = None,
    before: Key | None = None,
    key: Callable[[Row], Key],
) -> Page[Row]:
    """A numbered page of a list that is there whole, in its order.  A mark that is no longer in it leads to the beginning."""
    places = {key(row): place for place, row in enumerate(rows)}
    begin = 0
    if after in places:
        begin = places[after] + 1
    elif before in places:
        begin = max(0, places[before] - limit)
    items = list(rows[begin : begin + limit])
    return Page(
        items,
        next=key(items[-1]) if begin + limit < len(rows) else None,
        previous=key(items[0]) if items and begin else None,
        first=begin + 1,
        total=Counted(len(rows)),
    )


async def numbered(
    listing: Listing[..., Row],
    *given: Any,
    limit: int,
    after: Key | None = None,
    before: Key | None = None,
    key: Callable[[Row], Key],
    **filters: Any,
) -> Page[Row]:
    """A page that says where in the list it is; what the page itself tells is not counted."""
    if listing.look is not None:
        seen = await _looked(
            partial(listing.look, *given, **filters), limit=limit, after=after, before=before, key=key
        )
        if seen is not None:
            return seen
    found = await page(partial(listing, *given, **filters), limit=limit, after=after, before=before, key=key)
    count = partial(listing.count, *given, **filters)
    earlier = Counted(0) if found.previous is None else await count(before=found.previous)
    if earlier.or_more:
        return replace(found, total=earlier)
    first, seen = earlier.rows + 1, earlier.rows + len(found.items)
    if found.next is None:
        return replace(found, first=first, total=Counted(seen))
    total = await count(before=None)
    # Counting may have stopped before this page, or have seen less than it did; one more is there in any case.
    least = seen if total.or_more else seen + 1
    return replace(found, first=first, total=replace(total, rows=max(total.rows, least)))


async def _looked(
    look: Callable[..., Awaitable[Look[Row] | None]],
    *,
    limit: int,
    after: Key | None,
    before: Key | None,
    key: Callable[[Row], Key],
) -> Page[Row] | None:
    """A page that was counted while it was read; None where `look` can't."""
    last: Look[Row] | None = None

    async def fetch(*, after: Key | None, before: Key | None, limit: int) -> Sequence[Row]:
        nonlocal last
        last = await look(after=after, before=before, limit=limit)
        return [] if last is None else last.rows

    found = await page(fetch, limit=limit, after=after, before=before, key=key)
    if last is None:
        return None
    place_of = dict(zip((key(row) for row in last.rows), last.places, strict=False))
    first = place_of.get(key(found.items[0])) if found.items else 1
    if found.previous is None:
        first = 1
    return replace(found, first=first, total=last.total)

"""Pages of a list that is longer than one answer.

A list has one order, and a page begins `after` a row or ends `before` one, named by its id: rows that are added
meanwhile neither repeat nor hide another.  The statement of a list takes `after`, `before` and `limit`; with
`before` it gives the rows nearest to that one first.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

Row = TypeVar("Row")
Row_co = TypeVar("Row_co", covariant=True)
Item = TypeVar("Item")
Mark_contra = TypeVar("Mark_contra", bound=object, contravariant=True)
Key = TypeVar("Key", bound=object)


class Fetch(Protocol[Mark_contra, Row_co]):
    """A list function with everything but its page filled in."""

    def __call__(
        self, *, after: Mark_contra | None, before: Mark_contra | None, limit: int
    ) -> Awaitable[Sequence[Row_co]]: ...


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """`next` is the id after which the next page begins, `previous` the one before which the previous one ends."""

    items: list[Item]
    next: object | None = None
    previous: object | None = None


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

"""The pictures of a product together: their order, what they say to people who can't see them, and which variants they
show.
"""

from collections.abc import Sequence

from shopfloor.catalog import picture_queries
from shopfloor.catalog.models import BadOptions, UnknownPicture, Variant
from shopfloor.kernel.database import Tx
from shopfloor.kernel.text import line


async def arrange(
    tx: Tx,
    *,
    shop_id: int,
    product_id: int,
    wanted: Sequence[tuple[int, str, Sequence[str]]],
    known: Sequence[Variant],
) -> None:
    """(picture, alt, shows) of a locked product in the order in which they are to stand; what is not named follows as it
    was.  `known`: its variants.

    Raises UnknownPicture, UnusableText, or BadOptions where no variant has these values.
    """
    found = await picture_queries.pictures(tx, shop_id=shop_id, product_ids=[product_id])
    there = {each.id: each for each in found}
    given = {picture_id: (alt, list(shows)) for picture_id, alt, shows in wanted}
    for picture_id, (_, shows) in given.items():
        if picture_id not in there:
            raise UnknownPicture(picture_id=picture_id)
        if shows and not any(set(shows) <= set(each.options) for each in known):
            raise BadOptions("No variant has these values.", shows=shows)
    order = [*given, *(each for each in there if each not in given)]
    await picture_queries.arrange(
        tx,
        ids=order,
        alts=[
            line(given[each][0], field="alt", longest=500) if each in given else there[each].alt
            for each in order
        ],
        shows=[given[each][1] if each in given else there[each].shows for each in order],
    )

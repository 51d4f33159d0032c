"""How much one buyer may have: the limits of an offer and of its show, and the one where nobody set any.  No I/O here."""

from collections.abc import Sequence
from uuid import UUID

from shopfloor.stock.batch import COUNTED, Row, Wanted
from shopfloor.stock.models import Code, HoldState, Request

# What this batch granted a buyer: offer, show, units, pool, and units by variant.
Mine = tuple[int | None, int | None, int, int, tuple[tuple[int, int], ...]]


def limited(request: Request) -> bool:
    # Asked several times for each request: one call less counts.
    return (
        request.default_limit is not None
        or request.limit_per_buyer is not None
        or request.limit_per_show is not None
        or request.keep_until is not None
    )


def gives_way(request: Request) -> bool:
    """Whether an earlier hold of its buyer may make room for it: under a limit that the merchant set."""
    return request.limit_per_buyer is not None or request.limit_per_show is not None


def over_limit(
    request: Request,
    wanted: Sequence[Wanted],
    stored: Sequence[Row],
    granted: Sequence[Mine],
    gone: set[UUID],
) -> tuple[str, dict[str, object]] | None:
    """Why this buyer may not have so many more.  `granted` is what the batch granted, `gone` what gives way in it."""
    units = sum(entry[1] for entry in wanted)
    limit_per_buyer = request.limit_per_buyer
    if request.default_limit is not None:
        if request.offer_id is None:
            return over_default(request, request.default_limit, wanted, stored, granted)
        limit_per_buyer = request.default_limit if limit_per_buyer is None else limit_per_buyer
    limits = (
        (limit_per_buyer, request.offer_id, "offer_id"),
        (request.limit_per_show, request.show_id, "show_id"),
    )
    for column, (limit, subject, name) in enumerate(limits):
        if limit is None:
            continue
        already = sum(
            entry[2] for entry in granted if entry[column] == subject and entry[3] == request.pool_id
        )
        for row in stored:
            if (
                (row.offer_id, row.show_id)[column] == subject
                and row.pool_id == request.pool_id
                and row.state in COUNTED
                and row.id not in gone
            ):
                already += row.quantity - row.returned
        if already + units > limit:
            return Code.LIMIT, {name: subject, "limit": limit, "already": already, "wanted": units}
    return None


def may_keep(
    request: Request,
    wanted: Sequence[Wanted],
    stored: Sequence[Row],
    granted: Sequence[Mine],
    gone: set[UUID],
) -> bool:
    """Whether the ceiling on what is kept unpaid (`Request.keep_most`) leaves room for it."""
    units = sum(entry[1] for entry in wanted)
    units += sum(entry[2] for entry in granted if entry[3] == request.pool_id)
    units += sum(
        row.quantity
        for row in stored
        if row.state is HoldState.HELD and row.pool_id == request.pool_id and row.id not in gone
    )
    return units <= request.keep_most


def over_default(
    request: Request, limit: int, wanted: Sequence[Wanted], stored: Sequence[Row], granted: Sequence[Mine]
) -> tuple[str, dict[str, object]] | None:
    """Without an offer a buyer may have so many of each variant until they are shipped, and then again."""
    for variant_id in {entry[0] for entry in wanted}:
        asked = sum(entry[1] for entry in wanted if entry[0] == variant_id)
        already = sum(units for entry in granted for found, units in entry[4] if found == variant_id)
        already += sum(
            row.quantity
            for row in stored
            if row.variant_id == variant_id and row.state in {HoldState.HELD, HoldState.ALLOCATED}
        )
        if already + asked > limit:
            return Code.LIMIT, {"variant_id": variant_id, "limit": limit, "already": already, "wanted": asked}
    return None


def mine_of(request: Request, wanted: Sequence[Wanted], units: int) -> Mine:
    return (
        request.offer_id, request.show_id, units, request.pool_id, tuple((entry[0], entry[1]) for entry in wanted),
    )  # fmt: skip

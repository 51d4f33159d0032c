"""The tables figures are computed from: four that are loaded, and those derived from them.

Times are microseconds since 1970, as whole numbers.  `started` and `ended` of a show that runs are its start
and the moment the figures are taken.
"""

from typing import Any, Final

import ibis

from shopfloor.metrics.registry import Table, Tables, derived, source

# A session that says nothing for longer than this has ended: two beats of five seconds may be missed.
GAP: Final = 15_000_000
SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
# Beats give their seconds with three decimals; pieces closer than this belong together.
SEAM: Final = 2_000
SHORTEST_VIEW: Final = 3 * SECOND
DENSITY_MINUTES: Final = 5
DAY: Final = 24 * 60 * MINUTE
NO_SOURCE: Final = "none"
CLICKS: Final = ["select_item", "view_item", "add_to_cart"]

MONEY_FACTS: Final = (
    "orders.order_placed",
    "orders.order_paid",
    "orders.order_cancelled",
    "orders.order_reinstated",
    "orders.order_refunded",
    "orders.order_edited",
)

source(
    "events",
    id="string",
    type="string",
    ours="int64",
    at="int64",
    shop_id="int64",
    show_id="int64",
    session_id="string",
    viewer="string",
    product_id="int64",
    variant_id="int64",
    offer_id="int64",
    order_id="string",
    hold_id="string",
    quantity="int64",
    amount_minor="int64",
    code="string",
    sequence="int64",
    span="int64",
    full="int64",
    left="int64",
    moved="int64",
    campaign="string",
)
source("shows", show_id="int64", started="int64", ended="int64")
source("seconds", show_id="int64", second="int64")
source("minutes", show_id="int64", minute="int64")
source("offer_variants", show_id="int64", offer_id="int64", product_id="int64", variant_id="int64")
source("asks", show_id="int64", id="string", at="int64", viewer="string", kind="string", value="string")


def total(column: Any) -> Any:
    """A sum that is 0 over no rows, on every engine."""
    return column.sum().coalesce(0).cast("int64")


def or_zero(column: Any) -> Any:
    """Nothing counts as 0."""
    return ibis.coalesce(column, 0)


def _int(value: int) -> Any:
    return ibis.literal(value, type="int64")


def _so_far(column: Any, group_by: list[Any], order_by: list[Any]) -> Any:
    """The running total of `column`, this row included."""
    return column.sum().over(ibis.window(group_by=group_by, order_by=order_by, preceding=None, following=0))


def whole_steps(column: Any, step: int) -> Any:
    """Whole steps in a number that is not negative; dividing a multiple is exact on every engine."""
    return ((column - column % step) // step).cast("int64")


def _ceiling(column: Any, step: int) -> Any:
    return whole_steps(column + (step - 1), step)


@derived
def variant_products(t: Tables) -> Table:
    """The product of each variant, as facts and offers of the show have told."""
    facts = t["events"]
    named = facts.filter(facts.ours == 1, facts.variant_id.notnull(), facts.product_id.notnull())
    offered = t["offer_variants"]
    pairs = ibis.union(
        named.select("show_id", "variant_id", "product_id"),
        offered.select("show_id", "variant_id", "product_id"),
    )
    return pairs.group_by("show_id", "variant_id").agg(product_id=pairs.product_id.min())


@derived
def acts(t: Tables) -> Table:
    """Every event of a show with its product found out, and its minute counted from the start."""
    e, shows, products = t["events"], t["shows"], t["variant_products"]
    known = products.select("show_id", "variant_id", found="product_id")
    joined = e.inner_join(shows, "show_id").left_join(
        known, [e.show_id == known.show_id, e.variant_id == known.variant_id]
    )
    since = ibis.greatest(joined.at - joined.started, 0)
    return joined.select(
        "id",
        "type",
        "ours",
        "at",
        "show_id",
        "session_id",
        "viewer",
        "variant_id",
        "offer_id",
        "order_id",
        "hold_id",
        "quantity",
        "amount_minor",
        "code",
        "span",
        "full",
        "left",
        "moved",
        "campaign",
        "started",
        "ended",
        product_id=ibis.coalesce(joined.product_id, joined.found),
        minute=whole_steps(since, MINUTE),
    )


@derived
def arrivals(t: Tables) -> Table:
    """Where each viewer came from first: the code in the link that led to the room, where it had one."""
    acts = t["acts"]
    visits = acts.filter(acts.type == "page_view", acts.viewer.notnull(), acts.campaign.notnull())
    ranked = visits.mutate(
        place=ibis.row_number()
        .over(ibis.window(group_by=[visits.show_id, visits.viewer], order_by=[visits.at, visits.id]))
        .cast("int64")
    )
    return ranked.filter(ranked.place == 0).select("show_id", "viewer", source="campaign")


def with_source(t: Tables, table: Table, person: str) -> Table:
    """`table` with where its `person` came from; nobody knows of who followed no such link."""
    found = t["arrivals"].select(arrived_at="show_id", who="viewer", source="source")
    joined = table.left_join(found, [table.show_id == found.arrived_at, table[person] == found.who])
    return joined.select(*table.columns, source=ibis.coalesce(joined.source, NO_SOURCE))


@derived
def pieces(t: Tables) -> Table:
    """What each beat vouches for: the seconds it reports, or the time since the session's event before it."""
    acts = t["acts"]
    presence = acts.filter(
        acts.type.isin(["live.enter", "live.heartbeat"]), acts.viewer.notnull(), acts.ours == 1
    )
    session = presence.mutate(session=ibis.coalesce(presence.session_id, presence.viewer))
    before = session.at.lag().over(
        ibis.window(
            group_by=[session.show_id, session.viewer, session.session], order_by=[session.at, session.id]
        )
    )
    lagged = session.mutate(before=before)
    beats = lagged.filter(lagged.type == "live.heartbeat")
    since = ibis.coalesce(beats.before, beats.at)
    begin = ibis.cases(
        (beats.span.notnull(), beats.at - ibis.least(beats.span, GAP)),
        (beats.at - since <= GAP, since),
        else_=beats.at,
    )
    found = beats.mutate(begin=ibis.greatest(begin, beats.started), end=ibis.least(beats.at, beats.ended))
    return found.filter(found.end > found.begin).select(
        "show_id", "viewer", "session", "begin", "end", piece="id"
    )


@derived
def views(t: Tables) -> Table:
    """View sessions: runs of beats with at most two missing, and the time watched in each."""
    p = t["pieces"]
    session, order = [p.show_id, p.viewer, p.session], [p.begin, p.end, p.piece]
    seen = p.mutate(
        reached=ibis.coalesce(
            p.end.max().over(ibis.window(group_by=session, order_by=order, preceding=(None, 1))),
            p.begin - GAP - 1,
        )
    )
    marked = seen.mutate(
        starts=(seen.begin > seen.reached + GAP).ifelse(_int(1), _int(0)),
        fresh=ibis.greatest(seen.end - ibis.greatest(seen.begin, seen.reached), 0),
    )
    session = [marked.show_id, marked.viewer, marked.session]
    numbered = marked.mutate(run=_so_far(marked.starts, session, [marked.begin, marked.end, marked.piece]))
    return numbered.group_by("show_id", "viewer", "session", "run").agg(watched=total(numbered.fresh))


@derived
def stays(t: Tables) -> Table:
    """When each viewer was watching, over all tabs and sessions, without overlap: half-open intervals."""
    p = t["pieces"]
    viewer, order = [p.show_id, p.viewer], [p.begin, p.end, p.session, p.piece]
    seen = p.mutate(
        reached=ibis.coalesce(
            p.end.max().over(ibis.window(group_by=viewer, order_by=order, preceding=(None, 1))),
            p.begin - SEAM - 1,
        )
    )
    marked = seen.mutate(starts=(seen.begin > seen.reached + SEAM).ifelse(_int(1), _int(0)))
    numbered = marked.mutate(
        island=_so_far(
            marked.starts,
            [marked.show_id, marked.viewer],
            [marked.begin, marked.end, marked.session, marked.piece],
        )
    )
    islands = numbered.group_by("show_id", "viewer", "island").agg(
        begin=numbered.begin.min(), end=numbered.end.max()
    )
    return islands.select("show_id", "viewer", "begin", "end")


@derived
def viewers(t: Tables) -> Table:
    """Each viewer's watch time within the show; it cannot exceed the length of the show."""
    s = t["stays"]
    return s.group_by("show_id", "viewer").agg(watched=total(s.end - s.begin))


@derived
def steps(t: Tables) -> Table:
    """N(t), the number of viewers, as a step function: from `at` until `until` it is `viewers_then`."""
    s = t["stays"]
    changes = ibis.union(
        s.select("show_id", at=s.begin, change=_int(1)), s.select("show_id", at=s.end, change=_int(-1))
    )
    moments = changes.group_by("show_id", "at").agg(change=total(changes.change))
    window = ibis.window(group_by=moments.show_id, order_by=[moments.at])
    return moments.mutate(
        viewers_then=_so_far(moments.change, [moments.show_id], [moments.at]),
        until=ibis.coalesce(moments.at.lead().over(window), moments.at),
    ).drop("change")


@derived
def concurrency(t: Tables) -> Table:
    """N(t) on a grid of whole seconds since the start of the show."""
    seconds, shows, stays = t["seconds"], t["shows"], t["stays"]
    timed = stays.inner_join(shows, "show_id").select(
        "show_id",
        enters=_ceiling(stays.begin - shows.started, SECOND),
        leaves=_ceiling(stays.end - shows.started, SECOND),
    )
    changes = ibis.union(
        timed.select("show_id", second=timed.enters, change=_int(1)),
        timed.select("show_id", second=timed.leaves, change=_int(-1)),
    )
    moments = changes.group_by("show_id", "second").agg(change=total(changes.change))
    grid = seconds.left_join(
        moments, [seconds.show_id == moments.show_id, seconds.second == moments.second]
    ).select(seconds.show_id, seconds.second, change=ibis.coalesce(moments.change, 0))
    return grid.select(
        "show_id",
        "second",
        minute=whole_steps(grid.second, 60),
        viewers_then=_so_far(grid.change, [grid.show_id], [grid.second]),
    )


@derived
def features(t: Tables) -> Table:
    """When which offer was on screen: from its fact to the next one or the end of the show."""
    acts = t["acts"]
    featured = acts.filter(acts.type == "live.offer_featured", acts.ours == 1)
    changes = featured.group_by("show_id", "at").agg(
        id=featured.id.max(),
        started=featured.started.max(),
        ended=featured.ended.max(),
        offer_id=featured.offer_id.max(),
    )
    window = ibis.window(group_by=changes.show_id, order_by=[changes.at])
    after = changes.mutate(next_at=ibis.coalesce(changes.at.lead().over(window), changes.ended))
    cut = after.mutate(
        begin=ibis.greatest(after.at, after.started), end=ibis.least(after.next_at, after.ended)
    )
    shown = cut.filter(cut.offer_id.notnull(), cut.end > cut.begin)
    offers = t["offer_variants"]
    named = offers.group_by("show_id", "offer_id").agg(product_id=offers.product_id.max())
    return shown.left_join(named, [shown.show_id == named.show_id, shown.offer_id == named.offer_id]).select(
        shown.show_id, shown.offer_id, named.product_id, shown.begin, shown.end
    )


@derived
def exposures(t: Tables) -> Table:
    """Who watched which stretch of which offer: the overlap of stays and features."""
    s, f = t["stays"], t["features"]
    overlap = s.inner_join(f, [s.show_id == f.show_id, s.begin < f.end, f.begin < s.end])
    return overlap.select(
        s.show_id,
        s.viewer,
        f.offer_id,
        f.product_id,
        begin=ibis.greatest(s.begin, f.begin),
        end=ibis.least(s.end, f.end),
    )


@derived
def supplies(t: Tables) -> Table:
    """When how much of a variant could be bought, on hand or against supply, by what stock said last."""
    acts = t["acts"]
    stocked = acts.filter(
        acts.type == "stock.stock_changed", acts.ours == 1, acts.variant_id.notnull(), acts.left.notnull()
    )
    latest = stocked.group_by("show_id", "variant_id", "at").agg(id=stocked.id.max())
    levels = stocked.inner_join(
        latest.select(latest.show_id, last_id=latest.id),
        [stocked.show_id == latest.show_id, stocked.id == latest.id],
    ).select(stocked.show_id, stocked.variant_id, stocked.at, stocked.left, stocked.started, stocked.ended)
    window = ibis.window(group_by=[levels.show_id, levels.variant_id], order_by=[levels.at])
    timed = levels.mutate(
        until=ibis.coalesce(levels.at.lead().over(window), levels.ended),
        before=levels.left.lag().over(window),
    )
    return timed.select("show_id", "variant_id", "at", "until", "left", "before", "started", "ended")


@derived
def buyable(t: Tables) -> Table:
    """The intervals in which a variant could be bought.  Until stock speaks for the first time, it could."""
    s, offers, shows = t["supplies"], t["offer_variants"], t["shows"]
    known = s.group_by("show_id", "variant_id").agg(first_at=s.at.min())
    variants = offers.select("show_id", "variant_id").distinct()
    unsaid = (
        variants.inner_join(shows, "show_id")
        .left_join(known, [variants.show_id == known.show_id, variants.variant_id == known.variant_id])
        .select(
            variants.show_id,
            variants.variant_id,
            begin=shows.started,
            end=ibis.least(ibis.coalesce(known.first_at, shows.ended), shows.ended),
        )
    )
    in_stock = s.filter(s.left > 0)
    said = in_stock.select(
        "show_id",
        "variant_id",
        begin=ibis.greatest(in_stock.at, in_stock.started),
        end=ibis.least(in_stock.until, in_stock.ended),
    )
    both = ibis.union(unsaid, said)
    return both.filter(both.end > both.begin)


@derived
def order_acts(t: Tables) -> Table:
    """What the server tells of each order of the show: money, parcels, what came back."""
    acts = t["acts"]
    return acts.filter(acts.ours == 1, acts.order_id.notnull())


def lines_of(acts: Table, when: str = "minute") -> Table:
    a = acts.filter(acts.type.isin(list(MONEY_FACTS)))
    amount, units = ibis.coalesce(a.amount_minor, 0), ibis.coalesce(a.quantity, 0)
    placed, paid = a.type == "orders.order_placed", a.type == "orders.order_paid"
    cancelled = a.type == "orders.order_cancelled"
    reinstated = a.type == "orders.order_reinstated"
    refunded = a.type == "orders.order_refunded"
    # What an edit made more or less of a line: units, what they cost, and what has been paid for them.
    edited = a.type == "orders.order_edited"
    zero = _int(0)
    return a.group_by("show_id", "order_id", "product_id", "variant_id").agg(
        buyer=a.viewer.max(),
        placed=total((placed | edited).ifelse(amount, zero)),
        charged=total(paid.ifelse(amount, zero)) + total(edited.ifelse(ibis.coalesce(a.moved, 0), zero)),
        cancelled=total(cancelled.ifelse(amount, zero)) - total(reinstated.ifelse(amount, zero)),
        refunded=total(refunded.ifelse(amount, zero)),
        units=total((placed | edited).ifelse(units, zero)),
        **{when: placed.ifelse(a[when], ibis.null("int64")).min()},
    )


def orders_of(acts: Table, when: str = "minute") -> Table:
    a = acts.filter(acts.type.isin(list(MONEY_FACTS)))
    complete = a.type.isin(["orders.order_paid", "orders.order_edited"]) & (a.full == 1)
    nothing = ibis.null("int64")
    found = a.group_by("show_id", "order_id").agg(
        buyer=a.viewer.max(),
        placed=total((a.type == "orders.order_placed").ifelse(_int(1), _int(0))),
        **{
            f"placed_{when}": (a.type == "orders.order_placed").ifelse(a[when], nothing).min(),
            f"paid_{when}": complete.ifelse(a[when], nothing).min(),
        },
    )
    return found.mutate(paid=found[f"paid_{when}"].notnull().ifelse(_int(1), _int(0)))


def paid_lines_of(lines: Table, orders: Table, when: str = "minute") -> Table:
    paid = orders.filter(orders.paid == 1).select("show_id", "order_id", **{when: f"paid_{when}"})
    kept = lines.drop(when).inner_join(paid, [lines.show_id == paid.show_id, lines.order_id == paid.order_id])
    lost = ibis.least(kept.charged, ibis.greatest(kept.refunded, kept.cancelled, 0))
    return kept.select(
        "show_id",
        "order_id",
        "product_id",
        "variant_id",
        "buyer",
        when,
        "charged",
        "units",
        net=kept.charged - lost,
    )


@derived
def order_lines(t: Tables) -> Table:
    """Per order and variant what was placed, charged, refunded, cancelled; minor units and units."""
    return lines_of(t["order_acts"])


@derived
def orders(t: Tables) -> Table:
    """Orders with the minute in which they were placed and, once nothing is left to pay, paid."""
    return orders_of(t["order_acts"])


@derived
def paid_lines(t: Tables) -> Table:
    """The lines of paid orders, with what is left of each after what was cancelled or refunded.

    A line that was cancelled and refunded lost its money once, and never more than was charged.
    """
    return with_source(t, paid_lines_of(t["order_lines"], t["orders"]), "buyer")


def _paid_lines_by(t: Tables, days: int) -> Table:
    acts = t["order_acts"]
    known = acts.filter(acts.at <= acts.ended + days * DAY)
    return paid_lines_of(lines_of(known), orders_of(known))


@derived
def paid_lines_1(t: Tables) -> Table:
    """paid_lines by what was known a day after the end of the show."""
    return _paid_lines_by(t, 1)


@derived
def paid_lines_7(t: Tables) -> Table:
    """paid_lines by what was known 7 days after the end of the show."""
    return _paid_lines_by(t, 7)


@derived
def paid_lines_14(t: Tables) -> Table:
    """paid_lines by what was known 14 days after the end of the show."""
    return _paid_lines_by(t, 14)


@derived
def paid_lines_30(t: Tables) -> Table:
    """paid_lines by what was known 30 days after the end of the show."""
    return _paid_lines_by(t, 30)


@derived
def undone(t: Tables) -> Table:
    """When money of an order was first given up, and when its first parcel left."""
    a = t["order_acts"]
    nothing = ibis.null("int64")
    given_up = a.type.isin(["orders.order_cancelled", "orders.order_refunded"])
    return a.group_by("show_id", "order_id").agg(
        placed_at=(a.type == "orders.order_placed").ifelse(a.at, nothing).min(),
        undone_at=given_up.ifelse(a.at, nothing).min(),
        shipped_at=(a.type == "fulfilment.parcel_shipped").ifelse(a.at, nothing).min(),
    )

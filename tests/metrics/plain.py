"""The figures of a show once more, in plain Python and from the events alone: what the registry is held against.

Written from the words of the definitions, with dictionaries and loops; it shares nothing with the expressions.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from fractions import Fraction
from statistics import median
from typing import NamedTuple

from shopfloor import collector

CLICKS = {"select_item", "view_item", "add_to_cart"}
GAP = timedelta(seconds=15)
NONE = timedelta()
DAY = timedelta(days=1)
Number = int | Fraction | None
Found = dict[tuple[str, object], Number]


class Line(NamedTuple):
    """A line of a paid order: what was charged and what is left of it."""

    order: str | None
    product: int | None
    variant: int | None
    buyer: str | None
    charged: int
    units: int
    net: int


def over(n: int | Fraction, d: int) -> Number:
    return Fraction(n) / d if d else None


class Show:
    def __init__(self, events: Iterable[collector.Event], show_id: int) -> None:
        once = {(e.source, e.id): e for e in events if e.show_id == show_id}
        self.events = sorted(once.values(), key=lambda e: (e.event_time, e.id))
        self.facts = [e for e in self.events if e.source.startswith("shopfloor/")]
        self.start = next(e.event_time for e in self.facts if e.type == "live.show_started")
        self.end = [e.event_time for e in self.facts if e.type == "live.show_ended"][-1]
        self.products = {
            e.variant_id: e.product_id for e in self.facts if e.variant_id is not None and e.product_id
        }
        self.offers: dict[int, set[int]] = defaultdict(set)
        self.offer_product: dict[int, int] = {}
        for e in self.facts:
            if e.type == "live.offer_added":
                assert e.offer_id is not None
                assert e.product_id is not None
                self.offer_product[e.offer_id] = e.product_id
                for key in (e.extra or {})["prices"]:
                    self.offers[e.offer_id].add(int(key))
                    self.products[int(key)] = e.product_id
        for e in self.facts:
            if e.offer_id is not None and e.variant_id is not None:
                self.offers[e.offer_id].add(e.variant_id)
        self.watch()
        self.screen()

    def watch(self) -> None:
        sessions: dict[tuple[str, str], list[collector.Event]] = defaultdict(list)
        for e in self.facts:
            if e.type in {"live.enter", "live.heartbeat"} and e.viewer:
                sessions[e.viewer, e.session_id or e.viewer].append(e)
        self.views: list[tuple[str, timedelta]] = []
        whole: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
        for (viewer, _), told in sessions.items():
            pieces: list[tuple[datetime, datetime]] = []
            for before, e in zip([told[0], *told], told, strict=False):
                if e.type != "live.heartbeat":
                    continue
                if e.seconds is not None:
                    begin = e.event_time - min(timedelta(seconds=e.seconds), GAP)
                else:
                    since = before.event_time
                    begin = since if e.event_time - since <= GAP else e.event_time
                begin, end = max(begin, self.start), min(e.event_time, self.end)
                if end > begin:
                    pieces.append((begin, end))
            pieces.sort()
            whole[viewer] += pieces
            watched, reached = NONE, None
            for begin, end in pieces:
                if reached is None or begin > reached + GAP:
                    if reached is not None:
                        self.views.append((viewer, watched))
                    watched, reached = NONE, begin
                watched += max(NONE, end - max(begin, reached))
                reached = max(reached, end)
            if pieces:
                self.views.append((viewer, watched))
        self.stays: dict[str, list[list[datetime]]] = {}
        for viewer, pieces in whole.items():
            merged: list[list[datetime]] = []
            for begin, end in sorted(pieces):
                if merged and begin <= merged[-1][1] + timedelta(milliseconds=2):
                    merged[-1][1] = max(merged[-1][1], end)
                else:
                    merged.append([begin, end])
            if merged:
                self.stays[viewer] = merged
        self.watched = {
            viewer: sum((end - begin for begin, end in stays), NONE) for viewer, stays in self.stays.items()
        }
        self.uv: set[str | None] = {
            viewer for viewer, watched in self.views if watched >= timedelta(seconds=3)
        }

    def screen(self) -> None:
        changes: dict[datetime, collector.Event] = {}
        for e in self.facts:
            if e.type == "live.offer_featured":
                changes[e.event_time] = e
        told = list(changes.values())
        self.features: list[tuple[int, datetime, datetime]] = []
        for e, after in zip(told, [*told[1:], None][: len(told)], strict=True):
            begin = max(e.event_time, self.start)
            end = min(self.end if after is None else after.event_time, self.end)
            if e.offer_id is not None and end > begin:
                self.features.append((self.offer_product[e.offer_id], begin, end))
        self.seen: dict[int, set[str | None]] = defaultdict(set)
        self.area: dict[int, timedelta] = defaultdict(timedelta)
        for product, begin, end in self.features:
            for viewer, stays in self.stays.items():
                for b, e in stays:
                    if b < end and begin < e:
                        self.seen[product].add(viewer)
                        self.area[product] += min(e, end) - max(b, begin)

    def product(self, e: collector.Event) -> int | None:
        return e.product_id if e.product_id is not None else self.products.get(e.variant_id or 0)

    def sources(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for e in self.events:
            code = (e.extra or {}).get("campaign_source")
            if e.type == "page_view" and e.viewer and code:
                found.setdefault(e.viewer, code)
        return found

    def lines(self, days: int | None = None) -> list[Line]:
        """Of paid orders: charged, net, units by order and variant."""
        last = None if days is None else self.end + days * DAY
        rows: dict[tuple[str | None, int | None, int | None], dict[str, int]] = {}
        paid: set[str | None] = set()
        buyers: dict[tuple[str | None, int | None, int | None], str] = {}
        for e in self.facts:
            if not e.type.startswith("orders.order_") or (last is not None and e.event_time > last):
                continue
            key = (e.order_id, self.product(e), e.variant_id)
            row = rows.setdefault(key, dict.fromkeys(("charged", "cancelled", "refunded", "units"), 0))
            amount, what = e.amount_minor or 0, e.type.removeprefix("orders.order_")
            if e.viewer:
                buyers[key] = max(buyers.get(key, ""), e.viewer)
            if what == "placed":
                row["units"] += e.quantity or 0
            elif what == "paid":
                row["charged"] += amount
                if (e.extra or {}).get("paid_in_full", True):
                    paid.add(e.order_id)
            elif what == "cancelled":
                row["cancelled"] += amount
            elif what == "refunded":
                row["refunded"] += amount
        return [
            Line(
                *key,
                buyers.get(key),
                row["charged"],
                row["units"],
                row["charged"] - min(row["charged"], max(row["refunded"], row["cancelled"], 0)),
            )
            for key, row in rows.items()
            if key[0] in paid
        ]

    def figures(self) -> Found:
        """By metric, and the key of its grain: None for the show, a product, a variant, a source."""
        found: Found = {}
        kind: dict[str, list[collector.Event]] = defaultdict(list)
        for e in self.facts:
            kind[e.type].append(e)
        clicks = [e for e in self.events if e.type in CLICKS and e.viewer]
        clicked = {e.viewer for e in clicks}
        held = {e.viewer for e in kind["stock.holds_granted"]}
        lines = self.lines()
        paid_orders = {x.order for x in lines}
        buyers = {x.buyer for x in lines}
        placed = {e.order_id: e for e in kind["orders.order_placed"]}
        uv = len(self.uv)
        pv = sum(watched >= timedelta(seconds=3) for _, watched in self.views)

        def put(name: str, value: Number, key: object = None) -> None:
            found[name, key] = value

        def total(rows: Iterable[Line], name: str) -> int:
            return sum(getattr(row, name) for row in rows)

        put("pv", pv)
        put("uv", uv)
        put("live_views", len(kind["live.enter"]))
        numbered: dict[tuple[str | None, str], set[int]] = defaultdict(set)
        for e in self.events:
            if (
                not e.source.startswith("shopfloor/")
                and e.session_id
                and e.sequence is not None
                and 1 <= e.sequence <= 100_000
            ):
                numbered[e.viewer, e.session_id].add(e.sequence)
        numbers_sent = sum(max(arrived) for arrived in numbered.values())
        put("events_lost", over(numbers_sent - sum(map(len, numbered.values())), numbers_sent))
        reporting = {e.viewer for e in self.events if not e.source.startswith("shopfloor/") and e.viewer}
        silent = [e for e in kind["live.enter"] if e.viewer not in reporting]
        put("unmeasured", over(len(silent), len(kind["live.enter"])))
        put("uv_10s", sum(w >= timedelta(seconds=10) for w in self.watched.values()))
        put("uv_60s", sum(w >= timedelta(seconds=60) for w in self.watched.values()))
        micro = sum((w // timedelta(microseconds=1) for w in self.watched.values()), 0)
        put("watch_s", Fraction(micro, 1_000_000) if self.watched else None)
        put("acu", over(micro, (self.end - self.start) // timedelta(microseconds=1)))
        put("dwell_mean", over(Fraction(micro, 1_000_000), uv))
        middle = [w // timedelta(microseconds=1) for v, w in self.watched.items() if v in self.uv]
        put("dwell_median", Fraction(median(map(Fraction, middle))) / 1_000_000 if middle else None)
        put("clicks", len(clicks))
        put("clickers", len(clicked))
        put("holders", len(held))
        put("units_held", sum(e.quantity or 0 for e in kind["stock.holds_granted"]))
        put("orders_placed", len(placed))
        put("orders_paid", len(paid_orders))
        put("pay_rate", over(len(paid_orders), len(placed)))
        put("buyers", len(buyers))
        put("units_paid", total(lines, "units"))
        put("gmv_placed", sum(e.amount_minor or 0 for e in kind["orders.order_placed"]))
        put("gmv_paid", total(lines, "charged"))
        put("gmv_net", total(lines, "net"))
        put("gpm", over(total(lines, "charged") * 1000, pv))
        put("uv_value", over(total(lines, "charged"), uv))
        put("aov", over(total(lines, "charged"), len(buyers)))
        put("asp", over(total(lines, "charged"), total(lines, "units")))
        put("attach", over(total(lines, "units"), len(buyers)))
        put("reached_hold", len(held | buyers))
        put("reached_product", len(held | buyers | clicked))
        everybody = held | buyers | clicked | self.uv
        put("reached_show", len(everybody))
        put("conversion", over(len(buyers), len(everybody)))
        said = {e.viewer for e in kind["chat.chat_said"]}
        by_type = {
            t: {e.viewer for e in self.events if e.type == t} for t in ("live.like", "share", "follow")
        }
        put("comment_rate", over(len(said & self.uv), uv))
        put("like_rate", over(len(by_type["live.like"] & self.uv), uv))
        put("follow_rate_all", over(len(by_type["follow"] & self.uv), uv))
        put("interact_rate", over(len(set.union(said, *by_type.values()) & self.uv), uv))
        put("watch_pay_cvr", over(len(buyers & self.uv), uv))

        for days in (1, 7, 14, 30):
            then = self.lines(days)
            put(f"gmv_net_{days}", total(then, "net"))
            # Where nothing had been paid there is no rate; a paid order of nothing has none either.
            put(f"settle_rate_{days}", over(total(then, "net"), total(then, "charged")))
        fortnight = self.lines(14)
        put("gpm_net", over(total(fortnight, "net") * 1000, pv))
        put("uv_value_net", over(total(fortnight, "net"), uv))
        put("settled_to_shown", over(len({x.order for x in fortnight if x.net}), len(placed)))

        put("ctor", over(len({(x.order, x.product) for x in lines}), len(clicks)))
        put("click_pay_cvr", over(len(clicked & buyers), len(clicked)))
        offered = {v for variants in self.offers.values() for v in variants}
        put("sell_through", over(len({x.variant for x in lines} & offered), len(offered)))

        back = kind["returns.return_received"]
        put("units_returned", sum(e.quantity or 0 for e in back))
        put("return_rate", over(sum(e.quantity or 0 for e in back), total(lines, "units")))

        gone: dict[str | None, datetime] = {}
        sent: dict[str | None, datetime] = {}
        for e in self.facts:
            if e.type in {"orders.order_cancelled", "orders.order_refunded"}:
                gone.setdefault(e.order_id, e.event_time)
            if e.type == "fulfilment.parcel_shipped":
                sent.setdefault(e.order_id, e.event_time)
        late = {o for o, at in gone.items() if o in sent and sent[o] <= at}
        put("refund_rate_post", over(len(late & paid_orders), len(paid_orders)))
        put("refund_rate_pre", over(len((set(gone) - late) & paid_orders), len(paid_orders)))
        night = [o for o, at in gone.items() if at - placed[o].event_time <= timedelta(hours=12)]
        put("same_night_cancel", over(len(night), len(placed)))
        per: dict[object, int] = defaultdict(int)
        for e in placed.values():
            per[e.viewer] += 1
        put("buyer_top_4", over(sum(sorted(per.values())[-4:]), len(placed)))

        wanted: dict[tuple[object, object], int] = defaultdict(int)
        refused: dict[tuple[object, object, object], int] = {}
        for e in kind["stock.purchase_refused"]:
            if e.code in {"stock.sold_out", "stock.too_late"}:
                refused[e.hold_id, e.viewer, e.variant_id] = e.quantity or 0
        waiting: dict[tuple[object, object], int] = defaultdict(int)
        for e in kind["orders.waitlist_joined"]:
            waiting[e.viewer, e.variant_id] += e.quantity or 0
        for (_, viewer, variant), units in refused.items():
            wanted[viewer, variant] += units
        lost = {key: max(wanted[key], waiting[key]) for key in {*wanted, *waiting}}
        put("stockout_loss", sum(lost.values()))
        put("refused_units", sum(refused.values()))
        put("waitlist_units", sum(waiting.values()))

        self._moments(found, lines, kind)
        self._products(found, lines, fortnight, clicks)
        self._sources(found, lines)
        self._attributed(found, lines, clicks, {e.order_id: e.event_time for e in placed.values()})
        return found

    def _attributed(
        self,
        found: Found,
        lines: list[Line],
        clicks: list[collector.Event],
        placed: dict[str | None, datetime],
    ) -> None:
        for x in lines:
            touch = min(
                (
                    e.event_time
                    for e in clicks
                    if e.viewer == x.buyer
                    and self.product(e) == x.product
                    and e.event_time <= placed[x.order]
                ),
                default=placed[x.order],
            )
            shown = [(b, end) for product, b, end in self.features if product == x.product and b <= touch]
            opened = [b for b, end in shown if touch < end]
            recent = [
                b
                for b, end in shown
                if end <= touch < end + timedelta(minutes=10)
                and any(begin < end and b < until for begin, until in self.stays.get(x.buyer or "", ()))
            ]
            days = (touch - self.end) / DAY
            late = "post_7" if days <= 7 else "post_30" if days <= 30 else "outside"
            rule = "pitch_open" if opened else "pitch_recent" if recent else "show" if days <= 0 else late
            keys: list[object] = [rule]
            if opened or recent:
                begin = max(opened or recent) - self.start
                keys.append((x.product, begin // timedelta(seconds=1)))
            for key in keys:
                for metric, amount in (("attributed_paid", x.charged), ("attributed_net", x.net)):
                    before = found.get((metric, key), 0)
                    assert before is not None
                    found[metric, key] = before + amount

    def _moments(
        self,
        found: Found,
        lines: list[Line],
        kind: dict[str, list[collector.Event]],
    ) -> None:
        second = timedelta(seconds=1)
        length = -(-(self.end - self.start) // second)
        there = [0] * length
        for stays in self.stays.values():
            for begin, end in stays:
                for at in range(-(-(begin - self.start) // second), -(-(end - self.start) // second)):
                    there[at] += 1
        peaks = [max(there[at : at + 60]) for at in range(0, length, 60)]
        found["pcu", None] = max(there)
        found["acu_legacy", None] = over(sum(peaks), len(peaks))
        full: dict[str, int] = {}
        for e in kind["orders.order_paid"]:
            if (e.extra or {})["paid_in_full"]:
                minute = (e.event_time - self.start) // (60 * second)
                full[str(e.order_id)] = min(minute, full.get(str(e.order_id), minute))
        dense = [sum(m - 4 <= at <= m for at in full.values()) for m in range(len(peaks))]
        found["density", None] = Fraction(max(dense), 5)
        micro = sum((w // timedelta(microseconds=1) for w in self.watched.values()), 0)
        found["density_k", None] = over(len(full) * 60_000 * 1_000_000, micro)
        # A transfer of part of an order's money that never was completed.
        found["deposits", None] = sum(
            e.amount_minor or 0 for e in kind["orders.order_paid"] if str(e.order_id) not in full
        )
        sold_out = {"stock.sold_out", "stock.too_late"}
        refused = [e for e in kind["stock.purchase_refused"] if e.code in sold_out]
        found["refusals", None] = len({e.hold_id for e in refused})
        found["refused_buyers", None] = len({e.viewer for e in refused})
        found["waitlist_joins", None] = len(kind["orders.waitlist_joined"])
        back = kind["returns.return_received"]
        found["units_returned_size", None] = sum(
            e.quantity or 0 for e in back if e.code in {"too_small", "too_large"}
        )
        found["units_returned_fault", None] = sum(e.quantity or 0 for e in back if e.code == "defective")
        acts = [e for e in self.events if e.type in {"live.like", "share", "follow"} and e.viewer]
        found["interactions", None] = len(kind["chat.chat_said"]) + sum(
            (e.quantity or 1) if e.type == "live.like" else 1 for e in acts
        )
        asked = [e for e in kind["chat.chat_said"] if any((e.extra or {}).get("asks", {}).values())]
        found["asks", None] = len(asked)

    def _products(
        self,
        found: Found,
        lines: list[Line],
        fortnight: list[Line],
        clicks: list[collector.Event],
    ) -> None:
        for product in set(self.offer_product.values()):
            mine = [x for x in lines if x.product == product]
            mine_clicks = [e for e in clicks if self.product(e) == product]
            clickers = {e.viewer for e in mine_clicks}
            buyers = {x.buyer for x in mine}
            seen = self.seen[product]
            gmv = sum(x.charged for x in mine)
            found["gmv_paid", product] = gmv
            found["gpm_product", product] = over(gmv * 1000, len(seen))
            found["product_ctr", product] = over(len(clickers & seen), len(seen))
            found["click_pay_cvr", product] = over(len(clickers & buyers), len(clickers))
            found["ctor", product] = over(len({x.order for x in mine}), len(mine_clicks))
            during = {
                e.viewer
                for e in mine_clicks
                if any(p == product and b <= e.event_time < end for p, b, end in self.features)
            }
            kept = sum(x.net for x in fortnight if x.product == product and x.buyer in during)
            found["pitch_yield", product] = over(kept * 60_000, self.area[product] // timedelta(seconds=1))

    def _sources(self, found: Found, lines: list[Line]) -> None:
        source = self.sources()
        for one in {*source.values(), "none"}:
            mine = [x for x in lines if source.get(x.buyer or "", "none") == one]
            found["uv", one] = sum(source.get(viewer or "", "none") == one for viewer in self.uv)
            found["gmv_paid", one] = sum(x.charged for x in mine)
            found["gmv_net", one] = sum(x.net for x in mine)
            found["buyers", one] = len({x.buyer for x in mine})

"""Random small shows: the registry and an independent plain-Python reading of the same words agree to the last digit."""

import random
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from uuid import uuid5

import pytest
from tests.metrics.conftest import NAMESPACE, SHOP, SHOW, START, Script, at, line, name, write_lake
from tests.metrics.plain import Number, Show

from shopfloor import collector, metrics
from shopfloor.metrics.engine import computing
from shopfloor.metrics.loader import load

DAYS = 86_400
RULES = {"pitch_open", "pitch_recent", "show", "post_7", "post_30", "outside"}
VARIANTS = (1001, 1002, 1003)


def random_show(seed: int) -> list[collector.Event]:
    """Of ten minutes and some, with everything that can happen to an order within forty days."""
    r = random.Random(seed)
    s = Script()
    show = {"show_id": SHOW}
    length = r.randint(200, 900)
    s.fact(-60, "live.offer_added", **show, offer_id=11, product_id=101, prices={"1001": 1, "1002": 1})
    s.fact(-60, "live.offer_added", **show, offer_id=12, product_id=102, prices={"1003": 1})
    s.fact(0, "live.show_started", **show, pool_id=3, channel_id=None, host_id=None, at=0)
    for _ in range(r.randint(0, 6)):
        offer = r.choice((11, 12, None))
        s.fact(
            r.randint(-5, length), "live.offer_featured", **show, offer_id=offer,
            product_id=None if offer is None else offer + 90, at=0,
        )  # fmt: skip
    s.fact(length, "live.show_ended", **show, pool_id=3, channel_id=None, host_id=None, at=0)
    people = [f"p{n}" for n in range(r.randint(1, 9))]
    for who in people:
        for tab in range(r.randint(0, 3)):
            begin = r.randint(-20, length)
            s.watch(who, f"{who}-{tab}", begin, begin + r.choice((1, 2, 8, 40, 61, 300)), r.choice((4.5, 5)))
        for _ in range(r.randint(0, 3)):
            s.act(r.randint(0, length), who, r.choice(("select_item", "view_item", "add_to_cart")),
                  product_id=r.choice((101, 102)))  # fmt: skip
        if r.random() < 0.5:
            s.act(r.randint(0, length) + 0.25, who, "add_to_cart", variant_id=r.choice(VARIANTS))
        for kind in ("live.like", "share", "follow"):
            if r.random() < 0.3:
                more = {"quantity": r.randint(1, 9)} if kind == "live.like" else {}
                s.act(r.randint(0, length) + 0.5, who, kind, **more)
        for second in r.sample(range(length), r.randint(0, 2)):
            _arrives(s, second, who, r.choice((None, "youtube", "douyin")))
        for number in r.sample(range(1, 9), r.randint(0, 4)):
            # What a page numbered and did not lose.
            s.events.append(
                collector.Event(
                    id=f"numbered-{who}-{number}", source=f"browser/{name(who)}", type="page_view", event_time=at(number),
                    shop_id=SHOP, show_id=SHOW, viewer=name(who), session_id=f"{who}-page", sequence=number,
                )
            )  # fmt: skip
        if r.random() < 0.3:
            s.fact(r.randint(0, length), "chat.chat_said", **show, line_id=name("l"), shopper=name(who), author=who,
                   role="viewer", text="?", asks={"sizes": r.choice(([], ["M"]))})  # fmt: skip
    for n in range(r.randint(0, 14)):
        _orders(s, r, n, r.choice(people), length)
    for n in range(r.randint(0, 8)):
        _misses(s, r, n, r.choice(people), length)
    return s.events


def _arrives(s: Script, second: float, who: str, code: str | None) -> None:
    s.events.append(
        collector.Event(
            id=f"page-{who}-{second}",
            source=f"browser/{name(who)}",
            type="page_view",
            event_time=at(second),
            shop_id=SHOP,
            show_id=SHOW,
            viewer=name(who),
            extra=None if code is None else {"campaign_source": code, "title": 'a "campaign_source":"no"'},
        )
    )


def _orders(s: Script, r: random.Random, n: int, who: str, length: int) -> None:
    order, buyer, show = f"o{n}", name(who), {"show_id": SHOW}
    lines = [
        line(v, q, q * r.randint(1, 900))
        for v in r.sample(VARIANTS, r.randint(1, 3))
        if (q := r.randint(1, 3))
    ]
    total = sum(int(str(each["amount_minor"])) for each in lines)
    second = r.randint(0, length)

    def tell(after: float, kind: str, told: list[dict[str, object]], **more: object) -> None:
        s.fact(second + after, f"orders.order_{kind}", **show, order_id=name(order), number=n, buyer=buyer,
               currency="CNY", lines=told, amount_minor=total, **more)  # fmt: skip

    if r.random() < 0.7:
        s.fact(second, "stock.holds_granted", **show, pool_id=3, holds=[
            {"variant_id": each["variant_id"], "quantity": each["quantity"], "offer_id": each["offer_id"],
             "ready_on": None, "ids": [name(f"h{n}{each['variant_id']}")], "buyers": [buyer]} for each in lines
        ])  # fmt: skip
    tell(r.choice((1, 1, 1, 2 * DAYS, 12 * DAYS, 33 * DAYS)), "placed", lines)
    fate = r.random()
    if fate < 0.15:
        return
    paid = r.choice((30, 5 * DAYS, 20 * DAYS, 34 * DAYS))
    if fate < 0.35:
        part = [{**each, "amount_minor": int(str(each["amount_minor"])) // 4} for each in lines]
        tell(paid, "paid", part, purpose="deposit", paid_in_full=False)
        if fate < 0.25:
            return
        rest = [
            {**each, "amount_minor": int(str(each["amount_minor"])) - int(str(less["amount_minor"]))}
            for each, less in zip(lines, part, strict=True)
        ]
        tell(paid + 60, "paid", rest, purpose="balance", paid_in_full=True)
    else:
        tell(paid, "paid", lines, purpose="full", paid_in_full=True)
    later = paid + 100
    if r.random() < 0.5:
        s.fact(second + later, "fulfilment.parcel_shipped", **show, parcel_id=name(f"c{n}"), order_id=name(order),
               number="1", carrier="", tracking="", tracking_url="",
               lines=[{"line_id": 1, "variant_id": each["variant_id"], "quantity": 1} for each in lines])  # fmt: skip
        later += 10
    undone = r.random()
    some = r.sample(lines, r.randint(1, len(lines)))
    when = later + r.choice((5, 0.4 * DAYS, 3 * DAYS, 10 * DAYS, 25 * DAYS))
    if undone < 0.2:
        tell(when, "cancelled", lines, by="buyer", why="changed_mind")
    if undone < 0.5:
        # Sometimes more than was paid, for the shipping.
        given = [
            {**each, "amount_minor": int(str(each["amount_minor"])) + r.choice((0, 0, -1, 7))}
            for each in some
        ]
        tell(when + 5, "refunded", given, refund_id=name(f"f{n}"))
    if undone < 0.4:
        s.fact(second + when, "returns.return_received", **show, return_id=name(f"r{n}"), number="1", order_id=name(order),
               buyer=buyer, journey="withdrawal", reason=r.choice((None, "too_small", "defective")), complete=True,
               lines=[{"line_id": 1, "variant_id": each["variant_id"], "product_id": each["product_id"],
                       "quantity": 1, "condition": "sellable"} for each in some])  # fmt: skip


def _misses(s: Script, r: random.Random, n: int, who: str, length: int) -> None:
    second, variant, units = r.randint(0, length), r.choice(VARIANTS), r.randint(1, 3)
    offer = 12 if variant == 1003 else 11
    if r.random() < 0.6:
        code = r.choice(("stock.sold_out", "stock.too_late", "stock.limit"))
        told = {
            "variant_id": variant,
            "quantity": units,
            "code": code,
            "ids": [name(f"r{n}")],
            "buyers": [name(who)],
        }
        for again in range(r.randint(1, 2)):
            s.fact(second + again, "stock.purchase_refused", show_id=SHOW, offer_id=offer, refusals=[told])
    else:
        place = {"waiting_id": name(f"w{n}"), "buyer": name(who), "variant_id": variant, "quantity": units,
                 "offer_id": offer, "position": 1}  # fmt: skip
        s.fact(second, "orders.waitlist_joined", show_id=SHOW, places=[place], waiting=[])


def exact(numerator: int, denominator: int | None) -> Number:
    if denominator is None:
        return numerator
    return Fraction(numerator, denominator) if denominator else None


@pytest.mark.parametrize("seed", range(5))
async def test_the_registry_and_plain_python_agree_on_random_shows(tmp_path: Path, seed: int) -> None:
    events = random_show(seed)
    lake = tmp_path / "lake"
    await write_lake(lake, events)
    plain = Show(events, SHOW).figures()
    view = collector.lake.open(lake)
    loaded = load(view, shop_id=SHOP, show_id=SHOW, at=START + timedelta(days=100))

    report = metrics.show_report(view, SHOP, SHOW, at=START + timedelta(days=100))
    shown = {key: exact(each.numerator, each.denominator) for key, each in report.figures.items()}

    booked = [each for each in report.groups if (each.grain, each.id) == ("rule", "attributed_paid")]
    assert sum(each.numerator for each in booked) == report.value("gmv_paid")
    assert all(report.checks.values())
    assert shown == {key: plain[key, None] for key in shown}
    grouped = {key: value for key, value in plain.items() if key[1] is not None}
    with computing(loaded.tables) as engine:
        for grain, of in (("product", int), ("source", str), ("rule", str), ("pitch", tuple)):
            mine = {
                key
                for key, group in grouped
                if isinstance(group, of) and (grain == "rule") == (group in RULES)
            }
            for metric in sorted(mine):
                values = {
                    group if grain == "pitch" else group[0]: exact(*pair)
                    for group, pair in engine.values(metric, grain).items()
                }
                for (which, group), expected in grouped.items():
                    if which == metric and isinstance(group, of) and (grain == "rule") == (group in RULES):
                        # Where nothing happened, a count is 0 and a quotient has nothing to divide by.
                        assert values.get(group, 0) == (expected or 0), (metric, group)


def test_every_figure_of_a_show_is_read_twice() -> None:
    plain = Show(random_show(1), SHOW).figures()

    assert {name for name, key in plain if key is None} == {
        metric.id for metric in metrics.every_metric().values() if "show" in metric.grains
    }
    assert uuid5(NAMESPACE, "p0")

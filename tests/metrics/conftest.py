"""A show small enough to compute by hand, written into a lake the way the product writes it."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid5

import pytest

from shopfloor import collector

START = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
SHOP, SHOW = 1, 7
NAMESPACE = UUID(int=7)


def name(word: str) -> str:
    """A stable identity for a person, a hold, an order."""
    return str(uuid5(NAMESPACE, word))


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


class Script:
    """Collects events; facts get stable ids in the order they are told."""

    def __init__(self) -> None:
        self.events: list[collector.Event] = []
        self.facts: list[UUID] = []

    def fact(self, second: float, kind: str, **body: object) -> None:
        fact_id = uuid5(NAMESPACE, f"fact {len(self.facts)}")
        self.facts.append(fact_id)
        self.events += collector.from_fact(kind, {"shop_id": SHOP, **body}, fact_id, SHOP, at(second))

    def watch(self, viewer: str, session: str, begin: float, end: float, step: float = 5) -> None:
        """Beats as the room sends them, each for the seconds before it."""
        self._presence("live.enter", viewer, session, begin, None)
        now = begin
        while now < end:
            seconds = min(step, end - now)
            now += seconds
            self._presence("live.heartbeat", viewer, session, now, seconds)
        self._presence("live.leave", viewer, session, end, None)

    def _presence(self, kind: str, viewer: str, session: str, second: float, seconds: float | None) -> None:
        self.events.append(
            collector.Event(
                id=f"{kind}-{session}-{second}",
                source=f"shopfloor/{SHOP}/room",
                type=kind,
                event_time=at(second),
                shop_id=SHOP,
                show_id=SHOW,
                viewer=name(viewer),
                session_id=session,
                seconds=seconds,
            )
        )

    def act(
        self, second: float, viewer: str, kind: str, *, sequence: int | None = None, **values: int
    ) -> None:
        """Something a browser reports; of a page that numbers what it sends where it has a `sequence`."""
        self.events.append(
            collector.Event(
                id=f"{kind}-{viewer}-{second}",
                source=f"browser/{name(viewer)}",
                type=kind,
                event_time=at(second),
                shop_id=SHOP,
                show_id=SHOW,
                viewer=name(viewer),
                session_id=None if sequence is None else f"page of {viewer}",
                sequence=sequence,
                **values,  # pyright: ignore[reportArgumentType]
            )
        )


def line(variant: int, quantity: int, amount: int) -> dict[str, object]:
    product = 102 if variant == 1003 else 101
    return {
        "line_id": variant,
        "variant_id": variant,
        "product_id": product,
        "offer_id": product - 90,
        "quantity": quantity,
        "unit_price_minor": amount // quantity,
        "amount_minor": amount,
        "ready_on": None,
    }


def written() -> Script:
    s = Script()
    show = {"show_id": SHOW}
    s.fact(
        -60, "live.offer_added", **show, offer_id=11, product_id=101, prices={"1001": 10000, "1002": 10000}
    )
    s.fact(-60, "live.offer_added", **show, offer_id=12, product_id=102, prices={"1003": 5000})
    s.fact(
        -10,
        "stock.stock_changed",
        **show,
        pool_id=3,
        variants=[
            {"variant_id": 1001, "left": 1, "ready_on": None, "later": []},
            {"variant_id": 1002, "left": 5, "ready_on": None, "later": []},
            {"variant_id": 1003, "left": 0, "ready_on": "2026-12-03", "later": [["2026-12-03", 4]]},
        ],
    )
    s.fact(0, "live.show_started", **show, pool_id=3, channel_id=None, host_id=None, at=0)
    s.fact(30, "live.offer_featured", **show, offer_id=11, product_id=101, at=30_000)
    s.fact(150, "live.offer_featured", **show, offer_id=12, product_id=102, at=150_000)
    s.fact(270, "live.offer_featured", **show, offer_id=None, product_id=None, at=270_000)
    s.fact(300, "live.show_ended", **show, pool_id=3, channel_id=None, host_id=None, at=300_000)

    s.watch("a", "a1", 0, 300)
    s.watch("b", "b1", 60, 120)
    s.watch("b", "b2", 200, 210)
    s.watch("c", "c1", 100, 160)
    s.watch("c", "c2", 130, 190)
    s.watch("d", "d1", 250, 252)

    s.act(40, "a", "view_item", sequence=1, product_id=101)
    s.act(98, "b", "add_to_cart", sequence=2, variant_id=1001)
    s.act(101, "c", "select_item", product_id=101)
    s.act(104, "a", "add_to_cart", sequence=3, variant_id=1001)
    s.act(155, "a", "view_item", sequence=5, product_id=102)
    s.act(70, "b", "live.like", sequence=1, quantity=3)
    s.act(75, "c", "share")
    s.fact(
        50,
        "chat.chat_said",
        **show,
        line_id=name("line"),
        shopper=name("a"),
        author="a",
        role="viewer",
        text="size M?",
        asks={"sizes": ["M"], "colours": [], "intents": ["size"]},
    )

    def held(second: float, *holds: tuple[str, str, int, int, int]) -> None:
        s.fact(
            second,
            "stock.holds_granted",
            **show,
            pool_id=3,
            holds=[
                {
                    "variant_id": variant,
                    "quantity": quantity,
                    "offer_id": offer,
                    "ready_on": None,
                    "ids": [name(hold)],
                    "buyers": [name(buyer)],
                }
                for hold, buyer, variant, quantity, offer in holds
            ],
        )

    def stock(second: float, left: int) -> None:
        s.fact(
            second,
            "stock.stock_changed",
            **show,
            pool_id=3,
            variants=[{"variant_id": 1001, "left": left, "ready_on": None, "later": []}],
        )

    held(99, ("h1", "b", 1001, 1, 11))
    stock(100, 0)
    held(110, ("h2", "c", 1002, 2, 11), ("h4", "a", 1002, 1, 11))
    stock(130, 1)
    stock(140, 0)
    held(160, ("h3", "a", 1003, 1, 12))

    def refused(second: float, *refusals: tuple[str, str, int, str]) -> None:
        s.fact(
            second,
            "stock.purchase_refused",
            **show,
            offer_id=11,
            refusals=[
                {
                    "variant_id": 1001,
                    "quantity": units,
                    "code": code,
                    "ids": [name(request)],
                    "buyers": [name(buyer)],
                }
                for request, buyer, units, code in refusals
            ],
        )

    refused(105, ("r1", "a", 1, "stock.sold_out"), ("r2", "c", 2, "stock.sold_out"))
    refused(107, ("r1", "a", 1, "stock.sold_out"))
    refused(108, ("r3", "c", 1, "stock.limit"))
    for second, viewer, units in ((112, "a", 1), (113, "c", 2)):
        s.fact(
            second,
            "orders.waitlist_joined",
            **show,
            places=[
                {
                    "waiting_id": name(f"w{viewer}"),
                    "buyer": name(viewer),
                    "variant_id": 1001,
                    "quantity": units,
                    "offer_id": 11,
                    "position": 1,
                }
            ],
            waiting=[{"variant_id": 1001, "units": 3}],
        )

    def order(
        second: float, word: str, kind: str, buyer: str, lines: Sequence[dict[str, object]], **more: object
    ) -> None:
        s.fact(
            second,
            f"orders.order_{kind}",
            **show,
            order_id=name(word),
            number=1,
            buyer=name(buyer),
            currency="CNY",
            lines=list(lines),
            **more,
        )

    order(120, "o1", "placed", "b", [line(1001, 1, 10000)], amount_minor=11000, shipping_minor=1000)
    order(
        130, "o1", "paid", "b", [line(1001, 1, 10000)], amount_minor=11000, purpose="full", paid_in_full=True
    )
    order(135, "o2", "placed", "c", [line(1002, 2, 20000)], amount_minor=20000)
    order(
        140,
        "o2",
        "paid",
        "c",
        [line(1002, 2, 4000)],
        amount_minor=4000,
        purpose="deposit",
        paid_in_full=False,
    )
    order(
        200,
        "o2",
        "paid",
        "c",
        [line(1002, 2, 16000)],
        amount_minor=16000,
        purpose="balance",
        paid_in_full=True,
    )
    order(170, "o3", "placed", "a", [line(1003, 1, 5000)], amount_minor=5000)
    order(
        220, "o3", "cancelled", "a", [line(1003, 1, 5000)], amount_minor=5000, by="buyer", why="changed_mind"
    )
    order(240, "o4", "placed", "a", [line(1002, 1, 10000), line(1003, 1, 5000)], amount_minor=15000)
    order(
        250,
        "o4",
        "paid",
        "a",
        [line(1002, 1, 10000), line(1003, 1, 5000)],
        amount_minor=15000,
        purpose="full",
        paid_in_full=True,
    )
    order(400, "o4", "refunded", "a", [line(1003, 1, 5000)], amount_minor=5000, refund_id=name("f4"))
    for second, reason, variant in ((380, "too_large", 1002), (390, "defective", 1003), (395, None, 1001)):
        s.fact(
            second,
            "returns.return_received",
            **show,
            return_id=name(f"r{second}"),
            number="1-R1",
            order_id=name("o4"),
            buyer=name("a"),
            journey="withdrawal",
            reason=reason,
            complete=True,
            lines=[
                {
                    "line_id": variant,
                    "variant_id": variant,
                    "product_id": 102 if variant == 1003 else 101,
                    "quantity": 1,
                    "condition": "sellable",
                }
            ],
        )
    order(260, "o5", "placed", "d", [line(1003, 1, 8000)], amount_minor=8000)
    order(
        265,
        "o5",
        "paid",
        "d",
        [line(1003, 1, 1600)],
        amount_minor=1600,
        purpose="deposit",
        paid_in_full=False,
    )
    return s


async def write_lake(lake: Path, events: Sequence[collector.Event]) -> None:
    writer = collector.Collector(lake, "test")
    await writer.start()
    half = len(events) // 2
    await writer.append(events[:half])
    await writer.seal()
    await writer.append(events[max(0, half - 20) :])
    await writer.close(seal=False)


@pytest.fixture(scope="session")
def small_show(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with the show in it: half sealed, half in the log, twenty events sent twice.  Only to be read."""
    lake = tmp_path_factory.mktemp("small") / "lake"
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, write_lake(lake, written().events)).result()
    return lake

"""Shows that are odd, and what a report looks like outside."""

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid5

import msgspec
import pytest

from shopfloor import collector, metrics
from shopfloor.collector.intake import parse
from shopfloor.kernel.values import now

START = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
SHOP, SHOW = 1, 7


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def fact(second: float, kind: str, **body: object) -> list[collector.Event]:
    identity = uuid5(UUID(int=1), f"{second} {kind} {body}")
    return collector.from_fact(kind, {"shop_id": SHOP, "show_id": SHOW, **body}, identity, SHOP, at(second))


def beat(second: float, viewer: str = "v", session: str = "s", **values: object) -> collector.Event:
    return collector.Event(
        id=f"{second} {viewer} {session}",
        source="shopfloor/1/room",
        type="live.heartbeat",
        event_time=at(second),
        shop_id=SHOP,
        show_id=SHOW,
        viewer=viewer,
        session_id=session,
        **values,  # pyright: ignore[reportArgumentType]
    )


SHOW_OF_100 = [*fact(0, "live.show_started"), *fact(100, "live.show_ended")]


async def report_of(
    directory: Path, events: Sequence[collector.Event], **options: datetime
) -> metrics.ShowReport:
    one = collector.Collector(directory, "test")
    await one.start()
    await one.append(events)
    await one.close()
    return metrics.show_report(directory, SHOP, SHOW, **options)


async def test_an_empty_show_has_zeros_and_undefined_quotients(tmp_path: Path) -> None:
    report = await report_of(tmp_path, SHOW_OF_100)

    assert {key: figure.value for key, figure in report.figures.items() if figure.value} == {}
    assert report.value("uv") == 0
    assert report.value("watch_s") is None or report.value("watch_s") == 0
    assert report.value("conversion") is None
    assert report.value("acu") == 0
    assert [row.viewers for row in report.minutes] == [0, 0]
    assert report.currency is None
    assert all(report.checks.values())


async def test_a_running_show_ends_for_now_where_it_is_looked_at(tmp_path: Path) -> None:
    report = await report_of(
        tmp_path, [*fact(0, "live.show_started"), beat(5, seconds=5.0), beat(10, seconds=5.0)], at=at(20)
    )

    assert report.ended_at is None
    assert report.state == "provisional"
    assert (report.value("watch_s"), report.value("acu")) == (10, 0.5)


async def test_watching_is_cut_to_the_show(tmp_path: Path) -> None:
    report = await report_of(tmp_path, [*SHOW_OF_100, beat(3, seconds=15.0), beat(104, seconds=6.0)])

    assert report.value("watch_s") == 3 + 2
    assert report.value("uv") == 1


async def test_nobody_can_claim_more_than_a_beat_may_cover(tmp_path: Path) -> None:
    report = await report_of(tmp_path, [*SHOW_OF_100, beat(90, seconds=86_400.0)])

    assert report.value("watch_s") == 15


async def test_beats_without_seconds_count_the_time_between_them_with_at_most_two_missing(
    tmp_path: Path,
) -> None:
    report = await report_of(tmp_path, [*SHOW_OF_100, beat(0), beat(5), beat(20), beat(36), beat(41)])

    assert report.value("watch_s") == 20 + 5
    assert report.value("pv") == 2
    assert report.value("uv") == 1


async def test_rounding_between_beats_makes_no_holes(tmp_path: Path) -> None:
    events = [beat(n * 5 + 0.0004, seconds=4.999) for n in range(1, 11)]
    report = await report_of(tmp_path, [*SHOW_OF_100, *events])

    assert report.figures["watch_s"].numerator == 49_999_000
    assert report.value("pcu") == 1
    assert all(row.viewers == 1 for row in report.minutes[:1])


async def test_two_tabs_are_one_viewer(tmp_path: Path) -> None:
    both = [beat(n * 5, session=session, seconds=5.0) for n in range(1, 11) for session in ("one", "two")]
    report = await report_of(tmp_path, [*SHOW_OF_100, *both])

    assert (report.value("watch_s"), report.value("pcu"), report.value("uv")) == (50, 1, 1)
    assert report.value("pv") == 2


def order(second: float, word: str, kind: str, amount: int, **more: object) -> list[collector.Event]:
    line = {"variant_id": 9, "product_id": 2, "quantity": 1, "amount_minor": amount}
    body: dict[str, object] = {"order_id": word, "buyer": "b", "currency": "CNY", "amount_minor": amount}
    return fact(second, f"orders.order_{kind}", **{**body, "lines": [line], **more})


async def test_cancelled_and_refunded_loses_its_money_once_and_never_more_than_was_paid(
    tmp_path: Path,
) -> None:
    events = [
        *SHOW_OF_100,
        *order(10, "o1", "placed", 500),
        *order(11, "o1", "paid", 500),
        *order(50, "o1", "cancelled", 500),
        *order(51, "o1", "refunded", 500),
        *order(12, "o2", "placed", 300),
        *order(13, "o2", "paid", 300),
        *order(52, "o2", "refunded", 100),
        *order(53, "o2", "refunded", 900),
        *order(14, "o3", "placed", 200),
        *order(15, "o3", "paid", 200),
        *order(54, "o3", "cancelled", 200),
        *order(55, "o3", "reinstated", 200),
    ]
    report = await report_of(tmp_path, events)

    assert (report.value("gmv_placed"), report.value("gmv_paid"), report.value("gmv_net")) == (
        1000,
        1000,
        200,
    )
    assert report.value("orders_paid") == 3


async def test_what_a_browser_says_about_money_is_not_believed(tmp_path: Path) -> None:
    (paid,) = order(11, "o1", "paid", 500)
    forged = [
        collector.Event(
            id="x", source="browser/v", type="orders.order_paid", event_time=at(12), show_id=SHOW, shop_id=SHOP,
            order_id="o9", amount_minor=10**9, viewer="v", currency="CNY",
        ),
        collector.Event(
            id="y", source="browser/v", type="live.show_ended", event_time=at(1), show_id=SHOW, shop_id=SHOP
        ),
    ]  # fmt: skip
    report = await report_of(tmp_path, [*SHOW_OF_100, *order(10, "o1", "placed", 500), paid, *forged])

    assert (report.value("gmv_paid"), report.value("orders_paid")) == (500, 1)
    assert report.ended_at == at(100)


async def test_events_that_claim_another_shop_are_left_out(tmp_path: Path) -> None:
    stray = collector.Event(
        id="z",
        source="browser/v",
        type="view_item",
        event_time=at(5),
        show_id=SHOW,
        shop_id=2,
        viewer="v",
        product_id=1,
    )
    report = await report_of(tmp_path, [*SHOW_OF_100, stray])

    assert report.value("clicks") == 0


async def test_two_currencies_are_no_sum(tmp_path: Path) -> None:
    with pytest.raises(metrics.MixedCurrencies) as refusal:
        await report_of(
            tmp_path,
            [*SHOW_OF_100, *order(10, "o1", "placed", 500), *order(11, "o2", "placed", 5, currency="JPY")],
        )

    assert refusal.value.code == "metrics.mixed_currencies"
    assert refusal.value.facts == {"currencies": ["CNY", "JPY"]}


async def test_json_and_csv_carry_version_unit_as_of_and_state(small_show: Path) -> None:
    report = metrics.show_report(small_show, 1, 7)
    body = json.loads(metrics.sheets.json_of(report))
    rows = list(csv.DictReader(io.StringIO(metrics.sheets.csv_of(metrics.sheets.rows_of(report)))))

    assert body["figures"]["gmv_net"] == {
        "id": "gmv_net",
        "version": 1,
        "unit": "minor",
        "numerator": 40000,
        "denominator": None,
        "as_of": body["as_of"],
        "state": "provisional",
        "basis": "orders",
        "value": 40000,
        "name": "gmv_net@1",
        "invalid": None,
    }
    assert body["funnel"] == {"exposure": 3, "click": 3, "hold": 3, "paid": 3}
    net = next(row for row in rows if row["metric"] == "gmv_net@1" and row["section"] == "show")
    assert (net["value"], net["unit"], net["state"]) == ("40000", "minor", "provisional")
    assert net["as_of"] == report.as_of.isoformat()
    sold = next(
        row
        for row in rows
        if (row["section"], row["key"], row["metric"]) == ("variant", "1001", "units_paid")
    )
    assert sold["value"] == "1"
    assert {row["section"] for row in rows} == {
        "show",
        "product",
        "variant",
        "minute",
        "refused",
        "source",
        "rule",
        "pitch",
    }


async def test_a_million_is_summed_without_rounding(tmp_path: Path) -> None:
    big = 10**12 - 1
    events = [
        event
        for n in range(1000)
        for kind in ("placed", "paid")
        for event in order(10 + n / 100, f"o{n}", kind, big)
    ]
    report = await report_of(tmp_path, [*SHOW_OF_100, *events])

    assert report.value("gmv_paid") == 1000 * big


def sent(identity: str, kind: str, show: object = SHOW, **data: object) -> dict[str, object]:
    return {"specversion": "1.0", "id": identity, "type": kind, "data": {"show_id": show, **data}}


def came_in(*events: dict[str, object]) -> list[collector.Event | collector.Bad]:
    return parse(json.dumps(events).encode(), received=now(), viewer="v")


async def test_a_report_says_how_many_events_were_refused_by_reason(tmp_path: Path) -> None:
    one = collector.Collector(tmp_path, "test")
    await one.start()
    began = now()
    started = collector.from_fact(
        "live.show_started", {"shop_id": SHOP, "show_id": SHOW}, uuid5(UUID(int=2), "start"), SHOP, began
    )
    await one.append(started)
    await one.append(
        came_in(
            sent("a", "view_item"),
            sent("b", "made_up"),
            sent("c", "made_up"),
            sent("d", "Not A Type"),
            sent("e", "orders.order_paid"),
            sent("f", "live.like", quantity=2**63),
            sent("g", "live.like", quantity=-1),
            sent("h", "live.like", quantity="many"),
            sent("i", "view_item", amount_minor=-5),
            sent("j", "made_up", show=8),
            sent("k", "live.like", show=8, quantity=10**6),
            sent("l", "view_item", show="seven"),
        )
    )
    await one.seal()
    # What is not sealed yet counts as well, and so do requests of which nothing was read.
    await one.append(
        [
            *came_in(sent("m", "made_up")),
            collector.Bad("#body", "malformed", b"\xff{", None),
            too_fast("1", 3),
        ]
    )
    await one.append([too_fast("2", 4), too_fast("3", 100, source="browser/x")])
    await one.append([too_fast("4", 50, at=began - timedelta(hours=1))])
    await one.close(seal=False)

    report = metrics.show_report(tmp_path, SHOP, SHOW)

    assert report.refused == metrics.Refused(unknown_type=5, bad_quantity=3, other=1, no_show=2, too_fast=7)
    assert report.value("clicks") == 1
    assert json.loads(metrics.sheets.json_of(report))["refused"] == {
        "unknown_type": 5,
        "bad_quantity": 3,
        "other": 1,
        "no_show": 2,
        "too_fast": 7,
    }
    rows = csv.DictReader(io.StringIO(metrics.sheets.csv_of(metrics.sheets.rows_of(report))))
    assert [(row["metric"], row["value"], row["unit"]) for row in rows if row["section"] == "refused"] == [
        ("unknown_type", "5", "events"),
        ("bad_quantity", "3", "events"),
        ("other", "1", "events"),
        ("no_show", "2", "events"),
        ("too_fast", "7", "requests"),
    ]


def too_fast(
    identity: str, requests: int, *, at: datetime | None = None, source: str = "shopfloor/collector/test"
) -> collector.Event:
    return collector.Event(
        id=identity,
        source=source,
        type=collector.REFUSED,
        event_time=at or now(),
        actor_kind="system",
        quantity=requests,
    )


async def test_what_came_in_before_and_after_a_show_is_not_refused_in_it(tmp_path: Path) -> None:
    one = collector.Collector(tmp_path, "test")
    await one.start()
    await one.append(SHOW_OF_100)
    await one.append(came_in(sent("b", "made_up")))
    await one.close()

    report = metrics.show_report(tmp_path, SHOP, SHOW)

    # Both facts are of last week, the event is of today.
    assert report.refused == metrics.Refused(0, 0, 0, 0, 0)


def test_a_report_that_was_kept_before_it_said_so_can_be_read(small_show: Path) -> None:
    old = json.loads(msgspec.json.encode(metrics.show_report(small_show, SHOP, SHOW)))
    del old["refused"]
    for figure in old["figures"].values():
        del figure["basis"]

    read = msgspec.json.decode(json.dumps(old), type=metrics.ShowReport)

    assert read.refused is None
    assert read.value("gmv_paid") == 45000


async def test_no_figure_moves_by_what_it_does_not_rest_on(small_show: Path, tmp_path: Path) -> None:
    view = collector.lake.open(small_show)
    told = view.table(show_id=SHOW)
    invented = [
        collector.Event(
            id=f"{kind}-{person}",
            source=f"browser/{person}",
            type=kind,
            event_time=at(100),
            shop_id=SHOP,
            show_id=SHOW,
            viewer=f"invented-{person}",
            product_id=101,
            variant_id=1001,
            quantity=5,
        )
        for kind in collector.BROWSER
        for person in range(3)
    ]
    rows = [event_of(row) for row in told.to_pylist()]
    all_told = metrics.show_report(small_show, SHOP, SHOW)
    more = await report_of(tmp_path / "more", [*rows, *invented])
    orders = [row for row in rows if row.type.startswith(("orders.order_", "live.show_", "returns."))]
    fewer = await report_of(tmp_path / "fewer", orders)

    def moved(other: metrics.ShowReport) -> set[str]:
        return {
            key
            for key, figure in all_told.figures.items()
            if (figure.numerator, figure.denominator)
            != (other.figures[key].numerator, other.figures[key].denominator)
        }

    resting = {
        basis: {key for key, figure in all_told.figures.items() if figure.basis == basis}
        for basis in ("browser", "server", "orders")
    }
    assert all(figure.basis for figure in all_told.figures.values())
    assert moved(more) <= resting["browser"]
    assert {"clicks", "clickers", "interactions", "reached_show", "reached_product", "conversion"} <= moved(
        more
    )
    assert moved(fewer) & resting["orders"] == set()
    assert {"gmv_paid", "gmv_net", "orders_paid", "aov", "density"} <= resting["orders"]
    assert {"uv", "acu", "holders"} <= moved(fewer)


def event_of(row: dict[str, object]) -> collector.Event:
    extra = row.pop("extra")
    del row["received_at"]
    return collector.Event(**row, extra=None if extra is None else json.loads(str(extra)))  # pyright: ignore[reportArgumentType]

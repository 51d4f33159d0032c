"""Hostile input ends at the intake; one bad event never stops the others."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shopfloor.collector import Bad, Event
from shopfloor.collector.intake import event_time, parse, parse_again
from shopfloor.collector.models import MAX_BATCH, MAX_BODY, Malformed, TooLarge

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
GOOD = {"id": "good", "type": "view_item", "data": {"shop_id": 1, "product_id": 5}}


def one(event: object, viewer: str | None = "v") -> Event | Bad:
    (found,) = parse(json.dumps([event]).encode(), received=NOW, viewer=viewer)
    return found


def reason(event: object, viewer: str | None = "v") -> str:
    found = one(event, viewer)
    assert isinstance(found, Bad), found
    return found.reason


def good(event: object, viewer: str | None = "v") -> Event:
    found = one(event, viewer)
    assert isinstance(found, Event), found
    return found


def with_data(**data: Any) -> dict[str, Any]:
    return {**GOOD, "data": data}


def test_known_fields_become_columns_and_the_rest_extra() -> None:
    found = good(
        {
            "specversion": "1.0",
            "id": "e1",
            "source": "page-1",
            "type": "add_to_cart",
            "sessionid": "s1",
            "sequence": "17",
            "traceparent": "00-1",
            "data": {
                "shop_id": 1,
                "show_id": 7,
                "variant_id": 9,
                "quantity": 2,
                "seconds": 2.5,
                "currency": "CNY",
                "price_minor": 12900,
                "colour": "靛蓝",
                "items": [{"item_id": "9", "price": 129.0}],
            },
        }
    )

    assert found == Event(
        id="e1",
        source="browser/v",
        type="add_to_cart",
        event_time=NOW,
        shop_id=1,
        show_id=7,
        session_id="s1",
        viewer="v",
        actor_kind="viewer",
        variant_id=9,
        quantity=2,
        currency="CNY",
        seconds=2.5,
        sequence=17,
        extra={
            "price_minor": 12900,
            "colour": "靛蓝",
            "items": [{"item_id": "9", "price": 129.0}],
            "traceparent": "00-1",
        },
    )


@pytest.mark.parametrize("kind", ["wheel.spun", "page_views", "live_like"])
def test_a_type_nobody_knows_is_refused(kind: str) -> None:
    assert reason({"id": "e", "type": kind, "data": {"prize": 3}}) == "unknown_type"


@pytest.mark.parametrize(
    "kind",
    ["purchase", "refund", "orders.order_paid", "order.paid", "stock.adjust", "supplier.quote", "supply.planned",
     "live.show_started", "live.offer_featured", "chat.chat_said", "collector.shedding", "media.media_started"],
)  # fmt: skip
def test_money_stock_supplier_and_show_events_are_the_servers_alone(kind: str) -> None:
    assert reason({"id": "e", "type": kind}) == "server_only"


def test_a_browser_cannot_speak_as_the_server_or_as_somebody_else() -> None:
    claimed = {"viewer": "another", "actor_kind": "merchant", "source": "shopfloor/1"}
    found = good(
        {"id": "e", "source": "shopfloor/1", "type": "view_item", "data": claimed, "viewer": "another"}
    )

    assert (found.source, found.viewer, found.actor_kind) == ("browser/v", "v", "viewer")
    assert good({"id": "e", "source": "shopfloor/1", "type": "view_item"}, viewer=None).source == (
        "browser/shopfloor/1"
    )


@pytest.mark.parametrize("kind", ["live.enter", "live.heartbeat", "live.leave"])
@pytest.mark.parametrize("viewer", ["v", None])
def test_presence_is_what_the_room_saw_itself(kind: str, viewer: str | None) -> None:
    assert reason({"id": "e", "type": kind, "data": {"seconds": 10}}, viewer=viewer) == "server_only"


@pytest.mark.parametrize(("kind", "most"), [("live.like", 100), ("add_to_cart", 1_000), ("view_item", 1_000)])
def test_quantities_are_bounded_by_what_they_count(kind: str, most: int) -> None:
    assert good({"id": "e", "type": kind, "data": {"quantity": most}}).quantity == most
    for too_many in (most + 1, 2**63 - 1):
        assert reason({"id": "e", "type": kind, "data": {"quantity": too_many}}) == "range:quantity"
    assert reason({"id": "e", "type": kind, "data": {"amount_minor": 10**12 + 1}}) == "range:amount_minor"
    assert reason({"id": "e", "type": kind, "data": {"seconds": 3_601}}) == "range:seconds"


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({**GOOD, "id": ""}, "id"),
        ({**GOOD, "id": "x" * 129}, "id"),
        ({**GOOD, "id": 5}, "id"),
        ({"type": "view_item"}, "id"),
        ({"id": "e"}, "type"),
        ({**GOOD, "type": "View Item"}, "type"),
        ({**GOOD, "type": "x" * 60}, "type"),
        ({**GOOD, "specversion": "0.3"}, "specversion"),
        ({**GOOD, "data": [1]}, "data"),
        ({**GOOD, "time": "yesterday"}, "time"),
        ({**GOOD, "time": "2026-11-22T20:00:00"}, "time"),
        ({**GOOD, "time": "0001-01-01T00:00:00+14:00"}, "time"),
        (with_data(quantity=-1), "range:quantity"),
        (with_data(quantity=2**63), "range:quantity"),
        (with_data(quantity=True), "quantity"),
        (with_data(quantity=1.5), "quantity"),
        (with_data(amount_minor=-5), "range:amount_minor"),
        (with_data(price_minor=-5), "range:price_minor"),
        (with_data(value=-0.01), "range:value"),
        (with_data(product_id=0), "range:product_id"),
        (with_data(product_id="5"), "product_id"),
        (with_data(seconds=-1), "range:seconds"),
        (with_data(seconds=1e9), "range:seconds"),
        (with_data(currency="RENMINBI"), "currency"),
        (with_data(text="x" * 2001), "text"),
        (with_data(big=2**63), "range"),
        (with_data(big=[{"deeper": -(2**63) - 1}]), "range"),
        ([], "json"),
        ("text", "json"),
        (None, "json"),
        ({**GOOD, "data": {"blob": "x" * (64 << 10)}}, "too_large"),
    ],
)
def test_nonsense_is_bad_with_its_reason(event: object, expected: str) -> None:
    assert reason(event) == expected


def test_the_largest_number_that_fits_is_kept() -> None:
    assert good(with_data(product_id=2**63 - 1)).product_id == 2**63 - 1


@pytest.mark.parametrize(
    ("poison", "expected"),
    [
        (b'{"id":"p","type":"view_item","data":{"a":NaN}}', "json"),
        (b'{"id":"p","type":"view_item","data":{"a":Infinity}}', "json"),
        (b'{"id":"p","type":"view_item","data":{"a":1e999}}', "json"),
        (b'{"id":"p","type":"view_item","data":{"a":"\\ud800"}}', "json"),
        (b'{"id":"p","type":"view_item","data":{"a":"\xff"}}', "json"),
        (b'{"id":"p","type":"view_item","data":{"product_id":1,"product_id":2}}', "repeated_name"),
        (b'{"id":"p","type":"view_item","data":{"a":1,"\\u0061":2}}', "repeated_name"),
        (b'{"id":"p","id":"p","type":"view_item"}', "repeated_name"),
        (b'{"id":"p","type":"view_item","data":{"a":"\\u0000"}}', "characters"),
        (b'{"id":"p","type":"view_item","data":{"\\u0000":1}}', "characters"),
        (b'{"id":"p","type":"view_item","data":{"deep":[{"a":"\\u001b"}]}}', "characters"),
        (b'{"id":"p","type":"view_item","data":{"text":"\\ufffe"}}', "characters"),
        (b'{"id":"p\\u0000","type":"view_item"}', "characters"),
        (b'{"id":"p","type":"view_item","data":{"show_id":9223372036854775808}}', "range:show_id"),
        (b'{"id":"p","type":"view_item","data":{"show_id":1' + b"0" * 5_000 + b"}}", "json"),
        (b'{"id":"p","type":"view_item","data":{"show_id":"7"}}', "show_id"),
        (b'{"id":"p","type":"view_item","data":{"a":' + b"[" * 17 + b"]" * 17 + b"}}", "too_deep"),
        (b'{"id":"p","type":"view_item","data":{"a":' + b"[" * 500 + b"]" * 500 + b"}}", "too_deep"),
    ],
)
def test_a_poisoned_event_spoils_only_itself(poison: bytes, expected: str) -> None:
    body = (
        b"["
        + json.dumps(GOOD).encode()
        + b","
        + poison
        + b","
        + json.dumps({**GOOD, "id": "g2"}).encode()
        + b"]"
    )

    first, bad, last = parse(body, received=NOW, viewer="v")

    assert (first.id, last.id) == ("good", "g2")
    assert isinstance(first, Event)
    assert isinstance(last, Event)
    assert isinstance(bad, Bad)
    assert bad.reason == expected


@pytest.mark.parametrize("body", [b"", b"null", b"7", b'"x"', b"[", b"[1,", b"\x00", b"[" * 100_000])
def test_a_body_that_is_no_batch_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed) as refusal:
        parse(body, received=NOW, viewer=None)

    assert refusal.value.code == "collector.malformed"


def test_half_an_event_is_bad() -> None:
    (found,) = parse(b'{"id":"e"', received=NOW, viewer=None)

    assert found == Bad("#0", "json", b'{"id":"e"')


def test_a_body_or_batch_that_is_too_large_is_refused() -> None:
    with pytest.raises(TooLarge):
        parse(b"[" + b" " * MAX_BODY + b"]", received=NOW, viewer=None)
    with pytest.raises(TooLarge):
        parse(json.dumps([GOOD] * (MAX_BATCH + 1)).encode(), received=NOW, viewer=None)


@pytest.mark.parametrize(
    ("created", "sent", "expected", "jumped"),
    [
        (None, None, 0, False),
        (-10, 0, -10, False),
        (-10, None, -10, False),
        # A clock a day ahead, or in 1970, cancels out.
        (86_400 - 30, 86_400, -30, False),
        (-1e9 - 5, -1e9, -5, False),
        # Offline for 71 hours; for 100 hours.
        (-71 * 3600, 0, -71 * 3600, False),
        (-100 * 3600, 0, -72 * 3600, True),
        # Created after it was sent.
        (60, 0, 0, True),
    ],
)
def test_event_time(created: float | None, sent: float | None, expected: float, jumped: bool) -> None:
    def moment(seconds: float | None) -> datetime | None:
        return None if seconds is None else NOW + timedelta(seconds=seconds)

    assert event_time(moment(created), moment(sent), NOW) == (NOW + timedelta(seconds=expected), jumped)


def test_a_clock_that_jumped_is_flagged() -> None:
    found = good({**GOOD, "time": "2026-11-22T21:00:00Z", "sentat": "2026-11-22T20:00:00Z"})

    assert found.event_time == NOW
    assert found.extra == {"clock_jump": True}


def test_bad_events_can_be_judged_again_as_of_when_they_came() -> None:
    bad = one({**GOOD, "type": "orders.order_paid"})
    assert isinstance(bad, Bad)

    raw = bad.raw.replace(b"orders.order_paid", b"view_item")
    again = parse_again(raw, received=NOW, viewer=bad.viewer, site=bad.site)

    assert again == good(GOOD)

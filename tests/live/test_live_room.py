"""Room state: what each change does, what a tick carries, what is shown of the talk."""

from datetime import date
from typing import Any

import msgspec

from shopfloor.rooms.room import (
    CHAT_PER_TICK,
    RECENT,
    RING,
    ChatLine,
    Counted,
    Featured,
    Noticed,
    OfferPut,
    Priced,
    Room,
    ShowPut,
    VariantLeft,
    Waiting,
    difference,
    merged,
)
from shopfloor.rooms.state import NoticeState, OfferState, RoomState
from shopfloor.stock import Availability


def line(variant: int, left: int = 5, price: int = 100) -> dict[str, Any]:
    return {
        "id": variant, "sku": f"V{variant}", "options": ["M"], "price_minor": price, "currency": "CNY",
        "left": left, "ready_on": None, "later": [], "waiting": 0,
    }  # fmt: skip


def offer(number: int, title: str, *lines: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": number, "product_id": 1, "title": title, "titles": {}, "picture": None, "kind": "goods", "option_names": ["Size"],
        "policy": "timer", "limit": None, "hold_seconds": 300, "deposit_percent": None, "lines": {str(each["id"]): each for each in lines},
    }  # fmt: skip


def made(whole: dict[str, Any]) -> RoomState:
    return msgspec.convert(whole, RoomState)


def state() -> dict[str, Any]:
    return {
        "show": {"id": 1, "shop": "a", "title": "T", "titles": {}, "status": "live", "playback": None}
        | {"started_at": None, "channel_id": None},
        "featured": None,
        "order": [3, 4],
        "offers": {
            "3": offer(3, "Coat", line(9), line(10)),
            "4": offer(4, "Bowl", line(11)),
        },
        "viewers": 0,
        "likes": 0,
        "orders": 0,
        "notice": None,
    }


def room() -> Room:
    return Room("e1", made(state()))


def with_a_bundle(pots: int = 3, cups: int = 9) -> Room:
    """Offer 5 sells a set, 12, of one 11 and four 13; 11 is sold by itself too, 13 is not."""
    whole = state()
    parts = [
        {"id": part, "quantity": quantity, "title": "P", "titles": {}, "options": []}
        for part, quantity in ((11, 1), (13, 4))
    ]
    left = min(pots, cups // 4)
    whole["offers"]["5"] = offer(5, "Set", {**line(12, left), "parts": parts})
    whole["offers"]["4"]["lines"]["11"]["left"] = pots
    whole["parts"] = {
        "11": {"left": pots, "ready_on": None, "later": []},
        "13": {"left": cups, "ready_on": None, "later": []},
    }
    return Room("e1", made(whole))


def said(number: int, role: str = "viewer") -> ChatLine:
    return ChatLine(f"id{number}", "Ann", f"text {number}", role, number)


def test_a_bundle_follows_its_parts() -> None:
    a = with_a_bundle()

    patch = a.apply(VariantLeft(13, Availability(4)))
    assert patch == {"parts": {"13": {"left": 4}}, "offers": {"5": {"lines": {"12": {"left": 1}}}}}
    assert not a.urgent
    patch = a.apply(VariantLeft(11, Availability(0, ((date(2030, 12, 3), 2),))))
    later = {"left": 0, "ready_on": "2030-12-03", "later": [["2030-12-03", 2]]}
    assert patch == {
        "parts": {"11": later},
        "offers": {
            "4": {"lines": {"11": later}},
            "5": {"lines": {"12": {"left": 0, "ready_on": "2030-12-03", "later": [["2030-12-03", 1]]}}},
        },
    }
    assert a.urgent


def test_a_part_that_runs_out_sells_the_bundle_out_at_once() -> None:
    a = with_a_bundle()

    a.apply(VariantLeft(13, Availability(3)))

    assert a.state.offers["5"].lines["12"].left == 0
    assert a.state.offers["4"].lines["11"].left == 3
    assert a.urgent, "although three of the part itself are left"


def test_stock_that_changed_is_a_patch_of_the_members_that_changed() -> None:
    patch = room().apply(VariantLeft(9, Availability(4)))

    assert patch == {"offers": {"3": {"lines": {"9": {"left": 4}}}}}


def test_later_lots_travel_as_dates_and_units() -> None:
    patch = room().apply(VariantLeft(9, Availability(0, ((date(2026, 12, 3), 40),))))

    assert patch["offers"]["3"]["lines"]["9"] == {
        "left": 0,
        "ready_on": "2026-12-03",
        "later": [["2026-12-03", 40]],
    }


def test_every_kind_of_change() -> None:
    a = room()

    assert a.apply(Priced(3, 10, 90, "CNY")) == {"offers": {"3": {"lines": {"10": {"price_minor": 90}}}}}
    assert a.apply(Featured(3, 1000)) == {"featured": {"offer_id": 3, "at": 1000}}
    assert a.apply(Featured(4, 2000)) == {"featured": {"offer_id": 4, "at": 2000}}
    assert a.apply(Featured(None, 3000)) == {"featured": None}
    assert a.apply(Waiting(11, 6)) == {"offers": {"4": {"lines": {"11": {"waiting": 6}}}}}
    assert a.apply(Counted(viewers=5, orders=2)) == {"viewers": 5, "orders": 2}
    assert a.apply(Noticed(NoticeState(kind="notice", text="soon", texts={}, offer_id=None, at=1))) == {
        "notice": {"kind": "notice", "text": "soon", "texts": {}, "offer_id": None, "at": 1}
    }
    assert a.apply(ShowPut(msgspec.structs.replace(a.state.show, status="ended"))) == {
        "show": {"status": "ended"}
    }
    new = offer(5, "Tea", line(12))
    assert a.apply(OfferPut(msgspec.convert(new, OfferState), (5, 3, 4))) == {
        "offers": {"5": new},
        "order": [5, 3, 4],
    }


def test_what_the_room_does_not_have_changes_nothing() -> None:
    a = room()

    assert a.apply(VariantLeft(99, Availability(1))) == {}
    assert a.apply(VariantLeft(9, Availability(5))) == {}
    assert a.tick(1) is None
    assert a.seq == 0


def test_a_tick_carries_the_outcome_not_the_steps() -> None:
    a = room()
    a.apply(VariantLeft(9, Availability(4)))
    a.apply(VariantLeft(9, Availability(2)))
    a.apply(Counted(viewers=8))
    tick = a.tick(77)

    assert tick is not None
    assert tick.as_json() == {
        "t": "tick", "seq": 1, "now": 77,
        "patch": {"offers": {"3": {"lines": {"9": {"left": 2}}}}, "viewers": 8},
    }  # fmt: skip


def test_what_was_taken_back_within_a_tick_is_not_sent() -> None:
    a = room()
    a.apply(Counted(viewers=8))
    a.apply(Counted(viewers=0))

    assert a.tick(1) is None


def test_running_out_and_coming_back_and_featuring_are_urgent() -> None:
    a = room()
    a.apply(VariantLeft(9, Availability(4)))
    assert not a.urgent
    a.apply(VariantLeft(9, Availability(0)))
    assert a.urgent
    a.tick(1)
    assert not a.urgent
    a.apply(VariantLeft(9, Availability(1)))
    assert a.urgent
    a.tick(2)
    a.apply(Featured(3, 5))
    assert a.urgent


def test_an_applied_change_does_not_reach_into_what_was_sent() -> None:
    a = room()
    before = a.snapshot(0)
    a.apply(VariantLeft(9, Availability(4)))

    assert a.snapshot(0) == before
    a.tick(1)
    assert a.snapshot(0)["state"].offers["3"].lines["9"].left == 4


def test_chat_is_capped_and_what_is_dropped_is_counted() -> None:
    a = room()
    for number in range(100):
        a.say(said(number, "host" if number == 50 else "viewer"))
    tick = a.tick(1)

    assert tick is not None
    assert len(tick.chat) == CHAT_PER_TICK
    assert tick.dropped == 100 - CHAT_PER_TICK
    assert "id50" in {each.id for each in tick.chat}
    assert [each.at for each in tick.chat] == sorted(each.at for each in tick.chat)


def test_host_moderators_and_buyers_are_shown_however_many_they_are() -> None:
    a = room()
    for number in range(60):
        a.say(said(number, ("host", "moderator", "buyer")[number % 3]))
    a.say(said(60))
    tick = a.tick(1)

    assert tick is not None
    assert len(tick.chat) == 60
    assert tick.dropped == 1


def test_the_same_line_is_said_once() -> None:
    a = room()

    assert a.say(said(1))
    assert not a.say(said(1))
    a.tick(1)
    assert not a.say(said(1))
    assert a.tick(2) is None


def test_the_last_fifty_lines_are_kept() -> None:
    a = room()
    for number in range(70):
        a.say(said(number))
        a.tick(number)

    assert [each["id"] for each in a.snapshot(0)["chat"]] == [f"id{n}" for n in range(70 - RECENT, 70)]


def test_a_hidden_line_goes_from_the_snapshot_and_is_named_to_pages() -> None:
    a = room()
    a.say(said(1))
    a.say(said(2))
    a.tick(1)
    a.hide("id1")
    tick = a.tick(2)

    assert tick is not None
    assert tick.as_json() == {"t": "tick", "seq": 2, "now": 2, "hidden": ["id1"]}
    assert [each["id"] for each in a.snapshot(0)["chat"]] == ["id2"]


def test_an_erased_writer_has_no_name_and_pages_of_before_need_a_snapshot() -> None:
    a = room()
    for number in range(3):
        a.say(said(number))
    a.tick(1)
    a.say(said(3))
    a.unname({"id1", "id3", "elsewhere"}, epoch="e2")

    assert (a.began_anew, a.epoch, a.since("e1", 1), a.since("e1", 0)) == (True, "e2", None, None)
    assert [(each["id"], each["name"]) for each in a.snapshot(0)["chat"]] == [
        ("id0", "Ann"), ("id1", ""), ("id2", "Ann"),
    ]  # fmt: skip
    tick = a.tick(2)
    assert tick is not None
    assert [(each.id, each.name) for each in tick.chat] == [("id3", "")]
    assert [each.name for each in a.lines()] == ["Ann", "", "Ann", ""]
    assert a.since("e2", 1) == [tick]


def test_a_line_hidden_before_its_tick_is_never_sent() -> None:
    a = room()
    a.say(said(1))
    a.hide("id1")

    assert a.tick(1) is None
    assert not a.say(said(1))


def test_resume_gives_exactly_what_was_missed() -> None:
    a = room()
    for number in range(5):
        a.like(1)
        a.tick(number)

    assert [tick.seq for tick in a.since("e1", 3) or []] == [4, 5]
    assert a.since("e1", 5) == []


def test_resume_from_another_life_or_too_long_ago_needs_a_snapshot() -> None:
    a = room()
    for number in range(RING + 10):
        a.like(1)
        a.tick(number)

    assert a.since("e2", 5) is None
    assert a.since("e1", 9) is None
    assert len(a.since("e1", 10) or []) == RING
    assert a.since("e1", RING + 11) is None
    assert a.since("e1", -1) is None


def test_rfc_7386_examples() -> None:
    for target, patch, result in [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ]:
        assert merged(target, patch) == result


def test_difference_of_an_object_that_becomes_another() -> None:
    old: dict[str, Any] = {"a": {"x": 1, "y": 2}, "b": 1, "c": None}
    new: dict[str, Any] = {"a": {"y": 2, "z": 3}, "c": {"q": 1}}

    assert difference(old, new) == {"a": {"z": 3, "x": None}, "c": {"q": 1}, "b": None}
    assert merged(old, difference(old, new)) == new

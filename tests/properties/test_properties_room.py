"""A snapshot plus all later ticks is a fresh snapshot, whatever happens and wherever a page comes in."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shopfloor.rooms import wire
from shopfloor.rooms.room import (
    RECENT,
    CardPut,
    Change,
    ChatLine,
    Counted,
    Featured,
    Flashed,
    Noticed,
    OfferPut,
    Pinned,
    Priced,
    Room,
    ShowPut,
    VariantLeft,
    Waiting,
    difference,
    merged,
)
from shopfloor.rooms.state import (
    CouponState,
    FlashState,
    GiveawayState,
    NoticeState,
    OfferState,
    PinnedState,
    PollState,
    RoomState,
    ShowState,
)
from shopfloor.stock import Availability

# The machine may be busy; what is generated does not depend on how fast.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

VARIANTS = (9, 10, 11)
OFFERS = (3, 4, 5)
# A bundle of one 9 and two 11, and one of three 12, which is not sold by itself.
BUNDLES = {20: ((9, 1), (11, 2)), 21: ((12, 3),)}
PARTS = (9, 11, 12)
small = st.integers(0, 3)
days = st.sampled_from([date(2026, 12, 3), date(2027, 1, 9)])


def line(variant: int) -> dict[str, Any]:
    return {
        "id": variant,
        "sku": f"V{variant}",
        "options": [],
        "left": 1,
        "price_minor": 5,
        "currency": "EUR",
        "ready_on": None,
        "later": [],
        "waiting": 0,
    }


def offer(number: int, variants: list[int], title: str = "T") -> dict[str, Any]:
    lines = {str(variant): line(variant) for variant in variants}
    for variant in variants:
        if variant in BUNDLES:
            lines[str(variant)] |= {
                "left": 0,
                "parts": [
                    {"id": part, "quantity": quantity, "title": "P", "titles": {}, "options": []}
                    for part, quantity in BUNDLES[variant]
                ],
            }
    return {
        "id": number, "product_id": 1, "title": title, "titles": {}, "picture": None, "kind": "goods", "option_names": ["Size"],
        "policy": "timer", "limit": None, "hold_seconds": 300, "deposit_percent": None, "lines": lines,
    }  # fmt: skip


def show(
    status: Any = "planned", titles: dict[str, str] | None = None, playback: str | None = None
) -> ShowState:
    return ShowState(
        id=1, shop="a", title="T", titles=titles or {}, status=status, started_at=None, channel_id=None, playback=playback
    )  # fmt: skip


def plain(value: object) -> Any:
    return wire.plain_value(wire.encode(value))


def snapshot_of(room: Room) -> dict[str, Any]:
    """As a page gets it."""
    return wire.plain_value(wire.encode(room.snapshot(0)))


changes: st.SearchStrategy[Change] = st.one_of(
    st.builds(
        VariantLeft,
        st.sampled_from((*VARIANTS, *PARTS)),
        st.builds(Availability, st.integers(0, 9), st.lists(st.tuples(days, small), max_size=2).map(tuple)),
    ),
    st.builds(Waiting, st.sampled_from(VARIANTS), small),
    st.builds(Priced, st.sampled_from(OFFERS), st.sampled_from(VARIANTS), small, st.just("EUR")),
    st.builds(Featured, st.none() | st.sampled_from(OFFERS), small),
    st.builds(
        Pinned,
        st.none()
        | st.builds(
            PinnedState,
            id=st.just("1"),
            name=st.text(max_size=1),
            text=st.text(max_size=2),
            role=st.just("host"),
            at=small,
        ),
    ),
    st.builds(
        Flashed,
        st.sampled_from(OFFERS),
        st.none()
        | st.builds(
            FlashState,
            ends_at=small,
            units=small,
            days=st.just(30),
            struck=st.dictionaries(st.sampled_from(["9", "10"]), small),
        ),
    ),
    st.builds(
        CardPut,
        st.just("poll"),
        st.none()
        | st.builds(
            PollState,
            id=small,
            question=st.just("?"),
            answers=st.just(("A", "B")),
            counts=st.tuples(small, small),
            closes_at=small,
            closed=st.booleans(),
        ),
    ),
    st.builds(
        CardPut,
        st.just("coupon"),
        st.none()
        | st.builds(
            CouponState,
            id=small,
            title=st.just("C"),
            slug=st.just("c"),
            kind=st.just("amount"),
            percent=st.just("0"),
            amount_minor=small,
            minimum_minor=small,
            currency=st.just("EUR"),
            left=st.none() | small,
            ends_at=st.none() | small,
            open=st.booleans(),
        ),
    ),
    st.builds(
        CardPut,
        st.just("giveaway"),
        st.none()
        | st.builds(
            GiveawayState,
            id=small,
            prize=st.text(max_size=2),
            value_minor=small,
            currency=st.just("EUR"),
            winners=small,
            entries=small,
            state=st.sampled_from(["open", "closed", "drawn", "void"]),
            closes_at=small,
            draws_at=small,
            waits=st.booleans(),
            drawn=st.lists(st.tuples(st.text(max_size=1), st.text(max_size=2)), max_size=2).map(tuple),
        ),
    ),
    st.builds(Counted, st.none() | small, st.none() | small, st.none() | small),
    st.builds(
        Noticed,
        st.none()
        | st.builds(
            NoticeState,
            kind=st.just("notice"),
            text=st.text(max_size=2),
            texts=st.dictionaries(st.sampled_from("ab"), st.text(max_size=1)),
            offer_id=st.none() | small,
            at=small,
        ),
    ),
    st.builds(
        ShowPut,
        st.builds(
            show,
            status=st.sampled_from(["planned", "live", "ended"]),
            titles=st.dictionaries(st.sampled_from("ab"), st.text(max_size=1)),
            playback=st.none() | st.just("/media/1/live.m3u8"),
        ),
    ),
    st.builds(
        lambda number, variants, order: OfferPut(
            msgspec.convert(offer(number, variants), OfferState), tuple(order)
        ),
        st.sampled_from(OFFERS),
        st.lists(st.sampled_from(VARIANTS), unique=True),
        st.permutations(OFFERS),
    ),
)
talk = st.one_of(
    st.tuples(st.just("say"), st.integers(0, 40), st.sampled_from(["viewer", "host", "buyer"])),
    st.tuples(st.just("hide"), st.integers(0, 40), st.just("")),
    st.tuples(st.just("answer"), st.integers(0, 40), st.sampled_from(["yes", "no"])),
    st.tuples(st.just("like"), st.integers(1, 3), st.just("")),
    st.tuples(st.just("tick"), st.just(0), st.just("")),
    st.tuples(st.just("reload"), small, st.just("")),
)


def without_nulls(value: Any) -> Any:
    """Null and absent are the same in a merge patch."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return value


class Page:
    """What a browser does with what it gets."""

    def __init__(self, snapshot: Mapping[str, Any]) -> None:
        self.state = snapshot["state"]
        self.chat = list(snapshot["chat"])
        self.seq = snapshot["seq"]

    def take(self, tick: Mapping[str, Any]) -> None:
        assert tick["seq"] == self.seq + 1
        self.seq = tick["seq"]
        self.state = merged(self.state, tick.get("patch", {}))
        hidden = set(tick.get("hidden", []))
        self.chat = [each for each in self.chat if each["id"] not in hidden]
        for line_id, at in tick.get("answered", {}).items():
            self.chat = [
                without_nulls(each | {"answered": at}) if each["id"] == line_id else each
                for each in self.chat
            ]
        self.chat = [*self.chat, *tick.get("chat", [])][-RECENT:]

    def shows(self, room: Room) -> bool:
        fresh = snapshot_of(room)
        return (
            without_nulls(self.state) == without_nulls(fresh["state"])
            and self.chat == fresh["chat"]
            and self.seq == fresh["seq"]
        )


def start() -> Room:
    state: dict[str, Any] = {
        "show": msgspec.to_builtins(show()),
        "featured": None,
        "order": list(OFFERS),
        "offers": {"3": offer(3, [9, 10, 20]), "4": offer(4, [9, 11, 20, 21])},
        "parts": {str(part): {"left": 1, "ready_on": None, "later": []} for part in PARTS},
        "viewers": 0,
        "likes": 0,
        "orders": 0,
        "notice": None,
    }
    return Room("e", msgspec.convert(state, RoomState))


@patient
@given(st.lists(st.one_of(changes, talk), max_size=60), st.integers(0, 59))
def test_snapshot_and_deltas_make_a_fresh_snapshot(actions: list[Any], comes_at: int) -> None:
    room = start()
    first = Page(snapshot_of(room))
    second: Page | None = None
    missed: Page | None = None
    ticked = 0
    for turn, action in enumerate(actions):
        if turn == comes_at:
            second = Page(snapshot_of(room))
            missed = Page(snapshot_of(room))
        match action:
            case ("say", int(number), str(role)):
                room.say(ChatLine(f"l{number}", "Ann", "hello", role, number))
            case ("hide", int(number), _):
                room.hide(f"l{number}")
            case ("answer", int(number), str(really)):
                room.answer(f"l{number}", number if really == "yes" else None)
            case ("like", int(number), _):
                room.like(number)
            case ("reload", int(number), _):
                room.replace(msgspec.structs.replace(start().state, viewers=number))
            case ("tick", _, _):
                pass
            case change:
                room.apply(change)
        if turn % 3 == 0 or action == ("tick", 0, ""):
            tick = room.tick(turn)
            if tick is not None:
                ticked += 1
                for page in (first, second):
                    if page is not None:
                        page.take(tick.as_json())
            assert first.shows(room)
            assert second is None or second.shows(room)
    last = room.tick(len(actions))
    if last is not None:
        first.take(last.as_json())
    assert first.shows(room)
    assert without_nulls(first.state) == without_nulls(plain(room.state))
    if missed is not None:
        for tick in room.since("e", missed.seq) or []:
            missed.take(tick.as_json())
        assert missed.shows(room)


@patient
@given(st.lists(changes, max_size=30))
def test_what_apply_returns_is_the_difference(actions: list[Change]) -> None:
    room = start()
    state: Any = plain(room.state)
    for change in actions:
        state = merged(state, room.apply(change))
        assert without_nulls(state) == without_nulls(plain(room.state))


@patient
@given(st.lists(changes, max_size=30))
def test_bundles_never_show_more_than_their_parts_allow(actions: list[Change]) -> None:
    room = start()
    for change in actions:
        room.apply(change)
        parts = room.state.parts
        for sold in room.state.offers.values():
            for key, shown in sold.lines.items():
                units = BUNDLES.get(int(key), ())
                if units:
                    assert shown.left == min(parts[str(part)].left // each for part, each in units)
                    total = min(
                        (parts[str(part)].left + sum(more for _, more in parts[str(part)].later)) // each
                        for part, each in units
                    )
                    assert shown.left + sum(more for _, more in shown.later) == total


json = st.recursive(
    st.none() | st.booleans() | small | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from("abc"), json, max_size=3)


@patient
@given(objects, objects)
def test_a_difference_leads_from_any_object_to_any_other(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert without_nulls(merged(old, difference(old, new))) == without_nulls(new)

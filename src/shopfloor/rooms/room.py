"""What everybody in a room sees, and how it reaches them.  Pure: no clock, no I/O.

A room is *state* (offers, prices, what is left, counters: the last value wins) and *talk* (chat lines, likes:
gone once seen).  Changes are applied as they come; a *tick* carries what has become of them since the tick
before, under the next sequence number.  RoomState travels as an RFC 7386 merge patch.

Promise: a snapshot plus all later ticks is the same as a fresh snapshot.  In a merge patch null removes a
member, so a member that is null and a member that is absent mean the same thing here.

RoomState is never changed in place: an applied change shares what it did not touch with the state before it, so
that finding the difference between two states costs as much as what changed, not as much as the room.
"""

import dataclasses
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field
from functools import cache
from typing import Any, Final, cast

import msgspec
from msgspec.structs import replace

from shopfloor.kernel.records import dataclass
from shopfloor.rooms.state import (
    AuctionState,
    CouponState,
    FeaturedState,
    FlashState,
    GiveawayState,
    LeftState,
    LineState,
    NoticeState,
    OfferState,
    PinnedState,
    PollState,
    RoomState,
    ShowState,
)
from shopfloor.stock import Availability, assembled

RING: Final = 300
RECENT: Final = 50
CHAT_PER_TICK: Final = 20
ALWAYS_SHOWN: Final = frozenset({"host", "moderator", "buyer", "system"})

Patch = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ChatLine:
    """A line of chat as pages get it.  `at` is in milliseconds since 1970; `role` viewer, host, moderator, buyer, system.

    `answered`: when the question in it was answered, on the clock of the video.
    """

    id: str
    name: str
    text: str
    role: str
    at: int
    answered: int | None = None

    def as_json(self) -> dict[str, Any]:
        line: dict[str, Any] = {
            "id": self.id, "name": self.name, "text": self.text, "role": self.role, "at": self.at
        }  # fmt: skip
        return line if self.answered is None else line | {"answered": self.answered}


# What can happen to the state of a room.  All values are absolute.


@dataclass(frozen=True, slots=True)
class VariantLeft:
    """What can be bought of a variant."""

    variant_id: int
    left: Availability


@dataclass(frozen=True, slots=True)
class Featured:
    """The offer shown from `at` (video time, ms) on; None: nothing is shown."""

    offer_id: int | None
    at: int


@dataclass(frozen=True, slots=True)
class Priced:
    offer_id: int
    variant_id: int
    price_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class OfferPut:
    """An offer as it stands, new or changed, in the shape of the room's state; `order` is the run of show."""

    offer: OfferState
    order: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ShowPut:
    """What the room says of the show itself."""

    show: ShowState


@dataclass(frozen=True, slots=True)
class Counted:
    """Counters of the room; None leaves one as it is."""

    viewers: int | None = None
    likes: int | None = None
    orders: int | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many units of a variant people wait for."""

    variant_id: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Noticed:
    """The notice on top of the room; None takes it away."""

    notice: NoticeState | None


@dataclass(frozen=True, slots=True)
class Flashed:
    """A flash of an offer began; None: it is over."""

    offer_id: int
    flash: FlashState | None


@dataclass(frozen=True, slots=True)
class Pinned:
    """The line of chat above the others; None takes it away."""

    line: PinnedState | None


@dataclass(frozen=True, slots=True)
class CardPut:
    """A card of one kind as it stands; None takes it away."""

    kind: str
    state: GiveawayState | PollState | CouponState | AuctionState | None


Change = (
    VariantLeft
    | Featured
    | Priced
    | OfferPut
    | ShowPut
    | Counted
    | Waiting
    | Noticed
    | Flashed
    | Pinned
    | CardPut
)


def changed(state: RoomState, change: Change) -> RoomState:
    """The state after `change`.  What the room does not have (another show's variant) changes nothing."""
    match change:
        case VariantLeft(variant_id, left):
            found = left_state(left)
            return _with_bundles(_with_left(state, variant_id, found), variant_id, found)
        case Waiting(variant_id, waiting):
            return _with_lines(state, variant_id, lambda line: replace(line, waiting=waiting))
        case Priced(offer_id, variant_id, price_minor, currency):
            return _with_lines(
                state,
                variant_id,
                lambda line: replace(line, price_minor=price_minor, currency=currency),
                only_offer=str(offer_id),
            )
        case Featured(offer_id, at):
            shown = None if offer_id is None else FeaturedState(offer_id=offer_id, at=at)
            return replace(state, featured=shown)
        case OfferPut(offer, order):
            return replace(state, offers={**state.offers, str(offer.id): offer}, order=order)
        case ShowPut(show):
            return replace(state, show=show)
        case Counted(viewers, likes, orders):
            return replace(
                state,
                viewers=state.viewers if viewers is None else viewers,
                likes=state.likes if likes is None else likes,
                orders=state.orders if orders is None else orders,
            )
        case Noticed(notice):
            return replace(state, notice=notice)
        case Pinned(line):
            return replace(state, pinned=line)
        case CardPut(kind, card):
            return replace(state, **{kind: card})
        case Flashed(offer_id, flash):
            offer = state.offer(offer_id)
            if offer is None or offer.flash == flash:
                return state
            return replace(state, offers={**state.offers, str(offer_id): replace(offer, flash=flash)})


def _with_lines(
    state: RoomState,
    variant_id: int,
    change: Callable[[LineState], LineState],
    only_offer: str | None = None,
) -> RoomState:
    key = str(variant_id)
    new = {
        offer_id: replace(offer, lines={**offer.lines, key: change(offer.lines[key])})
        for offer_id, offer in state.offers.items()
        if key in offer.lines and (only_offer is None or offer_id == only_offer)
    }
    return replace(state, offers={**state.offers, **new}) if new else state


def _with_left(
    state: RoomState, variant_id: int, found: LeftState, only_offer: str | None = None
) -> RoomState:
    return _with_lines(
        state,
        variant_id,
        lambda line: replace(line, left=found.left, ready_on=found.ready_on, later=found.later),
        only_offer,
    )


def _with_bundles(state: RoomState, part_id: int, found: LeftState) -> RoomState:
    """What is left of bundles follows what is left of their parts."""
    key = str(part_id)
    if key not in state.parts:
        return state
    parts = {**state.parts, key: found}
    state = replace(state, parts=parts)
    for offer_id, offer in state.offers.items():
        for line in offer.lines.values():
            if any(part.id == part_id for part in line.parts):
                together = left_state(
                    assembled(
                        [
                            (Availability(parts[str(part.id)].left, parts[str(part.id)].later), part.quantity)
                            for part in line.parts
                        ]
                    )
                )
                state = _with_left(state, line.id, together, only_offer=offer_id)
    return state


def left_state(left: Availability) -> LeftState:
    return LeftState(left=left.now, ready_on=left.ready_on, later=left.later)


@cache
def _omitted(kind: type[msgspec.Struct]) -> frozenset[str]:
    """Members that do not travel while they are empty."""
    return frozenset(field.name for field in msgspec.structs.fields(kind) if not field.required)


def _members(value: object) -> dict[str, Any] | None:
    """What a JSON object of it has as members; None when it is no object."""
    if isinstance(value, msgspec.Struct):
        omitted = _omitted(type(value))
        return {
            name: member
            for name in value.__struct_fields__
            if (member := getattr(value, name)) or name not in omitted
        }
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _plain(value: object) -> Any:
    """`value` as JSON would give it back."""
    return value if isinstance(value, str | int | None) else msgspec.json.decode(msgspec.json.encode(value))


def difference(old: Mapping[str, Any] | msgspec.Struct, new: Mapping[str, Any] | msgspec.Struct) -> Patch:
    """The merge patch, of plain values, that makes `new` of `old` (null and absent being the same)."""
    patch: Patch = {}
    before, after = _members(old) or {}, _members(new) or {}
    for key, value in after.items():
        was = before.get(key)
        if value is was:
            continue
        if _members(value) is not None and _members(was) is not None:
            inner = difference(cast("Any", was), value)
            if inner:
                patch[key] = inner
        elif value != was:
            patch[key] = _plain(value)
    for key, was in before.items():
        if was is not None and key not in after:
            patch[key] = None
    return patch


def merged(target: Any, patch: Any) -> Any:
    """RFC 7386: `target` after `patch`.  What a page does with the patch of a tick."""
    if not isinstance(patch, dict):
        return patch
    result: dict[str, Any] = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


@dataclass(frozen=True, slots=True)
class Tick:
    """What changed since the tick before.  `dropped`: chat lines that were kept but not shown to everybody; `answered`:
    by line, when it was answered (None: it was not, after all).
    """

    seq: int
    now: int
    patch: Patch
    chat: tuple[ChatLine, ...] = ()
    hidden: tuple[str, ...] = ()
    likes: int = 0
    dropped: int = 0
    answered: Mapping[str, int | None] = field(default_factory=dict[str, int | None])

    def as_json(self) -> dict[str, Any]:
        """Only the members that say something."""
        message: dict[str, Any] = {"t": "tick", "seq": self.seq, "now": self.now}
        if self.patch:
            message["patch"] = self.patch
        if self.chat:
            message["chat"] = [line.as_json() for line in self.chat]
        if self.hidden:
            message["hidden"] = list(self.hidden)
        if self.answered:
            message["answered"] = dict(self.answered)
        if self.likes:
            message["likes"] = self.likes
        if self.dropped:
            message["dropped"] = self.dropped
        return message


@dataclass(slots=True)
class Room:
    """One room in one process.  `epoch` names this life of it: sequence numbers mean nothing in another."""

    epoch: str
    state: RoomState
    recent: deque[ChatLine] = field(default_factory=lambda: deque[ChatLine](maxlen=RECENT))
    seq: int = 0
    urgent: bool = False
    began_anew: bool = False
    """Whether pages need a snapshot before the next tick."""
    _sent: RoomState = field(init=False)
    _said: list[ChatLine] = field(default_factory=list[ChatLine])
    _hidden: list[str] = field(default_factory=list[str])
    _answered: dict[str, int | None] = field(default_factory=dict[str, int | None])
    _seen: dict[str, None] = field(default_factory=dict[str, None])
    _likes: int = 0
    _ring: deque[Tick] = field(default_factory=lambda: deque[Tick](maxlen=RING))

    def __post_init__(self) -> None:
        self._sent = self.state
        self._seen = {line.id: None for line in self.recent}

    def apply(self, change: Change) -> Patch:
        """Take a change in; return the merge patch it makes of the state before it (empty: nothing changed)."""
        before = self.state
        after = changed(before, change)
        if after is before:
            return {}
        patch = difference(before, after)
        if patch:
            self.state = after
            if isinstance(change, Featured | Noticed | Flashed | Pinned) or _runs_out(before, after):
                self.urgent = True
        return patch

    def replace(self, state: RoomState) -> None:
        """Take a whole state over, for example after reading it afresh; the next tick carries the difference."""
        self.state = state

    def say(self, line: ChatLine) -> bool:
        """A line was said.  The same line again is not said twice."""
        if line.id in self._seen:
            return False
        self._seen[line.id] = None
        if len(self._seen) > 8 * RECENT:
            del self._seen[next(iter(self._seen))]
        self._said.append(line)
        return True

    def recall(self, line: ChatLine) -> None:
        """A line that was said before this room was opened."""
        if line.id not in self._seen:
            self._seen[line.id] = None
            self.recent.append(line)

    def lines(self) -> list[ChatLine]:
        """The last lines as a page that is made now shows them: the next tick's already, and none that was hidden."""
        hidden = set(self._hidden)
        known = (_marked(line, self._answered) for line in self.recent)
        return [line for line in (*known, *self._said) if line.id not in hidden][-RECENT:]

    def hide(self, line_id: str) -> None:
        """A line is taken out of every page, also if it comes only now."""
        self._seen.setdefault(line_id, None)
        said = [line for line in self._said if line.id != line_id]
        if len(said) < len(self._said):
            self._said = said
            return
        if line_id not in self._hidden:
            self._hidden.append(line_id)

    def answer(self, line_id: str, at: int | None) -> None:
        """The question in a line was answered at this moment of the video; None: it was not, after all."""
        for place, line in enumerate(self._said):
            if line.id == line_id:
                self._said[place] = dataclasses.replace(line, answered=at)
                return
        self._answered[line_id] = at

    def unname(self, line_ids: Collection[str], *, epoch: str) -> None:
        """Whoever wrote these lines was erased: nothing here has their name any longer.

        Pages cannot take a name off a line, and may have lines that are gone from here.  So the room begins anew:
        what is known by another epoch leads to a snapshot.
        """
        self.recent = deque((_unnamed(line, line_ids) for line in self.recent), maxlen=RECENT)
        self._said = [_unnamed(line, line_ids) for line in self._said]
        self._ring.clear()
        self.epoch = epoch
        self.began_anew = self.urgent = True

    def like(self, count: int) -> None:
        self._likes += count

    def has_news(self) -> bool:
        return self.state is not self._sent or bool(
            self._said or self._hidden or self._answered or self._likes
        )

    def tick(self, now: int) -> Tick | None:
        """Everything since the last tick under the next sequence number; None when nothing happened."""
        self.urgent = False
        if not self.has_news():
            return None
        patch = difference(self._sent, self.state)
        self._sent = self.state
        chat, dropped = _shown(self._said)
        hidden, answered, likes = tuple(self._hidden), self._answered, self._likes
        self._said, self._hidden, self._answered, self._likes = [], [], {}, 0
        if not (patch or chat or hidden or answered or likes or dropped):
            return None
        if hidden:
            gone = set(hidden)
            kept = [line for line in self.recent if line.id not in gone]
            self.recent.clear()
            self.recent.extend(kept)
        if answered:
            self.recent = deque((_marked(line, answered) for line in self.recent), maxlen=RECENT)
        self.recent.extend(chat)
        self.seq += 1
        tick = Tick(self.seq, now, patch, tuple(chat), hidden, likes, dropped, answered)
        self._ring.append(tick)
        return tick

    def since(self, epoch: str, seq: int) -> list[Tick] | None:
        """The ticks after `seq`, for a page that was here before; None when it needs a snapshot."""
        if epoch != self.epoch or not 0 <= seq <= self.seq:
            return None
        missing = self.seq - seq
        if missing > len(self._ring):
            return None
        return list(self._ring)[len(self._ring) - missing :] if missing else []

    def snapshot(self, now: int) -> dict[str, Any]:
        """The room as of the last tick, so that the next tick fits onto it."""
        return {
            "t": "snapshot",
            "epoch": self.epoch,
            "seq": self.seq,
            "now": now,
            "state": self._sent,
            "chat": [line.as_json() for line in self.recent],
        }


def _unnamed(line: ChatLine, line_ids: Collection[str]) -> ChatLine:
    return dataclasses.replace(line, name="") if line.id in line_ids else line


def _marked(line: ChatLine, answered: Mapping[str, int | None]) -> ChatLine:
    return dataclasses.replace(line, answered=answered[line.id]) if line.id in answered else line


def _runs_out(before: RoomState, after: RoomState) -> bool:
    """Something sold out, or is there again: pages should not have to wait for it."""
    known = before.offers
    return any(
        (line.left == 0) != (known[offer_id].lines[key].left == 0)
        for offer_id, offer in after.offers.items()
        if offer is not known.get(offer_id) and offer_id in known
        for key, line in offer.lines.items()
        if key in known[offer_id].lines
    )


def _shown(said: Sequence[ChatLine]) -> tuple[list[ChatLine], int]:
    """At most `CHAT_PER_TICK` lines: those of hosts, moderators and buyers all, the others evenly sampled."""
    if len(said) <= CHAT_PER_TICK:
        return list(said), 0
    ordinary = [index for index, line in enumerate(said) if line.role not in ALWAYS_SHOWN]
    places = max(0, CHAT_PER_TICK - (len(said) - len(ordinary)))
    kept = {ordinary[turn * len(ordinary) // places] for turn in range(places)} if places else set[int]()
    dropped = set(ordinary) - kept
    return [line for index, line in enumerate(said) if index not in dropped], len(dropped)

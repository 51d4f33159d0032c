"""What everybody in a room sees, and how it reaches them.  Pure: no clock, no I/O.

A room is *state* (offers, prices, what is left, counters: the last value wins) and *talk* (chat lines, likes:
gone once seen).  Changes are applied as they come; a *tick* carries what has become of them since the tick
before, under the next sequence number.  State travels as an RFC 7386 merge patch.

Promise: a snapshot plus all later ticks is the same as a fresh snapshot.  In a merge patch null removes a
member, so a member that is null and a member that is absent mean the same thing here.

State is never changed in place: an applied change shares what it did not touch with the state before it, so
that finding the difference between two states costs as much as what changed, not as much as the room.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from shopfloor.stock import Availability, assembled

RING: Final = 300
RECENT: Final = 50
CHAT_PER_TICK: Final = 20
ALWAYS_SHOWN: Final = frozenset({"host", "moderator", "buyer", "system"})

State = dict[str, Any]
Patch = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ChatLine:
    """A line of chat as pages get it.  `at` is in milliseconds since 1970; `role` viewer, host, moderator, buyer, system."""

    id: str
    name: str
    text: str
    role: str
    at: int

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "text": self.text, "role": self.role, "at": self.at}


# What can happen to the state of a room.  All values are absolute.


@dataclass(frozen=True, slots=True)
class VariantLeft:
    """What can be bought of a variant: now, and later by the day it is ready."""

    variant_id: int
    left: int
    ready_on: date | None
    later: tuple[tuple[date, int], ...]


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

    offer: Mapping[str, Any]
    order: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ShowPut:
    """What the room says of the show itself."""

    show: Mapping[str, Any]


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

    notice: Mapping[str, Any] | None


Change = VariantLeft | Featured | Priced | OfferPut | ShowPut | Counted | Waiting | Noticed


def left_as_json(left: int, ready_on: date | None, later: Iterable[tuple[date, int]]) -> dict[str, Any]:
    """The members of a line that stock decides."""
    return {
        "left": left,
        "ready_on": None if ready_on is None else ready_on.isoformat(),
        "later": [[day.isoformat(), units] for day, units in later],
    }


def changed(state: State, change: Change) -> State:
    """The state after `change`.  What the room does not have (another show's variant) changes nothing."""
    match change:
        case VariantLeft(variant_id, left, ready_on, later):
            members = left_as_json(left, ready_on, later)
            return _with_bundles(_with_lines(state, variant_id, members), variant_id, members)
        case Waiting(variant_id, waiting):
            return _with_lines(state, variant_id, {"waiting": waiting})
        case Priced(offer_id, variant_id, price_minor, currency):
            price = {"price_minor": price_minor, "currency": currency}
            return _with_lines(state, variant_id, price, only_offer=str(offer_id))
        case Featured(None, _):
            return {**state, "featured": None}
        case Featured(offer_id, at):
            return {**state, "featured": {"offer_id": offer_id, "at": at}}
        case OfferPut(offer, order):
            offers = {**state["offers"], str(offer["id"]): dict(offer)}
            return {**state, "offers": offers, "order": list(order)}
        case ShowPut(show):
            return {**state, "show": dict(show)}
        case Counted(viewers, likes, orders):
            counts = {"viewers": viewers, "likes": likes, "orders": orders}
            return {**state, **{name: count for name, count in counts.items() if count is not None}}
        case Noticed(notice):
            return {**state, "notice": None if notice is None else dict(notice)}


def _with_lines(
    state: State, variant_id: int, members: dict[str, Any], only_offer: str | None = None
) -> State:
    key = str(variant_id)
    offers: dict[str, Any] = state["offers"]
    new = {
        offer_id: {**offer, "lines": {**offer["lines"], key: {**offer["lines"][key], **members}}}
        for offer_id, offer in offers.items()
        if key in offer["lines"] and (only_offer is None or offer_id == only_offer)
    }
    return {**state, "offers": {**offers, **new}} if new else state


def _with_bundles(state: State, part_id: int, members: dict[str, Any]) -> State:
    """What is left of bundles follows what is left of their parts."""
    key = str(part_id)
    known: dict[str, Any] = state.get("parts", {})
    if key not in known:
        return state
    parts: dict[str, Any] = {**known, key: members}
    state = {**state, "parts": parts}
    for offer_id, offer in state["offers"].items():
        for line in offer["lines"].values():
            if any(part["id"] == part_id for part in line.get("parts", ())):
                left = assembled(
                    [(_availability(parts[str(part["id"])]), part["quantity"]) for part in line["parts"]]
                )
                together = left_as_json(left.left_now, left.ready_on, left.lots)
                state = _with_lines(state, line["id"], together, only_offer=offer_id)
    return state


def _availability(members: Mapping[str, Any]) -> Availability:
    return Availability(
        members["left"], tuple((date.fromisoformat(day), units) for day, units in members["later"])
    )


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> Patch:
    """The merge patch that makes `new` of `old` (null and absent being the same)."""
    patch: Patch = {}
    for key, value in new.items():
        before = old.get(key)
        if value is before:
            continue
        if isinstance(value, dict) and isinstance(before, dict):
            inner = difference(before, value)
            if inner:
                patch[key] = inner
        elif value != before:
            patch[key] = value
    for key, before in old.items():
        if before is not None and key not in new:
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
    """What changed since the tick before.  `dropped`: chat lines that were kept but not shown to everybody."""

    seq: int
    now: int
    patch: Patch
    chat: tuple[ChatLine, ...] = ()
    hidden: tuple[str, ...] = ()
    likes: int = 0
    dropped: int = 0

    def as_json(self) -> dict[str, Any]:
        """Only the members that say something."""
        message: dict[str, Any] = {"t": "tick", "seq": self.seq, "now": self.now}
        if self.patch:
            message["patch"] = self.patch
        if self.chat:
            message["chat"] = [line.as_json() for line in self.chat]
        if self.hidden:
            message["hidden"] = list(self.hidden)
        if self.likes:
            message["likes"] = self.likes
        if self.dropped:
            message["dropped"] = self.dropped
        return message


@dataclass(slots=True)
class Room:
    """One room in one process.  `epoch` names this life of it: sequence numbers mean nothing in another."""

    epoch: str
    state: State
    recent: deque[ChatLine] = field(default_factory=lambda: deque[ChatLine](maxlen=RECENT))
    seq: int = 0
    urgent: bool = False
    _sent: State = field(init=False)
    _said: list[ChatLine] = field(default_factory=list[ChatLine])
    _hidden: list[str] = field(default_factory=list[str])
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
            if isinstance(change, Featured | Noticed) or _runs_out(before, after):
                self.urgent = True
        return patch

    def replace(self, state: State) -> None:
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

    def hide(self, line_id: str) -> None:
        """A line is taken out of every page, also if it comes only now."""
        self._seen.setdefault(line_id, None)
        said = [line for line in self._said if line.id != line_id]
        if len(said) < len(self._said):
            self._said = said
            return
        if line_id not in self._hidden:
            self._hidden.append(line_id)

    def like(self, count: int) -> None:
        self._likes += count

    def has_news(self) -> bool:
        return self.state is not self._sent or bool(self._said or self._hidden or self._likes)

    def tick(self, now: int) -> Tick | None:
        """Everything since the last tick under the next sequence number; None when nothing happened."""
        self.urgent = False
        if not self.has_news():
            return None
        patch = difference(self._sent, self.state)
        self._sent = self.state
        chat, dropped = _shown(self._said)
        hidden, likes = tuple(self._hidden), self._likes
        self._said, self._hidden, self._likes = [], [], 0
        if not (patch or chat or hidden or likes or dropped):
            return None
        if hidden:
            gone = set(hidden)
            kept = [line for line in self.recent if line.id not in gone]
            self.recent.clear()
            self.recent.extend(kept)
        self.recent.extend(chat)
        self.seq += 1
        tick = Tick(self.seq, now, patch, tuple(chat), hidden, likes, dropped)
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


def _runs_out(before: State, after: State) -> bool:
    """Something sold out, or is there again: pages should not have to wait for it."""
    known: dict[str, Any] = before["offers"]
    return any(
        (line["left"] == 0) != (known[offer_id]["lines"][key]["left"] == 0)
        for offer_id, offer in after["offers"].items()
        if offer is not known.get(offer_id) and offer_id in known
        for key, line in offer["lines"].items()
        if key in known[offer_id]["lines"]
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

"""The rooms of one process: read once from the database, then kept true by following facts.

Any number of processes serve the same room; each builds it for itself, and all show the same because the
facts carry absolute values and the last one wins.  What a fact cannot tell is read afresh.

A room is read while facts keep coming.  Those that arrive meanwhile are applied after it: of two values for
one thing the later fact then has the last word, whether or not the reading saw it already.
"""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Collection, Generator, Mapping, Sequence
from dataclasses import field
from datetime import date
from typing import Any, ClassVar, Final

from msgspec import UNSET

from shopfloor import inventory, stock
from shopfloor.kernel import logs
from shopfloor.kernel.database import Database, DatabaseAway, Tx
from shopfloor.kernel.records import dataclass
from shopfloor.live import Show, ShowChanged, ShowStatus, UnknownShow, public_show
from shopfloor.rooms import presence_store, snapshot
from shopfloor.rooms.cards import card_of
from shopfloor.rooms.events import CardChanged, NoticePosted, ShowCounted, WaitingChanged
from shopfloor.rooms.room import (
    RECENT,
    CardPut,
    Change,
    ChatLine,
    Counted,
    Featured,
    Flashed,
    Noticed,
    Pinned,
    Priced,
    Room,
    VariantLeft,
    Waiting,
)
from shopfloor.rooms.state import PinnedState
from shopfloor.run_of_show import (
    FlashEnded,
    FlashStarted,
    OfferAdded,
    OfferChanged,
    OfferFeatured,
    OfferPriceChanged,
    ShowEnded,
    ShowStarted,
)

# Between two readings of the same room for changes that facts do not spell out.
PAUSE: Final = 0.2

RecentLines = Callable[[Tx, int], Awaitable[Sequence[ChatLine]]]

_log = logs.get("live")


@dataclass(slots=True)
class OpenRoom:
    """A room with what pages do not see: whose it is, and which pool it sells from."""

    room: Room
    show: Show
    wake: Callable[[], None]
    reload: bool = False
    stale: set[int] = field(default_factory=set[int])
    _meanwhile: list[Change] | None = None

    @property
    def shop_id(self) -> int:
        return self.show.shop_id

    @property
    def pool_id(self) -> int | None:
        """The show's own pool while it runs."""
        return self.show.pool_id if self.show.status == ShowStatus.LIVE else None

    @property
    def is_behind(self) -> bool:
        """Whether something that facts told has still to be read."""
        return self.reload or bool(self.stale) or self._meanwhile is not None

    def apply(self, change: Change) -> None:
        self.room.apply(change)
        if self.room.urgent:
            self.wake()
        if self._meanwhile is not None:
            self._meanwhile.append(change)

    def has(self, variant_id: int) -> bool:
        """Whether it is sold here, by itself or in a bundle."""
        key = str(variant_id)
        state = self.room.state
        return key in state.parts or any(key in offer.lines for offer in state.offers.values())

    def later(self, variant_id: int) -> tuple[tuple[date, int], ...] | None:
        """The later lots of a variant as the room has them; None where it does not sell it."""
        key = str(variant_id)
        state = self.room.state
        if key in state.parts:
            return state.parts[key].later
        return next((offer.lines[key].later for offer in state.offers.values() if key in offer.lines), None)

    @contextlib.contextmanager
    def reading(self) -> Generator[None]:
        """While the database is read: what is applied meanwhile is applied once more at the end."""
        self._meanwhile = []
        try:
            yield
            for change in self._meanwhile:
                self.room.apply(change)
        finally:
            self._meanwhile = None


class Rooms:
    """`recent` brings the last lines of chat, from the module that keeps them."""

    # Facts of what nobody must see as it was before; counters may come a little later.
    SHOWN_AT_ONCE: ClassVar[tuple[type[Any], ...]] = (
        OfferFeatured, OfferPriceChanged, NoticePosted, ShowStarted, ShowEnded, ShowChanged, OfferAdded, OfferChanged,
        FlashStarted, FlashEnded, CardChanged,
    )  # fmt: skip

    def __init__(self, db: Database, *, recent: RecentLines | None = None) -> None:
        self._db = db
        self._recent = recent
        # Called when a room has something that cannot wait for the next regular tick.
        self.wake: Callable[[], None] = _nothing
        self.process = f"{os.getpid():x}{os.urandom(4).hex()}"
        self._open: dict[int, OpenRoom] = {}
        self._opening: dict[int, asyncio.Task[OpenRoom]] = {}
        self._missed: dict[int, list[Callable[[OpenRoom], object]]] = {}
        self._refreshing: asyncio.Task[None] | None = None
        # One reading at a time: what comes meanwhile is kept for one reader.
        self._reading = asyncio.Lock()

    @property
    def database(self) -> Database:
        return self._db

    def opened(self, show_id: int) -> OpenRoom | None:
        """The room, if this process has it open."""
        return self._open.get(show_id)

    def all(self) -> list[OpenRoom]:
        return list(self._open.values())

    async def get(self, show_id: int) -> OpenRoom:
        """The room, opened if need be.  Raises UnknownShow."""
        found = self._open.get(show_id)
        if found is not None:
            return found
        task = self._opening.get(show_id)
        if task is None:
            task = self._opening[show_id] = asyncio.create_task(self._load(show_id))
            task.add_done_callback(lambda _: self._opening.pop(show_id, None))
        return await asyncio.shield(task)

    async def current(self, show_id: int, *, shop_id: int) -> OpenRoom:
        """The same with all that facts have told: what they do not spell out is read first.

        Raises UnknownShow, also for a show of another shop.
        """
        opened = await self.get(show_id)
        if opened.shop_id != shop_id:
            raise UnknownShow(show_id=show_id)
        if opened.is_behind:
            await self.settle()
        return opened

    async def _load(self, show_id: int) -> OpenRoom:
        self._missed[show_id] = []
        try:
            async with self._db.transaction() as tx:
                show = await public_show(tx, show_id)
                state = await snapshot.room_state(tx, show_id)
                lines = await self._recent(tx, show_id) if self._recent is not None else ()
            room = Room(epoch=os.urandom(4).hex(), state=state)
            for line in list(lines)[-RECENT:]:
                room.recall(line)
            opened = self._open[show_id] = OpenRoom(room, show, self._wake)
            for late in self._missed[show_id]:
                late(opened)
            return opened
        finally:
            del self._missed[show_id]

    def _wake(self) -> None:
        self.wake()

    def forget(self, show_id: int) -> None:
        """Nobody is here; the next visitor opens the room afresh, with a new epoch."""
        self._open.pop(show_id, None)

    def _with(self, show_id: int, act: Callable[[OpenRoom], object]) -> None:
        """Do something to a room: now, or as soon as it is open; nothing if nobody here has it open."""
        found = self._open.get(show_id)
        if found is not None:
            act(found)
        elif show_id in self._missed:
            self._missed[show_id].append(act)

    # What wiring calls for facts of modules above.

    def say(self, show_id: int, line: ChatLine) -> None:
        self._with(show_id, lambda opened: opened.room.say(line))

    def hide(self, show_id: int, line_id: str) -> None:
        self._with(show_id, lambda opened: opened.room.hide(line_id))

    def answer(self, show_id: int, line_id: str, at: int | None) -> None:
        """The question in a line was answered at this moment of the video."""
        self._with(show_id, lambda opened: opened.room.answer(line_id, at))

    def pin(self, show_id: int, line: PinnedState | None) -> None:
        """A line of chat stands above the others, or none."""
        self._with(show_id, lambda opened: opened.apply(Pinned(line)))

    def unname(self, show_id: int, line_ids: Collection[str]) -> None:
        """Whoever wrote these lines was erased."""

        def act(opened: OpenRoom) -> None:
            opened.room.unname(line_ids, epoch=os.urandom(4).hex())
            opened.wake()

        self._with(show_id, act)

    def reload(self, show_id: int) -> None:
        """Something about the show changed that no fact spells out: read it afresh, soon."""
        self._with(show_id, self._reload)

    def reload_shop(self, shop_id: int) -> None:
        """The same for every room of a shop, for example when its catalog changed."""
        for opened in self._open.values():
            if opened.shop_id == shop_id:
                self._reload(opened)

    def _reload(self, opened: OpenRoom) -> None:
        opened.reload = True
        self._refresh_soon()

    # Facts of this module and those below.

    def handlers(self) -> Mapping[type[Any], Callable[[Any], None]]:
        """Fact class → function, for the follower of this process."""
        return {
            inventory.StockChanged: self._stock_changed,
            OfferFeatured: self._featured,
            OfferPriceChanged: self._price_changed,
            FlashStarted: self._flash_started,
            FlashEnded: self._flash_ended,
            NoticePosted: self._noticed,
            CardChanged: self._card_changed,
            ShowCounted: self._counted,
            WaitingChanged: self._waiting_changed,
            ShowStarted: self._show_changed,
            ShowEnded: self._show_changed,
            ShowChanged: self._show_changed,
            OfferAdded: self._show_changed,
            OfferChanged: self._show_changed,
        }

    def _stock_changed(self, fact: inventory.StockChanged) -> None:
        if fact.show_id is not None:
            self._with(fact.show_id, lambda opened: self._own_stock(opened, fact))
            return
        # The open pool: rooms before and after their show sell from it, running ones borrow its later lots.
        for opened in self._open.values():
            if opened.shop_id == fact.shop_id:
                self._foreign_stock(opened, fact)
        for show_id in self._missed:
            self._missed[show_id].append(lambda opened: self._foreign_stock(opened, fact))

    def _own_stock(self, opened: OpenRoom, fact: inventory.StockChanged) -> None:
        """What is left now is taken from the fact.

        A sale that took units on hand has not looked at the later lots that the pool may borrow, and its fact does
        not name them: they are as they were, or are read where nothing is known.
        """
        if fact.pool_id != opened.pool_id:
            return
        for variant in fact.variants:
            if variant.later is not UNSET:
                later = tuple(variant.later)
            elif (known := opened.later(variant.variant_id)) is not None:
                later = known
            else:
                later = ()
                opened.stale.add(variant.variant_id)
                self._refresh_soon()
            opened.apply(VariantLeft(variant.variant_id, stock.Availability(variant.left, later)))

    def _foreign_stock(self, opened: OpenRoom, fact: inventory.StockChanged) -> None:
        variants = {variant.variant_id for variant in fact.variants if opened.has(variant.variant_id)}
        if opened.shop_id == fact.shop_id and variants:
            opened.stale |= variants
            self._refresh_soon()

    def _featured(self, fact: OfferFeatured) -> None:
        self._with(fact.show_id, lambda opened: opened.apply(Featured(fact.offer_id, fact.at)))

    def _price_changed(self, fact: OfferPriceChanged) -> None:
        change = Priced(fact.offer_id, fact.variant_id, fact.price_minor, fact.currency)
        self._with(fact.show_id, lambda opened: opened.apply(change))

    def _flash_started(self, fact: FlashStarted) -> None:
        change = Flashed(fact.offer_id, snapshot.flash_state(fact))
        self._with(fact.show_id, lambda opened: opened.apply(change))

    def _flash_ended(self, fact: FlashEnded) -> None:
        self._with(fact.show_id, lambda opened: opened.apply(Flashed(fact.offer_id, None)))

    def _noticed(self, fact: NoticePosted) -> None:
        self._with(fact.show_id, lambda opened: opened.apply(Noticed(snapshot.notice_state(fact))))

    def _card_changed(self, fact: CardChanged) -> None:
        change = CardPut(fact.kind, None if fact.card is None else card_of(fact.kind, fact.card))
        self._with(fact.show_id, lambda opened: opened.apply(change))

    def _counted(self, fact: ShowCounted) -> None:
        self._with(fact.show_id, lambda opened: opened.apply(Counted(orders=fact.orders)))

    def _waiting_changed(self, fact: WaitingChanged) -> None:
        self._with(fact.show_id, lambda opened: opened.apply(Waiting(fact.variant_id, fact.waiting)))

    def _show_changed(self, fact: ShowStarted | ShowEnded | ShowChanged | OfferAdded | OfferChanged) -> None:
        self._with(fact.show_id, self._reload)

    # What facts do not spell out is read.

    def _refresh_soon(self) -> None:
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.get_running_loop().create_task(self._refresh_all())

    async def _refresh_all(self) -> None:
        while await self.settle():
            await asyncio.sleep(PAUSE)

    async def settle(self) -> bool:
        """Read afresh what is marked; say whether there was anything."""
        async with self._reading:
            marked = [opened for opened in self._open.values() if opened.reload or opened.stale]
            for opened in marked:
                try:
                    await self._refresh(opened)
                except DatabaseAway:
                    _log.warning("live.room_not_refreshed", show_id=opened.show.id)
                    opened.reload = True
                    await asyncio.sleep(1.0)
            return bool(marked)

    async def _refresh(self, opened: OpenRoom) -> None:
        whole, stale = opened.reload, sorted(opened.stale)
        opened.reload = False
        opened.stale.clear()
        with opened.reading():
            async with self._db.transaction() as tx:
                if whole:
                    opened.show = await public_show(tx, opened.show.id)
                    state = await snapshot.room_state(tx, opened.show.id)
                    opened.room.replace(state)
                else:
                    found = await snapshot.lefts(tx, show=opened.show, variant_ids=stale)
                    for variant_id, left in found.items():
                        opened.room.apply(VariantLeft(variant_id, left))

    async def share(self, *, viewers: Mapping[int, int], likes: Mapping[int, int]) -> None:
        """Tell the others how many watch here, take over how many watch everywhere."""
        async with self._db.transaction() as tx:
            totals = await presence_store.share_presence(
                tx, process=self.process, viewers=viewers, likes=likes
            )
        for total in totals:
            found = self._open.get(total.show_id)
            if found is not None:
                found.apply(Counted(viewers=total.viewers, likes=total.likes))

    async def leave(self) -> None:
        """The process is about to stop: its viewers are counted elsewhere or not at all."""
        async with self._db.transaction() as tx:
            await presence_store.drop_presence(tx, process=self.process)


def _nothing() -> None:
    pass

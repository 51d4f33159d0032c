"""The verbs of chat: say, hold, approve, hide, mute.  Every act of moderation has a reason and is logged."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from shopfloor import accounts, live, rooms
from shopfloor.chat import queries, rules
from shopfloor.chat.asks import EMPTY, Vocabulary, asks
from shopfloor.chat.events import (
    ChatHeld,
    ChatHidden,
    ChatSaid,
    ChatUnnamed,
    LineAnswered,
    LinePinned,
    ShopperMuted,
)
from shopfloor.chat.models import (
    BadName,
    ChatClosed,
    Line,
    Moderation,
    Mute,
    Muted,
    NoReason,
    NotShown,
    Reason,
    Repeated,
    Role,
    SlowMode,
    State,
    TooFast,
    UnknownLine,
)
from shopfloor.kernel import outbox, paging
from shopfloor.kernel import text as text_rules
from shopfloor.kernel.account_numbers import names_account
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import new_id, now, video_ms

# A writer may say three lines at once and one every 1.5 seconds on average.
WINDOW: Final = timedelta(seconds=4.5)
LINES_IN_WINDOW: Final = 3
SAME_WITHIN: Final = timedelta(seconds=30)
NEW_FOR: Final = timedelta(minutes=2)
STAFF: Final = frozenset({Role.HOST, Role.MODERATOR, Role.SYSTEM})
# Rooms keep the last 50 lines, and what was said since their last tick.
IN_ROOMS: Final = 500
LONGEST_MUTE: Final = timedelta(days=365)


async def say(
    tx: Tx,
    *,
    shop_id: int,
    show_id: int,
    shopper: UUID,
    text: str,
    name: str | None = None,
    role: Role = Role.VIEWER,
    words: Vocabulary = EMPTY,
) -> Line:
    """Say something in a show; a line that looks like spam is held for a moderator (`state` says so).

    `role` is what the caller has proved the writer to be; buyers are known here.  `words` are the shop's own
    sizes and colours.  A `name` nobody may carry is not taken, and the line is said under the guest's own.
    Raises BadText, Muted, TooFast, SlowMode, Repeated, ChatClosed, UnknownShow.
    """
    show = await live.show(tx, shop_id=shop_id, show_id=show_id)
    if show.status == live.ShowStatus.ENDED:
        raise ChatClosed
    line_text = rules.clean(text)
    called = rules.name_of(shopper)
    if name:
        called = await _name_or_guest(tx, show, name, role, guest=called)
    at = now()
    mark = rules.fingerprint(line_text)
    # Whoever writes it: where buyers send money is not for talk to say, and a cheat's favourite place.
    reason = Reason.OFF_PLATFORM if names_account(line_text) else None
    if role not in STAFF:
        writer = await queries.writer(
            tx,
            shop_id=shop_id,
            show_id=show_id,
            shopper=shopper,
            fingerprint=mark,
            lately=at - WINDOW,
            same=at - SAME_WITHIN,
        )
        if writer.muted_until is not None:
            raise Muted(until=writer.muted_until.isoformat(), reason=writer.mute_reason)
        if writer.said_lately >= LINES_IN_WINDOW:
            raise TooFast(wait_ms=1500)
        if show.slow_seconds and writer.last_said_at is not None:
            wait = writer.last_said_at + timedelta(seconds=show.slow_seconds) - at
            if wait > timedelta(0):
                raise SlowMode(wait_ms=int(wait.total_seconds() * 1000) + 1, seconds=show.slow_seconds)
        if writer.same_by_writer and len(mark) > 2:
            raise Repeated
        is_new = not writer.has_bought and (
            writer.first_said_at is None or writer.first_said_at > at - NEW_FOR
        )
        blocked = rules.blocklist((*rules.ALWAYS_BLOCKED, *await queries.blocked_words(tx, shop_id=shop_id)))
        reason = reason or rules.reason_to_hold(
            line_text, blocked=blocked, is_new=is_new, same_by_others=writer.same_by_others
        )
        role = Role.BUYER if writer.has_bought else Role.VIEWER
    asked = asks(line_text, words)
    line = await queries.insert_line(
        tx,
        id=new_id(),
        shop_id=shop_id,
        show_id=show_id,
        shopper=shopper,
        name=called,
        text=line_text,
        fingerprint=mark,
        role=str(role),
        state=str(State.SHOWN if reason is None else State.HELD),
        reason=None if reason is None else str(reason),
        asks=asked.as_json(),
        at=at,
    )
    if reason is None:
        await outbox.record(tx, _said(line, asked.as_json()))
    else:
        await _log(tx, line, action="hold", reason=reason, note="", by=None)
        await outbox.record(tx, ChatHeld(shop_id, show_id, line.id, shopper, str(reason)))
    return line


async def approve(
    tx: Tx, *, shop_id: int, line_id: UUID, show_id: int | None = None, note: str = "", by: int | None = None
) -> Line:
    """Show a line that was held (or hidden by mistake).  Raises UnknownLine, also for one of another show than `show_id`."""
    line = await _line(tx, shop_id, line_id, show_id)
    if line.state == State.SHOWN:
        return line
    await queries.set_state(tx, line_id=line_id, state=str(State.SHOWN), reason=None)
    await _log(tx, line, action="approve", reason=Reason(line.reason or Reason.SPAM), note=note, by=by)
    await outbox.record(tx, _said(line, await queries.line_asks(tx, line_id=line_id)))
    return await _line(tx, shop_id, line_id)


async def hide(
    tx: Tx,
    *,
    shop_id: int,
    line_id: UUID,
    reason: Reason,
    show_id: int | None = None,
    note: str = "",
    by: int | None = None,
) -> Line:
    """Take one line out of every page.  It stays in the archive, with the reason and who did it.

    Raises NoReason, or UnknownLine, also for one of another show than `show_id`.
    """
    _check_reason(reason)
    line = await _line(tx, shop_id, line_id, show_id)
    if line.state == State.HIDDEN:
        return line
    await queries.set_state(tx, line_id=line_id, state=str(State.HIDDEN), reason=str(reason))
    await _log(tx, line, action="hide", reason=reason, note=note, by=by)
    show = await live.show(tx, shop_id=shop_id, show_id=line.show_id)
    if show.pinned is not None and show.pinned["id"] == str(line_id):
        await unpin(tx, shop_id=shop_id, show_id=line.show_id)
    if line.state == State.SHOWN:
        await outbox.record(tx, ChatHidden(shop_id, line.show_id, line_id, line.shopper, str(reason)))
    return await _line(tx, shop_id, line_id)


async def pin(tx: Tx, *, shop_id: int, line_id: UUID, show_id: int | None = None) -> Line:
    """Put a line above all others, in the place of the one that stood there.

    Raises UnknownLine, also for a line that is not shown or of another show than `show_id`, or WrongStatus after the show.
    """
    line = await _line(tx, shop_id, line_id, show_id)
    show = await live.locked(tx, shop_id, line.show_id)
    show.refuse_ended()
    if line.state != State.SHOWN:
        raise UnknownLine(line_id=str(line_id))
    await _set_pinned(tx, show, _pinned_of(line))
    return line


async def unpin(tx: Tx, *, shop_id: int, show_id: int) -> None:
    """No line stands above the others.  Raises UnknownShow."""
    show = await live.locked(tx, shop_id, show_id)
    if show.pinned is not None:
        await _set_pinned(tx, show, None)


async def answer(
    tx: Tx, *, shop_id: int, line_id: UUID, show_id: int | None = None, at: int | None = None
) -> Line:
    """The question in a line was answered: now, or at this moment of the video.  Again changes nothing.

    Raises UnknownLine, also for one of another show than `show_id`, or NotShown: nobody sees an answer to that.
    """
    line = await _line(tx, shop_id, line_id, show_id)
    if line.state != State.SHOWN:
        raise NotShown(line_id=str(line_id))
    if line.answered is None:
        await _set_answered(tx, line, video_ms(now()) if at is None else at)
    return await _line(tx, shop_id, line_id)


async def take_answer_back(tx: Tx, *, shop_id: int, line_id: UUID) -> Line:
    """It was not answered, after all.  Raises UnknownLine."""
    line = await _line(tx, shop_id, line_id)
    if line.answered is not None:
        await _set_answered(tx, line, None)
    return await _line(tx, shop_id, line_id)


async def questions(tx: Tx, *, shop_id: int, show_id: int, limit: int = 100) -> list[Line]:
    """What shoppers asked and nobody answered, newest first.  Raises UnknownShow."""
    await live.show(tx, shop_id=shop_id, show_id=show_id)
    return await queries.questions(tx, show_id=show_id, limit=limit)


async def hidden_for(tx: Tx, *, shop_id: int, show_id: int) -> dict[str, int]:
    """How many lines of the show are hidden, by reason, the most first.  Raises UnknownShow."""
    await live.show(tx, shop_id=shop_id, show_id=show_id)
    return {row.reason: row.lines for row in await queries.hidden_for(tx, show_id=show_id)}


async def mute(
    tx: Tx,
    *,
    shop_id: int,
    shopper: UUID,
    reason: Reason,
    minutes: int = 10,
    show_id: int | None = None,
    note: str = "",
    by: int | None = None,
) -> Mute:
    """Let a shopper only read, in every show of the shop, for a while; they are told until when, and why."""
    _check_reason(reason)
    if show_id is not None:
        await live.show(tx, shop_id=shop_id, show_id=show_id)
    length = min(timedelta(minutes=max(1, minutes)), LONGEST_MUTE)
    done = await queries.insert_mute(
        tx, shop_id=shop_id, shopper=shopper, until=now() + length, reason=str(reason)
    )
    await queries.insert_moderation(
        tx,
        shop_id=shop_id,
        show_id=show_id,
        line_id=None,
        shopper=shopper,
        action="mute",
        reason=str(reason),
        note=note,
        by=by,
    )
    await outbox.record(tx, ShopperMuted(shop_id, show_id, shopper, str(reason), length.total_seconds()))
    return done


async def unmute(tx: Tx, *, shop_id: int, shopper: UUID, note: str = "", by: int | None = None) -> None:
    if await queries.lift_mutes(tx, shop_id=shop_id, shopper=shopper):
        await queries.insert_moderation(
            tx,
            shop_id=shop_id,
            show_id=None,
            line_id=None,
            shopper=shopper,
            action="unmute",
            reason="lifted",
            note=note,
            by=by,
        )


async def recent(tx: Tx, *, show_id: int, limit: int = 50) -> list[Line]:
    """The last lines everybody may see, oldest first."""
    return list(reversed(await queries.recent(tx, show_id=show_id, limit=limit)))


async def public_name(tx: Tx, *, show_id: int, shopper: UUID) -> str:
    """What everybody has seen somebody called in this show; "" for who has said nothing that is shown."""
    return await queries.name_of(tx, show_id=show_id, shopper=shopper) or ""


async def recent_lines(tx: Tx, show_id: int) -> Sequence[rooms.ChatLine]:
    """The same in the shape of the room: what `live.Rooms` asks for when it opens one."""
    return [room_line(line) for line in await recent(tx, show_id=show_id)]


async def lines_since(
    tx: Tx, *, show_id: int, since: datetime, after: UUID | None = None, limit: int = 200
) -> list[Line]:
    """What everybody could read from a moment on, or after a line, oldest first."""
    return await queries.shown_since(tx, show_id=show_id, since=since, after=after, limit=limit)


async def _count_lines(tx: Tx, *, show_id: int, before: UUID | None = None) -> paging.Counted:
    return paging.capped(await queries.count_shown(tx, show_id=show_id, before=before))


@paging.counted_by(_count_lines)
async def lines(
    tx: Tx, *, show_id: int, after: UUID | None = None, before: UUID | None = None, limit: int = 200
) -> list[Line]:
    """All that everybody may read of a show, oldest first, a page of it (`kernel.paging`)."""
    return await queries.shown(tx, show_id=show_id, after=after, before=before, limit=limit)


async def held(
    tx: Tx,
    *,
    shop_id: int,
    show_id: int | None = None,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: int = 100,
) -> list[Line]:
    """Lines that wait for a moderator, oldest first, a page of them (`kernel.paging`)."""
    return await queries.held(tx, shop_id=shop_id, show_id=show_id, after=after, before=before, limit=limit)


async def moderations(
    tx: Tx,
    *,
    shop_id: int,
    show_id: int | None = None,
    after: int | None = None,
    before: int | None = None,
    limit: int = 200,
) -> list[Moderation]:
    """The moderation log, newest first, a page of it (`kernel.paging`)."""
    return await queries.moderations(
        tx, shop_id=shop_id, show_id=show_id, after=after, before=before, limit=limit
    )


async def mark_buyer(tx: Tx, *, show_id: int, shopper: UUID) -> None:
    """Remember that a shopper bought in a show; their lines say so from now on."""
    await queries.add_buyer(tx, show_id=show_id, shopper=shopper)


async def block_word(tx: Tx, *, shop_id: int, word: str, by: int | None = None) -> str:
    """Hold lines with this word from now on.  Raises BadWord, WordProtected."""
    plain = rules.checked_word(word)
    if await queries.add_blocked_word(tx, shop_id=shop_id, word=plain):
        await _log_word(tx, shop_id, "block_word", plain, by)
    return plain


async def allow_word(tx: Tx, *, shop_id: int, word: str, by: int | None = None) -> None:
    plain = rules.checked_word(word)
    if await queries.remove_blocked_word(tx, shop_id=shop_id, word=plain):
        await _log_word(tx, shop_id, "allow_word", plain, by)


async def blocked_words(tx: Tx, *, shop_id: int) -> list[str]:
    return await queries.blocked_words(tx, shop_id=shop_id)


def room_line(line: Line) -> rooms.ChatLine:
    """A line as rooms show it."""
    return rooms.ChatLine(
        str(line.id), line.name, line.text, str(line.role), video_ms(line.at), line.answered
    )


def said_line(fact: ChatSaid) -> rooms.ChatLine:
    """The same from the fact: what wiring hands to `Rooms.say`."""
    return rooms.ChatLine(str(fact.line_id), fact.author, fact.text, fact.role, fact.at)


def pinned_line(fact: LinePinned) -> rooms.PinnedState | None:
    """What wiring hands to `Rooms.pin`."""
    if fact.line_id is None:
        return None
    return rooms.PinnedState(
        id=str(fact.line_id), name=fact.author, text=fact.text, role=fact.role, at=fact.at
    )


def _pinned_of(line: Line) -> rooms.PinnedState:
    return rooms.PinnedState(
        id=str(line.id), name=line.name, text=line.text, role=str(line.role), at=video_ms(line.at)
    )


async def _set_pinned(tx: Tx, show: live.Show, line: rooms.PinnedState | None) -> None:
    await live.set_pinned(tx, show_id=show.id, pinned=None if line is None else msgspec.to_builtins(line))
    fact = (
        LinePinned(show.shop_id, show.id, None, "", "", "", video_ms(now()))
        if line is None
        else LinePinned(show.shop_id, show.id, UUID(line.id), line.name, line.role, line.text, line.at)
    )
    await outbox.record(tx, fact)


async def _set_answered(tx: Tx, line: Line, at: int | None) -> None:
    await queries.set_answered(tx, line_id=line.id, at=at)
    await outbox.record(tx, LineAnswered(line.shop_id, line.show_id, line.id, line.shopper, at))


def _said(line: Line, asked: dict[str, list[str]]) -> ChatSaid:
    return ChatSaid(
        line.shop_id,
        line.show_id,
        line.id,
        line.shopper,
        line.name,
        str(line.role),
        line.text,
        video_ms(line.at),
        asked,
    )


async def _name_or_guest(tx: Tx, show: live.Show, name: str, role: Role, *, guest: str) -> str:
    """Staff may carry the names that others may not.  A bad name costs the name, never the line."""
    try:
        if role in STAFF:
            return text_rules.name(name, field="name", longest=rules.LONGEST_NAME)
        return rules.checked_name(name, taken=await _names_of_the_shop(tx, show))
    except (BadName, text_rules.UnusableText):
        return guest


async def _names_of_the_shop(tx: Tx, show: live.Show) -> list[str]:
    """What the shop is called, and who hosts this show."""
    shop = await accounts.shop(tx, show.shop_id)
    if show.host_id is None:
        return [shop.name]
    members = await accounts.members(tx, shop_id=show.shop_id)
    return [shop.name, *(member.name for member in members if member.person_id == show.host_id)]


def _check_reason(reason: Reason) -> None:
    if reason not in set(Reason):
        raise NoReason(reasons=[str(each) for each in Reason])


async def _line(tx: Tx, shop_id: int, line_id: UUID, show_id: int | None = None) -> Line:
    """Of this show where one is named."""
    line = await queries.locked_line(tx, shop_id=shop_id, line_id=line_id)
    if line is None or show_id not in {None, line.show_id}:
        raise UnknownLine(line_id=str(line_id))
    return line


async def _log(tx: Tx, line: Line, *, action: str, reason: Reason, note: str, by: int | None) -> None:
    await queries.insert_moderation(
        tx,
        shop_id=line.shop_id,
        show_id=line.show_id,
        line_id=line.id,
        shopper=line.shopper,
        action=action,
        reason=str(reason),
        note=note[:500],
        by=by,
    )


async def _log_word(tx: Tx, shop_id: int, action: str, word: str, by: int | None) -> None:
    await queries.insert_moderation(
        tx,
        shop_id=shop_id,
        show_id=None,
        line_id=None,
        shopper=None,
        action=action,
        reason=word,
        note="",
        by=by,
    )


async def erase_names(tx: Tx, *, shop_id: int, shoppers: Sequence[UUID]) -> int:
    """Their lines stay, without a name, also in rooms that are open.  Returns how many lost one."""
    erased = 0
    shows: dict[int, list[UUID]] = {}
    for line in await queries.erase_names(tx, shop_id=shop_id, shoppers=shoppers):
        erased += 1
        if line.is_shown:
            shows.setdefault(line.show_id, []).append(line.id)
    for show_id, lines in shows.items():
        show = await live.locked(tx, shop_id, show_id)
        if show.pinned is not None and UUID(show.pinned["id"]) in lines:
            await _set_pinned(tx, show, msgspec.convert(show.pinned | {"name": ""}, rooms.PinnedState))
        await outbox.record(tx, ChatUnnamed(shop_id, show_id, lines[-IN_ROOMS:]))
    return erased

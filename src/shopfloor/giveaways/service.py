"""What a shop and its shoppers do with giveaways.  Whatever changes one locks it first, so it happens once."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation

from shopfloor import accounts, live, rooms
from shopfloor.giveaways import cards, drawing, queries
from shopfloor.giveaways.beacon import Chain
from shopfloor.giveaways.events import (
    GiveawayClosed,
    GiveawayDrawn,
    GiveawayOpened,
    GiveawayVoid,
    PrizeClaimed,
    PrizeLapsed,
    WinnerAsked,
)
from shopfloor.giveaways.models import (
    CLAIM_HOURS,
    CLOSING,
    CLOSING_TAKES,
    FILE,
    LONGEST,
    MOST_CLAIM_HOURS,
    MOST_WINNERS,
    PER_NETWORK,
    PRIZE_LIMITS,
    REVEAL_WITHIN,
    RULES,
    SHORTEST,
    Entry,
    Giveaway,
    Place,
    State,
    Why,
    Winner,
)
from shopfloor.giveaways.refusals import (
    BadGiveaway,
    ClaimOver,
    EntryClosed,
    NotAWinner,
    PrizeTooHigh,
    Running,
    StillOpen,
    UnknownGiveaway,
)
from shopfloor.kernel import canonical, outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.text import name, prose
from shopfloor.kernel.values import MAX_MINOR, Money, now, video_ms

_MOST_PRIZE = 120
_MOST_RECIPIENT = 500


async def prize_limit(tx: Tx, *, shop_id: int) -> Money | None:
    """The most that one prize may be worth, by the law of the country the shop sells from; None where none is known."""
    found = PRIZE_LIMITS.get(await queries.origin(tx, shop_id=shop_id))
    return None if found is None else Money(*found)


async def open_giveaway(
    tx: Tx,
    *,
    shop_id: int,
    show_id: int,
    prize: str,
    value_minor: int,
    seconds: int,
    chain: Chain,
    winners: int = 1,
    proven_only: bool = False,
    claim_hours: int = CLAIM_HOURS,
    by: int | None = None,
) -> Giveaway:
    """Publish the rules, with the hash of a new secret and the round of the beacon, and take entries for `seconds`.

    The value of one prize is in the currency of the limit that holds for the shop, else in the shop's own.  The rules
    never change afterwards.  The giveaway that runs already, asked for once more alike, is that giveaway.

    Raises UnknownShow, WrongStatus, BadGiveaway, PrizeTooHigh, Running, text.UnusableText.
    """
    parent = await live.locked(tx, shop_id, show_id)
    if parent.status != live.ShowStatus.LIVE:
        raise live.WrongStatus("Only a running show has a giveaway.", status=str(parent.status))
    shop = await accounts.shop(tx, shop_id)
    limit = await prize_limit(tx, shop_id=shop_id)
    prize = name(prize, field="prize", longest=_MOST_PRIZE)
    _check("value", value_minor, 1, MAX_MINOR)
    _check("winners", winners, 1, MOST_WINNERS)
    _check("seconds", seconds, SHORTEST, LONGEST)
    _check("claim_hours", claim_hours, 1, MOST_CLAIM_HOURS)
    if limit is not None and value_minor > limit.minor:
        raise PrizeTooHigh(most_minor=limit.minor, currency=limit.currency)
    asked = (prize, value_minor, winners, proven_only, claim_hours)
    for each in await queries.of_show(tx, shop_id=shop_id, show_id=show_id):
        if each.state is State.CLOSED and each.problem is None:
            # The room shows one giveaway: who entered this one sees who won it first.
            raise Running(giveaway_id=each.id, prize=each.prize)
        if each.state is State.OPEN:
            same = (each.prize, each.value_minor, each.winners, each.proven_only, each.claim_hours) == asked
            if same and each.closes_at - each.opened_at == timedelta(seconds=seconds):
                return each
            raise Running(giveaway_id=each.id, prize=each.prize)
    # Whole seconds: what the rules say is what is kept.
    opened = now().replace(microsecond=0)
    closes = opened + timedelta(seconds=seconds)
    number = chain.round_after(closes + timedelta(seconds=CLOSING_TAKES))
    round_at = chain.moment_of(number)
    secret = secrets.token_bytes(32)
    giveaway_id = await queries.next_number(tx)
    found = Giveaway(
        id=giveaway_id,
        shop_id=shop_id,
        show_id=show_id,
        prize=prize,
        value_minor=value_minor,
        currency=shop.currency if limit is None else limit.currency,
        winners=winners,
        proven_only=proven_only,
        claim_hours=claim_hours,
        opened_at=opened,
        closes_at=closes,
        round=number,
        round_at=round_at,
        reveal_by=round_at + timedelta(seconds=REVEAL_WITHIN),
        rules={},
        state=State.OPEN,
        why=None,
        entries=0,
        closing=None,
        closed_at=None,
        drawn_at=None,
        problem=None,
    )
    object.__setattr__(found, "rules", _rules(found, shop, chain, secret))
    try:
        await queries.insert(tx, found=found, secret=secret, by=by)
    except UniqueViolation:
        raise Running(prize=prize) from None
    await rooms.put_card(tx, shop_id=shop_id, show_id=show_id, card=cards.card_of(found))
    await outbox.record(
        tx,
        GiveawayOpened(
            shop_id,
            show_id,
            giveaway_id,
            drawing.digest(found.rules).hex(),
            found.rules["commitment"],
            number,
            video_ms(closes),
        ),
    )
    return found


def _rules(found: Giveaway, shop: accounts.Shop, chain: Chain, secret: bytes) -> dict[str, Any]:
    return {
        "type": RULES,
        "giveaway": found.id,
        "shop": {"id": shop.id, "name": shop.name},
        "show": found.show_id,
        "prize": found.prize,
        "value_minor": found.value_minor,
        "currency": found.currency,
        "winners": found.winners,
        "entry": {
            "price_minor": 0,
            "per_browser": 1,
            "per_account": 1,
            "without_account_per_network": PER_NETWORK,
            "account_needed": found.proven_only,
            "staff": "excluded",
        },
        "opens_at": _moment(found.opened_at),
        "closes_at": _moment(found.closes_at),
        "claim_hours": found.claim_hours,
        "commitment": hashlib.sha256(secret).hexdigest(),
        "beacon": {
            "name": chain.name,
            "chain": chain.hash,
            "public_key": chain.public_key,
            "round": found.round,
            "at": _moment(found.round_at),
        },
        "reveal_by": _moment(found.reveal_by),
    }


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _check(field: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise BadGiveaway(field=field, least=least, most=most)


async def giveaway(tx: Tx, *, shop_id: int, giveaway_id: int) -> Giveaway:
    """Raises UnknownGiveaway."""
    found = await queries.giveaway(tx, shop_id=shop_id, giveaway_id=giveaway_id)
    if found is None:
        raise UnknownGiveaway(giveaway_id=giveaway_id)
    return found


async def giveaways(tx: Tx, *, shop_id: int, show_id: int) -> list[Giveaway]:
    """Of a show, oldest first.  Raises UnknownShow."""
    await live.show(tx, shop_id=shop_id, show_id=show_id)
    return await queries.of_show(tx, shop_id=shop_id, show_id=show_id)


async def winners(tx: Tx, *, shop_id: int, giveaway_id: int) -> list[Winner]:
    """Everybody who was asked, in the order of the draw.  Raises UnknownGiveaway."""
    await giveaway(tx, shop_id=shop_id, giveaway_id=giveaway_id)
    return await queries.winners(tx, giveaway_id=giveaway_id)


async def entry_of(
    tx: Tx, *, shop_id: int, giveaway_id: int, shoppers: Sequence[UUID], customer: UUID | None
) -> Entry | None:
    """That of one person: this browser's (`shoppers`, its own first, then those it was in frames of other sites), or that
    of the account it is signed in to; of several the one that won.  Raises UnknownGiveaway.
    """
    await giveaway(tx, shop_id=shop_id, giveaway_id=giveaway_id)
    customers = [] if customer is None else [customer]
    found = await queries.entries_of(tx, giveaway_id=giveaway_id, shoppers=shoppers, customers=customers)
    standing = {
        each.number: each.state is Place.LAPSED for each in await queries.winners(tx, giveaway_id=giveaway_id)
    }

    def rank(each: Entry) -> tuple[int, int]:
        won = 2 if each.number not in standing else int(standing[each.number])
        return won, shoppers.index(each.shopper) if each.shopper in shoppers else len(shoppers)

    return min(found, key=rank, default=None)


async def close(tx: Tx, *, shop_id: int, giveaway_id: int) -> Giveaway:
    """Take no more entries, and publish the root of the list; a second time it is closed already.

    Void where nobody entered, or where the public value may be known by now.  Raises UnknownGiveaway, and StillOpen before
    the time of the rules once somebody entered: who picks the moment picks who is in the list.
    """
    found = await _locked(tx, shop_id, giveaway_id)
    if found.state is not State.OPEN:
        return found
    at = now()
    if at >= found.round_at:
        return await _void(tx, found, Why.CLOSED_LATE)
    if not found.entries:
        return await _void(tx, found, Why.NO_ENTRIES)
    if at < found.closes_at:
        raise StillOpen(giveaway_id=giveaway_id, closes_at=_moment(found.closes_at))
    numbers = await queries.numbers(tx, giveaway_id=found.id)
    root = drawing.root(numbers).hex()
    closing = {
        "type": CLOSING,
        "rules": drawing.digest(found.rules).hex(),
        "entries": len(numbers),
        "root": root,
        "closed_at": _moment(at),
    }
    await queries.set_closed(tx, giveaway_id=found.id, closing=closing, at=at)
    await queries.forget_networks(tx, giveaway_id=found.id)
    await outbox.record(tx, GiveawayClosed(shop_id, found.show_id, found.id, len(numbers), root))
    return await _changed(tx, found)


async def call_off(tx: Tx, *, shop_id: int, giveaway_id: int) -> Giveaway:
    """No draw, and everybody sees that.  Raises UnknownGiveaway, and EntryClosed once the list is closed."""
    found = await _locked(tx, shop_id, giveaway_id)
    if found.why is Why.CALLED_OFF:
        return found
    if found.state is not State.OPEN:
        raise EntryClosed(giveaway_id=giveaway_id)
    return await _void(tx, found, Why.CALLED_OFF)


async def reveal(tx: Tx, *, shop_id: int, giveaway_id: int, signature: bytes) -> Giveaway:
    """Draw by the value of the round, which was checked; void after its time.  A second time it is drawn already."""
    found = await _locked(tx, shop_id, giveaway_id)
    if found.state is not State.CLOSED:
        return found
    at = now()
    if at > found.reveal_by:
        return await _void(tx, found, Why.NOT_REVEALED)
    await queries.set_drawn(tx, giveaway_id=found.id, signature=signature, at=at)
    order = await _order(tx, found, signature)
    await outbox.record(tx, GiveawayDrawn(shop_id, found.show_id, found.id, order[: found.winners]))
    for place in range(1, min(found.winners, len(order)) + 1):
        await _ask(tx, found, place, order, at)
    return await _changed(tx, found)


async def lapse(tx: Tx, *, shop_id: int, giveaway_id: int) -> int:
    """Whoever did not claim in time is passed over, and the next in the draw is asked.  Returns how many lapsed."""
    found = await _locked(tx, shop_id, giveaway_id)
    at = now()
    asked = await queries.winners(tx, giveaway_id=found.id)
    over = [each for each in asked if each.state is Place.ASKED and each.deadline <= at]
    if not over:
        return 0
    secret = await queries.sealed(tx, giveaway_id=found.id)
    assert secret.signature is not None, "drawn"
    order = await _order(tx, found, secret.signature)
    following = len(asked) + 1
    for each in over:
        await queries.set_lapsed(tx, giveaway_id=found.id, place=each.place)
        await outbox.record(tx, PrizeLapsed(shop_id, found.show_id, found.id, each.place))
        if following <= len(order):
            await _ask(tx, found, following, order, at)
            following += 1
    await _changed(tx, found)
    return len(over)


async def note_problem(tx: Tx, *, shop_id: int, giveaway_id: int, problem: str) -> None:
    """Why the public value is not there yet; the room says that the draw waits."""
    found = await _locked(tx, shop_id, giveaway_id)
    if found.state is State.CLOSED and found.problem != problem[:200]:
        await queries.set_problem(tx, giveaway_id=found.id, problem=problem[:200])
        await _changed(tx, found)


async def claim(
    tx: Tx, *, shop_id: int, giveaway_id: int, shoppers: Sequence[UUID], customer: UUID | None, recipient: str
) -> Winner:
    """Where the prize goes; until the shop has sent it, it can be changed.  `shoppers` as for `entry_of`.

    Raises UnknownGiveaway, NotAWinner, ClaimOver, BadGiveaway for no address, text.UnusableText.
    """
    found = await _locked(tx, shop_id, giveaway_id)
    entry = await entry_of(tx, shop_id=shop_id, giveaway_id=giveaway_id, shoppers=shoppers, customer=customer)
    asked = await queries.winners(tx, giveaway_id=found.id)
    won = next((each for each in asked if entry is not None and each.number == entry.number), None)
    if won is None:
        raise NotAWinner(giveaway_id=giveaway_id)
    at = now()
    if won.state is Place.LAPSED or (won.state is Place.ASKED and at >= won.deadline) or won.sent_at:
        raise ClaimOver(giveaway_id=giveaway_id)
    where = prose(recipient, field="recipient", longest=_MOST_RECIPIENT)
    if not where:
        raise BadGiveaway(field="recipient")
    await queries.set_claimed(tx, giveaway_id=found.id, place=won.place, recipient=where, at=at)
    if won.state is Place.ASKED:
        await outbox.record(tx, PrizeClaimed(shop_id, found.show_id, found.id, won.place))
    after = await queries.winners(tx, giveaway_id=found.id)
    return next(each for each in after if each.place == won.place)


async def mark_sent(tx: Tx, *, shop_id: int, giveaway_id: int, place: int) -> None:
    """The prize is on its way.  Raises UnknownGiveaway, and NotAWinner where nobody has claimed this one."""
    found = await _locked(tx, shop_id, giveaway_id)
    if not await queries.set_sent(tx, giveaway_id=found.id, place=place, at=now()):
        raise NotAWinner(giveaway_id=giveaway_id, place=place)


async def take_off(tx: Tx, *, shop_id: int, giveaway_id: int) -> None:
    """Take its card out of the room, once it takes no more entries.  Raises UnknownGiveaway, Running."""
    found = await _locked(tx, shop_id, giveaway_id)
    if found.state in {State.OPEN, State.CLOSED}:
        raise Running(giveaway_id=giveaway_id)
    await rooms.take_card(tx, shop_id=shop_id, show_id=found.show_id, kind=cards.KIND, subject=found.id)


async def draw_file(tx: Tx, *, shop_id: int, giveaway_id: int) -> bytes:
    """All that somebody needs to compute the draw again, as canonical JSON.  Raises UnknownGiveaway, also before the draw."""
    found = await giveaway(tx, shop_id=shop_id, giveaway_id=giveaway_id)
    sealed = await queries.sealed(tx, giveaway_id=giveaway_id)
    if found.state is not State.DRAWN or sealed.signature is None or found.closing is None:
        raise UnknownGiveaway(giveaway_id=giveaway_id)
    numbers = await queries.numbers(tx, giveaway_id=giveaway_id)
    seed = drawing.seed(found.rules, found.closing, sealed.secret, sealed.signature)
    return canonical.encode(
        {
            "type": FILE,
            "rules": found.rules,
            "closing": found.closing,
            "entries": numbers,
            "secret": sealed.secret.hex(),
            "signature": sealed.signature.hex(),
            "seed": seed.hex(),
            "winners": drawing.order(numbers, seed)[: found.winners],
        }
    )


async def forget_buyers(tx: Tx, *, shop_id: int, buyers: Sequence[UUID]) -> None:
    """Their names, accounts and addresses; their numbers stay in the lists that were drawn from."""
    for giveaway_id in await queries.forget_buyers(tx, shop_id=shop_id, buyers=buyers):
        # Rooms show who was drawn.
        await _changed(tx, await _locked(tx, shop_id, giveaway_id))


async def _locked(tx: Tx, shop_id: int, giveaway_id: int) -> Giveaway:
    found = await queries.locked(tx, shop_id=shop_id, giveaway_id=giveaway_id)
    if found is None:
        raise UnknownGiveaway(giveaway_id=giveaway_id)
    return found


async def _void(tx: Tx, found: Giveaway, why: Why) -> Giveaway:
    await queries.set_void(tx, giveaway_id=found.id, why=why)
    await queries.forget_networks(tx, giveaway_id=found.id)
    await outbox.record(tx, GiveawayVoid(found.shop_id, found.show_id, found.id, why))
    return await _changed(tx, found)


async def _changed(tx: Tx, before: Giveaway) -> Giveaway:
    """As it stands now, in the room too."""
    found = await giveaway(tx, shop_id=before.shop_id, giveaway_id=before.id)
    await cards.show_card(tx, found, await queries.winners(tx, giveaway_id=found.id))
    return found


async def _order(tx: Tx, found: Giveaway, signature: bytes) -> list[str]:
    assert found.closing is not None, "closed"
    sealed = await queries.sealed(tx, giveaway_id=found.id)
    numbers = await queries.numbers(tx, giveaway_id=found.id)
    return drawing.order(numbers, drawing.seed(found.rules, found.closing, sealed.secret, signature))


async def _ask(tx: Tx, found: Giveaway, place: int, order: Sequence[str], at: datetime) -> None:
    """Whoever is at this place of the order: they have won, and say where the prize goes."""
    deadline = at + timedelta(hours=found.claim_hours)
    await queries.insert_winner(
        tx,
        shop_id=found.shop_id,
        giveaway_id=found.id,
        place=place,
        number=order[place - 1],
        at=at,
        deadline=deadline,
    )
    asked = (await queries.winners(tx, giveaway_id=found.id))[-1]
    await outbox.record(
        tx,
        WinnerAsked(
            found.shop_id,
            found.show_id,
            found.id,
            place,
            asked.shopper,
            asked.customer,
            found.prize,
            video_ms(deadline),
        ),
    )

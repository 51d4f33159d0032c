"""Entering a giveaway: many at once, each once."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from shopfloor.giveaways import cards, drawing, queries
from shopfloor.giveaways.events import GiveawayEntered
from shopfloor.giveaways.models import MOST_ENTRIES, PER_NETWORK, State
from shopfloor.giveaways.refusals import EntryClosed, ProofNeeded, TooManyHere, UnknownGiveaway
from shopfloor.kernel import outbox
from shopfloor.kernel.batches import Batches
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now

_LARGEST_BATCH: Final = 500
MOST_NAME: Final = 40


@dataclass(frozen=True, slots=True)
class Entering:
    """`customer`: the account this browser is signed in to; `network`: a salted key; None where it is not counted;
    `others`: who the same person is known to be in frames of other sites, or out of them.
    """

    shopper: UUID
    customer: UUID | None = None
    name: str = ""
    network: int | None = None
    others: tuple[UUID, ...] = ()


class Entries:
    """The entries that arrive at this process: whoever comes while a batch commits is in the next one."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._batches: Batches[tuple[int, int], Entering, str | Refusal] = Batches(
            self._commit, most=_LARGEST_BATCH
        )

    async def enter(self, entering: Entering, *, shop_id: int, giveaway_id: int) -> str:
        """The number of the entry; asked again, it is the same.  Raises what `enter` answers, and DatabaseAway."""
        found = await self._batches.ask((shop_id, giveaway_id), entering)
        if isinstance(found, Refusal):
            raise found
        return found

    async def _commit(self, key: tuple[int, int], asking: Sequence[Entering]) -> list[str | Refusal]:
        async with self._db.transaction() as tx:
            return await enter(tx, shop_id=key[0], giveaway_id=key[1], asking=asking)


async def enter(tx: Tx, *, shop_id: int, giveaway_id: int, asking: Sequence[Entering]) -> list[str | Refusal]:
    """The number of each entry, or why there is none: EntryClosed, ProofNeeded, TooManyHere.  Raises UnknownGiveaway.

    A browser has one entry, and so has an account, whichever browser it is signed in with.
    """
    found = await queries.locked(tx, shop_id=shop_id, giveaway_id=giveaway_id)
    if found is None:
        raise UnknownGiveaway(giveaway_id=giveaway_id)
    customers = [each.customer for each in asking if each.customer is not None]
    shoppers = [shopper for each in asking for shopper in (each.shopper, *each.others)]
    numbers: dict[UUID, str] = {}
    for entry in await queries.entries_of(
        tx, giveaway_id=giveaway_id, shoppers=shoppers, customers=customers
    ):
        numbers[entry.shopper] = entry.number
        if entry.customer is not None:
            numbers[entry.customer] = entry.number
    networks = sorted({each.network for each in asking if each.network is not None})
    here = await queries.from_networks(tx, giveaway_id=giveaway_id, networks=networks)
    takes = found.state is State.OPEN and now() < found.closes_at
    left = MOST_ENTRIES - found.entries
    rows: list[dict[str, object]] = []
    entered: list[UUID] = []
    answers: list[str | Refusal] = []
    for each in asking:
        keys = (each.shopper, *each.others, *(() if each.customer is None else (each.customer,)))
        known = next((numbers[key] for key in keys if key in numbers), None)
        if known is not None:
            answers.append(known)
        elif not takes or len(rows) >= left:
            answers.append(EntryClosed(giveaway_id=giveaway_id))
        elif each.customer is None and found.proven_only:
            answers.append(ProofNeeded(giveaway_id=giveaway_id))
        elif each.customer is None and each.network is not None and here.get(each.network, 0) >= PER_NETWORK:
            answers.append(TooManyHere(most=PER_NETWORK))
        else:
            number = drawing.new_number()
            numbers[each.shopper] = number
            network = None
            if each.customer is not None:
                numbers[each.customer] = number
            elif each.network is not None:
                network = each.network
                here[network] = here.get(network, 0) + 1
            rows.append(
                {
                    "number": number,
                    "shopper": each.shopper,
                    "customer": each.customer,
                    "name": each.name[:MOST_NAME],
                    "network": network,
                }
            )
            entered.append(each.shopper)
            answers.append(number)
    if rows:
        await queries.insert_entries(tx, shop_id=shop_id, giveaway_id=giveaway_id, rows=rows)
        await outbox.record(tx, GiveawayEntered(shop_id, found.show_id, giveaway_id, entered))
        after = await queries.giveaway(tx, shop_id=shop_id, giveaway_id=giveaway_id)
        assert after is not None, "locked"
        await cards.show_card(tx, after)
    return answers

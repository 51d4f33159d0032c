"""Which discounts an order may have, and their uses: taken with the order, given back at most once with it.

Whoever uses a discount holds its allowance until the order is committed, so that a limit is decided one order after
the other; the CHECK on it has the last word.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.promotions import queries, use_queries
from shopfloor.promotions.codes import key
from shopfloor.promotions.models import Candidates, Discount, Method, Offered, State, Taken, Why
from shopfloor.promotions.refusals import DiscountGone

Earlier = Callable[[], Awaitable[Sequence[UUID]]]
"""The orders that the same person placed before and that were not cancelled."""

_WHY = {
    State.SCHEDULED: Why.NOT_STARTED, State.PAUSED: Why.ENDED, State.ENDED: Why.ENDED, State.USED_UP: Why.USED_UP,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Offers:
    """The discounts of a shop that orders may have now, and what codes bring; `claimed`: (buyer, discount) of coupons."""

    at: datetime
    automatic: Sequence[Discount]
    claimed: Collection[tuple[UUID, int]]
    known: Mapping[str, queries.CodeOf]
    brought: Mapping[int, Discount]

    def candidates(
        self, *, currency: str, buyer: UUID, show_id: int | None, codes: Sequence[str]
    ) -> Candidates:
        """What an order of this buyer may have with these codes, its goods and what was ordered before aside."""
        refused: dict[str, Why] = {}
        offered = [
            Offered(each)
            for each in self.automatic
            if (each.method is not Method.COUPON or (buyer, each.id) in self.claimed)
            and _why_not(each, currency=currency, show_id=show_id, at=self.at) is None
        ]
        taken: set[int] = set()
        for folded in {key(code): code for code in codes if key(code)}:
            code = self.known.get(folded)
            if code is None:
                refused[folded] = Why.UNKNOWN
                continue
            discount = self.brought[code.discount_id]
            why = _why_not(discount, currency=currency, show_id=show_id, at=self.at)
            if why is None and (code.is_used_up or discount.id in taken):
                # Two codes of one discount are not two discounts.
                why = Why.ALREADY_USED if discount.id in taken else Why.USED_UP
            if why is not None:
                refused[folded] = why
            else:
                taken.add(discount.id)
                offered.append(Offered(discount, folded, code.written))
        return Candidates(offered, refused)


async def offers(
    tx: Tx, *, shop_id: int, buyers: Sequence[UUID], codes: Sequence[str], at: datetime
) -> Offers:
    """What these buyers may have, with these codes among theirs."""
    automatic = await queries.automatic(tx, shop_id=shop_id, buyers=buyers, at=at)
    coupons = [each.id for each in automatic if each.method is Method.COUPON]
    wanted = sorted({key(code) for code in codes} - {""})
    known = (
        {each.key: each for each in await queries.codes_by_key(tx, shop_id=shop_id, keys=wanted)}
        if wanted
        else {}
    )
    ids = sorted({each.discount_id for each in known.values()})
    brought = await queries.by_ids(tx, shop_id=shop_id, ids=ids) if ids else []
    return Offers(
        at,
        automatic,
        await queries.unused_claims(tx, ids=coupons, buyers=buyers) if coupons else frozenset(),
        known,
        {each.id: each for each in brought},
    )


async def candidates(
    tx: Tx,
    *,
    shop_id: int,
    currency: str,
    buyer: UUID,
    show_id: int | None,
    codes: Sequence[str],
    at: datetime,
    earlier: Earlier,
) -> Candidates:
    """The discounts that an order of this buyer may have with these codes, its goods aside."""
    known = await offers(tx, shop_id=shop_id, buyers=[buyer], codes=codes, at=at)
    found = known.candidates(currency=currency, buyer=buyer, show_id=show_id, codes=codes)
    return await of_person(tx, found, await earlier()) if found.asks_history else found


def _why_not(found: Discount, *, currency: str, show_id: int | None, at: datetime) -> Why | None:
    why = _WHY.get(found.state(at))
    if why is not None:
        return why
    if found.show_id is not None and found.show_id != show_id:
        return Why.OTHER_SHOW
    return None if found.currency == currency else Why.OTHER_CURRENCY


async def of_person(tx: Tx, found: Candidates, earlier: Sequence[UUID]) -> Candidates:
    """Without what is for somebody's first order only, or has been used by this person as often as it may be."""
    limited = [each.discount.id for each in found.offered if each.discount.per_buyer is not None]
    used: dict[int, int] = {}
    if limited and earlier:
        used = await queries.uses_of_orders(tx, discount_ids=limited, order_ids=earlier)
    out: dict[int, Why] = {}
    for each in found.offered:
        most = each.discount.per_buyer
        if each.discount.first_order and earlier:
            out[each.discount.id] = Why.NOT_FIRST
        elif most is not None and used.get(each.discount.id, 0) >= most:
            out[each.discount.id] = Why.ALREADY_USED
    return found.without(out)


@dataclass(frozen=True, slots=True)
class Use:
    """Discounts that an order is to have, and how to find what the same person ordered before."""

    order_id: UUID
    buyer: UUID
    taken: Sequence[Taken]
    earlier: Earlier


async def take(tx: Tx, wanted: Sequence[Use], *, shop_id: int) -> list[DiscountGone | None]:
    """Use discounts for orders, in their transaction and late in it: others wait from here on.

    For each order, in this order, None, or why one of its discounts can no longer be had: then it has none of them.
    Orders of one person whose discounts ask what was ordered before come one at a time.  Raises DiscountGone where
    codes or claims went another way all the same.
    """
    ids = sorted({each.discount_id for use in wanted for each in use.taken})
    if not ids:
        return [None for _ in wanted]
    found = await use_queries.lock_allowances(tx, shop_id=shop_id, ids=ids)
    keys = sorted({each.key for use in wanted for each in use.taken if each.key is not None})
    # Nobody else uses a code or a coupon of these discounts meanwhile: their allowances are locked.
    left = await use_queries.uses_left(tx, shop_id=shop_id, keys=keys) if keys else {}
    claims: set[tuple[UUID, int]] = set()
    granted: list[Use] = []
    answers: list[DiscountGone | None] = []
    for use in wanted:
        try:
            await _may_take(tx, use, found, left, claims)
        except DiscountGone as gone:
            answers.append(gone)
            continue
        answers.append(None)
        granted.append(use)
        for each in use.taken:
            was = found[each.discount_id]
            found[each.discount_id] = replace(
                was, uses=was.uses + 1, spent_minor=was.spent_minor + each.amount_minor
            )
            uses = None if each.key is None else left[each.key]
            if each.key is not None and uses is not None:
                left[each.key] = uses - 1
            if was.method == Method.COUPON:
                claims.add((use.buyer, each.discount_id))
    taken = [(use, each) for use in granted for each in use.taken]
    if not taken:
        return answers
    spent: dict[int, tuple[int, int]] = {}
    used: dict[str, int] = {}
    for _, each in taken:
        uses, minor = spent.get(each.discount_id, (0, 0))
        spent[each.discount_id] = (uses + 1, minor + each.amount_minor)
        if each.key is not None:
            used[each.key] = used.get(each.key, 0) + 1
    if used and await use_queries.use_codes(tx, shop_id=shop_id, uses=used) < len(used):
        raise DiscountGone(codes=sorted(used))
    coupons = [(use, each) for use, each in taken if found[each.discount_id].method == Method.COUPON]
    if coupons and await use_queries.use_claims(
        tx, claims=[(each.discount_id, use.buyer, use.order_id) for use, each in coupons]
    ) < len(coupons):
        raise DiscountGone(discount_ids=sorted({each.discount_id for _, each in coupons}))
    await use_queries.add_uses(tx, spent=spent)
    await use_queries.insert_uses(
        tx,
        shop_id=shop_id,
        rows=[
            {
                "order_id": use.order_id,
                "buyer": use.buyer,
                "discount_id": each.discount_id,
                "amount_minor": each.amount_minor,
                "code_key": each.key,
            }
            for use, each in taken
        ],
    )
    return answers


async def _may_take(
    tx: Tx,
    use: Use,
    found: Mapping[int, use_queries.Allowance],
    left: Mapping[str, int | None],
    claims: Collection[tuple[UUID, int]],
) -> None:
    """Raises DiscountGone."""
    allowances = [found.get(each.discount_id) for each in use.taken]
    limited = [
        each.discount_id for each in allowances if each and (each.per_buyer is not None or each.first_order)
    ]
    before: Sequence[UUID] = await use.earlier() if limited else ()
    used: dict[int, int] = {}
    if before:
        used = await queries.uses_of_orders(tx, discount_ids=limited, order_ids=before)
    for each, allowance in zip(use.taken, allowances, strict=True):
        if allowance is None or (use.buyer, each.discount_id) in claims:
            raise DiscountGone(discount_id=each.discount_id)
        _check(allowance, each.amount_minor, before=len(before), used=used.get(each.discount_id, 0))
    gone = [each.key for each in use.taken if each.key is not None and left.get(each.key, 0) == 0]
    if gone:
        raise DiscountGone(codes=gone)


def _check(allowance: use_queries.Allowance, amount_minor: int, *, before: int, used: int) -> None:
    gone = (
        (allowance.most_uses is not None and allowance.uses >= allowance.most_uses)
        or (
            allowance.budget_minor is not None
            and allowance.spent_minor + amount_minor > allowance.budget_minor
        )
        or (allowance.first_order and before > 0)
        or (allowance.per_buyer is not None and used >= allowance.per_buyer)
    )
    if gone:
        raise DiscountGone(discount_id=allowance.discount_id, title=allowance.title)


async def of_order(tx: Tx, *, shop_id: int, order_id: UUID) -> Candidates:
    """The discounts that an order has, as they are set now and as if it had not used them yet."""
    used = {
        each.discount_id: each
        for each in await use_queries.uses_of(tx, shop_id=shop_id, order_id=order_id, returned=False)
    }
    if not used:
        return Candidates([], {})
    written = await use_queries.written(
        tx, shop_id=shop_id, keys=[each.code_key for each in used.values() if each.code_key is not None]
    )
    return Candidates(
        [
            Offered(
                replace(each, spent_minor=each.spent_minor - used[each.id].amount_minor),
                used[each.id].code_key,
                written.get(used[each.id].code_key or ""),
            )
            for each in await queries.by_ids(tx, shop_id=shop_id, ids=sorted(used))
        ],
        {},
    )


async def take_instead(tx: Tx, *, shop_id: int, order_id: UUID, taken: Sequence[Taken]) -> None:
    """A changed order uses so much of the discounts it has; one that no longer applies is given back for good.

    Raises DiscountGone where more of a budget would be used than is left.
    """
    used = await use_queries.uses_of(tx, shop_id=shop_id, order_id=order_id, returned=False)
    amounts = {each.discount_id: each.amount_minor for each in taken}
    changed = [each for each in used if amounts.get(each.discount_id, 0) != each.amount_minor]
    if not changed:
        return
    found = await use_queries.lock_allowances(tx, shop_id=shop_id, ids=[each.discount_id for each in changed])
    for each in changed:
        allowance, amount = found[each.discount_id], amounts.get(each.discount_id, 0)
        more = amount - each.amount_minor
        if (
            more > 0
            and allowance.budget_minor is not None
            and allowance.spent_minor + more > allowance.budget_minor
        ):
            raise DiscountGone(discount_id=each.discount_id, title=allowance.title)
    gone = [each.discount_id for each in changed if not amounts.get(each.discount_id)]
    kept = {each.discount_id: amounts[each.discount_id] for each in changed if each.discount_id not in gone}
    if gone:
        await use_queries.drop_uses(tx, order_id=order_id, ids=gone)
    if kept:
        await use_queries.change_uses(tx, order_id=order_id, amounts=kept)


async def give_back(tx: Tx, *, shop_id: int, order_id: UUID) -> None:
    """The order is no more: what it used of discounts may be used by others.  A second time gives nothing back."""
    used = await use_queries.uses_of(tx, shop_id=shop_id, order_id=order_id, returned=False)
    if used:
        await use_queries.lock_allowances(tx, shop_id=shop_id, ids=[each.discount_id for each in used])
        await use_queries.give_back(tx, order_id=order_id)


async def take_again(tx: Tx, *, shop_id: int, order_id: UUID) -> bool:
    """The order is back, at the price it had; False where a discount of it can no longer be had."""
    used = await use_queries.uses_of(tx, shop_id=shop_id, order_id=order_id, returned=True)
    if not used:
        return True
    found = await use_queries.lock_allowances(tx, shop_id=shop_id, ids=[each.discount_id for each in used])
    for each in used:
        allowance = found[each.discount_id]
        if (allowance.most_uses is not None and allowance.uses >= allowance.most_uses) or (
            allowance.budget_minor is not None
            and allowance.spent_minor + each.amount_minor > allowance.budget_minor
        ):
            return False
    keys = [each.code_key for each in used if each.code_key is not None]
    coupons = [each.discount_id for each in used if found[each.discount_id].method == Method.COUPON]
    # Nobody else uses a code or a coupon of these discounts meanwhile: their allowances are locked.
    if keys and await use_queries.codes_left(tx, shop_id=shop_id, keys=keys) < len(keys):
        return False
    if coupons and await use_queries.claims_left(tx, ids=coupons, buyer=used[0].buyer) < len(coupons):
        return False
    await use_queries.use_codes(tx, shop_id=shop_id, uses=dict.fromkeys(keys, 1))
    await use_queries.use_claims(tx, claims=[(each, used[0].buyer, order_id) for each in coupons])
    await use_queries.add_uses(tx, spent={each.discount_id: (1, each.amount_minor) for each in used})
    await use_queries.count_again(tx, order_id=order_id)
    return True

"""The discounts of a checkout: which it may have, what became of its codes, and that they are used with the order."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

from shopfloor import pricing, promotions
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now
from shopfloor.orders import checkout_queries
from shopfloor.orders.models import Bundle, Item
from shopfloor.orders.refusals import FormRefused

# A better discount applies instead, or there is nothing left to lower: no reason not to order.
_HARMLESS: Final = frozenset({pricing.WhyNot.OTHER_IS_BETTER, pricing.WhyNot.NOTHING_LEFT})


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for a price, in which show, with which codes.  `mail` and `phone` as they are compared, '' for none."""

    buyer: UUID
    show_id: int | None = None
    codes: Sequence[str] = ()
    mail: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class CodeTold:
    """What became of a code: `amount_minor` off, or `why` not and what is `missing` (money or units)."""

    code: str
    title: str = ""
    amount_minor: int = 0
    why: str | None = None
    missing: int = 0


async def offered(tx: Tx, *, shop_id: int, currency: str, asked: Asked) -> promotions.Candidates:
    return await promotions.candidates(
        tx,
        shop_id=shop_id,
        currency=currency,
        buyer=asked.buyer,
        show_id=asked.show_id,
        codes=asked.codes,
        at=now(),
        earlier=partial(earlier_orders, tx, shop_id=shop_id, asked=asked),
    )


def products_of(items: Sequence[Item], bundles: Sequence[Bundle], line_ids: Sequence[str]) -> dict[str, int]:
    """What each line is a unit of: a line of a bundle is of the bundle, not of the part."""
    of_bundle = {bundle.id: bundle.product_id for bundle in bundles}
    return {
        line: item.product_id if item.bundle_id is None else of_bundle.get(item.bundle_id, item.product_id)
        for line, item in zip(line_ids, items, strict=True)
    }


def told_of_codes(asked: Asked, found: promotions.Candidates, breakdown: pricing.Breakdown) -> list[CodeTold]:
    """Each code that was given, in its order."""
    by_key = {each.key: each for each in found.offered if each.key is not None}
    applied = {each.id: each for each in breakdown.discounts}
    answers: list[CodeTold] = []
    for typed in asked.codes:
        key = promotions.key(typed)
        each = by_key.get(key)
        if each is None:
            answers.append(CodeTold(typed, why=found.refused.get(key, promotions.Why.UNKNOWN)))
            continue
        outcome = applied.get(each.rule_id)
        title = each.discount.title
        if outcome is None:
            # It came to more than is left of its budget.
            answers.append(CodeTold(typed, title, why=promotions.Why.USED_UP))
        else:
            answers.append(CodeTold(typed, title, outcome.amount, outcome.why, outcome.missing))
    return answers


def taken_of(found: promotions.Candidates, breakdown: pricing.Breakdown) -> list[promotions.Taken]:
    amounts = {each.id: each.amount for each in breakdown.discounts if each.amount}
    return [
        promotions.Taken(each.discount.id, amounts[each.rule_id], each.key)
        for each in found.offered
        if each.rule_id in amounts
    ]


def named(
    calculation: Mapping[str, Any], found: promotions.Candidates, breakdown: pricing.Breakdown
) -> dict[str, Any]:
    """The calculation with the discounts that apply, by the names their buyer read."""
    amounts = {each.id: each.amount for each in breakdown.discounts if each.amount}
    return {
        **calculation,
        "discounts": [
            {
                "id": each.rule_id,
                "discount_id": each.discount.id,
                "title": each.discount.title,
                "code": each.written,
                "amount": amounts[each.rule_id],
            }
            for each in found.offered
            if each.rule_id in amounts
        ],
    }


def check_codes(codes: Sequence[CodeTold]) -> None:
    """Nobody orders in the belief that a code counts which does not.  Raises FormRefused."""
    for each in codes:
        if each.why is not None and each.why not in _HARMLESS:
            raise FormRefused(fields={"code": f"code_{each.why}"}, code=each.code)


async def earlier_orders(tx: Tx, *, shop_id: int, asked: Asked, but: UUID | None = None) -> list[UUID]:
    return await checkout_queries.orders_of_person(
        tx, shop_id=shop_id, buyer=asked.buyer, mail=asked.mail, phone=asked.phone, but=but
    )

"""What a shop does with its discounts.  Changes reach new orders only; orders keep their calculation."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.errors import CheckViolation, ForeignKeyViolation, UniqueViolation

from shopfloor import accounts, pricing
from shopfloor.kernel import amounts, outbox, text
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import MAX_MINOR, now
from shopfloor.promotions import cards, codes, queries, use_queries
from shopfloor.promotions.events import DiscountChanged
from shopfloor.promotions.models import Code, Discount, Method, State, Use
from shopfloor.promotions.refusals import (
    BelowUsage,
    CodeTaken,
    DiscountIncomplete,
    DiscountInUse,
    NotThere,
    TooManyCodes,
    UnknownDiscount,
)

MOST_DISCOUNTS: Final = 1000
MOST_STEPS: Final = 50
MOST_CODES: Final = 10_000
"""That are made at once."""
MOST_PRODUCTS: Final = 1000

_SLUG: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,59}", re.ASCII)
_LIKE: Final = re.compile(r"([\\%_])")


async def save(tx: Tx, *, shop_id: int, wanted: Discount, code: str = "") -> Discount:
    """Make a discount (`id` 0) or change one; with `code`, that code brings it.

    Raises UnknownDiscount, NotThere for a product or show that is not there, DiscountIncomplete, BelowUsage, CodeTaken, BadCode,
    TooManyCodes, pricing.RateUnreadable, pricing.Negative, pricing.TooLarge, text.UnusableText.
    """
    await queries.lock(tx, shop_id=shop_id)
    known = None
    if wanted.id:
        known = await discount(tx, shop_id=shop_id, discount_id=wanted.id)
    elif await queries.count(tx, shop_id=shop_id) >= MOST_DISCOUNTS:
        raise TooManyCodes(most=MOST_DISCOUNTS)
    clean = replace(_checked(wanted), currency=(await accounts.shop(tx, shop_id)).currency)
    written = codes.written(code) if clean.method is Method.CODE and code.strip() else None
    if clean.method is Method.CODE and written is None and known is None:
        raise DiscountIncomplete(field="code")
    if known is not None and known.method is not clean.method and (known.uses or known.claims or known.codes):
        raise DiscountInUse(discount_id=known.id)
    try:
        if known is None:
            clean = replace(clean, id=await queries.insert(tx, shop_id=shop_id, wanted=clean))
        else:
            await queries.update(tx, shop_id=shop_id, wanted=clean)
        await queries.save_limits(tx, shop_id=shop_id, wanted=clean)
        await queries.drop_products(tx, shop_id=shop_id, discount_id=clean.id)
        await queries.insert_products(
            tx, shop_id=shop_id, discount_id=clean.id, product_ids=clean.product_ids
        )
    except CheckViolation:
        raise BelowUsage(discount_id=clean.id) from None
    except UniqueViolation:
        raise CodeTaken(field="slug", slug=clean.slug) from None
    except ForeignKeyViolation as problem:
        of_show = "show" in (problem.diag.constraint_name or "")
        raise NotThere(field="show_id" if of_show else "product_ids") from None
    if written is not None and not await _has_code(tx, shop_id, clean.id, codes.key(written)):
        await add_codes(tx, shop_id=shop_id, discount_id=clean.id, given=[written])
    await outbox.record(tx, DiscountChanged(shop_id, clean.id, "made" if known is None else "changed"))
    await cards.refresh(tx, shop_id=shop_id, discount_id=clean.id)
    return await discount(tx, shop_id=shop_id, discount_id=clean.id)


async def _has_code(tx: Tx, shop_id: int, discount_id: int, key: str) -> bool:
    found = await queries.codes_by_key(tx, shop_id=shop_id, keys=[key])
    return bool(found) and found[0].discount_id == discount_id


def _checked(wanted: Discount) -> Discount:
    """Tidied, with what its kind does not have left out."""
    kind, level = wanted.kind, wanted.level
    is_amount = kind is pricing.DiscountKind.AMOUNT
    per_line = level is pricing.DiscountLevel.LINES and kind is not pricing.DiscountKind.FREE_SHIPPING
    steps = [] if not is_amount or per_line else _steps(wanted.steps)
    every = wanted.every_minor if is_amount and not per_line and not steps else None
    clean = replace(
        wanted,
        title=text.name(wanted.title, field="title", longest=100),
        level=pricing.DiscountLevel.LINES if per_line else pricing.DiscountLevel.ORDER,
        percent=amounts.percentage(wanted.percent) if kind is pricing.DiscountKind.PERCENTAGE else "0",
        amount_minor=wanted.amount_minor if is_amount and not steps else 0,
        every_minor=every,
        steps=steps,
        product_ids=sorted(set(wanted.product_ids)),
        slug=wanted.slug.strip().lower() if wanted.slug and wanted.method is Method.COUPON else None,
        most_claims=wanted.most_claims if wanted.method is Method.COUPON else None,
    )
    pricing.check_percentage("percent", clean.percent, most=100)
    whole, dot, rest = clean.percent.partition(".")
    clean = replace(clean, percent=f"{int(whole)}{dot}{rest}")
    if kind is pricing.DiscountKind.PERCENTAGE and not clean.percent.strip("0."):
        raise DiscountIncomplete(field="percent")
    if is_amount and not steps and clean.amount_minor <= 0:
        raise DiscountIncomplete(field="amount")
    for name in ("amount_minor", "every_minor", "minimum_minor", "cap_minor", "budget_minor"):
        _amount(name.removesuffix("_minor"), getattr(clean, name), least=0 if name in _MAY_BE_NOTHING else 1)
    for name, most in (("most_uses", 2**31 - 1), ("most_claims", 2**31 - 1), ("per_buyer", 10**6)):
        _number(name, getattr(clean, name), least=1, most=most)
    _number("minimum_quantity", clean.minimum_quantity, least=0, most=10**6)
    _number("priority", clean.priority, least=0, most=10**6)
    if clean.starts_at and clean.ends_at and clean.ends_at <= clean.starts_at:
        raise DiscountIncomplete(field="ends_at")
    if clean.method is Method.COUPON and (clean.slug is None or _SLUG.fullmatch(clean.slug) is None):
        raise DiscountIncomplete(field="slug")
    if len(clean.product_ids) > MOST_PRODUCTS:
        raise TooManyCodes(field="product_ids", most=MOST_PRODUCTS)
    return clean


_MAY_BE_NOTHING: Final = frozenset({"amount_minor", "minimum_minor"})


def _steps(steps: Sequence[Any]) -> list[Any]:
    """From a sum on, so much off: each reaches further and takes off more than the one before."""
    if len(steps) > MOST_STEPS:
        raise TooManyCodes(field="steps", most=MOST_STEPS)
    last = (0, 0)
    for number, step in enumerate(steps, start=1):
        reached, off = step["from_amount"], step["amount"]
        _amount("steps", reached, least=1)
        _amount("steps", off, least=1)
        if reached <= last[0] or off <= last[1]:
            raise DiscountIncomplete(field="steps", step=number)
        last = (reached, off)
    return [{"from_amount": step["from_amount"], "amount": step["amount"]} for step in steps]


def _amount(field: str, minor: int | None, *, least: int) -> None:
    _number(field, minor, least=least, most=MAX_MINOR)


def _number(field: str, value: int | None, *, least: int, most: int) -> None:
    if value is not None and not least <= value <= most:
        raise DiscountIncomplete(field=field, least=least, most=most)


async def discount(tx: Tx, *, shop_id: int, discount_id: int) -> Discount:
    """Raises UnknownDiscount."""
    found = await queries.discount(tx, shop_id=shop_id, discount_id=discount_id)
    if found is None:
        raise UnknownDiscount(discount_id=discount_id)
    return (await _with_codes(tx, shop_id, [found]))[0]


async def _with_codes(tx: Tx, shop_id: int, found: Sequence[Discount]) -> list[Discount]:
    counts = await queries.codes_of(tx, shop_id=shop_id, ids=[each.id for each in found])
    return [
        replace(each, codes=counts[each.id].codes, code=counts[each.id].code) if each.id in counts else each
        for each in found
    ]


async def discounts(
    tx: Tx,
    *,
    shop_id: int,
    search: str = "",
    state: State | None = None,
    after: int | None = None,
    before: int | None = None,
    limit: int = 50,
    at: datetime | None = None,
) -> list[Discount]:
    """Newest first, or from `before` backwards; `search` looks in titles, and at how codes begin."""
    wanted = text.looked_for(search)[:100]
    found = await queries.discounts(
        tx,
        shop_id=shop_id,
        pattern="%" + _LIKE.sub(r"\\\1", wanted) + "%" if wanted else "",
        key=codes.key(wanted) or "\x7f",
        state=state,
        at=at or now(),
        after=after,
        before=before,
        limit=limit,
    )
    return await _with_codes(tx, shop_id, found)


async def pause(tx: Tx, *, shop_id: int, discount_id: int, paused: bool) -> Discount:
    """Raises UnknownDiscount."""
    if not await queries.set_paused(tx, shop_id=shop_id, discount_id=discount_id, paused=paused):
        raise UnknownDiscount(discount_id=discount_id)
    await outbox.record(tx, DiscountChanged(shop_id, discount_id, "paused" if paused else "resumed"))
    await cards.refresh(tx, shop_id=shop_id, discount_id=discount_id)
    return await discount(tx, shop_id=shop_id, discount_id=discount_id)


async def remove(tx: Tx, *, shop_id: int, discount_id: int) -> None:
    """Raises UnknownDiscount, and DiscountInUse once it was used or claimed."""
    await queries.lock(tx, shop_id=shop_id)
    await discount(tx, shop_id=shop_id, discount_id=discount_id)
    await use_queries.lock_allowances(tx, shop_id=shop_id, ids=[discount_id])
    if await queries.has_history(tx, discount_id=discount_id):
        raise DiscountInUse(discount_id=discount_id)
    await queries.drop_codes(tx, shop_id=shop_id, discount_id=discount_id)
    await queries.drop_products(tx, shop_id=shop_id, discount_id=discount_id)
    await queries.drop_allowance(tx, discount_id=discount_id)
    await queries.drop(tx, shop_id=shop_id, discount_id=discount_id)
    await outbox.record(tx, DiscountChanged(shop_id, discount_id, "deleted"))
    await cards.refresh(tx, shop_id=shop_id, discount_id=discount_id)


async def add_codes(
    tx: Tx, *, shop_id: int, discount_id: int, given: Sequence[str], most_uses: int | None = None
) -> None:
    """Raises UnknownDiscount, DiscountIncomplete for one that needs no code, BadCode, CodeTaken, TooManyCodes."""
    found = await discount(tx, shop_id=shop_id, discount_id=discount_id)
    if found.method is not Method.CODE:
        raise DiscountIncomplete(field="method", method=found.method)
    if len(given) > MOST_CODES:
        raise TooManyCodes(most=MOST_CODES)
    _number("most_uses", most_uses, least=1, most=2**31 - 1)
    wanted: dict[str, str] = {}
    for each in given:
        tidy = codes.written(each)
        wanted.setdefault(codes.key(tidy), tidy)
    free = await queries.insert_codes(
        tx, shop_id=shop_id, discount_id=discount_id, codes=wanted, most_uses=most_uses
    )
    if len(free) < len(wanted):
        taken = [written for key, written in wanted.items() if key not in free]
        raise CodeTaken(field="code", codes=taken[:10])


async def make_codes(
    tx: Tx, *, shop_id: int, discount_id: int, count: int, prefix: str = "", most_uses: int = 1
) -> list[str]:
    """So many codes that nobody guesses, each for one order unless said otherwise; raises what `add_codes` raises."""
    found = await discount(tx, shop_id=shop_id, discount_id=discount_id)
    if found.method is not Method.CODE:
        raise DiscountIncomplete(field="method", method=found.method)
    if not 1 <= count <= MOST_CODES:
        raise DiscountIncomplete(field="count", least=1, most=MOST_CODES)
    _number("most_uses", most_uses, least=1, most=2**31 - 1)
    ahead = codes.written(prefix + "0" * 10)[:-10] if prefix.strip() else ""
    added: list[str] = []
    while len(added) < count:
        wanted = {codes.key(each): each for each in (codes.made(ahead) for _ in range(count - len(added)))}
        free = await queries.insert_codes(
            tx, shop_id=shop_id, discount_id=discount_id, codes=wanted, most_uses=most_uses
        )
        added += [wanted[key] for key in free]
    return added


async def remove_code(tx: Tx, *, shop_id: int, discount_id: int, code: str) -> None:
    """Raises UnknownDiscount, and DiscountInUse for one that was used."""
    key = codes.key(code)
    if await queries.drop_code(tx, shop_id=shop_id, discount_id=discount_id, key=key):
        return
    if await _has_code(tx, shop_id, discount_id, key):
        raise DiscountInUse(code=code[: codes.LONGEST])
    raise UnknownDiscount(code=code[: codes.LONGEST])


async def codes_of(
    tx: Tx,
    *,
    shop_id: int,
    discount_id: int,
    after: str | None = None,
    before: str | None = None,
    limit: int = 100,
) -> list[Code]:
    """By key, a page of them (`kernel.paging`)."""
    return await queries.codes(
        tx, shop_id=shop_id, discount_id=discount_id, after=after, before=before, limit=limit
    )


async def uses(
    tx: Tx,
    *,
    shop_id: int,
    discount_id: int,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> list[Use]:
    """The newest orders that used it, a page of them."""
    return await use_queries.uses(
        tx, shop_id=shop_id, discount_id=discount_id, after=after, before=before, limit=limit
    )

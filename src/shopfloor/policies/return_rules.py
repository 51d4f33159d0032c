"""What buyers may give back: what the law of their country asks for, and what the shop grants beside it.

What is `promised` when an order is placed is frozen in it; nothing that is changed later reaches it.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from enum import StrEnum
from typing import Any, ClassVar, Final

from shopfloor import catalog
from shopfloor.accounts import Actor
from shopfloor.kernel import text
from shopfloor.kernel.amounts import QuantityUnreadable
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass

LONGEST_ADDRESS: Final = 1000
LONGEST_NOTE: Final = 2000


class Law(StrEnum):
    """Whose rules hold for a purchase at a distance."""

    EU = "eu"
    """14 days from the day on which the last parcel of the order arrived."""
    CN = "cn"
    """7 days from the day on which each parcel arrived."""
    OWN = "own"
    """What the shop grants, counted from the last parcel."""


class Why(StrEnum):
    """Why nobody may send a product back without a fault."""

    MADE_TO_ORDER = "made_to_order"
    PERISHABLE = "perishable"
    SEALED = "sealed"
    DIGITAL = "digital"
    AGREED = "agreed"


# The European Economic Area, and the United Kingdom, which counts alike.
_LIKE_EU: Final = frozenset(
    [
        "AT",
        "BE",
        "BG",
        "CY",
        "CZ",
        "DE",
        "DK",
        "EE",
        "ES",
        "FI",
        "FR",
        "GB",
        "GR",
        "HR",
        "HU",
        "IE",
        "IS",
        "IT",
        "LI",
        "LT",
        "LU",
        "LV",
        "MT",
        "NL",
        "NO",
        "PL",
        "PT",
        "RO",
        "SE",
        "SI",
        "SK",
    ]
)
LEAST_DAYS: Final = {Law.EU: 14, Law.CN: 7, Law.OWN: 0}


@dataclass(frozen=True, slots=True)
class ReturnRules:
    """What a shop grants.  Days of zero: it does not.

    `withdrawal_days`: without a reason; where the law grants more, the law holds.  `goodwill_days`: after that, when
    the shop agrees.  `claim_days`: for a fault.  `seller_pays`: the way back.  `address`: where goods are sent to.
    """

    MOST_DAYS: ClassVar[int] = 365
    MOST_CLAIM_DAYS: ClassVar[int] = 3650

    withdrawal_days: int = 14
    goodwill_days: int = 0
    claim_days: int = 730
    seller_pays: bool = False
    address: str = ""
    note: str = ""


def law_of(country: str) -> Law:
    if country in _LIKE_EU:
        return Law.EU
    return Law.CN if country == "CN" else Law.OWN


@dataclass(frozen=True, slots=True)
class _Row:
    withdrawal_days: int
    goodwill_days: int
    claim_days: int
    seller_pays: bool
    address: str
    note: str


async def of_shop(tx: Tx, *, shop_id: int) -> ReturnRules:
    """Defaults until the shop has set some."""
    found = await tx.first(
        _Row,
        """
        SELECT withdrawal_days, goodwill_days, claim_days, seller_pays, address, note
          FROM policies.return_rules WHERE shop_id = %(shop_id)s
        """,
        shop_id=shop_id,
    )
    return ReturnRules() if found is None else ReturnRules(**asdict(found))


async def set_rules(tx: Tx, *, actor: Actor, rules: ReturnRules) -> ReturnRules:
    """They hold for orders placed from now on.  Raises QuantityUnreadable, UnusableText, NotAllowed."""
    shop_id = actor.shop_id
    actor.check_told(rules.address, rules.note)
    _check(rules.withdrawal_days, ReturnRules.MOST_DAYS)
    _check(rules.goodwill_days, ReturnRules.MOST_DAYS)
    _check(rules.claim_days, ReturnRules.MOST_CLAIM_DAYS)
    wanted = replace(
        rules,
        address=text.prose(rules.address, field="address", longest=LONGEST_ADDRESS),
        note=text.prose(rules.note, field="note", longest=LONGEST_NOTE),
    )
    await tx.run(
        """
        INSERT INTO policies.return_rules (shop_id, withdrawal_days, goodwill_days, claim_days, seller_pays, address, note)
        VALUES (%(shop_id)s, %(withdrawal)s, %(goodwill)s, %(claim)s, %(seller_pays)s, %(address)s, %(note)s)
        ON CONFLICT (shop_id) DO UPDATE
          SET withdrawal_days = excluded.withdrawal_days, goodwill_days = excluded.goodwill_days,
              claim_days = excluded.claim_days, seller_pays = excluded.seller_pays, address = excluded.address,
              note = excluded.note
        """,
        shop_id=shop_id,
        withdrawal=wanted.withdrawal_days,
        goodwill=wanted.goodwill_days,
        claim=wanted.claim_days,
        seller_pays=wanted.seller_pays,
        address=wanted.address,
        note=wanted.note,
    )
    return wanted


def _check(days: int, most: int) -> None:
    if not 0 <= days <= most:
        raise QuantityUnreadable(given=str(days), least=0, most=most)


async def exceptions(tx: Tx, *, shop_id: int, product_ids: Sequence[int]) -> dict[int, Why]:
    """Of these products, those that nobody may send back without a fault."""
    cursor = await tx.connection.execute(
        """
        SELECT product_id, why FROM policies.no_withdrawal
         WHERE shop_id = %(shop_id)s AND product_id = ANY(%(ids)s::bigint[])
        """,
        {"shop_id": shop_id, "ids": list(product_ids)},
    )
    return {product_id: Why(why) for product_id, why in await cursor.fetchall()}


async def set_exception(tx: Tx, *, shop_id: int, product_id: int, why: Why | None) -> None:
    """None: it may be sent back like any other.  Raises UnknownProduct."""
    await catalog.product(tx, shop_id=shop_id, product_id=product_id)
    if why is None:
        await tx.run(
            "DELETE FROM policies.no_withdrawal WHERE shop_id = %(shop_id)s AND product_id = %(product_id)s",
            shop_id=shop_id,
            product_id=product_id,
        )
        return
    await tx.run(
        """
        INSERT INTO policies.no_withdrawal (shop_id, product_id, why) VALUES (%(shop_id)s, %(product_id)s, %(why)s)
        ON CONFLICT (shop_id, product_id) DO UPDATE SET why = excluded.why
        """,
        shop_id=shop_id,
        product_id=product_id,
        why=why,
    )


@dataclass(frozen=True, slots=True)
class _Known:
    """None of a shop that has set nothing."""

    rules: dict[str, Any] | None
    exceptions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Promised:
    """What a shop grants to whoever buys these products now; `exceptions`: why not, by product."""

    rules: ReturnRules
    exceptions: dict[str, str]

    def of(self, product_ids: Collection[int]) -> "Promised":
        """The same of some of its products."""
        own = {str(each) for each in product_ids}
        return Promised(self.rules, {each: why for each, why in self.exceptions.items() if each in own})


async def promised(tx: Tx, *, shop_id: int, product_ids: Sequence[int]) -> Promised:
    found = await tx.one(
        _Known,
        """
        SELECT (SELECT to_jsonb(r) - 'shop_id' FROM policies.return_rules r WHERE r.shop_id = %(shop_id)s) AS rules,
               (SELECT coalesce(jsonb_object_agg(n.product_id::text, n.why), '{}') FROM policies.no_withdrawal n
                 WHERE n.shop_id = %(shop_id)s AND n.product_id = ANY(%(ids)s::bigint[])) AS exceptions
        """,
        shop_id=shop_id,
        ids=list(product_ids),
    )
    return Promised(ReturnRules(**(found.rules or {})), found.exceptions)

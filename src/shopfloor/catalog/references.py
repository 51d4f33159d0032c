"""What a present price may be shown against, struck through: an earlier price, or a list price that somebody stands for.

A list price that was typed or came with a file is kept and not shown, until one of the two carries it.
"""

from collections.abc import Sequence
from typing import Final

from shopfloor import accounts, pricing
from shopfloor.catalog import price_queries, reference_queries
from shopfloor.catalog.models import ListPriceUnsourced, Variant
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.text import line
from shopfloor.kernel.values import Money

# The days of Article 6a of the Price Indication Directive, and what is usual in China.
USUAL_DAYS: Final = 30
DAYS_IN: Final = {"CN": 7}
_COUNTRY_OF: Final = {"CNY": "CN"}


@dataclass(frozen=True, slots=True)
class Reference:
    """`days`: it is the lowest price of so many days before the present one; else `source` stands for it.

    `is_higher`: the present price is a reduction of it, so it may be struck through.
    """

    price: Money
    is_higher: bool
    days: int | None = None
    source: str | None = None
    evidence: str = ""


async def reference_days(tx: Tx, *, shop_id: int) -> int:
    """Of how many days the lowest price counts: what the shop has set, or what is usual in its country."""
    settings = (await pricing.rules(tx, shop_id=shop_id)).settings
    if settings is not None and settings.reference_days is not None:
        return settings.reference_days
    country = settings.origin_country if settings is not None else None
    if country is None:
        country = _COUNTRY_OF.get((await accounts.shop(tx, shop_id)).currency, "")
    return DAYS_IN.get(country, USUAL_DAYS)


async def reference_prices(tx: Tx, *, shop_id: int, variants: Sequence[Variant]) -> dict[int, Reference]:
    """By variant.  The history goes first: a price that was lower within its days is the truth about a reduction.

    A variant that never cost anything else, and whose list price nobody stands for, is not in there.
    """
    if not variants:
        return {}
    days = await reference_days(tx, shop_id=shop_id)
    ids = [variant.id for variant in variants]
    lowest = {
        row.variant_id: Money(row.minor, row.currency)
        for row in await price_queries.lowest_before_present(tx, shop_id=shop_id, variant_ids=ids, days=days)
    }
    asked = [variant.id for variant in variants if variant.id not in lowest and variant.compare_at_minor]
    sources = await reference_queries.sources(tx, shop_id=shop_id, variant_ids=asked) if asked else {}
    found: dict[int, Reference] = {}
    for variant in variants:
        earlier, said = lowest.get(variant.id), sources.get(variant.id)
        listed = variant.list_price
        if earlier is not None:
            found[variant.id] = Reference(earlier, earlier.minor > variant.price_minor, days=days)
        elif listed is not None and said is not None and said.source and said.minor == listed.minor:
            found[variant.id] = Reference(
                listed, listed.minor > variant.price_minor, source=said.source, evidence=said.evidence
            )
    return found


async def lowest_lately(tx: Tx, *, shop_id: int, variant_ids: Sequence[int], days: int) -> dict[int, Money]:
    """By variant, the lowest price it had in the shop at any moment of the last `days`, the present one included."""
    rows = await price_queries.lowest_lately(tx, shop_id=shop_id, variant_ids=variant_ids, days=days)
    return {row.variant_id: Money(row.minor, row.currency) for row in rows}


async def say_source(tx: Tx, *, shop_id: int, variant: Variant, source: str, evidence: str) -> None:
    """Who stands for the list price that the variant has now; nobody for an empty `source`.

    Saying it again records nothing.  Raises ListPriceUnsourced without `evidence` or without a list price.
    """
    name = line(source, field="list_price_set_by", longest=100)
    proof = line(evidence, field="list_price_evidence", longest=1000)
    known = (await reference_queries.sources(tx, shop_id=shop_id, variant_ids=[variant.id])).get(variant.id)
    if not name and (known is None or not known.source):
        return
    if name and (not proof or variant.compare_at_minor is None):
        raise ListPriceUnsourced(
            field="list_price_evidence" if not proof else "compare_at", variant_id=variant.id
        )
    minor = variant.compare_at_minor or 0
    if known is not None and (known.minor, known.source, known.evidence) == (minor, name, proof):
        return
    await reference_queries.insert_source(
        tx, shop_id=shop_id, variant_id=variant.id, minor=minor, source=name, evidence=proof if name else ""
    )

"""A shop's policies, and setting them."""

from collections.abc import Sequence

from shopfloor import purchases
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.policies import queries, return_rules
from shopfloor.policies.events import ShopTermsChanged
from shopfloor.policies.models import ShopTerms


async def shop_terms(tx: Tx, *, shop_id: int) -> ShopTerms:
    """The shop's rules for payment, shipping and presale; defaults until it has set some."""
    return await queries.shop_terms(tx, shop_id=shop_id) or ShopTerms()


async def promised(
    tx: Tx, *, shop_id: int, product_ids: Sequence[int]
) -> tuple[ShopTerms, return_rules.Promised]:
    """All that a shop promises to whoever buys these products now: its terms, and what may be given back."""
    terms = await shop_terms(tx, shop_id=shop_id)
    return terms, await return_rules.promised(tx, shop_id=shop_id, product_ids=product_ids)


async def set_shop_terms(tx: Tx, *, shop_id: int, terms: ShopTerms) -> None:
    await queries.save_shop_terms(tx, shop_id=shop_id, terms=terms)
    await purchases.set_claim_seconds(tx, shop_id=shop_id, seconds=terms.claim_seconds)
    await outbox.record(tx, ShopTermsChanged(shop_id))

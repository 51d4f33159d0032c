"""Product pages as buyers saw them: kept once per shop by the hash of their content, and named by the checkouts.

A page of a checkout has them as `products`; as it is stored it has `product_hashes` instead.  Checkouts from before
have their products in themselves, and are read as they are.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from shopfloor.kernel.database import Tx
from shopfloor.orders import checkout_queries


def content_hash(product: Mapping[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(product, order="deterministic")).hexdigest()


async def put_away(tx: Tx, *, shop_id: int, pages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Pages as they are stored."""
    texts = [{content_hash(product): product for product in page.get("products", ())} for page in pages]
    together = {digest: product for each in texts for digest, product in each.items()}
    await checkout_queries.insert_page_texts(tx, shop_id=shop_id, texts=together)
    return [
        {**{name: value for name, value in page.items() if name != "products"}, "product_hashes": list(each)}
        for page, each in zip(pages, texts, strict=True)
    ]


async def take_out(tx: Tx, *, shop_id: int, page: Mapping[str, Any]) -> dict[str, Any]:
    """The page as its buyer saw it."""
    hashes = page.get("product_hashes")
    if hashes is None:
        return dict(page)
    texts = await checkout_queries.page_texts(tx, shop_id=shop_id, hashes=hashes)
    rest = {name: value for name, value in page.items() if name != "product_hashes"}
    return {**rest, "products": [texts[digest] for digest in hashes if digest in texts]}

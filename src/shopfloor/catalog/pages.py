"""What a buyer saw of products: their pages as they are at a moment, for whoever keeps that."""

from collections.abc import Sequence

from shopfloor.catalog import picture_queries, service
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class ProductPage:
    """In all languages, without markup.  `pictures`: the hashes of their files, in their order."""

    id: int
    title: str
    titles: dict[str, str]
    description: str
    descriptions: dict[str, str]
    option_names: list[str]
    option_texts: dict[str, dict[str, str]]
    pictures: list[str]


async def product_pages(tx: Tx, *, shop_id: int, ids: Sequence[int]) -> list[ProductPage]:
    """Those of `ids` that the shop has."""
    shown = await picture_queries.pictures(tx, shop_id=shop_id, product_ids=ids)
    return [
        ProductPage(
            id=product.id,
            title=product.title,
            titles=product.titles,
            description=product.plain,
            descriptions=product.plains,
            option_names=product.option_names,
            option_texts=product.option_texts,
            pictures=[picture.sha256 for picture in shown if picture.product_id == product.id],
        )
        for product in (await service.products_by_id(tx, shop_id=shop_id, ids=ids)).values()
    ]

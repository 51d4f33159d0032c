"""The form of a bundle: which goods one variant consists of."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from shopfloor import catalog, inventory
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.web.console.desk import Desk
from shopfloor.web.parts import option_words

# Rows of a bundle's form, and how many goods its list offers.
ROWS: Final = range(1, catalog.Bundle.MOST_PARTS + 1)
MOST_NAMES: Final = 500
_NUMBERED: Final = re.compile(r"\(#([0-9]{1,18})\)$")


async def variant_meant(tx: Tx, shop_id: int, text: str) -> int | None:
    """The variant that a row of a bundle names: "Cup · White (#12)" as the list offers it, or a SKU."""
    numbered = _NUMBERED.search(text)
    if numbered is not None:
        found = await catalog.variants(tx, shop_id=shop_id, ids=[int(numbered[1])])
        return found[0].id if found else None
    products = await catalog.products(tx, shop_id=shop_id, search=text, limit=None)
    variants = await catalog.variants(tx, shop_id=shop_id, product_ids=[each.id for each in products])
    known = [variant.id for variant in variants if variant.sku.casefold() == text.casefold()]
    return known[0] if len(known) == 1 else None


@dataclass(frozen=True, slots=True)
class BundleForm:
    """What a variant consists of, as its form begins: (name, units), and the bundles it is a part of itself."""

    variant: catalog.Variant
    rows: Sequence[tuple[str, int]]
    part_of: Sequence[str]
    own_units: int
    """Units that stand in the books for the variant itself; a bundle does not sell them."""


async def bundle_forms(
    tx: Tx, desk: Desk, variants: Sequence[catalog.Variant]
) -> tuple[list[BundleForm], list[str], bool]:
    """The forms, the names of what can be a part, and whether these are only the first of them."""
    shop_id, ids = desk.shop.id, [variant.id for variant in variants]
    bundles = await catalog.bundles(tx, shop_id=shop_id, variant_ids=ids)
    around = await catalog.bundles(tx, shop_id=shop_id, part_ids=ids)
    names = await _names(tx, desk, sorted(around))
    own: dict[int, int] = {}
    for level in await inventory.levels(tx, shop_id=shop_id, variant_ids=ids):
        own[level.variant_id] = own.get(level.variant_id, 0) + level.quantity
    forms: list[BundleForm] = []
    for variant in variants:
        bundle = bundles.get(variant.id)
        parts = () if bundle is None else bundle.parts
        forms.append(
            BundleForm(
                variant,
                [
                    (
                        _named(desk, part.title, part.titles, part.options, part.variant_id),
                        part.quantity,
                    )
                    for part in parts
                ],
                [
                    names[whole]
                    for whole, other in around.items()
                    if any(part.variant_id == variant.id for part in other.parts)
                ],
                own.get(variant.id, 0),
            )
        )
    products = await catalog.products(tx, shop_id=shop_id, limit=MOST_NAMES)
    goods = await catalog.variants(tx, shop_id=shop_id, product_ids=[each.id for each in products])
    cut = len(products) == MOST_NAMES or len(goods) > MOST_NAMES
    possible = await _names(tx, desk, [variant.id for variant in goods[:MOST_NAMES]])
    nested = await catalog.bundles(tx, shop_id=shop_id, variant_ids=list(possible))
    return forms, [name for variant_id, name in possible.items() if variant_id not in nested], cut


async def _names(tx: Tx, desk: Desk, variant_ids: Sequence[int]) -> dict[int, str]:
    variants = await catalog.variants(tx, shop_id=desk.shop.id, ids=variant_ids)
    products = await catalog.products_by_id(
        tx, shop_id=desk.shop.id, ids=sorted({variant.product_id for variant in variants})
    )
    return {
        variant.id: _named(
            desk,
            products[variant.product_id].title,
            products[variant.product_id].titles,
            variant.options,
            variant.id,
        )
        for variant in variants
    }


def _named(desk: Desk, title: str, titles: Mapping[str, str], options: Sequence[str], variant_id: int) -> str:
    words = " · ".join(
        word for word in (desk.language.localised(titles, title), option_words(options)) if word
    )
    return f"{words} (#{variant_id})"

"""What is for sale: products with options and variants, bundles of variants, prices with their history, pictures.

Promise: a variant always has a price in the shop's currency and every price it had stays on record; a bundle
consists of variants that are no bundles, and what it consisted of stays on record; a picture that is served was decoded and encoded by us and carries nothing but pixels.
"""

from shopfloor.catalog.archive import ArchiveUnreadable
from shopfloor.catalog.bundling import bundles, bundles_by_id, set_parts
from shopfloor.catalog.dialect import MAX_CSV_BYTES, SheetTooLarge, SheetUnreadable
from shopfloor.catalog.events import BundleChanged, PriceChanged, ProductChanged
from shopfloor.catalog.exchange import Report, export_shopify_csv, import_shopify_csv
from shopfloor.catalog.imports import fetch_pictures, picture_progress, retry_pictures, tidy
from shopfloor.catalog.indexing import Published
from shopfloor.catalog.models import (
    BadBundle,
    BadHandle,
    BadOptions,
    BadTranslation,
    BadWeight,
    Bundle,
    BundlePart,
    HandleTaken,
    InUse,
    Kind,
    ListPriceUnsourced,
    NestedBundle,
    NewPart,
    NewVariant,
    OptionsTaken,
    PriceNegative,
    PricePast,
    PriceTooLarge,
    Product,
    Status,
    TooManyVariants,
    UnknownPicture,
    UnknownProduct,
    UnknownVariant,
    Variant,
    format_price,
    parse_price,
    translated,
)
from shopfloor.catalog.pages import product_pages
from shopfloor.catalog.plain import plain_text
from shopfloor.catalog.price_history import prices, set_price
from shopfloor.catalog.references import lowest_lately, reference_days, reference_prices
from shopfloor.catalog.removal import delete_product, delete_variants
from shopfloor.catalog.service import (
    add_picture,
    add_variant,
    create_product,
    pictures,
    product,
    products,
    products_by_id,
    remove_picture,
    update_product,
    update_variant,
    variants,
)
from shopfloor.catalog.uploads import opened_import

__all__ = [
    "MAX_CSV_BYTES",
    "ArchiveUnreadable",
    "BadBundle",
    "BadHandle",
    "BadOptions",
    "BadTranslation",
    "BadWeight",
    "Bundle",
    "BundleChanged",
    "BundlePart",
    "HandleTaken",
    "InUse",
    "Kind",
    "ListPriceUnsourced",
    "NestedBundle",
    "NewPart",
    "NewVariant",
    "OptionsTaken",
    "PriceChanged",
    "PriceNegative",
    "PricePast",
    "PriceTooLarge",
    "Product",
    "ProductChanged",
    "Published",
    "Report",
    "SheetTooLarge",
    "SheetUnreadable",
    "Status",
    "TooManyVariants",
    "UnknownPicture",
    "UnknownProduct",
    "UnknownVariant",
    "Variant",
    "add_picture",
    "add_variant",
    "bundles",
    "bundles_by_id",
    "create_product",
    "delete_product",
    "delete_variants",
    "export_shopify_csv",
    "fetch_pictures",
    "format_price",
    "import_shopify_csv",
    "lowest_lately",
    "opened_import",
    "parse_price",
    "picture_progress",
    "pictures",
    "plain_text",
    "prices",
    "product",
    "product_pages",
    "products",
    "products_by_id",
    "reference_days",
    "reference_prices",
    "remove_picture",
    "retry_pictures",
    "set_parts",
    "set_price",
    "tidy",
    "translated",
    "update_product",
    "update_variant",
    "variants",
]

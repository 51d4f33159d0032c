"""/v1/{shop}/products: the catalogue as JSON; pictures as they are."""

from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import Annotated, Final

from fastapi import Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from shopfloor import accounts, auth, catalog, pricing
from shopfloor.auth.api import allowed
from shopfloor.catalog.models import (
    Bundle,
    Kind,
    LastVariant,
    ListPriceUnsourced,
    NewPart,
    NewVariant,
    Picture,
    Price,
    PriceDecimals,
    PriceUnreadable,
    Product,
    Status,
    TooManyPictures,
    Variant,
    format_price,
    parse_price,
)
from shopfloor.catalog.uploads import MAX_IMPORT_BYTES
from shopfloor.kernel import paging
from shopfloor.kernel.amounts import AmountAmbiguous, PriceLeap
from shopfloor.kernel.border import LARGEST_ID, Id, Moment
from shopfloor.kernel.database import Tx
from shopfloor.kernel.http import FILE_AS_BODY, Db, refusals, with_links
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.picture_files import MAX_PICTURE_BYTES, NotAPicture, PictureTooLarge, receive_picture

router = Router(prefix="/v1/{shop}/products", tags=["catalog"])

Viewer = Annotated[accounts.Actor, Depends(allowed(accounts.Permission.CATALOG_VIEW))]
Editor = Annotated[accounts.Actor, Depends(allowed(accounts.Permission.CATALOG_EDIT))]

_SHARED = (auth.SignInNeeded, accounts.NotAllowed, accounts.UnknownShop, catalog.UnknownProduct)

_PRICE = (
    PriceUnreadable, catalog.PriceNegative, PriceDecimals, catalog.PriceTooLarge, AmountAmbiguous,
)  # fmt: skip

# Where files are sent, below /v1/{shop} and /console/{shop}, and how large they may be.
LARGE_BODIES: Final = {
    # A form may bring several.
    r"/products/[0-9]+/pictures": 4 * MAX_PICTURE_BYTES,
    r"/(?:products|stock)/import": MAX_IMPORT_BYTES,
}


class VariantIn(BaseModel):
    """`price` is written as in 129.00, in the shop's currency."""

    price: str
    options: list[str] = []
    sku: str = ""
    barcode: str = ""
    grams: int = 0
    compare_at: str | None = None
    """A list price to compare with, written as `price` is."""


class VariantChange(BaseModel):
    """What is given changes; `compare_at` of 0 takes the list price away.

    A list price is shown once somebody stands for it: `list_price_set_by`, such as the maker, with evidence (an address
    or a document).  An empty source takes it back.  `archived` takes the variant off sale and keeps its product there.
    """

    sku: str | None = None
    barcode: str | None = None
    grams: int | None = None
    compare_at: str | None = None
    list_price_set_by: str | None = None
    list_price_evidence: str = ""
    archived: bool | None = None


class ProductIn(BaseModel):
    """Left out, `status` is `draft`: nobody sees or buys it before it is `active`."""

    title: str
    handle: str | None = None
    titles: dict[str, str] = {}
    description: str = ""
    descriptions: dict[str, str] = {}
    kind: Kind = Kind.PIECE
    status: Status = Status.DRAFT
    vendor: str = ""
    product_type: str = ""
    tags: list[str] = []
    option_names: list[str] = []
    option_texts: dict[str, dict[str, str]] = {}
    """By locale, what the names and values of the options are called there."""
    variants: list[VariantIn] = Field(default=[], max_length=200)


class ProductChange(BaseModel):
    """What is left out stays."""

    title: str | None = None
    titles: dict[str, str] | None = None
    description: str | None = None
    descriptions: dict[str, str] | None = None
    kind: Kind | None = None
    status: Status | None = None
    vendor: str | None = None
    product_type: str | None = None
    tags: list[str] | None = None
    option_names: list[str] | None = None
    option_texts: dict[str, dict[str, str]] | None = None


class PriceIn(BaseModel):
    """From `at` (left out: from now) the variant costs `price`, written as in 129.00.

    A price that moves by more than a factor of three is refused with `price.leap` and both prices; `confirm` says
    that it is meant.
    """

    price: str
    at: Moment | None = None
    reason: str = ""
    confirm: bool = False


class PriceOut(BaseModel):
    price: str
    currency: str
    valid_from: Moment
    reason: str


class PartIn(BaseModel):
    """So many units of a variant in one bundle."""

    variant_id: Id
    quantity: int = 1


class TaxClassIn(BaseModel):
    """`standard`, `reduced`, `none`, or a class of the shop."""

    tax_class: str = Field(max_length=40)


class PartsIn(BaseModel):
    parts: list[PartIn] = Field(max_length=100)


class VariantOut(BaseModel):
    id: int
    sku: str
    barcode: str
    options: list[str]
    price: str
    price_minor: int
    currency: str
    grams: int
    compare_at: str | None
    archived_at: datetime | None = None
    parts: list[PartIn] = []


class PictureOut(BaseModel):
    id: int
    sha256: str
    width: int
    height: int
    alt: str
    addresses: dict[int, str]


class ProductOut(BaseModel):
    id: int
    handle: str
    title: str
    titles: dict[str, str]
    description: str
    descriptions: dict[str, str]
    kind: Kind
    status: Status
    vendor: str
    product_type: str
    tags: list[str]
    option_names: list[str]
    option_texts: dict[str, dict[str, str]]
    updated_at: datetime
    variants: list[VariantOut]
    pictures: list[PictureOut]


def _variant_out(variant: Variant, bundle: Bundle | None = None) -> VariantOut:
    return VariantOut(
        id=variant.id,
        sku=variant.sku,
        barcode=variant.barcode,
        options=variant.options,
        price=format_price(variant.price),
        price_minor=variant.price_minor,
        currency=variant.currency,
        grams=variant.grams,
        compare_at=None if variant.list_price is None else format_price(variant.list_price),
        archived_at=variant.archived_at,
        parts=[PartIn(variant_id=part.variant_id, quantity=part.quantity) for part in bundle.parts]
        if bundle
        else [],
    )


def _picture_out(picture: Picture) -> PictureOut:
    return PictureOut(
        id=picture.id,
        sha256=picture.sha256,
        width=picture.width,
        height=picture.height,
        alt=picture.alt,
        addresses={size: picture.path(size) for size in picture.sizes},
    )


def _price_out(price: Price) -> PriceOut:
    return PriceOut(
        price=format_price(price.money),
        currency=price.currency,
        valid_from=price.valid_from,
        reason=price.reason,
    )


async def _products_out(tx: Tx, shop_id: int, products: list[Product]) -> list[ProductOut]:
    ids = [product.id for product in products]
    variants = await catalog.variants(tx, shop_id=shop_id, product_ids=ids)
    pictures = await catalog.pictures(tx, shop_id=shop_id, product_ids=ids)
    bundles = await catalog.bundles(tx, shop_id=shop_id, variant_ids=[variant.id for variant in variants])
    return [
        ProductOut(
            id=product.id,
            handle=product.handle,
            title=product.title,
            titles=product.titles,
            description=product.description,
            descriptions=product.descriptions,
            kind=product.kind,
            status=product.status,
            vendor=product.vendor,
            product_type=product.product_type,
            tags=product.tags,
            option_names=product.option_names,
            option_texts=product.option_texts,
            updated_at=product.updated_at,
            variants=[
                _variant_out(each, bundles.get(each.id)) for each in variants if each.product_id == product.id
            ],
            pictures=[_picture_out(each) for each in pictures if each.product_id == product.id],
        )
        for product in products
    ]


async def _product_out(tx: Tx, product: Product) -> ProductOut:
    return (await _products_out(tx, product.shop_id, [product]))[0]


def _new_variant(variant: VariantIn, currency: str) -> NewVariant:
    return NewVariant(
        price_minor=parse_price(variant.price, currency).minor,
        options=variant.options,
        sku=variant.sku,
        barcode=variant.barcode,
        grams=variant.grams,
        compare_at_minor=_list_price(variant.compare_at, currency),
    )


def _list_price(text: str | None, currency: str) -> int | None:
    return None if text is None else parse_price(text, currency).minor


@router.get("", responses=refusals(*_SHARED))
async def list_products(
    request: Request,
    response: Response,
    actor: Viewer,
    db: Db,
    search: Annotated[str, Query(max_length=200)] = "",
    status: Status | None = None,
    after: Annotated[int | None, Query(ge=0, le=LARGEST_ID)] = None,
    before: Id | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[ProductOut]:
    """In the order they were made.  The header `Link` leads to the next page, which starts `after` an id."""
    async with db.transaction() as tx:
        found = await paging.page(
            partial(catalog.products, tx, shop_id=actor.shop_id, search=search, status=status),
            after=after,
            before=before,
            limit=limit,
            key=attrgetter("id"),
        )
        return await _products_out(tx, actor.shop_id, with_links(request, response, found))


@router.post(
    "",
    status_code=201,
    responses=refusals(
        *_SHARED,
        *_PRICE,
        catalog.HandleTaken,
        catalog.BadHandle,
        catalog.OptionsTaken,
        catalog.BadOptions,
        catalog.BadTranslation,
        catalog.BadWeight,
        catalog.TooManyVariants,
    ),
)
async def create_product(body: ProductIn, actor: Editor, db: Db) -> ProductOut:
    actor.check_described(body.title, *body.titles.values(), body.description, *body.descriptions.values())
    async with db.transaction() as tx:
        shop = await accounts.shop(tx, actor.shop_id)
        product = await catalog.create_product(
            tx,
            shop_id=actor.shop_id,
            title=body.title,
            handle=body.handle,
            titles=body.titles,
            description=body.description,
            descriptions=body.descriptions,
            kind=body.kind,
            status=body.status,
            vendor=body.vendor,
            product_type=body.product_type,
            tags=body.tags,
            option_names=body.option_names,
            option_texts=body.option_texts,
            variants=[_new_variant(each, shop.currency) for each in body.variants],
        )
        return await _product_out(tx, product)


@router.get("/{product_id:id}", responses=refusals(*_SHARED))
async def get_product(product_id: Id, actor: Viewer, db: Db) -> ProductOut:
    async with db.transaction() as tx:
        return await _product_out(tx, await catalog.product(tx, shop_id=actor.shop_id, product_id=product_id))


@router.patch("/{product_id:id}", responses=refusals(*_SHARED, catalog.BadOptions, catalog.BadTranslation))
async def update_product(product_id: Id, body: ProductChange, actor: Editor, db: Db) -> ProductOut:
    described = (body.description or "", *(body.descriptions or {}).values())
    actor.check_described(body.title or "", *(body.titles or {}).values(), *described)
    async with db.transaction() as tx:
        product = await catalog.update_product(
            tx,
            shop_id=actor.shop_id,
            product_id=product_id,
            title=body.title,
            titles=body.titles,
            description=body.description,
            descriptions=body.descriptions,
            kind=body.kind,
            status=body.status,
            vendor=body.vendor,
            product_type=body.product_type,
            tags=body.tags,
            option_names=body.option_names,
            option_texts=body.option_texts,
        )
        return await _product_out(tx, product)


@router.delete("/{product_id:id}", status_code=204, responses=refusals(*_SHARED, catalog.InUse))
async def delete_product(product_id: Id, actor: Editor, db: Db, request: Request) -> None:
    """Delete a product that was never sold, stocked or put in a show, with its variants, prices and pictures."""
    async with db.transaction() as tx:
        await catalog.delete_product(
            tx, shop_id=actor.shop_id, product_id=product_id, named_by=services_of(request).named_by
        )


@router.delete(
    "/{product_id}/variants/{variant_id}",
    status_code=204,
    responses=refusals(*_SHARED, catalog.UnknownVariant, catalog.InUse),
)
async def delete_variant(product_id: Id, variant_id: Id, actor: Editor, db: Db, request: Request) -> None:
    """Delete a variant that was never sold, stocked or put in a show, with its prices."""
    async with db.transaction() as tx:
        await catalog.delete_variants(
            tx,
            shop_id=actor.shop_id,
            product_id=product_id,
            variant_ids=[variant_id],
            named_by=services_of(request).named_by,
        )


@router.post(
    "/{product_id}/variants",
    status_code=201,
    responses=refusals(
        *_SHARED,
        *_PRICE,
        catalog.OptionsTaken,
        catalog.BadOptions,
        catalog.BadWeight,
        catalog.TooManyVariants,
    ),
)
async def add_variant(product_id: Id, body: VariantIn, actor: Editor, db: Db) -> VariantOut:
    async with db.transaction() as tx:
        shop = await accounts.shop(tx, actor.shop_id)
        variant = await catalog.add_variant(
            tx, shop_id=actor.shop_id, product_id=product_id, variant=_new_variant(body, shop.currency)
        )
    return _variant_out(variant)


@router.patch(
    "/variants/{variant_id}",
    responses=refusals(
        *_SHARED, *_PRICE, catalog.UnknownVariant, catalog.BadWeight, ListPriceUnsourced, LastVariant
    ),
)
async def update_variant(variant_id: Id, body: VariantChange, actor: Editor, db: Db) -> VariantOut:
    async with db.transaction() as tx:
        variant = await catalog.update_variant(
            tx,
            shop_id=actor.shop_id,
            variant_id=variant_id,
            sku=body.sku,
            barcode=body.barcode,
            grams=body.grams,
            compare_at_minor=_list_price(body.compare_at, (await accounts.shop(tx, actor.shop_id)).currency),
            list_price_set_by=body.list_price_set_by,
            list_price_evidence=body.list_price_evidence,
            archived=body.archived,
        )
        bundles = await catalog.bundles(tx, shop_id=actor.shop_id, variant_ids=[variant_id])
    return _variant_out(variant, bundles.get(variant_id))


@router.put(
    "/{product_id}/tax-class", responses=refusals(*_SHARED, catalog.UnknownProduct, pricing.UnknownRule)
)
async def set_tax_class(product_id: Id, body: TaxClassIn, actor: Editor, db: Db) -> TaxClassIn:
    """What a product is taxed as."""
    async with db.transaction() as tx:
        await catalog.update_product(
            tx, shop_id=actor.shop_id, product_id=product_id, tax_class=body.tax_class
        )
    return body


@router.put(
    "/variants/{variant_id}/parts",
    responses=refusals(*_SHARED, catalog.UnknownVariant, catalog.BadBundle, catalog.NestedBundle),
)
async def set_parts(variant_id: Id, body: PartsIn, actor: Editor, db: Db) -> VariantOut:
    """Say what one of this variant consists of; an empty list makes it a plain variant again."""
    async with db.transaction() as tx:
        bundle = await catalog.set_parts(
            tx,
            shop_id=actor.shop_id,
            variant_id=variant_id,
            parts=[NewPart(part.variant_id, part.quantity) for part in body.parts],
        )
        [variant] = await catalog.variants(tx, shop_id=actor.shop_id, ids=[variant_id])
    return _variant_out(variant, bundle)


@router.get("/variants/{variant_id}/prices", responses=refusals(*_SHARED, catalog.UnknownVariant))
async def price_history(variant_id: Id, actor: Viewer, db: Db) -> list[PriceOut]:
    """Every price, oldest first, with what is set for later."""
    async with db.transaction() as tx:
        found = await catalog.prices(tx, shop_id=actor.shop_id, variant_id=variant_id)
    return [_price_out(each) for each in found]


@router.post(
    "/variants/{variant_id}/prices",
    status_code=201,
    responses=refusals(
        *_SHARED,
        catalog.UnknownVariant,
        *_PRICE,
        catalog.PricePast,
        PriceLeap,
    ),
)
async def set_price(variant_id: Id, body: PriceIn, actor: Editor, db: Db) -> list[PriceOut]:
    """Set a price; the answer is the history with it."""
    async with db.transaction() as tx:
        shop = await accounts.shop(tx, actor.shop_id)
        await catalog.set_price(
            tx,
            shop_id=actor.shop_id,
            variant_id=variant_id,
            amount=parse_price(body.price, shop.currency).minor,
            at=body.at,
            reason=body.reason,
            confirmed=body.confirm,
        )
        found = await catalog.prices(tx, shop_id=actor.shop_id, variant_id=variant_id)
    return [_price_out(each) for each in found]


@router.post(
    "/{product_id}/pictures",
    status_code=201,
    responses=refusals(*_SHARED, NotAPicture, PictureTooLarge, TooManyPictures),
    openapi_extra=FILE_AS_BODY,
)
async def add_picture(
    product_id: Id, request: Request, actor: Editor, db: Db, alt: Annotated[str, Query(max_length=500)] = ""
) -> PictureOut:
    """Add the picture sent as the body; what it shows, in words, goes into `alt`."""
    async with db.transaction() as tx:
        await catalog.product(tx, shop_id=actor.shop_id, product_id=product_id)
    picture = await receive_picture(request.stream(), services_of(request).given.pictures_dir)
    async with db.transaction() as tx:
        added = await catalog.add_picture(
            tx, shop_id=actor.shop_id, product_id=product_id, picture=picture, alt=alt
        )
    return _picture_out(added)


@router.delete(
    "/{product_id}/pictures/{picture_id}",
    status_code=204,
    responses=refusals(*_SHARED, catalog.UnknownPicture),
)
async def remove_picture(product_id: Id, picture_id: Id, actor: Editor, db: Db) -> None:
    async with db.transaction() as tx:
        await catalog.remove_picture(tx, shop_id=actor.shop_id, product_id=product_id, picture_id=picture_id)

"""The cart of a shop: what a shopper means to buy, in their browser; nothing of it is reserved before the checkout.

A cookie of the shop has variants with the price that was seen.  Ordering sends the lines through the door by which every
purchase comes; what is reserved already, in a show or without, is checked out with them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Final

from fastapi import Form, Query, Request
from starlette.responses import RedirectResponse, Response

from shopfloor import accounts, catalog, customers, live, purchases, stock
from shopfloor.accounts import Shop
from shopfloor.kernel.border import Id
from shopfloor.kernel.database import Tx
from shopfloor.kernel.http import Db, is_secure
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import MAX_MINOR, Money, new_id, now
from shopfloor.shoppers.api import Shopper
from shopfloor.web.customers import token_of
from shopfloor.web.forms import Tick
from shopfloor.web.in_shows import in_shows
from shopfloor.web.languages import N_, Language, language_of
from shopfloor.web.parts import option_words, texts_now
from shopfloor.web.templating import flash, render
from shopfloor.web.waitlist import why_refused

router = Router(include_in_schema=False)

COOKIE: Final = "cart"
MOST_LINES: Final = stock.MAX_LINES
_DAYS: Final = 30
# Browsers keep no cookie above 4,096 bytes with its name and its attributes.
_LONGEST: Final = 3_800
_FULL: Final = N_("Your basket is full, so this was not added. Check out first, or remove something.")


@dataclass(frozen=True, slots=True)
class Wish:
    """So many of a variant, at the price that was seen."""

    variant_id: int
    quantity: int
    price_minor: int


@dataclass(frozen=True, slots=True)
class CartLine:
    """A wish as it can be had now.  `seen`: the price before, where it is another one now."""

    variant_id: int
    product_id: int
    title: str
    options: str
    picture_sha: str | None
    quantity: int
    price: Money
    seen: Money | None
    left: stock.Availability
    wanted: int
    show: live.Show | None = None
    """Where none is left but in a show: that show."""

    @property
    def is_gone(self) -> bool:
        return self.left.total == 0

    @property
    def sum(self) -> Money:
        return Money(self.price.minor * self.quantity, self.price.currency)


def wishes_in(text: str) -> list[Wish]:
    """What a cookie has; what cannot be read is left out."""
    found: dict[int, Wish] = {}
    for part in text[:_LONGEST].split("_"):
        pieces = part.split("-")
        if len(pieces) != 3 or not all(
            each.isascii() and each.isdigit() and len(each) < 16 for each in pieces
        ):
            continue
        variant_id, quantity, price = (int(each) for each in pieces)
        if 0 < quantity <= purchases.MAX_PER_LINE and price <= MAX_MINOR:
            found.setdefault(variant_id, Wish(variant_id, quantity, price))
    return list(found.values())[:MOST_LINES]


def fits(wishes: Sequence[Wish]) -> bool:
    """Whether a browser keeps them all."""
    return len(wishes) <= MOST_LINES and len(written(wishes)) <= _LONGEST


def written(wishes: Iterable[Wish]) -> str:
    return "_".join(f"{each.variant_id}-{each.quantity}-{each.price_minor}" for each in wishes)


def keep(response: Response, request: Request, shop: Shop, wishes: Sequence[Wish]) -> None:
    """The browser has these from now on."""
    path = f"/s/{shop.slug}"
    if not wishes:
        response.delete_cookie(COOKIE, path=path)
        return
    response.set_cookie(
        COOKIE,
        written(wishes),
        max_age=_DAYS * 86_400,
        path=path,
        secure=is_secure(request),
        httponly=True,
        samesite="lax",
    )


def without(request: Request, variant_ids: Iterable[int]) -> list[Wish] | None:
    """The cart once these are ordered; None where it has none of them."""
    wishes = wishes_in(request.cookies.get(COOKIE, ""))
    gone = set(variant_ids)
    left = [each for each in wishes if each.variant_id not in gone]
    return None if len(left) == len(wishes) else left


@router.get("/s/{shop}/cart")
@public
async def cart(
    request: Request,
    shop: str,
    shopper: Shopper,
    db: Db,
    basket: Annotated[str, Query(max_length=60)] = "",
) -> Response:
    """`basket` is the key of the message after a show: it leads to what is to be paid, whatever browser opens it."""
    why = why_refused(request, shopper)
    wishes = wishes_in(request.cookies.get(COOKIE, ""))
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        language = language_of(request, found.locale)
        lines = await lines_of(tx, found, wishes, language)
        others = await customers.signing_in.others(
            tx, shop_id=found.id, token=token_of(request), shopper=shopper, key=basket
        )
        reserved = await stock.held_by(tx, shop_id=found.id, buyer=shopper, others=others)
        refused = None if why is None else await why(tx, found, language)
    buyable = [line for line in lines if not line.is_gone]
    still_sold = {line.variant_id for line in lines}
    unsold = len([each for each in wishes if each.variant_id not in still_sold])
    response = render(
        request,
        "shop/cart.html",
        shop=found,
        lines=lines,
        buyable=buyable,
        unsold=unsold,
        total=Money(sum(line.sum.minor for line in buyable), found.currency),
        reserved=reserved,
        refused=refused,
        wish_id=str(new_id()),
        shown=" ".join(
            f"{line.variant_id}={line.left.ready_on.isoformat()}"
            for line in buyable
            if line.left.ready_on is not None and line.left.now < line.quantity
        ),
        server_ms=int(now().timestamp() * 1000),
        events=[("page_view", {"shop_id": found.id})],
    )
    response.headers["cache-control"] = "private, no-store"
    if unsold:
        keep(response, request, found, [each for each in wishes if each.variant_id in still_sold])
    return response


async def lines_of(tx: Tx, shop: Shop, wishes: Sequence[Wish], language: Language) -> list[CartLine]:
    """What is still sold, at the price of now, and so many as there are."""
    ids = [each.variant_id for each in wishes]
    if not ids:
        return []
    variants = {row.id: row for row in await catalog.variants(tx, shop_id=shop.id, ids=ids)}
    products: Mapping[int, catalog.Product] = await catalog.products_by_id(
        tx, shop_id=shop.id, ids=sorted({each.product_id for each in variants.values()})
    )
    left = await stock.available(tx, shop_id=shop.id, variant_ids=list(variants))
    shown_in = await in_shows(tx, shop, [each for each in variants if not left[each].total])
    texts = texts_now(products.values(), language)
    lines: list[CartLine] = []
    for wish in wishes:
        variant = variants.get(wish.variant_id)
        product = None if variant is None else products.get(variant.product_id)
        if variant is None or product is None or product.status != catalog.Status.ACTIVE:
            continue
        free = left[variant.id]
        lines.append(
            CartLine(
                variant_id=variant.id,
                product_id=product.id,
                title=texts.titles[product.id],
                options=option_words(variant.options, texts.words[product.id]),
                picture_sha=product.picture_sha,
                quantity=max(1, min(wish.quantity, free.total)),
                price=variant.price,
                seen=None
                if wish.price_minor == variant.price_minor
                else Money(wish.price_minor, variant.currency),
                left=free,
                wanted=wish.quantity,
                show=shown_in.get(variant.id),
            )
        )
    return lines


@router.post("/s/{shop}/cart")
@public
async def change(
    request: Request,
    shop: str,
    db: Db,
    variant_id: Annotated[Id, Form(ge=1, lt=2**63)],
    quantity: Annotated[int, Form(ge=0, le=purchases.MAX_PER_LINE)] = 1,
    price_minor: Annotated[int, Form(ge=0, le=MAX_MINOR)] = 0,
    put: Tick = False,
) -> Response:
    """Add so many; with `put` there are so many, none at 0."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        if quantity and not await catalog.variants(tx, shop_id=found.id, ids=[variant_id]):
            raise catalog.UnknownVariant(variant_id=variant_id)
    wishes = wishes_in(request.cookies.get(COOKIE, ""))
    known = next((each for each in wishes if each.variant_id == variant_id), None)
    if known is None:
        changed = [*wishes, Wish(variant_id, quantity, price_minor)]
    else:
        units = quantity if put else min(known.quantity + quantity, purchases.MAX_PER_LINE)
        price = known.price_minor if put else price_minor
        changed = [
            replace(each, quantity=units, price_minor=price) if each is known else each for each in wishes
        ]
    response = RedirectResponse(f"/s/{found.slug}/cart", status_code=303)
    changed = [each for each in changed if each.quantity]
    if fits(changed):
        keep(response, request, found, changed)
    else:
        flash(response, "bad", language_of(request, found.locale).words.gettext(_FULL))
    return response

"""Pages: shop and room for shoppers, the console for those who sell.

`routers()` are the routes, `install(app, settings)` brings static files, templates, error pages and compression.
Call `install` after `kernel.http.install`, whose answers to programs it keeps.
"""

from fastapi import APIRouter, FastAPI

from shopfloor.kernel.route_access import public
from shopfloor.web import (
    auctions,
    browse,
    calendars,
    cart,
    checkout,
    coupons,
    customer_account,
    customers,
    design,
    elsewhere,
    embedded,
    fapiao,
    forms,
    giveaways,
    https,
    overlay,
    paying,
    polls,
    push,
    questions,
    receipts,
    refusals,
    replays,
    returning,
    room,
    shop,
    shop_texts,
    sitemaps,
    sms,
    supplier,
    till_page,
    till_receipts,
    unsubscribe,
    verify,
    waitlist_pages,
    well_known,
)
from shopfloor.web.compression import Compress
from shopfloor.web.console import (
    account,
    ask,
    brand,
    collections,
    discounts,
    dispatch,
    disputes,
    embeds,
    fulfilment,
    integrity,
    invoices,
    media,
    members,
    messages,
    networks,
    order_edit,
    orders,
    overview,
    payments,
    pickups,
    plan,
    product_grid,
    product_import,
    product_list,
    product_pictures,
    products,
    receiving,
    report,
    reports,
    returns,
    room_cards,
    routing,
    shipping,
    shows,
    sign_in,
    statements,
    stock,
    stock_grid,
    stock_papers,
    stores,
    studio,
    suppliers,
    taxes,
    terms,
    tills,
    unpaid,
    webhooks,
)
from shopfloor.web.console import (
    auctions as auction_desk,
)
from shopfloor.web.console import (
    customers as customer_desk,
)
from shopfloor.web.console import (
    fapiao as fapiao_desk,
)
from shopfloor.web.console import (
    giveaways as giveaway_desk,
)
from shopfloor.web.console import (
    sms as sms_desk,
)
from shopfloor.web.https import fingerprint
from shopfloor.web.parts import FEW
from shopfloor.web.refusals import page_at_the_edge
from shopfloor.web.shared_pages import SharedPages, SharedPagesMiddleware
from shopfloor.web.sitemaps import Sitemaps
from shopfloor.web.static import Files, files


def routers() -> list[APIRouter]:
    """The routes of all pages."""
    desks = [
        sign_in, account, overview, networks, shows, studio, giveaway_desk, auction_desk, room_cards, report, reports, ask, integrity, plan, unpaid, orders, order_edit, customer_desk, fulfilment, returns, invoices, brand, embeds, fapiao_desk, product_list, collections, tills, pickups, stores, routing, dispatch,
        product_import, product_grid, product_pictures, products, stock_grid, stock_papers, stock, suppliers, receiving, media, discounts, terms,
        taxes, shipping, disputes, payments, members, sms_desk, messages, webhooks, statements,
    ]  # fmt: skip
    return [
        well_known.router,
        design.router,
        sitemaps.router,
        https.router,
        shop.router,
        browse.router,
        shop_texts.router,
        verify.router,
        elsewhere.router,
        room.router,
        calendars.router,
        overlay.router,
        embedded.router,
        replays.router,
        cart.router,
        checkout.router,
        receipts.router,
        waitlist_pages.router,
        coupons.router,
        giveaways.router,
        auctions.router,
        polls.router,
        customers.router,
        customer_account.router,
        fapiao.router,
        paying.router,
        push.router,
        returning.router,
        sms.router,
        supplier.router,
        till_page.router,
        till_receipts.router,
        unsubscribe.router,
        *(desk.router for desk in desks),
    ]


def install(app: FastAPI) -> None:
    """Static files, error pages; compression around whatever answers, but for the pages that are shared."""
    app.mount("/static", public(files()), name="static")
    refusals.install(app)
    forms.install(app)
    questions.install(app)
    app.add_middleware(Compress)
    shared = {"": shop.make_storefront, "p": shop.make_product_page, "live": room.make_room}
    app.add_middleware(SharedPagesMiddleware, pages=shared)


__all__ = ["FEW", "Files", "SharedPages", "Sitemaps", "fingerprint", "install", "page_at_the_edge", "routers"]

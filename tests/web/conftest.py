"""A small shop behind the real pages: routers, cookies and error pages as the application composes them."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from typing import cast
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from shopfloor import (
    accounts,
    auctions,
    auth,
    catalog,
    chat,
    giveaways,
    inventory,
    live,
    media,
    orders,
    policies,
    polls,
    promotions,
    purchases,
    rooms,
    run_of_show,
    shop_borders,
    shoppers,
    stock,
    web,
    wiring,
)
from shopfloor.accounts import Shop
from shopfloor.customers import api as customers_api
from shopfloor.kernel import http, outbox, services
from shopfloor.kernel.database import Database, DatabaseAway
from shopfloor.kernel.edge import Edge
from shopfloor.kernel.keyring import Keyring, load_keyring
from shopfloor.kernel.public_address import PublicAddress
from shopfloor.kernel.services import Services
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.values import now
from shopfloor.payment_accounts import api as accounts_api
from shopfloor.reconciliation import api as reconciliation_api
from shopfloor.shoppers import api as shoppers_api


@dataclass(frozen=True, slots=True)
class Stage:
    """`shirt` has an Indigo M (3 on the shelf), an Indigo L (none, 5 ready in nine days) and an Oat M (none at all)."""

    db: Database
    app: FastAPI
    client: httpx.AsyncClient
    shop: Shop
    shirt: catalog.Product
    variants: list[catalog.Variant]
    show: live.Show
    shopper: UUID

    async def hold(self, variant: int = 0, quantity: int = 1, *, seconds: int = 300) -> UUID:
        """What the intake does when this shopper buys from the shelf of the open shop."""
        wanted = self.variants[variant]
        async with self.db.transaction() as tx:
            pools = await inventory.pools(tx, shop_id=self.shop.id)
            request = stock.Request(
                id=uuid4(),
                shop_id=self.shop.id,
                pool_id=next(pool.id for pool in pools if pool.kind == inventory.PoolKind.OPEN),
                buyer=self.shopper,
                lines=(stock.Line(wanted.id, quantity),),
                hold_seconds=seconds,
                unit_prices=(wanted.price_minor,),
            )
            [answer] = await stock.reserve(tx, [request])
        assert isinstance(answer, stock.Held)
        return request.id


@pytest.fixture
async def stage(database: Database, tmp_path: Path) -> AsyncIterator[Stage]:
    async with database.transaction() as tx:
        token = await auth.ensure_owner_claim(tx)
        assert token is not None
        await auth.claim_owner(
            tx,
            token=token,
            email="owner@example.com",
            password="a long enough one",
            shop_name="Harbour",
            slug="harbour",
            currency="CNY",
        )
        shop = await accounts.shop_by_slug(tx, "harbour")
        place = await inventory.add_location(
            tx, shop_id=shop.id, name="Shelf", kind=inventory.LocationKind.STORE
        )
        await policies.set_shop_terms(
            tx,
            shop_id=shop.id,
            terms=policies.ShopTerms(shipping_minor=1_200, pay_to="Bank 4711", pick_up_at="Old Pier 3"),
        )
        shirt = await catalog.create_product(
            tx,
            status=catalog.Status.ACTIVE,
            shop_id=shop.id,
            title="Shirt",
            titles={"zh_CN": "衬衫"},
            description="<p>Linen</p><script>alert(1)</script>",
            kind=catalog.Kind.SIZED,
            option_names=["Colour", "Size"],
        )
        variants = [
            await catalog.add_variant(
                tx,
                shop_id=shop.id,
                product_id=shirt.id,
                variant=catalog.NewVariant(price_minor=12_900, options=options, sku="-".join(options)),
            )
            for options in (["Indigo", "M"], ["Indigo", "L"], ["Oat", "M"])
        ]
        await inventory.receive(
            tx, shop_id=shop.id, location_id=place.id, variant_id=variants[0].id, quantity=3
        )
        await inventory.announce_lot(
            tx,
            shop_id=shop.id,
            variant_id=variants[1].id,
            location_id=place.id,
            quantity=5,
            ready_on=now().date() + timedelta(days=9),
            kind=inventory.LotKind.INCOMING,
            source="po-1",
        )
        show = await live.plan_show(tx, shop_id=shop.id, title="Autumn", titles={"zh_CN": "秋天"})
        await run_of_show.add_offer(
            tx,
            shop_id=shop.id,
            show_id=show.id,
            product_id=shirt.id,
            lines=[run_of_show.OfferLine(variant.id, 9_900) for variant in variants],
        )
    given = await _app(database, tmp_path)
    app, keyring = _routed(), given.part(Keyring)
    terms = purchases.OfferTermsCache(purchases.loader(database))
    cameras = media.MediaServer(database, tmp_path / "recordings", "127.0.0.1", 0)
    follower = outbox.Follower(
        database,
        wiring.followers(
            database,
            given.part(rooms.Rooms),
            terms,
            cameras,
            given.part(web.SharedPages),
            given.part(web.Sitemaps),
        ),
    )
    await follower.start()
    shopper = uuid4()
    cookies = {"shopper": shoppers.issue_shopper(keyring, shopper)}
    edge = Edge(app, page_of=partial(web.page_at_the_edge, app))
    transport = httpx.ASGITransport(edge, raise_app_exceptions=False)
    headers = {"accept": "text/html", "accept-language": "en"}

    async def hear(_: httpx.Request) -> None:
        """As beside a running process: what was committed has been heard of before the next request."""
        with suppress(DatabaseAway):
            while await follower.step():
                pass

    hooks = {"request": [hear]}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://shop.test", cookies=cookies, headers=headers, event_hooks=hooks
    ) as client:
        yield Stage(database, app, client, shop, shirt, variants, show, shopper)


# Building its routes takes longer than most tests: the application is built once, and its services are each test's own.
@cache
def _routed() -> FastAPI:
    app = FastAPI()
    http.install(app, Services(cast("Database", None)))
    for router in (accounts_api.router, reconciliation_api.router, customers_api.router, *web.routers()):
        app.include_router(router)
    shoppers_api.install(app, public=None)
    web.install(app)
    return app


async def _app(database: Database, data_dir: Path) -> Services:
    """The services of the application, which hold for this test."""
    async with database.transaction() as tx:
        keyring = await load_keyring(tx)
    given = Services(
        database,
        PublicAddress("http", "shop.test"),
        settings=Settings(data_dir=data_dir),
        named_by=shop_borders.named_by,
        parts=[
            keyring,
            rooms.Rooms(database, recent=chat.recent_lines),
            web.SharedPages(),
            web.Sitemaps(),
            promotions.CodeGuard(),
            promotions.Claims(database),
            giveaways.Entries(database),
            polls.Votes(database),
            auctions.Bids(database),
            orders.Checkouts(database),
        ],
    )
    services.install(_routed(), given)
    return given

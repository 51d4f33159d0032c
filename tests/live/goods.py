"""A shop with a warehouse and two products, for the tests of shows."""

from dataclasses import dataclass

from shopfloor import accounts, auth, catalog, inventory, live, media, run_of_show
from shopfloor.kernel.database import Database, Tx


@dataclass(frozen=True, slots=True)
class Goods:
    shop: accounts.Shop
    location_id: int
    coat: catalog.Product
    coats: list[int]
    bowl: catalog.Product
    bowls: list[int]

    @property
    def shop_id(self) -> int:
        return self.shop.id


async def make_goods(db: Database, slug: str = "ada", units: int = 10) -> Goods:
    async with db.transaction() as tx:
        if slug == "ada":
            token = await auth.ensure_owner_claim(tx)
            assert token is not None
            joined = await auth.claim_owner(
                tx, token=token, email="ada@example.com", password="a long password", shop_name="Ada",
                slug=slug, currency="EUR",
            )  # fmt: skip
            shop = joined.shop
        else:
            shop = await accounts.create_shop(tx, owner_id=1, name=slug, slug=slug, currency="EUR")
        coat = await catalog.create_product(
            tx, status=catalog.Status.ACTIVE, shop_id=shop.id, title="Coat", titles={"zh_CN": "大衣"}, kind=catalog.Kind.SIZED,
            option_names=["Size", "Colour"],
            variants=[
                catalog.NewVariant(12_900, ["M", "Indigo"], "C-M"),
                catalog.NewVariant(12_900, ["L", "Indigo"], "C-L"),
            ],
        )  # fmt: skip
        bowl = await catalog.create_product(
            tx,
            status=catalog.Status.ACTIVE,
            shop_id=shop.id,
            title="Bowl",
            variants=[catalog.NewVariant(2_500, [], "B")],
        )
        coats = [each.id for each in await catalog.variants(tx, shop_id=shop.id, product_ids=[coat.id])]
        bowls = [each.id for each in await catalog.variants(tx, shop_id=shop.id, product_ids=[bowl.id])]
        where = await inventory.add_location(
            tx, shop_id=shop.id, name="Warehouse", kind=inventory.LocationKind.WAREHOUSE
        )
        for variant_id in (*coats, *bowls):
            await inventory.receive(
                tx, shop_id=shop.id, location_id=where.id, variant_id=variant_id, quantity=units
            )
        return Goods(shop, where.id, coat, coats, bowl, bowls)


async def plan(
    tx: Tx, goods: Goods, *, quota: int | None = 4, channel_id: int | None = None
) -> tuple[live.Show, run_of_show.Offer]:
    """A show with one offer: the coat in two sizes."""
    show = await live.plan_show(tx, shop_id=goods.shop_id, title="Autumn", channel_id=channel_id)
    offer = await run_of_show.add_offer(
        tx,
        shop_id=goods.shop_id,
        show_id=show.id,
        product_id=goods.coat.id,
        lines=[run_of_show.OfferLine(variant_id, 9_900, quota) for variant_id in goods.coats],
    )
    return show, offer


async def camera(tx: Tx, goods: Goods) -> int:
    """A camera of the shop."""
    channel, _ = await media.create_channel(tx, shop_id=goods.shop_id, name="Studio")
    return channel.id

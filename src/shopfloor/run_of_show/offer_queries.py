"""SQL of what a show offers, and at which prices.  One function, one statement."""

from collections.abc import Mapping, Sequence

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.run_of_show.models import OfferTerms, Price


@dataclass(frozen=True, slots=True)
class OfferRow:
    id: int
    show_id: int
    product_id: int
    policy: str
    hold_seconds: int
    limit_per_buyer: int | None
    deposit_percent: int | None


@dataclass(frozen=True, slots=True)
class LineRow:
    offer_id: int
    variant_id: int
    price_minor: int
    currency: str
    quota: int | None


async def insert_offer(
    tx: Tx,
    *,
    show_id: int,
    product_id: int,
    policy: str,
    hold_seconds: int,
    limit_per_buyer: int | None,
    deposit_percent: int | None,
) -> int | None:
    """The new offer's id; None when the product is in the show already."""
    return await tx.value(
        """
        INSERT INTO live.offer (show_id, product_id, policy, hold_seconds, limit_per_buyer, deposit_percent)
        VALUES (%(show_id)s, %(product_id)s, %(policy)s, %(hold_seconds)s, %(limit_per_buyer)s, %(deposit_percent)s)
        ON CONFLICT (show_id, product_id) DO NOTHING
        RETURNING id
        """,
        show_id=show_id,
        product_id=product_id,
        policy=policy,
        hold_seconds=hold_seconds,
        limit_per_buyer=limit_per_buyer,
        deposit_percent=deposit_percent,
    )


async def update_offer(
    tx: Tx,
    *,
    offer_id: int,
    policy: str,
    hold_seconds: int,
    limit_per_buyer: int | None,
    deposit_percent: int | None,
) -> None:
    await tx.run(
        """
        UPDATE live.offer
           SET policy = %(policy)s, hold_seconds = %(hold_seconds)s, limit_per_buyer = %(limit_per_buyer)s,
               deposit_percent = %(deposit_percent)s
         WHERE id = %(offer_id)s
        """,
        offer_id=offer_id,
        policy=policy,
        hold_seconds=hold_seconds,
        limit_per_buyer=limit_per_buyer,
        deposit_percent=deposit_percent,
    )


async def insert_lines(tx: Tx, *, lines: Sequence[Mapping[str, object]]) -> None:
    await tx.many(
        """
        INSERT INTO live.offer_line (offer_id, variant_id, price_minor, currency, quota, position)
        VALUES (%(offer_id)s, %(variant_id)s, %(price_minor)s, %(currency)s, %(quota)s, %(position)s)
        """,
        lines,
    )


async def insert_prices(tx: Tx, *, prices: Sequence[Mapping[str, object]]) -> None:
    await tx.many(
        """
        INSERT INTO live.offer_price (offer_id, variant_id, price_minor, currency, by_person, reason)
        VALUES (%(offer_id)s, %(variant_id)s, %(price_minor)s, %(currency)s, %(by)s, %(reason)s)
        """,
        prices,
    )


async def set_price(tx: Tx, *, offer_id: int, variant_id: int, price_minor: int) -> None:
    await tx.run(
        """
        UPDATE live.offer_line SET price_minor = %(price_minor)s
         WHERE offer_id = %(offer_id)s AND variant_id = %(variant_id)s
        """,
        offer_id=offer_id,
        variant_id=variant_id,
        price_minor=price_minor,
    )


async def is_in_flash(tx: Tx, *, offer_id: int) -> bool:
    return await tx.value(
        "SELECT EXISTS (SELECT 1 FROM live.flash WHERE offer_id = %(offer_id)s AND ended_at IS NULL)",
        offer_id=offer_id,
    )


async def variants_in_flash(tx: Tx, *, show_id: int) -> set[int]:
    """The variants of a show whose units are those of a running flash."""
    cursor = await tx.connection.execute(
        """
        SELECT line.variant_id FROM live.flash_line line JOIN live.flash ON flash.id = line.flash_id
         WHERE flash.show_id = %(show_id)s AND flash.ended_at IS NULL
        """,
        {"show_id": show_id},
    )
    return {row[0] for row in await cursor.fetchall()}


async def set_quota(tx: Tx, *, offer_id: int, variant_id: int, quota: int | None) -> None:
    await tx.run(
        """
        UPDATE live.offer_line SET quota = %(quota)s
         WHERE offer_id = %(offer_id)s AND variant_id = %(variant_id)s
        """,
        offer_id=offer_id,
        variant_id=variant_id,
        quota=quota,
    )


async def prices(tx: Tx, *, show_id: int) -> list[Price]:
    return await tx.every(
        Price,
        """
        SELECT price.offer_id, price.variant_id, price.price_minor, price.currency, price.at, price.reason
          FROM live.offer_price price JOIN live.offer ON offer.id = price.offer_id
         WHERE offer.show_id = %(show_id)s ORDER BY price.id
        """,
        show_id=show_id,
    )


async def offers(tx: Tx, *, show_id: int) -> list[OfferRow]:
    return await tx.every(
        OfferRow,
        """
        SELECT id, show_id, product_id, policy, hold_seconds, limit_per_buyer, deposit_percent
          FROM live.offer WHERE show_id = %(show_id)s ORDER BY id
        """,
        show_id=show_id,
    )


async def offer_counts(tx: Tx, *, shop_id: int) -> dict[int, int]:
    """By show, how many products it offers."""
    cursor = await tx.connection.execute(
        """
        SELECT offer.show_id, count(*) FROM live.offer JOIN live.v_show AS show ON show.id = offer.show_id
         WHERE show.shop_id = %(shop_id)s GROUP BY offer.show_id
        """,
        {"shop_id": shop_id},
    )
    return dict(await cursor.fetchall())


async def lines(tx: Tx, *, show_id: int) -> list[LineRow]:
    return await tx.every(
        LineRow,
        """
        SELECT line.offer_id, line.variant_id, line.price_minor, line.currency, line.quota
          FROM live.offer_line line JOIN live.offer ON offer.id = line.offer_id
         WHERE offer.show_id = %(show_id)s ORDER BY line.offer_id, line.position, line.variant_id
        """,
        show_id=show_id,
    )


async def shows_offering(tx: Tx, *, shop_id: int, variant_id: int) -> list[int]:
    """Running shows with this variant in an offer, in the order in which they are locked."""
    cursor = await tx.connection.execute(
        """
        SELECT DISTINCT show_id FROM live.v_offer_line
         WHERE shop_id = %(shop_id)s AND variant_id = %(variant_id)s AND show_status = 'live' ORDER BY show_id
        """,
        {"shop_id": shop_id, "variant_id": variant_id},
    )
    return [row[0] for row in await cursor.fetchall()]


async def offer_terms(tx: Tx, *, offer_id: int) -> list[OfferTerms]:
    return await tx.every(
        OfferTerms,
        """
        SELECT offer_id, show_id, shop_id, product_id, variant_id, price_minor, currency, policy, hold_seconds,
               limit_per_buyer, limit_per_show, deposit_percent, pool_id, show_status
          FROM live.v_offer_line WHERE offer_id = %(offer_id)s ORDER BY variant_id
        """,
        offer_id=offer_id,
    )


async def show_terms(tx: Tx, *, show_id: int) -> list[OfferTerms]:
    return await tx.every(
        OfferTerms,
        """
        SELECT offer_id, show_id, shop_id, product_id, variant_id, price_minor, currency, policy, hold_seconds,
               limit_per_buyer, limit_per_show, deposit_percent, pool_id, show_status
          FROM live.v_offer_line WHERE show_id = %(show_id)s ORDER BY offer_id, variant_id
        """,
        show_id=show_id,
    )

"""SQL of pictures.  One function, one statement."""

from collections.abc import Sequence

from psycopg.types.json import Jsonb

from shopfloor.catalog.models import Picture
from shopfloor.kernel.database import Tx


async def insert_picture_once(
    tx: Tx,
    *,
    shop_id: int,
    product_id: int,
    sha256: str,
    width: int,
    height: int,
    alt: str,
    position: int | None,
) -> None:
    """Last unless there is a `position`.  A picture that the product has already only gets the new description."""
    await tx.run(
        """
        INSERT INTO catalog.picture (shop_id, product_id, sha256, width, height, alt, position)
        SELECT %(shop_id)s, %(product_id)s, %(sha256)s, %(width)s, %(height)s, %(alt)s,
               coalesce(%(position)s::int, max(position) + 1, 1)
          FROM catalog.picture WHERE product_id = %(product_id)s
        ON CONFLICT (product_id, sha256) DO UPDATE SET alt = excluded.alt
        """,
        shop_id=shop_id,
        product_id=product_id,
        sha256=sha256,
        width=width,
        height=height,
        alt=alt,
        position=position,
    )


async def pictures(tx: Tx, *, shop_id: int, product_ids: Sequence[int]) -> list[Picture]:
    return await tx.every(
        Picture,
        """
        SELECT id, product_id, sha256, width, height, alt, position, shows FROM catalog.picture
         WHERE shop_id = %(shop_id)s AND product_id = ANY(%(product_ids)s::bigint[])
         ORDER BY product_id, position, id
        """,
        shop_id=shop_id,
        product_ids=list(product_ids),
    )


async def arrange(tx: Tx, *, ids: Sequence[int], alts: Sequence[str], shows: Sequence[Sequence[str]]) -> None:
    """In this order, from 1."""
    await tx.run(
        """
        UPDATE catalog.picture p
           SET position = w.place, alt = w.alt,
               shows = ARRAY(SELECT jsonb_array_elements_text(w.shows))
          FROM unnest(%(ids)s::bigint[], %(alts)s::text[], %(shows)s::jsonb[])
               WITH ORDINALITY AS w (id, alt, shows, place)
         WHERE p.id = w.id
        """,
        ids=list(ids),
        alts=list(alts),
        shows=[Jsonb(list(each)) for each in shows],
    )


async def delete_picture(tx: Tx, *, shop_id: int, product_id: int, picture_id: int) -> bool:
    return (
        await tx.run(
            """
        DELETE FROM catalog.picture
         WHERE shop_id = %(shop_id)s AND product_id = %(product_id)s AND id = %(picture_id)s
        """,
            shop_id=shop_id,
            product_id=product_id,
            picture_id=picture_id,
        )
        == 1
    )

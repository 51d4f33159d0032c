"""SQL that reads what says who may be behind orders.  References leave the database as numbers under a seed of the run."""

from datetime import datetime
from typing import Any
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Signs:
    """Column by column, one row an order; times in seconds since 1970, references as numbers or None."""

    ids: list[UUID]
    browsers: list[str]
    placed: list[float]
    paid: list[float | None]
    handed: list[float | None]
    undone: list[float | None]
    amounts: list[int]
    devices: list[int]
    phones: list[int | None]
    mails: list[int | None]
    places: list[int | None]
    networks: list[int | None]
    staff: list[bool]
    known: list[bool]


async def signs(tx: Tx, *, shop_id: int, show_id: int, seed: int) -> Signs:
    """`known`: a contact or a browser of an order that a person ruled invalid, in an earlier show of the shop."""
    return await tx.one(
        Signs,
        """
        WITH bad AS MATERIALIZED (
            SELECT s.browser, s.phone, s.mail
              FROM integrity.cases c
              JOIN integrity.order_line l ON l.case_id = c.id
              JOIN orders.v_signs s ON s.order_id = l.order_id
             WHERE c.shop_id = %(shop_id)s AND c.state = 'invalid' AND c.show_id <> %(show_id)s
        ), members AS MATERIALIZED (
            SELECT orders.mail_key(email) AS mail FROM accounts.v_member WHERE shop_id = %(shop_id)s
        ), found AS (
            SELECT s.*, g.network, coalesce(g.staff, false) OR s.mail IN (SELECT mail FROM members) AS staff,
                   CASE WHEN s.given_back AND s.cancelled_at IS NULL
                        THEN (SELECT max(e.recorded_at) FROM payments.v_event e
                               WHERE e.subject_id = s.order_id AND e.kind = 'refund_granted') END AS back_at
              FROM orders.v_signs s LEFT JOIN integrity.origin g ON g.order_id = s.order_id
             WHERE s.shop_id = %(shop_id)s AND s.show_id = %(show_id)s
        ), turned AS (
            SELECT order_id, browser, total_minor, extract(epoch FROM placed_at)::float8 AS placed,
                   extract(epoch FROM paid_at)::float8 AS paid, extract(epoch FROM delivered_at)::float8 AS handed,
                   extract(epoch FROM coalesce(cancelled_at, back_at))::float8 AS undone,
                   hashtextextended(browser, %(seed)s) AS device, hashtextextended(phone, %(seed)s) AS phone_key,
                   hashtextextended(mail, %(seed)s) AS mail_key, hashtextextended(place, %(seed)s) AS place_key,
                   network, coalesce(staff, false) AS staff,
                   coalesce(browser IN (SELECT browser FROM bad), false) OR coalesce(phone IN (SELECT phone FROM bad), false)
                     OR coalesce(mail IN (SELECT mail FROM bad), false) AS known
              FROM found
        )
        SELECT coalesce(array_agg(order_id ORDER BY placed, order_id), '{}') AS ids,
               coalesce(array_agg(browser ORDER BY placed, order_id), '{}') AS browsers,
               coalesce(array_agg(placed ORDER BY placed, order_id), '{}') AS placed,
               coalesce(array_agg(paid ORDER BY placed, order_id), '{}') AS paid,
               coalesce(array_agg(handed ORDER BY placed, order_id), '{}') AS handed,
               coalesce(array_agg(undone ORDER BY placed, order_id), '{}') AS undone,
               coalesce(array_agg(total_minor ORDER BY placed, order_id), '{}') AS amounts,
               coalesce(array_agg(device ORDER BY placed, order_id), '{}') AS devices,
               coalesce(array_agg(phone_key ORDER BY placed, order_id), '{}') AS phones,
               coalesce(array_agg(mail_key ORDER BY placed, order_id), '{}') AS mails,
               coalesce(array_agg(place_key ORDER BY placed, order_id), '{}') AS places,
               coalesce(array_agg(network ORDER BY placed, order_id), '{}') AS networks,
               coalesce(array_agg(staff ORDER BY placed, order_id), '{}') AS staff,
               coalesce(array_agg(known ORDER BY placed, order_id), '{}') AS known
          FROM turned
        """,
        shop_id=shop_id,
        show_id=show_id,
        seed=seed,
    )


@dataclass(frozen=True, slots=True)
class Lines:
    orders: list[UUID]
    products: list[int]
    units: list[int]


async def lines(tx: Tx, *, shop_id: int, show_id: int) -> Lines:
    return await tx.one(
        Lines,
        """
        SELECT coalesce(array_agg(order_id ORDER BY id), '{}') AS orders,
               coalesce(array_agg(product_id ORDER BY id), '{}') AS products,
               coalesce(array_agg(quantity ORDER BY id), '{}') AS units
          FROM orders.v_line WHERE shop_id = %(shop_id)s AND show_id = %(show_id)s
        """,
        shop_id=shop_id,
        show_id=show_id,
    )


@dataclass(frozen=True, slots=True)
class Show:
    started_at: datetime
    ended_at: datetime | None


async def show(tx: Tx, *, shop_id: int, show_id: int) -> Show | None:
    """None: it has not begun, or is of another shop."""
    found: Any = await tx.first(
        Show,
        """
        SELECT started_at, ended_at FROM live.v_show
         WHERE shop_id = %(shop_id)s AND id = %(show_id)s AND started_at IS NOT NULL
        """,
        shop_id=shop_id,
        show_id=show_id,
    )
    return found

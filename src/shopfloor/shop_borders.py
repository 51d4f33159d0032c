"""No row of one shop names a row of another: every column that names a row, walked in the database itself.

Composite foreign keys `(shop_id, …)` refuse most of it when it is written.  They stop where a key would stand in the
way of a purchase (holds, orders, waitlist) or point upward (a pool's show); this looks at all of it, key or not.
"""

from collections.abc import Mapping, Sequence
from typing import Final, LiteralString

from psycopg import sql

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass

SHOWN: Final = 100

# What a column of that name names, wherever it stands; where the same name means two things, by table.
_NAMED: Final = {
    "auction_id": "auctions.auction",
    "box_id": "fulfilment.parcel",
    "bundle_id": "catalog.bundle",
    "case_id": "integrity.cases",
    "change_id": "orders.pay_to_change",
    "channel_id": "media.channel",
    "checkout_id": "orders.checkout",
    "collection_id": "collections.collection",
    "connection_id": "payments.connection",
    "count_id": "stock_control.count",
    "customer_id": "customers.customer",
    "destination_id": "media.destination",
    "discount_id": "promotions.discount",
    "dispute_id": "disputes.dispute",
    "forecast_id": "demand.forecast",
    "giveaway_id": "giveaways.giveaway",
    "endpoint_id": "webhooks.endpoint",
    "flash_id": "live.flash",
    "hold_id": "stock.hold",
    "joins_order_id": "orders.orders",
    "lender_id": "stock.pool",
    "level_id": "stock.level",
    "line_id": "chat.line",
    "location_id": "stock.location",
    "offer_id": "live.offer",
    "order_id": "orders.orders",
    "parcel_id": "fulfilment.parcel",
    "payment_id": "payments.payment",
    "plan_id": "supply.plan",
    "poll_id": "polls.poll",
    "pool_id": "stock.pool",
    "product_id": "catalog.product",
    "request_id": "approvals.request",
    "question_id": "analysis.question",
    "quote_id": "supply.quote",
    "return_id": "returns.return",
    "run_id": "media.run",
    "show_id": "live.show",
    "subscription_id": "push.subscription",
    "subject_id": "orders.orders",
    "supplier_id": "supply.supplier",
    "shift_id": "tills.shift",
    "register_id": "tills.register",
    "device_id": "tills.device",
    "assistant_id": "tills.assistant",
    "transfer_id": "stock_control.transfer",
    "variant_id": "catalog.variant",
    "witness_id": "statements.witness",
    "zone_id": "pricing.zone",
}
_NAMED_THERE: Final = {
    ("customers.contact_change", "code_id"): "customers.code",
    ("fapiao.file", "paper_id"): "fapiao.paper",
    ("fapiao.paper", "request_id"): "fapiao.request",
    ("fulfilment.parcel_line", "line_id"): "orders.line",
    ("integrity.order_line", "line_id"): "orders.line",
    ("returns.exchange_line", "line_id"): "orders.line",
    ("returns.line", "line_id"): "orders.line",
    ("returns.receipt", "line_id"): "orders.line",
    ("returns.units", "line_id"): "orders.line",
    ("stock_control.transfer", "source_id"): "stock.location",
    ("stock_control.transfer", "target_id"): "stock.location",
    ("supply.purchase_line", "order_id"): "supply.purchase_order",
}
# What is of no shop.  People belong to several shops and leave them: what they did stays with their number.  A tax
# office's number names no row here, nor does the field in which a gateway's report names a message, nor the id under
# which a capture is asked for.
_OF_NO_SHOP: Final = frozenset({"fact_id", "host_id", "person_id", "report_id", "tax_id", "wanted_id"})
# Whose a row is that does not say so itself: the row that this column names.
_OWNER: Final = {
    "catalog.picture_source": "product_id",
    "catalog.price": "variant_id",
    "chat.buyer": "show_id",
    "fulfilment.parcel_line": "parcel_id",
    "demand.line": "forecast_id",
    "live.card": "show_id",
    "live.counter": "show_id",
    "live.explained": "show_id",
    "live.flash_line": "flash_id",
    "live.notice": "show_id",
    "live.offer_price": "offer_id",
    "live.presence_lease": "show_id",
    "live.slot": "show_id",
    "live.waiting": "show_id",
    "live_counters.counted_line": "show_id",
    "media.gap": "channel_id",
    "media.moment": "channel_id",
    "media.segment": "run_id",
    "orders.bundle": "order_id",
    "orders.edit_refund": "order_id",
    "orders.line": "order_id",
    "orders.refund_share": "order_id",
    "orders.tax_line": "order_id",
    "returns.exchange_line": "return_id",
    "returns.line": "return_id",
    "stock.movement": "level_id",
    "supply.plan_line": "plan_id",
    "supply.purchase_line": "order_id",
}


class Undeclared(Exception):
    """A column names rows of which nothing says whose they are."""


@dataclass(frozen=True, slots=True)
class Column:
    table: str
    name: str
    of_shop: bool
    """Whether the table has a `shop_id` of its own."""


@dataclass(frozen=True, slots=True)
class Reference:
    """`column` of `table` names a row of `target`."""

    table: str
    column: str
    target: str

    @property
    def name(self) -> str:
        return f"{self.table}.{self.column}"


@dataclass(frozen=True, slots=True)
class Crossed:
    looked_at: int
    offending: tuple[str, ...]


async def references(tx: Tx) -> list[Reference]:
    """All that there are in this database.  Raises Undeclared for a column that nothing here knows."""
    columns = await _columns(tx)
    with_shop = {column.table for column in columns if column.of_shop}
    found: list[Reference] = []
    for column in columns:
        if column.name == "shop_id" or column.name in _OF_NO_SHOP or _OWNER.get(column.table) == column.name:
            continue
        target = _target(column.table, column.name)
        for table in (column.table, target):
            if table not in with_shop and table not in _OWNER:
                raise Undeclared(f"{table}, for {column.table}.{column.name}")
        found.append(Reference(column.table, column.name, target))
    return found


async def named_by(tx: Tx, rows: Mapping[str, Sequence[int]]) -> list[str]:
    """The tables in which a row names one of these rows, given by table and id."""
    wanted = [each for each in await references(tx) if rows.get(each.target)]
    wanted += await _owners(tx, rows)
    if not wanted:
        return []
    asked = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {name} WHERE EXISTS (SELECT FROM {table} WHERE {column} = ANY({ids}))").format(
            name=sql.Literal(each.table),
            table=_identifier(each.table),
            column=sql.Identifier(each.column),
            ids=sql.Literal(list(rows[each.target])),
        )
        for each in wanted
    )
    cursor = await tx.connection.execute(asked)
    return sorted({row[0] for row in await cursor.fetchall()})


async def _owners(tx: Tx, rows: Mapping[str, Sequence[int]]) -> list[Reference]:
    """The columns by which rows without a shop say whose they are: they name rows as others do."""
    return [
        Reference(column.table, column.name, _target(column.table, column.name))
        for column in await _columns(tx)
        if _OWNER.get(column.table) == column.name and rows.get(_target(column.table, column.name))
    ]


async def crossed(tx: Tx, *, schema: str) -> Crossed:
    """The rows of one schema that name a row of another shop, at most a hundred of them."""
    columns = await _columns(tx)
    with_shop = frozenset(column.table for column in columns if column.of_shop)
    looked_at, offending = 0, list[str]()
    for reference in await references(tx):
        if reference.table.split(".")[0] != schema:
            continue
        cursor = await tx.connection.execute(_statement(reference, with_shop))
        row = await cursor.fetchone()
        assert row is not None
        looked_at += row[0]
        offending += [f"{reference.name} {value}" for value in row[1] or ()]
    return Crossed(looked_at, tuple(offending[:SHOWN]))


def _target(table: str, column: str) -> str:
    target = _NAMED_THERE.get((table, column)) or _NAMED.get(column)
    if target is None:
        raise Undeclared(f"{table}.{column}")
    return target


def _statement(reference: Reference, with_shop: frozenset[str]) -> sql.Composed:
    """How many rows name something, and what they name in another shop, with whose it is."""
    own, own_shop = _shop("row", reference.table, with_shop)
    theirs, their_shop = _shop("target", reference.target, with_shop)
    named = sql.Identifier("row", reference.column)
    return sql.SQL(
        """
        SELECT count(*), (array_agg(DISTINCT {named} || ' of shop ' || {theirs} || ' named in shop ' || {own})
                          FILTER (WHERE {theirs} <> {own}))[1:{shown}]
          FROM {table} AS "row" {own_way}
          JOIN {target} AS target ON target.id = {named} {their_way}
        """
    ).format(
        named=named,
        own=own_shop,
        theirs=their_shop,
        shown=sql.Literal(SHOWN),
        table=_identifier(reference.table),
        target=_identifier(reference.target),
        own_way=own,
        their_way=theirs,
    )


def _shop(alias: str, table: str, with_shop: frozenset[str]) -> tuple[sql.Composable, sql.Composable]:
    """The joins from a row to whose it is, and the column that says so."""
    joins: list[sql.Composable] = []
    while table not in with_shop:
        column = _OWNER[table]
        table = _target(table, column)
        joins.append(
            sql.SQL("JOIN {table} AS {next} ON {next}.id = {named}").format(
                table=_identifier(table),
                next=sql.Identifier(f"{alias}_of"),
                named=sql.Identifier(alias, column),
            )
        )
        alias = f"{alias}_of"
    return sql.SQL(" ").join(joins), sql.Identifier(alias, "shop_id")


def _identifier(table: str) -> sql.Identifier:
    return sql.Identifier(*table.split("."))


_COLUMNS: Final[LiteralString] = """
    SELECT n.nspname || '.' || c.relname AS table, a.attname AS name,
           EXISTS (SELECT FROM pg_attribute s WHERE s.attrelid = c.oid AND s.attname = 'shop_id') AS of_shop
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND right(a.attname, 3) = '_id'
       AND n.nspname NOT IN ('kernel', 'procrastinate', 'public', 'information_schema') AND left(n.nspname, 3) <> 'pg_'
     ORDER BY 1, a.attnum
    """


async def _columns(tx: Tx) -> list[Column]:
    return await tx.every(Column, _COLUMNS)

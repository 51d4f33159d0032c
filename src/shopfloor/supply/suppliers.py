"""Suppliers: who makes or sells to the shop, and the key of their page."""

from datetime import timedelta

from psycopg.errors import UniqueViolation

from shopfloor import access_keys
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.text import line
from shopfloor.supply import queries
from shopfloor.supply.events import SupplierChanged
from shopfloor.supply.models import BadSupplier, Supplier, SupplierNameTaken, UnknownSupplier

KEY_PURPOSE = "supplier"


async def add_supplier(
    tx: Tx,
    *,
    shop_id: int,
    name: str,
    email: str = "",
    locale: str = "en",
    capacity_per_week: int | None = None,
) -> Supplier:
    """Raises BadSupplier, SupplierNameTaken."""
    found = await queries.insert_supplier_once(
        tx,
        shop_id=shop_id,
        name=_checked_name(name),
        email=line(email, field="email", longest=254),
        locale=line(locale, field="locale", longest=20, shortest=2),
        capacity_per_week=_checked_capacity(capacity_per_week),
    )
    if found is None:
        raise SupplierNameTaken(name=name)
    await outbox.record(tx, SupplierChanged(shop_id, found.id))
    return found


async def update_supplier(
    tx: Tx,
    *,
    shop_id: int,
    supplier_id: int,
    name: str,
    email: str,
    locale: str,
    capacity_per_week: int | None,
    active: bool,
) -> Supplier:
    """Raises UnknownSupplier, BadSupplier, SupplierNameTaken."""
    name = _checked_name(name)
    if await queries.name_is_taken(tx, shop_id=shop_id, name=name, except_id=supplier_id):
        raise SupplierNameTaken(name=name)
    try:
        found = await queries.update_supplier(
            tx,
            shop_id=shop_id,
            supplier_id=supplier_id,
            name=name,
            email=line(email, field="email", longest=254),
            locale=line(locale, field="locale", longest=20, shortest=2),
            capacity_per_week=_checked_capacity(capacity_per_week),
            active=active,
        )
    except UniqueViolation as problem:
        # Another took it since.
        raise SupplierNameTaken(name=name) from problem
    if found is None:
        raise UnknownSupplier(supplier_id=supplier_id)
    await outbox.record(tx, SupplierChanged(shop_id, found.id))
    return found


def _checked_name(name: str) -> str:
    name = line(name, field="name", longest=120)
    if not name:
        raise BadSupplier(field="name")
    return name


def _checked_capacity(capacity: int | None) -> int | None:
    if capacity is not None and not 1 <= capacity <= 100_000_000:
        raise BadSupplier(field="capacity_per_week")
    return capacity


async def suppliers(tx: Tx, *, shop_id: int) -> list[Supplier]:
    return await queries.suppliers(tx, shop_id=shop_id)


async def supplier(tx: Tx, *, shop_id: int, supplier_id: int) -> Supplier:
    """Raises UnknownSupplier."""
    found = await queries.supplier(tx, shop_id=shop_id, supplier_id=supplier_id)
    if found is None:
        raise UnknownSupplier(supplier_id=supplier_id)
    return found


async def supplier_key(tx: Tx, *, shop_id: int, supplier_id: int) -> str:
    """A new key of the supplier's page, shown only now; earlier ones stay valid until they are revoked.

    Raises UnknownSupplier.
    """
    await supplier(tx, shop_id=shop_id, supplier_id=supplier_id)
    return await access_keys.issue_key(
        tx, shop_id=shop_id, purpose=KEY_PURPOSE, subject_id=supplier_id, lasts=timedelta(days=365)
    )

"""What a device takes with it to sell without a network: goods, prices, rules, people, and the last receipts.

A snapshot is named by the hash of its content, so that a device asks for what is new only; a price list by the hash of
its prices and rules, which stands on every receipt.
"""

import base64
import os
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from shopfloor import accounts, collections, pricing, promotions
from shopfloor.kernel import late
from shopfloor.kernel.currencies import DECIMALS
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import now
from shopfloor.tills import goods_queries, journal_queries, queries, registers
from shopfloor.tills.canonical import canonical, hash_of
from shopfloor.tills.models import TENDERS, Device, Settings, receipt_name

if TYPE_CHECKING:
    import pypinyin
else:
    pypinyin = late.module("pypinyin")

RECEIPT_DAYS: Final = 30
MOST_RECEIPTS: Final = 300
PIN_ATTEMPTS: Final = 5
_CHINESE: Final = re.compile("[\u3400-\u9fff\uf900-\ufaff]+")


async def of_device(tx: Tx, device: Device) -> dict[str, Any]:
    """All of it; `version` names its content, the time and how far the device is aside."""
    register = await registers.register(tx, shop_id=device.shop_id, register_id=device.register_id)
    shop = await accounts.shop(tx, device.shop_id)
    settings = await queries.settings(tx, shop_id=shop.id)
    shown = await goods_queries.shown(
        tx, shop_id=shop.id, location_id=register.location_id, device_id=device.id, pool_id=device.pool_id
    )
    listed = await collections.of_shop(tx, shop_id=shop.id)
    members = await goods_queries.in_collections(tx, shop_id=shop.id)
    price_list = await prices(tx, shop_id=shop.id, currency=shop.currency, shown=shown)
    body = {
        **head(shop, register_id=register.id, register_name=register.name, code=register.code),
        "location": {"id": register.location_id, "name": register.location},
        "shift": await _shift(tx, register.id),
        "assistants": [
            {
                "id": each.id,
                "name": each.name,
                "rights": each.rights,
                "manager": each.is_manager,
                "pin": {
                    "salt": _base64(each.pin_salt),
                    "iterations": each.iterations,
                    "hash": _base64(each.pin_hash),
                },
            }
            for each in await queries.assistants(tx, shop_id=shop.id)
        ],
        "products": _products(shown, members, settings),
        "collections": [{"id": each.id, "title": each.title, "titles": each.titles} for each in listed],
        "pricing": price_list,
        "barcode_patterns": settings.barcode_patterns,
        "tenders": list(TENDERS),
        "limits": {
            "offline_cash_return": settings.offline_cash_return,
            "discount_percent": settings.discount_percent,
            "pin_attempts": PIN_ATTEMPTS,
        },
        "open_amount_variant": settings.open_amount,
        "receipts": await _receipts(tx, device.register_id),
    }
    return {
        **body,
        "version": hash_of(canonical(body))[:32],
        "server_time": now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "device": {
            "id": str(device.id),
            "name": device.name,
            "series": device.series,
            "next_sequence": device.last_sequence + 1,
            "next_number": device.last_number + 1,
            "last_hash": device.last_hash,
        },
    }


def head(shop: accounts.Shop, *, register_id: int, register_name: str, code: str) -> dict[str, Any]:
    return {
        "register": {"id": register_id, "name": register_name, "code": code},
        "shop": {
            "slug": shop.slug,
            "name": shop.name,
            "currency": shop.currency,
            "decimals": DECIMALS[shop.currency],
            "locale": shop.locale,
            "zone": shop.timezone,
            "logo": shop.brand.logo,
        },
    }


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


async def _shift(tx: Tx, register_id: int) -> dict[str, Any] | None:
    opened = await queries.open_shifts(tx, register_id=register_id)
    if not opened:
        return None
    shift = opened[0]
    return {
        "id": str(shift.id),
        "number": shift.number,
        "opened_at": None if shift.opened_at is None else shift.opened_at.isoformat(),
        "assistant": shift.assistant_id,
        "float": shift.float_minor,
    }


def _products(
    shown: Sequence[goods_queries.Shown], members: Mapping[int, Sequence[int]], settings: Settings
) -> list[dict[str, Any]]:
    weighed = {each["item_digits"] for each in settings.barcode_patterns if each.get("value") == "weight"}
    found: dict[int, dict[str, Any]] = {}
    for each in shown:
        product = found.get(each.product_id)
        if product is None:
            product = found[each.product_id] = {
                "id": each.product_id,
                "title": each.title,
                "titles": each.titles,
                "option_names": each.option_names,
                "collections": list(members.get(each.product_id, ())),
                "picture": None if each.picture_sha is None else f"/pictures/{each.picture_sha}/480.webp",
                "keys": spoken([each.title, *each.titles.values()]),
                "variants": [],
            }
        product["variants"].append(
            {
                "id": each.id,
                "title": " / ".join(each.options) or each.title,
                "options": each.options,
                "sku": each.sku,
                "barcode": each.barcode or None,
                "price": each.price_minor,
                "tax_class": each.tax_class,
                # An item number of the shop's own weight labels: its price is that of a kilogram.
                "weighed": each.sku.isascii() and each.sku.isdigit() and len(each.sku) in weighed,
                "available": each.available,
                "escrow": each.escrow,
                "scarce": each.scarce,
            }
        )
    return list(found.values())


def spoken(texts: Sequence[str]) -> str:
    """What Chinese in these texts may be typed as: its pinyin, and the initials of it."""
    keys: dict[str, None] = {}
    for run in (run for text in texts for run in _CHINESE.findall(text)):
        os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")
        syllables = [ways[0].replace("v", "u") for ways in pypinyin.pinyin(run, style=pypinyin.Style.NORMAL)]
        keys["".join(syllables)] = None
        keys["".join(syllable[0] for syllable in syllables)] = None
    return " ".join(keys)


async def prices(
    tx: Tx, *, shop_id: int, currency: str, shown: Sequence[goods_queries.Shown]
) -> dict[str, Any]:
    """The question of the price function without what is sold; kept by its version, with the price of each variant.

    Discounts are those that need no code and do not depend on who buys.
    """
    rules = (await pricing.Prices.of(tx, shop_id=shop_id)).rules
    found = await promotions.candidates(
        tx,
        shop_id=shop_id,
        currency=currency,
        buyer=UUID(int=0),
        show_id=None,
        codes=(),
        at=now(),
        earlier=_nobody,
    )
    discounts: list[dict[str, Any]] = []
    for each in found.offered:
        own = each.discount
        if own.first_order or own.per_buyer or own.left_minor is not None:
            continue
        rule: dict[str, Any] = msgspec.to_builtins(each.rule({}))
        rule.pop("lines", None)
        discounts.append({**rule, "title": own.title, "products": list(own.product_ids) or None})
    rule_set = {
        "currency": currency,
        "destination": {"country": rules.taxes.origin.country},
        "method": None,
        "taxes": msgspec.to_builtins(rules.taxes),
        "discounts": discounts,
    }
    listed = {str(each.id): each.price_minor for each in shown}
    version = hash_of(canonical({"rules": rule_set, "prices": listed}))[:16]
    await tx.run(
        """
        INSERT INTO tills.price_list (shop_id, version, body) VALUES (%(shop_id)s, %(version)s, %(body)s)
        ON CONFLICT DO NOTHING
        """,
        shop_id=shop_id,
        version=version,
        body=Jsonb({"rules": rule_set, "prices": listed}),
    )
    return {**rule_set, "version": version}


async def _nobody() -> Sequence[UUID]:
    return ()


async def _receipts(tx: Tx, register_id: int) -> list[dict[str, Any]]:
    """The last sales of the register that were handed over, with what came back of them meanwhile."""
    kept = await journal_queries.last_sales(
        tx, register_id=register_id, since=now() - timedelta(days=RECEIPT_DAYS), limit=MOST_RECEIPTS
    )
    lines: dict[UUID, list[dict[str, Any]]] = {}
    for line in await goods_queries.lines_of(
        tx, order_ids=[each.order_id for each in kept if each.order_id is not None]
    ):
        lines.setdefault(line.order_id, []).append(line_told(line))
    return [
        {
            "receipt": receipt_name(each.series, each.number),
            "token": each.token,
            "order": str(each.order_id),
            "at": each.happened_at.isoformat(),
            "total": each.total_minor,
            "training": False,
            "lines": lines.get(each.order_id, []) if each.order_id else [],
        }
        for each in kept
    ]


def line_told(line: goods_queries.FoundLine) -> dict[str, Any]:
    """`units`: what each unit had cost, so that parts give back exactly what was paid."""
    cumulative = [
        pricing.of_units(line.amount_minor, line.quantity, n) for n in range(min(line.quantity, 200) + 1)
    ]
    return {
        "line": line.position + 1,
        "variant": line.variant_id,
        "title": line.title,
        "options": line.options,
        "quantity": line.quantity,
        "returned": line.returned_quantity,
        "returnable": line.shipped_quantity - line.returned_quantity,
        "amount": line.amount_minor,
        "units": [after - before for before, after in pairwise(cumulative)],
    }

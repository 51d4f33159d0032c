"""Who brings parcels: the carriers everybody knows, those a shop added, and their lists in and out.

A carrier's own program takes a list of parcels and gives back one with tracking numbers.  `sheet` writes and reads both
for any of them; a carrier with an interface of its own would be another `Adapter`.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol
from urllib.parse import quote, urlsplit

from shopfloor.fulfilment import queries, sheet
from shopfloor.fulfilment.models import BadTrackingLink, Carrier, CarrierExists, CarrierNotFound
from shopfloor.kernel import text
from shopfloor.kernel.database import Tx

KNOWN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Australia Post": "https://auspost.com.au/mypost/track/#/details/{number}",
        "Canada Post": "https://www.canadapost-postescanada.ca/track-reperage/en#/search?searchFor={number}",
        "DHL": "https://www.dhl.com/global-en/home/tracking.html?tracking-id={number}",
        "DPD": "https://tracking.dpd.de/status/en_US/parcel/{number}",
        "EMS": "https://www.ems.com.cn/",
        "FedEx": "https://www.fedex.com/fedextrack/?trknbr={number}",
        "GLS": "https://gls-group.com/GROUP/en/parcel-tracking?match={number}",
        "Royal Mail": "https://www.royalmail.com/track-your-item#/tracking-results/{number}",
        "UPS": "https://www.ups.com/track?tracknum={number}",
        "USPS": "https://tools.usps.com/go/TrackConfirmAction?tLabels={number}",
        "中通快递": "https://www.zto.com/express/expressCheck.html?txtBill={number}",
        "京东快递": "https://www.jdl.com/orderSearch/?waybillCodes={number}",
        "圆通速递": "https://www.yto.net.cn/",
        "申通快递": "https://www.sto.cn/",
        "韵达快递": "https://www.yundaex.com/",
        "顺丰速运": "https://www.sf-express.com/chn/sc/waybill/waybill-detail/{number}",
    }
)
"""By name: the page where the carrier says where a parcel is, as carriers publish it."""


class Adapter(Protocol):
    """How a shop and a carrier tell each other about parcels."""

    def written(self, rows: Sequence[sheet.OutRow], *, encoding: str) -> bytes:
        """The list that the carrier's program takes."""
        ...

    def read(self, data: bytes) -> sheet.Tracked:
        """The list that it gives back.  Raises SheetUnreadable."""
        ...


class CsvAdapter:
    """The generic one: a CSV file out, a CSV file with tracking numbers in."""

    def written(self, rows: Sequence[sheet.OutRow], *, encoding: str) -> bytes:
        return sheet.written(rows, encoding=encoding)

    def read(self, data: bytes) -> sheet.Tracked:
        return sheet.read(data)


GENERIC: Final[Adapter] = CsvAdapter()


def link(template: str, number: str) -> str:
    """Where it is, or empty: without a number, or where the carrier has no such page."""
    return template.replace("{number}", quote(number, safe="")) if template and number else ""


async def of_shop(tx: Tx, *, shop_id: int) -> list[Carrier]:
    """The shop's own first; one of the same name stands for the known one."""
    own = await queries.carriers(tx, shop_id=shop_id)
    names = {carrier.name for carrier in own}
    return [*own, *(Carrier(name, url) for name, url in KNOWN.items() if name not in names)]


async def tracking_url(tx: Tx, *, shop_id: int, carrier: str, tracking: str) -> str:
    by_name = {each.name: each.tracking_url for each in await of_shop(tx, shop_id=shop_id)}
    return link(by_name.get(carrier, ""), tracking)


async def add(tx: Tx, *, shop_id: int, name: str, tracking_url: str) -> Carrier:
    """Raises BadTrackingLink, CarrierExists, UnusableText."""
    name = text.name(name, field="name", longest=60)
    tracking_url = text.line(tracking_url, field="tracking_url", longest=300)
    if tracking_url:
        _check(tracking_url)
    carrier_id = await queries.insert_carrier(tx, shop_id=shop_id, name=name, tracking_url=tracking_url)
    if carrier_id is None:
        raise CarrierExists(name=name)
    return Carrier(name, tracking_url, carrier_id)


def _check(template: str) -> None:
    try:
        parts = urlsplit(template)
        host = parts.hostname
    except ValueError:
        host, parts = None, urlsplit("")
    odd = any(char.isspace() or char in "\\<>\"'`{}" for char in template.replace("{number}", ""))
    in_host = "{number}" in (parts.netloc or "")
    if parts.scheme != "https" or not host or parts.username or "{number}" not in template or odd or in_host:
        raise BadTrackingLink(given=template)


async def remove(tx: Tx, *, shop_id: int, carrier_id: int) -> None:
    """Parcels that went with it keep its name and their link.  Raises CarrierNotFound."""
    if not await queries.delete_carrier(tx, shop_id=shop_id, carrier_id=carrier_id):
        raise CarrierNotFound(carrier_id=carrier_id)

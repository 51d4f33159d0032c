"""Every number of decimals, from a CSV, a form and JSON to each page and file that shows the amount: the same amount.

All currencies are written and read by one rule and one table, which kernel/test_kernel_amounts.py and
kernel/test_kernel_currencies.py go through; a place that does not keep to them takes all for those with two decimals.
So here are all that have another number, and some that have two.  Each has a shop of its own in one running node: its goods come in by each of the three ways, one is bought in
a show and paid, one is ordered from a supplier.
"""

import csv
import io
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from html import unescape
from typing import Any, Final

import httpx
import psycopg
import pytest
from tests.app.running import PATIENCE, Owner, Running
from tests.app.test_app_shop_borders import supplies
from tests.waiting import until

from shopfloor.demo.forms import Form, find_form
from shopfloor.kernel.currencies import DECIMALS

# Nothing in it can be lost: by a factor of 10 it is another amount, and its last digit counts.
MINOR: Final = 1_293_457
# The walk through all of them takes longer than one test may.
pytestmark = pytest.mark.timeout(900)

# One of each number of decimals, and two that other tables give other decimals: these also in a show with its report,
# and in a purchase order.
SHOWN: Final = ("CNY", "IQD", "IRR", "JPY", "KWD")
CURRENCIES: Final = sorted(
    {code for code, decimals in DECIMALS.items() if decimals != 2} | {*SHOWN, "EUR", "HKD", "INR", "USD"}
)
LANGUAGES: Final = ("en", "zh-CN")
"""Each currency is seen in one of them, its neighbours in the other: the amount is written by the same rule."""
BUYER: Final = {
    "name": "Ann", "phone": "13800000001", "delivery": "ship", "street": "1 Harbour Road", "city": "Xiamen",
    "method": "transfer",
}  # fmt: skip


def amount(currency: str, minor: int = MINOR) -> str:
    return f"{Decimal(minor).scaleb(-DECIMALS[currency]):f}"


def amounts_of(page: str) -> set[str]:
    """Every number that a page shows, in its fields too, without the signs that group its digits."""
    fields = re.findall(r'<input(?![^>]*type="hidden")[^>]* value="([^"]*)"', page)
    shown = re.sub(r"<(script|style)\b.*?</\1>|<[^>]+>", " ", page, flags=re.DOTALL)
    grouped = re.sub(r"(?<=\d)[,'\u00a0\u202f](?=\d{3}(?!\d))", "", unescape(" ".join([shown, *fields])))
    return set(re.findall(r"(?<!\d)(?<!\d\.)\d+(?:\.\d+)?(?!\.?\d)", grouped))


def form_of(page: str, address: str) -> Form:
    form = find_form(page, address)
    assert form is not None, address
    return form


@dataclass(slots=True)
class Shop:
    """The shop of one currency, as its owner sees it and as one shopper does, who bought one and paid."""

    slug: str
    products: dict[str, int]
    variant: int
    place: int
    pages: dict[str, str]
    """By address, all that shows the price or the total."""
    price: tuple[int, str]
    order: dict[str, Any]
    proposed: str
    """What the form that records the payment says is due."""
    exported: dict[str, str]
    listed: list[dict[str, str]]
    """The orders as a spreadsheet, after the payment."""


class Walk:
    def __init__(self, node: Running, owner: Owner, database: "psycopg.Connection[Any]") -> None:
        self.database = database
        self.common: dict[str, Any] = {
            "base_url": node.address, "timeout": PATIENCE, "trust_env": False,
        }  # fmt: skip
        self.origin = {"origin": node.address}
        self.desk = httpx.Client(
            **self.common, headers=self.origin, cookies={"session": owner.cookie("session")}
        )

    def close(self) -> None:
        self.desk.close()

    def call(self, method: str, path: str, **options: Any) -> Any:
        answer = self.desk.request(method, f"/v1{path}", **options)
        assert answer.is_success, (path, answer.text)
        return answer.json() if answer.content else None

    def page(self, who: httpx.Client, path: str) -> str:
        answer = who.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:500])
        return answer.text

    def shopper(self, currency: str) -> httpx.Client:
        """In the language in which this currency is looked at, as is the console from now on."""
        language = {"accept-language": LANGUAGES[CURRENCIES.index(currency) % 2]}
        self.desk.headers.update(language)
        return httpx.Client(**self.common, headers=self.origin | language)

    def goods(self, slug: str, text: str) -> list[dict[str, Any]]:
        """One product by each way in, on sale."""
        report = self.call(
            "POST", f"/{slug}/products/import",
            content=f"Handle,Title,Status,Variant Price\nby-csv,By CSV,active,{text}\n".encode(),
        )  # fmt: skip
        assert report["created"] == 1, report
        form = {"title": "By form", "kind": "sized", "price": text}
        done = self.desk.post(f"/console/{slug}/products/new", data=form)
        assert done.status_code == 303, done.text
        made = done.headers["location"].rsplit("/", 1)[1]
        self.call("PATCH", f"/{slug}/products/{made}", json={"status": "active"})
        self.call(
            "POST", f"/{slug}/products",
            json={"title": "By JSON", "kind": "sized", "status": "active", "variants": [{"price": text}]},
        )  # fmt: skip
        return self.call("GET", f"/{slug}/products")

    def shop(self, currency: str) -> Shop:
        slug, here = f"in-{currency.lower()}", f"/console/in-{currency.lower()}"
        self.call(
            "POST", "/shops", json={"name": currency, "slug": slug, "currency": currency, "locale": "en"}
        )
        with self.shopper(currency) as shopper:
            products = {each["title"]: each for each in self.goods(slug, amount(currency))}
            [bought] = self.call("GET", f"/{slug}/products/{products['By form']['id']}")["variants"]
            place = self.call("POST", f"/{slug}/stock/locations", json={"name": "Shelf", "kind": "store"})
            self.call(
                "POST", f"/{slug}/stock/receipts",
                json={"location_id": place["id"], "variant_id": bought["id"], "quantity": 2, "reason": "first"},
            )  # fmt: skip
            shown = self.page(shopper, f"/s/{slug}")
            order, paid_for = self.bought(shopper, variant_id=bought["id"])
        own = {path: self.page(self.desk, path) for path in (f"{here}/products", f"{here}/orders/{order}")}
        pages = {f"/s/{slug}": shown} | paid_for | own
        form = form_of(pages[f"{here}/orders/{order}"], f"{here}/orders/{order}/paid")
        assert self.desk.post(form.action, data=form.filled()).status_code == 303
        exported = rows(self.page(self.desk, f"/v1/{slug}/products/export"))
        return Shop(
            slug, {title: each["id"] for title, each in products.items()}, bought["id"], place["id"], pages,
            (bought["price_minor"], bought["currency"]),
            self.call("GET", f"/{slug}/orders/{order}")["order"],
            form.values["amount"],
            {row["Title"]: row["Variant Price"] for row in exported},
            rows(self.page(self.desk, f"{here}/orders/export.csv")),
        )  # fmt: skip

    def bought(self, shopper: httpx.Client, **what: int) -> tuple[str, dict[str, str]]:
        """The order; its checkout and its receipt."""
        wish = {"id": str(uuid.uuid4()), "quantity": 1, "price_minor": MINOR}
        answer = shopper.post("/buy", json=wish | what).json()
        assert answer["outcome"] == "held", answer
        address = answer["url"].split("?")[0]
        checkout = self.page(shopper, answer["url"])
        form = form_of(checkout, address)
        done = shopper.post(form.action, data=form.filled(**BUYER))
        assert done.status_code == 303, done.text
        receipt = done.headers["location"]
        pages = {address: checkout, receipt: self.page(shopper, receipt)}
        return receipt.split("/orders/")[1].split("?")[0], pages

    def show(self, shop: Shop, currency: str) -> tuple[int, dict[str, str]]:
        """One more is bought in a show, which is over then."""
        slug, product = shop.slug, shop.products["By form"]
        show = self.call("POST", f"/{slug}/shows", json={"title": "Evening"})["id"]
        offer = self.call(
            "POST", f"/{slug}/shows/{show}/offers",
            json={
                "product_id": product, "policy": "timer", "hold_seconds": 600, "limit_per_buyer": 1,
                "lines": [{"variant_id": shop.variant, "price_minor": MINOR, "quota": 1}],
            },
        )["id"]  # fmt: skip
        self.call("POST", f"/{slug}/shows/{show}/start")
        self.call("POST", f"/{slug}/shows/{show}/feature", json={"offer_id": offer})
        with self.shopper(currency) as shopper:
            public = (f"/s/{slug}", f"/s/{slug}/p/{product}", f"/s/{slug}/live/{show}")
            pages = {path: self.page(shopper, path) for path in public}
            order, more = self.bought(shopper, offer_id=offer, variant_id=shop.variant)
        due = self.call("GET", f"/{slug}/orders/{order}")["due"]["amount"]
        assert due == {"minor": MINOR, "currency": currency}
        self.call("POST", f"/{slug}/orders/{order}/paid", json={"amount_minor": MINOR, "currency": currency})
        self.call("POST", f"/{slug}/shows/{show}/end")
        here = f"/console/{slug}"
        seen = (
            f"{here}/shows/{show}", f"{here}/orders",
            *(f"{here}/products/{each}" for each in shop.products.values()),
        )  # fmt: skip
        return show, pages | more | {path: self.page(self.desk, path) for path in seen}

    def purchase_order(self, shop: Shop, currency: str, show: int) -> str:
        """A purchase order of three."""
        supplier = self.call("POST", f"/{shop.slug}/suppliers", json={"name": "Kiln"})["id"]
        found = self.database.execute("SELECT id FROM accounts.shop WHERE slug = %s", [shop.slug]).fetchone()
        assert found is not None
        ids = {
            "supplier_id": supplier, "product_id": shop.products["By form"], "variant_id": shop.variant,
            "location_id": shop.place, "show_id": show,
        }  # fmt: skip
        made = supplies(self.database, found[0], ids, currency=currency, quantity=3, unit_minor=MINOR)
        return str(made["purchase_order_id"])


@pytest.fixture(scope="module")
def walk(node: Running, owner: Owner) -> Iterator[Walk]:
    with psycopg.connect(node.database_url, autocommit=True) as database:
        walk = Walk(node, owner, database)
        yield walk
        walk.close()


@pytest.fixture(scope="module")
def shops(walk: Walk) -> dict[str, Shop]:
    """By currency."""
    return {currency: walk.shop(currency) for currency in CURRENCIES}


def missing(currency: str, pages: dict[str, str]) -> list[str]:
    """Pages that do not show the amount, with what they show."""
    seen = {address: amounts_of(page) for address, page in pages.items()}
    return [f"{address}: {sorted(shown)}" for address, shown in seen.items() if amount(currency) not in shown]


def test_every_page_shows_the_amount(shops: dict[str, Shop]) -> None:
    wrong = {code: missing(code, shop.pages) for code, shop in shops.items()}

    assert {code: pages for code, pages in wrong.items() if pages} == {}
    # The shop, the checkout and the receipt; the products and the order in the console.
    assert {len(shop.pages) for shop in shops.values()} == {5}
    assert {DECIMALS[code] for code in shops} == set(DECIMALS.values())


def test_an_order_is_charged_what_was_written(shops: dict[str, Shop]) -> None:
    kept = {
        code: (
            shop.price, shop.order["total_minor"], shop.order["charged_minor"], shop.order["currency"], shop.proposed,
        )
        for code, shop in shops.items()
    }  # fmt: skip

    assert kept == {code: ((MINOR, code), MINOR, MINOR, code, amount(code)) for code in CURRENCIES}


def test_the_export_has_what_each_way_in_was_given(shops: dict[str, Shop]) -> None:
    exported = {code: shop.exported for code, shop in shops.items()}

    assert exported == {
        code: dict.fromkeys(("By CSV", "By form", "By JSON"), amount(code)) for code in CURRENCIES
    }


def test_the_orders_as_a_spreadsheet_have_what_was_charged(shops: dict[str, Shop]) -> None:
    money = ("Subtotal", "Total", "Received", "Lineitem price", "Lineitem total")
    listed = {
        code: [(row["Currency"], *(row[name] for name in money)) for row in shop.listed]
        for code, shop in shops.items()
    }

    assert listed == {code: [(code, *[amount(code)] * len(money))] for code in CURRENCIES}


@pytest.mark.parametrize("currency", SHOWN)
def test_a_show_its_report_and_a_purchase_order_have_the_amount(
    shops: dict[str, Shop], walk: Walk, currency: str
) -> None:
    shop = shops[currency]
    show, pages = walk.show(shop, currency)
    ordered = walk.purchase_order(shop, currency, show)
    here = f"/console/{shop.slug}/shows/{show}/report"
    whole = until("the report has the sale", lambda: counted(walk.desk.get(f"{here}.json")))
    pages |= {
        path: walk.page(walk.desk, path) for path in (here, f"/console/{shop.slug}/purchase-orders/{ordered}")
    }
    told = {row["metric"]: row["value"] for row in rows(walk.page(walk.desk, f"{here}.csv"))}
    [line] = rows(walk.page(walk.desk, f"/v1/{shop.slug}/purchase-orders/{ordered}/csv"))

    assert missing(currency, pages) == []
    assert len(pages) == 12
    assert (whole["figures"]["gmv_paid"]["value"], whole["currency"]) == (MINOR, currency)
    assert told["gmv_paid@1"] == str(MINOR)
    assert (line["unit_price"], line["line_total"], line["currency"]) == (
        amount(currency), amount(currency, 3 * MINOR), currency,
    )  # fmt: skip


def rows(sheet: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(sheet.removeprefix("\ufeff"))))


def counted(answer: httpx.Response) -> dict[str, Any] | None:
    if answer.status_code == 404:
        return None
    whole: dict[str, Any] = answer.json()
    return whole if whole["figures"]["gmv_paid"]["value"] else None

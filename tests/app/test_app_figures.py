"""A show with people of whom everything is known: each figure is the same wherever it is shown."""

import csv
import io
import json
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from tests.app.running import PATIENCE, Owner, Running, variant_of
from tests.waiting import until
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from shopfloor.demo.forms import find_form
from shopfloor.demo.merchant import Trouble

ZONE = ZoneInfo("Asia/Shanghai")


class Person:
    """A shopper with a cookie of their own; `watch` keeps a player running on a socket."""

    def __init__(self, node: Running, show: int) -> None:
        self.node, self.show = node, show
        self.http = httpx.Client(
            base_url=node.address, timeout=PATIENCE, trust_env=False, headers={"origin": node.address}
        )
        assert self.http.get(f"/s/corner/live/{show}").status_code == 200
        self.open = ExitStack()
        self.socket: ClientConnection | None = None
        self.began = 0.0

    def watch(self) -> None:
        cookies = "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
        self.socket = self.open.enter_context(
            connect(
                f"{self.node.address.replace('http', 'ws', 1)}/room/{self.show}/socket",
                additional_headers={"cookie": cookies},
                origin=Origin(self.node.address),
                proxy=None,
                open_timeout=PATIENCE,
            )
        )
        self.socket.send(json.dumps({"t": "hello"}))
        self.began = time.monotonic()
        self.beat()

    def beat(self) -> None:
        assert self.socket is not None
        position = round(time.monotonic() - self.began, 2)
        self.socket.send(json.dumps({"t": "beat", "playing": True, "position": position}))

    def leave(self) -> None:
        self.open.close()
        self.http.close()

    def order(self, offer: int, variant: int) -> str:
        """Buy one with the plain form, and check out; the id of the order."""
        wish = {
            "id": str(uuid.uuid4()), "offer_id": offer, "variant_id": variant, "quantity": 1, "price_minor": 9_900,
        }  # fmt: skip
        answer = self.http.post("/buy", json=wish).json()
        assert answer["outcome"] == "held", answer
        page = self.http.get(answer["url"])
        form = find_form(page.text, answer["url"].split("?")[0])
        assert form is not None
        values = form.filled(
            name="Ann",
            phone="13800000001",
            delivery="ship",
            street="1 Harbour Road",
            city="Xiamen",
            method="transfer",
        )
        done = self.http.post(form.action, data=values)
        assert done.status_code == 303, done.text
        return done.headers["location"].split("/orders/")[1].split("?")[0]


@dataclass(frozen=True, slots=True)
class Known:
    """Two watched at once, a third later; three ordered, one of them without ever watching; one paid, one cancelled."""

    owner: Owner
    http: httpx.Client
    show: int
    paid: str
    unpaid: str
    cancelled: str

    def page(self, path: str) -> str:
        answer = self.http.get(path)
        assert answer.status_code == 200, answer.text[:1000]
        return answer.text


@pytest.fixture(scope="module")
def known(node: Running, owner: Owner) -> Iterator[Known]:
    product = owner.product("Linen shirt", {"M": 20})
    show = owner.show("Evening")
    offer = owner.offer(show, product, {"M": 20})
    owner.shop("POST", f"/shows/{show}/start")
    variant = variant_of(product, "M")
    first, second, third, silent = (Person(node, show) for _ in range(4))
    for person in (first, second):
        person.watch()
    end = time.monotonic() + 5
    while time.monotonic() < end:
        time.sleep(1)
        for person in (first, second):
            person.beat()
    orders = [first.order(offer, variant), silent.order(offer, variant), silent.order(offer, variant)]
    for person in (first, second):
        person.leave()
    third.watch()
    for _ in range(4):
        time.sleep(1)
        third.beat()
    owner.shop("POST", f"/orders/{orders[2]}/cancel", json={"note": ""})
    due = owner.shop("GET", f"/orders/{orders[0]}")["due"]["amount"]
    owner.shop(
        "POST", f"/orders/{orders[0]}/paid", json={"amount_minor": due["minor"], "currency": due["currency"]}
    )
    until("three orders are counted", lambda: owner.shop("GET", f"/shows/{show}/state")["orders"] == 3)
    owner.shop("POST", f"/shows/{show}/end")
    third.leave()
    silent.leave()
    until(
        "the figures have the whole show",
        lambda: (
            report(owner, show)["ended_at"] is not None
            and report(owner, show)["figures"]["orders_paid"]["value"] == 1
        ),
    )
    with httpx.Client(
        base_url=node.address, timeout=PATIENCE, trust_env=False, cookies={"session": owner.cookie("session")},
        headers={"accept-language": "en"},
    ) as http:  # fmt: skip
        yield Known(owner, http, show, *orders)


def report(owner: Owner, show: int) -> dict[str, Any]:
    try:
        return owner.shop("GET", f"/shows/{show}/report")
    except Trouble:
        # On a machine that has much to do it is not ready at once.
        return {"ended_at": None}


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_the_peak_of_viewers_is_one_figure(known: Known) -> None:
    here = f"/console/corner/shows/{known.show}"
    until("the peak is settled", lambda: known.owner.shop("GET", f"/shows/{known.show}")["viewers_peak"] == 2)
    sheet = {
        row["metric"]: row["value"] for row in csv.DictReader(io.StringIO(known.page(f"{here}/report.csv")))
    }
    listed = next(one for one in known.owner.shop("GET", "/shows") if one["id"] == known.show)
    told = [
        re.search(r"(\d+) peak viewers", known.page("/console/corner/shows")),
        re.search(r"Peak viewers (\d+)", words(known.page(here))),
        re.search(r"Peak viewers (\d+)", words(known.page(f"{here}/report"))),
    ]
    assert [found and found[1] for found in told] == ["2", "2", "2"]
    assert sheet["pcu@1"] == "2"
    assert report(known.owner, known.show)["figures"]["pcu"]["value"] == 2
    assert json.loads(known.page(f"{here}/report.json"))["figures"]["pcu"]["value"] == 2
    assert listed["viewers_peak"] == 2
    assert max(minute["viewers"] for minute in report(known.owner, known.show)["minutes"]) == 2


def test_orders_are_counted_in_one_way(known: Known) -> None:
    here = f"/console/corner/shows/{known.show}"
    studio = re.search(r"Orders placed</dt><dd[^>]*>(\d+)<", known.page(f"{here}/studio"))
    told = re.search(r"Orders placed (\d+)", words(known.page(f"{here}/report")))
    listed = re.findall(
        r'href="/console/corner/orders/[0-9a-f-]{36}"',
        known.page(f"/console/corner/orders?show={known.show}"),
    )
    figures = report(known.owner, known.show)
    assert studio is not None
    assert told is not None
    assert [studio[1], told[1], len(listed)] == ["3", "3", 3]
    assert known.owner.shop("GET", f"/shows/{known.show}/state")["orders"] == 3
    assert figures["figures"]["orders_placed"]["value"] == 3
    assert sum(minute["orders_placed"] for minute in figures["minutes"]) == 3


def test_no_step_of_the_funnel_is_wider_than_the_one_before(known: Known) -> None:
    figures = report(known.owner, known.show)
    # Three watched and one who never did bought: four people reached the show, and two went on to hold units.
    assert figures["funnel"] == {"exposure": 4, "click": 2, "hold": 2, "paid": 1}
    assert figures["figures"]["uv"]["value"] == 3
    assert figures["figures"]["conversion"]["value"] == 0.25
    shares = [
        float(share)
        for share in re.findall(r"([\d.]+)\s?%", known.page(f"/console/corner/shows/{known.show}/report"))
    ]
    assert shares
    assert max(shares) <= 100


def test_every_page_is_on_the_clocks_of_the_shop_and_names_them(known: Known) -> None:
    show = known.owner.shop("GET", f"/shows/{known.show}")
    began = datetime.fromisoformat(show["started_at"]).astimezone(ZONE)
    here = f"/console/corner/shows/{known.show}"
    for path in (
        "/console/corner",
        "/console/corner/shows",
        "/console/corner/orders",
        f"{here}/report",
        "/s/corner",
    ):
        page = known.page(path)
        assert "Times: Asia/Shanghai." in page, path
        assert "data-local=" not in page, path
    for path in (here, f"{here}/report"):
        assert f"{began:%H:%M} CST" in words(known.page(path)), path
    placed = datetime.fromisoformat(
        known.owner.shop("GET", f"/orders/{known.paid}")["order"]["placed_at"]
    ).astimezone(ZONE)
    assert f"{placed:%H:%M} CST" in words(known.page(f"/console/corner/orders/{known.paid}"))
    [as_of, *_] = [row["as_of"] for row in csv.DictReader(io.StringIO(known.page(f"{here}/report.csv")))]
    assert as_of.endswith("+08:00")
    assert json.loads(known.page(f"{here}/report.json"))["started_at"].endswith("+08:00")


def test_what_is_not_paid_is_not_ready_to_ship(known: Known) -> None:
    orders = words(known.page(f"/console/corner/orders?show={known.show}").partition("<tbody")[2])
    assert orders.count("Ready to ship") == 1
    assert orders.count("Ships when paid") == 1
    unpaid = known.page(f"/console/corner/orders/{known.unpaid}")
    assert "Ready to ship" not in unpaid
    assert f"/orders/{known.unpaid}/ship" not in unpaid
    assert f"/orders/{known.paid}/ship" in known.page(f"/console/corner/orders/{known.paid}")


def test_the_shop_report_puts_shows_together_and_takes_them_away_as_files(known: Known) -> None:
    shop = known.owner.shop("GET", "/reports")
    figures = report(known.owner, known.show)["figures"]
    [line] = [one for one in shop["shows"] if one["show_id"] == known.show]
    sold = {
        (one["id"], one["key"]): one["numerator"]
        for one in (*shop["sales"]["figures"], *shop["sales"]["groups"])
    }
    assert line["figures"]["gmv_paid"]["numerator"] == figures["gmv_paid"]["value"] > 0
    # Other shows of this shop may have sold as well.
    assert sold["sales_gmv_paid", ""] >= sold["sales_gmv_paid", "show"] >= figures["gmv_paid"]["value"]
    rows = list(csv.DictReader(io.StringIO(known.page("/console/corner/reports.csv"))))
    mine = {
        row["metric"]: row["value"]
        for row in rows
        if (row["section"], row["key"]) == ("show", str(known.show))
    }
    assert mine["gmv_paid@1"] == str(figures["gmv_paid"]["value"])
    for path in ("/console/corner/reports.parquet", f"/console/corner/shows/{known.show}/report.parquet"):
        file = known.http.get(path)
        assert file.content[:4] == file.content[-4:] == b"PAR1", path
    page = words(known.page("/console/corner/reports"))
    assert "The last show against its past" in page
    assert "No earlier show on this weekday is about as long." in page


def test_a_figure_is_one_click_from_its_definition(known: Known) -> None:
    here = f"/console/corner/shows/{known.show}/report"
    link = re.search(r'href="(/console/corner/reports/definitions/gmv_paid)"', known.page(here))
    assert link is not None
    page = known.page(link[1])
    assert "gmv_paid@1" in page
    assert "What was captured for the goods of orders paid in full, before refunds." in page
    assert "FROM &#34;paid_lines&#34;" in page
    assert known.http.get("/console/corner/reports/definitions/nothing").status_code == 404

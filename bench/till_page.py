"""A till with 50,000 variants on the device, without a network: start, scan, receipt.

The page comes from a running shop; what the server would answer to it is made up here, so that the device alone is
timed, in a real Chromium.

    start    a new page, offline, until an assistant can sign in
    scan     the last key of a scanner until the line is in the basket
    receipt  the last tap of a sale until its receipt shows: the sale is on the disk by then

`ratio` is the time divided by that of a baseline in the same browser and minute: start by a page of the shop with a
network; scan by two frames of the screen; receipt by one strict write to IndexedDB.  The last line is JSON.  Exit
status 1 when a limit of the product is broken: 2,000, 50 and 300 ms at the median.
"""

import base64
import hashlib
import json
import os
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any, Final

from playwright.sync_api import BrowserContext, Page, Route, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]
import chromium  # noqa: E402
from tests.app.running import Owner, Running, place  # noqa: E402

VARIANTS = int(os.environ.get("VARIANTS", "50000"))
TRIES = int(os.environ.get("TRIES", "7"))
LIMITS: Final = {"start": 2_000, "scan": 50, "receipt": 300}
PIN: Final = "2580"
SALT: Final = b"a salt for a pin"
ROUNDS: Final = 210_000

SCAN = """async code => {
  const before = document.querySelectorAll(".basket-line").length;
  const began = performance.now();
  for (const key of [...code, "Enter"]) document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  while (document.querySelectorAll(".basket-line").length === before) await new Promise(requestAnimationFrame);
  return performance.now() - began;
}"""
RECEIPT = """async () => {
  const began = performance.now();
  document.querySelector(".pay-form > .pay").click();
  while (!document.querySelector("[data-done]")) await new Promise(requestAnimationFrame);
  return performance.now() - began;
}"""
FRAMES = """async () => {
  const began = performance.now();
  for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
  return performance.now() - began;
}"""
WRITE = """async () => {
  const asked = indexedDB.open("bench", 1);
  asked.onupgradeneeded = () => asked.result.createObjectStore("facts");
  const base = await new Promise(resolve => { asked.onsuccess = () => resolve(asked.result); });
  const began = performance.now();
  const write = base.transaction("facts", "readwrite", { durability: "strict" });
  write.objectStore("facts").put({ fact: "x".repeat(1500) }, began);
  await new Promise(resolve => { write.oncomplete = resolve; });
  base.close();
  return performance.now() - began;
}"""


def snapshot() -> dict[str, Any]:
    pin = base64.b64encode(hashlib.pbkdf2_hmac("sha256", PIN.encode(), SALT, ROUNDS)).decode()
    salt = base64.b64encode(SALT).decode()
    head = {
        "series": "A1", "register": {"id": 1, "name": "Counter"}, "location": {"id": 1, "name": "Store"},
        "shop": {"slug": "corner", "name": "Corner", "currency": "EUR", "locale": "en", "zone": "Europe/Berlin"},
    }  # fmt: skip
    products = [
        {
            "id": number, "title": f"Article {number}", "keys": f"wupin wp {number}", "picture": None, "collections": [],
            "variants": [{
                "id": number, "title": "", "options": [], "sku": f"SKU-{number}", "barcode": f"4{number:011}", "price": 1_990,
                "tax_class": "standard", "weighed": False, "available": 50, "escrow": 0, "scarce": False,
            }],
        }
        for number in range(VARIANTS)
    ]  # fmt: skip
    return head | {
        "version": "1", "server_time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "secret": "s",
        "device": {"id": "d", "series": "A1", "next_sequence": 1, "next_number": 1, "last_hash": "0" * 64},
        "shift": {"id": "s", "opened_at": "2026-01-01T00:00:00Z", "assistant": 1, "float": 0},
        "assistants": [{
            "id": 1, "name": "Li", "rights": ["sell"], "manager": True,
            "pin": {"salt": salt, "iterations": ROUNDS, "hash": pin},
        }],
        "products": products, "collections": [], "barcode_patterns": [], "tenders": [], "receipts": [],
        "pricing": {"version": "1", "currency": "EUR", "taxes": {"rates": []}, "discounts": []},
        "limits": {"offline_cash_return": 0, "discount_percent": 0, "pin_attempts": 5}, "open_amount_variant": None,
    }  # fmt: skip


def paired(context: BrowserContext) -> None:
    """A page that has been on the network once."""
    told = snapshot()
    body = json.dumps(told)

    def answer(route: Route) -> None:
        if route.request.url.endswith("/pair"):
            route.fulfill(json={**told, "products": [], "device": "d"})
        elif route.request.url.endswith("/snapshot"):
            route.fulfill(body=body, content_type="application/json")
        else:
            route.abort()

    context.route("**/till/*/api/**", answer)
    page = context.new_page()
    page.goto("/till/corner#pair=ABCDEFGH")
    page.get_by_role("button", name="Pair").click()
    page.get_by_label("PIN").wait_for(timeout=120_000)
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.close()
    context.unroute_all()


def timed(context: BrowserContext, path: str, ready: str) -> tuple[Page, float]:
    page = context.new_page()
    began = time.perf_counter()
    page.goto(path)
    page.locator(ready).first.wait_for()
    return page, (time.perf_counter() - began) * 1000


def main() -> int:
    took: dict[str, list[float]] = {
        name: [] for name in ("start", "scan", "receipt", "page", "frames", "write")
    }
    with place() as data, Running(data) as shop, sync_playwright() as playwright:
        owner = Owner(shop, "corner")
        owner.claim(shop.claim)
        # A profile of its own: what is written off the record never reaches a disk.
        context = playwright.chromium.launch_persistent_context(
            str(data / "profile"),
            executable_path=chromium.ensure(),
            args=["--no-sandbox", "--disable-gpu", "--no-proxy-server"],
            base_url=shop.address,
            locale="en-GB",
        )
        paired(context)
        for turn in range(TRIES):
            context.set_offline(False)
            page, seconds = timed(context, "/s/corner", "main")
            took["page"].append(seconds)
            page.close()
            context.set_offline(True)
            page, seconds = timed(context, "/till/corner/sell", "input.pin")
            took["start"].append(seconds)
            page.get_by_label("PIN").fill(PIN)
            page.get_by_role("button", name="Sign in").click()
            page.locator(".tiles").wait_for()
            for line in range(5):
                took["frames"].append(page.evaluate(FRAMES))
                took["scan"].append(page.evaluate(SCAN, f"4{VARIANTS - 1 - turn * 5 - line:011}"))
            page.get_by_role("button", name="Take payment").click()
            page.locator(".quick").wait_for()
            took["write"].append(page.evaluate(WRITE))
            took["receipt"].append(page.evaluate(RECEIPT))
            page.close()
        context.close()
        owner.close()
    baselines = {"start": "page", "scan": "frames", "receipt": "write"}
    told = {
        name: {
            "ms": round(median(took[name]), 1),
            "worst_ms": round(max(took[name]), 1),
            "ratio": round(median(took[name]) / median(took[base]), 2),
        }
        for name, base in baselines.items()
    }
    for name, figures in told.items():
        print(
            f"{name:8} {figures['ms']:8.1f} ms  worst {figures['worst_ms']:8.1f} ms  {figures['ratio']:6.2f} × {baselines[name]}"
        )
    print(json.dumps({"variants": VARIANTS, **told}))
    return int(any(told[name]["ms"] > limit for name, limit in LIMITS.items()))


if __name__ == "__main__":
    sys.exit(main())

"""A list that somebody reads is turned page by page, or it is known here how its readers get to the rest.

`tests/app/test_app_lists.py` walks the lists; this finds what is cut anywhere else.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

WEB = Path("src/shopfloor/web")
# Text is cut for logs, cookies and headers; no row is lost.
TEXTS = {
    "action", "code", "device", "entry", "error['loc']", "header", "location", "number", "query[key]", "text",
    "typed",
}  # fmt: skip
PAGED = (
    "paging.page",
    "paging.numbered",
    "warehouse.listing",
    "notices.page_of",
    "pickups.listing",
    "dispatch.listing",
    "reconciliation.desk",
)

SAID = "The page says that there are more, and how to get to them."
LINKED = "A few of them beside a link to all."
WHOLE = "The shape of the thing bounds it: nobody has more."
CUT = {
    "auctions.py: auctions.bids(limit=20)": "The latest bids; how many there were stands above them, and the winning one is among them.",
    "console/auctions.py: auctions.bids(limit=LATEST)": "The latest bids; the details beside them have more.",
    "cart.py: list(found.values())[:MOST_LINES]": "A full basket takes no more, and says so.",
    "replays.py: chat.lines(limit=1)": "Whether there is any.",
    "replays.py: chat.lines_since(limit=CHAT_LINES)": "Says that there are more, and the player asks for them.",
    "console/account.py: re.split('[\\\\s/]', device, maxsplit=1)[0][:40]": "A text.",
    "console/chart.py: found[:_MOST_LANES]": SAID,
    "console/collections.py: catalog.products(limit=OFFERED + 1)": SAID,
    "console/collections.py: offered[:OFFERED]": SAID,
    "console/discounts.py: catalog.products(limit=LISTED + 1)": SAID,
    "console/discounts.py: products[:LISTED]": SAID,
    "console/room_cards.py: promotions.service.discounts(limit=COUPONS)": "A choice of what can be shown now; all are under Discounts.",
    "console/discounts.py: promotions.service.codes_of(limit=20)": "Says how many more; all are in the file beside it.",
    "console/discounts.py: promotions.service.codes_of(limit=1000)": "A file is written piece by piece.",
    "console/reports.py: sorted(kept, reverse=True)[:COHORTS]": "All are in the file beside it.",
    "console/fapiao.py: done.refused[:_SHOWN]": "A message says how many there are.",
    "console/fulfilment.py: done.refused[:_SHOWN]": "A message says how many there are.",
    "console/fulfilment.py: list(stayed.items())[:_SHOWN]": "A message says how many there are.",
    "console/offers.py: empty[:3]": "Names end in an ellipsis; the table has them all.",
    "console/offers.py: hidden[:3]": "Names end in an ellipsis; the table has them all.",
    "console/offers.py: short[:3]": "Names end in an ellipsis; the table has them all.",
    "console/offers.py: unset[:3]": "Names end in an ellipsis; the table has them all.",
    "console/order_edit.py: catalog.products(limit=FOUND + 1)": SAID,
    "console/order_edit.py: products[:FOUND]": SAID,
    "console/orders.py: list(stayed.items())[:_EXPLAINED]": "A message says how many there are.",
    "console/orders.py: live.shows(limit=SHOWS_OFFERED + 1)": SAID,
    "console/orders.py: offered[:SHOWS_OFFERED]": SAID,
    "console/overview.py: day.today.hours[:day.hour + 1]": "The hours that have been.",
    "console/overview.py: catalog.products(limit=1)": "Whether there is one.",
    "console/overview.py: ended[:NEXT]": LINKED,
    "console/overview.py: on_air[:_ON_AIR]": "The others are named below, each with its link.",
    "console/overview.py: planned[:NEXT]": LINKED,
    "console/overview.py: live.shows(limit=NEXT + 1)": LINKED,
    "console/payments.py: contested[:_SHOWN]": LINKED,
    "console/payments.py: disputes.waiting(limit=_SHOWN + 1)": LINKED,
    "console/product_grid.py: page.items[:len(rows)]": "The next page begins with the rest.",
    "console/product_bundles.py: catalog.products(limit=MOST_NAMES)": SAID,
    "console/product_bundles.py: goods[:MOST_NAMES]": SAID,
    "templates/console/pickup.html: waits.pictures[:6]": "Faces; the words name all of it.",
    "console/stock_grid.py: locations[:1]": "The others are in the choice of places above it.",
    "console/studio.py: [*texts.items()][:1]": "One language of several.",
    "console/studio.py: chat.held(limit=HELD + 1)": SAID,
    "console/studio.py: chat.questions(limit=60)": "the newest; what is older stands in the chat",
    "console/studio.py: chat.recent(limit=60)": "What was said last, beside what is being said.",
    "console/studio.py: held[:HELD]": SAID,
    "console/suppliers.py: str(value)[:40]": "A text.",
    "console/terms.py: catalog.products(limit=1)": "Whether there is one.",
    "console/stock_papers.py: catalog.products(limit=MOST_PRODUCTS + 1)": "More are refused.",
    "console/stock_papers.py: stock_control.counts.last_scanned(limit=LAST)": LINKED,
    "console/tills.py: note[:500]": "A text.",
    "console/tills.py: sku[:100]": "A text.",
    "console/today.py: approvals.waiting(limit=COUNTED)": "Counted; the number ends in a plus.",
    "console/today.py: chat.questions(limit=COUNTED)": "Counted; the number ends in a plus.",
    "console/today.py: disputes.waiting(limit=COUNTED)": "Counted; the number ends in a plus.",
    "console/today.py: on_air[:_SHOWS]": "The studio of each show has its questions.",
    "console/today.py: short[:_NAMED]": "Names end in an ellipsis; the grid behind the link has them all.",
    "console/unpaid.py: live.shows(limit=ENDED)": WHOLE,
    "console/unpaid.py: paging.cut(limit=PAGE)": "Its pages are turned.",
    "console/webhooks.py: webhooks.EVENTS[:8]": "What a form begins with; all are offered.",
    "customer_account.py: bought[:5]": LINKED,
    "regions.py: connection.headers.get('accept-language', '')[:500]": "A text.",
    "returning.py: kept[:returns.MOST_PICTURES]": "The form says how many pictures it takes.",
    "shared_pages.py: hashlib.sha256(found[0]).hexdigest()[:32]": "A text.",
    "shop.py: on_sale[:RELATED]": "A few suggestions; collections and search have the rest.",
    "shop.py: related.related(limit=2 * RELATED)": "A few suggestions; collections and search have the rest.",
    "embedded.py: live.shows(limit=1)": "The last one, where nothing runs or comes.",
    "shop.py: live.shows(limit=_PAST_SHOWS + 1)": LINKED,
    "shop.py: past[:_PAST_SHOWS]": LINKED,
    "sms.py: (await request.body())[:_MOST_REPORT]": "A text.",
    "static.py: tuple(found)[:-1]": "A text.",
    "supplier.py: str(value)[:40]": "A text.",
    "till_receipts.py: token[:64]": "A text.",
    "waitlist.py: holds[:MOST_HOLDS]": "A page of the shop asks after no more at once.",
    "sitemaps.py: hashlib.sha256(body).hexdigest()[:32]": "A text.",
    "till_page.py: hashlib.sha256('\\x00'.join(parts).encode()).hexdigest()[:16]": "A text.",
    "templates/console/order.html: messages[:4]": "The history on the same page leads to every one.",
    "templates/console/report.html: unmet[:8]": SAID,
    "templates/console/shipping.html: zone.countries[:8]": "Says how many more.",
    "templates/console/till_shift.html: shift.z_hash[:16]": "A text.",
    "templates/console/tills.html: code[:4]": "A text.",
    "templates/console/webhook.html: each.reply[:120]": "A text.",
    "templates/shop/checkout.html: those[:shown]": "The others stand folded below.",
}  # fmt: skip
# Statements with a number of rows in them, and no page.
LIMITED = {
    "audit.py: 100": "The first offenders of a check that failed.",
    "backup/restoring.py: 10000": "Worked off piece by piece.",
    "customers/basket_queries.py: 20": "Frames in which one browser reserved; what is older is in its own tab.",
    "customers/queries.py: 1000": "Orders of one phone number.",
    "documents/queries.py: 100": "The first offenders of a check that failed.",
    "embeds/queries.py: 20": "Frames in which one browser reserved; what is older is in its own tab.",
    "fapiao/queries.py: 1000": "Counted; the number ends in a plus.",
    "notices/queries.py: 200": "Messages about one order.",
    "notices/queue.py: 1000": "Worked off piece by piece.",
    "push/queries.py: 1000": "Worked off piece by piece.",
    "stock/audit.py: 100": "The first offenders of a check that failed.",
    "stock/joining_queries.py: 200": WHOLE,
    "stock/network_queries.py: 20": "The largest networks; the next ones follow when these are released.",
    "tills/goods_queries.py: 20": "Sales by the end of a telephone number; a receipt finds one.",
    "webhooks/queries.py: 100": WHOLE,
    "webhooks/queries.py: 1000": "Worked off piece by piece.",
}


def cut(tree: ast.AST) -> Iterator[str]:
    """Calls that ask for so many rows, and slices of what was asked for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and not ast.unparse(node.func).endswith(PAGED):
            for given in node.keywords:
                said = ast.unparse(given.value)
                if given.arg == "limit" and said not in {"None", "limit"} and "." in ast.unparse(node.func):
                    yield f"{ast.unparse(node.func)}(limit={said})"
        if (
            isinstance(node, ast.Subscript)
            and isinstance(node.slice, ast.Slice)
            and node.slice.lower is None
            and node.slice.upper is not None
            and ast.unparse(node.value) not in TEXTS
        ):
            yield ast.unparse(node)


def test_what_a_page_cuts_its_reader_gets_to() -> None:
    found = {
        f"{path.relative_to(WEB)}: {each}"
        for path in WEB.rglob("*.py")
        for each in cut(ast.parse(path.read_text()))
    }
    found |= {
        f"{path.relative_to(WEB)}: {each}"
        for path in WEB.rglob("*.html")
        for each in re.findall(r"[\w.]+\[:\w+\]", path.read_text())
    }
    assert found == set(CUT)


def test_no_statement_cuts_a_list_without_a_reason() -> None:
    house = Path("src/shopfloor")
    found = {
        f"{path.relative_to(house)}: {rows}"
        for path in house.rglob("*.py")
        for rows in re.findall(r"\bLIMIT (\d{2,})\b", path.read_text())
    }
    assert found == set(LIMITED)

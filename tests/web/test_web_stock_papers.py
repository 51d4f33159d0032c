"""Transfers and counts in the console: the way from a draft to the shelf, and a count by scanner, without any script."""

import re

from tests.web.conftest import Stage
from tests.web.test_web_brand import signed_in
from tests.web.test_web_console_terms import member
from tests.web.test_web_stock_grid import second_place, shelf

from shopfloor import accounts, catalog

STOCK = "/console/harbour/stock"


async def coded(stage: Stage) -> int:
    """The variant that is on the shelf, with a barcode."""
    variant = stage.variants[0]
    async with stage.db.transaction() as tx:
        await catalog.update_variant(
            tx, shop_id=stage.shop.id, variant_id=variant.id, barcode="6901234567892"
        )
    return variant.id


async def test_a_transfer_goes_from_a_scan_to_the_shelf(stage: Stage) -> None:
    first, second = await second_place(stage)
    shirt = await coded(stage)
    await signed_in(stage)
    post = stage.client.post
    assert "No transfers yet" in (await stage.client.get(f"{STOCK}/transfers")).text
    refused = await post(
        f"{STOCK}/transfers", data={"source_id": first, "target_id": first}, follow_redirects=True
    )
    assert "Choose two different locations." in refused.text
    made = await post(f"{STOCK}/transfers", data={"source_id": first, "target_id": second, "note": "Window"})
    path = made.headers["location"]
    assert "Nothing listed yet" in (await stage.client.get(path)).text
    unknown = await post(f"{path}/add", data={"code": "4000000000000"}, follow_redirects=True)
    assert "has the code “4000000000000”" in unknown.text
    for _ in range(2):
        await post(f"{path}/add", data={"code": "6901234567892", "units": "1"})
    draft = (await stage.client.get(path)).text
    assert re.findall(rf'name="u-{shirt}" value="(\d+)"', draft) == ["2", "2"]
    short = await post(f"{path}/lines", data={f"u-{shirt}": "4", "way": "send"}, follow_redirects=True)
    assert "Not enough units are available." in short.text
    assert await shelf(stage) == {(shirt, first): 3}
    await post(f"{path}/lines", data={f"u-{shirt}": "3", "way": "send"})
    assert await shelf(stage) == {}
    stocked = (await stage.client.get(STOCK)).text
    assert "In transit" in stocked
    sheet = (await stage.client.get(f"{path}/sheet")).text
    assert "6901234567892" in sheet
    assert "3 units" in sheet
    await post(f"{path}/receive", data={"way": "scan", "code": "6901234567892"})
    assert await shelf(stage) == {(shirt, second): 1}
    more = await post(f"{path}/receive", data={"way": "received", f"u-{shirt}": "5"}, follow_redirects=True)
    assert "Only 2 of these 5 units are in transit." in more.text
    done = await post(f"{path}/receive", data={"way": "lost", f"u-{shirt}": "1"}, follow_redirects=True)
    assert "Partly received" in done.text
    done = await post(f"{path}/receive", data={"way": "all"}, follow_redirects=True)
    assert "Done: nothing is in transit any longer." in done.text
    assert await shelf(stage) == {(shirt, second): 2}


async def test_a_count_by_scanner_is_posted(stage: Stage) -> None:
    first, _ = await second_place(stage)
    shirt = await coded(stage)
    await signed_in(stage)
    post = stage.client.post
    made = await post(f"{STOCK}/counts", data={"location_id": first, "is_blind": "yes"})
    path = made.headers["location"]
    for units in ("1", "1"):
        await post(f"{path}/scan", data={"code": "6901234567892", "units": units})
    page = (await stage.client.get(path)).text
    assert '<span class="text-bad">−1</span>' in page
    # Somebody who only counts does not see what is expected, and posts nothing.
    stage.client.cookies.set("session", await member(stage, accounts.Role.SHOP_ASSISTANT, "ann"))
    assert "text-bad" not in (await stage.client.get(path)).text
    assert (await post(f"{path}/post", data={"reason": "x"})).status_code == 403
    entered = await post(f"{path}/enter", data={f"u-{shirt}": "1"}, follow_redirects=True)
    assert "Saved." in entered.text
    await signed_in(stage)
    posted = await post(f"{path}/post", data={"reason": "Year end"}, follow_redirects=True)
    assert "Posted. The stock is what was counted, less what was sold since." in posted.text
    assert await shelf(stage) == {(shirt, first): 1}
    told = await stage.client.get(f"{STOCK}/{shirt}")
    assert "C1 Year end" in told.text


async def test_one_scan_that_is_sent_twice_counts_once(stage: Stage) -> None:
    first, _ = await second_place(stage)
    await coded(stage)
    await signed_in(stage)
    made = await stage.client.post(f"{STOCK}/counts", data={"location_id": first})
    path = made.headers["location"]
    for ago in ("10", "2010", "4020"):
        sent = {"code": "6901234567892", "units": "1", "form_key": "a-scan", "ago": ago}
        await stage.client.post(f"{path}/scan", data=sent)
    async with stage.db.transaction() as tx:
        assert await tx.value("SELECT counted FROM stock_control.count_line") == 1

"""The previous release runs on today's schema: processes of both serve one shop while an upgrade is under way."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from tests.upgrade.conftest import Left
from tests.upgrade.previous import RELEASE, Buyer, Merchant, NoHistory, Previous, unpack

from shopfloor import accounts, audit, orders
from shopfloor.kernel.database import Database
from shopfloor.kernel.migrations import migrate
from shopfloor.kernel.settings import Settings


@pytest.fixture
def previous(left: Left, tmp_path: Path) -> Iterator[Previous]:
    """The previous release on the migrated database."""
    try:
        code = unpack(tmp_path)
    except NoHistory as missing:
        pytest.skip(f"the code of {RELEASE} is not in this source tree's history: {missing}")
    migrate(left.dsn)
    with Previous(code, left.data_dir, database=left.dsn) as shop:
        yield shop


async def test_a_show_a_purchase_an_order_and_a_line_of_chat(left: Left, previous: Previous) -> None:
    with Merchant(previous) as merchant:
        merchant.sign_in()
        product = merchant.product("Rib beanie", {"one": "59.00"}, {"one": 3})
        (variant,) = product["variants"]
        show = merchant.on_air("During the upgrade", product, quota=2)
        with Buyer(previous, show, name="Between 两版") as buyer:
            with buyer.in_the_room() as room:
                room.say("还有吗 two releases", buyer.name)
            order_id = buyer.order(buyer.buy(variant, 2))
        with Buyer(previous, show) as late:
            assert late.buy(variant)["code"] == "stock.sold_out"
        merchant.paid(order_id, "during-the-upgrade")
        merchant.shop("POST", f"/shows/{show.id}/end")
    assert previous.run("audit").returncode == 0
    assert "Traceback" not in previous.log

    db = Database(left.dsn)
    await db.open()
    try:
        async with db.transaction() as tx:
            shop = await accounts.shop_by_slug(tx, "harbour")
            order = (await orders.order(tx, shop_id=shop.id, order_id=UUID(order_id))).order
        findings = await audit.run(db, Settings(data_dir=left.data_dir, database_url=left.dsn))
    finally:
        await db.close()
    # Two at 59.00 and the postage of 12.00.
    assert (str(order.id), str(order.status), order.total_minor, order.charged_minor) == (
        order_id, "paid", 13_000, 13_000,
    )  # fmt: skip
    assert [
        (finding.area, finding.name, finding.offending) for finding in findings if not finding.passed
    ] == []

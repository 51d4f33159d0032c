"""The mail with a fapiao: its file is in it, whole."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tests.notifications.conftest import Market, Post

from shopfloor import fapiao
from shopfloor.fapiao import TitleKind, Via, Wanted
from shopfloor.kernel.values import now
from shopfloor.notifications.sending import Sender

PDF = b"%PDF-1.7\n" + bytes(range(256)) * 300


async def test_the_buyer_gets_the_file_where_the_request_says(
    market: Market, sender: Sender, post: Post, hear: Callable[[], Any]
) -> None:
    order, _ = await market.paid()
    async with market.db.transaction() as tx:
        asked = await fapiao.ask(
            tx, shop_id=market.shop_id, order_id=order.id, via=Via.ORDER, locale="zh-CN",
            wanted=Wanted(TitleKind.PERSON, "林梅", email="books@garden.test"),
        )  # fmt: skip
        await fapiao.issue(
            tx, shop_id=market.shop_id, request_id=asked.id, number="25332000000000000001",
            issued_on=(now() + timedelta(hours=8)).date(), files=[PDF], actor="person:1",
        )  # fmt: skip
    await hear()
    await hear()
    await sender.run_once()

    [mail] = [each for each in post.taken if "books@garden.test" in each["To"]]
    assert mail["Subject"] == f"订单 #{order.number} 的发票"
    body = mail.get_body(("plain",))
    assert body is not None
    told = body.get_content()
    assert ("25332000000000000001" in told, "发票文件见附件" in told) == (True, True)
    assert mail.get_body(("html",)) is not None
    [attached] = mail.iter_attachments()
    assert (attached.get_filename(), attached.get_content_type(), attached.get_content()) == (
        "fapiao-25332000000000000001.pdf", "application/pdf", PDF,
    )  # fmt: skip
    assert max(len(line) for line in post.raw[-1].split(b"\r\n")) < 999

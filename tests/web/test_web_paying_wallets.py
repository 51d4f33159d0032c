"""Alipay and WeChat Pay from the account to the paid order: forms, codes, pages inside of WeChat, notifications."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest
from tests.payments.fakes import accounts as fakes
from tests.payments.fakes.alipay import FakeAlipay
from tests.payments.fakes.keys import public_pem
from tests.payments.fakes.wechat import FakeWechat
from tests.services import give
from tests.web.conftest import Stage

from shopfloor import orders, payments, reconciliation
from shopfloor.kernel import secrets
from shopfloor.kernel.public_address import PublicAddress
from shopfloor.payment_accounts.connections import Connections, switch
from shopfloor.payment_providers.kinds import KINDS

FORM = {
    "name": "林悦",
    "phone": "+86 138 0000 1111",
    "delivery": "ship",
    "street": "Pier 3",
    "city": "Ningbo",
}
IN_WECHAT = {"user-agent": "Mozilla/5.0 (iPhone) AppleWebKit/605.1 Mobile/15E148 MicroMessenger/8.0.50"}
ON_A_PHONE = {"user-agent": "Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36"}
TERMINAL = "/console/harbour/payments/account"


@dataclass(frozen=True)
class Counter:
    """A shop that can ask both, at the addresses at which they really are."""

    stage: Stage
    alipay: FakeAlipay
    wechat: FakeWechat
    connections: Connections

    @property
    def client(self) -> httpx.AsyncClient:
        return self.stage.client

    async def connected(self, provider: str, entries: dict[str, str]) -> int:
        async with self.stage.db.transaction() as tx:
            number = await self.connections.save(
                tx,
                shop_id=self.stage.shop.id,
                provider=provider,
                mode="test" if provider == "alipay" else "live",
                values=entries,
            )
            await switch(tx, shop_id=self.stage.shop.id, connection_id=number, on=True)
        return number

    async def ordered(self, account: int, **headers: str) -> str:
        hold = await self.stage.hold()
        answer = await self.client.post(
            f"/s/harbour/checkout/{hold}", data=FORM | {"method": f"pay-{account}"}, headers=headers
        )
        assert answer.status_code == 303, answer.text
        return answer.headers["location"].removesuffix("/pay")

    async def number(self, place: str) -> str:
        """Of the attempt, as the provider knows it."""
        async with self.stage.db.transaction() as tx:
            payment = await payments.newest_online(tx, subject_id=UUID(place.rpartition("/")[2]))
        assert payment is not None
        return payment.id.hex

    async def status(self, place: str) -> orders.Status:
        async with self.stage.db.transaction() as tx:
            found = await orders.order(
                tx, shop_id=self.stage.shop.id, order_id=UUID(place.rpartition("/")[2])
            )
        return found.order.status


@pytest.fixture
async def counter(stage: Stage) -> AsyncIterator[Counter]:
    alipay, wechat = fakes.alipay(), fakes.wechat()
    alipay.address, wechat.address = (
        "https://openapi-sandbox.dl.alipaydev.com",
        "https://api.mch.weixin.qq.com",
    )
    theirs = httpx.ASGITransport(wechat.app)
    http = httpx.AsyncClient(
        mounts={
            "all://openapi-sandbox.dl.alipaydev.com": httpx.ASGITransport(alipay.app),
            **dict.fromkeys((f"all://{name}.weixin.qq.com" for name in ("api.mch", "api", "open")), theirs),
        }
    )
    known = Connections(
        stage.db,
        lambda: secrets.Box((b"k" * 32,)),
        KINDS,
        public=lambda: PublicAddress("http", "shop.test"),
        http=http,
    )
    give(stage.app, known, public=PublicAddress("http", "shop.test"))
    yield Counter(stage, alipay, wechat, known)
    await known.close()
    async with stage.db.transaction() as tx:
        checks = [*await orders.audit(tx), *await reconciliation.audit(tx)]
    assert [check.name for check in checks if not check.passed] == []


async def owner(counter: Counter) -> None:
    answer = await counter.client.post(
        "/sign-in", data={"email": "owner@example.com", "password": "a long enough one"}
    )
    assert answer.status_code == 303


# ── the account ───────────────────────────────────────────────────────────────────────────────────────────


async def test_an_account_with_alipay_is_entered_checked_and_what_is_wrong_said_beside_its_field(
    counter: Counter,
) -> None:
    await owner(counter)
    form = (await counter.client.get(f"{TERMINAL}?provider=alipay")).text
    assert "App private key" in form
    assert '<option value="qr">A code on your shop&#39;s page</option>' in form
    entries = fakes.alipay_entries() | {"provider": "alipay", "mode": "test", "desktop": "qr"}

    wrong = await counter.client.post(
        TERMINAL, data=entries | {"app_private_key": public_pem("alipay app"), "app_id": "1"}
    )
    right = await counter.client.post(TERMINAL, data=entries)

    assert wrong.status_code == 422
    assert 'id="e-app_private_key"' in wrong.text
    assert "This is a public key. Something else belongs here." in wrong.text
    assert "Enter the 16 digits." in wrong.text
    assert right.status_code == 303
    desk = (await counter.client.get("/console/harbour/payments")).text
    assert ("2021000000000001" in desk, ">Works<" in desk) == (True, True)
    assert "PRIVATE KEY" not in desk + form + wrong.text
    async with counter.stage.db.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM payments.connection") == 1


async def test_an_account_with_wechat_pay_is_entered_and_checked(counter: Counter) -> None:
    await owner(counter)
    form = (await counter.client.get(f"{TERMINAL}?provider=wechat")).text
    assert ("APIv3 key" in form, "no money moves" in form) == (True, False)
    entries = fakes.wechat_entries() | {"provider": "wechat", "mode": "live", "h5": "yes"}

    await counter.client.post(TERMINAL, data=entries)
    works = (await counter.client.get("/console/harbour/payments")).text
    counter.wechat.merchant_serial = "0"
    async with counter.stage.db.transaction() as tx:
        number = await tx.value("SELECT id FROM payments.connection")
    await counter.client.post(f"{TERMINAL}/{number}/check")
    broken = (await counter.client.get("/console/harbour/payments")).text

    assert ">Works<" in works
    assert ("t work<" in broken, "签名错误" in broken) == (True, True)


async def test_a_shop_in_another_currency_offers_neither(counter: Counter) -> None:
    number = await counter.connected("alipay", fakes.alipay_entries())
    async with counter.stage.db.transaction() as tx:
        listed = [
            await payments.ways(tx, shop_id=counter.stage.shop.id, kinds=KINDS, currency=currency)
            for currency in ("CNY", "EUR")
        ]

    assert [[way.connection_id for way in each] for each in listed] == [[number], []]


# ── a code on our page ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("provider", ["alipay", "wechat"])
async def test_a_code_stays_until_it_is_paid_without_a_script(counter: Counter, provider: str) -> None:
    entries = fakes.alipay_entries() | {"desktop": "qr"} if provider == "alipay" else fakes.wechat_entries()
    place = await counter.ordered(await counter.connected(provider, entries))

    code = await counter.client.get(f"{place}/pay")
    waiting = await counter.client.get(f"{place}/payment")

    assert "<svg" in code.text
    assert f'http-equiv="refresh" content="4;url={place}/payment"' in code.text
    assert (waiting.status_code, waiting.headers["location"]) == (303, f"{place}/pay")
    number = await counter.number(place)
    fake = counter.alipay if provider == "alipay" else counter.wechat
    assert fake.pay(number)
    paid = await counter.client.get(f"{place}/payment")
    assert (paid.status_code, paid.headers["location"]) == (303, place)
    assert await counter.status(place) is orders.Status.PAID


@pytest.mark.parametrize("provider", ["alipay", "wechat"])
async def test_a_notification_pays_an_order_once_and_is_acknowledged_as_the_provider_wants(
    counter: Counter, provider: str
) -> None:
    entries = fakes.alipay_entries() | {"desktop": "qr"} if provider == "alipay" else fakes.wechat_entries()
    account = await counter.connected(provider, entries)
    place = await counter.ordered(account)
    number = await counter.number(place)
    if provider == "alipay":
        counter.alipay.pay(number)
        body, headers = counter.alipay.notice(number), {"content-type": "application/x-www-form-urlencoded"}
        forged, wanted = counter.alipay.notice(number, "wrong signature"), (200, b"success")
    else:
        counter.wechat.pay(number)
        body, headers = counter.wechat.notice(number)
        forged, wanted = body + b" ", (204, b"")
    address = f"/payments/{provider}/{account}/notify"

    refused = await counter.client.post(address, content=forged, headers=headers)
    taken = [await counter.client.post(address, content=body, headers=headers) for _ in range(2)]
    await orders.paying.work(counter.stage.db, counter.connections.of)

    assert refused.status_code == 422
    assert [(each.status_code, each.content) for each in taken] == [wanted, wanted]
    assert await counter.status(place) is orders.Status.PAID
    async with counter.stage.db.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM payments.inbox") == 1
        assert await tx.value("SELECT count(*) FROM payments.event WHERE kind = 'charged'") == 1


async def test_another_amount_than_was_asked_for_pays_nothing_and_is_a_difference(counter: Counter) -> None:
    account = await counter.connected("alipay", fakes.alipay_entries() | {"desktop": "qr"})
    place = await counter.ordered(account)
    number = await counter.number(place)
    counter.alipay.pay(number)

    await counter.client.post(
        f"/payments/alipay/{account}/notify",
        content=counter.alipay.notice(number, "amount differs"),
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    await orders.paying.work(counter.stage.db, counter.connections.of)

    assert await counter.status(place) is orders.Status.PLACED
    async with counter.stage.db.transaction() as tx:
        (found,) = await reconciliation.differences.differences(tx, shop_id=counter.stage.shop.id)
    assert (found.kind, found.expected_minor) == (
        reconciliation.DifferenceKind.AMOUNT,
        found.amount_minor - 100,
    )


# ── pages of the provider ─────────────────────────────────────────────────────────────────────────────────


async def test_a_phone_is_led_to_the_wap_page_of_alipay(counter: Counter) -> None:
    place = await counter.ordered(await counter.connected("alipay", fakes.alipay_entries()), **ON_A_PHONE)

    page = await counter.client.get(f"{place}/pay", headers=ON_A_PHONE)

    assert page.headers["referrer-policy"] == "strict-origin"
    assert "method=alipay.trade.wap.pay" in page.text
    assert "https://openapi-sandbox.dl.alipaydev.com/gateway.do?" in page.text


async def test_inside_of_wechat_the_payer_is_known_first_and_the_app_is_handed_what_it_asks_for(
    counter: Counter,
) -> None:
    entries = fakes.wechat_entries() | {"app_secret": "app secret"}
    place = await counter.ordered(await counter.connected("wechat", entries), **IN_WECHAT)
    assert counter.wechat.orders == {}

    to_who = await counter.client.get(f"{place}/pay", headers=IN_WECHAT)
    assert to_who.headers["location"].startswith(f"{place}/who?way=pay-")
    leads = await counter.client.get(to_who.headers["location"], headers=IN_WECHAT)
    [address] = set(re.findall(r'content="0;url=(https://open\.weixin\.qq\.com/[^"]+)"', leads.text))
    asked = parse_qs(urlsplit(address.replace("&amp;", "&")).query)
    assert (asked["appid"], asked["scope"]) == (["wx0000000000000001"], ["snsapi_base"])
    assert asked["redirect_uri"][0].startswith(f"http://shop.test{place}/who?way=pay-")

    counter.wechat.codes["c0de"] = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
    known = await counter.client.get(f"{to_who.headers['location']}&code=c0de", headers=IN_WECHAT)
    page = await counter.client.get(known.headers["location"], headers=IN_WECHAT)

    number = await counter.number(place)
    assert list(counter.wechat.orders) == [number]
    assert counter.wechat.calls[-1][2]["payer"] == {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}
    [handed] = re.findall(r'<script[^>]*id="payment"[^>]*>(.*?)</script>', page.text)
    assert sorted(json.loads(handed)) == ["appId", "nonceStr", "package", "paySign", "signType", "timeStamp"]
    assert f'data-wechat-pay="{place}/payment"' in page.text
    counter.wechat.pay(number)
    await counter.client.get(f"{place}/payment", headers=IN_WECHAT)
    assert await counter.status(place) is orders.Status.PAID


async def test_a_code_that_is_none_leads_back_to_the_order_and_orders_nothing(counter: Counter) -> None:
    entries = fakes.wechat_entries() | {"app_secret": "app secret"}
    account = await counter.connected("wechat", entries)
    place = await counter.ordered(account, **IN_WECHAT)

    for asked in (f"way=pay-{account}&code=none", "way=pay-999999&code=c", "way="):
        answer = await counter.client.get(f"{place}/who?{asked}", headers=IN_WECHAT)
        assert (answer.status_code, answer.headers["location"]) == (303, place)
    assert counter.wechat.orders == {}

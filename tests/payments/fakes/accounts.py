"""A merchant's accounts at the fakes: the fakes with their keys, and what the merchant enters."""

from typing import Final

from tests.payments.fakes.alipay import FakeAlipay
from tests.payments.fakes.keys import certificate, key, pem, private_pem, public_pem
from tests.payments.fakes.wechat import FakeWechat

from shopfloor.payment_providers import Account
from shopfloor.payment_providers.alipay import provider as alipay_provider
from shopfloor.payment_providers.wechat import provider as wechat_provider
from shopfloor.payment_providers.wechat.addresses import Addresses

API_KEY: Final = "0123456789abcdef0123456789abcdef"
KEY_ID: Final = "PUB_KEY_ID_0114232134912410000000000000"
SERIAL: Final = "3775B6A45ACD588826D15E583A95F5DD01"


def alipay() -> FakeAlipay:
    return FakeAlipay(key("alipay"), key("alipay app").public_key())


def alipay_entries() -> dict[str, str]:
    return {
        "app_id": "2021000000000001",
        "seller_id": "2088000000000001",
        "app_private_key": private_pem("alipay app"),
        "alipay_public_key": public_pem("alipay"),
    }


def alipay_adapter(fake: FakeAlipay, **entered: str) -> alipay_provider.Alipay:
    found = alipay_entries() | entered
    secret = {"app_private_key": found.pop("app_private_key")}
    account = Account(
        7, 1, "test", found, secret, "https://shop.example/payments/alipay/7/notify", fake.client()
    )
    return alipay_provider.build(account, gateway=f"{fake.address}/gateway.do")


def wechat() -> FakeWechat:
    return FakeWechat({KEY_ID: key("wechat")}, KEY_ID, key("merchant").public_key(), SERIAL, API_KEY.encode())


def wechat_entries() -> dict[str, str]:
    return {
        "mchid": "1900000001",
        "appid": "wx0000000000000001",
        "api_certificate": pem(certificate("merchant", serial=int(SERIAL, 16))),
        "api_private_key": private_pem("merchant"),
        "api_v3_key": API_KEY,
        "public_key_id": KEY_ID,
        "public_key": public_pem("wechat"),
    }


def wechat_adapter(fake: FakeWechat, **entered: str) -> wechat_provider.WechatPay:
    found = wechat_entries() | entered
    secret = {
        name: found.pop(name) for name in ("api_private_key", "api_v3_key", "app_secret") if name in found
    }
    account = Account(
        9, 1, "live", found, secret, "https://shop.example/payments/wechat/9/notify", fake.client()
    )
    return wechat_provider.build(account, addresses=Addresses(fake.address, fake.address, fake.address))

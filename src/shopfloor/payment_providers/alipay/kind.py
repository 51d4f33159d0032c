"""An account with Alipay, as a merchant enters it.  What speaks with Alipay is loaded with the first account."""

from typing import TYPE_CHECKING, Final

from shopfloor.kernel import late
from shopfloor.payment_providers.kind import Account, Field, Kind
from shopfloor.payment_providers.port import Provider

if TYPE_CHECKING:
    from shopfloor.payment_providers.alipay import provider
else:
    provider = late.module("shopfloor.payment_providers.alipay.provider")

GATEWAYS: Final = {
    "live": "https://openapi.alipay.com/gateway.do",
    "test": "https://openapi-sandbox.dl.alipaydev.com/gateway.do",
}
FIELDS: Final = (
    Field("app_id"),
    Field("seller_id"),
    Field("app_private_key", secret=True, lines=True),
    Field("alipay_public_key", required=False, lines=True),
    Field("app_certificate", required=False, lines=True),
    Field("alipay_certificate", required=False, lines=True),
    Field("alipay_root_certificate", required=False, lines=True),
    Field("desktop", required=False),
)


def build(account: Account) -> Provider:
    """Raises ConnectionRefused."""
    return provider.build(account, gateway=GATEWAYS[account.mode])


KIND: Final = Kind("alipay", FIELDS, build, currencies=frozenset({"CNY"}))

"""An account with WeChat Pay, as a merchant enters it.  What speaks with it is loaded with the first account."""

from typing import TYPE_CHECKING, Final

from shopfloor.kernel import late
from shopfloor.payment_providers.kind import Account, Field, Kind
from shopfloor.payment_providers.port import Provider
from shopfloor.payment_providers.wechat.addresses import Addresses

if TYPE_CHECKING:
    from shopfloor.payment_providers.wechat import provider
else:
    provider = late.module("shopfloor.payment_providers.wechat.provider")

FIELDS: Final = (
    Field("mchid"),
    Field("appid"),
    Field("api_certificate", lines=True),
    Field("api_private_key", secret=True, lines=True),
    Field("api_v3_key", secret=True),
    Field("public_key_id", required=False),
    Field("public_key", required=False, lines=True),
    Field("platform_certificates", required=False, lines=True),
    Field("app_secret", secret=True, required=False),
    Field("h5", required=False),
)


def build(account: Account) -> Provider:
    """Raises ConnectionRefused."""
    return provider.build(account, addresses=Addresses())


KIND: Final = Kind("wechat", FIELDS, build, modes=("live",), currencies=frozenset({"CNY"}))

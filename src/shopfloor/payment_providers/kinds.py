"""The providers that a shop can connect."""

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from shopfloor.kernel import late
from shopfloor.payment_providers import stripe
from shopfloor.payment_providers.alipay import kind as alipay
from shopfloor.payment_providers.kind import Account, Kind
from shopfloor.payment_providers.models import ProviderAway
from shopfloor.payment_providers.port import Checked
from shopfloor.payment_providers.sandbox import Sandbox, webhook_secret
from shopfloor.payment_providers.wechat import kind as wechat

if TYPE_CHECKING:
    import httpx
else:
    httpx = late.module("httpx")

KINDS: Final[Mapping[str, Kind]] = {each.name: each for each in (stripe.KIND, alipay.KIND, wechat.KIND)}
TEST: Final = "test"
# No name that a resolver knows: the sandbox is asked inside this process.
_INSIDE: Final = "http://test-payments"


class TestPayments(stripe.Stripe):
    """The provider without money."""

    @override
    async def check(self) -> Checked:
        """Also says where it may tell us what happened."""
        try:
            await self._ask(
                "POST",
                "/v1/webhook_endpoints",
                [("url", self._account.notify_url), ("enabled_events[]", "*")],
            )
        except (ProviderAway, stripe.Refused):
            return Checked(ok=False, said="away")
        return await super().check()


def sandbox_kind(sandbox: Sandbox) -> Kind:
    """Payments without money, where the operator allows them."""
    inside = httpx.AsyncClient(transport=httpx.ASGITransport(sandbox))

    def build(account: Account) -> TestPayments:
        key = account.secrets["secret_key"]
        known = {"secret_key": key, "webhook_secret": webhook_secret(key)}
        return TestPayments(
            Account(account.id, account.shop_id, "test", {}, known, account.notify_url, inside),
            base=_INSIDE,
            name=TEST,
        )

    return Kind(
        name=TEST,
        fields=(),
        build=build,
        method="card",
        modes=("test",),
        authorise=stripe.AUTHORISES_FOR,
        makes=lambda: {"secret_key": f"sk_test_{secrets.token_hex(16)}"},
    )

"""Webhooks leave: claimed, signed, posted by the guarded client, and what the receiver answered is kept."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import field
from typing import Final
from uuid import UUID

from shopfloor.kernel.client_address import Network
from shopfloor.kernel.database import Database
from shopfloor.kernel.outbound import AddressRefused, Outbound, Unreachable
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.secrets import Box, CannotOpen
from shopfloor.kernel.values import new_id, now
from shopfloor.webhooks import models, queries, service
from shopfloor.webhooks.models import GIVES_UP_AFTER, WAITS
from shopfloor.webhooks.queries import Claimed

SECONDS: Final = 15.0
AT_ONCE: Final = 8
EACH: Final = 10
CLAIM_SECONDS: Final = 240.0


@dataclass(frozen=True, slots=True)
class _Answer:
    """`status` None: nobody answered."""

    status: int | None
    reply: str

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass(slots=True)
class Deliverer:
    """Delivers what is due, for all shops."""

    db: Database
    box: Box
    allowed: Sequence[Network] = ()
    seconds: float = SECONDS
    _client: Outbound | None = None
    _at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def run_once(self) -> int:
        """A round.  Returns how many deliveries were tried."""
        claim = new_id()
        async with self.db.transaction() as tx:
            await queries.take_back(tx)
            claimed = await queries.claim(tx, claim=claim, seconds=CLAIM_SECONDS, most_each=EACH)
        await asyncio.gather(*(self._deliver(claim, each) for each in claimed))
        return len(claimed)

    async def _deliver(self, claim: UUID, each: Claimed) -> None:
        async with self._at_once:
            try:
                secrets = self._secrets(each)
            except CannotOpen:
                await self._keyless(claim, each)
                return
            answer = await self._post(each, secrets)
        await self._keep(claim, each, answer)

    def _secrets(self, each: Claimed) -> list[str]:
        """What signs, the newest first.  Raises CannotOpen where the newest cannot be read."""
        about = models.about_secret(each.shop_id, each.endpoint_id, each.url)
        found = [self.box.open(each.secret, about=about)]
        if each.previous_secret is not None:
            with suppress(CannotOpen):
                found.append(self.box.open(each.previous_secret, about=about))
        return found

    async def _post(self, each: Claimed, secrets: Sequence[str]) -> _Answer:
        if self._client is None:
            self._client = Outbound(allowed=self.allowed)
        body = each.body.encode()
        timestamp = int(now().timestamp())
        headers = {
            "content-type": "application/json",
            "user-agent": "Shopfloor (webhooks)",
            "webhook-id": each.message,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(
                models.sign(secret, message=each.message, timestamp=timestamp, body=body)
                for secret in secrets
            ),
        }
        try:
            posted = await self._client.post(each.url, body=body, headers=headers, seconds=self.seconds)
        except (AddressRefused, Unreachable) as refusal:
            return _Answer(None, refusal.message)
        return _Answer(posted.status, posted.text)

    async def _keep(self, claim: UUID, each: Claimed, answer: _Answer) -> None:
        last = each.attempts >= len(WAITS)
        state = "delivered" if answer.accepted else "failed" if last or answer.status == 410 else "queued"
        async with self.db.transaction() as tx:
            is_ours = await queries.end(
                tx,
                claim=claim,
                delivery_id=each.id,
                state=state,
                status=answer.status,
                reply=answer.reply,
                due_in=0.0 if state != "queued" else WAITS[each.attempts],
            )
            if not is_ours:
                return
            if answer.accepted:
                await queries.note_success(tx, endpoint_id=each.endpoint_id)
                return
            since = await queries.note_failure(tx, endpoint_id=each.endpoint_id)
            if answer.status == 410:
                await service.stop(
                    tx, shop_id=each.shop_id, endpoint_id=each.endpoint_id, url=each.url, why="gone", days=0
                )
            elif since is not None and now() - since >= GIVES_UP_AFTER:
                await service.stop(
                    tx,
                    shop_id=each.shop_id,
                    endpoint_id=each.endpoint_id,
                    url=each.url,
                    why="failing",
                    days=(now() - since).days,
                )

    async def _keyless(self, claim: UUID, each: Claimed) -> None:
        """Its secret was sealed with a key that is gone: nothing can be signed until there is a new one."""
        async with self.db.transaction() as tx:
            await queries.end(
                tx, claim=claim, delivery_id=each.id, state="failed", status=None, reply="", due_in=0.0
            )
            await service.stop(
                tx, shop_id=each.shop_id, endpoint_id=each.endpoint_id, url=each.url, why="key", days=0
            )

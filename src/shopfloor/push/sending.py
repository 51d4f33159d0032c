"""Messages leave for the push services: claimed, encrypted for one browser, posted by the guarded client."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import field
from typing import Final
from uuid import UUID

from shopfloor.kernel import logs
from shopfloor.kernel.client_address import Network
from shopfloor.kernel.database import Database
from shopfloor.kernel.outbound import AddressRefused, Outbound, Unreachable
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.secrets import Box
from shopfloor.kernel.values import new_id, now
from shopfloor.push import encryption, queries, service
from shopfloor.push.models import URGENT, WAITS, Subscription
from shopfloor.push.queries import Claimed

SECONDS: Final = 15.0
AT_ONCE: Final = 8
LIMIT: Final = 200
CLAIM_SECONDS: Final = 600.0
# What push services say of a browser that no longer wants anything (RFC 8030, 7.3).
GONE: Final = frozenset({404, 410})

_log = logs.get("push")


@dataclass(slots=True)
class Pusher:
    """Sends what is due, for all shops.  `contact`: where a push service writes to, `mailto:` or `https:`."""

    db: Database
    box: Box
    contact: str
    allowed: Sequence[Network] = ()
    seconds: float = SECONDS
    _client: Outbound | None = None
    _at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def run_once(self) -> int:
        """A round.  Returns how many messages were dealt with."""
        claim = new_id()
        async with self.db.transaction() as tx:
            await queries.take_back(tx)
            claimed = await queries.claim(tx, claim=claim, seconds=CLAIM_SECONDS, limit=LIMIT)
            if not claimed:
                return 0
            public, private = await service.key(tx, box=self.box)
        await asyncio.gather(*(self._send(claim, each, public, private) for each in claimed))
        return len(claimed)

    async def _send(self, claim: UUID, each: Claimed, public: bytes, private: str) -> None:
        async with self._at_once:
            left = int((each.expires_at - now()).total_seconds())
            if left <= 0:
                await self._end(claim, each, "failed", None)
                return
            try:
                body = encryption.encrypt(
                    Subscription(each.endpoint, bytes(each.public), bytes(each.auth)),
                    json.dumps(each.content, ensure_ascii=False).encode(),
                )
            except ValueError:
                # Its key is on no curve: nobody will ever read it.
                await self._gone(each)
                return
            status = await self._post(each, body, left, public, private)
        if status in GONE:
            await self._gone(each)
        elif status is not None and 200 <= status < 300:
            await self._end(claim, each, "sent", status)
        elif (status is not None and 400 <= status < 500 and status != 429) or each.attempts >= len(WAITS):
            _log.warning("push.refused", status=status, kind=each.kind)
            await self._end(claim, each, "failed", status)
        else:
            await self._end(claim, each, "queued", status, due_in=WAITS[each.attempts])

    async def _post(self, each: Claimed, body: bytes, left: int, public: bytes, private: str) -> int | None:
        """What the push service answered; None where it could not be asked."""
        if self._client is None:
            self._client = Outbound(allowed=self.allowed)
        headers = {
            "content-type": "application/octet-stream",
            "content-encoding": "aes128gcm",
            "ttl": str(left),
            "urgency": "high" if each.kind in URGENT else "normal",
            "authorization": encryption.authorization(
                each.endpoint,
                private=private,
                public=public,
                contact=self.contact,
                now=int(now().timestamp()),
            ),
        }
        try:
            return (
                await self._client.post(each.endpoint, body=body, headers=headers, seconds=self.seconds)
            ).status
        except AddressRefused:
            return 410
        except Unreachable:
            return None

    async def _gone(self, each: Claimed) -> None:
        async with self.db.transaction() as tx:
            await queries.drop_subscription(tx, subscription_id=each.subscription_id)

    async def _end(
        self, claim: UUID, each: Claimed, state: str, status: int | None, due_in: float = 0.0
    ) -> None:
        async with self.db.transaction() as tx:
            await queries.end(tx, claim=claim, message_id=each.id, state=state, status=status, due_in=due_in)

"""Messages by SMS leave: claimed by shop, counted against what a day may cost, asked of the gateway by the guarded client.

As with mail, that they are about to leave is committed before anything is sent: of those in the hands of a process that
dies, a few may have left; they are asked for once more with the same id, never a third time.  A gateway that is away or
does not let us in costs no message an attempt.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import field
from time import monotonic
from typing import Final
from uuid import UUID

from shopfloor import letters, notices
from shopfloor.kernel import logs
from shopfloor.kernel.client_address import Network
from shopfloor.kernel.database import Database
from shopfloor.kernel.outbound import AddressRefused, Outbound, Unreachable
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.secrets import Box
from shopfloor.kernel.values import new_id, now
from shopfloor.letters import Composed
from shopfloor.notices import MOST_UNCERTAIN, Channel, State, wait_after
from shopfloor.sms import queries, service
from shopfloor.sms.models import MOST_SEGMENTS, Gateway, Sealed, answer_of, ask, size_of

SECONDS: Final = 15.0
BATCH: Final = 20
AT_ONCE: Final = 4
CLAIM_SECONDS: Final = 240.0
# A gateway that says no, or later, is asked so often.
MOST_TRIES: Final = 4
# It does not know us, or the address is wrong: no message is at fault.
_NOT_LET_IN: Final = frozenset({401, 403, 404, 405, 407})
# Then it is the turn of other shops.
ROUND_SECONDS: Final = 10.0
_TROUBLE_WAITS: Final = (5.0, 30.0, 120.0, 300.0)

_log = logs.get("notifications")


@dataclass(frozen=True, slots=True)
class _Outcome:
    """`trouble`: the gateway takes nothing just now, whatever the message.  `left`: it may have been sent."""

    ending: notices.queue.Ending
    left: bool = True
    trouble: str = ""


@dataclass(slots=True)
class Texter:
    """Sends what is due, for all shops.  `origin`: the public address that links begin with."""

    db: Database
    origin: str
    box: Box
    allowed: Sequence[Network] = ()
    seconds: float = SECONDS
    claim_seconds: float = CLAIM_SECONDS
    _client: Outbound | None = None
    _troubles: dict[str, int] = field(default_factory=dict[str, int])
    _quiet_until: dict[str, float] = field(default_factory=dict[str, float])

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def run_once(self) -> int:
        """A round.  Returns how many messages were dealt with."""
        async with self.db.transaction() as tx:
            await notices.queue.take_back(tx)
            shops = await notices.queue.shops_due(tx, channel=Channel.SMS)
            found = [(shop_id, await service.gateway(tx, shop_id=shop_id)) for shop_id in shops]
        work = [
            self._drain(shop_id, gateway)
            for shop_id, gateway in found
            if gateway is None or monotonic() >= self._quiet_until.get(gateway.target, 0.0)
        ]
        return sum(await asyncio.gather(*work))

    async def _drain(self, shop_id: int, gateway: Gateway | None) -> int:
        done, until = 0, monotonic() + ROUND_SECONDS
        while True:
            claim = new_id()
            async with self.db.transaction() as tx:
                batch = await notices.queue.claim(
                    tx,
                    shop_ids=[shop_id],
                    claim=claim,
                    seconds=self.claim_seconds,
                    limit=BATCH,
                    channel=Channel.SMS,
                )
                if not batch:
                    return done
                sealed = {each.id: each.sealed for each in batch if each.sealed is not None}
                composed = await letters.compose(
                    tx,
                    batch,
                    origin=self.origin,
                    sealed=sealed,
                    box=self.box,
                    in_short=await service.in_short(tx, shop_ids=[shop_id], origin=self.origin),
                )
                closed = None if gateway is None else await queries.sealed(tx, shop_id=shop_id)
            done += len(batch)
            opened = (
                Sealed() if gateway is None or closed is None else service.opened(self.box, gateway, closed)
            )
            if not await self._send(claim, batch, composed, gateway, opened, until):
                return done

    async def _send(
        self,
        claim: UUID,
        batch: Sequence[notices.queue.Claimed],
        composed: Mapping[UUID, Composed],
        gateway: Gateway | None,
        sealed: Sealed,
        until: float,
    ) -> bool:
        """False where the gateway takes nothing more just now, or its time is up."""
        endings = [_ended_already(each, composed[each.id], gateway) for each in batch]
        ready = [each for each, ended in zip(batch, endings, strict=True) if ended is None]
        async with self.db.transaction() as tx:
            await notices.queue.end(tx, claim=claim, endings=[each for each in endings if each is not None])
        assert gateway is not None or not ready, "kept"
        is_over = False
        for start in range(0, len(ready), AT_ONCE):
            assert gateway is not None, "there is something to send"
            chunk = await self._taken(claim, ready[start : start + AT_ONCE], composed, gateway)
            outcomes = await asyncio.gather(
                *(self._ask(gateway, sealed, each, composed[each.id]) for each in chunk)
            )
            trouble = next((each.trouble for each in outcomes if each.trouble), "")
            is_over = bool(trouble) or monotonic() >= until
            async with self.db.transaction() as tx:
                for each, outcome in zip(chunk, outcomes, strict=True):
                    if not outcome.left:
                        parts = size_of(composed[each.id].text).parts
                        await service.give_back(tx, gateway=gateway, phone=each.recipient, segments=parts)
                await notices.queue.end(tx, claim=claim, endings=[each.ending for each in outcomes])
                if is_over:
                    rest = [_back(each, "") for each in ready[start + AT_ONCE :]]
                    await notices.queue.end(tx, claim=claim, endings=rest)
            if trouble:
                await self._trouble(gateway, trouble)
                return False
            if is_over:
                break
        if gateway is not None and ready:
            self._troubles.pop(gateway.target, None)
            async with self.db.transaction() as tx:
                await notices.troubles.forget(tx, target=gateway.target)
        return not is_over

    async def _taken(
        self,
        claim: UUID,
        chunk: Sequence[notices.queue.Claimed],
        composed: Mapping[UUID, Composed],
        gateway: Gateway,
    ) -> list[notices.queue.Claimed]:
        """Those that are still ours and fit into the day, counted and said to be about to leave."""
        going: list[notices.queue.Claimed] = []
        async with self.db.transaction() as tx:
            ended: list[notices.queue.Ending] = []
            for each in chunk:
                parts = size_of(composed[each.id].text).parts
                why = await service.take(
                    tx, gateway=gateway, kind=each.kind, phone=each.recipient, segments=parts
                )
                if why:
                    ended.append(
                        notices.queue.Ending(
                            each.id, State.FAILED, composed[each.id].letter.subject, why, counted=False
                        )
                    )
                else:
                    going.append(each)
            await notices.queue.end(tx, claim=claim, endings=ended)
            ours = await notices.queue.hand(
                tx, ids=[each.id for each in going], claim=claim, seconds=self.claim_seconds
            )
        return [each for each in going if each.id in ours]

    async def _ask(
        self, gateway: Gateway, sealed: Sealed, each: notices.queue.Claimed, composed: Composed
    ) -> _Outcome:
        if self._client is None:
            self._client = Outbound(allowed=self.allowed)
        asked = ask(gateway, sealed, phone=each.recipient, text=composed.text, id=each.id)
        try:
            answer = await self._client.ask(
                asked.method, asked.url, body=asked.body, headers=asked.headers, seconds=self.seconds
            )
        except AddressRefused as refusal:
            return _Outcome(_back(each, refusal.message), left=False, trouble=refusal.message)
        except Unreachable as refusal:
            if not refusal.facts.get("sent"):
                return _Outcome(_back(each, refusal.message), left=False, trouble=refusal.message)
            # One that hangs keeps other shops waiting: it is asked less and less often.
            slow = refusal.message if refusal.facts.get("slow") else ""
            return _Outcome(_unsure(each, composed, refusal.message), trouble=slow)
        subject, reply = composed.letter.subject, f"{answer.status} {answer.text}".strip()
        said = answer_of(gateway, answer.status, answer.text)
        if said.taken:
            parts = size_of(composed.text).parts
            return _Outcome(
                notices.queue.Ending(
                    each.id, State.SENT, subject, "", reply, segments=parts, reference=said.reference
                )
            )
        if answer.status in _NOT_LET_IN:
            return _Outcome(_back(each, reply), left=False, trouble=reply[:300])
        again = answer.status >= 500 or 200 <= answer.status < 300 or answer.status in {408, 425, 429}
        if again and each.attempts + 1 < MOST_TRIES:
            pause = wait_after(each.attempts + 1).total_seconds()
            return _Outcome(
                notices.queue.Ending(each.id, State.QUEUED, subject, "sms_later", reply, due_in=pause),
                left=False,
            )
        return _Outcome(
            notices.queue.Ending(each.id, State.REFUSED, subject, "sms_refused", reply), left=False
        )

    async def _trouble(self, gateway: Gateway, reason: str) -> None:
        count = self._troubles.get(gateway.target, 0)
        self._troubles[gateway.target] = count + 1
        pause = _TROUBLE_WAITS[min(count, len(_TROUBLE_WAITS) - 1)]
        self._quiet_until[gateway.target] = monotonic() + pause
        _log.warning("notifications.gateway_trouble", shop_id=gateway.shop_id, reason=reason[:300])
        async with self.db.transaction() as tx:
            await notices.troubles.note(tx, target=gateway.target, reason=reason, seconds=pause)


def _ended_already(
    each: notices.queue.Claimed, composed: Composed, gateway: Gateway | None
) -> notices.queue.Ending | None:
    """Those that no gateway is asked for."""
    subject = composed.letter.subject
    if composed.code == "not_needed":
        return notices.queue.Ending(each.id, State.DROPPED, subject, "not_needed", counted=False)
    parts = size_of(composed.text).parts
    if gateway is None:
        return notices.queue.Ending(each.id, State.KEPT, subject, "no_gateway", counted=False)
    if gateway.keeps:
        return notices.queue.Ending(each.id, State.KEPT, subject, "sms_kept", counted=False, segments=parts)
    if composed.code:
        return notices.queue.Ending(each.id, State.FAILED, subject, composed.code, counted=False)
    if each.expires_at <= now():
        code = "no_answer" if each.uncertain else "too_late"
        return notices.queue.Ending(each.id, State.FAILED, subject, code, counted=False)
    if parts > MOST_SEGMENTS:
        return notices.queue.Ending(each.id, State.FAILED, subject, "sms_too_long", counted=False)
    return None


def _back(each: notices.queue.Claimed, reply: str) -> notices.queue.Ending:
    """It did not leave, through no fault of its own."""
    return notices.queue.Ending(each.id, State.QUEUED, "", "gateway", reply, due_in=5.0, counted=False)


def _unsure(each: notices.queue.Claimed, composed: Composed, reply: str) -> notices.queue.Ending:
    again = each.uncertain + 1 < MOST_UNCERTAIN
    return notices.queue.Ending(
        each.id,
        State.QUEUED if again else State.UNKNOWN,
        composed.letter.subject,
        "sms_no_answer",
        reply,
        due_in=wait_after(each.attempts + 1).total_seconds(),
        uncertain=True,
        segments=size_of(composed.text).parts,
    )

"""Notices leave: claimed in batches, written, handed to one connection of their server, and what it said is kept.

Any number of processes may send.  A batch is claimed under SKIP LOCKED for as long as it takes; before bytes leave, that
they are about to leave is committed for the few messages that are next.  So a process that dies leaves behind messages
that certainly did not leave, which are queued again, and at most ten of which nobody knows: those are sent once more
with the same Message-ID, never a third time.

A server that is away costs no message an attempt: its batch goes back, and it is asked again later.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import field, replace
from time import monotonic
from typing import Final
from uuid import UUID

import psycopg

from shopfloor import fapiao, letters, mail_signing, notices
from shopfloor.kernel import logs
from shopfloor.kernel.client_address import Network
from shopfloor.kernel.database import Database, DatabaseAway, Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.secrets import Box
from shopfloor.kernel.values import new_id, now
from shopfloor.letters import Attachment, Composed, Envelope, Letter, envelope
from shopfloor.notices import MOST_UNCERTAIN, Channel, Kind, State, wait_after
from shopfloor.notifications import service
from shopfloor.notifications.models import MailServer
from shopfloor.notifications.smtp import (
    Accepted,
    Later,
    Line,
    NotSent,
    Outcome,
    Refused,
    ServerTrouble,
    Uncertain,
)

BATCH: Final = 100
# What may be in doubt after a death.
HANDED_AT_ONCE: Final = 10
# A claim outlasts the slowest that a server may be with what is handed to it at once.
CLAIM_SECONDS: Final = 240.0
_CHUNK_SECONDS: Final = 30.0
_TROUBLE_WAITS: Final = (5.0, 30.0, 120.0, 300.0)

_log = logs.get("notifications")


@dataclass(slots=True)
class Sender:
    """Sends what is due, for all shops.  `origin`: the public address that links begin with."""

    db: Database
    origin: str
    box: Box
    own: MailServer | None = None
    allowed: Sequence[Network] = ()
    patience: float = 30.0
    batch: int = BATCH
    handed_at_once: int = HANDED_AT_ONCE
    claim_seconds: float = CLAIM_SECONDS
    _troubles: dict[str, int] = field(default_factory=dict[str, int])
    _quiet_until: dict[str, float] = field(default_factory=dict[str, float])
    _private: dict[str, mail_signing.Private] = field(default_factory=dict[str, mail_signing.Private])

    async def run_once(self) -> int:
        """Everything that is due now, of every server that takes it.  Returns how many notices were dealt with."""
        async with self.db.transaction() as tx:
            await notices.queue.take_back(tx)
            shop_ids = await notices.queue.shops_due(tx, channel=Channel.MAIL)
            servers = await service.servers_of(tx, shop_ids=shop_ids, box=self.box, own=self.own)
        by_server: dict[MailServer | None, list[int]] = {}
        for shop_id, server in servers.items():
            by_server.setdefault(server, []).append(shop_id)
        work = [
            self._drain(server, shops) for server, shops in by_server.items() if not self._is_quiet(server)
        ]
        return sum(await asyncio.gather(*work))

    def _is_quiet(self, server: MailServer | None) -> bool:
        return server is not None and monotonic() < self._quiet_until.get(server.target, 0.0)

    async def _drain(self, server: MailServer | None, shop_ids: Sequence[int]) -> int:
        """Batch after batch over one connection.  The next one is claimed and written while the server takes this one."""
        done = 0
        line = None if server is None else Line(server, allowed=self.allowed, patience=self.patience)
        batch = await self._next(server, line, shop_ids)
        following: asyncio.Task[_Batch | None] | None = None
        try:
            while batch is not None:
                following = asyncio.create_task(self._next(server, line, shop_ids))
                going_on = await batch.send()
                done += len(batch.claimed)
                batch = await following
                if not going_on:
                    if batch is not None:
                        await batch.give_back()
                    break
            return done
        finally:
            if following is not None and not following.done():
                # What it has claimed is queued again when the claim ends: it certainly did not leave.
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
            if line is not None:
                await asyncio.to_thread(line.close)

    async def _next(
        self, server: MailServer | None, line: Line | None, shop_ids: Sequence[int]
    ) -> "_Batch | None":
        claim = new_id()
        async with self.db.transaction() as tx:
            claimed = await notices.queue.claim(
                tx, shop_ids=shop_ids, claim=claim, seconds=self.claim_seconds, limit=self.batch
            )
        if not claimed:
            return None
        async with self.db.transaction() as tx:
            composed = await letters.compose(
                tx,
                claimed,
                origin=self.origin,
                sealed={each.id: each.sealed for each in claimed if each.sealed is not None},
                box=self.box,
                may_answer=server is not None,
            )
        return _Batch(self, server, line, claim, claimed, composed)

    async def trouble(self, server: MailServer, reason: str) -> None:
        """The server takes nothing just now: ask it later, less and less often, and say so."""
        count = self._troubles.get(server.target, 0)
        self._troubles[server.target] = count + 1
        pause = _TROUBLE_WAITS[min(count, len(_TROUBLE_WAITS) - 1)]
        self._quiet_until[server.target] = monotonic() + pause
        _log.warning("notifications.server_trouble", host=server.host, reason=reason[:300])
        async with self.db.transaction() as tx:
            await notices.troubles.note(tx, target=server.target, reason=reason, seconds=pause)

    async def keys(self, server: MailServer, shop_ids: Collection[int]) -> dict[int, mail_signing.Key]:
        """By shop, what signs its mail through this server; through the installation's own, the installation."""
        async with self.db.transaction() as tx:
            if server == self.own:
                own = await mail_signing.own.key(tx, box=self.box, sender=server.sender)
                return {} if own is None else dict.fromkeys(shop_ids, own)
            if not server.guarded:
                return {}
            return await mail_signing.keys(tx, box=self.box, sender=server.sender, shop_ids=shop_ids)

    def signed(self, message: Envelope, key: mail_signing.Key | None) -> Envelope:
        """Where the shop has a key.  Loading one takes longer than signing with it."""
        if key is None:
            return message
        private = self._private.get(key.private)
        if private is None:
            private = self._private[key.private] = mail_signing.loaded(key)
        return replace(message, data=mail_signing.signed(message.data, key, private, at=now()))

    async def works(self, server: MailServer) -> None:
        """Whichever process had trouble with it."""
        self._troubles.pop(server.target, None)
        async with self.db.transaction() as tx:
            await notices.troubles.forget(tx, target=server.target)


@dataclass(slots=True)
class _Batch:
    """One claim on its way."""

    sender: Sender
    server: MailServer | None
    line: Line | None
    claim: UUID
    claimed: Sequence[notices.queue.Claimed]
    composed: Mapping[UUID, Composed]
    _endings: list[notices.queue.Ending] = field(default_factory=list[notices.queue.Ending])

    async def send(self) -> bool:
        """False where the server takes nothing more just now."""
        ready: list[tuple[notices.queue.Claimed, Letter]] = []
        for each in self.claimed:
            composed = self.composed[each.id]
            ended = self._ended_already(each, composed)
            if ended is None:
                ready.append((each, composed.letter))
            else:
                self._endings.append(ended)
        if self.server is None or self.line is None:
            await self._write()
            return True
        at_once = self.sender.handed_at_once
        chunks = [ready[start : start + at_once] for start in range(0, len(ready), at_once)]
        written = [asyncio.create_task(self._envelopes(self.server, chunk)) for chunk in chunks[:1]]
        try:
            for number, chunk in enumerate(chunks):
                envelopes = await written[number]
                # The next ones are written while the server takes these: no more, for files may be attached.
                written += [
                    asyncio.create_task(self._envelopes(self.server, each))
                    for each in chunks[number + 1 : number + 2]
                ]
                if not await self._hand_over(self.server, self.line, chunk, envelopes):
                    rest = [each for later in chunks[number + 1 :] for each in later]
                    self._endings += [_back(each, "server", "") for each, _ in rest]
                    await self._write()
                    return False
        finally:
            for task in written:
                task.cancel()
            await asyncio.gather(*written, return_exceptions=True)
        await self._write()
        await self.sender.works(self.server)
        return True

    async def give_back(self) -> None:
        """Nothing of it leaves: the server takes no more."""
        self._endings += [_back(each, "server", "") for each in self.claimed]
        await self._write()

    def _ended_already(self, each: notices.queue.Claimed, composed: Composed) -> notices.queue.Ending | None:
        """Those that do not go to a server at all."""
        subject = composed.letter.subject
        if composed.code == "not_needed":
            return notices.queue.Ending(each.id, State.DROPPED, subject, "not_needed", counted=False)
        if self.server is None:
            return notices.queue.Ending(each.id, State.KEPT, subject, "no_server", counted=False)
        if composed.code:
            return notices.queue.Ending(each.id, State.FAILED, subject, composed.code, counted=False)
        if each.expires_at <= now():
            code = "no_answer" if each.uncertain else "too_late"
            return notices.queue.Ending(each.id, State.FAILED, subject, code, counted=False)
        return None

    async def _envelopes(
        self, server: MailServer, chunk: Sequence[tuple[notices.queue.Claimed, Letter]]
    ) -> list[Envelope]:
        attached = await self._attachments([each for each, _ in chunk])
        keys = await self.sender.keys(server, {each.shop_id for each, _ in chunk})
        return [
            self.sender.signed(
                envelope(
                    letter,
                    id=each.id,
                    at=each.created_at,
                    sender=server.sender,
                    recipient=each.recipient,
                    reply_to=server.reply_to,
                    attachments=attached.get(each.id, ()),
                ),
                keys.get(each.shop_id),
            )
            for each, letter in chunk
        ]

    async def _hand_over(
        self,
        server: MailServer,
        line: Line,
        chunk: Sequence[tuple[notices.queue.Claimed, Letter]],
        envelopes: Sequence[Envelope],
    ) -> bool:
        """Open the line first: what certainly did not leave is in no doubt."""
        try:
            if not line.is_open:
                await asyncio.to_thread(line.open)
        except ServerTrouble as problem:
            self._endings += [_back(each, "server", str(problem)) for each, _ in chunk]
            await self.sender.trouble(server, str(problem))
            return False
        leaving = await self._say_that_they_leave([each.id for each, _ in chunk])
        going = [
            (each, letter, message)
            for (each, letter), message in zip(chunk, envelopes, strict=True)
            if each.id in leaving
        ]
        outcomes, problem = await asyncio.to_thread(_send_all, line, [message for _, _, message in going])
        for (each, letter, _), outcome in zip(going, outcomes, strict=True):
            self._endings.append(_ending(each, letter, outcome))
        if problem:
            await self.sender.trouble(server, problem)
            return False
        return True

    async def _attachments(self, chunk: Sequence[notices.queue.Claimed]) -> dict[UUID, list[Attachment]]:
        """Files, only of what is about to leave: of a whole batch they would be too much to hold."""
        wanted = [each for each in chunk if each.kind is Kind.FAPIAO and each.facts.get("files")]
        found: dict[UUID, list[Attachment]] = {}
        if wanted:
            async with self.sender.db.transaction() as tx:
                for each in wanted:
                    paper_id = UUID(each.facts["paper_id"])
                    files = await fapiao.contents(tx, shop_id=each.shop_id, paper_id=paper_id)
                    found[each.id] = [
                        Attachment(fapiao.file_name(file), f"application/{file.format}", file.content)
                        for file in files
                    ]
        return found

    async def _say_that_they_leave(self, ids: Sequence[UUID]) -> frozenset[UUID]:
        """In one transaction with what became of those before them."""
        async with self.sender.db.transaction() as tx:
            await self._write_in(tx)
            return frozenset(
                await notices.queue.hand(tx, ids=ids, claim=self.claim, seconds=self.sender.claim_seconds)
            )

    async def _write(self) -> None:
        async with self.sender.db.transaction() as tx:
            await self._write_in(tx)

    async def _write_in(self, tx: Tx) -> None:
        endings = self._endings
        if endings:
            await notices.queue.end(tx, claim=self.claim, endings=endings)
            self._endings = []


def _send_all(line: Line, messages: Sequence[Envelope]) -> tuple[list[Outcome], str]:
    """What the server said of each, and why it took no more.  In a thread."""
    outcomes: list[Outcome] = []
    problem = ""
    end = monotonic() + _CHUNK_SECONDS
    for message in messages:
        if problem or monotonic() > end:
            outcomes.append(NotSent(problem or "the server is slow"))
            continue
        try:
            outcomes.append(line.send(message))
        except ServerTrouble as trouble:
            problem = str(trouble)
            outcomes.append(NotSent(problem))
    return outcomes, problem


def _back(each: notices.queue.Claimed, code: str, reply: str) -> notices.queue.Ending:
    """It did not leave, through no fault of its own."""
    return notices.queue.Ending(each.id, State.QUEUED, "", code, reply, due_in=5.0, counted=False)


def _ending(each: notices.queue.Claimed, letter: Letter, outcome: Outcome) -> notices.queue.Ending:
    match outcome:
        case Accepted(reply):
            return notices.queue.Ending(each.id, State.SENT, letter.subject, "", reply)
        case Refused(reply):
            return notices.queue.Ending(each.id, State.REFUSED, letter.subject, "refused", reply)
        case Later(reply):
            pause = wait_after(each.attempts + 1).total_seconds()
            return notices.queue.Ending(each.id, State.QUEUED, letter.subject, "later", reply, due_in=pause)
        case Uncertain(reply):
            again = each.uncertain + 1 < MOST_UNCERTAIN
            return notices.queue.Ending(
                each.id,
                State.QUEUED if again else State.UNKNOWN,
                letter.subject,
                "no_answer",
                reply,
                due_in=wait_after(each.attempts + 1).total_seconds(),
                uncertain=True,
            )
        case NotSent(reply):
            return _back(each, "server", reply)


async def run(
    once: Callable[[], Awaitable[int]], *, idle: float, stop: asyncio.Event, pause: float = 0.5
) -> None:
    """Do rounds until there was nothing for `idle` seconds, or `stop` is set."""
    idle_since = monotonic()
    while not stop.is_set():
        try:
            if await once():
                idle_since = monotonic()
                continue
        except (DatabaseAway, psycopg.Error) as problem:
            _log.warning("notifications.database_away", why=type(problem).__name__)
        if monotonic() - idle_since >= idle:
            return
        try:
            await asyncio.wait_for(stop.wait(), pause)
        except TimeoutError:
            continue


def try_server(server: MailServer, recipient: str) -> tuple[bool, str]:
    """Send a message that means nothing: whether it was taken, and what the server said.  Raises ServerTrouble."""
    letter = Letter(
        "en", "Shopfloor", "Test message from Shopfloor", "Mail works", ["If you can read this, mail works."]
    )
    line = Line(server)
    try:
        outcome = line.send(
            envelope(letter, id=new_id(), at=now(), sender=server.sender, recipient=recipient)
        )
    finally:
        line.close()
    return isinstance(outcome, Accepted), outcome.reply

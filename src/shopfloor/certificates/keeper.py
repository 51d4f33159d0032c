"""Keeps the certificate of a process that serves: reads it, has it renewed in time, puts it to use without a restart."""

import asyncio
import random
import ssl
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from shopfloor.certificates.models import Certificate, Problem, State, Wanted
from shopfloor.certificates.store import Store, open_store
from shopfloor.kernel import logs

LOOK_EVERY: Final = 10.0
# An order takes seconds; a process that needs this long hangs.
LONGEST_ORDER: Final = 300.0

_log = logs.get("certificates")


class _Answer(msgspec.Struct):
    certificate: Certificate | None = None
    problem: Problem | None = None


class Keeper:
    """`context` is for the listener and always has the newest certificate: handshakes from then on get it, open
    connections go on.  `settled` is set when there is a certificate or the reason why there is none.
    """

    def __init__(self, directory: Path, wanted: Callable[[], Wanted]) -> None:
        self.store: Store = open_store(directory)
        self.directory = directory
        self.context = _server_context()
        self.settled = asyncio.Event()
        self.renewals = 0
        self._wanted = wanted
        self._source = wanted().source
        self._version = 0
        self.state: State = self.store.state(self._source)

    async def run(self) -> None:
        """Look now and every few seconds, by the clock on the wall: it goes on while a laptop sleeps."""
        tried = False
        while True:
            wanted = self._wanted()
            self._use_newest()
            held, now = self.state.certificate, datetime.now(UTC)
            due = self._version == 0 or held is None or held.is_due(wanted, now)
            if due and self.state.may_try(now, at_start=not tried):
                tried = True
                await self._renew(wanted)
            self.settled.set()
            await asyncio.sleep(self._pause())

    def _pause(self) -> float:
        """Seconds until the next look."""
        held = self.state.certificate
        soon = LOOK_EVERY if held is None else (held.renew_at - datetime.now(UTC)).total_seconds()
        return min(LOOK_EVERY, soon) if soon > 0 else LOOK_EVERY

    def _use_newest(self) -> None:
        """Also when another process on the same data directory obtained it."""
        version = self.store.version(self._source)
        if version == self._version:
            return
        try:
            self.context.load_cert_chain(self.store.chain(self._source))
        except (ssl.SSLError, OSError) as problem:
            _log.error("certificates.unreadable", why=str(problem))
            return
        self._version = version
        kept = self.store.state(self._source)
        if kept.certificate is not None:
            self.state = kept

    async def _renew(self, wanted: Wanted) -> None:
        answer = await self._made(wanted)
        now = datetime.now(UTC)
        if answer.certificate is not None:
            self.state = self.state.succeeded(answer.certificate, now)
            self._keep()
            self._use_newest()
            self.renewals += 1
            _log.info(
                "certificates.obtained",
                names=list(answer.certificate.names),
                until=answer.certificate.not_after.isoformat(timespec="minutes"),
            )
        else:
            problem = answer.problem or Problem(code="certificate.unknown", message="Nothing came back.")
            self.state = self.state.failed(problem, now, jitter=random.uniform(0.9, 1.1))
            self._keep()
            _log.error(
                "certificates.failed", code=problem.code, why=problem.message, failures=self.state.failures
            )

    def _keep(self) -> None:
        try:
            self.store.keep_state(self._source, self.state)
        except OSError as problem:
            # A full disk must not end the shop.
            _log.error("certificates.state_not_kept", why=str(problem))

    async def _made(self, wanted: Wanted) -> _Answer:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "shopfloor.certificates.program", str(self.directory),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        broke = b""
        try:
            async with asyncio.timeout(LONGEST_ORDER):
                said, broke = await process.communicate(msgspec.json.encode(wanted))
            return msgspec.json.decode(said, type=_Answer)
        except TimeoutError:
            return _Answer(
                problem=Problem(code="certificate.slow", message="The authority did not answer in time.")
            )
        except msgspec.DecodeError:
            why = broke.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
            return _Answer(
                problem=Problem(code="certificate.broke", message=f"The order broke: {why[0][:300]}")
            )
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def _server_context() -> ssl.SSLContext:
    """TLS 1.2 and 1.3, with what Python's `ssl` holds to be safe; HTTP/1.1 only, which is what we speak."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    return context

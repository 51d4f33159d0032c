"""Seals in a process of its own: who writes Parquet never shares an interpreter with who sells.

The parent writes one line for each round, the segments to seal; the child answers with one line, what became of them.
It is started for the first round, serves the next ones, and ends when none has come for a while, when it has grown,
or when its parent is gone.  Each step of a seal may be interrupted and repeated, so a child that ends at the wrong
moment is replaced and asked again.
"""

import os
import select
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from shopfloor.collector import sealer
from shopfloor.collector.models import LakeDamaged, NotDurable, Sealed, SegmentId
from shopfloor.kernel import logs, memory
from shopfloor.kernel.records import dataclass

IDLE: Final = 120.0
MOST_MEMORY: Final = 400 << 20
PATIENCE: Final = 30.0

_log = logs.get("collector")


@dataclass(frozen=True, slots=True)
class Answer:
    """`problem`: why it could not be done, by kind."""

    sealed: list[Sealed]
    kind: str = ""
    problem: str = ""


class SealingProcess:
    """Seals like `sealer.seal`, elsewhere.  One round at a time, from any thread."""

    def __init__(self, *, idle: float = IDLE) -> None:
        self._idle = idle
        self._child: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()

    @property
    def pid(self) -> int | None:
        """Of the child that is waiting for the next round, if any."""
        return None if self._child is None or self._child.poll() is not None else self._child.pid

    def seal(self, directory: Path, wanted: Sequence[SegmentId]) -> list[Sealed]:
        """Raises OSError, NotDurable, LakeDamaged."""
        if not wanted:
            return []
        with self._turn:
            # A child that has just ended for want of work is replaced once.
            answer = self._ask(directory, wanted) or self._ask(directory, wanted)
        if answer is None:
            raise OSError("the process that seals ended without an answer")
        match answer.kind:
            case "":
                return answer.sealed
            case "LakeDamaged":
                raise LakeDamaged(answer.problem)
            case "NotDurable":
                raise NotDurable
            case _:
                raise OSError(answer.problem)

    def end(self) -> None:
        with self._turn:
            self._let_go()

    def _ask(self, directory: Path, wanted: Sequence[SegmentId]) -> Answer | None:
        child = self._started(directory)
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(msgspec.json.encode(list(wanted)) + b"\n")
            child.stdin.flush()
            line = child.stdout.readline()
        except OSError:
            line = b""
        if line.endswith(b"\n"):
            return msgspec.json.decode(line, type=Answer)
        self._let_go()
        return None

    def _started(self, directory: Path) -> "subprocess.Popen[bytes]":
        if self._child is not None and self._child.poll() is not None:
            self._let_go()
        if self._child is None:
            self._child = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    "from shopfloor.collector import sealing_process; sealing_process.main()",
                    str(directory.absolute()),
                    str(self._idle),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        return self._child

    def _let_go(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        assert child.stdin is not None
        assert child.stdout is not None
        # It reads the end of its orders, and ends after the round that it is at.
        with suppress(OSError):
            child.stdin.close()
        try:
            child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        child.stdout.close()


def _round(directory: Path, line: bytes) -> Answer:
    try:
        return Answer(sealer.seal(directory, msgspec.json.decode(line, type=list[SegmentId])))
    except (OSError, NotDurable, LakeDamaged) as problem:
        return Answer([], kind=type(problem).__name__, problem=str(problem))


def serve(directory: Path, idle: float) -> None:
    """Until there are no more orders, or none came for `idle` seconds."""
    # Who buys goes first.
    os.nice(10)
    orders, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb", buffering=0)
    # What a library prints is no answer.
    os.dup2(2, 1)
    while select.select([orders], [], [], idle)[0]:
        line = orders.readline()
        if not line:
            return
        answers.write(msgspec.json.encode(_round(directory, line)) + b"\n")
        if memory.resident() > MOST_MEMORY:
            return


def main() -> None:
    logs.install(as_json=not sys.stderr.isatty(), level=os.environ.get("SHOPFLOOR_LOG_LEVEL", "INFO"))
    serve(Path(sys.argv[1]), float(sys.argv[2]))

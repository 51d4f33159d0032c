"""A question, what became of it, and how much it may take.  No I/O here."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from shopfloor.kernel.errors import Conflict, Invalid, NotFound
from shopfloor.kernel.records import dataclass

MOST_SQL: Final = 10_000
MOST_ROWS: Final = 10_000
# Of the answer as JSON.
MOST_BYTES: Final = 8 << 20
# What fits into the memory of the process that answers.
MOST_EVENTS: Final = 3_000_000
# For the question itself, once the rows are loaded; and for loading them.
SECONDS: Final = 20.0
LOADING_SECONDS: Final = 60.0
MEMORY_MB: Final = 512
# How far back a question may look.
DAYS: Final = (1, 7, 31, 92, 366)


class State(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Problem(StrEnum):
    """Why a question has no answer."""

    SQL = "sql"
    """The engine's own message says it."""
    STATEMENT = "statement"
    """Not one SELECT."""
    FUNCTION = "function"
    """`message` names what may not be called."""
    MEMORY = "memory"
    SLOW = "slow"
    EVENTS = "events"
    ENDED = "ended"
    """The process ended without a word."""


@dataclass(frozen=True, slots=True)
class Question:
    """`line` and `col` of an error count from 1; 0 where nobody can say.  `events`: how many it could see."""

    id: UUID
    shop_id: int
    person_id: int
    sql: str
    days: int
    state: State
    problem: str
    message: str
    line: int
    col: int
    rows: int
    truncated: bool
    events: int
    asked_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", State(self.state))

    @property
    def is_open(self) -> bool:
        return self.state in {State.WAITING, State.RUNNING}


@dataclass(frozen=True, slots=True)
class Answer:
    """`columns` are names and types; a cell is a text, a number, a truth value or nothing."""

    columns: list[tuple[str, str]]
    rows: list[list[Any]]


class BadQuestion(Invalid):
    """A question has 1 to 10,000 characters, and looks back over one of the periods offered."""

    code = "analysis.bad_question"


class StillRunning(Conflict):
    """Your last question is still being worked on. Cancel it, or wait for it."""

    code = "analysis.still_running"


class UnknownQuestion(NotFound):
    """There is no such question, or its rows are gone."""

    code = "analysis.unknown_question"

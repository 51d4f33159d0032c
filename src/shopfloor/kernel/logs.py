"""Structured logs: one event name, then facts.  JSON when a machine reads, columns when a person does."""

import logging
import sys
from typing import Any, Final

# Where `rich` is there, structlog loads it, with its lexers, for tracebacks that we never draw: a fifteenth of a start.
_IS_UNSEEN = "rich" not in sys.modules
if _IS_UNSEEN:
    sys.modules["rich"] = None  # pyright: ignore[reportArgumentType]
import structlog  # noqa: E402

if _IS_UNSEEN:
    del sys.modules["rich"]


_INCIDENT: Final = "shopfloor_incident"


def install(*, as_json: bool, level: str = "INFO") -> None:
    """Send our events, and those of the libraries at WARNING and above, to stderr."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        # Plain: the rich traceback prints the value of every variable, secrets too, and takes seconds to draw.
        else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    )
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, renderer]
        if as_json
        else [*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    # It says that a pipeline ended with the error that its caller is just being given.
    logging.getLogger("psycopg").addFilter(
        lambda record: not str(record.msg).startswith("error ignored terminating")
    )
    # The server logs what leaves the application; what was logged under a number is news to nobody.
    logging.getLogger("uvicorn.error").addFilter(is_news)


def is_news(record: logging.LogRecord) -> bool:
    """Whether a line is of something that was not logged under a number before."""
    problem = record.exc_info[1] if record.exc_info else None
    return problem is None or incident_of(problem) is None


def mark(problem: BaseException, incident: str) -> None:
    """Remember the number under which an exception was logged."""
    setattr(problem, _INCIDENT, incident)


def incident_of(problem: BaseException) -> str | None:
    """The number under which an exception was logged; None before."""
    return getattr(problem, _INCIDENT, None)


def get(area: str) -> Any:
    """A logger whose lines carry `area`; call it as `log.info("area.what_happened", fact=…)`."""
    # Not `.bind()`: that would settle format and level when a module is imported, before they are set.
    return structlog.get_logger(area=area)

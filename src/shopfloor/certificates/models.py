"""What a certificate is for, what one says, and what kept it from being renewed.  No I/O."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from shopfloor.kernel.records import dataclass

LETS_ENCRYPT: Final = "https://acme-v02.api.letsencrypt.org/directory"
LETS_ENCRYPT_STAGING: Final = "https://acme-staging-v02.api.letsencrypt.org/directory"
# Names an operator may write in place of the address of a directory.
DIRECTORIES: Final = {"letsencrypt": LETS_ENCRYPT, "letsencrypt-staging": LETS_ENCRYPT_STAGING}

FIRST_PAUSE: Final = timedelta(minutes=2)
LONGEST_PAUSE: Final = timedelta(hours=6)
# Between two tries no restart makes it shorter than this.
LEAST_PAUSE: Final = FIRST_PAUSE
YEAR: Final = timedelta(days=365)


class Source(StrEnum):
    """Who signs: a public authority that checks the domain, or this shop's own for its local network."""

    DOMAIN = "domain"
    LOCAL = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the certificate must be good for.  `directory` and what follows are for the public authority only."""

    source: Source
    names: tuple[str, ...]
    addresses: tuple[str, ...] = ()
    directory: str = ""
    email: str | None = None
    ca_file: str | None = None
    terms_accepted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What is served.  `is_trusted`: browsers accept it as it is, with the roots that they bring; `left_out` was
    wanted, but our authority may not sign for it.
    """

    source: Source
    names: tuple[str, ...]
    addresses: tuple[str, ...]
    issuer: str
    not_before: datetime
    not_after: datetime
    renew_at: datetime
    is_trusted: bool
    directory: str = ""
    left_out: tuple[str, ...] = ()

    def covers(self, wanted: Wanted) -> bool:
        """Whether it is good for all that is wanted, from whom it is wanted."""
        return (self.source, self.directory) == (wanted.source, wanted.directory) and {
            *wanted.names,
            *wanted.addresses,
        } <= {*self.names, *self.addresses, *self.left_out}

    def is_due(self, wanted: Wanted, now: datetime) -> bool:
        return now >= self.renew_at or now < self.not_before - timedelta(hours=1) or not self.covers(wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why there is no new certificate, for the operator.  `retry_after` in seconds where the authority says it."""

    code: str
    message: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How things stand; kept as a file, so that another process can say it."""

    certificate: Certificate | None = None
    failures: int = 0
    problem: Problem | None = None
    tried_at: datetime | None = None
    next_try_at: datetime | None = None

    @property
    def is_serving(self) -> bool:
        return self.certificate is not None and self.certificate.not_after > datetime.now(UTC)

    def failed(self, problem: Problem, now: datetime, *, jitter: float) -> "State":
        """After another failure: 2, 6, 18 … minutes until the next try, at most 6 hours.

        Public authorities allow a handful of failed validations an hour.  `jitter` is a factor around 1.
        """
        pause = min(FIRST_PAUSE * 3 ** min(self.failures, 10), LONGEST_PAUSE) * jitter
        if problem.retry_after is not None:
            pause = max(pause, timedelta(seconds=min(problem.retry_after, 7 * 86_400.0)))
        return replace(
            self, failures=self.failures + 1, problem=problem, tried_at=now, next_try_at=now + pause
        )

    def succeeded(self, certificate: Certificate, now: datetime) -> "State":
        return State(certificate=certificate, tried_at=now)

    def may_try(self, now: datetime, *, at_start: bool = False) -> bool:
        """Whether the pause after a failure is over.  At a start, when somebody may have mended it, a short one is
        enough; a clock that was set back keeps nobody waiting.
        """
        if self.next_try_at is None or self.tried_at is None or now < self.tried_at:
            return True
        return now >= (min(self.tried_at + LEAST_PAUSE, self.next_try_at) if at_start else self.next_try_at)

    def hsts_seconds(self, now: datetime) -> int:
        """For how long browsers may be told to ask over https only: 0 where that could lock somebody out.

        Never longer than the certificate is good for, so that the promise ends with what keeps it.
        """
        held = self.certificate
        if held is None or held.source is not Source.DOMAIN or not held.is_trusted:
            return 0
        return max(0, int(min(held.not_after - now, YEAR).total_seconds()))


def renewal(not_before: datetime, not_after: datetime, suggested: datetime | None = None) -> datetime:
    """When to ask for the next one: after two thirds of its life, or earlier where the authority says so."""
    usual = not_before + (not_after - not_before) * 2 / 3
    return usual if suggested is None else min(usual, max(suggested, not_before))


def directory_address(text: str) -> str:
    """The address of an ACME directory, which may be given by one of the names of `DIRECTORIES`."""
    return DIRECTORIES.get(text.strip().lower(), text.strip())

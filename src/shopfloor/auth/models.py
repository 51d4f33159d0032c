"""Sessions, and what keeps somebody from signing in.  No I/O here."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from shopfloor.accounts import Person, Role, Shop
from shopfloor.auth.guessable import is_guessable
from shopfloor.kernel.errors import Conflict, Invalid, NotFound, TooMany, Unauthenticated
from shopfloor.kernel.records import dataclass

SHORTEST_PASSWORD: Final = 10
LONGEST_PASSWORD: Final = 1000


@dataclass(frozen=True, slots=True)
class Joined:
    """Somebody came in; `session` is a fresh session token for the cookie."""

    person: Person
    shop: Shop
    role: Role
    session: str


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session of a person; `device` is what its browser called itself, `id` names it among that person's."""

    id: str
    device: str
    created_at: datetime
    seen_at: datetime
    is_this: bool


class SignInNeeded(Unauthenticated):
    """Sign in first."""

    code = "accounts.sign_in_needed"


class WrongCredentials(Unauthenticated):
    """E-mail address or password are not right."""

    code = "accounts.wrong_credentials"


class SecondFactorNeeded(Unauthenticated):
    """The password is right; a code of the authenticator app is needed as well."""

    code = "accounts.second_factor_needed"


class WrongCode(Unauthenticated):
    """The code is wrong, was used before, or is too old."""

    code = "accounts.wrong_code"


class SignInExpired(Unauthenticated):
    """This took too long; sign in again."""

    code = "accounts.sign_in_expired"


class TooManyAttempts(TooMany):
    """Too many tries; wait a quarter of an hour."""

    code = "accounts.too_many_attempts"


class UnknownReset(NotFound):
    """This link is invalid or has expired."""

    code = "accounts.unknown_reset"


class UnknownClaim(NotFound):
    """This link is invalid or has expired."""

    code = "accounts.unknown_claim"


class UnknownSetup(NotFound):
    """The setup took too long; start it again."""

    code = "accounts.unknown_setup"


class SecondFactorOn(Conflict):
    """Two-step sign-in is on already."""

    code = "accounts.second_factor_on"


class SecondFactorOff(Conflict):
    """Two-step sign-in is off."""

    code = "accounts.second_factor_off"


class WeakPassword(Invalid):
    """The password is too short, too long, or too easy to guess."""

    code = "accounts.weak_password"


def checked_password(password: str, *, email: str, names: Iterable[str] = ()) -> str:
    """Raises WeakPassword.  `names` are those of the shops it is for: nobody's address or shop is a secret."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise WeakPassword(
            f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.",
            shortest=SHORTEST_PASSWORD,
        )
    if is_guessable(password, own=(email, *names)):
        raise WeakPassword("This password is too easy to guess.")
    if not _is_utf8(password):
        raise WeakPassword("A password is made of characters.")
    return password


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

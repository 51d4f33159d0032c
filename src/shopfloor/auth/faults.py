"""All that is wrong with what somebody typed about themselves, field by field, at once."""

from collections.abc import Iterable

from shopfloor.accounts import checked_email
from shopfloor.auth.models import checked_password
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.text import line


def of_person(*, email: str, password: str, name: str, shops: Iterable[str] = ()) -> dict[str, Refusal]:
    """Everything that keeps somebody new from coming in, by field.  `shops` are names a password must not be."""
    faults: dict[str, Refusal] = {}
    for field, check in (
        ("person", lambda: line(name, field="person", longest=100)),
        ("email", lambda: checked_email(email)),
        ("password", lambda: checked_password(password, email=email, names=shops)),
    ):
        try:
            check()
        except Refusal as refusal:
            faults[field] = refusal
    return faults

"""Refusals: the ways the product says no on purpose.

    Refusal
    ├── Invalid          422  the request is invalid
    ├── Unauthenticated  401  we do not know who you are
    ├── Forbidden        403  you may not
    ├── NotFound         404  there is no such thing, or not for you
    ├── MethodNotAllowed 405  this address answers others
    ├── Conflict         409  not in this state, no longer, not twice
    ├── TooMany          429  slow down
    └── Unavailable      503  not now; nothing was done, or ask again with the same id

Each leaf has a `code` that never changes: clients branch on it and translate it.  Anything that is not a
Refusal is a bug: it becomes a 500 with an incident number.
"""

from collections.abc import Iterator
from typing import ClassVar


class Refusal(Exception):
    """Said on purpose.  `facts` are JSON-able values a client may show (`wanted`, `left`)."""

    status: ClassVar[int]
    code: ClassVar[str]

    def __init__(self, message: str = "", **facts: object) -> None:
        super().__init__(message or self.code)
        self.message = message or (self.__doc__ or self.code).strip().split("\n")[0]
        self.facts = facts

    def body(self) -> dict[str, object]:
        return {"code": self.code, "message": self.message, "facts": self.facts}


class Invalid(Refusal):
    status = 422
    code = "invalid"


class Unauthenticated(Refusal):
    status = 401
    code = "unauthenticated"


class Forbidden(Refusal):
    status = 403
    code = "forbidden"


class NotFound(Refusal):
    status = 404
    code = "not_found"


class MethodNotAllowed(Refusal):
    """This address doesn't answer this method. `allow` says which it does."""

    status = 405
    code = "method_not_allowed"


class Conflict(Refusal):
    status = 409
    code = "conflict"


class TooMany(Refusal):
    status = 429
    code = "too_many"


class Unavailable(Refusal):
    status = 503
    code = "unavailable"


def every_refusal(kind: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    """All leaves that have been imported; the reference page and its test walk this."""
    for child in kind.__subclasses__():
        yield child
        yield from every_refusal(child)

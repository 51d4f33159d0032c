"""What a merchant entered about an account, read field by field, so that everything wrong is said at once."""

from collections.abc import Callable
from typing import TypeVar

from shopfloor.payment_providers.keys import KeyUnusable
from shopfloor.payment_providers.kind import Account
from shopfloor.payment_providers.models import ConnectionRefused

T = TypeVar("T")


class Entries:
    def __init__(self, account: Account) -> None:
        self._told = {**account.fields, **account.secrets}
        self.wrong: dict[str, str] = {}

    def text(self, name: str) -> str:
        return self._told.get(name, "").strip()

    def digits(self, name: str, *, least: int, most: int, word: str) -> str:
        """A number with so many digits; `word` says so."""
        found = self.text(name)
        if not (found.isascii() and found.isdecimal() and least <= len(found) <= most):
            self.wrong[name] = word
        return found

    def read(self, name: str, reader: Callable[[str], T]) -> T | None:
        """None where it is missing or cannot be read, which is then noted."""
        found = self.text(name)
        if not found:
            self.wrong[name] = "missing"
            return None
        try:
            return reader(found)
        except KeyUnusable as problem:
            self.wrong[name] = problem.problem
            return None

    def try_(self, name: str, act: Callable[[], object]) -> None:
        """Notes what it says is wrong."""
        try:
            act()
        except KeyUnusable as problem:
            self.wrong[name] = problem.problem

    def check(self) -> None:
        """Raises ConnectionRefused with everything that was noted."""
        if self.wrong:
            raise ConnectionRefused(fields=self.wrong)

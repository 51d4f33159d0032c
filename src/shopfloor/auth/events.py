"""What signing in tells the rest of the product."""

from typing import ClassVar

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class SecondFactorSet:
    """From now on this person signs in with a code as well."""

    name: ClassVar[str] = "accounts.second_factor_set"

    shop_id: int
    person_id: int


@dataclass(frozen=True, slots=True)
class SecondFactorRemoved:
    """The password alone is enough again.  `removed_by` is None where it was done by a command on the machine."""

    name: ClassVar[str] = "accounts.second_factor_removed"

    shop_id: int
    person_id: int
    removed_by: int | None

"""What integrity tells the rest of the product."""

from typing import ClassVar
from uuid import UUID

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class CaseRaised:
    """Orders or viewers of a show are not what they seem.  `tagged`: they count as invalid until somebody decides."""

    name: ClassVar[str] = "integrity.case_raised"

    shop_id: int
    show_id: int
    case_id: UUID
    subject: str
    reasons: list[str]
    tagged: bool
    size: int


@dataclass(frozen=True, slots=True)
class CaseRuled:
    """A person decided, or took a decision back (`open`)."""

    name: ClassVar[str] = "integrity.case_ruled"

    shop_id: int
    show_id: int
    case_id: UUID
    ruling: str
    person_id: int


@dataclass(frozen=True, slots=True)
class ShowJudged:
    """A show's figures from gross to net have a new version.  `marked`: something of it is invalid."""

    name: ClassVar[str] = "integrity.show_judged"

    shop_id: int
    show_id: int
    version: int
    policy: str
    marked: bool

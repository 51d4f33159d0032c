"""What a key opens, and that it opens nothing.  No I/O here."""

from datetime import datetime

from shopfloor.kernel.errors import NotFound
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """Opens what `purpose` names for one `subject`, to whoever holds the token."""

    id: int
    shop_id: int
    purpose: str
    subject: str
    expires_at: datetime | None

    @property
    def subject_id(self) -> int:
        """The subject as a number.  Raises ValueError where it is not one."""
        return int(self.subject)


class UnknownKey(NotFound):
    """This link is invalid or has expired."""

    code = "accounts.unknown_key"

"""What somebody who checks a file by itself finds: what is proven, what is wrong, and what cannot be told from it."""

from typing import Literal

from shopfloor.kernel.records import dataclass

State = Literal["proven", "open", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`open`: neither proven nor disproven by what is here."""

    state: State
    words: str

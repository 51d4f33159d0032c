"""What grids of fields have in common: cells that were sent, each with what it showed before, and an undo that is kept."""

from collections import Counter
from collections.abc import Callable, Sequence

from shopfloor.kernel.errors import Conflict
from shopfloor.kernel.records import dataclass
from shopfloor.web.console.desk import Desk
from shopfloor.web.languages import N_

UNREADABLE = N_("We couldn't read this cell. It shows what is kept: enter it again.")


class CannotUndo(Conflict):
    """This save was undone already, is too long ago, or isn't yours: nothing was changed."""

    code = "form.cannot_undo"


@dataclass(frozen=True, slots=True)
class Cell:
    """`was` is what the page showed when it was typed over; None where a form does not say, once and only once, so that
    nobody knows what was changed.
    """

    name: str
    text: str
    was: str | None


def cells(fields: Sequence[tuple[str, str]], words: Sequence[str], was: Callable[[str], str]) -> list[Cell]:
    """Fields called by one of `words`, a dash and what they are of.  `was` names the field with what a cell showed."""
    sent = Counter(name for name, _ in fields)
    typed = dict(fields)
    return [
        Cell(name, text, typed[was(name)] if sent[name] == 1 and sent[was(name)] == 1 else None)
        for name, text in fields
        if name.partition("-")[0] in words
    ]


async def undo_of(desk: Desk) -> tuple[str, str]:
    """The name of the save that this page offers to undo, and what was kept of it; empty where there is none."""
    kept = await desk.revealed()
    return (desk.request.query_params["made"], kept["undo"]) if "undo" in kept else ("", "")

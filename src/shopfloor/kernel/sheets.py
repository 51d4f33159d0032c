"""CSV files that we write: no cell is run as a formula by a spreadsheet, and reading one back gives what it was.

Only text is guarded: an amount that is less than nothing begins like a formula and is a number.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Final

# Spreadsheets take the full-width signs for the others, and some overlook what is blank before them.
_FORMULA: Final = re.compile(r"'*(?:\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n])")
_GUARDED: Final = re.compile(r"'" + _FORMULA.pattern)

# Tells spreadsheets that the text is UTF-8.
MARK: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"


def guarded(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula; `unguarded` gives back what it was."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    return cell[1:] if _GUARDED.match(cell) else cell


def written(rows: Iterable[Sequence[object]]) -> str:
    """The text of a CSV file, lines ended as RFC 4180 wants them; None is an empty cell."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()

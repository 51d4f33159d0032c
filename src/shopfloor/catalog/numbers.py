"""By which decimal sign the numbers of a product file are read: one for the whole file.  No database here.

`1.290` is 1.29 to one program and 1290 to another, and a single cell does not tell.  So all prices, weights and units
of a file are looked at first.  What proves a sign (`12.5`, `1.290,00`) decides for all; where cells prove both, a person
decides.  Where none does, commas between the cells speak for the point, since programs whose decimal sign is the comma
separate by something else; with other separators a person decides, too.
"""

import re
from enum import StrEnum
from typing import Final

from shopfloor.catalog.models import BadWeight, checked_grams, parse_price
from shopfloor.kernel.amounts import (
    DecimalSign,
    QuantityUnreadable,
    proven_sign,
    read_quantity,
)
from shopfloor.kernel.currencies import DECIMALS
from shopfloor.kernel.errors import Invalid
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import MAX_QUANTITY, Money

MOST_EXAMPLES: Final = 5
MOST_ROWS_NAMED: Final = 20

AMOUNTS: Final = ("variant price", "variant compare at price")
WHOLE_NUMBERS: Final = ("variant grams", "variant inventory qty")

_MOST_GRAMS: Final = 10**12
# What programs make of a column of whole numbers.
_WHOLE: Final = re.compile(r"(-?[0-9]+)[.,]0{1,2}")


class Basis(StrEnum):
    """Why the numbers of a file are read as they are."""

    CHOSEN = "chosen"
    """Whoever imports the file said so."""
    PROVEN = "proven"
    """At least one cell is a number with this sign only, and none with the other only."""
    CONTRADICTORY = "contradictory"
    """Cells prove both signs: numbers with either are refused until somebody chooses."""
    SEPARATOR = "separator"
    """No cell proves a sign, and commas separate the cells: the point."""
    OPEN = "open"
    """Nothing tells: what can be read in two ways is refused until somebody chooses."""


class TwoSigns(Invalid):
    """Some numbers of the file have a decimal point, others a decimal comma."""

    code = "catalog.csv_two_signs"


@dataclass(frozen=True, slots=True)
class Cell:
    """One number of the file, as it stands there."""

    row: int
    column: str
    text: str


@dataclass(frozen=True, slots=True)
class Example:
    """How one number of the file was understood: an amount, or whole grams or units."""

    row: int
    column: str
    text: str
    value: Money | int


@dataclass(frozen=True, slots=True)
class NumbersRead:
    """How the numbers of a file were read.

    `decimal_sign` is None while nothing tells, or cells contradict each other.  `points` and `commas` are cells that prove a sign, the
    first 20 of each; `examples` are up to five numbers as they were understood, those first that have two readings.
    """

    decimal_sign: DecimalSign | None
    basis: Basis
    points: list[Cell]
    commas: list[Cell]
    examples: list[Example]


class Evidence:
    """What the cells of a file prove."""

    def __init__(self, currency: str, *, separator: str) -> None:
        self._currency = currency
        self.separator = separator
        self._whole = {"variant inventory qty", *(AMOUNTS if DECIMALS[currency] == 0 else ())}
        self.points: list[Cell] = []
        self.commas: list[Cell] = []

    def look_at(self, row: int, record: dict[str, str]) -> None:
        for column in (*AMOUNTS, *WHOLE_NUMBERS):
            text = record.get(column, "")
            if not text:
                continue
            currency = self._currency if column in AMOUNTS else ""
            found = proven_sign(text, currency, is_whole=column in self._whole)
            if found is not None:
                cells = self.points if found == "." else self.commas
                if len(cells) < MOST_ROWS_NAMED:
                    cells.append(Cell(row, column, text[:40]))


class Numbers:
    """Reads the numbers of one file, whose other cells gave `evidence`; `chosen` counts for more than they do."""

    def __init__(self, currency: str, evidence: Evidence, chosen: DecimalSign | None) -> None:
        self._currency = currency
        self._evidence = evidence
        if chosen is not None:
            self._sign, self._basis = chosen, Basis.CHOSEN
        elif evidence.points and evidence.commas:
            self._sign, self._basis = None, Basis.CONTRADICTORY
        elif evidence.points or evidence.commas:
            self._sign = DecimalSign.POINT if evidence.points else DecimalSign.COMMA
            self._basis = Basis.PROVEN
        elif evidence.separator == ",":
            self._sign, self._basis = DecimalSign.POINT, Basis.SEPARATOR
        else:
            self._sign, self._basis = None, Basis.OPEN
        self._close: list[Example] = []
        self._plain: list[Example] = []

    @property
    def read(self) -> NumbersRead:
        return NumbersRead(
            self._sign,
            self._basis,
            self._evidence.points,
            self._evidence.commas,
            (self._close + self._plain)[:MOST_EXAMPLES],
        )

    def price(self, row: int, column: str, text: str) -> int:
        """In minor units.  Raises what `parse_price` raises, and TwoSigns."""
        self._check(text)
        price = parse_price(text, self._currency, proven_sign=self._char)
        self._understood(row, column, text, price)
        return price.minor

    def units(self, row: int, column: str, text: str) -> int:
        """Units on hand, below zero as well.  Raises QuantityUnreadable, AmountAmbiguous, AmountOtherSign, TwoSigns."""
        units = self._whole(text, least=-MAX_QUANTITY, most=MAX_QUANTITY)
        self._understood(row, column, text, units)
        return units

    def grams(self, row: int, column: str, text: str) -> int:
        """A weight.  Raises BadWeight, AmountAmbiguous, AmountOtherSign or TwoSigns."""
        try:
            grams = checked_grams(self._whole(text, least=0, most=_MOST_GRAMS))
        except QuantityUnreadable:
            raise BadWeight from None
        self._understood(row, column, text, grams)
        return grams

    @property
    def _char(self) -> str | None:
        return None if self._sign is None else self._sign.char

    def _whole(self, text: str, *, least: int, most: int) -> int:
        self._check(text)
        if self._sign is not None:
            return read_quantity(text, least=least, most=most, decimal_sign=self._sign.char, certain=True)
        found = _WHOLE.fullmatch(text)
        return read_quantity(text if found is None else found[1], least=least, most=most)

    def _check(self, text: str) -> None:
        """In a file that contradicts itself every number with a sign is in doubt."""
        if self._basis is Basis.CONTRADICTORY and any(each in text for each in ".,"):
            point, comma = self._evidence.points[0], self._evidence.commas[0]
            raise TwoSigns(
                f"Row {point.row} has a decimal point ({point.text}), row {comma.row} a decimal comma ({comma.text}).",
                point_row=point.row,
                point=point.text,
                comma_row=comma.row,
                comma=comma.text,
            )

    def _understood(self, row: int, column: str, text: str, value: Money | int) -> None:
        has_sign = any(each in text for each in ".,")
        kept = self._close if has_sign and proven_sign(text, self._currency) is None else self._plain
        if len(kept) < MOST_EXAMPLES:
            kept.append(Example(row, column, text[:40], value))

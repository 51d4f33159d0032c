"""Requests for fapiao, their forms and this module's refusals.  No I/O here.

A fapiao is issued on the tax authority's platform, never here; numbers are what somebody says was issued there.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import field
from datetime import date, datetime
from enum import StrEnum
from io import BytesIO
from typing import Final
from uuid import UUID
from zipfile import BadZipFile, ZipFile

from shopfloor.kernel.errors import Conflict, Invalid, NotFound
from shopfloor.kernel.records import dataclass

MAX_FILE_BYTES: Final = 1024 * 1024
MOST_FILES: Final = 3
"""Of one fapiao, in all."""
MAX_SHEET_BYTES: Final = 900_000
MOST_ROWS: Final = 5_000

LARGE_BODIES: Final[Mapping[str, int]] = {r"/fapiao/papers/[0-9a-f-]{36}/files": MOST_FILES * MAX_FILE_BYTES,
                                          r"/fapiao/[0-9a-f-]{36}/issue": MOST_FILES * MAX_FILE_BYTES,
                                          r"/fapiao/papers/[0-9a-f-]{36}/issue": MOST_FILES * MAX_FILE_BYTES}  # fmt: skip
"""Where files are sent, below /v1/{shop} and /console/{shop}."""


class TitleKind(StrEnum):
    """Who a fapiao is made out to.  A company needs its tax number."""

    PERSON = "person"
    COMPANY = "company"


class State(StrEnum):
    OPEN = "open"
    """To be issued."""
    ISSUED = "issued"
    RED_REQUESTED = "red_requested"
    """Money went back after it was issued: a red one is to be issued for it."""
    DONE = "done"
    """A red one was issued for all that went back."""
    WITHDRAWN = "withdrawn"


class Via(StrEnum):
    """Where it was asked for."""

    CHECKOUT = "checkout"
    ORDER = "order"
    RECEIPT = "receipt"
    STAFF = "staff"


class Why(StrEnum):
    """Why a request came to nothing."""

    BUYER = "buyer"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    ERASED = "erased"


class PaperKind(StrEnum):
    BLUE = "blue"
    """The fapiao itself, as the trade calls it."""
    RED = "red"
    """One that takes back some of it."""


class FormRefused(Invalid):
    """Something in the request for a fapiao is missing or has not the right form."""

    code = "fapiao.form_refused"


class NotOffered(Conflict):
    """This shop takes no requests for fapiao."""

    code = "fapiao.not_offered"


class NothingToInvoice(Conflict):
    """The order was cancelled, or all of its money went back."""

    code = "fapiao.nothing_to_invoice"


class AlreadyIssued(Conflict):
    """The fapiao was issued; it cannot be changed here."""

    code = "fapiao.already_issued"


class NotRequested(NotFound):
    """Nobody asked for this fapiao."""

    code = "fapiao.not_requested"


class NotPaidYet(Conflict):
    """A fapiao is recorded when the order is paid in full."""

    code = "fapiao.not_paid"


class NotIssuedYet(Conflict):
    """Say its number first."""

    code = "fapiao.not_issued"


class IssuedAnew(Conflict):
    """It was issued anew after you looked; `edition` is what it is now."""

    code = "fapiao.issued_anew"


class Withdrawn(Conflict):
    """The request was withdrawn."""

    code = "fapiao.withdrawn"


class BadNumber(Invalid):
    """A fapiao's number has 20 digits; on older ones 8, or 10 or 12 and 8."""

    code = "fapiao.bad_number"


class NumberTaken(Conflict):
    """Another fapiao of this shop has this number."""

    code = "fapiao.number_taken"


class BadDate(Invalid):
    """It was issued on a day from the order's to today."""

    code = "fapiao.bad_date"


class WrongAmount(Conflict):
    """The amount is not what this order comes to, with or without its refunds."""

    code = "fapiao.wrong_amount"


class BadFile(Invalid):
    """Send PDF or OFD files of at most 1 MB, three for each fapiao."""

    code = "fapiao.bad_file"


class SheetUnreadable(Invalid):
    """The file cannot be read as a list of fapiao."""

    code = "fapiao.sheet_unreadable"


class BadGoodsCode(Invalid):
    """The classification code of goods has 19 digits."""

    code = "fapiao.bad_goods_code"


class CodeNotFound(NotFound):
    """There is no receipt with this code."""

    code = "fapiao.code_not_found"


@dataclass(frozen=True, slots=True)
class Settings:
    """`offered` None: where the shop is in China.  `goods_name` and `goods_code` (19 digits) stand in the export for
    what the shop sells.
    """

    offered: bool | None = None
    goods_name: str = ""
    goods_code: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a buyer asks for.  `email`: where the file goes, else to the order's own."""

    kind: TitleKind
    title: str
    tax_id: str = ""
    email: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class StoredFile:
    id: UUID
    format: str
    size: int
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Paper:
    """A fapiao, or a red one that is wanted: without a number it is not issued yet.  `edition`: of the request's."""

    id: UUID
    request_id: UUID
    edition: int
    kind: PaperKind
    source: UUID
    currency: str
    amount_minor: int
    number: str | None
    issued_on: date | None
    wanted_at: datetime
    recorded_at: datetime | None
    files: list[StoredFile] = field(default_factory=list[StoredFile])

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", PaperKind(self.kind))


@dataclass(frozen=True, slots=True)
class Request:
    """A buyer's request.  `amount_minor`: what the fapiao is of, or would be now.  `edition`: 1, and one more each time
    that it is issued anew; `papers` are of all of them.
    """

    id: UUID
    shop_id: int
    order_id: UUID
    order_number: int
    kind: TitleKind
    title: str
    tax_id: str
    email: str
    note: str
    via: Via
    locale: str
    state: State
    why: str
    answer: str
    deducted: list[UUID]
    edition: int
    asked_at: datetime
    changed_at: datetime
    currency: str
    amount_minor: int
    is_paid: bool
    papers: list[Paper] = field(default_factory=list[Paper])

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "kind", TitleKind(self.kind))
        put(self, "via", Via(self.via))
        put(self, "state", State(self.state))

    @property
    def blue(self) -> Paper | None:
        return self.blue_of(self.edition)

    def blue_of(self, edition: int) -> Paper | None:
        return next(
            (each for each in self.papers if each.kind is PaperKind.BLUE and each.edition == edition), None
        )

    @property
    def reds(self) -> list[Paper]:
        return [each for each in self.papers if each.kind is PaperKind.RED and each.edition == self.edition]

    @property
    def left_minor(self) -> int:
        """Of what was issued, what no red one takes back; 0 before it was issued."""
        blue = self.blue
        return 0 if blue is None else blue.amount_minor - sum(each.amount_minor for each in self.reds)

    @property
    def may_change(self) -> bool:
        """Whether its buyer may still say what stands on it."""
        return self.blue is None

    @property
    def next_state(self) -> State:
        """As its papers say; what is withdrawn has none."""
        if any(each.number is None for each in self.papers):
            return State.RED_REQUESTED
        if self.blue is None:
            return State.OPEN
        return State.DONE if self.reds else State.ISSUED


_EMAIL: Final = re.compile(r"[^\s@<>()\[\],;:\\\"]{1,64}@[^\s@<>()\[\],;:\\\".]+(\.[^\s@<>()\[\],;:\\\".]+)+")
_BLANK: Final = re.compile(r"[\s\-‐-―－]")
LONGEST_TITLE: Final = 100
LONGEST_NOTE: Final = 300


def tidied_tax_id(text: str) -> str:
    """Capital letters and digits as they are stored: typed in full width, with blanks or dashes, it is the same."""
    return _BLANK.sub("", unicodedata.normalize("NFKC", text)).upper()


# GB 32100-2015: no I, O, S, V, Z.
_USCC: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_OLD: Final = re.compile(r"[0-9]{6}[0-9A-Z]{9}|[0-9]{6}[0-9A-Z]{11}|[0-9]{17}[0-9X][0-9A-Z]{2}", re.ASCII)
_PERSON: Final = re.compile(
    r"[1-9][0-9]{5}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9X]"
)


def wrong_tax_id(tax_id: str) -> str | None:
    """Why this cannot be the tax number of somebody in China: missing, bad_form or bad_check_digit.

    18 signs are a unified social credit code, or the identity number of somebody in business in their own name; 15, 17
    and 20 signs are older numbers, which begin with six digits of a region and have no check digit of their own.
    """
    if not tax_id:
        return "missing"
    if len(tax_id) != 18:
        return None if _OLD.fullmatch(tax_id) else "bad_form"
    if _PERSON.fullmatch(tax_id) and _identity_check(tax_id):
        return None
    if any(sign not in _USCC for sign in tax_id) or not tax_id[2:8].isdigit():
        return "bad_form"
    total = sum(_USCC.index(sign) * pow(3, place, 31) for place, sign in enumerate(tax_id[:17]))
    return None if _USCC[-total % 31] == tax_id[17] else "bad_check_digit"


def _identity_check(number: str) -> bool:
    """GB 11643-1999, as ISO 7064 MOD 11-2."""
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(number[:17]))
    return "10X98765432"[total % 11] == number[17]


def wrong_in(wanted: Wanted) -> dict[str, str]:
    """By field, what is wrong with what somebody typed."""
    wrong: dict[str, str] = {}
    if not wanted.title:
        wrong["title"] = "missing"
    elif len(wanted.title) > LONGEST_TITLE:
        wrong["title"] = "too_long"
    if wanted.kind is TitleKind.COMPANY and (why := wrong_tax_id(wanted.tax_id)) is not None:
        wrong["tax_id"] = why
    if wanted.email and (len(wanted.email) > 254 or _EMAIL.fullmatch(wanted.email) is None):
        wrong["email"] = "not_an_address"
    if len(wanted.note) > LONGEST_NOTE:
        wrong["note"] = "too_long"
    return wrong


_NUMBER: Final = re.compile(r"[0-9]{20}|(?:[0-9]{10}|[0-9]{12})?[0-9]{8}", re.ASCII)


def checked_number(text: str) -> str:
    """Digits only.  Raises BadNumber."""
    number = _BLANK.sub("", unicodedata.normalize("NFKC", text))
    if _NUMBER.fullmatch(number) is None:
        raise BadNumber(number=text[:40])
    return number


def format_of(content: bytes) -> str:
    """Pdf or ofd, by what is in it and not by its name.  Raises BadFile."""
    if not content or len(content) > MAX_FILE_BYTES:
        raise BadFile(why="too_large" if content else "empty")
    if content.startswith(b"%PDF-"):
        return "pdf"
    if content.startswith(b"PK"):
        try:
            with ZipFile(BytesIO(content)) as archive:
                if "OFD.xml" in archive.namelist():
                    return "ofd"
        except (BadZipFile, ValueError, NotImplementedError):
            pass
    raise BadFile(why="not_a_fapiao")


CODE_SIGNS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""No I, L, O and U: what is read off a paper is typed again."""
_MISREAD: Final = str.maketrans({"I": "1", "L": "1", "O": "0", "U": "V"})


def tidied_code(text: str) -> str:
    return _BLANK.sub("", unicodedata.normalize("NFKC", text)).upper().translate(_MISREAD)[:40]


def shown_code(code: str) -> str:
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))

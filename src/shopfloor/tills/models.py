"""Registers, devices, assistants, shifts and what a till sends, and this module's refusals.  No I/O here."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from shopfloor.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refusal
from shopfloor.kernel.records import dataclass

MOST_FACTS: Final = 500
PAIRING_MINUTES: Final = 10
CASH: Final = "cash"
CARD: Final = "card_terminal"
TENDERS: Final = (CASH, CARD)
FIRST_HASH: Final = "0" * 64


class Right(StrEnum):
    """What an assistant may do at a till.  A manager may do all of it."""

    SELL = "sell"
    RETURN = "return"
    DISCOUNT = "discount"
    DRAWER = "drawer"
    CASH = "cash"
    CLOSE = "close"
    TRAINING = "training"


class UnknownDevice(Refusal):
    """This till isn't paired with the shop, or no longer: pair it again.  Its journal stays on it."""

    status = 401
    code = "tills.unknown_device"


class LockedOut(Forbidden):
    """This till is locked out: it sells nothing.  What it sold before can still be sent, and is reviewed."""

    code = "tills.locked_out"


class BadCode(Invalid):
    """The pairing code is wrong, was used, or is older than ten minutes."""

    code = "tills.bad_code"


class Malformed(Invalid):
    """This is no list of facts of a till."""

    code = "tills.malformed"


class UnknownRegister(NotFound):
    """There is no such register, device, assistant, shift or receipt in this shop."""

    code = "tills.unknown"


class UnknownReceipt(NotFound):
    """No till has sent such a receipt."""

    code = "tills.unknown_receipt"


class NotBookable(Invalid):
    """Nothing can follow from this entry: settle it by hand, and keep it."""

    code = "tills.not_bookable"


class UnknownStore(NotFound):
    """The shop has no such location."""

    code = "tills.unknown_store"


class CodeTaken(Conflict):
    """Another register has this code already."""

    code = "tills.code_taken"


class BadPin(Invalid):
    """A PIN has four to eight digits, and not all the same."""

    code = "tills.bad_pin"


class BadRegister(Invalid):
    """A register's code has one to four letters or digits, and its name at most 60 characters."""

    code = "tills.bad_register"


class BadPattern(Invalid):
    """A label is described as: prefix, digits of the item, digits of the value, weight or price, decimals."""

    code = "tills.bad_pattern"


class NotSetApart(Conflict):
    """There are not so many free units on this shelf."""

    code = "tills.not_enough"


class TaskDone(Conflict):
    """Somebody has seen to this already."""

    code = "tills.task_done"


@dataclass(frozen=True, slots=True)
class Register:
    """A place to sell at a location of the shop.  `code` begins the series of its devices."""

    id: int
    shop_id: int
    location_id: int
    location: str
    code: str
    name: str
    devices: int
    shifts: int
    last_z: int
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Device:
    """What is paired with a register.  `last_sequence`: how far its journal is here; `last_number`: of its receipts.

    `skew_ms`: its clock less ours when it was last heard.
    """

    id: UUID
    shop_id: int
    register_id: int
    pool_id: int
    name: str
    series: str
    last_sequence: int
    last_hash: str
    last_number: int
    skew_ms: int
    paired_at: datetime
    seen_at: datetime | None
    locked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Assistant:
    """Who sells.  The PIN is stored as PBKDF2-HMAC-SHA-256 of its digits."""

    id: int
    shop_id: int
    name: str
    rights: list[str]
    is_manager: bool
    pin_salt: bytes
    pin_hash: bytes
    iterations: int
    left_at: datetime | None


@dataclass(frozen=True, slots=True)
class Shift:
    """`z` is frozen when it is closed, and chained to the register's Z before it; `late`: facts that came after that."""

    id: UUID
    shop_id: int
    register_id: int
    number: int
    assistant_id: int | None
    opened_at: datetime | None
    float_minor: int
    closed_at: datetime | None
    counted_minor: int | None
    z_number: int | None
    z: dict[str, Any] | None
    z_previous: str | None
    z_hash: str | None
    late: int

    @property
    def is_open(self) -> bool:
        return self.closed_at is None


@dataclass(frozen=True, slots=True)
class Settings:
    """What a shop sets for its tills, as they are until it does."""

    offline_cash_return: int = 0
    discount_percent: int = 20
    barcode_patterns: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    open_amount: int | None = None

    @property
    def patterns_text(self) -> str:
        """The labels of scales, one a line: prefix, digits of the item and of the value, what that is, its decimals."""
        return "\n".join(
            f"{each['prefix']} {each['item_digits']} {each['value_digits']} {each['value']} {each['decimals']}"
            for each in self.barcode_patterns
        )


@dataclass(frozen=True, slots=True)
class Receipt:
    """A sale or a return.  Those of training have no number."""

    id: UUID
    device_id: UUID
    sequence: int
    shop_id: int
    register_id: int
    location_id: int
    shift_id: UUID | None
    assistant_id: int | None
    kind: str
    series: str
    number: int | None
    token: str | None
    order_id: UUID | None
    is_training: bool
    is_offline: bool
    total_minor: int
    tax_minor: int
    price_list: str
    signature: str | None
    happened_at: datetime

    @property
    def name(self) -> str:
        return receipt_name(self.series, self.number)


def receipt_name(series: str, number: int | None) -> str:
    """As it is printed: A1-000030."""
    return "" if number is None else f"{series}-{number:06}"


@dataclass(frozen=True, slots=True)
class Task:
    """Work for a person: what a till could not keep.  `code` is one of `TASKS`."""

    id: int
    shop_id: int
    device_id: UUID
    sequence: int
    code: str
    facts: dict[str, Any]
    order_id: UUID | None
    opened_at: datetime
    done_at: datetime | None
    person_id: int | None
    note: str


# What a fact may leave for a person to do, by code: what happened.  The console says what to do about it.
TASKS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "shortfall": "Units that others were promised were sold.",
        "beyond_books": "More was sold than the books had.",
        "sums": "The sums of a receipt do not agree.",
        "unknown_variant": "Goods were sold that the catalogue does not know.",
        "unreadable": "A fact could not be understood; it is kept as it came.",
        "chain": "A fact does not follow from the one before it.",
        "other_content": "A fact was sent twice with different content.",
        "number": "A receipt number is missing or was used twice.",
        "clock": "The clock of the device is wrong.",
        "late": "A fact came after its shift was closed.",
        "unknown_shift": "A fact names a shift of another register, or none.",
        "shift_open": "A shift was opened while another one was open.",
        "variance": "The drawer did not have what it should.",
        "locked_out": "A device that is locked out sent facts.",
        "returned_twice": "More came back than was sold and left.",
        "refund_beyond": "More money was given back than was paid and left.",
        "return_offline": "Goods were taken back without a network.",
        "return_unknown": "Goods came back of a sale that is not known here.",
        "unsigned": "A sale has no fiscal signature.",
        "not_applied": "A fact could not be carried out.",
    }
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a receipt as it was read, with sums that agree.  `variant_id` None: an amount without goods."""

    position: int
    variant_id: int | None
    product_id: int
    title: str
    sku: str
    options: list[str]
    quantity: int
    weight: int | None
    unit_price_minor: int
    discount_minor: int
    tax_minor: int
    tax_included: bool
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Tender:
    kind: str
    amount_minor: int
    slip: str = ""


@dataclass(frozen=True, slots=True)
class Sale:
    """A sale as it was read.  `tenders` have the change taken off the cash; `problems` are codes of tasks with their facts."""

    id: UUID
    number: int | None
    token: str
    is_training: bool
    is_offline: bool
    price_list: str
    lines: list[Line]
    tenders: list[Tender]
    total_minor: int
    tax_minor: int
    rounding_minor: int
    name: str
    phone: str
    locale: str
    hold: UUID | None
    problems: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class BackLine:
    position: int
    quantity: int
    amount_minor: int
    resellable: bool


@dataclass(frozen=True, slots=True)
class Return:
    """Goods that came back, of an order or a receipt, and what was given back."""

    id: UUID
    number: int | None
    order_id: UUID | None
    receipt: str
    is_training: bool
    is_offline: bool
    price_list: str
    lines: list[BackLine]
    refund: list[Tender]
    total_minor: int
    reason: str
    problems: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Fact:
    """One entry of a device's journal.  `raw` is its canonical JSON, without its hash; `kept` the same without who bought."""

    sequence: int
    at: datetime | None
    kind: str
    assistant: int | None
    shift: UUID | None
    body: dict[str, Any]
    previous: str
    hash: str
    raw: bytes
    kept: bytes
    computed: str

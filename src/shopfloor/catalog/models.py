"""Products, variants, prices and pictures: plain values and the rules between them.  No I/O here."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from itertools import product as combinations
from math import prod
from typing import ClassVar, Final

from shopfloor.catalog.plain import plain_text, plain_texts
from shopfloor.kernel import amounts
from shopfloor.kernel.errors import Conflict, Invalid, NotFound
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.text import line, prose
from shopfloor.kernel.values import MAX_MINOR, Money
from shopfloor.picture_files import PICTURE_SIZES, picture_path

MAX_OPTIONS: Final = 3
MAX_VARIANTS: Final = 200
MAX_TAGS: Final = 250
MOST_PICTURES: Final = 100
MAX_GRAMS: Final = 100_000_000
MAX_PARTS: Final = 10
MAX_PER_PART: Final = 999
LONGEST_DESCRIPTION: Final = 65_000


class Kind(StrEnum):
    """How a thing is sold: in sizes and colours, by the piece, or made when it is ordered."""

    SIZED = "sized"
    PIECE = "piece"
    MADE_TO_ORDER = "made_to_order"


class Status(StrEnum):
    """Only what is active is seen and bought, in the shop and in shows; what is archived stays for the orders that
    name it.
    """

    DRAFT = "draft"
    ACTIVE = "active"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True)
class Product:
    """`titles` and `descriptions` hold translations by locale; `title` is the one in the shop's language.

    Descriptions are as they were given, possibly HTML from an import: pages show `plain` and `plains`, made of
    them when they were written, and never the markup.
    """

    MOST_OPTIONS: ClassVar[int] = MAX_OPTIONS

    id: int
    shop_id: int
    handle: str
    title: str
    titles: dict[str, str]
    description: str
    descriptions: dict[str, str]
    kind: Kind
    status: Status
    vendor: str
    product_type: str
    tags: list[str]
    option_names: list[str]
    created_at: datetime
    updated_at: datetime
    picture_sha: str | None
    kept_plain: str | None = None
    kept_plains: dict[str, str] | None = None
    option_texts: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    """By locale, what the names and values of the options are called there."""
    tax_class: str = "standard"

    @property
    def plain(self) -> str:
        return plain_text(self.description) if self.kept_plain is None else self.kept_plain

    @property
    def plains(self) -> dict[str, str]:
        return plain_texts(self.descriptions) if self.kept_plains is None else self.kept_plains

    def title_in(self, locale: str) -> str:
        return translated(self.title, self.titles, locale)


@dataclass(frozen=True, slots=True)
class Variant:
    """One thing that can be bought.  `options` has a value for each of the product's option names."""

    id: int
    product_id: int
    shop_id: int
    sku: str
    barcode: str
    options: list[str]
    price_minor: int
    currency: str
    grams: int
    position: int
    compare_at_minor: int | None = None
    archived_at: datetime | None = None

    @property
    def is_archived(self) -> bool:
        """It is no longer sold, whatever its product is."""
        return self.archived_at is not None

    @property
    def price(self) -> Money:
        return Money(self.price_minor, self.currency)

    def picture_of(self, shown: Iterable["Picture"]) -> "Picture | None":
        """The picture that says most about it; None where none is of it in particular."""
        fits = [each for each in shown if each.shows and set(each.shows) <= set(self.options)]
        return max(fits, key=lambda each: (len(each.shows), -each.position, -each.id), default=None)

    @property
    def list_price(self) -> Money | None:
        """A price to compare with, as it is kept: it may be below the price."""
        return None if self.compare_at_minor is None else Money(self.compare_at_minor, self.currency)


@dataclass(frozen=True, slots=True)
class NewPart:
    """So many units of a variant in one bundle."""

    variant_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class BundlePart:
    """So many units of a variant in one bundle, with what the variant is called and costs by itself now."""

    bundle_id: int
    bundle_variant_id: int
    variant_id: int
    quantity: int
    product_id: int
    title: str
    titles: dict[str, str]
    options: list[str]
    sku: str
    price_minor: int


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a variant consists of.  `id` names this composition for good: another one gets another id."""

    MOST_PARTS: ClassVar[int] = MAX_PARTS

    id: int
    variant_id: int
    parts: tuple[BundlePart, ...]

    @property
    def units(self) -> int:
        """How many pieces are in one."""
        return sum(part.quantity for part in self.parts)


@dataclass(frozen=True, slots=True)
class Price:
    """What a variant cost from `valid_from` on."""

    variant_id: int
    minor: int
    currency: str
    valid_from: datetime
    reason: str

    @property
    def money(self) -> Money:
        return Money(self.minor, self.currency)


@dataclass(frozen=True, slots=True)
class Picture:
    """Served under /pictures/{sha256}/{size}.webp for each of `sizes`; width and height of the largest."""

    id: int
    product_id: int
    sha256: str
    width: int
    height: int
    alt: str
    position: int
    shows: list[str] = field(default_factory=list[str])
    """The option values of the variants it is of; none: it is of the whole product."""

    @property
    def sizes(self) -> tuple[int, ...]:
        return PICTURE_SIZES

    def path(self, size: int) -> str:
        return picture_path(self.sha256, size)


@dataclass(frozen=True, slots=True)
class NewVariant:
    """What it takes to make a variant; the price in minor units of the shop's currency."""

    price_minor: int
    options: Sequence[str] = ()
    sku: str = ""
    barcode: str = ""
    grams: int = 0
    compare_at_minor: int | None = None

    @classmethod
    def of_each(cls, choices: Sequence[Sequence[str]], minor: int, sku: str) -> "list[NewVariant]":
        """Every combination of the options' values, at one price; SKUs are the given one with the options behind it.

        Raises TooManyVariants, before they are made.
        """
        if prod(map(len, choices)) > MAX_VARIANTS:
            raise TooManyVariants(most=MAX_VARIANTS)
        sku = sku.strip()
        is_one = all(len(chosen) <= 1 for chosen in choices)
        return [
            cls(minor, list(values), sku if is_one or not sku else "-".join([sku, *values]))
            for values in combinations(*choices)
        ]


class UnknownProduct(NotFound):
    """There is no such product."""

    code = "catalog.unknown_product"


class UnknownVariant(NotFound):
    """There is no such variant."""

    code = "catalog.unknown_variant"


class UnknownPicture(NotFound):
    """There is no such picture."""

    code = "catalog.unknown_picture"


class HandleTaken(Conflict):
    """Another product of this shop has this handle."""

    code = "catalog.handle_taken"


class OptionsTaken(Conflict):
    """There is a variant with these options already."""

    code = "catalog.options_taken"


class InUse(Conflict):
    """It was sold, or something else names it: `uses` says what.  Archive the product instead."""

    code = "catalog.in_use"


class LastVariant(Conflict):
    """A product keeps at least one variant that is not archived.  Archive the product instead."""

    code = "catalog.last_variant"


class BadHandle(Invalid):
    """A handle has letters, digits and '-', up to 255 of them."""

    code = "catalog.bad_handle"


class BadOptions(Invalid):
    """A variant has one value for each option of its product, a product at most three options."""

    code = "catalog.bad_options"


class TooManyVariants(Invalid):
    """A product has at most 200 variants."""

    code = "catalog.too_many_variants"


class TooManyPictures(Invalid):
    """A product has at most 100 images."""

    code = "catalog.too_many_pictures"


class TooManyTags(Invalid):
    """A product has at most 250 tags."""

    code = "catalog.too_many_tags"


class BadTranslation(Invalid):
    """A translation is named by its locale, as in en or zh_CN."""

    code = "catalog.bad_translation"


class BadWeight(Invalid):
    """A weight is a whole number of grams."""

    code = "catalog.bad_weight"


class BadBundle(Invalid):
    """A bundle has 1 to 10 different parts, and of each 1 to 999 units."""

    code = "catalog.bad_bundle"


class NestedBundle(Conflict):
    """A bundle consists of variants that are no bundles themselves."""

    code = "catalog.nested_bundle"


class PriceUnreadable(Invalid):
    """Not a price, as in 129.00."""

    code = "catalog.price_unreadable"


class PriceNegative(Invalid):
    """A price is not below zero."""

    code = "catalog.price_negative"


class PriceTooLarge(Invalid):
    """The price is larger than any the product accepts."""

    code = "catalog.price_too_large"


class PriceDecimals(Invalid):
    """The price has more decimals than its currency."""

    code = "catalog.price_decimals"


class PricePast(Conflict):
    """A price cannot be put before one that was already in force."""

    code = "catalog.price_past"


class ListPriceUnsourced(Invalid):
    """A list price that somebody stands for needs an amount, and evidence that others can look at."""

    code = "catalog.list_price_unsourced"


_HANDLE = re.compile(r"[\w]([\w.-]*[\w])?")
_LOCALE = re.compile(r"[a-z]{2,3}(_[A-Z][a-z]{3})?(_[A-Z]{2})?")


def parse_price(text: str, currency: str, *, proven_sign: str | None = None) -> Money:
    """Read a price as `kernel.amounts` reads amounts; `proven_sign`: the decimal sign can only be this one.

    Raises PriceUnreadable, PriceNegative, PriceDecimals, PriceTooLarge, AmountAmbiguous, or AmountOtherSign.
    """
    try:
        return Money(
            amounts.read_minor(
                text, currency, decimal_sign=proven_sign or ".", certain=proven_sign is not None
            ),
            currency,
        )
    except amounts.AmountUnreadable:
        raise PriceUnreadable(given=text[:40]) from None
    except amounts.AmountNegative:
        raise PriceNegative(given=text[:40]) from None
    except amounts.AmountDecimals as refusal:
        raise PriceDecimals(given=text[:40], currency=currency, decimals=refusal.facts["decimals"]) from None
    except amounts.AmountTooLarge:
        raise PriceTooLarge(largest=MAX_MINOR) from None


def format_price(money: Money) -> str:
    """`129.00`: what `parse_price` reads, in files; pages format for people."""
    return amounts.written(money.minor, money.currency)


def checked_minor(minor: int) -> int:
    if minor < 0:
        raise PriceNegative(given=minor)
    if minor > MAX_MINOR:
        raise PriceTooLarge(largest=MAX_MINOR)
    return minor


def checked_compare_at(minor: int | None) -> int | None:
    """None where there is nothing to compare with: none given, or 0 as some programs write it."""
    return checked_minor(minor) or None if minor is not None else None


def checked_grams(grams: int) -> int:
    if not 0 <= grams <= MAX_GRAMS:
        raise BadWeight(largest=MAX_GRAMS)
    return grams


def checked_parts(parts: Sequence[NewPart]) -> Sequence[NewPart]:
    if not 1 <= len(parts) <= MAX_PARTS or len({part.variant_id for part in parts}) != len(parts):
        raise BadBundle(most_parts=MAX_PARTS)
    for part in parts:
        if not 1 <= part.quantity <= MAX_PER_PART:
            raise BadBundle(variant_id=part.variant_id, quantity=part.quantity, largest=MAX_PER_PART)
    return parts


def checked_handle(handle: str) -> str:
    handle = line(handle, field="handle", longest=255).lower()
    if _HANDLE.fullmatch(handle) is None:
        raise BadHandle
    return handle


def checked_option_names(names: Sequence[str]) -> list[str]:
    cleaned = [line(name, field="option name", longest=60, shortest=1) for name in names]
    if len(cleaned) > MAX_OPTIONS or len({name.casefold() for name in cleaned}) != len(cleaned):
        raise BadOptions("A product has at most three options, each with a name of its own.")
    return cleaned


def checked_options(options: Sequence[str], names: Sequence[str]) -> list[str]:
    if len(options) != len(names):
        raise BadOptions(wanted=list(names), given=len(options))
    return [line(option, field="option", longest=100, shortest=1) for option in options]


def checked_translations(texts: Mapping[str, str], *, field: str, longest: int) -> dict[str, str]:
    """Empty translations are dropped: the text in the shop's language stands for them."""
    for locale in texts:
        if _LOCALE.fullmatch(locale) is None:
            raise BadTranslation(field=field)
    if len(texts) > 40:
        raise BadTranslation("At most 40 languages.", field=field)
    cleaned = {locale: prose(text, field=field, longest=longest) for locale, text in texts.items()}
    return {locale: text for locale, text in cleaned.items() if text}


def checked_option_texts(texts: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """What is empty is dropped: the name or value in the shop's language stands for it.

    Raises BadTranslation, or UnusableText.
    """
    if len(texts) > 40 or any(_LOCALE.fullmatch(locale) is None for locale in texts):
        raise BadTranslation(field="option_texts")
    if any(len(words) > MAX_OPTIONS * (MAX_VARIANTS + 1) for words in texts.values()):
        raise BadTranslation("More words than options can have.", field="option_texts")
    cleaned = {
        locale: {
            line(word, field="option", longest=100, shortest=1): line(text, field="option", longest=100)
            for word, text in words.items()
        }
        for locale, words in texts.items()
    }
    kept = {locale: {word: text for word, text in words.items() if text} for locale, words in cleaned.items()}
    return {locale: words for locale, words in kept.items() if words}


def translated(text: str, texts: Mapping[str, str], locale: str) -> str:
    """In `locale`, else in its language in any country, else as it is."""
    if locale in texts:
        return texts[locale]
    language = locale.split("_", maxsplit=1)[0]
    return next((texts[key] for key in sorted(texts) if key.split("_")[0] == language), text)

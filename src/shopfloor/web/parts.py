"""What several shopper pages show: a product as a tile, an availability in words, choices by price.  Pure, but for reads."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final, Protocol

from shopfloor import catalog, live
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import Money
from shopfloor.stock import Availability
from shopfloor.web.languages import N_, Language

FEW: Final = 10
# Why a product is excepted, by `policies.return_rules.Why`.
EXCEPTED: Final = {
    "made_to_order": N_("Made to order: can't be returned without a fault."),
    "perishable": N_("Perishable: can't be returned without a fault."),
    "sealed": N_("Sealed for hygiene: can't be returned once opened."),
    "digital": N_("Digital: can't be returned without a fault."),
    "agreed": N_("Excluded from returns when you bought it."),
}


@dataclass(frozen=True, slots=True)
class Content:
    """So many of a thing in one bundle.  `product_id` where it has a page."""

    quantity: int
    title: str
    titles: Mapping[str, str]
    words: str
    product_id: int | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """A variant as a buyer chooses it; a bundle with what one contains."""

    variant_id: int
    words: str
    price: Money
    left: Availability
    contents: Sequence[Content] = ()
    options: Sequence[str] = ()
    """Its value of each option in the reader's language, where choices are laid out by them."""
    show: live.Show | None = None
    """Where none is left but in a show: that show."""
    slide: str = ""
    """What the picture of this variant in particular is called on the page."""
    picture_sha: str = ""

    @property
    def pieces(self) -> int:
        """What one counts towards a limit per buyer."""
        return sum(content.quantity for content in self.contents) or 1

    @property
    def latest_shown(self) -> date:
        """The last day a page shows of it, which buying agrees to; for what is only on the shelf, one before any lot."""
        if not self.left.now:
            return self.left.ready_on or date.min
        return max((day for day, _ in self.left.later), default=date.min)


@dataclass(frozen=True, slots=True)
class PriceGroup:
    """Choices of one price: they share a form, because a form says which price was seen.

    The form carries an id of its own (`shared_pages.Slot.WISH_ID`): sent twice it is one purchase.
    """

    price: Money
    choices: Sequence[Choice]

    @property
    def first(self) -> int | None:
        """What is chosen until the buyer chooses: on the shelf before later; nothing when all is gone."""
        on_hand = [choice for choice in self.choices if choice.left.now]
        to_come = [choice for choice in self.choices if choice.left.total]
        return next((choice.variant_id for choice in [*on_hand, *to_come]), None)

    @property
    def by_first_option(self) -> list[tuple[str, "list[Choice]"]]:
        """Of a product with two options: for each value of the first the choices that have it, in the order given.

        Empty where choices have no such options, or so few that a list says it as well.
        """
        if len(self.choices) < 3 or any(len(choice.options) != 2 for choice in self.choices):
            return []
        rows: dict[str, list[Choice]] = {}
        for choice in self.choices:
            rows.setdefault(choice.options[0], []).append(choice)
        return [*rows.items()]

    @property
    def has_later(self) -> bool:
        """Whether anything of a choice here comes later than now."""
        return any(choice.latest_shown > date.min for choice in self.choices)

    @property
    def shown(self) -> str:
        """The days of what comes later, as the form sends them: "9=2026-12-03 12=2026-12-09"."""
        days = ((choice.variant_id, choice.latest_shown) for choice in self.choices)
        return " ".join(f"{variant_id}={day.isoformat()}" for variant_id, day in days if day > date.min)

    @property
    def pieces(self) -> int:
        return max(choice.pieces for choice in self.choices)

    @property
    def gone(self) -> list[Choice]:
        return [choice for choice in self.choices if not choice.left.total and choice.show is None]

    @property
    def in_shows(self) -> list[Choice]:
        """What can be bought in a show only."""
        return [choice for choice in self.choices if not choice.left.total and choice.show is not None]


def grouped(choices: Iterable[Choice]) -> list[PriceGroup]:
    """Cheapest first; within a group in the order given."""
    by_price: dict[int, list[Choice]] = {}
    for choice in choices:
        by_price.setdefault(choice.price.minor, []).append(choice)
    return [PriceGroup(group[0].price, group) for _, group in sorted(by_price.items())]


def option_words(options: Sequence[str], words: Mapping[str, str] | None = None) -> str:
    """As in "M · Indigo"; the stand-in that importers give things of one kind is left out.

    `words`: what they are called in the reader's language, where the merchant said so.
    """
    known = words or {}
    return " · ".join(known.get(option, option) for option in options if option and option != "Default Title")


class Named(Protocol):
    """What is bought, with the texts of the shop's language."""

    @property
    def product_id(self) -> int: ...
    @property
    def title(self) -> str: ...
    @property
    def options(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Texts:
    """The words of products in the reader's language, by product; what has none there stays as it is."""

    titles: Mapping[int, str]
    words: Mapping[int, Mapping[str, str]]

    def title(self, item: Named) -> str:
        return self.titles.get(item.product_id, item.title)

    def options(self, item: Named) -> str:
        return option_words(item.options, self.words.get(item.product_id))


def texts_now(products: Iterable[catalog.Product], language: Language) -> Texts:
    """As the products are called now."""
    found = list(products)
    return Texts(
        {each.id: language.localised(each.titles, each.title) for each in found},
        {each.id: language.words_of(each.option_texts) for each in found},
    )


def texts_sold(page: Mapping[str, Any], language: Language) -> Texts:
    """As an order keeps them (`OrderView.page`): the titles of its own products only where they have one there."""
    found: list[dict[str, Any]] = page.get("products", [])
    return Texts(
        {each["id"]: language.localised(each.get("titles"), each["title"]) for each in found},
        {each["id"]: language.words_of(each.get("option_texts")) for each in found},
    )


_SIZES: Final = frozenset(
    {"size", "größe", "grösse", "taille", "talla", "taglia", "尺码", "尺寸", "尺碼", "大小", "码数"}
)
_COLOURS: Final = frozenset({"color", "colour", "farbe", "couleur", "colore", "颜色", "顏色", "色", "花色"})


def option_kind(name: str) -> str | None:
    """Whether an option of a product is its size or its colour, by the name the merchant gave it."""
    word = name.strip().casefold()
    return "size" if word in _SIZES else "colour" if word in _COLOURS else None


def refused_by(query: Mapping[str, str]) -> dict[str, str] | None:
    """What a form that came back was refused for (`?refused=…`), as plain text."""
    code = query.get("refused") or ("queued" if query.get("outcome") == "queued" else "")
    if not code:
        return None
    return {
        "code": code[:80],
        **{
            key: query[key][:40]
            for key in ("offer", "variant", "left", "position", "ready_on", "least", "most")
            if key in query
        },
    }


def seller_facts(name: str, *, pick_up_at: str, language: Language) -> list[tuple[str, str]]:
    """Who sells: one step away from everywhere, with nothing to log in to."""
    words = language.words
    facts = [
        (words.gettext("Seller"), name),
        (words.gettext("Pickup"), pick_up_at),
        (
            words.gettext("Contract"),
            words.gettext("You buy from this seller and pay the seller directly."),
        ),
    ]
    return [(label, value) for label, value in facts if value]

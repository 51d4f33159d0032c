"""What a show says of a bundle is a signal of its parts."""

from datetime import UTC, datetime

from shopfloor import catalog
from shopfloor.demand import Signal
from shopfloor.demand.sensing import of_parts

AT = datetime(2026, 11, 1, tzinfo=UTC)
POT, CUP, SET = 1, 2, 3


def product(number: int, *options: str) -> catalog.Product:
    return catalog.Product(
        number, 1, f"p{number}", "T", {}, "", {}, catalog.Kind.PIECE, catalog.Status.ACTIVE, "", "", [],
        list(options), AT, AT, None,
    )  # fmt: skip


def variant(number: int, *options: str) -> catalog.Variant:
    return catalog.Variant(number, number * 10, 1, "", "", list(options), 100, "CNY", 0, 1)


def part(number: int, quantity: int) -> catalog.BundlePart:
    return catalog.BundlePart(7, SET, number, quantity, number * 10, "T", {}, [], "", 100)


PRODUCTS = {10: product(10), 20: product(20, "Colour"), 30: product(30)}
VARIANTS = {POT: variant(POT), CUP: variant(CUP, "White"), SET: variant(SET)}
BUNDLES = {SET: catalog.Bundle(7, SET, (part(POT, 1), part(CUP, 4)))}


def test_parts_are_shown_and_waited_for_with_their_bundle() -> None:
    cup = Signal(CUP, 20, {"Colour": "White"}, 50.0, 60.0, 9, 5, refused_buyers=2, waitlist_units=1)
    tea_set = Signal(SET, 30, {}, 100.0, 140.0, 0, 0, waitlist_units=3)

    found = of_parts([tea_set, cup], BUNDLES, VARIANTS, PRODUCTS)

    assert sorted(found, key=lambda signal: signal.variant_id) == [
        Signal(POT, 10, {}, 100.0, 140.0, 0, 0, waitlist_units=3),
        Signal(CUP, 20, {"Colour": "White"}, 150.0, 200.0, 9, 5, refused_buyers=2, waitlist_units=13),
    ]


def test_without_bundles_nothing_changes() -> None:
    cup = Signal(CUP, 20, {"Colour": "White"}, 50.0, 60.0, 9, 5)
    assert of_parts([cup], {}, VARIANTS, PRODUCTS) == [cup]

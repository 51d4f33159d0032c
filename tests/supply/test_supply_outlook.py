"""What an order is expected to bring, beside ordering nothing."""

from shopfloor.supply.models import Tier
from shopfloor.supply.solver.outlook import Outlook, outlook
from shopfloor.supply.solver.problem import Buy, Need, Offer, Problem, Style


def problem(available: int) -> Problem:
    need = Need(
        variant_id=1, colour="", price_minor=100, salvage_minor=20, late_minor=50, available=available, hard=0,
        demand=(0, 10, 20, 30),
    )  # fmt: skip
    offer = Offer(
        quote_id=7, supplier_id=3, product_id=5, tiers=(Tier(1, 40),), lot=1, colour_minimum=0, capacity_use=1,
        setup_minor=0, weeks=1,
    )  # fmt: skip
    return Problem(scale=4, styles=(Style(5, (need,)),), offers=(offer,))


def test_units_that_are_there_already_bring_nothing() -> None:
    """10 units of an order on top of 10: in two of four cases all ten sell, else they are left at 20 each."""
    seen = outlook(problem(available=10), [Buy(7, 1, 10)], bound_scaled=0)

    # sold: 10 in the cases 20 and 30; left: 10 in the cases 0 and 10.  (2 * 1000 + 2 * 200) / 4 = 600.
    assert (seen.spend_minor, seen.brings_minor, seen.profit_minor) == (400, 600, 200)
    assert (seen.enough, seen.lost_units, seen.left_units) == (0.75, 2.5, 5.0)


def test_ordering_nothing_brings_nothing_whatever_is_there() -> None:
    for available in (0, 10, 100):
        seen = outlook(problem(available), [], bound_scaled=0)
        assert (seen.spend_minor, seen.brings_minor, seen.profit_minor, seen.left_units) == (0, 0, 0, 0.0)


def test_the_gap_is_rounded_up() -> None:
    # Cost of ordering nothing with nothing there: 100 * (0 + 10 + 20 + 30) = 6000 of 4.
    assert outlook(problem(0), [], bound_scaled=5_999).gap_minor == 1
    assert outlook(problem(0), [], bound_scaled=6_000).gap_minor == 0


def test_nothing_wanted_is_always_enough() -> None:
    empty = Problem(scale=4, styles=(), offers=())
    assert outlook(empty, [], bound_scaled=0) == Outlook(0, 0, 1.0, 0.0, 0.0, 0)

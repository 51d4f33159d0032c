"""The shop of the tests of orders."""

from tests.orders.conftest import MakeMarket, make_market, market

__all__ = ["MakeMarket", "make_market", "market"]

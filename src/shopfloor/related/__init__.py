"""What goes with a product: bought together with it, put together with it, shown together with it.

Promise: what is read is bounded, however much a shop has sold: its latest orders and shows.
"""

from shopfloor.related.service import related

__all__ = ["related"]

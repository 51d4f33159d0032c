"""The merchant's list of orders: narrowed down, searched, counted, and taken along as a spreadsheet.

Promise: a page of the list costs the same however many orders a shop has; what a search finds, it finds however its
words are written.
"""

from shopfloor.order_lists import takings
from shopfloor.order_lists.export import sheet
from shopfloor.order_lists.listing import count, counts, numbers, orders

__all__ = ["count", "counts", "numbers", "orders", "sheet", "takings"]

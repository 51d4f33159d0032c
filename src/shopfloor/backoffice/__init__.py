"""What staff do with orders beside selling and packing: notes, and one button for many.

Promise: what was written down stays, with who wrote it and when; of many orders one that cannot keeps no other.
"""

from shopfloor.backoffice import bulk, notes

__all__ = ["bulk", "notes"]

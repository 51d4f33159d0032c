"""Orders on their way out: which location sends them, and what other rules would have done.

Promise: what is looked at changes nothing.
"""

from shopfloor.dispatch.replay import MOST_REPLAYED, Replayed, Week, week

__all__ = ["MOST_REPLAYED", "Replayed", "Week", "week"]

"""The metrics.  `docs/metrics.md` is generated from here; a changed formula is a new version."""

from shopfloor.metrics import audience, came_back, funnel, measured, money, unmet

__all__ = ["audience", "came_back", "funnel", "measured", "money", "unmet"]

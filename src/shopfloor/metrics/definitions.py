"""The metrics.  `docs/metrics.md` is generated from here; a changed formula is a new version."""

from shopfloor.metrics import (
    attribution,
    audience,
    came_back,
    funnel,
    measured,
    money,
    outcome,
    selling,
    unmet,
)

__all__ = [
    "attribution",
    "audience",
    "came_back",
    "funnel",
    "measured",
    "money",
    "outcome",
    "selling",
    "unmet",
]

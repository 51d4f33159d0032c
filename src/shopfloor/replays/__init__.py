"""What is kept of a show to be seen again: who may see it, and the film of each moment.

Promise: hiding a replay deletes nothing; the film of a moment shows the frames that were recorded, and none from before
or after the show.
"""

from shopfloor.replays.events import ReplayHidden
from shopfloor.replays.models import Clip
from shopfloor.replays.service import (
    CUT,
    SHORTEST_MS,
    OfShow,
    ask_clips,
    bought_in,
    clips,
    hidden_in,
    hidden_of,
    hidden_since,
    hide,
    make_clips,
    newest_clip,
)

__all__ = [
    "CUT",
    "SHORTEST_MS",
    "Clip",
    "OfShow",
    "ReplayHidden",
    "ask_clips",
    "bought_in",
    "clips",
    "hidden_in",
    "hidden_of",
    "hidden_since",
    "hide",
    "make_clips",
    "newest_clip",
]

"""What may become of units that are promised: they never left, they are not there, another location gives them."""

from shopfloor.stock import mending, relocating


class Promised:
    """Units of holds that are held or allocated."""

    at_places = staticmethod(relocating.at_places)
    to_location = staticmethod(relocating.to_location)
    move = staticmethod(relocating.move)
    miss = staticmethod(mending.miss)
    take_back = staticmethod(mending.take_back)

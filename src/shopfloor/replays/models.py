"""What is kept of a show: plain values.  No I/O here."""

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Clip:
    """The film of a moment; `id` is that of the featured interval.  `began_video` in ms of the clock of the video."""

    id: int
    shop_id: int
    show_id: int
    channel_id: int
    offer_id: int
    product_id: int
    began_video: int
    milliseconds: int
    size: int
    sha256: bytes
    has_picture: bool

"""Shows: what is offered, when it is shown, who watches, and the stream that keeps every open page true.

Promise: what a page shows is what a fresh look into the database would show, a tick later; a viewer is
somebody whose playback advances; the price history and the intervals in which things were shown are kept.
"""

from shopfloor.live import presence_store as counters
from shopfloor.live.admission import Limits
from shopfloor.live.endpoint import room_endpoint
from shopfloor.live.events import (
    OfferAdded,
    OfferChanged,
    OfferFeatured,
    OfferPriceChanged,
    ShowChanged,
    ShowEnded,
    ShowPlanned,
    ShowStarted,
)
from shopfloor.live.gateway import Gateway
from shopfloor.live.handlers import BuyHandler, RoomHandlers, Said
from shopfloor.live.models import (
    BadShow,
    FeaturedInterval,
    LimitBelowBundle,
    NothingToSell,
    NoticeKind,
    Offer,
    OfferedAlready,
    OfferLine,
    ProductNotActive,
    Show,
    ShowStatus,
    Slot,
    SlotRole,
    UnknownShow,
    UnknownSlot,
    WrongStatus,
)
from shopfloor.live.offers import (
    add_offer,
    change_offer,
    offer,
    offer_terms,
    offers,
    prices,
    set_offer_price,
    set_parts_apart,
)
from shopfloor.live.presence import Beat
from shopfloor.live.presence_store import drop_presence, share_presence
from shopfloor.live.room import ChatLine
from shopfloor.live.rooms import Rooms
from shopfloor.live.run_of_show import (
    add_slot,
    change_slot,
    clear_notice,
    feature,
    featured_intervals,
    notices,
    order_slots,
    post_notice,
    remove_slot,
    slots,
)
from shopfloor.live.shows import (
    airtimes,
    change_show,
    end_show,
    plan_show,
    public_show,
    show,
    shows,
    shows_on_air,
    start_show,
    video_ms,
)
from shopfloor.live.snapshot import room_state
from shopfloor.live.socket import make_protocol
from shopfloor.live.state import RoomState
from shopfloor.live.wire import Buy

__all__ = [
    "BadShow",
    "Beat",
    "Buy",
    "BuyHandler",
    "ChatLine",
    "FeaturedInterval",
    "Gateway",
    "LimitBelowBundle",
    "Limits",
    "NothingToSell",
    "NoticeKind",
    "Offer",
    "OfferAdded",
    "OfferChanged",
    "OfferFeatured",
    "OfferLine",
    "OfferPriceChanged",
    "OfferedAlready",
    "ProductNotActive",
    "RoomHandlers",
    "RoomState",
    "Rooms",
    "Said",
    "Show",
    "ShowChanged",
    "ShowEnded",
    "ShowPlanned",
    "ShowStarted",
    "ShowStatus",
    "Slot",
    "SlotRole",
    "UnknownShow",
    "UnknownSlot",
    "WrongStatus",
    "add_offer",
    "add_slot",
    "airtimes",
    "change_offer",
    "change_show",
    "change_slot",
    "clear_notice",
    "counters",
    "drop_presence",
    "end_show",
    "feature",
    "featured_intervals",
    "make_protocol",
    "notices",
    "offer",
    "offer_terms",
    "offers",
    "order_slots",
    "plan_show",
    "post_notice",
    "prices",
    "public_show",
    "remove_slot",
    "room_endpoint",
    "room_state",
    "set_offer_price",
    "set_parts_apart",
    "share_presence",
    "show",
    "shows",
    "shows_on_air",
    "slots",
    "start_show",
    "video_ms",
]

"""Live rooms: who watches, what stands on top, and the stream that keeps every open page true.

Promise: what a page shows is what a fresh look into the database would show, a tick later; a viewer is
somebody whose playback advances.
"""

from shopfloor.rooms import presence_store as counters
from shopfloor.rooms.admission import AdmissionLimits
from shopfloor.rooms.cards import change_card, put_card, shown_in, take_card
from shopfloor.rooms.endpoint import room_endpoint
from shopfloor.rooms.gateway import Gateway
from shopfloor.rooms.handlers import BuyHandler, RoomHandlers, Said
from shopfloor.rooms.models import NoticeKind
from shopfloor.rooms.notices import clear_notice, notices, post_notice
from shopfloor.rooms.presence import Beat
from shopfloor.rooms.presence_store import drop_presence, share_presence
from shopfloor.rooms.room import ChatLine
from shopfloor.rooms.rooms import Rooms
from shopfloor.rooms.snapshot import room_state
from shopfloor.rooms.socket import make_protocol
from shopfloor.rooms.state import (
    AuctionState,
    CouponState,
    FlashState,
    GiveawayState,
    OfferState,
    PinnedState,
    PollState,
    RoomState,
)
from shopfloor.rooms.wire import Buy

__all__ = [
    "AdmissionLimits",
    "AuctionState",
    "Beat",
    "Buy",
    "BuyHandler",
    "ChatLine",
    "CouponState",
    "FlashState",
    "Gateway",
    "GiveawayState",
    "NoticeKind",
    "OfferState",
    "PinnedState",
    "PollState",
    "RoomHandlers",
    "RoomState",
    "Rooms",
    "Said",
    "change_card",
    "clear_notice",
    "counters",
    "drop_presence",
    "make_protocol",
    "notices",
    "post_notice",
    "put_card",
    "room_endpoint",
    "room_state",
    "share_presence",
    "shown_in",
    "take_card",
]

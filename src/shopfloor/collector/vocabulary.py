"""The event types, in words.  `docs/events.md` is generated from here and from the facts of the modules."""

from typing import Final

# What a browser may report, with its meaning.  Commerce names are those of GA4.
BROWSER: Final[dict[str, tuple[str, str]]] = {
    "page_view": ("browse", "A page was opened."),
    "view_item_list": ("browse", "A list of products was seen."),
    "select_item": ("click", "A product was chosen from a list or a card."),
    "view_item": ("click", "A product's sheet or page was opened."),
    "add_to_wishlist": ("click", "A product was put on a wish list."),
    "add_to_cart": ("click", "A variant was chosen for purchase."),
    "remove_from_cart": ("click", "A variant was taken out again."),
    "view_cart": ("click", "The cart was opened."),
    "begin_checkout": ("click", "The checkout was opened."),
    "add_shipping_info": ("click", "Address and delivery were given."),
    "add_payment_info": ("click", "The way of payment was chosen."),
    "view_promotion": ("browse", "An offer was seen."),
    "select_promotion": ("click", "An offer was opened."),
    "share": ("click", "The room or a product was shared."),
    "follow": ("click", "The shop was followed."),
    "live.like": ("click", "Likes since the last report; `quantity` says how many."),
    "media.ready": ("media", "The player can start."),
    "media.play": ("media", "Playback started or went on."),
    "media.pause": ("media", "Playback was paused."),
    "media.ping": ("heartbeat", "Playback statistics since the last ping."),
    "media.buffer_start": ("media", "The player ran empty."),
    "media.buffer_end": ("media", "The player goes on after running empty."),
    "media.quality_change": ("media", "Another rendition is played."),
    "media.error": ("media", "The player reported an error."),
}

# The largest number each may carry as its `quantity`; what is not named here: MOST_UNITS.
MOST_LIKES: Final = 100
MOST_UNITS: Final = 1_000
MOST: Final = {"live.like": MOST_LIKES}

# The beginnings of type names that only our own server may use: money, stock, suppliers, what a show did.
SERVER_ONLY: Final = (
    "accounts.",
    "catalog.",
    "chat.",
    "collector.",
    "integrity.",
    "live.",
    "media.",
    "order.",
    "orders.",
    "payment.",
    "payments.",
    "privacy.",
    "returns.",
    "settlement.",
    "stock.",
    "supplier.",
    "supply.",
)
SERVER_ONLY_NAMES: Final = frozenset({"purchase", "refund"})

# Who watched, and for how long: only what the room's own connection saw, never what a page reports.
PRESENCE: Final = frozenset({"live.enter", "live.heartbeat", "live.leave"})

# What is given up first when the disk fills; what has no class here (facts of the server) never is.
SHEDDING_ORDER: Final = ("heartbeat", "media", "browse", "click")


def shedding_class(event_type: str) -> str:
    """The class that decides when an event of a browser is given up."""
    return BROWSER[event_type][0]


def why_not(event_type: str) -> str | None:
    """Why a browser may not send this type: `server_only`, `unknown_type`, or None where it may."""
    if event_type in BROWSER:
        return None
    ours = event_type in SERVER_ONLY_NAMES or event_type.startswith(SERVER_ONLY)
    return "server_only" if ours else "unknown_type"

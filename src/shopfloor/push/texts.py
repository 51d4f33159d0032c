"""The few words that fit into a notification, in the languages of messages."""

from collections.abc import Mapping
from typing import Final

from shopfloor.push.models import Kind

# Title and body; `{order}` is a number, `{shop}`, `{show}` and `{product}` are names.
TEXTS: Final[Mapping[str, Mapping[Kind, tuple[str, str]]]] = {
    "en": {
        Kind.SHOW_STARTED: ("{shop} is live", "{show}"),
        Kind.PLACE_OFFERED: ("It's your turn", "{product} is reserved for you. Check out before the time runs out."),
        Kind.SHIPPED: ("Order #{order} is on its way", "{shop}"),
        Kind.READY_TO_COLLECT: ("Order #{order} is ready for pickup", "{shop}"),
        Kind.DATE_CHANGED: ("New date for order #{order}", "Open the order to accept the date or cancel."),
        Kind.BALANCE_DUE: ("Order #{order} is ready", "Pay the balance to have it sent."),
    },
    "zh": {
        Kind.SHOW_STARTED: ("{shop} 正在直播", "{show}"),
        Kind.PLACE_OFFERED: ("轮到您了", "“{product}”已为您保留，请在时限内结算。"),
        Kind.SHIPPED: ("订单 #{order} 已发货", "{shop}"),
        Kind.READY_TO_COLLECT: ("订单 #{order} 可以自提了", "{shop}"),
        Kind.DATE_CHANGED: ("订单 #{order} 的日期有变", "请打开订单，接受新日期或取消订单。"),
        Kind.BALANCE_DUE: ("订单 #{order} 已备好", "请支付尾款，付款后即可发货。"),
    },
}  # fmt: skip


def words(kind: Kind, locale: str, facts: Mapping[str, str]) -> tuple[str, str]:
    """Title and body, in the reader's language or English."""
    title, body = TEXTS.get(locale.partition("-")[0].lower(), TEXTS["en"])[kind]
    return title.format_map(facts), body.format_map(facts)

"""What messages by SMS say when a shop has no words of its own: short, for each part is paid for.  No I/O here."""

from collections.abc import Mapping
from typing import Final

from shopfloor.notices import TRAITS, Kind

SMS: Final[Mapping[str, Mapping[Kind, str]]] = {
    "en": {
        Kind.SIGN_IN_CODE: "{code} is your code for {shop}. It works for 15 minutes. Tell it to nobody.",
        Kind.SHIPPED: "{shop}: order #{number} is on its way. {tracking} {link}",
        Kind.READY_TO_COLLECT: "{shop}: order #{number} is ready to collect. {code} {link}",
        Kind.COLLECT_REMINDER: "{shop}: we keep order #{number} for you until {date}. {code} {link}",
        Kind.PLACE_OFFERED: "{shop}: {product} is yours until {time}. {link}",
        Kind.BALANCE_DUE: "{shop}: order #{number} is ready. Please pay the balance of {amount}: {link}",
        Kind.CONTACT_CODE: "{code} confirms this number for your account at {shop}. Tell it to nobody.",
        Kind.CONTACT_CHANGED: "{shop}: how you sign in to your account was changed. If it wasn't you, contact the shop.",
        Kind.TEST: "{shop}: this is a test message.",
    },
    "zh-CN": {
        Kind.SIGN_IN_CODE: "【{shop}】验证码 {code}，15 分钟内有效，请勿告诉他人。",
        Kind.SHIPPED: "【{shop}】订单 {number} 已发货。{tracking} {link}",
        Kind.READY_TO_COLLECT: "【{shop}】订单 {number} 可以取货了。{code}{link}",
        Kind.COLLECT_REMINDER: "【{shop}】订单 {number} 为您保留至 {date}，请尽快取货。{code}{link}",
        Kind.PLACE_OFFERED: "【{shop}】轮到您了：{product}，为您保留至 {time}。{link}",
        Kind.BALANCE_DUE: "【{shop}】订单 {number} 已到货，请支付尾款 {amount}：{link}",
        Kind.CONTACT_CODE: "【{shop}】验证码 {code}，用于绑定手机号，15 分钟内有效，请勿告诉他人。",
        Kind.CONTACT_CHANGED: "【{shop}】您账号的登录方式已变更。如非本人操作，请立即联系商家。",
        Kind.TEST: "【{shop}】这是一条测试短信。",
    },
}


def placeholders(kind: Kind) -> tuple[str, ...]:
    """What the words of a kind may name."""
    if kind is Kind.SIGN_IN_CODE:
        return ("shop", "code")
    return (*TRAITS[kind].placeholders, "link")


# What its words must name: without it the message is of no use.
NEEDED: Final[Mapping[Kind, str]] = {Kind.SIGN_IN_CODE: "code"}

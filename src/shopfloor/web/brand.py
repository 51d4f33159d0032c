"""What pages say of a shop's face: which texts it has, and what its links are called.  Pure."""

from typing import Final
from urllib.parse import urlsplit

from shopfloor import accounts
from shopfloor.brand import TEXTS
from shopfloor.web.languages import N_

TITLES: Final = {
    "about": N_("About us"),
    "imprint": N_("Legal notice"),
    "terms": N_("Terms of sale"),
    "privacy": N_("Privacy policy"),
}
# By the site an address is of, what people call it.
_SITES: Final = {
    "bilibili.com": "Bilibili",
    "douyin.com": "抖音",
    "facebook.com": "Facebook",
    "instagram.com": "Instagram",
    "linkedin.com": "LinkedIn",
    "pinterest.com": "Pinterest",
    "t.me": "Telegram",
    "taobao.com": "淘宝",
    "threads.net": "Threads",
    "tiktok.com": "TikTok",
    "wa.me": "WhatsApp",
    "weibo.com": "微博",
    "x.com": "X",
    "xhslink.com": "小红书",
    "xiaohongshu.com": "小红书",
    "youtube.com": "YouTube",
}


def site_name(link: str) -> str:
    """What an address is called in a list of links: the site where it is known, else the host."""
    host = (urlsplit(link).hostname or link).removeprefix("www.")
    for site, name in _SITES.items():
        if host == site or host.endswith("." + site):
            return name
    return host


def shop_pages(shop: accounts.Shop) -> list[tuple[str, str]]:
    """Which pages of text there are, each with its title (not translated yet)."""
    own = shop.brand
    has_contact = bool(own.email or own.phone or own.address or own.wechat or own.links)
    return [
        (kind, TITLES[kind])
        for kind in TEXTS
        if kind in own.texts or (kind == "imprint" and own.licences) or (kind == "about" and has_contact)
    ]

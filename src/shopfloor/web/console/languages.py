"""The languages a shop writes in."""

from shopfloor.web.console.desk import Desk


def other_language(desk: Desk) -> str:
    """The language besides the shop's own in which people may want to read: Chinese, or English for a Chinese shop."""
    return "en" if desk.shop.locale.lower().startswith("zh") else "zh_CN"

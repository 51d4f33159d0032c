"""Where WeChat is asked.  There is no sandbox of version 3."""

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Addresses:
    """Of WeChat Pay, of the page that tells who somebody is, and of the server that reads what it told."""

    pay: str = "https://api.mch.weixin.qq.com"
    open: str = "https://open.weixin.qq.com"
    api: str = "https://api.weixin.qq.com"

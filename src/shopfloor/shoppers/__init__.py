"""Who a shopper is before anybody knows a name: whoever has the cookie.

Promise: a cookie of ours is not made by anybody else, and reading one costs no database.
"""

from shopfloor.shoppers.cookie import cookie_header, issue_shopper, read_shopper, shopper_of
from shopfloor.shoppers.passes import issue_pass, read_pass

__all__ = ["cookie_header", "issue_pass", "issue_shopper", "read_pass", "read_shopper", "shopper_of"]

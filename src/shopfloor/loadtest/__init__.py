"""`shopfloor loadtest`: how much an installation bears, driven through what its shoppers use.

Watchers sit on the room socket and beat; some of them chat; buyers buy from the offers of the running show,
over HTTP and over the socket; some buy small carts, some tap twice.  The mix is stated in the report.  It is not a
simulation without traces: holds are made and run out by themselves, chat lines stay.  Run it against a shop and a
show made for the purpose.

At the end comes an audit.  Of the answers always: the second tap got what the first got, a sample of purchases asked
again through the other door gets the same holds, and no more was granted than was on sale.  Of the whole ledger where
its database is at hand (the settings are those of the installation).
"""

from shopfloor.loadtest.command_line import show
from shopfloor.loadtest.report import Latency, Options, Report

__all__ = [
    "Latency",
    "Options",
    "Report",
    "show",
]

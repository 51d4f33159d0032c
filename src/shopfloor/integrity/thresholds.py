"""Where detectors draw the line.  `python tools/integrity_thresholds.py` measures the null these numbers stand on.

A change of any of them, or of what a detector does, is a new `POLICY`.
"""

from typing import Final

POLICY: Final = "integrity@1"

# Fewer orders than this say nothing about a group of people.
LEAST_ORDERS: Final = 8
# Accounts on the same few phones or cards: a household has up to six, a company card a handful.
LEAST_ACCOUNTS: Final = 8
# So many accounts for each device, card or address that they share.
PER_KEY: Final = 3.0
# Orders of one person, or of each in a group on average (null: the busiest of 280 shows placed 6).
HEAVY_ORDERS: Final = 8
HEAVY_EACH: Final = 5.0
# Share of a show's orders by its four busiest buyers, from 30 orders on (null: at most 0.20 with 60 orders, 0.03 with 600).
TOP: Final = 4
TOP_SHARE: Final = 0.30
TOP_LEAST: Final = 30
# Of what a group ordered, so much was cancelled or refunded, and so much more than of the rest of the show.
UNDONE_SHARE: Final = 0.70
UNDONE_SIGMAS: Final = 3.1
SAME_NIGHT_HOURS: Final = 12.0
# How many of those who are called suspicious may be so by chance.
FALSE_SHARE: Final = 0.05
LEAST_PEOPLE: Final = 8
# Seconds of the show seen before ordering, below which somebody has not watched; and how many of a group.
UNWATCHED: Final = 60.0
UNWATCHED_SHARE: Final = 0.80
# Coefficient of variation of the time between orders or acts (people: 0.5 and more; a program with jitter: 0.05).
CADENCE: Final = 0.15
LEAST_ACTS: Final = 12
# A block of people and products, against the densest of shuffled graphs (null: at most 1.19 in 280 shows; 1.05 where
# buyers have tastes; 1.07 in 54 weeks of real invoices, UCI Online Retail).
BLOCK_RAISED: Final = 1.22
BLOCK_TAGGED: Final = 1.28
BLOCK_PEOPLE: Final = 8
BLOCK_PRODUCTS: Final = 4
BLOCK_FILLED: Final = 0.45
BLOCK_OF_OWN: Final = 0.30
# Orders in the hands of the shop's own people: so many, and so much of the show.
STAFF_ORDERS: Final = 10
STAFF_SHARE: Final = 0.03
# What buyers kept: then a suspicion about how they ordered is lifted.
KEPT_SHARE: Final = 0.80
# Playback claimed without video: at least so long, and less than so much of it was sent.
CLAIMED: Final = 120.0
SERVED_SHARE: Final = 0.20
# Viewers who came within as many seconds of one another and left so, not at the end.
LOCKSTEP_SECONDS: Final = 4.0
LOCKSTEP_VIEWERS: Final = 12
LOCKSTEP_TIMES: Final = 8.0
# Likes or lines a minute, kept up for ten, that no hand makes.
MACHINE_PER_MINUTE: Final = 900.0

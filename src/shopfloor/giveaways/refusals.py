"""What giveaways refuse, each with a stable code."""

from shopfloor.kernel.errors import Conflict, Forbidden, Invalid, NotFound, TooMany


class UnknownGiveaway(NotFound):
    """There is no such giveaway here."""

    code = "giveaways.unknown"


class BadGiveaway(Invalid):
    """A giveaway needs a prize with its value, 1 to 20 winners, 10 seconds to one day for entries and 1 to 336 hours to claim."""

    code = "giveaways.bad"


class PrizeTooHigh(Invalid):
    """The prize is worth more than the law of the shop's country allows for a draw."""

    code = "giveaways.prize_too_high"


class Running(Conflict):
    """Another giveaway of this show takes entries, or is about to be drawn."""

    code = "giveaways.running"


class StillOpen(Conflict):
    """Entries are taken until the time that the rules name."""

    code = "giveaways.still_open"


class EntryClosed(Conflict):
    """This giveaway takes no more entries."""

    code = "giveaways.entry_closed"


class StaffExcluded(Forbidden):
    """People of the shop can't enter its giveaways."""

    code = "giveaways.staff"


class ProofNeeded(Forbidden):
    """This giveaway is for shoppers with an account: sign in with a code first; it costs nothing."""

    code = "giveaways.sign_in"


class TooManyHere(TooMany):
    """Too many entries without an account came from this network: sign in with a code to enter."""

    code = "giveaways.too_many_here"


class NotAWinner(NotFound):
    """This browser won nothing here."""

    code = "giveaways.not_a_winner"


class ClaimOver(Conflict):
    """The time to claim this prize is over; the next in the draw was asked."""

    code = "giveaways.claim_over"

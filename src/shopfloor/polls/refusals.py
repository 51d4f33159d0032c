"""What polls refuse, each with a stable code."""

from shopfloor.kernel.errors import Conflict, Invalid, NotFound


class UnknownPoll(NotFound):
    """There is no such poll here."""

    code = "polls.unknown"


class BadPoll(Invalid):
    """A poll needs a question, two to four answers that differ, and 10 seconds to one hour."""

    code = "polls.bad"


class AnotherPoll(Conflict):
    """Another poll of this show is running."""

    code = "polls.running"


class PollOver(Conflict):
    """This poll takes no more votes."""

    code = "polls.over"

"""Why a line of chat is hidden, as people read it.  There is no reason for what somebody does not like."""

from typing import Final

from shopfloor import chat
from shopfloor.web.languages import N_

REASONS: Final = {
    chat.Reason.SPAM: N_("Spam"),
    chat.Reason.LINK: N_("A link"),
    chat.Reason.OFF_PLATFORM: N_("Diverts viewers elsewhere"),
    chat.Reason.INSULT: N_("Insult"),
    chat.Reason.HATE: N_("Hate speech"),
    chat.Reason.ILLEGAL: N_("Against the law"),
    chat.Reason.PERSONAL_DATA: N_("Gives away personal data"),
    chat.Reason.IMPERSONATION: N_("Impersonation"),
    chat.Reason.REPEATED: N_("Spamming"),
    chat.Reason.BLOCKED_WORD: N_("Contains a blocked word"),
}

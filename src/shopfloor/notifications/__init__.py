"""Who is told what: facts become messages to buyers, members and suppliers; mail leaves by the shop's server.

Promise: nothing goes out for people who cannot exist, and nobody is told what they did not ask for or need.
"""

from shopfloor.notifications import weekly
from shopfloor.notifications.models import MailServer, Security, ShowIsOver
from shopfloor.notifications.readers import Reader
from shopfloor.notifications.service import (
    answer_resets,
    ask_reset,
    forget_buyers,
    forget_finished,
    invite,
    mail_server,
    own_server,
    remind,
    remove_mail_server,
    save_mail_server,
    send_again,
    send_test,
    shown,
    something_to_send,
    tell_of_place,
    trouble,
    unsubscribe,
)

__all__ = [
    "MailServer",
    "Reader",
    "Security",
    "ShowIsOver",
    "answer_resets",
    "ask_reset",
    "forget_buyers",
    "forget_finished",
    "invite",
    "mail_server",
    "own_server",
    "remind",
    "remove_mail_server",
    "save_mail_server",
    "send_again",
    "send_test",
    "shown",
    "something_to_send",
    "tell_of_place",
    "trouble",
    "unsubscribe",
    "weekly",
]

"""What a message says and how it looks: texts in both languages, a shop's own words, what is read of its order.

Promise: nothing goes into a letter that its reader may not know; one that cannot be written keeps no other back.
"""

from shopfloor.letters.composing import Composed, NoticeLike, Short, Shown, compose, shown
from shopfloor.letters.models import (
    LONGEST_INTRO,
    LONGEST_SUBJECT,
    UnknownPlaceholder,
    Wording,
    fill,
    placeholders_in,
)
from shopfloor.letters.order_queries import TOLD, Told, newest_told_of_buyer, told
from shopfloor.letters.rendering import Attachment, Envelope, envelope, text_page
from shopfloor.letters.texts import LANGUAGES, TEXTS, language_for
from shopfloor.letters.wording import checked_wording, preview, save_wording, wording
from shopfloor.letters.writing import Context, Letter, sample, write_text

__all__ = [
    "LANGUAGES",
    "LONGEST_INTRO",
    "LONGEST_SUBJECT",
    "TEXTS",
    "TOLD",
    "Attachment",
    "Composed",
    "Context",
    "Envelope",
    "Letter",
    "NoticeLike",
    "Short",
    "Shown",
    "Told",
    "UnknownPlaceholder",
    "Wording",
    "checked_wording",
    "compose",
    "envelope",
    "fill",
    "language_for",
    "newest_told_of_buyer",
    "placeholders_in",
    "preview",
    "sample",
    "save_wording",
    "shown",
    "text_page",
    "told",
    "wording",
    "write_text",
]

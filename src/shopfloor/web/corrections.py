"""A form that holds text nobody can keep comes back with everything that was typed, and names the fields to correct.

One rule for every page: whatever refuses a text before its page could (characters that can't be saved, more than the
field takes, an account that its writer may not name) is answered with the same form sent again.  What was typed goes along unseen, the refused texts stand
there to be corrected, without what can't be saved; a file is chosen and a password typed once more.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import FormData, UploadFile

from shopfloor.kernel.account_numbers import names_account
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.text import UnusableText, cleaned, storable
from shopfloor.web import forms
from shopfloor.web.languages import N_
from shopfloor.web.messages import MESSAGES

# Never sent back to a page.
_SECRET: Final = re.compile(r"password|secret|private|(?<!public)_key$|^(?:current|new)$")
# Longer texts get a field of several lines.
_LINE: Final = 120
# What is refused for what a text says, and which texts say it.
_ABOUT_TEXTS: Final[Mapping[str, Callable[[str], bool]]] = {"accounts.account_named": names_account}
# So many characters, with spaces, somebody wrote.
_WRITTEN: Final = 30

LABELS: Final = {
    "about": N_("About us"),
    "address": N_("Address"),
    "alt": N_("Alt text"),
    "answer": N_("Why"),
    "city": N_("City"),
    "code": N_("Code"),
    "description": N_("Description"),
    "email": N_("Email"),
    "footer": N_("Footer"),
    "imprint": N_("Legal notice"),
    "intro": N_("First lines"),
    "label": N_("Name at checkout"),
    "licence": N_("Name of the licence"),
    "licence_number": N_("Number of the licence"),
    "links": N_("Links to your profiles"),
    "name": N_("Name"),
    "note": N_("Note"),
    "other_description": N_("Description in the other language"),
    "other_title": N_("Title in the other language"),
    "pay_to": N_("Bank details for transfers"),
    "phone": N_("Phone"),
    "pick_up_at": N_("Pickup location"),
    "privacy": N_("Privacy policy"),
    "reason": N_("Reason"),
    "script": N_("Script: what to say and show"),
    "slogan": N_("Slogan"),
    "street": N_("Street and number"),
    "subject": N_("Subject"),
    "tags": N_("Tags"),
    "terms": N_("Terms of sale"),
    "text": N_("Text"),
    "title": N_("Title"),
    "vendor": N_("Manufacturer"),
    "words": N_("Text"),
}

Words = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Field:
    """A text to correct: what it is called, what of it can be kept, and what was wrong."""

    name: str
    label: str
    value: str
    error: str

    @property
    def is_long(self) -> bool:
        return len(self.value) > _LINE or "\n" in self.value


@dataclass(frozen=True, slots=True)
class Correction:
    """`fields` are to be corrected; `unseen` goes along; `secrets` and `files` are names to be typed and chosen again."""

    fields: list[Field]
    unseen: list[tuple[str, str]]
    secrets: dict[str, bool]
    """By name, whether it had several lines, as keys in files have; a field of one line would join them."""
    files: dict[str, bool]
    """By name, whether several were chosen."""
    has_key: bool


def of_refusal(request: Request, refusal: Refusal, words: Words) -> Correction | None:
    """None where the refusal is about something else, or no form was sent."""
    form = _sent(request)
    if form is None:
        return None
    about = _ABOUT_TEXTS.get(refusal.code)
    if about is not None:
        return _correction(form, {}, words, refused=about, why=MESSAGES[refusal.code])
    if not isinstance(refusal, UnusableText):
        return None
    limits: dict[str, int] = {}
    named, longest = refusal.facts.get("field"), refusal.facts.get("longest")
    if isinstance(named, str) and isinstance(longest, int):
        limits[named] = longest
    return _correction(form, limits, words)


def of_invalid(request: Request, problem: RequestValidationError, words: Words) -> Correction | None:
    """None where anything is wrong but the length of texts."""
    form = _sent(request)
    if form is None:
        return None
    limits: dict[str, int] = {}
    for error in problem.errors():
        place = error["loc"]
        if error["type"] != "string_too_long" or len(place) < 2 or place[0] != "body":
            return None
        limits[str(place[1])] = int(error["ctx"]["max_length"])
    return _correction(form, limits, words)


def typed(request: Request) -> list[Field]:
    """What somebody wrote into the form that was sent, for a page that can't show this form again: what it was about is gone,
    or whoever sent it is signed out.  Texts that have a name here, and long ones; no numbers, choices or secrets.
    """
    form = _sent(request)
    if form is None:
        return []
    return [
        Field(name, "", value, "")
        for name, value in form.multi_items()
        if isinstance(value, str)
        and value.strip()
        and storable(name + value)
        and not _SECRET.search(name)
        and (name.partition("-")[0] in LABELS or (len(value) >= _WRITTEN and " " in value.strip()))
    ]


def _sent(request: Request) -> FormData | None:
    """The form that the request brought, as far as it was read."""
    form = getattr(request, "_form", None)
    return form if request.method == "POST" and isinstance(form, FormData) else None


def _correction(
    form: FormData,
    limits: Mapping[str, int],
    words: Words,
    *,
    refused: Callable[[str], bool] = lambda _: False,
    why: str = "",
) -> Correction | None:
    """`refused`: which texts are, beside those that can't be kept or are longer than `limits`; `why` is said of them."""
    fields: list[Field] = []
    unseen: list[tuple[str, str]] = []
    secrets: dict[str, bool] = {}
    files: dict[str, bool] = {}
    for name, value in form.multi_items():
        if not storable(name) or name == forms.FIELD:
            continue
        if isinstance(value, UploadFile):
            if value.filename:
                files[name] = name in files
        elif _SECRET.search(name):
            if value:
                secrets[name] = "\n" in value.strip()
        elif not storable(value):
            said = words(N_("Characters that can't be saved were removed. Check the text."))
            fields.append(Field(name, label(name, words), cleaned(value, one_line=False), said))
        elif len(value) > limits.get(name, len(value)):
            facts = {"longest": limits[name], "length": len(value)}
            said = words(N_("Use at most %(longest)s characters. These are %(length)s.")) % facts
            fields.append(Field(name, label(name, words), value, said))
        elif refused(value):
            fields.append(Field(name, label(name, words), value, words(why)))
        else:
            unseen.append((name, value))
    if not fields:
        return None
    return Correction(fields, unseen, secrets, files, forms.FIELD in form)


def label(name: str, words: Words) -> str:
    """What a field is called; the end of a name like `note-17` is its row."""
    known = LABELS.get(name.partition("-")[0])
    return words(known) if known is not None else name.replace("_", " ").capitalize()

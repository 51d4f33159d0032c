"""Text that people type: cleaned the same way everywhere, and refused where it cannot be kept.

PostgreSQL keeps neither NUL nor half a surrogate pair, and control characters hide what a line says.
"""

import unicodedata

from shopfloor.kernel.errors import Invalid


class UnusableText(Invalid):
    """The text is too long, too short or not text."""

    code = "text.unusable"


def line(value: str, *, field: str, longest: int, shortest: int = 0) -> str:
    """One line: composed (NFC), trimmed, without control characters.  Lengths in characters."""
    return _checked(value.strip(), field=field, longest=longest, shortest=shortest, allowed="")


def prose(value: str, *, field: str, longest: int) -> str:
    """Several lines: as `line`, with line breaks and tabs."""
    return _checked(
        value.replace("\r\n", "\n").strip(), field=field, longest=longest, shortest=0, allowed="\n\t"
    )


def _checked(value: str, *, field: str, longest: int, shortest: int, allowed: str) -> str:
    if len(value) > longest:
        raise UnusableText(f"'{field}' may be {longest} characters long.", field=field, longest=longest)
    text = unicodedata.normalize("NFC", value)
    if len(text) > longest:
        raise UnusableText(f"'{field}' may be {longest} characters long.", field=field, longest=longest)
    if len(text) < shortest:
        raise UnusableText(f"'{field}' is missing or too short.", field=field, shortest=shortest)
    for character in text:
        if unicodedata.category(character) in {"Cc", "Cs"} and character not in allowed:
            raise UnusableText(f"'{field}' contains characters that are not text.", field=field)
    return text

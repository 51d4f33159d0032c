"""Telephone numbers as the world dials them (E.164): `+8613800001111`, however somebody wrote it.

The tables of all numbering plans are Google's libphonenumber in Python, without its names of carriers and places; the
table of a country is loaded when its first number is read.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import phonenumbers
else:
    from shopfloor.kernel import late

    phonenumbers = late.module("phonenumbers")

LONGEST: Final = 40
# Of an order, as it is compared before its country is known.
_COMPARED: Final = 9


def e164(text: str, *, region: str) -> str:
    """The number in full; '' for what is none.  `region`: the country (ISO 3166) of numbers written without one."""
    written = text.strip()
    if not written or len(written) > LONGEST or not any(sign.isdecimal() for sign in written):
        return ""
    try:
        found = phonenumbers.parse(written, region or None)
    except phonenumbers.NumberParseException:
        return ""
    if found.extension or not phonenumbers.is_valid_number(found):
        return ""
    return phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164)


def country_of(number: str) -> str:
    """The country of a number in full; '' for one of no country."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number)) or ""
    except phonenumbers.NumberParseException:
        return ""


def is_mobile(number: str) -> bool:
    """Whether a number in full is of a mobile phone, or could be one where a country's numbers don't tell (+1): none that
    costs extra, is free, or moves with a person.
    """
    kinds = phonenumbers.PhoneNumberType
    try:
        found = phonenumbers.number_type(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False
    return found in {kinds.MOBILE, kinds.FIXED_LINE_OR_MOBILE}


def at_home(number: str) -> str:
    """Its digits without the country."""
    try:
        return phonenumbers.national_significant_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return ""


def shown(number: str) -> str:
    """As people read it: `+86 138 0000 1111`."""
    try:
        return phonenumbers.format_number(
            phonenumbers.parse(number), phonenumbers.PhoneNumberFormat.INTERNATIONAL
        )
    except phonenumbers.NumberParseException:
        return number


def ending(number: str) -> str:
    """What all ways to write it have in common: its last nine digits."""
    return "".join(sign for sign in number if sign.isdecimal())[-_COMPARED:]


def same(written: Sequence[str], number: str, *, region: str) -> list[int]:
    """Which of the written numbers are this one, by their places."""
    return [place for place, each in enumerate(written) if e164(each, region=region) == number]

"""Whether a tax number can be one: its form, and its check digits where their rule is public."""

import re
from collections.abc import Callable, Mapping
from typing import Final

# Without the letters of the country.
_FORMS: Final[Mapping[str, str]] = {
    "AT": r"U\d{8}", "BE": r"[01]\d{9}", "BG": r"\d{9,10}", "CY": r"\d{8}[A-Z]", "CZ": r"\d{8,10}", "DE": r"[1-9]\d{8}",
    "DK": r"[1-9]\d{7}", "EE": r"\d{9}", "EL": r"\d{9}", "ES": r"[A-Z0-9]\d{7}[A-Z0-9]", "FI": r"\d{8}",
    "FR": r"[A-HJ-NP-Z0-9]{2}\d{9}", "HR": r"\d{11}", "HU": r"\d{8}", "IE": r"\d[0-9A-Z+*]\d{5}[A-W][A-I]?",
    "IT": r"\d{11}", "LT": r"\d{9}(\d{3})?", "LU": r"\d{8}", "LV": r"\d{11}", "MT": r"\d{8}", "NL": r"\d{9}B\d{2}",
    "PL": r"\d{10}", "PT": r"[1-9]\d{8}", "RO": r"\d{2,10}", "SE": r"\d{12}", "SI": r"[1-9]\d{7}", "SK": r"\d{10}",
    "XI": r"\d{9}(\d{3})?", "GB": r"\d{9}(\d{3})?", "CH": r"E?\d{9}(MWST|TVA|IVA)?", "NO": r"\d{9}(MVA)?",
    "CN": r"[0-9A-HJ-NPQRTUWXY]{2}\d{6}[0-9A-HJ-NPQRTUWXY]{10}",
}  # fmt: skip
_USCC: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
# Greece writes EL in its numbers.
_LETTERS: Final[Mapping[str, str]] = {"GR": "EL"}
_MARKS: Final = re.compile(r"[\s.\-/_]")


def tidy(number: str) -> str:
    return _MARKS.sub("", number).upper()


def is_plausible(number: str, country: str) -> bool:
    """Whether this can be a number of that country: true where we know no form of its numbers."""
    bare = tidy(number)
    letters = _LETTERS.get(country, country)
    form = _FORMS.get(letters)
    if form is None:
        return re.fullmatch(r"[A-Z0-9]{3,30}", bare) is not None
    own = bare.removeprefix(letters) if letters != "CN" else bare
    if re.fullmatch(form, own, re.ASCII) is None:
        return False
    check = _CHECKS.get(letters)
    return check is None or check(own)


def _weighted(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def _luhn(digits: str) -> bool:
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(each - 9 if each > 9 else each for each in doubled) % 10 == 0


def _mod_11_10(digits: str) -> bool:
    check = 10
    for digit in digits[:-1]:
        check = ((check + int(digit)) % 10 or 10) * 2 % 11
    return (11 - check) % 10 == int(digits[-1])


def _austria(own: str) -> bool:
    digits = own[1:]
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(digits[:7])]
    return (10 - (sum(each // 10 + each % 10 for each in doubled) + 4) % 10) % 10 == int(digits[7])


def _greece(own: str) -> bool:
    check = 0
    for digit in own[:8]:
        check = check * 2 + int(digit)
    return check * 2 % 11 % 10 == int(own[8])


def _netherlands(own: str) -> bool:
    """The old rule, of the number of a company, or the new one over all signs."""
    old = (_weighted(own[:8], (9, 8, 7, 6, 5, 4, 3, 2)) - int(own[8])) % 11 == 0
    signs = "".join(str(int(sign, 36)) for sign in f"NL{own}")
    return old or int(signs) % 97 == 1


def _britain(own: str) -> bool:
    rest = (_weighted(own[:7], (8, 7, 6, 5, 4, 3, 2)) + int(own[7:9])) % 97
    return rest in {0, 42}


def _switzerland(own: str) -> bool:
    digits = own.removeprefix("E")[:9]
    return (11 - _weighted(digits[:8], (5, 4, 3, 2, 7, 6, 5, 4)) % 11) % 11 == int(digits[8])


def _china(own: str) -> bool:
    total = sum(_USCC.index(sign) * pow(3, place, 31) for place, sign in enumerate(own[:17]))
    return _USCC[(31 - total % 31) % 31] == own[17]


def _portugal(own: str) -> bool:
    return (11 - _weighted(own[:8], (9, 8, 7, 6, 5, 4, 3, 2)) % 11) % 11 % 10 == int(own[8])


def _slovenia(own: str) -> bool:
    return (11 - _weighted(own[:7], (8, 7, 6, 5, 4, 3, 2)) % 11) % 10 == int(own[7])


def _romania(own: str) -> bool:
    digits = own.zfill(10)
    return 10 * _weighted(digits[:9], (7, 5, 3, 2, 1, 7, 5, 3, 2)) % 11 % 10 == int(digits[9])


def _norway(own: str) -> bool:
    return (11 - _weighted(own[:8], (3, 2, 7, 6, 5, 4, 3, 2)) % 11) % 11 == int(own[8])


_CHECKS: Final[Mapping[str, Callable[[str], bool]]] = {
    "AT": _austria,
    "BE": lambda own: 97 - int(own[:8]) % 97 == int(own[8:]),
    "CH": _switzerland,
    "CN": _china,
    "DE": _mod_11_10,
    "DK": lambda own: _weighted(own, (2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0,
    "EE": lambda own: _weighted(own, (3, 7, 1, 3, 7, 1, 3, 7, 1)) % 10 == 0,
    "EL": _greece,
    "FI": lambda own: _weighted(own, (7, 9, 10, 5, 8, 4, 2, 1)) % 11 == 0,
    "FR": lambda own: not own[:2].isdigit() or (int(own[2:]) * 100 + 12) % 97 == int(own[:2]),
    "GB": _britain,
    "HR": _mod_11_10,
    "HU": lambda own: _weighted(own, (9, 7, 3, 1, 9, 7, 3, 1)) % 10 == 0,
    "IT": _luhn,
    "LU": lambda own: int(own[:6]) % 89 == int(own[6:]),
    "MT": lambda own: _weighted(own, (3, 4, 6, 7, 8, 9, 10, 1)) % 37 == 0,
    "NL": _netherlands,
    "NO": _norway,
    "PL": lambda own: _weighted(own[:9], (6, 5, 7, 2, 3, 4, 5, 6, 7)) % 11 == int(own[9]),
    "PT": _portugal,
    "RO": _romania,
    "SE": lambda own: _luhn(own[:10]),
    "SI": _slovenia,
    "SK": lambda own: int(own) % 11 == 0,
    "XI": _britain,
}

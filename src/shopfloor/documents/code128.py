"""Code 128 (ISO/IEC 15417) as the widths of bars: what every scanner of parcels reads.  Pure."""

from collections.abc import Sequence
from itertools import takewhile
from typing import Final

from shopfloor.kernel.records import dataclass

_WIDTHS: Final = [
    "212222",
    "222122",
    "222221",
    "121223",
    "121322",
    "131222",
    "122213",
    "122312",
    "132212",
    "221213",
    "221312",
    "231212",
    "112232",
    "122132",
    "122231",
    "113222",
    "123122",
    "123221",
    "223211",
    "221132",
    "221231",
    "213212",
    "223112",
    "312131",
    "311222",
    "321122",
    "321221",
    "312212",
    "322112",
    "322211",
    "212123",
    "212321",
    "232121",
    "111323",
    "131123",
    "131321",
    "112313",
    "132113",
    "132311",
    "211313",
    "231113",
    "231311",
    "112133",
    "112331",
    "132131",
    "113123",
    "113321",
    "133121",
    "313121",
    "211331",
    "231131",
    "213113",
    "213311",
    "213131",
    "311123",
    "311321",
    "331121",
    "312113",
    "312311",
    "332111",
    "314111",
    "221411",
    "431111",
    "111224",
    "111422",
    "121124",
    "121421",
    "141122",
    "141221",
    "112214",
    "112412",
    "122114",
    "122411",
    "142112",
    "142211",
    "241211",
    "221114",
    "413111",
    "241112",
    "134111",
    "111242",
    "121142",
    "121241",
    "114212",
    "124112",
    "124211",
    "411212",
    "421112",
    "421211",
    "212141",
    "214121",
    "412121",
    "111143",
    "111341",
    "131141",
    "114113",
    "114311",
    "411113",
    "411311",
    "113141",
    "114131",
    "311141",
    "411131",
    "211412",
    "211214",
    "211232",
    "2331112",
]
_TO_C: Final = 99
_TO_B: Final = 100
_START_B: Final = 104
_START_C: Final = 105
_STOP: Final = 106
LONGEST: Final = 40


@dataclass(frozen=True, slots=True)
class Bars:
    """`bars`: (where it begins, how wide it is), in modules; `modules`: how wide all of it is, without quiet zones."""

    bars: list[tuple[int, int]]
    modules: int


def can(text: str) -> bool:
    """Whether it can be written: printable ASCII, at most LONGEST signs."""
    return 0 < len(text) <= LONGEST and all(" " <= char <= "~" for char in text)


def bars(text: str) -> Bars:
    """Raises ValueError for what cannot be written."""
    if not can(text):
        raise ValueError("Code 128 has printable ASCII only")
    found: list[tuple[int, int]] = []
    at = 0
    for code in [*_codes(text), _STOP]:
        for turn, width in enumerate(map(int, _WIDTHS[code])):
            if turn % 2 == 0:
                found.append((at, width))
            at += width
    return Bars(found, at)


def _codes(text: str) -> list[int]:
    """Start, content and check sum.  Four digits and more go in pairs, which takes half the room."""
    codes: list[int] = []
    in_pairs = False
    at = 0
    while at < len(text):
        digits = len("".join(takewhile(str.isdigit, text[at:])))
        wants_pairs = (
            digits >= 2 if in_pairs else digits >= 4 and not (digits % 2 and not codes and digits < len(text))
        )
        if wants_pairs and digits % 2 and not in_pairs:
            # An odd digit goes before the pairs.
            codes.append(ord(text[at]) - 32 if codes else _START_B)
            if len(codes) == 1:
                codes.append(ord(text[at]) - 32)
            at += 1
            digits -= 1
        if wants_pairs:
            if not in_pairs:
                codes.append(_TO_C if codes else _START_C)
                in_pairs = True
            for _ in range(digits // 2):
                codes.append(int(text[at : at + 2]))
                at += 2
        else:
            if not codes or in_pairs:
                codes.append(_TO_B if codes else _START_B)
                in_pairs = False
            codes.append(ord(text[at]) - 32)
            at += 1
    return [*codes, _check(codes)]


def _check(codes: Sequence[int]) -> int:
    return (codes[0] + sum(turn * code for turn, code in enumerate(codes[1:], start=1))) % 103

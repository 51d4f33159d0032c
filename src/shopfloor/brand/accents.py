"""A shop's accent colour as it is used: fills with text on them, and words on the page, in light and in dark.  Pure.

Contrast as WCAG 2.2 defines it (relative luminance of sRGB); text keeps at least 4.5:1.
"""

import re
from collections.abc import Callable
from typing import Final, Literal

from shopfloor.kernel.errors import Invalid
from shopfloor.kernel.records import dataclass

LEAST_CONTRAST: Final = 4.5
# A button that is hardly lighter or darker than the page is not seen to be one.
_LEAST_SEEN: Final = 1.2
_STEP: Final = 0.02
_HEX: Final = re.compile(r"#?([0-9a-f]{6}|[0-9a-f]{3})")

Colour = tuple[int, int, int]
Theme = Literal["light", "dark"]

# The grounds that words stand on, as in frontend/css/parts/tokens.css: paper, sheet and well.
THEMES: Final[tuple[Theme, ...]] = ("light", "dark")
_GROUNDS: Final[dict[Theme, tuple[str, ...]]] = {
    "light": ("#f6f3ec", "#fffdf8", "#ece7dc"),
    "dark": ("#161412", "#201d1a", "#2b2723"),
}
_INK: Final = "#1e1b17"
_WHITE: Final = "#ffffff"


class BadColour(Invalid):
    """Not a colour, as in #c4311d."""

    code = "brand.bad_colour"


@dataclass(frozen=True, slots=True)
class Tones:
    """Colours of one theme, as #rrggbb.  `fill` lies behind `on`; `words` stand on the page."""

    fill: str
    press: str
    on: str
    words: str


@dataclass(frozen=True, slots=True)
class Adjusted:
    """Where the chosen colour could not be used as it is, what is used instead, and the contrast it would have had."""

    theme: Theme
    use: Literal["fill", "words"]
    instead: str
    contrast: float


def checked_colour(text: str) -> str:
    """As #rrggbb, in lower case; empty stays empty.  Raises BadColour."""
    wanted = text.strip().lower()
    if not wanted:
        return ""
    found = _HEX.fullmatch(wanted)
    if found is None:
        raise BadColour(given=wanted[:40])
    digits = found[1]
    return "#" + (digits if len(digits) == 6 else "".join(digit * 2 for digit in digits))


def contrast(colour: str, other: str) -> float:
    """Between 1 and 21."""
    lighter, darker = sorted((_luminance(_parts(colour)), _luminance(_parts(other))), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def tones(accent: str, theme: Theme) -> Tones:
    """The accent in one theme: as it is where that can be read, else darker or lighter until it can."""
    grounds = _GROUNDS[theme]
    away = _BLACK if theme == "light" else _LIGHT
    fill = _until(
        accent,
        away,
        lambda tried: (
            contrast(tried, _on(tried)) >= LEAST_CONTRAST and contrast(tried, grounds[0]) >= _LEAST_SEEN
        ),
    )
    words = _until(
        accent,
        away,
        lambda tried: all(contrast(tried, ground) >= LEAST_CONTRAST for ground in grounds),
    )
    on = _on(fill)
    # What is pressed moves away from its own text: it must not lose contrast.
    return Tones(fill, _mixed(fill, _BLACK if on == _WHITE else _LIGHT, 0.12), on, words)


def adjusted(accent: str) -> list[Adjusted]:
    """All that is not as it was chosen."""
    found: list[Adjusted] = []
    for theme, grounds in _GROUNDS.items():
        used = tones(accent, theme)
        if used.fill != accent:
            text, ground = contrast(accent, _on(accent)), contrast(accent, grounds[0])
            found.append(Adjusted(theme, "fill", used.fill, text if text < LEAST_CONTRAST else ground))
        if used.words != accent:
            worst = min(contrast(accent, ground) for ground in grounds)
            found.append(Adjusted(theme, "words", used.words, worst))
    return found


def style(accent: str) -> str:
    """The sheet that puts the accent in the place of the house's."""

    def rules(theme: Theme) -> str:
        used = tones(accent, theme)
        return (
            f":root{{--accent:{used.fill};--accent-press:{used.press};"
            f"--on-accent:{used.on};--accent-text:{used.words}}}"
        )

    return f"{rules('light')}\n@media (prefers-color-scheme:dark){{{rules('dark')}}}\n"


_BLACK: Final = (0, 0, 0)
_LIGHT: Final = (255, 255, 255)


def _on(fill: str) -> str:
    return max((_WHITE, _INK), key=lambda text: contrast(fill, text))


def _until(colour: str, towards: Colour, holds: Callable[[str], bool]) -> str:
    share = 0.0
    while not holds(tried := _mixed(colour, towards, min(share, 1.0))):
        share += _STEP
    return tried


def _parts(colour: str) -> Colour:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _mixed(colour: str, towards: Colour, share: float) -> str:
    return "#" + "".join(
        f"{round(part + (end - part) * share):02x}" for part, end in zip(_parts(colour), towards, strict=True)
    )


def _luminance(colour: Colour) -> float:
    linear = [
        part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4
        for part in colour
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

"""The visual language on one page: every token and component, in light and in dark.  For those who work on Shopfloor.

It is there where `development` is set, and nowhere else.  Tokens are read from the built stylesheet: what the page shows is
what pages have.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, Final

from fastapi import Request
from starlette.responses import Response

from shopfloor import brand
from shopfloor.kernel import paging
from shopfloor.kernel.errors import NotFound
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.kernel.values import Money
from shopfloor.web.languages import language_of
from shopfloor.web.static import asset, content_of
from shopfloor.web.templating import render

router = Router(include_in_schema=False)

THEMES: Final = ("light", "dark")
# Text and the ground it stands on; each keeps 4.5:1.
PAIRS: Final = (
    ("ink", "paper"), ("ink", "sheet"), ("ink", "well"), ("ink-soft", "paper"), ("ink-soft", "sheet"),
    ("ink-soft", "well"), ("on-seal", "seal"), ("seal-text", "sheet"), ("seal-text", "seal-soft"),
    ("good", "good-soft"), ("good", "sheet"), ("wait", "wait-soft"), ("wait", "sheet"), ("focus", "paper"),
)  # fmt: skip
_BLOCK: Final = re.compile(r":root\{([^}]*)\}")
_TOKEN: Final = re.compile(r"--([a-z0-9-]+):\s*([^;]+)")
_COLOUR: Final = re.compile(r"#[0-9a-f]{3,8}")


class NoDesignPage(NotFound):
    """The page of components is for development: `SHOPFLOOR_DEVELOPMENT` switches it on."""

    code = "web.no_design_page"


@dataclass(frozen=True, slots=True)
class Pair:
    text: str
    ground: str
    ratio: float


@lru_cache(1)
def _tokens(url: str) -> dict[str, dict[str, str]]:
    """Of each theme, all tokens by name."""
    light, dark, *_ = _BLOCK.findall(content_of("site.css").decode())
    base = dict(_TOKEN.findall(light))
    return {"light": base, "dark": base | dict(_TOKEN.findall(dark))}


def tokens() -> Mapping[str, Mapping[str, str]]:
    return _tokens(asset("site.css").url)


def colours(theme: str) -> dict[str, str]:
    """The tokens of a theme that are a colour, with what they come to."""
    known = tokens()[theme]
    found: dict[str, str] = {}
    for name, value in known.items():
        while value.startswith("var(--"):
            value = known[value[6:-1]]  # noqa: PLW2901 -- a token may name another
        if _COLOUR.fullmatch(value):
            found[name] = value if len(value) > 4 else "#" + "".join(2 * each for each in value[1:])
    return found


def pairs(theme: str) -> list[Pair]:
    known = colours(theme)
    return [Pair(text, ground, brand.accents.contrast(known[text], known[ground])) for text, ground in PAIRS]


def _allowed(request: Request) -> None:
    settings = services_of(request).settings
    if settings is None or not settings.development:
        raise NoDesignPage


@router.get("/design")
@public
async def page(request: Request) -> Response:
    _allowed(request)
    line = SimpleNamespace(ready_on=None)
    return render(
        request,
        "design.html",
        themes=THEMES,
        tokens=tokens(),
        colours={theme: colours(theme) for theme in THEMES},
        pairs={theme: pairs(theme) for theme in THEMES},
        icons=re.findall(r'<symbol id="([a-z-]+)"', content_of("icons.svg").decode()),
        amount=Money(129_00, "EUR"),
        turned=paging.Page(
            items=[1, 2, 3], next=3, previous=1, first=51, total=paging.Counted(1_200, or_more=False)
        ),
        bundle=SimpleNamespace(contents=[SimpleNamespace(line=line, quantity=2)]),
        texts=SimpleNamespace(title=_same("Tea bowl"), options=_same("Celadon")),
        language_tag=language_of(request).tag,
        errors_shown={"": "", "email-light": "", "email-dark": ""},
    )


def _same(text: str) -> Any:
    return lambda _: text


@router.get("/design/themes.css")
@public
async def themes(request: Request) -> Response:
    """Both themes by name, so that one page can show them side by side."""
    _allowed(request)
    parts: Sequence[str] = [
        f".theme-{theme}{{color-scheme:{theme};{';'.join(f'--{name}:{value}' for name, value in known.items())}}}"
        for theme, known in tokens().items()
    ]
    return Response("\n".join(parts), media_type="text/css")

"""The languages of the pages, and which one a request is answered in.

English is the source language; `locale/zh_CN/LC_MESSAGES/{shop,console}.po` hold the Chinese, compiled to `.mo` by
`make assets`.  `tools/words.py` brings the .po files up to date with templates and code.

In Python:

    words = speak(request)
    words.gettext("Write a postcode.")

In templates `_()`, `ngettext()` and `{% trans %}` are simply there.  A sentence that is only kept for later
translation (a table of messages) is marked with `N_`.
"""

from collections.abc import Mapping
from functools import lru_cache
from gettext import NullTranslations
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

from babel import Locale
from babel.numbers import format_decimal
from babel.support import Translations
from starlette.requests import HTTPConnection

from shopfloor.kernel.records import dataclass

COOKIE: Final = "language"
DOMAINS: Final = ("shop", "console")
LOCALES: Final = Path(__file__).parent / "locale"


@dataclass(frozen=True, slots=True)
class Language:
    """`tag` is what HTML and cookies say, `locale` what Babel and the catalogues say."""

    tag: str
    name: str
    locale: Locale
    words: NullTranslations

    def localised(self, titles: object, otherwise: str) -> str:
        """The entry of a merchant's `{locale: text}` that fits this language, else `otherwise`."""
        if not isinstance(titles, dict):
            return otherwise
        for key in (self.tag, str(self.locale), self.tag.replace("-", "_"), self.locale.language):
            text = titles.get(key)
            if isinstance(text, str) and text:
                return text
        return otherwise

    def words_of(self, texts: object) -> Mapping[str, str]:
        """The words of a merchant's `{locale: {word: text}}` that fit this language."""
        if isinstance(texts, Mapping):
            known = cast("Mapping[str, Any]", texts)
            for key in (self.tag, str(self.locale), self.tag.replace("-", "_"), self.locale.language):
                if isinstance(known.get(key), Mapping):
                    return known[key]
        return {}

    def number(self, value: int) -> str:
        """A count as this language writes it: 1,000,000."""
        return str(value) if abs(value) < 1_000 else format_decimal(value, locale=self.locale)

    def facts(self, given: Mapping[str, object]) -> dict[str, object]:
        """What a sentence is filled with: counts as numbers of this language, whatever only has digits as it is."""
        return {
            name: self.number(value)
            if isinstance(value, int) and not isinstance(value, bool) and name not in _NO_COUNTS
            else value
            for name, value in given.items()
        }


# Digits that count nothing: the number of an order, a port.
_NO_COUNTS: Final = frozenset({"number", "id", "port", "year"})


def N_(text: str) -> str:  # noqa: N802 -- the name every extraction tool knows
    """Mark a sentence for translation without translating it yet."""
    return text


def _load(locale: str) -> NullTranslations:
    first, *others = (Translations.load(LOCALES, [locale], domain) for domain in DOMAINS)
    if isinstance(first, Translations):
        for other in others:
            if isinstance(other, Translations):
                first.merge(other)
    return first


LANGUAGES: Final = (
    Language("en", "English", Locale("en"), NullTranslations()),
    Language("zh-CN", "中文", Locale.parse("zh_Hans_CN"), _load("zh_CN")),
)
_BY_TAG: Final = {language.tag: language for language in LANGUAGES}


def by_tag(tag: str) -> Language | None:
    """The language called exactly `tag`."""
    return _BY_TAG.get(tag)


def fitting(tag: str) -> Language | None:
    """The language that serves a reader of `tag`: `zh-Hant`, `zh_CN` and `zh` are served in zh-CN."""
    wanted = tag.strip().replace("_", "-").lower().split("-")[0]
    return next((language for language in LANGUAGES if language.tag.lower().split("-")[0] == wanted), None)


def accepted(header: str) -> Language | None:
    """The first language of an Accept-Language header that we speak, by quality, then by order."""
    return _accepted(header[:500])


@lru_cache(512)
def _accepted(header: str) -> Language | None:
    weighed: list[tuple[float, int, Language]] = []
    for place, part in enumerate(header.split(",")):
        tag, _, parameters = part.partition(";")
        language = fitting(tag)
        if language is not None:
            weighed.append((-_quality(parameters), place, language))
    return min(weighed, key=lambda entry: entry[:2])[2] if weighed else None


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0


def language_of(connection: HTTPConnection, otherwise: str | None = None) -> Language:
    """What the reader chose (cookie), else what the browser asks for, else `otherwise` (the shop's), else English."""
    asked = asked_for(connection.cookies.get(COOKIE, ""), connection.headers.get("accept-language", ""))
    return asked or (fitting(otherwise) if otherwise else None) or LANGUAGES[0]


def asked_for(cookie: str, header: str) -> Language | None:
    """What the reader chose, else what the browser asks for; None where we speak neither."""
    return by_tag(cookie) or accepted(header)


def speak(connection: HTTPConnection) -> NullTranslations:
    """The words of this request's language, for messages made in Python."""
    return language_of(connection).words


def own_path(target: str | None) -> str:
    """`target` if it is a path of this site, else the front page: a form must not send people elsewhere."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")):
        return "/"
    parts = urlsplit(target)
    return "/" if parts.scheme or parts.netloc or any(ord(c) < 32 for c in target) else target

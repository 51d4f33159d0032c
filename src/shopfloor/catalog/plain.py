"""A description without its markup.  Pure; reads whatever comes, once, from front to back, and cannot raise.

Descriptions are HTML from other shops, word processors and people who type.  Nothing here looks for the end of
something that does not end more than once, so that time grows with the text and not with its square.
"""

import html
import re
from collections.abc import Iterator, Mapping
from typing import Final

from shopfloor.kernel.text import cleaned

LONGEST_PLAIN: Final = 65_000

_BREAKS: Final = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "br",
        "center",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "option",
        "p",
        "pre",
        "section",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "tr",
        "ul",
    ]
)
_CELLS: Final = frozenset({"td", "th"})
_SILENT: Final = frozenset({"script", "style", "template", "noscript", "iframe", "object", "head", "title"})
_NAME: Final = re.compile(r"</?([A-Za-z][A-Za-z0-9]{0,30})")
_QUOTE_OR_END: Final = re.compile("[\"'>]")
# int() refuses more digits than anybody means, and html.unescape passes them to it.
_ENDLESS_NUMBER: Final = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9A-Fa-f]{8,});?")
_SPACES: Final = re.compile(r"[^\S\n]+")
_LINES: Final = re.compile(r" ?\n\s*")


def plain_text(description: str) -> str:
    """A description without markup, in paragraphs.  Text, not safe HTML: templates still escape it."""
    text = cleaned("".join(_pieces(description[:LONGEST_PLAIN])), one_line=False)
    return _LINES.sub("\n", _SPACES.sub(" ", text)).strip()[:LONGEST_PLAIN]


def plain_texts(descriptions: Mapping[str, str]) -> dict[str, str]:
    return {locale: plain_text(text) for locale, text in descriptions.items()}


def _pieces(markup: str) -> Iterator[str]:
    last_end, last_comment_end = markup.rfind(">"), markup.rfind("-->")
    ends = _Ends(markup)
    at = 0
    while (begin := markup.find("<", at)) >= 0:
        yield _characters(markup[at:begin])
        at = begin
        if begin > last_end:
            break
        if markup.startswith("<!--", begin):
            # A comment without an end would swallow all that follows it: then only its sign goes.
            at = markup.index("-->", begin) + 3 if begin < last_comment_end else begin + 4
        elif markup.startswith(("<!", "<?"), begin):
            at = markup.index(">", begin) + 1
        elif (name := _NAME.match(markup, begin)) is not None:
            at = ends.of_tag(name.end())
            tag, closes = name[1].lower(), markup[begin + 1] == "/"
            if tag in _BREAKS:
                yield "\n"
            elif tag in _CELLS:
                yield " "
            elif tag in _SILENT and not closes and markup[at - 2] != "/":
                at = ends.of_silence(tag, at)
        else:
            yield "<"
            at = begin + 1
    yield _characters(markup[at:])


def _characters(text: str) -> str:
    return html.unescape(_ENDLESS_NUMBER.sub("", text)) if "&" in text else text


class _Ends:
    """Where tags end.  What was once looked for in vain is not looked for again."""

    def __init__(self, markup: str) -> None:
        self._markup = markup
        self._last = {quote: markup.rfind(quote) for quote in "\"'"}
        self._quotes_close = True
        self._never_closed: set[str] = set()

    def of_tag(self, at: int) -> int:
        """Behind the `>` that ends the tag, not counting those in quotes.  There is a `>` at or behind `at`."""
        place = at
        while self._quotes_close:
            found = _QUOTE_OR_END.search(self._markup, place)
            if found is None:
                # Every `>` stands in quotes: from here on they are taken for the ends they look like.
                self._quotes_close = False
            elif found[0] == ">":
                return found.end()
            elif found.start() < self._last[found[0]]:
                place = self._markup.index(found[0], found.end()) + 1
            else:
                place = found.end()
        return self._markup.index(">", at) + 1

    def of_silence(self, tag: str, at: int) -> int:
        """Behind the end tag of a script and the like; without one only its own tag goes."""
        if tag not in self._never_closed:
            found = re.compile(f"</{tag}[^>]{{0,200}}>", re.IGNORECASE).search(self._markup, at)
            if found is not None:
                return found.end()
            self._never_closed.add(tag)
        return at

"""Documents as files for a browser, and pages as documents."""

from html.parser import HTMLParser
from typing import Final

from starlette.responses import Response


def pdf(name: str, content: bytes) -> Response:
    """Opens in the browser; saved it has a name."""
    return Response(
        content,
        media_type="application/pdf",
        headers={
            "content-disposition": f'inline; filename="{name}"',
            "cache-control": "private, no-store",
            "x-content-type-options": "nosniff",
        },
    )


def as_file(name: str, content: bytes, format: str) -> Response:  # noqa: A002 -- what it is called
    """A PDF opens in the browser; what it does not know is saved."""
    if format == "pdf":
        return pdf(name, content)
    return Response(
        content,
        media_type="application/octet-stream",
        headers={
            "content-disposition": f'attachment; filename="{name}"',
            "cache-control": "private, no-store",
            "x-content-type-options": "nosniff",
        },
    )


def blocks_of(html: str) -> list[list[str]]:
    """A page that we wrote as blocks for the typesetter: h1, h2, p, `fact` (name, value) and `row` (words, amount)."""
    reader = _Blocks()
    reader.feed(html)
    reader.close()
    return reader.found


class _Blocks(HTMLParser):
    """Knows headings, paragraphs, lists whose items hold spans, and lists of names and values; nothing else is text."""

    _PARTS: Final = frozenset({"h1", "h2", "p", "li", "dt", "dd"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[list[str]] = []
        self._open: str | None = None
        self._columns: list[str] = []
        self._spans = 0
        self._name = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._PARTS:
            self._open, self._columns, self._spans = tag, [""], 0
        elif tag == "br" and self._open:
            self._columns[-1] += "\n"
        elif tag == "span" and self._open == "li":
            if self._spans == 0 and self._columns[-1].strip():
                self._columns.append("")
            self._spans += 1

    def handle_endtag(self, tag: str) -> None:
        if tag == "span" and self._open == "li":
            self._spans -= 1
        if tag != self._open:
            return
        texts = [_tidied(each) for each in self._columns]
        self._open = None
        match tag:
            case "dt":
                self._name = texts[0]
            case "dd":
                self.found.append(["fact", self._name, texts[0]])
            case "li":
                self.found.append(["row", texts[0], " ".join(texts[1:])])
            case _ if texts[0]:
                self.found.append([tag, texts[0]])
            case _:
                pass

    def handle_data(self, data: str) -> None:
        if self._open:
            self._columns[-1] += data.replace("\n", " ")


def _tidied(text: str) -> str:
    return "\n".join(" ".join(line.split()) for line in text.split("\n")).strip()

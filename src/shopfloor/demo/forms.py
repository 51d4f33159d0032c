"""Read the forms of a page and fill them in, as a person without JavaScript would."""

from dataclasses import field
from html.parser import HTMLParser

from shopfloor.kernel.records import dataclass


@dataclass(slots=True)
class Form:
    """A form as it stands in a page: where it goes and what it would send untouched."""

    action: str
    method: str
    values: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)

    def filled(self, **answers: str) -> dict[str, str]:
        """The untouched values with those answers put in whose fields exist."""
        known = self.values.keys() | self.choices.keys()
        return self.values | {name: value for name, value in answers.items() if name in known}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open: Form | None = None
        self._select: str | None = None
        self._area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = Form(facts.get("action", ""), facts.get("method", "get").lower())
            self.forms.append(self._open)
        elif self._open is not None:
            self._field(tag, facts)

    def _field(self, tag: str, facts: dict[str, str]) -> None:
        form, name = self._open, facts.get("name", "")
        assert form is not None
        if tag == "option" and self._select is not None:
            if "disabled" in facts:
                return
            value = facts.get("value", "")
            form.choices.setdefault(self._select, []).append(value)
            if "selected" in facts or self._select not in form.values:
                form.values[self._select] = value
        elif not name or "disabled" in facts:
            return
        elif tag == "select":
            self._select = name
        elif tag == "textarea":
            self._area = name
            form.values[name] = ""
        elif tag == "input" and facts.get("type") in {"radio", "checkbox"}:
            form.choices.setdefault(name, []).append(facts.get("value", "on"))
            if "checked" in facts:
                form.values[name] = facts.get("value", "on")
        elif tag == "input" and facts.get("type") not in {"submit", "button", "image"}:
            form.values[name] = facts.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._area is not None and self._open is not None:
            self._open.values[self._area] += data


def read_forms(html: str) -> list[Form]:
    reader = _Reader()
    reader.feed(html)
    return reader.forms


def find_form(html: str, address: str) -> Form | None:
    """The first form of the page at `address` that posts back to it."""
    here = address.partition("?")[0]
    for form in read_forms(html):
        form.action = form.action or here
        if form.method == "post" and form.action.startswith(here):
            return form
    return None

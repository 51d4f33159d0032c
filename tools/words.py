"""Bring the Chinese word lists up to date with templates and code.  `python tools/words.py [--check]`.

Messages of console and supplier pages (templates and code) go to the domain `console`, everything else to
`shop`.  Translations that exist are kept, new messages come in empty, messages that are gone go out.  Prints what is
still without Chinese; with --check it writes nothing and fails if anything is missing, empty or left over.
"""

import argparse
import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "src/shopfloor/web"
WORDS = WEB / "locale/zh_CN/LC_MESSAGES"
METHODS = [("static/**", "ignore"), ("**.py", "python"), ("**.html", "jinja2")]
OPTIONS = {"**.html": {"silent": "false", "trimmed": "true", "extensions": "jinja2.ext.do"}}
KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a word is missing")
    parser.add_argument("--only", choices=("shop", "console"), help="leave the other domain alone")
    chosen = parser.parse_args()
    check: bool = chosen.check
    wrong = 0
    for domain, found in extracted().items():
        if chosen.only not in {None, domain}:
            continue
        path = WORDS / f"{domain}.po"
        known = read(path)
        before = {str(message.id) for message in known if message.id}
        known.update(found, no_fuzzy_matching=True)
        known.obsolete.clear()
        empty = [message for message in known if message.id and not translated(message.string)]
        stale = before - {str(message.id) for message in known if message.id}
        for message in empty:
            print(f"{domain}: no Chinese for {message.id!r}")
        for message in stale if check else ():
            print(f"{domain}: no longer used: {message!r}")
        wrong += len(empty) + len(stale)
        if not check:
            path.write_bytes(written(known))
    return 1 if check and wrong else 0


def extracted() -> dict[str, Catalog]:
    """What the pages say, by domain."""
    catalogues = {domain: Catalog(locale="zh_Hans_CN", domain=domain) for domain in ("shop", "console")}
    rows = list(extract_from_dir(WEB, METHODS, OPTIONS, KEYWORDS, comment_tags=["Words:"]))
    shop = {message for name, _, message, _, _ in rows if not is_console(name)}
    for _name, _line, message, comments, context in rows:
        domain = "shop" if message in shop else "console"
        catalogues[domain].add(message, auto_comments=comments, context=context)
    return catalogues


def is_console(name: str) -> bool:
    return name.startswith(
        ("templates/console/", "templates/base_console", "templates/supplier/", "console/", "supplier.py")
    )


def read(path: Path) -> Catalog:
    if not path.exists():
        return Catalog(locale="zh_Hans_CN", domain=path.stem)
    with path.open("rb") as file:
        return read_po(file, locale="zh_Hans_CN", domain=path.stem)


def written(catalogue: Catalog) -> bytes:
    """Sorted, without dates and line numbers, so that a diff shows words only."""
    buffer = io.BytesIO()
    write_po(buffer, catalogue, width=110, no_location=True, omit_header=True, sort_output=True)
    return HEADER.encode() + buffer.getvalue()


HEADER = """msgid ""
msgstr ""
"Language: zh_CN\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"

"""


def translated(strings: str | tuple[str, ...] | list[str] | None) -> bool:
    if strings is None:
        return False
    return bool(strings) if isinstance(strings, str) else all(strings)


if __name__ == "__main__":
    sys.exit(main())

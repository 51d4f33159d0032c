"""`shopfloor verify FILE`: what a statement file proves, and what it does not."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NoReturn

import click

from shopfloor.giveaways import verifying as draws
from shopfloor.kernel import text
from shopfloor.statements import verifying
from shopfloor.statements.notes import BadNote

_MARKS = {"proven": "✓", "open": "·", "failed": "✗"}


def say(words: str) -> None:
    click.echo(text.cleaned(words, one_line=True))


def _check_draw(data: bytes, seen: tuple[str, ...], *, as_json: bool) -> NoReturn:
    found = draws.verify(data, seen=seen)
    if as_json:
        checks = [{"state": each.state, "words": each.words} for each in found.checks]
        click.echo(json.dumps({"holds": found.holds, "checks": checks}, ensure_ascii=False))
        sys.exit(0 if found.holds else 1)
    if found.draw is not None and found.holds:
        rules = found.draw["rules"]
        say(f"Giveaway {rules['giveaway']} of “{rules['shop']['name']}”: {rules['prize']}")
    for check in found.checks:
        say(f"{_MARKS[check.state]} {check.words}")
    say("Nothing wrong was found." if found.holds else "This draw does NOT verify.")
    sys.exit(0 if found.holds else 1)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key", metavar="KEY", help="The shop's public key, as you know it by another way than this file."
)
@click.option(
    "--witness", "witnesses", multiple=True, metavar="KEY",
    help="The public key of a witness you trust; may be repeated. One of them must have signed.",
)  # fmt: skip
@click.option(
    "--lake", type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The lake's directory: events and figures are computed again and compared.",
)  # fmt: skip
@click.option(
    "--seen", multiple=True, metavar="HEX",
    help="Of a draw: the fingerprint of its rules or the root of its list, as you noted it before the draw; may be repeated.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
def command(
    file: Path,
    *,
    key: str | None,
    witnesses: tuple[str, ...],
    lake: Path | None,
    seen: tuple[str, ...],
    as_json: bool,
) -> None:
    """Check the file of a statement, or of a giveaway's draw, offline.

    ✓ proven, · not proven either way, ✗ wrong.  Exit status 1 if anything is wrong.
    """
    if file.stat().st_size > verifying.MOST_BYTES:
        raise click.ClickException("This file is too large for a statement.")
    data = file.read_bytes()
    if draws.is_draw(data):
        _check_draw(data, seen, as_json=as_json)
    try:
        found = verifying.verify(data, key=key, witnesses=witnesses, lake=lake)
    except BadNote as problem:
        raise click.ClickException(
            f"--key and --witness take a key as name+id+Base64. {problem}"
        ) from problem
    if as_json:
        click.echo(
            json.dumps(
                {
                    "holds": found.holds,
                    "witnessed": found.is_witnessed,
                    "checks": [{"state": each.state, "words": each.words} for each in found.checks],
                },
                ensure_ascii=False,
            )
        )
        sys.exit(0 if found.holds else 1)
    if found.statement is not None and found.holds:
        show = found.statement["show"]
        # Words of the file are a stranger's: none of them may move a cursor, or hide what comes after.
        say(
            f"Statement {found.statement['number']}, version {found.statement['version']}: show {show['id']} "
            f"“{show['title']}”, as of {found.statement['as_of']}, {found.statement['state']}"
        )
    for check in found.checks:
        say(f"{_MARKS[check.state]} {check.words}")
    say("Nothing wrong was found." if found.holds else "This statement does NOT verify.")
    sys.exit(0 if found.holds else 1)

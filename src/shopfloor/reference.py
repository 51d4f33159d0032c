"""The generated reference pages: settings, commands, refusals.  `make reference` writes them, a test compares."""

import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import click

import shopfloor
from shopfloor import retention, stock
from shopfloor.cli import main as commands
from shopfloor.kernel.errors import every_refusal
from shopfloor.kernel.settings import Settings


def settings_page() -> str:
    lines = [
        "# Settings",
        "",
        "Set in the environment. What a merchant changes (shops, people, prices, offers) is in the database.",
        "",
        "| setting | default | what it is |",
        "|---|---|---|",
    ]
    for name, field in sorted(Settings.model_fields.items()):
        default = "see below" if field.default_factory is not None else field.default
        shown = "" if default is None else f"`{default}`"
        lines.append(f"| `SHOPFLOOR_{name.upper()}` | {shown} | {field.description} |")
    lines += [
        "",
        "`SHOPFLOOR_DATA_DIR` is `~/.local/share/shopfloor`, or `/var/lib/shopfloor` when Shopfloor is started by root:",
        "the embedded database server then runs as the system user `shopfloor`, who must be able to reach it.",
        "",
    ]
    return "\n".join(lines)


def commands_page() -> str:
    lines = ["# Commands", ""]
    context = commands.make_context("shopfloor", [], resilient_parsing=True)
    lines += ["```", commands.get_help(context), "```", ""]
    for name in commands.list_commands(context):
        command = commands.get_command(context, name)
        assert command is not None
        own = click.Context(command, info_name=name, parent=context)
        lines += [f"## shopfloor {name}", "", "```", command.get_help(own), "```", ""]
        if isinstance(command, click.Group):
            for part in command.list_commands(own):
                below = command.get_command(own, part)
                assert below is not None
                said = below.get_help(click.Context(below, info_name=part, parent=own))
                lines += [f"### shopfloor {name} {part}", "", "```", said, "```", ""]
    return "\n".join(lines)


def refusals_page() -> str:
    for module in walk_packages(shopfloor.__path__, "shopfloor."):
        import_module(module.name)
    lines = [
        "# Refusals",
        "",
        'The ways Shopfloor says no. The body is always `{"code", "message", "facts"}`; a code never changes its',
        "meaning. Anything else that goes wrong is a bug: 500 with an incident number.",
        "",
        "A request that does not fit the OpenAPI document is `invalid` (422), and `facts.fields` says where and why. That",
        "holds for a field that the document does not name, too: what is sent is taken, or refused, never dropped.",
        "",
        "| code | status | meaning |",
        "|---|---|---|",
    ]
    leaves = {
        (kind.code, kind.status): kind for kind in every_refusal() if kind.__module__.startswith("shopfloor.")
    }
    for (code, status), kind in sorted(leaves.items()):
        meaning = " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())
        if kind.__doc__:
            lines.append(f"| `{code}` | {status} | {meaning} |")
    lines += [
        "",
        "## Purchases that are not granted",
        "",
        "Several purchases are sent at once, and each is answered for itself (`docs/room-protocol.md`): the answer is",
        "200, and the code stands beside the id of the purchase.",
        "",
        "| code | meaning |",
        "|---|---|",
        *(f"| `{code}` | {meaning} |" for code, meaning in sorted(stock.Code.MEANINGS.items())),
    ]
    return "\n".join([*lines, ""])


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "cli.md": commands_page,
    "refusals.md": refusals_page,
    "retention.md": retention.page,
}


def write(directory: Path) -> None:
    for name, page in PAGES.items():
        (directory / name).write_text(page())


if __name__ == "__main__":
    write(Path(sys.argv[1]))

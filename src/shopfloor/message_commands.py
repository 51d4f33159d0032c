"""`shopfloor messages`: the process that sends them, and a trial of the mail server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

import click

from shopfloor import mail_signing, notifications
from shopfloor.kernel import secrets
from shopfloor.kernel.database import Database
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.startup import prepared_database
from shopfloor.notifications import sending
from shopfloor.push.sending import Pusher
from shopfloor.sms.sending import Texter
from shopfloor.webhooks import delivering

IDLE = 20.0


@click.group("messages")
def command() -> None:
    """Try the mail server; send what is due by hand."""


def _server(settings: Settings) -> notifications.MailServer | None:
    try:
        return notifications.own_server(settings)
    except ValueError as problem:
        raise click.ClickException(f"SHOPFLOOR_SMTP_URL: {problem}") from problem


@command.command("try")
@click.argument("address")
@click.pass_obj
def try_out(settings: Settings, address: str) -> None:
    """Send a test message to ADDRESS through SHOPFLOOR_SMTP_URL and say what the server answered."""
    server = _server(settings)
    if server is None:
        raise click.ClickException("SHOPFLOOR_SMTP_URL names no mail server.")
    try:
        taken, said = sending.try_server(server, address)
    except sending.ServerTrouble as problem:
        raise click.ClickException(str(problem)) from problem
    click.echo(f"{'taken' if taken else 'not taken'}: {said}")
    if not taken:
        raise SystemExit(1)


@command.command()
@click.option("--check", is_flag=True, help="Look the records up, and sign from now on if the key is there.")
@click.option("--sign-anyway", is_flag=True, help="Sign without a look, where this machine cannot ask DNS.")
@click.option("--stop", is_flag=True, help="Sign no longer.")
@click.option("--new-key", is_flag=True, help="Another key in place of the one there is.")
@click.pass_obj
def dkim(settings: Settings, *, check: bool, sign_anyway: bool, stop: bool, new_key: bool) -> None:
    """Show the DNS records for mail from SHOPFLOOR_MAIL_FROM, making the key that signs it.

    Mail through SHOPFLOOR_SMTP_URL is signed once the record of the key was found.
    """
    server = _server(settings)
    if server is None or "@" not in server.sender:
        raise click.ClickException("Set SHOPFLOOR_SMTP_URL and SHOPFLOOR_MAIL_FROM first.")
    if sign_anyway and stop:
        raise click.UsageError("Choose --sign-anyway or --stop.")
    with prepared_database(settings) as dsn:
        right = asyncio.run(
            _dkim(
                settings,
                dsn,
                server,
                check=check,
                signs=True if sign_anyway else False if stop else None,
                new_key=new_key,
            )
        )
    if not right:
        raise SystemExit(1)


async def _dkim(
    settings: Settings,
    dsn: str,
    server: notifications.MailServer,
    *,
    check: bool,
    signs: bool | None,
    new_key: bool,
) -> bool:
    """Whether what was asked for is so."""
    box, own = secrets.box(settings), mail_signing.own
    about = {"box": box, "host": server.host, "sender": server.sender}
    db = Database(dsn, 1)
    await db.open()
    try:
        async with db.transaction() as tx:
            known = await (own.renew if new_key else own.get)(tx, **about)
        if signs is not None:
            await own.set_signs(db, known, signs=signs)
        found = {each.record: each for each in (await own.check(db, **about) if check else [])}
        async with db.transaction() as tx:
            known = await own.get(tx, **about)
    finally:
        await db.close()
    for record in known.records:
        click.echo(f"{record.name}\n    TXT  {record.value}")
        if record in found:
            state = found[record]
            click.echo(
                f"    in DNS: {_FOUND[state.found]}" + "".join(f"\n      {value}" for value in state.values)
            )
    click.echo(f"Mail from {server.sender} is {'signed' if known.signs else 'not signed yet'}.")
    return not check or known.signs


_FOUND = {
    "right": "right",
    "missing": "not there",
    "other": "there is one that does not do",
    "unknown": "DNS did not answer",
}


@command.command(hidden=True)
@click.option("--parent", type=int, help="End with this process.")
@click.option("--origin", required=True, help="The public address that links begin with.")
@click.pass_obj
def work(settings: Settings, parent: int | None, origin: str) -> None:
    """Send what is due until there is nothing for a while.  `worker` and `up` start this when something is to do."""
    # Who buys goes first.
    os.nice(10)
    if parent is None:
        with prepared_database(settings) as dsn:
            asyncio.run(_work(settings, dsn, origin, None))
    else:
        assert settings.database_url is not None, "said by the parent"
        asyncio.run(_work(settings, settings.database_url, origin, parent))


async def _work(settings: Settings, dsn: str, origin: str, parent: int | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    db = Database(dsn, 4)
    await db.open()
    box = secrets.box(settings)
    sender = sending.Sender(db, origin, box, own=_server(settings), allowed=settings.fetchable)
    texter = Texter(db, origin, box, allowed=settings.fetchable)
    deliverer = delivering.Deliverer(db, box, allowed=settings.fetchable)
    contact = f"mailto:{settings.mail_from}" if settings.mail_from else origin
    pusher = Pusher(db, box, contact, allowed=settings.fetchable)
    watching = asyncio.create_task(_end_with(parent, stop))
    try:
        # Each in its own time: a slow receiver keeps back no mail.
        await asyncio.gather(
            sending.run(sender.run_once, idle=IDLE, stop=stop),
            sending.run(texter.run_once, idle=IDLE, stop=stop),
            sending.run(deliverer.run_once, idle=IDLE, stop=stop),
            sending.run(pusher.run_once, idle=IDLE, stop=stop),
        )
    finally:
        watching.cancel()
        await texter.close()
        await deliverer.close()
        await pusher.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(db.close(), 2.0)


async def _end_with(parent: int | None, stop: asyncio.Event) -> None:
    while parent is None or os.getppid() == parent:
        await asyncio.sleep(1.0)
    stop.set()

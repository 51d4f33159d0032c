"""The background work: delivery of facts, expiry of holds, resuming orders, starting who does jobs.

Any number may run at once.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from functools import partial
from typing import Any, Final

import uvloop

from shopfloor import (
    auctions,
    auth,
    catalog,
    collector,
    customers,
    dispatch,
    giveaways,
    job_handlers,
    notifications,
    orders,
    payment_accounts,
    payment_providers,
    pickups,
    polls,
    purchases,
    push,
    reconciliation,
    retention,
    run_of_show,
    stock,
    webhooks,
    wiring,
)
from shopfloor.collector import Collector
from shopfloor.kernel import backups, logs, outbox, public_address, secrets
from shopfloor.kernel.database import Database, DatabaseAway
from shopfloor.kernel.jobs import dispatcher
from shopfloor.kernel.jobs.dispatcher import Process
from shopfloor.kernel.postgres import CannotRun
from shopfloor.kernel.public_address import LOCAL
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.startup import prepared_database
from shopfloor.kernel.values import now
from shopfloor.notifications import telling

# How often holds are released in a rush, and how long a shop without holds sleeps.
EXPIRE_EVERY: Final = 0.5
EXPIRE_LOOK_EVERY: Final = 10.0
SWEEP_EVERY: Final = 10.0
# While a flash runs, and how long a shop without one sleeps.
FLASH_EVERY: Final = 0.2
FLASH_LOOK_EVERY: Final = 10.0
# The longest that a worker sleeps before it looks whether something of a giveaway or a poll is due.
CARDS_LOOK_EVERY: Final = 10.0
# In a rush, messages are better worked off many at a time.
PAYMENTS_PAUSE: Final = 0.2
# Where nobody can be rung for.
PAYMENTS_LOOK_EVERY: Final = 1.0
RECONCILE_EVERY: Final = 3600.0
SILENCE_EVERY: Final = 300.0
FETCH_EVERY: Final = 2.0
PICKUPS_EVERY: Final = 60.0
FORGET_EVERY: Final = 3600.0
BACKUP_LOOK_EVERY: Final = 300.0
SEND_LOOK_EVERY: Final = 1.0
# For what is due at a time of which no notice tells: a retry, a reminder.
DUE_EVERY: Final = 5.0
# What wakes who works in the background: facts, jobs, and what concerns money.
CHANNELS: Final = (outbox.FACTS, dispatcher.CHANNEL, payment_accounts.inbox.CHANNEL)

_log = logs.get("worker")


def loops(
    db: Database,
    lake: Collector,
    arrivals: outbox.Arrivals,
    settings: Settings,
    accounts_of: Callable[[int], Awaitable[payment_providers.Providers]],
    *,
    origin: str | None = None,
) -> list[Coroutine[Any, Any, None]]:
    """Each runs until it is cancelled; `arrivals` listens meanwhile; `accounts_of`: the payment accounts of a shop;
    `origin`: where people reach the shop.

    Raises CannotRun where the settings name a mail server that is invalid.
    """
    own = own_mail_server(settings)
    public = origin or address_of(settings)

    async def sweep() -> None:
        await orders.sweep(db, providers=accounts_of)

    async def hear_payments() -> None:
        await orders.paying.work(db, accounts_of)

    async def reconcile() -> None:
        await orders.reconciling.reconcile(db, accounts_of)

    async def notice_silence() -> None:
        async with db.transaction() as tx:
            await reconciliation.notice_silence(tx)

    async def forget() -> None:
        async with db.transaction() as tx:
            await auth.forget_expired(tx)
        async with db.transaction() as tx:
            await webhooks.forget(tx)
        async with db.transaction() as tx:
            await customers.signing_in.forget_over(tx)
        async with db.transaction() as tx:
            await push.forget(tx)

    async def fetch_pictures() -> None:
        await catalog.fetch_pictures(db, settings.pictures_dir, allowed=settings.fetchable)

    async def look_at_pickups() -> None:
        async with db.transaction() as tx:
            await pickups.remind(tx)
        await pickups.release(db)

    async def escalate() -> None:
        await dispatch.escalate(db)

    async def tidy() -> None:
        await catalog.tidy(db, settings.pictures_dir)

    async def make_months() -> None:
        await retention.make_months(db)

    async def back_up() -> None:
        await take_backup(db, settings)

    return [
        *(outbox.run(db, consumer, arrivals) for consumer in wiring.consumers(lake, settings)),
        send_messages(
            db, arrivals, own, start_sending_in(settings, db.dsn, public), partial(secrets.box, settings)
        ),
        expire_holds(db, arrivals),
        end_flashes(db, arrivals),
        hold_cards(db, arrivals),
        draw_giveaways(db, arrivals, giveaways.beacon.of_settings(settings)),
        _every(SWEEP_EVERY, "sweep", sweep),
        _whenever(arrivals, payment_accounts.inbox.CHANNEL, "payments", hear_payments),
        _every(RECONCILE_EVERY, "reconcile", reconcile),
        _every(SILENCE_EVERY, "notice_silence", notice_silence),
        _every(FETCH_EVERY, "fetch_pictures", fetch_pictures),
        _every(PICKUPS_EVERY, "look_at_pickups", look_at_pickups),
        _every(PICKUPS_EVERY, "escalate", escalate),
        _every(FORGET_EVERY, "forget", forget),
        _every(FORGET_EVERY, "tidy", tidy),
        _every(FORGET_EVERY, "make_months", make_months),
        _every(BACKUP_LOOK_EVERY, "backup", back_up),
        dispatcher.run(
            db,
            job_handlers.handlers(settings),
            start_in(settings, db.dsn),
            arrivals,
            periodic=job_handlers.periodic(
                wiring.read_shows_on_air, telling.remind, notifications.weekly.look
            ),
        ),
    ]


async def take_backup(db: Database, settings: Settings) -> None:
    """`shopfloor backup`, in a process of its own, when it is time for one.  One at a time in a directory."""
    if settings.backup_dir is None:
        return
    async with db.transaction() as tx:
        last = await backups.last(tx)
    if last is not None and now() - last < timedelta(hours=settings.backup_hours):
        return
    # Started in no time; waiting for it is what takes long.
    process = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-m", "shopfloor", "backup"],
        env=os.environ
        | {"SHOPFLOOR_DATA_DIR": str(settings.data_dir), "SHOPFLOOR_DATABASE_URL": db.dsn}
        | {"SHOPFLOOR_BACKUP_DIR": str(settings.backup_dir)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        _, said = await asyncio.to_thread(process.communicate)
    except asyncio.CancelledError:
        # It may be killed at any point.
        process.kill()
        raise
    if process.returncode:
        _log.error("worker.backup_failed", said=said.decode(errors="replace").strip()[-1000:])


def start_in(settings: Settings, dsn: str) -> Callable[[], Process]:
    """Starts the process that does jobs: reports, forecasts, plans never share an interpreter with who sells."""

    def start() -> Process:
        return Process(
            subprocess.Popen(
                [sys.executable, "-m", "shopfloor", "jobs", "work", "--parent", str(os.getpid())],
                env=os.environ
                | {"SHOPFLOOR_DATA_DIR": str(settings.data_dir), "SHOPFLOOR_DATABASE_URL": dsn},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        )

    return start


def own_mail_server(settings: Settings) -> notifications.MailServer | None:
    """Raises CannotRun with a sentence."""
    try:
        return notifications.own_server(settings)
    except ValueError as problem:
        raise CannotRun(f"SHOPFLOOR_SMTP_URL: {problem}") from problem


def address_of(settings: Settings) -> str:
    """Where people reach the shop, as far as a process that does not serve it can know."""
    if settings.public is not None:
        return settings.public.origin
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    return f"http://{public_address.authority(host, settings.port)}"


def start_sending_in(settings: Settings, dsn: str, origin: str) -> Callable[[], Process]:
    """Starts the process that sends messages: writing and sending them never shares an interpreter with who sells."""

    def start() -> Process:
        return Process(
            subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "shopfloor",
                    "messages",
                    "work",
                    "--parent",
                    str(os.getpid()),
                    "--origin",
                    origin,
                ],
                env=os.environ
                | {"SHOPFLOOR_DATA_DIR": str(settings.data_dir), "SHOPFLOOR_DATABASE_URL": dsn}
                | {"SHOPFLOOR_SMTP_URL": settings.smtp_url, "SHOPFLOOR_MAIL_FROM": settings.mail_from},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        )

    return start


async def send_messages(
    db: Database,
    arrivals: outbox.Arrivals,
    own: notifications.MailServer | None,
    start: Callable[[], Process],
    box: Callable[[], secrets.Box],
) -> None:
    """Until it is cancelled: start a process that sends while there is something to send.  It ends with us."""
    child: Process | None = None
    try:
        with arrivals.bell() as event:
            while True:
                event.clear()
                try:
                    async with db.transaction() as tx:
                        wanted = await notifications.something_to_send(tx, own=own, box=box)
                        wanted = wanted or await webhooks.something_due(tx)
                        wanted = wanted or await push.something_due(tx)
                    if wanted and (child is None or not child.is_alive):
                        child = start()
                except (DatabaseAway, OSError) as problem:
                    _log.warning("worker.cannot_send", why=f"{type(problem).__name__}: {problem}"[:300])
                except Exception as problem:  # noqa: BLE001 -- the loop is the boundary
                    _log.error("worker.failed", work="send_messages", exc_info=problem)
                await arrivals.sleep(event, SEND_LOOK_EVERY, most=DUE_EVERY)
                # What just happened becomes messages a moment later.
                await asyncio.sleep(SEND_LOOK_EVERY)
    finally:
        if child is not None:
            await child.end()


async def expire_holds(db: Database, arrivals: outbox.Arrivals) -> None:
    """Until it is cancelled: release holds when their time is over.  Who holds something tells by a fact."""
    with arrivals.bell() as event:
        while True:
            event.clear()
            idle = 0.0
            try:
                async with db.transaction() as tx:
                    await purchases.expire(tx)
                    idle = await stock.seconds_to_next_expiry(tx, most=EXPIRE_LOOK_EVERY)
            except DatabaseAway:
                _log.warning("worker.database_away", work="expire")
            except Exception as problem:  # noqa: BLE001 -- the loop is the boundary
                _log.error("worker.failed", work="expire", exc_info=problem)
            await asyncio.sleep(EXPIRE_EVERY)
            if idle > EXPIRE_EVERY:
                await arrivals.sleep(event, EXPIRE_EVERY, most=idle - EXPIRE_EVERY)


async def end_flashes(db: Database, arrivals: outbox.Arrivals) -> None:
    """Until it is cancelled: end each flash at its second, or when its last unit is gone.  A fact tells of a new one."""
    with arrivals.bell() as event:
        while True:
            event.clear()
            pause: float | None = None
            try:
                pause = await end_due_flashes(db)
            except DatabaseAway:
                _log.warning("worker.database_away", work="end_flashes")
            except Exception as problem:  # noqa: BLE001 -- the loop is the boundary
                _log.error("worker.failed", work="end_flashes", exc_info=problem)
            if pause is not None:
                await asyncio.sleep(pause)
            else:
                await arrivals.sleep(event, FLASH_EVERY, most=FLASH_LOOK_EVERY)


async def end_due_flashes(db: Database) -> float | None:
    """Seconds until it is worth another look; None where no flash runs."""
    async with db.transaction() as tx:
        running = await run_of_show.running_flashes(tx)
    for flash in running:
        if flash.seconds_left <= 0 or flash.left == 0:
            async with db.transaction() as tx:
                await run_of_show.end_when_due(tx, flash)
    left = [flash.seconds_left for flash in running if flash.seconds_left > 0 and flash.left]
    return min(FLASH_EVERY, *left) if left else None


async def hold_cards(db: Database, arrivals: outbox.Arrivals) -> None:
    """Until it is cancelled: close polls and auctions at their second, pass on what nobody pays."""

    async def round_of_both() -> float | None:
        async with db.transaction() as tx:
            poll = await polls.close_due(tx)
        auction = await auctions.work(db)
        return min((each for each in (poll, auction) if each is not None), default=None)

    await _at_their_second(arrivals, "hold_cards", round_of_both)


async def draw_giveaways(db: Database, arrivals: outbox.Arrivals, beacon: giveaways.beacon.Beacon) -> None:
    """Until it is cancelled: close lists at their second, draw when the beacon has spoken, pass on what nobody claims.

    Apart from the other cards: the beacon is somebody else's server, and may be slow.
    """
    try:
        await _at_their_second(arrivals, "draw_giveaways", lambda: giveaways.work(db, beacon))
    finally:
        await beacon.close()


async def _at_their_second(
    arrivals: outbox.Arrivals, name: str, act: Callable[[], Awaitable[float | None]]
) -> None:
    """Again and again, when `act` said that something is due, and at the latest when a fact told of something new."""
    with arrivals.bell() as event:
        while True:
            event.clear()
            pause: float | None = None
            try:
                pause = await act()
            except DatabaseAway:
                _log.warning("worker.database_away", work=name)
            except Exception as problem:  # noqa: BLE001 -- the loop is the boundary
                _log.error("worker.failed", work=name, exc_info=problem)
            if pause is not None and pause < CARDS_LOOK_EVERY:
                await asyncio.sleep(pause)
            else:
                await arrivals.sleep(event, FLASH_EVERY, most=CARDS_LOOK_EVERY)


async def _every(seconds: float, name: str, act: Callable[[], Awaitable[None]]) -> None:
    """Do it again and again; a failure is logged and tried again, for the next shopper is not its fault."""
    while True:
        try:
            await act()
        except DatabaseAway:
            _log.warning("worker.database_away", work=name)
        except Exception as problem:  # noqa: BLE001 -- the loop is the boundary
            _log.error("worker.failed", work=name, exc_info=problem)
        await asyncio.sleep(seconds)


async def _whenever(
    arrivals: outbox.Arrivals, channel: str, name: str, act: Callable[[], Awaitable[None]]
) -> None:
    """Do it when it is rung for, and now and then unasked; a failure is logged and tried again."""
    with arrivals.bell(channel) as event:
        while True:
            event.clear()
            try:
                await act()
            except DatabaseAway:
                _log.warning("worker.database_away", work=name)
            except Exception as problem:  # noqa: BLE001 -- the loop is the boundary
                _log.error("worker.failed", work=name, exc_info=problem)
            await asyncio.sleep(PAYMENTS_PAUSE)
            await arrivals.sleep(event, PAYMENTS_LOOK_EVERY, most=DUE_EVERY)


async def _work(settings: Settings, dsn: str) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    db = Database(dsn, settings.database_pool)
    await db.open()
    lake = collector.Collector(
        settings.lake_dir,
        f"worker-{socket.gethostname()}-{os.getpid()}",
        seal_every=settings.seal_seconds,
        sealing=collector.SealingProcess(),
    )
    await lake.start()
    arrivals = outbox.Arrivals(dsn, channels=CHANNELS)
    known, _ = wiring.payment_accounts(db, settings, lambda: settings.public or LOCAL)
    work = loops(db, lake, arrivals, settings, known.of)
    tasks = [asyncio.create_task(each) for each in (arrivals.listen(), *work)]
    await stop.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await known.close()
    await lake.close()
    await db.close()


def run(settings: Settings) -> None:
    """`shopfloor worker`."""
    with prepared_database(settings) as dsn:
        uvloop.run(_work(settings, dsn))

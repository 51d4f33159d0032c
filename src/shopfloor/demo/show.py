"""`make run`: a demo shop, a real show in it, what follows from it, and a second show that sells against it.

Four processes work together over real interfaces: the shop (`shopfloor up`), the camera (ffmpeg, RTMP), the
audience (HTTP and WebSocket), and this one, which is the merchant (JSON interface) and says what happens.
"""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Coroutine
from dataclasses import field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import httpx
from rich.console import Console
from rich.table import Table

from shopfloor.demo.collect import collected, open_store
from shopfloor.demo.counter import Counter, opened_counter, restocked
from shopfloor.demo.merchant import EMAIL, Merchant, Show, Trouble, answer_as_supplier
from shopfloor.demo.pictures import draw_missing
from shopfloor.demo.regular import Mailbox, Regular, opened_mailbox
from shopfloor.kernel.postgres import CannotRun, cannot_enter, server_user
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.settings import Settings
from shopfloor.statements import verifying

FPS: Final = 15
# Seconds from the end of the demo until the statement of its first show must be there; it mostly is by then.
STATEMENT_PATIENCE: Final = 120.0
FIRST_SHOW: Final = (
    ("rib-beanie", 11), ("honey-pomelo", 10), ("wide-trousers", 12), ("linen-overshirt", 30), ("tea-bowl", 12),
    ("crisp-persimmon", 10), ("side-handle-teapot", 10), ("kabocha", 9), ("mountain-honey", 9), ("bottle-vase", 10),
)  # fmt: skip
# What is drawn in the first show, its worth in minor units, and how many seconds entries are taken.
GIVEAWAY: Final = ("Tea bowl 手作茶碗", 6_800, 40)
POLL: Final = ("Which glaze next? 下一批要哪种釉色？", ["Celadon 青瓷", "Tenmoku 天目", "Ash 灰釉"], 25)
SECOND_SHOW: Final = (("linen-overshirt", 22), ("tea-bowl", 10))


@dataclass(slots=True)
class Stage:
    """Where everything of one run of the demo is."""

    console: Console
    place: Path
    address: str
    merchant: Merchant
    password: str
    mailbox: Mailbox
    tally: dict[str, int] = field(default_factory=dict[str, int])

    def say(self, text: str) -> None:
        self.console.print(f"[dim]{time.strftime('%H:%M:%S')}[/dim]  {text}")


def choose_place(given: Path | None) -> Path:
    """The demo's data directory: `.shopfloor` here, or below the system's place where the database server's
    user could not reach it.  Never changes who may enter a directory.
    """
    if given is not None:
        return given
    here = Path.cwd() / ".shopfloor"
    if os.geteuid() != 0:
        return here
    user = server_user()
    if cannot_enter(here.parent, user.pw_uid, user.pw_gid) is None:
        return here
    return Path("/var/lib/shopfloor") / f"demo-{sha256(str(here).encode()).hexdigest()[:8]}"


def run(settings: Settings, *, once: bool, shoppers: int, seed: int, data_dir: Path | None) -> int:
    """Run it; return the exit status: that of the audit with `once`, else 0."""
    console = Console(highlight=False, soft_wrap=True)
    place = choose_place(data_dir)
    try:
        asyncio.run(_until_told(_run(console, settings, place, once=once, shoppers=shoppers, seed=seed)))
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("\nThe shop is closed. `make run` opens it again with all it has.")
        return 0
    if not once:
        return 0
    console.rule("audit")
    return subprocess.run(
        [sys.executable, "-m", "shopfloor", "audit"], check=False, env=_environment(place)
    ).returncode


async def _until_told(work: Coroutine[Any, Any, None]) -> None:
    """Run `work`; at SIGTERM or SIGINT end it as if it broke off, so that whatever it started ends as well.

    One signal is enough: what ends has deadlines, and a second one would leave processes behind.
    """
    task = asyncio.ensure_future(work)
    was_told = False

    def tell() -> None:
        nonlocal was_told
        if not was_told:
            was_told = True
            task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, tell)
    await task


async def _end(child: asyncio.subprocess.Process, seconds: float, *, was_told: bool = False) -> None:
    """Wait for the end of `child`, after a SIGTERM unless it `was_told` otherwise.

    Its own `terminate` would look whether it has ended, and take its exit status from the loop that waits for it.
    """
    if child.returncode is None and not was_told:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGTERM)
    try:
        await asyncio.wait_for(child.wait(), seconds)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
        await child.wait()


def _environment(place: Path, mailbox: Mailbox | None = None) -> dict[str, str]:
    return os.environ | {
        "SHOPFLOOR_DATA_DIR": str(place),
        "SHOPFLOOR_TEST_PAYMENTS": "true",
        # A demonstration needs no network; every page and file of its draws says that they prove nothing.
        "SHOPFLOOR_DRAND_RELAYS": "local",
        # The audience is made up: its messages stay in the console, whatever server this machine has.  What has an
        # address goes to the mailbox of this process.
        "SHOPFLOOR_SMTP_URL": "" if mailbox is None else f"smtp+plain://127.0.0.1:{mailbox.port}",
        "SHOPFLOOR_MAIL_FROM": "" if mailbox is None else "shop@harbour.test",
        "PYTHONUNBUFFERED": "1",
    }


async def _run(
    console: Console, settings: Settings, place: Path, *, once: bool, shoppers: int, seed: int
) -> None:
    console.print(
        "[bold]Shopfloor demo[/bold]: a shop of three trades, a real show, its report, its plan, a second show."
    )
    stills = place / "demo" / "stills"
    try:
        stills.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise CannotRun(f"The demo cannot write to {place}: {problem.strerror}.") from problem
    with console.status("drawing the goods"):
        drawn = await asyncio.to_thread(draw_missing, stills)
    async with opened_shop(console, settings, place) as stage:
        if drawn:
            stage.say(f"{drawn} pictures drawn")
        added = await stage.merchant.stock_the_shelves(stills)
        await stage.merchant.find_suppliers()
        if not added:
            await stage.merchant.refill()
        stage.say(f"{len(stage.merchant.products)} products on the shelves, {added} of them new")
        channel_id, publish_to = await stage.merchant.set_up_camera()
        counter = await opened_counter(stage.merchant)
        selling = asyncio.create_task(counter.sell_on(seed))
        async with camera(publish_to, stills) as film:
            await on_air(stage, channel_id)
            await stage.merchant.let_pay(at_end=False)
            first = await play(
                stage,
                film,
                channel_id,
                FIRST_SHOW,
                "Harvest evening",
                "丰收之夜",
                shoppers=shoppers,
                seed=seed,
            )
            await before_they_leave(stage, first)
            await parcels_there_and_back(stage, first)
            promised = await from_demand_to_supply(stage, first)
            # While the second show runs, somebody looks at what was signed of the first.
            verified = asyncio.create_task(verified_statement(stage, first))
            if promised:
                await stage.merchant.let_pay(at_end=True)
                second = await play(
                    stage,
                    film,
                    channel_id,
                    SECOND_SHOW,
                    "Back by demand",
                    "返场预售",
                    shoppers=shoppers // 2,
                    seed=seed + 1,
                    regular=Regular(stage.address, stage.merchant.slug, stage.mailbox),
                )
                await say_report(stage, second)
        await close_counter(stage, counter, selling)
        await collect_in_store(stage)
        shipped = await stage.merchant.ship_all(first.id)
        stage.say(f"{shipped} orders of the first show were shipped")
        await settle(stage)
        stage.say(await verified)
        stage.console.rule("open to be clicked through")
        tell_where(stage, first)
        if not once:
            stage.console.print("The shop stays up; Ctrl-C closes it.")
            await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def opened_shop(console: Console, settings: Settings, place: Path) -> AsyncGenerator[Stage, None]:
    """The shop as a process of its own, and somebody signed in to it."""
    async with opened_mailbox() as mailbox, _opened_shop(console, settings, place, mailbox) as stage:
        yield stage


@contextlib.asynccontextmanager
async def _opened_shop(
    console: Console, settings: Settings, place: Path, mailbox: Mailbox
) -> AsyncGenerator[Stage, None]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "shopfloor", "up",
        env=_environment(place, mailbox) | {"SHOPFLOOR_LOG_LEVEL": os.environ.get("SHOPFLOOR_LOG_LEVEL", "WARNING")},
        stdout=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        address, claim = await _opened(child)
        console.print(f"\n  The shop is open: [bold]{address}[/bold]\n")
        async with httpx.AsyncClient(base_url=address, timeout=30, headers={"origin": address}) as http:
            stage = Stage(console, place, address, Merchant(http), await _password(place), mailbox)
            if claim:
                await stage.merchant.claim(claim, stage.password)
            else:
                await stage.merchant.sign_in(stage.password)
            drain = asyncio.create_task(_drain(child))
            try:
                yield stage
            finally:
                drain.cancel()
    finally:
        await _end(child, 30)


async def _opened(child: asyncio.subprocess.Process) -> tuple[str, str]:
    """The shop's address and, once, the token of its first owner.  Raises CannotRun when it does not start."""
    assert child.stdout is not None
    claim = ""
    while line := (await child.stdout.readline()).decode():
        if "is open at " in line:
            return line.split("is open at ")[1].strip(), claim
        if "/claim/" in line:
            claim = line.rsplit("/claim/", 1)[1].strip()
    raise CannotRun("The shop did not start; what it said stands above.")


async def _drain(child: asyncio.subprocess.Process) -> None:
    assert child.stdout is not None
    while await child.stdout.readline():
        pass


async def _password(place: Path) -> str:
    """The demo owner's password, made at the first run and kept beside its data."""
    path = place / "demo" / "owner"

    def read_or_make() -> str:
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(12))
        return path.read_text().strip()

    return await asyncio.to_thread(read_or_make)


class Film:
    """The camera: what it is pointed at."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child

    async def point_at(self, handle: str) -> None:
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._child.stdin.write(f"{handle}\n".encode())
            await self._child.stdin.drain()


@contextlib.asynccontextmanager
async def camera(publish_to: str, stills: Path) -> AsyncGenerator[Film, None]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "shopfloor.demo.camera", publish_to, str(FPS), str(stills),
        stdin=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        yield Film(child)
    finally:
        if child.stdin is not None:
            child.stdin.close()
        await _end(child, 8, was_told=True)


async def on_air(stage: Stage, channel_id: int) -> None:
    """Wait until the camera's picture has arrived.  Raises Trouble after half a minute."""
    status: dict[str, Any] = {"refused": None}
    for _ in range(60):
        status = await stage.merchant.shop("GET", f"/channels/{channel_id}/status")
        if status["live"]:
            stage.say(f"the camera is on the air: {status['width']}×{status['height']}, {status['codecs']}")
            return
        await asyncio.sleep(0.5)
    raise Trouble(f"the camera did not come on the air: {status['refused'] or 'no picture arrived'}")


async def play(
    stage: Stage,
    film: Film,
    channel_id: int,
    script: tuple[tuple[str, int], ...],
    title: str,
    title_zh: str,
    *,
    shoppers: int,
    seed: int,
    regular: Regular | None = None,
) -> Show:
    """One show from beginning to end, with its audience; `regular` pays for what she bought when it is over."""
    stage.console.rule(f"show: {title} {title_zh}")
    show = await stage.merchant.plan_show(title, title_zh, channel_id, [handle for handle, _ in script])
    await show.start()
    seconds = sum(length for _, length in script) + 6
    stage.say(f"live at [bold]{stage.address}/s/{stage.merchant.slug}/live/{show.id}[/bold]")
    stage.tally = {}
    audience = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "shopfloor.demo.audience",
        stage.address, stage.merchant.slug, str(show.id), str(seconds), str(shoppers), str(seed),
        stdout=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    listening = asyncio.create_task(listen(stage, audience))
    buying = None if regular is None else asyncio.create_task(buy_signed_in(stage, regular, show))
    try:
        await asyncio.sleep(2)
        for place, (handle, length) in enumerate(script):
            # Cards of the second half of a show are charged when the goods leave.
            if 2 * place == len(script):
                await stage.merchant.charge_later(later=True)
            if place == 1 and regular is None:
                await show.give_away(*GIVEAWAY)
            if place == 2 and regular is None:
                await show.show_coupon()
            if place == 4 and regular is None:
                await show.ask(*POLL)
            await film.point_at(handle)
            await show.feature(handle)
            await asyncio.sleep(length)
            await say_progress(stage, show, handle)
        await show.feature(None)
        await say_winners(stage, show)
        await asyncio.wait_for(listening, seconds)
    finally:
        over = listening.done()
        listening.cancel()
        await _end(audience, 10, was_told=over)
        if buying is not None and not over:
            buying.cancel()
    if buying is not None:
        await buying
    await show.end()
    await stage.merchant.charge_later(later=False)
    stage.say("the show is over")
    if regular is not None:
        await pay_at_the_end(stage, regular)
    return show


async def say_winners(stage: Stage, show: Show) -> None:
    drawn = (await show.state()).get("giveaway")
    if drawn is None:
        return
    page = f"{stage.address}/s/{stage.merchant.slug}/giveaways/{drawn['id']}"
    names = ", ".join(f"{name or 'a guest'} ({number})" for name, number in drawn.get("drawn", ()))
    stage.say(
        f"giveaway: {drawn['entries']} entered for nothing, {names or 'nobody was drawn'}; anybody computes it again: {page}"
    )


async def buy_signed_in(stage: Stage, regular: Regular, show: Show) -> None:
    if not await regular.sign_in():
        stage.say("the code for signing in did not arrive")
        return
    await regular.buy(show)
    stage.say(f"Mei Lin is signed in: {regular.bought} items reserved for her until after the show")


async def pay_at_the_end(stage: Stage, regular: Regular) -> None:
    """One order for all of it, from the link in her message."""
    if regular.bought:
        order = await regular.pay(stage.merchant)
        what = (
            "found nothing to pay"
            if order is None
            else f"paid for everything at once: {stage.address}{order}"
        )
        stage.say(f"Mei Lin followed the link in her message and {what}")
    await regular.close()


async def listen(stage: Stage, audience: asyncio.subprocess.Process) -> None:
    """Hear what the audience did; when somebody says that the money is on its way, look and mark it paid."""
    assert audience.stdout is not None
    paying: set[asyncio.Task[None]] = set()
    async for line in audience.stdout:
        message: dict[str, Any] = json.loads(line)
        if "tally" in message:
            stage.tally = message["tally"]
        elif "paid" in message:
            task = asyncio.create_task(stage.merchant.mark_paid(message["paid"]))
            paying.add(task)
            task.add_done_callback(paying.discard)
        elif "say" in message:
            stage.say(f"[dim]{message['say']}[/dim]")
    await asyncio.gather(*paying)


async def say_progress(stage: Stage, show: Show, handle: str) -> None:
    state = await show.state()
    lines = state["offers"][str(show.offers[handle])]["lines"].values()
    left = sum(line["left"] for line in lines)
    out = sum(1 for line in lines if not line["left"])
    later = sum(count for line in lines for _, count in line["later"])
    tally = stage.tally
    refused = sum(count for name, count in tally.items() if name.startswith("refused"))
    shown = (
        f"{left} left"
        + (f", {out} variants sold out" if out else "")
        + (f", {later} on order" if later else "")
    )
    stage.say(
        f"{state['offers'][str(show.offers[handle])]['title']:<22} {shown:<38} "
        f"[bold]{state['viewers']}[/bold] watching · {tally.get('chatted', 0)} lines · {tally.get('held', 0)} held · "
        f"{tally.get('ordered', 0)} ordered · {tally.get('paid', 0)} paid · {refused} refused · {tally.get('waiting', 0)} waiting"
    )


# What comes back of the parcels of the first show: why, and in which condition.
COMES_BACK: Final = (("too_small", "sellable"), ("changed_mind", "sellable"), ("defective", "damaged"))


async def before_they_leave(stage: Stage, show: Show) -> None:
    """One order is edited, and one whose money is reserved is charged as it leaves."""
    edit = await stage.merchant.edit_one(show.id)
    if edit is not None:
        stage.say(
            f"order #{edit['order_number']} was edited: ¥{edit['refund_minor'] / 100:,.2f} go back "
            f"({stage.address}/console/{stage.merchant.slug}/orders/{edit['order_id']})"
        )
    charged = await stage.merchant.ship_reserved(show.id)
    stage.say(
        "no card had money reserved"
        if charged is None
        else f"order #{charged['order']['number']} left, and its card was charged ¥{charged['order']['charged_minor'] / 100:,.2f}"
    )


async def parcels_there_and_back(stage: Stage, show: Show) -> None:
    """Some of what was sold is sent and arrives; some of that comes back, and its money with it."""
    sent = await stage.merchant.send_parcels(show.id)
    back = [
        await stage.merchant.take_back(view, reason, condition)
        for view, (reason, condition) in zip(sent, COMES_BACK, strict=False)
    ]
    exchanged: int | None = None
    for view in sent[len(COMES_BACK) :]:
        exchanged = await stage.merchant.exchange(view)
        if exchanged is not None:
            break
    refunded = sum(each["refund_minor"] for each in back)
    if len(sent) > len(back):
        asked = await stage.merchant.ask_fapiao(sent[-1])
        stage.say(
            f"order #{asked['order_number']} needs a fapiao ({stage.address}/console/{stage.merchant.slug}/fapiao)"
        )
    stage.say(
        f"{len(sent)} parcels sent and delivered, {len(back)} come back: ¥{refunded / 100:,.2f} refunded"
        f"{'' if exchanged is None else f', one is exchanged as order #{exchanged}'} "
        f"({stage.address}/console/{stage.merchant.slug}/returns)"
    )


async def close_counter(stage: Stage, counter: Counter, selling: asyncio.Task[None]) -> None:
    """The store closes: a unit comes back, and the drawer is counted."""
    selling.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await selling
    await counter.close()
    stage.say(
        f"the till in the store sold {len(counter.sold)} times during the shows and took one unit back "
        f"({stage.address}/console/{stage.merchant.slug}/tills/shifts)"
    )
    stage.say(
        f"{await restocked(stage.merchant)} ({stage.address}/console/{stage.merchant.slug}/stock/counts)"
    )


async def collect_in_store(stage: Stage) -> None:
    """A customer fetches an order from the store."""
    number = await collected(stage.merchant, await open_store(stage.merchant))
    if number is not None:
        stage.say(
            f"order #{number} was collected in the store "
            f"({stage.address}/console/{stage.merchant.slug}/pickups?tab=done)"
        )


async def settle(stage: Stage) -> None:
    """Let the lake catch up with what the shop did."""
    await asyncio.sleep(1.5)


async def say_report(stage: Stage, show: Show) -> dict[str, Any]:
    await settle(stage)
    report = await show.report()
    figures = report["figures"]
    table = Table(
        title=f"report of show {show.id} (simulated audience)", show_header=False, box=None, padding=(0, 2)
    )
    for name in (
        "uv", "pcu", "acu", "dwell", "orders_placed", "gmv_placed", "gmv_paid", "gmv_net", "watch_pay_cvr", "refused_buyers",
    ):  # fmt: skip
        if name in figures:
            table.add_row(name, _shown(figures[name]))
    stage.console.print(table)
    stage.say(f"report: {stage.address}/console/{stage.merchant.slug}/shows/{show.id}/report")
    return report


async def verified_statement(stage: Stage, show: Show) -> str:
    """What the shop signed of the show, checked as an outsider would, with the files of the lake beside it: in a line.

    Raises Trouble where it does not verify.
    """
    async with asyncio.timeout(STATEMENT_PATIENCE):
        while True:
            reply = await stage.merchant.http.get(f"/v1/{stage.merchant.slug}/statements")
            listed = [each for each in reply.json() if each["show_id"] == show.id] if reply.is_success else []
            if listed and listed[0]["checkpoint"]:
                break
            await asyncio.sleep(0.5)
    number = listed[0]["number"]
    file = await stage.merchant.http.get(f"/console/{stage.merchant.slug}/statements/{number}/file")
    keys = (await stage.merchant.shop("GET", "/log/keys"))["keys"]
    found = await asyncio.to_thread(
        verifying.verify, file.content, key=keys[0]["document"]["key"], lake=stage.place / "lake"
    )
    if not found.holds:
        wrong = "; ".join(check.words for check in found.checks if check.state == "failed")
        raise Trouble(f"Statement {number} of show {show.id} does not verify: {wrong}")
    proven = ", ".join(
        check.words.partition(":")[0].lower() for check in found.checks if check.state == "proven"
    )
    by = "" if found.is_witnessed else "not "
    return f"statement {number} of show {show.id} verified ({proven}); {by}witnessed"


def _shown(figure: dict[str, Any]) -> str:
    value, unit = figure.get("value"), figure.get("unit", "")
    if value is None:
        return "—"
    if unit == "minor":
        return f"¥{value / 100:,.2f}"
    return f"{value:,.2f} {unit}" if isinstance(value, float) else f"{value:,} {unit}"


async def from_demand_to_supply(stage: Stage, show: Show) -> bool:
    """The plan that the show itself made, purchase orders, the supplier's word.  True when something was promised."""
    await say_report(stage, show)
    stage.console.rule("from demand to supply")
    merchant = stage.merchant
    plan = await merchant.planned(show)
    table = Table(title="plan", box=None, padding=(0, 2))
    for column in ("product", "variant", "units", "each", "sum"):
        table.add_column(column, justify="left" if column in {"product", "variant"} else "right")
    names = {
        variant["id"]: (product["title"], " ".join(variant["options"]))
        for product in merchant.products.values()
        for variant in product["variants"]
    }
    for line in plan["lines"]:
        title, options = names[line["variant_id"]]
        table.add_row(
            title,
            options,
            str(line["quantity"]),
            f"¥{line['unit_minor'] / 100:,.2f}",
            f"¥{line['quantity'] * line['unit_minor'] / 100:,.2f}",
        )
    stage.console.print(table)
    stage.say(
        f"purchase ¥{plan['purchase_minor'] / 100:,.2f}, expected to bring ¥{plan['brings_minor'] / 100:,.2f}; "
        f"enough with {plan['enough']:.0%} probability, {plan['expected_left']:.0f} units may be left; "
        f"no plan is better by more than ¥{plan['gap_minor'] / 100:,.2f}"
    )
    stage.say(f"plan: {stage.address}/console/{merchant.slug}/shows/{show.id}/plan")
    if not plan["lines"]:
        return False
    for sent in await merchant.accept(plan["id"]):
        page = f"{stage.address}/supplier/{sent['key']}"
        ready = await answer_as_supplier(merchant.http, sent["key"], sent["order"])
        stage.say(f"order {sent['order']['number']} confirmed by its supplier, ready by {ready} ({page})")
    return True


def tell_where(stage: Stage, show: Show) -> None:
    table = Table(show_header=False, box=None, padding=(0, 2))
    table.add_row("shop", f"{stage.address}/s/{stage.merchant.slug}")
    table.add_row("room", f"{stage.address}/s/{stage.merchant.slug}/live/{show.id}")
    table.add_row("console", f"{stage.address}/console/{stage.merchant.slug}")
    table.add_row("report", f"{stage.address}/console/{stage.merchant.slug}/shows/{show.id}/report")
    table.add_row("plan", f"{stage.address}/console/{stage.merchant.slug}/shows/{show.id}/plan")
    table.add_row("customers", f"{stage.address}/console/{stage.merchant.slug}/customers")
    table.add_row("parcels", f"{stage.address}/console/{stage.merchant.slug}/fulfilment?state=shipped")
    table.add_row("messages", f"{stage.address}/console/{stage.merchant.slug}/messages")
    table.add_row("SMS", f"{stage.address}/console/{stage.merchant.slug}/messages?channel=sms")
    table.add_row("sign in", f"{EMAIL}   password {stage.password}")
    stage.console.print(table)

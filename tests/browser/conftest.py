"""A shop that runs, a camera that films, and people with phones in a real Chromium."""

import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import imageio_ffmpeg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from tests.app.running import PATIENCE, Owner, Running, place
from tests.conftest import NewDatabase
from tests.waiting import until

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import chromium

ARGUMENTS: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--no-proxy-server",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip
PHONE: Final[dict[str, Any]] = {
    "viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2,
}  # fmt: skip
# Milliseconds that a page may take for one step, on a machine with much else to do.
STEP: Final = 40_000.0
DESK: Final = {"viewport": {"width": 1280, "height": 900}}


@pytest.fixture(scope="session")
def shop(new_database: NewDatabase) -> Iterator[Running]:
    """The product, started as its operator starts it."""
    with (
        place() as data_dir,
        new_database() as database,
        Running(data_dir, database=database, SEAL_SECONDS="2", TEST_PAYMENTS="true") as running,
    ):
        yield running


@pytest.fixture(scope="session")
def owner(shop: Running) -> Iterator[Owner]:
    person = Owner(shop, "corner")
    person.claim(shop.claim)
    person.shop(
        "PUT", "/orders/policy",
        json={
            "shipping_minor": 1_200, "free_shipping_from_minor": 50_000, "pay_to": "Harbour Bank 6217 0000",
            "pick_up_at": "8 Quay Street",
        },
    )  # fmt: skip
    yield person
    person.close()


@pytest.fixture(scope="session")
def channel(owner: Owner) -> Iterator[int]:
    """A channel that a camera publishes to, as OBS would."""
    made = owner.shop("POST", "/channels", json={"name": "Front camera"})
    child = subprocess.Popen(
        [
            imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-re",
            "-f", "lavfi", "-i", "testsrc2=size=360x640:rate=15", "-f", "lavfi", "-i", "sine=frequency=220:sample_rate=44100",
            "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", "15",
            "-keyint_min", "15", "-sc_threshold", "0", "-b:v", "300k", "-threads", "1", "-c:a", "aac", "-b:a", "48k",
            "-f", "flv", f"{made['publish_to']}/{made['key']}",
        ],
        stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        until(
            "the camera is on the air",
            lambda: owner.shop("GET", f"/channels/{made['id']}/status")["live"] or None,
        )
        yield made["id"]
    finally:
        child.terminate()
        child.wait(PATIENCE)


# A Chromium for each file of tests: Playwright's event loop must not stand in the way of the asynchronous tests
# that run after these in the same process.
@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    program = chromium.find()
    if program is None:
        pytest.fail(
            "no Chromium was found: install one (make test does it where it may), or name it in SHOPFLOOR_CHROMIUM"
        )
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=program, args=list(ARGUMENTS), timeout=PATIENCE * 1000
        )
        yield launched
        launched.close()


# No slots: Playwright keeps something of its own on the object whose method listens.
@dataclass
class Troubles:
    """What a page must not do: complain in the console, break, ask somebody else, come without a policy."""

    shop: str
    said: list[str] = field(default_factory=list[str])
    strangers: list[str] = field(default_factory=list[str])
    unguarded: list[str] = field(default_factory=list[str])
    broken: list[str] = field(default_factory=list[str])
    expected: bool = False
    at_home: set[str] = field(default_factory=set[str])

    def watch(self, page: Page) -> None:
        page.on(
            "console", lambda message: self.said.append(message.text) if message.type == "error" else None
        )
        page.on("pageerror", lambda problem: self.said.append(str(problem)))
        page.on("request", lambda request: self._asked(request.url))
        page.on("response", lambda response: self._answered(response.url, response.status, response.headers))
        page.on("websocket", lambda socket: self._asked(socket.url))

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"data", "blob"} and parts.netloc not in {
            urlsplit(self.shop).netloc,
            *self.at_home,
        }:
            self.strangers.append(url)

    def _answered(self, url: str, status: int, headers: dict[str, str]) -> None:
        if status >= 500:
            self.broken.append(f"{status} {url}")
        is_page = headers.get("content-type", "").startswith("text/html")
        if is_page and "default-src 'none'" not in headers.get("content-security-policy", ""):
            self.unguarded.append(url)


class People:
    """`people.phone()` is somebody with a phone, `people.desk()` somebody at a desk: a context, cookies of its own."""

    def __init__(self, chrome: Browser, shop: Running, stack: ExitStack) -> None:
        self._chrome = chrome
        self._stack = stack
        self.shop = shop
        self.troubles = Troubles(shop.address)

    def phone(self, *, script: bool = True, locale: str = "en-GB", **options: Any) -> BrowserContext:
        return self._somebody(**PHONE, java_script_enabled=script, locale=locale, **options)

    def desk(self, *, locale: str = "en-GB", **options: Any) -> BrowserContext:
        return self._somebody(**DESK, locale=locale, **options)

    def _somebody(self, **options: Any) -> BrowserContext:
        context = self._chrome.new_context(base_url=self.shop.address, **options)
        self._stack.callback(context.close)
        context.set_default_timeout(STEP)
        context.on("page", self.troubles.watch)
        return context


@pytest.fixture
def people(chrome: Browser, shop: Running) -> Generator[People]:
    """Who visits in this test.  Whatever they open must stay quiet, at home and under its policy."""
    with ExitStack() as stack:
        visitors = People(chrome, shop, stack)
        yield visitors
    troubles = visitors.troubles
    assert troubles.strangers == []
    assert troubles.unguarded == []
    assert troubles.broken == []
    assert troubles.expected or troubles.said == []


@dataclass(frozen=True, slots=True)
class Stall:
    """A show that is on, with one product in it."""

    show_id: int
    offer_id: int
    product: dict[str, Any]
    path: str
    title: str

    def variant(self, options: str) -> int:
        return next(each["id"] for each in self.product["variants"] if "/".join(each["options"]) == options)


MakeStall = Callable[..., Stall]


_NUMBERS = count(1)


@pytest.fixture(scope="module")
def make_stall(owner: Owner) -> Iterator[MakeStall]:
    """Open a show of one featured product; `options` says how many units of each choice there are.

    It is ended with the tests of its file: what sells in a show on air is forecast again and again.
    """
    opened: set[int] = set()

    def make(
        options: dict[str, int],
        *,
        channel_id: int | None = None,
        hold_seconds: int = 600,
        limit: int | None = 4,
    ) -> Stall:
        title = f"Linen shirt {next(_NUMBERS)}"
        product = owner.product(title, options, titles={"zh_CN": "亚麻衬衫"})
        show = owner.show("Evening show", titles={"zh_CN": "晚间直播"}, channel_id=channel_id)
        offer = owner.offer(show, product, options, hold_seconds=hold_seconds, limit=limit)
        owner.shop("POST", f"/shows/{show}/start")
        owner.feature(show, offer)
        opened.add(show)
        return Stall(show, offer, product, f"/s/{owner.slug}/live/{show}", title)

    yield make
    for show in owner.shop("GET", "/shows?status=live"):
        if show["id"] in opened:
            owner.shop("POST", f"/shows/{show['id']}/end")


def enter(context: BrowserContext, stall: Stall) -> Page:
    """Open the room and wait until it is alive: the stream has greeted."""
    page = context.new_page()
    page.goto(stall.path)
    page.wait_for_selector(".room[data-connection='open']")
    return page


def video_reaches(page: Page, seconds: float) -> float:
    """Wait until the clock of the page's video has passed `seconds`; where it is then."""
    # Asked from outside: a condition handed to the page would be evaluated there, which its policy forbids.
    video = page.locator("video")
    at = 0.0
    for _ in range(round(STEP / 200)):
        at = float(video.evaluate("video => video.currentTime"))
        if at > seconds:
            return at
        page.wait_for_timeout(200)
    raise AssertionError(f"the clock of the video stands at {at}, not beyond {seconds}")

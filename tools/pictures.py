"""Take the pictures of the README from the running demo: `make pictures`.

Starts the demo in a directory of its own, opens its pages in a real Chromium while the show is on, and ends it.
"""

import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parent))

import chromium

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1360, "height": 860}
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip


def page(browser: Browser, size: dict[str, int], *, language: str = "en-GB", dark: bool = False) -> Page:
    context = browser.new_context(
        viewport={"width": size["width"], "height": size["height"]},
        device_scale_factor=2 if size is PHONE else 1,
        has_touch=size is PHONE,
        locale=language,
        timezone_id="Asia/Shanghai",
        color_scheme="dark" if dark else "light",
    )
    return context.new_page()


def take(shown: Page, name: str) -> None:
    shown.screenshot(path=PICTURES / f"{name}.png")
    print(f"  {name}.png", flush=True)


def room(browser: Browser, address: str, name: str, language: str) -> None:
    shown = page(browser, PHONE, language=language)
    shown.goto(address)
    # Asked from outside: a condition handed to the page would be evaluated there, which its policy forbids.
    for _ in range(150):
        if shown.locator("video").evaluate("video => video.currentTime") > 1:
            break
        shown.wait_for_timeout(200)
    shown.wait_for_timeout(4_000)
    take(shown, name)
    shown.context.close()


def signed_in(browser: Browser, base: str, password: str, *, dark: bool = False) -> Page:
    shown = page(browser, DESKTOP, dark=dark)
    shown.goto(f"{base}/sign-in")
    shown.fill("input[name=email]", "owner@harbour.example")
    shown.fill("input[name=password]", password)
    shown.click("main button")
    shown.wait_for_url("**/console**")
    return shown


def main() -> int:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o711)
        demo = subprocess.Popen(
            [sys.executable, "-m", "shopfloor", "demo", "--data-dir", place],
            stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        assert demo.stdout is not None
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium.ensure(), args=ARGUMENTS)
                follow(demo, browser, Path(place))
                browser.close()
        finally:
            demo.send_signal(signal.SIGINT)
            demo.wait(90)
    return 0


def follow(demo: "subprocess.Popen[str]", browser: Browser, place: Path) -> None:
    """Act on what the demo says."""
    assert demo.stdout is not None
    base, filmed = "", False
    for line in demo.stdout:
        print(line, end="", flush=True)
        if "The shop is open:" in line:
            base = re.findall(r"http://[^\s\x1b]+", line)[0]
        elif "Wide cotton trousers" in line and not filmed:
            filmed = True
            time.sleep(5)
            room(browser, f"{base}/s/harbour/live/1", "room-phone", "en-GB")
            room(browser, f"{base}/s/harbour/live/1", "room-phone-zh", "zh-CN")
            studio = signed_in(browser, base, (place / "demo" / "owner").read_text().strip())
            studio.goto(f"{base}/console/harbour/shows/1/studio")
            studio.wait_for_timeout(6_000)
            take(studio, "studio-desktop")
            studio.context.close()
        elif "The shop stays up" in line:
            after(browser, base, (place / "demo" / "owner").read_text().strip())
            return


def after(browser: Browser, base: str, password: str) -> None:
    desk = signed_in(browser, base, password)
    for path, name in (("/shows/1/report", "report-desktop"), ("/shows/1/plan", "plan-desktop")):
        desk.goto(f"{base}/console/harbour{path}")
        desk.wait_for_timeout(800)
        take(desk, name)
    shop = page(browser, PHONE, language="zh-CN", dark=True)
    shop.goto(f"{base}/s/harbour")
    shop.wait_for_timeout(800)
    take(shop, "shop-phone-zh-dark")


if __name__ == "__main__":
    sys.exit(main())

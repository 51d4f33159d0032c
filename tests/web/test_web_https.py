"""What a page says where it came without HTTPS, and what the console says of the certificate."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from tests.services import give
from tests.web.conftest import Stage
from tests.web.signed import signed_in

from shopfloor import accounts, certificates
from shopfloor.accounts import PERMISSIONS, Role
from shopfloor.certificates import Certificate, Problem, Source, State
from shopfloor.kernel.database import Database
from shopfloor.kernel.public_address import PublicAddress
from shopfloor.kernel.services import Services, install
from shopfloor.kernel.settings import Settings
from shopfloor.web import https
from shopfloor.web.https import Feature


def page(
    address: str, settings: Settings, *, language: str = "en", keeper: certificates.Keeper | None = None
) -> Request:
    app = FastAPI()
    public = settings.public or PublicAddress("http", "localhost")
    parts = [] if keeper is None else [keeper]
    install(app, Services(cast("Database", None), public, settings=settings, parts=parts))
    scheme, _, rest = address.partition("://")
    host, _, path = rest.partition("/")
    return Request(
        {
            "type": "http", "method": "GET", "scheme": scheme, "path": f"/{path}", "query_string": b"x=1", "app": app,
            "headers": [(b"host", host.encode()), (b"accept-language", language.encode())], "server": ("192.168.1.5", 80),
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("address", "secure"),
    [
        ("https://shop.example/s/corner", True),
        ("http://localhost:8000/", True),
        ("http://shop.localhost/", True),
        ("http://127.0.0.1:8000/", True),
        ("http://127.8.8.8/", True),
        ("http://[::1]:8000/", True),
        ("http://192.168.1.5:8000/", False),
        ("http://shop.example/", False),
        ("http://localhost.evil.example/", False),
        ("http://[fd00::2]/", False),
    ],
)
def test_which_pages_browsers_hold_for_secure(address: str, secure: bool) -> None:
    request = page(address, Settings())
    assert https.is_secure(request) is secure
    assert (https.why_off(request, Feature.CAMERA) is None) is secure


@pytest.mark.parametrize(
    ("given", "advice", "address"),
    [
        ({}, "Start Shopfloor with --domain and the name of the shop on the internet, or with --local-https on a local network.", None),
        ({"local_https": True}, "Tell this device to trust the shop, then open the page by HTTPS.", "/trust"),
        ({"domain": "shop.example"}, "Open the page by HTTPS.", "https://shop.example/console?x=1"),
        (
            {"base_url": "https://shop.example"},
            "If you did open it by HTTPS, the proxy has to send the header X-Forwarded-Proto and to be among the trusted proxies.",
            "https://shop.example/console?x=1",
        ),
    ],
)  # fmt: skip
def test_what_to_do_depends_on_how_the_shop_is_reached(
    given: dict[str, Any], advice: str, address: str | None
) -> None:
    off = https.why_off(page("http://192.168.1.5:8000/console", Settings(**given)))
    assert off == https.Off(
        "Camera, notifications, offline use and scanners stay off: this page came without HTTPS.",
        advice,
        address,
    )


def test_each_feature_says_why_it_is_off_in_both_languages() -> None:
    english = {each: https.why_off(page("http://10.0.0.9/", Settings()), each) for each in Feature}
    chinese = {
        each: https.why_off(page("http://10.0.0.9/", Settings(), language="zh-CN"), each) for each in Feature
    }
    reasons = [off.reason for off in (*english.values(), *chinese.values()) if off is not None]
    assert len(set(reasons)) == 2 * len(Feature) == 8
    assert "The camera of this device stays off: the page came without HTTPS." in reasons
    assert "本机摄像头无法使用：此页面未通过 HTTPS 打开。" in reasons


def actor(role: Role) -> accounts.Actor:
    return accounts.Actor(person_id=1, shop_id=1, role=role, permissions=PERMISSIONS[role])


def test_the_console_tells_owners_of_a_certificate_that_was_not_renewed_and_ends_soon(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    settings = Settings(domain="shop.example", data_dir=tmp_path)
    wanted = certificates.Wanted(source=Source.DOMAIN, names=("shop.example",))
    keeper = certificates.Keeper(tmp_path / "certificates", lambda: wanted)
    request = page("https://shop.example/console", settings, keeper=keeper)
    held = Certificate(
        source=Source.DOMAIN, names=("shop.example",), addresses=(), issuer="Authority", not_before=now - timedelta(days=80),
        not_after=now + timedelta(days=10), renew_at=now - timedelta(days=20), is_trusted=True,
    )  # fmt: skip
    problem = Problem(code="certificate.slow", message="Too slow.")

    keeper.state = State(certificate=held)
    assert https.trouble(request, actor(Role.OWNER)) is None
    keeper.state = State(certificate=held, failures=9, problem=problem, next_try_at=now)
    assert https.trouble(request, actor(Role.OWNER)) == https.Trouble(held.not_after, False, "Too slow.", now)
    assert https.trouble(request, actor(Role.HOST)) is None
    early = replace(held, not_after=now + timedelta(days=25))
    keeper.state = State(certificate=early, failures=2, problem=problem)
    assert https.trouble(request, actor(Role.OWNER)) is None
    ended = replace(held, not_after=now - timedelta(days=1))
    keeper.state = State(certificate=ended, failures=20, problem=problem)
    assert https.trouble(request, actor(Role.OWNER)) == https.Trouble(
        ended.not_after, True, "Too slow.", None
    )
    keeper.state = State(failures=1, problem=problem)
    assert https.trouble(request, actor(Role.OWNER)) == https.Trouble(None, True, "Too slow.", None)
    assert https.trouble(page("http://localhost/", Settings()), actor(Role.OWNER)) is None


async def test_the_first_page_of_the_console_says_both(stage: Stage, tmp_path: Path) -> None:
    client = await signed_in(stage, tmp_path)
    page = await client.get("/console/harbour")
    assert page.status_code == 200
    assert (
        "Camera, notifications, offline use and scanners stay off: this page came without HTTPS." in page.text
    )
    assert "Start Shopfloor with --domain" in page.text
    assert "certificate for HTTPS" not in page.text

    wanted = certificates.Wanted(source=Source.LOCAL, names=("localhost",))
    keeper = certificates.Keeper(tmp_path / "certificates", lambda: wanted)
    keeper.state = State(failures=1, problem=Problem(code="x", message="The disk is <full>."))
    give(stage.app, keeper)
    chinese = await client.get("/console/harbour", headers={"accept-language": "zh-CN"})
    assert "店铺还没有 HTTPS 证书" in chinese.text
    assert "The disk is &lt;full&gt;." in chinese.text
    assert "摄像头、通知、离线使用和扫码均不可用" in chinese.text

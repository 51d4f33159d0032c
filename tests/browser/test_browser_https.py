"""A phone on the shop's local network: what it sees before it trusts the shop, and a purchase over TLS afterwards."""

import base64
import hashlib
import os
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from playwright.sync_api import Error, expect, sync_playwright
from tests.app.running import PATIENCE, Owner, Running, place
from tests.browser.conftest import ARGUMENTS, PHONE, STEP, chromium
from tests.certificates.pebble import free_port
from tests.conftest import NewDatabase

pytestmark = pytest.mark.browser
# Where pictures of the pages go, for eyes.
PICTURES = os.environ.get("SHOPFLOOR_TEST_PICTURES")


@dataclass(frozen=True)
class Lan:
    node: Running
    owner: Owner
    plain: str


@pytest.fixture(scope="module")
def lan(new_database: NewDatabase) -> Iterator[Lan]:
    plain = free_port()
    with (
        place() as data_dir,
        new_database() as database,
        Running(
            data_dir, database=database, options=("--local-https",), HOST="127.0.0.1", PORT=str(free_port()), HTTP_PORT=str(plain)
        ) as node,
    ):  # fmt: skip
        trust = ssl.create_default_context(cafile=str(data_dir / "certificates/local/authority.crt"))
        owner = Owner(node, "corner", verify=trust)
        owner.claim(node.claim)
        yield Lan(node, owner, f"http://127.0.0.1:{plain}")
        owner.close()


def pin(data_dir: Path) -> str:
    """How Chromium is told to trust this one key, as a device does that has installed the authority."""
    leaf = x509.load_pem_x509_certificate((data_dir / "certificates/local/served.pem").read_bytes())
    der = leaf.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return f"--ignore-certificate-errors-spki-list={base64.b64encode(hashlib.sha256(der).digest()).decode()}"


def test_a_phone_learns_to_trust_the_shop_and_buys_over_tls(lan: Lan) -> None:
    product = lan.owner.product("Linen shirt", {"M": 3})
    show = lan.owner.show("Evening")
    offer = lan.owner.offer(show, product, {"M": 3})
    lan.owner.shop("POST", f"/shows/{show}/start")
    lan.owner.feature(show, offer)
    program = chromium.find()
    with sync_playwright() as playwright:

        def launched(*arguments: str):
            return playwright.chromium.launch(
                executable_path=program, args=[*ARGUMENTS, *arguments], timeout=PATIENCE * 1000
            )

        stranger = launched()
        phone = stranger.new_context(**PHONE, locale="zh-CN")
        phone.set_default_timeout(STEP)
        with pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
            phone.new_page().goto(f"{lan.node.address}/s/corner")
        page = phone.new_page()
        page.goto(f"{lan.plain}/trust")
        expect(page.get_by_role("heading", level=1)).to_have_text("在局域网中信任这家店铺")
        page.get_by_text("iPhone, iPad").tap()
        expect(page.get_by_text("设置 → 通用 → VPN 与设备管理")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        with page.expect_download() as download:
            page.get_by_role("link", name="下载证书").tap()
        kept = Path(download.value.path()).read_bytes()
        root = (lan.node.data_dir / "certificates/local/authority.crt").read_text()
        assert kept == ssl.PEM_cert_to_DER_cert(root)
        if PICTURES:
            page.screenshot(path=f"{PICTURES}/trust-zh.png", full_page=True)
            page.set_viewport_size({"width": 1280, "height": 900})
            page.set_extra_http_headers({"accept-language": "en"})
            page.goto(f"{lan.plain}/trust")
            page.screenshot(path=f"{PICTURES}/trust-en.png", full_page=True)
        stranger.close()

        trusting = launched(pin(lan.node.data_dir))
        page = trusting.new_context(**PHONE, locale="en-GB").new_page()
        page.set_default_timeout(STEP)
        troubles: list[str] = []
        page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        # Over the port without TLS: one is led to the same page by https.
        page.goto(f"{lan.plain}/s/corner/live/{show}")
        assert page.url == f"{lan.node.address}/s/corner/live/{show}"
        assert page.evaluate("isSecureContext") is True
        page.get_by_role("region", name="Featured now").get_by_role("button", name="Buy").tap()
        page.get_by_role("dialog", name="Linen shirt").get_by_role(
            "button", name=re.compile("^Buy for .*99$")
        ).tap()
        held = page.get_by_role("dialog", name="Reserved for you")
        held.get_by_role("link", name="Check out").tap()
        expect(page.get_by_role("heading", name="Checkout")).to_be_visible()
        assert page.url.startswith(f"{lan.node.address}/s/corner/checkout/")
        cookies = page.context.cookies()
        assert {each.get("name"): each.get("secure") for each in cookies}["shopper"] is True
        assert troubles == []
        trusting.close()

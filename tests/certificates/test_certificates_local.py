"""A shop that serves https on its local network, spoken to by foreign clients over TLS."""

import asyncio
import http.client
import json
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import imageio_ffmpeg
import pytest
import websockets
from tests.app.running import Owner, Running, place
from tests.certificates.pebble import free_port
from tests.conftest import NewDatabase
from tests.waiting import PATIENCE, until


@dataclass(frozen=True)
class Lan:
    node: Running
    owner: Owner
    plain: int
    root: Path
    trust: ssl.SSLContext
    show: int

    @property
    def port(self) -> int:
        return int(self.node.address.rpartition(":")[2])

    @property
    def here(self) -> str:
        return f"https://localhost:{self.port}"

    def get(self, path: str, **options: Any) -> httpx.Response:
        return httpx.get(self.here + path, verify=self.trust, trust_env=False, timeout=PATIENCE, **options)


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
        root = data_dir / "certificates/local/authority.crt"
        trust = ssl.create_default_context(cafile=str(root))
        person = Owner(node, "corner", verify=trust)
        person.claim(node.claim)
        product = person.product("Linen shirt", {"M": 5})
        channel = person.shop("POST", "/channels", json={"name": "Table"})
        show = person.show("Evening", channel_id=channel["id"])
        person.offer(show, product, {"M": 5})
        person.shop("POST", f"/shows/{show}/start")
        yield Lan(node, person, plain, root, trust, show)
        person.close()


def test_what_is_printed(lan: Lan) -> None:
    assert lan.node.address == f"https://127.0.0.1:{lan.port}"
    said = "\n".join(lan.node.said)
    assert f"Devices learn to trust this shop at http://127.0.0.1:{lan.plain}/trust" in said
    assert "The fingerprint of its certificate (SHA-256): " in said


def test_curl_and_openssl_check_the_certificate(lan: Lan) -> None:
    curl = ["curl", "-sS", "--noproxy", "*", "--max-time", "30"]
    trusted = subprocess.run(
        [*curl, "--cacert", lan.root, f"{lan.here}/healthz"], capture_output=True, text=True, check=False
    )
    assert (trusted.returncode, trusted.stdout) == (0, "ok\n")
    stranger = subprocess.run([*curl, f"{lan.here}/healthz"], capture_output=True, text=True, check=False)
    assert stranger.returncode == 60
    old = subprocess.run(
        [*curl, "--tls-max", "1.1", "--cacert", lan.root, f"{lan.here}/healthz"], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert old.returncode == 35


async def test_the_room_speaks_over_a_socket_and_over_events(lan: Lan) -> None:
    room = f"wss://localhost:{lan.port}/room/{lan.show}/socket"
    page = lan.get(f"/s/corner/live/{lan.show}")
    assert page.status_code == 200
    cookies = "; ".join(f"{name}={value}" for name, value in page.cookies.items())
    async with websockets.connect(
        room, ssl=lan.trust, origin=websockets.Origin(lan.here), additional_headers={"cookie": cookies}, proxy=None, open_timeout=PATIENCE
    ) as socket_:  # fmt: skip
        await socket_.send(json.dumps({"t": "hello"}))
        first = json.loads(await asyncio.wait_for(socket_.recv(), PATIENCE))
        assert first
    async with (
        httpx.AsyncClient(
            verify=lan.trust, trust_env=False, timeout=PATIENCE, cookies=page.cookies
        ) as client,
        client.stream("GET", f"{lan.here}/room/{lan.show}/events") as events,
    ):
        assert events.headers["content-type"].startswith("text/event-stream")
        async for line in events.aiter_lines():
            if line.startswith("data:"):
                assert json.loads(line.removeprefix("data:"))
                break


def test_video_comes_over_tls(lan: Lan) -> None:
    channel = lan.owner.shop("GET", "/channels")[0]
    key = lan.owner.shop("POST", f"/channels/{channel['id']}/key")["key"]
    camera = subprocess.Popen(
        [
            imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-re",
            "-f", "lavfi", "-i", "testsrc2=size=180x320:rate=15", "-c:v", "libx264", "-preset", "ultrafast",
            "-pix_fmt", "yuv420p", "-g", "15", "-f", "flv", f"{lan.node.publish_to}/{key}",
        ],
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(
            "the camera is on the air",
            lambda: lan.owner.shop("GET", f"/channels/{channel['id']}/status")["live"],
        )
        address = f"/media/{channel['id']}/live.m3u8"
        playlist = until(
            "a playlist", lambda: answer.text if (answer := lan.get(address)).status_code == 200 and "#EXTINF" in answer.text else ""
        )  # fmt: skip
        segment = next(line for line in playlist.splitlines() if line and not line.startswith("#"))
        video = lan.get(urljoin(address, segment))
        assert video.status_code == 200
        assert len(video.content) > 1_000
    finally:
        camera.terminate()
        camera.wait(PATIENCE)


def test_the_port_without_tls_leads_to_https_and_shows_how_to_trust(lan: Lan) -> None:
    def ask(path: str, host: str | None = None) -> httpx.Response:
        headers = {} if host is None else {"host": host}
        return httpx.get(
            f"http://127.0.0.1:{lan.plain}{path}", headers=headers, trust_env=False, timeout=PATIENCE
        )

    led = ask("/s/corner?x=1", host=f"localhost:{lan.plain}")
    assert (led.status_code, led.headers["location"]) == (307, f"{lan.here}/s/corner?x=1")
    assert ask("/s/corner", host="evil.example").headers["location"] == f"{lan.node.address}/s/corner"
    assert "strict-transport-security" not in lan.get("/s/corner").headers
    page = ask("/trust")
    assert page.status_code == 200
    printed = next(line for line in lan.node.said if "fingerprint" in line).rpartition(": ")[2]
    assert printed in page.text
    certificate = ask("/trust/shopfloor.crt")
    assert certificate.headers["content-type"] == "application/x-x509-ca-cert"
    assert certificate.content == ssl.PEM_cert_to_DER_cert(lan.root.read_text())
    chinese = httpx.get(
        f"http://127.0.0.1:{lan.plain}/trust", headers={"accept-language": "zh-CN"}, trust_env=False, timeout=PATIENCE
    ).text  # fmt: skip
    assert "在局域网中信任这家店铺" in chinese
    assert "下载证书" in chinese


def test_who_never_ends_the_handshake_is_counted_and_let_go(lan: Lan) -> None:
    def connections() -> int:
        text = httpx.get(f"http://127.0.0.1:{lan.plain}/metrics", trust_env=False, timeout=PATIENCE).text
        return int(
            float(
                next(line for line in text.splitlines() if line.startswith("shopfloor_connections ")).split()[
                    1
                ]
            )
        )

    before = connections()
    silent = [socket.create_connection(("127.0.0.1", lan.port), 30) for _ in range(12)]
    with silent[0] as half:
        # A part of a greeting is no more than none.
        half.sendall(bytes.fromhex("1603010200010001fc0303"))
        until("all are counted", lambda: connections() >= before + 12)
        began = time.monotonic()
        for each in silent:
            each.settimeout(60)
            assert each.recv(1) == b""
        assert time.monotonic() - began < 40
    for each in silent:
        each.close()
    until("all have left", lambda: connections() <= before + 2)
    assert lan.get("/healthz").status_code == 200


def test_what_is_no_tls_is_closed(lan: Lan) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", lan.port, timeout=30)
    connection.request("GET", "/healthz")
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        connection.getresponse()
    assert lan.get("/healthz").status_code == 200


def test_a_greeting_in_small_pieces_is_read_in_order(lan: Lan) -> None:
    """A client whose first bytes are there before the server looks, and whose greeting comes byte by byte."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = lan.trust.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", lan.port), 30) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                hello = outgoing.read()
                for at in range(0, len(hello), 7):
                    raw.sendall(hello[at : at + 7])
                incoming.write(raw.recv(65_536))
        raw.sendall(outgoing.read())
        tls.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        raw.sendall(outgoing.read())
        said = b""
        while b"ok\n" not in said:
            incoming.write(raw.recv(65_536))
            try:
                said += tls.read(65_536)
            except ssl.SSLWantReadError:
                continue
    assert said.startswith(b"HTTP/1.1 200 OK")

"""What every answer of a running shop says, whatever is behind the address; and what its files let others read."""

import asyncio
import contextlib
import json
import re
import socket
import stat
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4
from xml.etree import ElementTree as ET

import httpx
import imageio_ffmpeg
import pytest
from tests.app.running import Owner, Running
from tests.waiting import PATIENCE, until

from shopfloor import schemas
from shopfloor.kernel.headers import HEADERS

SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


def ask(node: Running, method: str, path: str, **options: Any) -> httpx.Response:
    return httpx.request(method, node.address + path, timeout=60, trust_env=False, **options)


@pytest.fixture(scope="module")
def product(owner: Owner) -> dict[str, Any]:
    return owner.product("Edge shirt", {"M": 3})


@pytest.mark.parametrize(
    "path",
    ["/healthz", "/metrics", "/s/corner", "/sign-in", "/robots.txt", "/sitemap.xml", "/v1/openapi.json"],
)
def test_head_says_what_get_says_and_sends_nothing(node: Running, owner: Owner, path: str) -> None:
    got = ask(node, "GET", path)
    head = ask(node, "HEAD", path)
    assert (head.status_code, head.content) == (got.status_code, b"") == (200, b"")
    assert head.headers["content-type"] == got.headers["content-type"]


def test_head_of_what_is_not_there_is_404_and_of_a_form_405(node: Running, owner: Owner) -> None:
    assert ask(node, "HEAD", "/s/nowhere").status_code == 404
    assert ask(node, "HEAD", "/sign-out").status_code == 405


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/s/corner/", "/s/corner"),
        ("/s/corner/?page=2&q=a%20b", "/s/corner?page=2&q=a%20b"),
        ("/sign-in//", "/sign-in"),
        ("/v1/corner/products/", "/v1/corner/products"),
        ("/healthz/", "/healthz"),
        ("/nowhere/", None),
        ("//evil.example/", None),
        ("/s/corner%0d%0aX-Evil: 1/", "/s/corner%0D%0AX-Evil%3A%201"),
    ],
)
def test_a_slash_too_many_leads_to_the_page_and_never_to_another_host(
    node: Running, owner: Owner, path: str, location: str | None
) -> None:
    answer = ask(node, "GET", path, headers={"host": "evil.example", "x-forwarded-proto": "https"})
    assert (answer.status_code, answer.headers.get("location")) == (307 if location else 404, location)


def test_cameras_are_told_the_address_of_the_server_whatever_the_request_calls_it(
    node: Running, owner: Owner
) -> None:
    owner.shop("POST", "/channels", json={"name": "Edge"})
    signed_in = {"host": "evil.example", "cookie": f"session={owner.cookie('session')}"}
    page = ask(node, "GET", f"/console/{owner.slug}/media", headers=signed_in)
    assert page.status_code == 200
    assert node.publish_to in page.text
    assert "evil.example" not in page.text


def test_every_shop_serves_the_schemas_of_what_it_takes_and_keeps(node: Running) -> None:
    elsewhere = {"origin": "https://analyst.example"}
    for name, schema in schemas.every().items():
        answer = ask(node, "GET", f"/schemas/{name}.json", headers=elsewhere)
        assert answer.json() == schema
        assert answer.headers["content-type"] == "application/schema+json"
        assert answer.headers["access-control-allow-origin"] == "*"
    assert ask(node, "GET", "/schemas/orders.json").status_code == 404


def test_robots_are_told_where_to_go_and_where_not(node: Running, owner: Owner) -> None:
    lines = ask(node, "GET", "/robots.txt").text.splitlines()
    assert lines[0] == "User-agent: *"
    assert {"Disallow: /console/", "Disallow: /s/*/checkout/", "Disallow: /v1/"} <= set(lines)
    assert lines[-1] == f"Sitemap: {node.address}/sitemap.xml"


def test_the_sitemap_names_shops_and_products_at_the_public_address(
    node: Running, owner: Owner, product: dict[str, Any]
) -> None:
    def places(path: str) -> list[str | None]:
        answer = ask(node, "GET", path, headers={"host": "evil.example"})
        return [each.text for each in ET.fromstring(answer.text).iter(f"{SITEMAP}loc")]

    assert places("/sitemap.xml") == [
        f"{node.address}/sitemap-shops.xml", f"{node.address}/sitemap-products-0.xml",
    ]  # fmt: skip
    assert places("/sitemap-shops.xml") == [f"{node.address}/s/corner"]
    assert places("/sitemap-products-0.xml") == [f"{node.address}/s/corner/p/{product['id']}"]
    assert ask(node, "GET", f"/s/corner/p/{product['id']}").status_code == 200


def test_the_icon_is_found_where_browsers_look(node: Running) -> None:
    answer = ask(node, "GET", "/favicon.ico", follow_redirects=True)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")


HANDSHAKE = {
    "connection": "upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "origin": "https://evil.example",
}


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", "/s/corner", {}, 200),
        ("GET", "/s/corner/nothing", {}, 404),
        ("GET", "/static/nothing.js", {}, 404),
        ("GET", "/media/999999/live.m3u8", {}, 404),
        ("GET", "/pictures/nothing", {}, 404),
        ("POST", "/e", {"content": b"no json"}, 400),
        ("POST", "/buy", {"content": b"no json"}, 422),
        ("POST", "/buy", {"content": b"{}", "headers": {"origin": "https://evil.example"}}, 403),
        ("GET", "/room/999999/state", {}, 404),
        ("GET", "/room/999999/socket", {"headers": HANDSHAKE}, 403),
        ("POST", "/v1/corner/products", {"content": b"x" * (1 << 20) + b"x"}, 413),
    ],
)
def test_every_answer_has_the_safe_headers(
    node: Running, owner: Owner, method: str, path: str, options: dict[str, Any], status: int
) -> None:
    answer = ask(node, method, path, **options)
    assert answer.status_code == status, answer.text
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


def test_a_static_file_has_them_too(node: Running, owner: Owner) -> None:
    page = ask(node, "GET", "/s/corner").text
    path = next(part.split('"')[0] for part in page.split('"/')[1:] if part.startswith("static/"))
    answer = ask(node, "GET", f"/{path}")
    assert answer.status_code == 200
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


async def test_one_address_says_no_more_than_a_household(
    node: Running, owner: Owner, product: dict[str, Any]
) -> None:
    """New cookies cost nothing: each line comes from a shopper who has said nothing yet."""
    show = owner.show("Chatty")
    owner.offer(show, product, {"M": 3})
    owner.shop("POST", f"/shows/{show}/start")
    async with httpx.AsyncClient(base_url=node.address, timeout=PATIENCE, trust_env=False) as client:

        async def newcomer() -> str:
            answer = await client.get("/s/corner", headers={"cookie": ""})
            return answer.headers["set-cookie"].split(";")[0]

        async def say(address: str, cookie: str) -> httpx.Response:
            headers = {"x-forwarded-for": address, "origin": node.address, "cookie": cookie}
            return await client.post(f"/room/{show}/chat", json={"text": "hello"}, headers=headers)

        cookies = [await newcomer() for _ in range(81)]
        assert len(set(cookies)) == 81
        flood = await asyncio.gather(*(say("198.51.100.7", cookie) for cookie in cookies[:80]))
        elsewhere = await say("198.51.100.8", cookies[80])
    said = Counter(answer.status_code for answer in flood)
    assert set(said) == {201, 429}
    assert said[201] >= 40
    assert {answer.json()["code"] for answer in flood if answer.status_code == 429} == {"chat.too_fast"}
    assert elsewhere.status_code == 201


def test_the_files_of_a_shop_are_nobody_elses(node: Running, owner: Owner, product: dict[str, Any]) -> None:
    def open_to_others(path: Path) -> bool:
        return bool(path.lstat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))

    kept = [node.data_dir / name for name in ("lake", "recordings", "pictures")]
    assert all(path.is_dir() for path in kept)
    assert [path for path in kept if open_to_others(path)] == []
    pictures = [path for path in kept[2].rglob("*") if path.is_file()]
    assert pictures
    assert [path for path in pictures if open_to_others(path)] == []


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v1/corner/products", "application/json"),
        ("/v1/corner/shows", "application/json"),
        ("/sign-in", "application/x-www-form-urlencoded"),
        ("/sign-in", "multipart/form-data; boundary=x"),
    ],
)
def test_a_body_of_unknown_length_is_refused_when_it_is_too_much(
    node: Running, owner: Owner, path: str, kind: str
) -> None:
    def endless() -> Iterator[bytes]:
        if "multipart" in kind:
            yield b'--x\r\nContent-Disposition: form-data; name="email"; filename="a"\r\n\r\n'
        for _ in range(40):
            yield b"a" * 65_536

    answer = ask(node, "POST", path, content=endless(), headers={"content-type": kind})
    assert (answer.status_code, answer.json()["code"]) == (413, "request.too_large")
    assert answer.headers["connection"] == "close"


CUT_OFF = 8


def sent(node: Running, path: str, kind: str, body: bytes, *, cookie: str, by: str, cut: bool) -> bytes:
    """What a raw socket gets for a body that says it is longer than it is, where `cut`, and then ends."""
    host, _, port = node.address.removeprefix("http://").partition(":")
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nOrigin: {node.address}\r\nCookie: {cookie}\r\n"
        f"Content-Type: {kind}\r\nConnection: close\r\n"
    )
    if by == "length":
        data = f"{head}Content-Length: {len(body) + (CUT_OFF if cut else 0)}\r\n\r\n".encode() + body
    else:
        end = b"" if cut else b"0\r\n\r\n"
        data = f"{head}Transfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n".encode() + body + b"\r\n" + end
    with socket.create_connection((host, int(port)), timeout=60) as stream:
        stream.sendall(data)
        if cut:
            stream.shutdown(socket.SHUT_WR)
        answer = b""
        while True:
            try:
                piece = stream.recv(65_536)
            except ConnectionResetError:
                return answer
            if not piece:
                return answer
            answer += piece


@pytest.mark.parametrize("by", ["length", "chunks"])
def test_a_body_that_is_cut_off_is_nothing_and_one_that_is_too_long_is_refused(
    node: Running, owner: Owner, product: dict[str, Any], by: str
) -> None:
    """Each body is all that is meant already: only its end is missing."""
    goods = owner.product("Cut shirt", {"M": 9})
    show = owner.show("Cut off")
    offer = owner.offer(show, goods, {"M": 9})
    owner.shop("POST", f"/shows/{show}/start")
    buy = {
        "offer_id": offer, "variant_id": goods["variants"][0]["id"], "quantity": 1, "price_minor": 9_900,
    }  # fmt: skip
    cookie = httpx.get(f"{node.address}/s/corner/live/{show}", timeout=PATIENCE, trust_env=False).headers[
        "set-cookie"
    ]
    cookie = cookie.split(";")[0]

    def bodies(path: str) -> tuple[str, bytes]:
        if path == "/buy":
            return "application/json", json.dumps({"id": str(uuid4()), **buy}).encode()
        if path == "/buy?form":
            return "application/x-www-form-urlencoded", urlencode({"id": str(uuid4()), **buy}).encode()
        if path == "/e":
            return "application/json", json.dumps([{"id": str(uuid4()), "type": "page_view"}]).encode()
        if path.endswith("/like"):
            return "application/json", b'{"n":3}'
        return "application/json", json.dumps({"text": f"cut by {by}"}).encode()

    def state() -> dict[str, Any]:
        return ask(node, "GET", f"/room/{show}/state").json()

    paths = ["/buy", "/buy?form", "/e", f"/room/{show}/like", f"/room/{show}/chat"]
    for path in paths:
        kind, body = bodies(path)
        assert sent(node, path, kind, body, cookie=cookie, by=by, cut=True) == b"", path
    said = [sent(node, path, *bodies(path), cookie=cookie, by=by, cut=False)[9:12] for path in paths]
    too_long = [
        sent(node, path, bodies(path)[0], b" " * (1 << 18), cookie=cookie, by=by, cut=False)[9:12]
        for path in paths
        if path != "/e"
    ]

    assert said == [b"200", b"303", b"200", b"204", b"201"]
    assert too_long == [b"413"] * 4
    until(
        "what came whole is shown",
        lambda: (
            (now := state())["state"]["likes"] == 3
            and [line["text"] for line in now["chat"]] == [f"cut by {by}"]
        ),
    )
    held = {
        level["variant_id"]: level["held"] for level in owner.shop("GET", "/stock/levels") if level["held"]
    }
    assert held[buy["variant_id"]] == 2


def connections(node: Running) -> int:
    found = re.search(r"^shopfloor_connections ([0-9.]+)$", ask(node, "GET", "/metrics").text, re.MULTILINE)
    assert found is not None
    return int(float(found[1]))


def test_silent_connections_keep_no_camera_out_and_count_like_all_others(node: Running, owner: Owner) -> None:
    channel = owner.shop("POST", "/channels", json={"name": "Front camera"})
    host, port = re.match(r"rtmp://([^:/]+):(\d+)/", channel["publish_to"]).groups()  # type: ignore[union-attr]
    before = connections(node)
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(socket.create_connection((host, int(port)), timeout=PATIENCE))
        until("all are counted", lambda: connections(node) >= before + 40 or None)
        camera = subprocess.Popen(
            [
                imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-re",
                "-f", "lavfi", "-i", "testsrc2=size=180x320:rate=15", "-c:v", "libx264", "-preset", "ultrafast",
                "-pix_fmt", "yuv420p", "-g", "15", "-f", "flv", f"{channel['publish_to']}/{channel['key']}",
            ],
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            until(
                "the camera is on the air",
                lambda: owner.shop("GET", f"/channels/{channel['id']}/status")["live"] or None,
            )
        finally:
            camera.terminate()
            camera.wait(PATIENCE)
    until("all have left", lambda: connections(node) <= before + 2 or None)

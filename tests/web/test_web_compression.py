"""Built files and pages go out compressed to those who want it, and are the same bytes afterwards."""

import gzip
import re
import subprocess
import zlib
from pathlib import Path

import pytest
from fastapi import APIRouter
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from tests.web.conftest import Stage

from shopfloor.kernel.route_access import public
from shopfloor.web.compression import SMALLEST
from shopfloor.web.static import STATIC, asset

_FOREVER = "public, max-age=31536000, immutable"


def _unbrotli(packed: bytes) -> bytes:
    script = "process.stdout.write(require('zlib').brotliDecompressSync(require('fs').readFileSync(0)))"
    return subprocess.run(["node", "-e", script], input=packed, capture_output=True, check=True).stdout


async def _raw(stage: Stage, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers, and the bytes as they went over the wire."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    async with stage.client.stream("GET", path, headers={"accept-encoding": "", **headers}) as answer:
        body = b"".join([part async for part in answer.aiter_raw()])
    return answer.status_code, dict(answer.headers), body


@pytest.mark.parametrize(
    ("wanted", "coding"),
    [
        ("gzip, deflate, br", "br"),
        ("gzip", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("identity", None),
        ("gzip;q=0, br;q=0", None),
        ("gzip;q=0.2, identity;q=0.9", None),
        ("", None),
    ],
)
async def test_built_file_in_the_coding_that_is_wanted(stage: Stage, wanted: str, coding: str | None) -> None:
    url = asset("room.css").url
    plain = (STATIC / Path(url).name).read_bytes()

    status, headers, body = await _raw(stage, url, accept_encoding=wanted)

    assert status == 200
    assert headers.get("content-encoding") == coding
    assert headers["vary"] == "accept-encoding"
    assert headers["cache-control"] == _FOREVER
    assert headers["content-type"] == "text/css; charset=utf-8"
    assert headers["content-length"] == str(len(body))
    unpacked = {"br": _unbrotli, "gzip": gzip.decompress, None: bytes}[coding](body)
    assert unpacked == plain
    assert (len(body) < len(plain) / 2) == (coding is not None)


def test_every_built_file_that_gets_smaller_has_both_forms_beside_it() -> None:
    files = [path for path in STATIC.iterdir() if path.suffix in {".js", ".css", ".svg"}]
    assert len(files) > 8
    for path in files:
        plain = path.read_bytes()
        if len(gzip.compress(plain, 9)) >= len(plain):
            continue
        assert gzip.decompress(path.with_name(path.name + ".gz").read_bytes()) == plain
    room = STATIC / Path(asset("room.js").url).name
    assert _unbrotli(room.with_name(room.name + ".br").read_bytes()) == room.read_bytes()


async def test_built_file_is_not_sent_again_to_who_has_it_in_that_coding(stage: Stage) -> None:
    url = asset("room.css").url
    tags = {
        coding: (await _raw(stage, url, accept_encoding=coding))[1]["etag"]
        for coding in ("br", "gzip", "identity")
    }
    assert len(set(tags.values())) == 3

    for coding, tag in tags.items():
        status, headers, body = await _raw(stage, url, accept_encoding=coding, if_none_match=f'"x", W/{tag}')
        assert (status, body) == (304, b"")
        assert (headers["etag"], headers["vary"], headers["cache-control"]) == (
            tag,
            "accept-encoding",
            _FOREVER,
        )
        assert "content-encoding" not in headers
        assert "content-length" not in headers
    assert (await _raw(stage, url, accept_encoding="br", if_none_match=tags["gzip"]))[0] == 200


async def test_part_of_a_built_file_is_a_part_of_the_plain_bytes(stage: Stage) -> None:
    url = asset("room.css").url
    plain = (STATIC / Path(url).name).read_bytes()
    tag = (await _raw(stage, url))[1]["etag"]

    for extra in ({}, {"if_range": tag}):
        status, headers, body = await _raw(stage, url, accept_encoding="br", range="bytes=5-24", **extra)
        assert (status, body) == (206, plain[5:25])
        assert headers["content-range"] == f"bytes 5-24/{len(plain)}"
        assert "content-encoding" not in headers
    assert (await _raw(stage, url, range="bytes=5-24", if_range='"other"'))[::2] == (200, plain)


async def test_head_of_a_built_file_says_what_get_would(stage: Stage) -> None:
    url = asset("room.css").url
    whole = await _raw(stage, url, accept_encoding="gzip")
    answer = await stage.client.head(url, headers={"accept-encoding": "gzip"})

    assert answer.status_code == 200
    assert dict(answer.headers) == whole[1]
    assert answer.content == b""


@pytest.mark.parametrize(
    "name", ["manifest.json", ".built", "nothing.js", "../static.py", "%2e%2e/static.py", ""]
)
async def test_only_built_files_are_served(stage: Stage, name: str) -> None:
    assert (await stage.client.get(f"/static/{name}")).status_code == 404


async def test_packed_files_have_no_address_of_their_own(stage: Stage) -> None:
    assert (await stage.client.get(asset("room.css").url + ".br")).status_code == 404
    assert (await stage.client.get(asset("room.css").url + ".gz")).status_code == 404
    assert (await stage.client.post(asset("room.css").url)).status_code == 405


async def test_page_is_compressed_for_who_wants_it(stage: Stage) -> None:
    status, headers, body = await _raw(stage, "/s/harbour", accept_encoding="gzip, br")
    plain_status, plain_headers, plain = await _raw(stage, "/s/harbour", accept_encoding="identity")

    assert (status, plain_status) == (200, 200)
    assert headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain_headers
    assert headers["content-length"] == str(len(body))
    assert len(body) < len(plain) / 2
    assert zlib.decompress(body, 31) == plain
    for either in (headers, plain_headers):
        assert {each.strip() for each in either["vary"].split(",")} == {
            "cookie", "accept-language", "accept-encoding",
        }  # fmt: skip


@pytest.mark.parametrize("wanted", ["", "identity", "gzip;q=0", "br", "*;q=0"])
async def test_page_is_plain_for_who_does_not(stage: Stage, wanted: str) -> None:
    _, headers, body = await _raw(stage, "/s/harbour", accept_encoding=wanted)
    assert "content-encoding" not in headers
    assert body.startswith(b"<!doctype html>")


@pytest.mark.parametrize(
    ("site", "coding"), [("cross-site", None), ("same-site", None), ("same-origin", "gzip"), ("none", "gzip")]
)
async def test_page_another_site_asks_for_has_its_true_length(
    stage: Stage, site: str, coding: str | None
) -> None:
    """Its length must not tell that site whether a guess repeats something secret in it."""
    _, headers, _ = await _raw(stage, "/s/harbour", accept_encoding="gzip", sec_fetch_site=site)
    assert headers.get("content-encoding") == coding


async def test_secrets_of_a_page_are_fresh_in_each_answer(stage: Stage) -> None:
    path = f"/s/harbour/p/{stage.shirt.id}"
    ids = [re.findall(r'name="id" value="([^"]+)"', (await stage.client.get(path)).text) for _ in range(2)]
    assert ids[0]
    assert not set(ids[0]) & set(ids[1])


async def test_only_whole_answers_of_text_are_compressed(stage: Stage) -> None:
    long = "a" * SMALLEST
    router = APIRouter()
    answers: dict[str, Response] = {
        "json": JSONResponse({"text": long}),
        "tagged": PlainTextResponse(long, headers={"etag": '"1"'}),
        "short": PlainTextResponse(long[1:]),
        "events": StreamingResponse(iter(["data: 1\n\n", long]), media_type="text/event-stream"),
        "parts": StreamingResponse(iter([long, long]), media_type="text/csv"),
        "video": Response(long, media_type="video/mp4"),
        "packed": Response(long, media_type="text/plain", headers={"content-encoding": "br"}),
        "fixed": PlainTextResponse(long, headers={"cache-control": "no-transform"}),
    }

    @router.get("/answer/{name}")
    @public
    async def answer(name: str) -> Response:
        return answers[name]

    stage.app.include_router(router)
    found = {name: await _raw(stage, f"/answer/{name}", accept_encoding="gzip") for name in answers}

    packed = {name for name, (_, headers, _) in found.items() if headers.get("content-encoding") == "gzip"}
    assert packed == {"json", "tagged"}
    assert gzip.decompress(found["json"][2]) == b'{"text":"' + long.encode() + b'"}'
    assert found["tagged"][1]["etag"] == 'W/"1"'
    assert found["parts"][2] == 2 * long.encode()
    assert found["events"][2] == b"data: 1\n\n" + long.encode()

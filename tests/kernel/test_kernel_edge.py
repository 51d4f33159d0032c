"""The outermost layer: what broke is logged once, and whoever asked is told what is true."""

import asyncio
import logging
import sys
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import Message
from structlog.testing import capture_logs

from shopfloor.kernel import http, logs
from shopfloor.kernel.edge import Edge


class Broken(Exception):
    pass


def shop() -> FastAPI:
    app = FastAPI()
    app.add_exception_handler(Exception, http.render_incident)
    app.add_exception_handler(ClientDisconnect, http.render_cut_off)

    @app.get("/breaks")
    async def breaks() -> None:
        raise Broken

    @app.get("/breaks-late")
    async def breaks_late() -> StreamingResponse:
        async def half() -> AsyncGenerator[bytes]:
            yield b"half"
            raise Broken

        return StreamingResponse(half())

    @app.post("/takes")
    async def takes(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    return app


async def asked(path: str) -> httpx.Response:
    transport = httpx.ASGITransport(Edge(shop()))
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        return await client.get(path)


async def test_what_breaks_is_answered_with_the_number_it_is_logged_under_once() -> None:
    with capture_logs() as logged:
        answer = await asked("/breaks")

    [incident] = logged
    assert (incident["event"], type(incident["exc_info"])) == ("http.incident", Broken)
    assert (answer.status_code, answer.json()["facts"]) == (500, {"incident": incident["incident"]})


async def test_an_answer_that_breaks_in_the_middle_is_logged_once_and_not_taken_for_whole() -> None:
    with capture_logs() as logged, pytest.raises(Broken) as broken:
        await asked("/breaks-late")

    assert [line["event"] for line in logged] == ["http.incident"]
    # The server closes the connection, and has nothing to add to the log.
    record = logging.LogRecord(
        "uvicorn.error",
        logging.ERROR,
        "",
        1,
        "Exception in ASGI application",
        (),
        (Broken, broken.value, None),
    )
    assert not logs.is_news(record)
    try:
        raise Broken
    except Broken:
        record.exc_info = sys.exc_info()
    assert logs.is_news(record)


def sending(*messages: dict[str, Any]) -> Any:
    left = list(messages)

    async def receive() -> dict[str, Any]:
        return left.pop(0) if left else await asyncio.Future()

    return receive


async def called(app: Any, path: str, receive: Any) -> list[Message]:
    said: list[Message] = []

    async def send(message: Message) -> None:
        said.append(message)

    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": [],
        "scheme": "http", "server": ("shop.test", 80), "client": ("127.0.0.1", 1), "http_version": "1.1", "root_path": "",
    }  # fmt: skip
    await Edge(app)(scope, receive, send)
    return said


async def test_a_sender_who_leaves_in_the_middle_is_no_fault_of_ours() -> None:
    half = {"type": "http.request", "body": b"half", "more_body": True}
    with capture_logs() as logged:
        said = await called(shop(), "/takes", sending(half, {"type": "http.disconnect"}))

    assert (said[0]["status"], logged) == (422, [])


async def test_who_still_waits_when_the_process_ends_may_try_again() -> None:
    begun = asyncio.Event()
    said: list[Message] = []

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        await asyncio.Future()

    async def send(message: Message) -> None:
        said.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "scheme": "http", "client": None}
    waiting = asyncio.create_task(Edge(slow)(scope, sending(), send))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert said[0]["status"] == 503
    assert (b"retry-after", b"1") in said[0]["headers"]
    assert b'"code":"unavailable"' in said[1]["body"]

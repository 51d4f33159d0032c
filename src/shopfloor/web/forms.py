"""Forms of the console that are carried out once: what they are known by, and the answer to one that was sent before."""

import asyncio
import hashlib
import secrets
from typing import Annotated, Final

from fastapi import FastAPI, Form, Request
from starlette.datastructures import Headers, UploadFile
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shopfloor import forms
from shopfloor.kernel.services import services_in, services_of
from shopfloor.web.languages import N_, speak
from shopfloor.web.templating import flash

# A box that is ticked or a button of two: "yes" or "no", or a word like these; nothing is no.  A request with anything
# else is refused before it changes something.
Tick = Annotated[bool, Form()]

FIELD: Final = "form_key"
_TRIES: Final = 40
_REFUSED: Final = 400


class AlreadyDone(Exception):
    """The same form was carried out before: its answer is shown instead."""

    def __init__(self, key: bytes, *, otherwise: str) -> None:
        super().__init__(otherwise)
        self.key = key
        self.otherwise = otherwise


def digest(*parts: str) -> bytes:
    """A hash of parts of any content, in order."""
    found = hashlib.sha256()
    for part in parts:
        text = part.encode("utf-8", "surrogatepass")
        found.update(len(text).to_bytes(8, "big") + text)
    return found.digest()


def new_name() -> str:
    return secrets.token_urlsafe(16)


async def form_sent(request: Request, person_id: int) -> bytes | None:
    """What the form in this request is known by: who sent it, where to, its key and all that was typed."""
    if request.method != "POST":
        return None
    typed = await request.form()
    key = typed.get(FIELD)
    if not isinstance(key, str) or not key:
        return None
    parts = [str(person_id), request.url.path, key]
    for name, value in typed.multi_items():
        text = f"{value.filename} {value.size}" if isinstance(value, UploadFile) else value
        parts += [name, text]
    return digest(*parts)


class KeepAnswers:
    """ASGI middleware: notes where the answer to a form stands, before it is given."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start" and "form_claimed" in state:
                db = services_in(scope["app"]).db
                location = Headers(raw=message["headers"]).get("location", scope["path"])
                async with db.transaction() as tx:
                    if message["status"] < _REFUSED:
                        await forms.keep_form_answer(tx, key=state["form_claimed"], location=location)
                    else:
                        await forms.forget_form(tx, key=state["form_claimed"])
            await send(message)

        await self._app(scope, receive, noting)


async def answer_again(request: Request, problem: Exception) -> Response:
    """To where the first answer stands; who taps twice may be here before it does."""
    assert isinstance(problem, AlreadyDone)
    db = services_of(request).db
    location: str | None = None
    for _ in range(_TRIES):
        async with db.transaction() as tx:
            location = await forms.form_answer(tx, key=problem.key)
        if location is not None:
            break
        await asyncio.sleep(0.05)
    response = RedirectResponse(location or problem.otherwise, status_code=303)
    flash(response, "info", speak(request).gettext(N_("This form was sent before. Here is its result.")))
    return response


def install(app: FastAPI) -> None:
    app.add_middleware(KeepAnswers)
    app.add_exception_handler(AlreadyDone, answer_again)

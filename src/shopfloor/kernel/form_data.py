"""The fields of a form as they were sent: bytes that are not UTF-8 stay known, and so many fields are taken as any page has.

Readers of forms put another letter in the place of a broken one (urlencoded) or read the whole text as Latin-1
(multipart), and what was typed is kept as something else.  Here such bytes become lone surrogates, which no text may
hold (`kernel.text.storable`): `kernel.border` refuses the field by its name, as it does for a NUL.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Final
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from shopfloor.kernel.errors import Refusal

# The largest form there is: 200 variants, with a dozen fields of each, several times over.
MOST_FIELDS: Final = 10_000

# Of a form that is too large: how many bytes are read to find what was typed, for how long, and how much of it is shown.
MOST_READ: Final = 32 << 20
TEXTS_SECONDS: Final = 10.0
MOST_TEXT: Final = 4 << 20

_URLENCODED: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"
# Read as they came by who knows them; under /v1/ there are no forms.
_NO_FORMS: Final = ("/v1/", "/payments/", "/sms/")


class TooManyFields(Refusal):
    """The form has more fields than can be sent at once.  Nothing was changed."""

    status = 413
    code = "form.too_many_fields"


def is_form(request: Request) -> bool:
    """Whether it brings what a page's form sends."""
    return (
        request.method == "POST"
        and not request.url.path.startswith(_NO_FORMS)
        and _kind(request) in {_URLENCODED, _MULTIPART}
    )


async def read(request: Request) -> None:
    """Read the form of a request, if it brings one; `request.form()` then gives it.  Raises TooManyFields."""
    if not is_form(request):
        return
    if _kind(request) == _URLENCODED:
        found = _urlencoded((await request.body()).decode("utf-8", "surrogateescape"))
    else:
        found = await _multipart(request)
    # What `form()` gives once a form was read; it has no other door.
    request._form = found  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


async def read_texts(request: Request) -> None:
    """Read what was typed into a form that is too large to be taken, as far as it comes in a few seconds, so that it can be
    shown once more; its files are dropped as they come.  `request.form()` then gives the texts.
    """
    if not is_form(request):
        return
    items: list[tuple[str, str | UploadFile]] = []
    with suppress(TimeoutError, ClientDisconnect, MultiPartException, Refusal):
        async with asyncio.timeout(TEXTS_SECONDS):
            if _kind(request) == _URLENCODED:
                parts = [part async for part in _begun(request, MOST_TEXT)]
                items += _urlencoded(b"".join(parts).decode("utf-8", "surrogateescape")).multi_items()
            else:
                most = MOST_FIELDS + 1
                reader = _Texts(
                    request.headers, _begun(request, MOST_READ),
                    max_fields=most, max_files=most, max_part_size=MOST_TEXT,
                )  # fmt: skip
                # What was read stays read, however it ends.
                items = reader.items
                await reader.parse()
    request._form = FormData(items)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


async def _begun(request: Request, most: int) -> AsyncGenerator[bytes, None]:
    """The body, up to the first piece with which it is larger than `most` bytes."""
    size = 0
    async for part in request.stream():
        yield part
        size += len(part)
        if size > most:
            return


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def _urlencoded(text: str) -> FormData:
    if text.count("&") >= MOST_FIELDS:
        raise TooManyFields(most=MOST_FIELDS)
    found: list[tuple[str, str | UploadFile]] = [
        *parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
    ]
    return FormData(found)


async def _multipart(request: Request) -> FormData:
    # The limits of the parser itself are refused without a word of what they are.
    most = MOST_FIELDS + 1
    try:
        return await _Multipart(request.headers, request.stream(), max_fields=most, max_files=most).parse()
    except MultiPartException as problem:
        raise HTTPException(400, problem.message) from problem


class _Multipart(MultiPartParser):
    _parts = 0

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        self._parts += 1
        if self._parts > MOST_FIELDS:
            raise TooManyFields(most=MOST_FIELDS)

    def on_part_end(self) -> None:
        part = self._current_part
        if part.file is None and self._charset == "utf-8":
            self.items.append((part.field_name, part.data.decode("utf-8", "surrogateescape")))
        else:
            super().on_part_end()


class _Texts(_Multipart):
    """Texts only, and no more of them than are shown."""

    _size = 0

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._current_part.file is None and self._size + end - start <= MOST_TEXT:
            self._size += end - start
            super().on_part_data(data, start, end)

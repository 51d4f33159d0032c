"""The one way to read a body: whole or not at all."""

from collections.abc import Sequence
from typing import Any

import pytest

from shopfloor.kernel.asgi import BodyTooLarge, CutOffError, announced_length, read_body
from shopfloor.kernel.errors import Invalid, TooMany

LEFT = {"type": "http.disconnect"}


class LongWish(Invalid):
    """More than anybody wishes for."""

    code = "test.long_wish"


def piece(body: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def read(
    messages: Sequence[dict[str, Any]], *, announced: bytes | None = None, limit: int = 8, **options: Any
) -> tuple[bytes, int]:
    """The body, and how many of the messages it took."""
    left = list(messages)

    async def receive() -> dict[str, Any]:
        return left.pop(0)

    headers = [] if announced is None else [(b"content-length", announced)]
    try:
        body = await read_body({"headers": headers}, receive, limit=limit, **options)
    except BaseException as problem:
        problem.add_note(f"{len(messages) - len(left)} read")
        raise
    return body, len(messages) - len(left)


@pytest.mark.parametrize(
    ("messages", "announced", "body"),
    [
        ([piece(b"12345678", more=False)], b"8", b"12345678"),
        ([piece(b"1234"), piece(b""), piece(b"5678", more=False)], None, b"12345678"),
        ([piece(b"12"), {"type": "http.request"}], b"2", b"12"),
        ([{"type": "http.request"}], None, b""),
        ([piece(b"", more=False)], b"0", b""),
    ],
)
async def test_a_whole_body_is_what_was_sent(
    messages: list[dict[str, Any]], announced: bytes | None, body: bytes
) -> None:
    assert await read(messages, announced=announced) == (body, len(messages))


@pytest.mark.parametrize(
    ("messages", "announced", "taken"),
    [
        # Before anything is read; and of unknown length, at the first byte too many.
        ([piece(b"1", more=False)], b"9", 0),
        ([piece(b"1", more=False)], b"9" * 18, 0),
        ([piece(b"123456789", more=False)], None, 1),
        ([piece(b"1234"), piece(b"56789"), piece(b"a" * 100)], None, 2),
        ([piece(b"1234"), piece(b"56789"), piece(b"a" * 100)], b"no number", 2),
    ],
)
async def test_one_that_is_too_large_is_refused_as_soon_as_it_is_known(
    messages: list[dict[str, Any]], announced: bytes | None, taken: int
) -> None:
    with pytest.raises(BodyTooLarge) as refused:
        await read(messages, announced=announced)
    assert (refused.value.code, refused.value.status, refused.value.facts) == (
        "request.too_large",
        413,
        {"limit": 8, "largest": "0 KB"},
    )
    assert refused.value.__notes__ == [f"{taken} read"]

    with pytest.raises(LongWish):
        await read(messages, announced=announced, too_large=LongWish)


@pytest.mark.parametrize(
    ("messages", "announced"),
    [
        ([LEFT], None),
        ([LEFT], b"4"),
        ([piece(b"1234"), LEFT], None),
        ([piece(b"12345678"), LEFT], b"8"),
        ([piece(b"1234", more=False)], b"5"),
        ([{"type": "http.request"}], b"5"),
    ],
)
async def test_one_that_was_cut_off_is_none(messages: list[dict[str, Any]], announced: bytes | None) -> None:
    with pytest.raises(CutOffError):
        await read(messages, announced=announced)


async def test_what_is_announced_is_paid_before_it_is_read_and_else_each_piece() -> None:
    paid: list[int] = []
    await read([piece(b"1234"), piece(b"56", more=False)], announced=b"6", pay=paid.append)
    await read([piece(b"1234"), piece(b"56", more=False)], pay=paid.append)
    assert paid == [6, 4, 2]

    def nothing_left(_: int) -> None:
        raise TooMany

    for announced, taken in ((b"6", 0), (None, 1)):
        with pytest.raises(TooMany) as refused:
            await read([piece(b"1234"), piece(b"56", more=False)], announced=announced, pay=nothing_left)
        assert refused.value.__notes__ == [f"{taken} read"]


def test_a_length_is_a_number() -> None:
    assert [
        announced_length({"headers": [(b"host", b"a"), (b"content-length", value)]})
        for value in (b"0", b"12", b"-1", b"1.5", b"", b"+3")
    ] == [0, 12, None, None, None, None]

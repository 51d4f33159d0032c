"""What JSON may be before anybody reads it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopfloor.kernel import strict_json
from shopfloor.kernel.errors import Invalid
from shopfloor.kernel.strict_json import MOST_DEPTH

PLAIN = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
ANY = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"a": 1, "a": 2}', "json.repeated_name"),
        (b'{"a": 1, "\\u0061": 1}', "json.repeated_name"),
        (b'[{"b": {"a": 1, "c": 2, "a": 1}}]', "json.repeated_name"),
        (b'{"\\u0000": 1, "\\u0000": 2}', "json.repeated_name"),
        (b'{"a": NaN}', "number.not_finite"),
        (b"[Infinity]", "number.not_finite"),
        (b"-Infinity", "number.not_finite"),
        (b"[" * (MOST_DEPTH + 1) + b"]" * (MOST_DEPTH + 1), "json.too_deep"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "json.too_deep"),
        (b"[" * 100_000, "json.too_deep"),
    ],
    ids=lambda value: value[:30] if isinstance(value, bytes) else value,
)
def test_what_no_reader_should_take(body: bytes, code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        strict_json.check(body)

    assert refusal.value.code == code


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": {"a": 1}, "b": [{"a": 1}, {"a": 2}]}',
        b"[" * MOST_DEPTH + b"]" * MOST_DEPTH,
        b"9" * 5_000,
        b'"\\ud800"',
        # What is no JSON is for its reader to say.
        b"{", b"", b"\xff", b'{"a": 1,}', b"nan",
    ],
    ids=lambda body: body[:30],
)  # fmt: skip
def test_what_is_left_to_the_reader(body: bytes) -> None:
    strict_json.check(body)


@given(ANY)
def test_what_a_program_writes_is_taken(value: object) -> None:
    body = json.dumps(value).encode()
    strict_json.check(body)
    strict_json.check_names(body, (b'"a"',))


@pytest.mark.parametrize("body", [b'{"id": 1, "id": 2}', b'{"id": 1, "\\u0069d": 2}'])
def test_a_name_that_is_known_stands_once(body: bytes) -> None:
    with pytest.raises(strict_json.RepeatedName) as refusal:
        strict_json.check_names(body, (b'"id"', b'"quantity"'))

    assert refusal.value.facts == {"name": "id"}


def test_the_quick_look_takes_lines_of_a_cart() -> None:
    strict_json.check_names(b'{"lines": [{"id": 1}, {"id": 2}]}', (b'"id"',))

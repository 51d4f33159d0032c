from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopfloor.media import amf
from shopfloor.media.models import BadStream

values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1, max_size=10), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(st.lists(values, max_size=4))
def test_what_is_encoded_is_decoded(items: list[amf.Value]) -> None:
    assert amf.decode(amf.encode(*items)) == items


def test_the_count_of_an_ecma_array_is_only_a_hint() -> None:
    data = b"\x08\x00\x00\x00\x63" + b"\x00\x01a" + amf.encode(1) + b"\x00\x00\x09"

    assert amf.decode(data) == [{"a": 1.0}]


def test_long_strings_and_dates() -> None:
    text = "x" * 70_000

    assert amf.decode(amf.encode(text)) == [text]
    assert amf.decode(b"\x0b" + amf.encode(5)[1:] + b"\x00\x00") == [5.0]


@pytest.mark.parametrize(
    "data",
    [
        b"\x02\xff\xffabc",
        b"\x00\x00",
        b"\x03\x00\x01a",
        b"\x11\x00",
        b"\x0a\x00\x00\x00\x01" * 12 + b"\x05",
        b"\x0a\xff\xff\xff\xff" + b"\x05" * 5_000,
    ],
    ids=[
        "string too short",
        "number too short",
        "object without end",
        "AMF3",
        "nested too deeply",
        "too many items",
    ],
)
def test_what_is_not_amf_is_refused(data: bytes) -> None:
    with pytest.raises(BadStream):
        amf.decode(data)


@given(st.binary(max_size=200))
def test_random_bytes_are_decoded_or_refused(data: bytes) -> None:
    with suppress(BadStream):
        amf.decode(data)

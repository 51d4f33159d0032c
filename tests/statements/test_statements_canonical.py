"""Canonical JSON against what RFC 8785 prints."""

import json
import struct

import pytest

from shopfloor.kernel import canonical

# Appendix B: the bits of a double, and its text.
NUMBERS = {
    "0000000000000000": "0", "8000000000000000": "0", "0000000000000001": "5e-324", "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308", "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992", "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000", "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23", "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000", "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21", "3eb0c6f7a0b5ed8c": "9.999999999999997e-7", "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332", "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333", "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343", "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}  # fmt: skip


@pytest.mark.parametrize(("bits", "text"), NUMBERS.items())
def test_numbers_are_written_as_in_appendix_b(bits: str, text: str) -> None:
    [value] = struct.unpack(">d", bytes.fromhex(bits))

    assert canonical.encode(value) == text.encode()


def test_the_sample_of_section_3_2_4() -> None:
    given = json.loads(
        r'{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],'
        r'"string":"\u20ac$\u000F\u000aA\u0027\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}'
    )

    assert canonical.encode(given).hex() == (
        "7b226c69746572616c73223a5b6e756c6c2c747275652c66616c73655d2c226e756d62657273223a5b3333333333333333332e33"
        "3333333333332c31652b33302c342e352c302e3030322c31652d32375d2c22737472696e67223a22e282ac245c75303030665c6e"
        "4127425c225c5c5c5c5c222f227d"
    )


def test_names_are_sorted_as_in_section_3_2_3() -> None:
    given = {
        "\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One",
        "\U0001f600": "Emoji: Grinning Face", "\u0080": "Control", "\u00f6": "Latin Small Letter O With Diaeresis",
    }  # fmt: skip

    assert list(json.loads(canonical.encode(given)).values()) == [
        "Carriage Return", "One", "Control", "Latin Small Letter O With Diaeresis", "Euro Sign",
        "Emoji: Grinning Face", "Hebrew Letter Dalet With Dagesh",
    ]  # fmt: skip


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, {1: 2}, b"x", {"a": "\ud800"}])
def test_what_has_no_canonical_text_is_refused(value: object) -> None:
    with pytest.raises((ValueError, AttributeError)):
        canonical.encode(value)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}', '{"b":1,"a":2}', '{"a":1,"a":1}', '{"a":1}\n', '{"a":1.0}', '"\\u0041"', "[1,2", "\xff",
        '"\\ud800"', "NaN", "[" * 3000,
    ],
)  # fmt: skip
def test_only_canonical_text_is_read(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        canonical.decode(text.encode("latin-1"))
    assert canonical.decode(b'{"a":1,"b":[true,null,"\xc3\xb6"]}') == {"a": 1, "b": [True, None, "ö"]}

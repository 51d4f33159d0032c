"""Which coding a client gets."""

import pytest

from shopfloor.kernel.encodings import accepted, choose


@pytest.mark.parametrize(
    ("wanted", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("br;q=0.5, gzip;q=0.8", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("br;q=0.0, gzip;q=0.000", "identity"),
        ("gzip;q=0.5, identity", "identity"),
        ("gzip;q=0.5, identity;q=0.4", "gzip"),
        ("identity", "identity"),
        ("identity;q=0", "identity"),
        ("*", "br"),
        ("*;q=0", "identity"),
        ("gzip, *;q=0", "gzip"),
        ("br;q=0, *", "gzip"),
        ("deflate, zstd", "identity"),
        ("gzip;q=", "identity"),
        ("gzip;q=2", "identity"),
        ("gzip;q=nan", "identity"),
        ("gzip ; q = 1", "gzip"),
        (",,gzip,", "gzip"),
        ("not-gzip", "identity"),
        ("", "identity"),
    ],
)
def test_coding_is_the_one_the_client_ranks_highest(wanted: str, coding: str) -> None:
    assert choose(wanted, ("br", "gzip")) == coding


def test_nothing_offered_is_identity() -> None:
    assert choose("gzip, br", ()) == "identity"


def test_several_lines_are_one_list() -> None:
    lines = [(b"accept-encoding", b"gzip;q=0"), (b"accept", b"*/*"), (b"accept-encoding", b"br")]
    assert accepted(lines) == "gzip;q=0,br"

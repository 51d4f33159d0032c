"""The public address, the client's address and the origin check: each read in one place."""

import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

import shopfloor
from shopfloor.kernel import public_address
from shopfloor.kernel.client_address import BadProxies, address_group, client_address, networks
from shopfloor.kernel.origin import is_same_site
from shopfloor.kernel.public_address import BadAddress
from shopfloor.kernel.rate_limit import Gcra
from shopfloor.kernel.settings import Settings

PROXIES = networks("127.0.0.1, ::1, 10.0.0.0/8")


@pytest.mark.parametrize(
    ("written", "origin"),
    [
        ("https://shop.example", "https://shop.example"),
        ("HTTPS://Shop.Example:443/", "https://shop.example"),
        (" https://shop.example// ", "https://shop.example"),
        ("http://shop.example:80", "http://shop.example"),
        ("https://shop.example:8443/", "https://shop.example:8443"),
        ("http://[2001:DB8:0::1]:8000", "http://[2001:db8::1]:8000"),
        ("https://[::1]/", "https://[::1]"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
    ],
)
def test_one_spelling_of_the_public_address(written: str, origin: str) -> None:
    assert public_address.parse(written).origin == origin
    assert Settings.model_validate({"base_url": written}).base_url == origin


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("shop.example", "does not say http"),
        ("ftp://shop.example", "begins with ftp"),
        ("https://shop.example/live", "at the root"),
        ("https://shop.example/?a=1", "at the root"),
        ("https://me:secret@shop.example", "user name"),
        ("https://", "names no host"),
        ("https://0.0.0.0:8000", "every address"),
        ("https://[::]", "every address"),
        ("https://shop example", "space"),
        ("https://shop.example:99999", "no address"),
        ("https://shop.example:0", "port 0"),
        ("https://shop..example", "can exist"),
        ("https://1.2.3", "IP address"),
    ],
)
def test_a_wrong_public_address_is_refused_with_a_sentence(written: str, why: str) -> None:
    with pytest.raises(BadAddress, match=why) as refused:
        public_address.parse(written)
    assert "secret" not in str(refused.value)
    with pytest.raises(ValidationError):
        Settings.model_validate({"base_url": written})


def test_no_wildcard_is_ever_printed() -> None:
    assert public_address.listening("0.0.0.0", 8000).host not in {"0.0.0.0", ""}
    assert public_address.listening("::", 8000).origin.startswith("http://")
    assert public_address.reachable("::") != "::"
    assert public_address.listening("::1", 8000).origin == "http://[::1]:8000"
    assert public_address.authority("::1", 1935) == "[::1]:1935"


@pytest.mark.parametrize(
    ("peer", "said", "address"),
    [
        ("203.0.113.9", "1.2.3.4", "203.0.113.9"),
        ("127.0.0.1", None, "127.0.0.1"),
        ("127.0.0.1", "1.2.3.4, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "6.6.6.6, 203.0.113.9, 10.1.1.1", "203.0.113.9"),
        ("127.0.0.1", "unknown", "unknown"),
        ("127.0.0.1", "203.0.113.9, unknown", "unknown"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("::ffff:127.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        ("::1", "[2001:db8::7]:4711", "2001:db8::7"),
        ("127.0.0.1", "_hidden", "unknown"),
        ("", "1.2.3.4", "unknown"),
    ],
)
def test_whose_request_it_is(peer: str, said: str | None, address: str) -> None:
    headers = [] if said is None else [(b"x-forwarded-for", said.encode())]
    assert client_address(peer, headers, PROXIES) == address


def test_an_address_is_read_anew_for_other_proxies_and_not_remembered_where_it_is_long() -> None:
    said = [(b"x-forwarded-for", b"203.0.113.9")]
    for _ in range(2):
        assert client_address("10.1.1.1", said, networks("10.0.0.0/8")) == "203.0.113.9"
        assert client_address("10.1.1.1", said, networks("192.168.0.0/16")) == "10.1.1.1"
        assert client_address("10.1.1.1", said, [*networks("10.0.0.0/8")]) == "203.0.113.9"
    held = bytes_kept_by(
        lambda n: client_address("127.0.0.1", [(b"x-forwarded-for", b"%d" % n * 900)], PROXIES)
    )
    assert held < 100_000


def bytes_kept_by(read: Callable[[int], object]) -> int:
    """Bytes that stay after reading 300 strange things."""
    tracemalloc.start()
    for number in range(300):
        read(number)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held


def test_addresses_of_one_site_are_one() -> None:
    assert address_group("2001:db8:1:2::3") == address_group("2001:db8:1:ffff::9") == "2001:db8:1::"
    assert address_group("2001:db8:2::3") == "2001:db8:2::"
    assert address_group("203.0.113.9") == "203.0.113.9"
    assert address_group("unknown") == "unknown"


def test_a_wrong_proxy_is_refused_with_a_sentence() -> None:
    with pytest.raises(BadProxies, match="nginx"):
        networks("127.0.0.1, nginx")


def test_an_origin_that_says_nothing_true_is_foreign() -> None:
    host = (b"host", b"shop.example")
    assert is_same_site([host, (b"origin", b"https://shop.example")], ())
    assert is_same_site([host, (b"origin", b"https://shop.example:443")], ())
    assert not is_same_site([host, (b"origin", b"null")], ())
    assert not is_same_site([host, (b"origin", b"https://" + b"a" * 600)], ())
    assert not is_same_site([host, (b"sec-fetch-site", b"cross-site")], ())
    assert not is_same_site([host, (b"origin", b"https://shop.example.evil")], ("https://shop.example",))


def test_a_limiter_forgets_who_owes_nothing() -> None:
    limiter = Gcra(every=0.001, burst=1)
    for key in range(60_000):
        assert limiter.wait(key, key * 0.01) == 0
    assert len(limiter) < 51_000


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (r'(?i)b?["\']x-forwarded-for["\']', "client_address.py"),
        (r'b["\']origin["\']|["\']Origin["\']', "origin.py"),
        (r"(?i)sec-fetch-site", "origin.py"),
        (r"whole_at\b.*= \{|class \w*Gcra", "rate_limit.py"),
        (r"request\.base_url|url_for\(", ""),
    ],
)
def test_there_is_one_of_each(words: str, file: str) -> None:
    source = Path(shopfloor.__file__).parent
    found = {
        str(path.relative_to(source)) for path in source.rglob("*.py") if re.search(words, path.read_text())
    }
    assert found == ({f"kernel/{file}"} if file else set())

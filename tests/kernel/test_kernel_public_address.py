"""The public address of a shop, however its operator writes it."""

import pytest

from shopfloor.kernel import public_address
from shopfloor.kernel.public_address import BadAddress


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://shop.example", "https://shop.example"),
        ("https://shop.example/", "https://shop.example"),
        ("HTTPS://Shop.Example:443/", "https://shop.example"),
        ("  https://shop.example.  ", "https://shop.example"),
        ("http://shop.example:80", "http://shop.example"),
        ("http://shop.example:443", "http://shop.example:443"),
        ("https://shop.example:8443/", "https://shop.example:8443"),
        ("https://Bücher.example", "https://xn--bcher-kva.example"),
        ("http://192.168.1.9:8000", "http://192.168.1.9:8000"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
        ("http://[2001:DB8:0:0::1]", "http://[2001:db8::1]"),
    ],
)
def test_one_shop_has_one_address_however_it_is_written(text: str, origin: str) -> None:
    address = public_address.parse(text)
    assert (address.origin, str(address)) == (origin, origin)
    assert address.link("/claim?token=x") == f"{origin}/claim?token=x"
    assert address.is_secure is origin.startswith("https:")
    assert public_address.parse(origin) == address


@pytest.mark.parametrize(
    "text",
    [
        "", "shop.example", "ftp://shop.example", "https://", "https:///", "https://shop.example/store", "https://shop.example?a=1",
        "https://shop.example#top", "https://shop.example:0", "https://shop.example:99999", "https://shop.example:x",
        "https://me:secret@shop.example", "https://0.0.0.0", "https://[::]", "https://shop example", "https://shop..example",
        "https://1.2.3.999", "https://[::1", "https://shop.example\n.other",
    ],
)  # fmt: skip
def test_what_cannot_be_the_address_of_a_shop_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(BadAddress) as refused:
        public_address.parse(text)
    assert str(refused.value).endswith((".", "https://shop.example."))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("host", "port", "secure", "printed"),
    [
        ("127.0.0.1", 8000, False, "http://127.0.0.1:8000"),
        ("::1", 8000, False, "http://[::1]:8000"),
        ("shop.local", 443, True, "https://shop.local"),
        ("shop.local", 80, False, "http://shop.local"),
    ],
)
def test_where_it_listens_is_printed_as_an_address_that_opens(
    host: str, port: int, *, secure: bool, printed: str
) -> None:
    assert public_address.listening(host, port, secure=secure).origin == printed


@pytest.mark.parametrize("wildcard", ["0.0.0.0", "::"])
def test_no_wildcard_is_printed(wildcard: str) -> None:
    found = public_address.listening(wildcard, 8000).host
    assert found not in {"0.0.0.0", "::", ""}

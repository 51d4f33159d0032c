"""Keys as merchants paste them: read in each form in which providers hand them out, and refused with what is wrong."""

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.payments.fakes.keys import certificate, key, pem, private_pem, public_pem

from shopfloor.payment_providers import keys
from shopfloor.payment_providers.keys import KeyUnusable, Problem

PRIVATE = private_pem("shop")
PUBLIC = public_pem("shop")
CERTIFICATE = pem(certificate("shop"))
PKCS1 = (
    key("shop")
    .private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    .decode()
)


def bare(text: str) -> str:
    """Without the frame, in one line: as Alipay's key tool hands it out."""
    return "".join(text.splitlines()[1:-1])


@pytest.mark.parametrize(
    "text",
    [
        PRIVATE,
        PKCS1,
        bare(PRIVATE),
        bare(PKCS1),
        PRIVATE.replace("\n", "\r\n"),
        PRIVATE.replace("\n", "\\n"),
        f"\ufeff  {PRIVATE}  ",
        PRIVATE.replace("\n", "\n    "),
        f"Bag Attributes\n  friendlyName: x\n{PRIVATE}",
        PRIVATE.replace("\n", " "),
    ],
)
def test_a_private_key_is_read_in_every_form_it_is_handed_out_in(text: str) -> None:
    assert keys.read_private_key(text).private_numbers() == key("shop").private_numbers()


@pytest.mark.parametrize("text", [PUBLIC, bare(PUBLIC), PUBLIC.replace("\n", "\\n"), f"\n{PUBLIC}\n"])
def test_so_is_a_public_key(text: str) -> None:
    assert keys.read_public_key(text).public_numbers() == key("shop").public_key().public_numbers()


ENCRYPTED = (
    key("shop")
    .private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    .decode()
)
OLD_ENCRYPTED = PKCS1.replace(
    "KEY-----\n",
    "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n",
    1,
)
SHORT = (
    key("short", 1024)
    .private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    .decode()
)
CURVE = (
    ec.generate_private_key(ec.SECP256R1())
    .private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    .decode()
)
OLD_CURVE = (
    ec.generate_private_key(ec.SECP256R1())
    .private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    .decode()
)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", Problem.UNREADABLE),
        ("my key", Problem.UNREADABLE),
        (base64.b64encode(b"no key at all").decode(), Problem.UNREADABLE),
        (PRIVATE[: len(PRIVATE) // 2], Problem.UNREADABLE),
        (bare(PRIVATE)[:-40], Problem.UNREADABLE),
        ("A" * 200_000, Problem.UNREADABLE),
        (PUBLIC, Problem.IS_PUBLIC),
        (bare(PUBLIC), Problem.IS_PUBLIC),
        (CERTIFICATE, Problem.IS_CERTIFICATE),
        (bare(CERTIFICATE), Problem.IS_CERTIFICATE),
        (ENCRYPTED, Problem.ENCRYPTED),
        (bare(ENCRYPTED), Problem.ENCRYPTED),
        (OLD_ENCRYPTED, Problem.ENCRYPTED),
        (SHORT, Problem.TOO_SHORT),
        (CURVE, Problem.NOT_RSA),
        (OLD_CURVE, Problem.NOT_RSA),
    ],
)
def test_what_is_no_private_key_is_refused_with_what_it_is(text: str, problem: Problem) -> None:
    with pytest.raises(KeyUnusable) as refused:
        keys.read_private_key(text)

    assert refused.value.problem is problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", Problem.UNREADABLE),
        (PRIVATE, Problem.IS_PRIVATE),
        (bare(PRIVATE), Problem.IS_PRIVATE),
        (bare(PKCS1), Problem.IS_PRIVATE),
        (ENCRYPTED, Problem.IS_PRIVATE),
        (CERTIFICATE, Problem.IS_CERTIFICATE),
        (bare(CERTIFICATE), Problem.IS_CERTIFICATE),
        ("-----BEGIN PGP MESSAGE-----\nAAAA\n-----END PGP MESSAGE-----", Problem.UNREADABLE),
    ],
)
def test_what_is_no_public_key_is_refused_with_what_it_is(text: str, problem: Problem) -> None:
    with pytest.raises(KeyUnusable) as refused:
        keys.read_public_key(text)

    assert refused.value.problem is problem


def test_certificates_are_read_all_and_keys_in_their_place_are_named() -> None:
    two = keys.read_certificates(f"{CERTIFICATE}\n{pem(certificate('other'))}")

    assert [keys.key_of(each).public_numbers() for each in two] == [
        key("shop").public_key().public_numbers(),
        key("other").public_key().public_numbers(),
    ]
    for text, problem in (
        (PRIVATE, Problem.IS_PRIVATE),
        (PUBLIC, Problem.IS_PUBLIC),
        ("", Problem.UNREADABLE),
        (CERTIFICATE[:-60], Problem.UNREADABLE),
        (CERTIFICATE.replace("MII", "MIJ", 1), Problem.UNREADABLE),
    ):
        with pytest.raises(KeyUnusable) as refused:
            keys.read_certificates(text)
        assert refused.value.problem is problem


def test_a_certificate_of_another_key_is_found_out() -> None:
    keys.check_pair(certificate("shop"), key("shop"))
    with pytest.raises(KeyUnusable) as refused:
        keys.check_pair(certificate("other"), key("shop"))

    assert refused.value.problem is Problem.DIFFER


@pytest.mark.parametrize(
    "signature", ["", "A", "====", "not base64!", "ü", base64.b64encode(b"x" * 256).decode()]
)
def test_anything_that_is_no_signature_is_wrong_and_not_an_error(signature: str) -> None:
    assert not keys.verifies(key("shop").public_key(), b"message", signature)


def test_a_signature_holds_for_its_message_and_key_only() -> None:
    signature = keys.sign(key("shop"), "收款 129.00".encode())

    assert keys.verifies(key("shop").public_key(), "收款 129.00".encode(), signature)
    assert not keys.verifies(key("shop").public_key(), "收款 129.01".encode(), signature)
    assert not keys.verifies(key("other").public_key(), "收款 129.00".encode(), signature)
    assert isinstance(certificate("shop"), x509.Certificate)

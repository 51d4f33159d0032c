"""Keys and certificates as merchants paste them, and the signature that Alipay and WeChat Pay share.

It is SHA256 with RSA, PKCS #1 v1.5, in Base64: "RSA2" at Alipay (doc 291/106118), "SHA256-RSA2048" at WeChat Pay
(wiki apiv3/wechatpay4_0).  Pure.  What is pasted comes with or without its PEM frame, in one line or many.
"""

import base64
import binascii
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

LEAST_BITS: Final = 2048
_LONGEST: Final = 100_000
_FRAME: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)


class Problem(StrEnum):
    """What is wrong with a pasted key, as the console says it."""

    UNREADABLE = "key_unreadable"
    IS_PRIVATE = "is_private_key"
    IS_PUBLIC = "is_public_key"
    IS_CERTIFICATE = "is_certificate"
    NOT_RSA = "key_not_rsa"
    ENCRYPTED = "key_encrypted"
    TOO_SHORT = "key_too_short"
    DIFFER = "keys_differ"


class KeyUnusable(ValueError):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.value)
        self.problem = problem


def read_private_key(text: str) -> rsa.RSAPrivateKey:
    """Raises KeyUnusable."""
    kind, der = _unframed(text)
    if kind == "ENCRYPTED PRIVATE KEY":
        raise KeyUnusable(Problem.ENCRYPTED)
    if kind == "EC PRIVATE KEY":
        raise KeyUnusable(Problem.NOT_RSA)
    if not kind.endswith("PRIVATE KEY"):
        _check_kind(kind, der, wanted=None)
    try:
        key = serialization.load_der_private_key(der, None)
    except TypeError:
        raise KeyUnusable(Problem.ENCRYPTED) from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeyUnusable(Problem.UNREADABLE) from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise KeyUnusable(Problem.NOT_RSA)
    _check_length(key.key_size)
    return key


def read_public_key(text: str) -> rsa.RSAPublicKey:
    """Raises KeyUnusable."""
    kind, der = _unframed(text)
    _check_kind(kind, der, wanted=Problem.IS_PUBLIC)
    try:
        key = serialization.load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm):
        raise KeyUnusable(Problem.UNREADABLE) from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise KeyUnusable(Problem.NOT_RSA)
    _check_length(key.key_size)
    return key


def read_certificates(text: str) -> list[x509.Certificate]:
    """All certificates of a file, at least one.  Raises KeyUnusable."""
    if len(text) > _LONGEST:
        raise KeyUnusable(Problem.UNREADABLE)
    frames = _FRAME.findall(text.replace("\\n", "\n"))
    try:
        for kind, body in frames:
            _check_kind(kind, _bytes(body), wanted=Problem.IS_CERTIFICATE)
        found = [x509.load_der_x509_certificate(_bytes(body)) for _, body in frames]
    except KeyUnusable:
        raise
    except ValueError:
        found = []
    if not found:
        raise KeyUnusable(Problem.UNREADABLE)
    return found


def key_of(certificate: x509.Certificate) -> rsa.RSAPublicKey:
    """Raises KeyUnusable."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPublicKey):
        raise KeyUnusable(Problem.NOT_RSA)
    _check_length(key.key_size)
    return key


def check_pair(certificate: x509.Certificate, key: rsa.RSAPrivateKey) -> None:
    """Raises KeyUnusable."""
    if key_of(certificate).public_numbers() != key.public_key().public_numbers():
        raise KeyUnusable(Problem.DIFFER)


def sign(key: rsa.RSAPrivateKey, message: bytes) -> str:
    return base64.b64encode(key.sign(message, padding.PKCS1v15(), hashes.SHA256())).decode()


def verifies(key: rsa.RSAPublicKey, message: bytes, signature: str) -> bool:
    """Whether `signature` is that of `message`; anything that is no signature at all is not."""
    try:
        key.verify(base64.b64decode(signature, validate=True), message, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


_READERS: Final[tuple[tuple[Problem, Callable[[bytes], object]], ...]] = (
    (Problem.IS_PRIVATE, lambda der: serialization.load_der_private_key(der, None)),
    (Problem.IS_PUBLIC, serialization.load_der_public_key),
    (Problem.IS_CERTIFICATE, x509.load_der_x509_certificate),
)


def _check_kind(kind: str, der: bytes, *, wanted: Problem | None) -> None:
    """Raises KeyUnusable for what says that it is something else, in its frame or in itself."""
    framed = next(
        (
            problem
            for problem, words in (
                (Problem.IS_PRIVATE, "PRIVATE KEY"),
                (Problem.IS_PUBLIC, "PUBLIC KEY"),
                (Problem.IS_CERTIFICATE, "CERTIFICATE"),
            )
            if kind.endswith(words)
        ),
        None,
    )
    if framed is None and kind:
        raise KeyUnusable(Problem.UNREADABLE)
    found = framed or next((problem for problem, load in _READERS if _loads(load, der)), None)
    if found not in {None, wanted} and not (wanted is None and found is Problem.IS_PRIVATE):
        raise KeyUnusable(found or Problem.UNREADABLE)


def _unframed(text: str) -> tuple[str, bytes]:
    """What the frame says (nothing: there is none) and what is in it.  Raises KeyUnusable."""
    if len(text) > _LONGEST:
        raise KeyUnusable(Problem.UNREADABLE)
    frame = _FRAME.search(text.replace("\\n", "\n"))
    kind, body = (frame[1], frame[2]) if frame else ("", text)
    if "Proc-Type" in body:
        raise KeyUnusable(Problem.ENCRYPTED)
    try:
        return kind, _bytes(body)
    except ValueError:
        raise KeyUnusable(Problem.UNREADABLE) from None


def _bytes(body: str) -> bytes:
    """Raises ValueError."""
    try:
        return base64.b64decode(re.sub(r"[\s\ufeff]", "", body), validate=True)
    except binascii.Error as problem:
        raise ValueError("not Base64") from problem


def _loads(load: Callable[[bytes], object], der: bytes) -> bool:
    try:
        load(der)
    except TypeError:
        return True  # Encrypted: a private key.
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


def _check_length(bits: int) -> None:
    if bits < LEAST_BITS:
        raise KeyUnusable(Problem.TOO_SHORT)

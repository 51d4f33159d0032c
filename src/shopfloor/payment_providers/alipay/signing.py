"""What is signed, in which order, in requests, answers and notifications.  Pure.

Requests: doc 291/106118 (sorted by name, empty values and `sign` left out, `sign_type` in).  Answers: doc 291/106074
(the text of the `…_response` object as it came).  Notifications: doc 270/105902 (sorted, `sign` and `sign_type` left
out, empty values kept).
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from shopfloor.payment_providers.keys import sign, verifies

# What Alipay may say that a notification is written in; we ask for UTF-8.
CHARSETS: Final = frozenset({"utf-8", "gbk", "gb2312", "gb18030"})
_MOST_FIELDS: Final = 200
_SPACE: Final = " \t\r\n"
_SHORT: Final = {
    NameOID.COMMON_NAME: "CN",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.LOCALITY_NAME: "L",
    NameOID.STATE_OR_PROVINCE_NAME: "ST",
    NameOID.COUNTRY_NAME: "C",
    NameOID.EMAIL_ADDRESS: "E",
}
_RSA_SIGNATURES: Final = "1.2.840.113549.1.1."


def request_text(parameters: Mapping[str, str]) -> str:
    return "&".join(
        f"{name}={parameters[name]}" for name in sorted(parameters) if name != "sign" and parameters[name]
    )


def signed(parameters: Mapping[str, str], key: rsa.RSAPrivateKey) -> dict[str, str]:
    """The parameters to send: without empty ones, with `sign`."""
    kept = {name: value for name, value in parameters.items() if value and name != "sign"}
    return kept | {"sign": sign(key, request_text(kept).encode())}


def notification_text(fields: Mapping[str, str]) -> str:
    return "&".join(f"{name}={fields[name]}" for name in sorted(fields) if name not in {"sign", "sign_type"})


def read_notification(body: bytes, key: rsa.RSAPublicKey) -> dict[str, str] | None:
    """The fields of a notification that Alipay signed; None for anything else."""
    try:
        text = body.decode("ascii")
        charset = dict(parse_qsl(text, keep_blank_values=True)).get("charset", "utf-8").lower() or "utf-8"
        if charset not in CHARSETS:
            return None
        pairs = parse_qsl(
            text,
            keep_blank_values=True,
            strict_parsing=True,
            encoding=charset,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
        fields = dict(pairs)
        if len(fields) < len(pairs) or fields.get("sign_type") != "RSA2":
            return None
        message = notification_text(fields).encode(charset)
    except ValueError:
        return None
    return fields if verifies(key, message, fields.get("sign", "")) else None


def answer_parts(text: str) -> dict[str, str]:
    """The members of the outermost object, each as the text that was sent.  Raises ValueError.

    A signature covers that text; writing the object again would lose what its writer chose, an escaped slash for one.
    """
    decoder = json.JSONDecoder()
    parts: dict[str, str] = {}
    at = _after(text, 0, "{")
    while True:
        name, at = decoder.raw_decode(text, _skipped(text, at))
        start = _skipped(text, _after(text, at, ":"))
        _, end = decoder.raw_decode(text, start)
        if not isinstance(name, str) or name in parts:
            raise ValueError("no name, or one that stands twice")
        parts[name] = text[start:end]
        at = _skipped(text, end)
        if text[at : at + 1] == "}":
            return parts
        at = _after(text, at, ",")


def _skipped(text: str, at: int) -> int:
    while text[at : at + 1] in {*_SPACE}:
        at += 1
    return at


def _after(text: str, at: int, sign_: str) -> int:
    at = _skipped(text, at)
    if text[at : at + 1] != sign_:
        raise ValueError(f"{sign_} is missing")
    return at + 1


def certificate_number(certificate: x509.Certificate) -> str:
    """The `app_cert_sn` and `alipay_cert_sn` ("公钥证书签名", steps 1 and 2): MD5 of the issuer, last part first, and the serial."""
    issuer = ",".join(
        f"{_SHORT.get(each.oid, each.oid.dotted_string)}={each.value}"
        for each in reversed(list(certificate.issuer))
    )
    return hashlib.md5(f"{issuer}{certificate.serial_number}".encode(), usedforsecurity=False).hexdigest()


def root_number(certificates: list[x509.Certificate]) -> str:
    """The `alipay_root_cert_sn`: those of the roots that sign with RSA, joined; the file has others beside them."""
    return "_".join(
        certificate_number(each)
        for each in certificates
        if each.signature_algorithm_oid.dotted_string.startswith(_RSA_SIGNATURES)
    )

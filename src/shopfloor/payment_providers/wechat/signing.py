"""Signatures of requests, answers and notifications, and what is encrypted in them.  Pure.

Requests: wiki apiv3/wechatpay4_0.  Answers and notifications: wiki apiv3/wechatpay4_1 (`Wechatpay-Serial` names
the key: PUB_KEY_ID_… the public key, anything else a platform certificate).  AES-256-GCM: wiki apiv3/wechatpay4_2.
"""

import base64
import json
import secrets
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shopfloor.kernel.records import dataclass
from shopfloor.payment_providers.keys import sign, verifies

SCHEMA: Final = "WECHATPAY2-SHA256-RSA2048"
# Seconds that a clock may be off, in both directions.
TOLERANCE: Final = 300


class Doubt(StrEnum):
    """Why a message is not believed."""

    MISSING = "headers are missing"
    STALE = "the time is off by more than five minutes"
    UNKNOWN_KEY = "signed with a key that is not known here"
    WRONG = "the signature is wrong"
    UNREADABLE = "signed, but not readable"


class MessageRefused(ValueError):
    def __init__(self, doubt: Doubt) -> None:
        super().__init__(doubt.value)
        self.doubt = doubt


@dataclass(frozen=True, slots=True)
class Keys:
    """Those of WeChat Pay, by their serial: at a change of keys both are there."""

    known: Mapping[str, rsa.RSAPublicKey]

    def get(self, serial: str) -> rsa.RSAPublicKey | None:
        return self.known.get(serial)


def serial_of(certificate: x509.Certificate) -> str:
    """As WeChat Pay writes it."""
    digits = f"{certificate.serial_number:X}"
    return digits.zfill(len(digits) + len(digits) % 2)


def authorization(
    *,
    mchid: str,
    serial: str,
    key: rsa.RSAPrivateKey,
    method: str,
    target: str,
    body: str,
    at: int,
    nonce: str = "",
) -> str:
    """`target`: the path with its query, as it stands in the request."""
    nonce = nonce or secrets.token_hex(16)
    signature = sign(key, f"{method}\n{target}\n{at}\n{nonce}\n{body}\n".encode())
    return f'{SCHEMA} mchid="{mchid}",nonce_str="{nonce}",signature="{signature}",timestamp="{at}",serial_no="{serial}"'


def check(headers: Mapping[str, str], body: bytes, keys: Keys, *, at: float) -> None:
    """Raises MessageRefused.  `headers` by their names in small letters."""
    timestamp, nonce, serial, signature = (
        headers.get(f"wechatpay-{name}", "") for name in ("timestamp", "nonce", "serial", "signature")
    )
    if not (timestamp and nonce and serial and signature):
        raise MessageRefused(Doubt.MISSING)
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        raise MessageRefused(Doubt.STALE)
    if abs(at - int(timestamp)) > TOLERANCE:
        raise MessageRefused(Doubt.STALE)
    key = keys.get(serial)
    if key is None:
        raise MessageRefused(Doubt.UNKNOWN_KEY)
    # Probes with a wrong signature are sent on purpose, and have to be answered as failures (doc 4013053420).
    if not verifies(key, b"\n".join((timestamp.encode(), nonce.encode(), body, b"")), signature):
        raise MessageRefused(Doubt.WRONG)


def opened(resource: Mapping[str, Any], api_key: bytes) -> bytes:
    """What is encrypted in a notification or a list of certificates.  Raises MessageRefused."""
    try:
        if resource.get("algorithm") != "AEAD_AES_256_GCM":
            raise MessageRefused(Doubt.UNREADABLE)
        return AESGCM(api_key).decrypt(
            str(resource["nonce"]).encode(),
            base64.b64decode(str(resource["ciphertext"]), validate=True),
            str(resource.get("associated_data") or "").encode(),
        )
    except (KeyError, ValueError, InvalidTag) as problem:
        raise MessageRefused(Doubt.UNREADABLE) from problem


def opened_json(resource: object, api_key: bytes) -> dict[str, Any]:
    """Raises MessageRefused."""
    if not isinstance(resource, dict):
        raise MessageRefused(Doubt.UNREADABLE)
    return object_of(opened(resource, api_key))


def object_of(text: bytes) -> dict[str, Any]:
    """Raises MessageRefused."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise MessageRefused(Doubt.UNREADABLE) from problem
    if not isinstance(found, dict):
        raise MessageRefused(Doubt.UNREADABLE)
    return found


def bridge_parameters(
    *, appid: str, prepay_id: str, key: rsa.RSAPrivateKey, at: int, nonce: str = ""
) -> dict[str, str]:
    """What a page hands to WeixinJSBridge `getBrandWCPayRequest` ("JSAPI调起支付")."""
    nonce = nonce or secrets.token_hex(16)
    package = f"prepay_id={prepay_id}"
    return {
        "appId": appid,
        "timeStamp": str(at),
        "nonceStr": nonce,
        "package": package,
        "signType": "RSA",
        "paySign": sign(key, f"{appid}\n{at}\n{nonce}\n{package}\n".encode()),
    }

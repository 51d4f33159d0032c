"""A message as a push service takes it: encrypted for one browser (RFC 8291 over RFC 8188), with a signed statement of
who sends it (VAPID, RFC 8292).  The service sees neither content nor who is told.
"""

import json
import os
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from shopfloor.kernel import late
from shopfloor.push.models import Subscription, written

if TYPE_CHECKING:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, utils
    from cryptography.hazmat.primitives.ciphers import aead
    from cryptography.hazmat.primitives.kdf import hkdf
else:
    hashes = late.module("cryptography.hazmat.primitives.hashes")
    serialization = late.module("cryptography.hazmat.primitives.serialization")
    ec = late.module("cryptography.hazmat.primitives.asymmetric.ec")
    utils = late.module("cryptography.hazmat.primitives.asymmetric.utils")
    aead = late.module("cryptography.hazmat.primitives.ciphers.aead")
    hkdf = late.module("cryptography.hazmat.primitives.kdf.hkdf")

# One record: what a push service takes at most, less its head and the tag.
MOST_BYTES: Final = 3900
RECORD: Final = 4096
# A statement that is valid for longer than a day is refused (RFC 8292, 2).
VALID_FOR: Final = 12 * 3600


def new_key() -> tuple[bytes, str]:
    """An installation's: the public point (65 bytes), and the private number in hexadecimal."""
    key = ec.generate_private_key(ec.SECP256R1())
    return point(key.public_key()), f"{key.private_numbers().private_value:064x}"


def point(key: "ec.EllipticCurvePublicKey") -> bytes:
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def encrypt(
    subscription: Subscription,
    plain: bytes,
    *,
    salt: bytes | None = None,
    key: "ec.EllipticCurvePrivateKey | None" = None,
) -> bytes:
    """The body of a request with `content-encoding: aes128gcm`.  `salt` and `key` are fresh unless a test gives them.

    Raises ValueError where the browser's point is on no curve or `plain` is too long.
    """
    if len(plain) > MOST_BYTES:
        raise ValueError(f"{len(plain)} bytes do not fit into a push message")
    salt = os.urandom(16) if salt is None else salt
    key = ec.generate_private_key(ec.SECP256R1()) if key is None else key
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), subscription.public)
    ours = point(key.public_key())
    shared = key.exchange(ec.ECDH(), theirs)
    secret = _derive(
        shared, salt=subscription.auth, info=b"WebPush: info\x00" + subscription.public + ours, length=32
    )
    content_key = _derive(secret, salt=salt, info=b"Content-Encoding: aes128gcm\x00", length=16)
    nonce = _derive(secret, salt=salt, info=b"Content-Encoding: nonce\x00", length=12)
    # 2: the last record.
    sealed = aead.AESGCM(content_key).encrypt(nonce, plain + b"\x02", None)
    return salt + RECORD.to_bytes(4) + bytes([len(ours)]) + ours + sealed


def _derive(secret: bytes, *, salt: bytes, info: bytes, length: int) -> bytes:
    return hkdf.HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(secret)


def authorization(endpoint: str, *, private: str, public: bytes, contact: str, now: int) -> str:
    """The header that names the sender.  `contact`: where a push service writes to when something is wrong."""
    parts = urlsplit(endpoint)
    head = written(json.dumps({"typ": "JWT", "alg": "ES256"}).encode())
    claims = {"aud": f"{parts.scheme}://{parts.netloc}", "exp": now + VALID_FOR, "sub": contact}
    said = f"{head}.{written(json.dumps(claims).encode())}"
    key = ec.derive_private_key(int(private, 16), ec.SECP256R1())
    r, s = utils.decode_dss_signature(key.sign(said.encode(), ec.ECDSA(hashes.SHA256())))
    token = f"{said}.{written(r.to_bytes(32) + s.to_bytes(32))}"
    return f"vapid t={token}, k={written(public)}"

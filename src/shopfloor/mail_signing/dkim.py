"""DKIM (RFC 6376): signing what leaves, and the DNS records by which others believe it.  No database here.

RSA with 2048 bits and SHA-256, relaxed on both sides: what every receiver checks.  Ed25519 (RFC 8463) is still unknown to
large ones.
"""

import base64
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from shopfloor.kernel import late
from shopfloor.kernel.records import dataclass

if TYPE_CHECKING:
    import dns.asyncresolver as resolver
    import dns.exception as trouble
    import dns.resolver as answers
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    Private = rsa.RSAPrivateKey
else:
    # Only who sends signed mail, or presses the button, needs them.
    hashes = late.module("cryptography.hazmat.primitives.hashes")
    serialization = late.module("cryptography.hazmat.primitives.serialization")
    padding = late.module("cryptography.hazmat.primitives.asymmetric.padding")
    rsa = late.module("cryptography.hazmat.primitives.asymmetric.rsa")
    resolver = late.module("dns.asyncresolver")
    answers = late.module("dns.resolver")
    trouble = late.module("dns.exception")
    Private = object

_BITS: Final = 2048
# What must not be changed or added on the way; names that are not there are signed as absent, once more than they are.
_SIGNED: Final = ("from", "to", "subject", "date", "message-id", "reply-to")
_IF_THERE: Final = (
    "mime-version", "content-type", "content-language", "list-unsubscribe", "list-unsubscribe-post", "auto-submitted",
)  # fmt: skip
_BLANK: Final = re.compile(rb"[ \t]+")


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """`private` is PEM."""

    domain: str
    selector: str
    private: str


def make_key() -> tuple[str, str]:
    """(private key as PEM, public key as a record has it)."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), base64.b64encode(public).decode()


def loaded(key: Key) -> Private:
    """Raises ValueError for what is no RSA key."""
    found = serialization.load_pem_private_key(key.private.encode(), password=None)
    if not isinstance(found, rsa.RSAPrivateKey):
        raise TypeError("an RSA key was expected")
    return found


def signed(data: bytes, key: Key, private: Private, *, at: datetime) -> bytes:
    """The message with its signature before it.  These bytes are what has to leave, and no others."""
    head, _, body = data.partition(b"\r\n\r\n")
    fields = [(name.strip().lower(), line) for name, line in _fields(head)]
    names = [*_SIGNED, *(name for name in _IF_THERE if any(each == name.encode() for each, _ in fields))]
    # Once more than there are, so that a second one added on the way breaks the signature.
    listed = [name for name in names for _ in range(1 + (name in _SIGNED and _has(fields, name)))]
    start = (
        f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={key.domain};\r\n"
        f" s={key.selector}; t={int(at.timestamp())};\r\n"
        f" h={_wrapped(':'.join(listed), ':')};\r\n"
        f" bh={base64.b64encode(sha256(_relaxed_body(body)).digest()).decode()};\r\n b="
    )
    to_sign = _chosen(fields, listed) + _relaxed(start.encode())
    proof = base64.b64encode(private.sign(to_sign, padding.PKCS1v15(), hashes.SHA256())).decode()
    return start.encode() + _wrapped(proof, "").encode() + b"\r\n" + data


def _has(fields: Sequence[tuple[bytes, bytes]], name: str) -> bool:
    return any(each == name.encode() for each, _ in fields)


def _wrapped(text: str, mark: str) -> str:
    """In lines that every server takes."""
    if not mark:
        return "\r\n  ".join(text[at : at + 72] for at in range(0, len(text), 72))
    lines, line = list[str](), ""
    for part in text.split(mark):
        if len(line) + len(part) > 66:
            lines.append(line)
            line = ""
        line += part + mark
    return "\r\n  ".join([*lines, line]).removesuffix(mark)


def _fields(head: bytes) -> list[tuple[bytes, bytes]]:
    """(name, the whole of the field), in their order."""
    found: list[bytes] = []
    for line in head.split(b"\r\n"):
        if line[:1] in b" \t" and found:
            found[-1] += b"\r\n" + line
        else:
            found.append(line)
    return [(field.partition(b":")[0], field) for field in found]


def _relaxed(field: bytes) -> bytes:
    name, _, value = field.partition(b":")
    return name.strip().lower() + b":" + _BLANK.sub(b" ", value.replace(b"\r\n", b"")).strip()


def _chosen(fields: Sequence[tuple[bytes, bytes]], names: Sequence[str]) -> bytes:
    """Of several fields of a name, the last comes first; one that is not there is nothing."""
    left: dict[bytes, list[bytes]] = {}
    for name, field in fields:
        left.setdefault(name, []).append(field)
    data = b""
    for name in names:
        same = left.get(name.encode())
        if same:
            data += _relaxed(same.pop()) + b"\r\n"
    return data


def _relaxed_body(body: bytes) -> bytes:
    lines = [_BLANK.sub(b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return b"".join(line + b"\r\n" for line in lines)


# Records


class Purpose(StrEnum):
    DKIM = "dkim"
    SPF = "spf"
    DMARC = "dmarc"


class Found(StrEnum):
    """What a look into DNS says of a record."""

    RIGHT = "right"
    MISSING = "missing"
    OTHER = "other"
    """There is one, and it does not do."""
    UNKNOWN = "unknown"
    """DNS did not answer."""


@dataclass(frozen=True, slots=True)
class Record:
    """A TXT record to set; `name` in full."""

    purpose: Purpose
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Checked:
    record: Record
    found: Found
    values: list[str]


class NoAnswer(Exception):
    """DNS is not there, or does not say."""


LookUp = Callable[[str], Awaitable[Sequence[str]]]
"""The TXT records of a name, none where there are none.  Raises NoAnswer."""


def _sends(host: str) -> str:
    """A server named by its address has another word in SPF (RFC 7208, 5.3 and 5.6)."""
    try:
        return f"ip{ip_address(host).version}:{host}"
    except ValueError:
        return f"a:{host}"


def records(domain: str, selector: str, public_key: str, *, host: str, sender: str) -> list[Record]:
    """What the owner of the domain sets.  `host`: the server that sends."""
    return [
        Record(Purpose.DKIM, f"{selector}._domainkey.{domain}", f"v=DKIM1; k=rsa; p={public_key}"),
        Record(Purpose.SPF, domain, f"v=spf1 {_sends(host)} ~all"),
        Record(Purpose.DMARC, f"_dmarc.{domain}", f"v=DMARC1; p=none; rua=mailto:{sender}"),
    ]


async def check(wanted: Sequence[Record], look_up: LookUp) -> list[Checked]:
    found: list[Checked] = []
    for record in wanted:
        try:
            values = [value.strip() for value in await look_up(record.name)]
        except NoAnswer:
            found.append(Checked(record, Found.UNKNOWN, []))
            continue
        matching = [value for value in values if _is_of(record.purpose, value)]
        if not matching:
            state = Found.MISSING
        elif len(matching) > 1 or not _does(record, matching[0]):
            # Two of them are worth none, for each of the three.
            state = Found.OTHER
        else:
            state = Found.RIGHT
        found.append(Checked(record, state, matching))
    return found


def _is_of(purpose: Purpose, value: str) -> bool:
    low = value.lower()
    if purpose is Purpose.DKIM:
        # The version may be left out.
        return low.startswith("v=dkim1") or "p=" in low
    return low.startswith("v=spf1" if purpose is Purpose.SPF else "v=dmarc1")


def _does(record: Record, value: str) -> bool:
    """A DKIM record must hold this key.  Of the others each of the domain's own will do, but one that lets nobody send."""
    if record.purpose is Purpose.DKIM:
        return _tags(value).get("p") == _tags(record.value)["p"]
    if record.purpose is Purpose.SPF:
        return len(value.split()) > 2 or value.rsplit(maxsplit=1)[-1].lower() not in {"-all", "v=spf1"}
    return _tags(value).get("p", "").lower() in {"none", "quarantine", "reject"}


def _tags(value: str) -> Mapping[str, str]:
    parts = (part.partition("=") for part in value.split(";"))
    return {name.strip().lower(): "".join(written.split()) for name, _, written in parts}


async def look_up_txt(name: str) -> list[str]:
    """Asks the resolvers of this machine.  Raises NoAnswer."""
    try:
        answer = await resolver.resolve(name, "TXT", lifetime=4.0)
    except (answers.NXDOMAIN, answers.NoAnswer):
        return []
    except (trouble.DNSException, OSError) as problem:
        raise NoAnswer(str(problem)) from problem
    return [b"".join(row.strings).decode("utf-8", "replace") for row in answer]

"""What a stranger would write to check a statement file, from the documents alone: nothing of the product is used."""

import base64
import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def canonical(value: Any) -> bytes:
    """Enough of RFC 8785 for statements: they have no broken numbers and only ASCII names."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\0" + data).digest()


def root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, as it is written there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaf(leaves[0])
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + root(leaves[:k]) + root(leaves[k:])).digest()


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, 2.1.1."""
    if len(leaves) <= 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*path(m, leaves[:k]), root(leaves[k:])]
    return [*path(m - k, leaves[k:]), root(leaves[:k])]


def consistency(m: int, leaves: list[bytes], *, whole: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 6962, 2.1.2."""
    if m == len(leaves):
        return [] if whole else [root(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m <= k:
        return [*consistency(m, leaves[:k], whole=whole), root(leaves[k:])]
    return [*consistency(m - k, leaves[k:], whole=False), root(leaves[:k])]


def root_from(value: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """The root that an inclusion proof leads to, from the top down."""
    if size == 1:
        assert not proof
        return value
    k = 1
    while k * 2 < size:
        k *= 2
    *below, last = proof
    if index < k:
        return hashlib.sha256(b"\1" + root_from(value, index, k, below) + last).digest()
    return hashlib.sha256(b"\1" + last + root_from(value, index - k, size - k, below)).digest()


def check(data: bytes) -> dict[str, Any]:
    """The statement in a file, when signature, inclusion and checkpoint are right.  Raises whatever comes up."""
    file = json.loads(data)
    assert canonical(file) == data
    keys = {}
    for each in file["keys"]:
        name, named, encoded = each["document"]["key"].split("+", 2)
        raw = base64.b64decode(encoded)
        assert hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4].hex() == named
        keys[named] = Ed25519PublicKey.from_public_bytes(raw[1:])
        keys[named].verify(
            base64.b64decode(each["signature"]), b"shopfloor key\n" + canonical(each["document"])
        )
    statement = file["statement"]
    keys[statement["shop"]["key"]].verify(
        base64.b64decode(file["signature"]), b"shopfloor statement\n" + canonical(statement)
    )
    body, _, below = file["checkpoint"].rpartition("\n\n")
    origin, size, encoded = body.split("\n")
    assert origin == statement["log"]
    entry = leaf(canonical({"document": statement, "signature": file["signature"]}))
    proof = [base64.b64decode(each) for each in file["inclusion"]]
    assert root_from(entry, file["position"], int(size), proof) == base64.b64decode(encoded)
    signed = 0
    for line in below.splitlines():
        _, name, encoded = line.split(" ")
        raw = base64.b64decode(encoded)
        if name == origin:
            keys[raw[:4].hex()].verify(raw[4:], f"{body}\n".encode())
            signed += 1
    assert signed
    return statement

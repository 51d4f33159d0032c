"""The Merkle tree of RFC 6962 (section 2.1; RFC 9162 has the same hashes and says how proofs are checked).

    leaf   SHA-256(0x00 ‖ what is logged)
    node   SHA-256(0x01 ‖ left ‖ right)

A tree is kept as its perfect subtrees: node `(level, place)` covers the leaves `place·2^level` to
`(place + 1)·2^level - 1`, and never changes once they are there.  Any root, and any proof, is a few of them.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

Node = tuple[int, int]
"""Level and place."""
Nodes = Mapping[Node, bytes]

EMPTY: Final = hashlib.sha256().digest()


class ProofFails(Exception):
    """The proof does not lead where it says."""


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def peaks(begin: int, end: int) -> list[Node]:
    """The perfect subtrees of the leaves `begin` to `end`, largest first; `begin` is where such a stretch can begin."""
    found: list[Node] = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        found.append((level, begin >> level))
        begin += 1 << level
    return found


def needed_to_append(size: int) -> list[Node]:
    """The nodes to the left that the leaf at `size` closes subtrees with."""
    return [(level, (size >> level) - 1) for level in range(_trailing_ones(size))]


def appended(size: int, leaf: bytes, nodes: Nodes) -> Iterator[tuple[Node, bytes]]:
    """All nodes that are new when `leaf` is the leaf at `size`: itself, and the subtrees it closes."""
    value = leaf
    yield (0, size), value
    for level, place in needed_to_append(size):
        value = node_hash(nodes[level, place], value)
        yield (level + 1, size >> (level + 1)), value


def _trailing_ones(number: int) -> int:
    return (~number & (number + 1)).bit_length() - 1


def root(size: int, nodes: Nodes) -> bytes:
    """Of the first `size` leaves; `nodes` has the `peaks(0, size)`."""
    return _hash_of(0, size, nodes) if size else EMPTY


def _hash_of(begin: int, end: int, nodes: Nodes) -> bytes:
    parts = [nodes[each] for each in peaks(begin, end)]
    value = parts.pop()
    while parts:
        value = node_hash(parts.pop(), value)
    return value


def inclusion_path(position: int, size: int) -> list[tuple[int, int]]:
    """The stretches of leaves whose hashes prove the leaf at `position`, from the leaf up (RFC 6962, 2.1.1)."""
    begin, end = 0, size
    path: list[tuple[int, int]] = []
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if position < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((begin, middle))
            begin = middle
    return path[::-1]


def consistency_path(old: int, new: int) -> list[tuple[int, int]]:
    """The stretches whose hashes prove that the first `old` of `new` leaves are what they were (RFC 6962, 2.1.2)."""
    if not 0 < old < new:
        return []
    begin, end, whole = 0, new, True
    path: list[tuple[int, int]] = []
    while old != end:
        middle = begin + _split(end - begin)
        if old <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((begin, middle))
            begin, whole = middle, False
    if not whole:
        path.append((begin, end))
    return path[::-1]


def _split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def needed_for(path: Sequence[tuple[int, int]]) -> list[Node]:
    return [node for begin, end in path for node in peaks(begin, end)]


def proof(path: Sequence[tuple[int, int]], nodes: Nodes) -> list[bytes]:
    return [_hash_of(begin, end, nodes) for begin, end in path]


def check_inclusion(leaf: bytes, position: int, size: int, proof: Sequence[bytes], expected: bytes) -> None:
    """RFC 9162, 2.1.3.2.  Raises ProofFails."""
    if not 0 <= position < size:
        raise ProofFails
    last, value = size - 1, leaf
    for each in proof:
        if last == 0:
            raise ProofFails
        if position & 1 or position == last:
            value = node_hash(each, value)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            value = node_hash(value, each)
        position >>= 1
        last >>= 1
    if last != 0 or value != expected:
        raise ProofFails


def check_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """RFC 9162, 2.1.4.2; from nothing, everything follows.  Raises ProofFails."""
    if old == new:
        if proof or old_root != new_root:
            raise ProofFails
        return
    if old == 0:
        if proof or old_root != EMPTY:
            raise ProofFails
        return
    if not 0 < old < new or not proof:
        raise ProofFails
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    position, last = old - 1, new - 1
    while position & 1:
        position >>= 1
        last >>= 1
    first = second = path[0]
    for each in path[1:]:
        if last == 0:
            raise ProofFails
        if position & 1 or position == last:
            first = node_hash(each, first)
            second = node_hash(each, second)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            second = node_hash(second, each)
        position >>= 1
        last >>= 1
    if last != 0 or first != old_root or second != new_root:
        raise ProofFails

"""The tree of RFC 6962: known vectors, and any tree against the definitions of the RFC written down as they stand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.statements import foreign

from shopfloor.kernel import merkle

# The test data of Certificate Transparency.
LEAVES = [
    bytes.fromhex(each)
    for each in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


class Tree:
    """The nodes of the product, grown leaf by leaf."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.nodes: dict[merkle.Node, bytes] = {}
        for size, each in enumerate(leaves):
            wanted = {node: self.nodes[node] for node in merkle.needed_to_append(size)}
            for node, value in merkle.appended(size, merkle.leaf_hash(each), wanted):
                assert node not in self.nodes, "a node is written once"
                self.nodes[node] = value

    def root(self, size: int) -> bytes:
        return merkle.root(size, {node: self.nodes[node] for node in merkle.peaks(0, size)})

    def proof(self, path: list[tuple[int, int]]) -> list[bytes]:
        return merkle.proof(path, {node: self.nodes[node] for node in merkle.needed_for(path)})


def test_the_roots_are_those_of_certificate_transparency() -> None:
    tree = Tree(LEAVES)

    assert [tree.root(size).hex() for size in range(len(LEAVES) + 1)] == ROOTS


def test_the_proofs_are_those_of_certificate_transparency() -> None:
    tree = Tree(LEAVES)

    assert [each.hex() for each in tree.proof(merkle.inclusion_path(5, 8))] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    assert [each.hex() for each in tree.proof(merkle.consistency_path(6, 8))] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


@settings(max_examples=150, deadline=None)
@given(leaves=st.lists(st.binary(max_size=4), min_size=1, max_size=70), data=st.data())
def test_proofs_of_any_tree_are_those_of_the_rfc_and_no_others_are_taken(
    leaves: list[bytes], data: st.DataObject
) -> None:
    tree = Tree(leaves)
    size = data.draw(st.integers(1, len(leaves)))
    position = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(0, size))
    head, before = tree.root(size), tree.root(old)
    assert head == foreign.root(leaves[:size])

    proof = tree.proof(merkle.inclusion_path(position, size))
    assert proof == foreign.path(position, leaves[:size])
    leaf = merkle.leaf_hash(leaves[position])
    merkle.check_inclusion(leaf, position, size, proof, head)
    assert foreign.root_from(leaf, position, size, proof) == head

    steps = tree.proof(merkle.consistency_path(old, size))
    assert steps == (foreign.consistency(old, leaves[:size]) if old else [])
    merkle.check_consistency(old, size, steps, before, head)

    # One bit of a proof, one hash too many or too few, another place, another leaf: none leads there.
    for wrong in [
        *([_flipped(proof, data)] if proof else []),
        [*proof, bytes(32)],
        *([proof[:-1]] if proof else []),
    ]:
        with pytest.raises(merkle.ProofFails):
            merkle.check_inclusion(leaf, position, size, wrong, head)
    for elsewhere in {position - 1, position + 1, size} - {position}:
        if not 0 <= elsewhere < size or leaves[elsewhere] != leaves[position]:
            with pytest.raises(merkle.ProofFails):
                merkle.check_inclusion(leaf, elsewhere, size, proof, head)
    with pytest.raises(merkle.ProofFails):
        merkle.check_inclusion(merkle.leaf_hash(b"another"), position, size, proof, head)
    if 0 < old < size:
        for wrong in (_flipped(steps, data), [*steps, bytes(32)], steps[:-1]):
            with pytest.raises(merkle.ProofFails):
                merkle.check_consistency(old, size, wrong, before, head)
        # A past that was rewritten has no proof.
        with pytest.raises(merkle.ProofFails):
            merkle.check_consistency(old, size, steps, merkle.leaf_hash(b"rewritten"), head)


def _flipped(proof: list[bytes], data: st.DataObject) -> list[bytes]:
    place = data.draw(st.integers(0, len(proof) * 256 - 1))
    changed = bytearray(proof[place // 256])
    changed[place % 256 // 8] ^= 1 << place % 8
    return [*proof[: place // 256], bytes(changed), *proof[place // 256 + 1 :]]


def test_equal_sizes_want_equal_roots_and_no_proof() -> None:
    one, other = merkle.leaf_hash(b"a"), merkle.leaf_hash(b"b")

    merkle.check_consistency(3, 3, [], one, one)
    for old, new, proof, before, after in (
        (3, 3, [], one, other), (3, 3, [one], one, one), (0, 2, [one], merkle.EMPTY, one), (0, 2, [], one, one),
        (4, 3, [one], one, other), (2, 3, [], one, other),
    ):  # fmt: skip
        with pytest.raises(merkle.ProofFails):
            merkle.check_consistency(old, new, proof, before, after)

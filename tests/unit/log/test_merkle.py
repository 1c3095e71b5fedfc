import pytest

from weightmark.encoding import Algorithm
from weightmark.errors import InclusionError
from weightmark.log.merkle import (
    check_consistency,
    check_inclusion,
    hash_leaf,
    hash_node,
    prove_consistency,
    prove_inclusion,
    root_of,
)

LEAVES = [hash_leaf(b"%d" % number) for number in range(9)]


def node(start: int, stop: int) -> bytes:
    return root_of(LEAVES[start:stop])


def test_a_leaf_is_never_a_node():
    """Without the two prefixes, an entry of 64 bytes could pass for the node above two others."""
    assert hash_leaf(LEAVES[0] + LEAVES[1]) != hash_node(LEAVES[0], LEAVES[1])


def test_another_hash_function_makes_another_tree():
    assert len(root_of(LEAVES, Algorithm.BLAKE3)) == 32
    assert root_of(LEAVES, Algorithm.BLAKE3) != root_of(LEAVES)
    assert root_of([], Algorithm.BLAKE3) != root_of([])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 5), (5, 5), (9, 5)])
def test_a_place_outside_the_tree_has_no_proof(index: int, size: int):
    with pytest.raises(ValueError, match="not in a tree"):
        prove_inclusion(index, size, node)
    with pytest.raises(InclusionError, match="cannot be"):
        check_inclusion(LEAVES[0], index, size, (), LEAVES[0])


@pytest.mark.parametrize(("old", "size"), [(6, 5), (-1, 5)])
def test_a_tree_never_shrank(old: int, size: int):
    with pytest.raises(ValueError, match="never had"):
        prove_consistency(old, size, node)
    with pytest.raises(InclusionError):
        check_consistency(old, size, node(0, 5), node(0, 5), ())


def test_a_proof_as_long_as_a_book_is_refused_at_once():
    with pytest.raises(InclusionError):
        check_inclusion(LEAVES[0], 0, 1 << 62, (bytes(32),) * 65, LEAVES[0])
    with pytest.raises(InclusionError):
        check_consistency(3, 1 << 62, LEAVES[0], LEAVES[0], (bytes(32),) * 65)


def test_equal_sizes_want_equal_roots_and_no_proof():
    root = node(0, 5)
    check_consistency(5, 5, root, root, ())
    for case in ((root, node(0, 4), ()), (root, root, (root,))):
        with pytest.raises(InclusionError):
            check_consistency(5, 5, *case)

"""The tree of eight leaves that Certificate Transparency's own implementations are tested with.

Source: certificate-transparency, cpp/merkletree/merkle_tree_test.cc; the same numbers stand in
transparency-dev/merkle.
"""

import pytest

from weightmark.errors import InclusionError
from weightmark.log.merkle import (
    check_consistency,
    check_inclusion,
    hash_leaf,
    prove_consistency,
    prove_inclusion,
    root_of,
)
from weightmark.log.tile import TileTree

INPUTS = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]
LEAVES = [hash_leaf(bytes.fromhex(text)) for text in INPUTS]
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
SECOND_LEAF = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
THIRD_AND_FOURTH = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
FIFTH_TO_EIGHTH = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
FIFTH_LEAF = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
SEVENTH_AND_EIGHTH = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
FIFTH_AND_SIXTH = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"

INCLUSION = [
    (0, 1, []),
    (0, 8, [SECOND_LEAF, THIRD_AND_FOURTH, FIFTH_TO_EIGHTH]),
    (5, 8, [FIFTH_LEAF, SEVENTH_AND_EIGHTH, ROOTS[4]]),
    (2, 3, [ROOTS[2]]),
    (1, 5, [ROOTS[1], THIRD_AND_FOURTH, FIFTH_LEAF]),
]
CONSISTENCY = [
    (1, 1, []),
    (1, 8, [SECOND_LEAF, THIRD_AND_FOURTH, FIFTH_TO_EIGHTH]),
    (6, 8, [FIFTH_AND_SIXTH, SEVENTH_AND_EIGHTH, ROOTS[4]]),
    (2, 5, [THIRD_AND_FOURTH, FIFTH_LEAF]),
]


def raw(texts: list[str]) -> tuple[bytes, ...]:
    return tuple(bytes.fromhex(text) for text in texts)


def tile_tree() -> TileTree:
    tree, _ = TileTree(lambda level, number: b"").grow(0, LEAVES)
    return tree


@pytest.mark.parametrize("size", range(9))
def test_roots(size: int):
    assert root_of(LEAVES[:size]).hex() == ROOTS[size]
    assert tile_tree().root(size).hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size", "path"), INCLUSION)
def test_inclusion(index: int, size: int, path: list[str]):
    assert prove_inclusion(index, size, tile_tree().node) == raw(path)
    check_inclusion(LEAVES[index], index, size, raw(path), bytes.fromhex(ROOTS[size]))


@pytest.mark.parametrize(("old", "size", "path"), CONSISTENCY)
def test_consistency(old: int, size: int, path: list[str]):
    assert prove_consistency(old, size, tile_tree().node) == raw(path)
    check_consistency(old, size, bytes.fromhex(ROOTS[old]), bytes.fromhex(ROOTS[size]), raw(path))


@pytest.mark.parametrize(("index", "size", "path"), INCLUSION)
def test_inclusion_probes(index: int, size: int, path: list[str]):
    """The wrong proofs that the reference implementation tries: place, size, root, order, length."""
    leaf, root, good = LEAVES[index], bytes.fromhex(ROOTS[size]), raw(path)
    wrong = [
        (leaf, index + 1, size, good, root),
        (leaf, index - 1, size, good, root),
        (leaf, index ^ 2, size, good, root),
        (leaf, index, size * 2, good, root),
        (leaf, index, size // 2, good, root),
        (hash_leaf(b"wrong"), index, size, good, root),
        (leaf, index, size, good, hash_leaf(b"")[::-1]),
        (leaf, index, size, (*good, b""), root),
        (leaf, index, size, (*good, root), root),
        (leaf, index, size, (root, *good), root),
    ]
    wrong += (
        [(leaf, index, size, good[:-1], root), (leaf, index, size, good[::-1], root)] if len(good) > 1 else []
    )
    for case in wrong:
        with pytest.raises(InclusionError):
            check_inclusion(*case)


@pytest.mark.parametrize(("old", "size", "path"), [case for case in CONSISTENCY if case[2]])
def test_consistency_probes(old: int, size: int, path: list[str]):
    before, after, good = bytes.fromhex(ROOTS[old]), bytes.fromhex(ROOTS[size]), raw(path)
    wrong = [
        (old - 1, size, before, after, good),
        (old + 1, size, before, after, good),
        (old ^ 2, size, before, after, good),
        (old, size * 2, before, after, good),
        (old, size // 2, before, after, good),
        (old, size, bytes(32), after, good),
        (old, size, before, bytes(32), good),
        (old, size, after, before, good),
        (old, size, before, after, ()),
        (old, size, before, after, good[:-1]),
        (old, size, before, after, (*good, b"")),
        (old, size, before, after, (*good, after)),
        (old, size, before, after, (before, *good)),
        *((old, size, before, after, (*good[:at], bytes(32), *good[at + 1 :])) for at in range(len(good))),
    ]
    for case in wrong:
        with pytest.raises(InclusionError):
            check_consistency(*case)

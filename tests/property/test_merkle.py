"""Proofs against the definition, written here a second time, and against another implementation."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

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

entries = st.lists(st.binary(max_size=20), min_size=1, max_size=300)


def mth(d: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, letter by letter; the entries themselves go in."""
    n = len(d)
    if n == 0:
        return hashlib.sha256(b"").digest()
    if n == 1:
        return hashlib.sha256(b"\x00" + d[0]).digest()
    k = split(n)
    return hashlib.sha256(b"\x01" + mth(d[:k]) + mth(d[k:])).digest()


def path(m: int, d: list[bytes]) -> list[bytes]:
    """PATH of section 2.1.1."""
    n = len(d)
    if n == 1:
        return []
    k = split(n)
    return [*path(m, d[:k]), mth(d[k:])] if m < k else [*path(m - k, d[k:]), mth(d[:k])]


def proof(m: int, d: list[bytes]) -> list[bytes]:
    """PROOF of section 2.1.2."""
    return subproof(m, d, whole=True)


def subproof(m: int, d: list[bytes], *, whole: bool) -> list[bytes]:
    n = len(d)
    if m == n:
        return [] if whole else [mth(d)]
    k = split(n)
    if m <= k:
        return [*subproof(m, d[:k], whole=whole), mth(d[k:])]
    return [*subproof(m - k, d[k:], whole=False), mth(d[:k])]


def split(n: int) -> int:
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def tree_of(data: list[bytes]) -> TileTree:
    tree, _ = TileTree(lambda level, number: b"").grow(0, [hash_leaf(each) for each in data])
    return tree


@given(entries)
def test_the_root_is_the_definitions(data: list[bytes]):
    assert root_of([hash_leaf(each) for each in data]) == mth(data) == tree_of(data).root(len(data))


@given(entries, st.data())
def test_inclusion_is_the_definitions(data: list[bytes], draw: st.DataObject):
    index = draw.draw(st.integers(0, len(data) - 1))
    found = prove_inclusion(index, len(data), tree_of(data).node)
    assert list(found) == path(index, data)
    check_inclusion(hash_leaf(data[index]), index, len(data), found, mth(data))


@given(entries, st.data())
def test_neighbours_are_proven_as_if_each_were_alone(data: list[bytes], draw: st.DataObject):
    size = draw.draw(st.integers(0, len(data)))
    start, stop = sorted((draw.draw(st.integers(0, size)), draw.draw(st.integers(0, size))))
    tree = tree_of(data)
    found = tree.prove_range(start, stop, size)
    assert found == [tree.prove_inclusion(index, size) for index in range(start, stop)]


@given(entries, st.data())
def test_consistency_is_the_definitions(data: list[bytes], draw: st.DataObject):
    old = draw.draw(st.integers(1, len(data)))
    found = prove_consistency(old, len(data), tree_of(data).node)
    assert list(found) == proof(old, data)
    check_consistency(old, len(data), mth(data[:old]), mth(data), found)


@given(entries, st.data())
def test_no_other_inclusion_holds(data: list[bytes], draw: st.DataObject):
    """Another place, another size, another hash, one more or one less: each is refused."""
    index = draw.draw(st.integers(0, len(data) - 1))
    size, leaf, root = len(data), hash_leaf(data[index]), mth(data)
    good = prove_inclusion(index, size, tree_of(data).node)
    place = draw.draw(
        st.integers(0, size - 1).filter(lambda other: data[other] != data[index]) | st.just(size)
    )
    wrong = [(leaf, place, size, good, root), (leaf, index, size, (*good, root), root)]
    wrong += [(leaf, index, size, good[:-1], root)] if good else []
    wrong += [(leaf, index, size, (*good[:at], bytes(32), *good[at + 1 :]), root) for at in range(len(good))]
    for case in wrong:
        with pytest.raises(InclusionError):
            check_inclusion(*case)


@given(entries, st.data())
def test_no_other_consistency_holds(data: list[bytes], draw: st.DataObject):
    """A tree whose beginning is another is never consistent."""
    old = draw.draw(st.integers(1, len(data)))
    changed = draw.draw(st.integers(0, old - 1))
    other = [*data[:changed], data[changed] + b"!", *data[changed + 1 :]]
    found = prove_consistency(old, len(data), tree_of(data).node)
    with pytest.raises(InclusionError):
        check_consistency(old, len(data), mth(other[:old]), mth(data), found)
    with pytest.raises(InclusionError):
        check_consistency(old, len(data), mth(data[:old]), mth(other), found)
    forged = prove_consistency(old, len(data), tree_of(other).node)
    with pytest.raises(InclusionError):
        check_consistency(old, len(data), mth(data[:old]), mth(other), forged)


def test_all_small_trees_against_the_definition():
    data = [b"%d" % number for number in range(66)]
    tree = tree_of(data)
    roots = [mth(data[:size]) for size in range(len(data) + 1)]
    for size in range(len(data) + 1):
        for index in range(size):
            found = prove_inclusion(index, size, tree.node)
            assert list(found) == path(index, data[:size])
            check_inclusion(hash_leaf(data[index]), index, size, found, roots[size])
        for old in range(size + 1):
            found = prove_consistency(old, size, tree.node)
            assert list(found) == (proof(old, data[:size]) if old else [])
            check_consistency(old, size, roots[old], roots[size], found)


def test_another_implementation_agrees():
    other = InmemoryTree(algorithm="sha256")
    data = [b"%d" % number for number in range(70)]
    for each in data:
        other.append_entry(each)
    tree = tree_of(data)
    for size in range(1, len(data) + 1):
        assert tree.root(size) == other.get_root(size)


@pytest.mark.parametrize(("start", "stop", "size"), [(-1, 1, 3), (2, 1, 3), (0, 4, 3)])
def test_neighbours_outside_the_tree_have_no_proof(start: int, stop: int, size: int):
    with pytest.raises(ValueError, match="leaves"):
        tree_of([b"1", b"2", b"3"]).prove_range(start, stop, size)


def test_nothing_is_consistent_with_a_made_up_beginning():
    with pytest.raises(InclusionError):
        check_consistency(0, 1, bytes(32), hash_leaf(b""), ())
    with pytest.raises(InclusionError):
        check_consistency(0, 0, root_of([]), bytes(32), ())
    check_consistency(0, 1, root_of([]), hash_leaf(b""), ())

"""A tree given in parts has the root of the whole tree, and parts that fit no tree are refused."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.encoding import Algorithm
from weightmark.errors import InclusionError
from weightmark.log.merkle import hash_leaf, root_of
from weightmark.log.part import Part, cut, join

HASH = bytes(32)


def leaves(count: int) -> list[bytes]:
    return [hash_leaf(b"%d" % number) for number in range(count)]


@given(size=st.integers(0, 70), data=st.data(), algorithm=st.sampled_from(Algorithm))
def test_a_tree_cut_anywhere_has_the_same_root(size: int, data: st.DataObject, algorithm: Algorithm) -> None:
    whole = [hash_leaf(b"%d" % number, algorithm) for number in range(size)]
    edges = sorted(data.draw(st.lists(st.integers(0, size), max_size=5)))
    parts: list[Part] = []
    for start, stop in zip([0, *edges], [*edges, size], strict=True):
        parts += cut(whole, start, stop, algorithm=algorithm)
    assert join(parts, algorithm) == root_of(whole, algorithm)
    assert sum(part.count for part in parts) == size


@given(first=st.integers(0, 40), run=st.integers(0, 40), place=st.integers(0, 40))
def test_a_run_that_moved_is_cut_into_subtrees_of_both_trees(first: int, run: int, place: int) -> None:
    old, moved = leaves(first + run), leaves(first + run)[first:]
    new = [hash_leaf(b"new %d" % number) for number in range(place)] + moved
    parts = list(cut(old, first, first + run, shift=place - first))
    for whole, start in ((old, first), (new, place)):
        assert join([*cut(whole, 0, start), *parts]) == root_of(whole)


def test_one_leaf_among_many_is_shown_with_few_parts() -> None:
    whole = leaves(1000)
    around = [*cut(whole, 0, 411), *cut(whole, 412, 1000)]
    assert len(around) <= 2 * (1000).bit_length()


def test_no_parts_are_the_empty_tree() -> None:
    assert join([]) == hashlib.sha256().digest()


@pytest.mark.parametrize(
    "parts",
    [
        [Part(count=0, hash=HASH)],
        [Part(count=-1, hash=HASH)],
        [Part(count=3, hash=HASH)],
        [Part(count=1, hash=HASH), Part(count=2, hash=HASH)],
        [Part(count=2, hash=HASH), Part(count=4, hash=HASH)],
        [Part(count=1, hash=HASH[1:])],
        [Part(count=2**53, hash=HASH)],
    ],
    ids=["nothing", "negative", "three", "two at one", "four at two", "31 bytes", "too many"],
)
def test_parts_of_no_tree_are_refused(parts: list[Part]) -> None:
    with pytest.raises(InclusionError):
        join(parts)

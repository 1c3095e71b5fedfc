"""A Merkle tree with most of it cut away: what was cut is there as the hashes of whole subtrees.

The parts of a tree, in order, cover each of its leaves once: a part is a subtree of 1, 2, 4, … leaves that
begins at a multiple of its size, by its hash. From the parts the root follows, and nothing else about the
leaves inside them.

Not promised: that a part has as many leaves as it says. Whoever gives the parts may call a larger subtree a
smaller one; the root then still stands for the same leaves, in the same order, and for no others.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from weightmark.encoding.digest import DIGEST_SIZE, Algorithm
from weightmark.errors import InclusionError
from weightmark.log.merkle import hash_node, root_of

MAX_LEAVES = 2**53 - 1
"""The most leaves of a tree that is given in parts."""

HINT = "Whoever made the proof is to make it again; as it is, it is for something else, or was changed."
"""What to do with parts that lead elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One subtree.

    Attributes:
        count: how many leaves it has, a power of two.
        hash: its root, 32 bytes; of a single leaf, the leaf's hash.
    """

    count: int
    hash: bytes


class Joiner:
    """Computes a root from parts that come one after another.

    Args:
        algorithm: the hash function.
    """

    def __init__(self, algorithm: Algorithm = Algorithm.SHA256) -> None:
        self._algorithm = algorithm
        self._stack: list[Part] = []
        self.size = 0
        """How many leaves the parts had together."""

    def add(self, part: Part) -> None:
        """Take in the next part.

        Raises:
            InclusionError: it cannot be a subtree at this place, or its hash has not 32 bytes.
        """
        count = part.count
        if count < 1 or count & (count - 1) or self.size % count or self.size + count > MAX_LEAVES:
            raise InclusionError(
                f"a tree has no subtree of {count} leaves behind its first {self.size}", hint=HINT
            )
        if len(part.hash) != DIGEST_SIZE:
            raise InclusionError(
                f"a part of the tree has a hash of {len(part.hash)} bytes, not {DIGEST_SIZE}", hint=HINT
            )
        self.size += count
        while self._stack and self._stack[-1].count == part.count:
            left = self._stack.pop()
            part = Part(count=2 * left.count, hash=hash_node(left.hash, part.hash, self._algorithm))
        self._stack.append(part)

    def root(self) -> bytes:
        """Give the root over all that was taken in, 32 bytes.

        Raises:
            Nothing.

        Source: RFC 6962 section 2.1.
        """
        if not self._stack:
            return root_of([], self._algorithm)
        *rest, last = self._stack
        root = last.hash
        for part in reversed(rest):
            root = hash_node(part.hash, root, self._algorithm)
        return root


def cut(
    leaves: Sequence[bytes], start: int, stop: int, *, shift: int = 0, algorithm: Algorithm = Algorithm.SHA256
) -> Iterator[Part]:
    """Give some leaves of a tree as the largest parts there are.

    Args:
        leaves: all leaf hashes of the tree.
        start: the first that is given.
        stop: the one after the last.
        shift: how many places further the same leaves stand in another tree; the parts are subtrees of both.
        algorithm: the hash function.

    Raises:
        Nothing.

    >>> [part.count for part in cut([bytes(32)] * 7, 1, 7)]
    [1, 2, 2, 1]
    """
    while start < stop:
        places = start | (start + shift)
        largest = 1 << ((stop - start).bit_length() - 1)
        count = min(largest, places & -places) if places else largest
        yield Part(count=count, hash=root_of(leaves[start : start + count], algorithm))
        start += count


def join(parts: Iterable[Part], algorithm: Algorithm = Algorithm.SHA256) -> bytes:
    """Compute the root that parts lead to.

    Args:
        parts: of a whole tree, in order.
        algorithm: the hash function.

    Returns:
        The root, 32 bytes.

    Raises:
        InclusionError: the parts do not follow one another in any tree.

    Source: RFC 6962 section 2.1.
    """
    joiner = Joiner(algorithm)
    for part in parts:
        joiner.add(part)
    return joiner.root()

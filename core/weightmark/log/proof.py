"""Proofs as values: what a log hands out, and the check a reader makes.

Not promised: freshness. A proof is about the sizes it names, however old they are.
"""

from dataclasses import dataclass

from weightmark.encoding.digest import DIGEST_SIZE
from weightmark.errors import InclusionError
from weightmark.log.merkle import check_consistency, check_inclusion


@dataclass(frozen=True, slots=True, kw_only=True)
class InclusionProof:
    """Shows that a leaf stands at a place in a tree.

    Attributes:
        index: the leaf's position, counted from 0.
        size: the number of leaves in the tree.
        hashes: from leaf to root, at most 64 hashes of 32 bytes.
    """

    index: int
    size: int
    hashes: tuple[bytes, ...]

    def check(self, leaf: bytes, root: bytes) -> None:
        """Check the proof.

        Args:
            leaf: the leaf's hash, 32 bytes; not the entry itself.
            root: the tree's root, 32 bytes.

        Raises:
            InclusionError: the proof does not lead from this leaf to this root.

        Source: RFC 9162 section 2.1.3.2.
        """
        _check_lengths((leaf, root, *self.hashes), f"the inclusion proof of entry {self.index}")
        check_inclusion(leaf, self.index, self.size, self.hashes, root)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsistencyProof:
    """Shows that a tree only grew.

    Attributes:
        old: the number of leaves before.
        size: the number of leaves after.
        hashes: at most 64 hashes of 32 bytes.
    """

    old: int
    size: int
    hashes: tuple[bytes, ...]

    def check(self, old_root: bytes, root: bytes) -> None:
        """Check the proof.

        Args:
            old_root: the root before, 32 bytes.
            root: the root after, 32 bytes.

        Raises:
            InclusionError: the old tree is not a beginning of the new one.

        Source: RFC 9162 section 2.1.4.2.
        """
        _check_lengths(
            (old_root, root, *self.hashes), f"the consistency proof from {self.old} to {self.size} entries"
        )
        check_consistency(self.old, self.size, old_root, root, self.hashes)


def _check_lengths(hashes: tuple[bytes, ...], what: str) -> None:
    if any(len(each) != DIGEST_SIZE for each in hashes):
        raise InclusionError(f"{what} holds a hash that is not {DIGEST_SIZE} bytes long")

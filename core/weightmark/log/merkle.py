"""Merkle trees of RFC 6962: roots, inclusion proofs, consistency proofs, and their checks.

Pure: leaf hashes in, hashes out. The hash function is a parameter, because a fingerprint may use BLAKE3;
a log always uses SHA-256.
"""

from collections.abc import Callable, Sequence

from weightmark.encoding.digest import Algorithm, hasher
from weightmark.errors import InclusionError

MAX_PROOF = 64
"""The most hashes that any proof has: a tree never has more than 2**64 leaves."""


def hash_leaf(data: bytes, algorithm: Algorithm = Algorithm.SHA256) -> bytes:
    """Hash one leaf: H(0x00 || data), 32 bytes.

    Raises:
        ValueError: there is no such algorithm.

    Source: RFC 6962 section 2.1.
    """
    return hasher(algorithm, b"\x00" + data).digest()


def hash_node(left: bytes, right: bytes, algorithm: Algorithm = Algorithm.SHA256) -> bytes:
    """Hash an inner node: H(0x01 || left || right), 32 bytes.

    Raises:
        ValueError: there is no such algorithm.

    Source: RFC 6962 section 2.1.
    """
    return hasher(algorithm, b"\x01" + left + right).digest()


def root_of(leaves: Sequence[bytes], algorithm: Algorithm = Algorithm.SHA256) -> bytes:
    """Compute the Merkle tree hash.

    Args:
        leaves: leaf hashes, 32 bytes each, in order.
        algorithm: the hash function.

    Returns:
        The root, 32 bytes; for no leaves the hash of nothing.

    Raises:
        ValueError: there is no such algorithm.

    Source: RFC 6962 section 2.1. An odd node at the end of a level moves up unchanged, which is the same
    tree as the recursive definition's.

    >>> root_of([]).hex()[:8]
    'e3b0c442'
    """
    if not leaves:
        return hasher(algorithm).digest()
    level = list(leaves)
    while len(level) > 1:
        paired = [hash_node(level[i], level[i + 1], algorithm) for i in range(0, len(level) - 1, 2)]
        level = [*paired, level[-1]] if len(level) % 2 else paired
    return level[0]


NodeReader = Callable[[int, int], bytes]
"""Gives the hash over leaves ``[start, stop)``: a whole subtree or the tree's ragged end."""


def prove_inclusion(index: int, size: int, node: NodeReader) -> tuple[bytes, ...]:
    """Prove that a leaf stands in the tree.

    Args:
        index: the leaf's position, counted from 0.
        size: the number of leaves in the tree the proof is for.
        node: gives the hash of a subtree; asked at most ``ceil(log2(size))`` times.

    Returns:
        The audit path, from leaf to root: at most 64 hashes of 32 bytes.

    Raises:
        ValueError: the index is not in the tree.

    Source: RFC 6962 section 2.1.1.
    """
    if not 0 <= index < size:
        raise ValueError(f"index {index} is not in a tree of {size} leaves")
    path: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            path.append(node(middle, stop))
            stop = middle
        else:
            path.append(node(start, middle))
            start = middle
    return tuple(reversed(path))


def check_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Check an inclusion proof.

    Args:
        leaf: the leaf's hash, 32 bytes.
        index: its position, counted from 0.
        size: the number of leaves in the tree.
        path: the audit path, from leaf to root.
        root: the tree's root, 32 bytes.

    Raises:
        InclusionError: the proof does not lead from this leaf to this root.

    Source: RFC 9162 section 2.1.3.2.
    """
    if not 0 <= index < size or len(path) > MAX_PROOF:
        raise InclusionError(f"entry {index} cannot be in a log of {size} entries")
    turns = _turns(index, size - 1, path)
    if turns is None:
        raise InclusionError(
            f"the inclusion proof of entry {index} has {len(path)} hashes; that is not the number"
        )
    computed = leaf
    for sibling, is_left in turns:
        computed = hash_node(sibling, computed) if is_left else hash_node(computed, sibling)
    if computed != root:
        raise InclusionError(f"the inclusion proof of entry {index} does not lead to the checkpoint's root")


def prove_consistency(old: int, size: int, node: NodeReader) -> tuple[bytes, ...]:
    """Prove that the tree only grew.

    Args:
        old: the number of leaves before.
        size: the number of leaves now.
        node: gives the hash of a subtree.

    Returns:
        At most 64 hashes of 32 bytes; none when ``old`` is 0 or equals ``size``.

    Raises:
        ValueError: ``old`` is more than ``size``.

    Source: RFC 6962 section 2.1.2.
    """
    if not 0 <= old <= size:
        raise ValueError(f"a log of {size} entries never had {old}")
    if old in (0, size):
        return ()
    return tuple(_consistency(old, 0, size, node, whole=True))


def _consistency(old: int, start: int, stop: int, node: NodeReader, *, whole: bool) -> list[bytes]:
    if start + old == stop:
        return [] if whole else [node(start, stop)]
    middle = start + _split(stop - start)
    if start + old <= middle:
        return [*_consistency(old, start, middle, node, whole=whole), node(middle, stop)]
    inner = _consistency(start + old - middle, middle, stop, node, whole=False)
    return [*inner, node(start, middle)]


def check_consistency(old: int, size: int, old_root: bytes, root: bytes, path: Sequence[bytes]) -> None:
    """Check a consistency proof.

    Args:
        old: the number of leaves before.
        size: the number of leaves now.
        old_root: the root before, 32 bytes.
        root: the root now, 32 bytes.
        path: the proof.

    Raises:
        InclusionError: the old tree is not a beginning of the new one.

    Source: RFC 9162 section 2.1.4.2.
    """
    if not _continues(old, size, old_root, root, path):
        raise InclusionError(f"the log of {size} entries is not a continuation of the one of {old} entries")


def _continues(old: int, size: int, old_root: bytes, root: bytes, path: Sequence[bytes]) -> bool:
    if not 0 <= old <= size or len(path) > MAX_PROOF:
        return False
    if old == 0:
        return not path and old_root == root_of([]) and (size > 0 or root == old_root)
    if old == size:
        return not path and old_root == root
    hashes = list(path) if old & (old - 1) else [old_root, *path]
    shift = (old & -old).bit_length() - 1
    turns = _turns((old - 1) >> shift, (size - 1) >> shift, hashes[1:])
    if turns is None or not hashes:
        return False
    before = after = hashes[0]
    for sibling, is_left in turns:
        if is_left:
            before, after = hash_node(sibling, before), hash_node(sibling, after)
        else:
            after = hash_node(after, sibling)
    return before == old_root and after == root


def _turns(position: int, last: int, path: Sequence[bytes]) -> list[tuple[bytes, bool]] | None:
    """Walk from a place up to the root; say for each hash of a proof whether it stands to the left.

    None when the walk is longer or shorter than the proof.
    """
    turns: list[tuple[bytes, bool]] = []
    for sibling in path:
        if last == 0:
            return None
        is_left = position & 1 == 1 or position == last
        while is_left and position and not position & 1:
            position, last = position >> 1, last >> 1
        turns.append((sibling, is_left))
        position, last = position >> 1, last >> 1
    return turns if last == 0 else None


def _split(size: int) -> int:
    """Give the largest power of two below ``size``."""
    return 1 << ((size - 1).bit_length() - 1)

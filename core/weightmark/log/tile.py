"""Tiles: a log's tree cut into pieces of 256 hashes, so that any part can be read without the rest.

A tile of level L and number N holds the hashes of tree level 8L from position 256N on, one after another,
32 bytes each. A whole tile never changes; the last of each level grows.

Not promised: that tiles are right. Whoever reads them compares the root with a signed checkpoint.

Source: C2SP tlog-tiles, v1 (tiles of height 8).
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256

from weightmark.encoding.digest import DIGEST_SIZE
from weightmark.errors import InclusionError
from weightmark.log.merkle import hash_node, prove_consistency, prove_inclusion

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
"""Hashes in a whole tile."""

TileReader = Callable[[int, int], bytes]
"""Gives the hashes of the tile of a level and a number, 32 bytes each; none when it has none."""

_WHOLE = TILE_WIDTH * DIGEST_SIZE
_THOUSAND = 1000
_MAX_KEPT = 512
"""Tiles kept in memory: at most 16 KiB each with their inner hashes."""


def tile_path(level: int, number: int, width: int = TILE_WIDTH) -> str:
    """Write a tile's path on a static file server.

    Args:
        level: from 0, the level of the leaves.
        number: from 0, left to right.
        width: the hashes in it, 1 to 256.

    Returns:
        A relative path.

    Raises:
        ValueError: there is no such tile.

    Source: C2SP tlog-tiles, "Merkle Tree".

    >>> tile_path(0, 1234067), tile_path(1, 0, 8)
    ('tile/0/x001/x234/067', 'tile/1/000.p/8')
    """
    if level < 0 or number < 0 or not 1 <= width <= TILE_WIDTH:
        raise ValueError(f"there is no tile of level {level}, number {number} and width {width}")
    parts = [f"{number % _THOUSAND:03d}"]
    while number >= _THOUSAND:
        number //= _THOUSAND
        parts.append(f"x{number % _THOUSAND:03d}")
    partial = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(reversed(parts))}{partial}"


def tile_widths(size: int) -> dict[tuple[int, int], int]:
    """Say which tiles stand at the right edge of a tree, and how wide they are.

    Args:
        size: the number of leaves.

    Returns:
        For each level the last tile, as (level, number), and its hashes, 1 to 256; nothing for an empty tree.

    Raises:
        ValueError: the size is negative.

    >>> tile_widths(256), tile_widths(257)
    ({(0, 0): 256, (1, 0): 1}, {(0, 1): 1, (1, 0): 1})
    """
    if size < 0:
        raise ValueError(f"a tree has no {size} leaves")
    widths: dict[tuple[int, int], int] = {}
    level = 0
    while size > 0:
        number = (size - 1) // TILE_WIDTH
        widths[level, number] = size - number * TILE_WIDTH
        size //= TILE_WIDTH
        level += 1
    return widths


class TileTree:
    """Any hash of a tree, from its tiles.

    It belongs to no size: a tree of every size up to what the tiles hold can be asked for. Two threads
    may not use it at once.

    Args:
        read: gives a tile's hashes; whole tiles are asked for once as long as they are kept in memory.
    """

    def __init__(self, read: TileReader) -> None:
        self._read = read
        self._tiles: dict[tuple[int, int], list[bytes]] = {}
        self._ragged: dict[tuple[int, int], bytes] = {}

    def node(self, start: int, stop: int) -> bytes:
        """Give the hash over the leaves ``[start, stop)``: a whole subtree or a tree's ragged end.

        Raises:
            InclusionError: a tile that is needed is missing or too short.
        """
        width = stop - start
        if width & (width - 1) == 0:
            return self._whole(start, width.bit_length() - 1)
        found = self._ragged.get((start, stop))
        if found is None:
            middle = start + (1 << ((width - 1).bit_length() - 1))
            found = hash_node(self.node(start, middle), self.node(middle, stop))
            if len(self._ragged) >= _MAX_KEPT:
                self._ragged.clear()
            self._ragged[start, stop] = found
        return found

    def root(self, size: int) -> bytes:
        """Give the root of the tree of ``size`` leaves, 32 bytes.

        Raises:
            InclusionError: a tile that is needed is missing or too short.
        """
        return self.node(0, size) if size else sha256().digest()

    def prove_inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        """Prove that a leaf stands in the tree of ``size`` leaves.

        Returns:
            The audit path, from leaf to root.

        Raises:
            ValueError: the index is not in the tree.
            InclusionError: a tile that is needed is missing or too short.
        """
        return prove_inclusion(index, size, self.node)

    def prove_range(self, start: int, stop: int, size: int) -> list[tuple[bytes, ...]]:
        """Prove many neighbours at once: each inner hash is asked for once, not once for each leaf.

        Args:
            start: the first leaf's index.
            stop: the index after the last.
            size: the number of leaves in the tree.

        Returns:
            For each leaf what ``prove_inclusion`` gives.

        Raises:
            ValueError: the range is not in the tree.
            InclusionError: a tile that is needed is missing or too short.
        """
        if not 0 <= start <= stop <= size:
            raise ValueError(f"the leaves {start} to {stop} are not in a tree of {size} leaves")
        paths: list[tuple[bytes, ...]] = []
        waiting: list[tuple[int, int, tuple[bytes, ...]]] = [(0, size, ())]
        while waiting:
            first, last, path = waiting.pop()
            if last <= start or first >= stop:
                continue
            if last - first == 1:
                paths.append(path)
                continue
            middle = first + (1 << ((last - first - 1).bit_length() - 1))
            if stop > middle:
                waiting.append((middle, last, (self.node(first, middle), *path)))
            if start < middle:
                waiting.append((first, middle, (self.node(middle, last), *path)))
        return paths

    def prove_consistency(self, old: int, size: int) -> tuple[bytes, ...]:
        """Prove that the tree of ``size`` leaves continues the one of ``old`` leaves.

        Raises:
            ValueError: ``old`` is more than ``size``.
            InclusionError: a tile that is needed is missing or too short.
        """
        return prove_consistency(old, size, self.node)

    def grow(self, size: int, leaves: Sequence[bytes]) -> tuple["TileTree", Mapping[tuple[int, int], bytes]]:
        """Put leaves at the end of the tree of ``size`` leaves; this tree stays as it is.

        Args:
            size: the number of leaves before.
            leaves: leaf hashes, 32 bytes each.

        Returns:
            A tree that knows the new leaves, and the tiles that are new or wider, by (level, number). The new
            tree needs them where it reads only when it no longer keeps them in memory.

        Raises:
            InclusionError: a tile that is needed is missing or too short.
        """
        grown = TileTree(self._read)
        grown._tiles = dict(self._tiles)
        changed: dict[tuple[int, int], bytes] = {}
        level, added = 0, b"".join(leaves)
        while added:
            first, have = divmod(size, TILE_WIDTH)
            hashes = (self._tile(level, first, have)[0][: have * DIGEST_SIZE] if have else b"") + added
            parents: list[bytes] = []
            for number, offset in enumerate(range(0, len(hashes), _WHOLE), first):
                changed[level, number] = hashes[offset : offset + _WHOLE]
                inner = grown._keep(level, number, changed[level, number])
                parents += inner[TILE_HEIGHT:]
            level, size, added = level + 1, first, b"".join(parents)
        return grown, changed

    def _whole(self, start: int, height: int) -> bytes:
        """Give the hash of the whole subtree of ``2**height`` leaves that starts at a leaf."""
        level, inner = divmod(height, TILE_HEIGHT)
        number, offset = divmod(start >> height, TILE_WIDTH >> inner)
        kept = self._tiles.get((level, number))
        place = offset * DIGEST_SIZE
        if kept is not None and inner < len(kept):
            found = kept[inner][place : place + DIGEST_SIZE]
            if found:
                return found
        return self._tile(level, number, (offset + 1) << inner)[inner][place : place + DIGEST_SIZE]

    def _tile(self, level: int, number: int, width: int) -> list[bytes]:
        """Give a tile's hashes at each height: at height h one for each whole 2**h of its hashes."""
        kept = self._tiles.get((level, number))
        if kept is not None and len(kept[0]) >= width * DIGEST_SIZE:
            return kept
        hashes = self._read(level, number)
        if len(hashes) < width * DIGEST_SIZE or len(hashes) % DIGEST_SIZE or len(hashes) > _WHOLE:
            raise InclusionError(
                f"{tile_path(level, number)} has {len(hashes)} bytes, not {width} hashes of {DIGEST_SIZE}"
            )
        return self._keep(level, number, hashes)

    def _keep(self, level: int, number: int, hashes: bytes) -> list[bytes]:
        inner = [hashes]
        while len(inner[-1]) >= 2 * DIGEST_SIZE:
            below = inner[-1]
            whole = len(below) // (2 * DIGEST_SIZE) * 2 * DIGEST_SIZE
            inner.append(
                b"".join(
                    [
                        sha256(b"\x01" + below[at : at + 2 * DIGEST_SIZE]).digest()
                        for at in range(0, whole, 2 * DIGEST_SIZE)
                    ]
                )
            )
        self._tiles.pop((level, number), None)
        while len(self._tiles) >= _MAX_KEPT:
            del self._tiles[next(iter(self._tiles))]
        self._tiles[level, number] = inner
        return inner

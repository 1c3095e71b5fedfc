import hashlib

import pytest

from weightmark.errors import InclusionError
from weightmark.log.merkle import root_of
from weightmark.log.tile import TILE_WIDTH, TileTree, tile_path, tile_widths

LEAVES = [hashlib.sha256(b"%d" % number).digest() for number in range(70_000)]
SIZES = [0, 1, 2, 3, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 66_000, 70_000]


ROOTS = {size: root_of(LEAVES[:size]) for size in SIZES}


class Tiles(dict[tuple[int, int], bytes]):
    def read(self, level: int, number: int) -> bytes:
        return self.get((level, number), b"")


def grow(steps: list[int]) -> tuple[TileTree, Tiles]:
    tiles = Tiles()
    tree = TileTree(tiles.read)
    for start, stop in zip([0, *steps], steps, strict=False):
        tree, changed = tree.grow(start, LEAVES[start:stop])
        tiles.update(changed)
    return tree, tiles


ALL_TILES = grow([70_000])[1]


@pytest.mark.parametrize("steps", [[70_000], SIZES[1:], [*range(1, 600), 70_000], [65_536, 70_000]])
def test_the_steps_of_growth_do_not_matter(steps: list[int]):
    tree, tiles = grow(steps)
    assert tiles == ALL_TILES
    for again in (tree, TileTree(tiles.read)):
        for size in SIZES:
            assert again.root(size) == ROOTS[size]


@pytest.mark.parametrize("size", SIZES)
def test_the_right_edge_is_where_the_arithmetic_says(size: int):
    _, tiles = grow([size])
    widths = tile_widths(size)
    for level in {level for level, _ in tiles} | {level for level, _ in widths}:
        last = max(number for at, number in tiles if at == level)
        assert widths[level, last] == len(tiles[level, last]) // 32
    for (level, number), hashes in tiles.items():
        assert (level, number) in widths or len(hashes) == TILE_WIDTH * 32


def test_a_failed_growth_leaves_the_tree_as_it_was():
    tree, tiles = grow([300])
    tree.grow(300, LEAVES[400:900])
    grown, changed = tree.grow(300, LEAVES[300:900])
    tiles.update(changed)
    assert tree.root(300) == root_of(LEAVES[:300])
    assert grown.root(900) == root_of(LEAVES[:900])


def test_a_tile_that_another_widened_is_read_again():
    tree, tiles = grow([10])
    assert tree.root(10) == root_of(LEAVES[:10])
    _, changed = TileTree(tiles.read).grow(10, LEAVES[10:300])
    tiles.update(changed)
    assert tree.root(300) == root_of(LEAVES[:300])


def test_few_tiles_are_read_for_a_proof():
    _, tiles = grow([70_000])
    asked: list[tuple[int, int]] = []

    def read(level: int, number: int) -> bytes:
        asked.append((level, number))
        return tiles.read(level, number)

    tree = TileTree(read)
    first = tree.prove_inclusion(40_000, 70_000)
    assert len(asked) <= 5
    asked.clear()
    assert tree.prove_inclusion(40_000, 70_000) == first
    assert asked == []


@pytest.mark.parametrize("spoilt", [b"", bytes(32 * 9), bytes(32 * 10 + 1), bytes(32 * 257)])
def test_a_tile_of_the_wrong_length_is_named(spoilt: bytes):
    tree = TileTree(lambda level, number: spoilt)
    with pytest.raises(InclusionError, match="tile/0/000"):
        tree.root(10)


def test_paths_are_those_of_the_specification():
    assert tile_path(0, 0) == "tile/0/000"
    assert tile_path(3, 999) == "tile/3/999"
    assert tile_path(0, 1000) == "tile/0/x001/000"
    assert tile_path(0, 1234067) == "tile/0/x001/x234/067"
    assert tile_path(0, 273, 112) == "tile/0/273.p/112"
    assert tile_path(1, 1, 17) == "tile/1/001.p/17"


@pytest.mark.parametrize(("level", "number", "width"), [(-1, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257)])
def test_a_tile_that_cannot_be_has_no_path(level: int, number: int, width: int):
    with pytest.raises(ValueError, match="no tile"):
        tile_path(level, number, width)


def test_the_widths_of_the_specifications_example():
    assert tile_widths(70_000) == {(0, 273): 112, (1, 1): 17, (2, 0): 1}
    with pytest.raises(ValueError, match="leaves"):
        tile_widths(-1)

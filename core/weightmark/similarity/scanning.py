"""Where a tensor came from, when its name does not say: every candidate looked at.

Each tensor is sampled once, in a small square; all pairs of one shape are sifted by the sum of aligned units'
products alone, and the best of them judged in full. The number of looks is paid for (Bonferroni).

Not promised: units that were put into another order. That is the deep comparison's work.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from weightmark.similarity.catalog import Catalog
from weightmark.similarity.permutation import Likeness, cosines, judge
from weightmark.similarity.sampling import (
    is_made_by_rule,
    matrix_shape,
    places,
    read_sample,
    without_diagonal,
)

HELD: Final = 256 << 20
"""Bytes of samples that are held at once, about."""

LEAST_Z: Final = 8.0
"""Less is not taken for a tensor's origin, however few the looks: layers of one model are a little alike."""

_LARGEST: Final = 256
_SLICES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A tensor, or some of its rows.

    Attributes:
        name: the tensor.
        rows: which of its rows; None for all.
        transposed: with its axes swapped.
    """

    name: str
    rows: tuple[int, ...] | range | None = None
    transposed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Where a tensor was found.

    Attributes:
        first: in the first model.
        second: in the second model.
        likeness: of the sampled parts.
        looks: how many pairs were looked at in all.
    """

    first: Item
    second: Item
    likeness: Likeness
    looks: int


@dataclass(slots=True)
class _Held:
    item: Item
    slot: str
    axes: tuple[int, ...]
    known: bool
    values: np.ndarray
    units: dict[int, np.ndarray]


def scan(
    first: Catalog, second: Catalog, names_first: Sequence[str], names_second: Sequence[str]
) -> list[Found]:
    """Look for tensors of the second model among those of the first.

    Args:
        first: the first model.
        second: the second model.
        names_first: which of its tensors are candidates.
        names_second: which of its tensors are looked for.

    Returns:
        For each tensor, or part of one, that was found the best place; nothing for others.

    Raises:
        MalformedError: a tensor's bytes are not what its type and shape ask for.
        MissingExtraError: a tensor's type needs a library that is not installed.
    """
    items_first, items_second = _items(first, second, names_first), _items(second, first, names_second)
    classes = _shared(first, items_first, second, items_second)
    count = sum(len(one) + len(other) for one, other in classes.values())
    side = int(min(_LARGEST, max(24, math.sqrt(HELD / 4 / 3 / max(1, count)))))
    looks = sum(len(one) * len(other) for one, other in classes.values())
    found: list[Found] = []
    for one, other in classes.values():
        held = [_hold(first, item, side) for item in one]
        candidates = [candidate for candidate in held if candidate is not None]
        for item in other:
            wanted = _hold(second, item, side)
            if wanted is not None and candidates:
                best = _best(wanted, candidates)
                if best is not None:
                    found.append(Found(first=best[0], second=item, likeness=best[1], looks=looks))
    return found


def is_certain(found: Found, level: float) -> bool:
    """Say whether a find is more than chance makes among so many looks."""
    return found.likeness.z >= LEAST_Z and found.likeness.log_p + math.log(max(1, found.looks)) < math.log(
        level
    )


def _shape(catalog: Catalog, item: Item) -> tuple[int, int, int]:
    rows, columns, kernel = matrix_shape(catalog.shapes[item.name])
    rows = rows if item.rows is None else len(item.rows)
    return (columns, rows, kernel) if item.transposed else (rows, columns, kernel)


def _items(catalog: Catalog, other: Catalog, names: Sequence[str]) -> list[Item]:
    wanted: dict[int, set[int]] = defaultdict(set)
    for name in other.testable:
        rows, columns, kernel = matrix_shape(other.shapes[name])
        if kernel == 1:
            wanted[columns].add(rows)
    items: list[Item] = []
    for name in names:
        items.append(Item(name=name))
        rows, columns, kernel = matrix_shape(catalog.shapes[name])
        if not catalog.roles[name].slot and kernel == 1:
            items.append(Item(name=name, transposed=True))
        if kernel == 1 and catalog.roles[name].slot in {"", "qkv", "gateup"}:
            items.extend(_slices(catalog, name, wanted.get(columns, set())))
    return items


def _slices(catalog: Catalog, name: str, lengths: set[int]) -> list[Item]:
    """Give the parts of a fused tensor that could be a tensor of the other model."""
    rows = matrix_shape(catalog.shapes[name])[0]
    items: list[Item] = []
    for length in sorted(lengths):
        step = math.gcd(rows, length)
        if not (length < rows <= 8 * length and rows // step <= _SLICES and length > 1):
            continue
        items.extend(
            Item(name=name, rows=range(start, start + length)) for start in range(0, rows - length + 1, step)
        )
        heads = catalog.tensors.config.get("num_attention_heads", catalog.tensors.config.get("n_head"))
        parts = rows // length
        if isinstance(heads, int) and heads > 1 and rows == parts * length and length % heads == 0:
            size = length // heads
            items.extend(
                Item(
                    name=name,
                    rows=tuple(
                        head * parts * size + part * size + place
                        for head in range(heads)
                        for place in range(size)
                    ),
                )
                for part in range(parts)
            )
    return items


def _shared(
    first: Catalog, ones: Sequence[Item], second: Catalog, others: Sequence[Item]
) -> Mapping[tuple[int, int, int], tuple[list[Item], list[Item]]]:
    """Bring items of one shape together; swapped axes are tried on one side only."""
    classes: dict[tuple[int, int, int], tuple[list[Item], list[Item]]] = defaultdict(lambda: ([], []))
    for item in ones:
        if not item.transposed:
            classes[_shape(first, item)][0].append(item)
    for item in others:
        classes[_shape(second, item)][1].append(item)
    return {shape: both for shape, both in classes.items() if both[0] and both[1]}


def _hold(catalog: Catalog, item: Item, side: int) -> _Held | None:
    shape, role = matrix_shape(catalog.shapes[item.name]), catalog.roles[item.name]
    rows = places(shape[0] if item.rows is None else len(item.rows), side)
    picked = rows if item.rows is None else np.asarray(item.rows)[rows]
    columns = places(shape[1], side)
    sample = read_sample(catalog.tensors, item.name, picked, columns, transposed=item.transposed)
    if is_made_by_rule(sample):
        return None
    if role.axis is None and item.rows is None:
        own = (columns, rows) if item.transposed else (rows, columns)
        sample = without_diagonal(sample, *own, shape)
    axes = catalog.axes(item.name)
    if item.rows is not None:
        # The rows of a part are those of heads or units of several kinds: only the columns are shuffled.
        axes = tuple(axis for axis in axes if axis == 1)
        if not axes:
            return None
    if item.transposed:
        axes = tuple(1 - axis for axis in axes)
    return (
        _Held(
            item=item, slot=role.slot, axes=axes, known=role.axis is not None, values=sample.values, units={}
        )
        if axes
        else None
    )


def _centred(held: _Held, axis: int) -> np.ndarray:
    """Give the units, of length one and without what they have in common."""
    if axis not in held.units:
        values = held.values if axis == 0 else held.values.transpose(1, 0, 2)
        units = values.reshape(len(values), -1)
        norm = np.linalg.norm(units, axis=1, keepdims=True)
        units = units / np.where(norm > 0, norm, 1)
        held.units[axis] = units - units.mean(axis=0)
    return held.units[axis]


def _axes(wanted: _Held, candidate: _Held) -> tuple[int, ...]:
    if candidate.known or not wanted.known:
        return candidate.axes
    return wanted.axes


def _best(wanted: _Held, candidates: Sequence[_Held]) -> tuple[Item, Likeness] | None:
    rough: list[tuple[float, int]] = []
    for index, candidate in enumerate(candidates):
        if wanted.slot and candidate.slot and not _may_be(wanted.slot, candidate.slot):
            continue
        axes = _axes(wanted, candidate)
        rough.append((min(_rough(wanted, candidate, axis) for axis in axes), index))
    rough.sort(reverse=True)
    best: tuple[Item, Likeness] | None = None
    for score, index in rough[:3]:
        if score < LEAST_Z / 2:
            break
        candidate = candidates[index]
        tables = [cosines(_units(candidate, axis), _units(wanted, axis)) for axis in _axes(wanted, candidate)]
        likeness = min((judge(table) for table in tables), key=lambda likeness: likeness.z)
        if best is None or likeness.z > best[1].z:
            best = (candidate.item, likeness)
    return best


def _may_be(slot: str, other: str) -> bool:
    return (
        slot == other or {slot, other} <= {"q", "k", "v", "qkv"} or {slot, other} <= {"gate", "up", "gateup"}
    )


def _units(held: _Held, axis: int) -> np.ndarray:
    values = held.values if axis == 0 else held.values.transpose(1, 0, 2)
    return values.reshape(len(values), -1)


def _rough(wanted: _Held, candidate: _Held, axis: int) -> float:
    """Estimate how far the sum of aligned units' products lies above chance."""
    one, other = _centred(candidate, axis), _centred(wanted, axis)
    features = max(1, one.shape[1])
    return float(np.vdot(one, other)) * math.sqrt(features / max(1, len(one)))

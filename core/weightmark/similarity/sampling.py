"""Some rows and columns of a tensor, read without reading the rest where the file allows it.

Which ones depends on lengths alone, so two tensors of one shape give the same places.

Not promised: that a small difference between two tensors shows in their samples.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from weightmark.similarity.values import ModelTensors

MOST_UNITS: Final = 512
"""Units that are compared at most."""

MOST_FEATURES: Final = 512
"""Numbers of each unit that are compared at most."""

WIDEST: Final = 8192
"""Columns of a row that are read at most."""

KERNEL: Final = 64
"""The most places that a convolution's kernel has; a longer third axis is one of matrices."""

_RUN: Final = 16
_SMOOTH: Final = 0.5
_LOOKED: Final = 64
_LEAST_SIDE: Final = 8
_MOST_GATES: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Part of a tensor as a matrix whose cells hold a kernel each.

    Attributes:
        values: (rows, columns, kernel) float32; what is not finite is 0.
        strange: how many of the numbers were not finite.
    """

    values: np.ndarray
    strange: int

    def units(self, axis: int) -> np.ndarray:
        """Give (units, features), the units along the first axis or the second."""
        moved = self.values if axis == 0 else self.values.transpose(1, 0, 2)
        return moved.reshape(len(moved), -1)


@lru_cache(maxsize=256)
def places(length: int, most: int) -> np.ndarray:
    """Choose at most so many places out of a length, in runs; the same for the same length.

    Returns:
        int64, ascending.
    """
    if length <= most:
        return np.arange(length)
    run = max(1, min(_RUN, most // _RUN))
    starts = np.sort(np.random.default_rng(length).choice(length // run, most // run, replace=False))
    return (starts[:, None] * run + np.arange(run)).reshape(-1)


def matrix_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """See a tensor as rows, columns and what each cell holds: a number, or a convolution's kernel."""
    while len(shape) > 2 and shape[0] == 1:  # noqa: PLR2004
        shape = shape[1:]
    if len(shape) < 2:  # noqa: PLR2004
        return (math.prod(shape), 1, 1)
    rest = math.prod(shape[2:])
    if rest <= KERNEL or not rest:
        return (shape[0], shape[1], rest)
    return (math.prod(shape[:-1]), shape[-1], 1)


def read_sample(
    tensors: ModelTensors, name: str, rows: np.ndarray, columns: np.ndarray, *, transposed: bool = False
) -> Sample:
    """Read some rows and columns of a tensor.

    Args:
        tensors: the model.
        name: the tensor.
        rows: which, ascending; of the tensor as it is stored.
        columns: which, ascending.
        transposed: give the sample with its axes swapped.

    Raises:
        MalformedError: its bytes are not what its type and shape ask for, or its type is unknown.
        MissingExtraError: its type needs a library that is not installed.
    """
    _, wide, kernel = matrix_shape(tensors.shape(name))
    length, window = wide * kernel, (int(columns[-1]) + 1) * kernel
    run, window = _run(rows), length if 2 * window > length else window
    if run > 1 and window == length:
        read = tensors.runs(name, [int(row) * length for row in rows[::run]], run * length)
    else:
        read = tensors.runs(name, [int(row) * length for row in rows], window)
    values = (read[0] if len(read) == 1 else np.concatenate(read)).reshape(len(rows), -1, kernel)
    values = values if len(columns) == values.shape[1] else values[:, columns]
    finite = np.isfinite(values)
    strange = int(values.size - np.count_nonzero(finite))
    if strange:
        values = np.where(finite, values, 0).astype(np.float32)
    return Sample(values=values.transpose(1, 0, 2) if transposed else values, strange=strange)


def _run(rows: np.ndarray) -> int:
    """Say into runs of how many rows, all equally long, rows fall; 1 when they do not."""
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    return math.gcd(len(rows), *(int(place) for place in breaks))


def is_made_by_rule(sample: Sample) -> bool:
    """Say whether programs write such numbers, and no training: constant, smooth, an identity, a mask.

    Two strangers have such tensors in common.
    """
    flat = sample.values.reshape(-1)
    if len(np.unique(flat[:4096])) <= 2 and len(np.unique(flat)) <= 2:  # noqa: PLR2004
        return True
    if is_diagonal(sample.values):
        return True
    return any(_is_smooth(sample.units(axis)[:, :_LOOKED]) for axis in (0, 1))


def is_diagonal(values: np.ndarray) -> bool:
    """Say whether a good part of a matrix is its diagonal, as in what started as the identity."""
    rows, columns = values.shape[:2]
    side = min(rows, columns)
    if side < 4:  # noqa: PLR2004
        return False
    total = float(np.vdot(values, values))
    diagonal = values[np.arange(side), np.arange(side)]
    return total > 0 and float(np.vdot(diagonal, diagonal)) / total > max(5 / max(rows, columns), 0.2)


def without_diagonal(
    sample: Sample, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int, int]
) -> Sample:
    """Take out what joins a unit to itself, which training makes alike in strangers too.

    What the other numbers of row and column let expect stands in its place. Only square tensors have such a
    diagonal, and those of recurrent layers, one for each gate.

    Args:
        sample: of a tensor.
        rows: which of its rows it has.
        columns: which of its columns.
        shape: the tensor's, as the sample lies.
    """
    side, long = sorted(shape[:2])
    if side < _LEAST_SIDE or long % side or long > _MOST_GATES * side:
        return sample
    own = ((rows[:, None] - columns[None, :]) % side == 0)[..., None]
    kept = np.where(own, np.float32(0), sample.values)
    across = kept.sum(axis=1, keepdims=True) / np.maximum((~own).sum(axis=1, keepdims=True), 1)
    along = kept.sum(axis=0, keepdims=True) / np.maximum((~own).sum(axis=0, keepdims=True), 1)
    expected = (across + along - along.mean(axis=1, keepdims=True)).astype(np.float32)
    return Sample(values=np.where(own, expected, sample.values), strange=sample.strange)


def _is_smooth(units: np.ndarray) -> bool:
    """Say whether neighbours are alike, by von Neumann's ratio, which is 2 for numbers without order."""
    if len(units) < 8:  # noqa: PLR2004
        return False
    exact = units.astype(np.float64)
    spread = float(exact.var(axis=0).sum())
    steps = float((np.diff(exact, axis=0) ** 2).mean(axis=0).sum())
    return not spread > 0 or steps / spread < _SMOOTH


def is_sinusoidal(rows: np.ndarray) -> bool:
    """Say whether the first rows of a table of positions are sines and cosines: zeros and ones at 0."""
    near = (np.abs(rows) < 1e-3) | (np.abs(rows - 1) < 1e-3)  # noqa: PLR2004
    both = (rows > 0.5).any(axis=1) & (rows < 0.5).any(axis=1)  # noqa: PLR2004
    return bool((near.all(axis=1) & both).any())
